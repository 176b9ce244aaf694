"""What is believed of the enjoyment: priors, ratings, wishes and the scores of the EEG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy, deepcopy
from typing import Literal

from app.loop.calibration import Calibration
from app.loop.decision import PROTECTED
from app.settings import Settings
from dsp.enjoyment import EnjoymentFilter, EnjoymentModel
from dsp.reward import ThetaScore
from playlists.tracks import NO_PLACE, Place

#: How likely it is that what is known of an EEG is of another person, or of electrodes that sat
#: otherwise: checked often enough, a stranger's would else be believed whatever is rated.
STRANGER = 0.02

_Told = Literal["new_track", "step", "rating", "tap", "skip", "score"]


class Belief:
    """The estimate, its twin without EEG, and what they taught of the tracks.

    Parameters
    ----------
    settings : Settings
    calibration : Calibration or None
    eeg : bool
        Whether there is any.
    expected : sequence of (float, float)
        Mean and sd of the enjoyment that this person is expected to have of each track, in the
        order of the playlist; empty where nothing is known of the person's music.
    """

    def __init__(
        self,
        settings: Settings,
        calibration: Calibration | None,
        *,
        eeg: bool,
        expected: Sequence[tuple[float, float]] = (),
    ) -> None:
        self._settings = settings
        self._expected = tuple(expected)
        known = calibration or Calibration.nothing()
        checks, believed, self._earlier = known.checks, known.believed, known.n_ratings
        self._theta: tuple[float, float] | None = None  # level and sd, dB
        if known.knows_theta:
            self._theta = known.theta_db, known.theta_sd
        model, self._eeg = EnjoymentModel(), eeg
        self._filter = EnjoymentFilter(
            model, checks=checks, eeg=eeg, believed=believed, doubt=STRANGER
        )
        self._twin = EnjoymentFilter(model, eeg=False, believed=believed, doubt=STRANGER)
        # Until the baseline is known all that comes is kept, to be believed as soon as it is.
        self._untold: list[tuple[_Told, tuple[float, ...]]] = []
        self._fresh = deepcopy(self._filter) if eeg and self._theta is None else None
        self._place = NO_PLACE
        self._skipped = self._deaf = False
        self._liked: dict[Place, tuple[float, float]] = {}  # the prior that ratings taught
        self.rating: float | None = None  # latest of the running play
        self.rated: dict[Place, float] = {}  # latest of each track, a tap or a rating
        self.tapped: set[Place] = set()  # tracks whose latest is a tap
        self.n_ratings = 0
        self._scored = -math.inf  # end of the newest score that came
        self.entered = -math.inf  # end of the newest score that entered, LSL seconds

    def prior(self, place: Place, *, first: bool = False) -> tuple[float, float]:
        """Mean and sd of what is expected of the track at `place`."""
        if self._expected:
            return self._liked.get(place, self._expected[place])
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
        other.tapped = set(self.tapped)
        other._untold = list(self._untold)
        return other

    def _take(self, kind: _Told, *values: float) -> None:
        """Let the estimate take what is told; it is kept too as long as the EEG cannot count."""
        if self._fresh is not None:
            self._untold.append((kind, values))
        if kind == "new_track":
            self._filter.new_track(*values)
        elif kind == "step":
            self._filter.step(*values)
        elif kind == "rating":
            self._filter.rating(*values)
        elif kind == "tap":
            self._filter.tap(*values)
        elif kind == "skip":
            self._filter.skip()
        elif self._theta is not None:
            (db, valid_share), (level, sd) = values, self._theta
            self._filter.score(round((db - level) / sd, 6), valid_share=valid_share)

    @property
    def knows_theta(self) -> bool:
        """Whether a score of the EEG says anything yet."""
        return self._theta is not None

    def know_theta(self, level: float, sd: float) -> None:
        """Take the baseline of theta (dB), and believe all scores of this session as if known.

        Ratings that were given before then tell of the EEG what they would have told at once.
        """
        self._theta = level, sd
        if self._fresh is not None:
            self._filter, untold = self._fresh, self._untold
            self._fresh, self._untold = None, []
            for kind, values in untold:
                self._take(kind, *values)
            self.entered = self._scored

    def begin(self, place: Place, *, first: bool) -> None:
        """Another track begins."""
        if not first and (self.rating is not None or self._skipped):
            mean, sd = self._twin.level()  # a rating teaches, the unproven EEG does not
            self._liked[self._place] = (min(max(mean, 0.0), 1.0), max(sd, 0.1))
        self._place, self.rating, self._skipped = place, None, False
        prior = self.prior(place, first=first)
        self._take("new_track", *prior)
        self._twin.new_track(*prior)

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass."""
        self._take("step", dt)
        self._twin.step(dt)

    def rate(self, value: float) -> None:
        """Take a rating 0..1 of what is heard."""
        self.rating = self.rated[self._place] = value
        self.tapped.discard(self._place)
        self.n_ratings += 1
        self._take("rating", value)
        self._twin.rating(value)

    def tap(self, value: float) -> None:
        """Take what an observer saw while it was heard, 0..1; it stands as a rating would."""
        self.rating = self.rated[self._place] = value
        self.tapped.add(self._place)
        self._take("tap", value)
        self._twin.tap(value)

    def skip(self) -> None:
        """Take the wish for another track: who has it does not enjoy this one much."""
        self._skipped = True
        self._take("skip")
        self._twin.skip()

    def score(self, score: ThetaScore) -> None:
        """Take a score of the EEG; without a baseline of theta it waits for one."""
        self._take("score", score.db, score.valid_share)
        self._scored = score.t1
        if self._theta is not None:
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
                self._earlier + self.n_ratings >= eeg.strict_ratings
                and self._filter.eeg_weight >= eeg.strict_weight
            )
        )

    def level(self, *, twin: bool = False) -> tuple[float, float, float]:
        """Mean and sd of the level, and the probability that it is low; of the `twin` if asked."""
        believed = self._filter if self._earned and not twin else self._twin
        mean, sd = believed.level()
        p_low = believed.p_below(self._settings.limits.low)
        return round(mean, 6), round(sd, 6), round(p_low, 6)
