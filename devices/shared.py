"""Named arrays in one piece of shared memory: what rings, tables and parameters are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from multiprocessing import resource_tracker, shared_memory
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.children import deaf_children
from dsp.checks import DeviceError

#: name -> (dtype string, shape)
Fields = Mapping[str, tuple[str, tuple[int, ...]]]

_HEADER = 4096  # bytes; the layout as JSON, so that attaching needs the name alone


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
        """Make a zeroed segment with `fields`."""
        layout: dict[str, tuple[str, list[int], int]] = {}
        offset = _HEADER
        for name, (dtype, shape) in fields.items():
            layout[name] = (dtype, list(shape), offset)
            size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            offset += -(-size // 64) * 64
        header = json.dumps(layout).encode()
        if len(header) > _HEADER:
            raise DeviceError(f"a shared block with {len(fields)} fields does not fit its header.")
        try:
            with deaf_children():
                memory = shared_memory.SharedMemory(create=True, size=offset)
        except OSError as error:
            raise DeviceError(
                f"no shared memory of {offset / 1e6:.1f} MB could be had ({error}); "
                "close other programs."
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
