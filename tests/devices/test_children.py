from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from devices.children import ENDING, deaf_children, end_with_parent, parent_gone, stay_deaf

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


def _child(pipe: Connection) -> None:
    stay_deaf()
    pipe.send("here")
    pipe.recv()
    pipe.send("still here")


def test_a_child_hears_no_ending_signal_from_its_first_instruction_on() -> None:
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    child = context.Process(target=_child, args=(theirs,))
    with deaf_children():
        child.start()
    assert child.pid is not None
    for number in ENDING:
        os.kill(child.pid, number)  # it has not even loaded Python
    assert pipe.poll(20.0)
    assert pipe.recv() == "here"
    for number in ENDING:
        os.kill(child.pid, number)
    pipe.send("go on")
    assert pipe.poll(20.0)
    assert pipe.recv() == "still here"
    child.join()
    assert child.exitcode == 0
    child.close()


def test_the_program_itself_goes_on_hearing() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with deaf_children():
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= set(ENDING)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


_PROGRAM = """
import os, signal, time
from devices.shared import SharedBlock
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda *_: None)
block = SharedBlock.create({"a": ("float64", (3,))})
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    os.killpg(0, number)
time.sleep(0.2)
block.close()
"""


def test_what_removes_shared_memory_after_us_outlives_a_signal_to_the_group() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        process_group=0,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_who_has_no_parent_of_its_own_making_has_lost_it() -> None:
    assert parent_gone()


def _at_work(pipe: Connection) -> None:
    end_with_parent()
    pipe.send(os.getpid())
    time.sleep(120.0)


def _killed(pipe: Connection) -> None:
    context = multiprocessing.get_context("spawn")
    context.Process(target=_at_work, args=(pipe,)).start()
    time.sleep(120.0)


def test_a_worker_ends_with_the_program_that_was_killed() -> None:
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    program = context.Process(target=_killed, args=(theirs,))
    program.start()
    theirs.close()
    assert pipe.poll(30.0)
    worker = pipe.recv()
    os.kill(worker, 0)  # is there
    program.kill()
    program.join()
    assert pipe.poll(10.0)  # the end of the pipe, which the worker alone still held
    with pytest.raises(EOFError):
        pipe.recv()
    program.close()
