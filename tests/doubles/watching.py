"""Following a player until something is true."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from app.player.player import Player, PlayerEvent
from dsp.sound.heard import HEARD_NAMES


class Watch:
    """Collects rows and events of a player until something is true; beats as a loop does."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.events: list[PlayerEvent] = []
        self.times, self.values = np.empty(0), np.empty((0, len(HEARD_NAMES)))

    def until(self, true: Callable[[], bool], *, deadline: float = 10.0, beat: bool = True) -> None:
        end = time.monotonic() + deadline
        while not true():
            assert time.monotonic() < end, (self.player.status(), self.events)
            time.sleep(0.01)
            self.look(beat=beat)

    def look(self, *, beat: bool = True) -> None:
        if beat:
            self.player.beat("loop")
        block = self.player.heard()
        self.times = np.concatenate([self.times, block.times])
        self.values = np.concatenate([self.values, block.values])
        self.events += self.player.events()

    def kinds(self) -> list[tuple[str, int]]:
        return [(event.kind, event.value) for event in self.events]
