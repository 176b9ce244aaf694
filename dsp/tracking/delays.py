"""At which delay, and moving how fast, what was rebuilt resembles what was heard.

A decoder that is solved for one delay rebuilds the sound too late where the answer comes later. So
its reconstruction is laid beside the sound at every delay, block by block; and because a clock
may run, and a rate be wrong, the blocks are added up along every straight line
``delay(age) = d - m age`` as well (a stack along slopes: in radar, a search over delay and
Doppler). The highest of these sums tells where the answer is, weighed by how usual such a delay is:
of many places some are high by chance, and in a narrow band so are those one period away. If none
is high, no answer is anywhere within reach.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsp.grid import RATE, Bools, Floats, Ints
from dsp.tracking.alignment import Aligned
from dsp.tracking.evidence import BLOCK
from dsp.tracking.rebuilder import Rebuilder

_REACH = 3 * RATE  # grid points to both sides that blocks are kept for
_KEPT = 120  # blocks: ten minutes
_FAR = RATE  # grid points beyond which no answer stands that one looks for
_NEWEST = 60  # s that are held against what is older
_ALONE = 1e-6  # of the product of two bends; what is left of it by rounding is far less


@dataclass(frozen=True)
class Search:
    """Which delays and drifts are looked at, and how fast the past is forgotten.

    Attributes
    ----------
    memory : float
        s after which a block counts 1/e.
    near : float
        Largest delay to both sides, s.
    drifts : float64 [shape=(n,)]
        s of delay for each s of time, evenly spaced and symmetrical.
    chance : float
        Spreads that the highest sum stays under in 95 of 100 looks at least where nobody answers.
    layer : bool
        Whether blocks count in which the layer was heard: an answer to it comes at a delay of its
        own, and would be taken for one that moves.
    usual : tuple of float
        Delay (s) and drift (s a second) that are half as likely as none beforehand; the tails are
        long (Cauchy's), for what is unusual happens. Infinite where all are alike.
    """

    memory: float
    near: float
    drifts: Floats
    chance: float
    layer: bool
    usual: tuple[float, float] = (math.inf, math.inf)

    @property
    def delays(self) -> Ints:
        """Delays that are looked at, grid points."""
        near = round(self.near * RATE)
        return np.arange(-near, near + 1)

    @property
    def prior(self) -> Floats:
        """Log odds of each line beforehand, against that of none [shape=(n_drifts, n_delays)].

        Examples
        --------
        >>> search = Search(1.0, 2 / 64, np.array([-1e-4, 0.0, 1e-4]), 4.0, False, (1 / 64, 1e-4))
        >>> np.exp(search.prior).round(2).tolist()[1:]
        [[0.2, 0.5, 1.0, 0.5, 0.2], [0.1, 0.25, 0.5, 0.25, 0.1]]
        """
        delay, drift = self.usual
        late = np.log1p((self.delays / RATE / delay) ** 2)
        return np.asarray(-late - np.log1p((self.drifts / drift) ** 2)[:, None])


@dataclass(frozen=True)
class Moved:
    """The likeliest line of a search: the highest sum, where all are alike beforehand.

    Attributes
    ----------
    r, sd : float
        Correlation there, and its spread where nothing answers.
    delay, delay_sd : float
        Delay now against that of the decoder and its standard error, s; later is positive.
    middle, middle_sd : float
        The same on average over the time that counts: the better known one where nothing moves.
    drift, drift_sd : float
        s a second.
    fallen : float
        Standard errors by which the newest minute has less of it than what is older; NaN where
        nothing is older. An answer that stops leaves a line free to run into chance.
    places : dict of int to float
        Log odds of the likeliest line that ends at a delay (grid points, now), against none at all.
    """

    r: float
    sd: float
    delay: float
    delay_sd: float
    middle: float
    middle_sd: float
    drift: float
    drift_sd: float
    fallen: float
    places: dict[int, float]

    @property
    def z(self) -> float:
        """Correlation in units of its spread by chance."""
        return self.r / self.sd


@dataclass(frozen=True)
class _Block:
    end: int  # second
    cross: Floats  # with the feature at each delay, of the reconstruction at unit variance
    rows: int
    power: float  # of the feature
    noise: float  # variance of `cross` at delays where no answer is
    slope: float  # the same of its differences
    layer: bool  # whether it was heard


class Delays:
    """Cross-covariance of a reconstruction and the feature at each delay, for each block.

    Parameters
    ----------
    aligned : Aligned
    rebuilder : Rebuilder
        Whose reconstruction it is.
    """

    def __init__(self, aligned: Aligned, rebuilder: Rebuilder) -> None:
        self._aligned = aligned
        self._rebuilder = rebuilder
        self._blocks: deque[_Block] = deque(maxlen=_KEPT)
        self._shifts: deque[int] = deque([0], maxlen=2)

    def add(self, second: int) -> None:
        """Take in the block that ended `BLOCK` s before `second`: the sound after it is known."""
        end = second - BLOCK
        self._shifts.append(self._rebuilder.shift)
        shift = self._shifts[0]  # of the lags, when that block was rebuilt
        start, stop = (end - BLOCK) * RATE, end * RATE
        y = self._rebuilder.rebuilt.read(start, stop)[:, 0]
        ok = np.isfinite(y)
        if np.count_nonzero(ok) < RATE:
            return
        rows = self._aligned.feature.read(start - _REACH + shift, stop + _REACH + shift)
        around, layer = np.nan_to_num(rows).T
        # Each block in units of its own size: a loud minute must not outweigh the others.
        y = np.where(ok, y, 0.0) / (float(np.std(y[ok])) or 1.0)
        cross = np.correlate(around, y, mode="valid")[::-1]
        heard = around[_REACH - shift : _REACH - shift + y.size][ok]
        far = np.abs(np.arange(-_REACH, _REACH + 1)) >= _FAR
        self._blocks.append(
            _Block(
                end,
                cross,
                heard.size,
                float(heard @ heard),
                float(np.mean(cross[far] ** 2)),
                float(np.mean(np.diff(cross)[far[1:]] ** 2)),
                bool(np.any(layer)),
            )
        )

    @property
    def n_blocks(self) -> int:
        """Blocks without the layer that are known."""
        return sum(not block.layer for block in self._blocks)

    @property
    def layer(self) -> bool:
        """Whether the layer was heard in the newest block."""
        return bool(self._blocks) and self._blocks[-1].layer

    def best(self, search: Search) -> Moved | None:
        """Return the likeliest of all delays and drifts, or None without data."""
        newest = self._blocks[-1].end if self._blocks else 0
        blocks = [b for b in self._blocks if newest - b.end < 3.0 * search.memory]
        blocks = [b for b in blocks if search.layer or not b.layer]
        age = np.array([float(newest - b.end) for b in blocks])
        weight = np.exp(-age / search.memory)
        size = float(weight @ [b.rows for b in blocks]) * float(weight @ [b.power for b in blocks])
        noise = float(weight**2 @ [b.noise for b in blocks])
        # What has learnt from silence alone rebuilds nothing when the sound begins.
        if size <= 0.0 or noise <= 0.0:
            return None
        middle = float(weight @ age / weight.sum())
        cross = np.array([b.cross for b in blocks])
        sums = _sums(cross, weight, age - middle, search)
        # Of a known wave in noise, the likelihood ratio of the best size at each place.
        odds = 0.5 * sums * np.abs(sums) / noise + search.prior
        at, place = np.unravel_index(int(np.argmax(odds)), sums.shape)
        step = float(search.drifts[1] - search.drifts[0])
        top = float(sums[at, place])
        later, bend = _vertex(sums[at], int(place))
        faster, _ = _vertex(sums[:, place], int(at))
        drift = float(search.drifts[at]) + faster * step
        delay = float(search.delays[place])
        line: Ints = int(delay) + np.rint(-search.drifts[at] * (age - middle) * RATE).astype(int)
        # Errors of delay (in the middle) and drift: slopes by chance over the bend of the peak. It
        # is that of each block: where the answer has stopped, the line is held by the older ones.
        errors = np.full((2, 2), math.nan)
        left, peak, right = _along(cross, line)
        if bend > 0.0:
            by_age = np.stack([np.ones(age.size), middle - age])
            bends = (by_age * (weight * (2.0 * peak - left - right))) @ by_age.T
            slopes = (by_age * (weight**2 * [b.slope for b in blocks])) @ by_age.T
            # One block alone, whatever the others hold, has a delay and no drift.
            if np.linalg.det(bends) > _ALONE * bends[0, 0] * bends[1, 1]:
                inverse = np.linalg.inv(bends)
                errors = inverse @ slopes @ inverse / RATE**2
        delay = (delay + later) / RATE
        now = np.array([1.0, middle])
        return Moved(
            r=top / math.sqrt(size),
            sd=math.sqrt(noise / size),
            delay=delay + drift * middle,
            delay_sd=math.sqrt(float(now @ errors @ now)),
            middle=delay,
            middle_sd=math.sqrt(float(errors[0, 0])),
            drift=drift,
            drift_sd=math.sqrt(float(errors[1, 1])),
            fallen=_fallen(peak, blocks, age < _NEWEST),
            places=_places(odds, search, middle),
        )


def _sums(cross: Floats, weight: Floats, age: Floats, search: Search) -> Floats:
    """Sum over blocks along each line [shape=(n_drifts, n_delays)]; `age` less its mean."""
    delays = search.delays
    out = np.empty((search.drifts.size, delays.size))
    rows = np.arange(len(cross))[:, None]
    weighted = cross * weight[:, None]
    for k, drift in enumerate(search.drifts):
        moved: Ints = np.rint(-drift * age * RATE).astype(np.int64)
        index = delays[None, :] + moved[:, None] + _REACH
        inside = (index >= 0) & (index < cross.shape[1])
        out[k] = np.where(inside, weighted[rows, np.where(inside, index, 0)], 0.0).sum(axis=0)
    return out


def _places(odds: Floats, search: Search, middle: float) -> dict[int, float]:
    """Highest odds of the lines that end at each delay; they pass theirs `middle` s before."""
    ends: Ints = np.rint(search.delays + middle * search.drifts[:, None] * RATE).astype(np.int64)
    first = int(ends.min())
    best = np.full(int(ends.max()) - first + 1, -math.inf)
    np.maximum.at(best, (ends - first).ravel(), odds.ravel())
    return {end: high for end, high in enumerate(best.tolist(), first) if high > -math.inf}


def _along(cross: Floats, delays: Ints) -> tuple[Floats, Floats, Floats]:
    """Each block at its delay (in grid points), just before and just after; 0 beyond reach."""
    at = delays + _REACH
    inside = (at > 0) & (at < cross.shape[1] - 1)
    rows, at = np.arange(len(cross)), np.where(inside, at, 1)
    left, peak, right = (np.where(inside, cross[rows, at + step], 0.0) for step in (-1, 0, 1))
    return left, peak, right


def _fallen(peak: Floats, blocks: Sequence[_Block], new: Bools) -> float:
    """Standard errors by which r along a line is smaller in the `new` blocks than in the others."""
    if new.all():
        return math.nan
    r, variance = [], 0.0
    for part in (new, ~new):
        chosen = [b for b, taken in zip(blocks, part, strict=True) if taken]
        size = sum(b.rows for b in chosen) * sum(b.power for b in chosen)
        if size <= 0.0:
            return math.nan
        r.append(float(peak[part].sum()) / math.sqrt(size))
        variance += sum(b.noise for b in chosen) / size
    return (r[1] - r[0]) / math.sqrt(variance) if variance > 0.0 else math.nan


def _vertex(values: Floats, at: int) -> tuple[float, float]:
    """Top of a parabola through a peak and its neighbours, from the peak; minus its second bend.

    Half a step away at most: what is likeliest by its odds need not be the highest sum about it.
    """
    if not 0 < at < values.size - 1:
        return 0.0, 0.0
    left, peak, right = (float(v) for v in values[at - 1 : at + 2])
    bend = 2.0 * peak - left - right
    return (min(max(0.5 * (right - left) / bend, -0.5), 0.5) if bend > 0.0 else 0.0), bend
