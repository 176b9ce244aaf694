"""The line below points that are never too early and often too late: the rate of what arrives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


def lower_line(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """Slope of the line below all points that is closest to them.

    It is the edge of the lower convex hull over the middle of `x`, the mean of evenly spread
    points (Moon, Skelly, Towsley 1999).
    """
    hull: list[int] = []
    for i in range(x.size):
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (y[b] - y[a]) * (x[i] - x[a]) < (y[i] - y[a]) * (x[b] - x[a]):
                break
            hull.pop()
        hull.append(i)
    right = min(max(int(np.searchsorted(x[hull], (x[0] + x[-1]) / 2)), 1), len(hull) - 1)
    a, b = hull[right - 1], hull[right]
    return float((y[b] - y[a]) / (x[b] - x[a]))


Point = tuple[int, int, float]  # bin of time, number of a sample, its time: the earliest there

KEPT_S = 8.0  #: s of reads that are kept
_EVEN = 2e-3  # s: reads of the calmest host differ by as much


@dataclass
class QuickReads:
    """The quickest read of each of `bins` parts of each of the last seconds.

    `points` hold the number of the newest sample, and when it was seen, s.
    """

    bins: int
    points: list[Point] = field(default_factory=list)

    def keep(self, number: int, seen: float, period: float, per_second: int) -> None:
        """Take a read; its newest sample has this `number`, of so many `per_second`."""
        one = number * self.bins // per_second
        if self.points and self.points[-1][0] == one:
            _, x, y = self.points[-1]
            if y - period * x <= seen - period * number:
                return
            self.points.pop()
        self.points.append((one, number, seen))
        del self.points[: -round(KEPT_S * self.bins)]

    def leave_since(self, most: float) -> None:
        """Keep those of the last `most` s only."""
        newest = self.points[-1][2] if self.points else 0.0
        self.points = [p for p in self.points if p[2] > newest - most]

    def behind(self, seen: float, number: int, period: float) -> float:
        """By how much a read with this newest sample was later than the quickest, s."""
        quickest = min((y - period * x for _, x, y in self.points), default=-math.inf)
        return seen - quickest - period * number

    def unevenness(self, most: float, period: float) -> float:
        """By how much a read may be quicker than the quickest of the last seconds, s; `most` s.

        As much as the quickest of each part of those seconds differ, and, where reads keep step
        with the samples, as the newest waits.
        """
        quick = sorted(y - period * x for _, x, y in self.points)
        if len(quick) < 2 * self.bins:
            return most
        return min(max(quick[len(quick) // 4] - quick[0], period, _EVEN), most)


_STAIRS = 0.35  # steps within which few lost samples never lie along a line
_RANDOM, _MANY = 0.15, 16  # roots of their number within which so many never do


def no_stairs(bent: float, off: float, step: float) -> bool:
    """Whether points nearer to a line than `bent` show another rate, and not what was lost.

    Lost samples make lateness go up by whole steps, here and there: from a line through stairs
    most of a step is missing, and from one through many random steps the root of their number.

    Parameters
    ----------
    bent, off : float
        How far the points are from a line; the end of that line from the rate in use; s.
    step : float
        Length of what is lost at once, s.
    """
    near = _STAIRS if off < _MANY * step else _RANDOM * math.sqrt(off / step)
    return bent < min(off / 4, near * step)


def other_line(
    points: Sequence[tuple[int, int, float]], period: float, least: float
) -> float | None:
    """Slope of the points, s per sample, where they surely lie on a line of another one.

    Parameters
    ----------
    points : sequence of (int, int, float)
        Bin, number of a sample, its time in s; at least four.
    period : float
        The slope in use, s per sample.
    least : float
        By how much the last must be off, s.

    Returns
    -------
    float or None
        None where they may lie on the one in use, or on none: of a step no part is straight.
    """
    x = np.array([p[1] for p in points], dtype=np.float64) - points[0][1]
    y = np.array([p[2] for p in points]) - points[0][2]
    slope = lower_line(x, y)
    above = y - slope * x
    bent = float(np.sort(above - above.min())[-(len(points) // 4) - 1])
    off = abs(slope - period) * float(x[-1])
    likely = 0.3 < slope / period < 3.0  # else samples had piled up
    return slope if likely and off > max(least, 4 * bent, 0.002 * period * float(x[-1])) else None
