"""Which number each sample has: what the package counter alone says is lost, late or came twice."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_LATE_S = 0.1  # s of samples, or three packets, that one which is missing is waited for
_LATE_PACKETS = 3
_REMEMBERED = 1024  # numbers of samples that are kept to know one that comes a second time
_NEAR = 3  # samples behind a damaged value among which the counter goes on as if it were right

Samples = npt.NDArray[np.float32]


class Place(NamedTuple):
    """Where the count stands after a sample.

    Attributes
    ----------
    number : int
        Number of the newest sample.
    value : int
        Counter value that it should have had.
    raw : int
        Value it really had.
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


@dataclass
class Order:
    """Numbers of the first samples, those that later ones do not change any more.

    Attributes
    ----------
    ready : int
        How many samples are judged.
    kept : list of int
        Which of them are kept, in the order of their numbers.
    lost : list of int
        Numbers that are missing before each of them.
    holes : list of bool
        Whether one follows a hole in time, over which the counter may have gone round.
    duplicated : int
        Samples that came a second time.
    """

    ready: int
    kept: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    holes: list[bool] = field(default_factory=list)
    duplicated: int = 0


class PacketCounter:
    """Numbers samples by a package counter.

    A sample whose number is missing is late, and one that says again what the sample of its number
    said is a repeat; any other goes ahead. What is missing is waited for a tenth of a second, and
    in this time the samples after it show whether the counter went ahead or was damaged.
    """

    def __init__(self, sfreq: float, *, modulus: int, step: int = 1, share: int = 1) -> None:
        """`modulus` and `step` of the counter, samples that `share` one."""
        self._step, self._share = step, share
        self.modulus = modulus // step * share  #: samples in which the counter goes round
        most = max(self.modulus // 4, 1)
        self._wait = min(max(round(_LATE_S * sfreq), _LATE_PACKETS * share), most)
        self._stale = step > 1 and share == 1  # rows of two halves, of which one may be old
        self._place: Place | None = None
        self._known: deque[tuple[Sequence[int], Samples]] = deque()
        self._packet, self._at = -1, 0

    def values(self, counters: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Counter values that go up by one a sample; to be asked once for each sample, in order."""
        if self._share == 1:
            return np.asarray(counters // self._step % self.modulus, dtype=np.int64)
        values = np.empty_like(counters)
        for i, packet in enumerate(counters.tolist()):
            self._at = (self._at + 1) % self._share if packet == self._packet else 0
            self._packet = packet
            values[i] = packet // self._step * self._share + self._at
        return values % self.modulus

    def few(self, data: Samples, counters: list[int]) -> bool:
        """Take a few samples that are just those that come next; False if they are not."""
        place, modulus = self._place, self.modulus
        if self._share > 1 or place is None or place.hole:
            return False
        value = place.value
        for counter in counters:
            value = (value + 1) % modulus
            if counter // self._step % modulus != value:
                return False
        self._advance(place, len(data), value, data)
        return True

    def in_line(self, values: npt.NDArray[np.int64], data: Samples) -> bool:
        """Take samples that are just those that come next; False if they are not."""
        place, n = self._place, values.size
        if place is None:
            place = Place(-1, (int(values[0]) - 1) % self.modulus, -1)
        if place.hole or not np.array_equal(
            values, (place.value + 1 + np.arange(n)) % self.modulus
        ):
            return False
        self._advance(place, n, int(values[-1]), data)
        return True

    def _advance(self, place: Place, n: int, value: int, data: Samples) -> None:
        self._remember(range(place.number + 1, place.number + 1 + n), data)
        self._place = Place(place.number + n, value, value)

    def _remember(self, numbers: Sequence[int], data: Samples) -> None:
        self._known.append((numbers, data))
        oldest = numbers[-1] - min(self.modulus // 2, _REMEMBERED)
        while self._known[0][0][-1] < oldest:
            self._known.popleft()

    def sample(self, number: int) -> Samples | None:
        """Return the values of a sample that was taken; None where it was lost, or is forgotten."""
        for numbers, data in reversed(self._known):
            if numbers[0] <= number <= numbers[-1]:
                at = bisect_left(numbers, number)
                return data[at] if numbers[at] == number else None
        return None

    def order(
        self, values: list[int], data: Samples, holes: set[int], *, last: bool = False
    ) -> Order:
        """Number the next samples as far as can be said; the others are to be given again.

        Parameters
        ----------
        values : list of int
            Counter values (`values`).
        data : float32 [shape=(n_samples, n_channels)]
        holes : set of int
            Those that come after a hole in time.
        last : bool
            Whether no more will come.
        """
        start = self._place
        if start is None:
            start = Place(-1, (values[0] - 1) % self.modulus, -1)
        run = _Run(self, values, data, holes, start, 0 if last else self._wait)
        run.through()
        ready = len(values) if last else run.ready()
        numbered = sorted((run.numbers[k], k) for k in range(ready) if run.numbers[k] >= 0)
        order = Order(ready, duplicated=sum(k < ready for k in run.repeats))
        before = start.number
        for number, k in numbered:
            order.kept.append(k)
            order.lost.append(number - before - 1)
            order.holes.append(k in run.behind)
            before = number
        if ready:
            self._place = run.places[ready]
        if numbered:
            self._remember([number for number, _ in numbered], data[order.kept])
        return order

    @property
    def wait(self) -> int:
        """Samples for which one that is missing is waited for."""
        return self._wait

    @property
    def stale(self) -> bool:
        """Whether a repeated value is that of a row whose one half is old."""
        return self._stale


class _Run:
    """One attempt to number samples: state is `Place`, and what was found about each sample."""

    def __init__(
        self,
        counter: PacketCounter,
        values: list[int],
        data: Samples,
        holes: set[int],
        start: Place,
        wait: int,
    ) -> None:
        self._counter, self._modulus = counter, counter.modulus
        self._values, self._data, self._holes = values, data, holes
        self._wait, self._far = wait, counter.wait
        self.numbers = [-1] * len(values)  #: -1 where a sample is left out
        self.places = [start]  #: before each sample, and after the last
        self.repeats: list[int] = []
        self.behind: set[int] = set()  #: the first samples behind holes
        self._missing: dict[int, int] = {}  # number: the sample that went ahead of it
        self._fills: list[tuple[int, int]] = []  # that sample, and the late one
        self._index: dict[int, int] = {}  # number: sample
        self._open = len(values)

    def through(self) -> None:
        while (i := len(self.places) - 1) < len(self._values):
            place = self.places[i]
            if i in self._holes and not place.hole:
                place = Place(place.number, place.value, place.raw, place.still, hole=True)
            if self._aside(i, place):
                self.places.append(place)
                continue
            value, ahead = self._values[i], self._ahead(self._values[i], place)
            if place.hole:
                self._behind_hole(i, place)
            elif ahead == 1:
                self._go(i, place, 1)
            elif place.still and value in (place.raw, (place.raw + 1) % self._modulus):
                # It stands still, or goes on from where it stood.
                still = value == place.raw
                self._go(i, place, 1, value=place.value + 1 if still else value, still=still)
            elif ahead > 1 and value != place.raw:
                damaged = self._damaged(i, place, ahead)
                self._go(
                    i, place, 1 if damaged else ahead, value=place.value + 1 if damaged else -1
                )
            else:
                self._unexplained(i, place)

    def ready(self) -> int:
        """How many samples no later one can change any more."""
        n, repeats = len(self._values), self.repeats
        waits = [
            k
            for k in set(self._missing.values())
            if n - 1 - k - (len(repeats) - bisect_left(repeats, k)) < self._wait
        ]
        ready = min([self._open, *waits])
        for k, late in reversed(sorted(self._fills)):
            if k < ready <= late:
                ready = k
        return ready

    def _ahead(self, value: int, place: Place) -> int:
        half = self._modulus // 2
        return (value - place.value + half) % self._modulus - half

    def _go(
        self, i: int, place: Place, steps: int, *, value: int = -1, still: bool = False
    ) -> None:
        number, raw = place.number + steps, self._values[i]
        for gone in range(max(place.number + 1, number - _REMEMBERED), number):
            self._missing[gone] = i
        self.numbers[i] = number
        self._index[number] = i
        value = raw if value < 0 else value % self._modulus
        self.places.append(Place(number, value, raw, still))

    def _aside(self, i: int, place: Place) -> bool:
        """Whether a sample is late, or comes a second time; it is noted as such."""
        ahead = self._ahead(self._values[i], place)
        if ahead > 0:
            return False
        number = place.number + ahead
        if number in self._missing:
            self._fills.append((self._missing.pop(number), i))
            self.numbers[i] = number
            self._index[number] = i
            return True
        if self._repeats(i, number):
            self.repeats.append(i)
            return True
        return False

    def _sample(self, number: int) -> Samples | None:
        k = self._index.get(number)
        return self._counter.sample(number) if k is None else self._data[k]

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

    def _damaged(self, i: int, place: Place, ahead: int) -> bool:
        """Whether a value that goes ahead is wrong, by the samples after it.

        The counter then goes on as if it had not; and what it went ahead to comes itself, or is
        too far for what follows to be late, of which more goes on from before.
        """
        values, n = self._values, len(self._values)
        if i + 1 == n:
            return False
        if values[i + 1] == values[i] and not self._same(i, i + 1):
            return True  # it stands still there
        near = range(i + 1, min(i + 1 + _NEAR, n))
        if not any(self._ahead(values[j], place) == j - i + 1 for j in near):
            return False
        if any(values[j] == values[i] and not self._same(i, j) for j in range(i + 1, n)):
            return True
        if ahead <= self._far:
            return False
        if n - i < self._wait:
            self._open = min(self._open, i)
        later = range(i + 1, min(i + ahead, n))
        old = sum(self._ahead(values[j], place) == j - i + 1 for j in later)
        new = sum(0 < (values[j] - values[i]) % self._modulus <= self._far for j in later)
        return old > new

    def _same(self, i: int, j: int) -> bool:
        return bool(np.array_equal(_bits(self._data[i]), _bits(self._data[j])))

    def _behind_hole(self, i: int, place: Place) -> None:
        """Go ahead over a hole in time, in which half a turn of the counter or more may be gone.

        A first value that the next ones do not go on from is wrong.
        """
        values, n = self._values, len(self._values)
        value = values[i]
        self.behind.add(i)
        after = value
        following = next((j for j in range(i + 1, n) if not self._again(i, j, place)), n)
        if following < n:
            after = values[following]
        else:
            self._open = min(self._open, i)
        far = (after - value + self._far) % self._modulus > 2 * self._far
        steps = (value - place.value - 1) % self._modulus + 1
        if value == place.raw and following < n and after == value:
            self._go(i, place, 1, value=place.value + 1, still=True)
        elif not far:
            self._go(i, place, steps)
        elif self._counter.stale:
            self.behind.discard(i)
            self.places.append(place)
        else:
            steps = (after - place.value - 2) % self._modulus + 1
            self._go(i, place, steps, value=place.value + steps)

    def _again(self, i: int, j: int, place: Place) -> bool:
        """Whether sample `j` is known, late, or `i` again: it does not show what follows `i`."""
        if self._values[i] == self._values[j] and self._same(i, j):
            return True
        ahead = self._ahead(self._values[j], place)
        number = place.number + ahead
        return ahead <= 0 and (number in self._missing or self._repeats(j, number))

    def _unexplained(self, i: int, place: Place) -> None:
        """Judge samples that repeat old values and are no repeats, by the first one after them."""
        values, n = self._values, len(self._values)
        run, j = [i], i + 1
        while j < n and j not in self._holes:
            if values[j] != values[j - 1] and self._ahead(values[j], place) > 0:
                break
            if not self._aside(j, place):
                run.append(j)
            j += 1
        ahead = self._ahead(values[j], place) if j < n else 0
        if j == n and n - i < self._wait:
            self._open = min(self._open, i)
        extra = ahead == 1
        if ahead == len(run) + 1 and self._counter.stale:
            extra = values[i] == place.raw  # rows of which one half is old, where one was lost
        elif ahead > len(run) + 1:
            number = place.number + self._ahead(values[i], place)
            extra = self._sample(number) is None or self._counter.stale
        if extra:
            self.places += [place] * (j - i)
            return
        moved = [values[k] - values[run[0]] for k in run]
        line = (
            not ahead and len(run) > 1 and all(k % self._modulus == m for m, k in enumerate(moved))
        )
        still = not ahead and values[run[-1]] == values[run[0]]
        for k in range(i, j):
            if k in run:
                value = values[k] if line else place.value + 1
                self._go(k, place, 1, value=value, still=still)
                place = self.places[-1]
            else:
                self.places.append(place)


def _bits(sample: Samples) -> npt.NDArray[np.int32]:
    """Values that can be compared also where they are no numbers."""
    return np.ascontiguousarray(sample).view(np.int32)
