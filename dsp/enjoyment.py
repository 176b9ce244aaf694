"""One estimate of how much this music is enjoyed now, with its uncertainty.

A bank of Kalman filters fuses the prior of the track, ratings, skips and the frontal-theta score.
Each filter assumes a gain of the EEG (0: it says nothing, under 0: it says the opposite), how
large the tracks' own offsets are, and how much of the scale this person uses. The weights of the
gains say how far the EEG is believed: little at first, and they grow with ratings and with stored
three-minute checks only, never with the EEG's own agreement with itself. What the EEG does tell of
itself is how large the offsets are, and where a gain promises more than the scores ever show.

Model, in enjoyment units 0..1, per second::

    e'  = e + dt/tau (mu + md - e) + w          what is felt follows the level of the track
    mu  : N(prior of the track), slow walk      level of the running track
    md  : mood, 15 min, sd 0.08
    y   = m G (e - 0.5) + z + o + b + v         score of the EEG, in sd of its 10 s mean
    r   = 0.52 + c + s (e - 0.5 + u)            rating; u: variance 0.034 (sd 0.18)

z is the zero of the session, o an offset of the track (its acoustics), b autoregressive noise
of 15 s: errors that do not average out within a track. Without them the interval is too narrow.
c and s are the person's own use of the scale: where its middle lies, and how much of it is used.

Kalman 1960 (doi 10.1115/1.3662552); bank of models: Magill 1965 (doi 10.1109/TAC.1965.1098191).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError, check_number

#: Score per unit of enjoyment at gain 1, in sd of the 10 s mean (1.6 times d0 = 0.30).
UNIT_GAIN = 0.48
#: Three-minute check (loved against neutral, 90 s each): difference of enjoyment it is planned
#: for, and standard error of the difference of two 90 s means with a track offset in each.
CHECK_CONTRAST = 0.35
_CHECK_NOISE = 1.8 / 9  # variance of a mean of 90 s, the offset of its track left out
CHECK_SE = math.sqrt(2 * (_CHECK_NOISE + 0.3**2))

_E, _MU, _MD, _Z, _O, _B, _C = _STATES = range(7)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EnjoymentModel:
    """Constants of the model; what each is for stands in docs/method.md, section 10.

    Attributes
    ----------
    gains, weights : tuple of float
        Assumed gains of the EEG and their prior weights.
    offset_sds, offset_weights : tuple of float
        Assumed sds of the tracks' offsets and their prior weights.
    scales, scale_weights : tuple of float
        Assumed shares of the scale of ratings that a person uses, and their prior weights.
    score_var : float
        Variance of one clean 2 s score.
    """

    gains: tuple[float, ...] = (-4.0, -1.0, 0.0, 1.0, 4.0, 17.0)
    weights: tuple[float, ...] = (0.03, 0.19, 0.50, 0.20, 0.04, 0.04)
    offset_sds: tuple[float, ...] = (0.3, 0.9)
    offset_weights: tuple[float, ...] = (0.97, 0.03)
    scales: tuple[float, ...] = (1.0, 0.5)
    scale_weights: tuple[float, ...] = (0.6, 0.4)
    tau: float = 10.0
    felt_sd: float = 0.012 / math.sqrt(2.0)  # per square root of a second
    level_sd: float = 0.004 / math.sqrt(2.0)
    mood_sd: float = 0.08
    mood_tau: float = 900.0
    zero_sd: float = 0.3
    noise_sd: float = 0.3
    noise_tau: float = 15.0
    score_var: float = 4.0
    rating_bias: float = 0.02
    rating_bias_sd: float = 0.12
    rating_var: float = 0.034
    tap_var: float = 0.09  # of a face that an observer saw
    skip_level: float = 0.3  # what a skip says of a track, and how surely
    skip_var: float = 0.15**2

    @property
    def prior(self) -> Floats:
        """Weight of each hypothesis beforehand [shape=(gains, offset sds, scales)]."""
        parts = (self.weights, self.offset_weights, self.scale_weights)
        return np.asarray(np.einsum("i,j,k->ijk", *parts))


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
        by ``N(z; m G contrast / se, 1)``, the wider the larger the offsets may be.
    eeg : bool
        False disconnects the EEG: the twin that shows what ratings and priors say alone.
    believed : float64 [shape=(gains, offset sds, scales)], optional
        What is believed of each hypothesis to begin with, as `dsp.agreement.weighed` tells it from
        earlier sessions; the model's own weights unless given.
    doubt : float
        How likely it is, 0..1, that checks and `believed` are of another person, or of electrodes
        that sat otherwise: then the model's own weights hold. A robust mixture prior (Schmidli et
        al. 2014, Biometrics 70:1023): however sure they are, a session can refute them.

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
        self,
        model: EnjoymentModel,
        *,
        checks: tuple[float, ...] = (),
        eeg: bool = True,
        believed: Floats | None = None,
        doubt: float = 0.0,
    ) -> None:
        check_number("doubt", doubt, low=0.0, high=1.0)
        if len(model.gains) != len(model.weights) or 0.0 not in model.gains:
            raise InputError("the gain bank needs as many weights as gains, and one gain 0.")
        if not eeg:
            model = replace(model, gains=(0.0,), weights=(1.0,))
        self.model = model
        self._eeg = eeg
        weights = model.prior if believed is None else believed
        if believed is not None and not eeg:  # of the gains there is one, of the scales as many
            weights = believed.sum(axis=0, keepdims=True)
        if weights.shape != model.prior.shape or not (weights > 0.0).all():
            raise InputError(
                f"what is believed of the EEG has shape {weights.shape}; expected "
                f"{model.prior.shape}, all of it above 0."
            )
        #: Log of what is believed of each hypothesis [shape=(gains, offset sds, scales)].
        self._log_weights = np.log(weights / weights.sum())
        grid = np.meshgrid(model.gains, model.offset_sds, model.scales, indexing="ij")
        self._gains, self._offset_sds, self._scales = (one.ravel() for one in grid)
        #: What the scores say of each gain against gain 0, as a log-likelihood; same shape.
        self._spoken = np.zeros_like(self._log_weights)
        self._expect(checks)
        if doubt and (checks or believed is not None):
            known = np.exp(self._log_weights - self._log_weights.max())
            self._log_weights = np.log((1.0 - doubt) * known / known.sum() + doubt * model.prior)
        n, k = self._gains.size, len(_STATES)
        self._x = np.zeros((n, k))
        self._x[:, [_E, _MU]] = 0.5
        self._p = np.zeros((n, k, k))
        sds = (0.1, 0.2, model.mood_sd, model.zero_sd, 0.0, model.noise_sd, model.rating_bias_sd)
        self._p[:, _STATES, _STATES] = np.square(sds)

    @property
    def weights(self) -> Floats:
        """Posterior weight of each gain."""
        return np.asarray(self._weights.reshape(self._log_weights.shape).sum(axis=(1, 2)))

    @property
    def eeg_weight(self) -> float:
        """Probability that the EEG says something, and the right way round: of gains over 0."""
        return float(self._weights[self._gains > 0.0].sum()) if self._eeg else 0.0

    def new_track(self, mean: float, sd: float) -> None:
        """Another track begins: its level starts from its prior; what is felt goes on."""
        check_number("prior mean", mean, low=0.0, high=1.0)
        check_number("prior sd", sd, low=0.001, high=1.0)
        self._reset(_MU, mean, sd**2)
        self._reset(_O, 0.0, self._offset_sds**2)

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass."""
        m = self.model
        a = np.eye(len(_STATES))
        decay = math.exp(-dt / m.tau)
        a[_E, [_E, _MU, _MD]] = (decay, 1.0 - decay, 1.0 - decay)
        mood, noise = math.exp(-dt / m.mood_tau), math.exp(-dt / m.noise_tau)
        a[_MD, _MD], a[_B, _B] = mood, noise
        q = np.zeros(len(_STATES))
        q[_E], q[_MU] = m.felt_sd**2 * dt, m.level_sd**2 * dt
        q[_MD] = m.mood_sd**2 * (1.0 - mood**2)
        q[_B] = m.noise_sd**2 * (1.0 - noise**2)
        self._x = self._x @ a.T
        self._p = a @ self._p @ a.T
        self._p[:, _STATES, _STATES] += q

    def score(self, y: float, *, valid_share: float) -> None:
        """Take one 2 s score `y` (sd of the 10 s mean) of which `valid_share` was clean."""
        if not self._eeg:
            return
        h = np.zeros_like(self._x)
        h[:, _E] = self._gains * UNIT_GAIN
        h[:, [_Z, _O, _B]] = 1.0
        told = self._log_weights + self._observe(
            h, y + self._gains * UNIT_GAIN * 0.5, np.float64(self.model.score_var / valid_share)
        )
        # The EEG tells the sds of its offsets apart, and nothing else: each gain keeps its weight.
        kept, now = (_total(one) for one in (self._log_weights, told))
        self._log_weights = told + kept - now
        spoken = now - kept
        self._spoken = self._spoken + spoken - spoken[self.model.gains.index(0.0)]

    def rating(self, value: float) -> None:
        """Take a rating 0..1: it moves the estimate, and the belief in the EEG."""
        check_number("rating", value, low=0.0, high=1.0)
        h = np.zeros_like(self._x)
        h[:, _E], h[:, _C] = self._scales, 1.0
        observed = value - self.model.rating_bias - 0.5 * (1.0 - self._scales)
        noise = self.model.rating_var * self._scales**2
        self._log_weights = self._log_weights + self._observe(h, observed, noise)

    def tap(self, value: float) -> None:
        """Take what an observer saw, 0 distress to 1 pleasure: less sure than a rating.

        It moves the belief in the EEG as a rating does; how the person would use a scale it does
        not tell.
        """
        check_number("tap", value, low=0.0, high=1.0)
        h = np.zeros_like(self._x)
        h[:, _E] = 1.0
        seen, noise = np.full(self._gains.size, value), np.float64(self.model.tap_var)
        self._log_weights = self._log_weights + self._observe(h, seen, noise)

    def skip(self) -> None:
        """Take the listener's own skip as a sign of low enjoyment of this track."""
        h = np.zeros_like(self._x)
        h[:, _MU] = 1.0
        level = np.full(self._gains.size, self.model.skip_level)
        self._observe(h, level, np.float64(self.model.skip_var))

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

    def _expect(self, checks: tuple[float, ...]) -> None:
        """Weigh the hypotheses by stored checks; large offsets make large z likelier."""
        noise = np.sqrt(2 * (_CHECK_NOISE + self._offset_sds**2)) / CHECK_SE
        expected = self._gains * UNIT_GAIN * CHECK_CONTRAST / CHECK_SE
        for z in checks:
            told = -0.5 * ((z - expected) / noise) ** 2 - np.log(noise)
            self._log_weights = self._log_weights + told.reshape(self._log_weights.shape)

    @property
    def _weights(self) -> Floats:
        """Posterior weight of each filter."""
        # The EEG may speak against itself (a gain promises more than it shows), never for itself.
        believed = self._log_weights + np.minimum(self._spoken, 0.0)
        w = np.exp(believed - believed.max()).ravel()
        return np.asarray(w / w.sum())

    def _levels(self) -> tuple[Floats, ...]:
        means = self._x[:, _MU] + self._x[:, _MD]
        p = self._p
        variances = p[:, _MU, _MU] + p[:, _MD, _MD] + 2 * p[:, _MU, _MD]
        return means, variances, self._weights

    def _observe(self, h: Floats, observed: Floats, noise: Floats | np.float64) -> Floats:
        """Let every filter take what was observed; return the log-likelihoods it had for them."""
        residual = observed - (h * self._x).sum(axis=1)
        seen = np.einsum("mij,mj->mi", self._p, h)
        variance = (h * seen).sum(axis=1) + noise
        # Beyond 3 sd the observation is more likely an artefact than news: its noise grows until
        # it lies at 3 sd.
        variance = np.maximum(variance, residual**2 / 9.0)
        gain = seen / variance[:, None]
        self._x = self._x + gain * residual[:, None]
        self._p = self._p - gain[:, :, None] * seen[:, None, :]
        told = -0.5 * (residual**2 / variance + np.log(variance))
        return np.asarray(told.reshape(self._log_weights.shape))

    def _reset(self, i: int, mean: float, variance: float | Floats) -> None:
        self._x[:, i] = mean
        self._p[:, i, :] = 0.0
        self._p[:, :, i] = 0.0
        self._p[:, i, i] = variance


def _total(log_weights: Floats) -> Floats:
    """Log weight of each gain and share of the scale, whatever the offsets."""
    return np.asarray(np.logaddexp.reduce(log_weights, axis=1, keepdims=True))
