"""A terminal that may be slow, narrow, full or gone: whoever speaks to it never waits for it."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from typing import Any

from dsp.checks import without_controls

ROOM = 500  # lines that may wait; eight minutes of a session
_LEAVE_S = 1.0  # a terminal that takes nothing is not waited for any longer at the end
_AGAIN_S = 0.05  # s until a pipe that was full is tried again


class Terminal:
    """Prints lines on standard output, from a thread of its own.

    What cannot be printed is lost, and nothing else: the oldest of too many lines, characters
    that the terminal's code page does not have, everything once nobody reads any more.

    Parameters
    ----------
    patient : bool
        Wait for room instead of dropping lines; for what no clock drives.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient  #: may be given up at any time, by any thread
        self._lines: queue.Queue[str | None] = queue.Queue(ROOM)
        out: Any = sys.stdout  # None of a program without one
        # Written below Python's own buffer, which would be flushed once more at the exit.
        buffer = getattr(out, "buffer", None)
        self._raw: Any = getattr(buffer, "raw", buffer)
        self._encoding = getattr(out, "encoding", None) or "utf-8"
        self._writer = threading.Thread(target=self._write, name="terminal", daemon=True)
        self._writer.start()

    def say(self, text: str) -> None:
        """Print a line, or several."""
        self._put(text)

    def close(self) -> None:
        """Wait a moment until everything is printed."""
        self._put(None)
        self._writer.join(_LEAVE_S)

    def _put(self, text: str | None) -> None:
        while True:
            try:
                self._lines.put(text, block=self.patient, timeout=_AGAIN_S)
                return
            except queue.Full:
                if not self.patient:
                    with contextlib.suppress(queue.Empty):  # taken meanwhile: there is room
                        self._lines.get_nowait()

    def _write(self) -> None:
        while (text := self._lines.get()) is not None:
            lines = [without_controls(line) for line in text.split("\n")]
            data = ("\n".join(lines) + "\n").encode(self._encoding, "replace")
            with contextlib.suppress(OSError, ValueError):  # full, hung up or closed: text alone
                while data and self._raw is not None:
                    taken = self._raw.write(data)
                    if taken is None:  # a pipe somebody made non-blocking
                        time.sleep(_AGAIN_S)
                    data = data[taken or 0 :]
