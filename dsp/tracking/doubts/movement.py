"""Movement at the beat, found by its shape: slower than any cortex answers a beat.

Whoever nods swings the electrodes at every beat, and a decoder follows that as it would follow a
brain; blinks and masks know nothing of it. But a head is heavy and swings about once a beat:
artefacts of walking peak at the rate of the steps (Arad et al. 2018, PLoS One 13:e0197153). A
cortex answers an onset within 50 to 250 ms and turns meanwhile: some 90 ms after the trough N1
comes the peak P2, of the other sign, so most of an answer stands over 3 Hz, however large it is.
In our own recordings (docs/method.md, 8) that is 1.4 to 10 times the power that stands under it.

So what comes back with the beat is compared with itself `LATER`: of a swing most is still there,
an answer has turned. Two autocovariances measure it, and no latency or decoder enters. That of
the sound gives the times P after which it repeats itself (a beat, two, a bar: some nod at every
second beat), that of an electrode the power that comes back, ``mean_k E[e(t) e(t - k P)]``, k P up
to 32 s, and that which stays, the same `LATER` to both sides of k P; in frequency, the power that
comes back times ``cos(2 pi f LATER)``, over 0 up to 3.2 Hz and under 0 from there to the end of the
band. Noise adds nothing on average. A heart beats at its own rate, which may be near that of the
sound, and swings as slowly; but it does not keep step. Only where EEG and sound are coherent at the
beat is a swing one with it. A jerk is as quick as an answer, and known by its size alone.
"""

from __future__ import annotations

import numpy as np

from dsp.filters import Strip
from dsp.grid import RATE, Floats, Ints
from dsp.tracking.rebuilder import Rebuilder

WINDOW = 120  #: s that are looked at
LATER = 5  #: grid points, 78 ms: most of the way from N1 to P2
#: Microvolt rms that stay. An answer of 10 µV from N1 to P2 every second leaves 0.8 at most, where
#: it is nearly all P2; ordinarily it leaves less than nothing, and so do tones 0.6 s apart.
BOUND = 1.0
#: Microvolt rms that come back, whatever their shape. Loud tones are answered with 10 to 15 µV from
#: N1 to P2 (Lightfoot 2010, Insights in Practice), which would be 1.2 to 2.5 µV rms if they
#: were 1 to 2 s apart, and less for denser ones.
LARGEST = 3.0
#: Coherence with the sound at the beat, over pieces of 16 s, from which a swing keeps step. A heart
#: near the beat reached 0.35, nodding 10 µV with 30 ms of spread 0.55 to 0.9 (two minutes).
LOCKED = 0.5
ERRORS, SURE = 1.0, 4.0  #: standard errors that it must exceed the bound by, and nothing at all
_MIN_SECONDS = 15
_PIECE = 16 * RATE  # grid points, half overlapping
_SLOW = (0.8, 4.2)  # Hz at which a swing may keep step
_REACH = 32.0  # s over which a beat is taken to be steady
# Grid points; so close that the last multiple within reach is met to 1.5 of them.
_PERIODS = np.geomspace(0.4 * RATE, 4.0 * RATE, 1600)
_AS_WELL = 0.85  # of the best repetition: beats, bars, and whatever number of beats
#: Standard errors of the best repetition under which a sound has no beat to swing with. Noise and
#: speech reach 4, seldom 7; in 60 s or more the starter tracks reach 8.5 to 33.
BEAT = 7.0

#: A heart that beats as fast as the music cannot be told from a head that nods with it.
MOVEMENT = "Something swings with the beat, a head or a heart as fast as it: keep still."


class BeatSwing:
    """Whether an electrode swings with the beat as no brain does.

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
        after = periods(heard)
        if not after.size:
            return ""
        back, stays = swing(eeg, after)
        if stays <= BOUND**2 and back <= LARGEST**2:
            return ""
        return MOVEMENT if locked(eeg, heard, after) > LOCKED else ""


def _autocovariance(x: Floats) -> Floats:
    """Sums of products with itself, by lag [shape as x]."""
    n = len(x)
    return np.asarray(np.fft.irfft(np.abs(np.fft.rfft(x, 2 * n, axis=0)) ** 2, 2 * n, axis=0)[:n])


def _lags(after: Floats, n: int) -> tuple[Ints, Floats]:
    """Multiples of times up to `_REACH` s, and to half of what there is.

    Returns
    -------
    lags : int64 [shape=(n_periods, n_multiples)]
    counted : float64 [shape=(n_periods, n_multiples)]
        1, and 0 for those that are further.
    """
    reach = min(_REACH * RATE, n / 2)
    lags = np.rint(np.outer(after, np.arange(1, int(reach / after.min()) + 1)))
    counted = lags <= reach
    return np.asarray(np.where(counted, lags, 0.0), dtype=np.int64), counted.astype(np.float64)


def _about(sums: Floats, lags: Ints, later: int) -> Floats:
    """Mean of what stands `later` before and after some lags."""
    return np.asarray(0.5 * (sums[lags + later] + sums[np.abs(lags - later)]))


def _spread(alike: Floats) -> Floats:
    """Variance of products at far lags, by Bartlett: samples one after the other say the same."""
    near = alike[:RATE]
    return np.asarray(2.0 * np.sum(near**2, axis=0) - near[0] ** 2)


def periods(heard: Floats) -> Floats:
    """Times from 0.4 to 4 s after which a sound repeats itself.

    Parameters
    ----------
    heard : float64 [shape=(n,)]
        Filtered feature at 64 Hz, 0 where not heard; 15 s or more.

    Returns
    -------
    float64 [shape=(n_periods,)]
        Grid points, to 0.1 %: those with a mean autocovariance at their multiples of
        `_AS_WELL` of the largest or more; none where even that is under `BEAT` standard errors.

    Examples
    --------
    >>> heard = np.zeros(60 * RATE)
    >>> heard[:: RATE // 2] = 1.0  # 120 beats a minute
    >>> repeats = periods(heard - heard.mean()) / RATE
    >>> bool(np.any(np.abs(repeats - 0.5) < 0.005))
    True
    >>> periods(np.random.default_rng(0).standard_normal(60 * RATE)).size
    0
    """
    n = heard.size
    pairs = np.arange(n, 0, -1)
    cov = _autocovariance(heard) / pairs
    lags, counted = _lags(_PERIODS, n)
    means = np.sum(cov[lags] * counted, axis=1) / counted.sum(axis=1)
    best = int(np.argmax(means))
    error = np.sqrt(_spread(cov) / float(np.sum(pairs[lags[best]] * counted[best])))
    if means[best] < BEAT * error:
        return np.empty(0)
    return np.asarray(_PERIODS[means >= _AS_WELL * means.max()])


def locked(eeg: Floats, heard: Floats, after: Floats) -> float:
    """Largest coherence of EEG and sound at once and twice the rate of some repetitions.

    ``|sum S* E|^2 / (sum |S|^2 sum |E|^2)`` over pieces of 16 s, Hann, half overlapping.

    Parameters
    ----------
    eeg : float64 [shape=(n, n_channels)]
        Filtered, at 64 Hz, NaN where masked.
    heard : float64 [shape=(n,)]
        Filtered feature, 0 where not heard.
    after : float64 [shape=(n_periods,)]
        Grid points.

    Returns
    -------
    float
        1 for less than two pieces: nothing says that they are apart.

    Examples
    --------
    >>> t = np.arange(120 * RATE) / RATE
    >>> beat = np.sin(2 * np.pi * 2.0 * t)
    >>> heart = np.sin(2 * np.pi * 2.0 * t + 3.0 * np.sin(2 * np.pi * 0.02 * t))
    >>> round(locked(beat[:, None], beat, np.array([0.5 * RATE])), 2)
    1.0
    >>> locked(heart[:, None], beat, np.array([0.5 * RATE])) < LOCKED
    True
    """
    starts = np.arange(0, len(heard) - _PIECE + 1, _PIECE // 2)
    if starts.size < 2:
        return 1.0
    rows = starts[:, None] + np.arange(_PIECE)
    window = np.hanning(_PIECE)
    sound = np.fft.rfft(heard[rows] * window, axis=1)[:, :, None]
    seen = np.fft.rfft(np.nan_to_num(eeg)[rows] * window[:, None], axis=1)
    common = np.abs(np.sum(np.conj(sound) * seen, axis=0)) ** 2
    power = np.sum(np.abs(sound) ** 2, axis=0) * np.sum(np.abs(seen) ** 2, axis=0)
    bins = np.unique(np.rint(np.outer([1.0, 2.0], _PIECE / after)).astype(np.int64))
    hz = bins * (RATE / _PIECE)
    bins = bins[(hz >= _SLOW[0]) & (hz <= _SLOW[1])]
    return float((common / np.maximum(power, 1e-30))[bins].max(initial=0.0))


def swing(eeg: Floats, after: Floats) -> tuple[float, float]:
    """Power that comes back after some time, and that which stays `LATER`, less their errors.

    Parameters
    ----------
    eeg : float64 [shape=(n, n_channels)]
        Filtered, at 64 Hz, NaN where masked.
    after : float64 [shape=(n_periods,)]
        Grid points.

    Returns
    -------
    back, stays : float
        Largest over periods and electrodes, less `ERRORS` standard errors (Bartlett 1946, Suppl.
        J. R. Stat. Soc. 8:27), of those that exceed `SURE` of them; 0 where none does. In the
        square of the EEG's unit.

    Examples
    --------
    >>> t = np.arange(120 * RATE)[:, None] / RATE
    >>> nod = 5.0 * np.sin(2 * np.pi * 1.0 * t)
    >>> back, stays = swing(nod, np.array([1.0 * RATE]))
    >>> back > LARGEST**2, stays > BOUND**2
    (True, True)
    """
    ok = np.isfinite(eeg)
    products = _autocovariance(np.where(ok, eeg, 0.0))
    pairs = np.rint(_autocovariance(ok.astype(np.float64)))
    lags, counted = _lags(after, len(eeg))
    near, found = np.arange(RATE), []
    for later in (0, LATER):
        alike = _about(products, near, later) / np.maximum(_about(pairs, near, later), 1.0)
        count = np.maximum(np.einsum("pkc,pk->pc", _about(pairs, lags, later), counted), 1.0)
        power = np.einsum("pkc,pk->pc", _about(products, lags, later), counted) / count
        error = np.sqrt(_spread(alike) / count)
        found.append(float(np.max(np.where(power > SURE * error, power - ERRORS * error, 0.0))))
    return found[0], found[1]
