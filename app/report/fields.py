"""Taking rows of one kind out of the events of a session, and runs of equal values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dsp.grid import Floats

Event = Mapping[str, Any]


def of_kind(events: Sequence[Event], kind: str) -> list[Event]:
    """Return the events of `kind`."""
    return [e for e in events if e["kind"] == kind]


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
