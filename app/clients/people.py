"""A client and a session of theirs, as the store hands them out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Client:
    """A client of an open store.

    Attributes
    ----------
    number : int
        In the database.
    code : str
        Pseudonym.
    key_id : bytes
        Public id of the client's key.
    made : float
        When, seconds since 1970.
    key : bytes
        In no text that is printed.
    """

    number: int
    code: str
    key_id: bytes
    made: float
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class SessionRow:
    """A session of a client; `ended` is None where it was not ended properly.

    `simulated` is 1 where the EEG was, for good.
    """

    number: int
    began: float
    ended: float | None
    folder: str
    source: str
    simulated: int
    problem: str
