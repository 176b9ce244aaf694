"""A session from its first sound to its report: made when it opens, so that nothing in it lacks.

One thread ticks the loop every whole second, hands its decisions to the player and everything to
the records. Whoever watches looks at it; whoever operates leaves a word in a queue.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from app.loop.decision import Decision
from app.loop.invariants import soundly, violations
from app.loop.lesson import Lesson, Setup
from app.loop.loop import RECORDING, Loop
from app.loop.ticks import EventKind, LoopEvent, TickInput, TickResult
from app.player.contract import PlayerEvent, PlayerStatus
from app.session.awake import Awake
from app.session.feed import SILENT, Eeg
from app.session.journal import Journal
from app.session.opening import FirstSound
from app.session.output import SoundOutput
from app.session.plan import Plan
from app.session.replay_rig import ReplayRig
from app.session.rig import Rig
from app.session.snapshot import Snapshot
from app.session.told import Seen
from app.session.upcoming import Due, Upcoming
from app.session.watcher import Watcher
from app.settings import Settings
from app.words import rating_share
from devices.sources.source import SourceEvent, SourceState
from dsp.checks import AttuneError, DeviceError, InputError
from dsp.grid import SLOWEST
from dsp.sound.heard import Heard, Play
from playlists.listener_record import FACES, MARKED
from playlists.tracks import Place, PreparedTrack

SUSPENDED_S = 60.0  #: s without a tick after which the computer stood still
WITHDRAWN = (
    "The consent was taken back: nothing more is recorded, and the music and its feedback go on. "
    "What is kept of the client so far is deleted by attune client delete, if they ask for it."
)
_WRITE_S = 0.25  # s of EEG that stand in no record yet
_QUICK_RAMP = 0.25  # s in which the layer goes when it is switched off by hand

Asked = EventKind | Literal["mark"]

_log = logging.getLogger(__name__)


class Running:
    """A session that has begun.

    Parameters
    ----------
    plan : Plan
    settings : Settings
    first : FirstSound
        What is heard, and since when: the zero of all times that are shown.
    rig, loop, upcoming, journal, watcher
        What it stands on, all of it up.
    asked : queue of (kind, value)
        What operator and client ask for.
    stopping : Event
        Set by whoever wants an end.
    replay : ReplayRig or None
        The rig once more, where the session runs on a recording, which tells what happened.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        first: FirstSound,
        *,
        rig: Rig,
        loop: Loop,
        upcoming: Upcoming,
        journal: Journal,
        watcher: Watcher,
        asked: queue.SimpleQueue[tuple[Asked, Any]],
        stopping: threading.Event,
        replay: ReplayRig | None = None,
    ) -> None:
        self.rig = rig
        self._plan, self._settings = plan, settings
        self._loop, self._upcoming = loop, upcoming
        self._journal, self._watcher = journal, watcher
        self._asked, self._stopping, self._start = asked, stopping, first.at
        self._events: list[LoopEvent] = []
        self._heard = Heard.nothing()  # what is on its way to the ear
        self._taken: list[Eeg] = []  # what came since the last tick, as it was written down
        self._written = self._due = first.at  # until when, and the second of the next tick
        self._result: TickResult | None = None  # of the last tick
        self._sounding = threading.RLock()  # held by whoever starts or ends sound
        self._last: PlayerStatus | None = None  # how it stood when silence came
        self._paused = False  # as it was asked for last, whether the engine has obeyed yet or not
        info = rig.info
        self._output = SoundOutput(simulated=plan.simulated or bool(info and info.simulated))
        self._silent = False  # whether the source sends nothing, as the loop was told
        self._n_eeg = len(info.ch_names) if info is not None else 0
        self._replay = replay
        self._withdrawn = False  # whether the client took the consent back meanwhile
        self.failed = False  #: it ended before its time, and nobody asked for that
        for problem in first.problems:
            self._note(problem)
        for due, track, at in first.handed_over:
            self._started(due, track, at)
        self._take_news(first.news, first.at)

    # From any thread

    def look(self) -> Snapshot:
        """How the session stands."""
        at = self.rig.now() if self.rig.realtime else self._watcher.now
        try:
            second = self.rig.second.state if self.rig.second is not None else "none"
            status, state = self.rig.player.status(), self.rig.state()
            return self._watcher.snapshot(Seen(status, state, at, second))
        except DeviceError:  # it closed while we looked: the last picture stands
            return self._watcher.snapshot()

    def lesson(self, setup: Setup | None) -> Lesson:
        """Return what the session with such a setup taught, once it has ended."""
        return self._loop.lesson(began=self._start, setup=setup)

    def toggle_pause(self) -> None:
        """Pause or go on, at once."""
        player = self.rig.player
        with self._sounding, contextlib.suppress(DeviceError):  # it has just ended
            if not self._stopping.is_set() and self._replay is None:
                (player.resume if self._paused else player.pause)()
                self._paused = not self._paused
                self._asked.put(("pause", self._paused))
        if self._replay is not None:
            self._asked.put(("pause", True))

    def silence(self) -> None:
        """Silence at once; whoever waits to start something finds it forbidden."""
        self._stopping.set()
        with self._sounding, contextlib.suppress(DeviceError):  # it has just ended: it is silent
            if self._last is None:
                self._last = self.rig.player.status()
                self.rig.player.stop()

    # The session's own thread

    def run(self, on_tick: Callable[[TickResult], None] | None) -> None:
        """Tick until the time is over or somebody stops; then write everything."""
        end = self._start + 60.0 * (self._plan.minutes or math.inf)
        tick = math.floor(self._start) + 1.0
        ended = False
        awake = Awake() if self.rig.realtime else None
        if awake is not None:
            awake.start()
        try:
            self._due = tick
            while tick <= end and self.rig.wait(tick, self._idle):
                self._tick(tick, on_tick)
                # After a suspended computer the missed seconds are not made up for.
                following = max(tick + 1.0, float(math.floor(self.rig.now())))
                if following - tick > SUSPENDED_S:
                    self._events.append(LoopEvent("resumed"))
                    text = (
                        f"The computer stood still for {following - tick:.0f} s; what was not "
                        "watched counts as lost."
                    )
                    self._log("resumed", following, seconds=following - tick, text=text)
                    self._watcher.say(text, following)
                tick = self._due = following
            ended = True
        except AttuneError as error:
            _log.info("the session ended early", exc_info=True)
            self._watcher.set(notice=f"The session ended early: {error}")
            self._log("error", text=str(error))
        finally:
            self.failed = not ended
            try:
                self._finish()
            finally:
                if awake is not None:
                    awake.stop()

    def _idle(self) -> bool:
        """Do between ticks what should not wait for the next one."""
        self.rig.player.beat("loop")
        self._start_due()
        if self.rig.realtime and self._replay is None:
            at = min(self.rig.now(), self._due)
            if at - self._written >= _WRITE_S:
                self._take_eeg(at)
        return not self._stopping.is_set()

    def _take_eeg(self, until: float) -> None:
        """Write down what came up to `until`, several times a second, and keep it for the tick."""
        taken = self.rig.eeg(until)
        self._journal.eeg(*taken)
        if taken[1].size or not self._taken:
            self._taken.append(taken)
        self._written = until

    def _eeg_since_tick(self) -> Eeg:
        taken, self._taken = [one for one in self._taken if one[1].size] or self._taken[-1:], []
        if len(taken) == 1:
            return taken[0]
        rows, times = zip(*taken, strict=True)
        return np.concatenate(rows), np.concatenate(times)

    def _tick(self, now: float, on_tick: Callable[[TickResult], None] | None) -> None:
        self._take_asked(now)
        self._take_withdrawal()
        self._take_eeg(now)  # first: a kill while the loop thinks costs none of it
        rows, eeg_times = self._eeg_since_tick()
        # What is heard later than `now`, after a stall too, is the next tick's.
        heard, self._heard = Heard.joined([self._heard, self.rig.player.heard()]).until(now)
        self._take_source(now)
        self._take_second(now)
        self._take_recorded(now)
        self._take_news(self.rig.player.events(), now)
        events, self._events = tuple(self._events), []
        given = TickInput(now, rows[:, : self._n_eeg], eeg_times, heard, events)
        result = self._loop.tick(given)
        if self._replay is not None and self._replay.changed(now):
            self._loop.changed(now)
        status = self.rig.player.status()
        for event, said in self._output.news(status) if self._replay is None else ():
            self._events.append(event)
            self._note(said, now)
        self._journal.tick(given, result, status, self.rig.player.timeline)
        shown = self._watch(result)
        self._watcher.set(recording_problem=self._journal.problem)
        self._watcher.received(given.eeg, eeg_times)
        self._watcher.tick(shown, self._loop.up_next(), status)
        if result.decision is not None:
            self._act(result, result.decision)
        if on_tick is not None:
            on_tick(shown)

    def _take_withdrawal(self) -> None:
        """Record nothing more of a client who took the consent back; everything else goes on."""
        client = self._plan.client
        if client is not None and not self._withdrawn and client.withdrawn():
            self._withdrawn = True
            self._journal.stop(WITHDRAWN)  # which is said as any reason why nothing is recorded

    def _watch(self, result: TickResult) -> TickResult:
        """Log what cannot be, and return what may be shown of it; what was decided stands."""
        found = violations(result, self._result)
        self._result = result
        for text in found:
            self._log("violation", result.now, text=text)
        return soundly(result) if found else result

    def _take_asked(self, now: float) -> None:
        """Take what was asked for since the last tick."""
        while not self._asked.empty():
            kind, value = self._asked.get()
            if self._replay is not None and kind != "mark":
                self._watcher.say(RECORDING, now)
                continue
            self._watcher.asked(now, kind, value)
            if kind in ("rating", "tap"):
                share = rating_share(value) if kind == "rating" else FACES[value]
                self._events.append(LoopEvent(kind, share))
                scale = "1-9" if kind == "rating" else "faces"
                self._log(kind, now, value=share, scale=scale, given=value)
            elif kind == "pause":
                self._events.append(LoopEvent("pause", value))
                self._log("pause" if value else "resume", now)
            elif kind == "eeg_off":
                if self._n_eeg:
                    self._n_eeg = 0
                    self._events.append(LoopEvent("eeg_off"))
                    self._log("eeg_off", now)
                    self._take_source(now)  # what it said until then
                    self.rig.leave_eeg_out()
            elif kind == "mark":
                self._log("mark", now)
            else:
                self._events.append(LoopEvent(kind, value))
                self._log(kind, now, value=value)

    def _take_recorded(self, now: float) -> None:
        """Take what a recording tells of the session that it is of."""
        if self._replay is None:
            return
        starts, events, done = self._replay.told(now)
        for start in starts:
            self._known(start.play, start.place, start.track, now)
        self._events += events
        for text in done:
            self._watcher.say(text, now)

    def _take_source(self, now: float) -> None:
        """Take what the source reports, and whether it sends."""
        for event in self.rig.events():
            if event.kind == "truth":
                self._log("truth", event.time, enjoyment=event.value)
            else:
                self._take_told(event)
                self._watcher.device(event)
            if event.kind == "rate":
                self._events.append(LoopEvent("rate", float(event.value)))
                if event.value < SLOWEST:
                    text = (
                        f"EEG at {event.value:.0f} Hz is too slow to be judged, which needs "
                        f"{SLOWEST:.0f}: all of it counts as a gap."
                    )
                    self._note(text, now)
        silent = self.rig.state() in SILENT
        if silent != self._silent and self._n_eeg:
            self._silent = silent
            self._events.append(LoopEvent("eeg_stalled", silent))

    def _take_second(self, now: float) -> None:
        """Record what the second source sends and reports; it never reaches the loop."""
        second = self.rig.second
        if second is None or second.info is None:
            return
        self._journal.eeg(*second.rows(now), second=True)
        for event in second.events():
            self._take_told(event, second.info.name)
            self._watcher.device(event, second=True)

    def _take_told(self, event: SourceEvent, second: str = "") -> None:
        """Record what a source tells of itself; `second` is the name of the second one."""
        of = {"source": second} if second else {}
        if event.kind == "marker":
            self._log("marker", event.time, text=str(event.value), **of)
            if self._replay is None and event.value in MARKED:
                self._asked.put(("tap", MARKED[str(event.value)]))
            return
        told = {"event": event.kind, "state": event.value, "text": event.text}
        self._log("device", event.time, **told, **of)
        if event.kind == "rate":
            self._journal.rate(float(event.value), second=bool(second))

    def _take_news(self, news: Sequence[PlayerEvent], now: float) -> None:
        """Take what the player reports."""
        for event in news:
            if event.kind == "track_skipped":
                self._events.append(LoopEvent("unplayable", event.value))
            elif event.kind in ("engine_stalled", "engine_back"):
                # Nothing is heard as far as anybody knows, and so the EEG says nothing of it.
                self._events.append(LoopEvent("stalled", event.kind == "engine_stalled"))
            self._log("player", event.time, event=event.kind, value=event.value, text=event.text)
            self._watcher.player(event, now)
            if event.kind == "engine_lost":
                raise DeviceError(
                    "the sound engine stopped unexpectedly; what happened until then is recorded, "
                    "start a new session."
                )

    def _act(self, result: TickResult, decision: Decision) -> None:
        """Hand a decision to the player."""
        self._watcher.decided(result.now, decision, result.starts)
        if decision.kind in ("layer_on", "layer_off"):
            level = float(decision.target or 0.0)
            quick = decision.kind == "layer_off" and decision.cause == "operator"
            ramp = _QUICK_RAMP if quick else self._settings.timing.layer_ramp
            with self._sounding:
                if not self._stopping.is_set():
                    self.rig.player.set_layer(level, ramp=ramp)
        elif result.starts is not None:
            assert decision.target is not None
            at_once = decision.kind == "change_track"
            self._upcoming.ask(result.starts, Place(int(decision.target)), at_once=at_once)
            if not self.rig.realtime:
                self._upcoming.wait()
                self._start_due()

    def _start_due(self) -> None:
        """Start chosen tracks whose measurement is there."""
        for due in self._upcoming.ready():
            try:
                with self._sounding:
                    if self._stopping.is_set():
                        return
                    liking, fade = self._plan.liking_of(due.place), self._settings.timing.fade
                    track = due.hand_over(self.rig.player, liking=liking, fade=fade)
                    if due.at_once and self._paused:
                        self._paused = False  # a start ends a pause
                        self._asked.put(("pause", False))
            except InputError as error:
                self._events.append(LoopEvent("unplayable", due.play))
                self._note(str(error))
            else:
                self._started(due, track, self._watcher.now)

    def _started(self, due: Due, track: PreparedTrack, at: float) -> None:
        self._known(due.play, due.place, track, at)
        self._upcoming.measure_after(due.place)

    def _known(self, play: Play, place: Place, track: PreparedTrack, at: float) -> None:
        """Tell records and screen what `play` is."""
        prior = self._loop.prior(place, first=play == 0)
        self._journal.track(at, play, place, track, prior)
        self._watcher.playing(play, place, track)

    def _log(self, kind: str, t: float | None = None, **values: Any) -> None:
        self._journal.log(kind, self._watcher.now if t is None else t, **values)

    def _note(self, text: str, at: float | None = None) -> None:
        if text:
            self._log("note", at, text=text)
            self._watcher.say(text, at)

    def _mark_rest(self) -> None:
        """Mark the end of a hole that the session ends in."""
        at, second = self._watcher.now, self.rig.second
        if self._taken:  # no tick comes for it any more
            rows, times = self._eeg_since_tick()
            self._watcher.received(rows[:, : self._n_eeg], times)
        rows, times = self.rig.eeg_rest(at)
        if times.size:
            self._journal.eeg(rows, times)
            self._watcher.received(rows[:, : self._n_eeg], times)
        if second is not None and second.info is not None:
            self._journal.eeg(*second.rest(at), second=True)

    def _finish(self) -> None:
        """End the music, the records and the devices; write the report."""
        asked = self._stopping.is_set()
        try:
            self.silence()
            self._take_asked(self._watcher.now)  # a rating in the last second counts too
            self._mark_rest()
            self._log("stop", asked=asked)
            status = self._last or PlayerStatus()
            report, problem = self._journal.close(status, lost=self._watcher.lost)
            if problem:
                self._watcher.set(notice=problem)
            state: SourceState = "closed" if self._n_eeg else "none"
            seen = Seen(replace(status, playing=False), state, self._watcher.now)
            self._watcher.end(seen, report, self._journal.problem, asked=asked)
        finally:
            self._upcoming.close()
            self.rig.close()
