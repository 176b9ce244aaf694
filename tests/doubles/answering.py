"""People of two minutes: onsets that are heard, EEG that answers late or not, and the tracker."""

import numpy as np

from dsp.quality import CleanBlock
from dsp.tracking.tracker import Decoder, Tracker, Tracking

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


def loudness(flux: np.ndarray) -> np.ndarray:
    """Amplitude of tones that begin with the onsets and die away in a quarter of a second."""
    ring = np.exp(-np.arange(64) / 12.0)
    return np.asarray(0.01 + np.convolve(flux, ring)[: flux.size])


def heard(flux: np.ndarray, *, level: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Rows and their stamps; with the level where it is known."""
    columns = [flux, flux, np.zeros_like(flux)]
    if level:
        columns.append(20.0 * np.log10(loudness(flux)))
    return np.stack(columns, axis=1), START + 0.004 + np.arange(flux.size) / 64


def said(
    flux: np.ndarray,
    eeg: np.ndarray,
    *,
    decoder: Decoder | None = None,
    nuisance: np.ndarray | None = None,
    level: bool = False,
    wireless: range = range(0),
) -> list[Tracking]:
    """What is said each second; in those of `wireless` the output is known to be so."""
    tracker = Tracker(ch_names=CH, sfreq=SFREQ, decoder=decoder)
    rows, times = heard(flux, level=level)
    out = []
    for k, block in enumerate(blocks(eeg, nuisance)):
        tracker.wireless.on = k in wireless
        tracker.push_stimulus(rows[k * 64 : (k + 1) * 64], times[k * 64 : (k + 1) * 64])
        tracker.push_eeg(block)
        out.append(tracker.estimate(START + k + 1.0))
    return out


def answer(flux: np.ndarray, *, delay: float = 0.0) -> np.ndarray:
    return wave(np.convolve(flux, KERNEL)[: flux.size], delay=delay)
