"""The senders of `stamped` as real LSL streams, each in a process of its own, and what is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from devices.clock import now
from devices.sources.lsl import LslSource
from tests.doubles.stamped import Result, Sender, judged, lost_packets, stamped


def send(name: str, sender: Sender) -> None:
    """Be the sender; the first channel is the number of the sample."""
    import pylsl

    info = pylsl.StreamInfo(name, "EEG", 8, sender.stated, "float32", f"{name}-id")
    info.set_channel_labels(["Fz", "Cz", "Pz", "C3", "C4", "O1", "O2", "Oz"])
    info.set_channel_types("EEG")
    info.set_channel_units("microvolts")
    outlet = pylsl.StreamOutlet(info, 0, 360)
    rate = sender.rate or sender.stated
    n = int(sender.seconds * rate)
    start = pylsl.local_clock() + 0.2
    sys.stdout.write(f"{start!r}\n")
    sys.stdout.flush()
    taken = start + np.arange(n) / rate
    stamps = stamped(sender, taken, taken, start)
    rows = np.repeat(np.arange(n, dtype=np.float32)[:, None], 8, axis=1)
    rng = np.random.default_rng(sender.seed)
    gone = lost_packets(sender, rng, n // sender.packet + 1)
    for k, first in enumerate(range(0, n, sender.packet)):
        last = min(first + sender.packet, n)
        wait = taken[last - 1] - pylsl.local_clock()
        if wait > 0:
            time.sleep(wait)
        if gone[k]:
            continue
        if sender.stamps == "last":
            outlet.push_chunk(rows[first:last], float(stamps[last - 1]))
            continue
        for i in range(first, last):
            at = 0.0 if sender.stamps == "none" else float(stamps[i])
            outlet.push_sample(rows[i], at)


def read(sender: Sender, name: str) -> Result:
    """Start the sender, read it through the real source, and judge what came."""
    name = f"attune-{name}-{os.getpid()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.doubles.stamped_lsl", name, json.dumps(asdict(sender))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    try:
        assert process.stdout is not None
        start = float(process.stdout.readline())
        source = LslSource(name)
        source.open()
        chunks, events, end = [], [], start + sender.seconds - 0.5
        while now() < end:
            chunk = source.read()
            events += source.events()
            if chunk is not None:
                chunks.append(chunk)
        source.close()
    finally:
        process.kill()
        process.communicate()
    rate = sender.rate or sender.stated
    taken = start + np.arange(int(sender.seconds * rate)) / rate
    data = np.concatenate([c.data for c in chunks])[:, 0]
    return judged(data, np.concatenate([c.times for c in chunks]), taken, start, events)


if __name__ == "__main__":
    send(sys.argv[1], Sender(**json.loads(sys.argv[2])))
