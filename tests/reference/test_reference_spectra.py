"""Spectra and surrogates against SciPy's own."""

from itertools import pairwise

import numpy as np
import pytest

from dsp.filters import bandpass
from dsp.grid import RATE
from dsp.spectra import band_power, density


@pytest.mark.parametrize("n", [256, 500, 501])
def test_density_equals_scipy_periodogram(n: int) -> None:
    from scipy.signal import periodogram

    x = np.random.default_rng(0).standard_normal((n, 3)) * 7.0
    window = np.hanning(n + 1)[:n]
    hz, power = density(x, sfreq=250.0)
    theirs_hz, theirs = periodogram(
        x - np.average(x, axis=0, weights=window), 250.0, window, detrend=False, axis=0
    )
    assert np.allclose(hz, theirs_hz)
    assert np.allclose(power, theirs, rtol=1e-9, atol=1e-12)


def test_bands_add_up_to_the_variance() -> None:
    x = np.random.default_rng(1).standard_normal(250_000) * 5.0
    edges = [0.0, 4.0, 8.0, 13.0, 30.0, 60.0, 125.0]
    total = sum(float(band_power(x, 250.0, a, b)) for a, b in pairwise(edges))
    assert total == pytest.approx(25.0, rel=0.01)


def test_bandpass_has_the_half_amplitude_edges_of_firwin() -> None:
    from scipy.signal import firwin, freqz

    theirs = firwin(211, [1.0, 8.0], pass_zero=False, fs=RATE, window="hamming")
    _, mine = freqz(bandpass(1.0, 8.0), worN=4096, fs=RATE)
    _, other = freqz(theirs, worN=4096, fs=RATE)
    assert np.abs(np.abs(mine) - np.abs(other)).max() < 0.01
