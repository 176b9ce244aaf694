"""Means with their 90 % interval, the one that every estimate here carries."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

Z90 = 1.645  #: standard deviations either side of a normal mean that hold 90 %


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and its 90 % interval ``mean ± t sd / sqrt(n)``; NaN for less than two values.

    t is the 95 % point of Student's distribution of n - 1 degrees of freedom: with that of the
    normal one, means of six values were held by 84 % of intervals, means of two by 65 %.

    Parameters
    ----------
    values : sequence of float
        Independent of each other.

    Examples
    --------
    >>> mean, low, high = mean_and_interval([0.1, 0.3])
    >>> round(mean, 3), round(low, 3), round(high, 3)
    (0.2, -0.431, 0.831)
    """
    if len(values) < 2:
        return math.nan, math.nan, math.nan
    mean = float(np.mean(values))
    t = float(stdtrit(len(values) - 1, 0.95))
    spread = t * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, mean - spread, mean + spread
