"""Which samples are missing where a package counter says it: counter and time together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.clock import SampleClock
from devices.sources.loss import LossCounter

_HOLD_S = 0.15  # s after a hole in time before it is judged
_HOLD_MOST_S = 3.0  # s: a backlog that takes longer to come in is judged as it stands


@dataclass
class _Packets:
    """Samples of one read, or of several."""

    data: npt.NDArray[np.float32]
    arrivals: npt.NDArray[np.float64]
    counters: npt.NDArray[np.int64]


class Counted:
    """Judges samples with a counter.

    After a hole in time, what follows may be a backlog that was only held up, or may not. So
    it is kept back until it comes in at its normal rate again, and is judged by its end.
    """

    def __init__(self, sfreq: float, *, modulus: int, step: int, share: int) -> None:
        self._loss = LossCounter(sfreq, modulus=modulus, step=step, share=share)
        self._sfreq = sfreq
        self._held: list[_Packets] = []
        self._hole_at = 0.0

    def take(
        self,
        data: npt.NDArray[np.float32],
        arrivals: npt.NDArray[np.float64],
        counters: npt.NDArray[np.int64],
        clock: SampleClock,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.int64]] | None:
        """Take one read; return data, arrivals and samples lost before each, or None."""
        packets = self._after_hole(_Packets(data, arrivals, counters))
        if packets is None:
            return None
        missing = self._loss.missing(
            packets.arrivals, packets.counters, due=clock.due, period=clock.period
        )
        if not missing.any():
            # A device that paused unseen by counter and hole: the pause becomes lost rows too,
            # so that no window over it is taken for whole.
            missing[0] = round(clock.overdue / clock.period)
        return packets.data, packets.arrivals, missing

    def _after_hole(self, new: _Packets) -> _Packets | None:
        """Keep `new` back while a backlog comes in; return what can be judged now."""
        if not self._held:
            hole = self._loss.hole(new.arrivals)
            if hole is None:
                return new
            self._hole_at = float(new.arrivals[hole])
        self._held.append(new)
        end = float(new.arrivals[-1])
        arrivals = np.concatenate([p.arrivals for p in self._held])
        recent = int(np.count_nonzero(arrivals > end - 0.1))
        if end - self._hole_at < _HOLD_MOST_S and (
            end - self._hole_at < _HOLD_S or recent > 0.15 * self._sfreq + 4
        ):
            return None
        whole = _Packets(
            np.concatenate([p.data for p in self._held]),
            arrivals,
            np.concatenate([p.counters for p in self._held]),
        )
        self._held.clear()
        return whole
