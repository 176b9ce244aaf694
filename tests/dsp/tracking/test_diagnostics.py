"""Where the tracking sits in frequency and time, each figure beside its chance level."""

import numpy as np
import pytest

from dsp.filters import bandpass
from dsp.tracking.diagnostics import beat_rate, diagnose
from dsp.tracking.nulls import Nulls, bins_of


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


def test_correlations_in_two_bands_are_those_of_the_filtered_signals() -> None:
    rng = np.random.default_rng(3)
    n = 64 * 30
    s = band(rng, n, 1.0, 8.0)
    y = 0.5 * s + band(rng, n, 1.0, 8.0)
    y[700:800] = np.nan
    s[1200:1250] = np.nan
    got = figures(y, s, seed=5)
    ok = np.isfinite(y) & np.isfinite(s)
    for name, edges in (("r_delta", (1.0, 4.0)), ("r_theta", (4.0, 8.0))):
        rebuilt = np.convolve(np.where(ok, y, 0.0), bandpass(*edges), mode="same") * ok
        heard = np.convolve(np.nan_to_num(s), bandpass(*edges), mode="same")
        size = np.sqrt(np.sum(rebuilt**2) * np.sum(heard[ok] ** 2))
        null = Nulls(seed=5, n_bins=bins_of(n)).judge(rebuilt, heard, heard)
        assert null is not None
        assert got[name] == pytest.approx((rebuilt @ heard / size, null.level95 / size))


@pytest.mark.parametrize(("n", "known"), [(20 * 64 - 1, False), (20 * 64, True)])
def test_twenty_seconds_are_needed(n: int, known: bool) -> None:
    s = band(np.random.default_rng(4), n, 1.0, 8.0)
    got = figures(s, s)
    for name in ("r_delta", "r_theta", "best_lag_s", "r_best_lag"):
        assert np.isfinite(got[name][0]) == known


def test_the_best_lag_is_sought_within_half_a_second_and_so_is_chance() -> None:
    rng = np.random.default_rng(5)
    n = 64 * 21 + 7
    s = rng.standard_normal(n)
    y = np.roll(s, -32) + rng.standard_normal(n)
    y[300:330] = np.nan
    got = figures(y, s)
    ok = np.isfinite(y)
    masked = np.where(ok, y, 0.0)
    size = np.sqrt(np.sum(masked**2) * np.sum(s[ok] ** 2))
    at = {k: masked @ np.roll(s, k) / size for k in range(-40, n)}
    assert got["best_lag_s"][0] == -0.5
    assert np.isnan(got["best_lag_s"][1])
    centres = range(128 + 32, n - 128 - 32, 32)
    null = np.quantile([max(at[c + k] for k in range(-32, 33)) for c in centres], 0.95)
    assert got["r_best_lag"] == pytest.approx((at[-32], null))
    beyond = figures(np.roll(s, 33), s)["best_lag_s"][0]
    assert abs(beyond) <= 0.5
    assert figures(np.zeros(n), s)["r_best_lag"][0] == 0.0


@pytest.mark.parametrize("factor", [1, 2])
def test_locking_at_the_beat_is_the_sum_over_segments_written_out(factor: int) -> None:
    rng = np.random.default_rng(6)
    n, hz, seed = 64 * 24, 1.7, 8
    s = np.cos(2 * np.pi * hz * np.arange(n) / 64) + rng.standard_normal(n)
    y = 0.3 * s + rng.standard_normal(n)
    y[320:384] = np.nan  # a fifth of a segment: it still counts, and its neighbour
    y[900:965] = np.nan  # more: it does not
    got = figures(y, s, beat=hz, seed=seed)
    ok, masked = np.isfinite(y), np.nan_to_num(y)
    wave = np.hamming(320) * np.exp(-2j * np.pi * factor * hz * np.arange(320) / 64)
    spans = [slice(a, a + 320) for a in range(0, n - 319, 160)]
    spans = [span for span in spans if ok[span].mean() >= 0.8]
    seen, heard = (np.array([x[span] @ wave for span in spans]) for x in (masked, s))
    cross = seen * heard.conj()
    draws = np.random.default_rng(seed).random((500, (cross.size + 1) // 2))
    turn = np.exp(2j * np.pi * np.repeat(draws, 2, axis=1)[:, : cross.size])
    power = np.sum(np.abs(seen) ** 2) * np.sum(np.abs(heard) ** 2)
    unit = cross / np.abs(cross)
    name = "beat" if factor == 1 else "2x_beat"
    chance = np.quantile(np.abs(turn @ cross) ** 2 / power, 0.95)
    assert got[f"coherence_{name}"] == pytest.approx((np.abs(cross.sum()) ** 2 / power, chance))
    chance = np.quantile(np.abs(turn @ unit) / cross.size, 0.95)
    value = np.abs(unit.sum()) / cross.size
    assert got[f"plv_{name}"] == pytest.approx((value, chance), rel=1e-3)


@pytest.mark.parametrize(("seconds", "known"), [(17.5, True), (17.4, False)])
def test_locking_needs_six_segments_and_a_beat_in_the_band(seconds: float, known: bool) -> None:
    s = band(np.random.default_rng(7), int(seconds * 64), 1.0, 8.0)
    got = figures(s, s, beat=4.0)
    assert np.isfinite(got["plv_beat"][0]) == known
    assert np.isfinite(got["coherence_2x_beat"][0]) == known  # 8 Hz is within
    assert np.isnan(figures(s, s, beat=4.1)["plv_2x_beat"][0])
    assert np.isnan(figures(s, np.zeros_like(s))["plv_beat"][0])
