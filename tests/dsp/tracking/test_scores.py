"""r, its chance level and its interval, with a layer over the music and without."""

import math

import numpy as np
import pytest

from dsp.tracking.nulls import Nulls
from dsp.tracking.scores import Score, compare, window_score

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
