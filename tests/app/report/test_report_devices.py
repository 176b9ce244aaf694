"""What a report says of headsets that are lost, of rates, and of what was recorded beside."""

from __future__ import annotations

import math
from typing import Any

import pytest

from app.records.ticks import read_ticks
from app.report.devices import away, facts, source
from app.report.model import _quality

HEADSET: dict[str, Any] = {"name": "Cap", "ch_names": ["Fz", "Cz"], "sfreq": 128.0, "beside": []}


def state(t: float, word: str, **more: str) -> dict[str, Any]:
    return {"t": t, "kind": "device", "event": "state", "state": word, "text": "", **more}


def test_each_loss_is_named_from_its_first_moment_of_silence_to_the_return() -> None:
    events = [
        state(100.0, "streaming"), state(110.5, "stalled"), state(111.0, "streaming"),
        state(120.5, "stalled"), state(122.0, "lost"), state(125.0, "lost"),
        state(140.0, "streaming"), state(160.0, "lost"), state(161.0, "lost", source="Wrist"),
    ]  # fmt: skip
    assert away(events, 100.0) == ((20.5, 40.0), (60.0, None))
    assert away([*events, {"t": 170.0, "kind": "eeg_off"}, state(180.0, "streaming")], 100.0) == (
        (20.5, 40.0),
        (60.0, None),
    )
    assert away(events[:3], 100.0) == ()


def test_the_losses_of_the_second_source_are_not_those_of_the_headset() -> None:
    assert away([state(5.0, "lost", source="Wrist")], 0.0) == ()


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (math.nan, "Cap, 2 channels, 128 Hz"),
        (128.5, "Cap, 2 channels, 128 Hz"),
        (129.0, "Cap, 2 channels, 128 Hz stated, 129.0 Hz measured"),
        (256.0, "Cap, 2 channels, 128 Hz stated, 256.0 Hz measured"),
    ],
)
def test_both_rates_are_shown_where_they_differ(measured: float, said: str) -> None:
    assert source(HEADSET, measured) == said


def test_everything_of_the_devices_stands_in_it() -> None:
    beside = [
        {"name": "X", "type": "accelerometer", "unit": "g"},
        {"name": "Battery", "type": "", "unit": ""},
    ]
    manifest = {
        "source": {**HEADSET, "beside": beside},
        "second_source": {"name": "Stimuli", "ch_names": [], "sfreq": 0.0, "beside": []},
        "summary": {"sfreq_measured": 256.0, "eeg_rows": 1000, "eeg_lost": 250},
    }
    assert dict(facts(manifest, [(20.5, 40.0), (3605.0, None)])) == {
        "Source": "Cap, 2 channels, 128 Hz stated, 256.0 Hz measured",
        "Recorded beside the EEG": "X (accelerometer, g), Battery",
        "Second source, not decoded": "Stimuli, markers",
        "Samples of EEG lost": "250 of 1000 (25 %)",
        "Headset away": "0:20 to 0:40, 1:00:05 to the end",
    }
    many = [(60.0 * k, 60.0 * k + 5.0) for k in range(9)]
    assert dict(facts(manifest, many))["Headset away"].endswith("5:00 to 5:05 and 3 more")


@pytest.mark.parametrize(
    "odd",
    [
        {}, {"source": "x"}, {"source": {}}, {"source": {"ch_names": 3, "beside": {"a": 1}}},
        {"source": HEADSET, "second_source": [], "summary": {"eeg_rows": "many"}},
        {"source": {**HEADSET, "sfreq": None, "beside": ["x", {}]}, "summary": {"eeg_rows": 5}},
    ],
)  # fmt: skip
def test_an_older_or_damaged_folder_is_read_all_the_same(odd: dict[str, Any]) -> None:
    assert all(isinstance(value, str) for _, value in facts(odd, ()))


def test_seconds_that_were_not_watched_are_a_gap_of_every_electrode() -> None:
    def tick(now: float, **more: Any) -> dict[str, Any]:
        said = {"state": "cannot tell", "r": None, "r_null95": None}
        quality = {"Fz": "good", "Cz": "good"}
        return {"t": now, "kind": "tick", "now": now, "quality": quality, "tracking": said, **more}

    rows = [tick(1.0), tick(2.0), tick(3.0), tick(63.0, quality={}), tick(64.0), tick(66.0)]
    ticks, _ = read_ticks(rows)
    electrodes, eeg_s, usable_s = _quality(ticks)
    assert (eeg_s, usable_s) == (5 + 59, 5)
    assert electrodes["Cz"] == {"good": 5, "gap": 59}
    without, _ = read_ticks([tick(1.0), tick(63.0, quality={}, tracking=None)])
    assert _quality(without)[1] == 1
