"""Stimulus features at 64 Hz of the sound that was really played.

The feature that scalp EEG follows best is the spectral flux (Weineck, Wen & Henry 2022,
eLife 11:e75515, section 2); the half-wave rectified rise of the envelope stands beside it
for music without clear onsets. Both have a *fixed* scale: a running z-score of the feature
would make the same sound a different stimulus from one minute to the next.

Every row is computed alone from its own window, so the numbers are the same, bit for bit,
however the sound is cut into blocks.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dsp.grid import FS, HOP, WINDOW, Floats

N_BANDS = 32
FLUX_NAMES = ("spectral_flux", "envelope_rise", "level_db")
SILENCE_DB = -120.0  #: level of a row without any sound


def _mel_bands() -> Floats:
    """Triangular bands, equally spaced in mel from 30 Hz to 8 kHz [shape=(n_bins, N_BANDS)]."""

    def mel(hz: npt.ArrayLike) -> Floats:
        return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz, dtype=np.float64) / 700.0))

    edges = 700.0 * (10 ** (np.linspace(mel(30.0), mel(8000.0), N_BANDS + 2) / 2595.0) - 1.0)
    hz = np.fft.rfftfreq(WINDOW, 1.0 / FS)[:, None]
    rise = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    # A low band can be narrower than one bin (21 Hz); its nearest bin then counts in full.
    bands = np.clip(np.minimum(rise, fall), 0.0, None)
    nearest = np.argmin(np.abs(hz - edges[1:-1]), axis=0)
    bands[nearest, np.arange(N_BANDS)] = np.maximum(bands[nearest, np.arange(N_BANDS)], 1.0)
    return bands


_HANN = np.hanning(WINDOW + 1)[:-1]
_BANDS = _mel_bands()
_SCALE = 2.0 / _HANN.sum()  # a sine of amplitude 1 reads 1


class StimulusFeatures:
    """Spectral flux, envelope rise and level of a stereo bus, streaming.

    ``flux = mean_b max(0, Y_b[k] - Y_b[k-1])`` with ``Y_b = log(1 + 100 a_b)`` and ``a_b`` the
    amplitude in mel band b of a 46.9 ms Hann window; ``rise = max(0, L[k] - L[k-1])`` with
    ``L = log(1 + 100 rms)`` of the newest 1/64 s. Unit: natural logarithm per row. The level is
    ``20 log10 rms`` of that 1/64 s, dB re full scale, `SILENCE_DB` at least.

    Examples
    --------
    >>> sound = np.zeros((FS, 2), dtype=np.float32)
    >>> sound[FS // 2 :] = 0.1  # a click after half a second
    >>> rows = StimulusFeatures().push(sound)
    >>> rows.shape, int(rows[:, 0].argmax())
    ((64, 3), 32)
    """

    def __init__(self) -> None:
        self._tail = np.zeros(WINDOW - HOP)  # history before the first frame is silence
        self._pending = np.empty(0)
        self._bands = np.zeros(N_BANDS)
        self._level = 0.0

    def push(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take `frames` float32 [shape=(n_frames, 2)]; return the finished rows.

        Returns
        -------
        float32 [shape=(n_rows, 3)]
            `FLUX_NAMES` in columns; the first row ever returned is row 0 (see `row_frame`).
        """
        mono = frames.astype(np.float64).sum(axis=1) * 0.5
        pending = np.concatenate([self._pending, mono])
        n_rows = pending.size // HOP
        out = np.empty((n_rows, 3), dtype=np.float32)
        for k in range(n_rows):
            hop = pending[k * HOP : (k + 1) * HOP]
            out[k] = self._row(np.concatenate([self._tail, hop]), hop)
            self._tail = np.concatenate([self._tail[HOP:], hop])
        self._pending = pending[n_rows * HOP :]
        return out

    def _row(self, window: Floats, hop: Floats) -> tuple[float, float, float]:
        amplitude = np.abs(np.fft.rfft(window * _HANN)) * _SCALE
        bands = np.log1p(100.0 * np.sqrt((amplitude**2) @ _BANDS))
        rms = float(np.sqrt(np.mean(hop**2)))
        level = float(np.log1p(100.0 * rms))
        flux = float(np.mean(np.maximum(0.0, bands - self._bands)))
        rise = max(0.0, level - self._level)
        self._bands, self._level = bands, level
        return flux, rise, 20.0 * math.log10(max(rms, 10.0 ** (SILENCE_DB / 20.0)))


class LayerEnvelope:
    """Root-mean-square of a stereo bus in each 1/64 s, streaming; float32 [shape=(n_rows,)].

    Examples
    --------
    >>> sound = np.full((FS, 2), 0.25, dtype=np.float32)
    >>> LayerEnvelope().push(sound)[:3].tolist()
    [0.25, 0.25, 0.25]
    """

    def __init__(self) -> None:
        self._pending = np.empty(0)

    def push(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take `frames` float32 [shape=(n_frames, 2)]; return the rms of each hop."""
        power = np.mean(frames.astype(np.float64) ** 2, axis=1)
        pending = np.concatenate([self._pending, power])
        n_rows = pending.size // HOP
        hops = pending[: n_rows * HOP].reshape(n_rows, HOP)
        self._pending = pending[n_rows * HOP :]
        rms: npt.NDArray[np.float32] = np.sqrt(hops.mean(axis=1)).astype(np.float32)
        return rms
