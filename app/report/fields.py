"""Reading events that may be cut, damaged or of another program: what is not there is NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dsp.grid import Floats

Event = Mapping[str, Any]


def get(event: Any, *path: str) -> Any:
    """Return what stands at `path` in nested mappings, or None."""
    for key in path:
        event = event.get(key) if isinstance(event, Mapping) else None
    return event


def number(event: Any, *path: str) -> float:
    """Return the number at `path`, or NaN."""
    value = get(event, *path)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else math.nan


def place(event: Any, key: str) -> int:
    """Return the whole number under `key`, or -1."""
    value = get(event, key)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def of_kind(events: Sequence[Event], kind: str) -> list[Event]:
    """Return the events of `kind` that have a time."""
    return [e for e in events if e.get("kind") == kind and math.isfinite(number(e, "t"))]


def spans(flags: Sequence[Any], t: Floats, end: float) -> list[tuple[float, float, Any]]:
    """Return runs of equal `flags` as (from, to, flag); each lasts until the next begins."""
    out: list[tuple[float, float, Any]] = []
    for k, flag in enumerate(flags):
        if out and out[-1][2] == flag:
            continue
        if out:
            out[-1] = (out[-1][0], float(t[k]), out[-1][2])
        out.append((float(t[k]), end, flag))
    return out
