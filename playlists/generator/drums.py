"""Drum and percussion sounds: swept sines and filtered noise, three takes of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError
from dsp.grid import FS
from playlists.generator.instruments import Sound

TAKES = 3  #: no two strokes in a row need be the same


@cache
def stroke(name: str, take: int) -> Sound:
    """Return one stroke of the drum `name`; peak 1."""
    number = sum(name.encode()) * TAKES + take
    rng = np.random.default_rng(number)
    recipe = _RECIPES.get(name)
    if recipe is None:
        raise InputError(f"There is no drum {name!r}; expected one of: {', '.join(_RECIPES)}.")
    sound = recipe(rng)
    sound[:48] *= np.linspace(0.0, 1.0, 48)
    sound[-480:] *= np.linspace(1.0, 0.0, 480)
    return np.asarray(sound / np.abs(sound).max(), dtype=np.float32)


def _time(seconds: float) -> npt.NDArray[np.float64]:
    return np.arange(int(seconds * FS)) / FS


def _noise(rng: np.random.Generator, n: int, low: float, high: float) -> npt.NDArray[np.float64]:
    """White noise between two frequencies (Hz), cut softly in the spectrum."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1.0 / FS)
    rise = 1.0 / (1.0 + (low / np.maximum(hz, 1.0)) ** 6)
    fall = 1.0 / (1.0 + (hz / high) ** 6)
    return np.asarray(np.fft.irfft(spectrum * rise * fall, n=n), dtype=np.float64)


def _sweep(
    time: npt.NDArray[np.float64], start: float, end: float, rate: float
) -> npt.NDArray[np.float64]:
    hz = end + (start - end) * np.exp(-time * rate)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hz) / FS), dtype=np.float64)


def _kick(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.38)
    body = _sweep(time, 170.0 + rng.uniform(-8, 8), 49.0, 42.0) * np.exp(-time * 9.5)
    return body + 0.5 * _noise(rng, time.size, 800.0, 6000.0) * np.exp(-time * 260.0)


def _soft_kick(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.34)
    body = _sweep(time, 105.0 + rng.uniform(-5, 5), 52.0, 30.0) * np.exp(-time * 11.0)
    return body + 0.12 * _noise(rng, time.size, 300.0, 2500.0) * np.exp(-time * 160.0)


def _snare(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.30)
    tone = _sweep(time, 260.0, 185.0, 60.0) * np.exp(-time * 22.0)
    wires = _noise(rng, time.size, 1400.0, 11000.0) * np.exp(-time * rng.uniform(15.0, 18.0))
    return 0.55 * tone + 0.6 * wires


def _brush(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.26)
    swell: npt.NDArray[np.float64] = np.minimum(1.0, time / 0.012) * np.exp(-time * 17.0)
    return _noise(rng, time.size, 1800.0, 8000.0) * swell


def _rim(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.09)
    tone = np.sin(2 * np.pi * 1720.0 * time) + 0.6 * np.sin(2 * np.pi * 790.0 * time)
    return tone * np.exp(-time * 75.0) + 0.3 * _noise(rng, time.size, 1500.0, 9000.0) * np.exp(
        -time * 180.0
    )


def _clap(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.28)
    hands = sum(
        np.where(time >= d, np.exp(-(time - d) * r), 0.0)
        for d, r in ((0.0, 190.0), (0.009, 190.0), (0.019, 22.0))
    )
    return np.asarray(_noise(rng, time.size, 900.0, 7000.0) * hands, dtype=np.float64)


def _hat(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.09)
    return _noise(rng, time.size, 7200.0, 15000.0) * np.exp(-time * rng.uniform(62.0, 78.0))


def _open_hat(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.42)
    return _noise(rng, time.size, 6500.0, 15000.0) * np.exp(-time * 8.5)


def _ride(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.9)
    ping = sum(np.sin(2 * np.pi * f * time) for f in (3130.0, 4710.0, 5290.0, 7370.0))
    return 0.12 * ping * np.exp(-time * 9.0) + _noise(rng, time.size, 5000.0, 14000.0) * (
        0.7 * np.exp(-time * 30.0) + 0.25 * np.exp(-time * 5.0)
    )


def _crash(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(1.9)
    return _noise(rng, time.size, 3200.0, 14000.0) * np.exp(-time * 2.6)


def _shaker(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    time = _time(0.12)
    swell: npt.NDArray[np.float64] = np.minimum(1.0, time / 0.018) * np.exp(
        -np.maximum(0.0, time - 0.018) * 48.0
    )
    return _noise(rng, time.size, 4200.0, 12000.0) * swell


def _tom(rng: np.random.Generator, hz: float) -> npt.NDArray[np.float64]:
    time = _time(0.42)
    body = _sweep(time, hz * 1.5, hz, 24.0) * np.exp(-time * 9.0)
    return body + 0.15 * _noise(rng, time.size, 600.0, 5000.0) * np.exp(-time * 90.0)


_RECIPES: dict[str, Callable[[np.random.Generator], npt.NDArray[np.float64]]] = {
    "kick": _kick,
    "soft_kick": _soft_kick,
    "snare": _snare,
    "brush": _brush,
    "rim": _rim,
    "clap": _clap,
    "hat": _hat,
    "open_hat": _open_hat,
    "ride": _ride,
    "crash": _crash,
    "shaker": _shaker,
    "high_tom": lambda rng: _tom(rng, 172.0),
    "low_tom": lambda rng: _tom(rng, 98.0),
}
