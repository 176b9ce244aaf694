"""What is new of a Daisy's row is kept, and only what is old is taken out of it."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.board_halves import Halves
from devices.sources.numbering import NO_VALUE

DESCR = {
    "package_num_channel": 0,
    "eeg_channels": [*range(1, 17)],
    "accel_channels": [17, 18, 19],
    "timestamp_channel": 20,
    "marker_channel": 21,
    "num_rows": 22,
}
FIRST, SECOND, ACCEL = slice(1, 9), slice(9, 17), slice(17, 20)


def rows(n: int) -> np.ndarray:
    """Rows of which every value is another."""
    packets = np.arange(22.0 * n).reshape(22, n)
    packets[0] = 2 * np.arange(n) % 256
    return packets


def mended(packets: np.ndarray, at_once: int) -> np.ndarray:
    halves, out = Halves(DESCR), []
    for first in range(0, packets.shape[1], at_once):
        out.append(packets[:, first : first + at_once].copy())
        halves.mend(out[-1])
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize("at_once", [1, 2, 5, 40])
@pytest.mark.parametrize(("old", "new"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_the_half_that_is_new_is_kept_without_a_counter_and_all_else_is_no_number(
    old, new, at_once
):
    packets = rows(40)
    for k in (10, 11, 30):  # two in a row repeat the same row
        packets[old, k] = packets[old, k - 1]
        packets[0, k] = packets[0, k - 1]
    out = mended(packets, at_once)
    for k in (10, 11, 30):
        assert out[0, k] == NO_VALUE
        assert np.array_equal(out[new, k], packets[new, k])
        assert np.isnan(out[old, k]).all()
        assert np.isnan(out[ACCEL, k]).all()
        assert np.array_equal(out[20:, k], packets[20:, k])
    others = np.delete(np.arange(40), (10, 11, 30))
    assert np.array_equal(out[:, others], packets[:, others])


def test_a_counter_that_stands_still_or_came_round_costs_nothing():
    packets = rows(40)
    packets[0] = 6.0
    assert np.array_equal(mended(packets, 3), packets)


def test_electrodes_that_stand_still_cost_nothing_while_the_counter_goes_on():
    packets = rows(40)
    packets[SECOND] = 7.0
    assert np.array_equal(mended(packets, 3), packets)
