"""How far frontal theta goes with what a person said of music, over all plays that are known.

While music plays `dsp.enjoyment` weighs its hypotheses rating by rating. Between sessions all
plays and all that was said are taken at once, with what they have in common: tracks that come
again, artists, genres, moods. So a play that nobody rated tells too, and what is known of a track
does not hide what its ratings tell of the EEG. For each hypothesis, in the words of that model::

    y = m G e + level + z + o + b + v           score of a play, its mean over n times 10 s
    r = 0.52 + c + s (e - 0.5 + u)              rating; c common to all
    e : N(expected, covariance)                 of plays and of the moments of ratings

and the weight is that of ``p(r | y)``: the EEG's own agreement with itself moves nothing but the
sds of its offsets. The level is not known; z is new with each session. Here a gain stands for
itself and its double, an sd of the offsets for itself, its half and none, a share of the scale for
itself and 0.7 of it: over many plays each would be held against for lying beside the true one, and
a share that is too large makes every gain seem to explain why ratings differ so little.

Gaussian evidence: Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, 2.7 and 5.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsp.checks import InputError
from dsp.enjoyment import UNIT_GAIN, EnjoymentModel
from dsp.grid import Bools, Floats, Ints
from dsp.reward import SCORE_SECONDS

_MEAN_S = 10.0  # s of a mean of scores
# What a hypothesis of the bank stands for, as multiples of it.
_GAINS, _OFFSETS, _SCALES = (1.0, 2.0), (0.0, 0.5, 1.0), (0.7, 1.0)
_LEVEL_SD = 3.0  # of what is not known, in sd of a 10 s mean


@dataclass(frozen=True)
class Agreement:
    """What n plays scored, and m things that were said while music was heard.

    Attributes
    ----------
    scores : float64 [shape=(n,)]
        Mean of each play, in sd of a 10 s mean; any level.
    n_means : float64 [shape=(n,)]
        Means of 10 s in it.
    sessions : int64 [shape=(n,)]
        Which session it belongs to.
    said : float64 [shape=(m,)]
        Ratings and taps, 0..1.
    taps : bool [shape=(m,)]
        Which of them an observer saw.
    expected : float64 [shape=(n + m,)]
        Enjoyment before anything was said, of the plays, then of what was said.
    covariance : float64 [shape=(n + m, n + m)]
    """

    scores: Floats
    n_means: Floats
    sessions: Ints
    said: Floats
    taps: Bools
    expected: Floats
    covariance: Floats

    def __post_init__(self) -> None:
        """Refuse what does not belong together."""
        n, m = len(self.scores), len(self.said)
        alike = len(self.n_means) == len(self.sessions) == n and len(self.taps) == m
        whole = self.expected.shape == (n + m,) and self.covariance.shape == (n + m, n + m)
        if not (alike and whole):
            raise InputError(
                f"{n} plays and {m} ratings have expectations {self.expected.shape} with "
                f"covariances {self.covariance.shape}; expected {n + m} of each."
            )


def weighed(model: EnjoymentModel, known: Agreement) -> Floats:
    """Weight of each hypothesis of the bank, from its prior and all that is known.

    Returns
    -------
    float64 [shape=(gains, offset sds, scales)]
        All above 0, as `EnjoymentFilter` takes it.

    Examples
    --------
    >>> felt = np.array([0.2, 0.8, 0.3, 0.7] * 4)
    >>> same = np.kron(np.ones((2, 2)), 0.04 * np.eye(16))
    >>> def gain_over_0(scores):
    ...     known = Agreement(
    ...         scores, np.full(16, 8.0), np.arange(16) // 4, felt, np.zeros(16, bool),
    ...         np.full(32, 0.5), same,
    ...     )
    ...     return weighed(EnjoymentModel(), known).sum(axis=(1, 2))[3:].sum()
    >>> bool(gain_over_0(2.0 * felt) > 0.9 > 0.28 > gain_over_0(-2.0 * felt))
    True
    """
    gains = [(i, k * m) for i, m in enumerate(model.gains) for k in (_GAINS if m else (1.0,))]
    offsets = [(j, k * sd) for j, sd in enumerate(model.offset_sds) for k in _OFFSETS]
    scales = [(s, k * share) for s, share in enumerate(model.scales) for k in _SCALES]
    alone = np.zeros((len(gains), len(offsets)))
    rated = np.zeros((*alone.shape, len(scales)))
    for a, (_, gain) in enumerate(gains):
        for b, (_, sd) in enumerate(offsets):
            alone[a, b], rated[a, b] = _evidence(model, known, gain, sd, [x for _, x in scales])
    alone += np.log([model.offset_weights[j] for j, _ in offsets])
    # The scores tell the sds of their offsets apart, and nothing else.
    alone -= np.logaddexp.reduce(alone, axis=1, keepdims=True)
    rated += alone[:, :, None] + np.log([model.scale_weights[s] for s, _ in scales])
    out = np.full(model.prior.shape, -math.inf)
    for a, (i, gain) in enumerate(gains):
        weight = math.log(model.weights[i] / (len(_GAINS) if gain else 1))
        for b, (j, _) in enumerate(offsets):
            for c, (s, _) in enumerate(scales):
                out[i, j, s] = np.logaddexp(out[i, j, s], rated[a, b, c] + weight)
    w = np.exp(out - out.max())
    return np.asarray(np.maximum(w / w.sum(), 1e-12))  # nothing is ever ruled out


def _evidence(
    model: EnjoymentModel,
    known: Agreement,
    gain: float,
    offset_sd: float,
    scales: Sequence[float],
) -> tuple[float, Floats]:
    """Log evidence of the scores alone, and of what was said given them, for each scale."""
    n, slope = len(known.scores), gain * UNIT_GAIN
    seconds = known.n_means * _MEAN_S / model.noise_tau
    noise = 2.0 * (seconds - 1.0 + np.exp(-seconds)) / seconds**2  # of a mean of what decays
    own = offset_sd**2 + model.noise_sd**2 * noise
    own += model.score_var * SCORE_SECONDS / _MEAN_S / known.n_means
    covariance = slope**2 * known.covariance[:n, :n] + np.diag(own) + _LEVEL_SD**2
    covariance += model.zero_sd**2 * (known.sessions[:, None] == known.sessions)
    centred = known.scores - known.scores.mean() - slope * (known.expected[:n] - 0.5)
    both = np.column_stack([centred, slope * known.covariance[:n, n:]])
    solved = np.linalg.solve(np.linalg.cholesky(covariance), both)
    news, shared = solved[:, 0], solved[:, 1:]
    felt = known.expected[n:] - 0.5 + shared.T @ news
    left = known.covariance[n:, n:] - shared.T @ shared
    said = []
    for scale in scales:
        # An observer's faces have neither a middle of their own nor a share that is used.
        used = np.where(known.taps, 1.0, scale)
        variance = np.where(known.taps, model.tap_var, model.rating_var * scale**2)
        bias = np.where(known.taps, 0.0, model.rating_bias)
        middle = np.where(known.taps, 0.0, model.rating_bias_sd)
        spread = used[:, None] * left * used + np.diag(variance) + np.outer(middle, middle)
        rest = known.said - 0.5 - bias - used * felt
        said.append(_log_density(rest, np.asarray(spread)))
    return _log_density(centred, covariance), np.array(said)


def _log_density(x: Floats, covariance: Floats) -> float:
    """Log density at `x` of a normal around 0, but for a constant."""
    factor = np.linalg.cholesky(covariance)
    z = np.linalg.solve(factor, x)
    return float(-0.5 * z @ z - np.log(np.diag(factor)).sum())
