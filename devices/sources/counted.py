"""Which samples are missing where a package counter says it: counter and time together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.clock import SampleClock
from devices.sources.loss import LossCounter

_HOLD_S = 0.15  # s after a hole in time before it is judged
_OVERDUE_S = 0.04  # s of lateness below which a host is busy
_ODD_S = 0.1  # s that samples of an odd counter are kept back
_PAUSED_S = 1.0  # s that samples must stay late for a device that paused
_HOLD_MOST_S = 3.0  # s: a backlog that takes longer to come in is judged as it stands


@dataclass
class Packets:
    """Samples of one read, or of several, with the values of their counter."""

    data: npt.NDArray[np.float32]
    arrivals: npt.NDArray[np.float64]
    values: npt.NDArray[np.int64]


class Counted:
    """Judges samples with a counter.

    After a hole in time, what follows may be a backlog that was only held up, or may not. So
    it is kept back until it comes in at its normal rate again, and is judged by its end. Where
    the last samples may have come late or twice, the next read is waited for. What is late by no
    whole turn of the counter is of a device that paused, if it stays so for a second.
    """

    def __init__(self, sfreq: float, *, modulus: int, step: int, share: int) -> None:
        self._loss = LossCounter(sfreq, modulus=modulus, step=step, share=share)
        self._sfreq = sfreq
        self._held: list[Packets] = []
        self._hole_at: float | None = None
        self._odd_at: float | None = None
        self._stuck = False  # whether the counter stands still
        self.duplicated = 0  #: samples that came a second time and were left out

    def take(
        self,
        data: npt.NDArray[np.float32],
        arrivals: npt.NDArray[np.float64],
        counters: npt.NDArray[np.int64],
        clock: SampleClock,
    ) -> tuple[Packets, npt.NDArray[np.int64]] | None:
        """Take one read; return packets and the samples lost before each, or None."""
        packets = self._held_back(Packets(data, arrivals, self._loss.values(counters)), clock)
        if packets is None or (ordered := self._in_order(packets)) is None:
            return None
        return ordered, self._missing(ordered, clock)

    def few(self, arrivals: list[float], counters: list[int], clock: SampleClock) -> bool:
        """Take a few samples that are in line, as `take` does; False where there is more to do."""
        if self._held or clock.due is None or clock.overdue or self._odd_at is not None:
            return False
        return not self._stuck and self._loss.few(arrivals, counters)

    def rest(self, clock: SampleClock) -> tuple[Packets, npt.NDArray[np.int64]] | None:
        """Return what is kept back, as it stands."""
        if not self._held:
            return None
        packets, self._stuck = self._joined(), True
        ordered = self._in_order(packets)
        return None if ordered is None else (ordered, self._missing(ordered, clock))

    def _missing(self, packets: Packets, clock: SampleClock) -> npt.NDArray[np.int64]:
        missing = self._loss.missing(
            packets.arrivals, packets.values, due=clock.due, period=clock.period
        )
        if clock.overdue > _OVERDUE_S and not missing.any():
            # A device that paused unseen by counter and hole: the pause becomes lost rows too,
            # so that no window over it is taken for whole.
            missing[0] = round(clock.overdue / clock.period)
        return missing

    def _in_order(self, packets: Packets) -> Packets | None:
        """Return `packets` in the order of their counter; None where the next must be seen."""
        if self._loss.in_line(packets.values):
            self._stuck, self._odd_at = False, None
            return packets
        order = self._loss.ordered(packets.values, packets.arrivals)
        end = float(packets.arrivals[-1])
        if order.open and not self._stuck:
            self._odd_at = end if self._odd_at is None else self._odd_at
            if end - self._odd_at < _ODD_S:
                self._held.append(packets)
                return None
        self._stuck, self._odd_at = order.open and not order.duplicated, None
        self.duplicated += order.duplicated
        if not order.kept:
            return None
        kept = np.array(order.kept)
        return Packets(packets.data[kept], packets.arrivals[np.sort(kept)], packets.values[kept])

    def _held_back(self, new: Packets, clock: SampleClock) -> Packets | None:
        """Keep `new` back while a backlog comes in; return what can be judged now."""
        if self._hole_at is None:
            hole = self._loss.hole(new.arrivals, self._held[-1].arrivals if self._held else None)
            if hole is None:
                self._held.append(new)
                return self._joined()
            self._hole_at = float(new.arrivals[hole])
        self._held.append(new)
        end = float(new.arrivals[-1])
        recent = sum(int(np.count_nonzero(p.arrivals > end - 0.1)) for p in self._held)
        since = end - self._hole_at
        if since < _HOLD_S or (since < _HOLD_MOST_S and recent > 0.15 * self._sfreq + 4):
            return None
        joined = self._joined()
        if since < _PAUSED_S and clock.due is not None:
            settled = self._loss.settled(
                joined.arrivals, joined.values, due=clock.due, period=clock.period
            )
            if not settled:
                self._held, self._hole_at = [joined], end - since
                return None
        return joined

    def _joined(self) -> Packets:
        held, self._held, self._hole_at = self._held, [], None
        if len(held) == 1:
            return held[0]
        return Packets(
            np.concatenate([p.data for p in held]),
            np.concatenate([p.arrivals for p in held]),
            np.concatenate([p.values for p in held]),
        )
