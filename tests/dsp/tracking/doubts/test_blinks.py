"""Blinks that come with the beat are found out, and others are left in peace."""

import numpy as np

from dsp.filters import Strip
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
