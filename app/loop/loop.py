"""The closed loop: one tick a second from what the brain did and what was heard to a decision.

Live, replay and simulation run this same object. It reads no clock, opens no file and starts no
thread: the same ticks give the same decisions, byte for byte.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.loop.calibration import Calibration
from app.loop.policy import DISLIKED, PROTECTED, Decision, PolicyState, View, barrier, decide
from app.settings import Settings
from dsp.enjoyment import Enjoyment, EnjoymentFilter, EnjoymentModel
from dsp.quality import CleanBlock, Guard
from dsp.reward import FrontalTheta, ThetaScore
from dsp.sound.heard import NO_PLAY, Heard, Play
from dsp.tracking.tracker import Tracker, Tracking
from playlists.choice import Candidate
from playlists.tracks import NO_PLACE, Place

FRESH = 6.0  # s; EEG whose newest usable score is older carries no decision
COVERED = 30.0  # s over which the share of clean EEG is counted
NO_REPEAT = 6  # tracks
GAP = 2.0  # s without a track after which it has broken off


@dataclass(frozen=True)
class PoolTrack:
    """One track that may be played; they stand in the order of the playlist."""

    title: str
    duration: float


@dataclass(frozen=True)
class LoopEvent:
    """Something from outside that the loop must know.

    `kind`: ``rating`` (value 0..1), ``next`` (a skip, too), ``layer_off``, ``hold`` (value bool),
    ``pause`` (value bool), ``play`` (value [play, place]), ``skipped`` (value: the play that
    cannot be played).
    """

    kind: str
    value: Any = None


@dataclass(frozen=True)
class TickInput:
    """Everything that is new at one whole second.

    Attributes
    ----------
    now : float
        LSL seconds.
    eeg : float32 [shape=(n, n_channels)], microvolt
    eeg_times : float64 [shape=(n,)]
    heard : Heard
    events : tuple of LoopEvent
    """

    now: float
    eeg: npt.NDArray[np.float32]
    eeg_times: npt.NDArray[np.float64]
    heard: Heard
    events: tuple[LoopEvent, ...] = ()


@dataclass(frozen=True)
class TickResult:
    """What came of it."""

    now: float
    play: Play  # that is heard
    place: Place
    position: float
    enjoyment: Enjoyment
    twin: Enjoyment
    tracking: Tracking | None
    eeg_weight: float
    gate: str  # why nothing may be done because of the EEG now; empty where it may
    theta_db: float | None
    quality: tuple[tuple[str, int, str], ...]
    decision: Decision | None
    starts: Play | None  # the play that the decision sets going, if it does


class Loop:
    """State of one session between ticks.

    Parameters
    ----------
    settings : Settings
    pool : sequence of PoolTrack
        What may be played; at most 300.
    ch_names : sequence of str
        Electrodes; empty without a headset.
    sfreq : float
        Rate of the EEG, Hz.
    calibration : Calibration or None
    seed : int
        Seed of every draw.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pool: Sequence[PoolTrack],
        ch_names: Sequence[str],
        sfreq: float,
        calibration: Calibration | None,
        seed: int,
    ) -> None:
        self.settings = settings
        self._pool = tuple(pool)
        self._rng = np.random.default_rng(seed)
        self._calibration = calibration
        self._ch_names = tuple(ch_names)
        self._guard: Guard | None = None
        if self._ch_names:
            decoder = calibration.decoder if calibration else None
            self._guard = Guard(ch_names=self._ch_names, sfreq=sfreq)
            self._tracker = Tracker(
                ch_names=self._ch_names, sfreq=sfreq, decoder=decoder, seed=seed
            )
            self._theta = FrontalTheta(ch_names=self._ch_names, sfreq=sfreq)
        model = EnjoymentModel()
        checks = calibration.checks if calibration else ()
        self._filter = EnjoymentFilter(model, checks=checks, eeg=bool(ch_names))
        self._twin = EnjoymentFilter(model, eeg=False)
        self._policy = PolicyState()
        self._last: float | None = None
        self._play = self._newest = NO_PLAY  # that is heard, and that was asked for last
        self._changing_since: float | None = None
        self._cued = False
        self._plays: dict[Play, Place] = {}
        self._position = 0.0
        self._rating: float | None = None
        self._liked: dict[Place, tuple[float, float]] = {}  # the prior that ratings taught
        self._n_ratings = 0
        self._on_hold = self._paused = False
        self._blank_until = math.inf  # EEG before this time enters no score; first, none does
        self._silent_since: float | None = None  # since when no track is heard
        self._skipped = False
        self._rated: dict[Place, float] = {}  # latest rating
        self._unplayable: set[Place] = set()
        self._scores: deque[ThetaScore] = deque()
        self._first_eeg: float | None = None
        self._entered = -math.inf  # end of the newest score that entered
        self._theta_db: float | None = None
        self._quality: tuple[tuple[str, int, str], ...] = ()

    def prior(self, place: Place, *, first: bool = False) -> tuple[float, float]:
        """Mean and sd of what is expected of the track at `place`."""
        priors = self.settings.priors
        unknown = (
            (priors.first_mean, priors.first_sd) if first else (priors.next_mean, priors.next_sd)
        )
        return self._liked.get(place, unknown)

    def up_next(self, *, repeat: bool = False) -> tuple[Candidate, ...]:
        """What may be played next, with what is expected of it.

        The running track, the latest plays, disliked and unplayable ones are left out; with
        `repeat` only the unplayable are, so that a short playlist need not fall silent.
        """
        out = set(self._unplayable)
        if not repeat:
            out.add(self._place)
            n_recent = min(NO_REPEAT, len(self._pool) - 1)
            out.update(list(self._plays.values())[-n_recent:] if n_recent else [])
            out.update(place for place, rating in self._rated.items() if rating <= DISLIKED)
        return tuple(
            Candidate(place, *self.prior(place), eligible=place not in out)
            for place in map(Place, range(len(self._pool)))
        )

    def tick(self, given: TickInput) -> TickResult:
        """Take one second; return the estimates and, perhaps, a decision."""
        dt = 0.0 if self._last is None else given.now - self._last
        self._last = given.now
        if dt > 0.0:
            self._filter.step(dt)
            self._twin.step(dt)
        # What was set going is known before it is heard; what somebody said of a track belongs to
        # the track that was heard when it was said.
        for event in given.events:
            if event.kind == "play":
                play = Play(int(event.value[0]))
                self._plays[play] = Place(int(event.value[1]))
                self._newest = max(self._newest, play)
        self._hear(given)
        asked = tuple(self._take(event) for event in given.events)
        if self._paused or self._silent_since is not None:
            self._blank(given.now)  # EEG without its music says nothing of the music
        tracking = self._sense(given)
        enjoyment, twin = self._estimate(given.now)
        view = self._view(given.now, enjoyment, twin, tracking, tuple(a for a in asked if a))
        decision, self._policy = decide(view, self._policy, self.settings, self._rng)
        return TickResult(
            now=given.now,
            play=self._play,
            place=self._place,
            position=self._position,
            enjoyment=enjoyment,
            twin=twin,
            tracking=tracking,
            eeg_weight=self._weight(),
            gate=barrier(view, self.settings),
            theta_db=self._theta_db,
            quality=self._quality,
            decision=decision,
            starts=self._act(decision, given.now),
        )

    def _take(self, event: LoopEvent) -> str:
        """Take one event; return what the operator asked for, if that is what it is."""
        if event.kind == "rating":
            self._rating = float(event.value)
            self._rated[self._place] = self._rating
            self._n_ratings += 1
            self._filter.rating(self._rating)
            self._twin.rating(self._rating)
        elif event.kind == "next" and self._play >= 0:
            self._skipped = True  # who asks for another track does not enjoy this one much
            self._filter.skip()
            self._twin.skip()
        elif event.kind == "hold":
            self._on_hold = bool(event.value)
        elif event.kind == "pause":
            self._paused = bool(event.value)
            assert self._last is not None
            self._blank(self._last)
        elif event.kind == "skipped":
            self._changing_since, self._cued = None, False
            self._unplayable.add(self._plays.get(Play(int(event.value)), NO_PLACE))
        return event.kind if event.kind in ("next", "layer_off") else ""

    def _hear(self, given: TickInput) -> None:
        """Follow what was really heard: tracks begin when they sound, not when they are asked."""
        heard = given.heard
        if not len(heard):
            return
        if self._guard is not None:
            self._tracker.push_stimulus(heard.stimulus, heard.times)
        plays = heard.play
        for i in np.flatnonzero(np.diff(plays, prepend=self._play)):
            # A decoder that is late for a moment is heard as no track: the track goes on after it.
            if plays[i] >= 0 and plays[i] != self._play:
                self._begin(Play(int(plays[i])), float(heard.times[i]))
        running = np.flatnonzero(plays == self._play)
        if self._play >= 0 and running.size:
            self._position = round(float(heard.position_s[running[-1]]), 6)
        if plays[-1] >= 0:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = given.now

    @property
    def _place(self) -> Place:
        """Place of what is heard."""
        return self._plays.get(self._play, NO_PLACE)

    def _begin(self, play: Play, time: float) -> None:
        if self._play >= 0 and (self._rating is not None or self._skipped):
            mean, sd = self._twin.level()  # a rating teaches, the unproven EEG does not
            self._liked[self._place] = (min(max(mean, 0.0), 1.0), max(sd, 0.1))
        first = self._play < 0
        self._play, self._rating, self._skipped = play, None, False
        self._changing_since, self._cued = None, self._newest > play
        self._blank(time)
        prior = self.prior(self._place, first=first)
        self._filter.new_track(*prior)
        self._twin.new_track(*prior)

    def _blank(self, time: float) -> None:
        """Let no EEG of the seconds after `time` enter a score."""
        until = time + self.settings.timing.blank
        known = self._blank_until if math.isfinite(self._blank_until) else until
        self._blank_until = max(known, until)

    def _sense(self, given: TickInput) -> Tracking | None:
        """Take the EEG: quality first, then tracking and frontal theta from what is clean."""
        if self._guard is None:
            return None
        if given.eeg_times.size and self._first_eeg is None:
            self._first_eeg = float(given.eeg_times[0])
        block = self._guard.push(given.eeg, given.eeg_times)
        if block is not None:
            self._quality = _grades(block, self._ch_names)
            self._tracker.push_eeg(block)
            for score in self._theta.push(block):
                self._score(score)
        return self._tracker.estimate(given.now)

    def _score(self, score: ThetaScore) -> None:
        self._scores.append(score)
        self._theta_db = round(score.db, 6) if score.usable else None
        calibration = self._calibration
        if not score.usable or score.t0 < self._blank_until or calibration is None:
            return
        y = (score.db - calibration.theta_db) / calibration.theta_sd
        self._filter.score(round(y, 6), valid_share=score.valid_share)
        self._entered = score.t1

    def _estimate(self, now: float) -> tuple[Enjoyment, Enjoyment]:
        low = self.settings.limits.low
        usable, reasons = self._usable(now)
        believed = self._filter if self._earned() else self._twin
        mean, sd = believed.level()
        age = round(now - self._entered, 6) if math.isfinite(self._entered) else math.inf
        estimate = Enjoyment(
            mean=round(mean, 6),
            sd=round(sd, 6),
            p_low=round(believed.p_below(low), 6),
            usable=usable,
            age_s=age,
            reasons=reasons,
        )
        mean, sd = self._twin.level()
        p_low = round(self._twin.p_below(low), 6)
        twin = Enjoyment(round(mean, 6), round(sd, 6), p_low, False, math.inf, ("EEG left out",))
        return estimate, twin

    def _earned(self) -> bool:
        """Whether the EEG may count: with `strict` only after enough ratings have spoken for it."""
        eeg = self.settings.eeg
        return not eeg.strict or (
            self._n_ratings >= eeg.strict_ratings and self._filter.eeg_weight >= eeg.strict_weight
        )

    def _weight(self) -> float:
        return round(self._filter.eeg_weight, 6) if self._earned() else 0.0

    def _usable(self, now: float) -> tuple[bool, tuple[str, ...]]:
        """Whether the EEG behind the estimate is clean and fresh, and why not."""
        if self._guard is None:
            return False, ("no headset: ratings and priors alone",)
        if self._calibration is None:
            return False, ("no calibration of this listener: ratings and priors alone",)
        if not self._theta.sites:
            return False, ("no frontal electrode: ratings and priors alone",)
        while self._scores and self._scores[0].t1 <= now - COVERED:
            self._scores.popleft()
        newest = max((s.t1 for s in self._scores if s.usable), default=-math.inf)
        if now - newest > FRESH:
            return False, ("no clean EEG in the last seconds" + self._worst(),)
        assert self._first_eeg is not None
        span = min(COVERED, now - self._first_eeg)
        clean = sum(s.valid_share * (s.t1 - s.t0) for s in self._scores) / max(span, 1.0)
        needed = self.settings.limits.coverage
        if round(clean, 6) < needed:
            text = f"clean EEG in {100 * clean:.0f} % of the last {span:.0f} s"
            return False, (text + self._worst(),)
        return True, ()

    def _worst(self) -> str:
        bad = [f"{name}: {word}" for name, grade, word in self._quality if grade > 1]
        return f" ({', '.join(bad[:3])})" if bad else ""

    def _view(
        self,
        now: float,
        enjoyment: Enjoyment,
        twin: Enjoyment,
        tracking: Tracking | None,
        asked: tuple[str, ...],
    ) -> View:
        place = self._place
        duration = self._pool[place].duration if place >= 0 else math.inf
        if self._changing_since is not None and now - self._changing_since > 10.0:
            self._changing_since = None  # whoever should have started it did not
        remaining = duration - self._position
        if self._silent_since is not None and now - self._silent_since >= GAP and not self._paused:
            remaining, self._cued = 0.0, False  # the track broke off: the music must go on
        rating = self._rating
        if rating is None and self._rated.get(place, 0.0) >= PROTECTED:
            rating = self._rated[place]  # a protected track stays protected when it comes again
        return View(
            now=now,
            play=self._play,
            position=self._position,
            remaining=round(remaining, 6),
            mean=enjoyment.mean,
            sd=enjoyment.sd,
            p_low=enjoyment.p_low,
            usable=enjoyment.usable,
            reason=enjoyment.reasons[0] if enjoyment.reasons else "",
            twin_p_low=twin.p_low,
            trust=self._weight(),
            ever_following=tracking is not None and tracking.ever_following,
            rating=rating,
            n_ratings=self._n_ratings,
            on_hold=self._on_hold,
            paused=self._paused,
            cued=self._cued,
            changing=self._changing_since is not None,
            asked=asked,
            candidates=self.up_next(),
            repeats=self.up_next(repeat=True),
            titles=tuple(t.title for t in self._pool),
        )

    def _act(self, decision: Decision | None, now: float) -> Play | None:
        """Remember what was set going; return the play it starts."""
        if decision is None or decision.kind == "hold":
            return None
        if decision.kind != "next_track":
            self._blank(now)
        if decision.kind in ("layer_on", "layer_off"):
            return None
        self._newest = Play(self._newest + 1)
        if decision.kind == "change_track":
            self._changing_since = now
        self._cued = True
        assert decision.target is not None
        self._plays[self._newest] = Place(int(decision.target))
        return self._newest


def _grades(block: CleanBlock, ch_names: tuple[str, ...]) -> tuple[tuple[str, int, str], ...]:
    """Grade and word of each electrode in the newest second."""
    newest = block.seconds[-1]
    return tuple(
        (name, grade, word)
        for name, grade, word in zip(ch_names, newest.grades, newest.words, strict=True)
    )
