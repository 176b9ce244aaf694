"""Integrated loudness (ITU-R BS.1770-4) and true peak of 48 kHz stereo, streaming.

The K weighting is applied in the frequency domain by overlap-save: its impulse response has
fallen below 1e-12 after 125 ms, and the FFT spares a process the import of `scipy.signal`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import fft

from dsp.checks import check_channels
from dsp.grid import FS, Floats

TARGET_LUFS = -18.0  #: at which every track is played; ours are made so
SILENCE = -70.0  #: LUFS of the absolute gate; quieter sound has no loudness
STEP = FS // 10  #: gating blocks of 400 ms advance by 100 ms
_STEPS_PER_BLOCK = 4
_HOP = 5 * STEP  # frames filtered at a time
_TAIL = 6000  # frames in which the K weighting's response dies out
_SIZE = _HOP + _TAIL  # 30000 = 2^4 * 3 * 5^4: a fast transform

_OVERSAMPLING = 4  # of the true peak, as BS.1770-4 annex 2
_TAPS = 24  # per phase
_NEAR_PEAK = 0.7  # a sample below this share of the largest cannot lie beside a higher true peak


def _k_weighting() -> npt.NDArray[np.complex64]:
    """Response of both stages at the bins of the transform (coefficients of BS.1770-4, 48 kHz)."""
    z = np.exp(-2j * np.pi * np.arange(_SIZE // 2 + 1) / _SIZE)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1.0 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1.0 - 2.0 * z + z**2) / (1.0 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.asarray(shelf * high_pass, dtype=np.complex64)


def _interpolator() -> npt.NDArray[np.float32]:
    """Windowed-sinc taps for the points between two samples [shape=(_TAPS, _OVERSAMPLING - 1)]."""
    phase = np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    offset = np.arange(_TAPS)[:, None] - (_TAPS // 2 - 1) - phase
    taps = (
        np.sinc(offset)
        * np.kaiser(257, 7.0)[np.rint((offset / (_TAPS / 2) + 1.0) * 128).astype(int).clip(0, 256)]
    )
    return np.asarray(taps / taps.sum(axis=0), dtype=np.float32)


_RESPONSE = _k_weighting()
_TAPS_BETWEEN = _interpolator()


class Loudness:
    """Integrated loudness of a stereo programme, both channels with weight 1.

    Examples
    --------
    >>> wave = 10 ** (-23 / 20) * np.sin(2 * np.pi * 997.0 * np.arange(5 * FS) / FS)
    >>> loudness = Loudness()
    >>> loudness.push(np.stack([wave, wave], axis=1).astype(np.float32))
    >>> round(loudness.integrated(), 1)  # the standard's own test of calibration
    -23.0
    """

    def __init__(self) -> None:
        self._history = np.zeros((2, _TAIL), dtype=np.float32)
        self._pending: list[npt.NDArray[np.float32]] = []
        self._n_pending = 0
        self._powers: list[Floats] = []

    def push(self, frames: npt.NDArray[np.float32]) -> None:
        """Take `frames` float32 [shape=(n_frames, 2)]."""
        block = check_channels("frames", frames, 2)
        self._pending.append(block)
        self._n_pending += block.shape[0]
        if self._n_pending < _HOP:
            return
        waiting = np.ascontiguousarray(np.concatenate(self._pending).T)
        n_hops = waiting.shape[1] // _HOP
        for k in range(n_hops):
            hop = waiting[:, k * _HOP : (k + 1) * _HOP]
            power, self._history = self._filtered_power(hop)
            self._powers.append(power)
        self._pending = [waiting[:, n_hops * _HOP :].T]
        self._n_pending = waiting.shape[1] - n_hops * _HOP

    def integrated(self) -> float:
        """Return the loudness so far in LUFS, `SILENCE` where no block passes the gates."""
        step_power = np.concatenate([*self._powers, self._unfinished()])
        if step_power.size < _STEPS_PER_BLOCK:
            return SILENCE
        sums = np.concatenate([[0.0], np.cumsum(step_power)])
        blocks = (sums[_STEPS_PER_BLOCK:] - sums[:-_STEPS_PER_BLOCK]) / _STEPS_PER_BLOCK
        loud = blocks[blocks > _power(SILENCE)]
        if not loud.size:
            return SILENCE
        loud = loud[loud > loud.mean() * 10.0 ** (-10.0 / 10.0)]
        return float(-0.691 + 10.0 * math.log10(loud.mean()))

    def _filtered_power(
        self, hop: npt.NDArray[np.float32]
    ) -> tuple[Floats, npt.NDArray[np.float32]]:
        """Return the K-weighted power of each 100 ms of `hop`, and the history for the next hop."""
        window = np.concatenate([self._history, hop], axis=1)
        weighted = fft.irfft(fft.rfft(window, axis=1) * _RESPONSE, n=_SIZE, axis=1)[:, _TAIL:]
        squares = (weighted**2).reshape(2, -1, STEP)
        power = squares.sum(axis=2, dtype=np.float64).sum(axis=0) / STEP
        return power, window[:, _HOP:]

    def _unfinished(self) -> Floats:
        """Power of the whole 100 ms steps that wait for a full hop."""
        n_steps = self._n_pending // STEP
        if not n_steps:
            return np.empty(0)
        hop = np.zeros((2, _HOP), dtype=np.float32)
        hop[:, : self._n_pending] = np.concatenate(self._pending).T
        return self._filtered_power(hop)[0][:n_steps]


class TruePeak:
    """Largest magnitude of the band-limited signal between and on the samples, linear.

    Interpolated four-fold where it can matter: only around samples within 3 dB of the largest
    sample so far, which costs a tenth of interpolating everything.

    Examples
    --------
    >>> wave = 0.5 * np.sin(np.pi * np.arange(FS) / 2 + np.pi / 4)  # samples at 0.35
    >>> peak = TruePeak()
    >>> peak.push(np.stack([wave, wave], axis=1).astype(np.float32))
    >>> round(peak.finish(), 1)
    0.5
    """

    def __init__(self) -> None:
        self._history = np.zeros((_TAPS - 1, 2), dtype=np.float32)
        self.value = 0.0  #: linear, 1 is full scale

    def push(self, frames: npt.NDArray[np.float32]) -> None:
        """Take `frames` float32 [shape=(n_frames, 2)]."""
        block = np.concatenate([self._history, check_channels("frames", frames, 2)])
        self._history = block[-(_TAPS - 1) :]
        self._scan(block)

    def finish(self) -> float:
        """Let the end of the sound pass the interpolator; return the true peak."""
        self.push(np.zeros((_TAPS, 2), dtype=np.float32))
        return self.value

    def _scan(self, block: npt.NDArray[np.float32]) -> None:
        magnitude = np.abs(block)
        self.value = max(self.value, float(magnitude.max(initial=0.0)))
        if self.value == 0.0:
            return
        before = _TAPS // 2 - 1
        for channel in range(2):
            # Windows are named by the sample on the left of the gap that they interpolate.
            gap = magnitude[before : -(_TAPS // 2), channel] > _NEAR_PEAK * self.value
            left = np.flatnonzero(gap | np.roll(gap, -1))
            for part in np.array_split(left, max(1, left.size // 16384)):
                windows = block[part[:, None] + np.arange(_TAPS), channel]
                between = np.abs(windows @ _TAPS_BETWEEN)
                self.value = max(self.value, float(between.max(initial=0.0)))


def _power(lufs: float) -> float:
    return float(10.0 ** ((lufs + 0.691) / 10.0))
