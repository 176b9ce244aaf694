"""The same signal gives the same numbers, bit for bit, however it is cut."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.quality import Guard
from dsp.reward import FrontalTheta
from dsp.tracking.tracker import Tracker

CH = ("Fz", "Cz", "TP9")
SFREQ = 125.0
SECONDS = 24


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    n = int(SECONDS * SFREQ)
    eeg = np.cumsum(rng.standard_normal((n, 3)), axis=0).astype(np.float32)
    eeg -= np.linspace(0, 1, n)[:, None].astype(np.float32) * eeg[-1]
    eeg[1500:1510] = np.nan
    eeg[1200:1205] = eeg[2000:2004] = np.nan  # a packet each: bridged
    eeg[900:940, 0] += 200.0 * np.hanning(40)
    times = 50.2 + np.arange(n) / SFREQ
    sound = rng.exponential(0.1, (SECONDS * 64, 3)).astype(np.float32)
    return eeg, times, sound, 50.203 + np.arange(SECONDS * 64) / 64


def run(cuts: list[int], sound_cuts: list[int]) -> tuple[np.ndarray, tuple, list]:
    eeg, times, sound, sound_times = scene()
    guard = Guard(ch_names=CH, sfreq=SFREQ)
    tracker = Tracker(ch_names=CH, sfreq=SFREQ)
    theta = FrontalTheta(ch_names=CH, sfreq=SFREQ)
    scores, eegs = [], []
    for a, b in zip([0, *sound_cuts], [*sound_cuts, len(sound)], strict=True):
        tracker.push_stimulus(sound[a:b], sound_times[a:b])
    for a, b in zip([0, *cuts], [*cuts, len(eeg)], strict=True):
        block = guard.push(eeg[a:b], times[a:b])
        if block is not None:
            tracker.push_eeg(block)
            scores += theta.push(block)
            eegs.append(np.where(block.valid, block.eeg, np.inf))
    out = tracker.estimate(times[-1])
    return np.concatenate(eegs), (out.r, out.p, out.evidence, out.r_null95), scores


WHOLE = run([], [])


def cuts(n: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, n), max_size=12).map(sorted)


@settings(max_examples=12, deadline=None)
@given(cuts(int(SECONDS * SFREQ)), cuts(SECONDS * 64))
def test_numbers_do_not_depend_on_chunks(eeg_cuts: list[int], sound_cuts: list[int]) -> None:
    eeg, figures, scores = run(eeg_cuts, sound_cuts)
    assert np.array_equal(eeg, WHOLE[0], equal_nan=True)
    assert figures == WHOLE[1]
    assert np.isfinite(figures[0])
    assert repr(scores) == repr(WHOLE[2])
    assert len(scores) >= 10
