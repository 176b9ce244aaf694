"""A source that is lost and comes back: in grades, usable time, records, report and replay."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from app.lab.replay import replay
from app.lab.simulate_demo import starter
from app.records.reader import SessionReader
from app.records.streams import BESIDE, SECOND
from app.report.model import build_model
from app.session.feed import Eeg, Feed
from app.session.plan import Plan
from app.session.session import Session
from app.session.snapshot import Snapshot
from devices.sources.source import Channel, SourceEvent, SourceInfo
from tests.doubles.holed_rig import HandAcquisition, HoledRig

HEADSET = SourceInfo("Headset", ("Fz", "Cz"), 250.0)


@pytest.fixture(scope="module")
def prepared() -> Any:
    return starter()


class Made:
    """One session that was run on a rig, and every picture of it."""

    def __init__(self, rig: HoledRig, plan: Plan, prepared: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.session.session.make_rig", lambda plan: rig)
            session = Session(plan, prepared=prepared)
            self.shots: list[Snapshot] = []
            session.watch(lambda result: self.shots.append(session.snapshot()))
            self.asks = session
            session.run()
        self.rig = rig
        assert session.folder is not None
        self.folder = session.folder
        self.reader = SessionReader(session.folder)

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.reader.events() if row["kind"] == kind]


@pytest.fixture(scope="module")
def holed(prepared: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Ninety seconds; the headset is lost from 20 s to 40 s."""
    out = tmp_path_factory.mktemp("holed")
    plan = Plan(source="simulated", seed=5000, minutes=1.5, out=out)
    return Made(HoledRig(plan, [(20.0, 40.0)]), plan, prepared)


def test_while_it_is_lost_no_electrode_is_good(holed: Made) -> None:
    words = [set(row["quality"].values()) for row in holed.rows("tick")]
    assert "gap" not in set().union(*words[:20])
    assert words[21:40] == [{"gap"}] * 19
    assert "gap" not in set().union(*words[45:])
    graded = [{grade for _, grade, _ in shot.quality} for shot in holed.shots]
    assert graded[21:40] == [{4}] * 19


def test_usable_time_report_and_summary_count_the_hole(holed: Made) -> None:
    model = build_model(holed.reader)
    assert model.eeg_s - model.usable_s >= 19
    gaps = [words.get("gap", 0) for words in model.quality.values()]
    assert all(19 <= n <= 24 for n in gaps)
    told = [text for _, text in model.happenings]
    assert [t for t in told if "headset" in t] == [
        "The headset is silent.", "The headset is lost.", "The headset sends again.",
    ]  # fmt: skip
    summary = holed.reader.manifest["summary"]
    assert summary["eeg_rows"] == pytest.approx(90 * 250, abs=10)
    assert summary["eeg_lost"] == pytest.approx(20 * 250, abs=10)
    assert holed.shots[-1].lost_share == pytest.approx(20 / 90, abs=0.01)
    assert holed.shots[38].lost_share > 0.4  # and while it lasts


def test_the_recording_has_a_row_for_every_moment_of_the_hole_once(holed: Made) -> None:
    times, data = holed.reader.eeg()
    assert np.diff(times).max() < 0.0061
    assert np.diff(times).min() > 0.002
    assert np.isnan(data).all(axis=1).sum() == pytest.approx(20 * 250, abs=3)


@pytest.mark.parametrize("begins", [20.0, 28.8])
def test_a_hole_that_the_session_ends_in_is_marked_to_its_end(
    prepared: Any, tmp_path: Any, begins: float
) -> None:
    """Also where the source was not yet taken for lost."""
    rig = HoledRig(Plan(source="simulated", seed=5000), [(begins, 90.0)])
    plan = Plan(source="simulated", seed=5000, minutes=0.5, out=tmp_path)
    made = Made(rig, plan, prepared)
    times, data = made.reader.eeg()
    lost = np.isnan(data).all(axis=1)
    assert np.diff(times).max() < 0.0061
    assert times[-1] == pytest.approx(made.rows("tick")[-1]["now"], abs=0.005)
    assert lost.sum() == pytest.approx((30.0 - begins) * 250, abs=3)
    summary = made.reader.manifest["summary"]
    assert summary["eeg_lost"] == lost.sum()
    assert summary["eeg_rows"] == lost.size
    assert made.shots[-1].lost_share < 1.0
    model = build_model(made.reader)
    assert model.eeg_s - model.usable_s >= np.floor(30.0 - begins)
    assert replay(made.folder).same


def test_a_session_with_a_hole_replays_byte_for_byte(holed: Made) -> None:
    again = replay(holed.folder)
    assert again.same
    assert again.violation == ""
    output, *told = [e for row in holed.rows("tick") for e in row["events"]]
    assert output == {"kind": "output", "value": "virtual clock"}
    assert told == [{"kind": "eeg_stalled", "value": True}, {"kind": "eeg_stalled", "value": False}]


def test_a_measured_rate_reaches_the_loop_the_records_and_the_screen(
    prepared: Any, tmp_path: Any
) -> None:
    plan = Plan(source="simulated", seed=5000, minutes=0.5, out=tmp_path)
    rig = HoledRig(plan)
    text = "Headset states 250 Hz, sends 252."

    def each(t: float) -> None:
        if 2.9 < t < 3.1:
            rig.source.news.append(SourceEvent(t, "rate", 252.0, text))

    rig.each = each
    made = Made(rig, plan, prepared)
    told = [(k, e) for k, row in enumerate(made.rows("tick")) for e in row["events"]]
    assert told.pop(0) == (1, {"kind": "output", "value": "virtual clock"})
    assert told == [(2, {"kind": "rate", "value": 252.0})]
    assert (made.shots[-1].sfreq, made.shots[-1].sfreq_measured) == (250.0, 252.0)
    assert text in [line.sentence for line in made.shots[-1].decisions]
    assert made.reader.manifest["source"]["sfreq"] == 250.0
    assert made.reader.manifest["summary"]["sfreq_measured"] == 252.0
    raw = (made.folder / "recording.xdf").read_bytes()
    assert b"<nominal_srate>250.0</nominal_srate>" in raw
    assert b"<measured_srate>252.0</measured_srate>" in raw
    assert replay(made.folder).same


def test_eeg_that_is_too_slow_is_said_to_be_and_ends_nothing(prepared: Any, tmp_path: Any) -> None:
    plan = Plan(source="simulated", seed=5000, minutes=0.2, out=tmp_path)
    rig = HoledRig(plan)

    def each(t: float) -> None:
        if 2.9 < t < 3.1:
            rig.source.news.append(SourceEvent(t, "rate", 64.0, "Headset states 250 Hz, sends 64."))

    rig.each = each
    made = Made(rig, plan, prepared)
    (note,) = made.rows("note")
    assert note["text"].startswith("EEG at 64 Hz is too slow to be judged, which needs 100")
    assert note["text"] in [line.sentence for line in made.shots[-1].decisions]
    assert {word for _, _, word in made.shots[-1].quality} == {"gap"}
    assert len(made.rows("tick")) == 12


def test_what_is_beside_the_eeg_and_a_second_source_are_recorded_and_never_decoded(
    prepared: Any, tmp_path: Any
) -> None:
    beside = (Channel("Trigger", "trigger"), Channel("X", "accelerometer", "g"))
    watch = HandAcquisition(SourceInfo("Wrist", ("P1", "P2", "P3"), 100.0))
    plan = Plan(source="simulated", seed=5000, minutes=0.5, out=tmp_path)
    rig = HoledRig(plan, beside=beside, second=watch)

    def each(t: float) -> None:
        now = rig.now()
        if t > 15.0:  # it fails, and says so; the EEG goes on
            if watch.state == "streaming":
                watch.say(now, "lost", "Wrist has sent nothing for 2 s.")
            return
        watch.send(np.full((100, 3), t, np.float32), now - 1.0 + np.arange(100) / 100.0)

    rig.each = each
    made = Made(rig, plan, prepared)
    times, eeg = made.reader.eeg()
    assert eeg.shape == (times.size, 8)
    assert not np.isnan(eeg).any()  # the other's loss is not its own
    at, rows = made.reader.other(BESIDE)
    np.testing.assert_array_equal(at, times)
    np.testing.assert_array_equal(rows[0], [0.0, 1.0])
    at, rows = made.reader.other(SECOND)
    assert rows.shape[1] == 3
    assert np.isnan(rows[-1]).all()
    assert made.reader.manifest["second_source"]["name"] == "Wrist"
    raw = (made.folder / "recording.xdf").read_bytes()
    assert b"<name>Wrist</name><type>EEG</type><channel_count>3</channel_count>" in raw
    assert b"<label>X</label><unit>g</unit><type>accelerometer</type>" in raw
    said = [row for row in made.rows("device") if row.get("source") == "Wrist"]
    assert [row["state"] for row in said] == ["lost"]
    last = made.shots[-1]
    assert (last.second_name, last.source_state) == ("Wrist", "streaming")
    assert last.second_notice == "Wrist has sent nothing for 2 s."
    assert replay(made.folder).same


def test_markers_of_a_second_source_are_events_and_their_silence_is_none(
    prepared: Any, tmp_path: Any
) -> None:
    stimuli = HandAcquisition(SourceInfo("Stimuli", (), 0.0))
    plan = Plan(source="simulated", seed=5000, minutes=0.3, out=tmp_path)
    rig = HoledRig(plan, second=stimuli)

    def each(t: float) -> None:
        if 9.9 < t < 10.1:
            stimuli.news.append(SourceEvent(rig.now() - 0.25, "marker", "tone high"))

    rig.each = each
    made = Made(rig, plan, prepared)
    (marker,) = made.rows("marker")
    assert (marker["text"], marker["source"]) == ("tone high", "Stimuli")
    assert (marker["t"], "marker: tone high") in made.reader.markers()
    assert made.shots[-1].second_notice == ""
    told = [event["kind"] for row in made.rows("tick") for event in row["events"]]
    assert told == ["output"]


def test_going_on_without_eeg_is_logged_stops_waiting_and_replays(
    prepared: Any, tmp_path: Any
) -> None:
    plan = Plan(source="simulated", seed=5000, minutes=0.6, out=tmp_path)
    rig = HoledRig(plan, [(10.0, 1000.0)])
    made: list[Session] = []

    def each(t: float) -> None:
        if 19.9 < t < 20.1:
            made[0].leave_eeg_out()
            made[0].leave_eeg_out()  # twice is once

    rig.each = each
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.session.session.make_rig", lambda plan: rig)
        session = Session(plan, prepared=prepared)
        made.append(session)
        shots: list[Snapshot] = []
        session.watch(lambda result: shots.append(session.snapshot()))
        session.run()
    assert rig.source.closed
    assert shots[18].source_state == "lost"
    assert (shots[-1].source_state, shots[-1].source_notice) == ("none", "")
    assert session.snapshot().source_state == "none"
    assert "the EEG was left out" in shots[-1].eeg_gate
    rows = SessionReader(session.folder).events()
    assert len([row for row in rows if row["kind"] == "eeg_off"]) == 1
    told = [e["kind"] for row in rows if row["kind"] == "tick" for e in row["events"]]
    assert told == ["output", "eeg_stalled", "eeg_off"]
    assert replay(session.folder).same


# What is handed over


def feed() -> tuple[Feed, HandAcquisition]:
    source = HandAcquisition(HEADSET)
    one = Feed(source)
    one.wait_ready(lambda: False)
    return one, source


def rows(first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(round(first * 250), round(last * 250)) / 250.0
    return np.ones((times.size, 2), np.float32), times


def test_a_row_is_handed_over_once_and_not_before_its_time() -> None:
    one, source = feed()
    source.send(*rows(100.0, 104.0))
    parts = [one.rows(until)[1] for until in (101.0, 101.0, 110.0)]
    assert parts[0][-1] == 101.0
    assert parts[1].size == 0
    np.testing.assert_array_equal(np.concatenate(parts), rows(100.0, 104.0)[1])


def test_a_source_that_is_only_stalled_is_waited_for() -> None:
    one, source = feed()
    source.send(*rows(100.0, 101.0))
    one.rows(101.0)
    source.state = "stalled"
    assert one.rows(103.0)[1].size == 0
    source.send(*rows(101.0, 103.5))  # what was held up in the air comes all the same
    assert not np.isnan(one.rows(103.0)[0]).any()


@pytest.mark.parametrize("hours", [0.001, 8.0])
def test_a_hole_takes_bounded_memory_however_long_it_is(hours: float) -> None:
    one, source = feed()
    source.send(*rows(100.0, 101.0))
    one.rows(101.0)
    source.state = "lost"
    until = 102.0 + 3600.0 * hours
    data, times = one.rows(until)
    assert times.size == min(round(3600.0 * hours * 250), 60 * 250)
    assert np.isnan(data).all()
    assert until - 1.01 < times[-1] <= until - 1.0
    source.state = "streaming"
    source.send(*rows(until + 0.2, until + 1.0))
    data, times = one.rows(until + 1.0)
    assert times[0] > until - 1.01
    assert np.diff(times).min() > 0.002
    assert np.count_nonzero(~np.isnan(data).all(axis=1)) == 200


def test_a_hole_longer_than_the_ring_is_a_jump_in_the_stamps_behind_lost_rows() -> None:
    one, source = feed()
    source.send(*rows(100.0, 101.0))
    one.rows(101.0)
    source.send(*rows(400.0, 401.0))  # the ring keeps 60 s
    data, times = one.rows(401.0)
    assert times.size == 60 * 250
    assert np.isnan(data[:-250]).all()
    assert not np.isnan(data[-250:]).any()


class Slept(HoledRig):
    """A computer that sleeps for 100 s after 20 s, on a clock that goes on meanwhile."""

    sleeps = False

    def eeg(self, until: float) -> Eeg:
        rows = super().eeg(until)
        self.sleeps = until - self._start == 20.0
        return rows

    def now(self) -> float:
        return super().now() + (100.0 if self.sleeps else 0.0)


def test_after_a_computer_that_slept_no_tick_is_made_up_and_the_time_is_a_gap(
    prepared: Any, tmp_path: Any
) -> None:
    plan = Plan(source="simulated", seed=5000, minutes=2.5, out=tmp_path)
    made = Made(Slept(plan), plan, prepared)
    ticks = made.rows("tick")
    steps = [b["now"] - a["now"] for a, b in itertools.pairwise(ticks)]
    assert sorted(set(steps)) == [1.0, 100.0]
    at = steps.index(100.0) + 1
    assert ticks[at]["events"] == [{"kind": "resumed", "value": None}]
    (row,) = made.rows("resumed")
    assert row["seconds"] == 100.0
    words = [set(tick["quality"].values()) for tick in ticks]
    assert words[at] <= {"gap"}
    assert words[-1] != {"gap"}
    model = build_model(made.reader)
    assert all(99 <= words["gap"] <= 101 for words in model.quality.values())
    assert model.usable_s < 51
    assert row["text"] in [text for _, text in model.happenings]
    assert replay(made.folder).same
