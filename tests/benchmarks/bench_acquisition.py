"""What it costs to bring EEG into the ring, relative to a bare loop in the same run.

    python -m tests.benchmarks.bench_acquisition [--seconds 30] [--channels 16] [--sfreq 250]

An outlet in a process of its own sends rows every 20 ms. Three programs take them side by side:

* bare: pull chunks from LSL (blocking), write them into a preallocated mirrored array, and, with
  `work`, every 100 ms filter what is new and take a Welch spectrum of the newest 2 s in five bands;
* ring: `Acquisition` into the ring, nothing more;
* work: the same, and every 100 ms the Guard, the same filter and the same five bands.

CPU is that of the whole process after its start; latency is from the push of a row to where it can
be read. The ring is timed against the way of `np.roll`, and a dead port by the CPU of the process
that looks for it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
MODULE = "tests.benchmarks.bench_acquisition"
SETTLE_S = 5.0  # of start-up, not counted
EVERY_S = 0.1
BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 45.0))
RING_S = 60.0


def outlet(name: str, channels: int, sfreq: float) -> None:
    """Send noise until killed; the first channel is when it was sent."""
    import pylsl

    info = pylsl.StreamInfo(name, "EEG", channels, sfreq, "float32", name)
    info.set_channel_labels([f"E{k}" for k in range(channels)])
    info.set_channel_units("microvolts")
    stream, rng = pylsl.StreamOutlet(info), np.random.default_rng(0)
    noise = rng.standard_normal((4096, channels)).astype(np.float32) * 20
    print("ready", flush=True)
    sent, began = 0, time.perf_counter()
    while True:
        time.sleep(0.02)
        at = time.perf_counter()
        due = int((at - began) * sfreq) - sent
        rows = noise[:due]
        rows[:, 0] = at % 1000.0
        stream.push_chunk(rows, began + (sent + due) / sfreq)
        sent += due


class Work:
    """Filter what is new, and five bands of the newest 2 s."""

    def __init__(self, channels: int, sfreq: float) -> None:
        from scipy import signal

        self._sfreq = sfreq
        self._welch, self._filter = signal.welch, signal.sosfilt
        self._sos = signal.butter(4, (1.0, 45.0), "bandpass", fs=sfreq, output="sos")
        self._state = np.zeros((len(self._sos), 2, channels))
        hz = np.fft.rfftfreq(int(sfreq), 1 / sfreq)
        self._bands = [(hz >= low) & (hz < high) for low, high in BANDS]

    def __call__(self, new: np.ndarray, newest: np.ndarray) -> list[np.ndarray]:
        _, self._state = self._filter(self._sos, new, axis=0, zi=self._state)
        _, power = self._welch(newest, self._sfreq, nperseg=int(self._sfreq), axis=0)
        return [power[band].mean(axis=0) for band in self._bands]


class Measured:
    """CPU a second after the start, and latencies."""

    def __init__(self, seconds: float) -> None:
        self.began = time.perf_counter() + SETTLE_S
        self.end = self.began + seconds
        self._cpu = 0.0
        self.delays: list[float] = []
        self._counts = False

    def running(self) -> bool:
        at = time.perf_counter()
        if not self._counts and at >= self.began:
            self._counts, self._cpu = True, time.process_time()
            self.delays.clear()
        return at < self.end

    def seen(self, sent: float) -> None:
        self.delays.append((time.perf_counter() - sent) % 1000.0)

    def result(self) -> dict[str, float]:
        cpu = (time.process_time() - self._cpu) / (self.end - self.began)
        p50, p99 = np.percentile(self.delays, [50, 99]) * 1e3
        return {
            "cpu_ms_per_s": round(cpu * 1e3, 2),
            "latency_p50_ms": round(p50, 2),
            "latency_p99_ms": round(p99, 2),
        }


def bare(name: str, seconds: float, channels: int, sfreq: float, *, work: bool) -> dict[str, Any]:
    """The floor: what any program must do."""
    import pylsl

    measured = Measured(seconds)
    inlet = pylsl.StreamInlet(pylsl.resolve_byprop("name", name, timeout=10)[0])
    size = int(RING_S * sfreq)
    ring = np.zeros((2 * size, channels), dtype=np.float32)
    times = np.zeros(2 * size)
    does = Work(channels, sfreq) if work else None
    total, done, due = 0, 0, 0.0
    window = int(2 * sfreq)
    while measured.running():
        chunk, stamps = inlet.pull_chunk(
            timeout=0.2, max_samples=4096, min_samples=1, as_numpy=True
        )
        n = len(stamps)
        if n == 0:
            continue
        at = total % size
        for place, rows in ((ring, chunk), (times, stamps)):
            if at + n <= size:
                place[at : at + n] = rows
                place[at + size : at + size + n] = rows
            else:
                for k in range(n):
                    place[(at + k) % size] = place[(at + k) % size + size] = rows[k]
        total += n
        measured.seen(float(chunk[-1, 0]))
        if does is not None and time.perf_counter() >= due and total >= window:
            due = time.perf_counter() + EVERY_S
            last = total % size + size
            does(ring[last - (total - done) : last], ring[last - window : last])
            done = total
    return measured.result()


def ours(name: str, seconds: float, channels: int, sfreq: float, *, work: bool) -> dict[str, Any]:
    """The program's own way."""
    from devices.acquisition import acquire
    from devices.ring import Ring
    from dsp.quality import Guard

    measured = Measured(seconds)
    write = Ring.write

    def told(ring: Ring, data: np.ndarray, times: np.ndarray) -> None:
        write(ring, data, times)
        measured.seen(float(data[-1, 0]))

    Ring.write = told  # type: ignore[method-assign, assignment]
    source = acquire(f"lsl:{name}")
    info = source.wait_ready(20.0)
    ring = source.ring
    guard = Guard(ch_names=info.ch_names, sfreq=info.sfreq)
    does, done = Work(channels, sfreq), ring.total
    while measured.running():
        time.sleep(EVERY_S)
        if work:
            block = ring.since(done)
            done = block.next
            guard.push(block.data, block.times)
            newest = ring.latest(2.0).data
            if len(newest) >= int(2 * sfreq):
                does(block.data, newest)
    result = measured.result()
    source.close()
    return result


@contextmanager
def sending(name: str, channels: int, sfreq: float) -> Iterator[None]:
    """Keep an outlet running."""
    sender = _start("outlet", name, channels=channels, sfreq=sfreq)
    assert sender.stdout is not None
    sender.stdout.readline()
    try:
        yield
    finally:
        sender.kill()
        sender.communicate()


def _start(part: str, name: str, **given: float) -> subprocess.Popen[str]:
    words = [w for key, value in given.items() for w in (f"--{key}", str(value))]
    return subprocess.Popen(
        [sys.executable, "-m", MODULE, "--part", part, "--name", name, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if part == "outlet" else subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )


def ring_ratio() -> dict[str, float]:
    """Write 12 rows and read 4 s of 16 channels at 250 Hz, 60 s kept, beside the way of np.roll."""
    from devices.ring import Ring

    channels, sfreq, n = 16, 250.0, 12
    rows = np.ones((n, channels), dtype=np.float32)
    stamps = np.arange(n) / sfreq
    ring = Ring.create(channels, RING_S, sfreq)
    kept, times = np.zeros((ring.capacity, channels), np.float32), np.zeros(ring.capacity)
    window = int(4 * sfreq)

    def ours_once() -> None:
        ring.write(rows, stamps)
        ring.latest(4.0)

    channels_all = np.arange(channels)

    def rolled() -> None:
        nonlocal kept, times
        kept, times = np.roll(kept, -n, axis=0), np.roll(times, -n)
        kept[-n:], times[-n:] = rows, stamps
        _ = kept[-window:, channels_all], times[-window:].copy()  # as mne-lsl picks its channels

    def once(work: Callable[[], None], count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            work()
        return (time.perf_counter() - start) / count * 1e6

    # Turn by turn, so that each finds the caches as something else left them.
    turns = [(once(ours_once, 100), once(rolled, 20)) for _ in range(60)]
    a, b = np.median(np.array(turns)[10:], axis=0)
    ring.close()
    return {"us": round(a, 2), "roll_us": round(b, 2), "ratio": round(b / a, 1)}


def torn_reads(wanted: int) -> dict[str, int]:
    """Read from threads and from a process while rows are written flat out, until so many reads."""
    from tests.devices.test_ring import read_and_write_flat_out

    return read_and_write_flat_out(reads=wanted)


def dead_port() -> dict[str, float]:
    """CPU of the process that reads a board whose port went away, from ten seconds after."""
    from tests.benchmarks.bench_return import dead_port_cpu

    return {"cpu_percent": round(dead_port_cpu(), 2)}


def compare(seconds: float, channels: int, sfreq: float) -> dict[str, Any]:
    """Run all four side by side, so that they share whatever else the machine does."""
    costs: dict[str, Any] = {}
    name = f"bench-acquisition-{os.getpid()}"
    with sending(name, channels, sfreq):
        parts = ("bare", "ring", "bare-work", "work")
        given = {"seconds": seconds, "channels": channels, "sfreq": sfreq}
        running = {part: _start(part, name, **given) for part in parts}
        for part, process in running.items():
            told, complaint = process.communicate()
            if process.returncode:
                raise SystemExit(f"The part {part!r} failed: {complaint[-2000:]}")
            costs[part] = json.loads(told)
    costs["ring_ratio_to_bare_work"] = round(
        costs["ring"]["cpu_ms_per_s"] / costs["bare-work"]["cpu_ms_per_s"], 2
    )
    for ours_, bare_ in (("ring", "bare"), ("work", "bare-work")):
        ratio = costs[ours_]["cpu_ms_per_s"] / costs[bare_]["cpu_ms_per_s"]
        more = costs[ours_]["latency_p50_ms"] - costs[bare_]["latency_p50_ms"]
        costs[f"{ours_}_ratio"] = round(ratio, 2)
        costs[f"{ours_}_latency_more_ms"] = round(more, 2)
    return costs


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--sfreq", type=float, default=250.0)
    parser.add_argument("--only", choices=("stream", "ring", "torn", "port"))
    parser.add_argument("--part", choices=("outlet", "bare", "ring", "bare-work", "work"))
    parser.add_argument("--name", default="")
    given = parser.parse_args()
    shape = (given.channels, given.sfreq)
    if given.part == "outlet":
        outlet(given.name, *shape)
    elif given.part:
        run = bare if given.part.startswith("bare") else ours
        work = given.part.endswith("work")
        print(json.dumps(run(given.name, given.seconds, *shape, work=work)))
    else:
        parts: dict[str, Callable[[], Any]] = {
            "stream": lambda: compare(given.seconds, *shape),
            "ring": ring_ratio,
            "torn": lambda: torn_reads(100_000),
            "port": dead_port,
        }
        names = [given.only] if given.only else list(parts)
        print(json.dumps({"machine": platform.machine(), **{n: parts[n]() for n in names}}))


if __name__ == "__main__":
    main()
