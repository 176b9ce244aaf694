"""What a session collects to be learnt from."""

from dataclasses import replace

import numpy as np
import pytest

from app.loop.calibration import MIN_RATED, Theta, load_calibration, more_rated, theta_baseline
from app.loop.lesson import KEPT, Collector, Excerpt, waits_for
from app.loop.loop import Loop
from app.loop.ticks import LoopEvent, PoolTrack, TickInput
from app.settings import load_preset
from dsp.grid import RATE
from dsp.sound.heard import HEARD_NAMES, Heard, Play
from playlists.tracks import Place


def heard(play: int, start: float, seconds: float, *, position: float = 0.0) -> Heard:
    n = int(seconds * RATE)
    values = np.zeros((n, len(HEARD_NAMES)), dtype=np.float32)
    values[:, 3] = play
    values[:, 4] = position + np.arange(n) / RATE
    return Heard(start + np.arange(n) / RATE, values)


def collected(*, seconds: float = 30.0, doubted: bool = False) -> Collector:
    """Two plays of `seconds` each, with EEG of two electrodes."""
    collector, n = Collector(), int(seconds * RATE)
    rng = np.random.default_rng(0)
    for play in range(2):
        start = 100.0 + play * seconds
        collector.begin(Play(play), Place(play + 3), start, duration=2.0 * seconds)
        collector.hear(heard(play, start, seconds))
        collector.sampled(round(start * RATE), rng.standard_normal((n, 2)), doubted=doubted)
    return collector


def test_each_play_keeps_its_own_seconds() -> None:
    lesson = collected().lesson(began=100.0)
    assert [one.place for one in lesson.plays] == [3, 4]
    assert [one.began for one in lesson.plays] == [0.0, 30.0]
    assert [one.heard_s for one in lesson.plays] == [30.0, 30.0]
    assert [round(one.share, 2) for one in lesson.plays] == [0.5, 0.5]
    first, second = (one.excerpt for one in lesson.plays)
    assert first.start == 6400
    assert second.start == 6400 + 30 * RATE
    assert first.seconds == pytest.approx(30.0, abs=0.1)


def test_eeg_that_something_else_may_speak_in_teaches_nothing() -> None:
    lesson = collected(doubted=True).lesson(began=100.0)
    assert all(one.excerpt is None for one in lesson.plays)


def test_a_rating_taken_back_was_never_given() -> None:
    collector = collected()
    collector.rate(Play(0), 0.5, 110.0)
    collector.rate(Play(1), 0.9, 140.0)
    collector.unrate()
    lesson = collector.lesson(began=100.0)
    assert [one.ratings for one in lesson.plays] == [((10.0, 0.5),), ()]


def test_only_the_newest_minutes_are_kept() -> None:
    collector = Collector()
    collector.begin(Play(0), Place(0), 0.0, duration=1e4)
    for at in range(0, KEPT + 600, 60):
        collector.hear(heard(0, float(at), 60.0))
        collector.sampled(at * RATE, np.ones((60 * RATE, 1)), doubted=False)
    excerpt = collector.lesson(began=0.0).plays[0].excerpt
    assert KEPT - 60 <= excerpt.seconds <= KEPT + 60


def test_an_electrode_far_from_zero_keeps_its_microvolts() -> None:
    rng = np.random.default_rng(0)
    eeg = 20.0 * rng.standard_normal((1000, 1)) + np.array([30_000.0])
    block, = Excerpt.of(0, eeg, np.zeros((1000, 3))).recording[0]  # fmt: skip
    moved = eeg - np.median(eeg)
    assert np.abs(block.eeg - moved).max() < 0.01


def test_the_baseline_needs_four_rated_plays_and_says_how_many_more() -> None:
    plays = [Theta(4, 2.0, 1.0, 0.1 * k) for k in range(MIN_RATED)]
    assert [more_rated(plays[:k]) for k in range(MIN_RATED + 1)] == [4, 3, 2, 1, 0]
    assert theta_baseline(plays[:-1]) is None
    assert theta_baseline(plays) is not None
    assert more_rated([*plays[:2], replace(plays[2], n=1), Theta(9, 2.0, 1.0)]) == 2


def test_ratings_all_alike_do_not_tilt_the_level() -> None:
    """Of loved tracks alone the slope is not known, and the level stays near what was seen."""
    rng = np.random.default_rng(1)
    plays = [Theta(5, 3.0 + 0.3 * rng.standard_normal(), 3.0, 0.8 + 0.01 * k) for k in range(6)]
    level, _ = theta_baseline(plays)
    assert level == pytest.approx(3.0, abs=0.35)


PRESET = load_preset("default")


def lived(rates: bool) -> tuple[list, Loop]:
    """A loop without calibration over six plays of 60 s, rated or not."""
    rng = np.random.default_rng(0)
    pool = [PoolTrack(f"Track {k}", 60.0) for k in range(8)]
    loop = Loop(PRESET, pool=pool, ch_names=("Fz", "Cz"), sfreq=128.0, calibration=None, seed=0)
    loop.first(Place(0), now=100.0)
    results = []
    for second in range(360):
        now, play = 101.0 + second, second // 60
        events = [LoopEvent("play", [play, play])] if second % 60 == 0 else []
        if rates and second % 60 == 50:
            events.append(LoopEvent("rating", (0.375, 0.875)[play % 2]))
        times = 100.0 + second + np.arange(128) / 128
        white = 10.0 * rng.standard_normal((128, 2)).astype(np.float32)
        rows = heard(play, 100.0 + second, 1.0, position=float(second % 60))
        results.append(loop.tick(TickInput(now, white, times, rows, tuple(events))))
    return results, loop


@pytest.fixture(scope="module")
def rated_session() -> tuple[list, Loop]:
    return lived(True)


def test_the_eeg_says_what_it_waits_for_and_counts_after_the_fourth_rated_track(rated_session):
    results, _ = rated_session
    waits = [r.enjoyment.reasons[0] if r.enjoyment.reasons else "" for r in results]
    assert "needs about 4 more rated tracks" in waits[30]
    assert "needs about 1 more rated track:" in waits[220]
    assert not any("more rated" in said for said in waits[232:])
    assert all(r.enjoyment.mean == r.twin.mean for r in results[:220])
    assert any(r.enjoyment.mean != r.twin.mean for r in results[232:])


def test_what_came_before_the_baseline_was_known_is_believed_too(rated_session):
    """Four ratings have told of the EEG at the moment it begins to count."""
    results, _ = rated_session
    begins = next(k for k, r in enumerate(results) if r.enjoyment.mean != r.twin.mean)
    prior = results[0].eeg_weight
    assert results[begins].eeg_weight != prior


def test_without_ratings_the_eeg_teaches_its_answer_alone() -> None:
    results, loop = lived(False)
    lesson = loop.lesson(began=100.0)
    assert all("needs about 4 more" in r.enjoyment.reasons[0] for r in results[10:])
    assert any(one.excerpt is not None for one in lesson.plays)


def test_a_stored_calibration_comes_back_from_its_bytes_with_all_parts() -> None:
    known = replace(
        load_calibration("clear"),
        decoder=None,
        theta_db=float("nan"),
        theta_sd=float("nan"),
        plays=(Theta(4, 2.0, 1.0, 0.5), Theta(0, float("nan"), 0.0)),
        n_ratings=7,
        same_headset=True,
    )
    again = type(known).from_npz(known.to_npz(), origin="x")
    assert again.decoder is None
    assert not again.knows_theta
    assert repr(again.plays) == repr(known.plays)
    assert again.same_headset  # or a replay would begin otherwise than the session did


def test_what_could_not_be_learnt_is_said_with_what_was_there_and_what_is_needed() -> None:
    collector = collected(doubted=True)
    for _ in range(12):  # two means of 10 s
        collector.score(Play(0), 2.0)
    collector.rate(Play(0), 0.5, 110.0)
    answer, theta = collector.lesson(began=100.0).reasons
    assert answer.startswith("0 s of the EEG kept were clean")
    assert theta == (
        "1 rated track had 20 s of clean frontal theta at most; 30 are needed for one to count."
    )
    assert collector.needs() == MIN_RATED
    said = waits_for(collector.needs(), unclean=bool(collector.unclean))
    assert said.startswith("the EEG needs about 4 more rated tracks, of 30 clean seconds each:")


def test_where_all_was_learnt_nothing_is_missed() -> None:
    assert collected().lesson(began=100.0).reasons == ()
    assert Collector().lesson(began=0.0).reasons == ()
