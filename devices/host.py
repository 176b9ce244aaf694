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
    """

    def __init__(
        self,
        make: Callable[[], EegSource],
        known: tuple[SourceInfo, str] | None,
        *,
        name: str,
        thread: bool,
    ) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: Any = None
        if thread:
            self._thread = threading.Thread(
                target=self._pump_here, args=(make, theirs, known), name=f"eeg {name}", daemon=True
            )
            self._thread.start()
            return
        self._process = multiprocessing.get_context("spawn").Process(
            target=pump_in_child, args=(make, theirs, known), name=f"eeg {name}", daemon=True
        )
        with deaf_children():
            self._process.start()
        self.pid = int(self._process.pid)
        theirs.close()

    pid: int | None = None  #: of the process; None for a thread

    def _pump_here(
        self,
        make: Callable[[], EegSource],
        pipe: Connection,
        known: tuple[SourceInfo, str] | None,
    ) -> None:
        def stopped(wait_s: float = 0.0) -> bool:
            return self._stop.wait(wait_s)

        with pipe:
            pump(make, pipe, stopped, known)

    @property
    def awaited(self) -> list[Any]:
        """What is ready when it said something, or ended."""
        return [self._pipe] if self._process is None else [self._pipe, self._process.sentinel]

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
        if not said and self._process is not None and not self._process.is_alive():
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
        if self._process is None:
            assert self._thread is not None
            self._thread.join(patience)
        else:
            self._process.join(patience)
            if self._process.is_alive():
                self._process.kill()  # works on a stopped process too
                self._process.join(_KILL_S)
            if not self._process.is_alive():  # else in a call of a driver that nothing interrupts
                self._process.close()
        self._pipe.close()
