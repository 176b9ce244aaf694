"""Keeps the computer from falling asleep by itself while a session runs.

Nobody moves a mouse while music is listened to. Each system has its own way, and all of them end
with this process, however it ends; where there is none the log says so, and nothing else.
Tried on Linux with systemd; on macOS and Windows it was never run.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

_WHY = "A session runs"
_CONTINUOUS, _SYSTEM_REQUIRED = 0x80000000, 0x00000001  # of SetThreadExecutionState
_LEAVE_S = 2.0  # s that a child may take to go when it is told to

_log = logging.getLogger(__name__)


class Awake:
    """Keeps the computer awake from `start` to `stop`; neither waits for anything.

    Parameters
    ----------
    platform : str
        As `sys.platform` names it.
    which : callable
        Finds a program.
    execution_state : callable or None
        Windows' ``SetThreadExecutionState``; found by itself there.
    """

    def __init__(
        self,
        *,
        platform: str = sys.platform,
        which: Callable[[str], str | None] = shutil.which,
        execution_state: Callable[[int], int] | None = None,
    ) -> None:
        self._platform, self._which, self._execution_state = platform, which, execution_state
        self._over = threading.Event()

    def start(self) -> None:
        """Keep it awake from now on."""
        threading.Thread(target=self._hold, name="keep awake", daemon=True).start()

    def stop(self) -> None:
        """Let it sleep again."""
        self._over.set()

    def _hold(self) -> None:
        try:
            if self._platform == "win32":
                self._hold_windows()
            else:
                self._hold_child()
        except OSError as error:
            _log.info("the computer may fall asleep: %s", error)

    def _hold_child(self) -> None:
        words = _program(self._platform, self._which)
        if not words:
            _log.info("the computer may fall asleep: nothing is installed that keeps it awake")
            return
        # In a session of its own: Ctrl-C is not meant for it, and it cannot ask for a password.
        child = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with child:
            while not self._over.wait(0.2):
                if child.poll() is not None:
                    said = child.stderr.read(400).decode(errors="replace") if child.stderr else ""
                    _log.info("the computer may fall asleep: %s ended (%s)", words[0], said.strip())
                    return
            if child.stdin is not None:
                child.stdin.close()  # what `cat` waits for
            child.terminate()
            try:
                child.wait(_LEAVE_S)
            except subprocess.TimeoutExpired:
                child.kill()

    def _hold_windows(self) -> None:
        # It holds for the thread that asked, and as long as that lives.
        ask = self._execution_state or _windows_execution_state()
        if not ask(_CONTINUOUS | _SYSTEM_REQUIRED):
            _log.info("the computer may fall asleep: Windows did not take the request")
            return
        self._over.wait()
        ask(_CONTINUOUS)


def _program(platform: str, which: Callable[[str], str | None]) -> Sequence[str]:
    """Return the words of the program that keeps the computer awake; none where there is none."""
    if platform == "darwin":
        found = which("caffeinate")
        return (found, "-i", "-w", str(os.getpid())) if found else ()
    found, cat = which("systemd-inhibit"), which("cat")
    if not found or not cat:
        return ()
    # `cat` ends with the pipe that we hold, so also when this process is killed.
    named = ("--what=idle:sleep", "--mode=block", "--who=Attune", f"--why={_WHY}")
    return (found, *named, cat)


def _windows_execution_state() -> Any:
    return ctypes.WinDLL("kernel32").SetThreadExecutionState  # type: ignore[attr-defined]
