"""Tell whether the sound stands in the EEG at once, before any brain can answer it.

Then it came along a wire: current from loudspeaker or headphone in the leads. The sound predicts
the EEG at each delay between the two; where 0 to 50 ms too early predicts it better than any
delay at which a brain could answer, it is bleed. Predicting the EEG from the sound, and not the
sound from the EEG, keeps rhythm out of it: what a bar repeats stands in every delay of a decoder,
but is taken out of a prediction by the sound's own covariance (a forward model: Crosse et al.
2016, Front. Hum. Neurosci. 10:604).
"""

from __future__ import annotations

import math

import numpy as np

from dsp.grid import RATE, Floats
from dsp.tracking.alignment import Aligned
from dsp.tracking.evidence import BLOCK

EARLY = 3  #: grid points, 47 ms: EEG so long before the sound, or sooner after it, is no answer
_MEMORY = 120.0  # s; a lead may move
_RIDGE = 0.05  # of the mean eigenvalue; it is the same for all delays
_MIN_SECONDS = 5.0
#: Lead by which a calibration is marked for good: between that of bleed, 2, and none, 1
CLEAR_LEAD = math.sqrt(2.0)
# Share explained by chance, times the seconds: 99 % of looks at people who heard nothing are lower
_CHANCE = 0.3  # s
#: s; of so little EEG a lead is unsure by its own size, of more by the root less
_UNSURE = 2.0

#: Sentences fit two lines of a narrow card, or the cure at their end would be cut off.
ELECTRICAL = "Sound leaks into the EEG electrically: move leads from cables."


class DelayProfile:
    """How much of the EEG the sound explains, delay by delay.

    Parameters
    ----------
    n_channels : int
    latest : int
        Longest delay, grid points.

    Examples
    --------
    >>> sound = np.random.default_rng(0).standard_normal(60 * RATE)
    >>> profile = DelayProfile(1, latest=40)
    >>> profile.add(sound[profile.before : -EARLY, None], sound)  # the sound itself, along a wire
    >>> profile.lead > CLEAR_LEAD
    True
    """

    def __init__(self, n_channels: int, *, latest: int) -> None:
        self._lags = np.arange(-EARLY, max(latest, 3 * EARLY) + 1)
        self._cov = np.zeros((self._lags.size, self._lags.size))
        self._cross = np.zeros((self._lags.size, n_channels))
        self._power = np.zeros(n_channels)
        self._seconds = 0.0

    @property
    def before(self) -> int:
        """Grid points of sound that `add` needs before the first row of EEG; `EARLY` after."""
        return int(self._lags[-1])

    def add(self, eeg: Floats, feature: Floats, *, keep: float = 1.0) -> None:
        """Take EEG and the sound around it.

        Parameters
        ----------
        eeg : float64 [shape=(n, n_channels)]
            Filtered, NaN where masked.
        feature : float64 [shape=(before + n + EARLY,)]
            Filtered alike, NaN where not heard.
        keep : float
            What of the sums before remains.
        """
        if len(eeg) == 0:
            return
        heard = np.lib.stride_tricks.sliding_window_view(feature, self._lags.size)[:, ::-1]
        valid = np.isfinite(eeg)
        rows = np.isfinite(heard).all(axis=1) & valid.any(axis=1)
        heard, eeg = heard[rows], np.where(valid, eeg, 0.0)[rows]
        self._cov = keep * self._cov + heard.T @ heard
        self._cross = keep * self._cross + heard.T @ eeg
        self._power = keep * self._power + (eeg**2).sum(axis=0)
        self._seconds = keep * self._seconds + len(eeg) / RATE

    def explained(self) -> Floats:
        """Share of the EEG's power that the sound explains, mean over electrodes.

        Returns
        -------
        float64 [shape=(n_delays,)]
            By four neighbouring delays each, the first from -47 to 0 ms: all have the same
            number of weights, so chance gives each the same.
        """
        size = EARLY + 1
        starts = np.arange(self._lags.size - size + 1)
        span = starts[:, None] + np.arange(size)
        cov = self._cov[span[:, :, None], span[:, None, :]]
        trace = np.trace(cov, axis1=1, axis2=2) / size
        cov = cov + (_RIDGE * trace + 1e-30)[:, None, None] * np.eye(size)
        cross = self._cross[span]
        fits = (cross * np.linalg.solve(cov, cross)).sum(axis=1)
        there = self._power > 0.0
        if not there.any():
            return np.zeros(starts.size)
        return np.asarray((fits[:, there] / self._power[there]).mean(axis=1))

    @property
    def unsure(self) -> float:
        """By how much a lead of 1 is exceeded by chance."""
        return math.sqrt(_UNSURE / max(self._seconds, _MIN_SECONDS))

    @property
    def lead(self) -> float:
        """What the sound explains before a brain can answer, as a multiple of any later delay.

        At most 1 where a later delay, or chance, explains as much. What stands in the EEG at once
        gives about 2: through a band of 1-8 Hz the delays of 47 to 94 ms see half of it.
        """
        if self._seconds < _MIN_SECONDS:
            return 0.0
        explained = self.explained()
        most = max(float(explained[2 * EARLY :].max()), _CHANCE / self._seconds)
        return float(explained[0]) / most


class Bleed:
    """The sound stands in the EEG electrically.

    Parameters
    ----------
    aligned : Aligned
    n_channels : int
    latest : int
        Longest delay of an answer, grid points.
    calibrated : bool
        Only then is the delay of the sound known, and electrical bleed may be claimed.
    """

    def __init__(self, aligned: Aligned, n_channels: int, *, latest: int, calibrated: bool) -> None:
        self._aligned, self._calibrated = aligned, calibrated
        self._profile = DelayProfile(n_channels, latest=latest)
        self._until: int | None = None  # grid point

    def look(self, second: int) -> str:
        """Say so if the sound explains most of the EEG before an answer can come."""
        stop = second * RATE - EARLY
        start = stop - BLOCK * RATE if self._until is None else self._until
        self._until = stop
        self._profile.add(
            self._aligned.eeg.read(start, stop),
            self._aligned.feature.read(start - self._profile.before, stop + EARLY)[:, 0],
            keep=math.exp(-BLOCK / _MEMORY),
        )
        # A calibration found no bleed: that it has come since takes more than a hint.
        if self._profile.lead <= 1.0 + (self._profile.unsure if self._calibrated else 0.0):
            return ""
        if self._calibrated:
            return ELECTRICAL
        return "The EEG moves with the sound at once: move leads from cables."
