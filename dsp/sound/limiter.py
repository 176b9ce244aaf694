"""True-peak limiter: the last thing before the loudspeaker.

A look-ahead limiter on the inter-sample peak of ITU-R BS.1770-4, annex 2 (4x oversampling).
Below the ceiling it is transparent bit for bit: the output is the input, `Limiter.delay`
frames later.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dsp.checks import check_number
from dsp.grid import Floats

_LOOKAHEAD = 240  # frames: 5 ms at 48 kHz
_SMOOTH = 120  # each of two moving averages; together they fit into the look-ahead
_TAPS = 16  # of each phase of the peak detector
_RELEASE_DB = 60.0 / 48_000  # dB per frame: 60 dB/s
_MARGIN_DB = 0.2
_HISTORY = _LOOKAHEAD + _TAPS


def _phases() -> Floats:
    """Interpolators to 1/4, 1/2 and 3/4 of the way to the next sample [shape=(_TAPS, 3)]."""
    at = np.arange(_TAPS) - (_TAPS // 2 - 1)
    distance = at[:, None] - np.array([0.25, 0.5, 0.75])
    # Kaiser window over the reach of the filter; beta 3 reads tones up to 20 kHz best.
    reach = np.clip(1.0 - (distance / (_TAPS / 2)) ** 2, 0.0, None)
    taps = np.sinc(distance) * np.i0(3.0 * np.sqrt(reach)) / np.i0(3.0)
    return np.asarray(taps / taps.sum(axis=0))


_PHASES = _phases()
_OVERSHOOT = float(np.abs(_PHASES).sum(axis=0).max())  # most that lies between two samples


def true_peak(frames: npt.NDArray[np.float32]) -> Floats:
    """Inter-sample peak of every frame.

    Parameters
    ----------
    frames : float32 [shape=(n_frames + 15, n_channels)]
        With 7 frames of history before the first and 8 frames after the last one looked at.

    Returns
    -------
    float64 [shape=(n_frames,)]
        Largest absolute value over channels at the frame and at 1/4, 1/2, 3/4 of the way on.

    Examples
    --------
    >>> n = np.arange(48 + 15)
    >>> wave = np.sin(np.pi * n / 2 + np.pi / 4).astype(np.float32)  # no sample is over 0.71
    >>> float(true_peak(wave[:, None]).max().round(2))
    1.0
    """
    windows = np.lib.stride_tricks.sliding_window_view(frames, _TAPS, axis=0)
    between = np.abs(windows @ _PHASES).max(axis=(1, 2))
    middle = _TAPS // 2 - 1
    on = np.abs(frames[middle : middle + between.size]).max(axis=1)
    return np.asarray(np.maximum(between, on), dtype=np.float64)


def _running_min(values: Floats, length: int) -> Floats:
    """Minimum of each window of `length` values [shape=(n - length + 1,)], by doubling."""
    have, out = 1, values
    while have < length:
        step = min(have, length - have)
        out = np.minimum(out[: out.size - step], out[step:])
        have += step
    return out


def _moving_mean(values: Floats, length: int) -> Floats:
    total = np.cumsum(np.concatenate([[0.0], values]))
    return np.asarray((total[length:] - total[:-length]) / length)


class Limiter:
    """Stereo-linked limiter, streaming.

    The gain that each inter-sample peak needs is held over the look-ahead (running minimum),
    released linearly in dB and smoothed by two moving averages that fit into the look-ahead,
    so that the gain has arrived when the peak does.

    Parameters
    ----------
    ceiling_db : float
        Highest true peak of the output, dB full scale (-20 to 0).

    Examples
    --------
    >>> limiter = Limiter(ceiling_db=-6.0)
    >>> loud = np.sin(2 * np.pi * 440.0 * np.arange(48_000) / 48_000).astype(np.float32)
    >>> out = limiter.process(np.stack([loud, loud], axis=1))
    >>> len(out), bool(np.abs(out).max() <= 0.5012)
    (48000, True)
    """

    #: Frames by which the output is later than the input (5.2 ms at 48 kHz).
    delay = _LOOKAHEAD + _TAPS // 2

    def __init__(self, *, ceiling_db: float = -1.0) -> None:
        self._ceiling = 10.0 ** (
            check_number("ceiling", ceiling_db, low=-20.0, high=0.0, unit="dB") / 20.0
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next `delay` frames of output are silence."""
        self._frames = np.zeros((_HISTORY, 2), dtype=np.float32)
        self._need = np.zeros(_LOOKAHEAD)
        self._released = 0.0
        self._linear = np.ones(2 * _SMOOTH - 2)
        self._active = False

    def process(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take `frames` float32 [shape=(n_frames, 2)], finite; return as many, delayed."""
        n = frames.shape[0]
        stream = np.concatenate([self._frames, frames])
        self._frames = stream[-_HISTORY:]
        # The newest frame whose detector window is complete lies _TAPS / 2 back.
        begin = _HISTORY - _TAPS // 2
        out = stream[begin - _LOOKAHEAD : begin - _LOOKAHEAD + n]
        looked = stream[begin - (_TAPS // 2 - 1) :]
        loud = float(np.abs(looked).max(initial=0.0)) * _OVERSHOOT > self._ceiling
        need = np.zeros(n)
        if loud:
            over = true_peak(looked[: n + _TAPS - 1]) / self._ceiling
            # What is over goes a little lower: four readings a frame miss part of a peak.
            need = np.where(over > 1.0, -20.0 * np.log10(np.maximum(over, 1.0)) - _MARGIN_DB, 0.0)
            loud = bool(need.min(initial=0.0) < 0.0)
        if not loud and not self._active:
            return out.copy()
        return out * self._gain(need)[:, None].astype(np.float32)

    def _gain(self, need: Floats) -> Floats:
        """Smooth linear gain for the frames leaving now, from the dB the newest ones need."""
        needs = np.concatenate([self._need, need])
        held = _running_min(needs, _LOOKAHEAD + 1)
        slope = _RELEASE_DB * np.arange(1, need.size + 1)
        start = np.concatenate([[self._released], held - slope])
        released = np.minimum(np.minimum.accumulate(start)[1:] + slope, 0.0)
        linear = np.concatenate([self._linear, 10.0 ** (released / 20.0)])
        gain = _moving_mean(_moving_mean(linear, _SMOOTH), _SMOOTH)
        self._need = needs[-_LOOKAHEAD:]
        self._released = float(released[-1])
        self._linear = linear[-(2 * _SMOOTH - 2) :]
        self._active = bool(
            self._released < 0.0 or self._need.min() < 0.0 or self._linear.min() < 1.0
        )
        return gain
