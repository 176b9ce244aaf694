"""What is written as XDF comes back as it was, whole or cut."""

from __future__ import annotations

import io
import logging
from typing import Any

import numpy as np
import pytest
import pyxdf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.records.xdf import BOUNDARY, Stream, XdfWriter
from devices.formats.xdf import XdfFile, XdfStream, read_xdf

EEG = Stream(1, "EEG", "EEG", ("Fz", "Cz <µ&>"), "float32", 250.0, "microvolts")
TABLE = Stream(2, "Timeline", "Timeline", ("a", "b", "c"), "double64")
TEXTS = Stream(3, "Markers", "Markers", ("text",), "string")


class Memory:
    def __init__(self) -> None:
        self.data = b""
        self.ends: list[int] = []

    def append(self, data: bytes) -> None:
        self.data += data
        self.ends.append(len(self.data))


def load(data: bytes, **options: Any) -> dict[str, Any]:
    streams, _ = pyxdf.load_xdf(io.BufferedReader(io.BytesIO(data)), **options)
    return {stream["info"]["name"][0]: stream for stream in streams}


def recording(seconds: int = 12, *, finish: bool = True) -> tuple[Memory, dict[str, Any]]:
    rng = np.random.default_rng(3)
    memory = Memory()
    writer = XdfWriter(memory)
    for stream in (EEG, TABLE, TEXTS):
        writer.declare(stream)
    n = seconds * 250
    times = 1234.5 + np.sort(np.arange(n) / 250 + rng.normal(0, 5e-4, n))
    data = rng.normal(0, 20, (n, 2)).astype(np.float32)
    data[300:400] = np.nan  # 0.4 s lost
    rows = rng.normal(0, 1e6, (seconds * 10, 3))
    stamps = 1234.5 + np.arange(seconds * 10) / 10
    texts = [f"marker {k} äöü" for k in range(seconds)]
    for k in range(seconds * 10):
        writer.write(1, data[k * 25 : (k + 1) * 25], times[k * 25 : (k + 1) * 25])
        writer.write(2, rows[k : k + 1], stamps[k : k + 1])
        if k % 10 == 0:
            writer.write(3, [texts[k // 10]], stamps[k : k + 1])
    if finish:
        writer.finish()
    truth = {"times": times, "data": data, "rows": rows, "stamps": stamps, "texts": texts}
    return memory, truth


@pytest.mark.parametrize("dejitter", [False, True])
@pytest.mark.parametrize("synchronize", [False, True])
def test_every_stamp_and_sample_comes_back_bit_for_bit(dejitter: bool, synchronize: bool) -> None:
    memory, truth = recording()
    got = load(memory.data, dejitter_timestamps=dejitter, synchronize_clocks=synchronize)
    assert got["EEG"]["time_stamps"].tobytes() == truth["times"].tobytes()
    assert got["EEG"]["time_series"].tobytes() == truth["data"].tobytes()
    assert got["Timeline"]["time_series"].tobytes() == truth["rows"].tobytes()
    assert got["Timeline"]["time_stamps"].tobytes() == truth["stamps"].tobytes()
    assert [row[0] for row in got["Markers"]["time_series"]] == truth["texts"]


def test_default_reading_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    memory, _ = recording()
    with caplog.at_level(logging.WARNING):
        load(memory.data)
    assert caplog.records == []


def test_header_names_channels_unit_rate_and_that_samples_may_be_lost() -> None:
    memory, _ = recording(2)
    info = load(memory.data)["EEG"]["info"]
    channels = info["desc"][0]["channels"][0]["channel"]
    assert [c["label"][0] for c in channels] == ["Fz", "Cz <µ&>"]
    assert {c["unit"][0] for c in channels} == {"microvolts"}
    assert {c["type"][0] for c in channels} == {"EEG"}
    assert float(info["nominal_srate"][0]) == 250.0
    assert info["desc"][0]["synchronization"][0]["can_drop_samples"][0] == "true"


def test_footer_counts_the_samples() -> None:
    memory, truth = recording(2)
    footer = load(memory.data)["EEG"]["footer"]["info"]
    assert int(footer["sample_count"][0]) == truth["times"].size
    assert float(footer["last_timestamp"][0]) == truth["times"][-1]


def test_boundaries_come_every_five_seconds() -> None:
    memory, _ = recording(21)
    assert memory.data.count(BOUNDARY) == 5  # at 0, 5, 10, 15 and 20 s


def test_pyxdf_opens_what_a_kill_leaves_at_every_write() -> None:
    """A kill cuts between two writes; each of them is whole chunks."""
    memory, truth = recording(2, finish=False)
    for end in memory.ends[4:]:
        stream = load(memory.data[:end])["EEG"]
        n = stream["time_stamps"].size
        assert n % 25 == 0
        assert stream["time_series"].tobytes() == truth["data"][:n].tobytes()


def eeg_of(file: XdfFile) -> XdfStream | None:
    return next((stream for stream in file.streams if stream.name == "EEG"), None)


def test_a_recording_cut_at_any_byte_opens_and_holds_no_wrong_sample() -> None:
    memory, truth = recording(finish=False)
    rng = np.random.default_rng(5)
    for cut in rng.integers(4, len(memory.data), 150):
        file = read_xdf(memory.data[:cut])
        assert file.damaged == 0
        assert file.unfinished < 1500  # one chunk
        stream = eeg_of(file)
        if stream is not None:
            n = stream.times.size
            assert stream.times.tobytes() == truth["times"][:n].tobytes()
            assert stream.values.tobytes() == truth["data"][:n].tobytes()
            assert n >= truth["times"].size * (cut - 3000) / len(memory.data) - 50


def test_every_cut_inside_the_last_chunks_opens() -> None:
    memory, truth = recording(1)
    for cut in range(len(memory.data) - 700, len(memory.data)):
        stream = eeg_of(read_xdf(memory.data[:cut]))
        assert stream is not None
        assert stream.times.size >= truth["times"].size - 25  # one chunk


def test_pyxdf_alone_opens_a_cut_recording() -> None:
    """pyxdf 1.17 stumbles only where the cut falls on the two bytes of a chunk's tag."""
    memory, _ = recording(finish=False)
    rng = np.random.default_rng(6)
    whole = {0}
    at = 4
    while at < len(memory.data):  # where each chunk begins, by our own walk over the file
        size = memory.data[at]
        body = at + 1 + size
        whole |= {body, body + 1}
        at = body + int.from_bytes(memory.data[at + 1 : body], "little")
    cuts = [c for c in rng.integers(2000, len(memory.data), 100) if c not in whole]
    assert len(cuts) > 90
    for cut in cuts:
        n = load(memory.data[:cut])["EEG"]["time_stamps"].size
        ours = eeg_of(read_xdf(memory.data[:cut]))
        assert ours is not None
        assert n >= ours.times.size > 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(5486)  # the frame of a chunk stays whole, and its samples do not
def test_damaged_bytes_cost_at_most_the_way_to_the_boundary_after_next(seed: int) -> None:
    """The damage may hit a boundary itself; then the one after it is where reading goes on."""
    memory, truth = recording(30, finish=False)
    rng = np.random.default_rng(seed)
    raw = bytearray(memory.data)
    start = int(rng.integers(3000, len(raw) - 64))
    raw[start : start + 64] = rng.bytes(64)
    file = read_xdf(bytes(raw))
    stream = eeg_of(file)
    assert stream is not None
    assert stream.times.size >= truth["times"].size - 250 * 11
    assert file.damaged + file.unfinished < len(raw) / 3


def test_an_empty_write_leaves_no_trace() -> None:
    memory = Memory()
    writer = XdfWriter(memory)
    writer.declare(EEG)
    before = len(memory.data)
    writer.write(1, np.empty((0, 2), np.float32), np.empty(0))
    assert len(memory.data) == before
