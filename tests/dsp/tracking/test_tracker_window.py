"""How the tracker judges a window and its blocks, and what it says of them, bound by bound."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dsp.filters import Strip
from dsp.grid import RATE
from dsp.tracking import tracker as steps
from dsp.tracking.evidence import LOWER
from dsp.tracking.expectation import Residual
from dsp.tracking.scores import CANNOT_TELL, NOT_FOLLOWING, Compared, Score
from dsp.tracking.tracker import Tracker
from tests.dsp.tracking.test_tracker_hindrances import CH, ENOUGH, SFREQ, ready
from tests.dsp.tracking.test_tracker_steps import doing


def judging(
    seconds: int, monkeypatch: pytest.MonkeyPatch, *, same: bool = True, masked: int = 0
) -> tuple[Tracker, list[tuple], np.ndarray, np.ndarray]:
    """A tracker that has heard and rebuilt so many seconds up to 1200."""
    tracker, log, n = Tracker(ch_names=CH, sfreq=SFREQ), list[tuple](), seconds * RATE
    rng = np.random.default_rng(1)
    sound, rebuilt = rng.standard_normal((n, 2)), rng.standard_normal((n, 1))
    sound[5 * RATE, 0] = np.nan
    rebuilt[:masked] = np.nan
    feature = Strip(2, keep=2 * n)
    feature.write((1200 - seconds) * RATE, sound)
    tracker.feature = feature
    tracker._aligned = SimpleNamespace(feature=feature)  # type: ignore[assignment]
    tracker.rebuilt.write((1200 - seconds) * RATE, rebuilt)
    tracker._first = 1200 - seconds

    def compare(y: np.ndarray, s: np.ndarray, layer: np.ndarray) -> Compared:
        log.append(("compare", y, s, layer))
        return Compared(np.nan_to_num(y), s if same else 2.0 * s, 1.0)

    monkeypatch.setattr(steps, "compare", compare)
    monkeypatch.setattr(steps, "window_score", doing(log, "score", "scored"))
    tracker._nulls = SimpleNamespace(judge=doing(log, "null", "null"))  # type: ignore[assignment]
    tracker._add_block = doing(log, "block")  # type: ignore[method-assign]
    return tracker, log, np.nan_to_num(sound), rebuilt[:, 0]


@pytest.mark.parametrize("seconds", [10, 25, 45, 90])
def test_half_a_minute_is_scored_against_a_minute_of_what_was_heard(
    monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    tracker, log, sound, rebuilt = judging(seconds, monkeypatch, masked=70)
    assert tracker._judge(1200, block=True) == "scored"
    window, history = 30 * RATE, 60 * RATE
    (_, y, s, layer), (_, before_end, compared, ok, past), null, score = log
    np.testing.assert_array_equal(y, rebuilt[-window:])
    np.testing.assert_array_equal(s, sound[-window:, 0])
    np.testing.assert_array_equal(layer, sound[-window:, 1])
    np.testing.assert_array_equal(ok, np.isfinite(rebuilt[-window:]))
    np.testing.assert_array_equal(past, sound[-history:, 0])
    assert before_end == 0
    np.testing.assert_array_equal(null[1], compared.masked)
    assert null[2] is compared.feature
    np.testing.assert_array_equal(null[3], sound[-history:, 0])
    assert score[1] is compared
    assert score[2] == "null"
    assert score[3] == np.isfinite(rebuilt[-window:]).sum() / RATE


def test_what_a_layer_gives_is_taken_out_of_the_history_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracker, log, sound, _ = judging(45, monkeypatch, same=False)
    tracker._judge(1200, block=False)
    assert [entry[0] for entry in log] == ["compare", "null", "score"]
    np.testing.assert_array_equal(log[1][3], 2.0 * sound[-30 * RATE :, 0])


@pytest.mark.parametrize(
    ("seconds", "usable", "scored"),
    [(10, 640, True), (9, 576, False), (20, 64, True), (20, 63, False), (20, 75, True)],
)
def test_blocks_wait_until_ten_seconds_were_heard_and_one_was_rebuilt(
    monkeypatch: pytest.MonkeyPatch, seconds: int, usable: int, scored: bool
) -> None:
    tracker, log, _, _ = judging(seconds, monkeypatch, masked=seconds * RATE - usable)
    tracker._due = [1195]
    said = tracker._judge(1200, block=True)
    if scored:
        assert [entry[1] for entry in log if entry[0] == "block"] == [5 * RATE, 0]
        assert not tracker._due
    else:
        assert said == Score(usable_s=usable / RATE)
        assert not log
        assert tracker._due == [1195, 1200]


@pytest.mark.parametrize("before_end", [0, 5 * RATE, 28 * RATE, 40 * RATE])
@pytest.mark.parametrize(
    ("there", "told", "doubted"),
    [
        (320, True, False),
        (128, True, False),
        (127, True, False),
        (320, False, False),
        (320, True, True),
    ],
)
def test_a_block_counts_if_two_fifths_of_it_are_there_and_nothing_else_may_speak(
    before_end: int, there: int, told: bool, doubted: bool
) -> None:
    tracker, log = Tracker(ch_names=CH, sfreq=SFREQ), list[tuple]()
    n = 30 * RATE
    masked, ok = 1.0 + np.random.default_rng(2).random(n), np.ones(n, dtype=bool)
    stop, start = max(n - before_end, 0), max(n - before_end - 5 * RATE, 0)
    ok[start + there : stop] = False
    counted = min(there, stop - start)
    tracker._doubted = ("Eyes.",) if doubted else ()
    null = doing(log, "null", SimpleNamespace(z=1.5))
    tracker._nulls = SimpleNamespace(judge=null)  # type: ignore[assignment]
    tracker._evidence = SimpleNamespace(  # type: ignore[assignment]
        add=doing(log, "add"), fade=doing(log, "fade")
    )
    compared, history = Compared(masked, np.ones(n), 1.0, told), np.ones(60 * RATE)
    tracker._add_block(before_end, compared, ok, history)
    if counted < 128 or not told or doubted:
        assert log == [("fade",)]
        return
    (_, part, feature, past), added = log
    assert added == ("add", 1.5)
    assert feature is compared.feature
    assert past is history
    here = slice(start, start + counted)
    np.testing.assert_allclose(part[here], masked[here] - masked[here].mean(), atol=1e-12)
    assert not part[: here.start].any()
    assert not part[here.stop :].any()
    log.clear()
    tracker._nulls = SimpleNamespace(judge=lambda *given: None)  # type: ignore[assignment]
    tracker._add_block(before_end, compared, ok, history)
    assert log == [("fade",)]


# ---- what it says


@pytest.mark.parametrize(
    ("now", "p", "shown", "reason"),
    [
        (LOWER, 0.05, True, None),
        (LOWER + 0.01, 0.5, True, ENOUGH),
        (LOWER, 0.049, True, ENOUGH),
        (LOWER, 0.051, True, None),
        (LOWER, 0.5, False, "Nothing for 60 s: {}."),
    ],
)
@pytest.mark.parametrize("ever", [False, True])
def test_not_following_is_said_where_the_evidence_is_against_it_and_absence_can_be_told(
    now: float, p: float, shown: bool, reason: str | None, ever: bool
) -> None:
    tracker = ready()
    tracker._score = replace(tracker._score, p=p)
    tracker._evidence = SimpleNamespace(now=now, ever=ever, session=0.0, blocks=12)  # type: ignore[assignment]
    tracker._absence = SimpleNamespace(  # type: ignore[assignment]
        shown=shown, power=0.9, why=lambda seconds, *, ever: f"Nothing for {seconds} s: {ever}."
    )
    tracker._warned = ("Clock.",)
    said = tracker.estimate(1060.0)
    assert said.state == (CANNOT_TELL if reason else NOT_FOLLOWING)
    assert said.reasons == ((reason.format(ever), "Clock.") if reason else ("Clock.",))
    assert said.usable
    assert said.age_s == 0.0
    assert not tracker._following


def test_what_can_be_heard_begins_at_a_millionth() -> None:
    for size, heard in ((1.1e-6, True), (0.9e-6, False), (1e-6, False)):
        tracker = ready()
        grid = np.zeros((5 * 64, 2))
        grid[100, 0] = -size
        tracker._aligned.push_grid((0, np.zeros((0, 3))), (1055 * 64, grid))
        reason = tracker.estimate(1060.0).reasons[0]
        assert reason.startswith("Nothing is heard") != heard


def test_where_nothing_can_be_said_there_is_no_number_and_the_first_reason_is_given() -> None:
    tracker = ready()
    tracker._residual = Residual(value=0.3)
    assert tracker.estimate(1060.0).residual == 0.3
    tracker._doubted = ("Eyes.", "Leads.")
    said = tracker.estimate(1060.0)
    assert np.isnan(said.residual)
    assert said.residual_reason == "Eyes."
    assert said.usable_s == 20.0
    assert (np.isnan(said.r), said.p) == (True, 1.0)
