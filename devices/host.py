"""Where a source is read: in a child process or on a thread of this one, and the pipe to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from devices.children import deaf_children
from devices.pump import pump, pump_in_child
from devices.sources.source import EegSource, SourceInfo

_KILL_S = 0.3  # s for a child that was killed to be collected


class Child:
    """A process that has loaded what it takes to read a source, and begins when it is told to.

    To start one takes longer, on a busy computer much longer, than to open a board again.

    Parameters
    ----------
    make, name
        As of `Host`.
    """

    def __init__(self, make: Callable[[], EegSource], name: str) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=pump_in_child, args=(make, theirs), name=f"eeg {name}", daemon=True
        )
        with deaf_children():
            self.process.start()
        theirs.close()

    def end(self, patience: float = 0.0) -> None:
        """Let go of it, after so many seconds by force."""
        self.process.join(patience)
        if self.process.is_alive():
            self.process.kill()  # works on a stopped process too
            self.process.join(_KILL_S)
        if not self.process.is_alive():  # else in a call of a driver that nothing interrupts
            self.process.close()
        self.pipe.close()


class Host:
    """One run of `devices.pump`.

    Parameters
    ----------
    make : callable
        Makes the source, where it will run; must be picklable for a child process.
    known : (SourceInfo, str) or None
        What a predecessor read, and the name of its ring.
    name : str
        What the source is called.
    thread : bool
        Run on a thread.
    child : Child or None
        One that waits for this; another is started where there is none, or it has ended.
    """

    def __init__(
        self,
        make: Callable[[], EegSource],
        known: tuple[SourceInfo, str] | None,
        *,
        name: str,
        thread: bool,
        child: Child | None = None,
    ) -> None:
        self._make, self._name = make, name
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._child: Child | None = None
        if thread:
            self._pipe, theirs = multiprocessing.Pipe()
            self._thread = threading.Thread(
                target=self._pump_here, args=(make, theirs, known), name=f"eeg {name}", daemon=True
            )
            self._thread.start()
            return
        if child is not None and not child.process.is_alive():
            child.end()
            child = None
        self._child = child or Child(make, name)
        self._pipe, self.pid = self._child.pipe, self._child.process.pid
        with contextlib.suppress(OSError):  # it has ended, which `messages` tells
            self._pipe.send(known)

    pid: int | None = None  #: of the process; None for a thread

    def _pump_here(
        self,
        make: Callable[[], EegSource],
        pipe: Connection,
        known: tuple[SourceInfo, str] | None,
    ) -> None:
        def stopped(wait_s: float = 0.0) -> bool:
            return self._stop.wait(wait_s) if wait_s else self._stop.is_set()

        with pipe:
            pump(make, pipe, stopped, lambda: known)

    @property
    def awaited(self) -> list[Any]:
        """What is ready when it said something, or ended."""
        return [self._pipe, *([self._child.process.sentinel] if self._child else [])]

    def spare(self) -> Child | None:
        """Start one that can take its place at once; None where it is a thread, or none starts."""
        with contextlib.suppress(OSError):  # too many processes, or too little memory
            return Child(self._make, self._name) if self._child else None
        return None

    def messages(self) -> list[tuple[str, Any]]:
        """Return what it said since the last call.

        Raises
        ------
        EOFError, OSError
            If it has ended, and everything it said was returned before.
        """
        said = []
        try:
            while self._pipe.poll():
                said.append(self._pipe.recv())
        except (EOFError, OSError):
            if not said:
                raise
        if not said and self._child is not None and not self._child.process.is_alive():
            raise EOFError
        return said

    def answer(self, name: str) -> None:
        """Tell it the name of its ring; one that has ended meanwhile is found by `messages`."""
        with contextlib.suppress(OSError):
            self._pipe.send(name)

    def stop(self) -> None:
        """Ask it to end, from any thread."""
        self._stop.set()
        with contextlib.suppress(OSError):  # it has ended
            self._pipe.send("close")

    def end(self, patience: float = 0.0) -> None:
        """Let go of it, after so many seconds by force.

        A child is killed; a thread (liblsl looks for a stream) is left to end when it can.
        """
        self._stop.set()
        if self._child is not None:
            self._child.end(patience)
        else:
            assert self._thread is not None
            self._thread.join(patience)
            self._pipe.close()
