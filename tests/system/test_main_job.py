"""The main job as a user starts it, and what is left of it when it is killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.records.reader import SessionReader
from tests.doubles.program import HEADLESS, ROOT, Program, alive, children, segments, until

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.commands", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_without_a_display_the_main_job_runs_headless_with_a_line_a_second(tmp_path):
    env = {"DISPLAY": None, "WAYLAND_DISPLAY": None, "XDG_DATA_HOME": str(tmp_path)}
    with Program(env=env) as program:
        program.says("EEG streaming")
        program.until(lambda: program.ticks() >= 5)
        program.interrupt()
        assert program.ends() == 0
    assert any("exaggerated EEG answer" in line for line in program.lines[:4])
    ticks = program.found(r"^ *\d+:\d\d  EEG ")
    form = (
        r"^ *\d+:\d\d  EEG streaming +(-|\S.* \d:\d\d) +"
        r"(cannot tell: .*|(not )?following, r [+-]\d\.\d\d \(chance \d\.\d\d\)) +"
        r"enjoyment +\d+ ± \d+  layer (off|.* -?\d+ dB)$"
    )
    assert [line for line in ticks if not re.match(form, line)] == []
    assert any("Copper Lanterns" in line for line in ticks)
    decisions = program.found("^       (hold|layer_on|layer_off|change_track|next_track): ")
    assert decisions
    assert all(line.endswith(".") for line in decisions)
    assert tmp_path in program.path("Session").parents  # where the user's data belong
    assert program.path("Report").read_text("utf-8").startswith("<!")


def test_every_line_of_a_session_in_json_is_an_object(tmp_path):
    words = ["--source", "simulated", "--seed", "5000", "--minutes", "2", "--json"]
    with Program(*HEADLESS, *words, "--out", str(tmp_path)) as program:
        assert program.ends(seconds=30) == 0
    rows = [json.loads(line) for line in program.lines]
    assert [row["kind"] for row in rows] == ["tick"] * 120 + ["end"]
    assert all(row["tracking"]["r_null95"] is not None for row in rows[60:120])
    acted = [row["decision"]["kind"] for row in rows[:120] if row["decision"]]
    assert [kind for kind in acted if kind != "hold"][:2] == ["layer_on", "change_track"]
    assert Path(rows[-1]["report"]).is_file()


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A session folder whose program was killed, after its children and memory were gone."""
    if sys.platform != "linux":
        pytest.skip("processes are looked up in /proc")
    root = tmp_path_factory.mktemp("killed")
    with Program(*HEADLESS, "--source", "synthetic", "--seed", "3", "--out", str(root)) as program:
        program.says(r"0:(0[6-9]|1\d)  EEG streaming")
        until(lambda: len(children(program.process.pid)) >= 6, seconds=5)
        ours = children(program.process.pid)
        # Only what our processes have mapped: other programs on this machine make segments too.
        held = {s for s in segments() for pid in ours if s in Path(f"/proc/{pid}/maps").read_text()}
        assert len(ours) == 6  # board, who would take its place, engine, two decoders, a tracker
        assert held
        program.send(signal.SIGKILL)
        program.process.wait(5)
        until(lambda: not any(map(alive, ours)), seconds=5)
        until(lambda: not held & segments(), seconds=10)
    (folder,) = root.iterdir()
    return folder


@linux
def test_a_killed_program_leaves_a_folder_that_reads(killed):
    reader = SessionReader(killed)
    ticks = [row for row in reader.events() if row["kind"] == "tick"]
    assert len(ticks) >= 6
    times, eeg = reader.eeg()
    assert times[-1] >= ticks[-1]["eeg_until"]
    assert eeg.shape == (times.size, 8)
    assert reader.heard().times[-1] >= ticks[-1]["heard_until"]
    assert any("not ended properly" in problem for problem in reader.problems)


@linux
def test_a_killed_session_has_a_report_that_says_so(killed):
    done = command("report", str(killed))
    assert (done.returncode, done.stderr) == (0, "")
    assert "not ended properly" in Path(done.stdout.strip()).read_text("utf-8")


@linux
def test_a_killed_session_replays_to_the_same_decisions(killed):
    done = command("replay", str(killed), "--json")
    assert done.returncode == 0, done.stderr
    logged = (killed / "events.jsonl").read_text("utf-8").splitlines()
    decisions = [line for line in logged if json.loads(line)["kind"] == "decision"]
    assert len(decisions) >= 2
    assert done.stdout.splitlines()[: len(decisions)] == decisions
    assert "not ended properly" in done.stderr
    assert done.stderr.count("\n") == 1


@linux
def test_decisions_whose_data_were_lost_are_counted_and_not_compared(killed, tmp_path):
    folder = shutil.copytree(killed, tmp_path / "cut")
    whole = (folder / "recording.xdf").read_bytes()
    os.truncate(folder / "recording.xdf", len(whole) // 3)
    done = command("replay", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    logged = (folder / "events.jsonl").read_text("utf-8").splitlines()
    decisions = [line for line in logged if json.loads(line)["kind"] == "decision"]
    compared = done.stdout.splitlines()
    assert compared == decisions[: len(compared)]
    missing = len(decisions) - len(compared)
    assert missing >= 1
    assert f"{missing} logged decisions have no data" in done.stderr


@linux
def test_a_replay_that_decides_otherwise_is_told_apart_from_a_cut(killed, tmp_path):
    folder = shutil.copytree(killed, tmp_path / "altered")
    log = (folder / "events.jsonl").read_text("utf-8")
    (folder / "events.jsonl").write_text(log.replace('"because":"', '"because":"Not: '), "utf-8")
    done = command("replay", str(folder), "--json")
    assert done.returncode == 2
    assert "another version" in done.stderr
