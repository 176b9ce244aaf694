"""A value is believed as far as there was time for it, and as those after it go on from it."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.numbering import NO_VALUE, Counter, Place, Run

CYTON = Counter(turn=256, share=1, wait=25, early=5.0, fit=13.5)


def numbered(values: list[int], newest: list[float], *, last: bool = True) -> Run:
    """Judge samples after number 99 of a Cyton, that said 99; none says what another did."""
    data = np.random.default_rng(0).standard_normal((len(values), 4)).astype(np.float32)
    start = Place(99, 99, 99)
    run = Run(CYTON, lambda number: None, values, data, newest, set(), start, last=last)
    run.through()
    return run


@pytest.mark.parametrize("wrong", [0, 50, 115, 140, 255])
def test_a_value_that_there_was_no_time_for_is_not_believed(wrong):
    values = [100, 101, wrong, *range(103, 120)]
    run = numbered(values, [k + 1.0 for k in range(len(values))])
    assert run.numbers == list(range(100, 120))
    assert run.unsure == []  # there is one place for it only


def test_a_lone_value_that_agrees_with_its_arrival_is_believed():
    values = [100, 150, *range(200, 230)]
    run = numbered(values, [1.0, 51.5, *(101.0 + k for k in range(30))])
    assert run.numbers[:4] == [100, 150, 200, 201]
    assert run.unsure == []


def test_a_lone_value_that_does_not_stands_where_it_arrived_and_is_told():
    values = [100, 110, *range(200, 230)]
    run = numbered(values, [1.0, 51.0, *(101.0 + k for k in range(30))])
    assert run.numbers[:4] == [100, 150, 200, 201]
    assert run.unsure == [1]


def test_values_that_come_earlier_and_earlier_are_of_a_higher_rate():
    """They are in line, so one more that is lost among them is no damage."""
    values = [*range(100, 140), *range(150, 170)]
    run = numbered(values, [0.6 * (value - 99) for value in values])
    assert run.numbers == values


@pytest.mark.parametrize("n", [1, 2, 3])
def test_samples_without_a_value_stand_between_those_around_them(n):
    values = [100, *[NO_VALUE] * n, *range(101 + n, 130)]
    run = numbered(values, [k + 1.0 for k in range(len(values))])
    assert run.numbers == [*range(100, 100 + len(values))]
    assert run.unsure == run.repeats == []


def test_a_sample_without_a_value_beside_lost_ones_stands_where_it_arrived_and_is_told():
    values = [100, NO_VALUE, *range(110, 130)]
    run = numbered(values, [1.0, 7.0, *(k + 11.0 for k in range(20))])
    assert run.numbers[:3] == [100, 106, 110]
    assert run.unsure == [1]


def test_a_counter_that_stands_still_does_so_over_a_sample_without_a_value():
    values = [100, 100, 100, NO_VALUE, 100, 100, *range(106, 120)]
    run = numbered(values, [k + 1.0 for k in range(len(values))])
    assert run.numbers == [*range(100, 100 + len(values))]


def test_what_is_missing_leaves_open_what_comes_after_it_for_a_tenth_of_a_second():
    values = [100, 101, *range(103, 120)]
    newest = [value - 99.0 for value in values]
    assert numbered(values, newest, last=False).ready() == 2
    values, newest = [*values, *range(120, 131)], [*newest, *(k - 99.0 for k in range(120, 131))]
    assert numbered(values, newest, last=False).ready() == len(values)
