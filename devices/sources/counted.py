"""Which samples are missing where a package counter says it: counter and time together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.clock import SampleClock
from devices.sources.loss import PacketCounter

_HOLE_S = 0.25  # s without a sample, if the counter does not go round in half of it
_EARLY = 0.020  # s: no sample comes earlier than the clock's line by more than this
_OVERDUE_S = 0.04  # s of lateness below which a host is busy
_FALLS_S = 0.004  # s by which lateness must fall to be falling
_TURNS_S = 0.5  # s for which lateness must have stopped to fall for whole turns of the counter
_PAUSED_S = 1.0  # s, for a device that paused
_STEADY_S = 0.012  # s by which lateness may change from half second to half second of a pause
_HOLD_MOST_S = 6.0  # s: a backlog that takes longer to come in is judged by its counter


@dataclass
class Packets:
    """Samples in the order of their numbers, or as they came.

    `lost` samples are missing before each, by the counter; `holes` are those after a hole in time.
    """

    data: npt.NDArray[np.float32]
    arrivals: npt.NDArray[np.float64]
    lost: npt.NDArray[np.int64]
    holes: npt.NDArray[np.bool_]

    def __add__(self, other: Packets) -> Packets:
        return Packets(
            np.concatenate((self.data, other.data)),
            np.concatenate((self.arrivals, other.arrivals)),
            np.concatenate((self.lost, other.lost)),
            np.concatenate((self.holes, other.holes)),
        )


@dataclass
class _Raw:
    data: npt.NDArray[np.float32]
    arrivals: npt.NDArray[np.float64]
    values: npt.NDArray[np.int64]
    holes: npt.NDArray[np.bool_]


class Counted:
    """Judges samples with a counter.

    Where there is no hole in time, the counter alone says what is lost, late or came twice
    (`PacketCounter`). Across a hole time adds whole turns of the counter, or the pause of a device
    whose counter paused with it, once what comes after the hole has stopped to become less late:
    until then it is a backlog that was held up, and is kept back.
    """

    def __init__(self, sfreq: float, *, modulus: int, step: int, share: int) -> None:
        self._counter = PacketCounter(sfreq, modulus=modulus, step=step, share=share)
        self._hole = min(0.5 * self._counter.modulus / sfreq, _HOLE_S)
        self._last = np.nan  # arrival of the newest sample
        self._raw: _Raw | None = None  # not yet in order
        self._held: Packets | None = None  # in order, behind a hole
        self._late: list[tuple[float, float]] = []  # time and lateness of reads that are overdue
        self._early: list[tuple[float, float]] = []  # time of reads, and by how much they are early
        self.duplicated = 0  #: samples that came a second time and were left out
        self.unsure = 0  #: samples that stand where their arrival puts them

    def take(
        self,
        data: npt.NDArray[np.float32],
        arrivals: npt.NDArray[np.float64],
        counters: npt.NDArray[np.int64],
        clock: SampleClock,
    ) -> tuple[Packets, npt.NDArray[np.int64]] | None:
        """Take one read; return packets and the samples lost before each, or None."""
        jumps = np.diff(arrivals, prepend=arrivals[0] if np.isnan(self._last) else self._last)
        self._last = float(arrivals[-1])
        new = _Raw(data, arrivals, self._counter.values(counters), jumps > self._hole)
        if self._raw is None and not new.holes.any() and self._counter.in_line(new.values, data):
            none = np.zeros(arrivals.size, dtype=np.int64)
            return self._over_holes(Packets(data, arrivals, none, none > 0), clock)
        if (old := self._raw) is not None:
            new = _Raw(
                np.concatenate((old.data, new.data)),
                np.concatenate((old.arrivals, new.arrivals)),
                np.concatenate((old.values, new.values)),
                np.concatenate((old.holes, new.holes)),
            )
        ordered = self._in_order(new, clock)
        return None if ordered is None else self._over_holes(ordered, clock)

    def few(
        self,
        data: npt.NDArray[np.float32],
        arrivals: list[float],
        counters: list[int],
        clock: SampleClock,
    ) -> bool:
        """Take a few samples that are in line, as `take` does; False where there is more to do."""
        if self._raw or self._held or clock.due is None or clock.overdue or self._late:
            return False
        if arrivals[0] < clock.due - _EARLY / 4:
            return False
        before = self._last
        for arrival in arrivals:
            if not arrival - before <= self._hole:
                return False
            before = arrival
        if not self._counter.few(data, counters):
            return False
        self._last = before
        return True

    def rest(self, clock: SampleClock) -> tuple[Packets, npt.NDArray[np.int64]] | None:
        """Return what is kept back, as it stands."""
        if self._raw is not None:
            ordered = self._in_order(self._raw, clock, last=True)
            if ordered is not None:
                self._held = ordered if self._held is None else self._held + ordered
        held, self._held = self._held, None
        if held is None:
            return None
        return held, self._missing(held, clock, last=True)[0]

    def _in_order(self, raw: _Raw, clock: SampleClock, *, last: bool = False) -> Packets | None:
        """Return the samples whose numbers are known; the others are kept for the next read."""
        holes = set(np.flatnonzero(raw.holes).tolist())
        held, due = self._held, clock.due
        ahead = 0 if held is None else held.arrivals.size + int(held.lost.sum())
        since = raw.arrivals - (raw.arrivals[0] if due is None else due)
        newest = 1.0 - ahead + since / clock.period
        order = self._counter.order(
            raw.values.tolist(), raw.data, newest.tolist(), holes, last=last
        )
        ready = order.ready
        self.duplicated += order.duplicated
        self.unsure += order.unsure
        self._raw = None
        if ready < raw.values.size:
            self._raw = _Raw(
                raw.data[ready:], raw.arrivals[ready:], raw.values[ready:], raw.holes[ready:]
            )
        if not order.kept:
            return None
        kept = np.array(order.kept)
        return Packets(
            raw.data[kept], raw.arrivals[np.sort(kept)], np.array(order.lost), np.array(order.holes)
        )

    def _over_holes(
        self, new: Packets, clock: SampleClock
    ) -> tuple[Packets, npt.NDArray[np.int64]] | None:
        """Return what can be judged; what follows a hole is kept back for a while."""
        if self._held is None and not new.holes.any():
            return new, self._paused(new, clock)
        packets = new if self._held is None else self._held + new
        missing, settled = self._missing(packets, clock)
        self._held = None if settled else packets
        return (packets, missing) if settled else None

    def _missing(
        self, packets: Packets, clock: SampleClock, *, last: bool = False
    ) -> tuple[npt.NDArray[np.int64], bool]:
        """Count the samples lost before each, over holes too; whether later ones change nothing."""
        missing = packets.lost.copy()
        if clock.due is None:
            return missing, True
        period, wrap = clock.period, self._counter.modulus * clock.period
        arrivals, settled = packets.arrivals, True
        late = arrivals - (clock.due + period * (np.arange(arrivals.size) + np.cumsum(missing)))
        for hole in np.flatnonzero(packets.holes).tolist():
            behind = np.minimum.accumulate(late[hole:])
            least = float(behind[-1])
            turns = round(least / wrap)
            if least <= _OVERDUE_S:
                continue
            quiet = float(arrivals[-1]) - _fell(behind, arrivals[hole:])
            whole = -_EARLY <= least - turns * wrap <= 2 * _EARLY
            if last or quiet >= (_TURNS_S if whole else _PAUSED_S):
                # Where no number of turns fits, the device paused, and its counter with it.
                lost = turns * self._counter.modulus if whole else round(least / period)
                missing[hole] += lost
                late[hole:] -= lost * period
            elif arrivals[-1] - arrivals[hole] < _HOLD_MOST_S:
                settled = False
        return missing, settled

    def _paused(self, packets: Packets, clock: SampleClock) -> npt.NDArray[np.int64]:
        """Count what is missing; a pause unseen by counter and hole becomes lost rows too.

        So that no window over it is taken for whole.
        """
        missing = packets.lost
        self._watch_early(packets.arrivals, clock)
        if clock.overdue <= _OVERDUE_S or clock.due is None or missing.any():
            self._late = []
            return missing
        n, end = packets.arrivals.size, float(packets.arrivals[-1])
        late = packets.arrivals - (clock.due + clock.period * np.arange(n))
        self._late.append((end, float(late.min())))
        if end - self._late[0][0] < 2 * _TURNS_S:
            return missing
        middle = self._late[0][0] + _TURNS_S
        before = min(one for at, one in self._late if at <= middle)
        after = min((one for at, one in self._late if at > middle), default=before)
        self._late = []
        if abs(after - before) < _STEADY_S:
            missing[0] = round(min(before, after) / clock.period)
        elif after > before:
            self._change_rate(clock, (after - before) / _TURNS_S)
        return missing

    def _watch_early(self, arrivals: npt.NDArray[np.float64], clock: SampleClock) -> None:
        """Find a rate that has become higher: then read after read comes before it is due."""
        if clock.due is None or clock.young:
            self._early = []
            return
        due = clock.due + clock.period * np.arange(arrivals.size)
        end = float(arrivals[-1])
        self._early.append((end, max(0.0, float((due - arrivals).max()))))
        if end - self._early[0][0] < 2 * _TURNS_S:
            return
        each, span = [one for _, one in self._early], end - self._early[0][0]
        self._early = []
        # One step of arrivals, as after a pause that was none, is no rate.
        if sum(each) > max(0.05 * span, 2 * max(each)):
            self._change_rate(clock, -sum(each) / span)

    @staticmethod
    def _change_rate(clock: SampleClock, grows: float) -> None:
        """Go on with the rate at which lateness `grows` (s per s) no more."""
        clock.forget()
        clock.expect((1.0 - grows) / clock.period, measured=False)
        clock.restart(0.0)


def _fell(least: npt.NDArray[np.float64], arrivals: npt.NDArray[np.float64]) -> float:
    """Return when the least lateness so far fell the last time, s."""
    return float(arrivals[int(np.argmax(least <= least[-1] + _FALLS_S))])
