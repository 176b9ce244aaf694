"""A recording that cannot be replayed is refused in one sentence, whatever file it is."""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.commands.command_line import main
from devices.formats.xdf_eeg import open_xdf
from devices.sources.replay import ReplaySource
from dsp.checks import UNSHOWN, AttuneError
from tests.doubles.foreign_xdf import ForeignXdf, chunk, eeg_file
from tests.doubles.making_sessions import make_session


def refused(path: Path) -> str:
    source = ReplaySource(str(path))
    with pytest.raises(AttuneError) as told:
        source.open()
    sentence = str(told.value)
    assert sentence.endswith(".")
    assert not UNSHOWN.search(sentence)
    return sentence


def written(folder: Path, data: bytes, name: str = "a.xdf") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def markers() -> ForeignXdf:
    file = ForeignXdf().stream(1, "Keys\x1b[2J", "Markers", fmt="string")
    file.samples(1, ["go", "stop"], [1.0, 2.0])
    return file.stream(2, "Eyes", "Gaze", labels=("x", "y"), sfreq=120.0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"", r"a\.xdf is empty; give another recording\.$"),
        (lambda: b"RIFF" + b"\0" * 500, "is not an XDF file"),
        (lambda: b"XDF:", "breaks off before its first stream|not an XDF"),
        (lambda: eeg_file().data[:60], "breaks off before its first stream"),
        (lambda: eeg_file().data[:300], "breaks off before its first stream"),
        (
            lambda: b"XDF:" + struct.pack("<BI", 4, 3 << 30) + b"\2\0" + b"\0" * 90,
            "breaks off before its first stream",
        ),
        (
            lambda: markers().data,
            r"holds no stream of EEG; its streams are: Keys \[2J \(Markers\), Eyes \(Gaze\)",
        ),
        (lambda: eeg_file(seconds=0.0).data, "'Amp' of a.xdf holds no samples"),
        (lambda: eeg_file(sfreq=64.0).data, "64 samples a second; expected 100 to 16000 Hz"),
        (lambda: eeg_file(sfreq=50_000.0, seconds=0.1).data, "expected 100 to 16000 Hz"),
        (lambda: eeg_file(unit="furlongs").data, "are in 'furlongs'; expected microvolts"),
        (lambda: eeg_file(types=["ACC"] * 3).data, "has no EEG channels"),
        (
            lambda: eeg_file(deduced=False, start=float("inf")).data,
            "No sample .* has a time that is a number",
        ),
        (
            lambda: eeg_file(deduced=False, start=float("nan")).data,
            "No sample .* has a time that is a number",
        ),
    ],
)
def test_a_file_without_eeg_is_refused_in_a_sentence(
    tmp_path: Path, make: Callable[[], bytes], says: str
) -> None:
    path = written(tmp_path, make())
    source = ReplaySource(str(path))
    with pytest.raises(AttuneError, match=says):
        source.open()
    refused(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "There is no recording" in refused(tmp_path / "none.xdf")
    assert "not a session folder: it holds no recording.xdf" in refused(tmp_path)
    assert "control" not in refused(tmp_path / "a\x1b[2J\u202e.xdf")
    pipe = tmp_path / "pipe.xdf"
    os.mkfifo(pipe)
    assert "is no file" in refused(pipe)


def test_a_link_in_a_folder_of_anybodys_is_not_followed(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=3)
    real = written(tmp_path, (folder / "recording.xdf").read_bytes())
    (folder / "recording.xdf").unlink()
    (folder / "recording.xdf").symlink_to(real)
    assert "cannot be read" in refused(folder)
    link = tmp_path / "link.xdf"
    link.symlink_to(real)
    ReplaySource(str(link)).open()  # one that was named by hand is


@pytest.mark.parametrize("what", [b"[1, 2]", b"{", b"\xff\xfe", json.dumps({"source": 3}).encode()])
def test_a_folder_whose_manifest_is_damaged_is_still_a_recording(
    tmp_path: Path, what: bytes
) -> None:
    folder = make_session(tmp_path, seconds=3)
    (folder / "session.json").write_bytes(what)
    source = ReplaySource(str(folder))
    source.open()
    assert source.info.ch_names[0] == "Fz"


def test_what_a_foreign_manifest_says_is_only_read(tmp_path: Path) -> None:
    folder = make_session(tmp_path, seconds=3, notice="A\x1b[2J\u202e" + "b" * 9000)
    source = ReplaySource(str(folder))
    source.open()
    shown = source.info.notice + source.info.name + str(source.info.details)
    assert not UNSHOWN.search(shown)
    assert len(source.info.notice) < 1000


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_damaged_file_is_anything_but_read_or_refused(tmp_path_factory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = bytearray(eeg_file(1.0).data)
    for _ in range(int(rng.integers(1, 40))):
        raw[int(rng.integers(4, len(raw)))] = int(rng.integers(256))
    path = written(tmp_path_factory.mktemp("damaged"), bytes(raw[: rng.integers(len(raw))]))
    source = ReplaySource(str(path))
    with contextlib.suppress(AttuneError):
        source.open()
        assert source.info.ch_names


@pytest.mark.parametrize("wild", [float("nan"), float("-inf"), 1e300])
def test_stamps_that_are_no_time_are_counted_on_and_said(tmp_path: Path, wild: float) -> None:
    stamps = 500.0 + np.arange(2000) / 250.0
    stamps[[0, 700, 701, 1999]] = wild
    file = ForeignXdf().stream(1, "Amp", "EEG", labels=("Fz", "Cz"), sfreq=250.0)
    file.samples(1, np.random.default_rng(1).normal(0, 12, (2000, 2)).astype(np.float32), stamps)
    file.offset(1, 500.0, 2.0).offset(1, 505.0, 2.0).offset(1, wild, 2.0).offset(1, 506.0, wild)
    path = written(tmp_path, file.data)
    eeg = open_xdf(path)
    assert eeg.notices == (
        f"4 of 2000 samples of the EEG in {path.name} have a time that is no number; they were "
        "counted on from those before.",
    )
    assert not np.isnan(eeg.rows).any()
    assert eeg.times == pytest.approx(502.0 + np.arange(2000) / 250.0, abs=1e-3)


@pytest.mark.parametrize("seed", [148, 169, 208])
def test_whatever_stamps_a_damaged_file_has_time_goes_on(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = np.frombuffer(eeg_file(10.0, deduced=False).data, np.uint8).copy()
    raw[rng.integers(400, raw.size, 60)] = rng.integers(0, 256, 60)
    eeg = open_xdf(written(tmp_path, raw.tobytes()))
    assert "is damaged or cut" in eeg.notices[0]
    assert (np.diff(eeg.times) > 0.0).all()


@pytest.mark.parametrize("step", [0.0, 1e-9, 1e-4])
@pytest.mark.parametrize("n", [2, 15, 16, 100, 3000])
def test_stamps_that_stand_still_are_replaced_by_the_stated_rate(
    tmp_path: Path, step: float, n: int
) -> None:
    file = ForeignXdf().stream(1, "Amp", "EEG", labels=("Fz", "Cz"), sfreq=250.0)
    data = np.random.default_rng(1).normal(0, 12, (n, 2)).astype(np.float32)
    file.samples(1, data, 500.0 + step * np.arange(n))
    source = ReplaySource(str(written(tmp_path, file.data)))
    source.load()
    assert source.recorded_until - source.recorded_from == pytest.approx((n - 1) / 250)


def test_a_chunk_that_claims_three_gigabytes_leaves_what_stands_before_it(tmp_path: Path) -> None:
    data = eeg_file(2.0).data + struct.pack("<BI", 4, 3 << 30) + b"\3\0\1\0\0\0"
    source = ReplaySource(str(written(tmp_path, data + chunk(5, b""))))
    source.open()
    assert "is damaged or cut" in source.info.notice


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--source", "replay:/none/such.xdf"], "There is no recording /none/such.xdf"),
        (["--source", "synthetic", "--fast"], "Only a recording can be looked at faster"),
        (["--source", "replay:{}", "--source", "lsl:Muse"], "runs on a clock of its own"),
        (["--source", "lsl:Muse", "--source", "replay:{}"], "is no device of its own"),
        (["--source", "replay:{}", "--channels", "Fz,Xx"], "There is no channel 'Xx'"),
        (["--source", "replay:{}", "--preset", "demo"], "is for simulated listeners only"),
        (["--source", "replay:"], "is not known; expected one of: .*replay:FOLDER_OR_FILE"),
    ],
)
def test_what_cannot_be_replayed_ends_the_command_with_a_sentence(
    tmp_path: Path, capsys, arguments: list[str], says: str
) -> None:
    path = written(tmp_path, eeg_file(3.0).data)
    words = [word.format(path) for word in arguments]
    assert main(["run", *words, "--headless", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert re.search(says, said), said
    assert "Traceback" not in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.xdf"]
