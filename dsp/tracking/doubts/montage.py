"""Whether the electrodes stand where they stood at calibration, or left and right changed sides.

How electrodes go together (their correlations in the decoder's band) is a fingerprint of head and
headband. It is compared with that of the calibration, as stored and with electrodes of the 10-20
system exchanged for their mirror images (F3 for F4, AF7 for AF8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from dsp.electrodes import Pairs, mirror_pairs
from dsp.filters import Strip
from dsp.grid import RATE, Bools, Floats, Ints
from dsp.tracking.decoder import Sums
from dsp.tracking.evidence import BLOCK

MIN_CLEAN = 60.0  #: s of EEG before anything is said
FORGET = 0.98  #: of what is known, every 5 s: the newest four minutes count
ODDS = 100.0  #: by which the exchanged order must explain the session better
_MIN_RATIO = 3.0  # of both distances, however many the electrodes
_PER_SECOND = 14.0  # independent samples of a band of 7 Hz
_MIN_VALID = 0.5  # of the best electrode's time, and of a row's entries
_SHRINK = 0.05  # toward no correlation: references and bridges make matrices singular


def divergence(seen: Floats, stored: Floats) -> float:
    """Kullback-Leibler distance of two correlation matrices [shape=(n, n)], in nats a sample.

    ``(tr(C^-1 S) - n - ln det(C^-1 S)) / 2``: by so much the likelihood of a Gaussian sample
    falls if C is believed where S is true (Kullback 1959, chapter 9).

    Examples
    --------
    >>> corr = np.array([[1.0, 0.6], [0.6, 1.0]])
    >>> divergence(corr, corr)
    0.0
    >>> divergence(corr, np.eye(2)) > 0.1
    True
    """
    ratio = np.linalg.solve(_shrunk(stored), _shrunk(seen))
    return 0.5 * float(np.trace(ratio) - len(ratio) - np.linalg.slogdet(ratio)[1])


def _shrunk(corr: Floats) -> Floats:
    return (1.0 - _SHRINK) * corr + _SHRINK * np.eye(len(corr))


def _order(n: int, pairs: Pairs) -> Ints:
    order = np.arange(n)
    for left, right in pairs:
        order[[left, right]] = right, left
    return order


def exchanged(
    seen: Floats, stored: Floats, pairs: Pairs, *, at: Ints, seconds: float
) -> tuple[Pairs, ...]:
    """Pairs that have changed sides, or none; two sets of them if either may be meant.

    Of the orders that differ by exchanged pairs the nearest is sought, pair by pair, from the
    stored order and from the mirrored one. Sessions differ by contact and background far more
    than samples do by chance, so its lead must hold against both. With a spread between sessions
    that is not known, an electrode's deviation counting once, the likelihoods of the two orders
    differ by the factor ``(D0 / D1) ** (n / 2)`` (D0, D1: distances as stored and exchanged).

    Parameters
    ----------
    seen : float64 [shape=(n, n)]
        Correlations between electrodes in the session.
    stored : float64 [shape=(n_stored, n_stored)]
        At calibration.
    pairs : tuple of (int, int)
        Those of `stored` that may be exchanged, one at least.
    at : int64 [shape=(n,)]
        Where the electrodes of `seen` stand in `stored`.
    seconds : float
        That `seen` rests on.

    Returns
    -------
    tuple of pairs
        The best order, and the one that exchanges all the others instead if that is not clearly
        worse: on a head whose halves are alike it cannot be.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mix = np.concatenate([rng.standard_normal((4, 4)), np.eye(4)])
    >>> stored = np.corrcoef(rng.standard_normal((9000, 8)) @ mix, rowvar=False)
    >>> turned = np.ix_([1, 0, 2, 3], [1, 0, 2, 3])
    >>> exchanged(stored[turned], stored, ((0, 1), (2, 3)), at=np.arange(4), seconds=120.0)
    (((0, 1),),)
    """
    n = len(seen)

    def distance(swapped: Pairs) -> float:
        order = _order(len(stored), swapped)[at]
        return divergence(seen, stored[np.ix_(order, order)])

    as_stored = distance(())
    found = [_descend(distance, pairs, start) for start in ((), pairs)]
    best, swapped = min(found, key=lambda f: f[0])
    ratio = as_stored / max(best, 1e-12)
    by_chance = _PER_SECOND * seconds * (as_stored - best)
    clear = ratio >= _MIN_RATIO and 0.5 * n * math.log(ratio) >= math.log(ODDS)
    if not (clear and by_chance >= math.log(ODDS)):
        return ()
    others = tuple(p for p in pairs if p not in swapped)
    alike = others and distance(others) < _MIN_RATIO * best
    return (swapped, others) if alike else (swapped,)


def _descend(distance: Callable[[Pairs], float], pairs: Pairs, start: Pairs) -> tuple[float, Pairs]:
    """Exchange one pair after the other, or back, while that brings the order nearer."""
    best, swapped = distance(start), start
    while True:
        tried = [tuple(p for p in pairs if (p in swapped) != (p == pair)) for pair in pairs]
        near = [(distance(t), t) for t in tried]
        if min(near)[0] >= best:
            return best, swapped
        best, swapped = min(near)


class Montage:
    """Watches over the sides of the electrodes.

    Parameters
    ----------
    eeg : Strip
        Filtered EEG on the 64 Hz grid, NaN where masked [n_channels].
    ch_names : sequence of str
    stored : Sums
        Of the calibration, for these electrodes (`Decoder.select`).
    """

    def __init__(self, eeg: Strip, ch_names: Sequence[str], stored: Sums) -> None:
        self._eeg = eeg
        self._names = tuple(ch_names)
        n = len(self._names)
        self._pairs = mirror_pairs(ch_names)
        n_lags = len(stored.cov) // n
        # Sum over lags: every lag of a row is a sample of the same correlation.
        self._stored = np.einsum("akbk->ab", stored.cov.reshape(n, n_lags, n, n_lags))
        self._cov = np.zeros((n, n))
        self._seconds = np.zeros(n)

    def look(self, second: int) -> str:
        """Add the 5 s before `second`; say in one sentence which sides seem exchanged, or ""."""
        rows = self._eeg.read((second - BLOCK) * RATE, second * RATE)
        valid: Bools = np.isfinite(rows)
        # As calibration adds its rows: half of the electrodes valid, the others nothing.
        used = valid.mean(axis=1) >= _MIN_VALID
        clean = np.where(valid, rows, 0.0)[used]
        self._cov = FORGET * self._cov + clean.T @ clean
        self._seconds = FORGET * self._seconds + valid[used].sum(axis=0) / RATE
        known = np.diag(self._stored) > 0.0
        here = known & (self._seconds >= _MIN_VALID * self._seconds.max())
        at = np.flatnonzero(here)
        # An electrode that is lost now may still have left its name to its twin.
        pairs = tuple((a, b) for a, b in self._pairs if known[[a, b]].all() and here[[a, b]].any())
        if not pairs or (seconds := float(self._seconds[at].min())) < MIN_CLEAN:
            return ""
        seen, stored = _correlation(self._cov)[np.ix_(at, at)], _correlation(self._stored)
        named = " or ".join(
            ", ".join(f"{self._names[a]} with {self._names[b]}" for a, b in order)
            for order in exchanged(seen, stored, pairs, at=at, seconds=seconds)
        )
        if not named:
            return ""
        return f"Left and right seem exchanged ({named}): check the headband."


def _correlation(cov: Floats) -> Floats:
    size = np.sqrt(np.diag(cov))
    sizes = np.outer(size, size)
    return np.asarray(np.divide(cov, sizes, out=np.zeros_like(cov), where=sizes > 0.0))
