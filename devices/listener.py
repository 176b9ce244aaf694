"""The simulated listener: what it hears goes in, microvolts and hidden enjoyment come out.

A ground truth for the loop, not a model of anybody. Three kinds differ only in how strongly
their EEG answers. Everything is drawn from one seed, sample by sample, so the same hearing
gives the same voltages however it is cut into reads.

Background: 1/f noise, partly shared between electrodes, alpha, blinks, muscle. Answer to the
sound: the spectral flux that was heard, through a response with peaks at 55, 110, 190 and
300 ms. Hidden enjoyment (`devices.feeling`) moves frontal-midline theta and the gain of the
answer. Sizes are assumptions where no source is named.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.feeling import Feeling, Following
from devices.timeline import COLUMNS, HeardTracks, Timeline
from dsp.checks import check_number, check_option
from dsp.grid import FS, HOP, RATE, WINDOW
from dsp.sound.heard import NO_PLAY, Play

#: Frontal, central, temporal and mastoid sites; linked-ear reference.
MONTAGE = ("Fz", "Cz", "F3", "F4", "T7", "T8", "TP9", "TP10")


@dataclass(frozen=True)
class Answer:
    """How strongly the EEG of a listener answers.

    Attributes
    ----------
    theta_db : float
        Rise of frontal theta over the aperiodic background, dB, from hidden enjoyment 0.25 to 0.75.
    response : float
        Answer to the sound at enjoyment 0.5, microvolt rms at Cz.
    response_slope : float
        Relative change of that answer per unit of enjoyment.
    """

    theta_db: float
    response: float
    response_slope: float


@dataclass(frozen=True)
class Head:
    """Somebody whose EEG is seen on several days.

    Attributes
    ----------
    answer : Answer
    seed : int
        What makes this head another than the next: sites, mixing, latency.
    """

    answer: Answer
    seed: int


#: `clear` is exaggerated (d' about 5 per 10 s); `typical` is what scalp EEG gives at best (0.35).
LISTENERS = {
    "clear": Answer(theta_db=5.0, response=1.6, response_slope=1.2),
    "typical": Answer(theta_db=0.33, response=0.5, response_slope=0.3),
    "silent": Answer(theta_db=0.0, response=0.0, response_slope=0.0),
}


def answer_of(d_prime: float) -> Answer:
    """Return the answer of a listener of given `d_prime`: a silent one at 0.

    d' is the separation of enjoyment 0.75 from 0.25 in one 10 s window, theta and answer to the
    sound combined ideally. Measured: theta separates them by 0.90 per dB (sd of its 10 s means
    1.1 dB), the answer of 0.5 microvolt by 0.53 per unit of slope; as squares they add up.

    Raises
    ------
    InputError
        If it lies outside 0 to 3, beyond which the answer to the sound cannot follow.
    """
    check_number("d-prime", d_prime, low=0.0, high=3.0)
    if d_prime == 0.0:
        return LISTENERS["silent"]
    return Answer(theta_db=0.98 * d_prime, response=0.5, response_slope=0.88 * d_prime)


NOTICES = {
    "clear": "Simulated listener with an exaggerated EEG answer; a real headset would need far "
    "longer, or a rating.",
    "typical": "Simulated listener with a typical EEG answer: within minutes it is not expected "
    "to change anything by its EEG.",
    "silent": "Simulated listener whose EEG answers neither to the sound nor to enjoyment: "
    "nothing may happen because of its EEG.",
}

# Spread over the scalp of the answer to sound (fronto-central, inverting below the Sylvian
# fissure), of frontal-midline theta, alpha, blinks and muscle, by electrode of `MONTAGE`.
_SOUND = dict(zip(MONTAGE, (0.9, 1.0, 0.7, 0.7, 0.25, 0.25, -0.35, -0.35), strict=True))
_THETA = dict(zip(MONTAGE, (1.0, 0.6, 0.6, 0.6, 0.1, 0.1, 0.05, 0.05), strict=True))
_ALPHA = dict(zip(MONTAGE, (0.3, 0.5, 0.3, 0.3, 0.5, 0.5, 0.7, 0.7), strict=True))
_BLINK = dict(zip(MONTAGE, (0.7, 0.2, 0.6, 0.6, 0.1, 0.1, 0.05, 0.05), strict=True))
_MUSCLE = dict(zip(MONTAGE, (0.1, 0.05, 0.15, 0.15, 1.0, 1.0, 0.8, 0.8), strict=True))

NOISE_RMS = 9.0  # microvolt, 0.5-45 Hz, of which a half is shared between neighbours
THETA_DB = 5.0  # frontal theta over the aperiodic background at enjoyment 0.5
ALPHA_RMS = 5.0
BLINK_PEAK = 110.0
BLINK_EVERY = 7.0  # s, mean; exponential beyond 1.5 s
MUSCLE_EVERY = 45.0
THETA_WANDER_DB, THETA_WANDER_TAU = 0.35, 15.0
_N_SHARED = 4
_STEP = 1.0 / RATE


def _response_kernel() -> npt.NDArray[np.float64]:
    """Answer to a unit of flux at 64 Hz over 0-450 ms, zero mean [shape=(29,)]."""
    lag = np.arange(29) * _STEP
    kernel = np.zeros(29)
    for peak, width, height in (
        (0.055, 0.015, 0.5),
        (0.110, 0.025, -1.0),
        (0.190, 0.035, 0.9),
        (0.300, 0.055, -0.4),
    ):
        kernel += height * np.exp(-0.5 * ((lag - peak) / width) ** 2)
    return np.asarray(kernel - kernel.mean())


_KERNEL = _response_kernel()


class _Noise:
    """Stationary noise of given spectra, made in half-overlapping sine windows."""

    def __init__(self, rng: np.random.Generator, amplitude: npt.NDArray[np.float64]) -> None:
        self._rng = rng
        self._amplitude = amplitude  # [shape=(n_bins, n_sources)]
        self._hop = amplitude.shape[0] - 1
        n = 2 * self._hop
        self._window = np.sin(np.pi * (np.arange(n) + 0.5) / n)[:, None]
        self._tail = np.zeros((self._hop, amplitude.shape[1]))
        self._ready = np.empty((0, amplitude.shape[1]))
        self._half()  # the first half window has no predecessor: its fade-in is thrown away
        self._ready = self._ready[self._hop :]

    def _half(self) -> None:
        shape = self._amplitude.shape
        spectrum = self._rng.standard_normal(shape) + 1j * self._rng.standard_normal(shape)
        block = np.fft.irfft(spectrum * self._amplitude, axis=0) * self._window
        self._ready = np.concatenate([self._ready, self._tail + block[: self._hop]])
        self._tail = block[self._hop :]

    def take(self, n: int) -> npt.NDArray[np.float64]:
        """Next `n` samples [shape=(n, n_sources)]."""
        while self._ready.shape[0] < n:
            self._half()
        out, self._ready = self._ready[:n], self._ready[n:]
        return out


def _spectrum(shape: npt.NDArray[np.float64], rms: float) -> npt.NDArray[np.float64]:
    """Bin amplitudes whose noise has `rms`; `shape` is amplitude over frequency."""
    n = 2 * (shape.size - 1)
    power = 2.0 * 2.0 * np.sum(shape[1:-1] ** 2) / n**2  # mean square of irfft of unit normals
    return np.asarray(shape * rms / math.sqrt(power))


class Listener:
    """One simulated listener, streaming.

    Parameters
    ----------
    kind : {'clear', 'typical', 'silent'}
    seed : int
        Head and noise; another seed is another person on another day.
    ch_names : sequence of str
        A selection of `MONTAGE`.
    sfreq : float
        Sampling rate, Hz.
    timeline, tracks : Timeline, HeardTracks
        What is heard, and what there is to know of it.
    head : Head, optional
        Of somebody who was seen before: then `seed` is that of the day alone.
    feeling : Feeling, optional
        What is felt; follows the liking that it is told of each track unless given.
    """

    def __init__(
        self,
        kind: str,
        *,
        seed: int,
        ch_names: Sequence[str],
        sfreq: float,
        timeline: Timeline,
        tracks: HeardTracks,
        head: Head | None = None,
        feeling: Feeling | None = None,
    ) -> None:
        check_option("listener", kind, LISTENERS)
        self.answer = head.answer if head is not None else LISTENERS[kind]
        self._timeline, self._tracks = timeline, tracks
        self._sfreq = sfreq
        for name in ch_names:
            check_option("electrode", name, MONTAGE)
        own, noise, self._events_rng, self._felt_rng = (
            np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)
        )
        if head is not None:
            own = np.random.default_rng(head.seed)

        def spread(table: dict[str, float], jitter: float) -> npt.NDArray[np.float64]:
            base = np.array([table[name] for name in ch_names])
            return base * (1.0 + jitter * own.standard_normal(base.size))

        self._sound, self._theta = spread(_SOUND, 0.15), spread(_THETA, 0.05)
        self._alpha, self._blink = spread(_ALPHA, 0.3), spread(_BLINK, 0.1)
        self._muscle = spread(_MUSCLE, 0.2)
        # Volume conduction is alike in all heads: one smooth pattern, a little different in each.
        places = [MONTAGE.index(name) for name in ch_names]
        mix = np.random.default_rng(0).standard_normal((_N_SHARED, len(MONTAGE)))[:, places]
        mix = mix + 0.3 * own.standard_normal(mix.shape)
        self._mix = mix / np.linalg.norm(mix, axis=0) * math.sqrt(0.5)
        # Brains differ by some ms. Sound is looked up this much in the past, so that no sample
        # needs to know what has not been rendered yet.
        self._latency = 0.030 + min(max(0.008 * float(own.standard_normal()), -0.012), 0.03)
        spectra, self._theta_background = self._spectra(len(ch_names), sfreq)
        self._noise = _Noise(noise, spectra)
        self._n_channels = len(ch_names)
        # Hidden enjoyment on the 64 Hz grid of the LSL clock.
        self._grid: int | None = None  # newest grid point computed
        self._feeling: Feeling = feeling or Following()
        self._theta_wander = 0.0
        self._flux = np.zeros(_KERNEL.size)
        self._scale: dict[Play, float] = {}
        self._recent = np.empty((0, 4))  # grid time, response, felt, wandering theta
        self._truth: list[tuple[float, float]] = []
        self._rows = np.empty((0, len(COLUMNS)))
        self._next_row = 0
        self._sample = 0
        self._next_blink = self._after(0, BLINK_EVERY)
        self._next_muscle = self._after(0, MUSCLE_EVERY)
        self._pulses: list[tuple[int, npt.NDArray[np.float64]]] = []

    @staticmethod
    def _spectra(n_channels: int, sfreq: float) -> tuple[npt.NDArray[np.float64], float]:
        """Amplitudes of the sources: own and shared 1/f, alpha, theta, muscle (white, > 20 Hz).

        Also the power of the background in 4-8 Hz at one electrode, microvolt squared.
        """
        hz = np.fft.rfftfreq(2 * round(sfreq), 1.0 / sfreq)
        pink = np.where(hz < 0.5, 0.0, np.where(hz <= 45.0, 1.0, 0.3)) / np.maximum(hz, 0.5) ** 0.6
        alpha = np.exp(-0.5 * ((hz - 10.2) / 0.8) ** 2)
        theta = np.where((hz >= 4.0) & (hz <= 8.0), 1.0, 0.0)
        muscle = np.where((hz >= 20.0) & (hz < 0.45 * sfreq), 1.0, 0.0)
        background = _spectrum(pink, NOISE_RMS)
        own = [background * math.sqrt(0.5)] * n_channels
        shared = [background] * _N_SHARED
        rest = [_spectrum(alpha, ALPHA_RMS), _spectrum(theta, 1.0), _spectrum(muscle, 1.0)]
        share = np.sum(background[theta > 0] ** 2) / np.sum(background[1:-1] ** 2)
        # Sine windows overlapping by half keep the power: sin^2 + cos^2 = 1.
        return np.stack([*own, *shared, *rest], axis=1), float(share) * NOISE_RMS**2

    def voltages(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Microvolts at `times`, which go on from the last call.

        Parameters
        ----------
        times : float64 [shape=(n,)]
            LSL seconds, increasing.

        Returns
        -------
        float32 [shape=(n, n_channels)]
        """
        n = times.size
        if n == 0:
            return np.empty((0, self._n_channels), dtype=np.float32)
        self._hear(float(times[0]), float(times[-1]))
        grid = self._recent
        response, felt, wander = (np.interp(times, grid[:, 0], grid[:, k]) for k in (1, 2, 3))
        k = self._n_channels
        sources = self._noise.take(n)
        out = sources[:, :k] + sources[:, k : k + _N_SHARED] @ self._mix
        alpha, theta, muscle = sources[:, k + _N_SHARED :].T
        out += alpha[:, None] * self._alpha
        over_db = THETA_DB + 2.0 * self.answer.theta_db * (felt - 0.5) + wander
        over = np.maximum(10.0 ** (over_db / 10.0) - 1.0, 0.02) * self._theta_background
        out += (theta * np.sqrt(over))[:, None] * self._theta
        out += response[:, None] * self._sound
        out += self._artefacts(n, muscle)
        self._sample += n
        self._recent = grid[-4:]
        return np.asarray(out, dtype=np.float32)

    def hear(self, times: npt.NDArray[np.float64]) -> None:
        """Hear and feel on as `voltages` would, without any EEG."""
        if times.size:
            self._hear(float(times[0]), float(times[-1]))
            self._recent = self._recent[-4:]

    def truth(self) -> list[tuple[float, float]]:
        """Time and hidden enjoyment, once a second, since the last call."""
        out, self._truth = self._truth, []
        return out

    def _after(self, sample: int, mean: float) -> int:
        """Sample number of the next event after one at `sample`."""
        seconds = 1.5 + float(self._events_rng.exponential(mean - 1.5))
        return sample + int(seconds * self._sfreq)

    def _artefacts(self, n: int, muscle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Blinks and muscle bursts that fall into the next `n` samples [shape=(n, n_channels)]."""
        first, out = self._sample, (0.5 * muscle)[:, None] * self._muscle
        while min(self._next_blink, self._next_muscle) < first + n:
            if self._next_blink <= self._next_muscle:
                start, self._next_blink = (
                    self._next_blink,
                    self._after(self._next_blink, BLINK_EVERY),
                )
                peak = BLINK_PEAK * self._events_rng.uniform(0.7, 1.3)
                shape = np.hanning(int(0.3 * self._sfreq))
                self._pulses.append((start, peak * shape[:, None] * self._blink))
            else:
                start, self._next_muscle = (
                    self._next_muscle,
                    self._after(self._next_muscle, MUSCLE_EVERY),
                )
                length = int(self._events_rng.uniform(0.5, 1.5) * self._sfreq)
                noise = self._events_rng.standard_normal((length, 1)) * 25.0
                self._pulses.append((start, noise * np.hanning(length)[:, None] * self._muscle))
        for start, pulse in self._pulses:
            a, b = max(start, first), min(start + len(pulse), first + n)
            if a < b:
                out[a - first : b - first] += pulse[a - start : b - start]
        self._pulses = [p for p in self._pulses if p[0] + len(p[1]) > first + n]
        return out

    def _hear(self, start: float, until: float) -> None:
        """Move hearing and feeling along the 64 Hz grid to just beyond `until`."""
        last = math.floor(until * RATE) + 1
        if self._grid is None:
            self._grid = math.floor(start * RATE) - 1
        first, rows = self._timeline.since(self._next_row)
        self._next_row = first + len(rows)
        self._rows = np.concatenate([self._rows, rows])
        points = range(self._grid + 1, last + 1)
        if not points:
            return
        block = np.empty((len(points), 4))
        flux = self._heard_flux(np.asarray(points) * _STEP - self._latency)
        for i, point in enumerate(points):
            self._feel(point)
            self._flux = np.concatenate([self._flux[1:], flux[i : i + 1]])
            felt = self._feeling.felt
            slope = self.answer.response_slope * (felt - 0.5)
            gain = self.answer.response * min(max(1.0 + slope, 0.3), 1.7)
            block[i] = (
                point * _STEP,
                gain * float(self._flux[::-1] @ _KERNEL),
                felt,
                self._theta_wander,
            )
        self._grid = last
        self._recent = np.concatenate([self._recent, block])
        # Rows that lie wholly before the newest grid point less one second are not asked again.
        if len(self._rows) > 4000:
            self._rows = self._rows[self._rows[:, 0] > points[-1] * _STEP - 2.0]

    def _feel(self, point: int) -> None:
        """Hidden enjoyment one grid step on."""
        t = point * _STEP
        row = self._row_at(t - self._latency)
        playing = NO_PLAY
        if row is not None and row[11] > 0.0:
            playing = Play(int(row[3] if row[5] >= row[8] else row[6]))
        z = self._felt_rng.standard_normal(2)
        self._feeling.step(t, playing, self._tracks, float(z[0]))
        decay = math.exp(-_STEP / THETA_WANDER_TAU)
        self._theta_wander *= decay
        self._theta_wander += THETA_WANDER_DB * math.sqrt(1 - decay**2) * z[1]
        if point % RATE == 0:
            self._truth.append((t, self._feeling.felt))

    def _row_at(self, t: float) -> npt.NDArray[np.float64] | None:
        i = int(np.searchsorted(self._rows[:, 0], t, side="right")) - 1
        if i < 0 or t > self._rows[i, 0] + self._rows[i, 2] / FS + 0.005:
            return None
        return np.asarray(self._rows[i])

    def _heard_flux(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Normalised flux of what is heard at `times`, cross-fades by their gains."""
        out = np.zeros(times.size)
        if len(self._rows) == 0:
            return out
        i = np.searchsorted(self._rows[:, 0], times, side="right") - 1
        rows = self._rows[np.maximum(i, 0)]
        inside = (i >= 0) & (times <= rows[:, 0] + rows[:, 2] / FS + 0.005)
        for deck in (3, 6):
            for play in map(Play, np.unique(rows[:, deck][inside]).astype(int).tolist()):
                track = self._tracks.get(play)
                if track is None or track.feature.size < RATE:
                    continue
                here = inside & (rows[:, deck] == play)
                frame = rows[here, deck + 1] + (times[here] - rows[here, 0]) * FS
                at = (frame + WINDOW // 2) / HOP - 1.0
                size = np.arange(track.feature.size)
                flux = np.interp(at, size, track.feature, left=0.0, right=0.0)
                fade = rows[here, deck + 2] * rows[here, 11] / track.gain
                out[here] += flux * np.clip(fade, 0.0, 1.0) * self._unit(play)
        return out

    def _unit(self, play: Play) -> float:
        """Factor that makes the answer to the track of `play` 1 microvolt rms."""
        if play not in self._scale:
            track = self._tracks.get(play)
            assert track is not None
            answer = np.convolve(track.feature.astype(np.float64), _KERNEL, mode="valid")
            self._scale[play] = 1.0 / max(float(np.std(answer)), 1e-9)
        return self._scale[play]
