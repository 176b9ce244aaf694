"""The keys that were destroyed: ids alone, so that a deletion holds whatever comes after it.

An id is written here first: a program that is killed then finishes the deletion when the store is
next opened, and a backup from before does not bring the client back. The ids are random numbers,
and tell nothing of anybody.
"""

from __future__ import annotations

from pathlib import Path

from app.clients.keys import StoreError, put_file

NAME = "destroyed.txt"


class Destroyed:
    """The list of a store.

    Parameters
    ----------
    folder : Path
        Of the store.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def ids(self) -> set[bytes]:
        """Return the ids of all keys that were destroyed."""
        try:
            lines = self._path.read_text(encoding="ascii", errors="replace").split()
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise StoreError(
                f"The list of destroyed keys {self._path} cannot be read ({error.strerror}), and "
                "without it a client who was deleted might come back; see to it that this user may "
                "read it."
            ) from error
        return {bytes.fromhex(line) for line in lines if _is_id(line)}

    def add(self, *ids: bytes) -> None:
        """Add ids, on the disk before this returns.

        Raises
        ------
        StoreError
            They cannot be written.
        """
        every = sorted(one.hex() for one in self.ids() | set(ids))
        put_file(self._path, ("\n".join(every) + "\n").encode())

    def sentence(self, key_id: bytes) -> str:
        """Say why there is no key with this id."""
        if key_id in self.ids():
            return (
                "Its key was destroyed when its client was deleted: nobody can read it any more, "
                "and the folder can be thrown away."
            )
        return (
            "Its client is not in the store of this computer; open it where it was recorded, or "
            "restore a backup of that store."
        )


def _is_id(line: str) -> bool:
    return len(line) == 32 and set(line) <= set("0123456789abcdef")
