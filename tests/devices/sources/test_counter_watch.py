"""A counter is told from values that count nothing, however much is lost of its samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sources.counter_watch import CounterWatch
from devices.sources.placing import SamplePlacer

BOARDS = {  # rate, modulus, step, samples that share a value
    "cyton": (250.0, 256, 1, 1),
    "daisy": (125.0, 256, 2, 1),
    "muse": (256.0, 65536, 1, 12),
}


def placed(board, counters, *, number=None, at_once=5):
    """Rows of samples with these counters, their times, and what was said."""
    rate, modulus, step, share = BOARDS[board]
    number = np.arange(len(counters)) if number is None else number
    arrivals = 9.0 + ((number // share + 1) * share - 1) / rate
    data = np.random.default_rng(1).standard_normal((len(number), 3)).astype(np.float32)
    data[:, 0] = number
    placer = SamplePlacer(rate, name="the Board", modulus=modulus, step=step, share=share)
    chunks, said = [], []
    for first in range(0, len(number), at_once * share):
        part = slice(first, first + at_once * share)
        got = placer.place(data[part], arrivals[part], counters[part], seen=arrivals[part][-1])
        chunks += [] if got is None else [got[0]]
        said += [event.text for event in placer.events() if event.kind == "note"]
    rest = placer.rest()
    chunks += [] if rest is None else [rest[0]]
    times = np.concatenate([chunk.times for chunk in chunks])
    assert np.diff(times).min() > 0.0
    return np.concatenate([chunk.data for chunk in chunks])[:, 0], times, said


@pytest.mark.parametrize("at_once", [1, 5])
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("seed", [7, 9])
@pytest.mark.parametrize("before_s", [0, 0.06, 4])
def test_random_values_are_no_counter_which_is_said_once_and_no_row_is_lost(
    board, seed, before_s, at_once
):
    rate, modulus, step, share = BOARDS[board]
    n = int(12 * rate / share)
    counters = np.arange(n) * step % modulus
    first = int(before_s * rate / share)
    counters[first:] = np.random.default_rng(seed).integers(0, modulus, n - first)
    rows, times, said = placed(board, np.repeat(counters, share), at_once=at_once)
    assert np.array_equal(rows, np.arange(n * share))
    assert len(said) == 1
    assert "does not count" in said[0]
    taken = 9.0 + np.arange(n * share) / rate
    assert np.abs(times - taken)[int(6 * rate) :].max() < (0.05 if share > 1 else 0.002)


@settings(max_examples=60, deadline=None)
@given(
    board=st.sampled_from(sorted(BOARDS)),
    loss=st.floats(0.0, 0.95),
    burst=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_a_counter_is_one_however_much_is_lost(board, loss, burst, seed):
    _, modulus, step, share = BOARDS[board]
    turn, period = modulus // step, share / BOARDS[board][0]
    rng = np.random.default_rng(seed)
    gone = np.repeat(rng.random(4000 // burst + 1) < loss, burst)
    number = np.flatnonzero(~gone)
    watch = CounterWatch(turn, share)
    for first in range(0, number.size, 4):
        part = number[first : first + 4]
        holes = np.diff(part, prepend=number[max(first - 1, 0)]) * period > 0.25
        watch.push(
            (part % turn * share).tolist(), (part * period).tolist(), holes.tolist(), period / share
        )
        assert not watch.none


@pytest.mark.parametrize("value", [0, 7])
def test_one_that_stands_still_is_another_matter(value):
    rows, _, said = placed("cyton", np.full(5000, value))
    assert np.array_equal(rows, np.arange(5000))
    assert said == []
