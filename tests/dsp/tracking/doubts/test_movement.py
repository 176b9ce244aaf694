"""A swing with the beat is a movement where it is slower than an answer, or larger than any."""

import numpy as np
import pytest

from dsp.filters import Strip, bandpass
from dsp.grid import RATE
from dsp.tracking.alignment import KEEP
from dsp.tracking.decoder import lag_steps
from dsp.tracking.doubts import movement
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
    assert said(music(rng), eeg) == (
        "Something swings with the beat, a head or a heart as fast as it: keep still."
    )


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


# ---- each measure written out, each bound by itself


def autocovariance(x: np.ndarray) -> np.ndarray:
    return np.correlate(x, x, mode="full")[x.size - 1 :]


def multiples(period: float, n: int) -> np.ndarray:
    """Of a time, up to 32 s and half of what there is."""
    reach = min(32.0 * RATE, n / 2)
    lags = np.rint(period * np.arange(1, n)).astype(int)
    return lags[lags <= reach]


EVERY = np.geomspace(0.4 * RATE, 4.0 * RATE, 1600)


def repeats(heard: np.ndarray) -> tuple[np.ndarray, float]:
    """How alike a sound is to itself after each time, and the error of the largest."""
    pairs = heard.size - np.arange(heard.size)
    alike = autocovariance(heard) / pairs
    means = np.array([alike[multiples(p, heard.size)].mean() for p in EVERY])
    spread = 2.0 * np.sum(alike[:RATE] ** 2) - alike[0] ** 2
    best = multiples(EVERY[np.argmax(means)], heard.size)
    return means, float(np.sqrt(spread / pairs[best].sum()))


@pytest.mark.parametrize("seconds", [20, 70])
def test_periods_are_those_whose_multiples_are_nearly_as_alike_as_the_best(seconds: int) -> None:
    heard = music(np.random.default_rng(11), seconds)
    means, error = repeats(heard)
    assert means.max() > 7.0 * error
    assert periods(heard) == pytest.approx(EVERY[means >= 0.85 * means.max()])


def test_a_beat_stands_seven_errors_out_or_is_none() -> None:
    beat, rest = music(np.random.default_rng(12), 30), noise(np.random.default_rng(13), 30)[:, 0]
    stands = []
    for share in np.linspace(0.002, 0.005, 8):
        heard = share * rest + (0.1 - share) * beat
        means, error = repeats(heard)
        stands.append(means.max() / error)
        assert (periods(heard).size > 0) == (stands[-1] >= 7.0)
    assert min(stands) < 5.6
    assert any(5.6 < s < 7.0 for s in stands)
    assert any(7.0 <= s < 8.75 for s in stands)


def test_swing_is_written_out() -> None:
    rng = np.random.default_rng(14)
    eeg = noise(rng, 24) + nod(9.0, seconds=24) * [1.0, -0.5, 0.0]
    eeg[rng.random(eeg.shape) < 0.2] = np.nan
    ok = np.isfinite(eeg)
    after = np.array([BEAT * RATE, 2.02 * BEAT * RATE, 50.3])
    expected = []
    for later in (0, 5):
        most = 0.0
        for c in range(3):
            products = autocovariance(np.where(ok[:, c], eeg[:, c], 0.0))
            pairs = np.rint(autocovariance(ok[:, c].astype(float)))

            def about(x: np.ndarray, lags: np.ndarray, by: int = later) -> np.ndarray:
                return 0.5 * (x[lags + by] + x[np.abs(lags - by)])

            near = np.arange(RATE)
            alike = about(products, near) / about(pairs, near)
            spread = 2.0 * np.sum(alike**2) - alike[0] ** 2
            for period in after:
                lags = multiples(period, len(eeg))
                count = about(pairs, lags).sum()
                power, error = about(products, lags).sum() / count, np.sqrt(spread / count)
                most = max(most, power - error if power > 4.0 * error else 0.0)
        expected.append(most)
    assert min(expected) > 0.0
    assert swing(eeg, after) == pytest.approx(tuple(expected))


def test_coherence_is_written_out() -> None:
    rng = np.random.default_rng(15)
    heard = music(rng, 41)
    eeg = noise(rng, 41) + nod(6.0, seconds=41) * [1.0, 0.2, 0.0]
    eeg[500:600, 0] = np.nan
    window, found = np.hanning(1024), []
    for period in (BEAT * RATE, 20.0, 70.0):
        for times in (1, 2):
            bin_ = round(times * 1024 / period)
            if not 0.8 <= bin_ / 16.0 <= 4.2:
                continue
            for c in range(3):
                pairs = [
                    [np.fft.rfft(x[a : a + 1024] * window)[bin_] for x in (heard, seen)]
                    for seen in [np.nan_to_num(eeg[:, c])]
                    for a in range(0, heard.size - 1023, 512)
                ]
                s, e = np.array(pairs).T
                found.append(
                    abs(np.vdot(s, e)) ** 2 / (np.sum(np.abs(s) ** 2) * np.sum(np.abs(e) ** 2))
                )
    got = locked(eeg, heard, np.array([BEAT * RATE, 20.0, 70.0]))
    assert got == pytest.approx(max(found))
    assert locked(eeg, heard, np.array([9.0])) == 0.0  # 7 and 14 Hz
    assert locked(eeg[:1535], heard[:1535], np.array([35.0])) == 1.0
    assert locked(eeg[:1536], heard[:1536], np.array([35.0])) < 1.0


@pytest.mark.parametrize(
    ("back", "stays", "step", "named"),
    [
        (9.0, 1.0, 0.9, False),
        (9.01, 0.0, 0.51, True),
        (0.0, 1.01, 0.51, True),
        (99.0, 99.0, 0.5, False),
    ],
)
def test_it_is_said_over_either_bound_of_what_keeps_step(
    back: float, stays: float, step: float, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    def swinging(eeg: np.ndarray, after: np.ndarray) -> tuple[float, float]:
        seen.append(eeg)
        return back, stays

    monkeypatch.setattr(movement, "swing", swinging)
    monkeypatch.setattr(movement, "locked", lambda eeg, heard, after: step)
    rng = np.random.default_rng(16)
    heard, eeg = music(rng, 130), noise(rng, 130)
    assert bool(said(heard, eeg)) == named
    np.testing.assert_array_equal(seen[0], eeg[10 * RATE :])
    assert bool(said(heard[: 15 * RATE], eeg[: 15 * RATE])) == named
    assert len(seen) == 2
    assert said(heard[: 14 * RATE], eeg[: 14 * RATE]) == ""
    assert len(seen) == 2
