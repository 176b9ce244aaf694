import json

from app.clients.listener import Listener
from app.lab.replay import replay
from app.lab.simulate_demo import starter
from app.session.opening import opening_order
from app.session.plan import Plan
from app.session.session import Session
from playlists.listener_record import ListenerRecord, TrackEvent, named, track_key

NOW = 1.8e9


def test_of_a_person_nobody_knows_the_playlist_begins_at_its_beginning():
    assert opening_order((), 3, seed=1, greedy=False) == (0, 1, 2)


def test_what_is_expected_to_be_liked_best_begins():
    expected = ((0.3, 0.1), (0.8, 0.1), (0.5, 0.1))
    assert opening_order(expected, 3, seed=1, greedy=True) == (1, 0, 2)
    drawn = [opening_order(expected, 3, seed=s, greedy=False) for s in range(40)]
    assert sum(order[0] == 1 for order in drawn) > 30
    assert opening_order(expected, 3, seed=7, greedy=False) == drawn[7]


def test_equals_begin_by_lot():
    alike = ((0.45, 0.2),) * 8
    assert len({opening_order(alike, 8, seed=s, greedy=False)[0] for s in range(40)}) > 3


def test_a_choice_says_what_it_expects_from_what_and_the_records_keep_it(tmp_path):
    """One loved track, one asked for before: the loved one begins, then the reason is said."""
    tracks = [one.track for one in starter().values()]
    loved, liked = track_key(tracks[3]), track_key(tracks[5])
    record = ListenerRecord(names=named(tracks), intake=(loved,)).after(
        {},
        [
            *(TrackEvent(loved, "rating", NOW - 4 * 86_400 + k, 1.0, "1-9") for k in range(3)),
            *(TrackEvent(liked, "rating", NOW - 4 * 86_400 + 9 + k, 0.9, "1-9") for k in range(2)),
            TrackEvent(liked, "play", NOW - 4 * 86_400),
        ],
    )
    plan = Plan(
        source="simulated", minutes=0.2, seed=1, out=tmp_path, person=Listener(record), at=NOW
    )
    session, said, shown = Session(plan, prepared=starter()), [], []

    def watch(result):
        if result.now >= 4.0 and not said:
            shown.append(session.snapshot().track.why)
            session.next()
        if result.decision is not None and result.decision.code == "next":
            said.append(result)

    session.watch(watch)
    session.run()
    assert said[0].place == 3
    assert shown[0].startswith("Begins the session: expected ")
    assert "(1 sd; on the intake list, liked 3 times" in shown[0]
    assert said[0].decision.target == 5
    because = said[0].decision.because
    assert "liked twice, last played 4 days ago" in because
    (folder,) = tmp_path.iterdir()
    told = json.loads((folder / "session.json").read_text())
    assert told["tracks"][3]["because"].startswith("on the intake list, liked 3 times")
    assert told["tracks"][0]["because"] == "artist liked"
    assert len(told["expected"]) == len(tracks)
    replayed = replay(folder)
    assert replayed.made == replayed.logged
