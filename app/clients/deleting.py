"""Deleting a client: key, rows and files, in an order that a kill cannot undo, and the proof of it.

The id of the key is written down as destroyed first; the rows, the key among them, go in one change
whose pages are written over; the files, which nobody can read by then, go last.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from app.clients.database import DATABASE
from app.clients.destroyed import Destroyed
from app.clients.keys import StoreError
from app.clients.people import Client
from app.clients.store import Store
from app.records.sealed import (
    HEAD_BYTES,
    ID_BYTES,
    MAGIC,
    RING,
    KeyRing,
    SealedError,
    is_sealed,
    seal_of,
)
from app.words import counted
from dsp.checks import RecordError

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FILES = ("session.json", "events.jsonl", "recording.xdf")


@dataclass(frozen=True)
class Proof:
    """What was looked at after a deletion, each in a sentence; `failed` is empty where all held."""

    held: tuple[str, ...]
    failed: tuple[str, ...]


def key_id_of(folder: Path) -> bytes:
    """Return the id of the key that a session folder is sealed with; empty where it is not."""
    for name in _FILES:
        try:
            fd = os.open(folder / name, _FLAGS)
        except OSError:  # the next file may say it
            continue
        with open(fd, "rb") as file:
            head = file.read(HEAD_BYTES)
        if is_sealed(head) and len(head) == HEAD_BYTES:
            return head[len(MAGIC) :][:ID_BYTES]
    return b""


def folders_of(keys: Collection[bytes], places: Iterable[Path]) -> list[Path]:
    """Return the session folders in `places` that are sealed with one of `keys`."""
    found: set[Path] = set()
    for place in {path.resolve() for path in places}:
        if place.is_dir():
            found.update(
                folder
                for folder in place.iterdir()
                if folder.is_dir() and not folder.is_symlink() and key_id_of(folder) in keys
            )
    return sorted(found)


def places_of(store: Store, client: Client, sessions: Path) -> list[Path]:
    """Return where sessions of a client may lie: the usual folder, and wherever one was made."""
    rows = [Path(row.folder).parent for row in store.sessions(client) if row.folder]
    return [sessions, *rows]


def delete_client(store: Store, client: Client, secret: str, sessions: Path) -> Proof:
    """Delete a client and all that is kept of them, and look whether it is gone.

    Parameters
    ----------
    store : Store
        Opened anew for the proof.
    client : Client
    secret : str
        Passphrase or recovery code.
    sessions : Path
        Where session folders are usually made.

    Raises
    ------
    RecordError
        A file could not be removed; key and rows are gone by then.
    """
    _destroy_in_copies(store, client, secret)
    places = places_of(store, client, sessions)
    folders = folders_of({client.key_id}, places)
    gone = max(0, sum(bool(row.folder) for row in store.sessions(client)) - len(folders))
    store.destroy(client)
    RING.lock()
    # What a deletion left that was killed before its files were gone goes with them.
    leftovers = folders_of({client.key_id, *Destroyed(store.folder).ids()}, places)
    kept = _sample(folders)
    for folder in leftovers:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise RecordError(
                f"{folder} could not be removed ({error.strerror}). Its key is destroyed, so that "
                "nobody can read it; remove it by hand."
            ) from error
    store.lock()
    store.unlock(secret)
    return _proof(store, client, secret, folders, kept, places, gone)


def _copies(store: Store) -> list[Path]:
    """Return the stores that were put aside when a backup was restored."""
    return sorted(store.folder.parent.glob(f"{store.folder.name}.before-*"))


def _destroy_in_copies(store: Store, client: Client, secret: str) -> None:
    """Destroy the key in copies of the store too: of old versions, and of before a restore."""
    for copy in store.folder.glob(f"{DATABASE}.version-*"):
        copy.unlink()
    for folder in _copies(store):
        Destroyed(folder).add(client.key_id)  # whoever opens it next finishes the deletion
        with contextlib.suppress(StoreError), Store(folder, secret):
            continue  # it was done


def _sample(folders: Iterable[Path]) -> bytes:
    """Return the sealed bytes of one file, to be tried once more when its key is gone."""
    for folder in folders:
        try:
            return (folder / _FILES[0]).read_bytes()
        except OSError:  # another one will do
            continue
    return b""


def _opens(raw: bytes, ring: KeyRing) -> bool:
    try:
        return seal_of(raw, ring) is not None
    except SealedError:
        return False


def _proof(
    store: Store,
    client: Client,
    secret: str,
    folders: list[Path],
    kept: bytes,
    places: Iterable[Path],
    gone: int,
) -> Proof:
    held: list[str] = []
    failed: list[str] = []

    def look(right: bool, sentence: str) -> None:
        (held if right else failed).append(sentence)

    here = [one.code for one in store.clients() if one.key_id == client.key_id]
    look(not here, "The store was closed and opened again: the client is not in it.")
    ring = KeyRing()
    ring.ask = store.key_of
    bare = MAGIC + client.key_id + bytes(ID_BYTES)
    look(
        not _opens(bare, ring),
        "The key is not in it either, and its id is on the list of destroyed keys.",
    )
    left = folders_of({client.key_id}, places)
    if gone:
        held.append(
            f"{counted(gone, 'session was', 'sessions were')} recorded in a folder that is not "
            "there: moved, removed, or on a disk that is not plugged in; nobody can open it."
        )
    were = counted(len(folders), "session folder was", "session folders were")
    look(not left, f"{were} removed, and none is left." if folders else
         "There was no session folder, and there is none.")  # fmt: skip
    for folder in _copies(store):
        try:
            with Store(folder, secret) as copy:
                there = any(one.key_id == client.key_id for one in copy.clients())
        except StoreError:
            there = True
        look(
            not there,
            f"The older store in {folder} does not hold the client either (where that cannot be "
            "seen, delete that folder).",
        )
    if kept:
        look(not _opens(kept, ring),
             "A copy of one of its files, kept for this test, cannot be opened.")  # fmt: skip
    return Proof(tuple(held), tuple(failed))
