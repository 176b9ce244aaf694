"""The recorder that other tests judge the player with must itself tell the truth."""

import subprocess
import time

import numpy as np
import pytest

RATE = 48000


@pytest.mark.sound
def test_the_recorder_returns_what_was_played_and_when(sound_server):
    tone = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    frames = np.repeat(tone[:, None], 2, axis=1).astype("<f4")
    with sound_server.record() as recording:
        recording.wait(0.5)
        begun = time.perf_counter()
        subprocess.run(
            ["pacat", "--raw", "--format=float32le", "--rate=48000", "--channels=2",
             "--latency-msec=20"],
            input=frames.tobytes(), check=True, timeout=20,
        )  # fmt: skip
        ended = time.perf_counter()
        recording.wait(recording.frame(ended) / RATE + 0.3)
        heard = recording.samples()
        loud = np.flatnonzero(np.abs(heard[:, 0]) > 0.01)
        first, last = recording.seconds(int(loud[0])), recording.seconds(int(loud[-1]))
    assert np.abs(heard[loud[0] : loud[-1]]).max() == pytest.approx(0.25, abs=1e-3)
    assert (loud[-1] - loud[0]) / RATE == pytest.approx(1.0, abs=0.02)
    assert begun - 0.05 < first < begun + 1.0
    assert last < ended + 0.2
