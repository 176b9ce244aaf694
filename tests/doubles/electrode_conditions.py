"""Electrodes of known condition: what two independent generators of EEG make of each.

One shapes white noise in the spectrum, the other drives damped oscillators and a slow drift with
noise in time; they share no line of code but the boards. A condition holds for the whole
recording, as it does when somebody puts a headset on and looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from dsp.grid import Floats

#: What is right in each condition: the words of an electrode, and its grades.
RIGHT: dict[str, tuple[set[str], set[int]]] = {
    "good": ({"good"}, {1}),
    "strong alpha": ({"good"}, {1}),
    "rail": ({"rail"}, {4}),
    "flat": ({"flat"}, {4}),
    "contact": ({"contact"}, {4}),
    "mains 50": ({"mains"}, {2}),
    "mains 60": ({"mains"}, {2}),
    "muscle": ({"muscle"}, {2, 4}),
    "blinks": ({"blink"}, {2, 4}),
    "drift": ({"good"}, {1}),
    "gaps": ({"gap"}, {4}),
}


@dataclass(frozen=True)
class Board:
    """Rate, Hz; ends of its range and step of its numbers, microvolt."""

    name: str
    sfreq: float
    rail: float
    step: float


BOARDS = (
    Board("Cyton", 250.0, 187_500.0, 0.02235),
    Board("Cyton and Daisy", 125.0, 187_500.0, 0.02235),
    Board("Muse 2", 256.0, 1000.0, 0.488),
    Board("16 channels", 500.0, 400_000.0, 0.05),
    Board("32 channels", 1000.0, 3277.0, 0.1),
)

Rng = np.random.Generator


# --- generator 1: in the spectrum ----------------------------------------------------------------


def _shaped(n: int, sfreq: float, rng: Rng, shape: Callable[[Floats], Floats]) -> Floats:
    """Noise of sd 1 whose amplitude spectrum has a shape."""
    hz = np.fft.rfftfreq(n, 1.0 / sfreq)
    x = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * shape(hz), n)
    return np.asarray(x / x.std())


def _spectral(condition: str, board: Board, seconds: float, rng: Rng) -> Floats:
    n, fs = round(seconds * board.sfreq), board.sfreq
    t = np.arange(n) / fs
    slope = rng.uniform(0.5, 0.9)
    eeg = rng.uniform(5.0, 14.0) * _shaped(n, fs, rng, lambda f: np.maximum(f, 0.7) ** -slope)
    rhythm = _shaped(n, fs, rng, lambda f: np.exp(-0.5 * ((f - rng.uniform(9, 11)) / 0.6) ** 2))
    eeg += (rng.uniform(15.0, 28.0) if condition == "strong alpha" else rng.uniform(1, 6)) * rhythm
    offset = rng.uniform(-0.3, 0.3) * board.rail
    if condition == "rail":
        if rng.random() < 0.5:  # there for good
            return np.full(n, rng.choice([-1.0, 1.0]) * board.rail)
        swing = _shaped(n, fs, rng, lambda f: np.exp(-f / 2.0)) * 3.0 * board.rail
        return np.asarray(eeg + swing)
    if condition == "flat":
        return np.full(n, rng.choice([0.0, rng.uniform(-30, 30)])) + 0.1 * rng.standard_normal(n)
    if condition == "contact":
        loose = _shaped(n, fs, rng, lambda f: 1.0 / np.maximum(f, 0.3)) * rng.uniform(100, 300)
        hiss = rng.uniform(25, 60) * rng.standard_normal(n)
        hum = rng.uniform(40, 200) * np.sin(2 * np.pi * rng.choice([50.0, 60.0]) * t)
        return np.asarray(eeg + loose + hiss + hum + offset)
    if condition.startswith("mains"):
        peak = rng.uniform(20.0, 130.0)
        at = float(condition[-2:]) + rng.uniform(-0.15, 0.15)
        return np.asarray(eeg + peak * np.sin(2 * np.pi * at * t + rng.uniform(0, 6)) + offset)
    if condition == "muscle":
        top = min(0.45 * fs, 150.0)
        emg = _shaped(n, fs, rng, lambda f: np.where((f > 20) & (f < top), 1.0, 0.02))
        wide = np.sqrt((top - 20.0) / 100.0)
        return np.asarray(eeg + rng.uniform(30, 90) * wide * emg + offset)
    if condition == "blinks":
        at = rng.uniform(0.3, 1.5)
        while at < seconds - 1:
            k, width = int(at * fs), int(rng.uniform(0.25, 0.4) * fs)
            shape = rng.uniform(90, 220) * np.hanning(width)
            eeg[k : k + width] += shape[: max(0, n - k)]
            at += rng.uniform(1.8, 3.5)
        return np.asarray(eeg + offset)
    if condition == "drift":
        sway = rng.uniform(40, 200) * np.sin(2 * np.pi * rng.uniform(0.02, 0.15) * t)
        return np.asarray(eeg + sway + rng.uniform(-30, 30) * t + offset)
    if condition == "gaps":
        share = rng.uniform(0.2, 0.6)
        packet = int(rng.choice([1, 4, 12]))
        lost = np.repeat(rng.random(n // packet + 1) < share, packet)[:n]
        eeg[lost] = np.nan
    return np.asarray(eeg + offset)


# --- generator 2: in time ------------------------------------------------------------------------


def _oscillator(n: int, fs: float, rng: Rng, hz: float, width: float) -> Floats:
    """A damped oscillator driven by noise, of sd 1 about."""
    r = np.exp(-np.pi * width / fs)
    noise = rng.standard_normal(n + int(4 * fs))
    x = lfilter([1.0], [1.0, -2 * r * np.cos(2 * np.pi * hz / fs), r * r], noise)[-n:]
    return np.asarray(x / np.std(x))


def _wander(n: int, fs: float, rng: Rng, seconds: float) -> Floats:
    """An Ornstein-Uhlenbeck drift of sd 1 that forgets in `seconds`."""
    a = np.exp(-1.0 / (seconds * fs))
    noise = rng.standard_normal(n + int(8 * seconds * fs)) * np.sqrt(1 - a * a)
    return np.asarray(lfilter([1.0], [1.0, -a], noise)[-n:])


def _in_time(condition: str, board: Board, seconds: float, rng: Rng) -> Floats:
    n, fs = round(seconds * board.sfreq), board.sfreq
    t = np.arange(n) / fs
    eeg = rng.uniform(4.0, 9.0) * _wander(n, fs, rng, 0.06)
    for hz, width, level in ((2.5, 2.0, 4.0), (6.0, 2.5, 3.0), (20.0, 8.0, 1.5)):
        eeg += rng.uniform(0.5, 1.4) * level * _oscillator(n, fs, rng, hz, width)
    alpha = rng.uniform(15.0, 26.0) if condition == "strong alpha" else rng.uniform(2.0, 7.0)
    eeg += alpha * _oscillator(n, fs, rng, rng.uniform(8.5, 11.5), 1.0)
    eeg += rng.uniform(0.3, 1.0) * rng.standard_normal(n)  # the amplifier's own noise
    eeg += rng.uniform(5.0, 15.0) * _wander(n, fs, rng, 20.0)
    offset = rng.normal(0.0, 0.1) * board.rail
    if condition == "rail":
        beyond = rng.choice([-1.0, 1.0]) * board.rail * rng.uniform(1.0, 1.02)
        return np.asarray(beyond + 0.05 * board.rail * _wander(n, fs, rng, rng.uniform(0.1, 1.0)))
    if condition == "flat":
        return np.asarray(rng.normal(0.0, 20.0) + 0.2 * rng.standard_normal(n))
    if condition == "contact":
        pops = (rng.random(n) < 2.0 / fs) * rng.normal(0.0, 400.0, n)
        loose = rng.uniform(80, 300) * _wander(n, fs, rng, 0.15) + lfilter([1], [1, -0.99], pops)
        hum = rng.uniform(10, 200) * np.sin(2 * np.pi * rng.choice([50.0, 60.0]) * t)
        return np.asarray(offset + loose + hum + rng.uniform(20, 50) * rng.standard_normal(n))
    if condition.startswith("mains"):
        base = float(condition[-2:])
        phase = 2 * np.pi * np.cumsum(base + 0.03 * _wander(n, fs, rng, 10.0)) / fs
        hum = np.sin(phase) + 0.2 * np.sin(3 * phase + 1.0) * (3 * base < fs / 2)
        return np.asarray(eeg + rng.uniform(22, 110) * hum + offset)
    if condition == "muscle":
        band = [20.0, min(0.45 * fs, 200.0)]
        emg = sosfilt(butter(3, band, "bandpass", fs=fs, output="sos"), rng.standard_normal(n))
        tension = 1.0 + 0.3 * np.clip(_wander(n, fs, rng, 0.5), -2, 2)
        wide = np.sqrt((band[1] - band[0]) / 100.0)
        return np.asarray(eeg + rng.uniform(30, 100) * wide * tension * emg / emg.std() + offset)
    if condition == "blinks":
        rate = rng.uniform(18.0, 30.0) / 60.0
        shape = np.exp(-np.arange(int(0.8 * fs)) / (0.09 * fs))
        rise = np.minimum(np.arange(shape.size) / (0.08 * fs), 1.0)
        kicks = np.zeros(n)
        where = np.cumsum(0.8 + rng.exponential(1.0 / rate - 0.8, int(2 * rate * seconds) + 4))
        where = where[where < seconds - 1]
        kicks[(where * fs).astype(int)] = rng.uniform(140, 320, where.size)
        return np.asarray(eeg + np.convolve(kicks, shape * rise)[:n] + offset)
    if condition == "drift":
        return np.asarray(eeg + rng.uniform(60, 250) * _wander(n, fs, rng, 15.0) + offset)
    if condition == "gaps":
        at = 0
        while at < n:  # bursts of loss: a radio at the end of its reach
            at += int(rng.uniform(0.1, 0.5) * fs)
            size = int(rng.uniform(0.1, 0.6) * fs)
            eeg[at : at + size] = np.nan
            at += size
    return np.asarray(eeg + offset)


GENERATORS = {"in the spectrum": _spectral, "in time": _in_time}


def electrode(condition: str, board: Board, seconds: float, *, generator: str, rng: Rng) -> Floats:
    """One electrode as its board would hand it over, microvolt [shape=(n,)]."""
    x = GENERATORS[generator](condition, board, seconds, rng)
    x = np.clip(x, -board.rail, board.rail)
    return np.asarray(np.round(x / board.step) * board.step)


def headset(
    condition: str, board: Board, seconds: float, *, generator: str, rng: Rng
) -> tuple[tuple[str, ...], Floats, tuple[int, ...]]:
    """Eight electrodes on a head, two of them in a condition, the others good.

    Returns
    -------
    ch_names : tuple of str
    eeg : float64 [shape=(n, 8)]
        Microvolt.
    those : tuple of int
        Columns of the two.
    """
    names = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4")
    two = (0, 1) if condition == "blinks" else tuple(rng.choice(8, 2, replace=False).tolist())
    columns = [
        electrode(condition if k in two else "good", board, seconds, generator=generator, rng=rng)
        for k in range(8)
    ]
    return names, np.stack(columns, axis=1), two
