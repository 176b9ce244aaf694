"""Whether the machine ran at all: a measured time in which it stood still is void."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from types import TracebackType

#: s; beyond this a sleeper of the engine's own priority was not woken: neither engine nor sound
#: server nor recorder can have run on time, whatever they are.
STOOD_STILL = 0.09
TRIES = 12

_SLEEPER = """
import contextlib, os, sys, time
with contextlib.suppress(OSError):
    os.setpriority(os.PRIO_PROCESS, 0, -11)  # as the engine does
if sys.argv[1:]:
    os.sched_setaffinity(0, {int(sys.argv[1])})
while True:
    time.sleep(0.02)
    print(time.perf_counter(), flush=True)
"""


class Sleeper:
    """A process that sleeps, on one processor where that can be had, and says when it was woken."""

    def __init__(self, processor: int | None) -> None:
        where = [] if processor is None else [str(processor)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SLEEPER, *where], stdout=subprocess.PIPE, text=True
        )
        self._woken: list[float] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._woken.append(float(line))

    def longest(self, start: float, end: float) -> float:
        """Return the longest time between `start` and `end` for which it was not woken, s."""
        deadline = time.perf_counter() + 30.0
        while not self._woken or self._woken[-1] < end:
            assert time.perf_counter() < deadline, "the witness says nothing"
            time.sleep(0.01)
        woken = [start, *(at for at in self._woken if start < at < end), end]
        return max(after - before for before, after in pairwise(woken))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Witness:
    """A sleeper on each processor beside the tests.

    It shares no code with the program, so that what holds up the program alone is no excuse.
    """

    def __init__(self) -> None:
        can_pin = hasattr(os, "sched_getaffinity")
        where = sorted(os.sched_getaffinity(0)) if can_pin else [None]
        self._sleepers = [Sleeper(processor) for processor in where]

    def longest(self, start: float, end: float) -> float:
        """Return the longest time between `start` and `end` for which one was not woken, s."""
        return max(sleeper.longest(start, end) for sleeper in self._sleepers)

    def tries(self) -> Iterator[Try]:
        """Measure until a measurement counts: ``for one in machine.tries(): with one: ...``.

        What fails while the machine ran fails the test, and so does the last of all tries.
        """
        for left in reversed(range(TRIES)):
            one = Try(self, last=left == 0)
            yield one
            if one.held:
                return

    def close(self) -> None:
        """End it."""
        for sleeper in self._sleepers:
            sleeper.close()


class Try:
    """One measurement."""

    def __init__(self, machine: Witness, *, last: bool) -> None:
        self._machine, self._last = machine, last
        self._start = 0.0
        self.held = False

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.held = error is None
        if self._last or not isinstance(error, AssertionError):
            return False
        return self._machine.longest(self._start, time.perf_counter()) > STOOD_STILL
