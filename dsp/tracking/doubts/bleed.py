"""Tell whether the sound stands in the EEG at once, before any brain can answer it.

Then it came along a wire: current from loudspeaker or headphone in the leads. An electrode
rectifies what it picks up, so that the level of the sound stands in the EEG, or its onsets do.
Flux and level together predict the EEG at each delay between the two; where 47 ms too early to
31 ms late predicts it better than any delay at which a brain could answer, it is bleed. Asked is
the mixture of electrodes that is predicted best, because that is what a decoder finds: what the
electrodes have in common hides a leak of half a microvolt from each of them, and not from their
differences (canonical correlation: de Cheveigné et al. 2018, NeuroImage 172:206).
Predicting the EEG from the sound, and not the sound from the EEG, keeps rhythm out of it: what a
bar repeats stands in every delay of a decoder, but is taken out of a prediction by the sound's own
covariance (a forward model: Crosse et al. 2016, Front. Hum. Neurosci. 10:604).

A leak that comes as late as an answer is known by its shape only: it has one delay, where a brain
turns several times within a quarter of a second.
"""

from __future__ import annotations

import math

import numpy as np

from dsp.filters import BANDS
from dsp.grid import RATE, Bools, Floats
from dsp.tracking.alignment import Aligned, Filtered, SoundSampler
from dsp.tracking.evidence import BLOCK

EARLY = 3  #: grid points, 47 ms: EEG so long before the sound, or sooner after it, is no answer
#: Grid points by which the stamp of a level lies before the sound it tells of: that of a row is
#: the centre of three hops, and the level is of the newest (`dsp.sound.stimulus`).
LEVEL_AHEAD = 1
LATEST = 48  #: grid points, 0.75 s: later than any answer that a beat would not have caught up
_SPAN = EARLY + 1  # delays that are taken together
_MEMORY = 120.0  # s; a lead may move
_RIDGE = 0.05  # of the mean eigenvalue; it is the same for all delays
_MIN_SECONDS = 5.0
_HOLD = 0.9  # once it led, an answer must explain a ninth more before the doubt is dropped
_CLEAR_LEAD = 1.2  # by which a calibration is marked for good: bleed gives 1.7 to 3
_OWN = 0.02  # of an electrode's power, added as its own: no mixture is told of what is less
# Share that the sound explains of the best mixture by chance, times the seconds, in 1-8 Hz: the
# largest of n by m random correlations goes as (√n + √m)² (Johnstone 2001, Ann. Stat. 29:295), n
# being the electrodes, m what of four delays of each column of the sound is independent. Both
# constants from 1 to 32 electrodes of noise: 99 % of looks are lower. EEG of a narrower band has
# fewer independent samples a second, and more of it is explained by chance.
_CHANCE, _PER_COLUMN = 0.078, 2.1  # s, and dimensions
# Of the shape: delays together, in which all of an answer lies; ridge; s of EEG from which on it is
# asked; and share times s that the sound must explain
_MANY, _SHAPE_RIDGE, _SHAPE_SECONDS, _ENOUGH = 14, 0.02, 40.0, 4.0
# What one delay may leave over: what chance adds, in s; and as a delay lies between grid points
_LEFT, _LEFT_SHARE = 0.35, 0.04
_RANK = 3.0  # of the sound at so many delays: a tone of one frequency (2) has but one shape

#: Sentences fit two lines of a narrow card, or the cure at their end would be cut off.
ELECTRICAL = "Sound leaks into the EEG electrically: move leads from cables."
LATE = "The EEG has the sound at one delay, as no brain: move leads from cables."


def amplitude(level: Floats) -> Floats:
    """Linear amplitude of a level in dB: what rectified pickup follows.

    Examples
    --------
    >>> amplitude(np.array([0.0, -20.0])).tolist()
    [1.0, 0.1]
    """
    return np.asarray(10.0 ** (level / 20.0))


class DelayProfile:
    """How much of the EEG the sound explains, delay by delay.

    Parameters
    ----------
    n_channels : int
    latest : int
        Longest delay, grid points; at most `LATEST` count.
    band : tuple of float
        Of the filter, Hz.

    Examples
    --------
    >>> sound = np.random.default_rng(0).standard_normal((60 * RATE, 2))
    >>> profile = DelayProfile(1, latest=40)
    >>> profile.add(sound[profile.before : -EARLY, 1:], sound)  # its level, along a wire
    >>> profile.lead > 1.0, profile.clear
    (True, True)
    """

    def __init__(
        self, n_channels: int, *, latest: int, band: tuple[float, float] = BANDS[0]
    ) -> None:
        self._lags = np.arange(-EARLY, min(max(latest, 3 * EARLY), LATEST) + 1)
        size = 2 * self._lags.size
        self._cov = np.zeros((size, size))
        self._cross = np.zeros((size, n_channels))
        self._eeg = np.zeros((n_channels, n_channels))
        self._seconds_of = np.zeros(n_channels)  # of each electrode
        self._seconds = 0.0
        self._chance = (BANDS[0][1] - BANDS[0][0]) / (band[1] - band[0])

    @property
    def before(self) -> int:
        """Grid points of sound that `add` needs before the first row of EEG; `EARLY` after."""
        return int(self._lags[-1])

    def add(self, eeg: Floats, sound: Floats, *, keep: float = 1.0) -> None:
        """Take EEG and the sound around it.

        Parameters
        ----------
        eeg : float64 [shape=(n, n_channels)]
            Filtered, NaN where masked.
        sound : float64 [shape=(before + n + EARLY, 2)]
            Flux and level, filtered alike. NaN where nothing was heard; a level that is not known
            counts for nothing.
        keep : float
            What of the sums before remains.
        """
        if len(eeg) == 0:
            return
        spans = np.lib.stride_tricks.sliding_window_view(sound, self._lags.size, axis=0)
        heard = spans[:, :, ::-1]
        valid = np.isfinite(eeg)
        rows = np.isfinite(heard[:, 0]).all(axis=1) & valid.any(axis=1)
        columns = np.nan_to_num(heard[rows]).reshape(-1, 2 * self._lags.size)
        eeg = np.where(valid, eeg, 0.0)[rows]
        self._cov = keep * self._cov + columns.T @ columns
        self._cross = keep * self._cross + columns.T @ eeg
        self._eeg = keep * self._eeg + eeg.T @ eeg
        self._seconds_of = keep * self._seconds_of + valid[rows].sum(axis=0) / RATE
        self._seconds = keep * self._seconds + len(eeg) / RATE

    def explained(self, delays: int = _SPAN, *, ridge: float = _RIDGE) -> Floats:
        """Share of the EEG's power that the sound explains, mean over electrodes.

        Returns
        -------
        float64 [shape=(n_delays,)]
            By so many neighbouring `delays` each, of four the first from -47 to 0 ms: all have
            the same number of weights, so chance gives each the same.
        """
        fits, there = (self._fitted(delays, ridge) ** 2).sum(axis=1), self._there
        if not there.any():
            return np.zeros(len(fits))
        return np.asarray((fits[:, there] / np.diag(self._eeg)[there]).mean(axis=1))

    def mixed(self) -> Floats:
        """Share of the power that the sound explains of the mixture of which it explains most.

        Returns
        -------
        float64 [shape=(n_delays,)]
            By four neighbouring delays each, as `explained`. Where an electrode is masked it counts
            as noise of its own power: what is known of a few seconds only is by chance alike.
        """
        fitted, there = self._fitted(_SPAN, _RIDGE), self._there
        if not there.any():
            return np.zeros(len(fitted))
        power = np.diag(self._eeg)[there] * self._seconds / self._seconds_of[there]
        unit = 1.0 / np.sqrt(power)
        together = self._eeg[np.ix_(there, there)] * unit[:, None] * unit
        np.fill_diagonal(together, 1.0)
        sizes, axes = np.linalg.eigh(together)
        apart = fitted[:, :, there] @ (unit[:, None] * axes / np.sqrt(sizes + _OWN))
        return np.asarray(np.linalg.eigvalsh(apart @ apart.transpose(0, 2, 1))[:, -1])

    @property
    def _there(self) -> Bools:
        """Which electrodes have any power."""
        return np.asarray(np.diag(self._eeg) > 0.0)

    def _fitted(self, delays: int, ridge: float) -> Floats:
        """What the sound explains [shape=(n_delays, n_weights, n_channels)], as independent parts.

        The sum of their squares is the power that is explained of an electrode.
        """
        n = self._lags.size
        delays = min(delays, n)
        span = np.arange(n - delays + 1)[:, None] + np.arange(delays)
        span = np.concatenate([span, n + span], axis=1)
        # Flux and level have no common unit; what is not there remains 0.
        unit = np.repeat(1.0 / np.sqrt(np.maximum(self._sizes(), 1e-30)), delays)
        cov = self._cov[span[:, :, None], span[:, None, :]] * unit[:, None] * unit
        trace = np.trace(cov, axis1=1, axis2=2) / unit.size
        cov = cov + (ridge * trace + 1e-30)[:, None, None] * np.eye(unit.size)
        root = np.linalg.cholesky(cov)
        return np.asarray(np.linalg.solve(root, self._cross[span] * unit[:, None]))

    def _sizes(self) -> Floats:
        """Power of flux and level [shape=(2,)]; 0 where there was none."""
        return np.asarray(np.diag(self._cov).reshape(2, -1).mean(axis=1))

    @property
    def lead(self) -> float:
        """What the sound explains before a brain can answer, as a multiple of any later delay.

        0 where chance explains as much.
        """
        early, late, chance = self._compared()
        return early / max(late, 1e-30) if early > chance else 0.0

    @property
    def clear(self) -> bool:
        """True if the lead is large, and more than what chance adds to one delay and not another.

        Of a weak answer the sound explains hardly more than chance does at any delay: there a
        ratio says nothing.
        """
        early, late, chance = self._compared()
        return early - _CLEAR_LEAD * late > chance

    @property
    def sharp(self) -> bool:
        """True if one delay, whichever, tells nearly all that an answer's many would.

        Only where flux and level are both known: what chance leaves over is known of two columns.
        """
        flux = self._cov[:_MANY, :_MANY]
        told_apart = float(np.trace(flux)) ** 2 > _RANK * float((flux**2).sum())
        if self._seconds < _SHAPE_SECONDS or not self._sizes().all() or not told_apart:
            return False
        one, many = (
            self._seconds * float(self.explained(delays, ridge=_SHAPE_RIDGE).max())
            for delays in (1, _MANY)
        )
        return many > _ENOUGH and many - one < _LEFT + _LEFT_SHARE * many

    def _compared(self) -> tuple[float, float, float]:
        """Share explained before a brain can answer, at the best later delay, and by chance."""
        if self._seconds < _MIN_SECONDS:
            return 0.0, 0.0, math.inf
        mixed = self.mixed()
        early, late = float(mixed[:EARLY].max()), float(mixed[2 * EARLY + 1 :].max())
        free = _PER_COLUMN * np.count_nonzero(self._sizes())
        chance = _CHANCE * (math.sqrt(np.count_nonzero(self._there)) + math.sqrt(free)) ** 2
        return early, late, chance * self._chance / self._seconds


class Bleed:
    """The sound stands in the EEG electrically.

    Parameters
    ----------
    aligned : Aligned
    n_channels : int
    band : tuple of float
        Of the filter, Hz.
    latest : int
        Longest delay of an answer, grid points.
    calibrated : bool
        Only then is the delay of the sound known, and electrical bleed may be claimed.
    """

    def __init__(
        self,
        aligned: Aligned,
        n_channels: int,
        *,
        band: tuple[float, float],
        latest: int,
        calibrated: bool,
    ) -> None:
        self._aligned, self._calibrated = aligned, calibrated
        self._profile = DelayProfile(n_channels, latest=latest, band=band)
        self._sampler = SoundSampler(1)
        self._level = Filtered(1, band=band)
        self._shaped = band == BANDS[0]  # a narrower band gives an answer one delay, too
        self._until: int | None = None  # grid point
        self._leads = False

    def push_level(self, level: Floats, times: Floats) -> None:
        """Take the level of the music [shape=(n, 1)], dB; [shape=(n, 0)] where it is unknown."""
        if level.size:
            self._level.push(*self._sampler.push(amplitude(level), times))

    def look(self, second: int) -> str:
        """Say so if the sound stands in the EEG before an answer can come, or at one delay."""
        stop = second * RATE - EARLY
        start = stop - BLOCK * RATE if self._until is None else self._until
        self._until = stop
        first, last = start - self._profile.before, stop + EARLY
        flux = self._aligned.feature.read(first, last)[:, :1]
        level = self._level.rows.read(first - LEVEL_AHEAD, last - LEVEL_AHEAD)
        self._profile.add(
            self._aligned.eeg.read(start, stop),
            np.concatenate([flux, level], axis=1),
            keep=math.exp(-BLOCK / _MEMORY),
        )
        self._leads = self._profile.lead > (_HOLD if self._leads else 1.0)
        if not self._leads:
            return LATE if self._shaped and self._profile.sharp else ""
        if self._calibrated:
            return ELECTRICAL
        return "The EEG moves with the sound at once: move leads from cables."
