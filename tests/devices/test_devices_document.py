"""What docs/devices.md says of boards, states and verdicts is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from brainflow.board_shim import BoardShim

from app.commands.command_line import COMMANDS
from devices import checking, pump, silence
from devices.sources.board_table import COUNTERS, CUSTOMARY, SCALES, find_board
from devices.sources.boards import _ALIVE_S, _BUFFER_S
from devices.sources.finding import DONGLES
from devices.sources.source import RATE_SAID, SFREQ_HIGH, SFREQ_LOW, SourceState
from devices.sources.spec import FORMS, read_spec
from devices.sources.units import LEVEL_HIGH, LEVEL_LOW
from dsp import contacts

DOCUMENT = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
TEXT = " ".join(DOCUMENT.split())


def table(heading: str) -> list[list[str]]:
    """Rows of the first table below a heading of the document."""
    below = DOCUMENT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in below.split("\n") if line.startswith("|")]
    end = next((i for i, row in enumerate(rows[1:], 1) if len(row) != len(rows[0])), len(rows))
    return [[cell.strip() for cell in row] for row in rows[2:end]]


BOARDS = table("Boards and headsets")


@pytest.mark.parametrize("row", BOARDS, ids=[row[0].strip("`") for row in BOARDS])
def test_each_board_is_what_brainflow_and_our_table_say(row):
    written, number, hertz, electrodes, scale, counter, _ = row
    board = find_board(written.strip("`"))
    descr = BoardShim.get_board_descr(board)
    assert (int(number), float(hertz)) == (board, descr["sampling_rate"])
    assert scale == (f"{SCALES[board]:#.4g}" if board in SCALES else "-")
    if board in COUNTERS:
        modulus, step, share = COUNTERS[board]
        assert counter == f"{modulus}" + (", even numbers" if step == 2 else "") + (
            f", {share} samples share one" if share > 1 else ""
        )
    else:
        assert counter == "none"
    known = CUSTOMARY.get(board) or str(descr.get("eeg_names", "")).split(",")
    if "free" not in electrodes and "more" not in electrodes:
        assert electrodes.split() == list(known)
    assert len(descr["eeg_channels"]) == (int(electrodes.split(",")[0]) if "free" in electrodes
                                          else len(known))  # fmt: skip


def test_every_form_of_a_source_that_is_shown_is_read():
    shown = [form for row in table("How a source is written") for form in
             re.findall(r"`([^`]+)`", row[0])]  # fmt: skip
    for form in shown:
        read_spec(form.replace("?key=value&…", "?timeout=6"))
    kinds = {form.partition(":")[0] for form in shown}
    assert kinds == {re.split(r"[:\[]", form)[0].strip() for form in FORMS.split(", ")
                     if not form.startswith("name")}  # fmt: skip


def test_states_and_their_times_are_those_of_the_code():
    assert {row[0] for row in table("States, and coming back")} == set(
        SourceState.__args__  # type: ignore[attr-defined]
    ) - {"none"}
    for words in (
        f"nothing for {silence.STALL_S:g} s",
        f"nothing for {silence.LOST_S:g} s",
        f"at first every {pump._SOONEST_S:g} s, later every {pump._LATEST_S:g} s",
        f"no sign of life for {pump.HANG_S:g} s",
        f"({pump.COMMAND_S:g} s for a Muse",
        f"are given {pump.OPEN_S:g} s",
        f"over {silence.BURST_S:g} s, it is stalled after {silence._STALL_INTERVALS:g} of them "
        f"and lost after {silence._LOST_INTERVALS:g}",
        f"Every {_ALIVE_S:g} s it is sent",
        f"over {pump._BEHIND_S:g} s old for {pump._BEHIND_FOR_S:g} s",
        f"caught up (under {pump._CAUGHT_UP_S:g} s)",
        f"holds {_BUFFER_S / 60:g} minutes".replace("2 minutes", "two minutes"),
    ):
        assert words in TEXT, words


def test_verdicts_and_grades_have_the_limits_of_the_code():
    rows = table("What a check says")
    assert tuple(row[0] for row in rows) == checking.VERDICTS[1:]
    assert [row[1] for row in rows] == [f"{100 * limit:g} %" for limit in checking._LOSS]
    for words in (
        f"`--seconds`, {checking.LEAST_S:g} to {checking.MOST_S:g}",
        f"rate off by over {100 * RATE_SAID:g} %",
        f"uneven by over {1000 * checking._JITTER_S:g} ms",
        f"under {100 * contacts._HARDLY:g} % of its samples are usable",
        f"under {100 * contacts._USABLE:g} % is usable",
    ):
        assert words in TEXT, words
    assert (contacts._HALF, contacts._SOME) == (0.5, 0.1)


def test_streams_and_dongles_are_those_that_are_taken():
    assert f"at {SFREQ_LOW:g} to {SFREQ_HIGH:g} Hz" in TEXT
    assert f"under {LEVEL_LOW:g} or over {LEVEL_HIGH:g} µV" in TEXT
    for vendor, product in DONGLES:
        assert f"USB {vendor:04x}:{product:04x}" in TEXT
    assert "devices" in COMMANDS
