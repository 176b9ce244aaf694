"""What a package counter says is lost, late or came twice, in numbers of samples."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from devices.sources.numbering import NO_VALUE, Counter, Place, Run, Samples

_LATE_S = 0.1  # s of samples, or three packets, that one which is missing is waited for
_LATE_PACKETS = 3
_REMEMBERED = 1024  # numbers of samples that are kept to know one that comes a second time
_EARLY_S = 0.02  # s by which a sample may come before it is due
_FIT_S = 0.05  # s by which a sample is late at most where the host is not busy


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
    unsure : int
        Kept samples whose counter was no help: they stand where their arrival puts them.
    """

    ready: int
    kept: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    holes: list[bool] = field(default_factory=list)
    duplicated: int = 0
    unsure: int = 0


class PacketCounter:
    """Numbers samples by a package counter.

    A sample whose number is missing is late, and one that says again what the sample of its number
    said is a repeat; any other goes ahead, but never further than there was time for. What is
    missing is waited for a tenth of a second, and in this time the samples after it show whether
    the counter went ahead or was damaged.
    """

    def __init__(self, sfreq: float, *, modulus: int, step: int = 1, share: int = 1) -> None:
        """`modulus` and `step` of the counter, samples that `share` one."""
        self._step, self._share = step, share
        self.modulus = modulus // step * share  #: samples in which the counter goes round
        most = max(self.modulus // 4, 1)
        self._counter = Counter(
            turn=self.modulus,
            share=share,
            wait=min(max(round(_LATE_S * sfreq), _LATE_PACKETS * share), most),
            early=_EARLY_S * sfreq,
            fit=_FIT_S * sfreq + share,
        )
        self._place: Place | None = None
        self._known: deque[tuple[Sequence[int], Samples]] = deque()
        self._packet, self._at = -1, 0

    @property
    def newest(self) -> int:
        """Value that the newest sample really had; -1 before the first."""
        return -1 if self._place is None else self._place.raw

    def values(self, counters: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Counter values that go up by one a sample; to be asked once for each sample, in order.

        A negative counter stays `NO_VALUE`: that of a sample which came without one.
        """
        if self._share == 1:
            values = counters // self._step % self.modulus
            return np.where(counters < 0, NO_VALUE, values).astype(np.int64)
        values = np.empty_like(counters)
        for i, packet in enumerate(counters.tolist()):
            self._at = (self._at + 1) % self._share if packet == self._packet else 0
            self._packet = packet
            values[i] = packet // self._step * self._share + self._at
        return values % self.modulus

    def few(self, data: Samples, counters: list[int]) -> bool:
        """Take a few samples that are just those that come next; False if they are not."""
        place, modulus = self._place, self.modulus
        if self._share > 1 or place is None or place.hole or place.still:
            return False
        value = place.value
        for counter in counters:
            value = (value + 1) % modulus
            if counter < 0 or counter // self._step % modulus != value:
                return False
        self._advance(place, len(data), value, data)
        return True

    def in_line(self, values: npt.NDArray[np.int64], data: Samples) -> bool:
        """Take samples that are just those that come next; False if they are not."""
        place, n = self._place, values.size
        if place is None:
            place = Place(-1, (int(values[0]) - 1) % self.modulus, -1)
        line = (place.value + 1 + np.arange(n)) % self.modulus
        if place.hole or place.still or not np.array_equal(values, line):
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
        self,
        values: list[int],
        data: Samples,
        newest: list[float],
        holes: set[int],
        *,
        last: bool = False,
    ) -> Order:
        """Number the next samples as far as can be said; the others are to be given again.

        Parameters
        ----------
        values : list of int
            Counter values (`values`), or `NO_VALUE`.
        data : float32 [shape=(n_samples, n_channels)]
        newest : list of float
            How many samples had been taken when each arrived, of those that are not judged yet.
        holes : set of int
            Those that come after a hole in time.
        last : bool
            Whether no more will come.
        """
        start = self._place
        if start is None:
            start = Place(-1, (values[0] - 1) % self.modulus, -1)
        run = Run(self._counter, self.sample, values, data, newest, holes, start, last=last)
        run.through()
        ready = len(values) if last else run.ready()
        numbered = sorted((run.numbers[k], k) for k in range(ready) if run.numbers[k] >= 0)
        order = Order(
            ready,
            duplicated=sum(k < ready for k in run.repeats),
            unsure=sum(k < ready for k in run.unsure),
        )
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
