"""Which samples are missing where no counter says it: from stamps, or from arrival alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.clock import SampleClock
from devices.sources.lateness import LATE_S, Silence, course, lost_before
from devices.sources.pace import Pace
from devices.sources.reads import START_READS, Reads
from devices.sources.stamps import WILD, Judgement, Lattice, Spread, filled, spread
from devices.sources.trust import (
    BACKWARD_S,
    BEHIND,
    BEHIND_S,
    EARLY_S,
    ROOM,
    START_MOST_S,
    Floats,
    Trust,
    jumps,
)

_START_S = 0.25  # s before the first rows, at least
# Shares by which a rate must differ from the stated one to show at once, in arrivals and stamps.
_OFF, _OFF_STAMPS = 0.15, 0.02
_SETTLE_S = 2.0  # s until a rate is known well enough to say that little is lost
_UNSURE_S = 3.0  # s after a jump of the stamps
_GUESSED = 0.05  # share by which the rate of the first reads may be wrong
_OVERDUE_S = 0.030  # s that all may be late for a second before the line begins anew from arrival
_CHANGED = 0.002  # share by which a rate must change to be another
_CHANGED_S = 1.0  # s after which arrival must have shown it as well
_OPEN_S = 0.6  # s that a step of the stamps is kept back at most
_YOUNG_LATE_S = 0.3  # s
_SURE_LATE_S, _SURE_STAY_S = 0.1, 1.0  # s, where stamps would have shown what is lost
_STAY_READS = 8
_EACH = 5  # reads in a row before which some seem lost
_FALLS, _FALLS_MUCH = 0.02, 0.2  # s per s by which lateness falls: of exact stamps, and of others
_SILENT_STAY_S = 0.8  # s after a silence until it is judged what was lost in it
_FELL_S = 1.0  # s after which it must have gone on
_STAY_S, _STAY_BOARD_S = 0.4, 0.15  # s that samples must be late for what is lost
_AGAIN_S = 2.0  # s between two looks whether stamps are regular now


class Uncounted:
    """Judges samples without a counter.

    The first quarter of a second (four reads, at most 0.9 s) is kept back: its stamps and
    arrivals show rate, spread and clock of the stamps.

    Parameters
    ----------
    sfreq : float
        Stated rate, Hz.
    stamped : bool
        Whether the stamps are the sender's; else they are arrivals, in which no loss is seen.
    """

    def __init__(self, sfreq: float, clock: SampleClock, *, stamped: bool) -> None:
        self._stated, self._clock, self._stamped = 1.0 / sfreq, clock, stamped
        self._trust, self._pace = Trust(), Pace()
        self._lattice: Lattice | None = None
        self._spread = Spread()
        self._held: Reads | None = None
        self._begun, self._piled = False, True
        self._open_at = np.inf
        self._settled_at = np.inf  # until then the rate is not known well enough to miss samples
        self._unsure_until = -np.inf  # until then arrival may show what was lost at a jump
        self._window: list[Floats] = []  # stamps among which regularity is looked for again
        self._window_at = -np.inf
        self._silence = Silence()
        self._falling = (-np.inf, 0.0)  # s: when lateness was last seen to fall, and what it was
        self._slow = False  # whether it falls after a silence, and may do so slowly
        self._filled = 0.0  # stamp for what bears none
        self._each: list[Floats] = []  # stamps of reads in a row before which some seemed lost
        self.reasons: list[str] = []  #: what there is to say of the stamps
        self.countable = True  #: whether the stamps are regular enough to show what is lost

    def take(
        self, data: npt.NDArray[np.float32], stamps: Floats, seen: float
    ) -> tuple[Reads, npt.NDArray[np.int64]] | None:
        """Take one read; return what can be placed with the samples lost before each, or None."""
        stamps = self._numbers(stamps, seen)
        self._silence.hear(seen)
        if self._begun and self._lattice is not None:
            stamps = self._spread.respaced(stamps, self._lattice.period)
        new = Reads(data, stamps, stamps, [stamps.size], [seen])
        looks = self._begun and self._pace.suspects(stamps.size, seen, self._clock.period)
        self._pace.add(stamps.size, seen, self._clock.period)
        if not self._begun:
            self._held = new if self._held is None else self._held + new
            if not self._may_begin(self._held):
                return None
            held, self._held = self._held, None
            self._begin(held)
            new = held
        else:
            if self._piled:
                self._clock.forget()  # what had piled up shows no rate
                self._piled = False
            ahead = stamps.size - 1 + (self._held.ends[-1] if self._held else 0)
            if self._stamped:
                overdue = self._clock.overdue > _OVERDUE_S and not self._catches_up(seen)
                if overdue and (
                    self._spread.exact
                    or (self._trust.believed and self._clock.behind(seen, ahead) < _OVERDUE_S)
                ):
                    self._clock.restart(self._trust.base, 1.0)  # late, and none was lost
                new.times = self._times(stamps, seen)
            even = self._lattice is not None and not self._catches_up(seen)
            self._clock.step = 0 if even else max(self._pace.step, 1)
            if looks:
                self._look_at_pace(seen, ahead)
        return self._judged(new)

    def _look_at_pace(self, seen: float, ahead: int) -> None:
        """Go on with another rate where the arrivals show one.

        `ahead` is the newest sample from the next one to be placed on, `seen` when it was read.
        """
        clock, lattice = self._clock, self._lattice
        if self._catches_up(seen):
            self._pace = Pace()  # so samples are sent, and not taken
            return
        if lattice is not None and self._spread.exact and self._trust.believed:
            # Stamps that are computed show the rate themselves, but for those that count.
            late = seen - self._trust.base - clock.period * ahead - (clock.due or 0.0)
            if abs(late) < _SURE_LATE_S:
                return
        found = self._pace.other(clock.period)
        if found is not None:
            period, newest = found
            late = newest - self._trust.base - clock.period * ahead - (clock.due or 0.0)
            if period < clock.period and late > _SURE_LATE_S:
                return  # who sends faster is early: this makes up for a silence
            clock.lay(period, ahead, newest - self._trust.base)
            if lattice is not None and abs(lattice.period / period - 1.0) > _OFF_STAMPS / 2:
                self._forsake(newest)

    def _catches_up(self, seen: float) -> bool:
        """Whether what a silence held back comes in."""
        return self._trust.backlog or seen - max(self._falling[0], self._silence.end) < 2 * _FELL_S

    def few(self, stamps: list[float], seen: float) -> list[float] | None:
        """Return the times of a few samples of which all is in line, as `take` gives them.

        None, and nothing is changed, where there is more to do.
        """
        lattice, trust, due = self._lattice, self._trust, self._clock.due
        if self._held or lattice is None or self._piled or self._spread.other or due is None:
            return None
        n, period, newest = len(stamps), self._clock.period, max(stamps)
        times = stamps if trust.believed or not self._stamped else [seen - trust.base] * n
        earliest = min([t - (due + period * k) for k, t in enumerate(times)])
        if (
            not abs(sum(stamps)) < WILD
            or times[-1] - (due + period * (n - 1)) >= min(LATE_S, 2.5 * period)
            or (self._stamped and trust.may_change(newest, seen))
            or (trust.believed and earliest < -ROOM)
            or self._pace.suspects(n, seen, period)
            or not lattice.few(stamps)
        ):
            return None
        if self._stamped:
            trust.hear(newest, seen, 0.0)
        self._pace.add(n, seen, period)
        self._filled, self._silence.seen = stamps[-1], seen
        return times

    def rest(self) -> tuple[Reads, npt.NDArray[np.int64]] | None:
        """Return what is kept back, as it stands."""
        held, self._held = self._held, None
        if held is None:
            return None
        if not self._begun:
            self._begin(held)
        return held, self._judge(held, last=True)

    def _judged(self, new: Reads) -> tuple[Reads, npt.NDArray[np.int64]] | None:
        reads = new if self._held is None else self._held + new
        self._held = None
        missing = self._judge(reads)
        if not missing.size:
            self._held = reads
            return None
        if missing.size < reads.ends[-1]:
            reads, self._held = reads.split(reads.ends.index(missing.size) + 1)
        self._look_again(reads)
        return reads, missing

    def _numbers(self, stamps: Floats, seen: float) -> Floats:
        """Return the stamps, with those that are no time at all replaced by likely ones."""
        if not np.all(np.abs(stamps) < WILD):
            self.reasons.append("some of them are no numbers")
            period = self._stated if self._lattice is None else self._lattice.period
            stamps = filled(stamps, self._filled or seen, period)
        self._filled = float(stamps[-1])
        return stamps

    # The start

    def _may_begin(self, held: Reads) -> bool:
        span = held.seen[-1] - held.seen[0]
        if span >= START_MOST_S:
            return True
        if span < _START_S or len(held.seen) < START_READS:
            return False
        # A rate that is far from the stated one is not taken from so little of a busy host.
        arrived, found = held.arrived(self._stated, _START_S), spread(held.stamps, self._stated)
        return abs(arrived * self._stated - 1.0) < _OFF or _agree(found.period, arrived)

    def _begin(self, held: Reads) -> None:
        """Judge rate, spread and clock of the stamps by the first reads."""
        self._begun = True
        self._settled_at = held.seen[-1] + _SETTLE_S
        counts = np.diff([0, *held.ends])
        span = held.seen[-1] - held.seen[0]
        arrived = held.arrived(self._stated, _START_S)
        found = spread(held.stamps, self._stated)
        reads: list[Floats] = [
            found.respaced(s, found.period) for s in np.split(held.stamps, held.ends[:-1])
        ]
        held.stamps = held.times = np.concatenate(reads)
        if found.period:
            self._follow(float(held.stamps[0]), found)
        self.countable = found.period > 0 or span < _START_S
        if self._stamped:
            quickest = [at - float(one.max()) for at, one in zip(held.seen, reads, strict=True)]
            self._trust.begin(min(quickest))
            unlike = found.period > 0 and not _agree(found.period, arrived)
            if unlike or span - float(reads[-1][-1] - reads[0][-1]) > 0.5 * span:
                self._doubt("they do not go with the time", held.seen[-1])
            elif reason := jumps(reads, held.seen, found.period, self._stated):
                self._doubt(reason, held.seen[-1])
            parts = [self._times(one, seen) for one, seen in zip(reads, held.seen, strict=True)]
            held.times = np.concatenate(parts)
        if not self._trust.believed:
            # Also what came before a doubt has the times of arrival.
            arrived_at = np.array(held.seen, dtype=np.float64) - self._trust.base
            held.times = np.repeat(arrived_at, counts)
        off = found.period / self._stated - 1.0
        if _agree(found.period, arrived):
            if found.exact or abs(off) >= _OFF_STAMPS:
                self._clock.expect(1.0 / found.period, measured=found.exact)
        elif abs(arrived * self._stated - 1.0) > _OFF:
            self._clock.expect(arrived, measured=False)
        self._window_at = held.seen[-1]

    def _follow(self, first: float, found: Spread) -> None:
        self._spread = found
        self._lattice = Lattice(first, found.period, found.unit, exact=found.exact)

    def _times(self, stamps: Floats, seen: float) -> Floats:
        """Return the times of a read for the clock: its stamps, or its arrival."""
        before, due, early = self._trust.believed, self._clock.due, 0.0
        if due is not None:
            number = np.arange(stamps.size) + (self._held.ends[-1] if self._held else 0)
            early = -float((stamps - self._clock.period * number).min() - due)
        most = EARLY_S if self._spread.exact else BACKWARD_S
        still = self._trust.same(stamps, self._clock.period)
        believed = self._trust.hear(float(stamps.max()), seen, early, most, still)
        if before and not believed:
            self._doubt(self._trust.reason, seen)
        if not believed:
            return np.full(stamps.size, seen - self._trust.base)
        return stamps

    def _doubt(self, reason: str, seen: float) -> None:
        self._trust.doubt(reason, seen)
        if reason == BEHIND:
            self._clock.restart(self._trust.base, BEHIND_S, self._trust.slows)
        else:
            self._clock.restart(self._trust.base)
        self.reasons.append(reason)

    # Loss

    def _judge(self, reads: Reads, *, last: bool = False) -> npt.NDArray[np.int64]:
        """Count the samples lost before each of those reads that no later one changes any more."""
        clock, lattice, seen = self._clock, self._lattice, reads.seen[-1]
        missing = np.zeros(reads.ends[-1], dtype=np.int64)
        if clock.due is None:  # nothing can be missing that there was no time for
            clock_due = float(
                (np.array(reads.seen) - clock.period * (np.array(reads.ends) - 1)).min()
            )
            late = seen - clock_due - clock.period * (reads.ends[-1] - 1)
        else:
            clock_due = clock.due
            late = seen - self._trust.base - clock_due - clock.period * (reads.ends[-1] - 1)
            if not self._trust.backlog:  # in which the quickest of the last seconds are not quick
                late = min(late, clock.behind(seen, reads.ends[-1] - 1))
        judged = None
        if lattice is not None:
            guessed = 0.0 if clock.due is not None or self._spread.exact else _GUESSED

            def room() -> list[float]:
                most = late + clock.reads.unevenness(
                    ROOM if clock.young else ROOM / 2, clock.period
                )
                return reads.least_late(most, clock.period, guessed)

            starts = [0, *reads.ends[:-1]]
            judged = lattice.judge(reads.stamps, room=room, period=clock.period, starts=starts)
            if judged.open and not last:
                self._open_at = min(self._open_at, seen)
                if seen - self._open_at < _OPEN_S:
                    return missing[:0]
            missing = judged.missing
        ready = len(reads.seen)
        if clock.due is not None:
            ready = self._late_for_good(reads, missing, clock_due)
        if last or (ready and lattice is not None):
            ready = len(reads.seen)
        if not ready:
            return missing[:0]
        missing, seen = missing[: reads.ends[ready - 1]], reads.seen[ready - 1]
        self._open_at = np.inf
        if lattice is not None and judged is not None:
            self._keep(lattice, judged, seen)
            self._lost_each_time(reads, judged.missing, ready)
            if self._spread.exact:
                self._pace.skip(int(judged.missing.sum()))
        if missing.any():  # no more than the time that has passed, whoever says what
            most = max(int((seen + ROOM - clock_due) / clock.period) + 1 - missing.size, 0)
            missing = np.diff(np.minimum(np.cumsum(missing), most), prepend=0)
        return missing

    def _keep(self, lattice: Lattice, judged: Judgement, seen: float) -> None:
        lattice.keep(judged)
        if judged.jumped:
            self._unsure_until = seen + _UNSURE_S
        if not lattice.regular:
            self._forsake(seen)

    def _lost_each_time(self, reads: Reads, missing: npt.NDArray[np.int64], ready: int) -> None:
        """Follow the last stamps of packets only where some seem lost before every one.

        No network does that: the others are counted back from them at a rate that is not the real.
        """
        for first, end in zip([0, *reads.ends], reads.ends[:ready], strict=False):
            if not missing[first] or missing[first + 1 : end].any():
                self._each.clear()
                continue
            self._each.append(reads.stamps[first:end])
            if len(self._each) < _EACH:
                continue
            found = spread(np.concatenate(self._each), self._stated)
            self._each.clear()
            if found.other:
                self._follow(float(reads.stamps[end - 1]) + found.period, found)
                if self._trust.believed and found.exact:
                    missing[first], part = 0, slice(first, end)
                    reads.times[part] = found.respaced(reads.stamps[part], found.period)
                    self._clock.change(1.0 / found.period)
                    self._clock.forget()  # numbers of rows that never were

    def _forsake(self, seen: float) -> None:
        """Follow the stamps no longer; look later whether they are regular again."""
        self._lattice, self._window, self._window_at = None, [], seen

    def _late_for_good(self, reads: Reads, missing: npt.NDArray[np.int64], due: float) -> int:
        """Add to `missing` what stays late for good; of how many reads that can be said."""
        clock, ends, end = self._clock, np.array(reads.ends) - 1, reads.seen[-1]
        number = ends + np.cumsum(missing)[ends]
        late = reads.times[ends] - (due + clock.period * number)
        if self._stamped and self._trust.believed and not self._slow:
            # Stamps alone do not say that time has passed.
            arrived = [clock.behind(t, k) for t, k in zip(reads.seen, number.tolist(), strict=True)]
            late = np.minimum(late, arrived)
        limit, stay = self._patience(end)
        if late[-1] < limit:
            return len(late)
        # Lateness that falls is of what a silence held back, which comes in and was not lost.
        # After a silence, what comes faster than before is what it held back.
        after = end - max(self._silence.end, self._falling[0] if self._slow else -np.inf)
        self._slow = after < 2 * _FELL_S
        fast = _FALLS if self._spread.exact or self._slow else _FALLS_MUCH
        if end - self._silence.end < 2 * _FELL_S:
            stay = max(stay, _SILENT_STAY_S)
        since, before = end - self._falling[0], self._falling[1]
        if since < 2 * _FELL_S and (since < _FELL_S or before - late[-1] > fast * since):
            if since >= _FELL_S:
                self._falling = end, float(late[-1])
            return len(late)
        held = end - reads.seen[0]
        if held < stay or (len(reads.seen) < _STAY_READS and held < 3 * stay):
            return 0  # of few reads all may have been held up in this computer
        if (what := course(late, held, fast, exact=self._spread.exact)) != "lost":
            if what == "falls":
                self._falling = end, float(late[-1])
            return len(late)
        # For the newest there are too few later ones to say.
        newest = max(min(int(np.searchsorted(reads.seen, end - stay / 2)), late.size - 4), 1)
        packet = 0 if self._stamped and self._trust.believed else max(self._pace.step, 1)
        missing += lost_before(reads, late, newest, due, clock.period, packet)
        clock.forget()
        return int(newest)

    def _patience(self, seen: float) -> tuple[float, float]:
        """How late samples must be, and how long, to have lost ones before them (s, s)."""
        if seen < self._settled_at:
            return _YOUNG_LATE_S, _STAY_S
        if self._lattice is None or seen < self._unsure_until:
            late = max(LATE_S, 2.5 * self._clock.period)
            return late, _STAY_S if self._stamped else _STAY_BOARD_S
        return (_SURE_LATE_S, _SURE_STAY_S) if self._stamped else (2 * LATE_S, 2 * _STAY_BOARD_S)

    def _look_again(self, reads: Reads) -> None:
        """Follow stamps that have become regular."""
        if self._lattice is not None:
            shown = self._lattice.period / self._clock.period - 1.0
            if (
                self._spread.exact
                and self._trust.believed
                and shown > _CHANGED
                and reads.seen[-1] - self._window_at > _CHANGED_S
                and self._clock.behind(reads.seen[-1], -1) > shown * _CHANGED_S
            ):
                self._clock.change(1.0 / self._lattice.period)
                self._window_at = reads.seen[-1]
            return
        if self._catches_up(reads.seen[-1]):
            self._window, self._window_at = [], reads.seen[-1]
            return
        self._window.append(reads.stamps)
        if reads.seen[-1] - self._window_at < _AGAIN_S:
            return
        stamps = np.concatenate(self._window)
        found = spread(stamps, self._stated)
        self.countable = found.period > 0
        if found.period:
            self._follow(float(stamps[-1]) + found.period, found)
            off = found.period / self._clock.period - 1.0
            if found.exact and self._trust.believed and abs(off) > _CHANGED:
                self._clock.change(1.0 / found.period)
        self._window, self._window_at = [], reads.seen[-1]


def _agree(period: float, arrived: float) -> bool:
    """Whether the period of stamps, s, may be that of samples arriving at so many Hz.

    Some may be lost, or held up, while it was looked at.
    """
    return 0.6 < period * arrived < 1.3
