"""Whether the EEG follows from nothing in the first minute: all that came is fitted anew.

A decoder that is scored on the next seconds only (`dsp.tracking.rebuilder`) has learnt little in
the first minute, and each second counts with the weights of its time. Here a decoder is fitted to
all data so far but one part, rebuilds that part, and so on: leave-one-part-out, every 5 s anew,
for several windows of lags. Its correlation with what was heard counts against what surrogates of
the sound reach that are *refitted alike*, from the same covariances: shifted ones and phase-
randomised ones (`dsp.tracking.nulls`), each with its own best window. So neither the fit nor the
search earns credit. With c_w the correlation in window w and mean and SD over the surrogates,

``b = max_w (c_w - mean_w) / sd_w,   z = min over both kinds of (b - mean(b_i)) / sd(b_i)``

It is found where z reaches `ENOUGH` at two looks one after the other. At most `LOOKS` are taken in
a session, which bounds both the cost and how often chance can speak: when they end, what is scored
on the next seconds has learnt enough to find what they would.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dsp.grid import RATE, Bools, Floats, Ints
from dsp.tracking.alignment import Aligned
from dsp.tracking.decoder import ridge, strength
from dsp.tracking.doubts.nuisance import EYES
from dsp.tracking.evidence import BLOCK
from dsp.tracking.nulls import MIN_SHIFT, bins_of
from dsp.tracking.rebuilder import MIN_SHARE

Complexes = npt.NDArray[np.complex128]

ENOUGH = 2.75  #: z at two looks one after the other
MIN_SECONDS, LONGEST = 20, 75  #: s of data of the first look, and of the last
LOOKS = (LONGEST - MIN_SECONDS) // 5 + 1  #: in a session
_EACH = 60  # surrogates of each kind
_TURNED = 120  # s that there are random phases for
_PART, _PARTS = 10, 6  # s of a part that is left out, at least; and how many there are at most
_WIDE, _APART = 9, 4  # lags of a window, and between the starts of two
_MOST = 8  # electrodes; in so short a time more of them only add weights
_ROWS = 4  # grid points between rows: at 16 Hz, products of what ends at 8 Hz add up to the same
_MIN_VALID = 0.3  # share of an electrode that must be valid


class First:
    """The refit, look by look.

    Parameters
    ----------
    aligned : Aligned
        EEG and what is heard, on the grid.
    lags : int64 [shape=(n_lags,)]
        Grid points that the EEG is looked at after the sound, from nothing.
    seed : int
        Of the surrogates.
    """

    def __init__(self, aligned: Aligned, lags: Ints, *, seed: int = 0) -> None:
        self._aligned = aligned
        self._lags = lags
        self._seed = seed
        self._start: int | None = None  # second from which data count
        self._looks = 0
        self._enough: int | None = None  # second of the newest look that was enough
        self.z = float("nan")  #: of the newest look

    def look(self, second: int, *, without: Bools, doubts: tuple[str, ...] = ()) -> bool:
        """Whether an answer is found in all that came before `second`; ask every 5 s.

        Parameters
        ----------
        second : int
        without : bool [shape=(n_channels,)]
            Electrodes to leave out.
        doubts : tuple of str
            Something else than a brain may speak: what has come so far is forgotten. Not so where
            eyes only tell as much: that compares the EEG as it is scored, and passes as it learns.
        """
        if self._start is None:
            self._start = max(self._aligned.eeg.start, self._aligned.feature.start) // RATE
        if doubts:
            self._enough = None
            if set(doubts) != {EYES}:
                self._start = second
            return False
        if not MIN_SECONDS <= second - self._start <= LONGEST or self._looks >= LOOKS:
            return False
        self._looks += 1
        self.z = self._refitted(second, np.flatnonzero(~without))
        before, self._enough = self._enough, second if self.z >= ENOUGH else None
        # A find that has lapsed counts for none: what was enough then was long ago.
        return self._enough is not None and before == second - BLOCK

    def _refitted(self, second: int, electrodes: Ints) -> float:
        assert self._start is not None
        first, stop = self._start * RATE, second * RATE
        eeg = self._aligned.eeg.read(first, stop + int(self._lags.max()))
        sound = self._aligned.feature.read(first, stop)
        seen = np.isfinite(eeg[: stop - first]).mean(axis=0) >= _MIN_VALID
        electrodes = electrodes[seen[electrodes]]
        if electrodes.size > _MOST:
            spread = (np.arange(_MOST) + 0.5) * electrodes.size / _MOST
            electrodes = electrodes[np.floor(spread).astype(np.int64)]
        if not electrodes.size or np.nansum(np.abs(sound[:, 1])) > 0.0:
            return float("nan")  # a layer would have to be taken out of every surrogate
        targets = surrogates(np.nan_to_num(sound[:, 0]), each=_EACH, seed=self._seed)
        return judged(correlations(eeg[:, electrodes], sound[:, 0], targets, self._lags))


@lru_cache(maxsize=2)
def _turns(each: int, seed: int, seconds: int) -> Complexes:
    """Random turns of the bins up to 9 Hz of so many seconds [shape=(each, n_bins)], read-only."""
    angle = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, (each, bins_of(seconds * RATE)))
    turns = np.exp(1j * angle)
    turns.flags.writeable = False
    return np.asarray(turns)


def surrogates(feature: Floats, *, each: int, seed: int) -> Floats:
    """The feature, `each` shifted and `each` phase-randomised copies of it, at 16 Hz.

    Parameters
    ----------
    feature : float64 [shape=(n,)]
        At 64 Hz, n a multiple of 4.

    Returns
    -------
    float64 [shape=(n / 4, 1 + 2 each)]

    Examples
    --------
    >>> heard = np.random.default_rng(0).standard_normal(20 * RATE)
    >>> copies = surrogates(heard, each=30, seed=0)
    >>> copies.shape, bool(np.array_equal(copies[:, 0], heard[::4]))
    ((320, 61), True)
    """
    low = int(MIN_SHIFT * RATE)
    shifts = np.linspace(low, feature.size - low, each).astype(np.int64)
    at = np.arange(0, feature.size, _ROWS)
    shifted = feature[(at - np.append(0, shifts)[:, None]) % feature.size]
    half = feature[::2]  # 32 Hz: nothing of the feature is left over 9
    spectrum = np.fft.rfft(half)[: bins_of(feature.size)]
    turned = spectrum * _turns(each, seed, _TURNED)[:, : spectrum.size]
    random = np.fft.irfft(turned, half.size, axis=1)[:, :: _ROWS // 2]
    return np.ascontiguousarray(np.concatenate([shifted, random]).T)


def correlations(eeg: Floats, heard: Floats, targets: Floats, lags: Ints) -> Floats:
    """Correlation of each target with what decoders of the other parts rebuild of it.

    Parameters
    ----------
    eeg : float64 [shape=(n + max(lags), n_channels)]
        NaN where masked.
    heard : float64 [shape=(n,)]
        NaN where nothing was heard.
    targets : float64 [shape=(n / 4, n_targets)]
    lags : int64 [shape=(n_lags,)]

    Returns
    -------
    float64 [shape=(n_windows, n_targets)]

    Examples
    --------
    >>> heard = np.random.default_rng(0).standard_normal(20 * RATE)
    >>> eeg = np.append(np.zeros(12), heard)[:, None]  # follows 12 grid points later
    >>> copies = surrogates(heard, each=5, seed=0)
    >>> found = correlations(eeg, heard, copies, np.arange(0, 13, 3))
    >>> found.shape, bool(found[0, 0] > 0.9), bool(found[0, 1:].max() < 0.2)
    ((1, 11), True, True)
    """
    n_channels, n_lags = eeg.shape[1], lags.size
    at = np.arange(0, heard.size, _ROWS)[:, None] + lags
    design = eeg[at].transpose(0, 2, 1).reshape(len(at), -1)
    valid = np.isfinite(design)
    rows = (valid.mean(axis=1) >= MIN_SHARE) & np.isfinite(heard[::_ROWS])
    design = np.where(valid, design, 0.0)
    size = np.sqrt(np.mean(design.reshape(len(design), n_channels, -1) ** 2, axis=(0, 2)))
    design /= np.repeat(np.maximum(size, 1e-12), n_lags)
    n_parts = min(heard.size // (_PART * RATE), _PARTS)
    edges = np.linspace(0, len(design), n_parts + 1).astype(np.int64)
    parts = []
    for begin, end in pairwise(edges):
        inside = rows[begin:end]
        x, y = design[begin:end][inside], targets[begin:end][inside]
        parts.append((x.T @ x, x.T @ y, len(x) * _ROWS / RATE))
    power = np.sum(targets[rows] ** 2, axis=0)
    column = np.arange(n_channels)[:, None] * n_lags
    starts = range(0, max(n_lags - _WIDE, 0) + 1, _APART)
    windows = [(column + np.arange(s, min(s + _WIDE, n_lags))).ravel() for s in starts]
    return np.array([_left_out(parts, w, n_channels, power) for w in windows])


def _left_out(
    parts: list[tuple[Floats, Floats, float]], columns: Ints, n_channels: int, power: Floats
) -> Floats:
    """Correlations for the lags of `columns` [shape=(n_targets,)]."""
    square = np.ix_(columns, columns)
    own = [(cov[square], cross[columns], seconds) for cov, cross, seconds in parts]
    cov, cross = sum(p[0] for p in own), sum(p[1] for p in own)
    seconds = sum(p[2] for p in own)
    product, energy = np.zeros(power.size), np.zeros(power.size)
    for left_cov, left_cross, left_seconds in own:
        weights = ridge(
            np.asarray(cov - left_cov),
            np.asarray(cross - left_cross),
            penalty=strength(seconds - left_seconds, n_channels),
            n_lags=columns.size // n_channels,
        )
        product += np.sum(weights * left_cross, axis=0)
        energy += np.sum(weights * (left_cov @ weights), axis=0)
    return np.asarray(product / np.sqrt(np.maximum(energy * power, 1e-30)))


def judged(found: Floats) -> float:
    """Standard score of the best window against those of the surrogates; NaN if there is none.

    Parameters
    ----------
    found : float64 [shape=(n_windows, 1 + 2 n)]
        Correlations of the feature, of n shifted and of n phase-randomised copies.

    Examples
    --------
    >>> chance = np.random.default_rng(0).standard_normal((5, 121))
    >>> chance[:, 0] = 0.0
    >>> chance[2, 0] = 6.0
    >>> judged(chance) > 4.0
    True
    """
    chance = found[:, 1:]
    spread = chance.std(axis=1, keepdims=True)
    if not spread.all():
        return float("nan")
    best = np.max((found - chance.mean(axis=1, keepdims=True)) / spread, axis=0)
    kinds = np.split(best[1:], 2)
    return min(float((best[0] - kind.mean()) / kind.std()) for kind in kinds)
