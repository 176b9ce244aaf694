"""How many samples were lost: from the package counter and from time together."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_LATE_PACKETS = 3  # packets by which one may come late, or a second time
_FEW = 8  # samples that may be lost in a row without a hole in time
_EARLY = 0.020  # s: no sample comes earlier than the clock's line by more than this


@dataclass
class Order:
    """Which samples of a stretch are kept, in the order of their counter.

    `duplicated` of them came a second time; `open` says that later samples may show whether the
    last ones are late, came twice, or have a counter that stands still.
    """

    kept: list[int] = field(default_factory=list)
    duplicated: int = 0
    open: bool = False


def put_in_order(
    values: list[int],
    count: int,
    modulus: int,
    *,
    last: int = -1,
    share: int = 1,
    stale: bool = False,
) -> Order:
    """Put samples that came late back into place, and leave out those that came twice.

    What repeats an old value is judged by the first sample after it. If the counter goes on from
    before, it came late, where it was missing, or twice. If the counter goes on as if it had
    counted it, only its value is wrong; or the rest of the row is as old (`stale`), and it is left
    out as lost.

    Parameters
    ----------
    values : list of int
        Counter values that go up by one a sample.
    count : int
        Value that the one before the first should have had.
    modulus : int
        Where they wrap.
    last : int
        Value that it really had.
    share : int
        Samples that come together.
    stale : bool
        Whether a repeated value is a row that was sent again where another was lost.
    """
    order, longest = Order(), _LATE_PACKETS * share
    numbers: list[int] = []
    skipped: set[int] = set()
    now, i, n = count, 0, len(values)

    def ahead_of(k: int) -> int:
        """How far value `k` is ahead; 0 where it repeats an old one."""
        ahead = (values[k] - now) % modulus
        repeated = values[k] == (values[k - 1] if k else last)
        return 0 if repeated or ahead > modulus // 2 else ahead

    while i < n:
        ahead = ahead_of(i)
        if ahead:
            if ahead > 1 and i + 1 < n and ahead_of(i + 1) == 2:
                ahead = 1  # a damaged value: the next one is in line
            skipped.update(range(now + 1, now + ahead))
            now += ahead
            order.kept.append(i)
            numbers.append(now)
            i += 1
            continue
        end = i
        while end < n and not ahead_of(end):
            end += 1
        ahead = ahead_of(end) if end < n else 0
        if ahead == 1 and end - i <= longest:
            for k in range(i, end):
                number = now - (now - values[k]) % modulus
                if number in skipped:
                    skipped.remove(number)
                    at = bisect(numbers, number)
                    numbers.insert(at, number)
                    order.kept.insert(at, k)
                else:
                    order.duplicated += 1
        elif not (stale and ahead == end - i + 1):
            order.kept += range(i, end)
            numbers += range(now + 1, now + end - i + 1)
            now += end - i
        order.open = end == n
        i = end
    order.open = order.open or any(number > now - longest for number in skipped)
    return order


class LossCounter:
    """Counts lost samples from a package counter and from time.

    A counter alone is blind to whole wraps (256 lost packets read as none), time alone cannot
    tell a lost sample from a late one; together they can. Wraps are judged by the least late
    of what came after a hole, because the others may have been held up in the host.
    """

    def __init__(self, sfreq: float, *, modulus: int, step: int = 1, share: int = 1) -> None:
        """`modulus` and `step` of the counter, samples that `share` one."""
        self._period = 1.0 / sfreq
        self._step, self._share = step, share
        self._modulus = modulus // step * share
        self._count = -1  # counter value that the last sample should have had
        self._raw = -1  # value it really had
        self._still = False  # whether the last value was that of the sample before
        self._packet, self._place = -1, 0
        self._last = np.nan  # its arrival
        # A hole in time is one in which the counter may have wrapped, or the device itself have
        # stood still.
        self._hole = min(0.5 * self._period * self._modulus, 0.25)

    def _jumps(self, arrivals: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        jumps = np.empty_like(arrivals)  # as np.diff(prepend=...), at a fifth of its cost a read
        jumps[0] = 0.0 if np.isnan(self._last) else arrivals[0] - self._last
        np.subtract(arrivals[1:], arrivals[:-1], out=jumps[1:])
        return jumps

    def hole(
        self, arrivals: npt.NDArray[np.float64], before: npt.NDArray[np.float64] | None = None
    ) -> int | None:
        """Return which of `arrivals` comes after a hole in time.

        They are the next to be counted, or follow `before`, which are.
        """
        jumps = self._jumps(arrivals)
        if before is not None:
            jumps[0] = arrivals[0] - before[-1]
        holes = np.flatnonzero(jumps > self._hole)
        return int(holes[-1]) if holes.size else None

    def settled(
        self,
        arrivals: npt.NDArray[np.float64],
        values: npt.NDArray[np.int64],
        *,
        due: float,
        period: float,
    ) -> bool:
        """Whether the next samples, behind a hole, are as late as whole wraps make them.

        Parameters as those of `missing`. Else they are late in the host, or the device paused.
        """
        late = arrivals - (due + period * np.arange(arrivals.size))
        holes = np.flatnonzero(self._jumps(arrivals) > self._hole)
        least = float(self._least(values, late, holes, period)[0][holes[-1]])
        wrap = self._modulus * period
        return -_EARLY <= least - max(0, round(least / wrap)) * wrap <= 2 * _EARLY

    def missing(
        self,
        arrivals: npt.NDArray[np.float64],
        values: npt.NDArray[np.int64],
        *,
        due: float | None = None,
        period: float | None = None,
    ) -> npt.NDArray[np.int64]:
        """Count the samples lost before each of those that arrived.

        Parameters
        ----------
        arrivals : float64 [shape=(n_samples,)]
            When each was seen, s.
        values : int64 [shape=(n_samples,)]
            Counter values that go up by one a sample (`values`).
        due : float or None
            When the first was due if none was lost (`SampleClock.due`); None at the start.
        period : float or None
            Seconds per sample as fitted so far (`SampleClock.period`).
        """
        lost = np.zeros(arrivals.size, dtype=np.int64)
        period = self._period if period is None else period
        first = due is None or not np.isfinite(self._last)
        start = float(arrivals[0]) if due is None else due
        jumps = self._jumps(arrivals)
        self._last = float(arrivals[-1])
        late = arrivals - (start + period * np.arange(arrivals.size))
        if first:
            self._count = self._raw = int(values[0]) - 1
        holes = np.flatnonzero(jumps > self._hole)
        expected = (self._count + 1 + np.arange(values.size)) % self._modulus
        if holes.size == 0 and np.array_equal(values, expected):
            self._count = self._raw = int(values[-1])
            return lost
        self._by_counter(lost, values, late, holes, period)
        return lost

    def values(self, counters: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Counter values that go up by one a sample; to be asked once for each sample, in order."""
        if self._share == 1:
            return np.asarray(counters // self._step % self._modulus, dtype=np.int64)
        values = np.empty_like(counters)
        for i, packet in enumerate(counters.tolist()):
            self._place = self._place + 1 if packet == self._packet else 0
            self._packet = packet
            values[i] = packet // self._step * self._share + min(self._place, self._share - 1)
        return values % self._modulus

    def in_line(self, values: npt.NDArray[np.int64]) -> bool:
        """Whether `values` are just those that come next."""
        first = self._count + 1 if self._raw >= 0 else int(values[0])
        return bool(np.array_equal(values, (first + np.arange(values.size)) % self._modulus))

    def few(self, arrivals: list[float], counters: list[int]) -> bool:
        """Take a few samples that are just those that come next, without a hole; False if not."""
        modulus = self._modulus
        if self._share > 1 or self._raw < 0 or not self._last <= arrivals[0]:
            return False
        before, value = self._last, self._raw
        if value != self._count:
            return False
        for arrival, counter in zip(arrivals, counters, strict=True):
            value = (value + 1) % modulus
            if arrival - before > self._hole or counter // self._step % modulus != value:
                return False
            before = arrival
        self._last, self._count, self._raw = before, value, value
        return True

    def ordered(self, values: npt.NDArray[np.int64], arrivals: npt.NDArray[np.float64]) -> Order:
        """Put the next samples in order (`put_in_order`); over a hole in time nothing is known."""
        holes = np.flatnonzero(self._jumps(arrivals) > self._hole).tolist()
        whole = Order()
        for first, end in zip([0, *holes], [*holes, values.size], strict=True):
            if end == first:
                continue
            known = first == 0 and 0 not in holes and self._raw >= 0
            count = self._count if known else int(values[first]) - 1
            part = put_in_order(
                values[first:end].tolist(),
                count,
                self._modulus,
                last=self._raw if known else -1,
                share=self._share,
                stale=self._step > 1 and self._share == 1,
            )
            whole.kept += [first + k for k in part.kept]
            whole.duplicated += part.duplicated
            whole.open = part.open
        return whole

    def _by_counter(
        self,
        lost: npt.NDArray[np.int64],
        values: npt.NDArray[np.int64],
        late: npt.NDArray[np.float64],
        holes: npt.NDArray[np.int64],
        period: float,
    ) -> None:
        modulus, n = self._modulus, values.size
        least, counted = self._least(values, late, holes, period)
        for j in range(n):
            value = int(values[j])
            still = value == self._raw and not (j in holes and self._goes_on(values, j))
            raw = 0 if still else (value - self._count - 1) % modulus
            later = holes[holes > j]
            end = int(later[0]) - 1 if later.size else n - 1
            behind = float(late[end]) - period * int(lost.sum())
            count = (self._count + 1) % modulus if still else value
            if raw and self._still and (value - self._raw) % modulus == 1:
                raw = 0  # it stood still, and goes on from there
            if raw:
                follows = j + 1 < n and (int(values[j + 1]) - self._count - 2) % modulus == 0
                # Behind a line that began with a held-up start, time cannot contradict the counter.
                if follows or -_EARLY < behind < raw * period - _EARLY:
                    # The next one is in line, or so much cannot have been lost in the time: the
                    # counter itself is damaged, unless it goes on from the new value.
                    raw = 0
                    if follows or (value - self._raw) % modulus != 1:
                        count = (self._count + 1) % modulus
            self._count, self._raw, self._still = count, value, still
            lost[j] = raw
            if j in holes:
                behind = float(least[j]) + int(counted[j] - lost.sum()) * period
                lost[j] += self._wraps(behind, period)

    def _least(
        self,
        values: npt.NDArray[np.int64],
        late: npt.NDArray[np.float64],
        holes: npt.NDArray[np.int64],
        period: float,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """By how much each sample and all after it are late beyond what the counter shows, s.

        A host holds samples up for a while; what was lost, or a pause of the device, stays. With
        it, the samples up to each that the counter shows as lost.
        """
        modulus = self._modulus
        before = values[0] - 1 if self._raw < 0 else self._count
        ahead = np.diff(values, prepend=before)
        steps = (ahead + modulus // 2) % modulus - modulus // 2
        steps[steps == 0] = 1  # a counter that stands still
        for j in holes.tolist():
            k = j  # behind a half of a Daisy's row, which has the old value, is the one to go by
            if values[j] == (values[j - 1] if j else self._raw) and not self._goes_on(values, j):
                k = min(j + 1, values.size - 1)
            steps[k] = (ahead[k] - 1) % modulus + 1
        counted = np.cumsum(steps - 1)
        true = late - period * counted
        # A damaged value is followed, or was preceded, by a step back.
        true[(steps < 0) | np.append(steps[1:] < 0, False)] = np.inf
        return np.minimum.accumulate(true[::-1])[::-1], counted

    def _goes_on(self, values: npt.NDArray[np.int64], j: int) -> bool:
        """Whether the counter goes on from value `j`, but for a few that were lost."""
        return j + 1 == values.size or 0 < (values[j + 1] - values[j]) % self._modulus <= _FEW

    def _wraps(self, behind: float, period: float) -> int:
        """Count what was lost beyond what the counter shows, at a hole in time."""
        wrap = self._modulus * period
        if not np.isfinite(behind):
            return 0
        wraps = max(0, round(behind / wrap))
        rest = behind - wraps * wrap
        if -_EARLY <= rest <= 2 * _EARLY:
            return wraps * self._modulus
        # No number of wraps fits: the device itself paused, and its counter with it.
        return max(0, round(behind / period))
