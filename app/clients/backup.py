"""One file that the store can be brought back from, and bringing it back.

The file is a zip of the database and the wrapped keys as they stand: encrypted as the store is, and
opened with the same passphrase. The folders of the sessions are encrypted files of their own, which
any copy keeps. What was deleted after a backup stays deleted when it is restored.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from datetime import datetime
from pathlib import Path

from app.clients.database import DATABASE, OpenLock
from app.clients.destroyed import NAME, Destroyed
from app.clients.keys import KEYS, StoreError
from app.clients.store import Store
from app.records.sink import make_folder, replace_file

FORMAT = "attune-clients-backup"
_ABOUT = "backup.json"
_LARGEST = 1 << 30  # bytes of one part
_BEGUN = ".clients-restoring-"


def back_up(store: Store, file: Path) -> None:
    """Write a backup of an open store, whole or not at all.

    Raises
    ------
    StoreError
        There is a file already, or it cannot be written.
    """
    if os.path.lexists(file):
        raise StoreError(f"{file} is there already; name another file for the backup.")
    about = {"format": FORMAT, "made": datetime.now().astimezone().isoformat(timespec="seconds")}
    store.note("backup")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(_ABOUT, json.dumps(about))
        archive.writestr(DATABASE, store.content())
        archive.writestr(KEYS, (store.folder / KEYS).read_bytes())
        if (store.folder / NAME).exists():
            archive.writestr(NAME, (store.folder / NAME).read_bytes())
    try:
        replace_file(file, packed.getvalue())
    except OSError as error:
        raise StoreError(
            f"The backup {file} could not be written ({error.strerror}); choose another place."
        ) from error


def restore(folder: Path, file: Path, secret: str) -> Path | None:
    """Put the store of a backup in the place of the one in `folder`; return where that is kept.

    The backup is opened and looked at first; until then nothing is touched.

    Parameters
    ----------
    folder : Path
        Of the store.
    file : Path
        The backup.
    secret : str
        Passphrase or recovery code of the backup.

    Raises
    ------
    StoreError
        The backup cannot be read or opened, or the store is open in another program.
    """
    make_folder(folder.parent)
    for left in folder.parent.glob(f"{_BEGUN}*"):
        shutil.rmtree(left, ignore_errors=True)
    begun = Path(tempfile.mkdtemp(prefix=_BEGUN, dir=folder.parent))
    kept: Path | None = None
    try:
        _unpack(file, begun)
        if folder.is_dir():
            Destroyed(begun).add(*Destroyed(folder).ids())
        with Store(begun, secret) as store:  # what was deleted since goes here
            store.content()  # looked over to its last page
            store.note("restored")
        if os.path.lexists(folder):
            OpenLock(folder).release()
            kept = _beside(folder)
            folder.rename(kept)
        begun.rename(folder)
    except OSError as error:
        raise StoreError(
            f"The backup could not be restored ({error.strerror or error}); "
            + (f"the old store is in {kept}." if kept else "the store is as it was.")
        ) from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)  # where it still has this name
    return kept


def _beside(folder: Path) -> Path:
    stem = f"{folder.name}.before-{datetime.now():%Y-%m-%d_%H%M%S}"
    number = 1
    while os.path.lexists(path := folder.with_name(stem if number == 1 else f"{stem}_{number}")):
        number += 1
    return path


def _unpack(file: Path, to: Path) -> None:
    """Write the parts of a backup that we know, and nothing else that may be in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            about = json.loads(_part(archive, _ABOUT))
            if not isinstance(about, dict) or about.get("format") != FORMAT:
                raise ValueError("it is another kind of file")
            names = {DATABASE, KEYS, *({NAME} & set(archive.namelist()))}
            for name in names:
                replace_file(to / name, _part(archive, name))
    except FileNotFoundError:
        raise StoreError(f"There is no backup {file}; check its path.") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        LookupError,
        ValueError,
        RuntimeError,
    ) as error:
        raise StoreError(
            f"{file} is no backup of a store of clients, or it is damaged ({error}); give another "
            "one. The store is as it was."
        ) from error


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _LARGEST:
        raise ValueError(f"{name} in it is larger than {_LARGEST >> 20} MB")
    return archive.read(name)
