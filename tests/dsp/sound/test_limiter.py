from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dsp.sound.limiter import Limiter

Sound = npt.NDArray[np.float32]
CEILING = 10 ** (-1.0 / 20.0)


def _noise(n: int, *, seed: int = 0) -> Sound:
    """White noise below 20 kHz, rms 1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal((n, 2)), axis=0)
    spectrum[int(spectrum.shape[0] * 20 / 24) :] = 0.0
    noise = np.fft.irfft(spectrum, n, axis=0)
    return (noise / noise.std()).astype("f4")


def _through(sound: Sound, sizes: list[int]) -> Sound:
    limiter, out, at = Limiter(), [], 0
    while at < sound.shape[0]:
        size = sizes[len(out) % len(sizes)]
        out.append(limiter.process(sound[at : at + size]))
        at += size
    return np.concatenate(out)


def _true_peak_8x(sound: Sound) -> float:
    n = sound.shape[0]
    fine = np.fft.irfft(np.fft.rfft(sound, axis=0), 8 * n, axis=0) * 8
    return float(20 * np.log10(np.abs(fine[8_000:-8_000]).max()))


@pytest.mark.parametrize("loudness", [0.3, 0.6, 2.0])
def test_no_true_peak_is_over_the_ceiling(loudness: float) -> None:
    assert _true_peak_8x(_through(loudness * _noise(96_000), [480])) < -1.0 + 0.2


def test_a_full_scale_tone_between_the_samples_is_caught() -> None:
    # A quarter of the rate at 45 degrees: samples read 3 dB less than the tone's peak.
    n = 48_000
    tone = np.sin(np.pi / 2 * np.arange(n) + np.pi / 4).astype("f4")[:, None].repeat(2, axis=1)
    swell = np.minimum(1.0, np.arange(n) / 24_000)[:, None].astype("f4")
    assert np.abs(tone).max() < 0.72
    assert _true_peak_8x(_through(1.2 * tone * swell, [480])) < -1.0 + 0.2


def test_below_the_ceiling_it_is_transparent_bit_for_bit() -> None:
    sound = _noise(48_000)
    sound *= np.float32(0.99 * CEILING / (np.abs(sound).max() * 1.3))
    out = _through(sound, [480])
    np.testing.assert_array_equal(out[Limiter.delay :], sound[: -Limiter.delay])
    assert not out[: Limiter.delay].any()


def test_it_is_transparent_again_after_a_peak() -> None:
    sound = 0.05 * _noise(96_000)
    sound[1_000] = 3.0
    out = _through(sound, [480])
    assert np.abs(out).max() <= CEILING * 1.02
    np.testing.assert_array_equal(out[48_000:], sound[48_000 - Limiter.delay : -Limiter.delay])


def test_how_the_sound_is_cut_makes_no_difference() -> None:
    sound = 0.7 * _noise(30_000)
    whole = _through(sound, [480])
    np.testing.assert_allclose(_through(sound, [1, 7, 300, 4_801]), whole, atol=1e-6)


def test_the_gain_moves_without_a_step() -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(48_000) / 48_000).astype("f4")[:, None]
    sound = np.repeat(0.5 * tone, 2, axis=1)
    sound[24_000:] *= 4.0
    out = _through(sound, [480])
    after = out[24_000 + Limiter.delay + 480 :]
    before_step = out[: 24_000 + Limiter.delay - 1]
    assert np.abs(np.diff(after, axis=0)).max() < 0.9 * 2 * np.pi * 100 / 48_000 * 1.1
    assert np.abs(np.diff(before_step, axis=0)).max() < 0.5 * 2 * np.pi * 100 / 48_000 * 1.1


def test_the_same_gain_on_both_sides() -> None:
    sound = 0.3 * _noise(24_000)
    sound[:, 0] *= 4.0
    out, given = _through(sound, [480])[Limiter.delay :], sound[: -Limiter.delay]
    big = (np.abs(given) > 0.01).all(axis=1)
    np.testing.assert_allclose(out[big, 0] / given[big, 0], out[big, 1] / given[big, 1], rtol=1e-4)
