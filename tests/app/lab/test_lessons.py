"""Recorded sessions teach what they taught while they ran."""

from pathlib import Path

import pytest

from app.lab.lessons import lesson_of, listen_to, setup_of
from app.loop.loop import UNHEARD
from app.records.reader import SessionReader
from app.records.sealed import RING, new_seal
from dsp.checks import InputError
from tests.doubles.making_sessions import make_session


def test_a_session_that_was_cut_off_says_all_the_same_what_it_was_heard_through(
    demo_folder: Path,
) -> None:
    reader = SessionReader(demo_folder)
    del reader.manifest["summary"]  # it is written at the end
    assert setup_of(reader).output == "virtual clock"


def test_a_recording_that_nobody_heard_teaches_nothing_of_the_eeg(
    demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = SessionReader(demo_folder)
    monkeypatch.setattr(reader, "_ticks", reader.ticks()[:30])
    first = next(event for tick in reader.ticks() for event in tick.events)
    assert (first["kind"], first["value"]) == ("output", "virtual clock")
    monkeypatch.setitem(first, "value", "")
    lesson = lesson_of(reader, setup_of(reader), None)
    assert lesson.setup is None
    assert lesson.reasons == (UNHEARD,)


def test_refusals_of_folders_of_two_clients_come_before_anything_is_learnt(tmp_path: Path) -> None:
    folders = []
    for k in (1, 2):
        seal = new_seal(bytes([k]) * 16, bytes(32))
        RING.add(seal)
        folders.append(make_session(tmp_path, seconds=2, seal=seal))
    with pytest.raises(InputError, match=r"are of two clients; .* name the folders of one"):
        next(listen_to(folders))
    RING.forget()
