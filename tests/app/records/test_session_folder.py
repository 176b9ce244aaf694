"""What a session hands to the writer is what the reader gives back."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import pyxdf

from app.records import sink
from app.records import writer as writer_module
from app.records.jsontext import encode
from app.records.reader import SessionReader
from app.records.sealed import Seal
from app.records.sink import AppendFile
from app.records.writer import SessionWriter
from devices.sources.source import SourceInfo
from devices.timeline import COLUMNS
from dsp.sound.heard import HEARD_NAMES, Heard
from tests.doubles.eeg_fakes import wait_until
from tests.doubles.making_sessions import CH_NAMES, NOTICE, T0, make_session, manifest


def test_a_folder_that_can_be_seen_holds_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever kills the program in its first milliseconds leaves a folder that reads, or none."""
    seen: list[list[str]] = []
    write = writer_module.replace_file

    def watched(path: Path, data: bytes, seal: Seal | None) -> None:
        seen.append([one.name for one in tmp_path.iterdir() if one.name[0] != "."])
        write(path, data, seal)

    old = tmp_path / ".attune-beginning-killed"
    old.mkdir()
    os.utime(old, (0, 0))
    monkeypatch.setattr(writer_module, "replace_file", watched)
    writer = SessionWriter(tmp_path, manifest())
    assert seen == [[]]  # nothing to be seen until it was written
    writer.close()
    assert list(tmp_path.iterdir()) == [writer.folder]  # nor anything else afterwards
    assert SessionReader(writer.folder).problems == []


def test_what_cannot_be_swept_refuses_no_session_and_what_is_not_ours_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / ".beginning-notes"
    own.mkdir()
    os.utime(own, (0, 0))
    (tmp_path / ".attune-beginning-gone").mkdir()
    lstat = Path.lstat

    def gone(path: Path) -> os.stat_result:
        if path.name == ".attune-beginning-gone":
            raise FileNotFoundError(path)  # another program's got its name just now
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", gone)
    loop = tmp_path / ".attune-beginning-loop"
    loop.symlink_to(loop.name)
    SessionWriter(tmp_path, manifest()).close()
    assert own.is_dir()


def test_programs_that_start_at_once_in_a_new_folder_all_record(tmp_path: Path):
    """The slower one of two was told that the folder is a file."""
    start, folders = threading.Barrier(8), []

    def record(root: Path) -> None:
        start.wait()
        writer = SessionWriter(root, manifest())
        writer.close()
        folders.append(writer.folder)

    for number in range(5):
        root = tmp_path / str(number) / "sessions"
        threads = [threading.Thread(target=record, args=(root,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(folders)) == len(folders) == 40


def test_signals_come_back_bit_for_bit_in_the_order_of_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    times = T0 + np.sort(rng.random(500))
    data = rng.normal(0, 30, (500, 8)).astype(np.float32)
    data[77] = np.nan
    heard = rng.random((64, len(HEARD_NAMES))).astype(np.float32)
    rows = rng.normal(0, 1e9, (90, len(COLUMNS)))
    writer = SessionWriter(tmp_path, manifest())
    for start in range(0, 500, 50):
        writer.eeg(data[start : start + 50], times[start : start + 50])
    writer.heard(Heard(times[:64], heard))
    writer.timeline(rows)
    writer.close()

    reader = SessionReader(writer.folder)
    got_times, got_data = reader.eeg()
    assert got_times.tobytes() == times.tobytes()
    assert got_data.tobytes() == data.tobytes()
    got = reader.heard()
    assert got.times.tobytes() == times[:64].tobytes()
    assert got.values.tobytes() == heard.tobytes()
    assert reader.timeline()[1].tobytes() == rows.tobytes()
    assert reader.timeline()[0].tobytes() == rows[:, 0].tobytes()
    assert reader.ch_names == CH_NAMES
    assert reader.problems == []


def test_a_session_recorded_before_the_level_was_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.records.writer.HEARD_NAMES", HEARD_NAMES[:7])
    early = np.random.default_rng(0).random((10, 7)).astype(np.float32)
    writer = SessionWriter(tmp_path, manifest())
    writer.heard(Heard(T0 + np.arange(10) / 64, early))
    writer.close()
    stimulus = SessionReader(writer.folder).heard().stimulus
    assert np.array_equal(stimulus[:, :3], early[:, :3].astype(float))
    assert np.isnan(stimulus[:, 3]).all()


def test_rows_up_to_eeg_until_can_be_sliced(tmp_path: Path) -> None:
    reader = SessionReader(make_session(tmp_path, seconds=5))
    times, data = reader.eeg()
    until = float(times[600])
    assert (times <= until).sum() == 601
    assert data[times <= until].shape == (601, 8)


def test_arrays_may_be_reused_by_the_caller_at_once(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, manifest())
    data = np.ones((10, 8), dtype=np.float32)
    writer.eeg(data, T0 + np.arange(10) / 250)
    data[:] = 7.0
    writer.close()
    assert SessionReader(writer.folder).eeg()[1].max() == 1.0


def test_events_keep_every_bit_of_a_number_and_nan_becomes_null(tmp_path: Path) -> None:
    value = 0.1 + 0.2
    writer = SessionWriter(tmp_path, manifest())
    writer.event(
        {"t": np.float64(T0), "kind": "tick", "a": value, "b": float("nan"),
         "c": np.float32(0.1), "d": (1, 2), "e": {"f": -np.inf},
         "g": np.array([1.5, np.nan]), "text": "Größe\u2028\udc80"}
    )  # fmt: skip
    writer.close()
    raw = (writer.folder / "events.jsonl").read_bytes()
    assert b"NaN" not in raw
    assert b"Infinity" not in raw
    assert raw.count(b"\n") == 1
    (event,) = SessionReader(writer.folder).events()
    assert event == {
        "t": T0, "kind": "tick", "a": value, "b": None, "c": float(np.float32(0.1)),
        "d": [1, 2], "e": {"f": None}, "g": [1.5, None], "text": "Größe\u2028\udc80",
    }  # fmt: skip


def test_manifest_is_there_from_the_start_and_says_at_the_end_that_it_ended(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, manifest())
    first = json.loads((writer.folder / "session.json").read_text("utf-8"))
    assert (first["clean"], first["ended"], first["notice"]) == (False, None, NOTICE)
    writer.close({"lost_blocks": 3})
    last = SessionReader(writer.folder).manifest
    assert (last["clean"], last["summary"]) == (True, {"lost_blocks": 3})
    assert last["ended"]
    assert not list(writer.folder.glob("*.new"))


def test_a_source_may_be_announced_later(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, manifest(source=None))
    writer.heard(Heard(np.array([T0]), np.zeros((1, len(HEARD_NAMES)), np.float32)))
    writer.source(SourceInfo("Cyton", ("Fz", "Cz"), 250.0))
    writer.eeg(np.ones((3, 2), np.float32), T0 + np.arange(3) / 250)
    writer.close()
    reader = SessionReader(writer.folder)
    assert reader.ch_names == ("Fz", "Cz")
    assert reader.eeg()[1].shape == (3, 2)


def test_a_session_without_a_headset_reads_as_no_eeg(tmp_path: Path) -> None:
    reader = SessionReader(make_session(tmp_path, seconds=3, eeg=False, source=None))
    assert reader.eeg()[0].size == 0
    assert len(reader.heard()) == 3 * 64
    assert reader.problems == []


def test_two_sessions_of_one_second_get_two_folders(tmp_path: Path) -> None:
    writers = [SessionWriter(tmp_path, manifest(name="a/../b <x>")) for _ in range(3)]
    folders = {writer.folder for writer in writers}
    for writer in writers:
        writer.close()
    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {tmp_path}


def test_close_twice_and_writing_after_it_do_no_harm(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, manifest())
    writer.close()
    before = (writer.folder / "events.jsonl").read_bytes()
    writer.close()
    writer.event({"t": T0, "kind": "mark"})
    assert (writer.folder / "events.jsonl").read_bytes() == before
    assert writer.problem == ""


def test_events_and_samples_are_in_the_file_while_the_session_runs(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, manifest())
    writer.event({"t": T0, "kind": "mark"})
    deadline = time.monotonic() + 5.0
    path = writer.folder / "events.jsonl"
    while not path.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert path.read_bytes().endswith(b"\n")
    writer.close()


def test_pyxdf_reads_the_recording_as_it_is_by_default(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=6)
    streams, _ = pyxdf.load_xdf(str(folder / "recording.xdf"))
    by_name = {stream["info"]["name"][0]: stream for stream in streams}
    assert set(by_name) == {"EEG", "Stimulus", "Timeline", "Markers"}
    assert by_name["EEG"]["time_stamps"].tobytes() == SessionReader(folder).eeg()[0].tobytes()
    assert float(by_name["Stimulus"]["info"]["nominal_srate"][0]) == 64.0
    labels = by_name["Timeline"]["info"]["desc"][0]["channels"][0]["channel"]
    assert tuple(c["label"][0] for c in labels) == COLUMNS


def test_markers_carry_the_decisions_in_words(tmp_path: Path) -> None:
    reader = SessionReader(make_session(tmp_path, seconds=50, signals=False))
    texts = [text for _, text in reader.markers()]
    assert texts[0] == "track: Cold Harbour"
    assert any(text.startswith("decision layer_on: Enjoyment was probably low") for text in texts)
    assert not any("tick" in text for text in texts)


def test_a_slow_disk_never_makes_the_loop_wait(tmp_path: Path) -> None:
    gate = threading.Event()

    class Stuck(AppendFile):
        def append(self, data: bytes) -> None:
            if b"mark" in data:
                gate.wait(30.0)
            super().append(data)

    writer = SessionWriter(tmp_path, manifest(), open_file=Stuck)
    start = time.perf_counter()
    for k in range(200):
        writer.event({"t": T0 + k, "kind": "mark"})
        writer.eeg(np.zeros((10, 8), np.float32), T0 + k + np.arange(10) / 250)
    waited = time.perf_counter() - start
    gate.set()
    writer.close()
    assert waited < 2.0
    assert len(SessionReader(writer.folder).events()) == 200


def test_what_comes_while_the_disk_does_not_answer_is_in_the_file_all_the_same(
    tmp_path: Path, monkeypatch
) -> None:
    gate, asked = threading.Event(), []
    replace = sink.replace_file

    def stuck(*given: object) -> None:
        asked.append("manifest")
        gate.wait(30.0)
        replace(*given)  # type: ignore[arg-type]

    class Stuck(AppendFile):
        def sync(self) -> None:
            asked.append("sync")
            gate.wait(30.0)
            super().sync()

    known = manifest()
    source = known.pop("source")
    writer = SessionWriter(tmp_path, known, open_file=Stuck)
    monkeypatch.setattr("app.records.writer.replace_file", stuck)
    writer.source(source)
    end, k = time.monotonic() + 1.5, 0  # a sync is due every second
    while time.monotonic() < end:
        writer.eeg(np.zeros((10, 8), np.float32), T0 + k / 25 + np.arange(10) / 250)
        k += 1
        time.sleep(0.02)
    wait_until(lambda: SessionReader(writer.folder).eeg()[0].size == 10 * k)
    assert "manifest" in asked
    gate.set()
    writer.close()
    assert "sync" in asked
    assert SessionReader(writer.folder).problems == []
    assert SessionReader(writer.folder).ch_names == source["ch_names"]


def test_a_folder_cut_anywhere_opens_and_says_what_is_missing(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=8, end=False)
    reader = SessionReader(folder)
    times, data = reader.eeg()
    assert len(reader.events()) > 10
    assert times.size == data.shape[0] > 1500
    text = " ".join(reader.problems)
    assert "not ended properly" in text
    assert "last line of events.jsonl" in text
    assert "unfinished chunk" in text


def test_random_cuts_of_all_three_files_open(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=4)
    whole = {p.name: p.read_bytes() for p in folder.iterdir()}
    n_whole = SessionReader(folder).eeg()[0]
    rng = np.random.default_rng(2)
    for _ in range(40):
        for name in ("events.jsonl", "recording.xdf"):
            cut = int(rng.integers(0, len(whole[name]) + 1))
            (folder / name).write_bytes(whole[name][:cut])
        reader = SessionReader(folder)
        times, data = reader.eeg()
        events = reader.events()
        assert times.tobytes() == n_whole[: times.size].tobytes()
        assert data.shape == (times.size, 8)
        assert all("kind" in event for event in events)


@pytest.mark.parametrize("name", ["session.json", "events.jsonl", "recording.xdf"])
def test_a_missing_file_is_named_and_the_rest_is_read(tmp_path: Path, name: str) -> None:
    folder = make_session(tmp_path, seconds=2)
    (folder / name).unlink()
    reader = SessionReader(folder)
    reader.events(), reader.eeg(), reader.heard(), reader.timeline(), reader.markers()
    assert f"{name} is missing." in reader.problems


def test_a_damaged_line_in_the_middle_is_left_out_with_a_note(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=4, signals=False)
    path = folder / "events.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[2] = b"\xff\x00 nonsense"
    path.write_bytes(b"\n".join(lines))
    reader = SessionReader(folder)
    assert len(reader.events()) == len(lines) - 2
    assert reader.problems == ["Line 3 of events.jsonl is damaged; it was left out."]


def test_a_damaged_manifest_leaves_the_signals_readable(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=2)
    (folder / "session.json").write_bytes(b'{"format": "attune-sess')
    reader = SessionReader(folder)
    assert reader.eeg()[1].shape == (500, 8)
    assert "session.json is damaged; its settings are not known." in reader.problems


def test_json_of_the_same_content_is_the_same_bytes() -> None:
    assert encode({"a": np.float64(1.5), "b": [True, None]}) == b'{"a":1.5,"b":[true,null]}'


def test_many_fast_channels_are_all_written(tmp_path: Path) -> None:
    names = tuple(f"E{k}" for k in range(64))
    source = {"name": "big", "ch_names": names, "sfreq": 1000.0}
    data = np.zeros((20, 64), dtype=np.float32)
    writer = SessionWriter(tmp_path, manifest(source=source))
    for k in range(500):
        writer.eeg(data, T0 + k / 50 + np.arange(20) / 1000)
    writer.close()
    assert SessionReader(writer.folder).eeg()[1].shape == (10_000, 64)
