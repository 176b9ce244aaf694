"""Does the sound go out without a wire? As far as the computer tells it.

PortAudio names the device that was opened. Where that is a sound server (PulseAudio, PipeWire), it
is a door and not the headphone: the server is asked which sink this process plays to, every few
seconds, for it moves a stream to a headphone that connects while the stream runs. macOS and
Windows give the device's own name, which tells of Bluetooth only if its maker wrote so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading

_NAMES = re.compile(
    r"bluez|blue-?tooth|bluealsa|bthhfenum|a2dp|hands-?free|airpods|airplay|wireless", re.IGNORECASE
)
_LOOK = 5.0  # s between two looks
_PATIENCE = 3.0  # s that a server may take to answer


def named_wireless(name: str) -> bool:
    """Whether the name of a device or sink says that there is no wire.

    Examples
    --------
    >>> named_wireless("bluez_output.4C_87_5D_00.1"), named_wireless("Jack's AirPods Pro")
    (True, True)
    >>> named_wireless("alsa_output.pci-0000_00_1f.3.analog-stereo")
    False
    """
    return _NAMES.search(name) is not None


def sinks_of(pid: int, inputs: str, sinks: str) -> list[str]:
    r"""Names of the sinks that a process plays to.

    Parameters
    ----------
    pid : int
    inputs, sinks : str
        What ``pactl list sink-inputs`` and ``pactl list short sinks`` say, in English.

    Examples
    --------
    >>> one = 'Sink Input #7\n\tSink: 2\n\t\tapplication.process.id = "31"\n'
    >>> sinks_of(31, one, "1\tspeaker\tx\n2\tbluez_sink.0\tx\n")
    ['bluez_sink.0']
    >>> sinks_of(3, one, "2\tbluez_sink.0\tx\n")
    []
    """
    mine = set()
    for block in re.split(r"^Sink Input #", inputs, flags=re.MULTILINE):
        sink = re.search(r"^\s*Sink: (\d+)\s*$", block, re.MULTILINE)
        if sink and f'application.process.id = "{pid}"' in block:
            mine.add(sink[1])
    rows = (line.split("\t") for line in sinks.splitlines())
    return [row[1] for row in rows if len(row) > 1 and row[0] in mine]


class Route:
    """Where the sound of this process goes.

    Parameters
    ----------
    name : str
        Of the device that was opened.
    """

    def __init__(self, name: str) -> None:
        self._named = self.wireless = named_wireless(name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="route", daemon=True)

    def start(self) -> None:
        """Begin to look where the server has the sound go, if there is one to ask."""
        if shutil.which("pactl") is not None:
            self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK):
            self.look()

    def look(self) -> None:
        """Ask once; without an answer, or past the server, what was known stands."""
        try:
            sinks = sinks_of(os.getpid(), _pactl("sink-inputs"), _pactl("short", "sinks"))
        except (OSError, subprocess.SubprocessError):
            return
        if sinks:
            self.wireless = self._named or any(map(named_wireless, sinks))


def _pactl(*what: str) -> str:
    done = subprocess.run(
        ["pactl", "list", *what],
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PATIENCE,
        check=True,
    )
    return done.stdout
