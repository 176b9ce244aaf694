"""Residual tracking of a run: windows of 30 s that do not overlap."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from dsp.intervals import mean_and_interval
from dsp.tracking.scores import WINDOW
from dsp.tracking.tracker import Tracking

MASKED = "Masked, or not scored."


def kind_of(reason: str) -> str:
    """The same for one reason with other seconds in it."""
    return re.sub(r"\d+(\.\d+)?(?= s (old|of)| of | minutes| % of)", "N", reason)


def residual_windows(
    seconds: Sequence[tuple[float, Tracking]],
) -> tuple[list[tuple[float, float, float, float]], defaultdict[str, float]]:
    """Windows (from, to, residual or NaN, clean seconds), and seconds lost by reason.

    Parameters
    ----------
    seconds : sequence of (float, Tracking)
        Time since the start, and what could be said then.
    """
    rows: list[tuple[float, float, float, float]] = []
    reasons = defaultdict[str, float](float)
    for at, tracking in seconds:
        if math.floor(at) % WINDOW:
            continue
        if math.isfinite(tracking.residual):
            rows.append((at - WINDOW, at, tracking.residual, tracking.usable_s))
            reasons[MASKED] += WINDOW - tracking.usable_s
        else:
            rows.append((at - WINDOW, at, math.nan, 0.0))
            reasons[kind_of(tracking.residual_reason)] += WINDOW
    return rows, reasons


def residual_summary(seconds: Sequence[tuple[float, Tracking]]) -> dict[str, Any]:
    """What `attune evaluate tracking` says of it; null where it is not known."""
    rows, reasons = residual_windows(seconds)
    values = [value for _, _, value, _ in rows if math.isfinite(value)]
    usable = sum(clean for _, _, _, clean in rows)
    names = ("mean", "low", "high")
    numbers = dict(zip(names, mean_and_interval(values), strict=True))
    return {
        **{k: None if math.isnan(v) else round(v, 4) for k, v in numbers.items()},
        "windows": len(values),
        "usable_s": round(usable, 1),
        "not_known_s": {reason: round(s, 1) for reason, s in reasons.items() if s >= 0.05},
    }
