"""A recording comes as it was recorded: rows, spacing and gaps, on our clock, and then it ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from app.records.reader import SessionReader
from app.records.writer import SessionWriter
from devices.acquisition import acquire
from devices.sources.naming import read_channels
from devices.sources.replay import ENDED, ReplaySource
from devices.sources.source import Channel, SourceEvent
from tests.doubles.eeg_fakes import wait_until
from tests.doubles.foreign_xdf import ForeignXdf, eeg_file
from tests.doubles.making_sessions import CH_NAMES, SFREQ, T0, feed, make_session, manifest


class Clock:
    """Seconds that pass when somebody sleeps, and are counted."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def replayed(path: Path, *, at: float = 70_000.3, **options):
    clock = Clock(at)
    source = ReplaySource(str(path), clock=clock, sleep=clock.sleep, **options)
    source.open()
    return source, clock


def all_of(source: ReplaySource):
    """Rows, times, arrival of each chunk less its last time, and events to the end."""
    rows, times, late, events = [], [], [], []
    while not source.ended:
        chunk = source.read()
        events += source.events()
        if chunk is not None:
            rows.append(chunk.data)
            times.append(chunk.times)
            late.append(source._clock() - chunk.times[-1])
    return np.concatenate(rows), np.concatenate(times), np.array(late), events


def written(folder: Path, file: ForeignXdf) -> Path:
    path = folder / "amp.xdf"
    path.write_bytes(file.data)
    return path


def test_a_session_comes_back_row_for_row_at_its_pace(tmp_path):
    folder = make_session(tmp_path, seconds=8)
    source, clock = replayed(folder)
    recorded_times, recorded = SessionReader(folder).eeg()
    assert source.begins >= clock.at
    rows, times, late, events = all_of(source)
    assert rows.tobytes() == recorded.tobytes()
    np.testing.assert_allclose(times - source.shift, recorded_times, rtol=0, atol=1e-9)
    assert source.shift == round(source.shift)
    assert np.isnan(rows).all(axis=1).sum() == 20  # what was lost stays lost
    assert -1e-9 <= late.min()
    assert late.max() < 0.03
    assert [(e.kind, e.value, e.text) for e in events] == [("state", "closed", ENDED)]
    assert source.read() is None
    assert source.events() == []


def test_a_recording_says_everywhere_that_it_is_one(tmp_path):
    folder = make_session(tmp_path, seconds=3, started="2026-11-24T10:05:00+01:00")
    source, _ = replayed(folder)
    assert source.info.name == "Recording of 2026-11-24 10:05 (Synthetic board, simulated listener)"
    assert source.info.notice.startswith("This is a recording: nothing of it can be changed.")
    assert "Simulated listener" in source.info.notice
    assert source.info.simulated
    assert source.info.details["recording"] == str(folder)
    person, _ = replayed(make_session(tmp_path, seconds=3, listener=None))
    assert not person.info.simulated
    alone, _ = replayed(folder / "recording.xdf")
    assert alone.info == source.info.__class__(
        **{
            **vars(source.info),
            "details": {**source.info.details, "recording": str(folder / "recording.xdf")},
        }
    )


def test_a_foreign_file_names_its_day_or_else_itself(tmp_path):
    source, _ = replayed(written(tmp_path, eeg_file(2.0)))
    assert source.info.name == "Recording of 2026-05-14 16:05 (Amp)"
    assert source.heard is None
    assert source.info.details["sound"] is False
    file = eeg_file(2.0)
    file.data = file.data.replace(b"2026-05-14T16:05:00+0200", b"the day after tomorrow!!")
    source, _ = replayed(written(tmp_path, file))
    assert source.info.name == "Recording of amp.xdf (Amp)"


def test_samples_that_a_foreign_file_lacks_are_rows_of_nan_in_their_place(tmp_path):
    source, _ = replayed(written(tmp_path, eeg_file(12.0, lost=(1000, 1600))))
    rows, times, _, _ = all_of(source)
    assert rows.shape == (3000, 3)
    lost = np.flatnonzero(np.isnan(rows).all(axis=1))
    assert lost[[0, -1]].tolist() == [1000, 1599]
    assert lost.size == 600
    np.testing.assert_allclose(np.diff(times), 0.004, atol=1e-4)


def test_a_recording_that_stood_for_minutes_waits_as_long_and_an_hour_is_passed_over(tmp_path):
    file = eeg_file(4.0)
    rng = np.random.default_rng(2)
    for start in (5100.0, 9000.0, 2000.0):  # 96 s later, an hour later, and set back by two
        file.samples(1, rng.normal(0, 9, (500, 3)), [start + k / 250 for k in range(500)])
    source, _ = replayed(written(tmp_path, file))
    rows, times, _, _ = all_of(source)
    np.testing.assert_allclose(np.diff(times), 0.004, atol=2e-4)
    assert np.isnan(rows).all(axis=1).sum() == pytest.approx(96 * 250, abs=5)
    assert times[-1] - times[0] == pytest.approx(96 + 4 + 6, abs=0.1)
    assert "Time in amp.xdf jumps ahead by 3.9e+03 s; it goes on there." in source.info.notice
    assert "So it does at 1 more places." in source.info.notice


def test_a_few_stamps_that_are_no_times_move_nothing(tmp_path):
    file = ForeignXdf().stream(1, "Amp", "EEG", labels=("Fz", "Cz"), sfreq=250.0)
    rng = np.random.default_rng(6)
    data = rng.normal(0, 12, (3000, 2)).astype(np.float32)
    stamps = 900.0 + np.arange(3000) / 250 + rng.normal(0, 0.002, 3000)
    stamps[700] = 1.8e9
    stamps[1500:1512] -= 300.0
    stamps[2400:2403] = -1e300, 1e17, 0.0
    for first in range(0, 3000, 100):
        file.samples(1, data[first : first + 100], stamps[first : first + 100])
    source, _ = replayed(written(tmp_path, file))
    rows, times, _, _ = all_of(source)
    assert rows.tobytes() == data.tobytes()
    np.testing.assert_allclose(times - times[0], np.arange(3000) / 250, atol=0.03)
    assert "Time in" not in source.info.notice


def test_units_labels_and_types_are_understood(tmp_path):
    file = eeg_file(
        3.0, labels=("EEG Fz-LE", "Cz.", "left arm"), unit="volts", types=["EEG", "EEG", "EMG"]
    )
    source, _ = replayed(written(tmp_path, file))
    rows, _, _, _ = all_of(source)
    assert source.info.ch_names == ("Fz", "Cz")
    assert [(c.name, c.type) for c in source.info.beside] == [("left arm", "emg")]
    assert "left arm (emg) is no EEG: recorded beside it" in source.info.notice
    assert np.nanstd(rows[:, 0]) == pytest.approx(15e6, rel=0.1)
    assert np.nanstd(rows[:, 2]) == pytest.approx(15, rel=0.1)  # not of the brain: as it is
    source, _ = replayed(written(tmp_path, file), channels=read_channels("Oz=2"))
    assert source.info.ch_names == ("Oz",)


def test_a_level_that_no_unit_explains_is_said(tmp_path):
    source, _ = replayed(written(tmp_path, eeg_file(5.0, unit="nanovolts")))  # 15 of them
    assert "varies by" not in source.info.notice
    file = eeg_file(5.0, unit="nanovolts", scale=0.1)
    source, _ = replayed(written(tmp_path, file))
    assert "The EEG of amp.xdf varies by 0.00147 microvolts, less than any" in source.info.notice


def test_one_of_several_streams_is_taken_and_that_is_said(tmp_path):
    file = ForeignXdf().stream(4, "Slow", "EEG", labels=("A", "B"), sfreq=10.0)
    file.samples(4, np.zeros((5, 2)), [5000.0 + k / 10 for k in range(5)])
    file.data += eeg_file(3.0).data[4:]
    file.stream(2, "Second", "EEG", labels=("Oz",), sfreq=500.0)
    file.samples(2, np.ones((9, 1)), [5000.0 + k / 500 for k in range(9)])
    source, _ = replayed(written(tmp_path, file))
    assert source.info.details["stream"] == "Amp"
    assert (
        "amp.xdf holds 3 streams of EEG; 'Amp' was taken, 'Slow', 'Second' left out."
        in source.info.notice
    )


def test_markers_come_when_their_time_has_come(tmp_path):
    file = eeg_file(6.0).stream(2, "Keys", "Markers", fmt="string")
    file.samples(2, ["left\x1b", "right"], [5001.0, 5003.5])
    source, clock = replayed(written(tmp_path, file))
    told: list[SourceEvent] = []
    while not source.ended:
        source.read()
        told += [e for e in source.events() if e.kind == "marker"]
        assert all(event.time <= clock.at for event in told)
    assert [(e.time - source.begins, e.value) for e in told] == [
        (pytest.approx(1.0, abs=1e-3), "left"),
        (pytest.approx(3.5, abs=1e-3), "right"),
    ]


def test_a_recording_that_is_opened_again_goes_on_where_time_has_brought_it(tmp_path):
    source, clock = replayed(written(tmp_path, eeg_file(10.0)))
    clock.at = source.begins + 2.0
    first = source.read()
    source.close()
    clock.at += 3.0
    source.open()
    clock.at += 0.1
    again = source.read()
    assert first is not None
    assert again is not None
    assert again.times[0] - source.begins == pytest.approx(5.0, abs=0.005)
    assert again.times.size in (25, 26)


def test_read_as_a_device_it_streams_and_ends_without_being_lost(tmp_path):
    acquisition = acquire(f"replay:{written(tmp_path, eeg_file(3.0))}")
    try:
        info = acquisition.wait_ready()
        wait_until(lambda: acquisition.state == "closed")
        assert acquisition.ring.total >= 0.9 * 3.0 * info.sfreq
    finally:
        acquisition.close()
    states = [(e.value, e.text) for e in acquisition.events() if e.kind == "state"]
    assert [word for word, _ in states] == ["connecting", "streaming", "closed"]
    assert states[-1][1] == ENDED


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_recording_whose_process_was_killed_goes_on_where_time_has_brought_it(tmp_path):
    path = written(tmp_path, eeg_file(30.0))
    acquisition = acquire(f"replay:{path}")
    try:
        acquisition.wait_ready()
        wait_until(lambda: acquisition.ring.total > 250)
        os.kill(acquisition.pid, signal.SIGKILL)
        wait_until(lambda: acquisition.state == "lost")
        wait_until(lambda: acquisition.state == "streaming")
        total = acquisition.ring.total
        wait_until(lambda: acquisition.ring.total > total + 100)
        block = acquisition.ring.since(0)
    finally:
        acquisition.close()
    recorded = ReplaySource(str(path))
    recorded.load()
    lost = np.isnan(block.data).all(axis=1)
    assert np.count_nonzero(np.diff(lost.astype(int)) == 1) == 1
    assert not lost[-100:].any()
    assert np.array_equal(block.data[~lost], recorded._recorded.rows[: lost.size][~lost])


def test_what_a_session_recorded_beside_its_eeg_comes_again(tmp_path):
    described = manifest()
    beside = [{"name": "Accel X", "type": "accelerometer", "unit": "g"}]
    described["source"] = {**described["source"], "beside": beside}
    writer = SessionWriter(tmp_path, described)
    rng = np.random.default_rng(3)
    rows = rng.normal(0, 12, (500, len(CH_NAMES) + 1)).astype(np.float32)
    rows[100:120] = np.nan
    writer.eeg(rows, T0 + np.arange(500) / SFREQ)
    feed(writer, 0, rng=rng, eeg=False)
    writer.close()
    source, _ = replayed(writer.folder)
    assert source.info.ch_names == CH_NAMES
    assert source.info.beside == (Channel("Accel X", "accelerometer", "g"),)
    again, _, _, _ = all_of(source)
    assert again.tobytes() == rows.tobytes()
