"""A session of a client: what may be kept of it, what it begins with and what it leaves behind.

Whoever runs the session asks each second whether the consent was taken back meanwhile; another
Attune can do that (`request_withdrawal`), although the store is open here.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from app.clients.entries import (
    CONTRAINDICATIONS,
    AdverseEvents,
    Consent,
    Screening,
    newest,
)
from app.clients.keys import KeyFile, StoreError, derive, put_file, unwrap, wrap
from app.clients.people import Client, SessionRow
from app.clients.store import Store
from app.records.sealed import RING, Seal, new_seal
from app.words import counted

NOTHING_KEPT = (
    "The client has not agreed that anything is kept: the session runs, and nothing of it is "
    "recorded or learnt. attune client consent records what the client agrees to."
)
NO_EEG_KEPT = "The client has not agreed that the EEG is kept: it is used, and not recorded."
_REQUEST, _PURPOSE = "withdraw.request", "withdrawals"
_POLL_S, _ANSWER_S = 0.05, 15.0  # s; a busy computer ends a session in ten


class Sitting:
    """A session of a client, from before it begins.

    Parameters
    ----------
    store : Store
        Open; it stays open until `close`.
    code : str
        Of the client, as it was typed.

    Attributes
    ----------
    code : str
    may_keep, may_keep_eeg : bool
        What the client agreed to, when the session began.
    listener : bytes
        What was learnt so far; empty at first, and where nothing may be kept.
    seal : Seal or None
        What the files are encrypted with; None where nothing may be kept.
    said : tuple of str
        What the session taught, and what it could not, a sentence each.
    """

    def __init__(self, store: Store, code: str) -> None:
        self._store, self._client = store, store.client(code)
        self.code = self._client.code
        consent: Consent | None = store.newest(self._client, Consent)
        self.may_keep = consent is not None and consent.covers("sessions")
        self.may_keep_eeg = self.may_keep and consent is not None and consent.covers("eeg")
        self.listener = store.listener(self._client) if self.may_keep else b""
        self.seal: Seal | None = None
        if self.may_keep:
            self.seal = new_seal(self._client.key_id, self._client.key)
            RING.add(self.seal)  # the report is read from the files
        self.said: tuple[str, ...] = ()
        self._number: int | None = None
        self._withdrawn, self._unkept = False, ""
        self._request = store.folder / _REQUEST
        self._request.unlink(missing_ok=True)  # of a program that was killed
        self._held = contextlib.ExitStack()
        self._held.enter_context(store.held_open())

    @property
    def notice(self) -> str:
        """What must be said of what is kept, or empty."""
        if not self.may_keep:
            return NOTHING_KEPT
        return "" if self.may_keep_eeg else NO_EEG_KEPT

    @property
    def reminders(self) -> list[str]:
        """What has to be thought of before the session begins, a sentence each."""
        entries = self._store.entries(self._client)
        screening: Screening | None = newest(entries, Screening)
        adverse: AdverseEvents | None = newest(entries, AdverseEvents)
        if screening is None:
            first = f"Contraindications were not asked yet ({', '.join(CONTRAINDICATIONS)})."
        elif screening.present:
            first = f"Contraindications: {', '.join(screening.present)}. Is that still so?"
        else:
            first = "No contraindication was named. Is that still so?"
        if adverse is None:
            second = "Nobody asked yet whether anything was unpleasant after a session."
        elif adverse.events:
            told = ", ".join(f"{one['event']} ({one['severity']})" for one in adverse.events)
            second = f"Told last time as unpleasant: {told}. How was it afterwards?"
        else:
            second = "Nothing unpleasant was reported last time. How was it afterwards?"
        return [first, second, *cut_off_sentence(self._store, self._client)]

    @property
    def closing(self) -> list[str]:
        """What is to be said when the session is over, a sentence each."""
        return [
            *([self._unkept] if self._unkept else []),
            *([] if self._withdrawn else self.said),
            "Ask whether anything was unpleasant, and write it down: attune client note "
            f"{self.code} --adverse none, or what it was.",
        ]

    def begun(self, folder: Path | None, *, source: str, simulated: bool) -> None:
        """Note that the session has begun; what it is marked as stays."""
        if self.may_keep:
            self._number = self._store.begin_session(
                self._client, folder=folder, source=source, simulated=simulated
            )

    def withdraw(self) -> None:
        """Take the consent back, from now on; from any thread, safe to call twice."""
        if self._withdrawn:
            return
        self._withdrawn = True  # whatever the store says: nothing more is recorded
        try:
            withdraw(self._store, self.code)
        except StoreError as error:
            self._unkept = (
                f"The consent was taken back, and the store could not keep that: {error} Then: "
                f"attune client consent {self.code} --withdraw"
            )

    def withdrawn(self) -> bool:
        """Whether the consent was taken back, here or by another Attune; cheap."""
        if self._withdrawn or not self._request.exists():
            return self._withdrawn
        with contextlib.suppress(OSError):  # whoever asked has given up meanwhile
            raw = self._request.read_bytes()
            asked = unwrap(self._store.key_for(_PURPOSE), raw, _PURPOSE)
            if asked == self.code.encode():
                self.withdraw()
                if not self._unkept:
                    self._request.unlink(missing_ok=True)
        return self._withdrawn

    def ended(self, *, problem: str, learnt: bytes | None = None) -> None:
        """Note the end, with what is known of the client from now on, in one change.

        Without `learnt`, and where the consent was taken back, what was known before stays.
        """
        if self._number is not None:
            learnt = None if self.withdrawn() else learnt  # also while the report was written
            self._store.end_session(self._client, self._number, listener=learnt, problem=problem)
            self._number = None

    def close(self) -> None:
        """Let the store lock itself again; safe to call twice."""
        self._held.close()


def cut_off(store: Store, client: Client) -> list[SessionRow]:
    """Return the sessions that were recorded and cut off, and so taught nothing yet."""
    rows = store.sessions(client)
    return [row for row in rows if row.ended is None and row.folder and Path(row.folder).is_dir()]


def cut_off_sentence(store: Store, client: Client) -> list[str]:
    """Say that there are such, in a sentence, or nothing."""
    n = len(cut_off(store, client))
    if not n:
        return []
    were = counted(n, "session was", "sessions were")
    return [f"{were} cut off and taught nothing yet: attune client learn {client.code}"]


def withdraw(store: Store, code: str) -> None:
    """Keep that a client took back the consent."""
    client = store.client(code)
    last: Consent | None = store.newest(client, Consent)
    version, text = (last.version, last.text_sha256) if last else ("", "")
    today = time.strftime("%Y-%m-%d")
    store.add(client, Consent(today, (), version, text, withdrawn=True))


def request_withdrawal(folder: Path, secret: str, code: str, *, wait_s: float = _ANSWER_S) -> None:
    """Ask the Attune that runs a session of this client to take the consent back now.

    Parameters
    ----------
    folder : Path
        Of the store, which is open there.
    secret : str
        Passphrase or recovery code.
    code : str
        Of the client, as it is written.
    wait_s : float

    Raises
    ------
    StoreError
        No session of this client answers.
    """
    key = derive(KeyFile(folder).unlock(secret), _PURPOSE)
    request = folder / _REQUEST
    put_file(request, wrap(key, code.encode(), _PURPOSE))
    end = time.monotonic() + wait_s
    while request.exists():
        if time.monotonic() > end:
            request.unlink(missing_ok=True)
            raise StoreError(
                f"The store is open in another Attune, and no session of {code} is running there; "
                "close it, and try again."
            )
        time.sleep(_POLL_S)
