"""The passphrase of the store of clients: asked once, on a terminal or from a file, never a word.

It is in no argument, where every program of the computer could read it, and in no log.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dsp.checks import InputError

if TYPE_CHECKING:
    from app.clients.store import Store

PROMPT = "Passphrase of the store of clients: "
_TRIES = 3
_KEPT_AS = ("attune", "store of clients")  # service and name in the keyring of the system
Made = TypeVar("Made")


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command that may open the store."""
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="first line is the passphrase of the store of clients (asked for otherwise)",
    )


def from_file(file: Path) -> str:
    """Return the passphrase that stands in the first line of a file.

    Raises
    ------
    InputError
        It cannot be read, or is empty.
    """
    try:
        with file.open(encoding="utf-8-sig") as opened:
            line = opened.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(
            f"The passphrase could not be read from {file} ({reason}); its first line must hold it."
        ) from error
    if not line:
        raise InputError(f"The first line of {file} is empty; it must hold the passphrase.")
    return line


def ask(prompt: str = PROMPT) -> str:
    """Ask on the terminal, unseen.

    Raises
    ------
    InputError
        There is no terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError(
            "The store of clients needs its passphrase, and there is no terminal to ask on; give "
            "--passphrase-file FILE."
        )
    return getpass.getpass(prompt)


def ask_new(file: Path | None) -> str:
    """Ask for a new passphrase, twice the same.

    Raises
    ------
    InputError
        The two differ.
    """
    if file is not None:
        return from_file(file)
    first = ask("New passphrase of the store of clients: ")
    if ask("The same again: ") != first:
        raise InputError("The two passphrases differ; nothing was changed: try again.")
    return first


def open_store(file: Path | None) -> tuple[Store, str]:
    """Open the store of this user; return it, and what opened it.

    Raises
    ------
    StoreError
        It cannot be opened.
    """
    from app.clients.keys import StoreError
    from app.clients.store import Store
    from app.paths import clients_folder

    folder = clients_folder()
    if not folder.is_dir():
        raise StoreError(
            "There is no store of clients on this computer yet; attune client new makes it."
        )
    return tried(lambda secret: (Store(folder, secret), secret), file)


def tried(use: Callable[[str], Made], file: Path | None, prompt: str = PROMPT) -> Made:
    """Return what `use` makes of the passphrase; a mistyped one may be typed again."""
    from app.clients.keys import WrongPassphrase

    if file is not None:
        return use(from_file(file))
    kept = kept_passphrase()
    if kept is not None:
        try:
            return use(kept)
        except WrongPassphrase as error:
            print(f"attune: What the keyring of the system holds: {error}", file=sys.stderr)
    for left in reversed(range(_TRIES)):
        try:
            return use(ask(prompt))
        except WrongPassphrase as error:
            if not left:
                raise
            print(f"attune: {error}", file=sys.stderr)
    raise AssertionError  # the last try returns or raises


def _keyring() -> Any | None:
    """Return the system's keyring, or None where there is none that keeps anything."""
    try:
        import keyring
    except ImportError:
        return None
    return keyring if keyring.get_keyring().priority > 0 else None


def kept_passphrase() -> str | None:
    """Return the passphrase that the keyring of the system holds, or None."""
    ring = _keyring()
    kept = ring.get_password(*_KEPT_AS) if ring is not None else None
    return kept if isinstance(kept, str) else None


def keep_passphrase(passphrase: str | None) -> None:
    """Have the keyring of the system hold a passphrase, or hold it no longer.

    Raises
    ------
    InputError
        There is no keyring.
    """
    ring = _keyring()
    if ring is None:
        raise InputError(
            "This system has no keyring that Attune can use (the package keyring, and a keyring "
            "that is unlocked); the passphrase is asked for as before."
        )
    if passphrase is not None:
        ring.set_password(*_KEPT_AS, passphrase)
    elif kept_passphrase() is not None:
        ring.delete_password(*_KEPT_AS)


@contextlib.contextmanager
def keys_asked(file: Path | None) -> Iterator[Callable[[], Store]]:
    """Open what is encrypted with the store's keys; the passphrase is asked if they are needed.

    Yields what opens the store, once, and closes it at the end.
    """
    from app.clients.destroyed import Destroyed
    from app.paths import clients_folder
    from app.records.sealed import RING, SealedError

    opened: list[Store] = []

    def key_of(key_id: bytes) -> bytes:
        destroyed = Destroyed(clients_folder())
        if key_id in destroyed.ids():  # no passphrase brings it back
            raise SealedError(destroyed.sentence(key_id))
        return store().key_of(key_id)

    def store() -> Store:
        if not opened:
            opened.append(open_store(file)[0])
        return opened[0]

    RING.ask = key_of
    try:
        yield store
    finally:
        RING.forget()
        for one in opened:
            one.close()
