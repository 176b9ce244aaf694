"""What the report says is what the events say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.records.reader import SessionReader
from app.report.model import ReportModel, build_model
from app.report.words import closing_sentence, minutes, summary, tracking_sentence
from app.words import clock
from tests.doubles.making_sessions import NOTICE, T0, TITLES, decision, make_session


def model_of(root: Path, **options: Any) -> ReportModel:
    return build_model(SessionReader(make_session(root, signals=False, **options)))


def test_the_demo_closes_with_its_times(tmp_path: Path) -> None:
    closing = model_of(tmp_path).closing
    assert closing.closed
    assert (closing.layer_on, closing.change, closing.prior, closing.twin) == (40, 64, 0.55, 0.55)
    assert closing.rise is not None
    assert 64 < closing.rise < 90
    assert closing.mean > 0.60


def test_nothing_happens_where_the_events_say_nothing(tmp_path: Path) -> None:
    closing = model_of(tmp_path, closes=False).closing
    assert (closing.layer_on, closing.change, closing.rise) == (None, None, None)
    assert not closing.closed
    assert "did not close" in closing_sentence(closing)


def test_numbers_of_the_demo(tmp_path: Path) -> None:
    model = model_of(tmp_path, ratings=((20, 2), (100, 8)))
    assert model.duration_s == 120.0
    assert model.listened_s == pytest.approx(120.0, abs=1.1)
    assert [play.title for play in model.tracks] == list(TITLES[:2])
    assert [play.ratings for play in model.tracks] == [(2,), (8,)]
    assert [play.end for play in model.tracks] == [65.0, 120.0]
    assert [(r.given, r.value) for r in model.ratings] == [(2, 0.125), (8, 0.875)]
    assert [a.kind for a in model.acts] == ["layer_on", "change_track", "layer_off"]
    assert model.eeg_s == 120
    assert model.quality["T8"] == {"good": 106, "muscle": 14}
    assert model.layer_spans == ((41.0, 68.0),)
    assert model.layer_s == 27.0
    assert model.truth.shape == (120, 2)
    assert 0.5 < model.truth_inside <= 1.0
    assert model.notice == NOTICE
    assert model.simulated
    assert model.problems == ()


def test_a_cued_track_that_was_never_heard_is_not_listed(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=30, signals=False, closes=False)
    with open(folder / "events.jsonl", "ab") as file:
        row = {"t": T0 + 29, "kind": "track", "index": 1, "title": "Never heard"}
        file.write(json.dumps(row).encode() + b"\n")
    assert [play.title for play in build_model(SessionReader(folder)).tracks] == [TITLES[0]]


def test_pauses_are_not_listened_to(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=100, signals=False, closes=False)
    with open(folder / "events.jsonl", "ab") as file:
        for t, kind in ((T0 + 10, "pause"), (T0 + 40, "resume"), (T0 + 90, "pause")):
            file.write(json.dumps({"t": t, "kind": kind}).encode() + b"\n")
    model = build_model(SessionReader(folder))
    assert model.listened_s == pytest.approx(60.0)


def test_holds_are_counted_by_their_reason_and_withholding_is_an_act(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=5, signals=False, closes=False)
    rows = [decision("hold", None, f"Enjoyment {k} ± 9: nothing to do.", "none") for k in range(3)]
    rows.append({**decision("hold", None, "Withheld by lot.", "eeg"), "code": "withheld"})
    with open(folder / "events.jsonl", "ab") as file:
        for row in rows:
            event = {"t": T0 + 3, "kind": "decision", "decision": row}
            file.write(json.dumps(event).encode() + b"\n")
    model = build_model(SessionReader(folder))
    assert model.hold_reasons == (("Enjoyment … ± …: nothing to do.", 3),)
    assert [a.kind for a in model.acts] == ["withheld"]


def test_nonsense_in_events_is_not_known_and_no_error(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=3, signals=False, closes=False)
    rows: list[dict[str, Any]] = [
        {}, {"kind": "tick"}, {"t": "x", "kind": "tick"}, {"t": T0 + 3, "kind": "tick"},
        {"t": T0 + 4, "kind": "tick", "enjoyment": 3, "tracking": None, "quality": [1]},
        {"t": T0 + 1, "kind": "decision"}, {"t": T0 + 1, "kind": "rating", "value": "good"},
        {"t": T0 + 1, "kind": "track"}, {"t": T0 + 1, "kind": "truth", "enjoyment": None},
        {"t": T0 + 1, "kind": ["list"]}, {"t": True, "kind": "device", "state": {"a": 1}},
    ]  # fmt: skip
    with open(folder / "events.jsonl", "ab") as file:
        file.write(b"\n".join(json.dumps(row).encode() for row in rows))
    model = build_model(SessionReader(folder))
    assert model.curve.t.size == 5
    assert math.isnan(model.curve.mean[-1])
    assert model.ratings == ()


def test_an_empty_session_has_a_model(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=1, signals=False)
    (folder / "events.jsonl").write_bytes(b"")
    model = build_model(SessionReader(folder))
    assert (model.duration_s, model.tracks, model.estimate_span) == (0.0, (), None)
    assert summary(model)[0] == "No piece was played."


def test_sentences_say_after_and_never_because(tmp_path: Path) -> None:
    said = " ".join(summary(model_of(tmp_path, listener=None, ratings=((20, 3), (100, 7)))))
    assert said.startswith("You listened to two pieces for two minutes. ")
    assert "Your own ratings went from 3 to 7 of 9." in said
    assert "after some quiet low sound and a change to “Glass Meadow” the estimate rose" in said
    assert "because" not in said


def test_a_fall_is_said_as_plainly_as_a_rise(tmp_path: Path) -> None:
    said = " ".join(summary(model_of(tmp_path, closes=False, listener=None)))
    assert "fell from" in said
    assert "No ratings were given." in said


def test_without_a_headset_nothing_is_said_of_brain_signals(tmp_path: Path) -> None:
    model = model_of(tmp_path, eeg=False, source=None, listener=None, closes=False)
    said = " ".join(summary(model))
    assert "No brain signals were recorded" in said
    assert model.estimate_span is None
    assert not np.isfinite(model.curve.r).any()


def test_no_following_is_said_as_not_to_be_told(tmp_path: Path) -> None:
    model = model_of(tmp_path, seconds=20, closes=False)
    assert "At no time could it be told" in tracking_sentence(model)


@pytest.mark.parametrize(
    ("seconds", "shown", "said"),
    [(0, "0:00", "no seconds"), (64.9, "1:04", "65 seconds"), (119.6, "1:59", "two minutes"),
     (3725, "1:02:05", "62 minutes"), (150, "2:30", "2.5 minutes")],
)  # fmt: skip
def test_times_in_words(seconds: float, shown: str, said: str) -> None:
    assert clock(seconds) == shown
    assert minutes(seconds) == said
