"""Residual tracking of a run: windows of 30 s that do not overlap."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from dsp.expectation import WINDOW
from dsp.tracking import Tracking

MASKED = "Masked, or not scored."


def kind_of(reason: str) -> str:
    """The same for one reason with other seconds in it."""
    return re.sub(r"\d+(\.\d+)?(?= s (old|of)| of )", "...", reason)


def residual_windows(
    seconds: Sequence[tuple[float, Tracking]],
) -> tuple[list[float], float, defaultdict[str, float]]:
    """Residual of each window, clean seconds in them, and seconds lost by reason.

    Parameters
    ----------
    seconds : sequence of (float, Tracking)
        Time since the start, and what could be said then.
    """
    values: list[float] = []
    usable, reasons = 0.0, defaultdict[str, float](float)
    for at, tracking in seconds:
        if math.floor(at) % WINDOW:
            continue
        if math.isfinite(tracking.residual):
            values.append(tracking.residual)
            usable += tracking.usable_s
            reasons[MASKED] += WINDOW - tracking.usable_s
        else:
            reasons[kind_of(tracking.residual_reason)] += WINDOW
    return values, usable, reasons


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and its 90 % interval over windows; NaN for less than two."""
    if len(values) < 2:
        return math.nan, math.nan, math.nan
    mean = float(np.mean(values))
    spread = 1.645 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, mean - spread, mean + spread


def residual_summary(seconds: Sequence[tuple[float, Tracking]]) -> dict[str, Any]:
    """What `attune evaluate tracking` says of it; null where it is not known."""
    values, usable, reasons = residual_windows(seconds)
    names = ("mean", "low", "high")
    numbers = dict(zip(names, mean_and_interval(values), strict=True))
    return {
        **{k: None if math.isnan(v) else round(v, 4) for k, v in numbers.items()},
        "windows": len(values),
        "usable_s": round(usable, 1),
        "not_known_s": {reason: round(s, 1) for reason, s in reasons.items() if s >= 0.05},
    }
