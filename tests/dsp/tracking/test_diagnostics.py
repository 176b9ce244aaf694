"""Where the tracking sits in frequency and time, each figure beside its chance level."""

import numpy as np
import pytest

from dsp.filters import bandpass
from dsp.tracking.diagnostics import beat_rate, diagnose


def band(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    x = np.convolve(rng.standard_normal(n + 420), bandpass(low, high), mode="same")[210:-210]
    return x / x.std()


def figures(y: np.ndarray, s: np.ndarray, **kwargs: float) -> dict[str, tuple[float, float]]:
    return {f.name: (f.value, f.null95) for f in diagnose(y, s, **kwargs)}


def test_delta_and_theta_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    n = 64 * 90
    delta, theta = band(rng, n, 1.0, 4.0), band(rng, n, 4.0, 8.0)
    got = figures(0.5 * delta + band(rng, n, 1.0, 8.0), delta + theta)
    assert got["r_delta"][0] > 2 * got["r_delta"][1]
    assert got["r_theta"][0] < 2 * got["r_theta"][1]


def test_best_lag_is_found() -> None:
    rng = np.random.default_rng(1)
    n = 64 * 90
    s = band(rng, n, 1.0, 8.0)
    got = figures(np.roll(s, 8) + band(rng, n, 1.0, 8.0), s)
    assert got["best_lag_s"][0] == pytest.approx(0.125, abs=0.02)
    assert got["r_best_lag"][0] > got["r_best_lag"][1]


def test_beat_locking_exceeds_chance_only_where_it_is() -> None:
    rng = np.random.default_rng(2)
    n = 64 * 120
    t = np.arange(n) / 64
    s = np.cos(2 * np.pi * 2.0 * t) + 0.3 * band(rng, n, 1.0, 8.0)
    y = 0.5 * np.cos(2 * np.pi * 2.0 * t - 0.4) + band(rng, n, 1.0, 8.0)
    assert beat_rate(s) == pytest.approx(2.0, abs=0.02)
    got = figures(y, s)
    for name in ("coherence_beat", "plv_beat"):
        assert got[name][0] > got[name][1]
    above = [figures(band(rng, n, 1, 8), s)["plv_beat"] for _ in range(40)]
    assert np.mean([v > null for v, null in above]) <= 0.15


def test_too_little_data_gives_no_figure() -> None:
    y = np.full(64 * 30, np.nan)
    got = figures(y, np.ones(64 * 30))
    assert all(np.isnan(value) for value, _ in got.values())
