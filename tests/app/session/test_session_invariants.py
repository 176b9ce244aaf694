import math
from dataclasses import replace

from app.lab.simulate_demo import starter
from app.loop.loop import Loop
from app.records.reader import SessionReader
from app.session.plan import Plan
from app.session.session import Session


def session(out):
    one = Session(Plan(source="simulated", seed=5000, minutes=1, out=out), prepared=starter())
    ticks, shots = [], []

    def tick(result):
        ticks.append(result)
        shots.append(one.snapshot())

    one.watch(tick)
    one.run()
    return one, ticks, shots


def decisions(one):
    return [r for r in SessionReader(one.folder).events() if r["kind"] == "decision"]


def test_a_number_that_cannot_be_is_logged_and_shown_as_unknown_and_changes_nothing(
    tmp_path, monkeypatch
):
    plain, _, _ = session(tmp_path)
    right = Loop.tick

    def tick(self, given):
        result = right(self, given)
        if not 20.0 <= given.now < 30.0:
            return result
        tracking = replace(result.tracking, state="following", r=0.31, r_null95=911.63)
        return replace(
            result, tracking=tracking, enjoyment=replace(result.enjoyment, mean=math.nan)
        )

    monkeypatch.setattr(Loop, "tick", tick)
    one, ticks, shots = session(tmp_path)
    assert not one.failed
    assert decisions(one) == decisions(plain)
    told = [r for r in SessionReader(one.folder).events() if r["kind"] == "violation"]
    assert [r["t"] for r in told if "chance level is 911.63" in r["text"]] == [*range(20, 30)]
    assert [r["t"] for r in told if "enjoyment is nan" in r["text"]] == [*range(20, 30)]
    for result, shot in zip(ticks, shots, strict=True):
        if 20.0 <= result.now < 30.0:
            assert (shot.tracking.state, shot.enjoyment) == ("cannot tell", None)
            assert math.isnan(shot.tracking.r_null95)
        else:
            assert shot.enjoyment is not None
    logged = [r for r in SessionReader(one.folder).events() if r["kind"] == "tick"]
    assert logged[25]["tracking"]["r_null95"] == 911.63  # the records keep what came out
