"""The recorder that other tests judge the player with must itself tell the truth."""

import os
import subprocess
import time
from collections.abc import Mapping

import numpy as np
import pytest

RATE = 48000


def _play(env: Mapping[str, str] | None = None) -> None:
    """Play a second of 1 kHz; return when it is over.

    All of it waits in the server: whoever hands it over piece by piece may be late.
    """
    tone = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    frames = np.repeat(tone[:, None], 2, axis=1).astype("<f4")
    subprocess.run(
        ["pacat", "--raw", "--format=float32le", "--rate=48000", "--channels=2",
         "--latency-msec=2000"],
        input=frames.tobytes(), check=True, timeout=20, env=env,
    )  # fmt: skip


@pytest.mark.sound
def test_the_recorder_returns_what_was_played_and_when(sound_server):
    with sound_server.record() as recording:
        recording.wait(0.5)
        begun = time.perf_counter()
        _play()
        ended = time.perf_counter()
        recording.wait(recording.frame(ended) / RATE + 0.3)
        heard = recording.samples()
        loud = np.flatnonzero(np.abs(heard[:, 0]) > 0.01)
        first, last = recording.seconds(int(loud[0])), recording.seconds(int(loud[-1]))
    assert np.abs(heard[loud[0] : loud[-1]]).max() == pytest.approx(0.25, abs=1e-3)
    assert (loud[-1] - loud[0]) / RATE == pytest.approx(1.0, abs=0.02)
    assert begun - 0.05 < first < begun + 1.0
    assert last < ended + 0.2


@pytest.mark.sound
def test_the_recorder_hears_no_program_of_another_worker(sound_server):
    elsewhere = {name: value for name, value in os.environ.items() if name != "PULSE_SINK"}
    with sound_server.record() as recording:
        recording.wait(0.3)
        _play(elsewhere)
        heard = recording.wait(time.perf_counter() + 0.3 - recording.seconds(0)).copy()
    assert not heard.any()
