"""The session on the virtual clock: the same loop as live, in a second."""

import json
from dataclasses import replace

import numpy as np
import pytest

from app.lab.replay import replay
from app.lab.simulate_demo import demo_session, starter
from app.player.virtual import VirtualPlayer
from app.records.jsontext import encode
from app.records.reader import SessionReader
from app.report.model import build_model
from app.session.journal import Journal
from app.session.plan import Plan
from app.session.session import Session
from app.window.words import tracking_note
from dsp.tracking.doubts.wireless import WIRELESS


@pytest.fixture(scope="module")
def prepared():
    return starter()


@pytest.fixture
def folder(demo_folder):
    """Two minutes of the demo, recorded."""
    return demo_folder


def recorded(folder):
    return [row for row in SessionReader(folder).events() if row["kind"] == "decision"]


def decisions(folder):
    return [row["decision"] for row in recorded(folder)]


def test_the_loop_closes_with_a_sentence_for_every_step(folder):
    acted = [d for d in decisions(folder) if d["kind"] != "hold"]
    assert [d["kind"] for d in acted][:2] == ["layer_on", "change_track"]
    assert all(d["because"].endswith(".") for d in acted)
    assert all(d["propensity"] == 1.0 for d in acted)


def test_a_tick_is_logged_every_second_with_what_it_consumed(folder):
    ticks = [row for row in SessionReader(folder).events() if row["kind"] == "tick"]
    nows = np.array([row["now"] for row in ticks])
    assert len(ticks) == 120
    assert np.all(np.diff(nows) == 1.0)
    assert np.all(nows == np.round(nows))
    assert all(row["eeg_until"] <= row["now"] for row in ticks)
    assert all(row["heard_until"] is None or row["heard_until"] <= row["now"] for row in ticks)


def test_replay_decides_the_same_byte_for_byte(folder):
    again = replay(folder)
    assert again.same
    assert len(again.made) > 3
    assert again.violation == ""


def test_a_session_is_the_same_again_from_its_seed(tmp_path, folder, prepared):
    plan = Plan(source="simulated", seed=5000, minutes=2, out=tmp_path)
    again = Session(plan, prepared=prepared)
    again.run()
    assert [encode(row) for row in recorded(again.folder)] == [
        encode(row) for row in recorded(folder)
    ]


def test_truth_is_recorded_and_never_reaches_the_loop(folder):
    rows = SessionReader(folder).events()
    truths = [row["enjoyment"] for row in rows if row["kind"] == "truth"]
    assert min(truths) < 0.3 < 0.7 < max(truths)
    consumed = {e["kind"] for row in rows if row["kind"] == "tick" for e in row["events"]}
    assert consumed == {"output"}


def test_what_happened_is_in_the_report(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "exaggerated EEG answer" in page
    assert "Copper Lanterns" in page


def run_rated(prepared, given, *, at=25, minutes=1.2, tmp_path=None):
    """Rate once at second `at` of a session of the clear listener."""
    out = tmp_path or None
    plan = Plan(source="simulated", seed=5000, minutes=minutes, record=out is not None)
    if out is not None:
        plan = replace(plan, out=out)
    session, seen = Session(plan, prepared=prepared), []

    def tick(result):
        seen.append(result)
        if len(seen) == at:
            session.rate(given)

    session.watch(tick)
    session.run()
    return session, [r.decision for r in seen if r.decision is not None]


@pytest.mark.parametrize("given", [7, 8, 9])
def test_a_high_rating_forbids_every_eeg_action_on_that_track(prepared, given):
    _, made = run_rated(prepared, given)
    after = [d for d in made if d.kind != "hold"]
    assert after == []
    assert any(d.code == "protected" for d in made)


@pytest.mark.parametrize("given", [1, 3])
def test_a_low_rating_changes_the_track_at_once(prepared, given):
    _, made = run_rated(prepared, given, minutes=0.6)
    assert next((d.kind, d.cause) for d in made if d.kind != "hold") == ("change_track", "rating")


def test_a_rating_that_was_taken_back_is_in_no_report(prepared, tmp_path):
    plan = Plan(source="simulated", seed=3, minutes=0.5, out=tmp_path)
    session, ticks = Session(plan, prepared=prepared), []

    def tick(result):
        ticks.append(result)
        if len(ticks) == 5:
            session.rate(4), session.rate(5)
        elif len(ticks) == 8:
            session.undo(), session.next(), session.rate(6)

    session.watch(tick)
    session.run()
    assert [rating.given for rating in session.snapshot().ratings] == [4, 6]
    assert [rating.given for rating in build_model(SessionReader(session.folder)).ratings] == [4, 6]


def test_operator_commands_reach_the_music_and_the_log(prepared, tmp_path):
    plan = Plan(source="simulated", seed=3, minutes=0.5, out=tmp_path)
    session, seen = Session(plan, prepared=prepared), []

    def tick(result):
        seen.append(result)
        if len(seen) == 5:
            session.next()
        if len(seen) == 12:
            session.hold(True)
            session.mark()
        if len(seen) == 15:
            session.toggle_pause()

    session.watch(tick)
    session.run()
    kinds = {row["kind"] for row in SessionReader(session.folder).events()}
    assert {"next", "mark", "hold", "pause", "track", "stop"} <= kinds
    assert seen[10].play == 1
    assert session.snapshot().phase == "ended"
    assert seen[-1].position == pytest.approx(seen[-5].position)


def test_stop_ends_the_session_and_writes_everything(prepared, tmp_path):
    plan = Plan(source="simulated", seed=3, minutes=2, out=tmp_path)
    session, seen = Session(plan, prepared=prepared), []

    def tick(result):
        seen.append(result)
        if len(seen) == 4:
            session.stop()

    session.watch(tick)
    session.run()
    shot = session.snapshot()
    assert len(seen) == 4
    assert shot.report is not None
    assert json.loads((session.folder / "session.json").read_text())["clean"] is True


def test_a_listener_with_nothing_in_the_eeg_changes_nothing():
    for seed in range(2):
        plan = Plan(source="simulated", listener="silent", seed=seed, minutes=2, record=False)
        outcome = demo_session(plan)
        assert not outcome.any_eeg_action
        assert not outcome.changed


@pytest.mark.parametrize("written", ["none", " none "])
def test_a_session_without_a_headset_says_so_from_its_first_moment(written):
    assert Session(Plan(source=written)).snapshot().source_state == "none"


@pytest.mark.parametrize("where", ["tick", "close"])
def test_a_fault_of_the_program_ends_the_session_with_a_sentence(prepared, monkeypatch, where):
    def faulty(*_, **__):
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(Journal, where, faulty)
    plan = Plan(source="simulated", seed=3, minutes=0.1, record=False)
    session = Session(plan, prepared=prepared)
    with pytest.raises(ZeroDivisionError):  # what it was is seen, not swallowed
        session.run()
    shot = session.snapshot()
    assert session.failed
    assert shot.phase == "ended"
    assert "nobody thought of this" in shot.notice
    assert shot.notice.endswith("start a new one.")


def test_a_headphone_without_a_wire_stands_in_the_records_and_is_replayed(
    prepared, tmp_path, monkeypatch
):
    """The loop is told when it changes, and not again."""
    status = VirtualPlayer.status

    def routed(player):
        return replace(status(player), wireless=len(seen) >= 3)

    monkeypatch.setattr(VirtualPlayer, "status", routed)
    plan = Plan(source="simulated", seed=3, minutes=0.6, out=tmp_path)
    session, seen = Session(plan, prepared=prepared), []
    session.watch(seen.append)
    session.run()
    assert seen[-1].tracking.state == "cannot tell"
    assert tracking_note(session.snapshot()) == WIRELESS
    reader = SessionReader(session.folder)
    rows = [row for row in reader.events() if row["kind"] == "tick"]
    told = [(k, e["value"]) for k, row in enumerate(rows) for e in row["events"]]
    assert told == [(1, "virtual clock"), (4, True)]
    assert rows[-1]["tracking"]["reasons"][0] == WIRELESS
    assert reader.manifest["summary"]["output_wireless"] is True
    assert replay(session.folder).same
