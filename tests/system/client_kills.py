"""Kill sessions of a client, and changes of the store, at random moments, and look what is left.

``python -m tests.system.client_kills --kills 100 --seed 1`` kills, in turn, a headless session of a
client with the synthetic board, and a program that changes the store as fast as it can (notes,
sessions with what they taught, new clients, deletions, another passphrase, backups). After each the
store must open, its audit log must be whole, every change that was told as done must be there and
none by half; the session's folder must read, and what is lost of its EEG is measured from the
moment of the kill. Linux only: the LSL clock is the monotonic one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from app.clients.backup import back_up
from app.clients.creating import create_store
from app.clients.deleting import delete_client
from app.clients.entries import Note, consent
from app.clients.listener import Listener
from app.clients.people import Client
from app.clients.store import Store
from app.paths import clients_folder, sessions_folder
from app.records.reader import SessionReader
from app.records.sealed import RING
from dsp.checks import AttuneError
from tests.doubles.program import HEADLESS, ROOT, Program, children, until
from tests.system.kills import say

SECRETS = ("correct horse battery", "another long passphrase")
SESSION_S, END_S = 5.0, 1.5  # a session, and the end of it: report and store
CHANGES_S = 2.0  # s of changes in which a kill falls
PATIENCE_S = 180.0
LOST_S = 1.0  #: s of EEG that a kill may cost; the tick that was under way comes on top


@dataclass
class Kill:
    """One kill and what was left.

    Attributes
    ----------
    victim : str
        ``session`` or ``store``.
    moment : float
        Seconds after it could have been seen.
    lost : float
        Seconds of EEG from the last one that is read to the kill; NaN of the store, and of a
        session that had ended or not begun its first second.
    problem : str
        What is not as it must be, or empty.
    """

    victim: str
    moment: float
    lost: float = float("nan")
    problem: str = ""


# --- the program that changes the store ------------------------------------------------------


def change(seed: int) -> None:
    """Change the store until somebody ends this; each change is told when it is done."""
    rng = np.random.default_rng(seed)
    store, secret = opened()
    client = store.clients()[0]
    taught = _known(store, client)
    ended = _ended(store, client)

    def done(*words: object) -> None:
        sys.stdout.write(" ".join(map(str, words)) + "\n")
        sys.stdout.flush()

    n = sum(isinstance(one.entry, Note) for one in store.entries(client))
    done("ready", n, taught, ended)
    while True:
        kind = rng.choice(["note", "note", "session", "new", "delete", "passphrase", "backup"])
        if kind == "note":
            store.add(client, Note(f"note {n}"))
            n += 1
            done("note", n)
        elif kind == "session":
            taught += 1
            session = store.begin_session(client, folder=None, source="x", simulated=True)
            store.end_session(client, session, listener=Listener(sessions=taught).to_bytes())
            done("taught", taught)
        elif kind == "new":
            done("new", store.new_client().code)
        elif kind == "delete" and len(store.clients()) > 1:
            code = store.clients()[-1].code
            delete_client(store, store.client(code), secret, sessions_folder())
            done("deleted", code)
        elif kind == "passphrase":
            secret = SECRETS[1 - SECRETS.index(secret)]
            store.change_passphrase(secret)
            done("passphrase", SECRETS.index(secret))
        elif kind == "backup":
            file = clients_folder().parent / "backup.zip"
            file.unlink(missing_ok=True)
            back_up(store, file)
            done("backup")


def _known(store: Store, client: Client) -> int:
    """Sessions that what is known of the client comes of."""
    stored = store.listener(client)
    return Listener.from_bytes(stored).sessions if stored else 0


def _ended(store: Store, client: Client) -> int:
    """Sessions of the program that changes the store which have ended."""
    return sum(row.source == "x" and row.ended is not None for row in store.sessions(client))


def opened() -> tuple[Store, str]:
    """Open the store with whichever passphrase it has."""
    try:
        return Store(clients_folder(), SECRETS[0]), SECRETS[0]
    except AttuneError:
        return Store(clients_folder(), SECRETS[1]), SECRETS[1]


# --- kills -----------------------------------------------------------------------------------


def kill_store(rng: np.random.Generator) -> Kill:
    """Kill the program that changes the store."""
    seed, moment = int(rng.integers(1 << 30)), float(rng.uniform(0.0, CHANGES_S))
    words = [sys.executable, "-m", "tests.system.client_kills", "--change", str(seed)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        told = [process.stdout.readline()]
        time.sleep(moment)
        ended = process.poll() is not None
        process.kill()
        told += process.stdout.readlines()
    if ended:
        return Kill("store", moment, problem=f"it ended by itself: {''.join(told)}")
    return Kill("store", moment, problem=_store_problem([line.split() for line in told]))


def _store_problem(told: list[list[str]]) -> str:
    (clients_folder() / "attempts.json").unlink(missing_ok=True)  # of trying both passphrases
    try:
        store, secret = opened()
    except AttuneError as error:
        return f"the store does not open: {error}"
    with store:
        if broken := store.audit()[1]:
            return broken
        client = store.clients()[0]
        notes = [one.entry for one in store.entries(client) if isinstance(one.entry, Note)]
        n = max([int(line[1]) for line in told if line[0] in ("ready", "note")])
        if len(notes) not in (n, n + 1) or notes != [Note(f"note {k}") for k in range(len(notes))]:
            return f"{n} notes were told as done, and {len(notes)} are there"
        known, ended = int(told[0][2]), int(told[0][3])
        taught = [known, *(int(line[1]) for line in told if line[0] == "taught")][-1]
        now = _known(store, client)
        if now not in (taught, taught + 1):
            return f"{taught} sessions were told as learnt from, and {now} are"
        if _ended(store, client) - ended != now - known:
            return "a session has ended without what it taught, or the other way round"
        codes = {one.code for one in store.clients()}
        gone = {line[1] for line in told if line[0] == "deleted"}
        made = {line[1] for line in told if line[0] == "new"}
        if gone & codes:
            return f"{gone & codes} were told as deleted, and are there"
        if len(made - gone - codes) > 1:  # one may be deleted, and not told any more
            return f"{made - gone - codes} were told as made, and are missing"
        kept = [int(line[1]) for line in told if line[0] == "passphrase"]
        if kept and secret != SECRETS[kept[-1]] and told[-1][0] == "passphrase":
            # the change after it may have been done, and not told any more
            return "" if secret == SECRETS[1 - kept[-1]] else "the passphrase is neither of both"
        if secret != SECRETS[0]:
            store.change_passphrase(SECRETS[0])
    return ""


def kill_session(rng: np.random.Generator, client: Client, passphrase: Path) -> Kill:
    """Kill a session of the client, all of its processes at once."""
    root = sessions_folder()
    root.mkdir(parents=True, exist_ok=True)
    before = set(_folders(root))
    moment = float(rng.uniform(0.0, SESSION_S + END_S))
    words = ("--source", "synthetic", "--minutes", str(SESSION_S / 60.0), "--client", client.code,
             "--passphrase-file", str(passphrase))  # fmt: skip
    with Program(*HEADLESS, *words, group=True) as program:
        until(partial(_has_more, before, root), seconds=PATIENCE_S, told=lambda: program.text)
        time.sleep(moment)
        every = [program.process.pid, *children(program.process.pid)]
        running = program.process.poll() is None
        at = time.monotonic()
        for one in every:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        program.process.wait(PATIENCE_S)
    (folder,) = set(_folders(root)) - before
    kill = Kill("session", moment)
    try:
        with Store(clients_folder(), SECRETS[0]) as store:
            RING.ask = store.key_of
            _look(kill, SessionReader(folder), at if running else float("nan"))
            rows = [row for row in store.sessions(client) if row.folder == str(folder)]
            if broken := store.audit()[1]:
                kill.problem = broken
            elif len(rows) > 1 or (rows and not rows[0].simulated):
                kill.problem = f"the store has the session as {rows}"
            elif rows and rows[0].ended and not store.listener(client):
                kill.problem = "the session has ended, and nothing is known of it"
    except AttuneError as error:
        kill.problem = str(error)
    finally:
        RING.forget()
    shutil.rmtree(folder)
    return kill


def _look(kill: Kill, reader: SessionReader, at: float) -> None:
    times, _ = reader.eeg()
    ticks = [row["t"] for row in reader.events() if row["kind"] == "tick"]
    ended = reader.manifest.get("ended") is not None
    for problem in reader.problems:
        if re.search(r"damaged or were moved|are missing|another session", problem):
            kill.problem = problem
    if np.any(np.diff(times) <= 0):
        kill.problem = "times do not increase"
    elif ticks and not times.size:
        kill.problem = f"{len(ticks)} ticks and no EEG"
    elif ticks and not ended:
        kill.lost = at - float(times[-1])


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if not path.name.startswith(".")]


def _has_more(before: set[Path], root: Path) -> bool:
    return bool(set(_folders(root)) - before)


def kills(n: int, seed: int, home: Path) -> Iterator[Kill]:
    """`n` kills, of sessions and of changes in turn, in a home of their own."""
    rng = np.random.default_rng(seed)
    passphrase = home / "passphrase"
    passphrase.write_text(SECRETS[0])
    create_store(clients_folder(), SECRETS[0])
    with Store(clients_folder(), SECRETS[0]) as store:
        client = store.new_client()
        store.add(client, consent(("sessions", "eeg")))
    for k in range(n):
        yield kill_store(rng) if k % 2 else kill_session(rng, client, passphrase)


def table(done: list[Kill]) -> str:
    """Markdown, a row for each kind of victim."""
    lines = [
        "| killed | times | all as it must be | EEG lost, median and most |",
        "|---|---|---|---|",
    ]
    for victim in ("session", "store"):
        rows = [kill for kill in done if kill.victim == victim]
        lost = np.array([kill.lost for kill in rows if np.isfinite(kill.lost)])
        told = (
            f"{np.median(lost):.2f} s, {lost.max():.2f} s ({lost.size} kills)" if lost.size else "–"
        )
        good = sum(not kill.problem for kill in rows)
        lines.append(f"| {victim} | {len(rows)} | {good} | {told} |")
    return "\n".join(lines)


def main() -> int:
    """Run the kills one by one; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--change", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.change is not None:
        change(chosen.change)
    done: list[Kill] = []
    with tempfile.TemporaryDirectory(prefix="attune-client-kills-") as folder:
        for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = str(Path(folder) / kind.lower())
        for kill in kills(chosen.kills, chosen.seed, Path(folder)):
            done.append(kill)
            mark = f"  WRONG: {kill.problem}" if kill.problem else ""
            lost = f", {kill.lost:.2f} s lost" if np.isfinite(kill.lost) else ""
            say(f"{len(done)}/{chosen.kills} {kill.victim} at {kill.moment:.2f} s{lost}{mark}")
    say(table(done))
    return 1 if any(kill.problem for kill in done) else 0


if __name__ == "__main__":
    sys.exit(main())
