"""The program as its user starts it: a process of its own, whose lines are read as they come."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HEADLESS = ("run", "--headless", "--output", "null")


class Program:
    """One `python -m app.commands`, ended with the test however it goes.

    Parameters
    ----------
    *words : str
        Words of the command line.
    env : mapping, optional
        Variables to set; None as a value takes one out.
    group : bool
        Give it a process group of its own, as a shell does.
    """

    def __init__(
        self, *words: str, env: Mapping[str, str | None] | None = None, group: bool = False
    ) -> None:
        full: dict[str, str | None] = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.commands", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            process_group=0 if group else None,
            env={k: v for k, v in full.items() if v is not None},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        """Everything it has printed so far."""
        return "\n".join(self.lines)

    def until(self, true: Callable[[], Any], *, seconds: float = 60.0) -> float:
        """Wait until `true()`; return how long that took."""
        return until(true, seconds=seconds, told=lambda: self.text)

    def says(self, pattern: str, *, seconds: float = 60.0) -> str:
        """Wait for a line with `pattern`, and return it."""
        self.until(lambda: self.found(pattern), seconds=seconds)
        return self.found(pattern)[0]

    def found(self, pattern: str) -> list[str]:
        """All lines with `pattern` so far."""
        return [line for line in list(self.lines) if re.search(pattern, line)]

    def ticks(self) -> int:
        """Status lines so far."""
        return len(self.found(r"^ *\d+:\d\d  EEG "))

    def goes_on(self, *, ticks: int = 2, seconds: float = 60.0) -> None:
        """Wait for some more status lines."""
        wanted = self.ticks() + ticks
        self.until(lambda: self.ticks() >= wanted, seconds=seconds)

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.send(signal.SIGINT)

    def ends(self, *, seconds: float = 60.0) -> int:
        """Wait for its end; return the exit status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {seconds} s:\n{self.text}") from None
        self._reader.join(5.0)
        assert "Traceback" not in self.text, self.text
        return status

    def path(self, word: str) -> Path:
        """Path that it printed after `word`, at its end."""
        (line,) = self.found(rf"^{word}: ")
        return Path(line.partition(":")[2].strip())

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def until(
    true: Callable[[], Any], *, seconds: float = 60.0, told: Callable[[], str] = lambda: ""
) -> float:
    """Poll until `true()`; return how long that took, fail after `seconds`."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() < start + seconds, f"did not happen in {seconds} s\n{told()}"
        time.sleep(0.01)
    return time.monotonic() - start


def children(pid: int) -> list[int]:
    """Processes that `pid` has started, oldest first (Linux)."""
    found = [
        p
        for task in Path(f"/proc/{pid}/task").iterdir()
        for p in (task / "children").read_text().split()
    ]
    return sorted(map(int, found))


def alive(pid: int) -> bool:
    """Whether there is such a process that is no zombie (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def segments(pid: int | None = None) -> set[str]:
    """Shared memory that our programs, or process `pid` alone, have made (Linux)."""
    whose = "*" if pid is None else f"{pid:x}"
    return {path.name for path in Path("/dev/shm").glob(f"attune-*-{whose}-*-*")}
