"""Samples without a counter as they were read, until it is said what was lost between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.envelope import lower_line

START_READS = 4  #: before the first rows
_PILED_S = 0.08  # s of first reads that may hold what had piled up

Floats = npt.NDArray[np.float64]


@dataclass
class Reads:
    """Samples of one read, or of several in a row.

    `times` are their times for the clock, `ends` where each read ends and `seen` when each
    returned, s.
    """

    data: npt.NDArray[np.float32]
    stamps: Floats
    times: Floats
    ends: list[int]
    seen: list[float]

    def __add__(self, other: Reads) -> Reads:
        n = self.ends[-1]
        return Reads(
            np.concatenate([self.data, other.data]),
            np.concatenate([self.stamps, other.stamps]),
            np.concatenate([self.times, other.times]),
            self.ends + [n + end for end in other.ends],
            self.seen + other.seen,
        )

    def split(self, k: int) -> tuple[Reads, Reads]:
        """Return the first `k` reads, and the others."""
        n = self.ends[k - 1]
        ends = [end - n for end in self.ends[k:]]
        return (
            Reads(self.data[:n], self.stamps[:n], self.times[:n], self.ends[:k], self.seen[:k]),
            Reads(self.data[n:], self.stamps[n:], self.times[n:], ends, self.seen[k:]),
        )

    def arrived(self, stated: float, least: float) -> float:
        """Rate at which samples arrive, Hz, from the reads that came quickest.

        The one of the `stated` period, s, where nothing shows one, or it took less than `least` s.
        """
        if self.seen[-1] - self.seen[0] < least:  # it ended before it had begun
            return 1.0 / stated
        x, y = np.array(self.ends, dtype=np.float64), np.array(self.seen)
        settled = y > y[0] + _PILED_S
        if np.count_nonzero(settled) >= START_READS:
            x, y = x[settled], y[settled]
        period = lower_line(x - x[0], y - y[0])
        # Reads that follow at once, as of a burst, show no rate at all.
        return 1.0 / (period if 0.15 < period / stated < 8.0 else stated)

    def least_late(self, newest: float, period: float, guessed: float) -> list[float]:
        """By how much each sample and all later ones are late if none was lost, s.

        The newest is by `newest`; `period`, s per sample, may be wrong by the share `guessed`.
        """
        seen = np.array(self.seen)
        late = seen - period * np.array(self.ends, dtype=np.float64)
        late += newest - late[-1] - guessed * (seen - seen[0])
        least = np.minimum.accumulate(late[::-1])[::-1]
        each: list[float] = np.repeat(least, np.diff([0, *self.ends])).tolist()
        return each
