"""What silence means: the only thing that a device which went away tells."""

from __future__ import annotations

from collections import deque
from statistics import median_low
from typing import Literal

STALL_S, LOST_S = 0.5, 2.0  # silence after which a source is stalled, lost
BURST_S = 0.2  #: usual interval from which on a source is judged by its own interval
_STALL_INTERVALS, _LOST_INTERVALS = 2.2, 2.4
_LONG_S = 0.1  # s: pauses shorter than this belong to one arrival
_MEMORY_S = 20.0  # s of pauses that tell what is usual
_GONE_SHARE = 0.75  # of the silence after which a source is lost, from which on it is no pause
_EVEN_SHARE = 0.25  # of the time in short pauses, from which on a stream comes evenly
_KNOWN_S = 3.0  # s of pauses, or two long ones, after which they do


def limits(interval_s: float) -> tuple[float, float]:
    """Silence after which a source is stalled, and lost, s, by its usual interval.

    Examples
    --------
    >>> limits(0.02), limits(1.0)
    ((0.5, 2.0), (2.2, 2.4))
    """
    if interval_s < BURST_S:
        return STALL_S, LOST_S
    return _STALL_INTERVALS * interval_s, max(LOST_S, _LOST_INTERVALS * interval_s)


def judge(
    silence: float, interval_s: float
) -> tuple[Literal["streaming", "stalled", "lost"], float]:
    """Return the state after so much silence, and how much longer it lasts if it goes on, s."""
    stalled, lost = limits(interval_s)
    if silence < stalled:
        return "streaming", stalled - silence
    if silence < lost:
        return "stalled", lost - silence
    return "lost", float("inf")


class Rhythm:
    """How long it usually is from one arrival to the next, s.

    It is the median of the long pauses where they take up nearly all of the time, and 0 for a
    stream that comes evenly, whatever pauses it was made to; the silence of one that was as good
    as lost is none of them. Before there were enough, what came
    at once tells: a second of samples in one arrival will be followed by a second of silence.

    Examples
    --------
    >>> rhythm = Rhythm()
    >>> [rhythm.arrived(at, seconds=1.0) for at in (5.0, 6.0, 7.5, 8.5)]
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self) -> None:
        self.known = False  #: whether pauses were seen that tell it
        self._at: float | None = None
        self._interval = 0.0
        self._at_once = self._run = 0.0  # s of samples that came together, s that they took
        self._short = self._long = 0.0  # s of short and long pauses
        self._pauses: deque[float] = deque(maxlen=9)  # the newest long ones

    def arrived(self, at: float, *, seconds: float) -> float:
        """Take it that so many seconds of samples arrived at `at`; return the usual interval."""
        pause = 0.0 if self._at is None else at - self._at
        self._at = at
        if pause > _GONE_SHARE * LOST_S and pause > _GONE_SHARE * limits(self._interval)[1]:
            pause = 0.0
        self._interval = self._usual(pause, seconds)
        return self._interval

    def _usual(self, pause: float, seconds: float) -> float:
        keep = max(0.0, 1.0 - pause / _MEMORY_S)
        self._short *= keep
        self._long *= keep
        if pause < _LONG_S:
            self._short += pause
            self._run += pause
            self._at_once += seconds
        else:
            self._long += pause
            self._pauses.append(pause)
            self._run, self._at_once = 0.0, seconds
        self.known = self.known or len(self._pauses) > 1 or self._short + self._long > _KNOWN_S
        if not self.known:
            # What goes on coming was a backlog, and no burst.
            return self._at_once if self._run < _LONG_S else 0.0
        if self._short > _EVEN_SHARE * (self._short + self._long) or not self._pauses:
            return 0.0
        return median_low(self._pauses)

    def broken(self) -> None:
        """Take it that what comes next says nothing of the pause before it."""
        self._at = None
