"""Eyes, muscles and movement as signals: how strong they are, and how far a mask reaches."""

from __future__ import annotations

import numpy as np

from dsp.grid import Bools, Floats

MARGIN_BEFORE, MARGIN_AFTER = 0.3, 0.6  #: s masked around a blink

_MUSCLE_NOISE = 0.1  # microvolt; a flat electrode has no logarithm


def dilate(mask: Bools, before: int, after: int) -> Bools:
    """Mask widened by `before` and `after` samples along axis 0 [shape=(n, n_columns)].

    Examples
    --------
    >>> mask = np.array([[False], [False], [True], [False], [False]])
    >>> dilate(mask, before=1, after=2).T.tolist()
    [[False, True, True, True, True]]
    """
    n = mask.shape[0]
    total = np.zeros((n + 1, mask.shape[1]), dtype=np.int64)
    np.cumsum(mask, axis=0, out=total[1:])
    index = np.arange(n)
    start, stop = np.maximum(index - after, 0), np.minimum(index + before + 1, n)
    return np.asarray(total[stop] > total[start])


def muscle_level(data: Floats, *, sfreq: float) -> Floats:
    """Natural logarithm of the rms in 30-45 Hz over 60 ms, mean over electrodes.

    Parameters
    ----------
    data : float64 [shape=(n, n_channels)]
        Microvolt.
    sfreq : float
        Hz, at least 100.

    Returns
    -------
    float64 [shape=(n,)]

    Examples
    --------
    >>> t = np.arange(500) / 250
    >>> tense = 8 * np.sqrt(2) * np.sin(2 * np.pi * 37.5 * t)[:, None]  # 8 microvolt rms
    >>> round(float(np.exp(muscle_level(tense, sfreq=250.0)[250])))
    8
    """
    half = round(0.1 * sfreq)
    t = np.arange(-half, half + 1) / sfreq
    taps = (90.0 * np.sinc(90.0 * t) - 60.0 * np.sinc(60.0 * t)) * np.hamming(t.size) / sfreq
    width = max(round(0.06 * sfreq), 1)
    level = np.zeros(data.shape[0])
    for column in (data - data[0]).T:
        fast = np.convolve(column, taps, mode="same")
        power = np.convolve(fast**2, np.ones(width) / width, mode="same")
        level += 0.5 * np.log(power + _MUSCLE_NOISE**2)
    return np.asarray(level / max(data.shape[1], 1))


def beyond(slow: Floats, level: Floats) -> Floats:
    """What of a slow signal goes beyond `level`, on a logarithmic scale; mean over electrodes.

    Ordinary EEG stays under it, so that the brain's own answer is not in here: 0 up to the level,
    ``sign log(|x| / level)`` above.

    Parameters
    ----------
    slow : float64 [shape=(n, n_channels)]
    level : float64 [shape=(n_channels,)]
        Above 0, microvolt.

    Returns
    -------
    float64 [shape=(n,)]
        0 without any electrode.

    Examples
    --------
    >>> slow = np.array([[5.0], [-20.0]])
    >>> beyond(slow, np.array([10.0])).round(2).tolist()
    [0.0, -0.69]
    """
    if slow.shape[1] == 0:
        return np.zeros(slow.shape[0])
    over = np.sign(slow) * np.log(np.maximum(np.abs(slow) / level, 1.0))
    return np.asarray(over.mean(axis=1))
