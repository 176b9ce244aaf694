"""The few minutes that teach: what is asked for, when, and what comes of them in the session."""

import pytest

from app.clients.listener import Listener, learn
from app.lab.simulate_demo import starter
from app.session.calibrating import DONE, EXCERPT, EYES, PATIENCE, RATE, Guide, steps
from app.session.plan import Plan, check_plan
from app.session.session import Session
from dsp.checks import InputError
from playlists.tracks import Place

EXPECTED = [(0.5, 0.2), (0.9, 0.1), (0.45, 0.2), (0.7, 0.2), (0.2, 0.1)]


def lived(guide: Guide, *, rates: bool, seconds: int = 600) -> list[tuple[int, str, object]]:
    """Go through the steps with a player that obeys at once; what was asked for, and when."""
    place, asked = Place(1), []
    for second in range(seconds):
        guide.rated = rates and RATE in guide.instruction
        for kind, value in guide.tick(float(second), place):
            asked.append((second, kind, value))
            place = value if kind == "wanted" else place
    return asked


def test_liked_and_neutral_excerpts_are_heard_in_turn() -> None:
    order = [one.place for one in steps(EXPECTED, n_tracks=5, first=Place(1)) if one.place >= 0]
    assert order == [1, 2, 3, 0]  # loved, neutral, liked, neutral; what is disliked is not played


def test_the_steps_take_their_time_and_end_with_the_session_going_on() -> None:
    guide = Guide(EXPECTED, n_tracks=5)
    asked = lived(guide, rates=True)
    assert asked[0] == (0, "hold", True)
    assert [value for _, kind, value in asked if kind == "wanted"] == [2, 3, 0]
    paused, went_on = (second for second, kind, _ in asked if kind == "pause")
    assert went_on - paused == 2 * EYES
    eyes = [(kind, value) for _, kind, value in asked if kind.startswith("eyes")]
    assert eyes == [
        ("eyes_open", True), ("eyes_open", False), ("eyes_closed", True), ("eyes_closed", False),
    ]  # fmt: skip
    assert asked[-1][1:] == ("hold", False)
    assert asked[-1][0] <= 4 * (EXCERPT + 4) + 2 * EYES
    assert guide.over
    assert guide.instruction == DONE


def test_a_rating_is_asked_for_and_waited_for_a_while() -> None:
    guide = Guide(EXPECTED, n_tracks=5)
    asked = lived(guide, rates=False)
    first, second = (at for at, _, _ in asked[:2])
    assert second - first == EXCERPT + PATIENCE


@pytest.mark.parametrize("n_tracks", [1, 2, 3])
def test_of_a_short_playlist_there_are_fewer_excerpts(n_tracks: int) -> None:
    sequence = steps([], n_tracks=n_tracks, first=Place(0))
    heard = [one.place for one in sequence if one.kind == "excerpt"]
    assert sorted(heard) == list(range(n_tracks))


def test_a_calibration_pays_in_the_same_session_and_in_the_next() -> None:
    plan = Plan(
        listener="clear", source="simulated", preset="default", seed=3, record=False,
        minutes=6.5, person=Listener(), at=1e9, calibrate=True,
    )  # fmt: skip
    session, shown, results = Session(plan, prepared=starter()), [], []

    def tick(result) -> None:
        results.append(result)
        said = session.snapshot().instruction
        if said not in shown:
            shown.append(said)
            if RATE in said:
                session.rate((8, 5)[result.play % 2])

    session.watch(tick)
    session.run()
    assert [said.split(":")[0] for said in shown[:-1:2]] == [
        "Step 1 of 6", "Step 2 of 6", "Step 3 of 6", "Step 4 of 6", "Step 5 of 6",
    ]  # fmt: skip
    assert shown[-1] == DONE
    assert all(r.enjoyment.mean == r.twin.mean for r in results[:200])
    assert any(r.enjoyment.mean != r.twin.mean for r in results[240:])
    listener, said = learn(Listener(), session.lesson)
    assert any(one.startswith("With closed eyes alpha") for one in said)
    known, _ = listener.calibration_for(listener.fitted[0].setup)
    assert known.knows_theta
    assert known.decoder is not None


def test_refusals_calibrate_a_recording(demo_folder) -> None:
    with pytest.raises(InputError, match="leave --calibrate out"):
        check_plan(Plan(source=f"replay:{demo_folder}", calibrate=True))
