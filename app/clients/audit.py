"""Who did what in the store, each row hashed with the one before, so that no row changes unseen.

A row names a client by the id of their key and holds nothing of what was entered: when the client
is deleted, nobody can tell any more whom it was about. Whoever has the passphrase could write the
whole log anew; a row that was changed, taken out or put in between is found.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from dsp.checks import foreign_text

What = Literal[
    "store made", "opened", "locked", "client made", "changed", "session begun", "session ended",
    "session opened", "exported", "deleted", "backup", "restored", "passphrase changed",
]  # fmt: skip
_COLUMNS = "number, at, who, what, client, detail, previous, hash"


@dataclass(frozen=True)
class AuditRow:
    """One row of the log; `client` is the id of a key in hex, or empty."""

    number: int
    at: str
    who: str
    what: str
    client: str
    detail: str
    previous: str
    hash: str

    def expected_hash(self) -> str:
        """Hash of this row with the one before."""
        told = [self.previous, self.number, self.at, self.who, self.what, self.client, self.detail]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def user() -> str:
    """Who is at the computer, as the system knows them."""
    try:
        return foreign_text(getpass.getuser())
    except (OSError, KeyError, ImportError):  # the system has no name for this user
        return "unknown"


def note(db: Any, what: What, *, client: bytes = b"", detail: str = "") -> None:
    """Add a row, within a change that is going on."""
    last = db.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    number, previous = (last[0] + 1, last[1]) if last else (1, "")
    at = datetime.now().astimezone().isoformat(timespec="seconds")
    row = AuditRow(number, at, user(), what, client.hex(), detail, previous, "")
    db.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, at, row.who, what, row.client, detail, previous, row.expected_hash()),
    )


def rows(db: Any) -> list[AuditRow]:
    """Return the whole log, the oldest row first."""
    return [AuditRow(*row) for row in db.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY number")]


def broken(log: Sequence[AuditRow], last: int | None = None) -> str:
    """Return in one sentence where the log is not as it was written; empty where it is.

    Parameters
    ----------
    log : sequence of AuditRow
        All of it.
    last : int, optional
        The number that was given out last, as the database counts.
    """
    previous = ""
    for expected, row in enumerate(log, start=1):
        if row.number != expected:
            return f"Row {expected} of the audit log is missing."
        if row.previous != previous or row.hash != row.expected_hash():
            return f"Row {row.number} of the audit log is not as it was written."
        previous = row.hash
    if last is not None and last != len(log):
        return f"Row {len(log) + 1} of the audit log is missing."
    return ""
