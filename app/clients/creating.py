"""A new store: it appears whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from app.clients import audit
from app.clients.database import DATABASE, changing, connect
from app.clients.keys import KEYS, StoreError, derive, make_keys, put_file
from app.records.sink import make_folder

_BEGUN = ".clients-beginning-"


def create_store(folder: Path, passphrase: str) -> str:
    """Make an empty store and return its recovery code, which is told this once.

    It appears whole: whoever is killed meanwhile leaves nothing that looks like a store.

    Raises
    ------
    StoreError
        There is something already, or the passphrase is too short.
    """
    if os.path.lexists(folder):
        raise StoreError(f"{folder} is there already; move it away to begin a new store.")
    master, recovery, keys = make_keys(passphrase)
    try:
        make_folder(folder.parent)
        for left in folder.parent.glob(f"{_BEGUN}*"):
            shutil.rmtree(left, ignore_errors=True)
        begun = Path(tempfile.mkdtemp(prefix=_BEGUN, dir=folder.parent))
    except OSError as error:
        raise StoreError(
            f"No store of clients can be made in {folder.parent} ({error.strerror or error}); see "
            "to it that this user may write there."
        ) from error
    try:
        put_file(begun / KEYS, keys)
        db = connect(begun / DATABASE, derive(master, "database"))
        try:
            with changing(db):
                audit.note(db, "store made")
        finally:
            db.close()
        begun.rename(folder)
    except OSError as error:
        raise StoreError(
            f"No store of clients can be made in {folder} ({error.strerror or error}): another "
            "program may have made it meanwhile; try again."
        ) from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)  # where it still has this name
    return recovery
