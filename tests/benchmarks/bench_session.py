"""CPU of a headless session, relative to a bare pylsl + ring + Welch loop in the same run.

    python -m tests.benchmarks.bench_session [--seconds 30]

Both get 8 channels at 250 Hz. The bare loop does what any program must: pull chunks from LSL, keep
a preallocated ring, and every 100 ms take a Welch spectrum of the newest 2 s. The session is the
whole program with sound (null output), decoding, features, estimators, policy and records. CPU is
that of the whole process tree, start-up included for both and stated apart.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SFREQ, N_CHANNELS = 250, 8


def outlet(seconds: float, channels: int) -> None:
    """Stream noise for `seconds`."""
    import numpy as np
    import pylsl

    info = pylsl.StreamInfo("bench", "EEG", channels, SFREQ, "float32", "bench")
    stream, rng = pylsl.StreamOutlet(info), np.random.default_rng(0)
    print("ready", flush=True)
    end, sent, began = time.perf_counter() + seconds, 0, time.perf_counter()
    while time.perf_counter() < end:
        due = int((time.perf_counter() - began) * SFREQ) - sent
        if due >= 5:
            stream.push_chunk(rng.standard_normal((due, channels)).astype(np.float32))
            sent += due
        time.sleep(0.01)


def bare(seconds: float, channels: int) -> None:
    """Pull, ring, Welch: the floor."""
    import numpy as np
    import pylsl
    from scipy import signal

    inlet = pylsl.StreamInlet(pylsl.resolve_byprop("name", "bench", timeout=10)[0])
    ring = np.zeros((2 * 10 * SFREQ, channels), dtype=np.float32)
    size, total = 10 * SFREQ, 0
    end, due = time.perf_counter() + seconds, 0.0
    while time.perf_counter() < end:
        chunk, _ = inlet.pull_chunk(timeout=0.2, max_samples=1024)
        for row in np.asarray(chunk, dtype=np.float32).reshape(-1, channels):
            ring[total % size] = ring[total % size + size] = row
            total += 1
        if time.perf_counter() >= due and total >= 2 * SFREQ:
            at = total % size + size
            signal.welch(ring[at - 2 * SFREQ : at], SFREQ, nperseg=SFREQ, axis=0)
            due = time.perf_counter() + 0.1
        time.sleep(0.02)


def cpu_of(words: list[str]) -> float:
    """CPU seconds of a command and all its descendants."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cost_of(words: Callable[[float], list[str]], seconds: float) -> dict[str, float]:
    """CPU seconds a second of a command that lasts so long, and of its start."""
    short = 6.0
    start = cpu_of(words(short))
    whole = cpu_of(words(short + seconds))
    return {
        "cpu_s_per_s": round((whole - start) / seconds, 4),
        "start_cpu_s": round(start, 2),
    }


def bare_cost(seconds: float, channels: int) -> dict[str, float]:
    """What the bare loop costs, beside an outlet of its own."""
    me = [sys.executable, "-m", "tests.benchmarks.bench_session", "--channels", str(channels)]
    lasting = str(seconds + 30)
    source = subprocess.Popen(
        [*me, "--part", "outlet", "--seconds", lasting], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert source.stdout is not None
    source.stdout.readline()
    try:
        return cost_of(lambda s: [*me, "--part", "bare", "--seconds", str(s)], seconds)
    finally:
        source.kill()
        source.wait()


def session_words(seconds: float, out: str) -> list[str]:
    """Command of a headless session."""
    words = [sys.executable, "-m", "app.commands", "run", "--headless", "--output", "null"]
    return [*words, "--seed", "1", "--out", out, "--minutes", str(seconds / 60)]


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--part", choices=("outlet", "bare"))
    parser.add_argument("--channels", type=int, default=N_CHANNELS)
    given = parser.parse_args()
    if given.part:
        {"outlet": outlet, "bare": bare}[given.part](given.seconds, given.channels)
        return
    costs = {"bare": bare_cost(given.seconds, given.channels)}
    with tempfile.TemporaryDirectory() as out:
        costs["session"] = cost_of(lambda s: session_words(s, out), given.seconds)
    ratio = costs["session"]["cpu_s_per_s"] / costs["bare"]["cpu_s_per_s"]
    print(json.dumps({"ratio": round(ratio, 1), "machine": platform.machine(), **costs}))


if __name__ == "__main__":
    main()
