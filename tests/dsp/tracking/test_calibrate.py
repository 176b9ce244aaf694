"""A calibration of any length uses all of it, and says what each half minute was like."""

import numpy as np
import pytest

from dsp.grid import RATE
from dsp.quality import Guard
from dsp.tracking.alignment import KEEP
from dsp.tracking.calibrate import calibrate
from dsp.tracking.expectation import CENTRE

CH, SFREQ = ("Fz", "Cz"), 125.0


def recording(seconds: int) -> tuple:
    rng = np.random.default_rng(seconds)
    rows = np.full((seconds * 64, 4), CENTRE[3])
    rows[:, :3] = 0.0
    at = np.cumsum(rng.uniform(0.3, 0.8, 4 * seconds))
    rows[(at[at < seconds] * 64).astype(int), 0] = 1.0
    times = 100.0 + np.arange(len(rows)) / 64
    eeg_times = 100.0 + np.arange(round(seconds * SFREQ)) / SFREQ
    answer = np.interp(eeg_times - 0.1, times, np.convolve(rows[:, 0], np.hanning(13), "same"))
    eeg = 10.0 * rng.standard_normal((eeg_times.size, 2)) + 5.0 * answer[:, None]
    block = Guard(ch_names=CH, sfreq=SFREQ).push(eeg.astype(np.float32), eeg_times)
    return [block], (rows, times)


@pytest.mark.parametrize("seconds", [100, 2 * KEEP // RATE])
def test_nothing_of_a_recording_is_forgotten(seconds: int) -> None:
    decoder = calibrate([recording(seconds)], ch_names=CH, sfreq=SFREQ)
    assert decoder.sums.seconds > 0.85 * seconds
    assert len(decoder.windows) >= seconds // 30 - 2
    assert decoder.windows[:, 0].mean() == pytest.approx(decoder.r, abs=0.05)
    assert decoder.windows[:, 5] == pytest.approx(np.full(len(decoder.windows), CENTRE[3]))
