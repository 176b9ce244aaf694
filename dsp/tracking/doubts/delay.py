"""Whether the answer still comes as late as it did at calibration.

The *stored* decoder alone, which learns nothing in the session, rebuilds the sound too late where
the answer comes later; it goes the way of the main one (`dsp.tracking.rebuilder`).
"""

from __future__ import annotations

import math

import numpy as np

from dsp.grid import RATE, Ints
from dsp.tracking.alignment import Aligned
from dsp.tracking.decoder import Sums
from dsp.tracking.evidence import BLOCK
from dsp.tracking.rebuilder import Rebuilder

_DELAYS = np.arange(-round(0.5 * RATE), 3 * RATE + 1)  # grid points
_NEAR = round(0.3 * RATE)  # grid points in which a changed delay is looked for
_MIN_DELAY_SECONDS = 60
_CHANGED, _CERTAIN = 0.010, 2.0  # s; standard errors


class Delay:
    """By how much the answer comes later than at calibration.

    The cross-covariance of what the stored decoder alone rebuilds and the feature, summed over
    the session, has its peak there; a parabola through the three highest points finds it between
    grid points. Its standard error is that of the slope at the peak over the curvature, with the
    spread of slopes at lags of 1 to 3 s, where no answer is.

    Parameters
    ----------
    aligned : Aligned
    n_channels : int
    lags : int64 [shape=(n_lags,)]
    prior : Sums
        Of the stored decoder.
    """

    def __init__(self, aligned: Aligned, n_channels: int, lags: Ints, prior: Sums) -> None:
        self._aligned = aligned
        self._stored = Rebuilder(aligned.eeg, n_channels, lags, prior=prior, learns=False)
        self.rebuilders = (self._stored,)
        self._cross = np.zeros(_DELAYS.size)
        self._seconds = 0.0
        self.seconds = math.nan  #: later than at calibration, s
        self.sd = math.nan  #: standard error, s

    def look(self, second: int) -> str:
        """Take in the newest block whose feature is known as far ahead; say if it has changed."""
        stop = second * RATE + int(_DELAYS[0])
        start = stop - BLOCK * RATE
        y = self._stored.rebuilt.read(start, stop)[:, 0]
        ok = np.isfinite(y)
        if not ok.any():
            return self._warning()
        s = self._aligned.feature.read(start - int(_DELAYS[-1]), stop - int(_DELAYS[0]))[:, 0]
        size = float(np.std(y[ok])) or 1.0
        # Each block in units of its own size: a loud minute must not outweigh the others.
        y = np.where(ok, y, 0.0) / size
        self._cross += np.correlate(np.nan_to_num(s), y, mode="valid")[::-1]
        self._seconds += float(np.count_nonzero(ok)) / RATE
        if self._seconds >= _MIN_DELAY_SECONDS:
            self._locate()
        return self._warning()

    def _locate(self) -> None:
        near = np.flatnonzero(np.abs(_DELAYS) <= _NEAR)
        at = int(near[np.argmax(self._cross[near])])
        left, peak, right = self._cross[at - 1 : at + 2]
        curvature = 2.0 * peak - left - right
        slopes = np.diff(self._cross[_DELAYS >= RATE])
        noise = float(np.std(slopes))
        if curvature <= 0.0 or peak <= 2.0 * float(np.std(self._cross[_DELAYS >= RATE])):
            self.seconds = self.sd = math.nan
            return
        self.seconds = (float(_DELAYS[at]) + 0.5 * (right - left) / curvature) / RATE
        self.sd = noise / curvature / RATE

    def _warning(self) -> str:
        """A sentence if the delay has changed for certain."""
        if math.isnan(self.seconds) or abs(self.seconds) < _CHANGED:
            return ""
        if abs(self.seconds) < _CERTAIN * self.sd:
            return ""
        side = "later" if self.seconds > 0.0 else "sooner"
        return (
            f"The answer comes {1000.0 * abs(self.seconds):.0f} ms {side} than at calibration: "
            "use its headphones."
        )
