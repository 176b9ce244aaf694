"""The rate at which samples arrive, where it is another than the one in use.

Lost samples make those that come look slower too. But the lateness that they leave goes up by
whole steps here and there, which is no line (`no_stairs`). What lies on one is a rate.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from devices.envelope import lower_line, no_stairs

_BINS = 16  # a second, of which the earliest arrival counts
_WINDOWS = (4, 8, 16, 32, 64, 96, 128)  # bins
_LEAST_S = 0.020  # s between reads: by less arrivals may be off; of under 16 by more
_PART, _MANY = 0.5, 16  # steps
_BLOCKS = 16  # of points, where there are more
_HELD_UP = 16  # one point of so many may be
# Share of the rate in use; else samples had piled up. What is gone by can be gone back by.
_LIKELY = (0.3, 1 / 0.3)


#: Number of the bin, samples until then, when that was seen, and samples of which all reads until
#: then, since the point before, were multiples. Plain: one is made at every read.
_Point = tuple[int, int, float, int]


class Pace:
    """Watches the arrival of samples, counted as they come."""

    def __init__(self) -> None:
        self._points: deque[_Point] = deque(maxlen=_WINDOWS[-1])
        self._count = 0

    def add(self, n: int, seen: float, period: float) -> None:
        """Take a read of `n` samples that returned at `seen`, s."""
        self._count += n
        number, points = int(seen * _BINS), self._points
        if points:
            last, after, earlier, step = points[-1]
            if last == number:
                n = math.gcd(n, step)
                if seen - earlier >= period * (self._count - after):
                    points[-1] = (number, after, earlier, n)
                else:
                    points[-1] = (number, self._count, seen, n)
                return
        points.append((number, self._count, seen, n))

    def skip(self, lost: int) -> None:
        """Leave out the number of samples that are known to be lost before the next."""
        self._count += lost

    @property
    def step(self) -> int:
        """Samples of which all reads lately were multiples: no fewer are lost."""
        return math.gcd(*(point[3] for point in self._points))

    def suspects(self, n: int, seen: float, period: float) -> bool:
        """Whether, with such a read, arrivals may show another rate than that of `period`, s."""
        points = self._points
        if not points or points[-1][0] == int(seen * _BINS):
            return False
        after, kept = self._count + n, len(points)
        for size in _WINDOWS:
            if kept < size:
                return False
            first = points[1 - size]
            if abs(seen - first[2] - period * (after - first[1])) > _LEAST_S:
                return True
        return False

    def other(self, period: float) -> tuple[float, float] | None:
        """Period of the line that arrivals lie on, and when the newest is due on it, s; or None.

        `period` is the one in use.
        """
        every = np.array(self._points, dtype=np.float64)
        for size in _WINDOWS:
            if len(every) < size:
                return None
            _, x, y, steps = every[-size:].T
            x, y, first = x - x[0], y - y[0], y[0]
            span = float(x[-1])
            enough = _LEAST_S * math.sqrt(max(_BLOCKS / size, 1.0))
            if abs(y[-1] - period * span) <= enough:
                continue
            if size > _BLOCKS:  # the earliest of some in a row, since they wait for the next read
                rows = (y - period * x).reshape(_BLOCKS, -1).argmin(axis=1)
                rows += np.arange(0, size, size // _BLOCKS)
                x, y = x[rows], y[rows]
            slope = lower_line(x, y)
            above = y - slope * x
            least = float(above.min())
            bent = float(np.sort(above)[-1 - x.size // _HELD_UP]) - least
            off = abs(slope - period) * span
            step = math.gcd(*steps[1:].astype(int).tolist()) * period
            even = off > enough and no_stairs(bent, off, step)
            if size < _BLOCKS:  # as many points as losses may lie on a line
                even = even and not _PART * step < off < _MANY * step
            if even and _LIKELY[0] < slope / period < _LIKELY[1]:
                return slope, float(first + least + slope * span)
        return None
