"""The tone of a lead-off current is found in EEG, mains, offset, drift and lost samples."""

from __future__ import annotations

import numpy as np
import pytest

from dsp.checks import InputError
from dsp.impedance import LEAD_OFF_HZ, lead_off_kohm

KOHM = np.array([2.5, 5.0, 10.0, 50.0, 300.0])


@pytest.mark.parametrize("sfreq", [250.0, 125.0])
@pytest.mark.parametrize("phase", [0.0, 1.0, 2.5])
def test_two_seconds_tell_an_impedance_to_two_percent(sfreq, phase):
    rng = np.random.default_rng(3)
    t = np.arange(round(2 * sfreq)) / sfreq
    tone = 6e-9 * (KOHM + 2.2) * 1e3 * 1e6 * np.sin(2 * np.pi * LEAD_OFF_HZ * t + phase)[:, None]
    other = 20.0 * np.sin(2 * np.pi * 10.0 * t + 1) + 10.0 * np.sin(2 * np.pi * 50.0 * t)
    uv = tone + other[:, None] + rng.normal(0.0, 1.0, tone.shape) - 40_000.0 + 300.0 * t[:, None]
    assert lead_off_kohm(uv, sfreq) == pytest.approx(KOHM, rel=0.02)
    uv[rng.random(t.size) < 0.05] = np.nan
    assert lead_off_kohm(uv, sfreq) == pytest.approx(KOHM, rel=0.05)


def test_no_electrode_and_no_samples_are_told_apart():
    uv = np.zeros((500, 2))
    uv[50:, 1] = np.nan
    nothing, unknown = lead_off_kohm(uv, 250.0)
    assert nothing == 0.0  # shorted: not even the board's own resistors
    assert np.isnan(unknown)


def test_a_rate_that_cannot_hold_the_tone_is_refused():
    with pytest.raises(InputError, match="sfreq"):
        lead_off_kohm(np.zeros((100, 1)), 64.0)
