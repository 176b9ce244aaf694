"""What a report says of the devices: what they were, how fast they sent, when they were away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from app.records.jsontext import number
from app.report.fields import Event
from app.words import clock, percent, rates

Away = tuple[float, float | None]  #: seconds of the session: when it was lost, and came back

_SHOWN = 6  # times away that are named one by one


def away(events: Sequence[Event], start: float) -> tuple[Away, ...]:
    """Return when the first source was lost, and when it came back (None: it did not).

    From the first moment of silence, if the source was lost and not only stalled.
    """
    out: list[Away] = []
    silent = math.nan
    for event in events:
        if event.get("kind") == "eeg_off":  # nobody waits for it any more
            break
        if event.get("kind") != "device" or event.get("event") != "state" or event.get("source"):
            continue
        t, word = number(event, "t") - start, event.get("state")
        if word == "stalled" and math.isnan(silent):
            silent = t
        elif word == "lost" and not (out and out[-1][1] is None):
            out.append((t if math.isnan(silent) else silent, None))
        elif word == "streaming":
            silent = math.nan
            if out and out[-1][1] is None:
                out[-1] = (out[-1][0], t)
    return tuple(out)


def source(told: Any, measured: float = math.nan) -> str:
    """Return name, channels and rate of a source of the manifest."""
    if not isinstance(told, Mapping):
        return "no headset"
    names = told.get("ch_names")
    n = len(names) if isinstance(names, list) else 0
    name, stated = told.get("name") or "unnamed", number(told, "sfreq")
    if stated == 0.0:
        return f"{name}, markers"
    rate = rates(stated, measured)
    return f"{name}, {n} channels, {rate}"


def facts(manifest: Mapping[str, Any], absences: Sequence[Away]) -> list[tuple[str, str]]:
    """Return name and value of everything to be said of the devices."""
    summary, first = manifest.get("summary"), manifest.get("source")
    told = summary if isinstance(summary, Mapping) else {}
    second = manifest.get("second_source")
    out = [("Source", source(first, number(told, "sfreq_measured")))]
    if not isinstance(first, Mapping):
        return out
    if beside := _beside(first):
        out.append(("Recorded beside the EEG", beside))
    if isinstance(second, Mapping):
        said = source(second, number(told, "second_sfreq_measured"))
        others = _beside(second)
        out.append(("Second source, not decoded", f"{said}; {others}" if others else said))
    rows, lost = number(told, "eeg_rows"), number(told, "eeg_lost")
    if rows > 0:
        out.append(("Samples of EEG lost", f"{lost:.0f} of {rows:.0f} ({percent(lost / rows)})"))
    if absences:
        times = [
            f"{clock(begin)} to {clock(end)}" if end is not None else f"{clock(begin)} to the end"
            for begin, end in absences[:_SHOWN]
        ]
        more = len(absences) - _SHOWN
        named = ", ".join(times) + (f" and {more} more" if more > 0 else "")
        out.append(("Headset away", named))
    return out


def _beside(told: Mapping[str, Any]) -> str:
    """Return the channels beside the EEG with type and unit."""
    channels = told.get("beside")
    if not isinstance(channels, list):
        return ""
    said = []
    for one in channels:
        if isinstance(one, Mapping):
            words = [str(one[key]) for key in ("type", "unit") if one.get(key)]
            said.append(
                f"{one.get('name')} ({', '.join(words)})" if words else str(one.get("name"))
            )
    return ", ".join(said)
