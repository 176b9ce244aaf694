import json

import pytest

from app.clients.listener import Listener, learn
from app.lab.replay import replay
from app.lab.simulate_demo import starter
from app.records.reader import SessionReader
from app.report.model import build_model
from app.session.plan import Plan
from app.session.rig import VirtualRig
from app.session.session import Session
from devices.sources.source import SourceEvent
from dsp.checks import InputError


def test_what_an_observer_taps_is_recorded_reported_and_learnt_as_such(tmp_path):
    plan = Plan(source="simulated", minutes=0.2, seed=1, out=tmp_path, at=1.8e9)
    session, seconds = Session(plan, prepared=starter()), iter(range(99))

    def watch(result):
        faces = {3: "pleasure", 6: "neutral"}
        second = next(seconds)
        if second in faces:
            session.tap(faces[second])
        if second == 8:
            session.undo()

    session.watch(watch)
    session.run()
    (folder,) = tmp_path.iterdir()
    rows = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    taps = [(r["value"], r["scale"], r["given"]) for r in rows if r["kind"] == "tap"]
    assert taps == [(1.0, "faces", "pleasure"), (0.5, "faces", "neutral")]
    assert [r["kind"] for r in rows if r["kind"] in ("unrated", "untapped")] == ["untapped"]
    model = build_model(SessionReader(folder))
    assert [one.value for one in model.doings if one.kind == "tap"] == ["pleasure", "neutral"]
    assert not model.ratings
    replayed = replay(folder)
    assert replayed.made == replayed.logged
    person, _ = learn(Listener(), session.lesson)
    kept = [(e.kind, e.value, e.scale) for e in person.record.events if e.kind != "play"]
    assert kept == [("tap", 1.0, "faces")]


def test_refusals_of_a_face_name_the_three():
    session = Session(Plan(source="simulated", record=False), prepared=starter())
    with pytest.raises(InputError, match="distress, neutral, pleasure"):
        session.tap("joy")


class Marking(VirtualRig):
    """The simulated listener, and somebody who sends markers beside it."""

    def events(self):
        texts = {3.0: "observer distress", 5.0: "pleasure", 6.0: "observer joy"}
        marker = (
            [SourceEvent(self.now(), "marker", texts[self.now()])] if self.now() in texts else []
        )
        return [*super().events(), *marker]


def test_an_observer_may_tap_from_another_program_by_a_marker(tmp_path):
    plan = Plan(source="simulated", minutes=0.15, seed=1, out=tmp_path)
    rig = Marking(listener="clear", seed=1)
    session = Session(plan, prepared=starter(), rig=rig)
    session.run()
    (folder,) = tmp_path.iterdir()
    rows = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [r["given"] for r in rows if r["kind"] == "tap"] == ["distress"]
    assert sum(r["kind"] == "marker" for r in rows) == 3
