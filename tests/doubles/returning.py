"""A device that goes and comes back, on a virtual clock: what the pump does, second by second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from devices.pump import Pump
from devices.ring import Ring
from devices.sources.source import Channel, EegChunk, Handover, SourceEvent, SourceInfo
from dsp.checks import DeviceError

SFREQ = 100.0
INFO = SourceInfo("The device", ("Fz", "Cz"), SFREQ, beside=(Channel("battery", "battery", "V"),))


@dataclass
class World:
    """A device, its pump and its ring; time passes only in reads, openings and waits.

    Attributes
    ----------
    away : list of (float, float)
        From when to when it is gone, s.
    tells : bool
        Whether a read says so; else it is only silent.
    every : float
        It sends so much at a time, s.
    opens_in : float
        s that an opening takes, also one that fails.
    after : SourceInfo
        What it is when it is opened again.
    kept_back : (float, float)
        From when to when its samples come and are kept back, s.
    late : callable
        How late what comes is at each second since the start, s.
    """

    away: list[tuple[float, float]] = field(default_factory=list)
    tells: bool = False
    every: float = 0.02
    opens_in: float = 0.0
    after: SourceInfo = INFO
    kept_back: tuple[float, float] = (0.0, 0.0)
    late: Callable[[float], float] = lambda _: 0.0
    start: float = 1000.0

    def __post_init__(self) -> None:
        self.at = self.start
        self.info = INFO
        self.sent_at = self.start
        self.opened: list[float] = []  # when openings were begun
        self.told: list[tuple[str, Any]] = []
        self.news: list[SourceEvent] = []
        self.ring = Ring.create(3, 60.0, SFREQ, local=True)
        self.pump = Pump(
            self, self.info, self.ring, self._tell, self._stopped, clock=lambda: self.at
        )
        self.until = 0.0

    def run(self, seconds: float) -> World:
        """Let the pump work for so long."""
        self.until = self.start + seconds
        self.pump.run()
        return self

    def _tell(self, word: str, value: Any) -> None:
        self.told.append((word, value))

    def words(self, word: str) -> list[Any]:
        return [value for told, value in self.told if told == word]

    def events(self) -> list[SourceEvent]:
        news, self.news = self.news, []
        return news

    def _stopped(self, wait_s: float = 0.0) -> bool:
        self.at += wait_s
        return self.at >= self.until

    @property
    def gone(self) -> bool:
        return any(a <= self.at - self.start < b for a, b in self.away)

    # The source

    def open(self) -> None:
        self.opened.append(self.at)
        self.at += self.opens_in
        if self.gone:
            raise DeviceError("The device is not there.")
        self.info = replace(self.after)
        self.sent_at = self.at

    def close(self) -> None:
        return

    def take_over(self, known: Handover) -> None:
        return

    def read(self) -> EegChunk | None:
        self.at += 0.02
        if self.gone:
            if self.tells:
                raise DeviceError("The device says that it is gone.")
            self.sent_at = self.at
            return None
        if self.at - self.sent_at < self.every - 1e-9:
            return None
        if self.kept_back[0] <= self.at - self.start < self.kept_back[1]:
            return self.info.no_rows
        until = self.at - self.late(self.at - self.start)
        n = round((until - self.sent_at) * SFREQ)
        if n <= 0:
            return None
        times = self.sent_at + np.arange(1, n + 1) / SFREQ
        self.sent_at = until
        return EegChunk(np.ones((n, 3), np.float32), times)
