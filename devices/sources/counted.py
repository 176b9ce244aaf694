"""Which samples are missing where a package counter says it: counter and time together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.clock import SampleClock
from devices.envelope import other_line
from devices.sources.counter_watch import CounterWatch
from devices.sources.loss import PacketCounter

_HOLE_S = 0.25  # s without a sample, if the counter does not go round in half of it
_PILED_S = 0.5  # s from the first sample in which it is not known yet when each was due
_EARLY = 0.020  # s: no sample comes earlier than the clock's line by more than this
_OVERDUE_S = 0.04  # s of lateness below which a host is busy
_FALLS_S = 0.004  # s by which lateness must fall to be falling
_TURNS_S = 0.5  # s for which lateness must have stopped to fall for whole turns of the counter
_PAUSED_S = 1.0  # s, for a device that paused
_NEAR_S, _NEAR_PAUSED_S = 0.004, 2.0  # s beside whole turns; s, for a pause of nearly such turns
_STEADY_S = 0.012  # s by which lateness may change from half second to half second of a pause
_BINS = 4  # of a second: points that the rate is followed by
# Points over which a rate is another one, and s by which they must be off at their end; so many
# points where it is lower, which a busy host may be too.
_SPANS, _SLOWER = {6: 0.05, 12: 0.035, 18: 0.03, 40: 0.03}, 18
_BACKLOG_S = 0.03  # s of lateness above which what comes quicker is a backlog
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


class _Pace:
    """Follows the rate at which samples arrive, which their counter shows to be all.

    The clock's line settles over a minute. This looks at the last seconds: samples that come
    earlier and earlier come at a higher rate, and those that come later and later at a lower one;
    those that were late and come less and less so are a backlog.
    """

    def __init__(self) -> None:
        self._number = 0
        self._points: list[tuple[int, int, float]] = []  # bin, number, arrival: the earliest there
        self._late: list[float] = []  # s by which those came after they were due

    def push(self, n: int, arrival: float, clock: SampleClock) -> None:
        """Take `n` numbers, of which the last arrived at `arrival`, before the clock does."""
        self._number += n
        if clock.due is None or clock.young:  # then the clock itself follows quickly
            self._points, self._late = [], []
            return
        late = arrival - (clock.due + clock.period * (n - 1))
        point = (math.floor(arrival * _BINS), self._number, arrival)
        if self._points and self._points[-1][0] == point[0]:
            _, number, before = self._points[-1]
            if arrival - before < clock.period * (self._number - number):
                self._points[-1], self._late[-1] = point, late
            return
        self._follow(clock)
        self._points.append(point)
        self._late.append(late)

    def _follow(self, clock: SampleClock) -> None:
        del self._points[: -max(_SPANS)], self._late[: -max(_SPANS)]
        for n, off in _SPANS.items():
            if len(self._points) < n:
                return
            period = other_line(self._points[-n:], clock.period, off)
            if period is None:
                continue
            faster = period < clock.period
            if max(self._late[-n:]) <= _BACKLOG_S if faster else n >= _SLOWER:
                newest = self._points[-(n * 2 // 3) :]  # the first may be from before the change
                period = other_line(newest, clock.period, off) or period
                clock.change(1.0 / period, [(x - 1, y) for _, x, y in newest[-(n // 2) :]])
                self._points, self._late = [], []
                return


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
        self._first = self._last = np.nan  # arrival of the first sample and of the newest
        self._judged = np.nan  # arrival of the newest one in order
        self._raw: _Raw | None = None  # not yet in order
        self._held: Packets | None = None  # in order, behind a hole
        self._late: list[tuple[float, float]] = []  # time and lateness of reads that are overdue
        self._pace = _Pace()
        self._watch = CounterWatch(self._counter.modulus // share, share)
        self.duplicated = 0  #: samples that came a second time and were left out
        self.unsure = 0  #: samples that stand where their arrival puts them

    def take(
        self,
        data: npt.NDArray[np.float32],
        arrivals: npt.NDArray[np.float64],
        counters: npt.NDArray[np.int64],
        clock: SampleClock,
    ) -> tuple[Packets, npt.NDArray[np.int64]] | None:
        """Take one read; return packets and the samples lost before each, or None.

        None as well where there is no counter (`none`), and then nothing more is to be taken.
        """
        if np.isnan(self._last):
            self._first = self._last = float(arrivals[0])
        jumps = np.diff(arrivals, prepend=self._last)
        self._last = float(arrivals[-1])
        new = _Raw(data, arrivals, self._counter.values(counters), jumps > self._hole)
        if self._raw is None and not new.holes.any() and self._counter.in_line(new.values, data):
            self._judged = self._last
            self._watch.in_line(arrivals.size)
            none = np.zeros(arrivals.size, dtype=np.int64)
            return self._paced(Packets(data, arrivals, none, none > 0), clock)
        if self._raw is None:
            self._watch.begin(self._counter.newest)
        self._watch.push(new.values.tolist(), arrivals.tolist(), new.holes.tolist(), clock.period)
        if (old := self._raw) is not None:
            new = _Raw(
                np.concatenate((old.data, new.data)),
                np.concatenate((old.arrivals, new.arrivals)),
                np.concatenate((old.values, new.values)),
                np.concatenate((old.holes, new.holes)),
            )
        if self._watch.doubted:
            self._raw = new
            return None
        ordered = self._in_order(new, clock)
        return None if ordered is None else self._paced(ordered, clock)

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
        self._last = self._judged = before
        self._watch.in_line(len(arrivals))
        self._pace.push(len(arrivals), before, clock)
        return True

    @property
    def none(self) -> bool:
        """Whether what is called a counter is none."""
        return self._watch.none

    def kept(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return samples and arrivals of all that is kept back, whatever their counter said."""
        parts = [part for part in (self._held, self._raw) if part is not None]
        data = np.concatenate([part.data for part in parts])
        return data, np.concatenate([part.arrivals for part in parts])

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
        line = raw.arrivals[0] if due is None else due
        newest = np.fmax(
            1.0 - ahead + (raw.arrivals - line) / clock.period,
            (raw.arrivals - self._judged) / clock.period,
        )
        # What had piled up before the first read was taken before, how long before is not known.
        newest[raw.arrivals < self._first + _PILED_S] += self._counter.modulus // 2
        order = self._counter.order(
            raw.values.tolist(), raw.data, newest.tolist(), holes, last=last
        )
        ready = order.ready
        self._judged = float(raw.arrivals[ready - 1]) if ready else self._judged
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

    def _paced(
        self, new: Packets, clock: SampleClock
    ) -> tuple[Packets, npt.NDArray[np.int64]] | None:
        """Return what can be judged, and follow its rate."""
        judged = self._over_holes(new, clock)
        if judged is not None:
            packets, missing = judged
            n = packets.arrivals.size + int(missing.sum())
            self._pace.push(n, float(packets.arrivals[-1]), clock)
        return judged

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
        holes = np.flatnonzero(packets.holes).tolist()
        for hole in holes:
            behind = np.minimum.accumulate(late[hole:])
            least = float(behind[-1])
            turns = round(least / wrap)
            if least <= _OVERDUE_S:
                continue
            quiet = float(arrivals[-1]) - _fell(behind, arrivals[hole:])
            near = _near(least, wrap)
            whole = near and abs(least - turns * wrap) <= period + _NEAR_S
            if not near and hole != holes[-1] and _near(float(late[holes[-1] :].min()), wrap):
                continue  # a backlog that the next hole cut off: it would have come to an end
            # Whole turns that were lost leave nothing late, but for a busy host: that passes.
            paused = _NEAR_PAUSED_S if near else _PAUSED_S
            if last or quiet >= (_TURNS_S if whole else paused):
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
        return missing


def _fell(least: npt.NDArray[np.float64], arrivals: npt.NDArray[np.float64]) -> float:
    """Return when the least lateness so far fell the last time, s."""
    return float(arrivals[int(np.argmax(least <= least[-1] + _FALLS_S))])


def _near(late: float, wrap: float) -> bool:
    """Whether a lateness may be that of whole turns of the counter, or none."""
    return -_EARLY <= late - round(late / wrap) * wrap <= 2 * _EARLY
