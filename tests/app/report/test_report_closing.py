"""Did the loop close: one rule, for reports and for demos by the hundred."""

from __future__ import annotations

import json
from pathlib import Path

from app.records.reader import SessionReader
from app.report.closing import Moment, loop_closing
from app.report.model import build_model
from app.report.words import closing_sentence
from tests.doubles.making_sessions import T0, decision, make_session

BEFORE = [Moment(5, 0, 0.3, 0.5, 0.5, "layer_on"), Moment(10, 0, 0.3, 0.5, 0.5, "change_track")]


def on(play: int, *means: float, since: float = 11.0, twin: float = 0.5) -> list[Moment]:
    """A track that is heard from `since` on, expected to stand at 0.55."""
    return [Moment(since + k, play, mean, twin, 0.55) for k, mean in enumerate(means)]


def test_the_loop_closes_by_three_steps_with_their_times() -> None:
    closing = loop_closing([*BEFORE, *on(1, 0.5, 0.7, 0.8)])
    assert (closing.layer_on, closing.change, closing.rise) == (5, 10, 12)
    assert (closing.prior, closing.mean, closing.twin) == (0.55, 0.7, 0.5)
    assert closing.closed


def test_a_rise_counts_only_above_what_was_expected_of_the_new_track() -> None:
    assert loop_closing([*BEFORE, *on(1, 0.55, 0.59, 0.58)]).rise is None
    assert loop_closing([*BEFORE, *on(1, 0.55, 0.59, 0.58, 0.61, 0.62)]).rise == 14


def test_a_rise_must_last_two_seconds() -> None:
    assert loop_closing([*BEFORE, *on(1, 0.7, 0.5, 0.7, 0.5)]).rise is None


def test_a_rise_of_the_old_or_a_third_track_does_not_count() -> None:
    closing = loop_closing([*BEFORE, *on(0, 0.9, 0.9), *on(1, 0.5), *on(2, 0.9, 0.9, 0.9)])
    assert closing.rise is None
    assert not closing.closed


def test_silence_between_two_tracks_is_no_track() -> None:
    assert loop_closing([*BEFORE, *on(-1, 0.9, 0.9), *on(1, 0.7, 0.7)]).closed


def test_a_rise_that_the_twin_without_eeg_shows_too_does_not_count() -> None:
    assert loop_closing([*BEFORE, *on(1, 0.8, 0.8, 0.8, twin=0.85)]).rise is None


def test_a_change_without_the_layer_before_it_is_no_closed_loop() -> None:
    change = Moment(10, 0, 0.3, 0.5, 0.5, "change_track")
    late = Moment(20, 1, 0.9, 0.5, 0.55, "layer_on")
    closing = loop_closing([change, *on(1, 0.9, 0.9), late])
    assert (closing.layer_on, closing.change, closing.rise) == (None, 10, 11)
    assert not closing.closed
    assert "without the low sound before it" in closing_sentence(closing)


def test_an_hour_closes_by_its_first_whole_sequence() -> None:
    change = Moment(2, -1, 0.3, 0.5, 0.5, "change_track")
    closing = loop_closing([change, *on(0, 0.3, since=3), *BEFORE, *on(1, 0.5, 0.7, 0.8)])
    assert closing.closed
    assert closing.change == 10


def test_nothing_done_is_nothing_closed() -> None:
    closing = loop_closing(on(0, 0.9, 0.9))
    assert (closing.layer_on, closing.change, closing.rise) == (None, None, None)
    only = loop_closing([BEFORE[0], *on(0, 0.9, 0.9)])
    assert (only.layer_on, only.change, only.rise) == (5, None, None)


def test_a_report_counts_only_what_eeg_caused(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=120, signals=False)
    raw = (folder / "events.jsonl").read_text("utf-8")
    assert build_model(SessionReader(folder)).closing.closed
    for cause in ("rating", "operator", "end", "none"):
        changed = raw.replace('"cause":"eeg"', f'"cause":"{cause}"')
        (folder / "events.jsonl").write_text(changed, "utf-8")
        closing = build_model(SessionReader(folder)).closing
        assert (closing.layer_on, closing.change, closing.rise) == (None, None, None)


def test_a_report_follows_the_new_track_alone(tmp_path: Path) -> None:
    """The demo's own rule took a rise on the third track for that of the second."""
    folder = make_session(tmp_path, seconds=120, signals=False, closes=False)
    path = folder / "events.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        if row["kind"] == "tick":
            second = row["t"] - T0
            row["track"] = int(second > 40) + int(second > 60)
            row["enjoyment"]["mean"] = 0.9 if second > 60 else 0.3
    for second, kind in ((20, "layer_on"), (40, "change_track")):
        rows.append({"t": T0 + second, "kind": "decision", "decision": decision(kind, 1, "why")})
    rows.append({"t": T0 + 40, "kind": "track", "index": 1, "prior_mean": 0.55})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    closing = build_model(SessionReader(folder)).closing
    assert (closing.layer_on, closing.change, closing.rise) == (20, 40, None)
