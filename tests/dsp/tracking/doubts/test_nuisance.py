"""Rivals of the decoder: bleed, nuisance, and a delay that has changed since calibration."""

from dataclasses import replace

import numpy as np
import pytest

from dsp.artifacts import beyond, muscle_level
from dsp.quality import CleanBlock, Guard
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING, Decoder, Tracker, Tracking, calibrate

SFREQ, START, SECONDS = 128.0, 1000.0, 120
CH = ("Fz", "Cz", "TP9")
KERNEL = np.concatenate([np.zeros(10), -np.hanning(9), 0.8 * np.hanning(13), np.zeros(2)])


def onsets(seed: int) -> np.ndarray:
    """Onsets of many sizes, not on a grid of beats."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.uniform(0.2, 0.7, 6 * SECONDS))
    at = at[at < SECONDS - 1]
    out = np.zeros(SECONDS * 64)
    out[(at * 64).astype(int)] = rng.uniform(0.3, 1.0, at.size)
    return out


def noise(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = SECONDS * int(SFREQ)
    hz = np.fft.rfftfreq(n, 1 / SFREQ)
    z = rng.standard_normal((hz.size, 3)) + 1j * rng.standard_normal((hz.size, 3))
    x = np.fft.irfft(z / np.maximum(hz, 0.5)[:, None] ** 0.6, n, axis=0)
    return np.asarray(8.0 * x / x.std())


def wave(flux: np.ndarray, *, delay: float = 0.0) -> np.ndarray:
    """Unit variance at the rate of the EEG, the same on all electrodes but for size."""
    t = np.arange(SECONDS * int(SFREQ)) / SFREQ
    fine = np.interp(t - delay, np.arange(flux.size) / 64, flux, left=0.0)
    return np.asarray(fine[:, None] / fine.std() * np.array([0.9, 1.0, -0.4]))


def blocks(eeg: np.ndarray, nuisance: np.ndarray | None = None) -> list[CleanBlock]:
    n = int(SFREQ)
    out = []
    for k in range(SECONDS):
        rows = slice(k * n, (k + 1) * n)
        part = eeg[rows].astype(np.float32)
        times = START + k + np.arange(n) / SFREQ
        beside = None if nuisance is None else nuisance[rows]
        out.append(CleanBlock(part, times, np.isfinite(part), (), beside))
    return out


def heard(flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.stack([flux, flux, np.zeros_like(flux)], axis=1)
    return rows, START + 0.004 + np.arange(flux.size) / 64


def said(
    flux: np.ndarray,
    eeg: np.ndarray,
    *,
    decoder: Decoder | None = None,
    nuisance: np.ndarray | None = None,
) -> list[Tracking]:
    tracker = Tracker(ch_names=CH, sfreq=SFREQ, decoder=decoder)
    rows, times = heard(flux)
    out = []
    for k, block in enumerate(blocks(eeg, nuisance)):
        tracker.push_stimulus(rows[k * 64 : (k + 1) * 64], times[k * 64 : (k + 1) * 64])
        tracker.push_eeg(block)
        out.append(tracker.estimate(START + k + 1.0))
    return out


def answer(flux: np.ndarray, *, delay: float = 0.0) -> np.ndarray:
    return wave(np.convolve(flux, KERNEL)[: flux.size], delay=delay)


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    recordings = [
        (blocks(noise(50 + k) + 2.0 * answer(onsets(40 + k))), heard(onsets(40 + k)))
        for k in range(3)
    ]
    found = calibrate(recordings, ch_names=CH, sfreq=SFREQ)
    assert found.found
    assert not found.bleed
    return found


@pytest.mark.parametrize("known", [False, True])
def test_bleed_is_never_counted_and_named_electrical_only_after_calibration(
    decoder: Decoder, known: bool
) -> None:
    flux = onsets(1)
    states = said(flux, noise(2) + 3.0 * wave(flux), decoder=decoder if known else None)
    assert not any(s.state == FOLLOWING for s in states)
    sentences = " ".join(r for s in states for r in s.reasons)
    assert ("electrically" in sentences) == known
    assert known or "at once" in sentences


@pytest.mark.parametrize("known", [False, True])
def test_a_brain_that_answers_raises_no_doubt(decoder: Decoder, known: bool) -> None:
    flux = onsets(3)
    states = said(flux, noise(4) + 2.0 * answer(flux), decoder=decoder if known else None)
    assert states[-1].state == FOLLOWING
    sentences = {r for s in states for r in s.reasons}
    assert not any("at once" in r or "electrically" in r or "Eyes" in r for r in sentences)


@pytest.mark.parametrize("late", [-0.03, 0.0, 0.05, 0.12])
def test_a_changed_delay_is_measured_and_warned_of(decoder: Decoder, late: float) -> None:
    flux = onsets(5)
    last = said(flux, noise(6) + 2.5 * answer(flux, delay=late), decoder=decoder)[-1]
    assert last.delay_change == pytest.approx(late, abs=0.008)
    assert 0.0 < last.delay_change_sd < 0.02
    warned = any("than at calibration" in r for r in last.reasons)
    assert warned == (abs(late) >= 0.05) or abs(late) == 0.03


def test_without_a_stored_decoder_no_change_of_delay_is_claimed() -> None:
    flux = onsets(5)
    assert np.isnan(said(flux, noise(6) + 2.5 * answer(flux))[-1].delay_change)


def test_eyes_that_tell_as_much_as_the_eeg_are_cannot_tell() -> None:
    """What the electrodes see of the eyes comes with the sound, and the eye channel knows it."""
    flux = onsets(7)
    eyes = np.zeros((SECONDS * int(SFREQ), 3))
    eyes[:, 0] = np.clip(wave(flux, delay=0.2)[:, 1], 0.0, None)
    eeg = noise(8) + 3.0 * wave(flux, delay=0.2)
    assert said(flux, eeg)[-1].state == FOLLOWING
    last = said(flux, eeg, nuisance=eyes)[-1]
    assert last.state == CANNOT_TELL
    assert np.isnan(last.r)
    assert last.reasons == ("Eyes, muscles or movements tell as much of the sound as EEG.",)


def test_eyes_that_move_by_themselves_take_nothing_away() -> None:
    flux = onsets(3)
    rng = np.random.default_rng(9)
    eyes = rng.standard_normal((SECONDS * int(SFREQ), 3)) ** 3
    eeg = noise(4) + 2.0 * answer(flux)
    states = [s.state for s in said(flux, eeg, nuisance=eyes)]
    assert states == [s.state for s in said(flux, eeg)]


def test_nuisance_signals_see_blinks_and_muscles_and_not_ordinary_eeg() -> None:
    rng = np.random.default_rng(10)
    n = 256
    quiet = 5.0 * rng.standard_normal((30 * n, 2))
    blinking = quiet.copy()
    blinking[20 * n : 20 * n + 80, 0] += 150.0 * np.hanning(80)
    tense = quiet.copy()
    tense[25 * n : 26 * n] += 60.0 * np.sin(2 * np.pi * 37.0 * np.arange(n) / n)[:, None]
    times = START + np.arange(30 * n) / n
    found = {}
    for name, eeg in (("quiet", quiet), ("blinking", blinking), ("tense", tense)):
        block = Guard(ch_names=("Fp1", "T7"), sfreq=float(n)).push(eeg, times)
        assert block is not None
        assert block.nuisance is not None
        found[name] = block.nuisance
    assert np.abs(found["quiet"][:, :2]).max() == 0.0
    blink = np.argmax(np.abs(found["blinking"][:, 0]))
    assert abs(blink - 20 * n - 40) < 25
    assert found["blinking"][blink, 0] > 0.5
    rise = found["tense"] - found["quiet"]
    assert rise[25 * n + 40 : 26 * n - 40, 2].min() > 1.0
    assert abs(rise[: 24 * n, 2]).max() < 0.2


def test_nuisance_signals_do_not_depend_on_chunks() -> None:
    rng = np.random.default_rng(11)
    eeg = 20.0 * rng.standard_normal((2560, 3))
    times = START + np.arange(2560) / 256
    whole = Guard(ch_names=CH, sfreq=256.0).push(eeg, times)
    guard, parts = Guard(ch_names=CH, sfreq=256.0), []
    for a in range(0, 2560, 100):
        block = guard.push(eeg[a : a + 100], times[a : a + 100])
        if block is not None:
            assert block.nuisance is not None
            parts.append(block.nuisance)
    assert whole is not None
    np.testing.assert_array_equal(np.concatenate(parts), whole.nuisance)


def test_nuisance_formulas_hold() -> None:
    t = np.arange(1000) / 250
    level = muscle_level(np.sqrt(2.0) * 8.0 * np.sin(2 * np.pi * 37.5 * t)[:, None], sfreq=250.0)
    assert np.exp(level[300:700].mean()) == pytest.approx(8.0, rel=0.05)
    over = beyond(np.array([[5.0], [-20.0], [10.0 * np.e]]), np.array([10.0]))
    np.testing.assert_allclose(over, [0.0, -np.log(2.0), 1.0])
    assert replace(blocks(noise(1))[0], nuisance=None).nuisance is None
