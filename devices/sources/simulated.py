"""The simulated listener as a source of EEG without a board, on the clock that it is given."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from devices.clock import now
from devices.feeling import Feeling
from devices.listener import LISTENERS, MONTAGE, NOTICES, Head, Listener
from devices.sources.source import READ_EVERY, EegChunk, Handover, SourceEvent, SourceInfo
from devices.timeline import HeardTracks, Timeline
from dsp.checks import DeviceError, check_option
from dsp.grid import Floats

SFREQ = 250.0


class SimulatedSource:
    """A listener whose samples come exactly at 250 Hz: seeded and deterministic.

    Parameters
    ----------
    listener : str
        `clear`, `typical` or `silent`.
    seed : int
    timeline, tracks : Timeline, HeardTracks
        What is heard.
    clock, sleep : callable
        Seconds, and what lets seconds pass; a virtual clock runs as fast as it is moved.
    head, feeling : Head, Feeling, optional
        Of somebody who is seen on several days.
    """

    def __init__(
        self,
        *,
        listener: str,
        seed: int,
        timeline: Timeline,
        tracks: HeardTracks,
        clock: Callable[[], float] = now,
        sleep: Callable[[float], None] = time.sleep,
        head: Head | None = None,
        feeling: Feeling | None = None,
    ) -> None:
        self._kind, self._seed = check_option("listener", listener, LISTENERS), seed
        self._timeline, self._tracks = timeline, tracks
        self._clock, self._sleep = clock, sleep
        self._head, self._feeling = head, feeling
        self._listener: Listener | None = None
        self._info: SourceInfo | None = None
        self._open = False
        self._start = self._read_at = 0.0
        self._row = 0

    @property
    def info(self) -> SourceInfo:
        """What it is; complete after `open`."""
        if self._info is None:
            raise DeviceError("the simulated listener is not open yet.")
        return self._info

    def take_over(self, known: Handover) -> None:
        """Begin anew: it is read where its session runs, and never outlives it."""

    def open(self) -> None:
        """Begin now; after a `close`, go on now."""
        if self._listener is None:
            self._start = self._clock()
            self._listener = Listener(
                self._kind,
                seed=self._seed,
                ch_names=MONTAGE,
                sfreq=SFREQ,
                timeline=self._timeline,
                tracks=self._tracks,
                head=self._head,
                feeling=self._feeling,
            )
            self._info = SourceInfo(
                name="Simulated listener",
                ch_names=MONTAGE,
                sfreq=SFREQ,
                simulated=True,
                notice=NOTICES[self._kind],
                details={"listener": self._kind, "seed": self._seed},
            )
        self._row = max(self._row, self._due)
        self._open = True

    @property
    def _due(self) -> int:
        """Samples that have been due by now."""
        return math.floor((self._clock() - self._start) * SFREQ)

    def read(self) -> EegChunk | None:
        """Return the samples since the last call; waits until 20 ms have passed since it.

        Raises
        ------
        DeviceError
            If it is closed.
        """
        if not self._open or self._listener is None:
            raise DeviceError("the simulated listener is closed.")
        wait = self._read_at + READ_EVERY - self._clock()
        if wait > 0:
            self._sleep(wait)
        self._read_at = self._clock()
        times = self._new_times()
        return EegChunk(self._listener.voltages(times), times) if times.size else None

    def hear(self) -> None:
        """Let the listener hear and feel on as far as `read` would, without any EEG."""
        if self._listener is not None:
            self._listener.hear(self._new_times())

    def _new_times(self) -> Floats:
        """Stamps of the samples that became due since the last call."""
        first, self._row = self._row, max(self._row, self._due)
        return np.asarray(self._start + np.arange(first, self._row) / SFREQ)

    def events(self) -> list[SourceEvent]:
        """Hidden enjoyment, for the records."""
        told = self._listener.truth() if self._listener is not None else []
        return [SourceEvent(t, "truth", float(v)) for t, v in told]

    def close(self) -> None:
        """Hand over nothing further; safe to call twice."""
        self._open = False
