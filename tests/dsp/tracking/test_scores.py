"""r, its chance level and its interval, with a layer over the music and without."""

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from dsp.grid import RATE
from dsp.tracking.nulls import NullResult, Nulls
from dsp.tracking.scores import WINDOW, Compared, Score, Tracking, compare, window_score

N = 1920  # 30 s


def smooth(rng: np.random.Generator) -> np.ndarray:
    return np.convolve(rng.standard_normal(N + 8), np.hanning(9), mode="valid")


def scored(y: np.ndarray, s: np.ndarray, layer: np.ndarray) -> Score:
    compared = compare(y, s, layer)
    null = Nulls(seed=0).judge(compared.masked, compared.feature, compared.feature)
    return window_score(compared, null, 30.0)


def listener(
    seed: int, *, music: float, layer: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reconstructions without and with the layer, music that shares half with it, the layer."""
    rng = np.random.default_rng(seed)
    pulse = smooth(rng)
    s = smooth(rng) + pulse
    alone = music * s + smooth(rng)
    alone[500:700] = np.nan
    return alone, alone + layer * np.roll(pulse, 3), s, pulse


def test_without_a_layer_r_is_the_plain_correlation() -> None:
    alone, _, s, pulse = listener(0, music=0.3, layer=0.0)
    ok = np.isfinite(alone)
    got = scored(alone, s, 0.0 * pulse)
    assert got.r == pytest.approx(np.corrcoef(alone[ok], s[ok])[0, 1])
    assert got.r_low < got.r < got.r_high
    assert got.told


def test_the_layer_changes_neither_r_of_the_music_nor_hides_that_it_is_less_certain() -> None:
    off, on = [], []
    for seed in range(40):
        alone, both, s, pulse = listener(seed, music=0.3, layer=2.0)
        off.append(scored(alone, s, 0.0 * pulse))
        on.append(scored(both, s, pulse))
    change = np.array([b.r - a.r for a, b in zip(off, on, strict=True)])
    assert np.mean([a.r for a in off]) > 0.3
    assert abs(change.mean()) < 2.5 * change.std() / math.sqrt(change.size) + 0.005
    assert np.mean([b.r_null95 for b in on]) > 1.2 * np.mean([a.r_null95 for a in off])
    wide = [math.atanh(b.r_high) - math.atanh(b.r_low) for b in on]
    assert np.mean(wide) > 1.2 * np.mean([math.atanh(a.r_high) - math.atanh(a.r_low) for a in off])


def test_a_brain_that_follows_the_layer_alone_shows_no_r_of_the_music() -> None:
    r, p = [], []
    for seed in range(60):
        _, both, s, pulse = listener(100 + seed, music=0.0, layer=2.0)
        got = scored(both, s, pulse)
        r.append(got.r)
        p.append(got.p)
    assert abs(np.mean(r)) < 0.03
    assert np.mean(np.array(p) < 0.05) <= 0.12


def test_where_the_layer_is_nearly_all_of_the_music_nothing_is_told() -> None:
    rng = np.random.default_rng(5)
    pulse = smooth(rng)
    s = 5.0 * np.roll(pulse, 3) + 0.5 * smooth(rng)
    got = scored(s + smooth(rng), s, pulse)
    assert not got.told
    assert math.isnan(got.r)
    assert got.p == 1.0


# Outside truth: music and layer regressed on together, by a library


def noise(seed: int, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


def regression(y: np.ndarray, s: np.ndarray, layer: np.ndarray) -> float:
    """r of the music after what a regression on music and lagged layer gives the layer."""
    ok = np.isfinite(y)
    lagged = [np.roll(layer, lag) for lag in range(-12, 13, 3)]
    design = np.stack([s, *lagged, np.ones(N)], axis=1)[ok]
    b = np.linalg.lstsq(design, y[ok])[0]
    music = y[ok] - design[:, 1:] @ b[1:]
    return float(b[0] * s[ok].std() / music.std())


@pytest.mark.parametrize("masked", [slice(0, 0), slice(500, 700), slice(0, 1400), slice(1, N, 2)])
def test_r_is_that_of_a_regression_on_music_and_layer_together(masked: slice) -> None:
    layer = noise(1)
    s = noise(2) + 0.5 * np.roll(layer, 5) + 0.3
    y = 0.4 * s + 2.0 * np.roll(layer, 3) - np.roll(layer, -9) + noise(3) + 5.0
    y[masked] = np.nan
    got = scored(y, s, layer)
    assert got.r == pytest.approx(regression(y, s, layer), abs=1e-4)
    assert 0.2 < got.r < 0.6


@pytest.mark.parametrize("lag", [-12, -9, -3, 0, 6, 12])
def test_what_follows_the_layer_by_up_to_a_fifth_of_a_second_is_taken_out_whole(lag: int) -> None:
    assert abs(lag) / RATE < 0.2
    layer, s = noise(4), noise(5)
    compared = compare(3.0 * np.roll(layer, lag), s, layer)
    assert np.abs(compared.masked).max() < 1e-12


@pytest.mark.parametrize("lag", [-16, -2, 1, 14])
def test_white_noise_at_other_lags_is_not_the_layer(lag: int) -> None:
    layer, s = noise(4), noise(5)
    later = 3.0 * np.roll(layer, lag)
    assert compare(later, s, layer).masked.std() > 0.95 * later.std()


def test_between_its_lags_the_layer_is_taken_out_as_well_for_its_band_is_narrow() -> None:
    """Up to 8 Hz a lag every 47 ms is enough: 10.7 a second are told apart."""
    spectrum = np.fft.rfft(noise(6))
    spectrum[np.fft.rfftfreq(N, 1 / RATE) > 8.0] = 0.0
    layer, s = np.fft.irfft(spectrum, N), noise(7)
    for lag in (-10, -5, -1, 2, 4, 11):
        left = compare(np.roll(layer, lag), s, layer).masked
        assert left.std() < 0.1 * layer.std()


def shared(share_left: float) -> tuple[np.ndarray, np.ndarray]:
    """Music of which a layer leaves just this share of the energy; the layer."""
    layer, own = noise(8), noise(9)
    lagged = [np.roll(layer, lag) for lag in range(-12, 13, 3)]
    design = np.stack([*lagged, np.ones(N)], axis=1)
    own -= design @ np.linalg.lstsq(design, own)[0]
    seen = layer - layer.mean()
    own *= math.sqrt(share_left / (1 - share_left) * (seen @ seen) / (own @ own))
    return layer + own, layer


@pytest.mark.parametrize(("share", "told"), [(0.095, False), (0.105, True), (0.5, True)])
def test_music_and_layer_are_told_apart_while_a_tenth_of_the_music_is_left(
    share: float, told: bool
) -> None:
    """At a tenth the interval is as wide as after a tenth of the time, 3 s of the 30."""
    s, layer = shared(share)
    got = scored(0.02 * s + noise(10), s, layer)
    assert got.told is told
    assert compare(s, s, layer).told is told
    assert (compare(1e-3 * s, 1e-3 * s, 1e-3 * layer).size > 0.0) is told
    assert compare(1e-3 * s, 1e-3 * s, 1e-3 * layer).told is told
    assert math.isnan(got.r) is not told
    if told:
        alone = scored(0.02 * s + noise(10), s, 0.0 * layer)
        wide = [math.atanh(x.r_high) - math.atanh(x.r_low) for x in (alone, got)]
        assert wide[1] / wide[0] == pytest.approx(1 / math.sqrt(share), rel=0.1)


def test_the_interval_holds_90_percent_of_a_normal_law_on_fishers_scale() -> None:
    compared = Compared(np.array([3.0, 4.0]), np.array([0.6, 0.8]), size=10.0)
    null = NullResult(z=1.0, p=0.25, level95=2.0, sd=0.7, n_shifts=9)
    got = window_score(compared, null, 12.5)
    assert (got.r, got.r_null95, got.p, got.usable_s) == (pytest.approx(0.5), 0.2, 0.25, 12.5)
    for edge, share in ((got.r_low, 0.05), (got.r_high, 0.95)):
        away = math.atanh(edge) - math.atanh(0.5)
        assert norm.cdf(away / (0.7 / 10.0)) == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("r", [0.0, 0.4, -0.7])
def test_the_spread_by_chance_is_read_from_the_interval(r: float) -> None:
    away = 1.645 * 0.12
    low, high = math.tanh(math.atanh(r) - away), math.tanh(math.atanh(r) + away)
    assert Score(r=r, r_low=low, r_high=high).sd == pytest.approx(0.12)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 0.0)])
def test_an_interval_that_reaches_to_one_says_nothing_and_is_wide(low: float, high: float) -> None:
    reach = 0.5 * math.log(2e9)  # atanh of one less a billionth
    assert Score(r_low=low, r_high=high).sd == pytest.approx(reach / (2 * 1.645), rel=1e-3)


def test_the_shown_correlation_is_that_of_half_a_minute() -> None:
    assert WINDOW * RATE == N


# What can never be


def onset(quiet: float, loud: float) -> np.ndarray:
    """A pulse of 2 Hz that comes in at 25 s, with what a filter lets through before."""
    level = np.full(N, quiet)
    level[25 * RATE :] = loud
    return level * (1.0 + np.cos(2 * np.pi * 2.0 * np.arange(N) / RATE)) * (1 + 0.1 * noise(11))


@pytest.mark.parametrize(("quiet", "loud"), [(4e-11, 0.014), (2e-9, 0.014), (3e-7, 3e-5)])
def test_chance_stays_what_it_was_where_the_layer_came_in_while_eeg_was_masked(
    quiet: float, loud: float
) -> None:
    """Seen in a session: r +0.31 with a chance level of 911.63."""
    s = noise(12)
    y = 0.3 * s + noise(13)
    y[24 * RATE :] = y[:RATE] = np.nan
    with_layer, without = scored(y, s, onset(quiet, loud)), scored(y, s, np.zeros(N))
    assert with_layer.r == pytest.approx(without.r, abs=0.02)
    assert with_layer.r_null95 == pytest.approx(without.r_null95, rel=0.15)
    assert with_layer.r_low == pytest.approx(without.r_low, abs=0.03)


def test_a_layer_that_is_off_changes_no_bit() -> None:
    s, y = noise(14), noise(14) + noise(16)
    off, without = compare(y, s, np.zeros(N)), compare(y, s)
    assert off.size == without.size
    assert off.feature is s
    assert np.array_equal(off.masked, without.masked)
    assert off.told


def test_a_layer_of_single_beats_is_taken_out_as_well() -> None:
    layer = np.where(np.arange(N) % 32 == 0, 0.5, 0.0)
    assert np.abs(compare(layer + 1.0, noise(18), layer).masked).max() < 1e-12


signals = st.tuples(
    st.integers(0, 5),  # seed
    st.sampled_from([0.0, 1e-12, 1e-4, 1.0, 1e6]),
    st.sampled_from(["noise", "constant", "pulse", "early", "late", "sine"]),
)


def signal(seed: int, size: float, kind: str) -> np.ndarray:
    n = 640
    out = noise(seed, n)
    if kind == "constant":
        out[:] = 1.0
    elif kind == "pulse":
        out[:] = np.arange(n) == 100 * seed
    elif kind == "early":
        out[200:] *= 1e-10
    elif kind == "late":
        out[:400] *= 1e-10
    elif kind == "sine":
        out[:] = np.sin(2 * np.pi * 2.0 * np.arange(n) / RATE)
    return size * out


@settings(max_examples=80, deadline=None)
@given(signals, signals, signals, st.integers(0, 639), st.integers(1, 640), st.floats(-2, 2))
def test_no_input_makes_a_correlation_or_its_chance_level_leave_their_range(
    y: tuple, s: tuple, layer: tuple, first: int, length: int, common: float
) -> None:
    music, pulse = signal(*s), signal(*layer)
    rebuilt = signal(*y) + common * (music + pulse)
    rebuilt[:first] = np.nan
    rebuilt[first + length :] = np.nan
    compared = compare(rebuilt, music, pulse)
    null = Nulls(seed=0, n_phases=50).judge(compared.masked, compared.feature, compared.feature)
    got = window_score(compared, null, 5.0)
    assert compared.size >= 0.0
    # What is taken out of what was heard only takes away.
    assert np.linalg.norm(compared.feature) <= np.linalg.norm(music) * (1 + 1e-6)
    if math.isnan(got.r):
        assert (math.isnan(got.r_null95), got.p, got.usable_s) == (True, 1.0, 5.0)
    else:
        assert -1.0 <= got.r_low <= got.r <= got.r_high <= 1.0
        assert 0.0 <= got.r_null95 <= 1.0
        assert 0.0 < got.p <= 1.0
        assert got.told


@pytest.mark.parametrize(("level", "shown"), [(-0.3, 0.0), (0.3, 0.3), (900.0, 1.0)])
def test_chance_cannot_be_less_than_nothing_or_more_than_all(level: float, shown: float) -> None:
    null = NullResult(z=0.0, p=0.5, level95=level, sd=0.1, n_shifts=1)
    got = window_score(Compared(np.ones(1), np.ones(1), 1.0), null, 1.0)
    assert got.r_null95 == shown


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("sure", [0.05, 1e-9])
def test_a_reconstruction_without_a_fault_has_an_interval_too(sign: float, sure: float) -> None:
    s = 1e-3 * noise(19)
    compared = compare(sign * s, s)
    null = NullResult(z=9.0, p=0.01, level95=0.1, sd=sure * compared.size, n_shifts=9)
    got = window_score(compared, null, 30.0)
    assert abs(got.r) == pytest.approx(1.0, abs=0.002)
    assert -1.0 < got.r_low <= got.r <= got.r_high < 1.0


def test_a_sound_that_never_changes_gives_no_r_and_no_fault_to_the_layer() -> None:
    for layer in (None, np.zeros(N), noise(20)):
        compared = compare(noise(21), np.full(N, 0.25), layer)
        assert compared.size == 0.0
        assert compared.told
        assert math.isnan(window_score(compared, None, 3.0).r)


def test_where_nothing_was_scored_nothing_is_said() -> None:
    assert Score().usable_s == 0.0
    assert Score().told
    null = NullResult(z=0.0, p=0.5, level95=1.0, sd=1.0, n_shifts=9)
    nothing = window_score(Compared(np.zeros(2), np.zeros(2), 0.0), null, 4.0)
    assert math.isnan(nothing.r)
    assert nothing.usable_s == 4.0


@pytest.mark.parametrize("kind", [Tracking, Score, Compared])
def test_what_was_found_is_a_value_that_nobody_changes_in_passing(kind: type) -> None:
    with pytest.raises(FrozenInstanceError):
        object.__new__(kind).usable_s = 0.5
