"""Means with their 90 % interval, the one that every estimate here carries."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Z90 = 1.645  #: standard deviations either side of a normal mean that hold 90 %


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and its 90 % interval ``mean ± 1.645 sd / sqrt(n)``; NaN for less than two values.

    Parameters
    ----------
    values : sequence of float
        Independent of each other.

    Examples
    --------
    >>> mean, low, high = mean_and_interval([0.1, 0.3])
    >>> round(mean, 3), round(low, 3), round(high, 3)
    (0.2, 0.036, 0.365)
    """
    if len(values) < 2:
        return math.nan, math.nan, math.nan
    mean = float(np.mean(values))
    spread = Z90 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, mean - spread, mean + spread
