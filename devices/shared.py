"""Named arrays in one piece of shared memory: what rings, tables and parameters are made of.

On Linux a segment is a file in /dev/shm, and its name says whose it is: namespace, id and start
time of the process that made it. So whoever makes the next one sweeps what the dead have left,
and spares the living. Elsewhere there is nothing to look through, and what a killed program leaves
is up to the system (Windows removes it, macOS keeps it until it restarts).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Mapping
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from devices.children import deaf_children
from dsp.checks import DeviceError

#: name -> (dtype string, shape)
Fields = Mapping[str, tuple[str, tuple[int, ...]]]

_HEADER = 4096  # bytes; the layout as JSON, so that attaching needs the name alone

_FOLDER, _PROC = Path("/dev/shm"), Path("/proc")
_NAME = re.compile("attune-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-[0-9a-f]+")
_count = itertools.count()


def _started(pid: int) -> int | None:
    """When process `pid` started, in the kernel's own ticks; None if it does not run (any more)."""
    try:
        words = (_PROC / str(pid) / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if words[0] in "ZX" else int(words[19])


def _namespace() -> int:
    """Which processes share our ids; 0 where segments are no files.

    A container may share /dev/shm and number its processes anew: its ids mean nothing to us.
    """
    try:
        return (_PROC / "self/ns/pid").stat().st_ino if _FOLDER.is_dir() else 0
    except OSError:
        return 0


def _new_name() -> str | None:
    """Return a name that says whose it is, or None for one of Python's choice."""
    space, pid = _namespace(), os.getpid()
    return f"attune-{space:x}-{pid:x}-{_started(pid) or 0:x}-{next(_count):x}" if space else None


def sweep() -> None:
    """Remove what our programs that have ended left in shared memory; other users' stays."""
    space = _namespace()
    for path in _FOLDER.glob("attune-*") if space else ():
        named = _NAME.fullmatch(path.name)
        if named is None:
            continue
        there, pid, started = (int(word, 16) for word in named.groups())
        with contextlib.suppress(FileNotFoundError):  # another program of ours sweeps as well
            ours = there == space and path.stat().st_uid == os.geteuid()
            if ours and _started(pid) != started:
                path.unlink()


def _reserve(memory: shared_memory.SharedMemory, size: int) -> None:
    """Take the memory now: without this a full /dev/shm kills whoever first writes to the rest."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(memory._fd, 0, size)  # type: ignore[attr-defined]


class SharedBlock:
    """A set of numpy arrays at fixed offsets in one shared-memory segment.

    The creator owns the segment and unlinks it; whoever attaches only closes. Aligned 8-byte
    stores are atomic on the machines we run on, so a counter written after its data is enough
    for one writer and many readers.
    """

    def __init__(
        self,
        arrays: dict[str, npt.NDArray[Any]],
        memory: shared_memory.SharedMemory | None,
        *,
        owner: bool,
    ) -> None:
        self.arrays = arrays
        self._memory = memory
        self._owner = owner

    @classmethod
    def local(cls, fields: Fields) -> SharedBlock:
        """Make the same arrays in this process only (simulation on a virtual clock)."""
        return cls(
            {n: np.zeros(shape, dtype) for n, (dtype, shape) in fields.items()}, None, owner=False
        )

    @classmethod
    def _over(cls, memory: shared_memory.SharedMemory, *, owner: bool) -> SharedBlock:
        assert memory.buf is not None
        layout = json.loads(bytes(memory.buf[:_HEADER]).rstrip(b"\0"))
        arrays: dict[str, npt.NDArray[Any]] = {
            name: np.ndarray(tuple(shape), dtype=dtype, buffer=memory.buf, offset=offset)
            for name, (dtype, shape, offset) in layout.items()
        }
        return cls(arrays, memory, owner=owner)

    @classmethod
    def create(cls, fields: Fields) -> SharedBlock:
        """Make a zeroed segment with `fields`, after a sweep of those nobody holds any more.

        Raises
        ------
        DeviceError
            If there is not enough shared memory for all of it.
        """
        sweep()
        layout: dict[str, tuple[str, list[int], int]] = {}
        offset = _HEADER
        for name, (dtype, shape) in fields.items():
            layout[name] = (dtype, list(shape), offset)
            size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            offset += -(-size // 64) * 64
        header = json.dumps(layout).encode()
        if len(header) > _HEADER:
            raise DeviceError(f"a shared block with {len(fields)} fields does not fit its header.")
        memory = None
        try:
            with deaf_children():
                memory = shared_memory.SharedMemory(_new_name(), create=True, size=offset)
            _reserve(memory, offset)
        except OSError as error:
            if memory is not None:
                memory.close()
                memory.unlink()
            raise DeviceError(
                f"no shared memory of {offset / 1e6:.1f} MB could be had ({error}); close other "
                "programs, or give the system more of it (on Linux that is /dev/shm)."
            ) from error
        assert memory.buf is not None
        memory.buf[:_HEADER] = header.ljust(_HEADER, b"\0")
        return cls._over(memory, owner=True)

    @classmethod
    def attach(cls, name: str) -> SharedBlock:
        """Open the segment `name` made by another process."""
        # Before Python 3.13 attaching registers the segment too, and the tracker of the first
        # process to end would unlink it under the others; only the creator keeps it registered.
        # Children started by multiprocessing share the creator's tracker, where registering
        # twice is harmless and unregistering would lose the creator's own entry.
        foreign = resource_tracker._resource_tracker._fd is None  # type: ignore[attr-defined]
        try:
            memory = shared_memory.SharedMemory(name=name)
        except OSError as error:
            raise DeviceError(f"shared memory {name!r} is gone: its owner has ended.") from error
        if foreign:
            resource_tracker.unregister(memory._name, "shared_memory")  # type: ignore[attr-defined]
        return cls._over(memory, owner=False)

    @property
    def name(self) -> str:
        """Name by which another process attaches; empty for local arrays."""
        return self._memory.name if self._memory else ""

    def close(self) -> None:
        """Let go of the memory; the creator also removes it. Safe to call twice."""
        self.arrays.clear()
        if self._memory is None:
            return
        try:
            self._memory.close()
        except BufferError:
            # A view handed out earlier is still alive; the mapping goes with the process.
            self._memory._buf = self._memory._mmap = None  # type: ignore[attr-defined]
        if self._owner:
            self._owner = False
            self._memory.unlink()


class SharedTable:
    """Arrays of one kind in shared memory: made by one process, opened by name by the others."""

    FIELDS: ClassVar[Fields]

    def __init__(self, block: SharedBlock) -> None:
        self._block = block

    @classmethod
    def create(cls, *, local: bool = False) -> Self:
        """Make an empty one; `local` for use inside this process only."""
        return cls(SharedBlock.local(cls.FIELDS) if local else SharedBlock.create(cls.FIELDS))

    @classmethod
    def attach(cls, name: str) -> Self:
        """Open one that another process made."""
        return cls(SharedBlock.attach(name))

    @property
    def name(self) -> str:
        """Name for `attach`."""
        return self._block.name

    def close(self) -> None:
        """Let go; the process that made it removes it."""
        self._block.close()
