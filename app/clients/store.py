"""The store of clients: opened with the passphrase, locked when nobody uses it.

What is entered of a client is sealed with a key of that client, which the store's master key wraps:
without the client's row nobody can read the entries, nor the files of the sessions.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.clients import audit
from app.clients.codes import likeliest, new_code, read_code
from app.clients.database import (
    DATABASE,
    OpenLock,
    changing,
    check,
    connect,
    damaged,
    sqlcipher,
    unwritable,
)
from app.clients.destroyed import Destroyed
from app.clients.entries import Entry, Stored, as_table, from_table, newest
from app.clients.keys import (
    KeyFile,
    StoreError,
    derive,
    unwrap,
    wrap,
)
from app.clients.people import Client, SessionRow
from app.records.sealed import ID_BYTES, KEY_BYTES, RING, SealedError
from dsp.checks import InputError

IDLE_S = 600.0  #: s without use after which the store locks itself


class StoreLocked(StoreError):
    """The store is locked, and has to be unlocked with the passphrase."""


class Store:
    """The store, unlocked.

    Parameters
    ----------
    folder : Path
    secret : str
        Passphrase or recovery code.
    clock : callable
        Seconds that only grow, for the lock; a virtual one in tests.
    wall : callable
        Seconds of the wall clock.
    idle_s : float
        After so long without use it locks itself, unless a session holds it.

    Raises
    ------
    WrongPassphrase, StoreInUse, StoreError
        In one sentence; nothing is changed then.
    """

    def __init__(
        self,
        folder: Path,
        secret: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        idle_s: float = IDLE_S,
    ) -> None:
        if not folder.is_dir():
            raise StoreError(
                f"There is no store of clients in {folder} yet; attune client new makes it."
            )
        self.folder, self._clock, self._wall, self._idle_s = folder, clock, wall, idle_s
        self._mutex, self._held, self._used = threading.RLock(), 0, clock()
        self._db: Any = None
        self._master = b""
        self._lock: OpenLock | None = None
        self.unlock(secret)

    def unlock(self, secret: str) -> None:
        """Open it again after it was locked; as the constructor."""
        with self._mutex:
            lock = OpenLock(self.folder)
            try:
                master = KeyFile(self.folder, wall=self._wall).unlock(secret)
                path = self.folder / DATABASE
                if not path.exists():
                    raise damaged(path, f"{DATABASE} is missing")
                db = connect(path, derive(master, "database"))
            except BaseException:
                lock.release()
                raise
            self._lock, self._master, self._db, self._used = lock, master, db, self._clock()
            try:
                self._finish_deletions()
                self.note("opened")
            except BaseException:
                self.lock()
                raise

    def lock(self) -> None:
        """Forget the keys and close; a store that a session holds stays open. Safe twice."""
        with self._mutex:
            if self._db is None or self._held:
                return
            self._db.close()
            self._db, self._master = None, b""
            RING.lock()
            if self._lock is not None:
                self._lock.release()

    close = lock

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._held = 0
        self.lock()

    @property
    def locked(self) -> bool:
        """Whether it is locked; looking is no use, and locks a store that was left alone."""
        with self._mutex:
            if self._db is not None and self._clock() - self._used > self._idle_s:
                self.lock()
            return self._db is None

    @contextlib.contextmanager
    def held_open(self) -> Iterator[None]:
        """Keep it from locking itself: a session is running."""
        with self._mutex:
            self._open()
            self._held += 1
        try:
            yield
        finally:
            with self._mutex:
                self._held, self._used = max(0, self._held - 1), self._clock()

    # Clients

    def new_client(self) -> Client:
        """Add a client with a new code and a new key."""
        key, key_id = os.urandom(KEY_BYTES), os.urandom(ID_BYTES)
        with self._change() as db:
            code = new_code({row[0] for row in db.execute("SELECT code FROM client")})
            wrapped = wrap(self._wrapping(), key, f"client {key_id.hex()}")
            db.execute(
                "INSERT INTO client (code, key_id, wrapped_key, made) VALUES (?, ?, ?, ?)",
                (code, key_id, wrapped, self._wall()),
            )
            audit.note(db, "client made", client=key_id)
        return self.client(code)

    def clients(self) -> list[Client]:
        """Return all clients, the oldest first."""
        with self._reading() as db:
            rows = db.execute("SELECT id, code, key_id, made, wrapped_key FROM client ORDER BY id")
            return [
                Client(number, code, key_id, made, self._unwrapped(key_id, wrapped))
                for number, code, key_id, made, wrapped in rows
            ]

    def client(self, code: str) -> Client:
        """Return the client with a code, however it was typed.

        Raises
        ------
        InputError
            There is none; likely ones are named.
        """
        clients = self.clients()
        try:
            written = read_code(code)
        except InputError as error:
            raise InputError(f"{error}{_perhaps(code, clients)}") from None
        for client in clients:
            if client.code == written:
                return client
        raise InputError(
            f"There is no client {written} in this store; attune client list names all."
            f"{_perhaps(code, clients)}"
        )

    def key_of(self, key_id: bytes) -> bytes:
        """Return the key of a client by its id, and note that a session of theirs was opened.

        Raises
        ------
        SealedError
            It was destroyed, or belongs to another store.
        """
        with self._change() as db:
            row = db.execute(
                "SELECT wrapped_key FROM client WHERE key_id = ?", (key_id,)
            ).fetchone()
            if row is None:
                raise SealedError(Destroyed(self.folder).sentence(key_id))
            audit.note(db, "session opened", client=key_id)
            return self._unwrapped(key_id, row[0])

    # Entries

    def add(self, client: Client, entry: Entry) -> None:
        """Keep an entry."""
        body = json.dumps(as_table(entry), ensure_ascii=False).encode()
        with self._change() as db:
            db.execute(
                "INSERT INTO entry (client, at, kind, body) VALUES (?, ?, ?, ?)",
                (client.number, self._wall(), entry.kind, wrap(client.key, body, entry.kind)),
            )
            audit.note(db, "changed", client=client.key_id, detail=entry.kind)

    def entries(self, client: Client) -> list[Stored]:
        """Return what is kept of a client, the oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT at, kind, body FROM entry WHERE client = ? ORDER BY id", (client.number,)
            )
            return [
                Stored(at, from_table(kind, json.loads(self._content(client.key, body, kind))))
                for at, kind, body in rows
            ]

    def newest(self, client: Client, kind: type[Any]) -> Any:
        """Return the newest entry of a kind, or None."""
        return newest(self.entries(client), kind)

    # What was learnt, and sessions

    def listener(self, client: Client) -> bytes:
        """Return what was learnt of a client, as `end_session` got it; empty at first."""
        with self._reading() as db:
            sql = "SELECT listener FROM client WHERE id = ?"
            (stored,) = db.execute(sql, (client.number,)).fetchone()
            return self._content(client.key, stored, "listener") if stored else b""

    def begin_session(
        self, client: Client, *, folder: Path | None, source: str, simulated: bool
    ) -> int:
        """Note that a session has begun and return its number.

        What it is marked as stays: a session on simulated EEG is one for good.
        """
        with self._change() as db:
            number = db.execute(
                "INSERT INTO session (client, began, folder, source, simulated) "
                "VALUES (?, ?, ?, ?, ?)",
                (client.number, self._wall(), str(folder or ""), source, int(simulated)),
            ).lastrowid
            audit.note(db, "session begun", client=client.key_id)
        return int(number)

    def end_session(
        self, client: Client, number: int, *, listener: bytes | None, problem: str = ""
    ) -> None:
        """Note the end of a session and what is known of the client from now on, or neither.

        Parameters
        ----------
        client : Client
        number : int
            From `begin_session`.
        listener : bytes or None
            What was learnt; None keeps what was known before.
        problem : str
            Why not everything is recorded, or empty.
        """
        with self._change() as db:
            if listener is not None:
                self._put_listener(db, client, listener)
            db.execute(
                "UPDATE session SET ended = ?, problem = ? WHERE id = ?",
                (self._wall(), problem, number),
            )
            audit.note(db, "session ended", client=client.key_id)

    def put_listener(self, client: Client, listener: bytes) -> None:
        """Keep what is known of a client, outside a session."""
        with self._change() as db:
            self._put_listener(db, client, listener)
            audit.note(db, "changed", client=client.key_id, detail="listener")

    def sessions(self, client: Client) -> list[SessionRow]:
        """Return the sessions of a client, the oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT id, began, ended, folder, source, simulated, problem FROM session "
                "WHERE client = ? ORDER BY id",
                (client.number,),
            )
            return [SessionRow(*row) for row in rows.fetchall()]

    # The store as a whole

    def note(self, what: audit.What, *, client: Client | None = None, detail: str = "") -> None:
        """Add a row to the audit log."""
        with self._change() as db:
            audit.note(db, what, client=client.key_id if client else b"", detail=detail)

    def audit(self) -> tuple[list[audit.AuditRow], str]:
        """Return the audit log, and where it is not as it was written, or an empty text."""
        with self._reading() as db:
            log = audit.rows(db)
            last = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
            return log, audit.broken(log, last[0] if last else 0)

    def content(self) -> bytes:
        """Return the database as it stands, encrypted, looked over, and with no change half done.

        Raises
        ------
        StoreError
            It is damaged: a copy would be worth nothing.
        """
        # Closing it lets go of SQLite's own lock on the file; ours still keeps others out.
        with self._change() as db:
            check(db)
            return (self.folder / DATABASE).read_bytes()

    def destroy(self, client: Client) -> None:
        """Destroy key and rows of a client; files are `app.clients.deleting`'s."""
        Destroyed(self.folder).add(client.key_id)  # from here on it is done, whatever happens
        self._finish_deletions()

    def change_passphrase(self, passphrase: str) -> None:
        """Put another passphrase in the place of the old one."""
        with self._mutex:
            self._open()
            KeyFile(self.folder).rewrapped(self._master, passphrase)
            self.note("passphrase changed")

    def key_for(self, purpose: str) -> bytes:
        """Return a key of this store for another `purpose`."""
        with self._mutex:
            self._open()
            return derive(self._master, purpose)

    # Within

    def _finish_deletions(self) -> None:
        """Take away what was to be destroyed when the program was killed, or a backup held."""
        doomed = Destroyed(self.folder).ids()
        with self._reading() as db:
            present = {row[0] for row in db.execute("SELECT key_id FROM client")}
        for key_id in doomed & present:
            with self._change() as db:
                db.execute("DELETE FROM client WHERE key_id = ?", (key_id,))
                audit.note(db, "deleted", client=key_id)
        if doomed & present:
            with contextlib.suppress(sqlcipher().OperationalError):  # it frees room, and needs some
                self._db.execute("VACUUM")

    def _open(self) -> Any:
        if self.locked:
            raise StoreLocked(
                f"The store of clients is locked: it was not used for {self._idle_s / 60:.0f} "
                "minutes, or somebody locked it. Unlock it with the passphrase."
            )
        self._used = self._clock()
        return self._db

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Any]:
        """Read; each page is authenticated then, and a damaged one told."""
        with self._mutex:
            db, dbapi = self._open(), sqlcipher()
            try:
                yield db
            except dbapi.DatabaseError as error:
                raise damaged(self.folder / DATABASE, error) from error

    @contextlib.contextmanager
    def _change(self) -> Iterator[Any]:
        """One change, whole or not at all."""
        with self._mutex:
            db, dbapi = self._open(), sqlcipher()
            try:
                with changing(db):
                    yield db
            except dbapi.OperationalError as error:
                raise unwritable(error) from error
            except dbapi.DatabaseError as error:
                raise damaged(self.folder / DATABASE, error) from error

    def _put_listener(self, db: Any, client: Client, listener: bytes) -> None:
        sealed = wrap(client.key, listener, "listener")
        db.execute("UPDATE client SET listener = ? WHERE id = ?", (sealed, client.number))

    def _wrapping(self) -> bytes:
        return derive(self._master, "clients")

    def _unwrapped(self, key_id: bytes, wrapped: bytes) -> bytes:
        return self._content(self._wrapping(), wrapped, f"client {key_id.hex()}")

    def _content(self, key: bytes, wrapped: bytes, purpose: str) -> bytes:
        data = unwrap(key, wrapped, purpose)
        if data is None:
            raise damaged(self.folder / DATABASE, f"what is sealed as {purpose!r} does not open")
        return data


def _perhaps(typed: str, clients: list[Client]) -> str:
    near = likeliest(typed, [client.code for client in clients])
    return f" Was {' or '.join(near)} meant?" if near else ""
