"""A player that plays nothing: it reports what a recording says was heard, when its time comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from app.player.contract import Beating, PlayerEvent, PlayerStatus
from devices.timeline import HeardTracks, Timeline
from dsp.checks import InputError
from dsp.sound.heard import NO_PLAY, Heard, Play
from playlists.tracks import PreparedTrack

NOTICE = "Nothing is played: what was heard is taken from the recording."
REFUSED = "A recording cannot be changed: nothing is played anew."
_SILENT_S = 0.5  # s behind its newest row after which nothing is heard


class RecordedPlayer:
    """`Player` for a session that runs on a recording.

    Parameters
    ----------
    clock : callable
        Seconds on which the session runs.
    output : str
        What the sound went to then.
    audible : bool
        Whether anybody heard it then.
    """

    def __init__(self, clock: Callable[[], float], *, output: str, audible: bool) -> None:
        self._clock, self._output, self._audible = clock, output, audible
        self.timeline = Timeline.create(local=True)
        self.tracks = HeardTracks.create(local=True)
        self._heard, self._told, self._row = Heard.nothing(), np.empty(0), 0
        self._begun = 0.0
        self._stopped = False

    def begin(self, heard: Heard, told: npt.NDArray[np.float64], *, at: float) -> None:
        """Take what was heard, on the session's own clock, from the second `at` on.

        `told` [shape=(n,)] is when each row may be told of, in order.
        """
        self._heard, self._told, self._begun = heard, told, at

    def heard(self) -> Heard:
        """Everything whose time has come since the last call."""
        first = self._row
        self._row = int(np.searchsorted(self._told, self._clock(), side="right"))
        return self._heard[first : self._row]

    def status(self) -> PlayerStatus:
        """What was heard at this moment."""
        now = self._clock()
        n = int(np.searchsorted(self._heard.times, now, side="right"))
        seconds = max(now - self._begun, 0.0)
        status = PlayerStatus(
            output=self._output or "a recording",
            notice=NOTICE,
            playing=not self._stopped,
            device_s=seconds if self._audible else 0.0,
            silent_s=0.0 if self._audible else seconds,
        )
        if not n or self._stopped or now - float(self._heard.times[n - 1]) > _SILENT_S:
            return status
        row = self._heard[n - 1 : n]
        play, level = Play(int(row.play[0])), float(row.column("layer_level")[0])
        return replace(
            status,
            play=play,
            position=float(row.position_s[0]) if play != NO_PLAY else 0.0,
            layer_level=min(max(level, 0.0), 1.0),
        )

    def events(self) -> list[PlayerEvent]:
        """Nothing happens to a sound that is not there."""
        return []

    def beat(self, who: Beating) -> None:
        """Nobody watches: there is no sound that could go on without the program."""

    def play(self, play: Play, track: PreparedTrack, *, fade: float = 4.0) -> None:
        """Refuse."""
        raise InputError(REFUSED)

    def cue(self, play: Play, track: PreparedTrack, *, fade: float = 4.0) -> None:
        """Refuse."""
        raise InputError(REFUSED)

    def set_layer(self, level: float, *, ramp: float) -> None:
        """Refuse."""
        raise InputError(REFUSED)

    def pause(self) -> None:
        """Refuse."""
        raise InputError(REFUSED)

    def resume(self) -> None:
        """Refuse."""
        raise InputError(REFUSED)

    def stop(self) -> None:
        """Report nothing further."""
        self._stopped = True

    def close(self) -> None:
        """Let go. Safe to call twice."""
        self.timeline.close()
        self.tracks.close()
