"""What a replay says of a folder: of today, of before, damaged."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from app.commands.command_line import main
from app.lab.simulate_demo import starter
from app.loop import RULES
from app.loop.loop import Loop
from app.loop.ticks import TickResult
from app.records.reader import SessionReader
from app.session.plan import Plan
from app.session.session import Session


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """The first 55 s of the demo, in which the layer comes in: enough to be opened, and cheap."""
    out = tmp_path_factory.mktemp("minute")
    session = Session(
        Plan(source="simulated", seed=5000, minutes=55 / 60, out=out), prepared=starter()
    )
    session.run()
    return session.folder


@pytest.fixture
def folder(minute, tmp_path):
    """A copy of it."""
    return shutil.copytree(minute, tmp_path / "session")


def rewritten(folder, name, change):
    """Put `change` of its lines into the file `name`."""
    lines = (folder / name).read_text("utf-8").splitlines()
    (folder / name).write_text("\n".join(map(change, lines)) + "\n", "utf-8")


def of_rules(folder, number):
    manifest = json.loads((folder / "session.json").read_text("utf-8"))
    manifest.pop("rules")
    if number is not None:
        manifest["rules"] = number
    (folder / "session.json").write_text(json.dumps(manifest), "utf-8")


def old_log(line):
    """A line as the program of rules 1 logged it."""
    row = json.loads(line)
    if row["kind"] == "decision":
        row["decision"]["because"] = row["decision"]["because"].replace(" (1 sd)", "")
        row["decision"].pop("passed")
    return json.dumps(row)


def test_people_read_sentences_and_programs_the_logged_rows(demo_folder, capsys):
    assert main(["replay", str(demo_folder)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    logged = [r for r in SessionReader(demo_folder).events() if r["kind"] == "decision"]
    lines = said.out.splitlines()
    assert len(lines) == len(logged) + 1
    assert all(row["decision"]["because"] in line for row, line in zip(logged, lines, strict=False))
    assert f"{len(logged)} decisions, byte for byte as recorded" in lines[-1]
    assert "{" not in said.out
    assert main(["replay", str(demo_folder), "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == logged


@pytest.mark.parametrize("rules", [None, 1])
def test_a_folder_of_before_opens_and_says_so_in_one_sentence(folder, capsys, rules):
    of_rules(folder, rules)
    rewritten(folder, "events.jsonl", old_log)
    assert main(["replay", str(folder)]) == 0
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"recorded before, by an earlier program (rules 1, this one has {RULES})" in said
    n = sum(r["kind"] == "decision" for r in SessionReader(folder).events())
    assert f"{n} of its {n} decisions would be taken the same today" in said


def test_a_folder_of_a_later_program_is_not_called_damaged(folder, capsys):
    of_rules(folder, RULES + 1)
    assert main(["replay", str(folder)]) == 0
    assert "recorded by a later program" in capsys.readouterr().err


def test_events_of_the_first_programs_are_read(folder, capsys):
    of_rules(folder, None)
    old = [
        {"kind": "play", "value": [0, 0]},
        {"kind": "next", "value": None},
        {"kind": "layer_off", "value": None},
        {"kind": "skipped", "value": 7},
    ]

    def change(line):
        row = json.loads(line)
        if row["kind"] == "track" and row["index"] == 0:
            return json.dumps({"t": row["t"], "kind": "note", "text": "lost"})
        if row["kind"] == "tick" and row["now"] == 30.0:
            row["events"] = old
        if row["kind"] == "tick" and row["now"] == 1.0:
            row["events"] = old[:1]
        return json.dumps(row)

    rewritten(folder, "events.jsonl", change)
    assert main(["replay", str(folder), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    asked = [r["decision"] for r in rows if r["t"] == 30.0]
    assert [(d["kind"], d["cause"], d["target"]) for d in asked] == [
        ("change_track", "operator", 1)
    ]


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "rating", "value": "high"},
        {"kind": "rating", "value": 7},
        {"kind": "play", "value": [0]},
        {"kind": "unplayable", "value": None},
        {"kind": "sing", "value": None},
        {"kind": "hold", "value": {}},
    ],
)
def test_an_event_that_no_loop_takes_is_a_sentence(folder, capsys, event):
    def change(line):
        row = json.loads(line)
        if row["kind"] == "tick" and row["now"] == 5.0:
            row["events"] = [event]
        return json.dumps(row)

    rewritten(folder, "events.jsonl", change)
    assert main(["replay", str(folder)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert repr(event["kind"]) in said


def test_what_cannot_be_ends_a_replay_with_status_2_and_is_named(demo_folder, capsys, monkeypatch):
    plain = Loop.tick

    def tick(self, given):
        result: TickResult = plain(self, given)
        return result if given.now < 40.0 else replace(result, eeg_weight=3.0)

    monkeypatch.setattr(Loop, "tick", tick)
    assert main(["replay", str(demo_folder)]) == 2
    said = capsys.readouterr().err
    assert "Tick 40.0: weight of the EEG is 3.0" in said
    assert said.count("\n") == 1


def test_eeg_of_the_future_is_named(folder, capsys, monkeypatch):
    """As it stands in folders of a program that had stood still."""

    def change(line):
        row = json.loads(line)
        if row["kind"] == "tick" and row["now"] == 50.0:
            row["eeg_until"] = float(times[np.searchsorted(times, 53.0)])
        if row["kind"] == "tick" and 50.0 < row["now"] < 54.0:
            row["eeg_until"] = float(times[np.searchsorted(times, 54.0, side="right") - 1])
        return json.dumps(row)

    times, _ = SessionReader(folder).eeg()
    rewritten(folder, "events.jsonl", change)
    monkeypatch.setattr(Loop, "tick", Loop.tick.__wrapped__)  # without the tests' own watch
    assert main(["replay", str(folder)]) == 2
    assert "Tick 50.0: The tick at 50.0 took EEG of 53.0" in capsys.readouterr().err


def test_a_recording_that_is_lost_is_not_called_the_same(folder, capsys):
    (folder / "recording.xdf").unlink()
    assert main(["replay", str(folder)]) == 2
    out, said = capsys.readouterr()
    assert "the recorded ones" not in out
    assert "Nothing that was logged could be compared: the recording is lost." in said


@pytest.mark.parametrize("lost", ["gone", "empty", "folder"])
def test_a_log_that_is_lost_is_not_called_the_same(folder, capsys, lost):
    log = folder / "events.jsonl"
    log.unlink()
    if lost == "empty":
        log.touch()
    elif lost == "folder":
        log.mkdir()
    assert main(["replay", str(folder)]) == 2
    out, said = capsys.readouterr()
    assert "the recorded ones" not in out
    assert "events.jsonl names no second of a session" in said
