"""What a session stands on: a player and a source of EEG, on the real clock or a virtual one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from app.player.contract import AnyPlayer, never
from app.player.player import Player
from app.player.virtual import VirtualPlayer
from app.session.contract import NoSource
from app.session.feed import Eeg, Feed, no_rows
from app.session.plan import Plan
from devices.acquisition import acquire
from devices.clock import now
from devices.feeling import Feeling
from devices.listener import MONTAGE, Head
from devices.ring import Ring
from devices.sources.naming import read_channels
from devices.sources.simulated import SimulatedSource
from devices.sources.source import SourceEvent, SourceInfo, SourceState
from devices.sources.spec import read_spec
from dsp.checks import DeviceError, InputError

_POLL = 0.02  # s between looks at the clock while waiting for the next tick


class Rig(Protocol):
    """Clock, player and EEG of one session."""

    player: AnyPlayer
    info: SourceInfo | None
    ring: Ring | None
    second: Feed | None  #: a source that is recorded beside, and never decoded
    realtime: bool

    def start(self, stopped: Callable[[], bool] = never) -> float:
        """Bring everything up, unless `stopped`; return the LSL second it began."""

    def wait(self, until: float, idle: Callable[[], bool]) -> bool:
        """Let time pass to `until`, calling `idle` on the way; False when `idle` wants an end."""

    def now(self) -> float:
        """LSL second on the rig's own clock."""

    def eeg(self, until: float) -> Eeg:
        """Rows since the last call up to `until` [shape=(n, n_channels)] and their times.

        First the electrodes, then what stands beside them (`SourceInfo.beside`).
        """

    def eeg_rest(self, until: float) -> Eeg:
        """Rows of NaN over the end of a hole that nothing will come after; at the end, once."""

    def state(self) -> SourceState:
        """State of the source."""

    def events(self) -> list[SourceEvent]:
        """Events of the source since the last call."""

    def leave_eeg_out(self) -> None:
        """Let go of the source, at once and for good."""

    def close(self) -> None:
        """End source and player."""


class LiveRig:
    """Real time: the sound engine, and a board or stream (or no headset), and perhaps another.

    Parameters
    ----------
    source, second : str
        As they are written; `second` may be empty.
    because : str
        Why the program chose `source` itself, or empty.
    channels : str
        Which electrodes of `source`, and their names; empty for all.
    """

    realtime = True

    def __init__(
        self,
        source: str,
        *,
        listener: str,
        seed: int,
        output: str,
        device: str | None = None,
        because: str = "",
        second: str = "",
        channels: str = "",
    ) -> None:
        self._source, self._because = source, because
        self._listener, self._seed = listener, seed
        self._beside, self._channels = second, channels
        self._player = Player(output=output, device=device)
        self.player: AnyPlayer = self._player
        self.info: SourceInfo | None = None
        self.ring: Ring | None = None
        self.second: Feed | None = None
        self._feed: Feed | None = None

    def start(self, stopped: Callable[[], bool] = never) -> float:
        """Bring up engine and source side by side: each needs a second for its own process."""
        if read_spec(self._source).headset:
            self._feed = Feed(
                acquire(
                    self._source,
                    timeline=self._player.timeline.name,
                    tracks=self._player.tracks.name,
                    listener=self._listener,
                    seed=self._seed,
                    channels=read_channels(self._channels) if self._channels else (),
                    because=self._because,
                )
            )
        if self._beside:
            self.second = Feed(acquire(self._beside, first=False))
        self._player.start(stopped)
        if self._feed is not None:
            try:
                info = self._feed.wait_ready(stopped)
            except DeviceError as error:
                raise NoSource(str(error)) from error
            if not info.ch_names:
                raise InputError(
                    f"{info.name} sends no EEG; name a source that does first, and this one with a "
                    "second --source."
                )
            self.info, self.ring = info, self._feed.ring
        if self.second is not None:
            beside = self.second.wait_ready(stopped)
            if self.info is not None and _one_stream(self.info, beside):
                raise InputError(
                    f"{self._source!r} and {self._beside!r} are the same stream; name it once."
                )
        return now()

    def wait(self, until: float, idle: Callable[[], bool]) -> bool:
        """Sleep to `until`."""
        while True:
            if not idle():
                return False
            left = until - now()
            if left <= 0.0:
                return True
            time.sleep(min(left, _POLL))

    def now(self) -> float:
        """Read the clock."""
        return now()

    def eeg(self, until: float) -> Eeg:
        """Read rows that came since the last call; those after `until` stay for the next."""
        return no_rows(0) if self._feed is None else self._feed.rows(until)

    def eeg_rest(self, until: float) -> Eeg:
        """Rows of NaN where the source is silent now (`Feed.rest`)."""
        return no_rows(0) if self._feed is None else self._feed.rest(until)

    def state(self) -> SourceState:
        """State of the acquisition; ``none`` without a headset."""
        feed = self._feed  # which the session's thread may let go of while a window looks
        return feed.state if feed is not None else "none"

    def events(self) -> list[SourceEvent]:
        """Events of the acquisition."""
        return self._feed.events() if self._feed is not None else []

    def leave_eeg_out(self) -> None:
        """Let go of the source; nobody waits for it."""
        feed, self._feed, self.ring = self._feed, None, None
        if feed is not None:
            threading.Thread(target=feed.close, name="leave EEG out", daemon=True).start()

    def close(self) -> None:
        """End the sources before the player whose tables they read."""
        for feed in (self._feed, self.second):
            if feed is not None:
                feed.close()
        self._player.close()


def _one_stream(first: SourceInfo, second: SourceInfo) -> bool:
    """Whether two LSL sources, however they were written, are one stream."""
    ids = [
        (one.name, one.details.get("source_id"), one.details.get("host")) for one in (first, second)
    ]
    return bool(ids[0][1]) and ids[0] == ids[1]


class VirtualRig:
    """The simulated listener alone on a virtual clock: seeded, deterministic, as fast as can be.

    Parameters
    ----------
    listener : str
        Its kind.
    seed : int
    head, feeling : Head, Feeling, optional
        Of somebody who is seen on several days.
    eeg : bool
        False: the same listener hears and feels the same, and wears no headset.
    """

    realtime = False

    def __init__(
        self,
        *,
        listener: str,
        seed: int,
        head: Head | None = None,
        feeling: Feeling | None = None,
        eeg: bool = True,
    ) -> None:
        self._virtual = VirtualPlayer(features_only=True)
        self.player: AnyPlayer = self._virtual
        self.info: SourceInfo | None = None
        self.ring: Ring | None = None
        self.second: Feed | None = None
        self._now = self._virtual.now
        self._source = SimulatedSource(
            listener=listener,
            seed=seed,
            timeline=self._virtual.timeline,
            tracks=self._virtual.tracks,
            clock=self.now,
            sleep=_at_once,
            head=head,
            feeling=feeling,
        )
        self._eeg = eeg

    def start(self, stopped: Callable[[], bool] = never) -> float:
        """Begin at the virtual player's own zero."""
        self._source.open()
        self.info = self._source.info if self._eeg else None
        return self._now

    def wait(self, until: float, idle: Callable[[], bool]) -> bool:
        """Render up to `until`."""
        if not idle():
            return False
        self._virtual.advance(until)
        self._now = until
        return True

    def now(self) -> float:
        """Tell how far it is rendered."""
        return self._now

    def eeg(self, until: float) -> Eeg:
        """Voltages of all samples up to `until`, which is as far as it is rendered."""
        if not self._eeg:
            self._source.hear()
            return no_rows(0)
        chunk = self._source.read()
        return no_rows(len(MONTAGE)) if chunk is None else (chunk.data, chunk.times)

    def eeg_rest(self, until: float) -> Eeg:
        """Return no rows: it is never silent."""
        return no_rows(len(MONTAGE))

    def state(self) -> SourceState:
        """Tell that it always streams."""
        return "streaming" if self._eeg else "none"

    def events(self) -> list[SourceEvent]:
        """Hidden enjoyment, for the records."""
        return self._source.events()

    def leave_eeg_out(self) -> None:
        """Do nothing: it is never lost, so nobody is asked."""

    def close(self) -> None:
        """End the player."""
        self._source.close()
        self._virtual.close()


def _at_once(seconds: float) -> None:
    """Let no time pass: only rendering does."""


def make_rig(plan: Plan) -> Rig:
    """Choose the rig of a source: the virtual one on a virtual clock, else the live one."""
    if read_spec(plan.source).virtual:
        return VirtualRig(listener=plan.listener, seed=plan.seed)
    return LiveRig(
        plan.source,
        listener=plan.listener,
        seed=plan.seed,
        output=plan.output,
        because=plan.because,
        second=plan.second,
        channels=plan.channels,
    )
