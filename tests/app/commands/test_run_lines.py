"""The lines of a session without a window."""

from __future__ import annotations

from types import SimpleNamespace

from app.commands.run import _Lines
from app.session.snapshot import DecisionLine


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
