"""XDF files of any writer are read as the field's own reader reads them, and damaged ones too."""

from __future__ import annotations

import io
import logging
import struct
from typing import Any

import numpy as np
import pytest
import pyxdf
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.formats.xdf import read_xdf
from tests.doubles.foreign_xdf import ForeignXdf, chunk, eeg_file


def by_pyxdf(data: bytes, **options: Any) -> list[dict[str, Any]]:
    logging.getLogger("pyxdf").setLevel(logging.ERROR)
    streams, _ = pyxdf.load_xdf(io.BufferedReader(io.BytesIO(data)), **options)
    return sorted(streams, key=lambda stream: stream["info"]["stream_id"])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_stream_is_read_as_the_fields_own_reader_does(data: st.DataObject) -> None:
    fmt = data.draw(st.sampled_from(["int8", "int16", "int32", "float32", "double64", "string"]))
    sfreq = data.draw(st.sampled_from([0.0, 100.0, 250.0]))
    n_channels = data.draw(st.integers(1, 3))
    file = ForeignXdf().stream(7, "A", "EEG", n=n_channels, sfreq=sfreq, fmt=fmt)
    at = 100.0
    for _ in range(data.draw(st.integers(1, 4))):
        times, values = [], []
        for _ in range(data.draw(st.integers(1, 12))):
            at += data.draw(st.sampled_from([0.004, 0.004, 0.5]))
            times.append(at if not times or data.draw(st.booleans()) else None)
            one = st.text(max_size=5) if fmt == "string" else st.integers(-100, 100)
            values.append([data.draw(one) for _ in range(n_channels)])
        file.samples(7, values, times)
    (ours,) = read_xdf(file.data).streams
    (theirs,) = by_pyxdf(file.data, synchronize_clocks=False, dejitter_timestamps=False)
    np.testing.assert_allclose(ours.times, theirs["time_stamps"], atol=1e-9)
    assert [list(row) for row in ours.values] == [list(row) for row in theirs["time_series"]]


def test_clocks_are_brought_together_as_the_fields_own_reader_does() -> None:
    """A clock 3000 s off that drifts by 80 ppm, with late answers, and set anew by an hour."""
    rng = np.random.default_rng(1)
    file = ForeignXdf().stream(1, "Amp", "EEG", labels=("Fz", "Cz"), sfreq=100.0)
    for k in range(300):
        ahead = 3000.0 if k < 170 else -600.0
        sent = ahead + (k + np.arange(100) / 100) * (1 + 80e-6)
        file.samples(1, rng.normal(0, 9, (100, 2)), [*sent])
        if k % 5 == 2:
            late = rng.choice([0.0, 0.0, 0.0, 0.02])
            file.offset(1, sent[-1], (k + 0.99) - sent[-1] - late)
    (ours,) = read_xdf(file.data).streams
    (theirs,) = by_pyxdf(file.data, dejitter_timestamps=False)
    truth = np.arange(30000) / 100
    assert np.abs(ours.synchronized() - truth).max() < 0.003
    assert np.abs(ours.synchronized() - theirs["time_stamps"]).max() < 0.025


def test_without_offsets_stamps_stay_what_they_are() -> None:
    (stream,) = read_xdf(eeg_file().data).streams
    assert stream.synchronized().tobytes() == stream.times.tobytes()


def test_channels_are_named_as_the_stream_states_them_and_unnamed_where_the_count_differs() -> None:
    (stream,) = read_xdf(eeg_file(labels=("Fz <&>", "Cz\x1b[2J"), unit="volts").data).streams
    assert [(c.label, c.type, c.unit) for c in stream.channels] == [
        ("Fz <&>", "EEG", "volts"),
        ("Cz [2J", "EEG", "volts"),
    ]
    file = ForeignXdf().stream(1, "A", "EEG", labels=("Fz",), n=2, sfreq=250.0)
    assert [c.label for c in read_xdf(file.data).streams[0].channels] == ["", ""]


def test_a_chunk_with_samples_that_do_not_fit_costs_that_chunk_alone() -> None:
    good = eeg_file(2.0)
    bad = struct.pack("<I", 1) + struct.pack("<BI", 4, 10) + b"\x08" * 50
    at = good.data.index(chunk(5, bytes.fromhex("43A546DCCBF5410FB30ED5467383CBE4")))
    file = read_xdf(good.data[:at] + chunk(3, bad) + good.data[at:])
    assert file.streams[0].times.size == 500
    assert (file.damaged, file.unfinished) == (len(chunk(3, bad)), 0)


def test_what_a_file_claims_of_its_size_takes_no_memory() -> None:
    good = eeg_file(1.0).data
    for claim in (
        struct.pack("<BI", 4, 3 << 30) + struct.pack("<H", 3) + b"\1\0\0\0",  # a chunk of 3 GB
        struct.pack("<BQ", 8, 1 << 62) + struct.pack("<H", 2),
        chunk(3, struct.pack("<I", 1) + struct.pack("<BQ", 8, 1 << 40) + b"\0" * 99),  # samples
        chunk(2, struct.pack("<I", 9) + b"<info><channel_count>2000000000</channel_count></info>"),
    ):
        file = read_xdf(good + claim)
        assert file.streams[0].times.size == 250
        assert file.unfinished + file.damaged == len(claim)


@pytest.mark.parametrize(
    "xml",
    [
        b"<info><name>",
        b"\xff\xfe\x00nonsense",
        b"",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><info><name>&b;</name></info>',
        b"<info><channel_count>1</channel_count><nominal_srate>x</nominal_srate></info>",
        b"<info>" + b"<a>" * 5000,
    ],
)
def test_a_stream_whose_header_cannot_be_read_is_left_out_and_the_others_stay(xml: bytes) -> None:
    file = eeg_file(1.0)
    file.data += chunk(2, struct.pack("<I", 5) + xml)
    file.stream(6, "Marks", "Markers", fmt="string").samples(6, ["go"], [5000.5])
    names = [stream.name for stream in read_xdf(file.data).streams]
    assert names == ["Amp", "Marks"]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_bytes_whatever_raise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = bytearray(eeg_file(1.0).data)
    for _ in range(int(rng.integers(1, 30))):
        raw[int(rng.integers(4, len(raw)))] = int(rng.integers(256))
    file = read_xdf(bytes(raw[: int(rng.integers(0, len(raw)))]))
    assert all(stream.times.size == len(stream.values) for stream in file.streams)
