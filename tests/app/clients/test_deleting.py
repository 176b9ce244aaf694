"""A client who is deleted is gone: key, rows and files, and what is left proves it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.clients.backup import back_up, restore
from app.clients.database import DATABASE
from app.clients.deleting import delete_client, folders_of, key_id_of
from app.clients.entries import Note
from app.clients.store import Client, Store
from app.records.reader import SessionReader
from app.records.sealed import RING, SealedError, new_seal
from tests.app.clients.conftest import PASSPHRASE
from tests.doubles.making_sessions import make_session


def session_of(store: Store, client: Client, root: Path) -> Path:
    folder = make_session(root, seconds=3, seal=new_seal(client.key_id, client.key))
    number = store.begin_session(client, folder=folder, source="synthetic", simulated=True)
    store.end_session(client, number, listener=b"learnt")
    return folder


def test_a_deletion_takes_key_rows_and_files_of_one_client_alone(
    store: Store, tmp_path: Path
) -> None:
    client, other = store.new_client(), store.new_client()
    store.add(client, Note("x"))
    mine = session_of(store, client, tmp_path / "sessions")
    far = session_of(store, client, tmp_path / "elsewhere")
    theirs = session_of(store, other, tmp_path / "sessions")
    moved = tmp_path / "sessions" / "renamed"
    mine.rename(moved)
    copy = tmp_path / "copy"
    shutil.copytree(moved, copy)
    proof = delete_client(store, client, PASSPHRASE, tmp_path / "sessions")
    assert proof.failed == ()
    assert any("2 session folders were removed" in sentence for sentence in proof.held)
    assert any("cannot be opened" in sentence for sentence in proof.held)
    assert not moved.exists()
    assert not far.exists()
    assert theirs.exists()
    assert store.clients() == [other]
    assert len(store.sessions(other)) == 1
    rows, broken = store.audit()
    assert broken == ""
    assert [row.what for row in rows].count("deleted") == 1
    RING.ask = store.key_of
    with pytest.raises(SealedError, match="destroyed when its client was deleted"):
        SessionReader(copy)  # a copy that nobody knew of stays unreadable
    assert SessionReader(theirs).problems == []


def test_a_folder_on_a_disk_that_is_not_there_is_told_and_nobody_can_open_it(
    store: Store, tmp_path: Path
) -> None:
    client = store.new_client()
    session_of(store, client, tmp_path / "sessions")
    far = session_of(store, client, tmp_path / "stick")
    (tmp_path / "stick").rename(tmp_path / "pulled out")
    proof = delete_client(store, client, PASSPHRASE, tmp_path / "sessions")
    assert proof.failed == ()
    assert any("1 session was recorded in a folder that is not there" in s for s in proof.held)
    RING.ask = store.key_of
    with pytest.raises(SealedError, match="destroyed when its client was deleted"):
        SessionReader(tmp_path / "pulled out" / far.name)


def test_a_proof_that_fails_says_what_is_not_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = store.new_client()
    monkeypatch.setattr(store, "destroy", lambda _: None)
    proof = delete_client(store, client, PASSPHRASE, tmp_path)
    assert len(proof.failed) >= 2


def test_what_a_killed_deletion_left_goes_with_the_next(store: Store, tmp_path: Path) -> None:
    client, other = store.new_client(), store.new_client()
    left = session_of(store, client, tmp_path)
    store.destroy(client)  # and killed before its files
    assert left.exists()
    delete_client(store, other, PASSPHRASE, tmp_path)
    assert not left.exists()


def test_a_restored_backup_does_not_bring_a_deleted_client_back(
    folder: Path, tmp_path: Path
) -> None:
    with Store(folder, PASSPHRASE) as store:
        client, other = store.new_client(), store.new_client()
        back_up(store, tmp_path / "b.zip")
        delete_client(store, client, PASSPHRASE, tmp_path)
    restore(folder, tmp_path / "b.zip", PASSPHRASE)
    with Store(folder, PASSPHRASE) as store:
        assert store.clients() == [other]
        assert [row.what for row in store.audit()[0]].count("deleted") == 1


def test_copies_of_the_store_lose_the_client_too(folder: Path, tmp_path: Path) -> None:
    with Store(folder, PASSPHRASE) as store:
        client = store.new_client()
        back_up(store, tmp_path / "b.zip")
    kept = restore(folder, tmp_path / "b.zip", PASSPHRASE)
    assert kept is not None
    (folder / f"{DATABASE}.version-1").write_bytes(b"of before a migration")
    with Store(folder, PASSPHRASE) as store:
        proof = delete_client(store, client, PASSPHRASE, tmp_path)
        assert proof.failed == ()
    assert not (folder / f"{DATABASE}.version-1").exists()
    with Store(kept, PASSPHRASE) as old:
        assert old.clients() == []
    (kept / DATABASE).write_bytes(b"nobody can open this one any more")
    with Store(folder, PASSPHRASE) as store:
        proof = delete_client(store, store.new_client(), PASSPHRASE, tmp_path)
    assert [str(kept) in sentence for sentence in proof.failed] == [True]


def test_folders_are_found_by_what_they_are_sealed_with(tmp_path: Path) -> None:
    seal = new_seal(b"a" * 16, bytes(32))
    mine = make_session(tmp_path, seconds=2, seal=seal)
    make_session(tmp_path, seconds=2)
    (tmp_path / "notes").mkdir()
    (mine / "session.json").unlink()
    assert key_id_of(mine) == b"a" * 16
    assert folders_of({b"a" * 16}, [tmp_path, tmp_path, tmp_path / "nowhere"]) == [mine]
