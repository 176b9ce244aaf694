"""The master key of the store, wrapped by a passphrase and by a printed recovery code.

The master key is random and never changes; a passphrase is turned into a key by scrypt (RFC 7914,
its parameters kept beside it) that only wraps it. From it stem, by HKDF (RFC 5869), the key of the
database and the one that wraps the clients' own keys. A wrong passphrase makes the next try wait
longer; nothing is ever lost by trying.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.clients.codes import ALPHABET, check_character, plain, random_characters
from app.records.sealed import KEY_BYTES
from app.records.sink import replace_file
from app.words import counted
from dsp.checks import AttuneError

KEYS, ATTEMPTS = "keys.json", "attempts.json"
SCRYPT = {"n": 1 << 15, "r": 8, "p": 1}  #: 32 MiB and about 0.1 s
_N_HIGH = 1 << 20  # a file of somebody else must not take all memory
FREE_TRIES, LONGEST_WAIT_S = 2, 60.0  # wrong passphrases that cost nothing; then 1, 2, 4 ... s
SHORTEST = 8  #: characters of a passphrase
RECOVERY = 25  #: characters of the recovery code before its check: 125 bits
FORMAT, VERSION = "attune-keys", 1


class StoreError(AttuneError):
    """The store of clients cannot be opened, changed or brought back."""


class WrongPassphrase(StoreError):
    """Neither the passphrase nor the recovery code of this store."""


def put_file(path: Path, data: bytes) -> None:
    """Put a file of the store in place, whole or not at all.

    Raises
    ------
    StoreError
        It cannot be written; what was there before is still there.
    """
    try:
        replace_file(path, data)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written ({error.strerror or error}); nothing was changed: free "
            "some space, or see to it that this user may write there, and try again."
        ) from error


def derive(master: bytes, purpose: str) -> bytes:
    """Return the key of a `purpose`, 32 bytes (HKDF-SHA256)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    made = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode())
    return bytes(made.derive(master))


def wrap(key: bytes, data: bytes, purpose: str) -> bytes:
    """Encrypt `data` so that it opens for the same `purpose` alone."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    return nonce + bytes(AESGCM(key).encrypt(nonce, data, purpose.encode()))


def unwrap(key: bytes, wrapped: bytes, purpose: str) -> bytes | None:
    """Return what was wrapped; None if the key is another, or a byte has changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return bytes(AESGCM(key).decrypt(wrapped[:12], wrapped[12:], purpose.encode()))
    except (InvalidTag, ValueError):
        return None


def check_passphrase(text: str) -> str:
    """Return a new passphrase.

    Raises
    ------
    StoreError
        It is too short.
    """
    if len(text) < SHORTEST:
        raise StoreError(
            f"The passphrase has {counted(len(text), 'character')}; expected at least {SHORTEST}: "
            "several words in a row are easily remembered."
        )
    return text


def new_recovery_code() -> str:
    """Return a recovery code as it is printed, in groups of five."""
    characters = random_characters(RECOVERY)
    return "-".join(characters[i : i + 5] for i in range(0, len(characters), 5))


def make_keys(passphrase: str) -> tuple[bytes, str, bytes]:
    """Return a new master key, its recovery code, and the content of `KEYS`."""
    master, recovery = os.urandom(KEY_BYTES), new_recovery_code()
    table = {
        "format": FORMAT,
        "version": VERSION,
        "passphrase": _wrapped(master, check_passphrase(passphrase), "passphrase"),
        "recovery": _wrapped(master, plain(recovery), "recovery"),
    }
    return master, recovery, json.dumps(table, indent=1).encode()


def _wrapped(master: bytes, secret: str, purpose: str) -> dict[str, Any]:
    salt = os.urandom(16)
    wrapped = wrap(_stretched(secret, salt, SCRYPT), master, purpose)
    return {
        "scrypt": SCRYPT,
        "salt": b64encode(salt).decode(),
        "wrapped": b64encode(wrapped).decode(),
    }


def _stretched(secret: str, salt: bytes, cost: dict[str, int]) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    # An accent is one character or two, as keyboards have it, and a terminal may send anything.
    typed = unicodedata.normalize("NFC", secret).encode("utf-8", "surrogateescape")
    return bytes(Scrypt(salt=salt, length=KEY_BYTES, **cost).derive(typed))


class KeyFile:
    """The wrapped master key of a store.

    Parameters
    ----------
    folder : Path
        Of the store.
    wall : callable
        Seconds of the wall clock; waits outlive the program.

    Raises
    ------
    StoreError
        It is missing, damaged, or of a newer program.
    """

    def __init__(self, folder: Path, *, wall: Callable[[], float] = time.time) -> None:
        self._path, self._attempts, self._wall = folder / KEYS, folder / ATTEMPTS, wall
        damaged = StoreError(
            f"{self._path} is missing or damaged, and without it nobody can open the store: bring "
            "it back with attune client restore FILE."
        )
        try:
            table = json.loads(self._path.read_bytes())
        except (OSError, ValueError) as error:
            raise damaged from error
        if not isinstance(table, dict) or table.get("format") != FORMAT:
            raise damaged
        if table.get("version") != VERSION:
            raise StoreError(
                f"The keys in {self._path} are of version {table.get('version')!r}, this program "
                f"reads version {VERSION}; open the store with a newer one."
            )
        self._table = table
        try:
            self._ways = {way: _parsed(table[way]) for way in ("passphrase", "recovery")}
        except (KeyError, TypeError, ValueError) as error:
            raise damaged from error

    def unlock(self, secret: str) -> bytes:
        """Return the master key.

        Parameters
        ----------
        secret : str
            The passphrase, or the recovery code.

        Raises
        ------
        WrongPassphrase
            It is neither; or one was given too soon after wrong ones, and this was not tried.
        """
        failures, last = self._failures()
        wait = wait_after(failures) - (self._wall() - last)
        if wait > 0.0:
            raise WrongPassphrase(
                f"{failures} wrong passphrases were given one after the other; try again in "
                f"{math.ceil(wait)} s. Nothing is lost."
            )
        ways = ["passphrase"]
        typed = plain(secret)
        if len(typed) == RECOVERY + 1 and set(typed) <= set(ALPHABET):
            ways.append("recovery")
        for way in ways:
            salt, cost, wrapped = self._ways[way]
            text = typed if way == "recovery" else secret
            master = unwrap(_stretched(text, salt, cost), wrapped, way)
            if master is not None:
                with contextlib.suppress(OSError):  # it costs a wait at most
                    self._attempts.unlink(missing_ok=True)
                return master
        failures += 1
        told = json.dumps({"failures": failures, "last": self._wall()}).encode()
        with contextlib.suppress(StoreError):  # on a full disk the passphrase is as wrong
            put_file(self._attempts, told)
        slip = ""
        if "recovery" in ways and check_character(typed[:-1]) != typed[-1]:
            slip = " If it was the recovery code, one of its characters is mistyped."
        then = wait_after(failures)
        when = f" The next try is taken in {then:.0f} s." if then else ""
        raise WrongPassphrase(
            f"The passphrase is not the one of this store; try again, or give the recovery code "
            f"in its place.{slip}{when} Nothing is lost."
        )

    def rewrapped(self, master: bytes, passphrase: str) -> None:
        """Put another passphrase in the place of the old one; the recovery code stays.

        Raises
        ------
        StoreError
            It is too short.
        """
        check_passphrase(passphrase)
        self._table["passphrase"] = _wrapped(master, passphrase, "passphrase")
        put_file(self._path, json.dumps(self._table, indent=1).encode())
        self._ways["passphrase"] = _parsed(self._table["passphrase"])

    def _failures(self) -> tuple[int, float]:
        """How many wrong ones in a row, and when the last was given, never in the future."""
        try:
            table = json.loads(self._attempts.read_bytes())
            failures, last = int(table["failures"]), float(table["last"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0.0
        now = self._wall()
        if last > now:  # the clock was set back: nobody waits for years
            last = now
            told = json.dumps({"failures": failures, "last": now}).encode()
            with contextlib.suppress(StoreError):
                put_file(self._attempts, told)
        return max(failures, 0), last


def wait_after(failures: int) -> float:
    """Seconds until the next try is taken after so many wrong ones in a row.

    Examples
    --------
    >>> [wait_after(n) for n in (1, 2, 3, 4, 5, 50)]
    [0.0, 0.0, 1.0, 2.0, 4.0, 60.0]
    """
    if failures <= FREE_TRIES:
        return 0.0
    return min(LONGEST_WAIT_S, 2.0 ** min(failures - FREE_TRIES - 1, 30))


def _parsed(way: dict[str, Any]) -> tuple[bytes, dict[str, int], bytes]:
    cost = {name: int(way["scrypt"][name]) for name in ("n", "r", "p")}
    if not (1 < cost["n"] <= _N_HIGH and 0 < cost["r"] <= 16 and 0 < cost["p"] <= 4):
        raise ValueError("no cost that we would have written")
    return b64decode(way["salt"], validate=True), cost, b64decode(way["wrapped"], validate=True)
