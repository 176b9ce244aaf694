"""The one clock of the program, and how the times of other clocks are brought onto it.

The clock is ``time.perf_counter()``: the same for all processes of a computer, and on Linux
equal to ``pylsl.local_clock()``. Where a system lets the two differ, the LSL inlet measures the
difference once with `bracket` and converts; so `now` never depends on liblsl being loaded.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from devices.envelope import KEPT_S, Point, QuickReads, lower_line, no_stairs

Clock = Callable[[], float]

_SET = 1e-3  # s: a larger change of wall minus clock than this is somebody setting the wall clock
_ENVELOPE = 60  # seconds of earliest arrivals the line is fitted to
_SETTLE = 8.0  # s of history at which a fitted rate counts half, the nominal one half
_LATE = 0.010  # s: arrivals that all stay later than this for a second mean a device that paused
_FINE, _YOUTH = 8, 4.0  # bins of a second while the line is younger than so many seconds
# s by which a wrong rate must show before it is taken for one: the stated, one that stamps showed.
_TOLD, _TOLD_AGAIN = 0.012, 0.030
_MEASURED = 2.0  # s of history after which the rate is known well enough to be told
_FEW = 48  # samples of one read up to which plain numbers are quicker than arrays
_JUMP = 0.020  # s: an error larger than this is not slewed away
_SLEW, _SLEW_YOUNG, _YOUNG = 0.002, 0.05, 10.0  # s per s; the quicker one in the first seconds


now: Clock = time.perf_counter  #: seconds of the program's clock (the LSL clock)


def bracket(other: Clock, *, clock: Clock = now, tries: int = 3) -> tuple[float, float]:
    """Measure how far another clock is ahead of ours.

    Returns
    -------
    offset : float
        `other` minus `clock`, s, from the narrowest of `tries` readings.
    width : float
        Time between the two readings of `clock` around it, s: the largest possible error.
    """
    best_offset, best_width = 0.0, np.inf
    for _ in range(tries):
        before = clock()
        reading = other()
        after = clock()
        if after - before < best_width:
            best_offset, best_width = reading - (before + after) / 2, after - before
    return best_offset, best_width


class WallBracket:
    """Converts wall-clock stamps (BrainFlow's) to our clock, also over a wall clock that is set."""

    def __init__(self, *, wall: Clock = time.time, clock: Clock = now) -> None:
        self._wall, self._clock = wall, clock
        self._offset, _ = bracket(wall, clock=clock)
        self._before = self._offset

    def update(self) -> float | None:
        """Measure again; return by how many seconds the wall clock was set since, or None.

        A process that is preempted inside the bracket reads wrong by at most the width, so only
        a change over 1 ms *and* beyond that width is a clock that was set.
        """
        offset, width = bracket(self._wall, clock=self._clock)
        step = offset - self._offset
        if abs(step) > _SET + width:
            self._before, self._offset = self._offset, offset
            return step
        if width < _SET / 10:
            if self._before == self._offset:
                self._before = offset
            self._offset = offset
        return None

    def convert(
        self, stamps: npt.NDArray[np.float64], *, since: float, until: float
    ) -> npt.NDArray[np.float64]:
        """Return times on our clock of wall stamps taken between `since` and `until` (our clock).

        Right after the wall clock was set, a read holds stamps from before and after; each is
        converted with the offset that puts it into the interval.
        """
        times = stamps - self._offset
        if self._before != self._offset:
            other = stamps - self._before
            wrong = np.maximum(since - times, times - until)
            wrong_other = np.maximum(since - other, other - until)
            times = np.where((wrong > _SET) & (wrong_other < wrong), other, times)
        return np.minimum(times, until)


class SampleClock:
    """Gives sample numbers their times, from arrivals that are never early and often late.

    Delays are one-sided, so the line runs below the earliest arrival of each of the last 60
    seconds; numbers count lost samples too, so that a gap bends nothing. An earlier arrival
    moves the line at once. The stamps follow it by slewing and never go back.
    """

    def __init__(self, sfreq: float) -> None:
        self._prior = self.period = 1.0 / sfreq
        self._per_second = max(1, round(sfreq))
        self._measured = False  # whether the period is more than a promise
        self._shown = False  # whether stamps showed it, better than some seconds of arrivals can
        self._own = False  # whether the arrivals alone have shown it, against what was promised
        self._began: int | None = None  # number at which the line, or its latest restart, began
        self.step = 0  #: samples that may be lost at once and not be counted; 0 where none are
        self._next = 0  # number of the next sample
        self._origin = 0.0  # time of sample 0 on the line
        self._points: list[Point] = []
        self.reads = QuickReads(_FINE)  #: for when the arrivals cannot be true
        self._lead = 0.0  # stamps minus line, s; slewed to zero
        self._last = -np.inf  # last stamp
        self._late: tuple[float, float, float, float] | None = None  # start, first, least, newest
        self._early = (-math.inf, -math.inf)  # s: first and last arrival of those that came early

    @property
    def due(self) -> float | None:
        """When the next sample is due if none is lost; None before the first."""
        return None if self._began is None else self._origin + self.period * self._next

    @property
    def rate(self) -> float | None:
        """Measured rate, Hz; None until it is known."""
        return 1.0 / self.period if self._measured else None

    @property
    def young(self) -> bool:
        """Whether the line is too short yet for small things to mean much."""
        return self._began is None or self._next - self._began < _YOUTH * self._per_second

    def expect(self, sfreq: float, *, measured: bool) -> None:
        """Go on with this rate, Hz, which was `measured` and is not only likely."""
        self._prior = self.period = 1.0 / sfreq
        self._per_second = max(1, round(sfreq))
        self._measured = self._shown = measured

    def restart(self, lag: float, most: float = KEPT_S, slows: float = 0.0) -> None:
        """Go on with the times at which samples were seen in the last `most` s, less `lag` s each.

        The times that were given until now do not count any more. If they fell behind by `slows`
        s per s, the rate is as much lower, and that of longer ago shows it too.
        """
        if self._began is not None:
            self.reads.leave_since(KEPT_S if slows else most)
            self._points = [(b, x, y - lag) for b, x, y in self.reads.points]
            self._began, self._late = self._points[0][1] if self._points else self._next, None
            self._shown = self._own = False
            self._prior = self.period / (1.0 - slows)
            self._turn(self._prior)
            self._fit()

    def lay(self, period: float, ahead: int, time: float) -> None:
        """Go on with a line of another `period`, s, that arrivals have shown.

        On it the sample that is `ahead` from the next one on was taken at `time`, s.
        """
        if self._began is not None:
            before = self._origin + self.period * self._next
            self.expect(1.0 / period, measured=False)
            self._origin = time - period * (self._next + ahead)
            self._lead += before - (self._origin + period * self._next)
            self._points, self.reads.points, self._late = [], [], None
            self._began, self._own = self._next, False

    def change(self, sfreq: float, line: Sequence[tuple[int, float]] = ()) -> None:
        """Go on with another rate, Hz, that stamps have shown: the source has changed it.

        `line` are numbers and times (s) of samples that have that rate already, where it is known.
        """
        bins = _FINE / max(1, round(sfreq))
        new = [(math.floor(x * bins), x, y) for x, y in line]
        self._points, self._late = new or self._points[-2:], None
        self.reads.points = self.reads.points[-_FINE:]
        self._turn(1.0 / sfreq)
        self.expect(sfreq, measured=True)

    def behind(self, seen: float, ahead: int) -> float:
        """By how much a read was later than the quickest of the last seconds, s.

        `seen` is when it returned, `ahead` the number of its last sample from the next one on.
        Whatever is said of the samples' times, this is what arrival says; infinite where nothing
        is known.
        """
        return self.reads.behind(seen, self._next + ahead, self.period)

    def forget(self) -> None:
        """Keep rate and line, but fit no more to what arrived until now, which was miscounted."""
        self._points.clear()

    @property
    def residual(self) -> float:
        """Spread of the earliest arrivals of each second about the line, s: the timing quality."""
        if len(self._points) < 2:
            return 0.0
        return float(np.std([y - self._origin - self.period * x for _, x, y in self._points]))

    @property
    def overdue(self) -> float:
        """By how much everything was late for a whole second, s; 0 where some arrival was not.

        A busy host is late now and then; a device that paused stays late, by the same amount.
        Lateness that grows is a wrong nominal rate, which the fit finds by itself, and such as
        falls is made up for.
        """
        if self._late is None or self.young:
            return 0.0
        start, first, least, newest = self._late
        last = self._origin + self.period * self._next
        short = last + newest - start < 1.0
        falling = first - newest > max(_LATE, first / 50)
        return 0.0 if short or falling or self._growing(first, newest) else least

    def stamps(
        self,
        arrivals: npt.NDArray[np.float64],
        missing: npt.NDArray[np.int64],
        seen: float | None = None,
    ) -> npt.NDArray[np.float64]:
        """Return the times of the next samples.

        Parameters
        ----------
        arrivals : float64 [shape=(n_samples,)]
            When each was seen, s; `n_samples` at least 1.
        missing : int64 [shape=(n_samples,)]
            Samples lost before each.
        seen : float or None
            When the read that held the last one returned, s, where arrivals are said by others.

        Returns
        -------
        float64 [shape=(n_samples,)]
            Strictly increasing, also from call to call.
        """
        if self._began is not None and arrivals.size <= _FEW and not missing.any():
            return np.array(self.few(arrivals.tolist(), seen))
        number = self._next + np.arange(arrivals.size) + np.cumsum(missing)
        if self._began is None:
            self._began = 0
            self._origin = float(np.min(arrivals - self.period * number))
        self._next = int(number[-1]) + 1
        late = arrivals - (self._origin + self.period * number)
        earliest = float(late.min())
        if earliest < 0:
            self._origin += earliest
            self._lead -= earliest
            late = late - earliest
            if earliest < -_JUMP:
                self._came_early(float(arrivals[0]))
        self._keep(number, arrivals, late)
        if seen is not None:
            self.reads.keep(self._next - 1, seen, self.period, self._per_second)
        self._watch_lateness(float(arrivals[0]), float(late.min()))
        return self._slewed(number, missing)

    def few(self, arrivals: list[float], seen: float | None) -> list[float]:
        """Do what `stamps` does for a few samples that are not the first, of which none is missing.

        To the last bit, at a third of the cost: for five numbers, a call of numpy's costs more
        than they do.
        """
        first, period, n = self._next, self.period, len(arrivals)
        self._next = first + n
        origin = self._origin
        late = [y - (origin + period * x) for x, y in enumerate(arrivals, first)]
        earliest = min(late)
        if earliest < 0:
            self._origin += earliest
            self._lead -= earliest
            late = [one - earliest for one in late]
            if earliest < -_JUMP:
                self._came_early(arrivals[0])
        self._keep_few(first, arrivals, late)
        if seen is not None:
            self.reads.keep(self._next - 1, seen, self.period, self._per_second)
        self._watch_lateness(arrivals[0], min(late))
        lead, sign, shrink = self._leading()
        period, origin, last = self.period, self._origin, self._last
        times = []
        lead, tenth, highest = abs(lead), 0.1 * period, -math.inf
        for k in range(n):  # without max, whose calls cost more than all the sums
            when, left = origin + period * (first + k), lead - shrink * (k + 1)
            if left > 0.0:
                when += sign * left
            floor, ramp = last + tenth * (k + 1), tenth * k
            high = (when if when > floor else floor) - ramp
            if high > highest:
                highest = high
            high = highest + ramp
            times.append(high if high > floor else floor)
        self._last = times[-1]
        self._lead = self._last - (origin + period * (self._next - 1))
        return times

    def _came_early(self, arrived: float) -> None:
        """Forget what came before: counted wrong or held up, it would drag the line back.

        What comes early again and again comes at another rate, and shows it.
        """
        if arrived - self._early[1] > 1.0:
            self._early, self._began = (arrived, arrived), self._next
        self._early = (self._early[0], arrived)
        self._points = [p for p in self._points if p[2] >= self._early[0]]

    def _keep_few(self, first: int, arrivals: list[float], late: list[float]) -> None:
        """Keep the earliest arrivals, as `_keep` does."""
        whole = 1 if self.young else _FINE
        ends = [(first + k) * _FINE // self._per_second // whole for k in (0, len(late) - 1)]
        if ends[0] == ends[1]:
            k = late.index(min(late))
            self._keep_point((ends[0] * whole, first + k, arrivals[k]))
            return
        best: dict[int, int] = {}
        for k, value in enumerate(late):
            one = (first + k) * _FINE // self._per_second
            one -= one % whole
            if one not in best or value < late[best[one]]:
                best[one] = k
        for one, k in best.items():
            self._keep_point((one, first + k, arrivals[k]))

    def _keep(
        self,
        number: npt.NDArray[np.int64],
        arrivals: npt.NDArray[np.float64],
        late: npt.NDArray[np.float64],
    ) -> None:
        """Keep the earliest arrival of each bin of time; fit anew when one is complete."""
        bins = number * _FINE // self._per_second
        if not self.young:
            bins -= bins % _FINE
        for one in dict.fromkeys(bins.tolist()):
            rows = np.flatnonzero(bins == one)
            best = int(np.argmin(late[rows]))
            self._keep_point((one, int(number[rows][best]), float(arrivals[rows][best])))

    def _keep_point(self, point: Point) -> None:
        one = point[0]
        if self._points and self._points[-1][0] == one:
            _, x, y = self._points[-1]
            if y - self.period * x > point[2] - self.period * point[1]:
                self._points[-1] = point
            return
        self._fit()
        self._points = [p for p in self._points if p[0] > one - _ENVELOPE * _FINE] + [point]

    def _turn(self, period: float) -> None:
        """Lay the line below all points at another period; the stamps slew to it."""
        if self._points:
            before = self._origin + self.period * self._next
            self.period = period
            self._origin = min(y - period * x for _, x, y in self._points)
            self._lead += before - (self._origin + period * self._next)

    def _fit(self) -> None:
        if len(self._points) < 4:
            return
        x = np.array([p[1] for p in self._points], dtype=np.float64)
        y = np.array([p[2] for p in self._points])
        start = x[0]
        slope = lower_line(x - start, y - y[0])
        if not 0.3 < slope / self._prior < 3.0:
            return  # samples that had piled up
        change = slope / self._prior - 1.0
        span = float(x[-1] - start) * self._prior
        weight = 1.0 if self._own else span**4 / (span**4 + _SETTLE**4)
        if abs(change) > 0.002:
            # No quartz is that wrong: either the rate is not the promised one, and then the
            # points lie on a line, or a delay changed, and then the slope means nothing.
            above = y - slope * x
            near = np.sort(above - above.min())[: x.size * 3 // 4 + 1]  # the others were held up
            bent = float(near.mean())
            least = _TOLD_AGAIN if self._shown else _TOLD
            off = abs(change) * span
            even = not self.step or no_stairs(bent, off, self.step * self._prior)
            if x.size >= _FINE and off > max(least, 4 * bent) and even:
                self._prior, self._own, weight = slope, True, 0.0
            else:
                weight, change = 1.0, self.period / self._prior - 1.0
        self._turn(self._prior * (1.0 + weight * change))
        self._measured = self._measured or span > _MEASURED
        if span > 20.0 and weight > 0.9:
            self._prior = self.period

    def _watch_lateness(self, arrived: float, least: float) -> None:
        if least < max(_LATE, 2.5 * self.period):
            self._late = None
        elif self._late is None:
            self._late = (arrived, least, least, least)
        else:
            start, first, lowest, newest = self._late
            if arrived - start > 1.0 and self._growing(first, newest):
                # What began as a little lateness of the host went on as a pause of the device.
                self._late = (arrived, least, least, least)
            else:
                self._late = (start, first, min(lowest, least), least)

    @staticmethod
    def _growing(first: float, newest: float) -> bool:
        return newest - first > max(_LATE, first / 2)

    def _leading(self) -> tuple[float, float, float]:
        """How far the stamps lead the line, s, its sign, and by how much less each sample, s."""
        lead = self._lead
        if lead < -_JUMP or not math.isfinite(self._last):
            lead = 0.0  # forward, and at the start, the line is taken at once
        young = self._next < _YOUNG * self._per_second
        rate = 0.5 if lead > _JUMP else _SLEW_YOUNG if young else _SLEW
        return lead, math.copysign(1.0, lead) if lead else 0.0, rate * self.period

    def _slewed(
        self, number: npt.NDArray[np.int64], missing: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Stamps on the line plus a lead that shrinks, so that they never jump back."""
        line = self._origin + self.period * number
        lead, sign, shrink = self._leading()
        steps = np.arange(1, number.size + 1) + np.cumsum(missing)
        leads = sign * np.maximum(abs(lead) - shrink * steps, 0.0)
        gaps = np.flatnonzero(missing)
        if gaps.size and line[gaps[0]] > self._last + self.period:
            leads[gaps[0] :] = 0.0  # over a gap nobody sees a step
        times: npt.NDArray[np.float64] = line + leads
        # The last guard of "strictly increasing": at least a tenth of a period from row to row.
        floor = self._last + 0.1 * self.period * steps
        ramp = 0.1 * self.period * np.arange(number.size)
        times = np.maximum(np.maximum.accumulate(np.maximum(times, floor) - ramp) + ramp, floor)
        self._lead = float(times[-1] - line[-1])
        self._last = float(times[-1])
        return times
