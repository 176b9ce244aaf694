"""A listener whose truth is known: music, a brain that answers it or not, and what disturbs both.

The feature is a train of metrical onsets (sixteenths,
accents, 80-140 BPM, 8 ms of timing spread; a *loop* repeats one bar exactly). The answer is the
feature through a kernel with peaks at 55, 110, 190 and 300 ms. The noise is 1/f, half of it shared
between neighbouring electrodes, with alpha. Spatial mixing is idealised, so absolute correlations
for a number of electrodes are optimistic; losses, false alarms and scaling with time are not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.lab.recordings import Stimulus
from devices.formats.recording import Recording
from dsp.filters import bandpass
from dsp.grid import Floats
from dsp.tracking.expectation import CENTRE

RATE = 64  # rows of the feature in a second
SFREQ = 250.0
SITES = ("Fp1", "Fp2", "T7", "T8")
EIGHT = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "T7", "T8")
START = 1000.0  # s of the clock at which everything begins
NOISE_RMS = 10.0  # microvolt
ALPHA_RMS = 5.0
LEFT_RIGHT = (("Fp1", "Fp2"), ("F3", "F4"), ("C3", "C4"), ("T7", "T8"))

_X = dict(zip(EIGHT, (-0.3, 0.3, -0.5, 0.5, -0.6, 0.6, -1.0, 1.0), strict=True))
_SOUND = dict(zip(EIGHT, (0.75, 0.8, 0.95, 1.0, 0.9, 0.95, -0.6, -0.7), strict=True))
_ALPHA = dict(zip(EIGHT, (0.3, 0.3, 0.6, 0.6, 1.0, 1.0, 0.7, 0.7), strict=True))
_BLINK = dict(zip(EIGHT, (1.0, 0.95, 0.4, 0.4, 0.12, 0.12, 0.1, 0.1), strict=True))
_MUSCLE = dict(zip(EIGHT, (0.4, 0.4, 0.3, 0.3, 0.2, 0.2, 1.0, 1.0), strict=True))


@dataclass(frozen=True)
class Music:
    """Feature of a track, and its beats.

    Attributes
    ----------
    feature : float64 [shape=(n,)]
        At 64 Hz.
    beats : float64 [shape=(n_beats,)]
        Seconds since the start.
    tempo : float
        Beats a minute.
    level : float64 [shape=(n,)] or None
        dB; a feature without a sound is taken to be played as loud as any track.
    """

    feature: Floats
    beats: Floats
    tempo: float
    level: Floats | None = None

    @property
    def seconds(self) -> float:
        return self.feature.size / RATE

    def stimulus(self, *, layer: Floats | None = None, start: float = START) -> Stimulus:
        """Rows as the player hands them to the tracker, not on the tracker's own grid."""
        nothing = np.zeros_like(self.feature)
        level = nothing + CENTRE[3] if self.level is None else self.level
        layer = nothing if layer is None else layer
        rows = np.stack([self.feature, nothing, layer, level], axis=1)
        return Stimulus("music", rows, start + 0.0037 + np.arange(self.feature.size) / RATE)


def _onsets(at: Floats, size: Floats, seconds: float) -> Floats:
    """Feature of onsets at some times, of some size."""
    feature = np.zeros(int(seconds * RATE) + 8)
    position = np.maximum(at, 0.0) * RATE
    low = np.minimum(position.astype(np.int64), feature.size - 2)
    np.add.at(feature, low, size * (1.0 - (position - low)))
    np.add.at(feature, low + 1, size * (position - low))
    return np.asarray(np.convolve(feature, [0.6, 0.3, 0.1])[: int(seconds * RATE)])


def even_tones(seconds: float, apart: float) -> Music:
    """Tones that are all alike, so many seconds apart."""
    at = np.arange(0.2, seconds - 0.5, apart)
    return Music(_onsets(at, np.ones(at.size), seconds), at, 60.0 / apart)


def free_onsets(rng: np.random.Generator, seconds: float) -> Music:
    """Onsets as many as in `music`, and as unequal, at random: no beat and no bar."""
    at = np.sort(rng.uniform(0.2, seconds - 0.5, int(3.7 * seconds)))
    size = rng.choice([1.0, 0.35, 0.6, 0.35], at.size, p=[0.475, 0.125, 0.275, 0.125])
    feature = _onsets(at, size * rng.uniform(0.5, 1.5, at.size), seconds)
    return Music(feature, np.empty(0), 0.0)


def music(
    rng: np.random.Generator, seconds: float, *, tempo: float | None = None, loop: bool = False
) -> Music:
    """Metrical onsets."""
    tempo = float(rng.uniform(80.0, 140.0)) if tempo is None else tempo
    step = 15.0 / tempo  # s of a sixteenth
    chance = np.array([0.95, 0.25, 0.55, 0.25] * 4)
    accent = np.array([1.0, 0.35, 0.6, 0.35] * 4) * rng.uniform(0.6, 1.4, 16)
    accent[::8] *= 1.4
    n = int(seconds / step)
    slot = np.arange(n) % 16
    if loop:
        played = (rng.random(16) < chance)[slot]
        size = (accent * rng.uniform(0.6, 1.4, 16))[slot]
        # A bar of whole grid points repeats itself exactly.
        step = max(round(step * RATE * 16), 1) / RATE / 16
        at = np.arange(n) * step
    else:
        played = rng.random(n) < chance[slot]
        size = accent[slot] * rng.uniform(0.5, 1.5, n)
        at = np.arange(n) * step + rng.normal(0.0, 0.008, n)
    at, size = at[played], size[played]
    feature = _onsets(at, size, seconds)
    beats = np.arange(0.0, seconds, 4 * step)
    return Music(feature, beats[beats < seconds - 0.5], 15.0 / step)


def kernel() -> Floats:
    """Answer to a unit of the feature at 64 Hz, 0-450 ms, zero mean."""
    lag = np.arange(29) / RATE
    out = np.zeros(lag.size)
    for peak, width, height in (
        (0.055, 0.015, 0.5),
        (0.110, 0.025, -1.0),
        (0.190, 0.035, 0.9),
        (0.300, 0.055, -0.4),
    ):
        out += height * np.exp(-0.5 * ((lag - peak) / width) ** 2)
    return np.asarray(out - out.mean())


def _in_band(x: Floats) -> float:
    """Rms in 1-8 Hz of a signal at 64 Hz."""
    return float(np.std(np.convolve(x, bandpass(1.0, 8.0), mode="valid")))


def one_over_f(
    rng: np.random.Generator, n: int, columns: int, *, sfreq: float = SFREQ, slope: float = 0.6
) -> Floats:
    """Noise with amplitude falling as ``f ** -slope`` from 0.5 Hz on; unit variance."""
    size = 1 << (n - 1).bit_length()
    hz = np.fft.rfftfreq(size, 1.0 / sfreq)
    shape = np.where(hz < 0.5, 0.0, 1.0) / np.maximum(hz, 0.5) ** slope
    z = rng.standard_normal((columns, hz.size)) + 1j * rng.standard_normal((columns, hz.size))
    x = np.fft.irfft(z * shape, size, axis=1)[:, :n]
    return np.asarray((x / x.std(axis=1, keepdims=True)).T)


class Brain:
    """One person: how the electrodes see sources, which stays the same between sessions.

    Parameters
    ----------
    seed : int
    coupling : float
        Correlation in 1-8 Hz of the answer with the signal of the best electrode; 0 is a
        brain that does not hear.
    ch_names : sequence of str
    """

    def __init__(
        self, seed: int, *, coupling: float, ch_names: tuple[str, ...] = SITES, mixing: float = 0.5
    ) -> None:
        rng = np.random.default_rng([seed, 77])
        self.ch_names = ch_names
        self.coupling = coupling
        self._shift = float(np.clip(rng.normal(0.0, 0.008), -0.016, 0.016))
        n = len(ch_names)
        spread = 1.0 + 0.15 * rng.standard_normal(n)
        self._sound = np.array([_SOUND[c] for c in ch_names]) * spread
        self._alpha = np.array([_ALPHA[c] for c in ch_names])
        x = np.array([_X[c] for c in ch_names])
        smooth = np.stack([np.ones(n), x, x**2 - 0.4, 0.5 - np.abs(x - 0.5)])
        smooth = smooth + 0.2 * rng.standard_normal(smooth.shape)
        self._mix = smooth / np.linalg.norm(smooth, axis=0) * np.sqrt(mixing)
        self._own = np.sqrt(1.0 - mixing)

    def noise(self, rng: np.random.Generator, times: Floats, sfreq: float = SFREQ) -> Floats:
        """Background activity, microvolt [shape=(n, n_channels)]."""
        n, k = times.size, len(self.ch_names)
        sources = one_over_f(rng, n, k + len(self._mix), sfreq=sfreq)
        out = NOISE_RMS * (self._own * sources[:, :k] + sources[:, k:] @ self._mix)
        envelope = one_over_f(rng, n, 2, sfreq=sfreq, slope=1.0)
        phase = 2.0 * np.pi * 10.2 * times
        alpha = envelope[:, 0] * np.cos(phase) + envelope[:, 1] * np.sin(phase)
        return np.asarray(out + ALPHA_RMS * alpha[:, None] * self._alpha)

    def answer(self, heard: Floats, times: Floats, *, start: float = START) -> Floats:
        """Evoked activity at `times` to a feature that begins at `start`, microvolt."""
        if self.coupling == 0.0 or not heard.any():
            return np.zeros((times.size, len(self.ch_names)))
        response = np.convolve(heard, kernel())[: heard.size]
        # Background of 1/f**1.2 power: this share of its variance lies in 1-8 Hz.
        rng = np.random.default_rng(0)
        background = NOISE_RMS * _in_band(one_over_f(rng, 64 * 256, 1, sfreq=256.0)[::4, 0])
        gain = background * self.coupling / np.sqrt(1.0 - self.coupling**2) / _in_band(response)
        at = start + 0.0037 + self._shift + np.arange(heard.size) / RATE
        return np.asarray(np.interp(times, at, response)[:, None] * gain * self._sound)

    def record(
        self,
        rng: np.random.Generator,
        heard: Floats,
        *,
        seconds: float | None = None,
        sfreq: float = SFREQ,
        blinks: bool = True,
        mains: float = 3.0,
    ) -> Recording:
        """EEG of somebody who hears a feature, with ordinary blinks and mains.

        The stamps are the true times.
        """
        length = heard.size / RATE if seconds is None else seconds
        times = START + np.arange(int(length * sfreq)) / sfreq
        eeg = self.noise(rng, times, sfreq) + self.answer(heard, times)
        eeg += mains * np.sin(2.0 * np.pi * 50.0 * times + 0.3)[:, None]
        recording = Recording(
            "simulated", self.ch_names, sfreq, eeg.astype(np.float32), times, None
        )
        if blinks:
            at = np.cumsum(rng.exponential(3.0, int(length / 3.0) + 8) + 1.0)
            recording = add(recording, blink_potential(rng, recording, at[at < length - 1.0]))
        return recording


def vertex_answer(recording: Recording, at: Floats, *, microvolts: float) -> Floats:
    """N1 and P2 to sounds at the seconds `at`, so large from peak to peak at the best electrode."""
    lag = np.arange(int(0.4 * recording.sfreq)) / recording.sfreq
    n1, p2 = (np.exp(-0.5 * ((lag - t) / sd) ** 2) for t, sd in ((0.1, 0.022), (0.19, 0.04)))
    wave = microvolts * (p2 - n1) / np.ptp(p2 - n1)
    return _pulses(recording, at, [wave] * at.size, _SOUND)


# ---- what disturbs


def add(recording: Recording, microvolts: Floats) -> Recording:
    """The recording with something on top."""
    return replace(recording, eeg=(recording.eeg + microvolts).astype(np.float32))


def _pulses(
    recording: Recording, at: Floats, shapes: list[Floats], sites: dict[str, float]
) -> Floats:
    out = np.zeros(recording.times.size)
    for when, shape in zip(at, shapes, strict=True):
        first = int(when * recording.sfreq)
        part = shape[: max(out.size - first, 0)]
        if first >= 0:
            out[first : first + part.size] += part
    return np.asarray(out[:, None] * np.array([sites[c] for c in recording.ch_names]))


def blink_potential(rng: np.random.Generator, recording: Recording, at: Floats) -> Floats:
    """Blinks that begin at the seconds `at` since the start: 70-150 µV, 0.25-0.4 s."""
    lengths = rng.uniform(0.25, 0.4, at.size)
    peaks = rng.uniform(70.0, 150.0, at.size)
    shapes = [p * np.hanning(int(d * recording.sfreq)) for p, d in zip(peaks, lengths, strict=True)]
    return _pulses(recording, at, shapes, _BLINK)


def muscle_bursts(rng: np.random.Generator, recording: Recording, at: Floats) -> Floats:
    """Bursts of broadband muscle activity from 20 Hz on, 25 µV at the temples, 0.15-0.3 s."""
    lengths = rng.uniform(0.15, 0.3, at.size)
    noise = rng.standard_normal(recording.times.size)
    noise = noise - np.convolve(noise, np.ones(12) / 12.0, mode="same")
    shapes = []
    for d in lengths:
        n = int(d * recording.sfreq)
        first = int(rng.integers(0, noise.size - n))
        shapes.append(25.0 * noise[first : first + n] * np.hanning(n))
    return _pulses(recording, at, shapes, _MUSCLE)


def head_bob(
    rng: np.random.Generator, recording: Recording, at: Floats, *, microvolts: float
) -> Floats:
    """A slow swing of all electrodes, each by its own share, at the seconds `at`."""
    period = float(np.median(np.diff(at)))
    n = int(period * recording.sfreq)
    size = microvolts * rng.uniform(0.6, 1.4, at.size)
    wave = np.sin(2.0 * np.pi * np.arange(n) / n) * np.hanning(n)
    shares = dict(
        zip(recording.ch_names, rng.uniform(-1.0, 1.0, len(recording.ch_names)), strict=True)
    )
    return _pulses(recording, at, [s * wave for s in size], shares)
