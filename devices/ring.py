"""The ring of EEG rows in shared memory: one writer, many readers, no locks, gaps as rows of NaN.

Every row is written twice, at `p` and at `p + capacity`, so that any window is one contiguous
slice. The writer raises `claim` before it writes and `total` after; a reader copies and then
looks at `claim` again, so that it knows which of its rows may have been overwritten meanwhile.
This asks of the processor that it keeps to that order, which ARM does only at a `_fence`.
"""

from __future__ import annotations

import math
import platform
import threading
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from devices.shared import Fields, SharedBlock
from dsp.checks import DeviceError, InputError, check_channels, check_number

_ORDERED = platform.machine().lower() in ("x86_64", "amd64", "i686", "x86")


class _Gate(threading.local):
    """A lock of each thread's own, held always: nobody ever waits for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()


_gate = _Gate()


def _fence() -> None:
    """Keep every load and store before this call before every one after it, on any processor.

    Letting go of a lock keeps what came before, taking one keeps what comes after, and a
    processor does not take a lock before it let go of it (C11's release and acquire, as every
    lock of Python's is made of). x86 keeps its stores in order, and its loads, and needs none of
    this; between threads the interpreter's own lock does the same.
    """
    if _ORDERED:
        return
    lock = _gate.lock
    lock.release()
    lock.acquire()


class RingBlock(NamedTuple):
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
        Rows that were asked for and are not there any more; 0 for a reader that keeps up, unless
        more was lost at once than the ring holds (`Ring.lose`): then they were lost samples all.
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
    """The last `seconds` of one source.

    Beside its rows it tells of its writer what whoever watches it must know: when it last wrote
    (`written_at`), by when it will be heard of again (`due_at`), how long it usually goes without
    a sample (`interval_s`), and how evenly its samples come (`jitter`).
    """

    def __init__(self, block: SharedBlock) -> None:
        self._block = block
        arrays = block.arrays
        self._views: tuple[npt.NDArray[Any], ...] | None = tuple(
            arrays[name] for name in ("data", "times", "claim", "total", "told")
        )
        self.capacity = int(arrays["times"].size // 2)  #: rows kept
        self.n_channels = int(arrays["data"].shape[1])  #: columns of a row
        self._twice: list[
            npt.NDArray[Any]
        ] = [  # where each row, and each time, stands and where it stands again
            arrays[name].reshape(2, self.capacity, *arrays[name].shape[1:])
            for name in ("data", "times")
        ]

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
            "told": ("float64", (5,)),  # sfreq, written_at, due_at, interval_s, jitter
        }
        block = SharedBlock.local(fields) if local else SharedBlock.create(fields)
        block.arrays["told"][:] = sfreq, -math.inf, math.inf, 0.0, 0.0
        return cls(block)

    @classmethod
    def attach(cls, name: str) -> Ring:
        """Open the ring `name` of another process."""
        return cls(SharedBlock.attach(name))

    def _open(self) -> tuple[npt.NDArray[Any], ...]:
        views = self._views
        if views is None:
            raise DeviceError("the EEG ring was closed; its session has ended.")
        return views

    def _told(self, place: int, value: float | None = None) -> float:
        told = self._open()[4]
        if value is not None:
            told[place] = value
        return float(told.item(place))

    @property
    def name(self) -> str:
        """Name for `attach`."""
        return self._block.name

    @property
    def sfreq(self) -> float:
        """Rows a second, Hz: as stated, until another rate was measured."""
        return self._told(0)

    @sfreq.setter
    def sfreq(self, hz: float) -> None:
        self._told(0, check_number("sfreq of a ring", hz, low=1e-3, unit="Hz"))

    @property
    def written_at(self) -> float:
        """When samples came last, as the writer tells, s of our clock; -inf before any row."""
        return self._told(1)

    @written_at.setter
    def written_at(self, when: float) -> None:
        self._open()[4][1] = when

    @property
    def due_at(self) -> float:
        """By when the writer will have been heard of again, if it lives, s of our clock."""
        return self._told(2)

    @due_at.setter
    def due_at(self, when: float) -> None:
        self._told(2, when)

    @property
    def interval_s(self) -> float:
        """How long it usually is from one arrival to the next, s."""
        return self._told(3)

    @interval_s.setter
    def interval_s(self, seconds: float) -> None:
        self._told(3, seconds)

    @property
    def jitter(self) -> float:
        """Robust sd of arrival less fitted time over the newest seconds, s."""
        return self._told(4)

    @jitter.setter
    def jitter(self, seconds: float) -> None:
        self._told(4, seconds)

    @property
    def total(self) -> int:
        """Rows written since the source started, lost ones included."""
        return int(self._open()[3].item(0))

    @property
    def last_time(self) -> float:
        """Time of the newest row, s of our clock; NaN before the first (for the writer)."""
        _, times, _, total, _ = self._open()
        n = total.item(0)
        return float(times.item((n - 1) % self.capacity)) if n else math.nan

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
        rows = np.asarray(data, dtype=np.float32)
        stamps = np.asarray(times, dtype=np.float64)
        n = stamps.size
        if stamps.ndim != 1 or rows.shape != (n, self.n_channels):
            check_channels("EEG for the ring", rows, self.n_channels)
            raise InputError(
                f"times for the ring have shape {stamps.shape}; expected ({len(rows)},)."
            )
        self._append(rows, stamps, n)

    def lose(self, until: float) -> int:
        """Append lost rows over the hole from the newest row to one at `until`; return how many.

        A hole longer than the ring is counted in full, so that row numbers stay time, but only
        its end is written: memory is bounded, and readers are told by `RingBlock.overtaken`.

        Parameters
        ----------
        until : float
            Time of the next row that will be written, s of our clock.
        """
        last = self.last_time
        n = round((until - last) * self.sfreq) - 1 if self.total else 0
        if n <= 0:
            return 0
        kept = min(n, self.capacity)
        step = (until - last) / (n + 1)
        times = last + step * np.arange(n - kept + 1, n + 1, dtype=np.float64)
        self._append(np.full((kept, self.n_channels), np.nan, dtype=np.float32), times, n)
        return n

    def _append(
        self, rows: npt.NDArray[np.float32], stamps: npt.NDArray[np.float64], n: int
    ) -> None:
        """Append `n` rows, of which the newest are given; only as many as fit have a place."""
        _, _, claim, total, _ = self._open()
        capacity = self.capacity
        end = total.item(0) + n
        claim[0] = end
        if len(rows) > capacity:
            rows, stamps = rows[-capacity:], stamps[-capacity:]
        n = len(rows)
        start = (end - n) % capacity
        _fence()
        head = capacity - start
        data, times = self._twice
        if n <= head:
            data[:, start : start + n] = rows
            times[:, start : start + n] = stamps
        else:  # over the seam
            for both, new in ((data, rows), (times, stamps)):
                both[:, start:] = new[:head]
                both[:, : n - head] = new[head:]
        _fence()
        total[0] = end

    def since(self, index: int) -> RingBlock:
        """Copy all rows from number `index` on.

        Returns
        -------
        RingBlock
            Starts later than `index`, and says by how much in `overtaken`, if the writer has
            been round since; empty if nothing is new.
        """
        views = self._open()
        total = views[3].item(0)
        index = max(0, min(index, total))
        first, data, times = self._copy(views, max(index, total - self.capacity), total)
        return RingBlock(first, data, times, first - index)

    def latest(self, seconds: float) -> RingBlock:
        """Copy the newest `seconds` (fewer at the start; never counted as overtaken)."""
        views = self._open()
        if not 0.0 <= seconds < math.inf:
            check_number("seconds", seconds, low=0.0, unit="s")
        n = round(seconds * views[4].item(0))
        total = views[3].item(0)
        return RingBlock(*self._copy(views, max(0, total - min(n, self.capacity)), total))

    def _copy(
        self, views: tuple[npt.NDArray[Any], ...], first: int, total: int
    ) -> tuple[int, npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Copy rows `first` to `total`, less those that were overwritten meanwhile."""
        capacity, start = self.capacity, first % self.capacity
        stop = start + total - first
        _fence()
        data = views[0][start:stop].copy()
        times = views[1][start:stop].copy()
        _fence()
        # Rows the writer may have been overwriting while they were copied are not given out.
        torn = views[2].item(0) - capacity - first
        if torn > 0:
            torn = min(torn, len(times))
            return first + torn, data[torn:], times[torn:]
        return first, data, times

    def close(self) -> None:
        """Let go of the memory; the creator removes it. Safe to call twice."""
        self._views = None
        self._twice.clear()
        self._block.close()
