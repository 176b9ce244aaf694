"""Which track next: an honest draw, with the exact probability of everything it could have been.

Each of a fixed number of draws takes one level per track from its posterior (Thompson 1933,
narrowed so that taste rules and chance only breaks near-ties) and names the best. The shares
of those draws, mixed with a little uniform exploration, are the probabilities that the track is
then drawn with; they are logged, so that a later analysis can weigh by them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsp.checks import InputError
from playlists.tracks import Place

MAX_POOL = 300  #: larger pools are narrowed before, so that the log holds every probability
DRAWS = 24
POSTERIOR_SCALE = 0.1  #: share of the posterior's sd that a draw uses
EXPLORATION = 0.03  #: probability mass spread evenly over all eligible tracks


@dataclass(frozen=True)
class Candidate:
    """A track that could come next.

    Attributes
    ----------
    place : Place
    mean, sd : float
        Expected enjoyment (0..1) and its standard deviation.
    eligible : bool
        False where the track may not be chosen now (just played, protected, not prepared).
    """

    place: Place
    mean: float
    sd: float
    eligible: bool = True


@dataclass(frozen=True)
class Choice:
    """The track that was drawn, and how likely each could have been.

    Attributes
    ----------
    place : Place
        Of the chosen track.
    propensity : float
        Probability with which it was chosen.
    alternatives : tuple of (Place, float)
        Place and probability of every eligible track, the chosen one among them, in the order of
        the pool; the probabilities sum to 1.
    """

    place: Place
    propensity: float
    alternatives: tuple[tuple[Place, float], ...]


def choose(pool: Sequence[Candidate], *, rng: np.random.Generator, greedy: bool = False) -> Choice:
    """Draw the next track from `pool`.

    Parameters
    ----------
    pool : sequence of Candidate
        At most `MAX_POOL`, each place once.
    rng : numpy Generator
        The only source of chance: the same state gives the same choice.
    greedy : bool
        Take the highest mean (the lowest place among equals) with probability 1, without chance.

    Raises
    ------
    InputError
        If the pool is too large, has no eligible track, names a place twice or holds a level
        that is not finite.
    """
    eligible = _checked(pool)
    if greedy:
        best = min(eligible, key=lambda one: (-one.mean, one.place))
        certain = tuple((one.place, 1.0 if one is best else 0.0) for one in eligible)
        return Choice(best.place, 1.0, certain)
    mean = np.array([one.mean for one in eligible])
    sd = np.array([one.sd for one in eligible])
    levels = mean + POSTERIOR_SCALE * sd * rng.standard_normal((DRAWS, mean.size))
    wins = np.bincount(np.argmax(levels, axis=1), minlength=mean.size)
    p = (1.0 - EXPLORATION) * wins / DRAWS + EXPLORATION / mean.size
    chosen = min(int(np.searchsorted(np.cumsum(p), rng.random(), side="right")), mean.size - 1)
    alternatives = tuple((one.place, float(share)) for one, share in zip(eligible, p, strict=True))
    return Choice(eligible[chosen].place, float(p[chosen]), alternatives)


def p_better(mean: float, sd: float, candidates: Sequence[Candidate]) -> float:
    """Return the probability that the best other track would be enjoyed more than this one.

    The best is the eligible candidate of highest mean; both levels are taken as independent
    normals. 0.0 where nothing is eligible.
    """
    others = [one for one in candidates if one.eligible]
    if not others:
        return 0.0
    best = min(others, key=lambda one: (-one.mean, one.place))
    spread = math.hypot(sd, best.sd)
    gap = best.mean - mean
    if spread == 0.0:
        return 0.5 + 0.5 * float(np.sign(gap))
    return 0.5 * (1.0 + math.erf(gap / spread / math.sqrt(2.0)))


def _checked(pool: Sequence[Candidate]) -> list[Candidate]:
    if len(pool) > MAX_POOL:
        raise InputError(
            f"The pool holds {len(pool)} tracks; expected at most {MAX_POOL}, narrow it first."
        )
    if len({one.place for one in pool}) != len(pool):
        raise InputError("The pool names a track twice; expected each place once.")
    for one in pool:
        if not (math.isfinite(one.mean) and math.isfinite(one.sd) and one.sd >= 0.0):
            raise InputError(
                f"Track {one.place} has mean {one.mean!r} and sd {one.sd!r}; expected finite "
                "numbers, the sd not below 0."
            )
    eligible = [one for one in pool if one.eligible]
    if not eligible:
        raise InputError(
            f"None of the {len(pool)} tracks in the pool may be played now; add tracks to the "
            "playlist or allow repeats."
        )
    return eligible
