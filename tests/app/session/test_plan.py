"""What a session is to be is settled once: the board that is plugged in, and why it was taken."""

from __future__ import annotations

import pytest

from app.session.plan import Plan, check_plan, manifest, settle
from app.settings import load_preset
from devices.sources import finding
from devices.sources.source import SourceInfo
from dsp.checks import InputError


def test_auto_becomes_what_was_found_and_keeps_the_reason(monkeypatch):
    asked = []

    def find(*, stopped):
        asked.append(stopped())
        return finding.Found("brainflow:cyton:/dev/ttyUSB3", "A Cyton answers: it was chosen.")

    monkeypatch.setattr(finding, "find", find)
    plan = settle(Plan(), lambda: True)
    assert (plan.source, plan.because) == (
        "brainflow:cyton:/dev/ttyUSB3",
        "A Cyton answers: it was chosen.",
    )
    assert not plan.simulated
    assert asked == [True]
    named = Plan(source="lsl:EEG")
    assert settle(named, lambda: False) == named
    assert len(asked) == 1  # who names a source waits for no search


def test_the_notice_of_the_source_stands_in_the_records_with_the_reason():
    info = SourceInfo("Cyton", ("Fz",), 250.0, notice="A Cyton answers: it was chosen. Lines.")
    told = manifest(Plan(), load_preset("default"), None, [], info, 0.0)
    assert told["notice"] == info.notice
    assert manifest(Plan(), load_preset("default"), None, [], None, 0.0)["notice"] == Plan().notice


def test_refusals_of_a_place_where_the_board_cannot_be_come_before_anything_is_opened():
    with pytest.raises(InputError, match="The board galea cannot be at '/dev/ttyUSB0'"):
        check_plan(Plan(source="brainflow:galea:/dev/ttyUSB0"))
