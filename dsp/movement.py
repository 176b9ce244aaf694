"""Movement at the beat, found by its size: more than any cortex answers a beat with.

Whoever nods swings the electrodes at every beat, and a decoder follows that as it would follow a
brain; blinks and masks know nothing of it. But what comes back with the beat has a size, and that
of a brain is bounded: tones every 0.6 s are answered with 1.1 µV rms at most at the best electrode,
and even tones 3.6 s apart, when the answer has recovered, with some 1.75 µV (own averages of the
recordings in docs/method.md, 8). A beat is denser than that.

Two autocovariances measure it, so that no latency, shape or decoder enters. That of the sound
gives the times P after which it repeats itself (a beat, two, a bar: some nod at every second beat),
that of an electrode its power that comes back: ``mean_k E[e(t) e(t - k P)]``, k P up to 16 s.
Noise adds nothing to it on average.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dsp.filters import RATE, Floats, Strip
from dsp.rebuilder import Rebuilder

WINDOW = 120  #: s that are looked at
BOUND = 1.75  #: microvolt rms; a sine of 5 µV from peak to peak
ERRORS, SURE = 2.0, 4.0  #: standard errors that it must exceed the bound by, and nothing at all
_MIN_SECONDS = 15
_REACH = 16.0  # s over which a beat is taken to be steady
_PERIODS = np.arange(0.4 * RATE, 4.0 * RATE, 0.25)  # grid points
_AS_WELL = 0.85  # of the best repetition: beats, bars, and whatever number of beats

_SENTENCE = "Something as large as a movement swings with the beat."


class BeatSwing:
    """Whether an electrode swings with the beat more than a brain could.

    Parameters
    ----------
    eeg : Strip
        Filtered EEG on the 64 Hz grid, microvolt, NaN where masked [n_channels].
    feature : Strip
        Filtered feature in column 0, NaN where not heard.
    decoder : Rebuilder
        Electrodes that it leaves out do not count.
    """

    def __init__(self, eeg: Strip, feature: Strip, decoder: Rebuilder) -> None:
        self._eeg, self._feature, self._decoder = eeg, feature, decoder

    def look(self, second: int) -> str:
        """Say so if the newest `WINDOW` s before `second` hold such a swing."""
        stop = second * RATE
        start = max(stop - WINDOW * RATE, self._feature.start)
        if stop - start < _MIN_SECONDS * RATE:
            return ""
        heard = np.nan_to_num(self._feature.read(start, stop)[:, 0])
        if not heard.any():
            return ""
        eeg = self._eeg.read(start, stop)
        eeg[:, self._decoder.without] = np.nan
        low = swing(eeg, periods(heard))
        return _SENTENCE if low > BOUND**2 else ""


def _autocovariance(x: Floats) -> Floats:
    """Sums of products with itself, by lag [shape as x]."""
    n = len(x)
    return np.asarray(np.fft.irfft(np.abs(np.fft.rfft(x, 2 * n, axis=0)) ** 2, 2 * n, axis=0)[:n])


def _lags(period: float, n: int) -> npt.NDArray[np.int64]:
    """Multiples of `period` up to `_REACH` s, and to half of what there is, but at least one."""
    count = max(int(min(_REACH * RATE, n / 2) / period), 1)
    return np.asarray(np.rint(period * np.arange(1, count + 1)), dtype=np.int64)


def periods(heard: Floats) -> Floats:
    """Times from 0.4 to 4 s after which a sound repeats itself.

    Parameters
    ----------
    heard : float64 [shape=(n,)]
        Filtered feature at 64 Hz, 0 where not heard; 15 s or more.

    Returns
    -------
    float64 [shape=(n_periods,)]
        Grid points, to a quarter: those with a mean autocovariance at their multiples of
        `_AS_WELL` of the largest or more.
    """
    n = heard.size
    cov = _autocovariance(heard) / np.arange(n, 0, -1)
    means = np.array([cov[_lags(period, n)].mean() for period in _PERIODS])
    return np.asarray(_PERIODS[means >= _AS_WELL * means.max()])


def swing(eeg: Floats, after: Floats) -> float:
    """Power that comes back after some time, less its error.

    Parameters
    ----------
    eeg : float64 [shape=(n, n_channels)]
        Filtered, at 64 Hz, NaN where masked.
    after : float64 [shape=(n_periods,)]
        Grid points.

    Returns
    -------
    float
        Largest over periods and electrodes, less `ERRORS` standard errors (Bartlett 1946, Suppl.
        J. R. Stat. Soc. 8:27), of those that exceed `SURE` of them; 0 where none does. In the
        square of the EEG's unit.
    """
    ok = np.isfinite(eeg)
    x = np.where(ok, eeg, 0.0)
    products, pairs = _autocovariance(x), np.rint(_autocovariance(ok.astype(np.float64)))
    # Samples one after the other say the same: so many count as one.
    shape = products[:RATE] / np.maximum(products[0], 1e-30)
    together = np.maximum(2.0 * np.sum(shape**2, axis=0) - 1.0, 1.0)
    power = products[0] / np.maximum(pairs[0], 1.0)
    low = []
    for period in after:
        lags = _lags(period, len(eeg))
        count = np.maximum(pairs[lags].sum(axis=0), 1.0)
        error = power * np.sqrt(together / count)
        back = products[lags].sum(axis=0) / count
        low.append(np.where(back > SURE * error, back - ERRORS * error, 0.0))
    return float(np.max(low))
