"""One estimate of how much this music is enjoyed now, with its uncertainty.

A bank of Kalman filters, one for each assumed gain of the EEG (0: it says nothing), fuses
the prior of the track, ratings, skips and the frontal-theta score. The bank's weights say how
far the EEG is believed: they start sceptical and move only with ratings and with stored
three-minute checks, never with the EEG's own agreement with itself.

Model, in enjoyment units 0..1, per second::

    e'  = e + dt/tau (mu + md - e) + w          what is felt follows the level of the track
    mu  : N(prior of the track), slow walk      level of the running track
    md  : mood, 15 min, sd 0.08
    y   = m G (e - 0.5) + z + o + b + v         score of the EEG, in sd of its 10 s mean
    r   = e + 0.02 + N(0, 0.034)                rating (variance; sd 0.18)

z is the zero of the session, o an offset of the track (its acoustics), b autoregressive noise
of 15 s: errors that do not average out within a track. Without them the interval is too narrow.

Kalman 1960 (doi 10.1115/1.3662552); bank of models: Magill 1965 (doi 10.1109/TAC.1965.1098191).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError, check_number

#: Score per unit of enjoyment at gain 1, in sd of the 10 s mean (1.6 times d0 = 0.30).
UNIT_GAIN = 0.48
#: Three-minute check (loved against neutral, 90 s each): difference of enjoyment it is planned
#: for, and standard error of the difference of two 90 s means with a track offset in each.
CHECK_CONTRAST = 0.35
CHECK_SE = math.sqrt(2 * (1.8 / 9 + 0.3**2))

_E, _MU, _MD, _Z, _O, _B = range(6)


@dataclass(frozen=True)
class EnjoymentModel:
    """Constants of the model; what each is for stands in docs/method.md, section 10.

    Attributes
    ----------
    gains, weights : tuple of float
        Assumed gains of the EEG and their prior weights.
    score_var : float
        Variance of one clean 2 s score.
    """

    gains: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 9.0, 17.0)
    weights: tuple[float, ...] = (0.25, 0.45, 0.15, 0.05, 0.05, 0.05)
    tau: float = 10.0
    felt_sd: float = 0.012 / math.sqrt(2.0)  # per square root of a second
    level_sd: float = 0.004 / math.sqrt(2.0)
    mood_sd: float = 0.08
    mood_tau: float = 900.0
    zero_sd: float = 0.3
    offset_sd: float = 0.3
    noise_sd: float = 0.3
    noise_tau: float = 15.0
    score_var: float = 4.0
    rating_bias: float = 0.02
    rating_var: float = 0.034
    skip_level: float = 0.3  # what a skip says of a track, and how surely
    skip_var: float = 0.15**2


@dataclass(frozen=True)
class Enjoyment:
    """The estimate at one moment.

    Attributes
    ----------
    mean, sd : float
        Level of enjoyment of what plays now, 0..1, and its standard deviation.
    p_low : float
        Probability that the level is under the limit that was asked for.
    usable : bool
        Whether the EEG behind it is clean and fresh; ratings and priors count all the same.
    age_s : float
        Seconds since the newest EEG that entered; infinite where none did.
    reasons : tuple of str
        Why it is not usable.
    """

    mean: float
    sd: float
    p_low: float
    usable: bool
    age_s: float
    reasons: tuple[str, ...]


def normal_cdf(x: float) -> float:
    """Probability that a standard normal lies under `x`.

    Examples
    --------
    >>> normal_cdf(0.0), round(normal_cdf(1.645), 3)
    (0.5, 0.95)
    """
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


class EnjoymentFilter:
    """Kalman bank over one session.

    Parameters
    ----------
    model : EnjoymentModel
    checks : sequence of float
        z of each stored three-minute check (loved minus neutral); each multiplies the weights
        by ``N(z; m G contrast / se, 1)``.
    eeg : bool
        False disconnects the EEG: the twin that shows what ratings and priors say alone.

    Examples
    --------
    >>> estimate = EnjoymentFilter(EnjoymentModel())
    >>> estimate.new_track(0.6, 0.2)
    >>> for _ in range(60):
    ...     estimate.step(1.0)
    >>> before, _ = estimate.level()
    >>> estimate.rating(0.2)
    >>> after, _ = estimate.level()
    >>> after < before
    True
    """

    def __init__(
        self, model: EnjoymentModel, *, checks: tuple[float, ...] = (), eeg: bool = True
    ) -> None:
        if len(model.gains) != len(model.weights) or model.gains[0] != 0.0:
            raise InputError("the gain bank needs as many weights as gains, the first gain 0.")
        self.model = model
        self._eeg = eeg
        n = len(model.gains)
        self._gains = np.asarray(model.gains)
        log_weights = np.log(np.asarray(model.weights))
        for z in checks:
            log_weights -= 0.5 * (z - self._gains * UNIT_GAIN * CHECK_CONTRAST / CHECK_SE) ** 2
        self._log_weights = log_weights
        self._x = np.zeros((n, 6))
        self._x[:, [_E, _MU]] = 0.5
        self._p = np.zeros((n, 6, 6))
        variances = (0.1**2, 0.2**2, model.mood_sd**2, model.zero_sd**2, 0.0, model.noise_sd**2)
        self._p[:, range(6), range(6)] = variances

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Posterior weight of each gain."""
        w = np.exp(self._log_weights - self._log_weights.max())
        return np.asarray(w / w.sum())

    @property
    def eeg_weight(self) -> float:
        """Probability that the EEG says anything at all: 1 minus the weight of gain 0."""
        return float(1.0 - self.weights[0]) if self._eeg else 0.0

    def new_track(self, mean: float, sd: float) -> None:
        """Another track begins: its level starts from its prior; what is felt goes on."""
        check_number("prior mean", mean, low=0.0, high=1.0)
        check_number("prior sd", sd, low=0.001, high=1.0)
        self._reset(_MU, mean, sd**2)
        self._reset(_O, 0.0, self.model.offset_sd**2)

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass."""
        m = self.model
        a = np.eye(6)
        decay = math.exp(-dt / m.tau)
        a[_E, [_E, _MU, _MD]] = (decay, 1.0 - decay, 1.0 - decay)
        mood, noise = math.exp(-dt / m.mood_tau), math.exp(-dt / m.noise_tau)
        a[_MD, _MD], a[_B, _B] = mood, noise
        q = np.zeros(6)
        q[_E], q[_MU] = m.felt_sd**2 * dt, m.level_sd**2 * dt
        q[_MD] = m.mood_sd**2 * (1.0 - mood**2)
        q[_B] = m.noise_sd**2 * (1.0 - noise**2)
        self._x = self._x @ a.T
        self._p = a @ self._p @ a.T
        self._p[:, range(6), range(6)] += q

    def score(self, y: float, *, valid_share: float) -> None:
        """Take one 2 s score `y` (sd of the 10 s mean) of which `valid_share` was clean."""
        if not self._eeg:
            return
        h = np.zeros((self._gains.size, 6))
        h[:, _E] = self._gains * UNIT_GAIN
        h[:, [_Z, _O, _B]] = 1.0
        self._observe(h, y + self._gains * UNIT_GAIN * 0.5, self.model.score_var / valid_share)

    def rating(self, value: float) -> None:
        """Take a rating 0..1: it moves the estimate, and the belief in the EEG."""
        check_number("rating", value, low=0.0, high=1.0)
        h = np.zeros((self._gains.size, 6))
        h[:, _E] = 1.0
        observed = np.full(self._gains.size, value - self.model.rating_bias)
        if self._eeg:
            residual, variance = self._innovation(h, observed, self.model.rating_var)
            self._log_weights = self._log_weights - 0.5 * (
                residual**2 / variance + np.log(variance)
            )
        self._observe(h, observed, self.model.rating_var)

    def skip(self) -> None:
        """Take the listener's own skip as a sign of low enjoyment of this track."""
        h = np.zeros((self._gains.size, 6))
        h[:, _MU] = 1.0
        self._observe(h, np.full(self._gains.size, self.model.skip_level), self.model.skip_var)

    def level(self) -> tuple[float, float]:
        """Mean and sd of the level of the running track (mood included)."""
        means, variances, w = self._levels()
        mean = float(w @ means)
        return mean, math.sqrt(float(w @ (variances + (means - mean) ** 2)))

    def p_below(self, limit: float) -> float:
        """Probability that the level is under `limit`."""
        means, variances, w = self._levels()
        pairs = zip(w, means, variances, strict=True)
        return float(sum(k * normal_cdf((limit - u) / math.sqrt(v)) for k, u, v in pairs))

    def _levels(self) -> tuple[npt.NDArray[np.float64], ...]:
        means = self._x[:, _MU] + self._x[:, _MD]
        p = self._p
        variances = p[:, _MU, _MU] + p[:, _MD, _MD] + 2 * p[:, _MU, _MD]
        return means, variances, self.weights

    def _innovation(
        self, h: npt.NDArray[np.float64], observed: npt.NDArray[np.float64], noise: float
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        residual = observed - (h * self._x).sum(axis=1)
        variance = np.einsum("mi,mij,mj->m", h, self._p, h) + noise
        return residual, variance

    def _observe(
        self, h: npt.NDArray[np.float64], observed: npt.NDArray[np.float64], noise: float
    ) -> None:
        residual, variance = self._innovation(h, observed, noise)
        # Beyond 3 sd the observation is more likely an artefact than news: its noise grows until
        # it lies at 3 sd.
        far = np.abs(residual) > 3.0 * np.sqrt(variance)
        variance = np.where(far, residual**2 / 9.0, variance)
        gain = np.einsum("mij,mj->mi", self._p, h) / variance[:, None]
        self._x = self._x + gain * residual[:, None]
        self._p = self._p - np.einsum("mi,mj,m->mij", gain, gain, variance)

    def _reset(self, i: int, mean: float, variance: float) -> None:
        self._x[:, i] = mean
        self._p[:, i, :] = 0.0
        self._p[:, :, i] = 0.0
        self._p[:, i, i] = variance
