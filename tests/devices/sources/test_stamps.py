"""What stamps may say is bounded by arrival, and their spread shows what is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from devices.sources.stamps import Lattice, filled, spread
from tests.doubles.stamped import Sender, run
from tests.doubles.stamped_lsl import read


def test_odd_stamps_of_real_lsl_senders_move_no_row_and_hide_no_loss():
    with ThreadPoolExecutor(2) as pool:
        jump = pool.submit(read, Sender(stamps="jump:3,-3", seconds=7.0), "jump")
        epoch = pool.submit(read, Sender(stamps="epoch", packet=4, loss=0.05, seconds=7.0), "epoch")
    for result in (jump.result(), epoch.result()):
        assert result.worst_ms(3.5) < 30.0
        assert result.marked == result.lost
        assert [e.value for e in result.events].count("stamps") == 1


@pytest.mark.parametrize("length", [1, 3, 12])
def test_the_period_of_stamps_is_found_beside_losses(length):
    stamps = np.delete(5.0 + np.arange(300) / 200.0, np.arange(60, 60 + 2 * length))
    found = spread(stamps, 1 / 256)
    assert found.period == pytest.approx(1 / 200)
    assert found.exact
    assert found.other == 0.0


@pytest.mark.parametrize("stated", [256.0, 128.0, 250.0])
def test_stamps_counted_back_from_the_last_of_a_burst_are_spread_anew(stated):
    true = 5.0 + np.arange(240) / 200.0
    last = np.arange(240) // 12 * 12 + 11
    stamps = true[last] - (last - np.arange(240)) / stated
    found = spread(stamps, 1 / stated)
    assert found.period == pytest.approx(1 / 200)
    assert np.allclose(found.respaced(stamps, found.period), true)


def test_a_stamp_that_is_no_number_is_filled_from_its_neighbour():
    stamps = np.array([np.nan, 5.0, 5.1, np.inf, -1e300])
    assert np.allclose(filled(stamps, 4.0, 0.1), [4.9, 5.0, 5.1, 5.2, 5.3])
    assert np.allclose(filled(np.full(2, np.nan), 4.0, 0.1), [4.1, 4.2])


def test_stamps_that_tell_nothing_have_no_period():
    rng = np.random.default_rng(1)
    assert spread(np.full(100, 5.0), 0.004).period == 0.0
    assert spread(np.sort(rng.random(100)), 0.01).period == 0.0
    assert spread(5.0 + np.arange(5) / 250.0, 0.004).period == 0.0


def always(seconds: float) -> Callable[[], list[float]]:
    """Return the same room for each of up to 200 samples."""
    return lambda: [seconds] * 200


def test_a_step_that_later_stamps_make_up_for_is_no_loss():
    lattice = Lattice(0.0, 0.01)
    late = 0.01 * np.array([0.0, 1.0, 5.0])
    judged = lattice.judge(late, room=always(0.09), period=0.01, starts=[0])
    assert (judged.missing.tolist(), judged.open) == ([0, 0, 3], True)
    caught_up = np.append(late, [0.03, 0.04])
    both = lattice.judge(caught_up, room=always(0.09), period=0.01, starts=[0, 3])
    assert (both.missing.tolist(), both.open) == ([0] * 5, False)
    lost = lattice.judge(
        np.append(late, [0.06, 0.07]), room=always(0.09), period=0.01, starts=[0, 3]
    )
    assert (lost.missing.tolist(), lost.open) == ([0, 0, 3, 0, 0], False)


def test_no_more_is_lost_than_arrival_has_room_for():
    lattice = Lattice(0.0, 1.0)
    judged = lattice.judge(np.array([0.0, 9.0, 10.0]), room=always(2.0), period=1.0, starts=[0])
    assert judged.missing.tolist() == [0, 0, 0]
    lattice.keep(judged)
    assert lattice.judge(
        np.array([11.0]), room=always(2.0), period=1.0, starts=[0]
    ).missing.tolist() == [0]


def test_what_is_lost_is_bounded_by_the_quickest_read_since():
    stamps = np.array([0.0, 0.01, 0.04, 0.05, 0.06])
    for least, lost in ((0.025, 2), (0.015, 0)):
        lattice = Lattice(0.0, 0.01)
        room = [0.1, 0.1, least, 0.1, 0.1]
        judged = lattice.judge(stamps, room=room.copy, period=0.01, starts=[0, 3])
        assert judged.missing.tolist() == [0, 0, lost, 0, 0]
        assert judged.open == (lost > 0)  # so little is lost only if some more reads are late by it


def test_a_sender_that_is_late_again_before_it_has_caught_up_has_lost_nothing():
    lattice = Lattice(9.0, 0.004, exact=False)
    number = np.arange(200)
    stamps = 9.0 + 0.004 * number
    stamps[50:58] = np.maximum(stamps[50:58], stamps[50] + 0.02)
    stamps[54:62] = np.maximum(stamps[54:62], stamps[50] + 0.03)
    stamps[120:] += 3 * 0.004
    judged = lattice.judge(stamps, room=always(1.0), period=0.004, starts=[0])
    assert np.flatnonzero(judged.missing).tolist() == [120]
    assert judged.missing[120] == 3
    assert not judged.open


def test_a_busy_sender_of_four_samples_at_a_time_that_stamps_them_when_it_sends_loses_nothing():
    for seed in (0, 6, 11):
        result = run(Sender(stamps="none", packet=4, busy=True, seed=seed, seconds=30.0))
        assert result.marked == 0, seed
        assert result.worst_ms() < 5.0
