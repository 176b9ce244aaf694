"""How soon a drop is told, and how soon the EEG is back after its device is: p95 over trials.

    python -m tests.benchmarks.bench_return [--trials 20] [--only drop,serial]

* drop: a sender is stopped; from its last sample to "stalled" and to "lost";
* bursts: the same for one that sends a second at once, in its own intervals, to the first word;
* serial: a Cyton is unplugged and plugged in again; from then to its first row in the ring;
* lsl, other: a sender is killed, and another begins under the same or another source_id;
* child: the process that reads the board is killed, when another waits to take its place, as it
  does once a board has streamed for some seconds; from then on;
* again: it is killed so soon that none waits;
* hung: it is stopped, and is found to give no sign of life, when another waits; from then on.

Prints each part as it is measured, and then one JSON object; seconds. All of it with 20 trials
takes twenty minutes. A `kill` ends it as Ctrl-C does: senders and shared memory go with it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from devices.acquisition import Acquisition, acquire
from devices.clock import now
from tests.doubles.cyton import Cyton
from tests.doubles.eeg_fakes import wait_until

ROOT = Path(__file__).resolve().parents[2]
MODULE = "tests.benchmarks.bench_return"
SFREQ = 250.0


def send(name: str, source_id: str, every: float) -> None:
    """Send 16 channels until killed; say when the first samples went."""
    import pylsl

    info = pylsl.StreamInfo(name, "EEG", 16, SFREQ, "float32", source_id)
    info.set_channel_units("microvolts")
    stream = pylsl.StreamOutlet(info)
    sent, began = 0, time.perf_counter()
    while True:
        time.sleep(every)
        due = int((time.perf_counter() - began) * SFREQ) - sent
        stream.push_chunk(np.ones((due, 16), np.float32), began + (sent + due) / SFREQ)
        if sent == 0:
            print("sending", flush=True)
        sent += due


class Sender:
    """`send` in a process of its own."""

    def __init__(self, name: str, source_id: str = "one", *, every: float = 0.02) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", MODULE, "--send", name, source_id, str(every)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            text=True,
        )

    def sends(self) -> float:
        """Wait until it does; return when that was."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "sending\n"
        return now()

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            self.process.communicate()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


@contextmanager
def reading(source: str) -> Iterator[Acquisition]:
    """Read a source until it is steady."""
    acquisition = acquire(source)
    try:
        acquisition.wait_ready(20.0)
        settle(acquisition)
        yield acquisition
    finally:
        acquisition.close()


@contextmanager
def sending(sender: Sender, source: str) -> Iterator[Acquisition]:
    """Read what a sender sends."""
    sender.sends()
    with reading(source) as acquisition:
        yield acquisition


def settle(acquisition: Acquisition, seconds: float = 1.0) -> None:
    """Wait until it has streamed for so long, and a little more, so that no trial is in step."""
    wait_until(lambda: acquisition.state == "streaming")
    time.sleep(seconds + random.random() * 0.5)


def back(acquisition: Acquisition, since: float) -> float:
    """Wait for rows written after `since`; return how long that was."""
    wait_until(lambda: acquisition.ring.written_at > since)
    return acquisition.ring.written_at - since


def drop(trials: int, *, every: float = 0.02) -> dict[str, list[float]]:
    """From the last sample that was sent to each word."""
    out: dict[str, list[float]] = {"stalled": [], "lost": []}
    name = f"bench-drop-{os.getpid()}-{every:g}"
    with Sender(name, every=every) as sender, sending(sender, f"lsl:{name}") as acquisition:
        for _ in range(trials):
            settle(acquisition, 0.5 + 4.0 * every)
            acquisition.events()
            os.kill(sender.process.pid, signal.SIGSTOP)
            wait_until(lambda: acquisition.state == "lost")
            last = acquisition.ring.written_at
            for event in acquisition.events():
                if event.kind == "state" and event.value in out:
                    out[event.value].append(event.time - last)
            os.kill(sender.process.pid, signal.SIGCONT)
    return out


def serial(trials: int) -> list[float]:
    out = []
    with tempfile.TemporaryDirectory() as folder, Cyton(Path(folder)) as cyton:
        with reading(f"cyton:{cyton.port}") as acquisition:
            for _ in range(trials):
                settle(acquisition)
                cyton.order("unplug")
                wait_until(lambda: acquisition.state == "lost")
                time.sleep(1.0 + 2.0 * random.random())
                cyton.order("plug")
                out.append(back(acquisition, now()))
    return out


def lsl(trials: int, *, other: bool) -> list[float]:
    name, out = f"bench-lsl-{os.getpid()}-{other}", []
    with ExitStack() as senders:
        sender = senders.enter_context(Sender(name))
        acquisition = senders.enter_context(sending(sender, f"lsl:{name}"))
        for trial in range(trials):
            settle(acquisition)
            sender.kill()
            wait_until(lambda: acquisition.state == "lost")
            time.sleep(1.0 + 2.0 * random.random())
            sender = senders.enter_context(Sender(name, f"one-{trial}" if other else "one"))
            out.append(back(acquisition, sender.sends()))
    return out


def child(trials: int, ended_by: signal.Signals, streamed: float = 8.0) -> list[float]:
    out = []
    with tempfile.TemporaryDirectory() as folder, Cyton(Path(folder)) as cyton:
        with reading(f"cyton:{cyton.port}") as acquisition:
            for _ in range(trials):
                settle(acquisition, streamed)
                pid = acquisition.pid
                assert pid is not None
                at = now()
                os.kill(pid, ended_by)
                wait_until(lambda: acquisition.state == "lost")
                out.append(back(acquisition, max(at, acquisition.ring.written_at + 1e-6)))
    return out


def dead_port_cpu(seconds: float = 10.0) -> float:
    """Percent of a core that looking for a port which is gone costs, its child's and ours."""
    with tempfile.TemporaryDirectory() as folder, Cyton(Path(folder)) as cyton:
        with reading(f"cyton:{cyton.port}") as acquisition:
            cyton.order("unplug")
            wait_until(lambda: acquisition.state == "lost")
            time.sleep(3.0)

            def used() -> float:
                words = Path(f"/proc/{acquisition.pid}/stat").read_text().rpartition(")")[2].split()
                ticks = int(words[11]) + int(words[12])
                return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()

            before = used()
            time.sleep(seconds)
            return 100.0 * (used() - before) / seconds


def p95(values: list[float]) -> dict[str, float]:
    return {
        "n": len(values),
        "p50": round(float(np.percentile(values, 50)), 3),
        "p95": round(float(np.percentile(values, 95)), 3),
        "max": round(max(values), 3),
    }


def leave(*_: object) -> None:
    """End, once, through everything that is to be cleaned away."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(2)


def main() -> None:
    """Measure and print one JSON object."""
    if sys.argv[1:2] == ["--send"]:
        send(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    signal.signal(signal.SIGTERM, leave)
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--only", default="drop,bursts,serial,lsl,other,child,again,hung")
    given = parser.parse_args()
    n = given.trials
    parts: dict[str, Callable[[], object]] = {
        "drop": lambda: {word: p95(times) for word, times in drop(n).items()},
        "bursts": lambda: {word: p95(times) for word, times in drop(n, every=1.0).items()},
        "serial": lambda: p95(serial(n)),
        "lsl": lambda: p95(lsl(n, other=False)),
        "other": lambda: p95(lsl(n, other=True)),
        "child": lambda: p95(child(n, signal.SIGKILL)),
        "again": lambda: p95(child(n, signal.SIGKILL, 1.0)),
        "hung": lambda: p95(child(n, signal.SIGSTOP)),
    }
    out = {}
    for name in given.only.split(","):
        out[name] = parts[name]()
        print(f"{name}: {json.dumps(out[name])}", file=sys.stderr, flush=True)
    print(json.dumps({"machine": platform.machine(), **out}))


if __name__ == "__main__":
    main()
