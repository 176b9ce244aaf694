"""One backward decoder at work: it rebuilds the feature from what it has not learnt from.

Each second is rebuilt by weights that have seen neither it nor anything within 3 s of it
(prequential: Dawid 1984, J. R. Stat. Soc. A 147:278), and is learnt from later. The tracker's own
decoder and those it is compared with (another range of lags, other signals than EEG, the stored
one alone) are all of this kind, so that a comparison of two compares nothing but what they see.
"""

from __future__ import annotations

import numpy as np

from dsp.filters import Strip
from dsp.grid import RATE, Bools, Floats, Ints
from dsp.tracking.alignment import KEEP
from dsp.tracking.decoder import Sums, lagged, solve

TRAIN_GAP = 3  #: s between what a decoder has seen and what it is scored on
MIN_SHARE = 0.5  #: of a row's entries that must be valid
_SHARE_WINDOW = 10  # s


class Rebuilder:
    """A decoder that learns from the past and rebuilds the present, second by second.

    Parameters
    ----------
    source : Strip
        Filtered signals on the 64 Hz grid, NaN where masked [n_columns].
    n_columns : int
    lags : int64 [shape=(n_lags,)]
        Grid points by which the signals follow the sound; negative ones precede it.
    prior : Sums, optional
        What a stored decoder knows, in units of the columns' levels.
    learns : bool
        False for the stored decoder alone: the session then only gives the levels.
    levels : float64 [shape=(n_columns,)], optional
        Rms of each column when `prior` was learnt: what it begins with, until the session has its
        own. Without them the first ten seconds of a session could not be rebuilt.
    """

    def __init__(
        self,
        source: Strip,
        n_columns: int,
        lags: Ints,
        *,
        prior: Sums | None = None,
        learns: bool = True,
        levels: Floats | None = None,
    ) -> None:
        self._source = source
        self._n = n_columns
        self._first, self._last = int(lags.min()), int(lags.max())
        self._lags = lags - self._first
        self._prior = prior
        self._learns = learns
        self._own = Sums.zero(n_columns * lags.size)
        self._queue: list[tuple[int, Floats, Floats]] = []
        self._weights: Floats | None = None
        if prior is not None and levels is not None and levels.any():
            power = np.repeat(RATE * levels**2, lags.size)
            rms = Sums(np.diag(power), np.zeros(power.size), 0.0, 1.0)  # and nothing else
            self._weights = solve(prior, rms, n_columns, learns=False)
        self._share = np.ones((_SHARE_WINDOW, n_columns))
        self.without: Bools = np.zeros(n_columns, dtype=bool)  #: columns to leave out
        self.shift = 0  #: grid points by which the signals follow later than `lags` say
        self.rebuilt = Strip(1, keep=KEEP)  #: the feature as rebuilt, NaN where masked

    @property
    def share(self) -> Floats:
        """Valid share of each column in the newest 10 s [shape=(n_columns,)]."""
        return np.asarray(self._share.mean(axis=0))

    def share_at(self, second: int) -> Floats:
        """Valid share of each column in one of the newest 10 s [shape=(n_columns,)]."""
        return np.asarray(self._share[second % _SHARE_WINDOW])

    @property
    def levels(self) -> Floats:
        """Rms of each column in this session [shape=(n_columns,)]."""
        return self._own.levels(self._n)

    @property
    def learnt(self) -> float:
        """Seconds that it has learnt from, those of the stored decoder included."""
        return self._own.seconds + (self._prior.seconds if self._prior else 0.0)

    def learn(self, second: int) -> None:
        """Add what is old enough at `second` to the sums, and solve again."""
        ready = [q for q in self._queue if q[0] < second - TRAIN_GAP]
        self._queue = self._queue[len(ready) :]
        if ready:
            self._own = self._own.plus(
                np.concatenate([q[1] for q in ready]), np.concatenate([q[2] for q in ready])
            )
        if self._own.seconds > 0.0:
            self._weights = solve(
                self._prior, self._own, self._n, without=self.without, learns=self._learns
            )

    def rebuild(self, second: int, feature: Floats) -> None:
        """Rebuild one second of the feature, and keep its rows to learn from later.

        Parameters
        ----------
        second : int
            Of the clock.
        feature : float64 [shape=(64,)]
            Filtered, NaN where not heard.
        """
        start = second * RATE
        first, last = start + self._first + self.shift, start + RATE + self._last + self.shift
        design = lagged(self._source.read(first, last), self._lags, RATE)
        valid: Bools = np.isfinite(design)
        design[~valid] = 0.0
        by_column = valid.reshape(RATE, self._n, -1).mean(axis=2)
        self._share[second % _SHARE_WINDOW] = by_column.mean(axis=0)
        counted = ~self.without
        share = by_column[:, counted].mean(axis=1) if counted.any() else np.zeros(RATE)
        rows = np.isfinite(feature) & (share >= MIN_SHARE)
        if rows.any():
            self._queue.append((second, design[rows], feature[rows]))
        out = np.full(RATE, np.nan)
        if self._weights is not None:
            out[rows] = (design @ self._weights)[rows]
        self.rebuilt.write(start, out[:, None])
