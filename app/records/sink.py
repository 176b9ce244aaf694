"""The one place where what is recorded of a person reaches the disk.

Everything goes through `AppendFile` or `replace_file`, and is encrypted here where it is of a
client (`app.records.sealed`). Only the user may read it, and no link is followed: a folder that
somebody else made cannot have a file outside it written over.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

from app.records.sealed import Seal

# O_EXCL refuses whatever stands there already, a link too, wherever it leads.
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
RESERVE = 1 << 20  #: bytes kept free for the end of a session: its manifest and its report
_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have no fdatasync


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


class DataFile(Protocol):
    """What the writer needs of a file; `AppendFile` is the real one."""

    def append(self, data: bytes) -> None:
        """Write all of `data` or raise `OSError`."""
        ...

    def sync(self) -> None:
        """Bring it to the disk or raise `OSError`."""
        ...

    def finish(self) -> None:
        """Say that nothing follows, or raise `OSError`."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class AppendFile:
    """A new file that only grows, by whole pieces; encrypted under a `seal`.

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self, path: Path, seal: Seal | None = None) -> None:
        self._path, self._seal = path, seal
        self._fd = os.open(path, _FLAGS, 0o600)
        self._size = self._pieces = 0
        if seal is not None:
            self._add(seal.head)

    def append(self, data: bytes) -> None:
        """Hand all of `data` to the system, or leave the file as it was.

        There is no buffer of our own: what was appended survives the death of this process.

        Raises
        ------
        OSError
            The disk is full, read-only or gone.
        """
        if self._seal is not None:
            data = self._seal.piece(self._path.name, self._pieces, data)
        self._add(data)
        self._pieces += 1

    def finish(self) -> None:
        """Say that nothing follows, so that a cut file can be told from a whole one."""
        if self._seal is not None:
            self._add(self._seal.piece(self._path.name, self._pieces, b"", closing=True))

    def _add(self, data: bytes) -> None:
        try:
            _write_all(self._fd, data)
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


def replace_file(path: Path, data: bytes, seal: Seal | None = None) -> None:
    """Put `data` at `path` in one step: a reader sees the old content or the new, never half.

    Under a `seal` it is encrypted before it reaches the disk. What stands at `path` is replaced; a
    link there goes, and what it leads to stays as it is.

    Raises
    ------
    OSError
        The old content is then still there.
    """
    if seal is not None:
        data = seal.whole(path.name, data)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)  # what a kill left; of a link the link itself
    try:
        with open(os.open(fresh, _FLAGS, 0o600), "wb") as file:
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


def make_folder(path: Path) -> None:
    """Make `path` and what is missing above it, for the user alone, where it is not there yet.

    Another program that is quicker is no error; `OSError` if it is a file.
    """
    if not path.parent.exists():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


class Reserve:
    """Room on the disk that is given back when it is needed: the end of a full disk is written.

    The file has no name, so that a killed program leaves nothing; where the system cannot take the
    name of an open file (Windows) nothing is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._fd = -1
        if os.name != "posix":
            return
        path = folder / "reserve"
        self._fd = os.open(path, _FLAGS, 0o600)
        path.unlink()
        try:
            _write_all(self._fd, bytes(RESERVE))
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Give the room back; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
