"""How a sender's stamps follow each other, and how many samples that shows to be lost.

Whatever clock they are of: a lost sample is still seen in their spread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from devices.sources.trust import Floats

WILD = 1e12  #: s: no clock's time
_EXACT = 1e-6  # s: a step this near to the stated one was computed and not measured
_SURE = 0.002  # periods: what deviates by more was measured when it was sent, and may be late
_SHOWN_S = 0.3  # s of samples in line that show a step to be no lateness
# Share of bursts of one length; share by which few of them may differ from the stated rate.
_ALIKE, _LIKELY, _BURSTS = 0.97, 0.015, 40
# Less than so many s is lost only if so many reads are late by it: they come unevenly by as much.
_SMALL_S, _SMALL_READS = 0.025, 4
_OTHER_STEPS = 12  # samples, of which half seem to miss one, by which another rate is looked for


@dataclass(frozen=True)
class Spread:
    """How the stamps of a stretch of samples follow each other.

    Attributes
    ----------
    period : float
        s per sample; 0 where the stamps are not regular.
    apart, other : float
        Where samples come in bursts of which only the last stamp tells anything: the step from
        sample to sample inside a burst, and by how much more another step differs from it, s.
        Such are the stamps that liblsl counts back at the stated rate, and times of arrival.
        `other` is 0 where every stamp counts.
    unit : int
        Samples that are only lost together: a burst, where its last stamp is no better known.
    exact : bool
        Whether the stamps lie on their lattice as only computed ones do.
    """

    period: float = 0.0
    apart: float = 0.0
    other: float = 0.0
    unit: int = 1
    exact: bool = False

    def respaced(self, stamps: Floats, period: float) -> Floats:
        """Count the stamps of each burst back from its last one, `period` s a sample."""
        if not self.other or not stamps.size:
            return stamps
        ends = np.append(np.abs(np.diff(stamps) - self.apart) > self.other, True)
        last = np.flatnonzero(ends)[np.cumsum(ends) - ends]
        back: Floats = stamps[last] - period * (last - np.arange(stamps.size))
        return back


def filled(stamps: Floats, before: float, period: float) -> Floats:
    """Replace stamps that are no time at all by those that come next, `period` s a sample.

    After the last good one, or where none is good after the one `before` them, s.
    """
    wild, number = ~(np.abs(stamps) < WILD), np.arange(stamps.size)
    good = np.flatnonzero(~wild)
    if not good.size:
        return np.array([before + period * (k + 1) for k in number])
    last = np.maximum.accumulate(np.where(wild, -1, number))
    last[last < 0] = good[0]
    return np.asarray(stamps[last] + period * (number - last), dtype=np.float64)


def spread(stamps: Floats, stated: float) -> Spread:
    """Find the period of stamps some of which may be missing.

    Parameters
    ----------
    stamps : float64 [shape=(n_samples,)]
        In a row, s.
    stated : float
        Stated period, s.
    """
    steps = np.diff(stamps)
    if steps.size < 8 or stamps[-1] <= stamps[0]:
        return Spread()
    mean = float(stamps[-1] - stamps[0]) / steps.size
    if np.mean(np.abs(steps - stated) < _EXACT) > 0.4:
        found = _bursts(stamps, stated, _EXACT)
        if found.period:
            return found
    if np.mean(steps < 0.25 * mean) > 0.4:
        found = _bursts(stamps, 0.0, 0.5 * mean)
        # A coarse clock gives runs of equal stamps too, that only seem to be of one length.
        lengths = np.diff(np.flatnonzero(steps > 0.5 * mean))
        alike = lengths.size and np.mean(lengths == np.median(lengths)) > _ALIKE
        likely = abs(found.period / stated - 1.0) < _LIKELY or lengths.size >= _BURSTS
        return found if alike and likely else Spread()
    period = float(np.median(steps))
    times = np.maximum(np.round(steps / period), 0.0)
    off = np.abs(steps - times * period)
    good = (off < 0.25 * period) & (times > 0)
    if np.mean(good) < 0.9 or np.mean(times[good] == 1) < 0.5:
        return Spread()
    exact = bool(off[good].mean() < _SURE * period)
    return Spread(float(steps[good].sum() / times[good].sum()), exact=exact)


def _bursts(stamps: Floats, apart: float, other: float) -> Spread:
    """Find the period from the last stamps of bursts that are nearly all of one length."""
    ends = np.flatnonzero(np.abs(np.diff(stamps) - apart) > other)
    if ends.size < 3:
        return Spread()
    lengths = np.diff(ends)
    length = int(np.median(lengths))
    steps = np.diff(stamps[ends])
    whole = float(np.median(steps))
    if length < 2 or np.mean(lengths == length) < 0.8 or whole <= 0:
        return Spread()
    times = np.maximum(np.round(steps / whole), 0.0)
    off = np.abs(steps - times * whole)
    good = (off < 0.25 * whole) & (times > 0)
    if np.mean(good) < 0.8:
        return Spread()
    period = float(steps[good].sum() / times[good].sum()) / length
    unit = 1 if off.max() < 0.1 * period else length
    return Spread(period, apart, other, unit, bool(off[good].mean() < _SURE * period))


@dataclass
class Judgement:
    """What the spread of the stamps says of some samples.

    `missing` samples were lost before each; `open` says that the next read may show a lost sample
    to be a late one; `jumped` that the stamps took a step that time did not, over which nothing
    can be counted.
    """

    missing: npt.NDArray[np.int64]
    open: bool = False
    jumped: bool = False
    _after: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0))


class Lattice:
    """Counts lost samples where the sender's stamps are regular, whatever clock they are of.

    Stamps lie on a lattice of one period, followed by a loop of second order. A step of several
    periods is a loss if arrival allows it, and unless later stamps come early for it: then the
    samples were only late.
    """

    def __init__(self, first: float, period: float, unit: int = 1, *, exact: bool = True) -> None:
        self.period = period  #: s of the stamps' clock
        self._exact = exact  # else a step may be made up for by any of the next samples
        self._unit = unit
        self._due = first
        self._rough = 0.0  # mean deviation, in periods

    @property
    def regular(self) -> bool:
        """Whether the stamps still follow the lattice."""
        return self._rough < 0.25

    def judge(
        self, stamps: Floats, *, room: Callable[[], list[float]], period: float, starts: list[int]
    ) -> Judgement:
        """Judge the next samples; nothing is kept until `keep`.

        Parameters
        ----------
        stamps : float64 [shape=(n_samples,)]
            In seconds of the sender.
        room : callable
            Returns for each sample how late it and all after it are if none was lost, s: no more
            can have been lost before it.
        period : float
            Seconds of our clock per sample.
        starts : list of int
            Number of the first sample of each read.
        """
        n = stamps.size
        off = stamps - (self._due + self.period * np.arange(n))
        largest = float(np.abs(off).max())
        missing = np.zeros(n, dtype=np.int64)
        if largest < 0.5 * self._unit * self.period:
            mean = sum(off.tolist()) / n
            rough = largest / (self._unit * self.period)
            due = self._due + self.period * n + min(0.3, 0.05 * n) * mean
            return Judgement(missing, _after=(due, 0.01 * mean / n, rough))
        return self._steps(stamps.tolist(), missing, room(), period, starts)

    def _steps(
        self,
        stamps: list[float],
        missing: npt.NDArray[np.int64],
        room: list[float],
        period: float,
        starts: list[int],
    ) -> Judgement:
        n, due, gap, rough, jumped, gone = len(stamps), self._due, -1, 0.0, False, 0
        whole = self._unit * self.period
        for j, stamp in enumerate(stamps):
            off = stamp - due
            if off >= 0.5 * whole:
                lost = self._unit * round(off / whole)
                odd = abs(off - lost * self.period) / self.period
                if self._exact and odd > min(0.1 + 0.02 * lost, 0.4):
                    rough += 1.0  # such a step is none of this lattice
                elif (gone + lost) * period <= room[j]:
                    missing[j], gone, gap = lost, gone + lost, j
                else:
                    jumped = True
                due = stamp
            elif off <= -0.5 * whole:
                if gap >= 0 and -off < (missing[gap] + self._unit) * self.period:
                    gone -= int(missing[gap])
                    missing[gap], gap = 0, -1
                    rough += 1.0
                if -off < 10 * whole:
                    rough += 1.0
                else:
                    jumped = True
                due = stamp
            else:
                due += 0.05 * off
            due += self.period
        if n >= _OTHER_STEPS and 2 * np.count_nonzero(missing) >= n:
            # No network loses every second sample: the rate has become another.
            return Judgement(np.zeros_like(missing), _after=(due, 0.0, math.inf))
        change = 0.0
        if gap >= 0 and not jumped and not self._exact:
            missing, gap = self._stays(np.array(stamps), missing)
            number = np.arange(n) + np.cumsum(missing)
            mean = float((np.array(stamps) - self._due - self.period * number).mean())
            due = self._due + self.period * (int(number[-1]) + 1) + min(0.3, 0.05 * n) * mean
            change = 0.01 * mean / n
        shown = (n - gap) * period > _SHOWN_S
        doubtful = gap >= 0
        if gap >= 0 and self._exact:
            few = _SMALL_READS if missing[gap] * period < _SMALL_S else 1
            doubtful = gap >= starts[-few:][0]
        return Judgement(missing, doubtful and not shown, jumped, (due, change, rough))

    def _stays(
        self, stamps: Floats, missing: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], int]:
        """Leave of `missing` what each later stamp is late by, too; with it, where the last is.

        A busy sender may be late several times before it has caught up.
        """
        off = stamps - (self._due + self.period * np.arange(stamps.size))
        least = np.minimum.accumulate(off[::-1])[::-1] / (self._unit * self.period)
        most = self._unit * np.maximum(np.round(least), 0.0).astype(np.int64)
        left = np.diff(np.minimum(np.cumsum(missing), most), prepend=0)
        where = np.flatnonzero(left)
        return left, int(where[-1]) if where.size else -1

    def few(self, stamps: list[float]) -> bool:
        """Take a few stamps that are all in line, as `judge` and `keep` do; False where not."""
        period, due, n = self.period, self._due, len(stamps)
        off = [s - (due + period * k) for k, s in enumerate(stamps)]
        largest = max(max(off), -min(off))
        if not self.regular or largest >= 0.5 * self._unit * period:
            return False
        mean = sum(off) / n
        self._due = due + period * n + min(0.3, 0.05 * n) * mean
        self.period += 0.01 * mean / n
        self._rough += (min(largest / (self._unit * period), 1.0) - self._rough) * 0.02
        return True

    def keep(self, judged: Judgement) -> None:
        """Go on from what was judged."""
        self._due, change, rough = judged._after
        self.period += change
        self._rough += (min(rough, 1.0) - self._rough) * (0.02 if rough < math.inf else 1.0)
