"""What came twice is left out; a device that paused and a host that was busy are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.numbering import NO_VALUE
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
        twice += sum(len(e.value.duplicated) for e in placer.events() if e.kind == "timing")
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


def late(number: np.ndarray, *, pause: float, held: float, left: float) -> np.ndarray:
    """Arrivals of a device that pauses at 6 s, in a host that then holds up what came.

    All in s: the host gives nothing for `held`, and what comes in the 0.6 after it is `left` late.
    """
    taken = 9.0 + number / 250.0 + pause * (number >= 1500)
    since = number / 250.0 - 6.0
    arrivals = np.where((since >= 0.0) & (since < held), 15.0 + pause + held, taken)
    arrivals += left * ((since >= 0.0) & (since < held + 0.6))
    return np.maximum.accumulate(arrivals)


@pytest.mark.parametrize("at_once", [1, 5, 12])
@pytest.mark.parametrize(
    ("pause", "held", "left"),
    [(0.3, 0.0, 0.0), (0.3, 0.3, 0.02), (0.0, 0.4, 0.1), (0.0, 0.9, 0.06), (1.5, 0.0, 0.0)],
)
def test_each_row_after_a_pause_is_in_its_place_and_a_busy_host_is_no_pause(
    at_once, pause, held, left
):
    number = np.arange(3000)
    data = number[:, None].astype(np.float32)
    arrivals = late(number, pause=pause, held=held, left=left)
    rows, times, _ = through(number % 256, data, arrivals, at_once=at_once)
    kept = np.flatnonzero(np.isfinite(rows[:, 0]))
    sample = rows[kept, 0].astype(int)
    assert np.array_equal(sample, np.arange(kept.size))
    lost = round(pause * 250.0)
    assert np.array_equal(kept, sample + lost * (sample >= 1500))
    taken = 9.0 + sample / 250.0 + pause * (sample >= 1500)
    assert np.abs(times[kept] - taken).max() < 0.01


def test_a_pause_too_short_for_a_hole_is_found_also_where_the_host_was_late_before_it():
    number = np.arange(5000)
    arrivals = 9.0 + number / 250.0 + 0.012 * (number >= 2400) + 0.2 * (number >= 2500)
    data = number[:, None].astype(np.float32)
    rows, _, _ = through(number % 256, data, arrivals, at_once=5)
    kept = np.flatnonzero(np.isfinite(rows[:, 0]))
    assert kept[-1] - rows[kept[-1], 0] in (50, 53)


def test_a_hole_in_which_the_counter_stops_just_before_its_turn_is_counted_to_the_sample():
    number = np.arange(3000)
    number = number[(number < 1500) | (number >= 1500 + 255)]
    data = number[:, None].astype(np.float32)
    rows, _, _ = through(number % 256, data, 9.0 + number / 250.0, at_once=5)
    kept = np.flatnonzero(np.isfinite(rows[:, 0]))
    assert np.array_equal(kept, rows[kept, 0].astype(int))


@pytest.mark.parametrize("gone", [60, 92, 127, 128, 220, 255, 256])
def test_half_a_row_of_a_daisy_behind_a_hole_does_not_hide_how_long_it_was(gone):
    """Its counter is that of the row before the hole, and no number of its own."""
    taken = np.arange(3000)
    number = taken[(taken < 1500) | (taken >= 1500 + gone)]
    counters = number % 128 * 2
    counters[1500] = NO_VALUE
    arrivals = 9.0 + number / 125.0
    placer, rows = SamplePlacer(125.0, modulus=256, step=2), []
    for first in range(0, number.size, 3):
        part = slice(first, first + 3)
        data = number[part, None].astype(np.float32)
        placed = placer.place(data, arrivals[part], counters[part], seen=float(arrivals[part][-1]))
        if placed is not None:
            rows.append(placed[0].data[:, 0])
    seen = np.concatenate(rows)
    kept = np.flatnonzero(np.isfinite(seen) & (seen != number[1500]))
    assert kept.size > number.size - 50
    assert np.array_equal(kept, seen[kept].astype(int))


@pytest.mark.parametrize("off_ms", [-36, -24, -13, 13, 20, 28, 36, 48])
@pytest.mark.parametrize("turns", [1, 2])
def test_a_pause_of_nearly_whole_turns_is_as_long_as_arrival_says(off_ms, turns):
    """The counter paused as well: whole turns would leave every row after it out of place."""
    number = np.arange(4500)
    pause = turns * 256 / 250.0 + off_ms / 1000.0
    taken = 9.0 + number / 250.0 + np.where(number < 2000, 0.0, pause)
    data = number[:, None].astype(np.float32)
    rows, times, _ = through(number % 256, data, taken, at_once=5)
    kept = np.flatnonzero(np.isfinite(rows[:, 0]))
    assert kept.size == number.size
    assert len(rows) - kept.size == round(250.0 * pause)
    assert np.abs(times[kept] - taken).max() < 0.004


@pytest.mark.parametrize(
    ("pause", "speed"),
    [
        (0.3, 1.2),
        (0.6, 1.3),
        (0.8, 1.3),
        (1.0, 1.3),
        (1.0, 1.5),
        (1.4, 1.5),
        (1.0, 2.0),
        (2.3, 3.0),
    ],
)
@pytest.mark.parametrize("gone", [0, 1, 40, 256])
def test_a_backlog_that_comes_in_slowly_loses_what_the_counter_says_and_changes_no_rate(
    pause, speed, gone
):
    n = 4500
    arrivals = 9.0 + np.arange(n) / 250.0
    free = arrivals[1500] + pause
    for k in range(1500, n):
        if arrivals[k] >= free:
            break
        arrivals[k] = free
        free += 1 / (250.0 * speed)
    came = np.delete(np.arange(n), np.arange(1500, 1500 + gone))
    placer, rows, rates = SamplePlacer(250.0, modulus=256), [], []
    for first in range(0, came.size, 5):
        part = came[first : first + 5]
        data, stamps = part[:, None].astype(np.float32), arrivals[part]
        placed = placer.place(data, stamps, part % 256, seen=float(stamps[-1]))
        rows += [] if placed is None else [placed[0].data[:, 0]]
        rates += [e for e in placer.events() if e.kind == "rate"]
    seen = np.concatenate(rows)
    kept = np.flatnonzero(np.isfinite(seen))
    assert kept[-1] > n - 50
    assert np.array_equal(kept, seen[kept].astype(int))
    assert rates == []


@pytest.mark.parametrize("share", [0.5, 0.6, 0.7])
def test_a_rate_that_changes_and_comes_back_loses_nothing_and_is_corrected_in_seconds(share):
    steps = np.repeat(
        1 / np.array([250.0, 250.0 * share, 250.0]), [2000, round(3250 * share), 2500]
    )
    taken = 9.0 + np.cumsum(steps)
    arrivals = np.ceil(taken / 0.016) * 0.016
    placer, lost, rates = SamplePlacer(250.0, modulus=256), 0, []
    for first in range(0, taken.size, 5):
        part = np.arange(first, min(first + 5, taken.size))
        data, stamps = part[:, None].astype(np.float32), arrivals[part]
        placed = placer.place(data, stamps, part % 256, seen=float(stamps[-1]))
        lost += 0 if placed is None else int(placed[1].sum())
        rates += [(float(stamps[-1]), e.value) for e in placer.events() if e.kind == "rate"]
    assert lost == 0
    changed = [value for when, value in rates if when < 30.0]
    assert abs(changed[-1] / (250.0 * share) - 1.0) < 0.03
    back = [when for when, value in rates if when >= 30.0 and abs(value / 250.0 - 1.0) < 0.03]
    assert back[0] < 34.0
    assert abs(placer.rate / 250.0 - 1.0) < 0.01


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.95, 1.05, 1.1, 1.4, 2.0])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_another_rate_is_in_use_and_said_within_five_seconds_and_no_sample_is_lost_by_it(
    share, loss
):
    steps = np.repeat(1 / np.array([250.0, 250.0 * share]), [2500, round(2500 * share)])
    taken = 9.0 + np.cumsum(steps)
    arrivals = np.ceil(taken / 0.016) * 0.016
    number = np.flatnonzero(np.random.default_rng(2).random(taken.size) >= loss)
    placer, lost, rates, off = SamplePlacer(250.0, modulus=256), 0, [], []
    for at in np.arange(9.0, 29.1, 0.02):
        part = number[(arrivals[number] > at) & (arrivals[number] <= at + 0.02)]
        if part.size:
            data = part[:, None].astype(np.float32)
            placed = placer.place(data, arrivals[part], part % 256, seen=at + 0.02)
            rates += [(at + 0.02, e.value, e.text) for e in placer.events() if e.kind == "rate"]
            if placed is not None:
                lost += int(placed[1].sum())
                rows = placed[0].data[:, 0]
                kept = np.isfinite(rows)
                off += (placed[0].times[kept] - taken[rows[kept].astype(int)]).tolist()
    rest = placer.rest()
    lost += 0 if rest is None else int(rest[1].sum())
    assert lost == number[-1] + 1 - number.size
    used = [value for when, value, _ in rates if when < 24.0]
    assert abs(used[-1] / (250.0 * share) - 1.0) < 0.015
    assert any("states 250 Hz, sends" in text for _, _, text in rates)
    assert np.abs(off[-200:]).max() < 0.03


@pytest.mark.parametrize("held", [0.02, 0.2, 0.6])
def test_a_busy_host_is_no_other_rate(held):
    number = np.arange(7500)
    arrivals = 9.0 + number / 250.0
    for at in np.arange(13.0, 38.0, 0.7 + held):
        arrivals = np.where((arrivals >= at) & (arrivals < at + held), at + held, arrivals)
    placer, lost = SamplePlacer(250.0, modulus=256), 0
    for first in range(0, number.size, 5):
        part = number[first : first + 5]
        stamps = arrivals[part]
        data = part[:, None].astype(np.float32)
        placed = placer.place(data, stamps, part % 256, seen=float(stamps[-1]))
        lost += 0 if placed is None else int(placed[1].sum())
    assert lost == 0
    assert [e for e in placer.events() if e.kind == "rate"] == []


@pytest.mark.parametrize("held", [0.26, 0.3, 0.5])
@pytest.mark.parametrize("left", [0.06, 0.1, 0.2])
@pytest.mark.parametrize("gone", [256, 300, 512])
def test_a_loss_that_begins_while_the_host_is_busy_is_counted_where_it_was(held, left, gone):
    number = np.arange(4000)
    arrivals = 9.0 + number / 250.0
    begins = 2000 - round((held - left) * 250.0)
    arrivals[begins:2000] = np.maximum(arrivals[begins:2000], arrivals[begins] + held)
    number = number[(number < 2000) | (number >= 2000 + gone)]
    data = number[:, None].astype(np.float32)
    rows, times, _ = through(number % 256, data, arrivals[number], at_once=5)
    kept = np.flatnonzero(np.isfinite(rows[:, 0]))
    assert np.array_equal(kept, rows[kept, 0].astype(int))
    assert np.abs(times[kept] - 9.0 - kept / 250.0).max() < 0.01
