"""What BrainFlow recorded is played back as a recording of its board, and ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from brainflow.board_shim import BoardShim

from devices.acquisition import acquire
from devices.sources.playback import PlaybackSource, read_recording
from devices.sources.replay import ENDED
from dsp.checks import InputError
from tests.doubles.eeg_fakes import wait_until

SYNTHETIC, CYTON = (BoardShim.get_board_descr(number) for number in (-1, 0))


def recorded(path: Path, descr: dict, seconds: float, *, hole: float = 0.0, lose: int = 0,
             numbered: bool = False) -> Path:  # fmt: skip
    """Write a recording as BrainFlow does; stamps jump by `hole` s in its middle.

    Its voltages are sines, or the number of their row.
    """
    n = round(seconds * descr["sampling_rate"])
    rows = np.zeros((n, descr["num_rows"]))
    number = np.arange(n)
    rows[:, descr["eeg_channels"]] = (number if numbered else np.sin(number))[:, None]
    rows[:, descr["package_num_channel"]] = number % 256
    rows[:, descr["timestamp_channel"]] = 1.7e9 + number / descr["sampling_rate"]
    rows[n // 2 :, descr["timestamp_channel"]] += hole
    rows = np.delete(rows, np.arange(n // 3, n // 3 + lose), axis=0)
    np.savetxt(path, rows, fmt="%.6f", delimiter="\t")
    return path


@pytest.mark.parametrize(
    ("descr", "master", "name"),
    [(SYNTHETIC, "", "Synthetic"), (CYTON, "?master_board=cyton", "Cyton")],
)
def test_a_recording_is_called_one_counts_as_its_board_does_and_closes_at_its_end(
    tmp_path, descr, master, name
):
    path = recorded(tmp_path / "rec.csv", descr, 1.2, lose=7)
    source = acquire(f"brainflow:playback_file:{path}{master}")
    try:
        info = source.wait_ready(10.0)
        wait_until(lambda: source.state == "closed")
        block, events = source.ring.since(0), source.events()
    finally:
        source.close()
    assert info.name == f"Recording of rec.csv ({name})"
    assert info.notice.startswith("This is a recording")
    assert info.simulated == (name == "Synthetic")
    words = [event.value for event in events if event.kind == "state"]
    assert words == ["connecting", "streaming", "closed"]
    assert [e.text for e in events if e.value == "closed"] == [ENDED]
    assert block.times.size == 300
    assert np.isnan(block.data).all(axis=1).sum() == 7


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_recording_goes_on_where_time_has_brought_it_also_where_its_process_was_killed(tmp_path):
    path = recorded(tmp_path / "rec.csv", SYNTHETIC, 30.0, numbered=True)
    source = acquire(f"brainflow:playback_file:{path}")
    try:
        source.wait_ready(10.0)
        wait_until(lambda: source.ring.total > 600)
        os.kill(source.pid, signal.SIGKILL)
        wait_until(lambda: source.state == "lost")
        wait_until(lambda: source.state == "streaming")
        total = source.ring.total
        wait_until(lambda: source.ring.total > total + 100)
        block = source.ring.since(0)
    finally:
        source.close()
    off = block.data[:, 0] - np.arange(block.data.shape[0])
    assert np.isnan(off).any()
    assert np.nanmax(np.abs(off[-50:])) < 125  # 0.5 s; from its beginning it would be 600


def test_a_recording_that_is_over_when_it_is_opened_again_has_ended(tmp_path):
    path = recorded(tmp_path / "rec.csv", SYNTHETIC, 0.4)
    source = PlaybackSource("playback_file", str(path))
    source.open()
    source.close()
    source._begun_at -= 60.0
    source.open()
    told: list = []
    wait_until(lambda: told.extend(source.events()) or source.read() is None)
    source.close()
    told += source.events()
    assert [event.text for event in told if event.kind == "state"] == [ENDED]


def test_a_pause_of_the_recording_is_not_its_end(tmp_path):
    path = recorded(tmp_path / "rec.csv", SYNTHETIC, 0.8, hole=1.4)
    source = PlaybackSource("playback_file", str(path))
    source.open()
    states: list = []
    wait_until(lambda: states.extend(source.events()) or (source.read() is None and states))
    source.close()
    assert source._heard == 200


def test_the_file_may_stand_behind_the_question_mark(tmp_path):
    path = recorded(tmp_path / "rec.csv", CYTON, 0.4)
    options = (("file", str(path)), ("master_board", "cyton"))
    source = PlaybackSource("playback_file", options=options)
    source.open()
    source.close()
    assert len(source.info.ch_names) == 8
    with pytest.raises(InputError, match="write one"):
        PlaybackSource("playback_file", str(path), options=options).open()


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "holds no samples"), ("root:x:0:0:root:/root:/bin/sh\n", "Line 1"),
     ("\t".join(["1.0"] * 24) + "\n", "Line 1"), ("\t".join(["x"] * 32) + "\n", "Line 1"),
     ("\t".join(["1.0"] * 32) + "\n1.0\n", "Line 2"), ("\0\xff" * 300, "Line 1")],
)  # fmt: skip
def test_what_the_board_did_not_record_is_refused_in_words(tmp_path, text, says):
    path = tmp_path / "rec.csv"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(InputError, match=says) as caught:
        PlaybackSource("playback_file", str(path)).open()
    assert str(path) in str(caught.value)


def test_the_longest_pause_of_a_recording_is_known(tmp_path):
    found = read_recording(str(recorded(tmp_path / "r.csv", CYTON, 2.0, hole=3.25)), CYTON)
    assert found.times.size == 500
    assert found.pause == pytest.approx(3.254, abs=1e-3)
