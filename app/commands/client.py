"""`attune client`: who the clients are, what is kept of them, and the store as a whole."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
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
from dsp.checks import AttuneError, InputError

CUT_OFF = "It was cut off before its end; what it taught was learnt afterwards."


def add(commands: Any) -> None:
    """Add the command to the parser."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "client",
        help="the clients, and the encrypted store of what is kept of them",
        description="Everything of a client is kept encrypted, under a code and with their consent."
        "\nThe first `client new` makes the store.",
        epilog="examples:\n  attune client new --goal calm\n  attune client list\n",
        formatter_class=raw,
    )
    kinds = parser.add_subparsers(
        dest="kind",
        required=True,
        metavar="new|list|show|note|consent|scale|intake|learn|export|delete|backup|"
        "restore|passphrase",
    )

    def kind(
        name: str, said: str, example: str, run: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = kinds.add_parser(
            name,
            help=said,
            description=said[0].upper() + said[1:] + ".",
            epilog=f"example: {example}",
            formatter_class=raw,
        )
        one.set_defaults(run=run)
        add_passphrase(one)
        return one

    def told(one: argparse.ArgumentParser, *, of_one: bool = True) -> argparse.ArgumentParser:
        if of_one:
            one.add_argument("code", metavar="CODE", help="of the client, such as C-0142KN")
        one.add_argument("--json", action="store_true", help="print JSON")
        return one

    new = told(
        kind("new", "add a client under a new code", "attune client new --goal calm", _new),
        of_one=False,
    )
    new.add_argument("--goal", help="lift mood, calm, energy, explore, or in the client's words")
    new.add_argument("--name", help="only where no other record holds it")
    told(kind("list", "name all clients", "attune client list --json", _list), of_one=False)
    show = told(kind("show", "what is kept of a client", "attune client show C-0142KN", _show))
    show.add_argument("--audit", action="store_true", help="who opened and changed what, verified")
    note = told(
        kind(
            "note",
            "write something down",
            'attune client note C-0142KN "Slept better." --adverse headache:mild',
            client_entries.note,
        )
    )
    note.add_argument("text", nargs="?", metavar="TEXT", help="- reads it from standard input")
    note.add_argument("--goal", help="what the sessions are for")
    note.add_argument("--name", help="only where no other record holds it")
    note.add_argument(
        "--adverse",
        nargs="+",
        metavar="EVENT:SEVERITY",
        help="what was unpleasant, such as headache:mild; none where it was asked and was not",
    )
    note.add_argument(
        "--screening", nargs="+", metavar="ITEM", help="contraindications that apply, or none"
    )
    note.add_argument(
        "--about",
        nargs="+",
        metavar="WHAT=VALUE",
        help="age_band, sex, handedness, musical_training, education",
    )
    consent = told(
        kind(
            "consent",
            "what the client agrees that is kept",
            "attune client consent C-0142KN --scope sessions eeg",
            client_entries.consent,
        )
    )
    consent.add_argument("--scope", nargs="+", metavar="WHAT", help="sessions eeg research contact")
    consent.add_argument("--withdraw", action="store_true", help="take all of it back, at once")
    consent.add_argument("--witness", default="", help="who was there")
    consent.add_argument("--date", metavar="DAY", help="if not today, such as 2026-11-24")
    consent.add_argument("--text", type=Path, metavar="FILE", help="text that was shown instead")
    scale = told(
        kind(
            "scale",
            "ask a questionnaire, or enter its answers or score",
            "attune client scale C-0142KN phq9 --answers 1,0,2,1,0,0,1,0,0",
            client_entries.scale,
        )
    )
    scale.add_argument("scale", nargs="?", metavar="SCALE", help="a name, or a .toml file")
    scale.add_argument("--answers", metavar="N,N,...", help="to all items; - where there is none")
    scale.add_argument("--score", nargs="+", type=float, metavar="N", help="as it is on paper")
    scale.add_argument("--when", default="", choices=("before", "after"), help="of a session")
    intake = told(
        kind(
            "intake",
            "music that the client, family or staff name, one piece a line",
            "attune client intake C-0142KN list.txt --by daughter",
            client_entries.intake,
        )
    )
    intake.add_argument("file", metavar="FILE", help="in any text form; - is standard input")
    intake.add_argument("--by", default="", help="who named it")
    intake.add_argument(
        "--playlist", default="starter", help="music to find it in: starter, a folder, an M3U8"
    )
    intake.add_argument("--genres", nargs="+", metavar="GENRE", help="that the client likes")
    intake.add_argument("--era", metavar="YEAR-YEAR", help="of music that the client likes")
    export = told(
        kind(
            "export",
            "everything of a client in one zip, readable",
            "attune client export C-0142KN mine.zip",
            _export,
        )
    )
    export.add_argument("file", type=Path, metavar="FILE")
    delete = told(
        kind(
            "delete",
            "delete a client: key, entries and files, with proof",
            "attune client delete C-0142KN",
            _delete,
        )
    )
    delete.add_argument("--yes", action="store_true", help="ask no further")
    told(
        kind(
            "learn",
            "learn from sessions that were cut off before their end",
            "attune client learn C-0142KN",
            _learn,
        )
    )
    backup = kind("backup", "write the store into one file", "attune client backup b.zip", _backup)
    backup.add_argument("file", type=Path, metavar="FILE")
    back = kind(
        "restore", "bring the store back from a backup", "attune client restore b.zip", _restore
    )
    back.add_argument("file", type=Path, metavar="FILE")
    change = kind(
        "passphrase",
        "change the passphrase; the old one, or the recovery code, opens the store",
        "attune client passphrase --new-file new.txt",
        _passphrase,
    )
    change.add_argument("--new-file", type=Path, metavar="FILE", help="its first line is the new")
    change.add_argument("--keep", action="store_true", help="have the system's keyring hold it")
    change.add_argument("--forget", action="store_true", help="have it hold it no longer")


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
    lines = [f"{done.file}: {done.sessions} sessions, {done.entries} entries.", *done.problems]
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
