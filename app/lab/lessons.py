"""What recorded sessions teach: the same loop once more on each folder, and what it collected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from app.clients.listener import Listener, learn
from app.lab.replay import loop_of, ticks_of
from app.loop.calibration import Calibration
from app.loop.lesson import Lesson, Setup
from app.records.jsontext import get, number
from app.records.reader import SessionReader
from app.session.journal import events_of
from app.session.recorded import tracks_of
from dsp.checks import InputError


def setup_of(reader: SessionReader) -> Setup:
    """With what a recorded session was listened to.

    Raises
    ------
    InputError
        If it has no EEG.
    """
    manifest = reader.manifest
    if not reader.ch_names or not manifest.get("source"):
        raise InputError(
            f"{reader.folder} holds no EEG, and nothing of it can be learnt; give a session with a "
            "headset."
        )
    return Setup(
        str(get(manifest, "source", "name") or ""),
        tuple(reader.ch_names),
        number(manifest["source"], "sfreq"),
        _first_output(reader) or str(get(manifest, "summary", "output") or ""),
        simulated=bool(get(manifest, "source", "simulated")),
    )


def lesson_of(reader: SessionReader, setup: Setup, calibration: Calibration | None) -> Lesson:
    """Run the loop on a recorded session, as far as its data reach; return what it taught.

    Nothing hidden of a simulated listener enters: the loop gets what it got then.

    Raises
    ------
    RecordError
        If the folder lacks what the loop needs.
    """
    loop = loop_of(reader, calibration)
    for given in ticks_of(reader, loop):
        if isinstance(given, float):
            break
        loop.tick(given)
    lesson = loop.lesson(began=number(reader.manifest, "start"), setup=setup)
    return replace(lesson, tracks=tracks_of(reader.manifest), at=_started(reader))


def listen_to(
    folders: Sequence[Path], listener: Listener | None = None
) -> Iterator[tuple[SessionReader, Lesson, Listener, tuple[str, ...]]]:
    """Learn from one folder after the other, in the order in which they were recorded.

    Yields
    ------
    reader, lesson
        Of the folder.
    listener : Listener
        After it.
    said : tuple of str
        What it taught.

    Raises
    ------
    InputError
        If one has no EEG, or nothing of it can be read, or they are of several clients.
    """
    known = listener or Listener()
    readers = sorted(map(SessionReader, folders), key=_started)
    of = {reader.seal.key_id: reader.folder for reader in readers if reader.seal is not None}
    if len(of) > 1:
        raise InputError(
            f"{' and '.join(str(folder) for folder in of.values())} are of two clients; what they "
            "teach belongs to one person each: name the folders of one."
        )
    for reader in readers:
        setup = setup_of(reader)
        calibration, unsaid = known.calibration_for(setup)
        lesson = lesson_of(reader, setup, calibration)
        known, said = learn(known, lesson)
        yield reader, lesson, known, (*unsaid, *said)


def _first_output(reader: SessionReader) -> str:
    """What the sound of a session was first heard through; empty where its ticks do not say."""
    told = (event for tick in reader.ticks() for event in events_of(tick.events))
    return next((str(one.value) for one in told if one.kind == "output" and one.value), "")


def _started(reader: SessionReader) -> float:
    """When a session began, seconds since 1970; 0 where the folder does not say."""
    try:
        return datetime.fromisoformat(str(reader.manifest.get("started"))).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
