"""The closed loop: one tick a second from what the brain did and what was heard to a decision.

Live, replay and simulation run this same object. It reads no clock, opens no file and starts no
thread: the same ticks give the same decisions, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from app.loop.belief import Belief
from app.loop.calibration import Calibration
from app.loop.decision import DISLIKED, Asked, Decision, PolicyState, View
from app.loop.listening import Listening
from app.loop.policy import barrier, decide
from app.loop.senses import Senses
from app.loop.ticks import LoopEvent, PoolTrack, TickInput, TickResult
from app.settings import Settings
from dsp.enjoyment import Enjoyment
from dsp.sound.heard import Play
from dsp.tracking.tracker import Tracking
from playlists.choice import Candidate
from playlists.tracks import NO_PLACE, Place

NO_REPEAT = 6  # tracks


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
        self._calibrated = calibration is not None
        self._listening = Listening()
        self._senses: Senses | None = None
        if ch_names:
            decoder = calibration.decoder if calibration else None
            self._senses = Senses(ch_names=ch_names, sfreq=sfreq, decoder=decoder, seed=seed)
        self._belief = Belief(settings, calibration, eeg=bool(ch_names))
        self._policy = PolicyState()
        self._last: float | None = None
        self._on_hold = False
        self._unplayable: set[Place] = set()

    def first(self, place: Place, *, now: float) -> Play:
        """Begin with the track at `place`, before the first tick; return its play."""
        return self._listening.ask(place, at_once=True, now=now)

    def prior(self, place: Place, *, first: bool = False) -> tuple[float, float]:
        """Mean and sd of what is expected of the track at `place`."""
        return self._belief.prior(place, first=first)

    def up_next(self, *, repeat: bool = False) -> tuple[Candidate, ...]:
        """What may be played next, with what is expected of it.

        The running track, the latest plays, disliked and unplayable ones are left out; with
        `repeat` only the unplayable are, so that a short playlist need not fall silent.
        """
        out = set(self._unplayable)
        if not repeat:
            out.add(self._listening.place)
            n_recent = min(NO_REPEAT, len(self._pool) - 1)
            out.update(list(self._listening.places.values())[-n_recent:] if n_recent else [])
            rated = self._belief.rated.items()
            out.update(place for place, rating in rated if rating <= DISLIKED)
        return tuple(
            Candidate(place, *self.prior(place), eligible=place not in out)
            for place in map(Place, range(len(self._pool)))
        )

    def tick(self, given: TickInput) -> TickResult:
        """Take one second; return the estimates and, perhaps, a decision."""
        now, listening, belief = given.now, self._listening, self._belief
        if self._last is not None:
            belief.step(now - self._last)
        self._last = now
        # What was set going is known before it is heard; what somebody said of a track belongs to
        # the track that was heard when it was said.
        for event in given.events:
            if event.kind == "play":
                listening.places[Play(int(event.value[0]))] = Place(int(event.value[1]))
        self._hear(given)
        asked = tuple(a for a in map(self._take, given.events) if a is not None)
        if listening.silent:
            self._blank(now)  # EEG without its music says nothing of the music
        tracking = self._sense(given)
        enjoyment, twin = self._estimate(now)
        view = self._view(now, enjoyment, twin, tracking, asked)
        decision, self._policy = decide(view, self._policy, self.settings, self._rng)
        starts = self._act(decision, now)
        return TickResult(
            now=now,
            play=listening.play,
            place=listening.place,
            position=listening.position,
            enjoyment=enjoyment,
            twin=twin,
            tracking=tracking,
            eeg_weight=belief.trust,
            gate=barrier(view, self.settings),
            theta_db=self._senses.theta_db if self._senses else None,
            quality=self._senses.quality if self._senses else (),
            decision=decision,
            starts=starts,
            coming=listening.coming,
        )

    def _take(self, event: LoopEvent) -> Asked | None:
        """Take one event; return what the operator asked for, if that is what it is."""
        listening = self._listening
        if event.kind == "rating":
            self._belief.rate(float(event.value))
        elif event.kind in ("next", "skip") and listening.play >= 0:
            self._belief.skip()
        elif event.kind == "hold":
            self._on_hold = bool(event.value)
        elif event.kind == "pause":
            listening.paused = bool(event.value)
            assert self._last is not None
            self._blank(self._last)
        elif event.kind == "unplayable":
            listening.coming = None
            self._unplayable.add(listening.places.get(Play(int(event.value)), NO_PLACE))
        if event.kind == "layer_off":
            return "layer_off"
        return "next" if event.kind in ("next", "skip") else None

    def _hear(self, given: TickInput) -> None:
        if self._senses is not None:
            self._senses.hear(given.heard)
        first = self._listening.play < 0
        for begins in self._listening.hear(given.heard, given.now):
            self._blank(begins)
            self._belief.begin(self._listening.place, first=first)
            first = False

    def _blank(self, time: float) -> None:
        """Let no EEG of the seconds after `time` enter a score."""
        if self._senses is not None:
            self._senses.blank(time + self.settings.timing.blank)

    def _sense(self, given: TickInput) -> Tracking | None:
        if self._senses is None:
            return None
        for score in self._senses.take(given.eeg, given.eeg_times):
            self._belief.score(score)
        return self._senses.tracking(given.now)

    def _estimate(self, now: float) -> tuple[Enjoyment, Enjoyment]:
        belief, doubt = self._belief, self._doubt(now)
        age = round(now - belief.entered, 6) if math.isfinite(belief.entered) else math.inf
        estimate = Enjoyment(*belief.level(), not doubt, age, (doubt,) if doubt else ())
        twin = Enjoyment(*belief.level(twin=True), False, math.inf, ("EEG left out",))
        return estimate, twin

    def _doubt(self, now: float) -> str:
        """Why the EEG does not count, or empty."""
        if self._senses is None:
            return "no headset: ratings and priors alone"
        if not self._calibrated:
            return "no calibration of this listener: ratings and priors alone"
        return self._senses.doubt(now, coverage=self.settings.limits.coverage)

    def _view(
        self,
        now: float,
        enjoyment: Enjoyment,
        twin: Enjoyment,
        tracking: Tracking | None,
        asked: tuple[Asked, ...],
    ) -> View:
        listening, place = self._listening, self._listening.place
        remaining = (self._pool[place].duration if place >= 0 else math.inf) - listening.position
        broken_off = listening.broken_off(now)
        return View(
            now=now,
            play=listening.play,
            position=listening.position,
            remaining=0.0 if broken_off else round(remaining, 6),
            mean=enjoyment.mean,
            sd=enjoyment.sd,
            p_low=enjoyment.p_low,
            usable=enjoyment.usable,
            reason=enjoyment.reasons[0] if enjoyment.reasons else "",
            twin_p_low=twin.p_low,
            trust=self._belief.trust,
            ever_following=tracking is not None and tracking.ever_following,
            rating=self._belief.standing,
            n_ratings=self._belief.n_ratings,
            on_hold=self._on_hold,
            paused=listening.paused,
            cued=listening.coming is not None and not broken_off,
            changing=listening.changing(now),
            asked=asked,
            candidates=self.up_next(),
            repeats=self.up_next(repeat=True),
            titles=tuple(t.title for t in self._pool),
        )

    def _act(self, decision: Decision | None, now: float) -> Play | None:
        """Remember what is set going; return the play it starts."""
        if decision is None or decision.kind == "hold":
            return None
        if decision.kind != "next_track":
            self._blank(now)
        if decision.kind in ("layer_on", "layer_off"):
            return None
        assert decision.target is not None
        at_once = decision.kind == "change_track"
        return self._listening.ask(Place(int(decision.target)), at_once=at_once, now=now)
