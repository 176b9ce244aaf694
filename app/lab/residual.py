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
