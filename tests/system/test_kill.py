"""A session that is killed at a random moment leaves a folder that reads, at most 1 s short."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.records.reader import SessionReader

# The child writes at real rates and says after each step how far it has handed data over.
_CHILD = """
import sys, time
import numpy as np
from app.records.writer import SessionWriter
from devices.timeline import COLUMNS
from dsp.sound.heard import HEARD_NAMES, Heard

names = ["Fz", "Cz", "F3", "F4", "T7", "T8", "TP9", "TP10"]
source = {"name": "x", "ch_names": names, "sfreq": 250.0}
writer = SessionWriter(sys.argv[1], {"name": "killed", "source": source})
rng = np.random.default_rng(0)
start = time.perf_counter()
k = 0
while True:
    while time.perf_counter() - start < k * 0.02:
        time.sleep(0.002)
    t = k * 0.02
    writer.eeg(rng.normal(0, 20, (5, 8)).astype(np.float32), t + np.arange(5) / 250)
    if k % 10 == 0:
        rows = np.zeros((13, len(HEARD_NAMES)), np.float32)
        writer.heard(Heard(t + np.arange(13) / 64, rows))
        rows = np.zeros((20, len(COLUMNS)))
        rows[:, 0] = t + np.arange(20) / 100
        writer.timeline(rows)
    if k % 50 == 0:
        writer.event({"t": t, "kind": "tick", "now": t, "filler": ["x" * 20] * 60})
    print(t, flush=True)
    k += 1
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("seed", range(5))
def test_a_session_killed_at_a_random_moment_reads_and_misses_at_most_a_second(
    tmp_path: Path, seed: int
) -> None:
    moment = float(np.random.default_rng(seed).uniform(0.3, 2.2))
    command = [sys.executable, "-c", _CHILD, str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as child:
        assert child.stdout is not None
        said = 0.0
        for line in child.stdout:
            said = float(line)
            if said >= moment:
                child.send_signal(signal.SIGKILL)
                break
        rest = child.stdout.read().split()
    said = float(rest[-1]) if rest else said
    (folder,) = tmp_path.iterdir()

    reader = SessionReader(folder)
    times, data = reader.eeg()
    assert said - times[-1] < 1.0
    assert np.diff(times).min() > 0
    assert data.shape == (times.size, 8)
    assert np.isfinite(data).all()
    assert said - reader.heard().times[-1] < 1.0
    assert said - reader.timeline()[0][-1] < 1.0
    assert said - reader.events()[-1]["t"] < 2.0  # one a second is written
    assert json.loads((folder / "session.json").read_text("utf-8"))["clean"] is False
    assert "not ended properly" in reader.problems[0]
