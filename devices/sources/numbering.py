"""Which number each sample of a run has, judged by counter, arrival and the samples after it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_EARLY_SHARE = 0.1  # share of a gap by which the rate may be another than the one in use
_IN_LINE = 3  # samples in a row, beside those of one packet, that are no chance
#: Counter value of a sample that came without one.
NO_VALUE = -1

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Counter:
    """How a package counter counts, in samples.

    Attributes
    ----------
    turn : int
        In which it goes round.
    share : int
        That share one value.
    wait : int
        For which one that is missing is waited for.
    early, fit : float
        By which one may be early, and by which it is late where the host is not busy.
    """

    turn: int
    share: int
    wait: int
    early: float
    fit: float


class Place(NamedTuple):
    """Where the count stands after a sample.

    Attributes
    ----------
    number : int
        Number of the newest sample.
    value : int
        Counter value that it should have had.
    raw : int
        Value it really had, or the newest one that had any.
    still : bool
        Whether the counter stands still.
    hole : bool
        Whether a hole in time has no sample behind it yet.
    """

    number: int
    value: int
    raw: int
    still: bool = False
    hole: bool = False


class Run:
    """One attempt to number samples: state is `Place`, and what was found about each sample."""

    def __init__(
        self,
        counter: Counter,
        known: Callable[[int], Samples | None],
        values: list[int],
        data: Samples,
        newest: list[float],
        holes: set[int],
        start: Place,
        *,
        last: bool,
    ) -> None:
        """Begin where the count stands.

        Parameters
        ----------
        counter : Counter
        known : callable
            Returns the sample of a number before the run, None where there is none.
        values : list of int
            Counter values (`PacketCounter.values`), or `NO_VALUE`.
        data : float32 [shape=(n_samples, n_channels)]
        newest : list of float
            How many samples had been taken when each arrived, from `start` on.
        holes : set of int
            Those that come after a hole in time.
        start : Place
        last : bool
            Whether no more will come.
        """
        self._counter, self._turn, self._wait = counter, counter.turn, counter.wait
        self._known = known
        self._far = counter.wait + counter.share  # numbers by which a sample may come late
        self._values, self._data, self._holes, self._last = values, data, holes, last
        #: Number of the newest sample that had been taken when each arrived.
        self._newest = [start.number + age for age in newest]
        self.numbers = [-1] * len(values)  #: -1 where a sample is left out
        self.places = [start]  #: before each sample, and after the last
        self.repeats: list[int] = []
        self.unsure: list[int] = []  #: those that stand where their arrival puts them
        self.behind: set[int] = set()  #: the first samples behind holes
        self._missing: dict[int, int] = {}  # number: the sample that went ahead of it
        self._fills: list[tuple[int, int]] = []  # that sample, and the late one
        self._index: dict[int, int] = {}  # number: sample
        self._open = len(values)
        self._ahead_of = 0.0  # samples by which those that are in line came early: a higher rate

    def through(self) -> None:
        """Judge every sample."""
        while (i := len(self.places) - 1) < len(self._values):
            place = self.places[i]
            if i in self._holes and not place.hole:
                place = place._replace(hole=True)
            value, steps = self._values[i], self._steps(i, place)
            if value == NO_VALUE:
                self._unexplained(i, place)
            elif steps == 1 and not place.hole:
                self._go(i, place, 1, still=place.still and value == place.raw)
                self._hurry(i, place.number + 1)
            elif self._aside(i, place):
                self.places.append(place)
            elif place.still and not place.hole and value in self._next_of(place.raw):
                # It stands still, or goes on from where it stood.
                still = value == place.raw
                self._go(i, place, 1, value=place.value + 1 if still else value, still=still)
            elif self._possible(i, place.number + steps) and not self._old(i, place):
                self._ahead(i, place, steps)
            else:
                self._unexplained(i, place)

    def ready(self) -> int:
        """Return how many samples no later one can change any more."""
        n, repeats, newest = len(self._values), self.repeats, self.places[-1].number
        waits = [
            k
            for number, k in self._missing.items()
            if newest - number <= self._far
            and n - 1 - k - (len(repeats) - bisect_left(repeats, k)) < self._wait
        ]
        ready = min([self._open, *waits])
        for k, late in reversed(sorted(self._fills)):
            if k < ready <= late:
                ready = k
        return ready

    def _steps(self, i: int, place: Place) -> int:
        """From the count to the value of a sample, forward, less whole turns."""
        return (self._values[i] - place.value - 1) % self._turn + 1

    def _hurry(self, i: int, number: int) -> None:
        """Take it that the rate is higher where samples that are in line come before they can."""
        values, row = self._values, self._counter.share + _IN_LINE
        if i >= row and all((values[i] - values[i - k]) % self._turn == k for k in range(row)):
            self._ahead_of = max(self._ahead_of, number - self._newest[i])

    def _next_of(self, raw: int) -> tuple[int, int]:
        return raw, (raw + 1) % self._turn

    def _possible(self, i: int, number: int) -> bool:
        """Whether a sample of this number had been taken when sample `i` arrived."""
        return number <= self._newest[i] + self._ahead_of + self._early(i)

    def _early(self, i: int) -> float:
        """By how many samples one may be early: by more after a gap, over which a rate counts."""
        gap = self._newest[i] - self.places[-1].number
        return self._counter.early + _EARLY_SHARE * max(gap, 0.0)

    def _late(self, i: int, number: int) -> float:
        """By how many samples it came late, less whole turns, if it has this number."""
        early = self._early(i)
        return (self._newest[i] + self._ahead_of - number + early) % self._turn - early

    def _fits(self, i: int, number: int) -> bool:
        """Whether a sample of this number would have arrived when sample `i` did."""
        return self._possible(i, number) and self._late(i, number) <= self._counter.fit

    def _go(
        self, i: int, place: Place, steps: int, *, value: int = -1, still: bool = False
    ) -> None:
        number, raw = place.number + steps, self._values[i]
        for gone in range(max(place.number + 1, number - self._far), number):
            self._missing[gone] = i
        if place.hole:
            self.behind.add(i)
        self.numbers[i] = number
        self._index[number] = i
        value = raw if value < 0 else value % self._turn
        if raw == NO_VALUE:
            raw, still = place.raw, place.still
        self.places.append(Place(number, value, raw, still))

    def _aside(self, i: int, place: Place) -> bool:
        """Whether a sample is late, or comes a second time; it is noted as such."""
        number = self._back(i, place)
        if number is None:
            return False
        if number not in self._missing:
            self.repeats.append(i)
            return True
        self._fills.append((self._missing.pop(number), i))
        self.numbers[i] = number
        self._index[number] = i
        return True

    def _back(self, i: int, place: Place) -> int | None:
        """Return the number that is missing or comes a second time, if a sample is such a one."""
        if self._values[i] == NO_VALUE:
            return None
        steps = self._steps(i, place)
        number = place.number + steps - self._turn
        if number in self._missing and steps >= self._turn - self._far:
            return None if place.hole and self._fits(i, place.number + steps) else number
        return number if 2 * steps >= self._turn and self._repeats(i, number) else None

    def _sample(self, number: int) -> Samples | None:
        k = self._index.get(number)
        return self._known(number) if k is None else self._data[k]

    def _repeats(self, i: int, number: int) -> bool:
        """Whether a sample says what that of `number` said, in half of what moved there at least.

        Electrodes that do not move say nothing; half is what a row has that is put together from
        an old half and a new one.
        """
        old = self._sample(number)
        if old is None:
            return False
        other = self._sample(number - 1)
        other = self._sample(number + 1) if other is None else other
        said = _bits(old)
        moved = said != _bits(other) if other is not None else np.ones(said.size, dtype=bool)
        n = int(np.count_nonzero(moved))
        again = (said == _bits(self._data[i])) & moved
        return 0 < n <= 2 * int(np.count_nonzero(again))

    def _same(self, i: int, j: int) -> bool:
        return bool(np.array_equal(_bits(self._data[i]), _bits(self._data[j])))

    def _window(self, i: int) -> range:
        """Those after it that it is judged by, of other packets."""
        share = self._counter.share
        first = i + share - self._values[i] % share
        return range(first, min(i + 1 + self._wait, len(self._values)))

    def _wait_for_more(self, i: int) -> None:
        """Leave the sample open until all that it is judged by has come."""
        if not self._last and i + 1 + self._wait > len(self._values):
            self._open = min(self._open, i)

    def _old(self, i: int, place: Place) -> bool:
        """Whether a value is the one before it, of a counter that stands still."""
        values = self._values
        if values[i] != place.raw:
            return False
        return i + 1 < len(values) and values[i + 1] == values[i] and not self._same(i, i + 1)

    def _ahead(self, i: int, place: Place, steps: int) -> None:
        """Go ahead to the value of a sample, unless those after it show that it is damaged."""
        j, damaged = self._damaged(i, place, steps)
        if not damaged:
            self._go(i, place, steps)
        elif room := self._steps(j, place) - 1:
            # What stands between them belongs to its packet.
            self._put(i, place, j, max(place.number + 1, place.number + room - (j - i - 1)))
        else:  # it stands nowhere
            self.places.append(place)

    def _put(self, i: int, place: Place, j: int, most: int) -> None:
        """Put a sample where its arrival says, before `j` and not after the number `most`."""
        least, share = place.number + 1, self._counter.share
        end = place.number + self._steps(j, place)
        number = end - round(self._newest[j] - self._newest[i]) + share // 2
        number -= (number - end - self._values[i] + self._values[j]) % share
        number = max(least, min(number, most))
        if most > least:
            self.unsure.append(i)
        steps = number - place.number
        self._go(i, place, steps, value=place.value + steps)

    def _damaged(self, i: int, place: Place, steps: int) -> tuple[int, bool]:
        """Whether a value that may go ahead is wrong, and by which sample after it that shows.

        Right is one that those after it go on from and that lies between those around it, or one
        that agrees with the time at which it arrived.
        """
        values, number, window = self._values, place.number + steps, self._window(i)
        fits = self._fits(i, number)
        again = [
            j
            for j in window
            if values[j] == values[i]
            and not self._possible(j, number + self._turn)  # else the counter went round
            and not self._same(i, j)
        ]
        for j in window:
            same = values[j] == values[i]
            if (
                values[j] == NO_VALUE
                or (same and self._same(i, j))
                or (not same and self._back(j, place) is not None)
            ):
                continue
            here = self._steps(j, place)
            on = (values[j] - values[i] - 1) % self._turn + 1
            after = self._possible(j, number + on)
            without = self._possible(j, place.number + here)
            if not (after or without):
                continue
            if same and len(again) > 1:
                return j, False  # it stands still there
            if not without:
                return j, False
            if after and here == steps + on:
                return j, on > self._counter.fit and not fits and self._fits(j, number + on)
            if after:
                return j, not fits
            if here < steps <= here + self._far:  # it was overtaken, or what went ahead is damaged
                self._wait_for_more(i)
                return j, bool(again)
            return j, True
        self._wait_for_more(i)
        return i, False

    def _unexplained(self, i: int, place: Place) -> None:
        """Judge samples of impossible values or none, no repeats, by the first one after them."""
        values, n = self._values, len(self._values)
        run, j = [i], i + 1
        while j < n and j not in self._holes and j <= i + self._wait:
            if self._aside(j, place):
                j += 1
                continue
            steps = self._steps(j, place)
            known = values[j] not in (NO_VALUE, values[run[-1]])
            if known and self._possible(j, place.number + steps):
                break
            run.append(j)
            j += 1
        found = j < n and j not in self._holes and j <= i + self._wait
        if not found:
            j = min(j, i + self._wait)
        room = self._steps(j, place) - 1 if found else len(run)
        if not found and j == n:
            self._wait_for_more(i)
        alike = len({values[k] for k in run}) == 1
        moved = [(values[k] - values[i]) % self._turn for k in run]
        line = not found and len(run) > self._counter.share and moved == [*range(len(run))]
        line = line and values[i] != NO_VALUE
        for k in range(i, j):
            if k not in run:
                self.places.append(self.places[-1] if k > i else place)
                continue
            if room == 0:
                if self._again(k, place):
                    self.repeats.append(k)
                self.places.append(place)
            elif found:
                left = sum(one > k for one in run)
                self._put(k, place, j, max(place.number + 1, place.number + room - left))
                room -= self.places[-1].number - place.number
            else:
                value = values[k] if line else place.value + 1
                self._go(k, place, 1, value=value, still=alike and len(run) > 1)
            place = self.places[-1]

    def _again(self, i: int, place: Place) -> bool:
        known = self._sample(place.number - self._turn + self._steps(i, place))
        return (
            self._values[i] != NO_VALUE
            and known is not None
            and bool(np.array_equal(_bits(known), _bits(self._data[i])))
        )


def _bits(sample: Samples) -> npt.NDArray[np.int32]:
    """Values that can be compared also where they are no numbers."""
    return np.ascontiguousarray(sample).view(np.int32)
