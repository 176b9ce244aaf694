"""Whether the machine ran at all: a measured time in which it stood still is void."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from types import TracebackType

#: s; beyond this a sleeper of the engine's own priority was not woken: neither engine nor sound
#: server nor recorder can have run on time, whatever they are.
STOOD_STILL = 0.08
TRIES = 12

_SLEEPER = """
import contextlib, os, time
with contextlib.suppress(OSError):
    os.setpriority(os.PRIO_PROCESS, 0, -11)  # as the engine does
while True:
    time.sleep(0.01)
    print(time.perf_counter(), flush=True)
"""


class Witness:
    """A process beside the tests that sleeps, and says when it was woken.

    It shares no code with the program, so that what holds up the program alone is no excuse.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SLEEPER], stdout=subprocess.PIPE, text=True
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
        self._process.kill()
        self._process.wait()
        self._thread.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


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
