"""Whether blinks (or movements) come at the same places of the sound.

People blink on the beat (Wu, Teng & Du 2025): blinks locked to it make a naive decoder report
entrainment in two of three silent brains. Masking is not enough, because the neighbourhood of
a mask carries the beat too. So the blinks themselves are tested against what was heard.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from dsp.artifacts import MARGIN_BEFORE
from dsp.filters import Strip
from dsp.grid import RATE, Bools, Floats, Ints

#: In 90 s. Fewer than ten a minute, masked, cannot carry a correlation (docs/validation.md).
MIN_BLINKS = 15
_MAX_BLINKS = 64
_N_RANDOM = 400
BLINK_WINDOW = 90  #: s of blinks that are looked at
_LOCKED_P = 0.01
_MOVED = (("blink",), ("motion",))


class BlinkLock:
    """Whether blinks (or movements) come at the same places of the sound.

    The mean of the filtered feature over all blinks, at the lag from -0.5 to 0.7 s where it is
    largest, against the same for as many random times. No beat grid is needed, and music that
    repeats itself costs nothing: random times, not shifted sounds, are what blinks should be.

    Parameters
    ----------
    feature : Strip
        Filtered feature on the 64 Hz grid.
    seed : int
        Of the random times.

    Examples
    --------
    >>> beats = np.zeros(90 * RATE)
    >>> beats[:: 3 * RATE] = 1.0
    >>> lock = BlinkLock(Strip(2, keep=90 * RATE))
    >>> lock.p(np.arange(3.0, 85.0, 3.0), beats - beats.mean(), rate=RATE) < 0.01
    True
    """

    def __init__(self, feature: Strip, *, seed: int = 0) -> None:
        self._feature = feature
        self._uniform = np.random.default_rng(seed).random((_N_RANDOM, _MAX_BLINKS))
        self._blinks: list[float] = []
        self._masked: Bools | None = None  # of the newest sample

    def note(
        self,
        times: Floats,
        valid: Bools,
        words: Mapping[int, tuple[str, ...]],
    ) -> None:
        """Take down when an electrode begins to be masked for a blink or a movement.

        Parameters
        ----------
        times : float64 [shape=(n,)]
        valid : bool [shape=(n, n_channels)]
        words : mapping
            Second -> word of each electrode.
        """
        if self._masked is None:
            self._masked = np.zeros(valid.shape[1], dtype=bool)
        starts = ~valid & np.concatenate([~self._masked[None, :], valid[:-1]])
        self._masked = ~valid[-1]
        for row in np.flatnonzero(starts.any(axis=1)):
            said = words.get(math.floor(times[row]), ())
            moved = any(said[c : c + 1] in _MOVED for c in np.flatnonzero(starts[row]))
            at = float(times[row]) + MARGIN_BEFORE
            if moved and (not self._blinks or at > self._blinks[-1] + MARGIN_BEFORE):
                self._blinks.append(at)

    def look(self, second: int) -> str:
        """Say so if the blinks of the last `BLINK_WINDOW` s follow the sound."""
        start = second - BLINK_WINDOW
        self._blinks = [at for at in self._blinks if at >= start]
        blinks = np.array([at - start for at in self._blinks if at < second])
        feature = np.nan_to_num(self._feature.read(start * RATE, second * RATE)[:, 0])
        if self.p(blinks, feature, rate=RATE) < _LOCKED_P:
            return "Blinks or movements follow the sound."
        return ""

    def p(self, blinks: Floats, feature: Floats, *, rate: int) -> float:
        """Share of random times that meet the sound as well as the blinks do.

        Parameters
        ----------
        blinks : float64 [shape=(n_blinks,)]
            Seconds since the start of `feature`.
        feature : float64 [shape=(n,)]
            Filtered feature, 0 where not heard.
        rate : int
            Of the feature, Hz.

        Returns
        -------
        float
            1 with fewer than `MIN_BLINKS`.
        """
        lags = np.arange(round(-0.5 * rate), round(0.7 * rate) + 1, 2)
        low, high = -int(lags[0]), feature.size - int(lags[-1]) - 1
        at = np.round(np.asarray(blinks) * rate).astype(np.int64)
        at = at[(at >= low) & (at < high)][-_MAX_BLINKS:]
        if at.size < MIN_BLINKS:
            return 1.0

        def best(times: Ints) -> Floats:
            means = np.stack([feature[times + lag].mean(axis=-1) for lag in lags])
            return np.asarray(np.abs(means).max(axis=0))

        random = (low + self._uniform[:, : at.size] * (high - low)).astype(np.int64)
        return float((1 + np.count_nonzero(best(random) >= best(at))) / (1 + _N_RANDOM))
