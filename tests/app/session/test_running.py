"""A running session on the real clock: what is heard, and what is not."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from app.lab.replay import replay
from app.lab.simulate_demo import starter
from app.player.player import Player
from app.records.reader import SessionReader
from app.session import upcoming
from app.session.plan import Plan
from app.session.session import Session
from playlists.analysis.prepare import prepare
from tests.doubles.program import until


def rows(session, kind):
    return [row for row in SessionReader(session.folder).events() if row["kind"] == kind]


@pytest.fixture
def plan(tmp_path, starter_measured):
    """A session without a headset and without a sound device."""
    return Plan(source="none", output="null", out=tmp_path, minutes=2, cache=starter_measured)


def test_a_track_that_takes_long_to_measure_costs_no_minute_of_the_session(plan, monkeypatch):
    def slow(path, *, cache):
        time.sleep(4.0)
        return prepare(path, cache=cache)

    monkeypatch.setattr(upcoming, "prepare", slow)
    session = Session(replace(plan, cache=None, minutes=0.05))
    session.start()
    assert session.wait(60)
    assert session.snapshot().track.position > 1.9
    start = SessionReader(session.folder).manifest["start"]
    heard = SessionReader(session.folder).heard()
    began = heard.times[np.flatnonzero(heard.play == 0)[0]]
    assert abs(began - start) < 0.05
    assert rows(session, "tick")[0]["now"] > start


def test_a_track_that_cannot_be_measured_gives_way_to_the_next(tmp_path, monkeypatch):
    def broken(path, *, cache):
        raise MemoryError("18 GB")

    monkeypatch.setattr(upcoming, "prepare", broken)
    prepared = {place: track for place, track in starter().items() if place > 0}
    plan = Plan(source="simulated", seed=1, minutes=0.1, out=tmp_path)
    session = Session(plan, prepared=prepared)
    session.run()
    assert rows(session, "tick")[-1]["pool"] == 1
    (note,) = rows(session, "note")
    assert "cannot be measured (MemoryError: 18 GB)" in note["text"]
    assert any(line.sentence == note["text"] for line in session.snapshot().decisions)


def test_nothing_is_started_after_stop(plan, monkeypatch):
    """The worst moment: Stop comes while the track that was asked for is being handed over."""
    handing, stopped = threading.Event(), threading.Event()
    done: list[str] = []
    real_stop, real_play = Player.stop, Player.play

    def play(player, *words, **named):
        if done:
            handing.set()
            stopped.wait(1.0)
        real_play(player, *words, **named)
        done.append("play")

    def stop(player):
        real_stop(player)
        done.append("stop")
        stopped.set()

    monkeypatch.setattr(Player, "stop", stop)
    monkeypatch.setattr(Player, "play", play)
    session = Session(plan)
    session.start()
    session.next()
    assert handing.wait(60)
    session.stop()
    session.close()
    assert done == ["play", "play", "stop"]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are stopped by a signal")
def test_while_the_engine_hangs_nothing_is_estimated_and_one_sentence_says_so(plan):
    session, ticks, seen = Session(plan), [], set()

    def tick(result):
        ticks.append(result)
        seen.add(session.snapshot().output_notice)

    session.watch(tick)
    session.start()
    try:
        until(lambda: len(ticks) >= 2, seconds=30)
        pid = session.running.rig.player._engine.pid
        os.kill(pid, signal.SIGSTOP)
        n = len(ticks)
        until(lambda: len(ticks) >= n + 3, seconds=30)
        os.kill(pid, signal.SIGCONT)
        until(lambda: not session.snapshot().output_notice, seconds=30)
        n = len(ticks)
        until(lambda: len(ticks) >= n + 2, seconds=30)
    finally:
        session.close()
    told = [row["event"] for row in rows(session, "player")]
    assert [kind for kind in told if kind.startswith("engine")] == ["engine_stalled", "engine_back"]
    given = [event for row in rows(session, "tick") for event in row["events"]]
    assert given.pop(0)["kind"] == "output"
    assert given == [{"kind": "stalled", "value": True}, {"kind": "stalled", "value": False}]
    gates = {row["gate"] for row in rows(session, "tick")}
    assert "No action: the sound engine does not answer." in gates
    assert "Paused." not in gates  # nobody did
    assert len([text for text in seen if text]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="processes are stopped by a signal")
def test_a_pause_is_what_was_asked_for_last_also_while_the_engine_hangs(plan):
    session, ticks = Session(plan), []
    session.watch(ticks.append)
    session.start()
    try:
        until(lambda: len(ticks) >= 1, seconds=30)
        pid = session.running.rig.player._engine.pid
        os.kill(pid, signal.SIGSTOP)
        for _ in range(3):
            session.toggle_pause()
        session.next()
        until(lambda: ticks[-1].coming is not None, seconds=30)
        os.kill(pid, signal.SIGCONT)
        until(lambda: ticks[-1].play == 1, seconds=30)  # a start ends a pause
        n = len(ticks)
        until(lambda: len(ticks) >= n + 2, seconds=30)
    finally:
        session.close()
    given = [event for row in rows(session, "tick") for event in row["events"]]
    assert [e["value"] for e in given if e["kind"] == "pause"] == [True, False, True, False]
    assert ticks[-1].gate != "Paused."


def test_a_session_that_stood_still_replays_byte_for_byte(plan):
    session, ticks = Session(plan), []

    def tick(result):
        ticks.append(result)
        if len(ticks) == 2:
            time.sleep(2.5)

    session.watch(tick)
    session.start()
    try:
        until(lambda: len(ticks) >= 2, seconds=30)
        session.next()  # taken in the first tick after the stall, so that it decides something
        until(lambda: len(ticks) >= 5, seconds=30)
    finally:
        session.close()
    assert max(np.diff([result.now for result in ticks])) > 1.5
    assert "next" in [row["decision"]["code"] for row in rows(session, "decision")]
    assert replay(session.folder).same


def test_the_window_beats_for_itself_and_the_loop_from_its_thread_alone(plan, monkeypatch):
    beats: list[tuple[str, str]] = []
    real = Player.beat

    def beat(player, who):
        beats.append((who, threading.current_thread().name))
        real(player, who)

    monkeypatch.setattr(Player, "beat", beat)
    session, ticks = Session(plan), []
    session.beat()  # before there is anything to say it to
    assert beats == []
    session.watch(ticks.append)
    session.start()
    until(lambda: len(ticks) >= 1, seconds=30)
    session.beat()
    session.snapshot()
    session.close()
    session.beat()
    assert {who for who, thread in beats if thread == "session"} == {"loop"}
    assert [who for who, thread in beats if thread != "session"] == ["window"]


def test_what_stands_at_the_end_is_what_was_heard_when_it_was_stopped(plan):
    session, ticks = Session(plan), []
    session.watch(ticks.append)
    session.start()
    until(lambda: len(ticks) >= 2, seconds=30)
    heard = session.snapshot().track
    session.stop()
    session.close()
    shot = session.snapshot()
    assert shot.phase == "ended"
    assert shot.track.title == heard.title
    assert shot.track.position >= heard.position
