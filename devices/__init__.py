"""What is plugged in: EEG sources, their acquisition and ring, the shared clock, the sound device.

Other rooms may use `acquire` and `Acquisition`, `Ring`, `now`, and the dataclasses of `source` and
`timeline`. Names are loaded when they are asked for, so that a process pays only for its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "Acquisition": "devices.acquisition",
    "acquire": "devices.acquisition",
    "EegChunk": "devices.sources.source",
    "SourceEvent": "devices.sources.source",
    "SourceInfo": "devices.sources.source",
    "HeardTrack": "devices.timeline",
    "HeardTracks": "devices.timeline",
    "Timeline": "devices.timeline",
    "Ring": "devices.ring",
    "RingBlock": "devices.ring",
    "now": "devices.clock",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'devices' has no attribute {name!r}")
