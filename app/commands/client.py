"""`attune client`: who the clients are, what is kept of them, and the store as a whole."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.commands import client_entries
from app.commands.client_entries import of_one, say
from app.commands.passphrase import (
    add_passphrase,
    ask_new,
    keep_passphrase,
    open_store,
    tried,
)
from app.words import counted
from dsp.checks import AttuneError, InputError

CUT_OFF = "It was cut off before its end; what it taught was learnt afterwards."


@dataclass(frozen=True)
class _Kind:
    """One thing that `attune client` does."""

    name: str
    said: str
    example: str
    run: Callable[[argparse.Namespace], int]
    options: tuple[tuple[str, dict[str, Any]], ...] = ()
    of_one: bool = True  # takes the code of a client
    json: bool = True


def _option(name: str, said: str | None = None, **how: Any) -> tuple[str, dict[str, Any]]:
    return name, {"help": said, **how}


_FILE = _option("file", type=Path, metavar="FILE")
_NAME = _option("--name", "only where no other record holds it")
_ON: dict[str, Any] = {"action": "store_true"}
_ALL: dict[str, Any] = {"nargs": "+"}


def _kinds() -> tuple[_Kind, ...]:
    """What there is, in the order in which the help names it."""
    enter = client_entries
    return (
        _Kind(
            "new", "add a client under a new code", "new --goal calm", _new,
            (_option("--goal", "lift mood, calm, energy, explore, or in the client's words"),
             _NAME),
            of_one=False,
        ),
        _Kind("list", "name all clients", "list --json", _list, of_one=False),
        _Kind(
            "show", "what is kept of a client", "show C-0142KN", _show,
            (_option("--audit", "who opened and changed what, verified", **_ON),),
        ),
        _Kind(
            "note", "write something down",
            'note C-0142KN "Slept better." --adverse headache:mild', enter.note,
            (_option("text", "- reads it from standard input", nargs="?", metavar="TEXT"),
             _option("--goal", "what the sessions are for"), _NAME,
             _option("--adverse", "what was unpleasant, such as headache:mild; none where it was "
                     "asked and was not", metavar="EVENT:SEVERITY", **_ALL),
             _option("--screening", "contraindications that apply, or none", metavar="ITEM",
                     **_ALL),
             _option("--about", "age_band, sex, handedness, musical_training, education",
                     metavar="WHAT=VALUE", **_ALL)),
        ),
        _Kind(
            "consent", "what the client agrees that is kept",
            "consent C-0142KN --scope sessions eeg", enter.consent,
            (_option("--scope", "sessions eeg research contact", metavar="WHAT", **_ALL),
             _option("--withdraw", "take all of it back, at once", **_ON),
             _option("--witness", "who was there", default=""),
             _option("--date", "if not today, such as 2026-11-24", metavar="DAY"),
             _option("--text", "text that was shown instead", type=Path, metavar="FILE")),
        ),
        _Kind(
            "scale", "ask a questionnaire, or enter its answers or score",
            "scale C-0142KN phq9 --answers 1,0,2,1,0,0,1,0,0", enter.scale,
            (_option("scale", "a name, or a .toml file", nargs="?", metavar="SCALE"),
             _option("--answers", "to all items; - where there is none", metavar="N,N,..."),
             _option("--score", "as it is on paper", type=float, metavar="N", **_ALL),
             _option("--when", "of a session", default="", choices=("before", "after"))),
        ),
        _Kind(
            "intake", "music that the client, family or staff name, one piece a line",
            "intake C-0142KN list.txt --by daughter", enter.intake,
            (_option("file", "in any text form; - is standard input; without it the list is told",
                     nargs="?", metavar="FILE"),
             _option("--by", "who named it", default=""),
             _option("--playlist", "music to find it in: starter, a folder, an M3U8",
                     default="starter"),
             _option("--remove", "pieces to take off the list again", metavar="TITLE", **_ALL),
             _option("--genres", "that the client likes", metavar="GENRE", **_ALL),
             _option("--era", "of music that the client likes", metavar="YEAR-YEAR")),
        ),
        _Kind("learn", "learn from sessions that were cut off before their end", "learn C-0142KN",
              _learn),
        _Kind("export", "everything of a client in one zip, readable", "export C-0142KN mine.zip",
              _export, (_FILE,)),
        _Kind("delete", "delete a client: key, entries and files, with proof", "delete C-0142KN",
              _delete, (_option("--yes", "ask no further", **_ON),)),
        _Kind("backup", "write the store into one file", "backup b.zip", _backup, (_FILE,),
              of_one=False, json=False),
        _Kind("restore", "bring the store back from a backup", "restore b.zip", _restore, (_FILE,),
              of_one=False, json=False),
        _Kind(
            "passphrase",
            "change the passphrase; the old one, or the recovery code, opens the store",
            "passphrase --new-file new.txt", _passphrase,
            (_option("--new-file", "its first line is the new", type=Path, metavar="FILE"),
             _option("--keep", "have the system's keyring hold it", **_ON),
             _option("--forget", "have it hold it no longer", **_ON)),
            of_one=False, json=False,
        ),
    )  # fmt: skip


def add(commands: Any) -> None:
    """Add the command to the parser."""
    raw, every = argparse.RawDescriptionHelpFormatter, _kinds()
    parser = commands.add_parser(
        "client",
        help="the clients, and the encrypted store of what is kept of them",
        description="Everything of a client is kept encrypted, under a code and with their consent."
        "\nThe first `client new` makes the store.",
        epilog="examples:\n  attune client new --goal calm\n  attune client list\n",
        formatter_class=raw,
    )
    kinds = parser.add_subparsers(
        dest="kind", required=True, metavar="|".join(kind.name for kind in every)
    )
    for kind in every:
        one = kinds.add_parser(
            kind.name,
            help=kind.said,
            description=kind.said[0].upper() + kind.said[1:] + ".",
            epilog=f"example: attune client {kind.example}",
            formatter_class=raw,
        )
        one.set_defaults(run=kind.run)
        add_passphrase(one)
        if kind.of_one:
            one.add_argument("code", metavar="CODE", help="of the client, such as C-0142KN")
        if kind.json:
            one.add_argument("--json", action="store_true", help="print JSON")
        for name, how in kind.options:
            one.add_argument(name, **how)


def _new(arguments: argparse.Namespace) -> int:
    from app.clients.creating import create_store
    from app.clients.entries import Goal, Name
    from app.clients.store import Store
    from app.paths import clients_folder

    recovery = ""
    if clients_folder().is_dir():
        store = open_store(arguments.passphrase_file)[0]
    else:
        secret = ask_new(arguments.passphrase_file)
        recovery = create_store(clients_folder(), secret)
        store = Store(clients_folder(), secret)
    with store:
        client = store.new_client()
        if arguments.goal:
            store.add(client, Goal(arguments.goal))
        if arguments.name:
            store.add(client, Name(arguments.name))
    lines = [client.code]
    if recovery:
        lines += [
            f"Recovery code: {recovery}",
            "It opens the store if the passphrase is forgotten, and is shown this once: print it, "
            "and keep it away from this computer. Without both, nobody can open the store. Switch "
            "on the encryption of the whole disk as well.",
        ]
    say(arguments, {"code": client.code, "recovery_code": recovery or None}, lines)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from app.commands.client_words import listed, row_of

    with open_store(arguments.passphrase_file)[0] as store:
        rows = [row_of(store, client) for client in store.clients()]
    say(arguments, rows, listed(rows))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from app.commands.client_words import audit_of, audited, shown, table_of

    store, client, _ = of_one(arguments)
    with store:
        if arguments.audit:
            table = audit_of(store, client)
            say(arguments, table, audited(table))
            return 0 if table["unbroken"] else 2
        table = table_of(store, client)
    say(arguments, table, shown(table))
    return 0


def _learn(arguments: argparse.Namespace) -> int:
    from app.clients.entries import Consent
    from app.clients.listener import Listener
    from app.clients.sitting import cut_off
    from app.lab.lessons import listen_to
    from app.records.sealed import RING

    store, client, _ = of_one(arguments)
    rows: list[dict[str, Any]] = []
    with store:
        consent: Consent | None = store.newest(client, Consent)
        if consent is None or not consent.covers("sessions"):
            raise InputError(
                f"{client.code} has not agreed that anything is kept; nothing is learnt: see "
                "attune client consent."
            )
        RING.ask = store.key_of
        for row in cut_off(store, client):
            stored, problem = store.listener(client), CUT_OFF
            said: tuple[str, ...] = ()
            person = Listener.from_bytes(stored) if stored else Listener()
            try:
                for _, _, after, told in listen_to([Path(row.folder)], person):
                    person, said = after, told
                taught: bytes | None = person.to_bytes()
            except AttuneError as error:
                taught, problem = None, str(error)
            store.end_session(client, row.number, listener=taught, problem=problem)
            rows.append({"folder": row.folder, "learnt": taught is not None, "problem": problem,
                         "said": list(said)})  # fmt: skip
        RING.forget()
    lines = [f"{row['folder']}: {' '.join(row['said']) or row['problem']}" for row in rows]
    say(arguments, rows, lines or ["No session was cut off."])
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from app.lab.client_export import export_client
    from app.paths import sessions_folder

    store, client, _ = of_one(arguments)
    with store:
        done = export_client(store, client, arguments.file, sessions_folder())
    held = f"{counted(done.sessions, 'session')}, {counted(done.entries, 'entry', 'entries')}"
    lines = [f"{done.file}: {held}.", *done.problems]
    lines.append("It is not encrypted: hand it over, and delete it here.")
    table = {
        "file": str(done.file),
        "sessions": done.sessions,
        "entries": done.entries,
        "problems": done.problems,
    }
    say(arguments, table, lines)
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    from app.clients.deleting import delete_client
    from app.paths import sessions_folder

    store, client, secret = of_one(arguments)
    with store:
        if not arguments.yes:
            if sys.stdin is None or not sys.stdin.isatty():
                raise InputError("Deleting cannot be undone; give --yes where nobody can be asked.")
            typed = input(f"All of {client.code} is deleted for good. Type the code: ")
            if store.client(typed).code != client.code:
                raise InputError("That is another client; nothing was deleted.")
        proof = delete_client(store, client, secret, sessions_folder())
    lines = [f"{client.code} is deleted.", *proof.held, *(f"NOT SO: {s}" for s in proof.failed)]
    lines.append(
        "Backups from before still hold the client: delete them, or keep them from everybody. "
        "Restored here, they come back without the client."
    )
    table = {"code": client.code, "deleted": not proof.failed, "proof": proof.held,
             "failed": proof.failed}  # fmt: skip
    say(arguments, table, lines)
    return 2 if proof.failed else 0


def _backup(arguments: argparse.Namespace) -> int:
    from app.clients.backup import back_up
    from app.paths import sessions_folder

    with open_store(arguments.passphrase_file)[0] as store:
        back_up(store, arguments.file)
    print(
        f"{arguments.file}: opened with the same passphrase. The folders of the sessions are not "
        f"in it; they are encrypted, and any copy of {sessions_folder()} keeps them."
    )
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from app.clients.backup import restore
    from app.paths import clients_folder

    kept = tried(
        lambda secret: restore(clients_folder(), arguments.file, secret),
        arguments.passphrase_file,
        "Passphrase of the backup: ",
    )
    print(
        f"The store is back from {arguments.file}."
        + (f" The old one is in {kept}." if kept else "")
    )
    return 0


def _passphrase(arguments: argparse.Namespace) -> int:
    if arguments.forget:
        keep_passphrase(None)
        print("The keyring of the system holds the passphrase no longer.")
        return 0
    store, secret = open_store(arguments.passphrase_file)
    if arguments.keep:
        store.close()
        keep_passphrase(secret)
        print("The keyring of the system holds the passphrase: whoever unlocks it is not asked.")
        return 0
    with store:
        store.change_passphrase(ask_new(arguments.new_file))
    print("The passphrase is changed; the recovery code is the same as before.")
    return 0
