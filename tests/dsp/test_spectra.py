"""Microvolts squared are microvolts squared, whatever the window."""

import numpy as np
import pytest

from dsp.spectra import aperiodic_level, band_power, density, line_share


@pytest.mark.parametrize("sfreq", [100.0, 250.0, 256.0])
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 2.37, 4.0, 10.0, 33.3])
def test_tone_of_50_reads_50_at_any_length(sfreq: float, seconds: float) -> None:
    t = np.arange(int(seconds * sfreq)) / sfreq
    tone = 10.0 * np.sin(2 * np.pi * 10.0 * t + 0.3) + 4.0
    assert band_power(tone, sfreq, 8.0, 12.0) == pytest.approx(50.0, rel=2e-3)


def test_tone_at_an_edge_is_shared_and_nothing_is_lost() -> None:
    t = np.arange(2500) / 250.0
    tone = 10.0 * np.sin(2 * np.pi * 8.0 * t)
    below, above = band_power(tone, 250.0, 4.0, 8.0), band_power(tone, 250.0, 8.0, 12.0)
    assert above > 4 * below  # the band is half open: 8 Hz itself belongs to the upper one
    assert below + above == pytest.approx(50.0, rel=1e-6)


def test_density_of_white_noise_is_variance_over_bandwidth() -> None:
    x = 3.0 * np.random.default_rng(1).standard_normal((100_000, 2))
    hz, power = density(x, sfreq=200.0)
    middle = (hz > 5) & (hz < 95)
    assert power[middle].mean(axis=0) == pytest.approx([0.09, 0.09], rel=0.02)


def test_aperiodic_level_does_not_see_theta_or_alpha() -> None:
    hz = np.arange(0, 125.5, 0.5)
    background = np.where(hz > 0, 40.0 / np.maximum(hz, 0.5) ** 1.2, 0.0)
    peaks = 30 * np.exp(-(((hz - 6) / 0.8) ** 2)) + 60 * np.exp(-(((hz - 10) / 1.0) ** 2))
    theta = (hz >= 4) & (hz < 8)
    got = aperiodic_level(hz, background + peaks, theta)
    assert got == pytest.approx(background[theta].mean(), rel=0.02)


def test_a_steeper_fall_than_is_believed_leaves_the_upper_end_alone() -> None:
    hz = np.arange(0, 125.5, 0.5)
    power = np.where(hz > 0, 40.0 / np.maximum(hz, 0.5) ** 1.2, 0.0)
    theta, upper = (hz >= 4) & (hz < 8), (hz > 14) & (hz <= 30)
    slow = np.where((hz >= 1) & (hz < 4), 10.0, 0.0)
    levels = [aperiodic_level(hz, power + k * slow, theta, steepest=0.9) for k in (0.0, 1.0, 9.0)]
    assert levels == pytest.approx([levels[0]] * 3)
    line = 40.0 / 20.6**1.2 * (20.6 / hz[theta]) ** 0.9  # through the middle of 14-30 Hz
    assert levels[0] == pytest.approx(line.mean(), rel=0.01)
    flat = np.where(upper, 9.0 * power, power)  # muscle: less steep, and believed
    assert aperiodic_level(hz, flat, theta, steepest=0.9) == aperiodic_level(hz, flat, theta)


def test_line_share_tells_a_tone_from_noise() -> None:
    rng = np.random.default_rng(2)
    t = np.arange(2048) / 64.0
    noise = rng.standard_normal(2048)
    share, hz = line_share(
        np.stack([noise, noise + 5 * np.sin(2 * np.pi * 5.0 * t)], axis=1),
        sfreq=64.0,
        low=1.0,
        high=9.0,
    )
    assert share[0] < 0.3
    assert share[1] > 0.9
    assert hz[1] == pytest.approx(5.0, abs=0.1)
