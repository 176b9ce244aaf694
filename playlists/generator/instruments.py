"""Voices: one note of each instrument, as float32 at 48 kHz with peak about 1.

Struck and plucked voices are sums of decaying partials (an ideal string's partials, which is
what Karplus-Strong approximates, but exactly in tune); blown and bowed ones read a band-limited
wave table; the electric piano is frequency modulation (Chowning 1973).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from dsp.grid import FS

Sound = npt.NDArray[np.float32]

#: A voice takes frequency (Hz), length (frames), brightness (0..1) and a source of chance.
Voice = Callable[[float, int, float, np.random.Generator], Sound]

_TABLE = 4096


def _time(n: int) -> npt.NDArray[np.float64]:
    return np.arange(n) / FS


def _partials(
    n: int,
    hz: Sequence[float],
    amplitude: Sequence[float],
    decay: Sequence[float],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Sum of decaying sines; `decay` in nepers a second; partials over 16 kHz are left out."""
    time, out = _time(n), np.zeros(n)
    for f, a, d in zip(hz, amplitude, decay, strict=True):
        phase = rng.uniform(0.0, 0.6)
        if f < 16_000.0 and abs(a) > 1e-4:
            live = min(n, int(FS * 9.0 / d) + 1)
            out[:live] += a * np.exp(-d * time[:live]) * np.sin(2 * np.pi * f * time[:live] + phase)
    return out


def _table_wave(
    hz: float | npt.NDArray[np.float64], amplitudes: Sequence[float], n: int, phase: float
) -> npt.NDArray[np.float64]:
    """Read a table of harmonics at `hz` (constant, or [shape=(n,)])."""
    top = float(np.max(hz))
    harmonics = [a for k, a in enumerate(amplitudes, 1) if k * top < 18_000.0]
    turn = np.arange(_TABLE + 1) / _TABLE
    table = sum(a * np.sin(2 * np.pi * k * turn) for k, a in enumerate(harmonics, 1))
    turns = phase + (np.cumsum(hz) if isinstance(hz, np.ndarray) else hz * np.arange(n)) / FS
    return np.asarray(np.interp(turns % 1.0, turn, table), dtype=np.float64)


def _attack(out: npt.NDArray[np.float64], seconds: float) -> npt.NDArray[np.float64]:
    ramp = min(out.size, max(2, int(seconds * FS)))
    out[:ramp] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(ramp) / ramp)
    return out


def _finished(out: npt.NDArray[np.float64]) -> Sound:
    return np.asarray(out / max(1e-9, float(np.abs(out).max())), dtype=np.float32)


def _thump(n: int, rng: np.random.Generator, seconds: float) -> npt.NDArray[np.float64]:
    """Short burst of low-passed noise: hammer or finger."""
    size = min(n, int(6 * seconds * FS))
    noise = np.convolve(rng.standard_normal(size), np.hanning(24) / 12.0, mode="same")
    out = np.zeros(n)
    out[:size] = noise * np.exp(-_time(size) / seconds)
    return out


def piano(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Felted upright: two strings a key, inharmonic, two-stage decay."""
    k = np.arange(1, 19)
    stretch = np.sqrt(1.0 + 3.5e-4 * k**2)
    amplitude = k ** -(2.0 - 0.9 * bright) * np.abs(np.sin(np.pi * k / 7.6))
    decay = (0.55 + 0.22 * k) * (f / 262.0) ** 0.55
    out = np.zeros(n)
    for detune, share, speed in ((-0.4, 0.6, 2.2), (0.5, 0.4, 0.75)):
        hz = f * 2.0 ** (detune / 1200.0) * k * stretch
        out += _partials(n, list(hz), list(share * amplitude), list(decay * speed), rng)
    out += 0.05 * (0.5 + bright) * _thump(n, rng, 0.006)
    return _finished(_attack(out, 0.002))


def electric_piano(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Tine piano by frequency modulation, with the ping of the tine."""
    time = _time(n)
    fall = np.exp(-time * (0.8 + f / 700.0))
    index = (0.5 + 1.6 * bright) * np.exp(-time * 2.4)
    body = np.sin(2 * np.pi * f * time + index * np.sin(2 * np.pi * f * time)) * fall
    ping_hz = f * 14.0 if f * 14.0 < 9000.0 else f * 7.0
    ping = np.sin(2 * np.pi * ping_hz * time) * np.exp(-time * 22.0)
    return _finished(_attack(body + 0.10 * (0.3 + bright) * ping, 0.003))


def guitar(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Nylon string, plucked at a fifth of its length."""
    k = np.arange(1, 31)
    amplitude = np.sin(np.pi * k * 0.21) / k ** (1.35 - 0.35 * bright)
    decay = 1.1 * (f / 200.0) ** 0.4 + 0.16 * k + 0.012 * k**2
    hz = f * k * np.sqrt(1.0 + 5e-5 * k**2)
    out = _partials(n, list(hz), list(amplitude), list(decay), rng)
    return _finished(_attack(out + 0.06 * _thump(n, rng, 0.004), 0.0015))


def steel(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Electric string before the amplifier: long, bright."""
    k = np.arange(1, 25)
    amplitude = np.sin(np.pi * k * 0.13) / k ** (1.2 - 0.4 * bright)
    decay = 0.5 + 0.10 * k + 0.004 * k**2
    return _finished(_attack(_partials(n, list(f * k), list(amplitude), list(decay), rng), 0.001))


def bass(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Fingered bass."""
    k = np.arange(1, 17)
    amplitude = np.sin(np.pi * k * 0.27) / k ** (1.7 - 0.5 * bright)
    decay = 0.9 + 0.45 * k
    out = _partials(n, list(f * k), list(amplitude), list(decay), rng)
    return _finished(_attack(out + 0.04 * _thump(n, rng, 0.005), 0.003))


def synth_bass(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Saw through a closing filter, with a sine under it."""
    time = _time(n)
    saw = _table_wave(f, [1.0 / k for k in range(1, 28)], n, 0.0)
    dark = _table_wave(f, [1.0 / k**2.4 for k in range(1, 12)], n, 0.0)
    fall = np.exp(-time * (9.0 - 4.0 * bright))
    out = (0.55 * saw * fall + dark) * np.exp(-time * 0.8)
    return _finished(_attack(out + 0.5 * np.sin(2 * np.pi * f * time), 0.003))


def synth_pluck(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Two detuned saws, bright at first, dark soon."""
    time = _time(n)
    out = np.zeros(n)
    for detune in (-5.0, 6.0):
        hz = f * 2.0 ** (detune / 1200.0)
        phase = float(rng.uniform())
        high = _table_wave(hz, [1.0 / k for k in range(1, 40)], n, phase)
        low = _table_wave(hz, [1.0 / k**2 for k in range(1, 12)], n, phase)
        out += high * np.exp(-time * (20.0 - 11.0 * bright)) + 0.9 * low * np.exp(-time * 4.5)
    return _finished(_attack(out, 0.002))


def lead(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Soft square lead with late vibrato."""
    hz = f * _vibrato(n, depth_cents=14.0, rate=5.3, onset=0.35)
    odd = [1.0 / k if k % 2 else 0.12 / k for k in range(1, 16)]
    out = _table_wave(hz, [a * (0.35 + 0.3 * bright) ** (k / 6) for k, a in enumerate(odd)], n, 0.0)
    return _finished(_attack(out * (0.72 + 0.28 * np.exp(-_time(n) * 3.0)), 0.010))


def flute(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Few harmonics, breath, vibrato that comes in late."""
    time = _time(n)
    hz = f * _vibrato(n, depth_cents=11.0, rate=4.9, onset=0.25)
    tone = _table_wave(hz, [1.0, 0.28 + 0.3 * bright, 0.14, 0.06, 0.03], n, 0.0)
    window = np.hanning(15)
    breath = np.convolve(rng.standard_normal(n + 14), window / window.sum(), mode="valid")
    chiff = 0.05 + 0.45 * np.exp(-time * 30.0)
    return _finished(_attack(tone + breath * chiff * 0.6, 0.022))


def strings(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Section of four desks, slow bow."""
    out = np.zeros(n)
    for cents in (-9.0, -3.0, 4.0, 10.0):
        hz = (
            f
            * 2.0 ** (cents / 1200.0)
            * _vibrato(n, depth_cents=6.0, rate=float(rng.uniform(4.6, 5.6)), onset=0.3)
        )
        steep = 1.55 - 0.35 * bright
        out += _table_wave(hz, [k**-steep for k in range(1, 22)], n, float(rng.uniform()))
    return _finished(_attack(out, 0.16))


def pad(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Warm detuned saws that open slowly."""
    time, out = _time(n), np.zeros(n)
    for cents in (-8.0, 0.0, 9.0):
        hz, phase = f * 2.0 ** (cents / 1200.0), float(rng.uniform())
        dark = _table_wave(hz, [k**-2.2 for k in range(1, 12)], n, phase)
        open_ = _table_wave(hz, [k**-1.3 for k in range(1, 20)], n, phase)
        out += dark + bright * 0.8 * open_ * (0.5 - 0.5 * np.cos(2 * np.pi * 0.11 * time))
    return _finished(_attack(out, 0.45))


def marimba(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Rosewood bar tuned 1 : 4 : 10."""
    hz, low = [f, 3.98 * f, 9.9 * f], (f / 262.0) ** 0.6
    out = _partials(n, hz, [1.0, 0.22 + 0.3 * bright, 0.08 * bright], [4.0 * low, 15.0, 45.0], rng)
    return _finished(_attack(out + 0.12 * bright * _thump(n, rng, 0.003), 0.001))


def vibraphone(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Metal bar with its motor running."""
    out = _partials(
        n, [f, 4.0 * f, 10.2 * f], [1.0, 0.16 + 0.2 * bright, 0.04], [0.9, 3.5, 14.0], rng
    )
    return _finished(_attack(out * (1.0 + 0.16 * np.sin(2 * np.pi * 4.4 * _time(n))), 0.0015))


def bell(f: float, n: int, bright: float, rng: np.random.Generator) -> Sound:
    """Small glass bell."""
    ratios, shares = [1.0, 2.0, 2.76, 5.4, 8.9], [1.0, 0.25, 0.35, 0.22, 0.1]
    decay = [0.8, 1.1, 1.5, 2.8, 5.0]
    hz = [f * ratio for ratio in ratios]
    return _finished(_attack(_partials(n, hz, shares, decay, rng), 0.003))


def _vibrato(n: int, *, depth_cents: float, rate: float, onset: float) -> npt.NDArray[np.float64]:
    time = _time(n)
    depth = depth_cents * np.clip((time - onset) / 0.4, 0.0, 1.0)
    return np.asarray(2.0 ** (depth * np.sin(2 * np.pi * rate * time) / 1200.0), dtype=np.float64)
