"""A board's slower rows (a Muse's accelerometer), held from sample to sample of its EEG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class SlowRows:
    """Rows of one of BrainFlow's presets.

    Attributes
    ----------
    preset : int
        1 auxiliary, 2 ancillary.
    stamp_row : int
        Where its stamps are.
    rows : tuple of int
    """

    preset: int
    stamp_row: int
    rows: tuple[int, ...]


class Holder:
    """Reads slow rows, and gives each sample of the EEG the newest value up to it."""

    def __init__(self, slow: SlowRows) -> None:
        self._slow = slow
        self._stamps = np.array([-np.inf])
        self._values = np.full((len(slow.rows), 1), np.nan)

    def take(self, shim: Any, stamps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return values [shape=(n_rows, n_stamps)]; NaN before the first.

        Parameters
        ----------
        shim : BoardShim
            The board.
        stamps : float64 [shape=(n_stamps,)]
            Of the EEG, on the clock of the board's other stamps.

        Raises
        ------
        BrainFlowError
        """
        new = shim.get_board_data(preset=self._slow.preset)
        known = np.append(self._stamps, new[self._slow.stamp_row])
        values = np.column_stack((self._values, new[list(self._slow.rows)]))
        at = np.searchsorted(known, stamps, side="right") - 1
        newest = int(at[-1])
        self._stamps, self._values = known[newest:], values[:, newest:]
        return values[:, at]
