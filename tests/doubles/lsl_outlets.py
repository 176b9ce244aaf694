"""LSL streams that a test sends itself, from its own process and at its own pace."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from devices.clock import now
from devices.sources.lsl import LslSource
from devices.sources.source import EegChunk
from devices.sources.streams import lsl_library

_count = itertools.count(1)


def own_name(word: str) -> str:
    """A name that no other test, and no other run of the tests, gives its stream."""
    return f"attune-{word}-{os.getpid()}-{next(_count)}"


class Outlet:
    """One stream; it is gone with `end`."""

    def __init__(
        self,
        name: str,
        *,
        source_id: str = "amp",
        kind: str = "EEG",
        n: int = 2,
        sfreq: float = 250.0,
        labels: Sequence[str] = ("Fz", "Cz"),
        unit: str = "microvolts",
        text: bool = False,
    ) -> None:
        pylsl, _ = lsl_library()
        form = pylsl.cf_string if text else pylsl.cf_float32
        info = pylsl.StreamInfo(name, kind, n, sfreq, form, source_id)
        if not text:
            info.set_channel_labels([*labels, *(f"X{i}" for i in range(len(labels), n))][:n])
            info.set_channel_units(unit)
        self._outlet: Any = pylsl.StreamOutlet(info)
        self._pylsl, self._sfreq, self._n = pylsl, sfreq, n
        self.sent = 0

    def send(self, rows: int = 25, value: float = 10.0) -> None:
        """Send samples that are ready now."""
        wave = value * np.sin(0.3 * (self.sent + np.arange(rows)))
        self.sent += rows
        self._outlet.push_chunk(
            np.repeat(wave[:, None], self._n, axis=1).astype(np.float32), self._pylsl.local_clock()
        )

    def mark(self, *words: str, stamp: float = 0.0) -> None:
        """Send a marker."""
        self._outlet.push_sample(list(words), stamp)

    def end(self) -> None:
        """Be gone, as a sender that was killed."""
        self._outlet = None


def some_rows(source: LslSource, outlet: Outlet, *, value: float = 10.0) -> EegChunk:
    """Send, as fast as samples are taken, until `source` gives a chunk."""
    end = now() + 5.0
    while now() < end:
        outlet.send(value=value)
        chunk = source.read()
        if chunk is not None and chunk.times.size:
            return chunk
        time.sleep(0.1)
    raise AssertionError("nothing came")


def drain(source: LslSource, condition: Any, seconds: float = 5.0) -> None:
    """Read until `condition()` holds."""
    end = now() + seconds
    while not condition():
        assert now() < end, "did not happen"
        source.read()
