"""Why nothing can be said now: each bound of the tracker's hindrances by itself."""

from dataclasses import replace

import numpy as np
import pytest

from dsp.checks import InputError
from dsp.tracking.scores import Score
from dsp.tracking.tracker import Tracker

CH, SFREQ = ("Fz", "Cz", "TP9"), 128.0


def ready(now: float = 1060.0) -> Tracker:
    """A tracker that has all it needs to say something at `now`, and has scored it."""
    tracker = Tracker(ch_names=CH, sfreq=SFREQ)
    tracker._advance = lambda: None  # type: ignore[method-assign]
    tracker._newest = tracker._newest_sound = now
    tracker._aligned.push_grid((0, np.zeros((0, 3))), (int(now - 20) * 64, np.ones((20 * 64, 2))))
    tracker.rebuilt.write(int(now - 20) * 64, np.zeros((20 * 64, 1)))
    tracker._score = Score(r=0.1, r_null95=0.08, r_low=0.0, r_high=0.2, p=0.5, usable_s=20.0)
    return tracker


def why(tracker: Tracker, now: float = 1060.0) -> str:
    said = tracker.estimate(now)
    assert said.usable == (said.reasons[0] == ENOUGH)
    assert said.usable or np.isnan(said.r)
    return said.reasons[0]


ENOUGH = "The evidence is not enough yet, one way or the other."


@pytest.mark.parametrize(
    ("eeg", "music", "reason"),
    [
        (2.0, 3.0, ENOUGH),
        (2.0, 3.01, "Nothing is playing."),
        (2.06, 0.0, "The newest clean EEG is 2.1 s old."),
        (np.inf, 9.0, "No clean EEG has come yet."),
    ],
)
def test_what_is_old_says_nothing_of_now(eeg: float, music: float, reason: str) -> None:
    tracker = ready()
    tracker._newest, tracker._newest_sound = 1060.0 - eeg, 1060.0 - music
    assert why(tracker) == reason


def test_five_seconds_without_an_onset_are_silence() -> None:
    for quiet, reason in ((5, "Nothing is heard: the sound has no onsets."), (4, ENOUGH)):
        tracker = ready()
        grid = np.zeros((quiet * 64, 2))
        grid[:, 1] = 1.0  # the layer is no music
        tracker._aligned.push_grid((0, np.zeros((0, 3))), ((1060 - quiet) * 64, grid))
        assert why(tracker) == reason
    tracker._aligned.push_grid((0, np.zeros((0, 3))), (1055 * 64, np.full((5 * 64, 2), np.nan)))
    assert why(tracker).startswith("Nothing is heard")


def test_without_electrodes_or_with_one_alone_nothing_is_told() -> None:
    tracker = ready()
    tracker._main.without = np.array([True, False, True])
    assert why(tracker) == ENOUGH
    tracker._main.without[:] = True
    assert why(tracker) == "The EEG settles after a gap: it is judged again in a few seconds."
    tracker._main._share[:] = 0.0
    assert why(tracker) == "No electrode is usable."
    tracker._main._share[:] = 1.0
    tracker._lines.carried = np.array([True, True, True])
    assert why(tracker) == "No electrode is usable."
    for n, said in ((1, "One electrode cannot tell brain from eyes"), (2, ENOUGH)):
        tracker = ready()
        tracker._n = n
        assert why(tracker).startswith(said)


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        ({"usable_s": 8.0}, ENOUGH),
        ({"usable_s": 7.4}, "Only 7 s of clean EEG with sound so far."),
        ({"r": np.nan}, "Only 20 s of clean EEG with sound so far."),
        ({"told": False}, "The layer and the music cannot be told apart."),
    ],
)
def test_a_score_of_little_is_none(score: dict[str, float], reason: str) -> None:
    tracker = ready()
    tracker._score = replace(tracker._score, **score)  # type: ignore[arg-type]
    assert why(tracker) == reason


def test_two_of_the_newest_twelve_seconds_must_have_been_rebuilt() -> None:
    for points, reason in ((128, ENOUGH), (121, "Only 1.9 s of the newest 12 s could be used.")):
        tracker = ready()
        rows = np.full((20 * 64, 1), np.nan)
        rows[: 8 * 64] = 0.0  # too long ago
        rows[8 * 64 : 8 * 64 + points] = 0.0
        tracker.rebuilt.write(1040 * 64, rows)
        assert why(tracker, 1060.9) == reason


def test_a_doubt_and_a_leak_at_calibration_say_why() -> None:
    tracker = ready()
    tracker._doubted, tracker._warned = ("Eyes.", "Leads."), ("Sides.",)
    assert tracker.estimate(1060.0).reasons == ("Eyes.", "Leads.", "Sides.")
    tracker._bleed = True
    assert why(tracker) == "Sound leaked into the calibration electrically: use another one."


@pytest.mark.parametrize(
    ("values", "times"), [((5,), (5,)), ((5, 2), (5,)), ((5, 5), (5,)), ((5, 3), (4,))]
)
def test_a_stimulus_of_another_shape_is_refused(values: tuple, times: tuple) -> None:
    with pytest.raises(InputError, match="or \\(n, 4\\) with one time for each row"):
        ready().push_stimulus(np.zeros(values), np.arange(float(*times)))


def test_a_tracker_needs_an_electrode_and_a_rate() -> None:
    with pytest.raises(InputError, match="at least one channel name"):
        Tracker(ch_names=[], sfreq=SFREQ)
    with pytest.raises(InputError, match="sfreq"):
        Tracker(ch_names=CH, sfreq=99.0)
    Tracker(ch_names=CH, sfreq=100.0)
