"""The real program with a client: nothing of them can be seen from outside, and they can say no."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.clients.creating import create_store
from app.clients.entries import Consent, Name, Note, consent
from app.clients.store import Store
from app.records.reader import SessionReader
from app.records.sealed import RING
from app.session.running import WITHDRAWN
from tests.doubles.program import HEADLESS, Program

SECRET = "correct horse battery"
NAME, NOTE = "Wilhelmina Planted", "She dislikes the oboe"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with everything that the program may write to, temporary files too."""
    for kind in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    yield tmp_path
    RING.forget()


def dump(home: Path) -> bytes:
    """Every byte in every file, and every name of one; a file may go while it is looked at."""
    seen = b""
    for path in home.rglob("*"):
        seen += path.name.encode() + b"\n"
        try:
            seen += path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            seen += b"\n"
    return seen


@pytest.mark.timeout(600)  # two programs, and a session as a client would have it
def test_nothing_of_a_client_is_seen_in_the_files_and_a_consent_is_taken_back_from_outside(
    home: Path,
) -> None:
    clients = home / "data" / "attune" / "clients"
    create_store(clients, SECRET)
    with Store(clients, SECRET) as store:
        client = store.new_client()
        for entry in (Name(NAME), Note(NOTE), consent(("sessions", "eeg"))):
            store.add(client, entry)
    elsewhere = home.parent / f"{home.name}-passphrase"
    elsewhere.write_text(SECRET)
    words = ("--client", client.code, "--passphrase-file", str(elsewhere))
    seen = dump(home)
    with Program(*HEADLESS, "--source", "synthetic", "--minutes", "5", *words) as program:
        program.goes_on(ticks=4)
        seen += dump(home)  # in the middle, while files grow
        done = subprocess.run(
            [sys.executable, "-m", "app.commands", "client", "consent", client.code, "--withdraw",
             "--passphrase-file", str(elsewhere)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        program.says("The consent was taken back: nothing more is recorded")
        program.goes_on(ticks=2)  # the music and its feedback do not end
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(60) == 0, program.text
    seen += dump(home)

    with Store(clients, SECRET) as store:
        assert store.newest(client, Consent).withdrawn
        (row,) = store.sessions(client)
        assert row.simulated == 1
        RING.ask = store.key_of
        reader = SessionReader(Path(row.folder))
        assert reader.manifest["problem"] == WITHDRAWN
        rows, title = reader.eeg()[1], reader.events()
    assert rows.shape[0] > 250
    (track,) = {str(event["title"]) for event in title if event["kind"] == "track"}
    planted = [NAME, NOTE, client.code, client.code[2:], track, "enjoyment"]
    raw = [rows[k].tobytes() for k in range(100, rows.shape[0], 50)]
    for what in (*(text.encode() for text in planted), *raw):
        assert what not in seen
    assert b"sealed" in seen  # it did look at the files


def test_a_second_program_is_told_that_the_store_is_in_use(home: Path) -> None:
    clients = home / "data" / "attune" / "clients"
    create_store(clients, SECRET)
    (home / "pw").write_text(SECRET)
    with (
        Store(clients, SECRET),
        Program("client", "list", "--passphrase-file", str(home / "pw")) as (program),
    ):
        assert program.process.wait(60) == 2
        program.says("is open in another Attune")
