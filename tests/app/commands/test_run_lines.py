"""The lines of a session without a window."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from app.commands.command_line import main
from app.commands.run import WAITING, _Lines
from app.session.contract import NoSource
from app.session.session import Session
from app.session.snapshot import DecisionLine, Snapshot
from app.settings import load_preset
from tests.doubles.ticking import Player


def _look(*lines: tuple[float, str]) -> SimpleNamespace:
    """Make a snapshot, whose lines are made anew with each look."""
    return SimpleNamespace(decisions=tuple(DecisionLine(t, sentence) for t, sentence in lines))


def test_what_the_player_did_is_printed_once() -> None:
    """With each line of a second all that had happened was printed again."""
    lines = _Lines(SimpleNamespace(), SimpleNamespace(), as_json=False)
    assert lines._news(_look()) == []
    first, second = (3.0, "The sound device is gone."), (5.0, "It is back.")
    assert [line.sentence for line in lines._news(_look(first))] == [first[1]]
    assert lines._news(_look(first)) == []
    assert [line.sentence for line in lines._news(_look(first, second))] == [second[1]]
    assert lines._news(_look(second)) == []


def test_where_the_source_cannot_be_had_the_terminal_says_how_to_go_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(session: Session, asked: object) -> None:
        raise NoSource("The board cyton cannot be opened: there is no port.")

    monkeypatch.setattr(Session, "start", refuse)
    assert main(["run", "--source", "cyton:/dev/nowhere", "--headless"]) == 2
    error = capsys.readouterr().err
    assert error.endswith("there is no port. To go on without EEG, use --source none.\n")


def test_a_lost_source_and_a_measured_rate_are_each_said_once() -> None:
    shot = Snapshot(
        t=5.0,
        phase="running",
        source_state="lost",
        source_notice="Cyton is lost.",
        sfreq=128.0,
        sfreq_measured=256.0,
        second_notice="Wrist is lost.",
    )
    said: list[str] = []
    session = SimpleNamespace(snapshot=lambda: shot)
    lines = _Lines(session, SimpleNamespace(say=said.append), as_json=False)
    lines.begin()
    assert said[0].startswith("Source:")
    said.clear()
    player = Player(load_preset("demo"))
    for _ in range(2):
        lines.tick(player.tick())
    rate = "EEG: 128 Hz stated, 256.0 Hz measured."
    assert [t for t in said if not t.startswith(" ")] == [
        "Cyton is lost.", "Wrist is lost.", rate, WAITING,
    ]  # fmt: skip


def test_by_what_a_source_was_lost_is_said_before_what_can_be_done():
    """The state is that of this moment, and its sentence may come with the next tick."""
    first = Snapshot(t=5.0, phase="running", source_state="lost")
    shots = [first, replace(first, source_notice="Muse is gone."), first]
    said: list[str] = []
    session = SimpleNamespace(snapshot=lambda: shots[0])
    lines = _Lines(session, SimpleNamespace(say=said.append), as_json=False)
    lines.begin()
    player = Player(load_preset("demo"))
    while shots:
        lines.tick(player.tick())
        shots.pop(0)
    assert [t for t in said if t in ("Muse is gone.", WAITING)] == ["Muse is gone.", WAITING]


def test_a_program_that_reads_ticks_reads_why_a_source_is_gone_and_what_is_not_recorded():
    shot = Snapshot(t=5.0, phase="running", source_state="lost", source_notice="Muse is gone.")
    said: list[str] = []
    session = SimpleNamespace(snapshot=lambda: shot)
    lines = _Lines(session, SimpleNamespace(say=said.append), as_json=True)
    player = Player(load_preset("demo"))
    lines.tick(player.tick())
    shot = replace(shot, source_notice="", recording_problem="The disk is full.")
    lines.tick(player.tick())
    rows = [json.loads(text) for text in said]
    told = [(row["source_notice"], row["recording_problem"]) for row in rows]
    assert told == [("Muse is gone.", None), (None, "The disk is full.")]
