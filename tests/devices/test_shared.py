from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from devices.shared import SharedBlock, sweep
from dsp.checks import DeviceError
from tests.doubles.program import ROOT, segments

FIELDS = {"a": ("float64", (3, 2)), "n": ("int64", (1,)), "b": ("uint8", (5,))}


def _double(name: str) -> None:
    block = SharedBlock.attach(name)
    block.arrays["a"][:] *= 2.0
    block.arrays["n"][0] += 1
    block.close()


def test_another_process_sees_and_changes_the_same_arrays() -> None:
    block = SharedBlock.create(FIELDS)
    block.arrays["a"][:] = np.arange(6).reshape(3, 2)
    child = multiprocessing.get_context("spawn").Process(target=_double, args=(block.name,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    np.testing.assert_array_equal(block.arrays["a"], 2.0 * np.arange(6).reshape(3, 2))
    assert block.arrays["n"][0] == 1
    block.close()
    child.close()


def test_it_is_gone_when_its_creator_lets_go() -> None:
    block = SharedBlock.create(FIELDS)
    name = block.name
    block.close()
    block.close()
    with pytest.raises(DeviceError, match="gone"):
        SharedBlock.attach(name)


def test_local_arrays_have_the_same_shape_and_no_name() -> None:
    block = SharedBlock.local(FIELDS)
    assert {name: array.shape for name, array in block.arrays.items()} == {
        "a": (3, 2),
        "n": (1,),
        "b": (5,),
    }
    assert block.name == ""
    block.close()


# --- what the dead leave, and where there is too little -------------------------------------------

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="segments are no files")

_MAKES = """
import sys, time
from devices.shared import SharedBlock
block = SharedBlock.create({"a": ("float64", (1000,))})
print(block.name, flush=True)
time.sleep(60)
"""


def _python(code: str, *before: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def _exists(name: str) -> bool:
    return Path("/dev/shm", name).exists()


@linux
def test_what_a_killed_program_left_is_swept_and_a_running_one_is_spared() -> None:
    with _python(_MAKES) as dead, _python(_MAKES) as running:
        assert dead.stdout is not None
        assert running.stdout is not None
        left, held = dead.stdout.readline().strip(), running.stdout.readline().strip()
        os.killpg(dead.pid, signal.SIGKILL)  # with Python's own helper, which would remove it
        dead.wait()
        assert _exists(left)
        block = SharedBlock.create(FIELDS)
        assert not _exists(left)
        assert _exists(held)
        assert _exists(block.name)
        block.close()
        os.killpg(running.pid, signal.SIGKILL)
    sweep()
    assert not _exists(held)


@linux
@pytest.mark.parametrize(
    ("changed", "swept"),
    [
        ("start", True),  # the id was given to a process that started later
        ("namespace", False),  # a container that shares our /dev/shm: its ids mean nothing here
        ("owner", False),
        ("nothing", False),
    ],
)
def test_only_what_certainly_nobody_holds_is_swept(
    changed: str, swept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = SharedBlock.create(FIELDS)
    _, space, pid, start, _ = block.name.split("-")
    if changed == "start":
        start = f"{int(start, 16) - 1:x}"
    elif changed == "namespace":
        space, pid = f"{int(space, 16) + 1:x}", "3fffff"
    elif changed == "owner":
        pid = "3fffff"
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    path = Path("/dev/shm", f"attune-{space}-{pid}-{start}-ffff")
    path.write_bytes(b"")
    try:
        sweep()
        assert path.exists() is not swept
    finally:
        path.unlink(missing_ok=True)
        block.close()


def test_memory_that_cannot_be_had_is_a_sentence_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = segments(os.getpid())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(DeviceError, match=r"0\.0 MB .*No space left.* close other programs"):
        SharedBlock.create(FIELDS)
    assert segments(os.getpid()) == before


_TOO_MUCH = """
from devices.shared import SharedBlock
block = SharedBlock.create({"a": ("float64", (100_000,))})
try:
    SharedBlock.create({"a": ("float64", (100_000,))})
finally:
    block.arrays["a"][:] = 1.0
    block.close()
"""


@linux
def test_a_small_dev_shm_is_a_sentence_and_kills_nobody() -> None:
    small = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"'
    space = ("unshare", "--map-root-user", "--mount", "sh", "-c")
    if subprocess.run([*space, small, "sh", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace of our own may be made here")
    with _python(_TOO_MUCH, *space, small, "sh") as program:
        _, said = program.communicate(timeout=30)
    assert program.returncode == 1
    assert "DeviceError: no shared memory of 0.8 MB could be had" in said.splitlines()[-1]
