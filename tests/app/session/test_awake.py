"""The computer stays awake while a session runs, and sleeps again whatever becomes of it."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from app.session.awake import Awake, _program
from app.session.plan import Plan
from app.session.session import Session
from tests.doubles.program import until


@pytest.fixture
def inhibitor(tmp_path: Path) -> Path:
    """A program that writes down what it was told, runs what it was given, and says that it ends.

    Like the real one it stays until that has ended.
    """
    path = tmp_path / "systemd-inhibit"
    path.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/told\ntrap "echo over > {tmp_path}/over; exit" TERM\n'
        f'for last; do :; done\n"$last" > /dev/null\necho over > {tmp_path}/over\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for the program")
def test_on_linux_a_child_holds_it_awake_and_ends_with_us(inhibitor: Path) -> None:
    ways = {"systemd-inhibit": str(inhibitor), "cat": "/bin/cat"}
    awake = Awake(platform="linux", which=ways.get)
    awake.start()
    told = inhibitor.parent / "told"
    until(lambda: told.exists() and "--what=idle:sleep" in told.read_text(), seconds=20)
    assert not (inhibitor.parent / "over").exists()
    awake.stop()
    until(lambda: (inhibitor.parent / "over").exists(), seconds=20)


def test_on_macos_the_systems_own_program_watches_this_process() -> None:
    words = _program("darwin", {"caffeinate": "/usr/bin/caffeinate"}.get)
    assert words == ("/usr/bin/caffeinate", "-i", "-w", str(os.getpid()))


def test_on_windows_one_thread_asks_and_takes_it_back() -> None:
    asked: list[tuple[int, str]] = []

    def state(flags: int) -> int:
        asked.append((flags, threading.current_thread().name))
        return 1

    awake = Awake(platform="win32", execution_state=state)
    awake.start()
    until(lambda: len(asked) == 1, seconds=20)
    awake.stop()
    until(lambda: len(asked) == 2, seconds=20)
    assert asked == [(0x80000001, "keep awake"), (0x80000000, "keep awake")]


@pytest.mark.parametrize("platform", ["linux", "darwin", "freebsd14"])
def test_where_there_is_no_way_only_the_log_says_so(
    platform: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "app.session.awake"):
        Awake(platform=platform, which=lambda name: None).start()
        until(lambda: caplog.text, seconds=20)
    assert "the computer may fall asleep" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for the program")
def test_a_program_that_is_not_let_is_said_in_the_log_and_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "systemd-inhibit"
    path.write_text("#!/bin/sh\necho Access denied >&2\nexit 1\n")
    path.chmod(0o700)
    ways = {"systemd-inhibit": str(path), "cat": "/bin/cat"}
    awake = Awake(platform="linux", which=ways.get)
    with caplog.at_level(logging.INFO, "app.session.awake"):
        awake.start()
        until(lambda: caplog.text, seconds=20)
    awake.stop()
    assert "Access denied" in caplog.text


def test_a_session_holds_it_while_it_runs_in_real_time_alone(
    tmp_path: Path, starter_measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(Awake, "start", lambda self: calls.append("start"))
    monkeypatch.setattr(Awake, "stop", lambda self: calls.append("stop"))
    Session(Plan(source="simulated", minutes=0.1, record=False, cache=starter_measured)).run()
    assert calls == []
    plan = Plan(source="none", output="null", out=tmp_path, minutes=0.05, cache=starter_measured)
    Session(plan).run()
    assert calls == ["start", "stop"]


def test_neither_start_nor_stop_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = threading.Event()

    def which(name: str) -> str | None:
        hanging.wait(30)
        return None

    awake = Awake(platform="linux", which=which)
    began = time.monotonic()
    awake.start()
    awake.stop()
    assert time.monotonic() - began < 20  # what hangs for 30 s was not waited for
    hanging.set()
