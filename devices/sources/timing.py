"""How evenly samples come: what a device check shows of their stamps, told once a second."""

from __future__ import annotations

from collections import deque
from operator import sub

import numpy as np
import numpy.typing as npt

from devices.sources.source import SourceEvent, Timing

_KEPT_S = 10.0  # s of samples that the jitter is reckoned from
_EVERY_S, _TWICE_S = 1.0, 0.25  # s from telling to telling; where some came twice

FloatRow = list[float] | npt.NDArray[np.float64]


def _median(values: npt.NDArray[np.float64]) -> float:
    """Return what `np.median` does, at a tenth of its cost."""
    low, high = (values.size - 1) // 2, values.size // 2
    parted = np.partition(values, (low, high))
    return float((parted[low] + parted[high]) / 2)


class TimingWatch:
    """Keeps what arrival times were off the fitted ones."""

    def __init__(self) -> None:
        # Whole seconds, since to join what came read by read costs more than the fit: the time of
        # the last sample of each, and what its samples were off; and those of the running second.
        self._kept: deque[tuple[float, npt.NDArray[np.float64]]] = deque()
        self._off: list[float] = []
        self._duplicated: list[float] = []
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
        self._off += map(sub, arrivals, fitted)
        self._duplicated += [now] * duplicated
        if now - self._told < (_TWICE_S if self._duplicated else _EVERY_S):
            return []
        self._told = now
        self._kept.append((now, np.array(self._off)))
        self._off = []
        while self._kept[0][0] < now - _KEPT_S:
            self._kept.popleft()
        off = np.concatenate([one for _, one in self._kept])
        jitter = 1.4826 * _median(np.abs(off - _median(off)))
        value, self._duplicated = Timing(tuple(self._duplicated), jitter), []
        return [SourceEvent(now, "timing", value)]
