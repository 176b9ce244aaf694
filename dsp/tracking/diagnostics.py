"""Beside the one number: where in frequency and time the tracking sits. Never used to decide.

Each figure stands beside its own chance level. Coherence and phase locking at the beat are
confounded by the sound's own spectrum (Henry, Herrmann & Grahn 2017, doi
10.1371/journal.pone.0172454) and need 60 s or more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dsp.filters import bandpass
from dsp.grid import RATE, Bools, Floats
from dsp.spectra import beat_rate
from dsp.tracking.nulls import Nulls, bins_of

SEGMENT = 5  #: s of a segment for coherence and phase locking, half overlapping
_MIN_SEGMENTS = 6
_N_DRAWS = 500
_REACH = 0.5  # s around no lag in which the best one is looked for


@dataclass(frozen=True)
class Figure:
    """One figure and what chance exceeds in 5 % of cases; NaN without enough data."""

    name: str
    value: float
    null95: float


def diagnose(rebuilt: Floats, feature: Floats, *, beat: float = 0.0, seed: int = 0) -> list[Figure]:
    """Delta and theta correlation, best lag, coherence and phase locking at the beat and twice it.

    Parameters
    ----------
    rebuilt, feature : float64 [shape=(n,)]
        At 64 Hz from a `Tracker`; NaN where masked.
    beat : float
        Hz; found from the feature where 0.
    seed : int
        Of the surrogates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> feature = rng.standard_normal(60 * RATE)
    >>> figures = diagnose(feature + rng.standard_normal(feature.size), feature, beat=2.0)
    >>> [figure.name for figure in figures][:3], all(f.value > f.null95 for f in figures[:2])
    (['r_delta', 'r_theta', 'best_lag_s'], True)
    """
    ok = np.isfinite(rebuilt) & np.isfinite(feature)
    masked, heard = np.where(ok, rebuilt, 0.0), np.nan_to_num(feature)
    nulls = Nulls(seed=seed, n_bins=bins_of(heard.size))
    out = []
    for name, band in (("r_delta", (1.0, 4.0)), ("r_theta", (4.0, 8.0))):
        taps = bandpass(*band)
        if np.count_nonzero(ok) < 20 * RATE:
            out.append(Figure(name, math.nan, math.nan))
            continue
        y = np.where(ok, np.convolve(masked, taps, mode="same"), 0.0)
        s = np.convolve(heard, taps, mode="same")
        size = math.sqrt(float(y @ y) * float(s[ok] @ s[ok]))
        null = nulls.judge(y, s, s)
        if null is None or size <= 0.0:
            out.append(Figure(name, math.nan, math.nan))
        else:
            out.append(Figure(name, float(y @ s) / size, null.level95 / size))
    out += _lag(masked, ok, heard)
    rate = beat or beat_rate(heard)
    for factor in (1, 2):
        out += _at_rate(
            masked, ok, heard, factor * rate, "beat" if factor == 1 else "2x_beat", seed
        )
    return out


def _lag(masked: Floats, ok: Bools, heard: Floats) -> list[Figure]:
    """Lag of the best correlation against the decoder's own alignment, and that correlation.

    Its chance level makes the same search on shifted features.
    """
    n, reach = masked.size, round(_REACH * RATE)
    if np.count_nonzero(ok) < 20 * RATE:
        return [Figure("best_lag_s", math.nan, math.nan), Figure("r_best_lag", math.nan, math.nan)]
    cross = np.fft.irfft(np.fft.rfft(masked) * np.conj(np.fft.rfft(heard)), n)
    size = math.sqrt(float(masked @ masked) * float(heard[ok] @ heard[ok]))
    scaled = cross / max(size, 1e-30)
    lags = np.arange(-reach, reach + 1)
    near = scaled[lags % n]
    at = int(np.argmax(near))
    centres = np.arange(2 * RATE + reach, n - 2 * RATE - reach, reach)
    best = [scaled[(c + lags) % n].max() for c in centres]
    null = float(np.quantile(best, 0.95)) if best else math.nan
    return [
        Figure("best_lag_s", float(lags[at]) / RATE, math.nan),
        Figure("r_best_lag", float(near[at]), null),
    ]


def _at_rate(
    masked: Floats, ok: Bools, heard: Floats, hz: float, name: str, seed: int
) -> list[Figure]:
    """Coherence and phase-locking value at `hz`; null: a random phase for each segment."""
    nothing = [Figure(f"coherence_{name}", math.nan, math.nan)]
    nothing.append(Figure(f"plv_{name}", math.nan, math.nan))
    if not 0.0 < hz <= 8.0:
        return nothing
    n = SEGMENT * RATE
    wave = np.hamming(n) * np.exp(-2j * np.pi * hz * np.arange(n) / RATE)
    pairs = [
        (masked[a : a + n] @ wave, heard[a : a + n] @ wave)
        for a in range(0, masked.size - n + 1, n // 2)
        if ok[a : a + n].mean() >= 0.8
    ]
    if len(pairs) < _MIN_SEGMENTS:
        return nothing
    y, s = (np.array(v) for v in zip(*pairs, strict=True))
    cross = y * np.conj(s)
    turn = np.exp(
        2j * np.pi * np.random.default_rng(seed).random((_N_DRAWS, (len(pairs) + 1) // 2))
    )
    # Neighbours share half of their samples: they turn together.
    turn = np.repeat(turn, 2, axis=1)[:, : len(pairs)]
    power = max(float(np.sum(np.abs(y) ** 2) * np.sum(np.abs(s) ** 2)), 1e-30)
    unit = cross / np.maximum(np.abs(cross), 1e-30)
    figures = []
    for label, terms, scale in (("coherence", cross, power), ("plv", unit, len(pairs) ** 2)):
        value = float(np.abs(terms.sum()) ** 2 / scale)
        null = np.abs((turn * terms).sum(axis=1)) ** 2 / scale
        level = float(np.quantile(null, 0.95))
        if label == "plv":
            value, level = math.sqrt(value), math.sqrt(level)
        figures.append(Figure(f"{label}_{name}", value, level))
    return figures
