"""An OpenBCI Cyton (and Daisy) on a pseudo-terminal, by its published serial protocol.

``python -m tests.doubles.cyton PORT [--daisy] [--ppm 100] [--at 5:burst:40]…`` runs one; a test
starts it as `Cyton`. Both take the same orders: ``lose P`` (each packet with probability P),
``burst N`` (the next N packets), ``corrupt P``, ``hold S`` (the host gets nothing for S seconds,
then all of it), ``pause S`` (the device itself stands still), ``hang`` / ``resume`` (it neither
sends nor answers), ``mute`` / ``unmute`` (radio out of reach: samples are taken, none arrives),
``unplug`` / ``plug`` (the port goes, and returns under the same name) and ``quit``.

The truth is written to a file, one row of `TRUTH` a sample; nothing here is taken from the
program under test.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import pty
import random
import select
import subprocess
import sys
import termios
import time
import tty
from collections import deque
from pathlib import Path

import numpy as np
import numpy.typing as npt

#: One sample: its number since the device began to stream, when it was taken (our clock, s), the
#: packet counter, microvolts of channel 1, and whether it got away: 1 whole, 0 not at all, and of
#: a Daisy's two packets 0.25 where only the first did (channels 9-16), 0.5 where only the second.
TRUTH = np.dtype(
    [("number", "f8"), ("time", "f8"), ("counter", "f8"), ("uv", "f8"), ("sent", "f8")]
)

RATE = 250.0  # packets/s
_VREF, _FULL = 4.5, 2**23 - 1  # V, counts (ADS1299)
_LEAD_OFF_A, _SERIES_OHM = 6e-9, 2200.0
_CHANNELS = "12345678QWERTYUI"
_GAINS = (1, 2, 4, 6, 8, 12, 24)
_OFF, _ON = "12345678qwertyui", "!@#$%^&*QWERTYUI"


class Board:
    """What the device does with the bytes it is sent, and the packets it sends."""

    def __init__(self, *, daisy: bool, kohm: dict[int, float], seed: int, index: bool) -> None:
        self.daisy, self._index = daisy, index
        self._kohm = kohm
        self._random = random.Random(seed)
        self.streaming = False
        self.reset()
        self.lose = self.corrupt = 0.0
        self.burst = 0
        self.mute = False
        self._command = ""

    def reset(self) -> None:
        n = 16 if self.daisy else 8
        self.streaming = False
        self.gain = [24] * n
        self.off = [False] * n
        self.tone = [False] * n
        self.packet = 0

    def answer(self, byte: str) -> str:
        """Take one byte; return what is answered to it."""
        if self._command:
            return self._long(byte)
        if byte in "xz~/<":
            self._command = byte
            return ""
        if byte == "v":
            self.reset()
            daisy = "On Daisy ADS1299 Device ID: 0x3E\n" if self.daisy else ""
            return (
                "OpenBCI V3 8-16 channel\nOn Board ADS1299 Device ID: 0x3E\n"
                f"{daisy}LIS3DH Device ID: 0x33\nFirmware: v3.1.2\n$$$"
            )
        if byte in "bs":
            if byte == "b" and not self.streaming:
                self.packet = 0
            self.streaming = byte == "b"
            return ""
        if byte in _OFF[: len(self.gain)] or byte in _ON[: len(self.gain)]:
            on = byte not in _OFF
            self.off[(_ON if on else _OFF).index(byte)] = not on
            return ""
        words = {
            "d": "updating channel settings to default$$$",
            "D": "060110$$$",
            "V": "v3.1.2$$$",
            "?": "Board ADS Registers\nADS_ID, 00, 3E, 0, 0, 1, 1, 1, 1, 1, 0\n$$$",
            "C": "16$$$" if self.daisy else "no daisy to attach!8$$$",
            "c": "daisy removed$$$" if self.daisy else "8$$$",
        }
        if byte == "d":
            self.gain = [24] * len(self.gain)
        return "" if self.streaming else words.get(byte, "")

    def _long(self, byte: str) -> str:
        self._command += byte
        kind, body = self._command[0], self._command[1:]
        ends = {"x": body.endswith("X"), "z": body.endswith("Z")}
        if not ends.get(kind, len(body) == 1) and len(body) < 9:
            return ""
        self._command = ""
        said = {"~": "Success: Sample rate is 250Hz", "/": "Success: default", "<": "Time stamp ON"}
        text = said.get(kind) or self._channel(kind, body[:-1])
        return "" if self.streaming else f"{text}$$$"

    def _channel(self, kind: str, body: str) -> str:
        place = _CHANNELS.find(body[:1])
        if not 0 <= place < len(self.gain) or len(body) != (7 if kind == "x" else 3):
            return "Failure: too few chars" if body else "Failure: no channel"
        if kind == "x":
            self.off[place] = body[1] == "1"
            self.gain[place] = _GAINS[min(int(body[2]), 6)]
            return f"Success: Channel set for {place + 1}"
        self.tone[place] = "1" in body[1:]
        return f"Success: Lead off set for {place + 1}"

    def microvolts(self, channel: int, at: float, number: int) -> float:
        """Voltage at an electrode: a sine of its own, or the sample's number; and the tone."""
        if self._index and channel == 0:
            value = float(number % 50_000) / 10.0
        else:
            value = 20.0 * math.sin(2 * math.pi * (6.0 + channel) * at)
        if self.tone[channel]:
            ohm = self._kohm.get(channel, 10.0) * 1e3 + _SERIES_OHM
            value += _LEAD_OFF_A * ohm * 1e6 * math.sin(2 * math.pi * RATE / 8 * at)
        return value

    def make(self, at: float, number: int) -> tuple[bytes, bool]:
        """Make the next packet; return it (empty where it is lost), and whether it is whole."""
        daisy_half = self.daisy and self.packet % 2 == 0
        first = 8 if daisy_half else 0
        body = bytearray([0xA0, self.packet % 256])
        for channel in range(first, first + 8):
            scale = _VREF / self.gain[channel] / _FULL * 1e6
            uv = 0.0 if self.off[channel] else self.microvolts(channel, at, number)
            counts = max(-_FULL, min(_FULL, round(uv / scale)))
            body += counts.to_bytes(3, "big", signed=True)
        for axis in (0.01, 0.02, 1.0):  # g: lies flat (BrainFlow takes an x of 0 for "no news")
            body += round(axis * 8000).to_bytes(2, "big", signed=True)
        body.append(0xC0)
        self.packet += 1
        lost = self.mute or self.burst > 0 or self._random.random() < self.lose
        self.burst = max(0, self.burst - 1)
        if lost:
            return b"", False
        if self._random.random() < self.corrupt:
            place = self._random.choice((0, 32))  # a start or an end that is none
            body[place] ^= 0x41
            return bytes(body), False
        return bytes(body), True


class _Port:
    """The pseudo-terminal under its stable name."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.ours = self._theirs = -1

    def plug(self) -> None:
        if self.ours >= 0:
            return
        self.ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self.ours, False)
        new = f"{self.path}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        os.symlink(os.ttyname(self._theirs), new)
        os.replace(new, self.path)

    def unplug(self) -> None:
        if self.ours < 0:
            return
        os.unlink(self.path)
        os.close(self.ours)
        os.close(self._theirs)
        self.ours = self._theirs = -1

    def read(self) -> bytes:
        try:
            return os.read(self.ours, 4096)
        except (BlockingIOError, OSError):
            return b""

    def write(self, data: bytes) -> int:
        """Write what the line takes; return how many bytes."""
        try:
            return os.write(self.ours, data) if self.ours >= 0 else 0
        except (BlockingIOError, OSError):
            return 0  # nobody reads, and the line is full


class Runner:
    """Keeps the device's time and takes orders."""

    def __init__(
        self, port: str, board: Board, truth: Path | None, *, ppm: float, latency: float
    ) -> None:
        self.board, self._port = board, _Port(port)
        self._period = 1.0 / (RATE * (1 + ppm * 1e-6))
        self._latency = latency
        self._truth = truth.open("wb") if truth else None
        self._started = self._at = 0.0  # of the stream; of the newest packet
        self._held: deque[bytes] = deque()
        self._quiet_until = self._taken_until = 0.0
        self._hung = False
        self.number = 0
        self._half = (0, False)  # counter of the Daisy's packet, and whether it got away
        self.schedule: list[tuple[float, str]] = []
        self.done = False
        self._port.plug()

    def order(self, text: str) -> None:
        """Do what a line of text says."""
        word, *value = text.split()
        board, amount = self.board, float(value[0]) if value else 0.0
        if word in ("lose", "corrupt"):
            setattr(board, word, amount)
        elif word == "burst":
            board.burst += int(amount)
        elif word == "hold":
            self._quiet_until = time.perf_counter() + amount
        elif word == "pause":
            self._at += amount
        elif word in ("hang", "resume"):
            if self._hung and word == "resume":
                self._at = time.perf_counter()
            self._hung = word == "hang"
        elif word in ("mute", "unmute"):
            board.mute = word == "mute"
        elif word == "unplug":
            self._port.unplug()
        elif word == "plug":
            self._port.plug()
        elif word == "quit":
            self.done = True
        else:
            raise SystemExit(f"no such order: {text}")

    def step(self) -> None:
        """Wait a little; answer, send what is due, do what is scheduled."""
        watched = [sys.stdin] + ([self._port.ours] if self._port.ours >= 0 else [])
        due = self._at + self._period - time.perf_counter() if self.board.streaming else 0.02
        ready, _, _ = select.select(watched, [], [], min(max(due, 0.001), 0.02))
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                self.done = True
                return
            self.order(line)
            sys.stdout.write("done\n")
            sys.stdout.flush()
        if self._port.ours in ready:
            self._listen()
        while self.schedule and self.board.streaming and self._since() > self.schedule[0][0]:
            self.order(self.schedule.pop(0)[1])
        if self.board.streaming and not self._hung:
            self._send()

    def _since(self) -> float:
        return time.perf_counter() - self._started

    def _listen(self) -> None:
        data = self._port.read()
        if self._hung or self.board.mute:
            return
        for byte in data.decode("latin-1"):
            before = self.board.streaming
            answer = self.board.answer(byte)
            if before and not self.board.streaming:
                self._held.clear()
            if self.board.streaming and not before:
                self._at = time.perf_counter()
                self._started = self._started or self._at
            if answer:
                self._port.write(answer.encode())

    def _send(self) -> None:
        now = time.perf_counter()
        if now - self._at > 2.0:  # the computer slept: a device would have gone on
            self._at = now - 2.0
        while self._at + self._period <= now:
            self._at += self._period
            uv = self.board.microvolts(0, self._at, self.number)
            packet = self.board.packet
            data, whole = self.board.make(self._at, self.number)
            held = now < self._quiet_until or self._latency > 0 or bool(self._held)
            if data and held:
                self._held.append(data)
            elif data:
                taken = self._port.write(data)
                whole = whole and taken > 0
                if 0 < taken < len(data):
                    self._held.append(data[taken:])
            self._note(self._at, packet, uv, whole and self._port.ours >= 0)
        tick = self._latency and int(now / self._latency)
        if self._held and now >= self._quiet_until and tick != self._taken_until:
            self._taken_until = tick if self._latency else -1.0
            while self._held and (taken := self._port.write(self._held[0])):
                self._held[0] = self._held[0][taken:]
                if not self._held[0]:
                    self._held.popleft()
        if not self._latency:
            self._taken_until = -2.0

    def _note(self, at: float, packet: int, uv: float, whole: bool) -> None:
        """Write a sample's truth: with a Daisy, an even packet and the odd one after it."""
        sent = float(whole)
        if self.board.daisy:
            if packet % 2 == 0:
                self._half = (packet, whole)
                return
            packet, first = self._half
            sent = {(True, True): 1.0, (True, False): 0.25, (False, True): 0.5}.get(
                (first, whole), 0.0
            )
        if self._truth:
            row = (self.number, at, packet % 256, uv, sent)
            self._truth.write(np.array([row], dtype=TRUTH).tobytes())
            if self.number % 32 == 0:
                self._truth.flush()
        self.number += 1

    def close(self) -> None:
        self._port.unplug()
        if self._truth:
            self._truth.close()


class Cyton:
    """A simulated board in a process of its own, for tests."""

    def __init__(self, folder: Path, *options: str, port: str = "cyton") -> None:
        self.port = str(folder / port)
        self._truth = folder / f"{port}.truth"
        program = [sys.executable, "-m", "tests.doubles.cyton"]
        self._process = subprocess.Popen(
            [*program, self.port, "--truth", str(self._truth), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        self._heard("ready")

    def _heard(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"{word}\n"

    def order(self, text: str) -> None:
        """Give an order (`Runner.order`); it is done when this returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()
        self._heard("done")

    def truth(self) -> npt.NDArray[np.void]:
        """What was sampled so far; whole after `close`."""
        size = self._truth.stat().st_size // TRUTH.itemsize
        return np.fromfile(self._truth, dtype=TRUTH, count=size)

    def kill(self) -> None:
        """End it as a power cut would: the port is gone, its name stays."""
        self._process.kill()
        self._process.communicate()

    def close(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.order("quit")
        self._process.communicate()

    def __enter__(self) -> Cyton:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", help="path that the port is to have")
    parser.add_argument("--daisy", action="store_true")
    parser.add_argument("--ppm", type=float, default=0.0, help="the device's quartz is fast by")
    parser.add_argument("--latency", type=float, default=0.0, help="s between bursts (0.016)")
    parser.add_argument("--kohm", default="", help="impedances as 1=5,2=50 (else 10)")
    parser.add_argument("--index", action="store_true", help="channel 1: sample number / 10 uV")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", action="append", default=[], help="SECONDS:ORDER[:VALUE] of stream")
    options = parser.parse_args()
    pairs = (pair.split("=") for pair in options.kohm.split(",") if pair)
    kohm = {int(channel) - 1: float(value) for channel, value in pairs}
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # a board keeps its time, however busy we are
    board = Board(daisy=options.daisy, kohm=kohm, seed=options.seed, index=options.index)
    runner = Runner(options.port, board, options.truth, ppm=options.ppm, latency=options.latency)
    for text in options.at:
        when, _, order = text.partition(":")
        runner.schedule.append((float(when), order.replace(":", " ")))
    runner.schedule.sort()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        while not runner.done:
            runner.step()
    except (KeyboardInterrupt, termios.error):
        pass  # it was told to end, or its terminal is gone: the truth is written all the same
    finally:
        runner.close()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
