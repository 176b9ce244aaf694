"""Demos by the hundred tell of a session what its own report tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab.simulate_demo import DemoOutcome, demo_session, shares
from app.records.reader import SessionReader
from app.report.closing import Closing
from app.report.model import build_model
from app.session.plan import Plan


@pytest.mark.parametrize("listener", ["clear", "silent"])
def test_a_demo_closes_where_its_report_says_so(tmp_path: Path, listener: str) -> None:
    plan = Plan(source="simulated", listener=listener, minutes=2.0, seed=1, out=tmp_path)
    outcome = demo_session(plan)
    (folder,) = tmp_path.iterdir()
    reader = SessionReader(folder)
    told = build_model(reader).closing
    start = reader.manifest["start"]
    ours = outcome.closing
    for mine, reported in (
        (ours.layer_on, told.layer_on), (ours.change, told.change), (ours.rise, told.rise)
    ):  # fmt: skip
        assert (mine is None) == (reported is None)
        assert mine is None or reported is None or mine - start == pytest.approx(reported)
    for mine, reported in ((ours.prior, told.prior), (ours.mean, told.mean)):
        assert mine == pytest.approx(reported, nan_ok=True)
    assert outcome.closing.closed is (listener == "clear")
    assert outcome.any_eeg_action is (listener == "clear")


def test_shares_count_each_step_and_all_of_them() -> None:
    whole = DemoOutcome(1, Closing(1.0, 2.0, 3.0), any_eeg_action=True, changed=True)
    layer = DemoOutcome(2, Closing(1.0), any_eeg_action=True, changed=False)
    none = DemoOutcome(3, Closing(), any_eeg_action=False, changed=True)
    early = DemoOutcome(4, Closing(None, 2.0, 3.0), any_eeg_action=True, changed=True)
    assert shares([whole, layer, none, early]) == {
        "sessions": 4, "layer": 0.5, "change": 0.5, "rise": 0.5, "any_eeg_action": 0.75,
        "closed": 0.25, "changed": 0.75,
    }  # fmt: skip
