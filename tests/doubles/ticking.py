"""A loop fed by hand: ticks without EEG in which one play is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from app.loop.calibration import Calibration
from app.loop.loop import Loop
from app.loop.ticks import LoopEvent, PoolTrack, TickInput, TickResult
from app.settings import Settings
from dsp.grid import RATE
from dsp.sound.heard import HEARD_NAMES, Heard, Play
from playlists.tracks import Place

POOL = tuple(PoolTrack(f"Track {letter}", 150.0) for letter in "ABCDEFGH")


class Player:
    """Plays what the loop decides, a second after it did, and gives the loop its ticks."""

    def __init__(
        self,
        settings: Settings,
        *,
        pool: Sequence[PoolTrack] = POOL,
        calibration: Calibration | None = None,
        ch_names: Sequence[str] = (),
        seed: int = 1,
    ) -> None:
        self.loop = Loop(
            settings,
            pool=pool,
            ch_names=ch_names,
            sfreq=250.0,
            calibration=calibration,
            seed=seed,
        )
        self.n_channels = len(ch_names)
        self.now = 0.0
        self.play = self.loop.first(Place(0), now=0.0)
        self.began = 0.0
        self.results: list[TickResult] = []

    def tick(self, *events: LoopEvent, seconds: float = 1.0) -> TickResult:
        """Let one tick come after `seconds`, in all of which the play is heard."""
        times = self.now + np.arange(round(RATE * seconds)) / RATE
        rows = np.zeros((times.size, len(HEARD_NAMES)), dtype=np.float32)
        rows[:, HEARD_NAMES.index("track")] = self.play
        rows[:, HEARD_NAMES.index("position_s")] = np.maximum(times - self.began, 0.0)
        self.now += seconds
        eeg = np.empty((0, self.n_channels), dtype=np.float32)
        given = TickInput(self.now, eeg, np.empty(0), Heard(times, rows), events)
        result = self.loop.tick(given)
        self.results.append(result)
        if result.coming is not None and result.coming.at_once:
            self.play, self.began = result.coming.play, self.now
        return result

    def run(self, seconds: int) -> TickResult:
        """Let `seconds` ticks come; return what the last one said."""
        for _ in range(seconds):
            result = self.tick()
        return result


def silent(now: float, events: tuple[LoopEvent, ...] = (), **changes: Any) -> TickInput:
    """Return a tick in which no track is heard."""
    times = now - 1.0 + np.arange(RATE) / RATE
    rows = np.zeros((RATE, len(HEARD_NAMES)), dtype=np.float32)
    rows[:, HEARD_NAMES.index("track")] = Play(-1)
    none = np.empty((0, 0), dtype=np.float32)
    return replace(TickInput(now, none, np.empty(0), Heard(times, rows), events), **changes)
