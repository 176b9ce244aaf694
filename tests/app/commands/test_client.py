"""`attune client` from a new store to a deletion, as a person and as a script would use it."""

from __future__ import annotations

import io
import json
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.clients import keys
from app.clients.entries import consent
from app.clients.listener import Listener
from app.clients.sitting import Sitting
from app.clients.store import Store
from app.commands import passphrase
from app.commands.command_line import main
from app.commands.showing import show_once
from app.lab.simulate_demo import starter
from app.paths import clients_folder, sessions_folder
from app.records.reader import SessionReader
from app.records.sealed import RING, new_seal
from app.session.plan import Plan
from app.session.session import Session
from dsp.checks import InputError
from tests.doubles.making_sessions import make_session

SECRET = "correct horse battery"
LEARNT = Listener(sessions=3).to_bytes()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setitem(keys.SCRYPT, "n", 1 << 10)
    monkeypatch.setitem(sys.modules, "keyring", None)  # of whoever runs the tests
    (tmp_path / "pw").write_text(SECRET + "\n")
    yield
    RING.forget()


class Attune:
    """The command line, with the passphrase in a file."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._words, self._capsys = ["--passphrase-file", str(folder / "pw")], capsys

    def __call__(self, *words: str, status: int = 0) -> str:
        """Return what is printed; what goes to stderr where it fails."""
        assert main([*words, *self._words]) == status
        said = self._capsys.readouterr()
        assert SECRET not in said.out + said.err
        return said.err if status else said.out

    def table(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def attune(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Attune:
    return Attune(tmp_path, capsys)


@pytest.fixture
def code(attune: Attune) -> str:
    return str(attune.table("client", "new", "--goal", "calm")["code"])


def recorded(code: str) -> Path:
    """A session of a client, in the usual place."""
    with Store(clients_folder(), SECRET) as store:
        client = store.client(code)
        seal = new_seal(client.key_id, client.key)
        folder = make_session(sessions_folder(), seconds=5, seal=seal)
        number = store.begin_session(client, folder=folder, source="synthetic", simulated=True)
        store.end_session(client, number, listener=LEARNT)
    return folder


def test_the_first_client_makes_the_store_and_the_recovery_code_is_shown_once(
    attune: Attune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = attune.table("client", "new"), attune.table("client", "new")
    assert second["recovery_code"] is None
    (tmp_path / "recovery").write_text(first["recovery_code"])
    assert main(["client", "list", "--passphrase-file", str(tmp_path / "recovery")]) == 0
    assert first["code"] in capsys.readouterr().out


def test_everything_that_is_entered_is_shown(attune: Attune, code: str, tmp_path: Path) -> None:
    assert "not asked" in attune("client", "show", code)
    about = ("--about", "age_band=35-44", "handedness=left", "--name", "W. P.")
    asked = ("--adverse", "none", "--screening", "hearing aid")
    attune("client", "note", code, "Slept better", *asked, *about)
    attune("client", "consent", code, "--scope", "sessions", "eeg", "--witness", "R.")
    attune("client", "scale", code, "gad7", "--answers", "1,1,1,1,1,0,-")
    attune("client", "scale", code, "bdi2", "--score", "11", "--when", "before")
    (tmp_path / "list.txt").write_bytes("1. copper lantern\n2. Élan\n".encode("cp1252"))
    words = (str(tmp_path / "list.txt"), "--by", "daughter", "--era", "1958-1972")
    rows = attune.table("client", "intake", code, *words)["lines"]
    assert [(row["line"], row["title"]) for row in rows] == [
        ("copper lantern", "Copper Lanterns"), ("Élan", None),
    ]  # fmt: skip
    table = attune.table("client", "show", code)
    assert table["adverse_events"] == "none reported"
    assert table["contraindications"] == ["hearing aid"]
    assert table["about"]["age_band"] == "35-44"
    assert table["consent"]["scope"] == ["sessions", "eeg"]
    assert [scale["scores"] for scale in table["scales"]] == [{"total": None}, {"total": 11.0}]
    assert [note["text"] for note in table["notes"]] == ["Slept better"]
    assert table["learnt"]["intake"] == ["Copper Lanterns"]
    assert table["intake"][0]["lines"] == ["copper lantern", "Élan"]
    with Store(clients_folder(), SECRET) as store:
        known = Listener.from_bytes(store.listener(store.client(code))).record
    assert [known.names[key].title for key in known.intake] == ["Copper Lanterns"]
    assert (known.intake_missing, known.era) == (("Élan",), (1958, 1972))
    shown = attune("client", "show", code)
    for text in ("W. P.", "hearing aid", "Slept better", "gad7: total open", "none reported",
                 "Named, and not found yet: Élan"):  # fmt: skip
        assert text in shown
    assert attune.table("client", "list")[0]["goal"] == "calm"


def test_an_answer_that_is_missing_may_come_first(attune: Attune, code: str) -> None:
    said = attune("client", "scale", code, "gad7", "--answers", "-,1,1,1,1,1,0")
    assert "open: not all of its items were answered" in said


def test_what_is_told_later_of_a_client_takes_nothing_back_that_was_told_before(
    attune: Attune, code: str
) -> None:
    attune("client", "note", code, "--about", "handedness=left", "sex=female")
    attune("client", "note", code, "--about", "age_band=35-44", "sex=other")
    about = attune.table("client", "show", code)["about"]
    assert (about["handedness"], about["sex"], about["age_band"]) == ("left", "other", "35-44")


def test_a_piece_that_was_named_by_mistake_is_taken_off_the_list_again(
    attune: Attune, code: str, tmp_path: Path
) -> None:
    assert "Nothing is on the intake list yet" in attune("client", "intake", code)
    (tmp_path / "list.txt").write_text("Copper Lanterns\nNight Tram\nYesterday\n")
    attune("client", "intake", code, str(tmp_path / "list.txt"), "--era", "1958-1972")
    said = attune("client", "intake", code)
    assert (
        said == "Named as loved: Copper Lanterns; Night Tram\nNamed, and not found yet: Yesterday\n"
    )
    said = attune("client", "intake", code, "--remove", "copper lanterns!", "Yesterday")
    assert "Copper Lanterns: taken off the list" in said
    assert "Yesterday: taken off the list" in said
    table = attune.table("client", "show", code)
    assert (table["learnt"]["intake"], table["learnt"]["intake_missing"]) == (["Night Tram"], [])
    assert table["intake"][-1]["removed"] == ["Copper Lanterns", "Yesterday"]
    with Store(clients_folder(), SECRET) as store:
        known = Listener.from_bytes(store.listener(store.client(code))).record
    assert known.era == (1958, 1972)
    said = attune("client", "intake", code, "--remove", "Yesterday", status=2)
    assert "'Yesterday' is not on the intake list; on it are: Night Tram." in said


def test_self_harm_and_severe_events_are_told_plainly(attune: Attune, code: str) -> None:
    said = attune("client", "scale", code, "phq9", "--answers", "0,0,0,0,0,0,0,0,1")
    assert said.startswith("PHQ-9: item 9")
    assert "Speak with the client about it now" in said
    assert "published band: minimal" in said
    said = attune("client", "note", code, "--adverse", "headache:severe")
    assert "follow the emergency plan" in said
    log = attune.table("client", "show", code, "--audit")
    assert log["unbroken"] is True
    assert "a notice was shown to the therapist" in [row["detail"] for row in log["rows"]]


def test_a_consent_is_read_given_and_taken_back(attune: Attune, code: str) -> None:
    assert "was not asked for consent yet" in attune("client", "consent", code)
    assert attune.table("client", "consent", code, "--scope", "eeg")["scope"] == ["eeg"]
    assert "Nothing of a session is kept, the EEG neither" in attune("client", "consent", code)
    assert "kept: nothing" in attune("client", "list")
    assert attune.table("client", "consent", code, "--withdraw")["withdrawn"] is True
    assert "took the consent back" in attune("client", "consent", code)
    assert "leave --scope out" in attune(
        "client", "consent", code, "--withdraw", "--scope", "eeg", status=2
    )


def test_report_replay_and_evaluate_open_an_encrypted_session(
    attune: Attune, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded(code)
    assert attune("report", str(folder)).strip() == str(folder / "report.html")
    assert not (folder / "report.html").read_bytes().startswith(b"<!DOCTYPE")
    attune("report", str(folder), "--save", str(tmp_path / "r.html"))
    assert (tmp_path / "r.html").read_bytes().startswith(b"<!DOCTYPE")
    assert "fm_theta" in attune("evaluate", "reward", str(folder))
    assert "data" in attune("replay", str(folder), status=2)  # invented rows: nothing to compare
    assert main(["report", str(folder)]) == 2
    assert "there is no terminal to ask on" in capsys.readouterr().err
    log = attune.table("client", "show", code, "--audit")
    assert [row["what"] for row in log["rows"]].count("session opened") == 4


def test_what_a_client_s_sessions_teach_is_told_to_stand_in_a_file_unencrypted(
    attune: Attune, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(clients_folder(), SECRET) as store:
        client = store.client(code)
        store.add(client, consent(("sessions", "eeg")))
        sitting = Sitting(store, code)
        plan = Plan(source="simulated", seed=1, minutes=0.5, out=sessions_folder(), client=sitting)
        session = Session(plan, prepared=starter())
        session.run()
        sitting.close()
    words = ["calibrate", str(session.folder), "--out", str(tmp_path / "mine.npz")]
    assert main([*words, "--passphrase-file", str(tmp_path / "pw")]) == 0
    assert "unencrypted; delete that file" in capsys.readouterr().err
    assert (tmp_path / "mine.npz").exists()


def test_a_session_that_was_cut_off_teaches_afterwards(attune: Attune, code: str) -> None:
    assert "agreed" in attune("client", "learn", code, status=2)
    attune("client", "consent", code, "--scope", "sessions", "eeg")
    with Store(clients_folder(), SECRET) as store:
        sitting = Sitting(store, code)
        plan = Plan(source="simulated", seed=1, minutes=0.5, out=sessions_folder(), client=sitting)
        sitting.ended = lambda **_: None  # type: ignore[method-assign]  # as where it is killed
        session = Session(plan, prepared=starter())
        session.run()
        sitting.close()
        again = Sitting(store, code)
        assert f"1 session was cut off and taught nothing yet: attune client learn {code}" in (
            again.reminders
        )
        again.close()
    (row,) = attune.table("client", "learn", code)
    assert row["learnt"] is True
    assert row["said"]
    table = attune.table("client", "show", code)
    assert table["learnt"]["sessions"] == 1
    assert table["session_list"][0]["problem"].startswith("It was cut off")
    assert "No session was cut off" in attune("client", "learn", code)


def test_a_recording_whose_key_was_destroyed_says_so_without_a_passphrase(
    attune: Attune, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, copy = recorded(code), tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    said = attune("client", "delete", code, "--yes")
    assert "1 session folder was removed" in said
    assert "NOT SO" not in said
    assert not folder.exists()
    for words in (["report"], ["replay"], ["evaluate", "reward"]):
        assert main([*words, str(copy)]) == 2
        assert "Its key was destroyed when its client was deleted" in capsys.readouterr().err
    assert main(["run", "--source", f"replay:{copy}", "--headless", "--fast"]) == 2
    assert "Its key was destroyed" in capsys.readouterr().err
    assert "There is no client" in attune("client", "show", code, status=2)


def test_an_export_holds_everything_of_one_client_readable(
    attune: Attune, code: str, tmp_path: Path
) -> None:
    other = attune.table("client", "new")["code"]
    folder = recorded(code)
    attune("client", "note", code, "Slept better")
    attune("client", "note", other, "Of somebody else")
    attune("client", "scale", code, "phq9", "--score", "12")
    file = tmp_path / "mine.zip"
    assert attune.table("client", "export", code, str(file)) == {
        "file": str(file), "sessions": 1, "entries": 3, "problems": [],
    }  # fmt: skip
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert f"client {code}" in content["README.txt"].decode()
    entries = json.loads(content["client.json"])["entries"]
    assert [entry["kind"] for entry in entries] == ["goal", "note", "scale"]
    assert b"phq9,,total,12.0,moderate" in content["scales.csv"]
    assert content["learnt.bin"] == LEARNT
    assert b"synthetic,True" in content["sessions.csv"]
    (tmp_path / "plain").mkdir()
    for name in ("session.json", "events.jsonl", "recording.xdf"):
        path = tmp_path / "plain" / name
        path.write_bytes(content[f"sessions/{folder.name}/{name}"])
    reader = SessionReader(tmp_path / "plain")
    assert reader.eeg()[0].size == 5 * 250
    assert reader.problems == []
    for raw in content.values():
        assert b"Of somebody else" not in raw
        assert other.encode() not in raw
    for name in set(content) - {"README.txt"}:  # and every file is told of
        assert all(part in content["README.txt"].decode() for part in name.split("/")[::2]), name
    assert "is there already" in attune("client", "export", code, str(file), status=2)
    assert "could not be written" in attune(
        "client", "export", code, str(tmp_path / "no" / "m.zip"), status=2
    )


def test_a_store_is_brought_back_and_its_passphrase_changed(
    attune: Attune, code: str, tmp_path: Path
) -> None:
    attune("client", "backup", str(tmp_path / "b.zip"))
    attune("client", "note", code, "later")
    assert "The old one is in" in attune("client", "restore", str(tmp_path / "b.zip"))
    assert attune.table("client", "show", code)["notes"] == []
    (tmp_path / "new").write_text("a long new one\n")
    attune("client", "passphrase", "--new-file", str(tmp_path / "new"))
    assert "is not the one of this store" in attune("client", "list", status=2)
    (tmp_path / "pw").write_text("a long new one\n")
    assert code in attune("client", "list")


def test_a_passphrase_file_of_a_windows_editor_opens_the_store(
    attune: Attune, code: str, tmp_path: Path
) -> None:
    (tmp_path / "pw").write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    assert code in attune("client", "list")


def test_whoever_leaves_where_the_passphrase_is_asked_has_stopped(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def left(prompt: str) -> str:
        raise EOFError  # as Ctrl-D on a terminal

    monkeypatch.setattr(passphrase, "ask", left)
    assert main(["client", "list"]) == 2
    assert capsys.readouterr().err == "attune: stopped.\n"


def test_the_passphrase_is_asked_on_a_terminal_and_a_mistyped_one_again(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["wrong one", SECRET])
    monkeypatch.setattr(passphrase, "ask", lambda prompt: next(typed))
    assert main(["client", "list"]) == 0
    said = capsys.readouterr()
    assert code in said.out
    assert "Nothing is lost" in said.err
    monkeypatch.setattr(passphrase, "ask", lambda prompt: "wrong one")
    assert main(["client", "list"]) == 2
    assert main(["client", "list"]) == 2  # it waits by now, and does not ask three times
    assert "try again in" in capsys.readouterr().err


def test_a_keyring_that_is_there_holds_the_passphrase_until_it_is_told_to_forget_it(
    code: str, attune: Attune, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no keyring that Attune can use" in attune("client", "passphrase", "--keep", status=2)
    held: dict[tuple[str, str], str] = {}
    ring = SimpleNamespace(
        get_keyring=lambda: SimpleNamespace(priority=5),
        get_password=lambda *name: held.get(name),
        set_password=lambda service, name, secret: held.update({(service, name): secret}),
        delete_password=lambda *name: held.pop(name),
    )
    monkeypatch.setitem(sys.modules, "keyring", ring)
    attune("client", "passphrase", "--keep")
    assert list(held.values()) == [SECRET]
    assert main(["client", "list"]) == 0  # nobody is asked
    assert code in capsys.readouterr().out
    held[next(iter(held))] = "of another store"
    monkeypatch.setattr(passphrase, "ask", lambda prompt: SECRET)
    assert main(["client", "list"]) == 0
    assert "What the keyring of the system holds: The passphrase is not" in capsys.readouterr().err
    attune("client", "passphrase", "--forget")
    assert held == {}
    ring.get_keyring = lambda: SimpleNamespace(priority=0)
    assert passphrase.kept_passphrase() is None


def test_a_questionnaire_is_asked_item_by_item_on_a_terminal(
    attune: Attune, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return ["3", "", "1", "2", "0", "0", "1"][len(asked) - 1]

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr(sys, "stdin", Terminal())
    said = attune("client", "scale", code, "gad7")
    assert asked[0].startswith("1. Feeling nervous")
    assert "total: open" in said
    assert attune.table("client", "show", code)["scales"][0]["answers"]["2"] is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_deleting_asks_for_the_code(
    attune: Attune, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = attune.table("client", "new")["code"]
    assert "give --yes" in attune("client", "delete", code, status=2)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda _: other)
    assert "another client; nothing was deleted" in attune("client", "delete", code, status=2)
    monkeypatch.setattr("builtins.input", lambda _: code.lower())
    assert attune("client", "delete", code).startswith(f"{code} is deleted.")
    assert [row["code"] for row in attune.table("client", "list")] == [other]


def test_a_report_is_shown_once_from_memory_at_a_secret_address() -> None:
    got: list[bytes] = []

    def browse(address: str) -> bool:
        def fetch() -> None:
            for path in (address.rsplit("/", 1)[0] + "/favicon.ico", address):
                try:
                    with urllib.request.urlopen(path, timeout=10) as answer:
                        assert answer.headers["Cache-Control"] == "no-store"
                        got.append(answer.read())
                except OSError as error:
                    got.append(str(error).encode())

        threading.Thread(target=fetch).start()
        return True

    show_once(b"<html>page</html>", browse=browse)
    assert b"404" in got[0]
    while len(got) < 2:
        pass
    assert got[1] == b"<html>page</html>"


def test_refusals_in_a_sentence_each(attune: Attune, code: str, tmp_path: Path) -> None:
    for words, said in (
        (["show", "C-12"], "The client code is 'C-12'; expected C-"),
        (["note", code], "nothing to write down"),
        (["note", code, "--adverse", "headache"], "such as headache:mild"),
        (["note", code, "--adverse", "luck:mild"], "adverse event is 'luck'"),
        (["note", code, "--adverse", "none", "headache:mild"], "give it alone, or leave it out"),
        (["note", code, "--screening", "tinnitus", "none"], "--screening is 'tinnitus none'"),
        (["note", code, " "], "The note is empty"),
        (["note", code, "--about", "shoe=44"], "--about is 'shoe=44'"),
        (["note", code, "--screening", "luck"], "contraindication is 'luck'"),
        (["consent", code, "--scope", "all"], "scope of the consent is 'all'"),
        (["consent", code, "--witness", "R."], "say with --scope"),
        (["scale", code, "phq9", "--score", "3", "--answers", "1"], "exclude each other"),
        (["scale", code, "phq9", "--answers", "1,x"], "An answer is 'x'"),
        (["scale", code, "phq9"], "no terminal to ask on"),
        (["scale", code, "phq9", "--answers", "-,1"], "9 items, and 2 answers were given"),
        (["intake", code, "--remove", "Yesterday"], "on it are: nothing."),
        (["intake", code, str(tmp_path / "none")], "cannot be read"),
        (["intake", code, str(tmp_path / "pw"), "--era", "1958"], "--era is '1958'"),
        (["restore", str(tmp_path / "none")], "There is no backup"),
    ):
        assert said in attune("client", *words, status=2), words
    (tmp_path / "empty").write_text("\n \n")
    assert "names no track" in attune("client", "intake", code, str(tmp_path / "empty"), status=2)
    (tmp_path / "pw").write_text("\n")
    assert "is empty; it must hold the passphrase" in attune("client", "list", status=2)
    (tmp_path / "pw").unlink()
    assert "could not be read" in attune("client", "list", status=2)


def test_without_a_store_everybody_is_told_how_one_is_made(attune: Attune) -> None:
    assert "attune client new makes it" in attune("client", "list", status=2)
    with pytest.raises(InputError, match="no terminal"):
        passphrase.ask()
