"""Entries say what may be entered, and come back as they were."""

from __future__ import annotations

import json
from datetime import date

import pytest

from app.clients.entries import (
    ABOUT,
    ADVERSE_EVENTS,
    CONTRAINDICATIONS,
    SCOPES,
    SEVERITIES,
    About,
    AdverseEvents,
    Consent,
    Entry,
    Goal,
    Intake,
    Name,
    Note,
    ScaleResult,
    Screening,
    as_table,
    consent,
    consent_text,
    from_table,
)
from dsp.checks import InputError

EVERY: list[Entry] = [
    Note("x"),
    Name("y"),
    Goal("calm"),
    About(**{name: allowed[0] for name, allowed in ABOUT.items()}),
    consent(["sessions", "eeg"], witness="R."),
    Screening((CONTRAINDICATIONS[0], CONTRAINDICATIONS[-1]), "r"),
    AdverseEvents(({"event": ADVERSE_EVENTS[0], "severity": SEVERITIES[2], "onset": "at once"},)),
    ScaleResult("gad7", {"total": None}, {"1": None}, {}, ("told",), "before"),
    Intake(("A song", "Another"), "daughter", ("folk",), (1958, 1972), ("A third",)),
]


@pytest.mark.parametrize("entry", EVERY, ids=[entry.kind for entry in EVERY])
def test_every_entry_comes_back_from_text(entry: Entry) -> None:
    assert from_table(entry.kind, json.loads(json.dumps(as_table(entry)))) == entry


def test_an_entry_of_a_newer_program_is_told_and_not_taken_for_less_than_it_is() -> None:
    with pytest.raises(InputError, match="holds mood, which this program does not know: a newer"):
        from_table("note", {"text": "x", "mood": "y"})


def test_nobody_asked_is_not_the_same_as_none_reported() -> None:
    assert AdverseEvents(()).severe is False
    assert EVERY[6].severe  # type: ignore[union-attr]


def test_consent_keeps_the_day_the_version_and_a_hash_of_the_text_that_was_shown() -> None:
    one, other = consent(["sessions"]), consent(["sessions"], text="other", version="2")
    assert one.date == date.today().isoformat()
    assert (one.version, other.version) == ("1", "2")
    assert len(one.text_sha256) == 64 != one.text_sha256 != other.text_sha256
    assert one.covers("sessions")
    assert not one.covers("eeg")


def test_the_text_of_the_consent_names_every_scope() -> None:
    for scope in SCOPES:
        assert f"\n  {scope}  " in consent_text()


def test_refusals_of_what_nobody_could_have_meant() -> None:
    for make in (
        lambda: Note(" "),
        lambda: Note("x" * 20_001),
        lambda: Name("n" * 201),
        lambda: About(age_band="39"),
        lambda: consent(["everything"]),
        lambda: consent(["eeg"], date="yesterday"),
        lambda: consent(["eeg"], date="9999-01-01"),
        lambda: consent(["eeg"], text=" \n"),
        lambda: Consent("2026-01-01", ("eeg",), "1", "", withdrawn=True),
        lambda: Screening(("bad luck",)),
        lambda: AdverseEvents(({"event": "headache", "severity": "terrible"},)),
        lambda: AdverseEvents(({"event": "luck", "severity": "mild"},)),
        lambda: ScaleResult("x", {"total": float("nan")}),
        lambda: from_table("rumour", {}),
    ):
        with pytest.raises(InputError, match=r"expected|has no scope"):
            make()
