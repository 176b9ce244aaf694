"""Following a player until something is true."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from app.player.contract import PlayerEvent
from app.player.player import Player
from app.player.virtual import VirtualPlayer
from devices.clock import now
from dsp.sound.heard import HEARD_NAMES, NO_PLAY


class Watch:
    """Collects rows and events of a player until something is true; beats as a loop does.

    The time of a virtual player is driven, that of a real one waited for.
    """

    def __init__(self, player: Player | VirtualPlayer) -> None:
        self.player = player
        self.events: list[PlayerEvent] = []
        self.times, self.values = np.empty(0), np.empty((0, len(HEARD_NAMES)))

    def now(self) -> float:
        """LSL seconds of the player's own clock."""
        return self.player.now if isinstance(self.player, VirtualPlayer) else now()

    def until(self, true: Callable[[], bool], *, deadline: float = 60.0, beat: bool = True) -> None:
        end = self.now() + deadline
        while not true():
            assert self.now() < end, (self.player.status(), self.events)
            if isinstance(self.player, VirtualPlayer):
                self.player.advance(self.now() + 0.01)
            else:
                time.sleep(0.01)
            self.look(beat=beat)

    def on_for(self, seconds: float) -> None:
        end = self.now() + seconds
        self.until(lambda: self.now() >= end, deadline=seconds + 60.0)

    def look(self, *, beat: bool = True) -> None:
        if beat:
            self.player.beat("loop")
        block = self.player.heard()
        self.times = np.concatenate([self.times, block.times])
        self.values = np.concatenate([self.values, block.values])
        self.events += self.player.events()

    def of_tracks(self) -> list[tuple[str, int | None]]:
        """Without what a busy machine does to a device."""
        return [(kind, play) for kind, play in self.kinds() if kind.startswith("track")]

    def kinds(self) -> list[tuple[str, int | None]]:
        return [(event.kind, event.value) for event in self.events]


def silence(player: Player | VirtualPlayer) -> None:
    """Stop it; wait until all that was rendered before has been heard."""
    player.stop()
    watch = Watch(player)
    watch.until(lambda: not player.status().playing)
    heard_at = watch.now() + player.status().latency + 0.1
    watch.until(lambda: watch.times.size > 0 and bool(watch.times[-1] > heard_at))
    watch.until(lambda: player.status().play == NO_PLAY)
