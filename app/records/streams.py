"""The streams of recording.xdf, and which of them a source of EEG has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.records.xdf import Stream
from dsp.checks import InputError

EEG, STIMULUS, TIMELINE, MARKERS = 1, 2, 3, 4  #: their numbers
BESIDE, SECOND, SECOND_BESIDE = 5, 6, 7  #: of channels beside the EEG, and of a second source


def source_streams(described: Mapping[str, Any], *, second: bool) -> tuple[Stream, ...]:
    """Return the streams of a source, in the order of its columns: EEG, and what stands beside it.

    Parameters
    ----------
    described : dict
        A `devices.sources.source.SourceInfo` as session.json has it.
    second : bool
        Whether it is recorded beside the source that is decoded; then its name is on its streams.

    Raises
    ------
    InputError
        If it has no channel at all.
    """
    names, sfreq = tuple(described["ch_names"]), float(described["sfreq"])
    others = described.get("beside") or ()
    title = str(described.get("name") or "Second source") if second else ""
    streams = []
    if names:
        number, name = (SECOND, title) if second else (EEG, "EEG")
        streams.append(Stream(number, name, "EEG", names, "float32", sfreq, "microvolts"))
    if others:
        streams.append(
            Stream(
                SECOND_BESIDE if second else BESIDE,
                f"Beside {title}".strip(),
                "MISC",
                tuple(str(one["name"]) for one in others),
                "float32",
                sfreq,
                kinds=tuple((str(one["type"]), str(one["unit"])) for one in others),
            )
        )
    if not streams:
        raise InputError("The EEG source names no channel; nothing of it can be recorded.")
    return tuple(streams)
