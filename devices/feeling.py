"""What a simulated listener feels while music plays: the hidden enjoyment that the EEG answers to.

The simplest listener follows a liking that it is told of each track. One that lasts over sessions
has a taste of its own (`devices.taste`).
"""

from __future__ import annotations

import math
from typing import Protocol

from devices.timeline import HeardTracks
from dsp.grid import RATE
from dsp.sound.heard import NO_PLAY, Play

TAU, DEAD_TIME = 8.0, 2.0  # s; felt emotion moves after about 8 s (Bachorik 2009)
WANDER_SD, WANDER_TAU = 0.02, 30.0
_STEP = 1.0 / RATE
_DECAY = math.exp(-_STEP / WANDER_TAU)


class Feeling(Protocol):
    """Hidden enjoyment, one step of 1/64 s after the other."""

    felt: float  #: now, 0..1

    def step(self, t: float, play: Play, tracks: HeardTracks, chance: float) -> None:
        """Go one step on, to LSL second `t`, with `play` heard; `chance` is standard normal."""


class Following:
    """Enjoyment that follows the liking of what plays, with a dead time, and wanders a little."""

    def __init__(self) -> None:
        self.felt = 0.5
        self._wander = 0.0
        self._playing, self._liking, self._since = NO_PLAY, 0.5, -math.inf

    def step(self, t: float, play: Play, tracks: HeardTracks, chance: float) -> None:
        """Go one step on."""
        if play != self._playing:
            self._playing, self._since = play, t
            track = tracks.get(play)
            self._liking = track.liking if track else 0.5
        base = self.felt - self._wander
        target = self._liking if t - self._since >= DEAD_TIME else base
        self._wander = self._wander * _DECAY + WANDER_SD * math.sqrt(1 - _DECAY**2) * chance
        base += (target - base) * (1.0 - math.exp(-_STEP / TAU))
        self.felt = min(max(base + self._wander, 0.0), 1.0)
