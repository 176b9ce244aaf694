"""What goes wrong in the middle of a session: a sentence, and it goes on or ends well."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.player.player import Player
from app.records.reader import SessionReader
from app.session import session as session_module
from app.session.plan import Plan
from app.session.session import Session
from dsp.checks import RecordError
from playlists.files import STARTER_DIR
from tests.doubles.eeg_fakes import Sender
from tests.doubles.program import HEADLESS, ROOT, Program, children, until

pytestmark = pytest.mark.usefixtures("starter_measured")
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


def logged(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [row for row in SessionReader(folder).events() if row["kind"] == kind]


def test_a_sender_that_dies_costs_the_eeg_and_not_the_session(tmp_path):
    sender = Sender("volts")
    words = ["--source", f"lsl:{sender.name}", "--minutes", "0.12", "--out", str(tmp_path)]
    with Program(*HEADLESS, *words) as program:
        program.says(r"0:0[2-9]  EEG streaming")
        sender.kill()
        program.says(f"sender of the LSL stream '{sender.name}' has ended; the music plays on")
        program.says(r"0:(0[6-9]|1\d)  EEG lost .* cannot tell")
        assert program.ends() == 0
    folder = program.path("Session")
    assert program.path("Report").is_file()
    assert "lost" in [row["state"] for row in logged(folder, "device")]
    acted = [row["decision"]["kind"] for row in logged(folder, "decision")]
    assert set(acted) <= {"hold"}
    assert logged(folder, "tick")[-1]["enjoyment"]["usable"] is False


@posix
def test_a_board_process_that_is_killed_costs_a_hole_in_the_eeg_and_not_the_session(
    tmp_path, starter_measured
):
    plan = Plan(source="synthetic", minutes=1, out=tmp_path, output="null", cache=starter_measured)
    session, ticks = Session(plan), []
    session.watch(ticks.append)
    session.start()
    try:
        until(lambda: len(ticks) >= 2)
        os.kill(session.running.rig._feed._acquisition.pid, signal.SIGKILL)
        until(lambda: session.snapshot().source_state == "lost")
        n = len(ticks)
        until(lambda: session.snapshot().source_state == "streaming")
        until(lambda: len(ticks) >= n + 2)
        assert ticks[-1].position > ticks[n - 1].position
    finally:
        session.close()
    shot = session.snapshot()
    said = " ".join(str(row["text"]) for row in logged(session.folder, "device"))
    assert "ended unexpectedly; it is started again. The music plays on." in said
    assert "sends again." in said
    assert "s of EEG were lost; they are marked." in said
    assert not session.failed
    assert shot.report is not None
    assert SessionReader(session.folder).manifest["clean"] is True
    assert all(row["decision"]["kind"] == "hold" for row in logged(session.folder, "decision"))


@linux
def test_a_sound_engine_that_is_killed_ends_the_session_with_a_sentence(tmp_path):
    words = ["--source", "none", "--minutes", "5", "--out", str(tmp_path)]
    with Program(*HEADLESS, *words) as program:
        program.says(r"0:0[2-9]  EEG")
        os.kill(children(program.process.pid)[-1], signal.SIGKILL)  # the engine is started last
        assert program.ends(seconds=5) == 2
    assert len(program.found("sound engine stopped unexpectedly; what happened until then")) == 1
    assert program.path("Report").is_file()
    folder = program.path("Session")
    assert [row["event"] for row in logged(folder, "player")][-1] == "engine_lost"
    assert SessionReader(folder).manifest["clean"] is True


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 120 kB, and what is kept free for the end of a session."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1144k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small file system can only be mounted by root on Linux")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_up_costs_the_records_and_not_the_session(small_disk):
    words = ["--source", "brainflow:synthetic", "--minutes", "0.15", "--out", str(small_disk)]
    with Program(*HEADLESS, *words) as program:
        assert program.ends() == 0
    said, again = program.found("Nothing more is recorded")
    assert program.lines.index(again, program.lines.index(said) + 1) >= len(program.lines) - 3
    assert said == again
    assert said.endswith("the disk is full; free some space before the next session.")
    assert "the disk is full" in program.path("Report").read_text(encoding="utf-8")
    assert said == SessionReader(program.path("Session")).manifest["problem"]
    after = "\n".join(program.lines[program.lines.index(said) :])
    assert len(re.findall(r"EEG streaming  Copper Lanterns 0:0\d", after)) >= 2


@pytest.fixture
def locked_folder(tmp_path) -> Iterator[Path]:
    """A folder in which nothing can be made."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    mounted = False
    if os.name != "posix":
        pytest.skip("permissions of folders are POSIX")
    if os.geteuid() == 0:  # whom permissions do not stop
        command = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)]
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        if not mounted:
            pytest.skip("root may write everywhere, and this machine mounts nothing read-only")
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.chmod(0o700)


def test_a_folder_that_cannot_be_written_is_refused(locked_folder):
    words = ["--source", "none", "--minutes", "1", "--out", str(locked_folder)]
    with Program(*HEADLESS, *words) as program:
        assert program.ends() == 2
    (said,) = program.lines
    assert said.startswith("attune: ")
    assert str(locked_folder) in said
    assert "choose another one" in said


def test_where_nothing_can_be_recorded_nothing_sounds(tmp_path, monkeypatch):
    sounds = []
    monkeypatch.setattr(session_module, "first_sound", lambda *_: sounds.append("first"))
    (tmp_path / "file").touch()
    session = Session(Plan(source="simulated", minutes=1, out=tmp_path / "file" / "sessions"))
    with pytest.raises(RecordError, match=r"No session can be recorded in .* choose another one\."):
        session.start()
    assert not sounds


@posix
def test_ctrl_c_ends_a_session_at_once_with_its_folder_and_report(tmp_path):
    words = ["--source", "synthetic", "--minutes", "5", "--out", str(tmp_path)]
    with Program(*HEADLESS, *words) as program:
        program.says(r"0:0[3-9]  EEG")
        program.interrupt()
        assert program.ends(seconds=3) == 0
    assert program.path("Report").is_file()
    assert program.path("Report").parent == program.path("Session")
    assert logged(program.path("Session"), "stop")[-1]["asked"] is True


@posix
def test_ctrl_c_behind_an_ampersand_is_for_somebody_else(tmp_path):
    """A shell has the jobs in its background ignore it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        words = ["--source", "none", "--minutes", "0.05", "--out", str(tmp_path)]
        with Program(*HEADLESS, *words) as program:
            program.says(r"0:0[1-9]  ")
            program.interrupt()
            assert program.ends() == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert logged(program.path("Session"), "stop")[-1]["asked"] is False


def has_run(pid: int) -> float:
    """Seconds of a processor that a process has had (Linux)."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@linux
@pytest.mark.parametrize("after", [0.1, 0.3, 0.6])
def test_ctrl_c_while_starting_says_one_word_and_leaves_nothing(tmp_path, after):
    """After so much of its own work: on a busy machine Python itself takes 0.1 s to come up."""
    with Program(*HEADLESS, "--minutes", "5", "--out", str(tmp_path), group=True) as program:
        until(lambda: has_run(program.process.pid) >= after)
        os.killpg(program.process.pid, signal.SIGINT)  # as a terminal does: children get it too
        status = program.ends(seconds=5)  # which also looks for tracebacks
    if program.found("^Session:"):  # it had begun already
        assert status == 0
        assert program.path("Report").is_file()
    else:
        assert program.lines == ["attune: stopped."]
        assert status == 2
        assert list(tmp_path.iterdir()) == []


@pytest.fixture
def own_server(sound_server, tmp_path, monkeypatch) -> Iterator[int]:
    """A sound server of this test alone; yields its process."""
    script = ROOT / ".ci" / "sound.sh"
    folder = Path(tempfile.mkdtemp(prefix="own"))  # short: the path of a socket is
    told = subprocess.run(
        ["bash", str(script), "start", str(folder)],
        stdout=subprocess.PIPE, text=True, timeout=30, check=True,
    ).stdout  # fmt: skip
    for word in told.removeprefix("export ").split():
        name, _, value = word.partition("=")
        monkeypatch.setenv(name, value.strip("'"))
    yield int((folder / "pid").read_text())
    subprocess.run(["bash", str(script), "stop", str(folder)], check=True)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.sound
def test_a_sound_server_that_dies_costs_the_sound_and_not_the_session(own_server, tmp_path):
    words = ["run", "--headless", "--source", "none", "--minutes", "2", "--output", "device"]
    with Program(*words, "--out", str(tmp_path)) as program:
        program.says("EEG none .* 0:0[2-9] ")
        os.kill(own_server, signal.SIGKILL)
        program.says("sound device .*", seconds=8)
        program.goes_on(ticks=4)
        program.interrupt()
        assert program.ends() == 0
    assert program.path("Report").is_file()
    ticks = logged(program.path("Session"), "tick")
    positions = [row["position_s"] for row in ticks if row["track"] >= 0]
    steps = [b - a for a, b in pairwise(positions)]
    assert min(steps) >= 0.0  # never from the start again
    assert positions[-1] > positions[2] + 3.0
    assert "output_lost" in [row["event"] for row in logged(program.path("Session"), "player")]


@pytest.mark.sound
def test_music_goes_on_from_where_the_sound_server_died(own_server, measured):
    track = measured(sorted(STARTER_DIR.glob("*.ogg"))[0])
    player = Player(output="device")
    player.start()
    try:
        player.play(0, track)
        until(lambda: player.heard() is not None and player.status().position > 1.0)
        at = player.status().position
        os.kill(own_server, signal.SIGKILL)
        until(lambda: player.heard() is not None and player.status().is_null)
        told = player.status()
        until(lambda: player.heard() is not None and player.status().position > at + 1.0)
        assert at - 0.1 < told.position < at + 3.0
        assert told.notice.endswith(".")
    finally:
        player.close()
