"""Everything of one client in one zip that anybody can open, with a word on what is what."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.clients.deleting import folders_of, places_of
from app.clients.entries import ScaleResult, as_table
from app.clients.people import Client
from app.clients.store import Store
from app.records.sealed import KeyRing, is_sealed, seal_of, unseal
from dsp.checks import RecordError

README = """Everything that Attune keeps of client {code}, {day}

This is a copy to read and to keep. It is not encrypted: whoever has this file can read all of it.

client.json    What was entered: goal, consent, notes, questionnaires, music that was named, and
               when. The newest entry of a kind is what holds.
scales.csv     Scores of questionnaires, one a line, for a table program.
sessions.csv   The sessions: when, on which headset, and whether the EEG was simulated.
audit.csv      Who opened or changed something of this client, and when.
learnt.bin     What the program learnt of this client's taste and EEG, as it keeps it.
sessions/      A folder for each session:
  report.html      the report, for any web browser
  events.jsonl     what happened, one event a line: ratings, choices of music and their reasons
  recording.xdf    EEG in microvolts and what was heard, if it was agreed that they are kept
                   (XDF, a format that EEG programs read)
  session.json     settings, headset and program version
  calibration.npz  what was known of the client's EEG when the session began

Nothing in here is a diagnosis. What the program estimates from EEG are correlates measured on the
scalp, and the client's own ratings are worth more than they are.
"""


@dataclass(frozen=True)
class Exported:
    """What was written: the file, how much is in it, and what could not be read."""

    file: Path
    sessions: int
    entries: int
    problems: tuple[str, ...]


def export_client(store: Store, client: Client, file: Path, sessions: Path) -> Exported:
    """Write everything of a client into the zip `file`, whole or not at all.

    Parameters
    ----------
    store : Store
    client : Client
    file : Path
        Must not be there yet.
    sessions : Path
        Where session folders are usually made.

    Raises
    ------
    RecordError
        The file is there already, or cannot be written.
    """
    if os.path.lexists(file):
        raise RecordError(f"{file} is there already; name another file for the export.")
    part = file.with_name(file.name + ".part")
    try:
        part.unlink(missing_ok=True)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "wb") as opened, zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as to:
            done = _write(store, client, to.writestr, sessions)
        os.replace(part, file)
    except OSError as error:
        raise RecordError(
            f"The export {file} could not be written ({error.strerror or error}); free some space, "
            "or choose another place."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    store.note("exported", client=client)
    n_sessions, n_entries, problems = done
    return Exported(file, n_sessions, n_entries, tuple(problems))


def _write(
    store: Store, client: Client, put: Callable[[str, Any], None], sessions: Path
) -> tuple[int, int, list[str]]:
    entries, rows = store.entries(client), store.sessions(client)
    put("README.txt", README.format(code=client.code, day=f"{datetime.now():%Y-%m-%d}"))
    table = {
        "code": client.code,
        "made": _time(client.made),
        "entries": [
            {"at": _time(one.at), "kind": one.entry.kind, **as_table(one.entry)} for one in entries
        ],
    }
    put("client.json", json.dumps(table, indent=1, ensure_ascii=False))
    scales = [(_time(one.at), one.entry) for one in entries if isinstance(one.entry, ScaleResult)]
    scores = [
        (at, scale.scale, scale.when, name, value, scale.bands.get(name, ""))
        for at, scale in scales
        for name, value in scale.scores.items()
    ]
    put("scales.csv", _table(("at", "scale", "when", "score", "value", "band"), scores))
    put(
        "sessions.csv",
        _table(
            ("began", "ended", "source", "simulated", "problem", "folder"),
            [
                (_time(row.began), _time(row.ended), row.source, bool(row.simulated), row.problem,
                 Path(row.folder).name)
                for row in rows
            ],
        ),
    )  # fmt: skip
    log, _ = store.audit()
    put(
        "audit.csv",
        _table(
            ("at", "who", "what", "detail"),
            [(r.at, r.who, r.what, r.detail) for r in log if r.client == client.key_id.hex()],
        ),
    )
    put("learnt.bin", store.listener(client))
    ring, problems = KeyRing(), []
    ring.ask = store.key_of
    folders = folders_of({client.key_id}, places_of(store, client, sessions))
    for folder in folders:
        for path in sorted(one for one in folder.iterdir() if one.is_file()):
            raw = path.read_bytes()
            if is_sealed(raw) and (seal := seal_of(raw, ring)) is not None:
                raw, said = unseal(path.name, raw, seal)
                problems += [f"{folder.name}: {sentence}" for sentence in said]
            put(f"sessions/{folder.name}/{path.name}", raw)
    found = {folder.resolve() for folder in folders}
    problems += [
        f"The session of {_time(row.began)} is not in {row.folder} any more."
        for row in rows
        if row.folder and Path(row.folder).resolve() not in found
    ]
    return len(folders), len(entries), problems


def _time(at: float | None) -> str:
    if at is None:
        return ""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
