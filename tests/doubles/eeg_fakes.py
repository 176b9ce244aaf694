"""Sources and senders for the tests of acquisition; also run as a program: an LSL sender."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from devices.clock import now
from devices.sources.placing import SamplePlacer
from devices.sources.source import Channel, EegChunk, Handover, SourceEvent, SourceInfo
from dsp.checks import DeviceError

SFREQ = 250.0


class Sender:
    """An LSL sender in a process of its own."""

    def __init__(self, kind: str, *, name: str = "", within: tuple[str, ...] = ()) -> None:
        """`name` of one that was there before; `within` is a command that runs another one."""
        Sender.count += 1
        self.name = name or f"attune-{kind}-{os.getpid()}-{Sender.count}"
        self.process = subprocess.Popen(
            [*within, sys.executable, "-m", "tests.doubles.eeg_fakes", self.name, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def hole(self) -> None:
        """Leave out one second."""
        assert self.process.stdin is not None
        self.process.stdin.write("hole\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    count = 0


class PausingSource:
    """A device that pauses, and counts on, where its process is stopped."""

    def __init__(
        self,
        *,
        fail: str = "",
        end_after: float = np.inf,
        fault: BaseException | None = None,
        mute: bool = False,
        beside: tuple[Channel, ...] = (),
    ) -> None:
        self._fail, self._end_after, self._mute, self._beside = fail, end_after, mute, beside
        self._fault = fault

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("Pausing device", ("Fz", "Cz"), SFREQ, beside=self._beside)

    def open(self) -> None:
        if self._fail == "crash":
            os._exit(3)
        if self._fail == "hang":
            time.sleep(20.0)
        if self._fail:
            raise DeviceError(self._fail)
        if self._fault is not None:
            raise self._fault
        self._placer = SamplePlacer(SFREQ, modulus=256)
        self._opened = self._at = now()
        self._count = 0

    def take_over(self, known: Handover) -> None:
        return

    def read(self) -> EegChunk | None:
        time.sleep(0.02)
        if now() - self._opened > self._end_after:
            raise DeviceError("The pausing device has ended.")
        if now() - self._at > 0.2:
            self._at = now() - 0.02
        n = int((now() - self._at) * SFREQ)
        if n == 0 or self._mute:
            return None
        arrivals = self._at + np.arange(1, n + 1) / SFREQ
        self._at = float(arrivals[-1])
        counters = (self._count + np.arange(n)) % 256
        self._count += n
        placed = self._placer.place(
            np.ones((n, 2 + len(self._beside)), np.float32), arrivals, counters, seen=now()
        )
        return self.info.no_rows if placed is None else placed[0]

    def events(self) -> list[SourceEvent]:
        return []

    def close(self) -> None:
        return


class MarkerSource:
    """A stream of markers that says one thing, ends, and is opened again."""

    def __init__(self, *, ends: bool = False) -> None:
        self._ends, self._said = ends, False

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("Buttons", (), 0.0)

    def open(self) -> None:
        return

    def take_over(self, known: Handover) -> None:
        return

    def read(self) -> EegChunk | None:
        time.sleep(0.02)
        if self._said and self._ends:
            self._ends = False
            raise DeviceError("The sender of the buttons has ended.")
        return None

    def events(self) -> list[SourceEvent]:
        said, self._said = self._said, True
        return [] if said else [SourceEvent(now(), "marker", "left", "")]

    def close(self) -> None:
        return


def wait_until(condition, seconds: float = 60.0) -> float:
    """Poll until `condition()` holds; fail after `seconds`.

    Returns how long it took, in seconds that this process itself was run: what a busy host keeps
    from running comes late, and nobody is to blame.
    """
    start = at = time.perf_counter()
    ran = 0.0
    while not condition():
        assert at - start < seconds, f"did not happen within {seconds} s"
        time.sleep(0.002)
        before, at = at, time.perf_counter()
        ran += min(at - before, 0.01)
    return ran


def send(name: str, kind: str) -> None:
    """Be an LSL sender of `kind` until killed; a 1 s hole in time after a line on stdin."""
    import pylsl

    rate, form, n = SFREQ, pylsl.cf_float32, 3
    if kind == "text":
        rate, form, n = 0.0, pylsl.cf_string, 1
    elif kind == "irregular":
        rate = 0.0
    elif kind == "fast":
        rate = 20000.0
    info = pylsl.StreamInfo(name, "EEG", n, rate, form, f"{name}-{kind}\u202e")
    if kind == "wild":
        info.set_channel_labels(["F\x9bz\u202e", "Cz\x85", "A" * 500])
    if kind in ("volts", "counts", "mixed"):
        info.set_channel_labels(["Fz", "Cz", "Aux" if kind == "mixed" else "Pz"])
        info.set_channel_units("counts" if kind == "counts" else "volts")
        info.set_channel_types(["EEG", "EEG", "ACC" if kind == "mixed" else "EEG"])
    outlet = pylsl.StreamOutlet(info)
    hole = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), hole.set()), daemon=True).start()
    start, sent = pylsl.local_clock(), 0
    skipped = 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        time.sleep(0.01)
        if hole.is_set() and not skipped:
            skipped = int(SFREQ)
        due = int((pylsl.local_clock() - start) * SFREQ) - sent - skipped
        if kind != "text" and kind != "irregular" and due > 0:
            rows = np.full((due, n), 20e-6, np.float32)
            sent += due
            stamp = start + (sent + skipped) / SFREQ
            outlet.push_chunk(rows, stamp + (1e6 if kind == "foreign" else 0.0))


if __name__ == "__main__":
    send(sys.argv[1], sys.argv[2])
