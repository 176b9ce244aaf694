"""The low-frequency layer: what it sounds like, and how loud it may ever be.

Two recipes. Where the beat grid is sure: **beat-locked sub-bass**, one short pulse a beat at the
key of the track. Where it is not: a **low noise bed**, pink noise of 40-160 Hz whose level swings
at 6 Hz, tied to no beat, since a wrong beat is worse than none. Whether either does anything to a
listener is for the session to find out.

Both are pure functions of the frame number, so they are phase-continuous by construction and
the same, bit for bit, however the sound is cut into blocks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dsp.grid import FS, Floats
from dsp.sound.beatgrid import BeatGrid

PROGRAMME_DB = -18.0  #: loudness to which tracks are brought, LUFS, here taken as dB rms
SUB_CEILING_DB = -12.0  #: of the sub-bass at level 1, dB relative to the programme
BED_CEILING_DB = -18.0  #: of the noise bed at level 1, dB relative to the programme
PEAK_CAP = 0.125  #: no sample of the layer is ever larger (-18 dB full scale)
CARRIER_LOW, CARRIER_HIGH = 36.0, 73.0  #: Hz; one octave for the sub-bass
THETA_HZ = 6.0  #: modulation of the noise bed

_UNKNOWN_KEY = 50.0  # Hz; a pulse this short has hardly any pitch
_ATTACK, _HOLD, _DECAY = 0.015, 0.025, 0.160  # s
_HIGH_PASS = 27.0  # Hz, 24 dB per octave: protects loudspeakers
_PULSE = 24_000  # frames: pulse and the tail of its high-pass
_NEAREST = 0.38  # s; a beat nearer to the one before is silent, so that pulses never add up
_LOOP = 20 * FS  # frames after which the noise bed repeats; a whole number of its swings
_MOMENT = 0.4  # s; window over which the level of a pulse is measured
_SEED = 20_240_827


def level_gain(level: npt.ArrayLike) -> Floats:
    """Linear gain of a layer `level` 0..1, relative to its ceiling: ``level ** 2``.

    In dB: ``40 log10(level)``; 0 is off, 0.5 is 12 dB under the ceiling (where recipe 1
    starts), 1 is the ceiling. What lies outside 0..1 is taken as the nearest end, and what is
    not a number as off.

    Examples
    --------
    >>> level_gain([0.0, 0.5, 1.0, np.nan]).tolist()
    [0.0, 0.25, 1.0, 0.0]
    """
    inside = np.clip(np.nan_to_num(np.asarray(level, dtype=np.float64), nan=0.0), 0.0, 1.0)
    return np.asarray(inside * inside)


def level_db(level: float, *, sure: bool) -> float:
    """Decibels of the layer relative to the programme at `level`; -inf where it is off.

    Examples
    --------
    >>> round(level_db(0.5, sure=True)), round(level_db(1.0, sure=False))
    (-24, -18)
    """
    gain = float(level_gain(level))
    ceiling = SUB_CEILING_DB if sure else BED_CEILING_DB
    return ceiling + 20.0 * float(np.log10(gain)) if gain > 0.0 else -np.inf


def fold_carrier(tonic: float) -> float:
    """Bring `tonic` (Hz) by octaves into 36-73 Hz; 50 Hz where it is unknown (0).

    Examples
    --------
    >>> fold_carrier(220.0), fold_carrier(0.0)
    (55.0, 50.0)
    """
    if not (np.isfinite(tonic) and tonic > 0.0):
        return _UNKNOWN_KEY
    return float(tonic * 2.0 ** np.ceil(np.log2(CARRIER_LOW / tonic)))


class Voice(Protocol):
    """One recipe, at its ceiling."""

    def render(self, n_frames: int, *, track_frame: int, bus_frame: int) -> npt.NDArray[np.float32]:
        """Mono sound [shape=(n_frames,)] from the given frames of the track and of the bus on."""
        ...


@lru_cache(maxsize=16)
def _pulse(carrier: float) -> npt.NDArray[np.float32]:
    """One beat at the ceiling, high-passed [shape=(_PULSE,)]."""
    t = np.arange(_PULSE) / FS
    rise = 0.5 - 0.5 * np.cos(np.pi * np.clip(t / _ATTACK, 0.0, 1.0))
    fall = 0.5 + 0.5 * np.cos(np.pi * np.clip((t - _ATTACK - _HOLD) / _DECAY, 0.0, 1.0))
    pulse = rise * fall * np.sin(2.0 * np.pi * carrier * t)
    # Fourth-order Butterworth by its analogue response: no pre-echo, and no DC is left.
    s = 1j * np.fft.rfftfreq(2 * _PULSE, 1.0 / FS) / _HIGH_PASS
    response = s**4 / ((s**2 + 0.76536686 * s + 1.0) * (s**2 + 1.84775907 * s + 1.0))
    pulse = np.fft.irfft(np.fft.rfft(pulse, 2 * _PULSE) * response)[:_PULSE]
    edge = 4_800  # the tail is 60 dB down there; it ends in exact zero without a step
    pulse[-edge:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, edge + 1) / edge)
    rms = np.sqrt(np.sum(pulse**2) / (_MOMENT * FS))
    gain = 10.0 ** ((PROGRAMME_DB + SUB_CEILING_DB) / 20.0) / rms
    # The tail of one beat can fall on the next: hence a tenth of the cap is kept free.
    gain = min(gain, 0.9 * PEAK_CAP / float(np.abs(pulse).max()))
    out: npt.NDArray[np.float32] = (gain * pulse).astype(np.float32)
    return out


class SubBass:
    """Recipe 1: a pulse on every beat of a sure grid, at the key of the track.

    Parameters
    ----------
    beats : float64 [shape=(n,)]
        Seconds from the start of the track, rising; one too near the one before is left out.
    tonic : float
        Hz, 0 where it is not known; brought by octaves into the range of the carrier.

    Examples
    --------
    >>> voice = SubBass(np.array([0.5, 1.0]), tonic=55.0)
    >>> sound = voice.render(FS, track_frame=0, bus_frame=0)
    >>> bool(np.any(sound[: FS // 2])), bool(np.any(sound[FS // 2 :]))  # before a beat, after it
    (False, True)
    """

    def __init__(self, beats: Floats, tonic: float) -> None:
        kept: list[float] = []
        for beat in beats:
            if not kept or beat - kept[-1] >= _NEAREST:
                kept.append(float(beat))
        self._starts = np.round(np.asarray(kept) * FS).astype(np.int64)
        self._pulse = _pulse(round(fold_carrier(tonic), 2))

    def render(self, n_frames: int, *, track_frame: int, bus_frame: int) -> npt.NDArray[np.float32]:
        """Mono sound [shape=(n_frames,)] from `track_frame` on."""
        out = np.zeros(n_frames, dtype=np.float32)
        first = np.searchsorted(self._starts, track_frame - _PULSE, side="right")
        last = np.searchsorted(self._starts, track_frame + n_frames, side="left")
        for start in self._starts[first:last]:
            offset = int(start) - track_frame
            begin, end = max(offset, 0), min(offset + _PULSE, n_frames)
            out[begin:end] += self._pulse[begin - offset : end - offset]
        return out


@lru_cache(maxsize=1)
def _bed() -> npt.NDArray[np.float32]:
    """Make the noise bed at its ceiling; it repeats without a seam [shape=(_LOOP,)]."""
    hz = np.fft.rfftfreq(_LOOP, 1.0 / FS)
    band = (hz >= 40.0) & (hz <= 160.0)
    spectrum = np.zeros(hz.size, dtype=np.complex128)
    phases = np.random.default_rng(_SEED).uniform(0.0, 2.0 * np.pi, int(band.sum()))
    spectrum[band] = np.exp(1j * phases) / np.sqrt(hz[band])
    noise = np.fft.irfft(spectrum, _LOOP)
    swing = np.cos(2.0 * np.pi * THETA_HZ * np.arange(_LOOP) / FS)
    noise *= 1.0 - 0.4 * (1.0 + swing)  # depth 0.8
    gain = 10.0 ** ((PROGRAMME_DB + BED_CEILING_DB) / 20.0) / np.sqrt(np.mean(noise**2))
    gain = min(gain, PEAK_CAP / float(np.abs(noise).max()))
    bed: npt.NDArray[np.float32] = (gain * noise).astype(np.float32)
    return bed


class NoiseBed:
    """Recipe 3: pink noise 40-160 Hz, swinging at 6 Hz, tied to no beat.

    Examples
    --------
    >>> sound = NoiseBed().render(FS, track_frame=0, bus_frame=0)
    >>> bool(np.abs(sound).max() <= PEAK_CAP)
    True
    """

    def __init__(self) -> None:
        self._loop = _bed()

    def render(self, n_frames: int, *, track_frame: int, bus_frame: int) -> npt.NDArray[np.float32]:
        """Mono sound [shape=(n_frames,)] from `bus_frame` on; the track does not matter."""
        begin = bus_frame % _LOOP
        if begin + n_frames <= _LOOP:
            return self._loop[begin : begin + n_frames]
        return self._loop[np.arange(begin, begin + n_frames) % _LOOP]


def voice_for(grid: BeatGrid, tonic: float) -> Voice:
    """Choose the recipe: sub-bass where `grid` is sure, else the noise bed.

    Examples
    --------
    >>> from dsp.sound.beatgrid import UNKNOWN_GRID
    >>> type(voice_for(UNKNOWN_GRID, 0.0)).__name__
    'NoiseBed'
    """
    return SubBass(grid.beats, tonic) if grid.sure else NoiseBed()
