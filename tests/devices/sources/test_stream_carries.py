"""Samples of a stream become rows of microvolts, at the rate that was measured before."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.source import Channel, EegChunk, SourceEvent
from devices.sources.stream_carries import Samples
from devices.sources.stream_header import ChosenChannels

START, SENDS = 5000.0, 256.0


def samples(stated: float = 128.0, *, rate: float = 0.0, **given) -> Samples:
    plain = {"columns": (0, 1), "ch_names": ("Fz", "Cz"), "scale": (1.0, 1.0), "beside": ()}
    chosen = ChosenChannels(**(plain | given), notice="", note="", unit_stated=True)
    return Samples(chosen, stated, "'Amp'", "", rate)


def feed(stream: Samples, seconds: float) -> tuple[EegChunk, list[SourceEvent]]:
    """What comes of `SENDS` samples a second, eight at a time."""
    chunks, events = [], []
    data = np.random.default_rng(1).normal(0, 10, (8, 2)).astype(np.float32)
    for k in range(int(seconds * SENDS / 8)):
        taken = START + (8 * k + np.arange(8)) / SENDS
        chunks.append(stream.take(data, taken.tolist(), float(taken[-1]) + 0.001))
        events += stream.events()
    there = [one for one in chunks if one is not None]
    return EegChunk(
        np.concatenate([c.data for c in there]), np.concatenate([c.times for c in there])
    ), events


def first_of(stream: Samples, row: np.ndarray) -> EegChunk:
    """The first chunk of a stream that sends this row again and again."""
    for k in range(2000):
        taken = START + k / SENDS
        chunk = stream.take(row, [taken], taken + 0.001)
        if chunk is not None:
            return chunk
    raise AssertionError("nothing came")


def test_a_rate_that_was_measured_is_used_from_the_first_row_after_a_return():
    first = samples()
    _, events = feed(first, 12.0)
    assert [e.value for e in events if e.kind == "rate"] == [pytest.approx(SENDS, rel=1e-3)]
    assert first.rate == pytest.approx(SENDS, rel=1e-3)
    again, told = feed(samples(rate=first.rate), 1.0)
    assert np.isfinite(again.data).all()
    assert np.allclose(np.diff(again.times), 1 / SENDS, rtol=0.02)
    assert [e for e in told if e.kind == "rate"] == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("first", [0, 1])
def test_samples_that_are_sent_as_no_numbers_are_said_once_and_come_in_as_nan(value, first):
    stream, told, rows = samples(SENDS), [], []
    for k in range(int(5 * SENDS)):
        taken = START + k / SENDS
        row = np.full((1, 2), 7.0, np.float32)
        if k < 4 * SENDS and k % 7:
            row[:, first:] = value
        chunk = stream.take(row, [taken], taken + 0.001)
        rows += [] if chunk is None else chunk.data.tolist()
        told += [event.text for event in stream.events() if event.kind == "note"]
    said = [text for text in told if "are no numbers (NaN or infinite): they were sent so" in text]
    assert len(said) == 1
    assert not np.isinf(rows).any()
    assert np.isnan(rows).mean() == pytest.approx(0.8 * 6 / 7 * (1 - first / 2), abs=0.01)


def test_electrodes_are_scaled_and_put_in_order_and_what_stands_beside_is_left_as_it_is():
    beside = (Channel("X", "accelerometer", "g"),)
    given = {"columns": (2, 0, 1), "scale": (1e6, 1e3), "beside": beside}
    for kind in (np.float32, np.float64, np.int16):
        chunk = first_of(samples(SENDS, **given), np.array([[2, 3, 1]], kind))
        assert chunk.data.dtype == np.float32
        assert chunk.data[0].tolist() == [1e6, 2e3, 3.0]


def test_what_a_channel_beside_lacks_is_not_said_of_the_electrodes():
    beside = (Channel("X", "accelerometer", "g"),)
    stream = samples(SENDS, columns=(0, 1, 2), scale=(1.0, 1.0), beside=beside)
    chunk = first_of(stream, np.array([[2.0, 3.0, np.nan]], np.float32))
    assert chunk.data[0].tolist()[:2] == [2.0, 3.0]
    assert [event for event in stream.events() if event.text] == []


def test_what_no_float_can_hold_is_no_number_and_no_warning():
    huge = first_of(samples(SENDS, scale=(1e6, 1e6)), np.full((1, 2), 1e38, np.float32))
    assert np.isnan(huge.data).all()
