"""Whether a sender's stamps tell the time of our clock, as far as arrivals can contradict them.

No sample is taken after it was seen, and the quickest samples of a few seconds take the same time
as ever: stamps that say otherwise are of another clock, or of none.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_AHEAD = 0.010  # s: how far a stamp may lie in the future; clock offsets are no better known
_BEHIND = 1.0  # s: the quickest samples of our clock are not older than this
_GROWN = 0.008  # s that the quickest reads may be older than those of a minute
# That they are older, and the computer not only busy: as many in a row, in so many bins, as it is
# late by chance once in so many times, if it is late as often as before, or as this share at least.
_FEWEST, _BINS, _CHANCE, _OFTEN = 5, 3, 1e-3, 0.15
_SLOPES = {5: 0.03, 6: 0.015}  # bins in which ages along a line go up by so many s at least
_STRAIGHT_S, _STRAIGHT = 0.0025, 0.05  # s, and share of the rise, by which they are off it
START_MOST_S = 0.9  #: s of samples before the first rows, at most
EARLY_S = 0.020  #: s that the first stamps may go back, and exactly spread ones come early
ROOM = 0.020  #: s by which arrival may misjudge what can have been lost, at most
BACKWARD_S = 0.05  # s that stamps may go back, or come early
BEHIND, BEHIND_S = "they fall behind the samples", 1.5  # s of arrivals that showed it
_BIN, _BASE_S = 0.5, 60.0  # s of reads, and of the quickest
_DOUBT_S = 5.0  # s that stamps must agree with arrival before they are believed again
# A clock stands still if so often in so many s new samples have an old stamp, so many s later.
_STILL_S, _STILL, _STILL_WITHIN_S = 0.018, 3, 5.0
# A silence is longer than usual, of so many reads, by so many s. Samples may be as much older after
# it, as long as their age falls: by this share of the time at least.
_SILENCE_S, _USUAL_READS, _FASTER = 0.1, 16, 0.01


@dataclass
class _Bin:
    """Ages of the newest sample of each read of half a second, s, and when it was read."""

    number: int
    ages: list[tuple[float, float]] = field(default_factory=list)
    believed: bool = True

    @cached_property
    def quickest(self) -> tuple[float, float]:
        """The least age and its read; to be asked once no more come."""
        return min(self.ages)

    @property
    def least(self) -> float:
        return self.quickest[0]


class Trust:
    """Whether stamps tell the time of our clock, as far as arrivals can contradict them."""

    def __init__(self) -> None:
        self.base = 0.0  #: s from the stamp of the quickest sample to its arrival
        self.reason = ""  #: what was wrong when the stamps were last doubted
        self.believed = True
        self.slows = 0.0  #: s per s by which stamps that fall behind do it
        self._known = False  # whether `base` was measured
        self._first = math.inf  # s: the quickest of the first samples was that old
        self._bins: deque[_Bin] = deque(maxlen=round(_BASE_S / _BIN))
        self._now = _Bin(-1)
        self._newest, self._newest_at = -math.inf, math.inf  # stamp, and when it was first seen, s
        self._stood = 0.0  # s for which samples were taken that bear it
        self._still: deque[float] = deque(maxlen=_STILL)  # s at which it was old
        self._until = -math.inf
        self._seen = math.inf
        self._waits: deque[float] = deque(maxlen=_USUAL_READS)  # s between reads
        self._backlog = 0.0  # s that samples may be older than `base`, because of a silence
        self._fell = 0  # bin in which that was last less than before

    @property
    def backlog(self) -> bool:
        """Whether samples are older than others because nothing came for a while."""
        return self.believed and self._backlog > 0.0

    def begin(self, quickest: float) -> None:
        """Know how old, s, the quickest of the first samples was, before they are heard.

        Of a long packet that was read in parts only the last part is quick.
        """
        self._first = quickest

    def hear(
        self,
        newest: float,
        seen: float,
        early: float,
        most: float = BACKWARD_S,
        still: float = 0.0,
    ) -> bool:
        """Whether the stamps of a read may be believed.

        All in seconds: its `newest` stamp, when it was `seen`, by how much the most untimely
        of its samples came before it could be taken (`early`), which may be `most`, and for how
        long samples were taken that bear the newest stamp of the read before (`still`).
        """
        lag, reason = seen - newest, ""
        if lag < -_AHEAD:
            reason = f"they are {seconds(-lag)} ahead of the samples"
        elif min(lag, self._first) > _BEHIND and not self._known:
            reason = f"they are {seconds(lag)} behind the samples"
        elif early > most or self._newest - newest > BACKWARD_S:
            reason = f"they went back by {seconds(max(early, self._newest - newest))}"
        elif self._stands_still(newest, seen, still):
            reason = "they stand still while samples come"
        self._newest = newest
        if (number := int(seen / _BIN)) != self._now.number:
            reason = self._next_bin(_Bin(number, [(lag, seen)])) or reason
        else:
            self._now.ages.append((lag, seen))
        if self._seen < math.inf:
            self._wait(seen - self._seen, lag, seen)
        self._seen = seen
        if reason:
            self.doubt(reason, seen)
        elif seen >= self._until:
            self.base = min(self.base, lag) if self._known else lag
            self._known = self.believed = True
        return self.believed

    def may_change(self, newest: float, seen: float) -> bool:
        """Whether `hear` may come to another verdict than before with such a read."""
        lag = seen - newest
        return (
            not self._known
            or not self.believed
            or lag < -_AHEAD
            or self._newest - newest > BACKWARD_S
            or int(seen / _BIN) != self._now.number
        )

    def doubt(self, reason: str, seen: float) -> None:
        """Believe no stamp until they agreed with arrival for some seconds from `seen` on."""
        if self.believed:
            self.reason, self.believed = reason, False
        self._until = seen + _DOUBT_S

    def same(self, stamps: Floats, period: float) -> float:
        """For how long samples were taken, s, that bear the newest stamp of the read before."""
        return period * int(np.count_nonzero(stamps == self._newest))

    def _stands_still(self, newest: float, seen: float, still: float) -> bool:
        """Whether the sender's clock does, time and again, so that its stamps are that much old."""
        self._stood += still
        if min(seen - self._newest_at, self._stood) > _STILL_S:
            self._still.append(seen)
        if newest != self._newest:
            self._newest_at, self._stood = seen, 0.0
        times = self._still
        return len(times) == _STILL and seen - times[0] < _STILL_WITHIN_S

    def _wait(self, waited: float, lag: float, seen: float) -> None:
        """Know that nothing came for so long before a sample that is `lag` old, all in s."""
        waits, over = self._waits, lag - self.base
        if waited > _SILENCE_S and self._known and over > _SILENCE_S / 2 and len(waits) > 2:
            if waited > sorted(waits)[-3] + _SILENCE_S:  # a busy computer makes a few as long
                self._backlog = min(over, self._backlog + waited) + _GROWN
                self._fell = self._now.number
                self._now.ages = [(lag, seen)]  # what came before in this bin is no sign
        waits.append(waited)

    def _keeps_falling(self, done: _Bin) -> bool:
        """Whether the age of the samples of a backlog still falls, as far as this bin shows."""
        over = done.least - self.base
        if over < self._backlog:
            self._backlog, self._fell = over - _FASTER * _BIN, done.number
        if over < _GROWN or done.number - self._fell > _BINS:
            self._backlog = 0.0
        return self._backlog > 0.0

    def _next_bin(self, new: _Bin) -> str:
        """Close a bin of arrivals; say what its quickest have against the stamps."""
        done, self._now = self._now, new
        if done.ages and not (self._backlog and self._keeps_falling(done)):
            done.believed = self.believed
            self._bins.append(done)
        elif done.ages:
            return ""
        if not self._known:
            return ""
        # Where reads are further apart than bins, the first of a bin is all of it.
        alone = done.ages and new.ages[0][1] - done.ages[-1][1] >= _BIN
        bins = [*self._bins, _Bin(new.number, new.ages[:])] if alone else list(self._bins)
        lines = [(rise, *_line(bins[-n:])) for n, rise in _SLOPES.items() if len(bins) >= n]
        if self._older(bins) or any(grown >= rise for rise, grown, _ in lines):
            self.slows = max([slope for _, _, slope in lines] + [0.0])
            return BEHIND
        if self.believed:
            since = new.number - _BASE_S / _BIN
            floors = [one.least for one in self._bins if one.believed and one.number > since]
            self.base = min(floors, default=self.base)
        return ""

    def _older(self, bins: list[_Bin]) -> bool:
        """Whether the last reads are all older than those before, by no chance of this computer.

        A busy one is late now and then, each time by something else; stamps that fell behind make
        all reads older, and the quick ones alike.
        """
        most, first = self.base + _GROWN, len(bins)
        late: list[float] = []
        last = 0  # reads by which it is seen whether the quick ones are alike
        while first and bins[first - 1].least > most:
            if len(late) < _FEWEST or len(bins) - first < _BINS:
                last = len(late) + len(bins[first - 1].ages)
            first -= 1
            late += [age for age, _ in bins[first].ages]
        if len(late) < _FEWEST or len(bins) - first < _BINS:
            return False
        before = [age for one in bins[:first] if one.believed for age, _ in one.ages]
        often = (sum(age > most for age in before) + 1) / (len(before) + 2)
        quick = sum(age < min(late[:last]) + _GROWN for age in late[:last])
        by_chance = len(late) * math.log(max(often, _OFTEN)) > math.log(_CHANCE)
        return not by_chance and quick >= max(0.5 * (1.0 - often) * last, 2)


def _line(bins: list[_Bin]) -> tuple[float, float]:
    """By how much the quickest reads age, in s and s per s, if they do along a line; else 0."""
    ages, at = np.array([one.quickest for one in bins]).T
    grown, passed = float(ages[-1] - ages[0]), float(at[-1] - at[0])
    if not passed:
        return 0.0, 0.0
    off = float(np.abs(ages - ages[0] - grown * (at - at[0]) / passed).max())
    straight = off < max(_STRAIGHT_S, _STRAIGHT * grown)
    return (grown, grown / passed) if straight else (0.0, 0.0)


def jumps(reads: list[Floats], seen: list[float], period: float, stated: float) -> str:
    """What is wrong with the steps of the first stamps, as far as arrival tells it.

    Parameters
    ----------
    reads : list of float64 [shape=(n_samples,)]
        Stamps read by read, s; each was `seen` when its read returned, s.
    period, stated : float
        s per sample as the stamps show it, 0 where they are irregular, and as it is stated.
    """
    passed, step = np.diff(seen, prepend=seen[0]), period or stated
    if not period:
        passed[0] = START_MOST_S  # no read is known before the first; such may be anything in it
    before = float(reads[0][0]) - step
    for stamps, time in zip(reads, passed.tolist(), strict=True):
        steps = np.diff(stamps, prepend=before) - step
        before = float(stamps[-1])
        if steps.min() < -EARLY_S:
            return f"they went back by {seconds(-float(steps.min()))}"
        if steps.max() > time + ROOM:
            return f"they jumped by {seconds(float(steps.max()))}"
    return ""


def seconds(value: float) -> str:
    """Return a time in s as people read it."""
    return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"
