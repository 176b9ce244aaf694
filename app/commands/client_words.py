"""What is kept of a client, as tables for scripts and in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from app.clients.entries import (
    ABOUT,
    SCOPES,
    About,
    AdverseEvents,
    Consent,
    Goal,
    Intake,
    Name,
    Note,
    ScaleResult,
    Screening,
    newest,
)
from app.clients.listener import Listener
from app.clients.people import Client
from app.clients.scales import Scale
from app.clients.store import Store
from app.words import counted
from dsp.checks import InputError, foreign_text
from playlists.intake import IntakeLine
from playlists.listener_record import ListenerRecord, track_key
from playlists.tracks import Track

NOT_ASKED, NONE_REPORTED = "not asked", "none reported"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M}"


def event_of(text: str) -> dict[str, str]:
    """Return an adverse event that was typed as ``event:severity``.

    Raises
    ------
    InputError
        It is typed in another way.
    """
    event, colon, severity = text.partition(":")
    if not colon:
        raise InputError(
            f"The adverse event is {text!r}; expected it with how bad it was, such as "
            "headache:mild, or none."
        )
    return {"event": event.strip(), "severity": severity.strip()}


def about_of(words: Sequence[str]) -> dict[str, str]:
    """Return what was typed as ``what=value``, for an `About`.

    Raises
    ------
    InputError
        There is no such thing, or no such value.
    """
    table = dict(word.split("=", 1) for word in words if "=" in word)
    if len(table) != len(words) or not set(table) <= set(ABOUT):
        raise InputError(
            f"--about is {' '.join(words)!r}; expected {', '.join(f'{k}=…' for k in ABOUT)}."
        )
    About(**table)  # refuses what is none of its words
    return table


def consented(consent: Consent | None) -> dict[str, Any]:
    """Return what a client agreed to."""
    if consent is None:
        sentence = "The client was not asked for consent yet: nothing of a session is kept."
    elif not consent.scope:
        sentence = (
            f"The client took the consent back on {consent.date}: nothing more of a session is "
            "kept."
        )
    else:
        what = "; ".join(text for scope, text in SCOPES.items() if scope in consent.scope)
        text = foreign_text(consent.version)
        sentence = f"Agreed on {consent.date} (text {text}): {what}."
        if not consent.covers("sessions"):
            sentence += " Nothing of a session is kept, the EEG neither, without `sessions`."
    scope = list(consent.scope) if consent else []
    return {"scope": scope, "asked": consent is not None, "sentence": sentence}


def adverse_text(events: AdverseEvents | None) -> str:
    """Say what was unpleasant: nobody asked, nothing was, or what."""
    if events is None:
        return NOT_ASKED
    told = ", ".join(f"{event['event']} ({event['severity']})" for event in events.events)
    return told or NONE_REPORTED


def row_of(store: Store, client: Client) -> dict[str, Any]:
    """Return the row of a client in the list."""
    entries, sessions = store.entries(client), store.sessions(client)
    goal: Goal | None = newest(entries, Goal)
    consent: Consent | None = newest(entries, Consent)
    return {
        "code": client.code,
        "goal": goal.goal if goal else None,
        "scope": list(consent.scope) if consent else [],
        "sessions": len(sessions),
        "last_session": _day(sessions[-1].began) if sessions else None,
        "adverse_events": adverse_text(newest(entries, AdverseEvents)),
    }


def listed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the list in words."""
    if not rows:
        return ["There is no client yet; attune client new adds one."]
    lines = []
    for row in rows:
        kept = " ".join(row["scope"]) if "sessions" in row["scope"] else "nothing"
        goal = foreign_text(row["goal"] or "")
        last = row["last_session"] or "none yet"
        n = counted(row["sessions"], "session")
        lines.append(f"{row['code']}  {n:>12}  {last:16}  kept: {kept:28}  {goal}".rstrip())
    return lines


def table_of(store: Store, client: Client) -> dict[str, Any]:
    """Return everything that is kept of a client, but for the files."""
    entries = store.entries(client)

    def every(kind: type[Any]) -> list[dict[str, Any]]:
        found = [one for one in entries if isinstance(one.entry, kind)]
        return [{"at": _day(one.at), **asdict(one.entry)} for one in found]

    name: Name | None = newest(entries, Name)
    screening: Screening | None = newest(entries, Screening)
    about: About | None = newest(entries, About)
    return {
        **row_of(store, client),
        "made": _day(client.made),
        "name": name.name if name else None,
        "consent": consented(newest(entries, Consent)),
        "contraindications": list(screening.present) if screening else NOT_ASKED,
        "about": asdict(about) if about else None,
        "scales": every(ScaleResult),
        "notes": every(Note),
        "intake": every(Intake),
        "learnt": learnt_of(store.listener(client)),
        "session_list": [
            {
                "at": _day(row.began),
                "folder": row.folder or None,
                "source": row.source,
                "simulated": bool(row.simulated),
                "ended": row.ended is not None,
                "problem": row.problem or None,
            }
            for row in store.sessions(client)
        ],
    }


def learnt_of(stored: bytes) -> dict[str, Any] | None:
    """Return what was learnt of a client, in numbers; None where nothing was."""
    if not stored:
        return None
    person = Listener.from_bytes(stored)
    record = person.record
    return {
        "sessions": person.sessions,
        "ratings": sum(event.kind == "rating" for event in record.events),
        "setups": len(person.fitted),
        **listed_music(record),
    }


def listed_music(record: ListenerRecord) -> dict[str, list[str]]:
    """Return what is on the intake list: titles that were found, and what was not."""
    return {
        "intake": [record.names[key].title for key in record.intake],
        "intake_missing": list(record.intake_missing),
    }


def _listed_music(table: Mapping[str, Any]) -> Iterator[str]:
    for what, said in (
        ("intake", "Named as loved"),
        ("intake_missing", "Named, and not found yet"),
    ):
        if table[what]:
            yield f"{said}: {'; '.join(map(foreign_text, table[what]))}"


def shown(table: Mapping[str, Any]) -> list[str]:
    """Return it in words."""
    return list(_shown(table))


def _shown(table: Mapping[str, Any]) -> Iterator[str]:
    yield f"{table['code']}, client since {table['made']}"
    if table["name"]:
        yield f"Name: {foreign_text(table['name'])}"
    yield f"Goal: {foreign_text(table['goal'] or 'not said')}"
    yield table["consent"]["sentence"]
    found = table["contraindications"]
    told = found if isinstance(found, str) else ", ".join(found) or "none"
    yield f"Contraindications: {told}"
    yield f"Adverse events, asked last: {table['adverse_events']}"
    if table["about"]:
        known = (f"{k.replace('_', ' ')} {v}" for k, v in table["about"].items() if v)
        yield f"About: {', '.join(known)}"
    for scale in table["scales"]:
        scores = (
            f"{name} {'open' if value is None else f'{value:g}'}"
            + (f" ({scale['bands'][name]})" if name in scale["bands"] else "")
            for name, value in scale["scores"].items()
        )
        yield f"{scale['at']}  {scale['scale']}: {', '.join(scores)}"
        yield from scale["notices"]
    for note in table["notes"]:
        yield f"{note['at']}  {foreign_text(note['text'], longest=600)}"
    for row in table["session_list"]:
        words = [row["source"], "simulated" if row["simulated"] else ""]
        words.append("" if row["ended"] else "not ended properly")
        words.append(row["problem"] or "")
        yield f"{row['at']}  session: {', '.join(word for word in words if word)}"
        if row["folder"]:
            yield f"                  {foreign_text(row['folder'], longest=300)}"
    learnt = table["learnt"]
    if learnt is None:
        yield "Learnt so far: nothing yet"
        return
    yield (
        f"Learnt so far: from {counted(learnt['sessions'], 'session')}, "
        f"{counted(learnt['ratings'], 'rating')}, "
        + counted(
            learnt["setups"], "headset with its sound output", "headsets with their sound output"
        )
    )
    yield from _listed_music(learnt)


def audit_of(store: Store, client: Client) -> dict[str, Any]:
    """Return the audit log of a client, and whether the whole log is as it was written."""
    rows, broken = store.audit()
    mine = [asdict(row) for row in rows if row.client in ("", client.key_id.hex())]
    return {"unbroken": not broken, "broken": broken or None, "rows": mine}


def audited(table: Mapping[str, Any]) -> list[str]:
    """Return it in words."""
    lines = [
        f"{row['at']}  {foreign_text(row['who']):12}  {row['what']} {row['detail']}".rstrip()
        for row in table["rows"]
    ]
    return [*lines, table["broken"] or "Every row of the audit log is as it was written."]


def scored(scale: Scale, result: ScaleResult) -> list[str]:
    """Return the scores of a questionnaire in words: numbers and published bands, no finding."""
    lines = []
    for score in scale.scores:
        value, word = result.scores[score.name], result.bands.get(score.name, "")
        told = (
            "open: not all of its items were answered"
            if value is None
            else f"{value:g} of {score.high:g}" + (f", published band: {word}" if word else "")
        )
        lines.append(f"{scale.title}, {score.name}: {told}")
    return [*result.notices, *lines]


def found_in(found: Sequence[IntakeLine], tracks: Sequence[Track]) -> list[dict[str, Any]]:
    """Return what each line of an intake list was found to mean."""
    titles = {track_key(track): track.title for track in tracks}
    return [
        {
            "line": one.text,
            "title": titles[one.track] if one.track is not None else None,
            "likeliest": [titles[key] for key, _ in one.likeliest],
        }
        for one in found
    ]


def intake_lines(table: Mapping[str, Any]) -> list[str]:
    """Return it in words: what was found, what is likely, what is missing, what is gone."""
    rows = table["lines"]
    lines = [f"{title}: taken off the list" for title in table["removed"]]
    if not (rows or lines):
        return list(_listed_music(table)) or ["Nothing is on the intake list yet."]
    for row in rows:
        if row["title"] is not None:
            lines.append(f"{row['line']}: found, {row['title']}")
        elif row["likeliest"]:
            lines.append(f"{row['line']}: not sure, perhaps {' or '.join(row['likeliest'])}")
        else:
            lines.append(f"{row['line']}: missing")
    if any(row["title"] is None for row in rows):
        lines.append(
            "What was not found is kept, and looked for again in the music of each session. To say "
            "which one is meant, write its title as it stands there."
        )
    return lines
