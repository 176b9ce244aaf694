"""Blinks that come with the beat are found out, and others are left in peace."""

import numpy as np
import pytest

from dsp.artifacts import MARGIN_BEFORE
from dsp.filters import Strip
from dsp.grid import RATE
from dsp.tracking.doubts.blinks import BlinkLock


def test_blinks_on_the_beat_are_cannot_tell_and_bring_nothing() -> None:
    """Where blinks fall on every third onset, the state is withheld; random ones do no harm."""
    rng = np.random.default_rng(12)
    flux = np.zeros(90 * 64)
    at = np.cumsum(rng.choice([0.15, 0.3, 0.45, 0.6], 220) + rng.normal(0, 0.01, 220))
    flux[(at[at < 89] * 64).astype(int)] = 1.0
    onsets = np.flatnonzero(flux) / 64
    locked = rng.choice(onsets, 40, replace=False) + 0.1 + rng.normal(0, 0.05, 40)
    smooth = np.convolve(flux - flux.mean(), np.hanning(9), mode="same")
    lock = BlinkLock(Strip(2, keep=90 * 64))
    assert lock.p(np.sort(locked), smooth, rate=64) < 0.01
    p = [lock.p(np.sort(rng.uniform(1, 88, 40)), smooth, rate=64) for _ in range(60)]
    assert np.mean(np.array(p) < 0.01) <= 0.05
    assert lock.p(locked[:5], smooth, rate=64) == 1.0


class Caught(BlinkLock):
    """Keeps what would be tested, and says a p that was agreed on."""

    answer = 1.0

    def p(self, blinks: np.ndarray, feature: np.ndarray, *, rate: int) -> float:
        self.given = blinks.round(6).tolist(), feature, rate
        return self.answer


def caught(seconds: int = 200) -> Caught:
    feature = Strip(2, keep=seconds * RATE)
    count = np.arange(float(seconds * RATE))
    feature.write(0, np.stack([count, -count], axis=1))
    return Caught(feature)


def masked(*stretches: tuple[int, int, int]) -> np.ndarray:
    """Ten seconds at 100 Hz of two electrodes; first and last sample, electrode."""
    valid = np.ones((1000, 2), dtype=bool)
    for first, last, electrode in stretches:
        valid[first:last, electrode] = False
    return valid


def test_a_blink_is_the_start_of_a_mask_on_the_electrode_that_it_was_said_of() -> None:
    lock = caught()
    times = 10.0 + np.arange(1000) / 100
    valid = masked(
        (0, 10, 0), (100, 150, 0), (120, 180, 1), (200, 220, 1), (350, 360, 1), (480, 530, 0),
        (600, 610, 0), (632, 640, 1), (700, 710, 0), (729, 735, 1), (900, 910, 0),
    )  # fmt: skip
    words = {s: ("blink", "") for s in (10, 11, 12, 14, 15)} | {13: ("", "motion"), 19: ("muscle",)}
    words |= {16: ("blink", "blink"), 17: ("motion", "motion")}
    for rows in (slice(0, 490), slice(490, 1000)):  # one of the masks lies on the cut
        lock.note(times[rows], valid[rows], words)
    assert lock.look(100) == ""
    starts = [10.0, 11.0, 13.5, 14.8, 16.0, 16.32, 17.0]
    assert lock.given[0] == [round(at + MARGIN_BEFORE - 10.0, 6) for at in starts]


def test_the_blinks_and_the_sound_of_the_newest_minute_and_a_half_are_looked_at() -> None:
    lock = caught()
    for at in (9.7, 20.0, 98.9, 99.7):
        lock.note(np.array([at, at + 0.5]), np.array([[False], [True]]), {int(at): ("blink",)})
    lock.look(100)
    assert lock.given[0] == [0.0, 10.3, 89.2]
    assert lock.given[1].tolist() == list(range(10 * RATE, 100 * RATE))
    assert lock.given[2] == RATE
    lock.look(101)
    assert lock.given[0] == [9.3, 88.2, 89.0]


@pytest.mark.parametrize(("p", "said"), [(0.0099, True), (0.01, False)])
def test_it_is_said_under_one_in_a_hundred(p: float, said: bool) -> None:
    lock = caught()
    lock.answer = p
    assert lock.look(100) == ("Blinks or movements follow the sound." if said else "")


def test_p_is_the_share_of_random_times_written_out() -> None:
    rng = np.random.default_rng(4)
    feature = rng.standard_normal(40 * RATE)
    lock = BlinkLock(Strip(2, keep=RATE), seed=7)
    first, stop = 32, feature.size - 44 - 1  # what every lag from -0.5 to 0.7 s lies within
    lags = range(-32, 46, 2)

    def best(at: np.ndarray) -> float:
        return max(abs(float(np.mean(feature[at + lag]))) for lag in lags)

    for n in (15, 30, 80):
        at = np.concatenate([[first - 1, first, stop - 1, stop], rng.integers(first, stop, n - 2)])
        used = np.concatenate([[first, stop - 1], at[4:]])[-64:]
        drawn = first + np.random.default_rng(7).random((400, 64)) * (stop - first)
        random = [best(row[: used.size].astype(int)) for row in drawn]
        share = (1 + np.count_nonzero(np.array(random) >= best(used))) / 401
        assert lock.p(at / RATE, feature, rate=RATE) == pytest.approx(share)
        assert 0.0 < share < 1.0
    assert lock.p(at[:16] / RATE, feature, rate=RATE) == 1.0  # of which 14 are far enough inside


def test_silence_is_met_as_well_by_any_times() -> None:
    lock = BlinkLock(Strip(2, keep=RATE))
    assert lock.p(np.arange(2.0, 60.0), np.zeros(90 * RATE), rate=RATE) == 1.0
