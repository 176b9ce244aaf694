"""One reader of recorded ticks: what it gives is typed, in order, and can be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from app.records.reader import SessionReader
from app.records.ticks import read_tick
from tests.doubles.making_sessions import T0, make_session


def change_ticks(folder: Path, **changes: Any) -> None:
    """Write other values into every tick; ``tracking={...}`` changes what stands in it."""
    path = folder / "events.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        if row["kind"] == "tick":
            for key, value in changes.items():
                row[key] = {**row[key], **value} if isinstance(value, dict) else value
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def test_ticks_are_rows_with_numbers_under_names(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=90, signals=False)
    reader = SessionReader(folder)
    ticks = reader.ticks()
    assert [tick.now for tick in ticks] == [T0 + k for k in range(90)]
    assert [ticks[50].play, ticks[80].play] == [0, 1]
    assert ticks[50].eeg_until == T0 + 50 - 0.012
    assert ticks[45].state == "following"
    assert 0.0 < ticks[45].r < 0.2
    assert ticks[0].usable is False
    assert ticks[45].usable is True
    assert ticks[55].quality["Fz"] == "blink"
    assert reader.problems == []


@pytest.mark.parametrize(
    "tracking",
    [
        {"r": 911.6},
        {"r": "0.3"},
        {"r": math.nan, "state": "following"},
        {"r_null95": -0.1},
        {"r_null95": 1e300},
        {"r": 10**400},
        {"r": True},
        {"state": "delighted"},
        {"residual": [1]},
        "following",
    ],
)
def test_a_number_that_cannot_be_makes_it_cannot_tell(tmp_path: Path, tracking: Any) -> None:
    folder = make_session(tmp_path, seconds=40, signals=False)
    change_ticks(folder, tracking=tracking)
    reader = SessionReader(folder)
    assert {tick.state for tick in reader.ticks()} == {"cannot tell"}
    assert not any(math.isfinite(tick.r + tick.r_null95) for tick in reader.ticks())
    (problem,) = reader.problems
    assert "cannot be" in problem


def test_an_estimate_that_cannot_be_is_not_usable() -> None:
    row = {"t": 1.0, "kind": "tick", "enjoyment": {"mean": 7.0, "sd": 0.1, "usable": True}}
    tick = read_tick(row)
    assert math.isnan(tick.mean)
    assert not tick.usable
    assert tick.impossible == "mean = 7.0"


def test_a_tick_that_says_nothing_is_a_tick_without_numbers() -> None:
    tick = read_tick({"t": 3.0, "kind": "tick"})
    assert tick.now == 3.0
    assert (tick.play, tick.place, tick.eeg_until, tick.state) == (-1, -1, None, "")
    assert tick.impossible == ""


def test_ticks_that_step_back_are_left_out_with_a_word(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=20, signals=False)
    path = folder / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    ticks = [line for line in lines if b'"tick"' in line]
    path.write_bytes(b"".join(lines + ticks[3:5]))
    reader = SessionReader(folder)
    assert len(reader.ticks()) == 20
    assert reader.problems == ["2 ticks of events.jsonl step back in time; they were left out."]
