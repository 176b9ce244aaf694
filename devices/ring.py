"""The ring of EEG rows in shared memory: one writer, many readers, no locks, gaps as rows of NaN.

Every row is written twice, at `p` and at `p + capacity`, so that any window is one contiguous
slice. The writer raises `claim` before it writes and `total` after; a reader copies and then
looks at `claim` again, so that it knows which of its rows may have been overwritten meanwhile.
This relies on stores being seen in order (x86, or CPython's lock between threads).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.shared import Fields, SharedBlock
from dsp.checks import DeviceError, InputError, check_channels, check_number


@dataclass(frozen=True)
class RingBlock:
    """Rows copied out of a ring.

    Attributes
    ----------
    first : int
        Number of the first row since the source started; row numbers never have holes.
    data : float32 [shape=(n_rows, n_channels)]
        Microvolts; a row of NaN is a lost sample.
    times : float64 [shape=(n_rows,)]
        Seconds of the LSL clock, strictly increasing, also over lost rows.
    overtaken : int
        Rows that were asked for and are overwritten already; 0 for a reader that keeps up.
    """

    first: int
    data: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64]
    overtaken: int = 0

    @property
    def next(self) -> int:
        """Number to ask `Ring.since` for next."""
        return self.first + self.times.size


class Ring:
    """The last `seconds` of one source."""

    def __init__(self, block: SharedBlock) -> None:
        self._block = block

    @classmethod
    def create(cls, n_channels: int, seconds: float, sfreq: float, *, local: bool = False) -> Ring:
        """Make an empty ring; `local` for use inside this process only.

        Parameters
        ----------
        n_channels : int
            Columns of a row.
        seconds : float
            How much is kept, s.
        sfreq : float
            Rows a second, Hz.
        """
        check_number("n_channels of a ring", n_channels, low=1)
        check_number("seconds of a ring", seconds, low=1e-3, unit="s")
        check_number("sfreq of a ring", sfreq, low=1e-3, unit="Hz")
        capacity = max(2, math.ceil(seconds * sfreq))
        fields: Fields = {
            "data": ("float32", (2 * capacity, n_channels)),
            "times": ("float64", (2 * capacity,)),
            "claim": ("int64", (1,)),
            "total": ("int64", (1,)),
            "sfreq": ("float64", (1,)),
        }
        block = SharedBlock.local(fields) if local else SharedBlock.create(fields)
        block.arrays["sfreq"][0] = sfreq
        return cls(block)

    @classmethod
    def attach(cls, name: str) -> Ring:
        """Open the ring `name` of another process."""
        return cls(SharedBlock.attach(name))

    def _array(self, name: str) -> npt.NDArray[Any]:
        try:
            return self._block.arrays[name]
        except KeyError:
            raise DeviceError("the EEG ring was closed; its session has ended.") from None

    @property
    def name(self) -> str:
        """Name for `attach`."""
        return self._block.name

    @property
    def n_channels(self) -> int:
        """Columns of a row."""
        return int(self._array("data").shape[1])

    @property
    def capacity(self) -> int:
        """Rows kept."""
        return int(self._array("times").size // 2)

    @property
    def sfreq(self) -> float:
        """Nominal rows a second, Hz."""
        return float(self._array("sfreq")[0])

    @property
    def total(self) -> int:
        """Rows written since the source started, lost ones included."""
        return int(self._array("total")[0])

    def write(self, data: npt.ArrayLike, times: npt.ArrayLike) -> None:
        """Append rows; never waits for a reader.

        Parameters
        ----------
        data : float32 [shape=(n_rows, n_channels)]
            Microvolts, rows of NaN where samples were lost.
        times : float64 [shape=(n_rows,)]
            Seconds of the LSL clock.

        Raises
        ------
        InputError
            If the shapes do not fit.
        """
        rows = check_channels("EEG for the ring", data, self.n_channels)
        stamps = np.asarray(times, dtype=np.float64)
        if stamps.shape != (len(rows),):
            raise InputError(
                f"times for the ring have shape {stamps.shape}; expected ({len(rows)},)."
            )
        capacity, claim, total = self.capacity, self._array("claim"), self._array("total")
        end = int(total[0]) + len(rows)
        claim[0] = end
        # More rows than the ring holds (a gap of minutes): only the newest have a place.
        rows, stamps = rows[-capacity:], stamps[-capacity:]
        start = (end - len(rows)) % capacity
        head = min(len(rows), capacity - start)
        ring_data, ring_times = self._array("data"), self._array("times")
        for source, target in ((slice(0, head), start), (slice(head, None), 0)):
            n = len(rows[source])
            for place in (target, target + capacity):
                ring_data[place : place + n] = rows[source]
                ring_times[place : place + n] = stamps[source]
        total[0] = end

    def since(self, index: int) -> RingBlock:
        """Copy all rows from number `index` on.

        Returns
        -------
        RingBlock
            Starts later than `index`, and says by how much in `overtaken`, if the writer has
            been round since; empty if nothing is new.
        """
        capacity, total = self.capacity, self.total
        index = max(0, min(index, total))
        first = max(index, total - capacity)
        start = first % capacity
        window = slice(start, start + total - first)
        data = self._array("data")[window].copy()
        times = self._array("times")[window].copy()
        # Rows the writer may have been overwriting while they were copied are not given out.
        safe = int(self._array("claim")[0]) - capacity
        torn = min(max(0, safe - first), len(data))
        first += torn
        return RingBlock(first, data[torn:], times[torn:], first - index)

    def latest(self, seconds: float) -> RingBlock:
        """Copy the newest `seconds` (fewer at the start; never counted as overtaken)."""
        check_number("seconds", seconds, low=0.0, unit="s")
        n = min(round(seconds * self.sfreq), self.capacity)
        block = self.since(self.total - n)
        return RingBlock(block.first, block.data, block.times)

    def close(self) -> None:
        """Let go of the memory; the creator removes it. Safe to call twice."""
        self._block.close()
