"""What a session stands on: a player and a source of EEG, on the real clock or a virtual one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.player.contract import AnyPlayer
from app.player.player import Player
from app.player.virtual import VirtualPlayer
from devices.acquisition import Acquisition, acquire
from devices.clock import now
from devices.listener import MONTAGE, NOTICES, Listener
from devices.ring import Ring
from devices.sources.source import SourceEvent, SourceInfo, SourceState
from devices.sources.spec import read_spec

Eeg = tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]
SIMULATED_SFREQ = 250.0
_POLL = 0.02  # s between looks at the clock while waiting for the next tick
_READY = 15.0  # s that a source may take to its first sample


def _never() -> bool:
    return False


class Rig(Protocol):
    """Clock, player and EEG of one session."""

    player: AnyPlayer
    info: SourceInfo | None
    ring: Ring | None
    realtime: bool

    def start(self, stopped: Callable[[], bool] = _never) -> float:
        """Bring everything up, unless `stopped`; return the LSL second it began."""

    def wait(self, until: float, idle: Callable[[], bool]) -> bool:
        """Let time pass to `until`, calling `idle` on the way; False when `idle` wants an end."""

    def now(self) -> float:
        """LSL second on the rig's own clock."""

    def eeg(self, until: float) -> Eeg:
        """Samples since the last call up to `until` [shape=(n, n_channels)] and their times."""

    def state(self) -> SourceState:
        """State of the source."""

    def events(self) -> list[SourceEvent]:
        """Events of the source since the last call."""

    def close(self) -> None:
        """End source and player."""


def _no_eeg(n_channels: int) -> Eeg:
    return np.empty((0, n_channels), dtype=np.float32), np.empty(0)


class LiveRig:
    """Real time: the sound engine, and a board or stream (or no headset)."""

    realtime = True

    def __init__(
        self, source: str, *, listener: str, seed: int, output: str, device: str | None = None
    ) -> None:
        self._source, self._listener, self._seed = source, listener, seed
        self._player = Player(output=output, device=device)
        self.player: AnyPlayer = self._player
        self.info: SourceInfo | None = None
        self.ring: Ring | None = None
        self._acquisition: Acquisition | None = None
        self._next = 0

    def start(self, stopped: Callable[[], bool] = _never) -> float:
        """Bring up engine and source side by side: each needs a second for its own process."""
        if read_spec(self._source).headset:
            self._acquisition = acquire(
                self._source,
                timeline=self._player.timeline.name,
                tracks=self._player.tracks.name,
                listener=self._listener,
                seed=self._seed,
            )
        self._player.start()
        if self._acquisition is not None:
            self._acquisition.wait_ready(_READY, stopped=stopped)
            self.info, self.ring = self._acquisition.info, self._acquisition.ring
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
        if self.ring is None:
            return _no_eeg(0)
        block = self.ring.since(self._next)
        n = int(np.searchsorted(block.times, until, side="right"))
        self._next = block.first + n
        return block.data[:n], block.times[:n]

    def state(self) -> SourceState:
        """State of the acquisition; ``none`` without a headset."""
        return self._acquisition.state if self._acquisition is not None else "none"

    def events(self) -> list[SourceEvent]:
        """Events of the acquisition."""
        return self._acquisition.events() if self._acquisition is not None else []

    def close(self) -> None:
        """End the source before the player whose tables it reads."""
        if self._acquisition is not None:
            self._acquisition.close()
        self._player.close()


class VirtualRig:
    """The simulated listener alone on a virtual clock: seeded, deterministic, as fast as can be."""

    realtime = False

    def __init__(self, *, listener: str, seed: int) -> None:
        self._virtual = VirtualPlayer(features_only=True)
        self.player: AnyPlayer = self._virtual
        self.info: SourceInfo | None = SourceInfo(
            name="Simulated listener",
            ch_names=MONTAGE,
            sfreq=SIMULATED_SFREQ,
            simulated=True,
            notice=NOTICES[listener],
            details={"listener": listener, "seed": seed},
        )
        self.ring: Ring | None = None
        self._listener = Listener(
            listener,
            seed=seed,
            ch_names=MONTAGE,
            sfreq=SIMULATED_SFREQ,
            timeline=self._virtual.timeline,
            tracks=self._virtual.tracks,
        )
        self._start = self._now = self._virtual.now
        self._sample = 0

    def start(self, stopped: Callable[[], bool] = _never) -> float:
        """Begin at the virtual player's own zero."""
        return self._start

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
        """Voltages of all samples up to `until`, which must have been rendered."""
        last = math.floor((until - self._start) * SIMULATED_SFREQ)
        times = self._start + np.arange(self._sample, last) / SIMULATED_SFREQ
        self._sample = max(last, self._sample)
        return self._listener.voltages(times), times

    def state(self) -> SourceState:
        """Tell that it always streams."""
        return "streaming"

    def events(self) -> list[SourceEvent]:
        """Hidden enjoyment, for the records."""
        return [SourceEvent(t, "truth", float(v)) for t, v in self._listener.truth()]

    def close(self) -> None:
        """End the player."""
        self._virtual.close()


def make_rig(source: str, *, listener: str, seed: int, output: str) -> Rig:
    """Choose the rig of a source: the virtual one on a virtual clock, else the live one."""
    if read_spec(source).virtual:
        return VirtualRig(listener=listener, seed=seed)
    return LiveRig(source, listener=listener, seed=seed, output=output)
