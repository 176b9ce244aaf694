"""How many electrodes of a dense net are decoded from, and which in later sessions."""

import numpy as np

from dsp.tracking.decoder import (
    MAX_ELECTRODES,
    MAX_WEIGHTS,
    WIDE_LAGS,
    chosen_electrodes,
    lag_steps,
)

NET = tuple(f"{letter}{number}" for letter in "ABCD" for number in range(1, 33))
SHORT = lag_steps(0.0, 0.4).size


def test_known_lags_leave_room_for_more_electrodes() -> None:
    assert chosen_electrodes(NET).size == MAX_ELECTRODES
    few = chosen_electrodes(NET, SHORT)
    assert few.size * SHORT <= MAX_WEIGHTS
    assert few.size > 64
    assert np.diff(few).max() <= 2
    assert chosen_electrodes(NET[:16], WIDE_LAGS.size).tolist() == list(range(16))


def test_a_lost_electrode_does_not_move_the_choice_away_from_the_calibrated_ones() -> None:
    known = [NET[i] for i in chosen_electrodes(NET, SHORT)]
    there = [name for name in NET if name != known[3]]
    again = [there[i] for i in chosen_electrodes(there, SHORT, known=known)]
    assert again == [name for name in known if name != known[3]]
