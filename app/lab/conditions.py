"""Features by condition: what the codes of a recording tell apart, and whether it is chance.

A condition lasts from its code until another code comes. Scores are those of the running stream,
as live; one counts for a condition if it lies wholly inside, behind the seconds of settling. Codes
are compared over recordings, or inside them where there are few.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np

from dsp.grid import Bools, Floats, Ints
from dsp.intervals import Z90, mean_and_interval

MIN_SECONDS = 10.0  # usable, under which nothing is said of a condition
_MANY = 6  # recordings from which on their signs are flipped: 2 of 64 ways are as far out
_FLIPS, _SHIFTS = 12, 2000  # recordings of which every flip is tried; random ones otherwise

Events = Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Scores:
    """Scores of one feature, in order.

    Attributes
    ----------
    t0, t1 : float64 [shape=(n,)]
        From when to when, LSL seconds.
    value : float64 [shape=(n,)]
        NaN where not usable.
    usable_s : float64 [shape=(n,)]
        Clean seconds, 0 where not usable.
    """

    t0: Floats
    t1: Floats
    value: Floats
    usable_s: Floats

    @classmethod
    def of(cls, rows: Sequence[tuple[float, float, float, float]]) -> Scores:
        """From rows of `t0`, `t1`, `value` and `usable_s`."""
        return cls(*np.reshape(np.asarray(rows, dtype=np.float64), (-1, 4)).T)


@dataclass(frozen=True)
class Labelled:
    """Scores of one feature of one recording, and the condition of each (-1: of none).

    Attributes
    ----------
    scores : Scores
    condition : int64 [shape=(n,)]
        Index into `codes`.
    codes : tuple of str
    """

    scores: Scores
    condition: Ints
    codes: tuple[str, ...]

    def of(self, code: str) -> Bools:
        """Which scores speak of `code`."""
        if code not in self.codes:
            return np.zeros(self.condition.size, dtype=bool)
        here = self.condition == self.codes.index(code)
        return np.asarray(here & np.isfinite(self.scores.value))

    def usable_s(self, code: str) -> float:
        """Clean seconds of `code`."""
        return float(self.scores.usable_s[self.of(code)].sum())

    def told(self, code: str) -> dict[str, float | None]:
        """Mean with its 90 % interval; None under 10 usable seconds."""
        usable = self.usable_s(code)
        values = self.scores.value[self.of(code)].tolist()
        numbers: list[float] = [math.nan] * 3
        if usable >= MIN_SECONDS:
            numbers = [float(np.mean(values)), *mean_and_interval(values)[1:]]
        keys = ("mean", "low", "high")
        return {k: _known(x) for k, x in zip(keys, numbers, strict=True)} | {
            "usable_s": round(usable, 1)
        }


def labelled(scores: Scores, events: Events, *, until: float, settle: float) -> Labelled:
    """Tell of which condition each score speaks.

    Parameters
    ----------
    scores : Scores
    events : sequence of (float, str)
        Time and code, in order; a code that comes again goes on.
    until : float
        End of the recording.
    settle : float
        Seconds after the start of a condition that are left out.
    """
    starts = [e for i, e in enumerate(events) if i == 0 or events[i - 1][1] != e[1]]
    ends = [t for t, _ in starts[1:]] + [until]
    codes = tuple(sorted({code for _, code in starts}, key=_natural))
    condition = np.full(scores.t0.size, -1, dtype=np.int64)
    for (start, code), end in zip(starts, ends, strict=True):
        condition[(scores.t0 >= start + settle) & (scores.t1 <= end)] = codes.index(code)
    return Labelled(scores, condition, codes)


def _natural(code: str) -> tuple[float, str]:
    """Numbers by size, words behind them."""
    return (float(code) if re.fullmatch(r"-?\d+(\.\d+)?", code) else math.inf, code)


def contrasts(recordings: Sequence[Mapping[str, Labelled]]) -> Iterator[dict[str, Any]]:
    """Every two codes and every feature: ``a - b``, its 90 % interval and p.

    Parameters
    ----------
    recordings : sequence of mapping
        Feature to its scores.

    Yields
    ------
    dict
        `a`, `b`, `feature`, `mean`, `low`, `high`, `p` (two-sided) and `n`, the recordings that
        have both; from six on p is of the signs of their differences, else of the conditions moved
        along inside each recording, all round. Nothing where no recording has both.
    """
    codes = sorted({c for r in recordings for one in r.values() for c in one.codes}, key=_natural)
    for a, b in combinations(codes, 2):
        for feature in dict.fromkeys(name for r in recordings for name in r):
            both = [
                r[feature]
                for r in recordings
                if min(r[feature].usable_s(a), r[feature].usable_s(b)) >= MIN_SECONDS
            ]
            if both:
                yield {"a": a, "b": b, "feature": feature} | _contrast(both, a, b)


def _contrast(both: Sequence[Labelled], a: str, b: str) -> dict[str, Any]:
    n = len(both)
    values = [one.scores.value for one in both]
    where = [(one.of(a), one.of(b)) for one in both]
    found = np.array([v[i].mean() - v[j].mean() for v, (i, j) in zip(values, where, strict=True)])
    if n >= _MANY:
        mean, low, high = mean_and_interval(found.tolist())
        chance = np.abs(_signs(n) @ found) / n
    else:
        parts = zip(values, where, strict=True)
        mean, sd = float(found.mean()), math.sqrt(sum(_variance(v, *w) for v, w in parts)) / n
        low, high = mean - Z90 * sd, mean + Z90 * sd
        chance = np.abs(_moved(both, a, b))
        chance = chance[np.isfinite(chance)]
    p = (1 + np.count_nonzero(chance >= abs(mean) - 1e-12)) / (1 + chance.size)
    numbers = {"mean": mean, "low": low, "high": high, "p": float(p)}
    return {k: _known(x) for k, x in numbers.items()} | {"n": n}


def _signs(n: int) -> Floats:
    """Signs of `n` differences as chance could have them, as they are left out."""
    if n <= _FLIPS:
        return np.array(list(product((1.0, -1.0), repeat=n))[1:])
    return np.asarray(np.random.default_rng(n).choice((1.0, -1.0), size=(_SHIFTS, n)))


def _variance(value: Floats, a: Bools, b: Bools) -> float:
    """Of the difference of two means; NaN where one rests on a single score."""
    if min(a.sum(), b.sum()) < 2:
        return math.nan
    return float(sum(value[i].var(ddof=1) / i.sum() for i in (a, b)))


def _moved(both: Sequence[Labelled], a: str, b: str) -> Floats:
    """Mean difference with the conditions moved along: of one recording by every step, else random.

    Conditions keep their lengths and their order, scores their likeness to their neighbours.
    """
    each = [_round(one, a, b) for one in both]
    if len(each) == 1:
        return each[0][1:]
    rng = np.random.default_rng(len(each))
    return np.asarray(np.mean([rng.choice(moved, _SHIFTS) for moved in each], axis=0))


def _round(one: Labelled, a: str, b: str) -> Floats:
    """Difference at every step all round, beginning with none; NaN where a code has no score."""
    known = np.isfinite(one.scores.value)
    value = np.where(known, one.scores.value, 0.0)
    out = np.full(value.size, math.nan)
    for step in range(value.size):
        condition = np.roll(one.condition, step)
        parts = [(condition == one.codes.index(code)) & known for code in (a, b)]
        if all(part.any() for part in parts):
            out[step] = value[parts[0]].mean() - value[parts[1]].mean()
    return out


def _known(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
