"""A swing with the beat is a movement where it is slower than an answer, or larger than any."""

import numpy as np
import pytest

from dsp.filters import Strip, bandpass
from dsp.grid import RATE
from dsp.tracking.alignment import KEEP
from dsp.tracking.decoder import lag_steps
from dsp.tracking.doubts.movement import (
    BOUND,
    LARGEST,
    LOCKED,
    BeatSwing,
    locked,
    periods,
    swing,
)
from dsp.tracking.rebuilder import Rebuilder

START, SECONDS = 1000, 90
BEAT = 0.55  # s


def music(rng: np.random.Generator, seconds: int = SECONDS) -> np.ndarray:
    """Filtered onsets on eighths: accents of a bar of four beats, and no bar like another."""
    step = BEAT / 2
    n = int(seconds / step) - 2
    accents = np.array([1.4, 0.5, 1.0, 0.5, 1.1, 0.5, 0.9, 0.3])
    size = np.resize(accents, n) * rng.uniform(0.5, 1.5, n)
    out = np.zeros(seconds * RATE)
    np.add.at(out, np.rint(np.arange(n) * step * RATE).astype(int), size)
    return np.convolve(out, bandpass(1.0, 8.0), mode="same")


def noise(rng: np.random.Generator, seconds: int = SECONDS, *, rms: float = 6.0) -> np.ndarray:
    """Three electrodes of noise in 1-8 Hz."""
    taps = bandpass(1.0, 8.0)
    raw = rng.standard_normal((seconds * RATE + taps.size - 1, 3))
    out = np.stack([np.convolve(column, taps, mode="valid") for column in raw.T], axis=1)
    return np.asarray(rms * out / out.std())


def nod(rms: float, *, every: int = 1, jitter: float = 0.03, seconds: int = SECONDS) -> np.ndarray:
    """A swing at every so many beats, one row for each grid point."""
    rng = np.random.default_rng(8)
    out = np.zeros(seconds * RATE + RATE)
    wave = np.sin(2 * np.pi * np.arange(35) / 35) * np.hanning(35)
    for at in np.arange(0.3, seconds - 1, every * BEAT):
        first = int((at + jitter * rng.standard_normal()) * RATE)
        out[first : first + wave.size] += wave
    out = out[: seconds * RATE]
    return np.asarray(rms * out / out.std())[:, None]


def answers(every: float, microvolts: float, seconds: int = SECONDS) -> np.ndarray:
    """N1 and P2 to even tones, so large from peak to peak; one row for each grid point."""
    lag = np.arange(26) / RATE
    wave = np.exp(-0.5 * ((lag - 0.19) / 0.04) ** 2) - np.exp(-0.5 * ((lag - 0.1) / 0.022) ** 2)
    at = np.zeros(seconds * RATE)
    at[np.rint(np.arange(0.3, seconds - 1, every) * RATE).astype(int)] = microvolts / np.ptp(wave)
    return np.convolve(np.convolve(at, wave)[: at.size], bandpass(1.0, 8.0), mode="same")[:, None]


def tones(every: float, seconds: int = SECONDS) -> np.ndarray:
    """Filtered onsets of even tones."""
    out = np.zeros(seconds * RATE)
    out[np.rint(np.arange(0.3, seconds - 1, every) * RATE).astype(int)] = 1.0
    return np.convolve(out, bandpass(1.0, 8.0), mode="same")


def said(heard: np.ndarray, eeg: np.ndarray, *, without: int | None = None) -> str:
    feature, strip = Strip(2, keep=KEEP), Strip(3, keep=KEEP)
    feature.write(START * RATE, np.stack([heard, np.zeros_like(heard)], axis=1))
    strip.write(START * RATE, eeg)
    decoder = Rebuilder(strip, 3, lag_steps(0.0, 0.4))
    if without is not None:
        decoder.without[without] = True
    return BeatSwing(strip, feature, decoder).look(START + len(heard) // RATE)


@pytest.mark.parametrize("every", [1, 2, 4])
def test_a_nod_at_every_beat_or_some_of_them_is_called_a_movement(every: int) -> None:
    rng = np.random.default_rng(every)
    eeg = noise(rng) + 6.0 * nod(1.0, every=every) * [1.0, -0.4, 0.1]
    assert said(music(rng), eeg) == "A swing with the beat looks like movement: keep still."


def test_noise_of_any_size_is_no_movement() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert said(music(rng), noise(rng, rms=5.0 + 5.0 * seed)) == ""


@pytest.mark.parametrize(("every", "microvolts"), [(0.6, 8.0), (1.0, 12.0), (1.5, 15.0)])
@pytest.mark.parametrize("rms", [2.0, 6.0])
def test_a_strong_answer_to_even_tones_is_no_movement(
    every: float, microvolts: float, rms: float
) -> None:
    for seed in range(3):
        seen = answers(every, microvolts) * [1.0, 0.8, -0.5]
        eeg = noise(np.random.default_rng(seed), rms=rms) + seen
        assert said(tones(every), eeg) == ""


def test_a_swing_of_an_answers_size_is_a_movement_where_it_is_slow() -> None:
    answer = answers(BEAT, 10.0)
    slow = nod(float(np.std(answer)))
    quiet = noise(np.random.default_rng(1), rms=3.0)
    assert said(tones(BEAT), quiet + answer * [1.0, 0.8, -0.5]) == ""
    assert said(tones(BEAT), quiet + slow * [1.0, 0.8, -0.5]) != ""


def test_what_is_as_quick_as_an_answer_is_a_movement_where_it_is_larger_than_any() -> None:
    quiet = noise(np.random.default_rng(2))
    assert said(tones(1.0), quiet + answers(1.0, 40.0) * [1.0, 0.5, 0.0]) != ""


def test_a_swing_at_another_rate_than_the_beat_is_not_with_the_beat() -> None:
    rng = np.random.default_rng(3)
    at = np.arange(SECONDS * RATE) / RATE
    swinging = 20.0 * np.sin(2 * np.pi * at / (BEAT * 1.618))
    assert said(music(rng), noise(rng) + swinging[:, None]) == ""


def test_an_electrode_that_is_left_out_does_not_count() -> None:
    rng = np.random.default_rng(4)
    heard, eeg = music(rng), noise(rng) + nod(8.0) * [0.0, 1.0, 0.0]
    assert said(heard, eeg) != ""
    assert said(heard, eeg, without=1) == ""


def test_nothing_is_said_of_a_quarter_of_a_minute_or_of_silence() -> None:
    rng = np.random.default_rng(5)
    heard, eeg = music(rng), noise(rng) + nod(20.0) * [1.0, 1.0, 1.0]
    few = 14 * RATE
    assert said(heard[:few], eeg[:few]) == ""
    assert said(np.zeros_like(heard), eeg) == ""


def test_masked_samples_and_a_lost_electrode_change_nothing() -> None:
    rng = np.random.default_rng(6)
    heard, eeg = music(rng), noise(rng) + nod(6.0) * [1.0, 0.5, 0.5]
    eeg[rng.random(len(eeg)) < 0.3] = np.nan
    eeg[:, 2] = np.nan
    assert said(heard, eeg) != ""
    assert said(heard, np.full_like(eeg, np.nan)) == ""


def test_periods_are_numbers_of_half_beats_and_the_bar_is_among_them() -> None:
    for seed in range(5):
        beats = periods(music(np.random.default_rng(seed))) / RATE / BEAT
        assert np.abs(2.0 * beats - np.rint(2.0 * beats)).max() < 0.1
        assert np.abs(beats - 4.0).min() < 0.05


def test_swing_is_the_power_that_comes_back_and_what_of_it_stays() -> None:
    at = np.arange(240 * RATE)[:, None] / RATE
    for hz, share in ((1.0, np.cos(2 * np.pi * 5 / 64)), (5.0, 0.0)):
        eeg = np.sin(2 * np.pi * hz * at) * [4.0, 2.0]
        back, stays = swing(eeg, np.array([64.0, 128.0]))
        assert 0.8 * 8.0 < back < 8.0
        assert 0.8 * 8.0 * share <= stays <= 8.0 * share
        halved = swing(eeg / 2.0, np.array([64.0, 128.0]))
        assert halved == pytest.approx((back / 4.0, stays / 4.0))
        assert swing(eeg, np.array([96.0]))[0] == 0.0


def test_a_sound_without_a_beat_has_none_to_swing_with() -> None:
    onsets = np.zeros(120 * RATE)
    at = np.cumsum(np.random.default_rng(5).gamma(3.0, 0.07, 600))  # syllables, some five a second
    onsets[(at[at < 120.0] * RATE).astype(int)] = 1.0
    assert periods(np.convolve(onsets, bandpass(1.0, 8.0), mode="same")).size == 0


def heart(seconds: int, *, every: float, seed: int) -> np.ndarray:
    """As large and slow as a nod, at its own rate, which wanders by 4 % from beat to beat."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(every * rng.normal(1.0, 0.04, int(seconds / every) + 8))
    out = np.zeros((seconds + 1) * RATE)
    out[np.rint(at[at < seconds] * RATE).astype(int)] = 1.0
    out = np.convolve(out, np.hanning(20), mode="same")[: seconds * RATE]
    out = np.convolve(out, bandpass(1.0, 8.0), mode="same")
    return np.asarray(out / out.std())[:, None]


def test_a_heart_at_the_rate_of_the_beat_is_no_nod() -> None:
    called, near = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        sound = music(rng, 120)
        beats = heart(120, every=2 * BEAT * (1.01 if seed % 2 else 0.99), seed=seed)
        eeg = noise(rng, 120) + 6.0 * beats * [1.0, -0.4, 0.1]
        called.append(bool(said(sound, eeg)))
        back, stays = swing(eeg, periods(sound))
        near.append(stays > BOUND**2 or back > LARGEST**2)
    assert sum(near) >= 6, "by its rate alone a heart would be called a nod"
    assert not any(called)


def test_what_keeps_step_is_told_by_its_phase() -> None:
    rng = np.random.default_rng(2)
    sound = music(rng, 120)
    after = periods(sound)
    stepping = noise(rng, 120) + nod(4.0, seconds=120)
    assert locked(stepping, sound, after) > 0.55
    for piece in range(0, 120 * RATE, 20 * RATE):  # now early, now late
        later = int(rng.integers(0, 70))
        part = stepping[piece : piece + 20 * RATE]
        stepping[piece : piece + 20 * RATE] = np.roll(part, later, axis=0)
    assert locked(stepping, sound, after) < LOCKED
    few = slice(0, 20 * RATE)
    assert locked(stepping[few], sound[few], after) == 1.0
    masked = np.full((120 * RATE, 3), np.nan)
    assert locked(masked, sound, after) == 0.0
