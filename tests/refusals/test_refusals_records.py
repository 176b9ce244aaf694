"""Disks that fill up and folders that are none: one sentence each, and the music goes on."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.commands.command_line import main
from app.loop.calibration import Calibration, load_calibration
from app.records.reader import SessionReader
from app.records.sink import AppendFile
from app.records.writer import SessionWriter
from app.report import write_report
from app.report.model import build_model
from app.report.page import page
from app.session.plan import Plan
from app.session.session import Session
from app.settings import load_preset
from dsp.checks import InputError, RecordError
from tests.doubles.making_sessions import make_session

MANIFEST: dict[str, Any] = {"source": {"name": "x", "ch_names": ["Fz", "Cz"], "sfreq": 250.0}}


def wait_for_problem(writer: SessionWriter, *, feed: bool = False, timeout: float = 10.0) -> str:
    deadline = time.monotonic() + timeout
    k = 0
    while not writer.problem and time.monotonic() < deadline:
        if feed:
            writer.eeg(np.zeros((500, 2), np.float32), 2.0 * k + np.arange(500) / 250)
            k += 1
        time.sleep(0.002)
    return writer.problem


class Failing(AppendFile):
    code = errno.ENOSPC

    def append(self, data: bytes) -> None:
        if b"mark" in data:
            raise OSError(self.code, os.strerror(self.code))
        super().append(data)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the disk is read-only"),
        (errno.ENOENT, "the folder is gone"),
        (errno.EIO, "the system says"),
    ],
)
def test_a_failing_disk_ends_the_recording_in_one_sentence(
    tmp_path: Path, code: int, words: str
) -> None:
    kind = type("FailingNow", (Failing,), {"code": code})
    writer = SessionWriter(tmp_path, MANIFEST, open_file=kind)
    writer.event({"t": 1.0, "kind": "tick"})
    writer.event({"t": 2.0, "kind": "mark"})
    problem = wait_for_problem(writer)
    writer.event({"t": 3.0, "kind": "tick"})  # the session goes on and knows nothing of it
    writer.eeg(np.zeros((1, 2)), [3.0])
    writer.close()
    assert words in problem
    assert problem.count(".") >= 1
    assert "\n" not in problem
    reader = SessionReader(writer.folder)
    assert [event["t"] for event in reader.events()] == [1.0]
    assert reader.problems[0] == problem
    assert reader.manifest["clean"] is False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MB, where this machine lets us mount one."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_disk_that_is_really_full_leaves_a_readable_folder(small_disk: Path) -> None:
    writer = SessionWriter(small_disk, MANIFEST)
    problem = wait_for_problem(writer, feed=True)
    writer.close()
    assert "the disk is full" in problem
    reader = SessionReader(writer.folder)
    times, data = reader.eeg()
    assert times.size > 1000
    assert times.size % 500 == 0  # the chunk that did not fit left nothing behind
    assert data.shape == (times.size, 2)
    assert not any("unfinished" in text for text in reader.problems)


def test_a_full_disk_at_the_start_is_refused(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"\0" * (2 << 20))
    with pytest.raises(RecordError, match=r"disk is full.*\.$"):
        SessionWriter(small_disk, MANIFEST)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not move folders with open files")
def test_a_folder_that_vanishes_in_mid_session_is_noticed(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    writer.folder.rename(tmp_path / "elsewhere")
    problem = wait_for_problem(writer)
    writer.close()
    assert "the folder is gone" in problem


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RecordError, match="is a file"):
        SessionWriter(tmp_path / "file", MANIFEST)
    with pytest.raises(RecordError, match="part of the path is a file"):
        SessionWriter(tmp_path / "file" / "below", MANIFEST)


def test_a_disk_that_hangs_for_long_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.records.writer.QUEUE_LIMIT", 1 << 16)
    gate = threading.Event()

    class Hanging(AppendFile):
        def append(self, data: bytes) -> None:
            if b"mark" in data:
                gate.wait(30.0)
            super().append(data)

    writer = SessionWriter(tmp_path, MANIFEST, open_file=Hanging)
    writer.event({"t": 0.0, "kind": "mark"})
    for k in range(20):
        writer.eeg(np.zeros((1000, 2), np.float32), np.arange(1000) / 250 + 4.0 * k)
    gate.set()
    writer.close()
    assert "the disk is too slow" in writer.problem


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"kind": "mark"}, "t=None"),
        ({"t": float("nan"), "kind": "mark"}, "t=nan"),
        ({"t": 1.0}, "kind=None"),
        ({"t": 1.0, "kind": "mark", "x": object()}, "cannot be recorded"),
    ],
)
def test_an_event_that_is_none_is_refused(
    tmp_path: Path, event: dict[str, Any], words: str
) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    with pytest.raises(InputError, match=words):
        writer.event(event)
    writer.close()


def test_samples_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    with pytest.raises(InputError, match=r"expected \(n_samples, 2\)"):
        writer.eeg(np.zeros((3, 4)), np.arange(3.0))
    with pytest.raises(InputError, match="finite time"):
        writer.eeg(np.zeros((1, 2)), [np.nan])
    with pytest.raises(InputError, match="announced before"):
        writer.source({"ch_names": ["Fz"], "sfreq": 250.0})
    writer.close()
    bare = SessionWriter(tmp_path, {})
    with pytest.raises(InputError, match="call source"):
        bare.eeg(np.zeros((1, 2)), [1.0])
    bare.close()


def test_what_is_no_session_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a folder"):
        SessionReader(tmp_path / "nowhere")
    with pytest.raises(RecordError, match="is not a session folder"):
        SessionReader(tmp_path)
    (tmp_path / "session.json").write_text('{"format": "something else"}')
    with pytest.raises(RecordError, match="is not a session folder"):
        SessionReader(tmp_path)
    (tmp_path / "session.json").write_text('{"format": "attune-session", "schema": 99}')
    with pytest.raises(RecordError, match="newer version"):
        SessionReader(tmp_path)


def test_a_recording_of_nonsense_is_a_note_and_no_crash(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    writer.close()
    rng = np.random.default_rng(0)
    for head in (b"", b"XDF:", b"RIFF"):
        (writer.folder / "recording.xdf").write_bytes(head + rng.bytes(5000))
        reader = SessionReader(writer.folder)
        assert reader.eeg()[0].size == 0
        assert any("damaged" in p or "unfinished" in p for p in reader.problems)


# ---- folders made by somebody else


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NAMES = "t kind now enjoyment mean sd usable twin tracking state r r_null95 residual".split()
NAMES += "eeg_weight layer_level quality track index pool title decision because cause".split()
NAMES += "prior_mean value given text event events propensity alternatives numbers".split()
KINDS = "tick decision track rating truth pause resume device player note next skip undo".split()
EVENTS = st.fixed_dictionaries(
    {"t": st.floats(0, 100) | st.floats() | JSON, "kind": st.sampled_from(KINDS) | JSON},
    optional={
        name: JSON | st.dictionaries(st.sampled_from(NAMES), JSON | st.floats(-2, 2))
        for name in NAMES[2:]
    },
)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    writer = SessionWriter(tmp_path_factory.mktemp("foreign"), MANIFEST)
    writer.close()
    return writer.folder


@settings(max_examples=30, deadline=None)
@given(events=st.lists(EVENTS, max_size=6), lines=st.lists(JSON, max_size=2))
def test_any_log_is_read_and_reported_without_a_crash(
    foreign: Path, events: list[Any], lines: list[Any]
) -> None:
    (foreign / "events.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in [*events, *lines]), "utf-8"
    )
    reader = SessionReader(foreign)
    for event in reader.events():
        assert np.isfinite(event["t"])
        assert isinstance(event["kind"], str)
    for tick in reader.ticks():
        assert not abs(tick.r) > 1.0
    assert page(build_model(reader)).startswith("<!DOCTYPE html>")


@settings(max_examples=60, deadline=None)
@given(
    changes=st.dictionaries(
        st.sampled_from([*MANIFEST, "settings", "tracks", "start", "started", "notice", "summary",
                         "program", "schema", "seed", "calibration", "listener", "client"]),
        JSON | st.dictionaries(st.sampled_from(["name", "ch_names", "sfreq", "output"]), JSON),
    )
)  # fmt: skip
def test_any_manifest_is_read_or_refused_in_a_sentence(
    foreign: Path, changes: dict[str, Any]
) -> None:
    manifest = {"format": "attune-session", "schema": 1, **MANIFEST, **changes}
    (foreign / "session.json").write_text(json.dumps(manifest), "utf-8")
    (foreign / "events.jsonl").write_text('{"t": 1.0, "kind": "mark"}\n', "utf-8")
    try:
        reader = SessionReader(foreign)
    except RecordError:
        return
    reader.eeg(), reader.heard(), reader.timeline(), reader.markers()
    assert page(build_model(reader)).startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("line", [b"{}", b"[]", b"7", b'{"t": 1}', b'{"kind": "tick"}',
                                  b'{"t": null, "kind": "tick"}', b"[" * 200_000])  # fmt: skip
def test_a_line_that_is_no_event_is_a_sentence(tmp_path: Path, line: bytes) -> None:
    folder = make_session(tmp_path, seconds=3, signals=False)
    path = folder / "events.jsonl"
    path.write_bytes(line + b"\n" + path.read_bytes())
    reader = SessionReader(folder)
    assert len(reader.ticks()) == 3
    (problem,) = reader.problems
    assert problem.startswith("Line 1 of events.jsonl ")
    assert problem.endswith("it was left out.")


def test_a_thousand_damaged_lines_are_told_in_six_sentences(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=3, signals=False)
    path = folder / "events.jsonl"
    path.write_bytes(b"{}\n" * 1000 + path.read_bytes())
    reader = SessionReader(folder)
    assert len(reader.ticks()) == 3
    assert len(reader.problems) == 6
    assert reader.problems[-1] == "So were 995 more lines."


def test_a_time_of_another_age_does_not_stretch_the_session(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=5, signals=False)
    with open(folder / "events.jsonl", "ab") as file:
        file.write(b'{"t": 1e300, "kind": "mark"}\n{"t": -1e9, "kind": "tick"}\n')
    reader = SessionReader(folder)
    assert build_model(reader).duration_s < 10.0
    assert any(p.startswith("2 lines of events.jsonl lie over a week") for p in reader.problems)


OUTSIDE = b"somebody's own"


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
@pytest.mark.parametrize("name", ["report.html", "report.html.new"])
def test_a_report_writes_over_nothing_outside_a_foreign_folder(tmp_path: Path, name: str) -> None:
    folder = make_session(tmp_path / "sessions", seconds=3, signals=False)
    (outside := tmp_path / "outside").write_bytes(OUTSIDE)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside)
    written = write_report(folder)
    assert outside.read_bytes() == OUTSIDE
    assert not written.is_symlink()
    assert written.read_bytes().startswith(b"<!DOCTYPE html>")


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
@pytest.mark.parametrize("name", ["session.json", "events.jsonl", "recording.xdf"])
def test_no_link_in_a_foreign_folder_is_followed(tmp_path: Path, name: str) -> None:
    folder = make_session(tmp_path / "sessions", seconds=3)
    (folder / name).rename(tmp_path / "outside")
    (folder / name).symlink_to(tmp_path / "outside")
    reader = SessionReader(folder)
    reader.events(), reader.eeg()
    assert f"{name} cannot be read: it is a link, and none is followed." in reader.problems


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name here")
def test_a_pipe_in_a_foreign_folder_is_not_waited_for(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=3)
    (folder / "events.jsonl").unlink()
    os.mkfifo(folder / "events.jsonl")
    reader = SessionReader(folder)
    assert reader.events() == []
    assert "events.jsonl is no file; it was not read." in reader.problems


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_only_the_user_may_read_what_is_recorded(tmp_path: Path, starter_measured: Path) -> None:
    before = os.umask(0)  # a user who lets everybody read everything else
    try:
        plan = Plan(
            source="simulated",
            minutes=0.05,
            seed=1,
            out=tmp_path / "a" / "sessions",
            cache=starter_measured,
        )
        Session(plan).run()
    finally:
        os.umask(before)
    kept = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    names = {path.name for path in kept}
    assert names == {"session.json", "events.jsonl", "recording.xdf", "calibration.npz",
                     "report.html"}  # fmt: skip
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    folders = {path.parent for path in kept} | {tmp_path / "a", tmp_path / "a" / "sessions"}
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


@pytest.mark.parametrize("size", [0, 1, 60, 400, 4000, 0.5, 0.99])
def test_a_cut_calibration_is_a_sentence(tmp_path: Path, size: float) -> None:
    whole = load_calibration("silent").to_npz()
    cut = whole[: round(size * len(whole)) if 0 < size < 1 else int(size)]
    (tmp_path / "cut.npz").write_bytes(cut)
    with pytest.raises(InputError, match=r"cut.npz' is no calibration .*\.$"):
        load_calibration(str(tmp_path / "cut.npz"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"theta_sd": float("nan")}, "an sd above 0 dB"),
        ({"theta_sd": float("inf")}, "an sd above 0 dB"),
        ({"theta_sd": 0.0}, "an sd above 0 dB"),
        ({"theta_db": float("nan")}, "an sd above 0 dB"),
        ({"checks": (0.5, float("nan"))}, "theta and checks"),
    ],
)
def test_a_calibration_of_no_numbers_is_refused(changed: dict[str, Any], said: str) -> None:
    made = replace(load_calibration("silent"), **changed).to_npz()
    with pytest.raises(InputError, match=said):
        Calibration.from_npz(made, origin="a.npz")


def test_what_a_full_disk_ended_says_so_in_manifest_and_report(small_disk: Path) -> None:
    writer = SessionWriter(small_disk, MANIFEST)
    problem = wait_for_problem(writer, feed=True)
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    writer.close({"lost_blocks": 0})
    manifest = json.loads((writer.folder / "session.json").read_text("utf-8"))
    assert manifest["problem"] == problem
    assert manifest["ended"]
    report = write_report(writer.folder).read_text("utf-8")
    assert "the disk is full" in report


def test_a_disk_that_fills_up_in_the_last_moment_is_told_of(tmp_path: Path) -> None:
    class Late(AppendFile):
        def append(self, data: bytes) -> None:
            if b"sample_count" in data:  # a footer
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().append(data)

    writer = SessionWriter(tmp_path, MANIFEST, open_file=Late)
    writer.event({"t": 1.0, "kind": "mark"})
    writer.close()
    manifest = json.loads((writer.folder / "session.json").read_text("utf-8"))
    assert "the disk is full" in manifest["problem"]
    assert manifest["clean"] is False


WILD = "Slow\x1b[2J\x9b31m \u202eRiver\x07 " + "very " * 60 + "long"


def test_nothing_that_a_terminal_obeys_is_written_as_it_is(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=3, titles=(WILD, WILD))
    for name in ("events.jsonl", "session.json", "recording.xdf"):
        text = (folder / name).read_bytes().decode("utf-8", "ignore")
        if name == "recording.xdf":
            text = " ".join(text for _, text in SessionReader(folder).markers())
        assert not set("\x1b\x9b\u202e\x07") & set(text), name
    titles = [e["title"] for e in SessionReader(folder).events() if e["kind"] == "track"]
    assert titles == [WILD]  # as it was: JSON can say it


def test_foreign_titles_in_a_report_are_tame_and_short(tmp_path: Path) -> None:
    folder = make_session(
        tmp_path, seconds=90, signals=False, titles=(WILD, WILD), notice=WILD[:40], name="x"
    )
    text = write_report(folder).read_text("utf-8")
    assert not set("\x1b\x9b\u202e\x07") & set(text)
    assert "Slow [2J 31m River very" in text
    assert "very " * 40 not in text


def test_a_session_on_a_full_disk_says_so_on_every_way_out(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--source", "simulated", "--seed", "1", "--minutes", "4"]
    main([*words, "--out", str(small_disk)])
    said = capsys.readouterr().out
    assert any("the disk is full" in line for line in said.splitlines()[-4:])  # where it ends
    (folder,) = small_disk.iterdir()
    manifest = json.loads((folder / "session.json").read_text("utf-8"))
    assert "the disk is full" in manifest["problem"]
    assert manifest["clean"] is False
    assert "the disk is full" in (folder / "report.html").read_text("utf-8")
    assert str(folder / "report.html") in said


@pytest.mark.parametrize("stamps", [np.full(500, 7.0), 9.0 - np.arange(500) / 250])
def test_an_evaluation_of_a_folder_whose_time_stands_or_steps_back_is_refused(
    tmp_path: Path, stamps: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = SessionWriter(tmp_path, MANIFEST)
    writer.eeg(np.ones((500, 2), np.float32), stamps)
    writer.close()
    assert main(["evaluate", "reward", str(writer.folder)]) == 2
    said = capsys.readouterr().err
    assert "Time steps back" in said
    assert said.count("\n") == 1


def test_a_folder_whose_channels_do_not_fit_their_names_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_session(tmp_path, seconds=3)
    path = folder / "session.json"
    path.write_text(path.read_text("utf-8").replace('"T7",', ""), "utf-8")
    assert main(["evaluate", "reward", str(folder)]) == 2
    assert "8 channels of EEG and session.json names 7" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["settings", "tracks", "source", "seed"])
@pytest.mark.parametrize("odd", [None, [], "x", 7, [1], {"a": 1}, -1, 1e300])
def test_a_replay_of_any_manifest_is_a_sentence(
    tmp_path: Path, key: str, odd: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings_ = load_preset("demo").as_dict()
    folder = make_session(tmp_path, seconds=2, signals=False, **{"settings": settings_, key: odd})
    assert main(["replay", str(folder)]) in (0, 2)
    assert capsys.readouterr().err.startswith("attune: ")
