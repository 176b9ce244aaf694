"""What a session on a recording stands on: nothing is opened, nothing is played, time may fly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from app.loop.ticks import LoopEvent
from app.player.contract import AnyPlayer
from app.player.recorded import RecordedPlayer
from app.session.feed import Eeg, Feed, no_rows
from app.session.recorded import Recorded, Start
from devices.clock import now
from devices.ring import Ring
from devices.sources.source import SourceEvent, SourceInfo, SourceState
from dsp.checks import InputError
from dsp.sound.heard import Heard

_POLL_S = 0.02
_RING_S = 60.0


class ReplayRig:
    """A recording in real time, or as fast as it can be looked at.

    Every second gets what the session that recorded it had got by then (`eeg_until`,
    `heard_until`), so that it says the same again.

    Parameters
    ----------
    recorded : Recorded
    fast : bool
        On a virtual clock; a second then takes as long as looking at it does.
    """

    def __init__(self, recorded: Recorded, *, fast: bool) -> None:
        self._recorded, self._source = recorded, recorded.source
        self.realtime = not fast
        self._now = float(math.floor(self._source.recorded_from))  # of the virtual clock
        self._source.run_on(self.now, _at_once)
        self._player = RecordedPlayer(self.now, output=recorded.output, audible=recorded.audible)
        self.player: AnyPlayer = self._player
        self.info: SourceInfo | None = self._source.info
        self.ring: Ring | None = None
        self.second: Feed | None = None
        self._next = 0
        self._told_until = -math.inf  # second of the recording
        self._ticks = {tick.now: tick for tick in recorded.ticks}

    def start(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Begin, and wait for the second at which the session that was recorded began.

        Raises
        ------
        InputError
            If it is `stopped` before.
        """
        assert self.info is not None
        self._source.open()
        n_columns = len(self.info.ch_names) + len(self.info.beside)
        self.ring = Ring.create(n_columns, _RING_S, self.info.sfreq, local=True)
        heard, shift = self._recorded.heard, self._source.shift
        begins = self._recorded.begins + shift
        told = self._recorded.told_at(heard.times) + shift
        self._player.begin(Heard(heard.times + shift, heard.values), told, at=begins)
        if not self.wait(begins, lambda: not stopped()):
            raise InputError("The session was stopped before it began.")
        return begins

    def wait(self, until: float, idle: Callable[[], bool]) -> bool:
        """Take what comes up to `until`; False after the end of the recording."""
        if self._source.ended:
            return False
        while idle():
            if not self.realtime:
                self._now = max(self._now, until)
            chunk = self._source.read()
            if chunk is not None and self.ring is not None:
                self.ring.write(chunk.data, chunk.times)
            left = until - self.now()
            if left <= 0.0:
                return True
            time.sleep(min(left, _POLL_S))
        return False

    def now(self) -> float:
        """Second of the clock that the recording runs on."""
        return now() if self.realtime else self._now

    def eeg(self, until: float) -> Eeg:
        """Rows since the last call up to `until`, or as far as had come by then."""
        assert self.ring is not None
        tick, limit = self._ticks.get(until - self._source.shift), until
        if tick is not None:
            known = -math.inf if tick.eeg_until is None else tick.eeg_until + self._source.shift
            limit = min(until, known)
        block = self.ring.since(self._next)
        n = int(np.searchsorted(block.times, limit, side="right"))
        self._next = block.first + n
        return block.data[:n], block.times[:n]

    def eeg_rest(self, until: float) -> Eeg:
        """Return no rows: a recording has its holes in itself."""
        return no_rows(0)

    def told(self, until: float) -> tuple[list[Start], list[LoopEvent], list[str]]:
        """Tracks started, what the loop was told and what the player did, since the last call."""
        after, self._told_until = self._told_until, until - self._source.shift
        return self._recorded.told(after, self._told_until)

    def changed(self, at: float) -> bool:
        """Whether the session that was recorded changed the sound in the second `at`."""
        return at - self._source.shift in self._recorded.changed

    def state(self) -> SourceState:
        """Tell whether there is more to come."""
        return "closed" if self._source.ended else "streaming"

    def events(self) -> list[SourceEvent]:
        """Events of the recording."""
        return self._source.events()

    def leave_eeg_out(self) -> None:
        """Do nothing: it is never lost, so nobody is asked."""

    def close(self) -> None:
        """Let go of it."""
        self._source.close()
        self._player.close()
        if self.ring is not None:
            self.ring.close()


def _at_once(seconds: float) -> None:
    """Wait for nothing: the rig itself does."""
