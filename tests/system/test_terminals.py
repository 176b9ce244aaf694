"""Terminals that do not read, are full, narrow or gone change nothing but the text."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.program import HEADLESS, ROOT, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes and terminals of Linux")
COMMAND = [sys.executable, "-m", "app.commands", *HEADLESS]


def rows(folder: Path) -> list[dict[str, Any]]:
    """What the session under `folder` has logged so far, whole lines only."""
    text = "".join(path.read_text("utf-8") for path in folder.glob("*/events.jsonl"))
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def ticks(folder: Path) -> int:
    return sum(row["kind"] == "tick" for row in rows(folder))


@contextmanager
def session(out: Any, folder: Path, *words: str, before: tuple[str, ...] = ()) -> Iterator[Any]:
    """A session whose lines go to `out`, in a process group of its own."""
    process = subprocess.Popen(
        [*before, *COMMAND, "--minutes", "5", "--out", str(folder), *words],
        cwd=ROOT,
        stdin=out,
        stdout=out,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def ended_well(folder: Path) -> bool:
    """Whether the session was stopped as asked, with its sound, its records and its report."""
    (manifest,) = folder.glob("*/session.json")
    return (
        [row["asked"] for row in rows(folder) if row["kind"] == "stop"] == [True]
        and "engine_lost" not in [row.get("event") for row in rows(folder)]
        and json.loads(manifest.read_text("utf-8"))["clean"] is True
        and bool(list(folder.glob("*/report.html")))
    )


def test_a_full_pipe_stops_no_tick_and_sighup_ends_the_session_well(tmp_path):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)  # full: whoever writes waits for ever
    with session(writer, tmp_path, "--source", "none") as process:
        until(lambda: ticks(tmp_path) >= 4, seconds=60)
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0
    os.close(writer)
    os.close(reader)
    assert ended_well(tmp_path)


def test_a_full_device_stops_no_tick_and_sigterm_to_the_group_ends_the_session_well(tmp_path):
    with (
        open("/dev/full", "r+b", buffering=0) as full,
        session(full, tmp_path, "--source", "synthetic") as process,
    ):
        until(lambda: ticks(tmp_path) >= 3, seconds=60)
        os.killpg(process.pid, signal.SIGTERM)  # engine, decoders and board get it too
        assert process.wait(30) == 0
    assert ended_well(tmp_path)
    states = [row["state"] for row in rows(tmp_path) if row["kind"] == "device"]
    assert "lost" not in states


def test_a_terminal_that_is_closed_ends_the_session_with_its_records(tmp_path):
    ours, theirs = pty.openpty()
    with session(theirs, tmp_path, "--source", "none", before=("setsid", "--ctty", "--wait")):
        os.close(theirs)
        until(lambda: ticks(tmp_path) >= 2, seconds=60)
        os.close(ours)  # the system sends SIGHUP, and nothing can be printed any more
        until(lambda: list(tmp_path.glob("*/report.html")), seconds=30)
    assert ended_well(tmp_path)


def test_a_terminal_that_went_without_a_word_stops_no_tick(tmp_path):
    ours, theirs = pty.openpty()
    with session(theirs, tmp_path, "--source", "none") as process:
        os.close(theirs)
        until(lambda: ticks(tmp_path) >= 1, seconds=60)
        os.close(ours)  # it is not the program's own: no signal, only errors
        n = ticks(tmp_path)
        until(lambda: ticks(tmp_path) >= n + 2, seconds=30)
        process.terminate()
        assert process.wait(30) == 0
    assert ended_well(tmp_path)


@pytest.mark.parametrize(
    "env",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
)
def test_a_narrow_code_page_costs_characters_and_not_the_session(tmp_path, env):
    words = ["--source", "simulated", "--seed", "1", "--minutes", "0.1", "--out", str(tmp_path)]
    done = subprocess.run(
        [*COMMAND, *words], cwd=ROOT, capture_output=True, env={**os.environ, **env}, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode("ascii").splitlines()
    assert len([line for line in lines if "enjoyment" in line and " ? " in line]) == 6
    assert lines[-1].startswith("Report:")


def test_a_pipe_whose_reader_left_stops_no_tick(tmp_path):
    reader, writer = os.pipe()
    words = ["--source", "simulated", "--seed", "1", "--minutes", "0.5", "--out", str(tmp_path)]
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, *words], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert ticks(tmp_path) == 30


def test_control_characters_of_titles_never_reach_the_terminal(tmp_path, wild_music):
    words = ["--source", "simulated", "--seed", "1", "--minutes", "0.1", "--playlist", wild_music]
    done = subprocess.run(
        [*COMMAND, *words, "--out", str(tmp_path)], cwd=ROOT, capture_output=True, check=False
    )
    text = done.stdout.decode("utf-8")
    assert done.returncode == 0, done.stderr
    assert "Slow [2J River" in text
    assert all(line.isprintable() for line in text.splitlines())
    (page,) = tmp_path.glob("*/report.html")
    assert "Slow [2J River" in page.read_text("utf-8")
    (xdf,) = tmp_path.glob("*/recording.xdf")
    assert b"\x1b[2J" not in xdf.read_bytes()


@pytest.fixture
def wild_music(tmp_path_factory) -> str:
    """A folder with one track whose name is written to move a terminal's cursor."""
    import numpy as np
    import soundfile

    folder = tmp_path_factory.mktemp("wild")
    sound = 0.1 * np.random.default_rng(0).standard_normal((12 * 8000, 1))
    soundfile.write(folder / "Slow\x1b[2J\u202e River\x9b.wav", sound, 8000)
    return str(folder)
