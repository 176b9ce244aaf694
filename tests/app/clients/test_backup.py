"""A backup brings the store back, and nothing that stands there is lost by it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from app.clients.backup import back_up, restore
from app.clients.database import DATABASE
from app.clients.entries import Note
from app.clients.keys import StoreError, WrongPassphrase
from app.clients.store import Store
from tests.app.clients.conftest import PASSPHRASE


def test_a_damaged_store_comes_back_from_its_backup(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    with Store(folder, PASSPHRASE) as store:
        client = store.new_client()
        store.add(client, Note("before"))
        back_up(store, file)
        store.add(client, Note("after"))
    (folder / DATABASE).write_bytes(b"damaged")
    kept = restore(folder, file, PASSPHRASE)
    assert kept is not None
    assert (kept / DATABASE).read_bytes() == b"damaged"  # the old one is kept
    with Store(folder, PASSPHRASE) as store:
        assert [one.entry for one in store.entries(client)] == [Note("before")]
        assert store.audit()[1] == ""
        assert store.audit()[0][-2].what == "restored"
    assert restore(tmp_path / "other computer", file, PASSPHRASE) is None


def test_a_backup_shows_nothing_of_what_is_in_it(store: Store, tmp_path: Path) -> None:
    client = store.new_client()
    store.add(client, Note("She dislikes the oboe"))
    back_up(store, tmp_path / "b.zip")
    raw = (tmp_path / "b.zip").read_bytes()
    assert b"oboe" not in raw
    assert client.code[2:].encode() not in raw


def test_refusals_leave_the_store_as_it_was(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    with Store(folder, PASSPHRASE) as store:
        back_up(store, file)
        with pytest.raises(StoreError, match="there already"):
            back_up(store, file)
        with pytest.raises(StoreError, match="could not be written"):
            back_up(store, tmp_path / "no" / "b.zip")
        with pytest.raises(StoreError, match="open in another Attune"):
            restore(folder, file, PASSPHRASE)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "none.zip").write_bytes(b"none")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("x", "y")
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "damaged.zip").write_bytes(raw)
    for name in ("none.zip", "foreign.zip", "damaged.zip"):
        with pytest.raises(StoreError, match="no backup of a store of clients, or it is damaged"):
            restore(folder, tmp_path / name, PASSPHRASE)
    with pytest.raises(StoreError, match="There is no backup"):
        restore(folder, tmp_path / "missing.zip", PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        restore(folder, file, "something else")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not list(tmp_path.glob(".clients-*"))
