"""Files that only their key opens: what is recorded of a client, in authenticated pieces.

A sealed file begins with a line for people, the id of its key and that of its session; each piece
is a header (length, index, whether it is the closing one), a nonce and AES-256-GCM of its content
(NIST SP 800-38D), with session, file name and header as associated data. One append is one piece:
a kill loses what a plain file would lose, and pieces that were changed, moved, taken out or cut off
are told. What the format cannot tell is an old `session.json` put back whole.

Keys are asked of `RING`, the keys that this process holds: a passphrase, too, is given to a
process, and locking takes all of them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.words import counted
from dsp.checks import RecordError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class SealedError(RecordError):
    """What is encrypted, and cannot be opened."""


MAGIC = b"Attune, sealed 1: this file is encrypted; open it with the program.\n"
ID_BYTES, KEY_BYTES = 16, 32
_PIECE = struct.Struct("<IQB12s")  # length of what follows, index, closing, nonce
_TAG_BYTES = 16
HEAD_BYTES = len(MAGIC) + 2 * ID_BYTES


@dataclass(frozen=True)
class Seal:
    """What the files of one session are encrypted with.

    Attributes
    ----------
    key_id : bytes
        Public id of the key, 16 bytes.
    key : bytes
        32 bytes; in no text that is printed.
    session : bytes
        Public id of the session, 16 bytes.
    """

    key_id: bytes
    key: bytes = field(repr=False)
    session: bytes

    @property
    def head(self) -> bytes:
        """What a file begins with."""
        return MAGIC + self.key_id + self.session

    def piece(self, name: str, index: int, data: bytes, *, closing: bool = False) -> bytes:
        """Return piece number `index` of the file `name`."""
        nonce = os.urandom(12)
        head = _PIECE.pack(len(data) + _TAG_BYTES, index, closing, nonce)
        return head + bytes(_gcm(self.key).encrypt(nonce, data, _bound(self.session, name, head)))

    def whole(self, name: str, data: bytes) -> bytes:
        """Return all of a file of one piece."""
        end = self.piece(name, 1, b"", closing=True)
        return self.head + self.piece(name, 0, data) + end


def new_seal(key_id: bytes, key: bytes) -> Seal:
    """Return the seal of a new session under a client's key."""
    return Seal(key_id, key, os.urandom(ID_BYTES))


class KeyRing:
    """The keys that this process holds; what it lacks it asks for, once each.

    Attributes
    ----------
    ask : callable or None
        Returns the key with an id; raises an `AttuneError` where it cannot be had.
    """

    def __init__(self) -> None:
        self._keys: dict[bytes, bytes] = {}
        self.ask: Callable[[bytes], bytes] | None = None

    def key(self, key_id: bytes) -> bytes:
        """Return a key.

        Raises
        ------
        AttuneError
            Nobody here has it.
        """
        if key_id not in self._keys:
            if self.ask is None:
                raise SealedError(
                    "It is encrypted, and the store of clients is locked; unlock the store first."
                )
            self._keys[key_id] = self.ask(key_id)
        return self._keys[key_id]

    def add(self, seal: Seal) -> None:
        """Hold the key of a session that runs."""
        self._keys[seal.key_id] = seal.key

    def lock(self) -> None:
        """Hold no key any more; what is needed again is asked for again."""
        self._keys.clear()

    def forget(self) -> None:
        """Hold nothing any more, and ask nobody."""
        self.lock()
        self.ask = None


RING = KeyRing()  #: the keys of this process


def is_sealed(raw: bytes) -> bool:
    """Tell whether a file that begins with `raw` is sealed."""
    return raw.startswith(MAGIC)


def seal_of(raw: bytes, ring: KeyRing = RING) -> Seal | None:
    """Return what the file that begins with `raw` was sealed with; None where it is plain.

    Raises
    ------
    AttuneError
        Nobody here has its key.
    """
    if not is_sealed(raw):
        return None
    key_id, session = raw[len(MAGIC) :][:ID_BYTES], raw[len(MAGIC) + ID_BYTES :][:ID_BYTES]
    if len(session) < ID_BYTES:
        return None  # cut within its first line: there is nothing in it
    return Seal(key_id, ring.key(key_id), session)


def unseal(name: str, raw: bytes, seal: Seal) -> tuple[bytes, list[str]]:
    """Return what the sealed file `name` holds, and in sentences what of it is missing.

    Parameters
    ----------
    name : str
        The name it was written under.
    raw : bytes
        All of the file.
    seal : Seal
        Of the session that it should belong to.
    """
    from cryptography.exceptions import InvalidTag

    if raw[:HEAD_BYTES] != seal.head:
        return b"", [f"{name} belongs to another session; it was not read."]
    gcm, view = _gcm(seal.key), memoryview(raw)
    parts: list[bytes] = []
    at, expected, closed, bad, missing = HEAD_BYTES, 0, False, 0, 0
    while at + _PIECE.size <= len(raw) and not closed:
        length, index, closing, nonce = _PIECE.unpack_from(raw, at)
        body = at + _PIECE.size
        if body + length > len(raw):
            break
        bound = _bound(seal.session, name, raw[at:body])
        at = body + length
        try:
            data = gcm.decrypt(nonce, view[body:at], bound)
        except InvalidTag:
            bad += 1
            continue
        if index < expected:  # again, or out of its turn
            bad += 1
            continue
        missing += index - expected
        expected, closed = index + 1, bool(closing)
        parts.append(data)
    said = []
    if bad:
        pieces = counted(bad, "damaged or moved piece")
        said.append(f"{name} holds {pieces}: what was in there is lost.")
    if missing > bad:
        said.append(f"{name} lacks {counted(missing - bad, 'piece')}.")
    if at < len(raw):
        what = "what follows its end" if closed else "an unfinished piece"
        rest = counted(len(raw) - at, "byte")
        said.append(f"{name} ends in {rest} of {what}, left out.")
    if not closed:
        said.append(f"{name} has no end: it was cut, or the program was ended while it wrote.")
    return b"".join(parts), said


def _bound(session: bytes, name: str, head: bytes) -> bytes:
    return session + name.encode() + b"\0" + head


def _gcm(key: bytes) -> AESGCM:
    # Late: a session without a client pays nothing for it.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
