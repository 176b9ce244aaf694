"""What is believed of the enjoyment: priors, ratings, wishes and the scores of the EEG."""

from __future__ import annotations

import math
from copy import copy, deepcopy

from app.loop.calibration import Calibration
from app.loop.decision import PROTECTED
from app.settings import Settings
from dsp.enjoyment import EnjoymentFilter, EnjoymentModel
from dsp.reward import ThetaScore
from playlists.tracks import NO_PLACE, Place


class Belief:
    """The estimate, its twin without EEG, and what they taught of the tracks.

    Parameters
    ----------
    settings : Settings
    calibration : Calibration or None
    eeg : bool
        Whether there is any.
    """

    def __init__(self, settings: Settings, calibration: Calibration | None, *, eeg: bool) -> None:
        self._settings = settings
        self._calibration = calibration
        checks = calibration.checks if calibration else ()
        self._filter = EnjoymentFilter(EnjoymentModel(), checks=checks, eeg=eeg)
        self._twin = EnjoymentFilter(EnjoymentModel(), eeg=False)
        self._place = NO_PLACE
        self._skipped = self._deaf = False
        self._liked: dict[Place, tuple[float, float]] = {}  # the prior that ratings taught
        self.rating: float | None = None  # latest of the running play
        self.rated: dict[Place, float] = {}  # latest of each track
        self.n_ratings = 0
        self.entered = -math.inf  # end of the newest score that entered, LSL seconds

    def prior(self, place: Place, *, first: bool = False) -> tuple[float, float]:
        """Mean and sd of what is expected of the track at `place`."""
        priors = self._settings.priors
        unknown = (
            (priors.first_mean, priors.first_sd) if first else (priors.next_mean, priors.next_sd)
        )
        return self._liked.get(place, unknown)

    def copy(self) -> Belief:
        """Return one that goes its own way from here on."""
        other = copy(self)
        other._filter, other._twin = deepcopy(self._filter), deepcopy(self._twin)
        other._liked, other.rated = dict(self._liked), dict(self.rated)
        return other

    def begin(self, place: Place, *, first: bool) -> None:
        """Another track begins."""
        if not first and (self.rating is not None or self._skipped):
            mean, sd = self._twin.level()  # a rating teaches, the unproven EEG does not
            self._liked[self._place] = (min(max(mean, 0.0), 1.0), max(sd, 0.1))
        self._place, self.rating, self._skipped = place, None, False
        prior = self.prior(place, first=first)
        self._filter.new_track(*prior)
        self._twin.new_track(*prior)

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass."""
        self._filter.step(dt)
        self._twin.step(dt)

    def rate(self, value: float) -> None:
        """Take a rating 0..1 of what is heard."""
        self.rating = self.rated[self._place] = value
        self.n_ratings += 1
        self._filter.rating(value)
        self._twin.rating(value)

    def skip(self) -> None:
        """Take the wish for another track: who has it does not enjoy this one much."""
        self._skipped = True
        self._filter.skip()
        self._twin.skip()

    def score(self, score: ThetaScore) -> None:
        """Take a score of the EEG; without a calibration it says nothing."""
        known = self._calibration
        if known is None:
            return
        y = (score.db - known.theta_db) / known.theta_sd
        self._filter.score(round(y, 6), valid_share=score.valid_share)
        self.entered = score.t1

    def leave_eeg_out(self) -> None:
        """Believe ratings and priors alone from here on, as the twin did all along."""
        self._deaf = True

    @property
    def standing(self) -> float | None:
        """Rating of what is heard; a protected track stays protected when it comes again."""
        if self.rating is None and self.rated.get(self._place, 0.0) >= PROTECTED:
            return self.rated[self._place]
        return self.rating

    @property
    def trust(self) -> float:
        """Weight of the EEG; with `strict` 0 until enough ratings have spoken for it."""
        return round(self._filter.eeg_weight, 6) if self._earned else 0.0

    @property
    def _earned(self) -> bool:
        eeg = self._settings.eeg
        return not self._deaf and (
            not eeg.strict
            or (
                self.n_ratings >= eeg.strict_ratings
                and self._filter.eeg_weight >= eeg.strict_weight
            )
        )

    def level(self, *, twin: bool = False) -> tuple[float, float, float]:
        """Mean and sd of the level, and the probability that it is low; of the `twin` if asked."""
        believed = self._filter if self._earned and not twin else self._twin
        mean, sd = believed.level()
        p_low = believed.p_below(self._settings.limits.low)
        return round(mean, 6), round(sd, 6), round(p_low, 6)
