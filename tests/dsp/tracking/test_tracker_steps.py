"""What the tracker does with each second, step by step: who is asked when, and about what."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dsp.quality import CleanBlock
from dsp.tracking import tracker as steps
from dsp.tracking.decoder import WIDE_LAGS, Decoder, Sums
from dsp.tracking.doubts.delay import Delay
from dsp.tracking.doubts.montage import Montage
from dsp.tracking.expectation import Residual
from dsp.tracking.scores import Score
from dsp.tracking.tracker import Tracker
from tests.dsp.tracking.test_tracker_hindrances import CH, SFREQ

LAGS = np.arange(6, 33, 3)


def stored(*, found: bool = True, bleed: bool = False) -> Decoder:
    d = len(CH) * LAGS.size
    sums = Sums(np.eye(d), np.zeros(d), 1.0, 100.0)
    return Decoder(CH, (1.0, 4.0), LAGS, sums, 0.2 if found else 0.1, 0.1, 1.5, bleed)


def doing(log: list, name: str, answer: object = None):
    """A function that notes how it was called."""

    def noted(*given: object, **named: object) -> object:
        log.append((name, *given, *named.values()))
        return answer

    return noted


# ---- made with and without a calibration


@pytest.mark.parametrize(
    ("search", "last"), [(None, 75), (0.8, 51), (0.4, 24), (0.1, 24), (0.45, 27)]
)
def test_from_nothing_lags_begin_at_once_and_reach_as_far_as_is_searched(
    search: float | None, last: int
) -> None:
    tracker = Tracker(ch_names=CH, sfreq=SFREQ, search=search)
    assert tracker._lags.tolist() == list(range(0, last + 1, 3))
    assert tracker._aligned.reach == last
    assert WIDE_LAGS[-1] == 75
    assert tracker._refit is not None
    assert not tracker._bleed
    assert not tracker._leak._calibrated
    assert tracker._of_eeg == (tracker._main,)
    assert [type(warner) for warner in tracker._warners] == [Delay]
    assert (tracker.scored_until, tracker._first, tracker._following) == (-1, None, False)


def test_a_calibration_brings_lags_and_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple] = []
    for name in ("Delay", "Absence", "Residuals", "Evidence"):
        made = getattr(steps, name)

        def noted(*given: object, made=made, name: str = name, **named: object) -> object:
            seen.append((name, given, named))
            return made(*given, **named)

        monkeypatch.setattr(steps, name, noted)
    for found in (True, False):
        seen.clear()
        decoder = stored(found=found, bleed=found)
        tracker = Tracker(ch_names=CH, sfreq=SFREQ, decoder=decoder, search=0.9)
        assert tracker._lags.tolist() == LAGS.tolist()
        assert tracker._aligned.reach == 30
        assert tracker._refit is None
        assert tracker._bleed == found
        assert tracker._leak._calibrated == found
        assert len(tracker._of_eeg) == 1 + found
        assert [type(warner) for warner in tracker._warners] == [Delay, Montage]
        said = {name: (a, k) for name, a, k in seen}
        assert said["Delay"][1] == {"stored": found}
        assert said["Absence"][0][3] is (decoder if found else None)
        assert said["Residuals"][0][0] is (decoder.windows if found else None)
        assert said["Evidence"][1] == {"effect": 1.5}
        assert [one._learns for one in tracker._of_eeg] == [True, False][: 1 + found]


# ---- what comes in


def test_eeg_is_masked_and_the_newest_clean_sample_is_known() -> None:
    tracker = Tracker(ch_names=CH, sfreq=SFREQ)
    log: list[tuple] = []
    tracker._aligned.push_eeg = doing(log, "aligned")  # type: ignore[method-assign]
    tracker._nuisance.push = doing(log, "nuisance")  # type: ignore[method-assign]
    tracker._blinks.note = doing(log, "blinks")  # type: ignore[method-assign]
    eeg, times = np.ones((8, 3), dtype=np.float32), 100.0 + np.arange(8) / SFREQ
    valid = np.ones((8, 3), dtype=bool)
    valid[6] = [False, True, False]
    valid[7] = False
    words = (SimpleNamespace(second=100, words="blink"),)
    block = CleanBlock(eeg, times, valid, words)  # type: ignore[arg-type]
    tracker.push_eeg(block)
    assert tracker._newest == times[6]
    assert [entry[0] for entry in log] == ["blinks", "aligned", "nuisance"]
    np.testing.assert_array_equal(log[0][2], valid)
    assert log[0][3] == {100: "blink"}
    np.testing.assert_array_equal(np.isfinite(log[1][1]), valid)
    np.testing.assert_array_equal(log[1][2], times)
    assert log[2][1] is block
    tracker.push_eeg(replace(block, valid=np.zeros_like(valid), times=times + 1.0))
    assert tracker._newest == times[6]
    assert len(log) == 6
    none = CleanBlock(eeg[:0], times[:0], valid[:0], ())
    tracker.push_eeg(none)
    assert len(log) == 6
    one = CleanBlock(eeg[:1], times[:1] + 5.0, valid[:1], ())
    tracker.push_eeg(one)
    assert tracker._newest == times[0] + 5.0


@pytest.mark.parametrize("columns", [3, 4])
def test_sound_goes_where_it_is_needed(columns: int) -> None:
    tracker = Tracker(ch_names=CH, sfreq=SFREQ)
    log: list[tuple] = []
    tracker._aligned.push_sound = doing(log, "sound")  # type: ignore[method-assign]
    tracker._residuals.push_level = doing(log, "residual")  # type: ignore[method-assign]
    tracker._leak.push_level = doing(log, "leak")  # type: ignore[method-assign]
    rows = np.arange(2.0 * columns).reshape(2, columns)
    tracker.push_stimulus(rows, [5.0, 6.0])
    assert tracker._newest_sound == 6.0
    np.testing.assert_array_equal(log[0][1], rows[:, [0, 2]])
    for entry in log[1:]:
        np.testing.assert_array_equal(entry[1], rows[:, 3:])
    tracker.push_stimulus(rows[:0], [])
    assert len(log) == 3
    tracker.push_stimulus(rows[:1], [7.0])
    assert tracker._newest_sound == 7.0


# ---- one second after the other


def advancing(first: int, last: int, *, doubted: bool = False) -> tuple[Tracker, list[tuple]]:
    """A tracker all of whose parts note what they are asked, over seconds of sound."""
    tracker = Tracker(ch_names=CH, sfreq=SFREQ)
    log: list[tuple] = []
    main = SimpleNamespace(learn=doing(log, "learn"), rebuild=doing(log, "rebuild"), learnt=33.0)
    tracker._main, tracker._of_eeg = main, (main,)  # type: ignore[assignment]
    beside = SimpleNamespace(learn=doing(log, "learn 2"), rebuild=doing(log, "rebuild 2"))
    tracker._nuisance.rebuilders = (beside,)  # type: ignore[assignment]
    score = Score(r=0.2, r_low=0.1, r_high=0.3)
    tracker._look = doing(log, "look")  # type: ignore[method-assign]
    tracker._judge = doing(log, "judge", score)  # type: ignore[method-assign]
    residual = Residual(value=0.1)
    tracker._residuals = SimpleNamespace(  # type: ignore[assignment]
        look=doing(log, "residual", residual), x="x"
    )
    tracker._absence = SimpleNamespace(  # type: ignore[assignment]
        look=doing(log, "absence"), learn=doing(log, "window")
    )
    tracker._aligned = SimpleNamespace(  # type: ignore[assignment]
        seconds=lambda: iter([(k, None, f"feature {k}") for k in range(first, last)]),
        heard=lambda until, seconds: (until, seconds),
    )
    tracker._doubted = ("Eyes.",) if doubted else ()
    tracker._following = True
    return tracker, log


def test_each_second_is_rebuilt_and_judged_and_each_fifth_is_learnt_from_and_looked_at() -> None:
    tracker, log = advancing(1003, 1022)
    tracker._advance()
    score = tracker._score
    expected: list[tuple] = []
    for k in range(1003, 1022):
        if k in (1005, 1010, 1015, 1020):
            expected += [("learn", k), ("learn 2", k)]
        expected += [("rebuild", k, f"feature {k}"), ("rebuild 2", k, f"feature {k}")]
        fresh = k + 1 in (1005, 1010, 1015, 1020)
        if fresh:
            expected += [("look", k + 1)]
        expected += [("judge", k + 1, fresh), ("residual", k + 1, score, (k + 1, 30), 33.0)]
        if fresh:
            expected += [("absence", "x")]
        if k + 1 == 1020:
            expected += [("window", score.r, score.sd, "x")]
    assert log == expected
    assert tracker._first == 1003
    assert tracker.scored_until == 1022
    assert tracker._residual.value == 0.1
    tracker._aligned.seconds = lambda: iter([(1022, None, "")])  # type: ignore[method-assign]
    tracker._advance()
    assert tracker._first == 1003


def test_a_doubted_window_has_no_residual_and_one_not_followed_is_not_learnt_from() -> None:
    tracker, log = advancing(1018, 1021, doubted=True)
    tracker._following = False
    tracker._advance()
    assert [entry[2] for entry in log if entry[0] == "residual"] == 3 * [Score()]
    assert not any(entry[0] == "window" for entry in log)
    assert any(entry[0] == "absence" for entry in log)


class Looked:
    """A tracker whose doubts, warners and parts say what they are told to."""

    def __init__(self) -> None:
        self.log: list[tuple] = []
        self.said, self.warned, self.refit = "", "", False
        self.tracker = tracker = Tracker(ch_names=CH, sfreq=SFREQ)
        look = SimpleNamespace(look=lambda second: self.said)
        tracker._doubts = (look, SimpleNamespace(look=lambda second: ""))
        tracker._warners = (SimpleNamespace(look=lambda second: self.warned),)
        tracker._refit = SimpleNamespace(look=self.refits)  # type: ignore[assignment]
        tracker._delays = SimpleNamespace(add=doing(self.log, "add"))  # type: ignore[assignment]
        tracker._delay = SimpleNamespace(shift=0)  # type: ignore[assignment]
        tracker._evidence = SimpleNamespace(  # type: ignore[assignment]
            ever=False, void=doing(self.log, "void"), show=doing(self.log, "show")
        )

    def refits(self, second: int, *, without: np.ndarray, doubts: tuple) -> bool:
        self.log.append(("refit", second, without.tolist(), doubts))
        return self.refit


def test_electrodes_of_which_little_is_valid_or_that_carry_a_tone_are_left_out() -> None:
    looked = Looked()
    tracker = looked.tracker
    tracker._main._share = np.tile([0.3, 0.29, 1.0], (1, 1))
    assert tracker._main.share[0] == 0.3
    tracker._look(1005)
    assert tracker._main.without.tolist() == [False, True, False]
    tracker._lines.carried = np.array([False, False, True])
    tracker._look(1010)
    assert tracker._main.without.tolist() == [False, True, True]
    assert looked.log == [
        ("refit", 1005, [False, True, False], ()), ("add", 1005),
        ("refit", 1010, [False, True, True], ()), ("add", 1010),
    ]  # fmt: skip


def test_a_doubt_voids_when_it_begins_and_a_first_answer_is_shown_once() -> None:
    looked = Looked()
    tracker, log = looked.tracker, looked.log
    voided = []
    for said in ("", "Eyes.", "Eyes.", "", "Eyes."):
        looked.said = said
        log.clear()
        tracker._look(1005)
        voided.append(("void",) in log)
        assert tracker._doubted == ((said,) if said else ())
        assert log[-2][3] == tracker._doubted
        assert ("show",) not in log
    assert voided == [False, True, False, False, True]
    looked.said, looked.refit = "", True
    log.clear()
    tracker._look(1010)
    assert ("show",) in log
    assert tracker._following is True
    tracker._evidence.ever = True
    log.clear()
    tracker._look(1015)
    assert log == [("add", 1015)]
    tracker._refit, tracker._evidence.ever = None, False
    tracker._look(1020)
    assert ("add", 1020) in log


def test_what_warns_is_kept_and_the_lags_go_with_the_delay() -> None:
    looked = Looked()
    tracker = looked.tracker
    tracker._lines.sentences = ("E1 carries a tone.",)
    looked.warned = "Clock."
    for shift, reach in ((7, 82), (0, 75), (-4, 75)):
        tracker._delay.shift = shift  # type: ignore[misc]
        tracker._look(1005)
        assert tracker._main.shift == shift
        assert tracker._aligned.reach == reach
    assert tracker._warned == ("E1 carries a tone.", "Clock.")
    looked.warned = ""
    tracker._look(1010)
    assert tracker._warned == ("E1 carries a tone.",)
