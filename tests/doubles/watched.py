"""What reads a source, on a virtual clock: the watcher of an acquisition, look by look."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from devices.acquisition import Acquisition
from devices.pump import hang_s
from devices.ring import Ring
from devices.sources.source import SourceInfo

SFREQ = 100.0
INFO = SourceInfo("The device", ("Fz", "Cz"), SFREQ)
_EVERY_S = 0.1  # s between signs of life, and between rows


class Watched:
    """An acquisition of which time passes only while its watcher waits.

    Parameters
    ----------
    monkeypatch : pytest.MonkeyPatch
    seconds : float
        How long it is watched.
    silent : (float, float)
        From when to when the device sends nothing, s.
    hung : (float, float)
        From when to when the child that reads is not run, or hangs, s; its successor never does.
    late : float
        s by which every wait of the watcher takes longer while the child hangs.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        seconds: float,
        *,
        silent: tuple[float, float] = (0.0, 0.0),
        hung: tuple[float, float] = (0.0, 0.0),
        late: float = 0.0,
        info: SourceInfo = INFO,
    ) -> None:
        self.at, self._info = 0.0, info
        self._seconds, self._silent, self._hung, self._late = seconds, silent, hung, late
        self._made, self._done = threading.Event(), threading.Event()
        self._hosts: list[_Host] = []
        monkeypatch.setattr("devices.acquisition.now", lambda: self.at)
        monkeypatch.setattr("devices.acquisition.wait", self._wait)
        monkeypatch.setattr("devices.acquisition.Host", self._host)
        self.acquisition = Acquisition(lambda: None, name="it")  # type: ignore[arg-type, return-value]
        self._made.set()
        assert self._done.wait(30.0)
        self.began = [host.began for host in self._hosts]  # when children were started
        self.states = [
            (event.time, event.value, event.text)
            for event in self.acquisition.events()
            if event.kind == "state"
        ]

    def close(self) -> None:
        self.acquisition.close()

    def _host(self, _make: Any, known: Any, **_given: Any) -> _Host:
        self._hosts.append(_Host(self.at, known, self._info))
        return self._hosts[-1]

    def _runs(self, at: float) -> bool:
        return len(self._hosts) > 1 or not self._hung[0] <= at < self._hung[1]

    def _wait(self, _awaited: Any, patience: float) -> list[_Host]:
        """Let `patience` pass, and what happens in it; return who has said something."""
        self._made.wait(30.0)
        if self.at >= self._seconds:
            self._done.set()
            self.acquisition._closing.wait(30.0)
            return []
        end = self.at + patience + (0.0 if self._runs(self.at) else self._late)
        steps = np.arange(np.ceil(self.at / _EVERY_S), np.ceil(end / _EVERY_S)) * _EVERY_S
        host, ring = self._hosts[-1], self.acquisition._ring
        for at in steps.tolist():
            if ring is None or host.ended or not self._runs(at):
                continue
            ring.due_at = at + hang_s(self._info)
            if not self._silent[0] <= at < self._silent[1]:
                ring.write(np.ones((1, 2), np.float32), [at])
                ring.written_at = at
        self.at = end
        return [host] if host._said else []


class _Host:
    """A child that does nothing of its own."""

    def __init__(self, at: float, known: Any, info: SourceInfo) -> None:
        self.began, self.ended, self.pid = at, False, 1
        self.awaited: Sequence[Any] = ()
        self._said: list[tuple[str, Any]] = [] if known else [("open", info)]

    def messages(self) -> list[tuple[str, Any]]:
        said, self._said = self._said, []
        return said

    def answer(self, name: str) -> None:
        Ring.attach(name).close()

    def spare(self) -> None:
        """Of one that never ends nobody takes the place."""

    def stop(self) -> None:
        return

    def end(self, patience: float = 0.0) -> None:
        self.ended = True
