"""The pump opens a device again whenever it is gone, and marks what was lost."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest

from devices.pump import pump
from devices.ring import Ring
from devices.sources.source import EegChunk, Handover, SourceEvent, Timing
from tests.doubles.returning import INFO, SFREQ, World


def holes(ring: Ring) -> list[tuple[float, float]]:
    """Times of the first and last row of each stretch of lost rows, since the first row."""
    block = ring.since(0)
    lost = np.flatnonzero(np.isnan(block.data).all(axis=1))
    runs = np.split(lost, np.flatnonzero(np.diff(lost) > 1) + 1) if lost.size else []
    return [(block.times[r[0]] - block.times[0], block.times[r[-1]] - block.times[0]) for r in runs]


@pytest.mark.parametrize("tells", [False, True])
def test_a_device_that_returns_is_read_again_and_the_hole_is_rows_of_lost_samples(tells):
    world = World(away=[(10.0, 17.0)], tells=tells).run(30.0)
    block = world.ring.since(0)
    assert np.abs((block.times - block.times[0]) * SFREQ - np.arange(block.times.size)).max() < 1.5
    ((first, last),) = holes(world.ring)
    assert abs(first - 10.0) < 0.05
    assert 17.0 < last < 17.5  # it is looked for every 0.15 s
    (gap,) = [e for e in world.words("event") if e.kind == "gap"]
    assert abs(gap.value - (last - first) * SFREQ) < 1.5
    assert "s of EEG were lost; they are marked." in gap.text
    assert bool(world.words("gone")) == tells
    assert world.words("absent") == ["The device is not there."]  # said once, not at every try
    assert len(world.words("back")) == 1


def test_silence_of_two_seconds_is_what_a_device_is_opened_again_for():
    world = World(away=[(10.0, 11.5), (20.0, 24.0)]).run(30.0)
    assert abs(world.opened[0] - 1022.0) < 0.1


def test_samples_that_come_and_are_kept_back_are_no_silence():
    world = World(kept_back=(10.0, 14.0)).run(30.0)
    assert world.opened == []
    assert world.ring.written_at == pytest.approx(world.at, abs=0.1)
    assert world.ring.total == pytest.approx(30.0 * SFREQ, abs=3)


def test_what_is_kept_back_at_the_start_is_no_first_sample():
    world = World(kept_back=(0.0, 4.0)).run(3.0)
    assert world.ring.written_at == -np.inf
    assert world.opened == []


def test_a_port_that_is_not_there_is_looked_at_often_and_a_long_search_less():
    quick = World(away=[(5.0, 65.0)], tells=True).run(60.0)
    assert np.allclose(np.diff(quick.opened), 0.15)
    slow = World(away=[(5.0, 65.0)], tells=True, opens_in=0.3).run(60.0)
    spacing = np.diff(slow.opened)
    assert np.allclose(spacing[:4], [0.35, 0.6, 1.2, 2.0], atol=0.06)
    assert np.allclose(spacing[3:], 2.0)
    longer = World(away=[(5.0, 65.0)], tells=True, opens_in=5.0).run(60.0)
    assert np.allclose(np.diff(longer.opened), 5.05)  # a search is looking already


def test_a_fault_that_nobody_foresaw_is_said_logged_and_the_device_opened_again(caplog, capfd):
    caplog.set_level("INFO")
    world = World()
    read = world.read

    def faulty() -> EegChunk | None:
        chunk = read()
        if 1005.0 < world.at < 1005.1:
            raise ValueError("bad\x1b value")
        return chunk

    world.read = faulty
    world.run(15.0)
    ((at, said),) = world.words("gone")
    assert 1005.0 < at < 1005.1
    assert said == (
        "Reading The device failed by a fault of the program or of a driver (ValueError('bad\\x1b "
        "value')); it is opened again. The music plays on."
    )
    assert len(world.words("back")) == 1
    assert abs(world.ring.last_time - 1015.0) < 0.15
    (logged,) = caplog.records
    assert logged.exc_info[0] is ValueError
    assert capfd.readouterr() == ("", "")


def test_a_fault_in_opening_again_is_said_and_it_is_tried_on():
    world = World(away=[(5.0, 10.0)], tells=True)
    opened = world.open

    def faulty() -> None:
        opened_at = world.at
        if opened_at < 1012.0:
            raise OSError(5, "input/output error")
        opened()

    world.open = faulty
    world.run(20.0)
    assert world.words("absent") == [
        "Reading The device failed by a fault of the program or of a driver (OSError(5, "
        "'input/output error')); it is tried again."
    ]
    assert len(world.words("back")) == 1


def test_other_electrodes_are_not_taken_and_it_is_tried_on():
    world = World(away=[(5.0, 6.0)], tells=True, after=replace(INFO, ch_names=("Fz", "Pz")))
    world.run(10.0)
    (said,) = world.words("absent")
    assert "Fz, Pz, battery" in said
    assert "Fz, Cz, battery" in said
    assert len(world.opened) > 10
    assert world.ring.last_time < 1005.1
    assert not world.words("back")


def test_a_device_is_given_the_time_to_be_heard_after_the_computer_slept():
    world = World()
    pause = world.read

    def slept() -> object:
        if len(world.told) == 0 and world.at > 1005.0:
            world.told.append(("slept", None))
            world.at += 3600.0
            world.sent_at = world.at  # the device starts anew with the computer
            return None
        return pause()

    world.read = slept
    world.run(3620.0)
    assert not world.opened  # nothing was closed: it sent again at once
    assert abs(world.ring.last_time - 4620.0) < 0.05


def test_a_hole_longer_than_the_ring_takes_no_memory_and_row_numbers_stay_time():
    world = World(away=[(5.0, 40_000.0)], tells=True, opens_in=2.0).run(40_010.0)
    ring = world.ring
    block = ring.since(500)
    assert ring.total / SFREQ == pytest.approx(ring.last_time - 1000.0, abs=0.05)
    assert block.overtaken == ring.total - ring.capacity - 500
    assert np.isnan(block.data[:100]).all()
    assert np.diff(block.times).min() > 0


def test_a_source_that_sends_a_second_at_once_is_calm_and_says_so_once():
    world = World(every=1.0, away=[(30.0, 38.0)]).run(60.0)
    assert 0.9 < world.ring.interval_s < 1.1
    notes = [e.text for e in world.words("event") if e.kind == "note"]
    assert notes == [
        "The device sends 1.0 s of EEG at a time; what is heard is judged that much later."
    ]
    assert len(holes(world.ring)) == 1
    assert abs(world.opened[0] - 1032.4) < 0.3  # 2.4 of its own intervals after it was heard last


@pytest.mark.parametrize(
    ("pause", "faster", "said"), [(1.5, 1.05, 2), (1.5, 2.0, 0), (0.8, 1.05, 0)]
)
def test_how_old_what_comes_is_is_said_where_a_backlog_comes_slowly(pause, faster, said):
    def late(t: float) -> float:
        passed = t - 10.0
        return min(passed, max(0.0, pause - (passed - pause) * (faster - 1.0))) if t > 10 else 0.0

    world = World(late=late).run(60.0)
    notes = [event for event in world.words("event") if event.kind == "note"]
    assert len(notes) == said
    if said:
        behind, caught_up = notes
        assert behind.text.startswith("The device is 1.4 s behind: what comes was sampled so")
        assert behind.value == pytest.approx(late(behind.time - world.start), abs=0.05)
        assert 12.5 < behind.time - world.start < 14.0
        assert caught_up.text == "The device has caught up: its EEG is of now again."
        assert caught_up.value == pytest.approx(0.5, abs=0.03)
    assert world.ring.last_time == pytest.approx(world.at, abs=0.05)


def test_what_is_kept_back_is_old_too():
    world = World(kept_back=(10.0, 16.0)).run(30.0)
    notes = [event.text for event in world.words("event") if event.kind == "note"]
    assert len(notes) == 2
    assert "3.0 s behind" in notes[0]


def test_the_measured_rate_becomes_the_rings():
    world = World()
    world.news = [SourceEvent(0.0, "rate", 103.0, "The device states 100 Hz, sends 103.")]
    world.run(1.0)
    assert world.ring.sfreq == 103.0
    assert [e.kind for e in world.words("event")] == ["rate"]


def test_the_jitter_goes_to_the_ring_and_only_what_came_twice_is_told():
    world = World()
    often = [Timing((), 0.003), Timing((1000.0,), 0.001), Timing((), 0.002)]
    world.news = [SourceEvent(0.0, "timing", one) for one in often]
    world.run(1.0)
    assert world.ring.jitter == 0.002
    assert [event.value for event in world.words("event")] == [often[1]]


def test_a_recording_that_ends_is_not_opened_again():
    world = World()
    world.news = [SourceEvent(0.0, "state", "closed", "The recording has ended.")]
    world.run(10.0)
    assert world.at < 1000.1
    assert not world.opened


def test_what_the_new_clock_puts_before_the_last_row_is_left_out():
    world = World(away=[(5.0, 5.01)], tells=True)
    opened = world.open

    def early() -> None:
        opened()
        world.sent_at -= 0.1

    world.open = early
    world.run(8.0)
    assert np.diff(world.ring.since(0).times).min() > 0.5 / SFREQ


@pytest.mark.parametrize(("details", "hang"), [({}, 1.25), ({"keep_alive": "k"}, 5.0)])
def test_a_headset_that_is_sent_commands_is_given_the_time_that_they_may_wait(details, hang):
    world = World()
    world.pump._info = replace(INFO, details=details)
    world.run(5.0)
    assert world.ring.due_at == pytest.approx(world.at + hang, abs=0.15)


def test_one_that_takes_the_place_of_another_is_told_what_that_one_knew():
    world, given = World(), []
    world.take_over = given.append
    ring = Ring.create(3, 60.0, SFREQ)
    ring.write(np.ones((2, 3), np.float32), [990.0, 990.01])
    ring.sfreq = 99.0
    ours, theirs = multiprocessing.Pipe()
    try:
        pump(lambda: world, theirs, lambda _wait=0.0: True, lambda: (INFO, ring.name))
        assert given == [Handover(INFO, 99.0, 2, 990.01)]
    finally:
        ring.close()
        ours.close()
        theirs.close()
