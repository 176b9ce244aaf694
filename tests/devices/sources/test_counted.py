"""A sample that comes a second time is left out and counted, and moves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.placing import SamplePlacer


def through(counters: np.ndarray, data: np.ndarray, arrivals: np.ndarray, *, at_once: int):
    """Place samples in reads of so many; rows, times and how many came twice."""
    placer, rows, times, twice = SamplePlacer(250.0, modulus=256), [], [], 0
    for first in range(0, len(data), at_once):
        part = slice(first, first + at_once)
        seen = float(arrivals[part][-1])
        placed = placer.place(data[part], arrivals[part], counters[part], seen=seen)
        if placed is not None:
            rows.append(placed[0].data)
            times.append(placed[0].times)
        twice += sum(e.value.duplicated for e in placer.events() if e.kind == "timing")
    return np.concatenate(rows), np.concatenate(times), twice


@pytest.mark.parametrize("at_once", [1, 5, 12])
def test_duplicates_are_left_out_counted_and_move_no_row(at_once):
    rng = np.random.default_rng(at_once)
    n = 3000
    copies = 1 + (rng.random(n) < 0.02)
    copies[100] = 3
    copies[-600:] = 1
    number = np.repeat(np.arange(n), copies)
    data = rng.standard_normal((n, 3)).astype(np.float32)
    rows, times, twice = through(number % 256, data[number], 9.0 + number / 250.0, at_once=at_once)
    assert twice == copies.sum() - n
    assert np.array_equal(rows, data[: len(rows)])
    assert len(rows) > n - 60
    assert np.abs(times - 9.0 - np.arange(len(rows)) / 250.0).max() < 1e-6


def test_a_counter_that_stands_still_while_the_numbers_go_on_is_no_duplicate():
    rng = np.random.default_rng(0)
    counters = np.arange(1500) % 256
    counters[700:720] = counters[700]
    data = rng.standard_normal((1500, 2)).astype(np.float32)
    rows, _, twice = through(counters, data, 9.0 + np.arange(1500) / 250.0, at_once=5)
    assert twice == 0
    assert np.array_equal(rows, data[: len(rows)])


def test_an_electrode_that_does_not_move_is_no_duplicate():
    flat = np.ones((1500, 2), np.float32)
    rows, _, twice = through(np.arange(1500) % 256, flat, 9.0 + np.arange(1500) / 250.0, at_once=5)
    assert (twice, np.isnan(rows).sum()) == (0, 0)
