"""The encrypted database of the store: opened by one program at a time, brought up to date.

SQLite as SQLCipher keeps it (AES-256 page by page, each with its HMAC), opened with a raw key. Each
migration is numbered, runs once, and whole or not at all; before the first the file is copied.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.clients.keys import StoreError

DATABASE, LOCK = "clients.db", "open.lock"

#: Number n of the list makes version n + 1 of the database out of version n.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE client (
        id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, key_id BLOB NOT NULL UNIQUE,
        wrapped_key BLOB NOT NULL, made REAL NOT NULL);
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY, client INTEGER NOT NULL REFERENCES client ON DELETE CASCADE,
        at REAL NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL);
    CREATE INDEX entry_of ON entry (client, kind, id);
    CREATE TABLE session (
        id INTEGER PRIMARY KEY, client INTEGER NOT NULL REFERENCES client ON DELETE CASCADE,
        began REAL NOT NULL, ended REAL, folder TEXT NOT NULL, source TEXT NOT NULL,
        simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)), problem TEXT NOT NULL DEFAULT '');
    CREATE TRIGGER simulated_for_good BEFORE UPDATE OF simulated ON session
        BEGIN SELECT RAISE(ABORT, 'what a session was stays'); END;
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL,
        what TEXT NOT NULL, client TEXT NOT NULL, detail TEXT NOT NULL,
        previous TEXT NOT NULL, hash TEXT NOT NULL);
    CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
    """,
    # What was learnt of a client: one opaque sealed value, beside the rows it came of.
    "ALTER TABLE client ADD COLUMN listener BLOB;",
)
#: What SQLite calls it where the system takes no change, or opens no file.
_NO_ROOM = ("SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")
_NO_SQLCIPHER = (
    "The store of clients needs the package sqlcipher3, and it cannot be loaded here ({}): this "
    "Python or system has no build of it. Sessions without --client work."
)


def damaged(path: Path, error: object) -> StoreError:
    """Return what is said of a database that cannot be read."""
    return StoreError(
        f"The store of clients in {path.parent} is damaged ({error}). Leave its files as they are, "
        "and bring it back with attune client restore FILE from the newest backup; sessions "
        "without --client work."
    )


def unwritable(error: object) -> StoreError:
    """Return what is said where the system does not take a change, or opens no file."""
    return StoreError(
        f"The store of clients cannot be written ({error}); nothing of this change was kept, and "
        "what was there before is safe: free some space, or see to it that this user may write "
        "there, and try again."
    )


def sqlcipher() -> Any:
    """Return the DB-API of SQLCipher.

    Raises
    ------
    StoreError
        This machine has none.
    """
    try:
        from sqlcipher3 import dbapi2
    except ImportError as error:
        raise StoreError(_NO_SQLCIPHER.format(str(error).partition("\n")[0])) from error
    return dbapi2


def connect(path: Path, key: bytes, *, migrations: Sequence[str] = MIGRATIONS) -> Any:
    """Open the database, made if it is not there, and bring it up to date.

    Parameters
    ----------
    path : Path
    key : bytes
        32 bytes.
    migrations : sequence of str
        SQL, in order.

    Raises
    ------
    StoreError
        It is damaged, of a newer program, or cannot be written.
    """
    dbapi, db = sqlcipher(), None
    try:
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        elif not path.stat().st_size:  # to SQLite a new one: all clients would be gone in silence
            raise damaged(path, f"{path.name} is empty")
        db = dbapi.connect(str(path), isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA cipher_log_level = NONE")  # what is wrong is told by what it raises
        db.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        for pragma in (
            "foreign_keys = ON",
            "secure_delete = ON",  # what is taken out is written over
            "temp_store = MEMORY",
            "journal_mode = TRUNCATE",  # a change costs half of what a new journal does
            "synchronous = FULL",  # a power cut takes back nothing that was told as done
        ):
            db.execute(f"PRAGMA {pragma}")
        _migrate(db, path, migrations)
    except BaseException as error:
        if db is not None:
            db.close()
        if isinstance(error, OSError) or getattr(error, "sqlite_errorname", "") in _NO_ROOM:
            raise unwritable(error) from error
        if isinstance(error, dbapi.DatabaseError):
            raise damaged(path, error) from error
        raise
    return db


def check(db: Any) -> None:
    """Look at every page, which takes 0.1 s for 10 MB: `DatabaseError` of a damaged one.

    Raises
    ------
    DatabaseError
        Of the DB-API.
    """
    wrong = db.execute("PRAGMA cipher_integrity_check").fetchall()
    wrong = wrong or [row for row in db.execute("PRAGMA quick_check") if row[0] != "ok"]
    if wrong:
        raise sqlcipher().DatabaseError(wrong[0][0])


def _migrate(db: Any, path: Path, migrations: Sequence[str]) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise StoreError(
            f"The store of clients in {path.parent} has version {version}, this program reads up "
            f"to {len(migrations)}; open it with a newer one. Nothing was changed."
        )
    if 0 < version < len(migrations):
        shutil.copyfile(path, path.with_name(f"{path.name}.version-{version}"))
        path.with_name(f"{path.name}.version-{version}").chmod(0o600)
    for number, sql in enumerate(migrations[version:], start=version + 1):
        with changing(db):
            for statement in _statements(sql):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")


def _statements(sql: str) -> Iterator[str]:
    """Split a script: `executescript` would end the transaction that holds it together."""
    rest = ""
    for part in sql.split(";"):
        rest += part + ";"
        if "TRIGGER" in rest and "END" not in rest:
            continue
        if rest.strip(" ;\n"):
            yield rest
        rest = ""


@contextlib.contextmanager
def changing(db: Any) -> Iterator[None]:
    """One change: all that is done within happens, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlcipher().Error):  # a full disk may have done it already
            db.execute("ROLLBACK")
        raise


class OpenLock:
    """Held by the one program that has a store open; the system lets go of it when that dies.

    Raises
    ------
    StoreError
        Another program holds it.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            self._fd = os.open(folder / LOCK, flags, 0o600)
        except OSError as error:
            raise StoreError(
                f"The store of clients in {folder} cannot be written ({error.strerror}); see to "
                "it that this user may write there."
            ) from error
        try:
            _lock(self._fd)
        except OSError as error:
            os.close(self._fd)
            self._fd = -1
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise StoreError(
                    f"The store of clients in {folder} cannot be locked ({error.strerror}); it "
                    "must stand on a disk of this computer."
                ) from error
            raise StoreInUse(
                f"The store of clients in {folder} is open in another Attune; close that one, or "
                "wait until its session has ended."
            ) from error

    def release(self) -> None:
        """Let another program open the store; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class StoreInUse(StoreError):
    """Another program has the store open."""


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
