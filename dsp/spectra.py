"""Spectra in exact units, and what stands out of them.

Power spectra are one-sided densities in µV²/Hz from Hann windows (Welch 1967, IEEE Trans.
Audio Electroacoust. 15:70). Band power is the sum of density times bin width, normalised so
that a sine of power P contributes P: 50 µV² at 10 Hz read 50 in 8-12 Hz at any window length.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError, check_number
from dsp.grid import RATE, Bools, Floats


def density(
    x: npt.ArrayLike, *, sfreq: float, taper: Floats | None = None
) -> tuple[Floats, Floats]:
    """One-sided power density of one window.

    ``S[k] = 2 |X[k]|² / (sfreq sum(w²))``, weighted mean removed, Hann window w; the lines at
    0 Hz and at half the rate count once.

    Parameters
    ----------
    x : float [shape=(n, ...)]
        Microvolt; along axis 0.
    sfreq : float
        Hz.
    taper : float64 [shape=(n, ...)], optional
        Further weights, 0 where masked; the density is that of the weighted samples.

    Returns
    -------
    hz : float64 [shape=(n // 2 + 1,)]
    power : float64 [shape=(n // 2 + 1, ...)]
        µV²/Hz.

    Examples
    --------
    >>> wave = 10.0 * np.sin(2 * np.pi * 10.0 * np.arange(500) / 250)  # 50 square microvolt
    >>> hz, power = density(wave, sfreq=250.0)
    >>> float(hz[power.argmax()]), round(float(power.sum() * hz[1]), 3)
    (10.0, 50.0)
    """
    data = np.asarray(x, dtype=np.float64)
    n = data.shape[0]
    if n < 8:
        raise InputError(f"A spectrum of {n} samples was asked for; expected at least 8.")
    window = hann(n).reshape((n,) + (1,) * (data.ndim - 1))
    weights = window if taper is None else window * taper
    total = weights.sum(axis=0)
    mean = (data * weights).sum(axis=0) / np.where(total > 0.0, total, 1.0)
    spectrum = np.fft.rfft((data - mean) * weights, axis=0)
    size = np.sum(weights**2, axis=0)
    power = np.abs(spectrum) ** 2 * (2.0 / (sfreq * np.where(size > 0.0, size, np.inf)))
    power[0] /= 2.0
    if n % 2 == 0:
        power[-1] /= 2.0
    return np.asarray(np.fft.rfftfreq(n, 1.0 / sfreq)), np.asarray(power)


def hann(n: int) -> Floats:
    """Periodic Hann window [shape=(n,)].

    Examples
    --------
    >>> hann(4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return np.asarray(np.hanning(n + 1)[:n])


def degrees_of_freedom(weights: Floats, lines: int) -> Floats:
    """Degrees of freedom of the mean of neighbouring lines of a tapered density.

    ``k = 2 L² / sum_ij |W[i - j] / W[0]|²`` over L lines, W the transform of the squared weights:
    lines that share samples are alike (Percival & Walden 1993, Spectral Analysis for Physical
    Applications, chapter 6). For a density that is even over them.

    Parameters
    ----------
    weights : float64 [shape=(n, n_columns)]
        Window and taper; some of each column over 0.
    lines : int
        At most a quarter of n.

    Returns
    -------
    float64 [shape=(n_columns,)]

    Examples
    --------
    >>> even = np.ones((500, 1))
    >>> degrees_of_freedom(even, 7).round(6).tolist()  # no two lines are alike
    [14.0]
    >>> degrees_of_freedom(hann(500)[:, None], 1).tolist()
    [2.0]
    >>> bool(degrees_of_freedom(hann(500)[:, None], 7)[0] < 8.0)
    True
    """
    shared = np.abs(np.fft.rfft(weights**2, axis=0)[:lines]) ** 2
    apart = np.arange(lines)[:, None]
    pairs = np.where(apart == 0, 1.0, 2.0) * (lines - apart)
    return np.asarray(2.0 * lines**2 * shared[0] / np.sum(pairs * shared, axis=0))


def band_power(x: npt.ArrayLike, sfreq: float, low: float, high: float) -> Floats:
    """Power of `x` in the band [`low`, `high`), µV².

    Sum of the densities of a half-open band times the bin width, so neighbouring bands add up to
    the whole. The Hann window spreads a tone over its bin and the next on each side; a window so
    short that the band is less than four bins wide is taken without it, or a part of a tone in
    mid-band would be lost.

    Parameters
    ----------
    x : float [shape=(n, ...)]
        Microvolt; along axis 0.
    sfreq, low, high : float
        Hz.

    Returns
    -------
    float64 [shape=(...)]

    Examples
    --------
    >>> wave = 10.0 * np.sin(2 * np.pi * 10.0 * np.arange(500) / 250)
    >>> round(float(band_power(wave, 250.0, 8.0, 12.0)), 3)
    50.0
    """
    check_number("low", low, low=0.0, high=sfreq / 2, unit="Hz")
    check_number("high", high, low=low, high=sfreq / 2, unit="Hz")
    data = np.asarray(x, dtype=np.float64)
    n = data.shape[0]
    if (high - low) * n / sfreq < 4.0:
        power = 2.0 * np.abs(np.fft.rfft(data - data.mean(axis=0), axis=0)) ** 2 / (sfreq * n)
        hz = np.fft.rfftfreq(n, 1.0 / sfreq)
    else:
        hz, power = density(data, sfreq=sfreq)
    inside = (hz >= low) & (hz < high)
    return np.asarray(power[inside].sum(axis=0) * (hz[1] - hz[0]))


def aperiodic_level(
    hz: Floats, power: Floats, where: Bools, *, steepest: float = math.inf
) -> float:
    """Mean over `where` of the aperiodic part of a density, µV²/Hz.

    ``log S = a - b log f`` through the middles of 2-4 Hz and of 14-30 Hz: between them theta and
    alpha stand as peaks. Octaves count alike: bins are equally spaced, and their plain mean would
    only see the upper end. Logarithms of single periodogram bins lie low by a constant, which is
    the same for all bins and cancels in a difference to a mean over time of the same kind.

    Parameters
    ----------
    hz, power : float64 [shape=(n_bins,)]
    where : bool [shape=(n_bins,)]
    steepest : float, optional
        Largest b that is believed. Where the density falls faster, the line goes through 14-30 Hz
        with this b: what there is more in 2-4 Hz is none of the background.

    Examples
    --------
    >>> hz = np.arange(1.0, 60.0, 0.5)
    >>> power = 100.0 / hz
    >>> power[hz == 10.0] *= 20.0  # alpha is no background
    >>> round(aperiodic_level(hz, power, hz == 5.0), 3)
    20.0
    >>> power[hz < 4.0] *= 9.0  # nor is what moves slowly
    >>> round(aperiodic_level(hz, power, hz == 5.0, steepest=1.0), 3)
    20.0
    """
    low, high = (hz >= 2.0) & (hz < 4.0) & (power > 0.0), (hz > 14.0) & (hz <= 30.0) & (power > 0.0)
    if np.count_nonzero(low) < 2 or np.count_nonzero(high) < 2:
        raise InputError("The spectrum has too few lines in 2-30 Hz; expected at least 1 s of EEG.")
    (x0, y0), (x1, y1) = (
        np.average(np.log([hz[part], power[part]]), axis=1, weights=1.0 / hz[part])
        for part in (low, high)
    )
    slope = min(float((y0 - y1) / (x1 - x0)), steepest)
    return float(np.mean(np.exp(y1 - slope * (np.log(hz[where]) - x1))))


def line_share(x: Floats, *, sfreq: float, low: float, high: float) -> tuple[Floats, Floats]:
    """Share of the power in a band that stands in its strongest narrow line.

    Parameters
    ----------
    x : float64 [shape=(n, n_channels)]
        0 where masked.
    sfreq, low, high : float
        Hz.

    Returns
    -------
    share : float64 [shape=(n_channels,)]
        Of the five neighbouring bins that hold most; 0 without power.
    hz : float64 [shape=(n_channels,)]
        Where they are.

    Examples
    --------
    >>> t = np.arange(20 * 64)[:, None] / 64
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal(t.shape)
    >>> share, hz = line_share(np.sin(2 * np.pi * 5.0 * t) + noise, sfreq=64.0, low=1.0, high=9.0)
    >>> round(float(share[0]), 2), round(float(hz[0]))
    (1.0, 5)
    """
    freqs, power = density(x, sfreq=sfreq)
    inside = (freqs >= low) & (freqs <= high)
    freqs, power = freqs[inside], power[inside]
    total = power.sum(axis=0)
    run = np.zeros((power.shape[0] + 1, power.shape[1]))
    np.cumsum(power, axis=0, out=run[1:])
    lines = run[5:] - run[:-5]
    at = np.argmax(lines, axis=0)
    best = lines[at, np.arange(power.shape[1])]
    share = np.where(total > 1e-12, best / np.where(total > 1e-12, total, 1.0), 0.0)
    return share, freqs[at + 2]


def beat_rate(feature: Floats) -> float:
    """Strongest rhythm in 0.8-4 Hz of a feature [shape=(n,)] at 64 Hz, Hz.

    0 without energy, or from less than 20 s. NaN, where nothing was heard, counts as the mean.

    Examples
    --------
    >>> t = np.arange(30 * RATE) / RATE
    >>> feature = np.maximum(np.cos(2 * np.pi * 2.0 * t), 0.0)  # swells twice a second
    >>> round(beat_rate(feature), 2)
    2.0
    """
    heard = np.isfinite(feature)
    if np.count_nonzero(heard) < 20 * RATE:
        return 0.0
    n = feature.size
    level = np.where(heard, feature - feature[heard].mean(), 0.0)
    if not level.any():
        return 0.0
    power = np.abs(np.fft.rfft(level * np.hanning(n))) ** 2
    hz = np.fft.rfftfreq(n, 1.0 / RATE)
    inside = (hz >= 0.8) & (hz <= 4.0)
    return float(hz[inside][np.argmax(power[inside])])
