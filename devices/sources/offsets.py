"""How far a sender's clock is from ours, from estimates that are noisy and a drift that is not.

liblsl's estimate of one moment is off by as much as the network is uneven (milliseconds over
Wi-Fi); two clocks drift by up to some 100 ppm. So the offset is a line through the last minute.
"""

from __future__ import annotations

from itertools import combinations
from statistics import median

_KEEP_S = 60.0
_SPAN_S = 20.0  # s that the estimates must span before a drift is believed
_DRIFT = 5e-4  # no quartz is that wrong
_RESET_S = 0.05  # s: two estimates in a row that far off are a clock that was set


class OffsetLine:
    """Offset of a clock as a function of our time: median line (Theil 1950, Sen 1968)."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = []
        self._strange: list[tuple[float, float]] = []
        self._slope = self._start = self._level = 0.0

    @property
    def known(self) -> bool:
        """Whether there was an estimate yet."""
        return bool(self._points)

    def add(self, time: float, offset: float) -> None:
        """Take an estimate: `offset` s at `time` (seconds of our clock)."""
        if self._points and abs(offset - self.at(time)) > _RESET_S:
            self._strange.append((time, offset))
            if len(self._strange) < 2:
                return
            self._points = []  # the other clock was set, or its computer started anew
        points = [*self._points, *self._strange, (time, offset)]
        self._strange = []
        self._points = [p for p in dict(points).items() if p[0] > time - _KEEP_S]
        # Plain numbers, as everywhere on the thread that reads: arrays took eight times as long.
        points, start, slope = self._points, self._points[0][0], 0.0
        if points[-1][0] - start >= _SPAN_S:
            slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2)]
            slope = min(max(median(slopes), -_DRIFT), _DRIFT)
        self._level = median([y - slope * (t - start) for t, y in points])
        self._start, self._slope = start, slope

    def at(self, time: float) -> float:
        """Return the offset at `time`, s; 0 before the first estimate."""
        return self._level + self._slope * (time - self._start)
