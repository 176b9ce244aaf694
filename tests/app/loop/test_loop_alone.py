"""The loop's own part: who is told what, and when, with senses that say what a test wants."""

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from app.loop.calibration import load_calibration
from app.loop.decision import Decision
from app.loop.loop import Loop
from app.loop.ticks import Coming, LoopEvent, PoolTrack, TickInput, TickResult
from app.settings import load_preset
from dsp.reward import ThetaScore
from dsp.sound.heard import Heard
from dsp.tracking.scores import Tracking
from tests.app.loop.test_loop import heard_only

DEMO = load_preset("demo")
BLANK = DEMO.timing.blank
POOL = [PoolTrack(f"Track {k}", 100.0 + k) for k in range(9)]


class Told:
    """Senses that say what a test wants, and keep what they were told."""

    def __init__(self) -> None:
        self.blanks: list[float] = []
        self.heard = 0
        self.scores: list[ThetaScore] = []
        self.says, self.following = "", True
        self.theta_db, self.grades = 1.5, (("Fz", 0, "good"),)
        self.frontal, self.doubted, self.elsewhere = True, False, False

    def hear(self, heard) -> None:
        self.heard += len(heard)

    def blank(self, until: float) -> None:
        self.blanks.append(until)

    def take(self, eeg, times):
        return iter(self.scores)

    def tracking(self, now: float):
        nan = math.nan
        return Tracking(
            "cannot tell",
            nan,
            nan,
            nan,
            nan,
            1.0,
            0.0,
            self.following,
            0.0,
            math.inf,
            False,
            ("?",),
        )

    def sampled(self):
        return 0, np.empty((0, 2))

    def doubt(self, now: float, *, coverage: float) -> str:
        assert coverage == DEMO.limits.coverage
        return self.says


def made(pool=POOL, *, eeg=True, calibration="clear", settings=DEMO, place=2):
    """A loop that has begun with the track at `place`, and its senses."""
    known = load_calibration(calibration) if calibration else None
    names = ("Fz", "Cz") if eeg else ()
    loop = Loop(settings, pool=pool, ch_names=names, sfreq=250.0, calibration=known, seed=1)
    senses = Told()
    if eeg:
        loop._senses = senses
    loop.first(place, now=0.0)
    return loop, senses


def run(loop, ticks):
    return [loop.tick(one) for one in ticks]


def seen(monkeypatch, loop, *ticks, decision=None):
    """What the policy sees in the last of `ticks`."""
    views = []

    def look(view, state, settings, rng):
        views.append(view)
        return decision, state

    monkeypatch.setattr("app.loop.loop.decide", look)
    run(loop, ticks)
    return views[-1]


def events(ticks, *events, at=-1):
    ticks[at] = replace(ticks[at], events=events)
    return ticks


def test_the_policy_sees_where_the_track_is_and_how_it_stands(monkeypatch) -> None:
    loop, _ = made()
    view = seen(monkeypatch, loop, *heard_only(0, 3, position=40.0))
    at = 42.0 + 63 / 64
    assert (view.now, view.play, view.position) == (3.0, 0, at)
    assert view.remaining == pytest.approx(102.0 - at, abs=1e-6)
    assert (view.usable, view.reason, view.ever_following) == (True, "", True)
    assert (view.rating, view.n_ratings, view.asked) == (None, 0, ())
    assert (view.on_hold, view.paused, view.cued, view.changing) == (False, False, False, False)
    assert view.titles == tuple(track.title for track in POOL)
    assert [c.place for c in view.candidates if not c.eligible] == [2]
    assert all(c.eligible for c in view.repeats)
    assert view.trust > 0.9


def test_what_remains_is_rounded_to_a_millionth(monkeypatch) -> None:
    loop, _ = made([PoolTrack("One", 100.12345678)], place=0)
    view = seen(monkeypatch, loop, *heard_only(0, 1))
    assert view.remaining == round(100.12345678 - 63 / 64, 6)


def test_less_than_nothing_never_remains(monkeypatch) -> None:
    loop, _ = made([PoolTrack("One", 0.5)], place=0)  # its stated length is a little too short
    assert seen(monkeypatch, loop, *heard_only(0, 1)).remaining == 0.0


def test_the_track_that_a_session_begins_with_is_on_its_way_until_it_is_heard(monkeypatch) -> None:
    loop, _ = made()
    assert seen(monkeypatch, loop, *heard_only(-1, 1)).changing
    coming = loop._listening.coming
    assert (coming.play, coming.place, coming.at_once, coming.since) == (0, 2, True, 0.0)


def test_earlier_records_say_what_was_started(monkeypatch) -> None:
    loop, _ = made()
    ticks = events(heard_only(4, 1), LoopEvent("play", [4, 7]))
    assert seen(monkeypatch, loop, *ticks).play == 4
    assert loop._listening.place == 7


@pytest.mark.parametrize("at_once", [False, True])
def test_only_the_first_track_has_the_prior_of_a_first_one(at_once: bool) -> None:
    priors = replace(DEMO.priors, first_mean=0.3, next_mean=0.7)
    loop, _ = made(settings=replace(DEMO, priors=priors))
    loop._listening.ask(5, at_once=True, now=0.0)
    first, then = heard_only(0, 1), heard_only(1, 1, start=1.0)
    if at_once:  # both begin within one tick
        heard = Heard.joined([first[0].heard, then[0].heard])
        (result,) = run(loop, [replace(first[0], now=2.0, heard=heard)])
    else:
        before, result = run(loop, [*first, *then])
        assert before.twin.mean == pytest.approx(0.3)
    assert result.twin.mean == pytest.approx(0.7, abs=0.02)
    assert loop.prior(2) == (0.7, priors.next_sd)


@pytest.mark.parametrize("kind", [Coming, LoopEvent, PoolTrack, TickInput, TickResult])
def test_what_goes_in_and_comes_out_are_values(kind: type) -> None:
    with pytest.raises(FrozenInstanceError):
        object.__new__(kind).now = 0.0


def test_before_the_first_track_there_is_no_end_of_it(monkeypatch) -> None:
    loop, _ = made()
    view = seen(monkeypatch, loop, *heard_only(-1, 1))
    assert (view.play, view.remaining, view.position) == (-1, math.inf, 0.0)


def test_what_is_coming_is_chosen_or_changing_until_it_is_heard(monkeypatch) -> None:
    loop, _ = made()
    run(loop, heard_only(0, 1))
    loop._listening.ask(5, at_once=False, now=1.0)
    view = seen(monkeypatch, loop, *heard_only(0, 1, start=1.0))
    assert (view.cued, view.changing) == (True, False)
    loop._listening.ask(6, at_once=True, now=2.0)
    view = seen(monkeypatch, loop, *heard_only(0, 1, start=2.0))
    assert (view.cued, view.changing) == (True, True)
    view = seen(monkeypatch, loop, *heard_only(2, 1, start=3.0))
    assert (view.cued, view.changing) == (False, False)


def test_where_a_track_broke_off_the_music_must_go_on(monkeypatch) -> None:
    loop, _ = made()
    run(loop, heard_only(0, 1))
    loop._listening.ask(5, at_once=False, now=1.0)
    silence = heard_only(-1, 3, start=1.0)
    view = seen(monkeypatch, loop, *silence[:2])
    assert (view.remaining > 0.0, view.cued) == (True, True)
    view = seen(monkeypatch, loop, silence[2])
    assert (view.remaining, view.cued) == (0.0, False)


def test_what_is_said_reaches_what_it_is_said_of(monkeypatch) -> None:
    loop, _ = made()
    run(loop, heard_only(0, 1))
    ticks = events(heard_only(0, 1, start=1.0), LoopEvent("rating", 0.375), LoopEvent("hold", True))
    view = seen(monkeypatch, loop, *ticks)
    assert (view.rating, view.n_ratings, view.on_hold) == (0.375, 1, True)
    ticks = events(heard_only(0, 1, start=2.0), LoopEvent("hold", False), LoopEvent("pause", True))
    view = seen(monkeypatch, loop, *ticks)
    assert (view.on_hold, view.paused) == (False, True)
    ticks = events(heard_only(0, 1, start=3.0), LoopEvent("pause", False), LoopEvent("skip"))
    view = seen(monkeypatch, loop, *ticks)
    assert (view.paused, len(view.asked)) == (False, 1)
    assert None not in view.asked


def test_a_wish_for_another_track_says_something_of_the_one_that_is_heard() -> None:
    loop, _ = made()
    run(loop, heard_only(0, 2))
    before = run(loop, heard_only(0, 1, start=2.0))[0].twin.mean
    after = run(loop, events(heard_only(0, 1, start=3.0), LoopEvent("skip")))[0].twin.mean
    assert after < before - 0.05
    nothing, _ = made()
    first = run(nothing, events(heard_only(-1, 1), LoopEvent("skip")))[0]
    assert first.twin.mean == 0.5


def test_an_event_belongs_to_the_track_that_is_heard_when_it_is_told() -> None:
    loop, _ = made()
    run(loop, heard_only(0, 1))
    loop._listening.ask(5, at_once=True, now=1.0)
    run(loop, events(heard_only(1, 1, start=1.0), LoopEvent("rating", 0.5)))
    assert loop._belief.rated == {5: 0.5}


def test_an_unplayable_track_is_never_chosen_and_no_longer_coming() -> None:
    loop, _ = made()
    run(loop, heard_only(0, 1))
    play = loop._listening.ask(5, at_once=False, now=1.0)
    (result,) = run(loop, events(heard_only(0, 1, start=1.0), LoopEvent("unplayable", play)))
    assert result.coming is None
    assert 5 not in [c.place for c in loop.up_next(repeat=True) if c.eligible]
    assert 5 not in [c.place for c in loop.up_next() if c.eligible]
    assert 6 in [c.place for c in loop.up_next() if c.eligible]


def eligible(loop):
    return [c.place for c in loop.up_next() if c.eligible]


def test_the_six_newest_plays_rest_and_a_disliked_track_for_good() -> None:
    loop, _ = made(place=0)
    run(loop, heard_only(0, 1))
    for play in range(1, 8):
        loop._listening.ask(play, at_once=True, now=float(play))
        run(loop, heard_only(play, 1, start=float(play)))
    assert eligible(loop) == [0, 1, 8]
    loop._belief.rated = {0: 0.25, 1: 0.375}
    assert eligible(loop) == [1, 8]
    assert all(c.eligible for c in loop.up_next(repeat=True))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_in_a_short_playlist_all_but_one_rest(n: int) -> None:
    loop, _ = made(POOL[:n], place=0)
    run(loop, heard_only(0, 1))
    for play in range(1, 2 * n):
        loop._listening.ask(play % n, at_once=True, now=float(play))
        run(loop, heard_only(play, 1, start=float(play)))
    assert eligible(loop) == ([0] if n > 1 else [])


def test_what_is_expected_of_a_candidate_is_its_prior() -> None:
    loop, _ = made()
    run(loop, heard_only(0, 1))
    priors = DEMO.priors
    assert {(c.mean, c.sd) for c in loop.up_next()} == {(priors.next_mean, priors.next_sd)}
    assert loop.prior(3, first=True) == (priors.first_mean, priors.first_sd)


# EEG


def test_no_eeg_counts_for_a_while_after_whatever_changes_what_is_heard(monkeypatch) -> None:
    loop, senses = made()
    seen(monkeypatch, loop, *heard_only(0, 2))
    assert senses.blanks == [0.0 + BLANK]
    assert senses.heard == 2 * 64
    seen(monkeypatch, loop, *heard_only(-1, 1, start=2.0))
    assert senses.blanks[1:] == [3.0 + BLANK]
    seen(monkeypatch, loop, *heard_only(0, 1, start=3.0))
    assert len(senses.blanks) == 2
    for value, n in ((True, 2), (False, 1)):
        senses.blanks.clear()
        now = 5.0 if value else 6.0
        pause = events(heard_only(0, 1, start=now - 1.0), LoopEvent("pause", value))
        seen(monkeypatch, loop, *pause)
        assert senses.blanks == [now + BLANK] * n


@pytest.mark.parametrize(
    ("kind", "target", "blanks", "starts"),
    [
        ("hold", None, 0, None),
        ("layer_on", 0.5, 1, None),
        ("layer_off", 0.0, 1, None),
        ("change_track", 7, 1, 1),
        ("next_track", 7, 0, 1),
    ],
)
def test_what_is_done_is_remembered_and_blanks_the_eeg(
    monkeypatch, kind, target, blanks, starts
) -> None:
    loop, senses = made()
    run(loop, heard_only(0, 1))
    senses.blanks.clear()
    done = Decision(kind, "unsure", target, "", "operator", 1.0)
    monkeypatch.setattr("app.loop.loop.decide", lambda view, state, settings, rng: (done, state))
    (result,) = run(loop, heard_only(0, 1, start=1.0))
    assert senses.blanks == [2.0 + BLANK] * blanks
    assert result.starts == starts
    if starts is None:
        assert result.coming is None
    else:
        coming = result.coming
        assert (coming.play, coming.place, coming.since) == (1, 7, 2.0)
        assert coming.at_once is (kind == "change_track")


def test_a_score_enters_the_estimate_and_makes_it_as_young_as_it_is() -> None:
    loop, senses = made()
    run(loop, heard_only(0, 2))
    before = run(loop, heard_only(0, 1, start=2.0))[0]
    assert before.enjoyment.age_s == math.inf
    theta = load_calibration("clear").theta_db
    senses.scores = [ThetaScore(0.5, 2.4999964, theta - 9.0, 1.0, True)]
    (result,) = run(loop, heard_only(0, 1, start=3.0))
    assert result.enjoyment.age_s == 1.500004
    assert result.enjoyment.mean < before.enjoyment.mean
    assert result.twin.mean == before.twin.mean
    assert (result.enjoyment.usable, result.enjoyment.reasons) == (True, ())
    assert (result.twin.usable, result.twin.age_s) == (False, math.inf)
    assert (result.theta_db, result.quality) == (1.5, (("Fz", 0, "good"),))
    assert result.eeg_weight > 0.9


def test_time_passes_in_the_estimate_as_it_does_between_ticks() -> None:
    def spread(*nows):
        loop, _ = made()
        ticks = heard_only(0, 1)
        return [loop.tick(replace(ticks[0], now=now)).twin.sd for now in nows]

    soon, later, much_later = (spread(1.0, now)[-1] for now in (1.25, 30.0, 600.0))
    assert spread(1.0)[-1] < soon < later < much_later


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"eeg": False}, "no headset"),
        ({"eeg": False, "calibration": None}, "no headset"),
        ({"calibration": None}, "the EEG needs about 4 more rated tracks"),
        ({}, "electrode off"),
    ],
)
def test_why_the_eeg_does_not_count_is_said_the_hardest_reason_first(how, said) -> None:
    loop, senses = made(**how)
    senses.says = "electrode off"
    (result,) = run(loop, heard_only(0, 1))
    assert not result.enjoyment.usable
    assert result.enjoyment.reasons[0].startswith(said)
    assert (result.tracking is None) is (how.get("eeg") is False)
    if not how.get("eeg", True):
        assert (result.theta_db, result.quality) == (None, ())


def test_a_listener_who_was_never_seen_to_follow_is_not_said_to(monkeypatch) -> None:
    loop, senses = made()
    senses.following = False
    assert not seen(monkeypatch, loop, *heard_only(0, 1)).ever_following
    alone, _ = made(eeg=False)
    assert not seen(monkeypatch, alone, *heard_only(0, 1)).ever_following


def test_the_eeg_is_trusted_only_where_there_is_some() -> None:
    bare = Loop(DEMO, pool=POOL, ch_names=(), sfreq=250.0, calibration=None, seed=1)
    headset = Loop(DEMO, pool=POOL, ch_names=("Fz", "Cz"), sfreq=250.0, calibration=None, seed=1)
    assert bare._senses is None
    assert headset._senses is not None
    assert np.isclose(headset._belief.trust, 0.28)
    assert bare._belief.trust == 0.0
