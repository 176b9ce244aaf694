"""Taking rows of one kind out of the events of a session, and runs of equal values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dsp.grid import Floats

Event = Mapping[str, Any]


def of_kind(events: Sequence[Event], kind: str) -> list[Event]:
    """Return the events of `kind`."""
    return [e for e in events if e["kind"] == kind]


def spans(
    flags: Sequence[Any], t: Floats, end: float, *, longest: float = math.inf
) -> list[tuple[float, float, Any]]:
    """Return runs of equal `flags` as (from, to, flag).

    Each lasts until the next begins, the last to `end`; but after its newest second for no more
    than `longest` seconds: what was not watched has no state.
    """
    out: list[tuple[float, float, Any]] = []
    for k, flag in enumerate(flags):
        following = float(t[k + 1]) if k + 1 < len(flags) else end
        until = min(following, float(t[k]) + longest)
        if out and out[-1][2] == flag and out[-1][1] == float(t[k]):
            out[-1] = (out[-1][0], until, flag)
        else:
            out.append((float(t[k]), until, flag))
    return out
