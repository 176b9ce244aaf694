"""The store keeps what is entered, gives it back, and locks itself when nobody uses it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.clients.codes import read_code
from app.clients.creating import create_store
from app.clients.database import DATABASE, MIGRATIONS, StoreInUse, connect, sqlcipher
from app.clients.destroyed import NAME
from app.clients.entries import AdverseEvents, Goal, Name, Note, ScaleResult
from app.clients.keys import StoreError, WrongPassphrase, derive
from app.clients.store import Store, StoreLocked
from app.records.sealed import SealedError
from dsp.checks import InputError
from tests.app.clients.conftest import PASSPHRASE


def test_what_is_entered_comes_back_after_the_store_was_closed(folder: Path) -> None:
    entries = [
        Note("slept better"),
        Goal("calm"),
        AdverseEvents(({"event": "headache", "severity": "mild"},)),
        ScaleResult("phq9", {"total": 9.0}, {"1": 1.0, "2": None}, {"total": "mild"}, ("x",)),
    ]
    with Store(folder, PASSPHRASE) as store:
        client = store.new_client()
        for entry in entries:
            store.add(client, entry)
    with Store(folder, PASSPHRASE) as store:
        assert store.client(client.code) == client
        assert [one.entry for one in store.entries(client)] == entries
        assert store.newest(client, Goal) == Goal("calm")
        assert store.newest(client, Name) is None


def test_the_newest_entry_of_a_kind_holds_and_the_older_ones_stay(store: Store) -> None:
    client = store.new_client()
    store.add(client, Goal("calm"))
    store.add(client, Goal("energy"))
    assert store.newest(client, Goal) == Goal("energy")
    assert len(store.entries(client)) == 2


def test_nothing_that_was_entered_can_be_seen_in_the_files(folder: Path) -> None:
    planted = ["Wilhelmina Planted", "She dislikes the oboe", "oboe-goal"]
    with Store(folder, PASSPHRASE) as store:
        client = store.new_client()
        for entry in (Name(planted[0]), Note(planted[1]), Goal(planted[2])):
            store.add(client, entry)
        seen = b"".join(path.read_bytes() for path in folder.iterdir())
    seen += b"".join(path.read_bytes() for path in folder.iterdir())
    for text in (*planted, client.code, client.code[2:]):
        assert text.encode() not in seen
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(folder / DATABASE).execute("SELECT * FROM client").close()


def test_what_was_learnt_and_the_end_of_the_session_are_kept_together_or_not_at_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = store.new_client()
    number = store.begin_session(client, folder=None, source="synthetic", simulated=True)
    store.end_session(client, number, listener=b"first")
    number = store.begin_session(client, folder=Path("/a/b"), source="lsl:X", simulated=False)

    def broken(*_: object, **__: object) -> None:
        raise sqlcipher().OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("app.clients.audit.note", broken)
        with pytest.raises(StoreError, match=r"disk is full.*free some space"):
            store.end_session(client, number, listener=b"second")
    assert store.listener(client) == b"first"
    assert [row.ended is None for row in store.sessions(client)] == [False, True]
    store.end_session(client, number, listener=None, problem="the disk was full")
    assert store.listener(client) == b"first"
    last = store.sessions(client)[-1]
    assert (last.problem, last.folder, last.simulated) == ("the disk was full", "/a/b", 0)


def test_a_session_on_simulated_eeg_is_marked_for_good(store: Store) -> None:
    client = store.new_client()
    store.begin_session(client, folder=None, source="synthetic", simulated=True)
    with pytest.raises(sqlcipher().IntegrityError, match="what a session was stays"):
        store._db.execute("UPDATE session SET simulated = 0")
    assert store.sessions(client)[0].simulated == 1


def test_a_store_left_alone_locks_itself_and_one_that_a_session_holds_does_not(
    folder: Path,
) -> None:
    now = 0.0
    store = Store(folder, PASSPHRASE, clock=lambda: now)
    client = store.new_client()
    now = 599.0
    assert store.client(client.code)  # used: it counts anew
    now = 599.0 + 600.0
    assert not store.locked
    with store.held_open():
        now = 36_000.0
        assert not store.locked
        store.lock()
        store.add(client, Note("in a session"))
    now += 601.0
    assert store.locked
    with pytest.raises(StoreLocked, match="not used for 10 minutes"):
        store.clients()
    Store(folder, PASSPHRASE).close()  # a locked one keeps nobody out
    store.unlock(PASSPHRASE)
    assert [one.entry for one in store.entries(client)] == [Note("in a session")]
    store.close()


def test_a_locked_store_holds_no_key(folder: Path) -> None:
    store = Store(folder, PASSPHRASE)
    store.lock()
    assert store._master == b""
    assert store._db is None


def test_a_second_program_is_told_that_the_store_is_open(store: Store, folder: Path) -> None:
    with pytest.raises(StoreInUse, match="open in another Attune"):
        Store(folder, PASSPHRASE)
    code = (
        "import sys; from pathlib import Path; from app.clients.database import *\n"
        "try: OpenLock(Path(sys.argv[1]))\nexcept StoreInUse: print('told')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "told"


def test_a_wrong_passphrase_loses_nothing(folder: Path) -> None:
    with Store(folder, PASSPHRASE) as store:
        client = store.new_client()
    before = (folder / DATABASE).read_bytes()
    with pytest.raises(WrongPassphrase, match="Nothing is lost"):
        Store(folder, "something else")
    assert (folder / DATABASE).read_bytes() == before
    with Store(folder, PASSPHRASE) as store:
        assert store.client(client.code) == client


def test_a_mistyped_code_offers_the_likeliest_that_exist(store: Store) -> None:
    client = store.new_client()
    code = client.code
    typed = code[:3] + code[4] + code[3] + code[5:]
    if typed == code:
        typed = code[:-1]
    with pytest.raises(InputError, match=f"Was {code} meant"):
        store.client(typed)
    with pytest.raises(InputError, match="There is no client"):
        store.client("C-000000")
    assert read_code("C-000000")


def test_a_key_of_another_store_is_told_from_one_that_was_destroyed(store: Store) -> None:
    client = store.new_client()
    with pytest.raises(SealedError, match="not in the store of this computer"):
        store.key_of(b"x" * 16)
    store.destroy(client)
    with pytest.raises(SealedError, match="destroyed when its client was deleted"):
        store.key_of(client.key_id)
    assert store.clients() == []


def test_a_deletion_that_was_killed_half_way_is_finished_when_the_store_is_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(folder, PASSPHRASE)
    client, other = store.new_client(), store.new_client()
    monkeypatch.setattr(store, "_finish_deletions", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        store.destroy(client)
    store.close()
    with Store(folder, PASSPHRASE) as again:
        assert again.clients() == [other]


def test_making_a_store_that_is_killed_leaves_nothing_that_looks_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "clients"
    with monkeypatch.context() as patch:
        patch.setattr("app.clients.creating.connect", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            create_store(folder, PASSPHRASE)
    assert list(tmp_path.iterdir()) == []
    create_store(folder, PASSPHRASE)
    with pytest.raises(StoreError, match="there already"):
        create_store(folder, PASSPHRASE)
    if os.name == "posix":
        assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}


# --- the database ----------------------------------------------------------------------------


def test_every_migration_brings_an_older_store_up_to_date(tmp_path: Path) -> None:
    for version in range(1, len(MIGRATIONS)):
        path = tmp_path / f"{version}.db"
        db = connect(path, bytes(32), migrations=MIGRATIONS[:version])
        db.execute(
            "INSERT INTO client (code, key_id, wrapped_key, made) "
            "VALUES ('C-000000', x'00', x'', 0)"
        )
        db.close()
        db = connect(path, bytes(32))
        assert db.execute("SELECT code, listener FROM client").fetchall() == [("C-000000", None)]
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        db.close()
        copy = connect(
            path.with_name(f"{path.name}.version-{version}"),
            bytes(32),
            migrations=MIGRATIONS[:version],
        )
        assert copy.execute("SELECT code FROM client").fetchall() == [("C-000000",)]
        copy.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connect(path, bytes(32)).close()
    bad = "CREATE TABLE extra (x); SELECT no_such_function();"
    with pytest.raises(StoreError, match="damaged"):
        connect(path, bytes(32), migrations=(*MIGRATIONS, bad))
    db = connect(path, bytes(32))
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    assert "client" in names
    assert "extra" not in names
    db.close()


def test_refusals_of_a_store_of_a_newer_program(folder: Path) -> None:
    with Store(folder, PASSPHRASE) as store:
        store._db.execute("PRAGMA user_version = 99")
    before = (folder / DATABASE).read_bytes()
    with pytest.raises(StoreError, match="version 99, this program reads up to"):
        Store(folder, PASSPHRASE)
    assert (folder / DATABASE).read_bytes() == before


def test_refusals_of_an_emptied_store_which_is_no_new_one(folder: Path) -> None:
    Store(folder, PASSPHRASE).close()
    (folder / DATABASE).write_bytes(b"")
    with pytest.raises(StoreError, match=r"damaged \(.* is empty\)"):
        Store(folder, PASSPHRASE)
    assert (folder / DATABASE).read_bytes() == b""


def everything(store: Store) -> object:
    clients = store.clients()
    return clients, [(store.entries(c), store.sessions(c), store.listener(c)) for c in clients]


def test_refusals_of_a_damaged_store_name_the_backup_whichever_page_it_is(folder: Path) -> None:
    with Store(folder, PASSPHRASE) as store:
        client = store.new_client()
        for k in range(8):
            store.add(client, Note(f"{k} " * 600))
        number = store.begin_session(client, folder=None, source="x", simulated=True)
        store.end_session(client, number, listener=bytes(9000))
        whole = everything(store)
    path, told = folder / DATABASE, 0
    raw = path.read_bytes()
    for at in range(100, len(raw), 4096):
        changed = bytearray(raw)
        changed[at] ^= 0xFF
        path.write_bytes(changed)
        try:
            with Store(folder, PASSPHRASE) as store:
                assert everything(store) == whole  # a page that nobody needs
                with pytest.raises(StoreError, match=r"is damaged .*client restore"):
                    store.content()  # and yet no backup is made of it
        except StoreError as error:
            told += 1
            said = str(error)
            assert "is damaged" in said
            assert "client restore FILE" in said
        path.write_bytes(raw)
    assert told >= 8
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(StoreError, match="is damaged"), Store(folder, PASSPHRASE) as store:
        everything(store)


def test_refusals_of_a_store_without_its_database_or_without_a_store(folder: Path) -> None:
    (folder / DATABASE).unlink()
    with pytest.raises(StoreError, match=r"clients\.db is missing"):
        Store(folder, PASSPHRASE)
    with pytest.raises(StoreError, match="no store of clients"):
        Store(folder / "nowhere", PASSPHRASE)


def test_refusals_where_sqlcipher_has_no_build(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlcipher3", None)
    with pytest.raises(StoreError, match=r"needs the package sqlcipher3.*without --client work"):
        Store(folder, PASSPHRASE)


def test_the_key_of_the_database_is_none_of_the_others(store: Store) -> None:
    master = store._master
    assert len({master, derive(master, "database"), store.key_for("clients")}) == 3


def test_a_full_disk_refuses_a_change_and_loses_nothing(folder: Path) -> None:
    with Store(folder, PASSPHRASE) as store:
        client = store.new_client()
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages + 2}")  # as if there were no more room
        kept = 0

        def fill() -> None:
            nonlocal kept
            for kept in range(100):
                store.add(client, Note(f"{kept} " * 500))

        with pytest.raises(StoreError, match=r"disk is full.*what was there before is safe"):
            fill()
        assert 0 < kept < 100
        assert len(store.entries(client)) == kept
    with Store(folder, PASSPHRASE) as store:
        assert len(store.entries(client)) == kept
        assert store.audit()[1] == ""
        store.add(client, Note("there is room again"))


def test_what_cannot_be_written_is_told_in_a_sentence_and_changes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(folder, PASSPHRASE)
    client = store.new_client()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("app.clients.keys.replace_file", full)
        with pytest.raises(StoreError, match="No space left"):
            store.destroy(client)
        with pytest.raises(StoreError, match="No space left"):
            store.change_passphrase("another long one")
        with pytest.raises(StoreError, match="No space left"):
            create_store(tmp_path / "new", PASSPHRASE)
    assert store.clients() == [client]
    store.close()
    with monkeypatch.context() as patch:
        patch.setattr("app.clients.keys.replace_file", full)
        with pytest.raises(WrongPassphrase):  # and not why it could not be counted
            Store(folder, "something else")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="No store of clients can be made"):
        create_store(tmp_path / "file" / "clients", PASSPHRASE)
    with Store(folder, PASSPHRASE) as again:
        assert again.clients() == [client]


def test_refusals_of_files_that_cannot_be_opened_or_read(folder: Path) -> None:
    (folder / NAME).mkdir()
    with pytest.raises(StoreError, match=r"list of destroyed keys .* cannot be read"):
        Store(folder, PASSPHRASE)
    (folder / NAME).rmdir()
    (folder / DATABASE).unlink()
    (folder / DATABASE).mkdir()
    with pytest.raises(StoreError, match="unable to open database file"):
        Store(folder, PASSPHRASE)


def test_a_disk_that_is_full_is_no_damage_where_a_store_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(db: Any, *_: object) -> None:
        db.execute("PRAGMA max_page_count = 1")
        db.execute("CREATE TABLE more (x)")
        db.execute("CREATE TABLE much_more (x)")

    monkeypatch.setattr("app.clients.database._migrate", full)
    with pytest.raises(StoreError, match=r"cannot be written \(database or disk is full\)"):
        create_store(tmp_path / "clients", PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


def test_two_programs_that_make_the_store_at_once_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "clients"

    def quicker(*given: Any) -> Any:
        folder.mkdir()
        (folder / "keys.json").write_text("of the other program")
        return connect(*given)

    monkeypatch.setattr("app.clients.creating.connect", quicker)
    with pytest.raises(StoreError, match="another program may have made it meanwhile"):
        create_store(folder, PASSPHRASE)
    assert (folder / "keys.json").read_text() == "of the other program"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_store_that_could_not_be_opened_to_its_end_is_open_to_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Store, "_finish_deletions", lambda _: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            Store(folder, PASSPHRASE)
    Store(folder, PASSPHRASE).close()


@pytest.mark.skipif(sys.platform == "win32", reason="locks are others there")
def test_refusals_of_a_disk_that_cannot_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("app.clients.database._lock", none)
    with pytest.raises(StoreError, match=r"cannot be locked .*disk of this computer"):
        Store(folder, PASSPHRASE)
