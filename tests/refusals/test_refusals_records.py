"""Disks that fill up and folders that are none: one sentence each, and the music goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.records.reader import SessionReader
from app.records.sink import AppendFile
from app.records.writer import SessionWriter
from dsp.checks import InputError, RecordError

MANIFEST: dict[str, Any] = {"source": {"name": "x", "ch_names": ["Fz", "Cz"], "sfreq": 250.0}}


def wait_for_problem(writer: SessionWriter, *, feed: bool = False, timeout: float = 10.0) -> str:
    deadline = time.monotonic() + timeout
    k = 0
    while not writer.problem and time.monotonic() < deadline:
        if feed:
            writer.eeg(np.zeros((500, 2), np.float32), 2.0 * k + np.arange(500) / 250)
            k += 1
        time.sleep(0.002)
    return writer.problem


class Failing(AppendFile):
    code = errno.ENOSPC

    def append(self, data: bytes) -> None:
        if b"mark" in data:
            raise OSError(self.code, os.strerror(self.code))
        super().append(data)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the disk is read-only"),
        (errno.ENOENT, "the folder is gone"),
        (errno.EIO, "the system says"),
    ],
)
def test_a_failing_disk_ends_the_recording_in_one_sentence(
    tmp_path: Path, code: int, words: str
) -> None:
    kind = type("FailingNow", (Failing,), {"code": code})
    writer = SessionWriter(tmp_path, MANIFEST, open_file=kind)
    writer.event({"t": 1.0, "kind": "tick"})
    writer.event({"t": 2.0, "kind": "mark"})
    problem = wait_for_problem(writer)
    writer.event({"t": 3.0, "kind": "tick"})  # the session goes on and knows nothing of it
    writer.eeg(np.zeros((1, 2)), [3.0])
    writer.close()
    assert words in problem
    assert problem.count(".") >= 1
    assert "\n" not in problem
    reader = SessionReader(writer.folder)
    assert [event["t"] for event in reader.events()] == [1.0]
    assert reader.problems[0] == problem
    assert reader.manifest["clean"] is False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 kB, where this machine lets us mount one."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_disk_that_is_really_full_leaves_a_readable_folder(small_disk: Path) -> None:
    writer = SessionWriter(small_disk, MANIFEST)
    problem = wait_for_problem(writer, feed=True)
    writer.close()
    assert "the disk is full" in problem
    reader = SessionReader(writer.folder)
    times, data = reader.eeg()
    assert times.size > 1000
    assert times.size % 500 == 0  # the chunk that did not fit left nothing behind
    assert data.shape == (times.size, 2)
    assert not any("unfinished" in text for text in reader.problems)


def test_a_full_disk_at_the_start_is_refused(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"\0" * 262144)
    with pytest.raises(RecordError, match=r"disk is full.*\.$"):
        SessionWriter(small_disk, MANIFEST)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not move folders with open files")
def test_a_folder_that_vanishes_in_mid_session_is_noticed(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    writer.folder.rename(tmp_path / "elsewhere")
    problem = wait_for_problem(writer)
    writer.close()
    assert "the folder is gone" in problem


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RecordError, match="is a file"):
        SessionWriter(tmp_path / "file", MANIFEST)
    with pytest.raises(RecordError, match="part of the path is a file"):
        SessionWriter(tmp_path / "file" / "below", MANIFEST)


def test_a_disk_that_hangs_for_long_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.records.writer.QUEUE_LIMIT", 1 << 16)
    gate = threading.Event()

    class Hanging(AppendFile):
        def append(self, data: bytes) -> None:
            if b"mark" in data:
                gate.wait(30.0)
            super().append(data)

    writer = SessionWriter(tmp_path, MANIFEST, open_file=Hanging)
    writer.event({"t": 0.0, "kind": "mark"})
    for k in range(20):
        writer.eeg(np.zeros((1000, 2), np.float32), np.arange(1000) / 250 + 4.0 * k)
    gate.set()
    writer.close()
    assert "the disk is too slow" in writer.problem


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"kind": "mark"}, "t=None"),
        ({"t": float("nan"), "kind": "mark"}, "t=nan"),
        ({"t": 1.0}, "kind=None"),
        ({"t": 1.0, "kind": "mark", "x": object()}, "cannot be recorded"),
    ],
)
def test_an_event_that_is_none_is_refused(
    tmp_path: Path, event: dict[str, Any], words: str
) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    with pytest.raises(InputError, match=words):
        writer.event(event)
    writer.close()


def test_samples_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    with pytest.raises(InputError, match=r"expected \(n_samples, 2\)"):
        writer.eeg(np.zeros((3, 4)), np.arange(3.0))
    with pytest.raises(InputError, match="finite time"):
        writer.eeg(np.zeros((1, 2)), [np.nan])
    with pytest.raises(InputError, match="announced before"):
        writer.source({"ch_names": ["Fz"], "sfreq": 250.0})
    writer.close()
    bare = SessionWriter(tmp_path, {})
    with pytest.raises(InputError, match="call source"):
        bare.eeg(np.zeros((1, 2)), [1.0])
    bare.close()


def test_what_is_no_session_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a folder"):
        SessionReader(tmp_path / "nowhere")
    with pytest.raises(RecordError, match="is not a session folder"):
        SessionReader(tmp_path)
    (tmp_path / "session.json").write_text('{"format": "something else"}')
    with pytest.raises(RecordError, match="is not a session folder"):
        SessionReader(tmp_path)
    (tmp_path / "session.json").write_text('{"format": "attune-session", "schema": 99}')
    with pytest.raises(RecordError, match="newer version"):
        SessionReader(tmp_path)


def test_a_recording_of_nonsense_is_a_note_and_no_crash(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    writer.close()
    rng = np.random.default_rng(0)
    for head in (b"", b"XDF:", b"RIFF"):
        (writer.folder / "recording.xdf").write_bytes(head + rng.bytes(5000))
        reader = SessionReader(writer.folder)
        assert reader.eeg()[0].size == 0
        assert any("damaged" in p or "unfinished" in p for p in reader.problems)
