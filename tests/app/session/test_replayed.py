"""A session on a recording says what the recorded one said, plays nothing and decides nothing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from app.commands.command_line import main
from app.lab.replay import replay
from app.loop.loop import NO_SOUND, RECORDING
from app.records.reader import SessionReader
from app.session.plan import Plan
from app.session.recorded import read_recorded
from app.session.session import Session
from app.window import words
from devices.clock import now
from tests.doubles.foreign_xdf import eeg_file
from tests.doubles.making_sessions import T0, make_session

NUMBERS = ["r", "r_null95", "residual", "position_s", "mean", "sd", "twin", "eeg_weight"]


def run(recording, out, **options):
    session = Session(Plan(source=f"replay:{recording}", out=out, fast=True, **options))
    results = []
    session.watch(results.append)
    session.run()
    assert not session.failed, session.snapshot().notice
    return session, results


@pytest.fixture(scope="module")
def again(demo_folder, tmp_path_factory):
    """A minute of the demo, replayed."""
    return run(demo_folder, tmp_path_factory.mktemp("again"), minutes=1.0)


def ticks(folder):
    return SessionReader(folder).ticks()


def test_every_second_says_what_the_recorded_session_said(demo_folder, again):
    session, _ = again
    before, after = ticks(demo_folder), ticks(session.folder)
    assert len(after) == 60
    for one, other in zip(before[:60], after, strict=True):
        assert (one.now, one.state, one.play, one.place) == (
            other.now,
            other.state,
            other.play,
            other.place,
        )
        assert (one.eeg_until, one.heard_until) == (other.eeg_until, other.heard_until)
        np.testing.assert_allclose(
            [getattr(one, name) for name in NUMBERS], [getattr(other, name) for name in NUMBERS]
        )
        assert one.quality == other.quality
    assert {one.state for one in after} == {"cannot tell", "following"}


def test_nothing_is_played_or_decided(demo_folder, again):
    session, results = again
    assert all(result.decision is None for result in results)
    assert {result.gate for result in results} == {RECORDING}
    reader = SessionReader(session.folder)
    kinds = {row["kind"] for row in reader.events()}
    assert "decision" not in kinds
    assert reader.timeline()[0].size == 0
    shot = session.snapshot()
    assert shot.possible_next == ()
    said = [row["decision"] for row in SessionReader(demo_folder).events() if "decision" in row]
    done = [f"Then: {d['because']}" for d in said if d["kind"] != "hold"]
    assert [line.sentence for line in shot.decisions[:-1]] == done[: len(shot.decisions) - 1]
    assert len(shot.decisions) >= 2
    heard, recorded = reader.heard(), SessionReader(demo_folder).heard()
    assert heard.values.tobytes() == recorded.values[: len(heard)].tobytes()
    assert len(heard) >= 58 * 64


def test_it_is_labelled_as_a_recording_everywhere(demo_folder, again):
    session, _ = again
    shot = session.snapshot()
    source = SessionReader(session.folder).manifest["source"]
    assert shot.source_name == source["name"]
    assert shot.source_name.startswith("Recording of 20")
    assert shot.source_name.endswith("(Simulated listener)")
    assert "This is a recording" in shot.listener_notice
    assert source["details"]["recording"] == str(demo_folder)
    assert shot.replayed
    assert shot.simulated is source["simulated"] is True
    assert "Nothing is played" in shot.output_notice
    report = shot.report.read_text("utf-8")
    assert "<h1>Report on a recording</h1>" in report
    assert "This is a recording" in report
    assert session.folder.name.endswith("_replay")


def test_the_loop_decides_the_same_on_a_recording_of_a_recording(again):
    session, _ = again
    once_more = replay(session.folder)
    assert once_more.made == once_more.logged == ()
    assert once_more.violation == ""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Twelve seconds of another program, of which nobody knows what was heard."""
    folder = tmp_path_factory.mktemp("foreign")
    path = folder / "amp.xdf"
    file = eeg_file(12.0, labels=("Fz", "Cz", "T7", "T8"))
    file.stream(2, "Keys", "Markers", fmt="string").samples(2, ["left", "right"], [5002.0, 5004.0])
    path.write_bytes(file.data)
    return path, *run(path, folder)


def test_without_the_sound_it_cannot_tell_and_says_why_everywhere(foreign):
    _, session, results = foreign
    assert len(results) >= 12
    for result in results:
        assert result.tracking.state == "cannot tell"
        assert result.tracking.reasons == (NO_SOUND,)
        assert result.gate == NO_SOUND
        assert not result.enjoyment.usable
        assert result.enjoyment.reasons == ("this recording holds no sound",)
    shot = session.snapshot()
    assert shot.enjoyment is None
    assert words.enjoyment_word(shot) == ("?", "cannot tell")
    assert words.enjoyment_note(shot) == "This recording holds no sound"
    source = SessionReader(session.folder).manifest["source"]
    assert source["name"] == "Recording of 2026-05-14 16:05 (Amp)"
    assert source["simulated"] is False
    assert "<h1>Report on a recording</h1>" in session.snapshot().report.read_text("utf-8")


def test_rows_and_markers_of_a_foreign_file_are_in_the_records(foreign):
    _, session, results = foreign
    assert session.snapshot().source_notice == "The recording has ended."
    reader = SessionReader(session.folder)
    times, eeg = reader.eeg()
    assert eeg.shape == (3000, 4)
    np.testing.assert_allclose(times - times[0], np.arange(3000) / 250, atol=1e-3)
    told = [row for row in reader.events() if "left" in str(row) or "right" in str(row)]
    assert len(told) >= 2
    grades = {word for _, _, word in results[-1].quality}
    assert grades == {"good"}


def test_a_file_of_ours_without_its_folder_still_holds_the_sound(demo_folder, tmp_path):
    path = tmp_path / "moved.xdf"
    path.write_bytes((demo_folder / "recording.xdf").read_bytes())
    recorded = read_recorded(Plan(source=f"replay:{path}"))
    assert recorded.what == "recording"
    assert [start.track.track.title for start in recorded.starts[:2]] == ["Track 1", "Track 2"]
    assert recorded.settings is None
    assert recorded.source.info.name == "Recording of moved.xdf (EEG)"


def test_what_happened_in_a_session_happens_again(tmp_path):
    """Ratings, pauses and stalls of the sound reach the loop in their seconds."""
    folder = make_session(tmp_path, seconds=8)
    path = folder / "events.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    given = {2: ("rating", 0.25), 3: ("pause", True), 4: ("pause", False), 5: ("undo", None)}
    for row in rows:
        second = round(row["t"] - T0)
        if row["kind"] == "track":
            row["pool"] = row["index"]
        if row["kind"] == "tick":
            row["now"] = row["t"] = float(math.ceil(T0)) + second
            row["eeg_until"] = row["heard_until"] = None
            kind, value = given.get(second, ("", None))
            row["events"] = [{"kind": kind, "value": value}] if kind else []
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    recorded = read_recorded(Plan(source=f"replay:{folder}"))
    first = math.ceil(T0)
    _, told, _ = recorded.told(first + 1.0, first + 3.0)
    assert [(event.kind, event.value) for event in told] == [("rating", 0.25), ("pause", True)]
    _, told, _ = recorded.told(first + 3.0, first + 9.0)
    assert [event.kind for event in told] == ["pause"]  # a change that was not made stays
    starts, told, _ = recorded.told(-math.inf, first + 1.0)
    assert [(start.play, start.place) for start in starts] == [(0, 0)]
    assert told[0].kind == "play"


def test_in_real_time_it_takes_its_time_and_nobody_can_change_it(tmp_path):
    folder = make_session(tmp_path, seconds=5)
    session = Session(Plan(source=f"replay:{folder}", out=tmp_path))
    begun = now()
    session.start()
    try:
        for asked in (session.next, session.skip, session.toggle_pause, session.undo):
            asked()
        session.rate(3)
        session.mark()
        assert session.ring is not None
        assert session.wait(60.0)
    finally:
        session.close()
    assert 4.0 < now() - begun < 30.0
    shot = session.snapshot()
    said = [line.sentence for line in shot.decisions]
    assert said.count(RECORDING) == 5
    assert "Moment marked." in said
    assert shot.ratings == ()
    assert not session.failed
    events = SessionReader(session.folder).events()
    assert "mark" in {row["kind"] for row in events}
    assert not {"rating", "decision", "next", "skip", "pause"} & {row["kind"] for row in events}


def test_the_command_looks_at_all_of_a_recording_and_says_what_it_is(demo_folder, tmp_path, capsys):
    source = f"replay:{demo_folder}"
    arguments = ["run", "--source", source, "--headless", "--fast", "--minutes", "0.2"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Source: Recording of ")
    assert any(
        line.startswith("This is a recording: nothing of it can be changed.") for line in lines
    )
    assert any("Nothing is played" in line for line in lines)
    assert any("EEG streaming" in line for line in lines)
