"""A session of a client keeps what they agreed to, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from app.clients.deleting import folders_of
from app.clients.entries import AdverseEvents, Consent, Screening, consent
from app.clients.keys import StoreError
from app.clients.listener import Listener
from app.clients.people import Client
from app.clients.sitting import NO_EEG_KEPT, NOTHING_KEPT, Sitting, request_withdrawal, withdraw
from app.clients.store import Store
from app.lab.simulate_demo import starter
from app.records.reader import SessionReader
from app.records.sealed import RING, is_sealed
from app.session.plan import Plan, check_plan
from app.session.running import WITHDRAWN
from app.session.session import Session
from dsp.checks import InputError
from tests.app.clients.conftest import PASSPHRASE


def client_with(store: Store, *scope: str) -> Client:
    client = store.new_client()
    if scope:
        store.add(client, consent(scope))
    return client


def run(store: Store, client: Client, out: Path, **changes: Any) -> tuple[Session, Sitting]:
    sitting = Sitting(store, client.code)
    plan = Plan(source="simulated", seed=1, minutes=0.2, out=out, client=sitting, **changes)
    session = Session(plan, prepared=starter())
    session.run()
    sitting.close()
    return session, sitting


def test_a_session_of_a_client_is_sealed_marked_and_in_the_store(
    store: Store, tmp_path: Path
) -> None:
    client = client_with(store, "sessions", "eeg")
    session, _ = run(store, client, tmp_path)
    assert session.folder is not None
    assert "client" in session.folder.name
    assert client.code not in session.folder.name
    assert {path.name for path in session.folder.iterdir()} == {
        "session.json", "events.jsonl", "recording.xdf", "report.html",
    }  # fmt: skip
    assert all(is_sealed(path.read_bytes()) for path in session.folder.iterdir())
    reader = SessionReader(session.folder)
    assert reader.problems == []
    assert reader.manifest["client"] == client.code
    assert reader.manifest["source"]["simulated"] is True
    assert reader.eeg()[0].size > 1000
    (row,) = store.sessions(client)
    assert (row.simulated, row.folder, row.problem) == (1, str(session.folder), "")
    assert row.ended is not None


def test_a_client_on_simulated_eeg_gets_neither_the_demo_nor_a_listener_s_calibration(
    store: Store, tmp_path: Path
) -> None:
    client = client_with(store, "sessions", "eeg")
    session, _ = run(store, client, tmp_path)
    assert session.settings.name == "default"
    assert session.calibration is None
    sitting = Sitting(store, client.code)
    with pytest.raises(InputError, match="takes no client"):
        check_plan(Plan(source="simulated", preset="demo", client=sitting))
    sitting.close()


def test_without_consent_the_session_runs_and_nothing_is_kept(store: Store, tmp_path: Path) -> None:
    for scope in ((), ("research",)):
        client = client_with(store, *scope)
        session, sitting = run(store, client, tmp_path / "sessions")
        assert sitting.notice == NOTHING_KEPT
        assert session.folder is None
        assert NOTHING_KEPT in session.snapshot().notice
        assert not (tmp_path / "sessions").exists()
        assert store.sessions(client) == []
        assert session.running is not None
        assert not session.failed


def test_without_consent_to_the_eeg_everything_else_is_kept(store: Store, tmp_path: Path) -> None:
    client = client_with(store, "sessions")
    session, sitting = run(store, client, tmp_path)
    assert sitting.notice == NO_EEG_KEPT
    assert session.folder is not None
    reader = SessionReader(session.folder)
    assert reader.eeg()[0].size == 0
    assert len(reader.ticks()) > 5
    assert reader.manifest["eeg_kept"] is False


def test_a_consent_taken_back_in_the_middle_stops_the_recording_and_nothing_else(
    store: Store, tmp_path: Path
) -> None:
    client = client_with(store, "sessions", "eeg")
    sitting = Sitting(store, client.code)
    plan = Plan(source="simulated", seed=1, minutes=0.4, out=tmp_path, client=sitting,
                person=Listener())  # fmt: skip
    session = Session(plan, prepared=starter())
    ticks: list[float] = []

    def watch(result: Any) -> None:
        ticks.append(result.now)
        if len(ticks) == 8:
            sitting.withdraw()

    session.watch(watch)
    session.run()
    sitting.close()
    assert len(ticks) > 20  # the session went on
    assert session.folder is not None
    reader = SessionReader(session.folder)
    assert 7 <= len(reader.ticks()) <= 9
    assert reader.manifest["problem"] == WITHDRAWN
    assert session.snapshot().recording_problem == WITHDRAWN
    assert WITHDRAWN not in [line.sentence for line in session.snapshot().decisions]
    assert not (session.folder / "report.html").exists()
    assert session.snapshot().report is None
    assert store.newest(client, Consent).withdrawn
    assert store.listener(client) == b""  # nor is anything learnt of it
    assert store.sessions(client)[0].problem == WITHDRAWN
    again, sitting = run(store, client, tmp_path / "next")
    assert again.folder is None


def test_another_program_can_take_the_consent_back_although_the_store_is_open_here(
    store: Store, folder: Path
) -> None:
    client, other = client_with(store, "sessions"), client_with(store, "sessions")
    sitting = Sitting(store, client.code)
    assert not sitting.withdrawn()
    asked = threading.Thread(target=request_withdrawal, args=(folder, PASSPHRASE, client.code))
    asked.start()
    while asked.is_alive():
        sitting.withdrawn()
        asked.join(0.01)
    assert sitting.withdrawn()
    assert store.newest(client, Consent).withdrawn
    with pytest.raises(StoreError, match=f"no session of {other.code} is running"):
        request_withdrawal(folder, PASSPHRASE, other.code, wait_s=0.2)
    assert not store.newest(other, Consent).withdrawn
    sitting.close()


def test_a_consent_taken_back_on_a_full_disk_stops_the_recording_all_the_same(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_with(store, "sessions")
    sitting = Sitting(store, client.code)

    def full(*_: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(store, "add", full)
    asked = threading.Thread(target=_refused, args=(folder, client.code))
    asked.start()
    while not sitting.withdrawn():
        asked.join(0.01)
    asked.join()  # whoever asked is not told that it was kept
    assert not store.newest(client, Consent).withdrawn
    assert "the store could not keep that: The disk is full." in sitting.closing[0]
    sitting.close()


def _refused(folder: Path, code: str) -> None:
    with pytest.raises(StoreError, match="no session"):
        request_withdrawal(folder, PASSPHRASE, code, wait_s=0.5)


def test_a_consent_taken_back_while_the_session_ends_leaves_nothing_learnt(
    store: Store, folder: Path
) -> None:
    client = client_with(store, "sessions")
    sitting = Sitting(store, client.code)
    sitting.begun(None, source="synthetic", simulated=True)
    asked = threading.Thread(target=request_withdrawal, args=(folder, PASSPHRASE, client.code))
    asked.start()
    while not (folder / "withdraw.request").exists():
        asked.join(0.01)
    sitting.ended(problem="", learnt=b"something")
    asked.join()
    assert store.newest(client, Consent).withdrawn
    assert store.listener(client) == b""
    sitting.close()


def test_a_request_that_is_gone_before_it_is_read_asks_for_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sitting = Sitting(store, client_with(store, "sessions").code)
    monkeypatch.setattr(Path, "exists", lambda path: True)
    assert not sitting.withdrawn()
    sitting.close()


def test_what_was_learnt_is_handed_in_and_kept_with_the_end_of_the_session(store: Store) -> None:
    client = client_with(store, "sessions")
    sitting = Sitting(store, client.code)
    assert sitting.listener == b""
    sitting.begun(None, source="synthetic", simulated=True)
    sitting.ended(problem="", learnt=b"something")
    sitting.close()
    again = Sitting(store, client.code)
    assert again.listener == b"something"
    again.begun(None, source="synthetic", simulated=True)
    again.ended(problem="")  # a session that teaches nothing takes nothing away
    again.close()
    assert store.listener(client) == b"something"
    withdraw(store, client.code)
    assert Sitting(store, client.code).listener == b""


def test_a_recording_of_a_client_that_is_replayed_stays_sealed_and_goes_with_the_client(
    store: Store, tmp_path: Path
) -> None:
    client, other = client_with(store, "sessions", "eeg"), client_with(store, "sessions", "eeg")
    recorded, _ = run(store, client, tmp_path)
    RING.forget()
    RING.ask = store.key_of
    source = f"replay:{recorded.folder}"
    session = Session(Plan(source=source, fast=True, out=tmp_path))
    session.run()
    assert session.folder is not None
    assert all(is_sealed(path.read_bytes()) for path in session.folder.iterdir())
    assert SessionReader(session.folder).eeg()[0].size > 1000
    assert folders_of({client.key_id}, [tmp_path]) == sorted([recorded.folder, session.folder])
    mine, theirs = Sitting(store, client.code), Sitting(store, other.code)
    with pytest.raises(InputError, match=f"of another client than {other.code}"):
        Session(Plan(source=source, fast=True, out=tmp_path, client=theirs, person=Listener()))
    again = Session(Plan(source=source, fast=True, out=tmp_path, client=mine, person=Listener()))
    again.run()
    assert store.listener(client) == b""  # what was lived once teaches once
    mine.close()
    theirs.close()


def test_a_session_teaches_the_next_one_through_the_store(store: Store, tmp_path: Path) -> None:
    client = client_with(store, "sessions", "eeg")
    for n in (1, 2):
        sitting = Sitting(store, client.code)
        person = Listener.from_bytes(sitting.listener) if sitting.listener else Listener()
        sitting.close()
        assert person.sessions == n - 1
        session, sitting = run(store, client, tmp_path, person=person)
        assert session.running is not None
        assert sitting.said  # what was learnt, or why nothing was
        assert sitting.said[0] in sitting.closing
    assert Listener.from_bytes(store.listener(client)).sessions == 2


def test_a_full_disk_at_the_end_is_told_and_ends_the_session_all_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_with(store, "sessions", "eeg")

    def full(*_: object, **__: object) -> None:
        raise StoreError("The store of clients cannot be written (database or disk is full).")

    monkeypatch.setattr(store, "end_session", full)
    session, _ = run(store, client, tmp_path)
    assert "disk is full" in session.snapshot().notice
    assert session.folder is not None
    assert SessionReader(session.folder).manifest["clean"] is True


def test_the_store_does_not_lock_itself_while_a_session_runs(folder: Path) -> None:
    now = [0.0]
    with Store(folder, PASSPHRASE, clock=lambda: now[0]) as store:
        sitting = Sitting(store, client_with(store, "sessions").code)
        now[0] = 1e6
        assert not store.locked
        sitting.close()
        now[0] += 601.0
        assert store.locked


def test_what_has_to_be_asked_is_said_before_and_after(store: Store) -> None:
    client = client_with(store, "sessions")

    def said() -> str:
        sitting = Sitting(store, client.code)
        sitting.close()
        return " ".join([*sitting.reminders, *sitting.closing])

    assert "Contraindications were not asked yet (epilepsy" in said()
    assert "Nobody asked yet" in said()
    store.add(client, Screening(("hearing aid",)))
    store.add(client, AdverseEvents())
    assert "Contraindications: hearing aid. Is that still so?" in said()
    assert "Nothing unpleasant was reported last time" in said()
    store.add(client, AdverseEvents(({"event": "headache", "severity": "mild"},)))
    assert "headache (mild)" in said()
    assert f"client note {client.code} --adverse none" in said()
