"""How evenly samples come: what a device check shows of their stamps, told once a second."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from devices.sources.source import SourceEvent, Timing

_KEPT_S = 10.0  # s of samples that the jitter is reckoned from
_EVERY_S = 1.0

FloatRow = list[float] | npt.NDArray[np.float64]


class TimingWatch:
    """Keeps what arrival times were off the fitted ones."""

    def __init__(self) -> None:
        self._kept: deque[tuple[FloatRow, FloatRow]] = deque()
        self._duplicated = 0
        self._told = -np.inf

    def push(
        self,
        arrivals: FloatRow,
        fitted: FloatRow,
        *,
        duplicated: int = 0,
    ) -> list[SourceEvent]:
        """Take samples that were placed; return the ``"timing"`` event that is due, if one is.

        Parameters
        ----------
        arrivals, fitted : float64 [shape=(n_samples,)]
            When each arrived, as far as its stamp is believed, and the time it was given, s.
        duplicated : int
            Samples that came a second time, and were left out.
        """
        now = float(fitted[-1])
        self._kept.append((arrivals, fitted))
        self._duplicated += duplicated
        if now - self._told < _EVERY_S:
            return []
        self._told = now
        while self._kept[0][1][-1] < now - _KEPT_S:
            self._kept.popleft()
        off = np.subtract(*map(np.concatenate, zip(*self._kept, strict=True)))
        jitter = 1.4826 * float(np.median(np.abs(off - np.median(off))))
        value, self._duplicated = Timing(self._duplicated, jitter), 0
        return [SourceEvent(now, "timing", value)]
