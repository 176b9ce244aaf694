"""`attune client note|consent|scale|intake`: what is entered of a client."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.passphrase import open_store, tried
from dsp.checks import InputError

if TYPE_CHECKING:
    from app.clients.people import Client
    from app.clients.scales import Scale
    from app.clients.store import Store

_LONGEST = 1 << 20  # bytes of a text that is read


def say(arguments: argparse.Namespace, table: Any, lines: list[str]) -> None:
    """Print a table for a script, or lines for people."""
    if arguments.json:
        print(json.dumps(table, indent=1, allow_nan=False, ensure_ascii=False))
    else:
        print("\n".join(lines))


def of_one(arguments: argparse.Namespace) -> tuple[Store, Client, str]:
    """Open the store; return it, the client that is named, and what opened it."""
    store, secret = open_store(arguments.passphrase_file)
    try:
        return store, store.client(arguments.code), secret
    except BaseException:
        store.close()
        raise


def note(arguments: argparse.Namespace) -> int:
    """Keep a note, a goal, adverse events, a screening."""
    from dataclasses import replace

    from app.clients.entries import (
        SEVERE,
        About,
        AdverseEvents,
        Entry,
        Goal,
        Name,
        Note,
        Screening,
    )
    from app.commands.client_words import about_of, event_of

    entries: list[Entry] = []
    if arguments.text:
        entries.append(Note(_text_of(arguments.text) if arguments.text == "-" else arguments.text))
    if arguments.goal:
        entries.append(Goal(arguments.goal))
    if arguments.name:
        entries.append(Name(arguments.name))
    if arguments.adverse:
        entries.append(
            AdverseEvents(tuple(map(event_of, _none_or("--adverse", arguments.adverse))))
        )
    if arguments.screening:
        entries.append(Screening(_none_or("--screening", arguments.screening)))
    about = about_of(arguments.about or ())
    if not (entries or about):
        raise InputError("There is nothing to write down; give a text, or one of the options.")
    store, client, _ = of_one(arguments)
    with store:
        if about:  # what was known besides stays
            known: About = store.newest(client, About) or About()
            entries.append(replace(known, **about))
        for entry in entries:
            store.add(client, entry)
    severe = any(isinstance(entry, AdverseEvents) and entry.severe for entry in entries)
    kinds = [entry.kind for entry in entries]
    said = [f"Kept of {client.code}: {', '.join(kinds)}."]
    notices = [SEVERE] if severe else []
    say(arguments, {"code": client.code, "kept": kinds, "notices": notices}, said + notices)
    return 0


def _none_or(option: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return what was told with an option; nothing where that is ``none``.

    Raises
    ------
    InputError
        None and something were told.
    """
    if "none" not in words:
        return tuple(words)
    if len(words) > 1:
        raise InputError(
            f"{option} is {' '.join(words)!r}; none says that it was asked and there was nothing: "
            "give it alone, or leave it out."
        )
    return ()


def _raw(name: str) -> bytes:
    """Read what stands in a file, or on standard input."""
    try:
        raw = sys.stdin.buffer.read(_LONGEST + 1) if name == "-" else _head_of(Path(name))
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}); check its path.") from error
    if len(raw) > _LONGEST:
        raise InputError(f"{name} is longer than {_LONGEST >> 20} MB; expected a short text.")
    return raw


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LONGEST + 1)


def _text_of(name: str) -> str:
    try:
        return _raw(name).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name} is no text in UTF-8; save it as that.") from None


def consent(arguments: argparse.Namespace) -> int:
    """Keep what a client agrees to, or say it."""
    from app.clients import entries
    from app.commands.client_words import consented

    if arguments.scope and arguments.withdraw:
        raise InputError("--withdraw takes everything back; leave --scope out.")
    if not arguments.scope and (arguments.text or arguments.date or arguments.witness):
        raise InputError(
            "--text, --date and --witness tell of a consent; say with --scope what was agreed to."
        )
    if arguments.withdraw:
        return _withdraw(arguments)
    entry: entries.Consent | None = None
    if arguments.scope:
        text = _text_of(str(arguments.text)) if arguments.text else None
        version = arguments.text.name if arguments.text else None
        more = {"version": version} if version else {}
        entry = entries.consent(
            arguments.scope, text=text, date=arguments.date, witness=arguments.witness, **more
        )
    store, client, _ = of_one(arguments)
    with store:
        if entry is not None:
            store.add(client, entry)
        newest: entries.Consent | None = store.newest(client, entries.Consent)
    table = {"code": client.code, **consented(newest)}
    lines = [table["sentence"]]
    if entry is None:
        lines += [
            "",
            entries.consent_text().rstrip(),
            "",
            "Record it with --scope and what applies.",
        ]
    say(arguments, table, lines)
    return 0


def _withdraw(arguments: argparse.Namespace) -> int:
    from app.clients.codes import read_code
    from app.clients.database import StoreInUse
    from app.clients.sitting import request_withdrawal, withdraw
    from app.paths import clients_folder

    code = read_code(arguments.code)
    try:
        store, client, _ = of_one(arguments)
    except StoreInUse:  # a session is running there, and it must not wait for its end
        file = arguments.passphrase_file
        tried(lambda secret: request_withdrawal(clients_folder(), secret, code), file)
    else:
        with store:
            withdraw(store, client.code)
    said = (
        f"The consent of {code} was taken back: nothing more of a session is kept. What was kept "
        f"before is deleted by: attune client delete {code}"
    )
    say(arguments, {"code": code, "withdrawn": True}, [said])
    return 0


def scale(arguments: argparse.Namespace) -> int:
    """Score a questionnaire and keep it, or name all."""
    from app.clients.scales import bundled, find_scale
    from app.commands.client_words import scored

    if arguments.scale is None:
        rows = [
            {"scale": name, "title": scale.title, "items": len(scale.items)}
            for name, scale in bundled().items()
        ]
        say(arguments, rows, [f"{row['scale']:8} {row['title']}" for row in rows])
        return 0
    if arguments.score is not None and arguments.answers:
        raise InputError("--answers and --score exclude each other; leave one out.")
    asked = find_scale(arguments.scale)
    if arguments.score is not None:
        result = asked.entered(arguments.score, when=arguments.when)
    else:
        answers = _answers(arguments.answers) if arguments.answers else _asked(asked)
        result = asked.scored(answers, when=arguments.when)
    store, client, _ = of_one(arguments)
    with store:
        store.add(client, result)
        if result.notices:
            store.note("changed", client=client, detail="a notice was shown to the therapist")
    table = {
        "code": client.code,
        "scale": asked.name,
        "scores": result.scores,
        "bands": result.bands,
        "notices": result.notices,
    }
    say(arguments, table, scored(asked, result))
    return 0


def _answers(text: str) -> list[float | None]:
    def one(word: str) -> float | None:
        try:
            return None if word.strip() == "-" else float(word)
        except ValueError:
            raise InputError(
                f"An answer is {word!r}; expected a number, or - where there is none."
            ) from None

    return [one(word) for word in text.split(",")]


def _asked(scale: Scale) -> list[float | None]:
    """Ask a scale item by item on the terminal."""
    if not scale.items:
        return []
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError("There is no terminal to ask on; give --answers or --score.")
    print(scale.question)
    for value, text in scale.options:
        print(f"  {value:g}  {text}")
    answers: list[float | None] = []
    for number, item in enumerate(scale.items, start=1):
        answers += _answers(input(f"{number}. {item}: ").strip().replace(",", " ") or "-")
    return answers


def intake(arguments: argparse.Namespace) -> int:
    """Keep a list of music, and find it in the music that is there; or say what is on it."""
    from dataclasses import replace

    from app.clients.entries import Intake
    from app.clients.intake import with_intake, without_intake
    from app.clients.listener import Listener
    from app.commands.client_words import found_in, intake_lines, listed_music
    from playlists.files import open_playlist
    from playlists.intake import read_intake

    lines = read_intake(_raw(arguments.file)) if arguments.file else ()
    era = _era(arguments.era) if arguments.era else ()
    genres = tuple(arguments.genres or ())
    tracks = open_playlist(arguments.playlist).tracks if lines else ()
    store, client, _ = of_one(arguments)
    with store:
        stored = store.listener(client)
        person = Listener.from_bytes(stored) if stored else Listener()
        record, removed = without_intake(person.record, arguments.remove or ())
        record, found = with_intake(record, lines, tracks)
        record = replace(record, genres=genres or record.genres, era=era or record.era)
        if lines or removed or genres or era:
            store.add(client, Intake(lines, arguments.by, genres, era, removed))
            store.put_listener(client, replace(person, record=record).to_bytes())
    rows = found_in(found, tracks)
    table = {"code": client.code, "lines": rows, "removed": removed, **listed_music(record)}
    say(arguments, table, intake_lines(table))
    return 0


def _era(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise InputError(f"--era is {text!r}; expected two years, such as 1958-1972.")
    return int(first), int(last)
