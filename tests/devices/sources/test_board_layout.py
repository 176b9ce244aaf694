"""Every row of a board is an electrode, or stands beside the EEG under its type, or is left out."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.board_held import Holder, SlowRows
from devices.sources.board_layout import lay_out
from devices.sources.board_table import find_board
from devices.sources.source import Channel
from dsp.checks import InputError


def descr(number: int, preset: int = 0) -> dict:
    from brainflow.board_shim import BoardShim

    return BoardShim.get_board_descr(number, preset)


@pytest.mark.parametrize(
    ("board", "first", "n", "says"),
    [
        ("cyton", "Fp1", 8, "customary places (Fp1"),
        ("daisy", "Fp1", 16, "customary places"),
        ("cyton_wifi", "Fp1", 8, "customary places"),
        ("ganglion", "E1", 4, "does not say where its 4 electrodes are"),
        ("muse 2", "TP9", 4, ""),
        ("muse-s", "TP9", 4, ""),
        ("crown", "CP3", 8, ""),
        ("unicorn", "Fz", 8, ""),
        ("galea", "F1", 16, ""),
    ],
)
def test_boards_have_their_electrodes_and_it_is_said_where_they_are_only_assumed(
    board, first, n, says
):
    number = find_board(board)
    layout = lay_out(number, descr(number))
    assert layout.ch_names[0] == first
    assert len(layout.ch_names) == n
    assert says in layout.notice
    assert bool(says) == bool(layout.notice)
    assert len(layout.rows) == n + len(layout.beside) == len(set(layout.rows))


def test_what_is_no_eeg_stands_beside_it_with_its_type_and_unit():
    kinds = [channel.type for channel in lay_out(8, descr(8)).beside]
    assert kinds == ["accelerometer"] * 3 + ["gyroscope"] * 3 + ["battery", "trigger"]
    galea = lay_out(3, descr(3)).beside
    assert [channel.type for channel in galea].count("eog") == 2
    assert Channel("eog 1", "eog", "microvolts") in galea
    ganglion = [channel.type for channel in lay_out(1, descr(1)).beside]
    assert ganglion.count("impedance") == 5


def test_the_slower_presets_of_a_muse_bring_its_accelerometer():
    layout = lay_out(38, descr(38), slow={1: descr(38, 1), 2: descr(38, 2)})
    kinds = [channel.type for channel in layout.beside]
    assert kinds.count("accelerometer") == kinds.count("gyroscope") == kinds.count("ppg") == 3
    assert kinds.count("trigger") == 1
    # Their rows follow the eight of the EEG's preset, in the order in which they are held.
    assert layout.rows[-9:] == tuple(range(8, 17))
    assert [rows.preset for rows in layout.slow] == [1, 2]
    assert layout.slow[0] == SlowRows(1, 7, (1, 2, 3, 4, 5, 6))


def test_electrodes_can_be_named_where_they_can_be_moved_and_chosen_where_they_cannot():
    assert lay_out(0, descr(0), (("Fz", ""), ("Cz", ""))).ch_names == ("Fz", "Cz")
    assert lay_out(0, descr(0), (("Fz", ""),)).notice == ""
    assert lay_out(38, descr(38), (("AF8", ""),)).rows[0] == 3
    with pytest.raises(InputError, match="no channel 'Fz'"):
        lay_out(38, descr(38), (("Fz", ""),))
    with pytest.raises(InputError, match="hold no EEG"):
        lay_out(0, descr(0), (("EOG", "1"), ("ECG2", "2")))


class Slow:
    """A board that has one slow row, sampled at the seconds it is told."""

    def __init__(self, *reads: list[float]) -> None:
        self._reads = list(reads)

    def get_board_data(self, *, preset: int) -> np.ndarray:
        assert preset == 1
        stamps = np.array(self._reads.pop(0), dtype=float)
        return np.vstack((stamps * 10.0, stamps))


def test_a_slow_value_is_held_until_the_next_and_never_taken_from_the_future():
    shim = Slow([1.0, 2.0], [], [3.0, 3.5])
    holder = Holder(SlowRows(1, 1, (0,)))
    first = holder.take(shim, np.array([0.5, 1.0, 1.5]))[0]
    assert np.isnan(first[0])
    assert first[1:].tolist() == [10.0, 10.0]
    assert holder.take(shim, np.array([1.9, 2.0, 2.5]))[0].tolist() == [10.0, 20.0, 20.0]
    assert holder.take(shim, np.array([2.9, 3.0, 4.0]))[0].tolist() == [20.0, 30.0, 35.0]
