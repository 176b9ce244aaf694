"""Cost and latency of an LSL stream read into the ring, beside a bare pylsl loop in the same run.

    python -m tests.benchmarks.bench_lsl [--seconds 10] [--only wide,narrow,packets]

* wide: 64 channels at 1000 Hz, pushed sample by sample;
* narrow: 16 channels at 250 Hz, pushed sample by sample;
* packets: 16 channels at 250 Hz, twelve samples at a time.

CPU is that of the whole process that reads, in percent of one core, liblsl's own threads with it;
age is from when a sample was sent to when it is in the ring, ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from devices.clock import now
from devices.ring import Ring
from devices.sources.lsl import LslSource
from devices.sources.streams import StreamFinder, lsl_library

ROOT = Path(__file__).resolve().parents[2]
STREAMS = {"wide": (64, 1000.0, 1), "narrow": (16, 250.0, 1), "packets": (16, 250.0, 12)}


def send(name: str, source_id: str, n: int, rate: float, packet: int) -> None:
    """Be a sender until killed."""
    pylsl, _ = lsl_library()
    info = pylsl.StreamInfo(name, "EEG", n, rate, "float32", source_id)
    info.set_channel_units("microvolts")
    info.set_channel_labels([f"E{k}" for k in range(n)])
    outlet = pylsl.StreamOutlet(info)
    rows = np.random.default_rng(1).normal(0, 10, (packet, n)).astype(np.float32)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    start, sent = now(), 0
    while True:
        sent += packet
        wait = start + sent / rate - now()
        if wait > 0:
            time.sleep(wait)
        if packet == 1:
            outlet.push_sample(rows[0], start + sent / rate)
        else:
            outlet.push_chunk(rows, start + sent / rate)


def sender(name: str, n: int, rate: float, packet: int, source_id: str = "bench") -> Any:
    """Start a sender in a process of its own."""
    words = [name, source_id, str(n), str(rate), str(packet)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.bench_lsl", "--send", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def measured(read: Callable[[], Any], seconds: float) -> str:
    """CPU, rate and ages of what `read` gives: times of samples, or None."""
    ages: list[Any] = []
    end = now() + 2.0
    while now() < end:
        read()
    cpu, start = time.process_time(), now()
    while now() < start + seconds:
        times = read()
        if times is not None:
            ages.append(now() - times)
    cpu, took = time.process_time() - cpu, now() - start
    age = np.concatenate(ages) * 1e3
    p50, p95, p99 = np.percentile(age, [50, 95, 99])
    return (
        f"{100 * cpu / took:5.1f} % CPU  {age.size / took:7.1f} Hz  "
        f"age {p50:5.1f} {p95:5.1f} {p99:5.1f}"
    )


def compare(word: str, seconds: float) -> None:
    n, rate, packet = STREAMS[word]
    name = f"attune-bench-{word}-{os.getpid()}"
    process = sender(name, n, rate, packet)
    source = LslSource(name)
    source.open()
    ring = Ring.create(n, 60.0, rate, local=True)

    def ours() -> Any:
        chunk = source.read()
        if chunk is None:
            return None
        ring.write(chunk.data, chunk.times)
        return chunk.times

    print(f"{word:8} ours  {measured(ours, seconds)}", flush=True)
    source.close()
    pylsl, _ = lsl_library()
    finder = StreamFinder()
    while not (found := [s for h, s in finder.answers() if h.name == name]):
        time.sleep(0.05)
    inlet = pylsl.StreamInlet(found[0], recover=False)
    bare = Ring.create(n, 60.0, rate, local=True)

    def pull() -> Any:
        data, times = inlet.pull_chunk(timeout=0.2, min_samples=1, as_numpy=True)
        if times.size:
            bare.write(data, times)
        return times if times.size else None

    print(f"{'':8} bare  {measured(pull, seconds)}", flush=True)
    process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", default="wide,narrow,packets")
    parser.add_argument("--send", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.send:
        name, source_id, n, rate, packet = given.send
        send(name, source_id, int(n), float(rate), int(packet))
    for word in given.only.split(","):
        compare(word, given.seconds)


if __name__ == "__main__":
    main()
