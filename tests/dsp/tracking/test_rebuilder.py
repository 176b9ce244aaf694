"""A decoder at work rebuilds each second by what it has not seen."""

from typing import Any

import numpy as np
import pytest

from dsp.filters import Strip
from dsp.grid import RATE
from dsp.tracking.decoder import Sums, solve
from dsp.tracking.rebuilder import Rebuilder


def at_work(
    eeg: np.ndarray,
    feature: np.ndarray,
    lags: np.ndarray,
    *,
    prior: Sums | None = None,
    learns: bool = True,
    without: tuple[bool, ...] = (False,) * 4,
    shift: int = 0,
) -> Rebuilder:
    """From second 100 on; the EEG reaches 2 s further to both sides."""
    strip = Strip(4, keep=len(eeg))
    strip.write(98 * RATE, eeg)
    given: dict[str, Any] = {} if learns else {"learns": False}
    rebuilder = Rebuilder(strip, 4, lags, prior=prior, **given)
    rebuilder.without = np.array(without)
    rebuilder.shift = shift
    for second in range(100, 100 + len(feature) // RATE):
        if second % 5 == 0:
            rebuilder.learn(second)
        at = (second - 100) * RATE
        rebuilder.rebuild(second, feature[at : at + RATE])
    return rebuilder


def written_out(
    eeg: np.ndarray,
    feature: np.ndarray,
    lags: np.ndarray,
    *,
    prior: Sums | None = None,
    learns: bool = True,
    without: tuple[bool, ...] = (False,) * 4,
    shift: int = 0,
) -> np.ndarray:
    """Each second by weights from all that ended 3 s before the last solution."""
    rows = np.arange(len(feature))[:, None] + 2 * RATE + shift + lags[None, :]
    design = eeg[rows].transpose(0, 2, 1).reshape(len(feature), -1)
    counted = np.repeat(~np.array(without), lags.size)
    good = np.isfinite(feature) & (np.isfinite(design)[:, counted].mean(axis=1) >= 0.5)
    design = np.nan_to_num(design)
    out = np.full(len(feature), np.nan)
    for at in range(0, len(feature), 5 * RATE):
        learnt = np.flatnonzero(good)[np.flatnonzero(good) < at - 3 * RATE]
        if learnt.size:
            own = Sums.zero(design.shape[1]).plus(design[learnt], feature[learnt])
            weights = solve(prior, own, 4, without=np.array(without), learns=learns)
            now = np.arange(at, min(at + 5 * RATE, len(feature)))
            now = now[good[now]]
            out[now] = design[now] @ weights
    return out


def material(seconds: int = 25) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    eeg = 9.0 * rng.standard_normal(((seconds + 4) * RATE, 4))
    feature = eeg[2 * RATE + 5 : (seconds + 2) * RATE + 5] @ [0.2, 0.1, 0.0, -0.1]
    eeg[4 * RATE : 5 * RATE, :2] = np.nan  # half of the electrodes: enough
    eeg[11 * RATE : 12 * RATE, :3] = np.nan  # three of four: too few
    eeg[12 * RATE - 12 : 12 * RATE, 2] = 1.0  # with four lags of six of it still too few
    feature[19 * RATE : 19 * RATE + 30] = np.nan
    return eeg, feature + rng.standard_normal(feature.size)


@pytest.mark.parametrize("kind", ["own", "ahead", "stored", "stored alone", "left out", "shifted"])
def test_a_second_is_rebuilt_from_what_ended_three_seconds_before(kind: str) -> None:
    eeg, feature = material()
    lags = np.arange(-6, 10, 3) if kind == "ahead" else np.arange(2, 20, 3)
    given: dict[str, Any] = {
        "left out": {"without": (False, True, True, True)},
        "shifted": {"shift": 4},
    }.get(kind, {})
    if kind.startswith("stored"):
        rng = np.random.default_rng(1)
        design = rng.standard_normal((3000, 4 * lags.size))
        known = Sums.zero(4 * lags.size).plus(design, design @ rng.standard_normal(24))
        given = {"prior": known, "learns": kind == "stored"}
    rebuilder = at_work(eeg, feature, lags, **given)
    assert (rebuilder.rebuilt.start, rebuilder.rebuilt.end) == (100 * RATE, 125 * RATE)
    (got,) = rebuilder.rebuilt.read(100 * RATE, 125 * RATE).T
    np.testing.assert_allclose(got, written_out(eeg, feature, lags, **given), rtol=1e-6, atol=1e-9)
    assert np.isfinite(got[5 * RATE : 9 * RATE]).any()
    assert np.isnan(got[: 5 * RATE]).all()
    learnt = (np.isfinite(feature[: 17 * RATE]).sum() - RATE) / RATE
    if kind in ("own", "stored"):
        before = 3000 / RATE if kind == "stored" else 0.0
        assert rebuilder.learnt == pytest.approx(before + learnt, abs=0.5)


def test_it_tells_how_much_of_each_column_was_there_and_how_large_it_was() -> None:
    eeg, feature = material()
    rebuilder = at_work(eeg, feature, np.array([0, 1]))
    assert rebuilder.share.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert rebuilder.levels == pytest.approx(np.full(4, 9.0), rel=0.1)
    eeg[18 * RATE : 22 * RATE, 2] = np.nan
    rebuilder = at_work(eeg[: 24 * RATE], feature[: 20 * RATE], np.array([0, 1]))
    assert rebuilder.share == pytest.approx([1.0, 1.0, 0.6, 1.0], abs=0.002)
    rebuilder = at_work(eeg[: 24 * RATE], feature[: 20 * RATE], np.array([0]), without=(True,) * 4)
    assert np.isnan(rebuilder.rebuilt.read(100 * RATE, 120 * RATE)).all()


def test_a_new_one_leaves_nothing_out_shifts_nothing_and_knows_what_it_was_given() -> None:
    for prior, seconds in ((None, 0.0), (Sums(np.eye(4), np.ones(4), 1.0, 50.0), 50.0)):
        rebuilder = Rebuilder(Strip(2, keep=9), 2, np.array([1, 4]), prior=prior)
        assert rebuilder.without.tolist() == [False, False]
        assert (rebuilder.shift, rebuilder.learnt) == (0, seconds)
        assert rebuilder.share.tolist() == [1.0, 1.0]


def test_a_tenth_of_a_second_is_enough_to_begin_with_and_nothing_is_not() -> None:
    eeg, feature = material()
    for there, begun in ((6, True), (0, False)):
        heard = np.full(feature.size, np.nan)
        heard[RATE : RATE + there] = feature[RATE : RATE + there]
        heard[6 * RATE :] = feature[6 * RATE :]
        rebuilder = at_work(eeg[: 12 * RATE], heard[: 8 * RATE], np.array([2, 5]))
        rebuilt = rebuilder.rebuilt.read(106 * RATE, 108 * RATE)
        assert np.isfinite(rebuilt).any() == begun
        assert rebuilder.learnt == there / RATE


def test_a_stored_decoder_rebuilds_from_the_first_second_by_the_levels_of_then() -> None:
    rng = np.random.default_rng(0)
    known = rng.standard_normal((600, 2))
    known *= 1.0 / np.sqrt(np.mean(known**2, axis=0))  # in units of the levels
    prior = Sums.zero(2).plus(known, known @ [1.0, -0.5])
    levels = np.array([20.0, 3.0])
    second = rng.standard_normal((RATE, 2))
    second *= levels / np.sqrt(np.mean(second**2, axis=0))  # each second is of just that size
    source = Strip(2, keep=20 * RATE)
    source.write(0, np.tile(second, (10, 1)))

    def first(given: np.ndarray | None) -> np.ndarray:
        begun = Rebuilder(source, 2, np.array([0]), prior=prior, levels=given)
        begun.rebuild(0, np.zeros(RATE))
        return begun.rebuilt.read(0, RATE)[:, 0]

    later = Rebuilder(source, 2, np.array([0]), prior=prior, learns=False)
    for k in range(6):
        if k == 5:
            later.learn(k)
        later.rebuild(k, np.zeros(RATE))
    as_later = later.rebuilt.read(5 * RATE, 6 * RATE)[:, 0]
    assert np.std(as_later) > 0.2
    np.testing.assert_allclose(first(levels), as_later, rtol=1e-9)
    # An electrode whose level is not known waits for the session; with none there is nothing yet.
    one = first(levels * [0.0, 1.0])
    assert abs(np.corrcoef(one, second[:, 1])[0, 1]) == pytest.approx(1.0)
    assert np.isnan(first(np.zeros(2))).all()
    assert np.isnan(first(None)).all()


def test_it_tells_how_much_of_each_column_was_there_in_each_of_the_newest_ten_seconds() -> None:
    eeg, feature = material()
    there = np.linspace(0.0, 0.75, 4)
    for second in range(14, 24):
        at = (second + 2) * RATE + int(RATE * there[second % 4])
        eeg[at : (second + 3) * RATE, 1] = np.nan
    rebuilder = at_work(eeg[: 26 * RATE], feature[: 24 * RATE], np.array([0]))
    for second in range(14, 24):
        assert rebuilder.share_at(100 + second).tolist() == [1.0, there[second % 4], 1.0, 1.0]
