"""Rows of a Cyton with Daisy, which BrainFlow puts together from two packets.

Where the first of them is lost, it hands over the second with the first half, counter included, of
the row before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from devices.sources.numbering import NO_VALUE

_FIRST = 8  # electrodes of one packet


class Halves:
    """Takes the old half out of such rows.

    Parameters
    ----------
    descr : dict
        What BrainFlow says of the board.
    """

    def __init__(self, descr: dict[str, Any]) -> None:
        self._counter = int(descr["package_num_channel"])
        eeg = [int(row) for row in descr["eeg_channels"]]
        self._halves = eeg[:_FIRST], eeg[_FIRST:]
        # What is of the row as a whole; all else but the electrodes is a mixture of both halves.
        own = {int(descr[f"{name}_channel"]) for name in ("timestamp", "marker")}
        self._mixed = [row for row in range(int(descr["num_rows"])) if row not in own]
        self._before: npt.NDArray[np.float64] | None = None

    def mend(self, packets: npt.NDArray[np.float64]) -> None:
        """Leave of each row only what is new, in place; the counter of a mended one is `NO_VALUE`.

        An old half is one that repeats the row before to the bit, where the other half does not.
        A counter that stands still, or has gone round, comes with two new halves.

        Parameters
        ----------
        packets : float64 [shape=(n_rows, n_samples)]
            As BrainFlow hands them over.
        """
        before = packets[:, :1] if self._before is None else self._before
        rows = np.concatenate((before, packets), axis=1)  # as they came
        self._before = rows[:, -1:]
        counters = rows[self._counter]
        for column in np.flatnonzero(counters[1:] == counters[:-1]).tolist():
            same = rows[:, column] == rows[:, column + 1]
            old = [bool(same[half].all()) for half in self._halves]
            if old[0] != old[1]:
                new = self._halves[old.index(False)]
                kept = packets[new, column]
                packets[self._mixed, column] = np.nan
                packets[new, column] = kept
                packets[self._counter, column] = NO_VALUE
