"""Child processes: deaf to the signals that end a program, and ended with it all the same.

A terminal sends Ctrl-C and its own end to the whole group of processes, and so does who ends a
service. Only the program may answer that: it fades the music, and its children last until it tells
them, or until it is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.synchronize import Event

#: Signals by which a program is asked to end, as far as the system has them.
ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Start children in here: they are deaf from their first instruction on.

    Signals that arrive meanwhile reach this program through its other threads, or afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # children inherit what is blocked
    try:
        # Python's own helper, which removes shared memory after us, hears SIGHUP unless it is
        # started in here; starting it unblocks the other two.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stay_deaf() -> None:
    """In a child: ignore these signals for good."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def parent_gone() -> bool:
    """In a child: whether the program that started it has ended."""
    parent = multiprocessing.parent_process()
    return parent is None or not parent.is_alive()


def end_with_parent(stop: Event | None = None) -> None:
    """In a worker: end at once, in whatever it is, when its parent has ended or says `stop`.

    A worker of a pool whose program was killed goes on with what it has, and then waits for good.
    """

    def watch() -> None:
        while not parent_gone():
            if stop is None:
                time.sleep(0.5)
            elif stop.wait(0.5):
                break
        os._exit(1)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()
