"""How electrodes belong together: what one of them may cost, and what an answer looks like in all.

An answer stands in few courses over the lags, chance in as many as there can be.
"""

from __future__ import annotations

import math

import numpy as np

from dsp.grid import Floats

INDEPENDENT = 14.0  #: samples a second of a signal that fills 1-8 Hz
_ALIKE = 0.1  # share of the penalty that is the same for all electrodes


def penalty_shape(cov: Floats, n_lags: int) -> Floats:
    """Penalty P of each of `n_lags` lags [shape=(n_channels, n_channels)], from C [shape=(d, d)].

    Examples
    --------
    >>> penalty_shape(np.diag([4.0, 2.0]), n_lags=1).round(2).tolist()
    [[3.9, 0.0], [0.0, 2.1]]
    """
    n = len(cov) // n_lags
    lag = np.arange(n_lags)
    space = cov.reshape(n, n_lags, n, n_lags)[:, lag, :, lag].mean(axis=0)
    shape = (1.0 - _ALIKE) * space
    shape[np.diag_indices(n)] += _ALIKE * float(np.trace(space)) / n
    return np.asarray(shape)


def by_chance(power: float, seconds: float) -> float:
    """Energy that chance gives to each lag and electrode in sums over so many `seconds`.

    In units of what the penalty of that lag and electrode is in: the sum of the squared EEG.

    Parameters
    ----------
    power : float
        Sum of the squared feature.
    seconds : float

    Examples
    --------
    >>> by_chance(power=2800.0, seconds=100.0)
    2.0
    """
    return power / max(INDEPENDENT * seconds, 1.0)


def in_common(cross: Floats, shape: Floats, chance: float) -> Floats:
    """Sums of EEG and sound with more of what the electrodes have in common, as an answer has.

    An answer has nearly one course over the lags, which each electrode sees at its own size; what
    chance adds has as many courses as there are lags or electrodes. With X the sums
    [shape=(n_channels, n_lags)] and P the penalty of a lag, ``G = X' P^-1 X`` holds the energy of
    each course over the electrodes. A course counts by its energy, and by as much again as the
    largest has by chance, ``a = chance (n_channels^1/2 + n_lags^1/2)^2`` (Marchenko & Pastur 1967,
    Math. USSR Sb. 1:457): ``X (G + a) / (tr G + a)``. What does not stand out of chance is left as
    it is; what does is one step of the power method nearer to one course.

    Parameters
    ----------
    cross : float64 [shape=(d,) or (d, n)]
        Columns run over lags within each channel.
    shape : float64 [shape=(n_channels, n_channels)]
        As of `penalty_shape`.
    chance : float
        As of `by_chance`.

    Examples
    --------
    >>> course, other = np.array([0.0, 3.0, 4.0]), np.array([1.0, 0.0, 0.0])
    >>> cross = np.stack([course, other - course]).ravel()  # of two electrodes
    >>> in_common(cross, np.eye(2), chance=0.0).reshape(2, 3).round(2).tolist()
    [[-0.49, 2.94, 3.92], [0.51, -3.0, -4.0]]
    """
    n = len(shape)
    n_lags = len(cross) // n
    sums = np.moveaxis(cross.reshape(n, n_lags, -1), 2, 0)
    courses = sums.transpose(0, 2, 1) @ np.linalg.solve(shape, sums)
    floor = chance * (math.sqrt(n) + math.sqrt(n_lags)) ** 2
    whole = np.trace(courses, axis1=1, axis2=2)[:, None, None] + floor
    courses = (courses + floor * np.eye(n_lags)) / np.where(whole > 0.0, whole, 1.0)
    return np.ascontiguousarray(np.moveaxis(sums @ courses, 0, 2)).reshape(cross.shape)
