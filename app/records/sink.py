"""The one place where what is recorded of a person reaches the disk.

Everything goes through `AppendFile` or `replace_file`, so that it can be encrypted here.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have no fdatasync


class AppendFile:
    """A new file that only grows, by whole pieces."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, _FLAGS, 0o600)
        self._size = 0

    def append(self, data: bytes) -> None:
        """Hand all of `data` to the system, or leave the file as it was.

        There is no buffer of our own: what was appended survives the death of this process.

        Raises
        ------
        OSError
            The disk is full, read-only or gone.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            os.ftruncate(self._fd, self._size)
            os.lseek(self._fd, self._size, os.SEEK_SET)
            raise
        self._size += len(data)

    def sync(self) -> None:
        """Bring all of it to the disk; `OSError` also when the file was removed meanwhile."""
        _sync_data(self._fd)
        if not os.path.samestat(os.fstat(self._fd), os.stat(self._path)):
            raise FileNotFoundError(errno.ENOENT, "replaced by another file", str(self._path))

    def close(self) -> None:
        """Release the file; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step: a reader sees the old content or the new, never half.

    Raises
    ------
    OSError
        The old content is then still there.
    """
    fresh = path.with_name(path.name + ".new")
    try:
        with open(fresh, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a directory cannot be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
