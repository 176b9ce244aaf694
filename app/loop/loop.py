"""The closed loop: one tick a second from what the brain did and what was heard to a decision.

Live, replay and simulation run this same object. It reads no clock, opens no file and starts no
thread: the same ticks give the same decisions, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from app.loop.belief import Belief
from app.loop.calibration import Calibration
from app.loop.decision import DISLIKED, Asked, Cause, Decision, PolicyState, View
from app.loop.lesson import Collector, Lesson, Setup, waits_for
from app.loop.listening import Listening
from app.loop.policy import decide, gate
from app.loop.senses import Senses
from app.loop.ticks import LoopEvent, PoolTrack, TickInput, TickResult
from app.settings import Settings
from dsp.enjoyment import Enjoyment
from dsp.sound.heard import Heard, Play
from dsp.tracking.tracker import Tracking
from playlists.choice import Candidate
from playlists.tracks import Place

What = Literal["live", "recording", "silent recording"]
NO_REPEAT = 6  # tracks
TICK = 1.0  # s from one tick to the next
RECORDING = "A recording cannot be changed."
NO_SOUND = "This recording holds no sound."
UNHEARD = "Nobody heard the sound: only ratings were learnt."
LATE = 0.5  # s that a tick may come late; what lies further back was not watched


@dataclass(frozen=True)
class _Left:
    """A track that an automatic change left: when, which, why, and the play that replaced it."""

    time: float
    place: Place
    cause: Cause
    play: Play


@dataclass(frozen=True)
class _Rated:
    """The last rating or tap: when, what, and what would be believed had it never been given."""

    time: float
    value: float
    without: Belief
    tapped: bool = False


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
    what : {'live', 'recording', 'silent recording'}
        A recording is judged and nothing is decided on it; of one that does not say what was
        heard, nothing can be told.
    expected : sequence of (float, float)
        Mean and sd of the enjoyment that this person is expected to have of each track of `pool`;
        empty where nothing is known.
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
        what: What = "live",
        expected: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.settings, self._what = settings, what
        self._pool = tuple(pool)
        self._rng = np.random.default_rng(seed)
        self._collector = Collector(calibration.plays if calibration else ())
        self._listening = Listening()
        self._senses: Senses | None = None
        self._left_out = False  # somebody let the session go on without EEG
        self._outputs: list[str] = []  # what the sound went to in turn, as far as it was told
        self._unheard = False  # it goes to nobody
        if ch_names:
            self._senses = Senses(
                ch_names=ch_names, sfreq=sfreq, calibration=calibration, seed=seed
            )
        self._decoded = self._senses.decoded if self._senses is not None else ()
        self._belief = Belief(settings, calibration, eeg=bool(ch_names), expected=expected)
        self._rated: _Rated | None = None
        self._left: _Left | None = None
        self._policy = PolicyState()
        self._last: float | None = None
        self._on_hold = False
        self._unplayable: set[Place] = set()
        self._protected: set[Place] = set()  # brought back by hand
        self._eeg_until: float | None = None

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
            out.update(self._listening.recent(n_recent))
            rated = self._belief.rated.items()
            out.update(place for place, rating in rated if rating <= DISLIKED)
        return tuple(
            Candidate(place, *self.prior(place), eligible=place not in out)
            for place in map(Place, range(len(self._pool)))
        )

    def tick(self, given: TickInput) -> TickResult:
        """Take one second; return the estimates and, perhaps, a decision."""
        now, listening = given.now, self._listening
        step = 0.0 if self._last is None else now - self._last
        self._last = now
        if step > 0.0:
            for belief in self._beliefs:
                belief.step(step)
        self._hear(given)
        # What somebody said of a track belongs to the track that was heard when it was said.
        asked = tuple(a for event in given.events for a in self._take(event, now))
        if listening.stands or listening.silent(now) or self._unheard:
            self._blank(now)  # EEG without its music says nothing of the music
        tracking = self._sense(given)
        enjoyment, twin = self._estimate(now)
        unwatched = step - TICK if step > TICK + LATE else 0.0
        view = self._view(now, enjoyment, twin, tracking, asked, unwatched)
        may, decision = RECORDING if self._what == "recording" else NO_SOUND, None
        if self._what == "live":
            may = gate(view, self._policy, self.settings)
            decision, self._policy = decide(view, self._policy, self.settings, self._rng)
        starts = self._act(decision, now)
        return TickResult(
            now=now,
            eeg_until=self._eeg_until,
            heard_until=listening.until,
            play=listening.play,
            place=listening.place,
            position=listening.position,
            duration=self._duration,
            enjoyment=enjoyment,
            twin=twin,
            tracking=tracking,
            eeg_weight=self._belief.trust,
            gate=may,
            theta_db=self._senses.theta_db if self._senses else None,
            quality=self._senses.grades if self._senses else (),
            decision=decision,
            starts=starts,
            unrated=any(one.rating is not None and not one.tapped for one in asked),
            untapped=any(one.rating is not None and one.tapped for one in asked),
            coming=listening.coming,
        )

    def lesson(self, *, began: float, setup: Setup | None = None) -> Lesson:
        """Return what the session taught so far, with times since `began` (LSL seconds).

        Of `setup` the output is the first that the sound was heard through, where that was told.
        """
        lesson = self._collector.lesson(began=began)
        reasons = lesson.reasons
        if len(self._outputs) > 1:
            reasons += (
                f"The sound went to {', then to '.join(self._outputs)}: of the answer to it only "
                "what was heard through the first was learnt.",
            )
        if setup is not None and self._outputs:
            setup = replace(setup, output=self._outputs[0])
        elif setup is not None and self._unheard:
            setup, reasons = None, (UNHEARD,)
        return replace(lesson, setup=setup, decoded=self._decoded, reasons=reasons)

    def changed(self, at: float) -> None:
        """Take it that a session that was recorded changed the sound at `at`."""
        self._blank(at)

    @property
    def _beliefs(self) -> tuple[Belief, ...]:
        """What is believed, and what would be without the last rating: both live on."""
        return (self._belief,) if self._rated is None else (self._belief, self._rated.without)

    def _take(self, event: LoopEvent, now: float) -> Iterator[Asked]:
        """Take one event; yield what it asks of the policy."""
        kind, value = event.kind, event.value
        if kind == "rating":
            self._rated = _Rated(now, float(value), self._belief.copy())
            self._belief.rate(float(value))
            self._collector.rate(self._listening.play, float(value), now)
        elif kind == "tap":
            self._rated = _Rated(now, float(value), self._belief.copy(), tapped=True)
            self._belief.tap(float(value))
            self._collector.tap(self._listening.play, float(value), now)
        elif kind == "next":  # the operator's wish says nothing of the track
            yield Asked("next")
        elif kind == "wanted":
            yield Asked("wanted", place=Place(int(value)))
        elif kind in ("eyes_open", "eyes_closed"):
            self._collector.eyes(kind, on=bool(value), at=now)
        elif kind == "skip":
            if self._listening.play >= 0:
                for belief in self._beliefs:
                    belief.skip()
                self._collector.skip(self._listening.play, now)
            yield Asked("skip")
        elif kind == "undo":
            yield self._undo(now)
        elif kind == "layer_off":
            yield Asked("layer_on" if value is False else "layer_off")
        elif kind == "hold":
            self._on_hold = bool(value)
        elif kind == "pause":
            self._listening.paused = bool(value)
            self._blank(now)
        elif kind == "stalled":
            self._listening.stalled = bool(value)
            self._blank(now)
        elif kind == "output":
            self._goes_to(str(value), now)
        elif kind == "eeg_off":
            self._senses, self._left_out = None, True
            for belief in self._beliefs:
                belief.leave_eeg_out()
        elif self._senses is not None and kind in ("wireless", "rate", "eeg_stalled"):
            self._of_source(self._senses, event, now)
        elif kind == "unplayable":
            self._unplayable.add(self._listening.unplayable(Play(int(value))))

    def _of_source(self, senses: Senses, event: LoopEvent, now: float) -> None:
        """Take what is said of how sound and EEG come."""
        if event.kind == "wireless":
            senses.wireless(on=bool(event.value))
        elif event.kind == "eeg_stalled":
            senses.stalled = bool(event.value)
        else:
            senses.begin(float(event.value))
            self._blank(now)

    def _goes_to(self, output: str, now: float) -> None:
        """Take it that the sound goes to `output` from now on; to nobody where it is empty."""
        self._unheard = not output
        if not output or output == (self._outputs or [""])[-1]:
            return
        self._outputs.append(output)
        if self._senses is not None and len(self._outputs) > 1:
            # An answer comes at the delay of its output, and what was heard of it goes with that.
            self._senses.elsewhere = output != self._outputs[0]
            self._senses.begin(since=now)

    def _undo(self, now: float) -> Asked:
        """Take back the last automatic change or the last rating, whichever was later."""
        left, rated = self._left, self._rated
        if left is not None and left.play != self._listening.newest:
            left = None  # the music went on since
        if left is not None and (rated is None or rated.time <= left.time):
            goes = rated if left.cause == "rating" else None
            if goes is not None:  # the rating that changed the track goes with the change
                self._unrate()
            self._left = None
            self._protected.add(left.place)
            self._collector.undone(left.place, now)
            back = Asked("back", place=left.place)
            return back if goes is None else replace(back, rating=goes.value, tapped=goes.tapped)
        if rated is not None:
            self._unrate()
            return Asked("unrated", rating=rated.value, tapped=rated.tapped)
        return Asked("nothing")

    def _unrate(self) -> None:
        if self._rated is not None:
            self._belief, self._rated = self._rated.without, None
            self._collector.unrate()

    def _hear(self, given: TickInput) -> None:
        for event in given.events:
            if event.kind == "play":
                self._listening.started(Play(int(event.value[0])), Place(int(event.value[1])))
            elif event.kind == "resumed" and self._senses is not None:
                # What was heard and seen before would be compared with that of hours later.
                self._senses.begin(since=given.now - TICK - LATE)
        heard = Heard.nothing() if self._unheard else given.heard
        if self._senses is not None:
            self._senses.hear(heard)
        first = self._listening.play < 0
        for begins in self._listening.hear(given.heard, given.now):
            self._blank(begins)
            for belief in self._beliefs:
                belief.begin(self._listening.place, first=first)
            first = False
            self._collector.begin(
                self._listening.play, self._listening.place, begins, duration=self._duration
            )
        self._collector.hear(heard)

    def _blank(self, time: float) -> None:
        """Let no EEG of the seconds after `time` enter a score."""
        if self._senses is not None:
            self._senses.blank(time + self.settings.timing.blank)

    def _sense(self, given: TickInput) -> Tracking | None:
        if self._senses is None:
            return None
        if given.eeg_times.size:
            self._eeg_until = float(given.eeg_times[-1])
        for score in self._senses.take(given.eeg, given.eeg_times):
            for belief in self._beliefs:
                belief.score(score)
            self._collector.score(self._listening.play, score.db)
        said = self._senses.tracking(given.now)
        if not self._senses.elsewhere:
            self._collector.track(self._listening.play, said)
            self._collector.sampled(*self._senses.sampled(), doubted=self._senses.doubted)
        self._learn_theta()
        if self._what == "silent recording":
            return replace(said, reasons=(NO_SOUND,))
        return said

    def _learn_theta(self) -> None:
        """Let the EEG count as soon as the ratings tell what its theta is in the middle."""
        waiting = [belief for belief in self._beliefs if not belief.knows_theta]
        baseline = self._collector.baseline() if waiting else None
        if baseline is not None:
            for belief in waiting:
                belief.know_theta(*baseline)

    def _estimate(self, now: float) -> tuple[Enjoyment, Enjoyment]:
        belief, doubt = self._belief, self._doubt(now)
        age = round(now - belief.entered, 6) if math.isfinite(belief.entered) else math.inf
        estimate = Enjoyment(*belief.level(), not doubt, age, (doubt,) if doubt else ())
        twin = Enjoyment(*belief.level(twin=True), False, math.inf, ("EEG left out",))
        return estimate, twin

    def _doubt(self, now: float) -> str:
        """Why the EEG does not count, or empty."""
        if self._left_out:
            return "the EEG was left out: ratings and priors alone"
        if self._senses is None:
            return "no headset: ratings and priors alone"
        if self._what == "silent recording":
            return NO_SOUND[0].lower() + NO_SOUND[1:-1]
        if self._unheard:
            return "nobody hears the sound: ratings and priors alone"
        if self._senses.frontal and not self._belief.knows_theta:
            unclean = bool(self._collector.unclean)
            return waits_for(self._collector.needs(), unclean=unclean)
        return self._senses.doubt(now, coverage=self.settings.limits.coverage)

    def _view(
        self,
        now: float,
        enjoyment: Enjoyment,
        twin: Enjoyment,
        tracking: Tracking | None,
        asked: tuple[Asked, ...],
        unwatched: float,
    ) -> View:
        listening, broken_off = self._listening, self._listening.broken_off(now)
        return View(
            now=now,
            play=listening.play,
            position=listening.position,
            remaining=0.0
            if broken_off
            else round(max(self._duration - listening.position, 0.0), 6),
            mean=enjoyment.mean,
            sd=enjoyment.sd,
            p_low=enjoyment.p_low,
            usable=enjoyment.usable,
            reason=enjoyment.reasons[0] if enjoyment.reasons else "",
            twin_p_low=twin.p_low,
            trust=self._belief.trust,
            ever_following=tracking is not None and tracking.ever_following,
            rating=self._belief.standing,
            tapped=listening.place in self._belief.tapped,
            n_ratings=self._belief.n_ratings,
            on_hold=self._on_hold,
            paused=listening.stands,
            stalled=listening.stalled,
            cued=listening.cued(now),
            changing=listening.changing(now),
            asked=asked,
            candidates=self.up_next(),
            repeats=self.up_next(repeat=True),
            titles=tuple(t.title for t in self._pool),
            because=tuple(t.because for t in self._pool),
            protected=listening.place in self._protected,
            silent=listening.silent(now),
            broken_off=broken_off,
            unwatched=unwatched,
        )

    @property
    def _duration(self) -> float:
        """Seconds of the track that is heard; infinite before the first."""
        place = self._listening.place
        return self._pool[place].duration if place >= 0 else math.inf

    def _act(self, decision: Decision | None, now: float) -> Play | None:
        """Remember what is set going; return the play it starts."""
        if decision is None or decision.kind == "hold":
            return None
        if decision.kind != "next_track":
            self._blank(now)
        if decision.kind in ("layer_on", "layer_off"):
            return None
        assert decision.target is not None
        at_once, left = decision.kind == "change_track", self._listening.place
        play = self._listening.ask(
            Place(int(decision.target)), at_once=at_once, now=now, passed=decision.passed
        )
        if at_once and decision.cause in ("eeg", "rating"):
            self._left = _Left(now, left, decision.cause, play)
        return play
