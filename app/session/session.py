"""The life of one session: what window and command line both drive.

One thread ticks the loop every whole second, hands its decisions to the player and everything to
the records. Whoever watches takes snapshots; whoever operates leaves a word in a queue.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from app.loop.calibration import Calibration, load_calibration
from app.loop.decision import Decision
from app.loop.loop import Loop
from app.loop.ticks import EventKind, LoopEvent, PoolTrack, TickInput, TickResult
from app.player.contract import AnyPlayer
from app.session.journal import Journal
from app.session.plan import Plan, check_plan, manifest
from app.session.rig import Rig, make_rig
from app.session.snapshot import Snapshot
from app.session.upcoming import Programme
from app.session.watcher import Watcher
from devices.clock import now as clock_now
from devices.ring import Ring
from devices.sources.source import SourceInfo
from devices.timeline import HeardTrack
from dsp.checks import AttuneError, DeviceError, InputError
from dsp.sound.heard import Heard, Play
from playlists.files import open_playlist
from playlists.tracks import Place, PreparedTrack

MAX_POOL = 300

_log = logging.getLogger(__name__)


class Session:
    """One session.

    Parameters
    ----------
    plan : Plan
    prepared : dict of int to PreparedTrack, optional
        Tracks that are measured already, by their place in the playlist.

    Raises
    ------
    InputError
        For anything in the plan that cannot be done.
    """

    def __init__(self, plan: Plan, *, prepared: Mapping[int, PreparedTrack] | None = None) -> None:
        self.plan = plan
        self.settings = check_plan(plan)
        playlist = open_playlist(plan.playlist)
        self.tracks = playlist.tracks[:MAX_POOL]
        self._problems = playlist.problems
        if len(playlist.tracks) > MAX_POOL:
            text = f"Only the first {MAX_POOL} of {len(playlist.tracks)} tracks can be chosen."
            self._problems = (text, *self._problems)
        self.calibration: Calibration | None = None
        if plan.calibration or plan.simulated:
            self.calibration = load_calibration(plan.calibration or plan.listener)
        self._on_tick: Callable[[TickResult], None] | None = None
        self._asked = queue.SimpleQueue[tuple[EventKind | Literal["mark"], Any]]()
        self._stopping = threading.Event()
        self._opening: Future[None] = Future()
        self._ended = threading.Event()
        self.failed = False  #: it ended before its time, and nobody asked for that
        self._programme = Programme(self.tracks, cache=plan.cache, prepared=prepared or {})
        self._events: list[LoopEvent] = []
        self._thread: threading.Thread | None = None
        self._rig: Rig | None = None
        self._journal: Journal
        self._loop: Loop | None = None
        self._heard_rest = Heard.nothing()
        self._watcher = Watcher(self.tracks, self.settings)
        self._watcher.set(
            simulated=self.plan.simulated,
            listener_notice=plan.notice,
            notice=" ".join(self._problems[:3]),
            calibration="stored" if self.calibration else "none",
        )

    # What window and command line may ask

    @property
    def ring(self) -> Ring | None:
        """The EEG, for a scrolling display; None before the start and without a headset."""
        return self._rig.ring if self._rig else None

    @property
    def info(self) -> SourceInfo | None:
        """What the source is, once it streams."""
        return self._rig.info if self._rig else None

    @property
    def folder(self) -> Path | None:
        """Where the session is recorded."""
        return self.snapshot().folder

    def snapshot(self) -> Snapshot:
        """How the session stands; cheap, from any thread."""
        rig = self._rig
        if rig is None or self._ended.is_set():
            return self._watcher.snapshot(None, None, None)
        at = clock_now() if rig.realtime else None
        try:
            return self._watcher.snapshot(rig.player.status(), rig.state(), at)
        except DeviceError:  # it closed while we looked: the last picture stands
            return self._watcher.snapshot(None, None, None)

    def watch(self, on_tick: Callable[[TickResult], None]) -> None:
        """Have `on_tick` called after every tick, from the session's own thread."""
        self._on_tick = on_tick

    def rate(self, given: int) -> None:
        """Take the client's rating, 1-9."""
        if not 1 <= int(given) <= 9:
            raise InputError(f"rating is {given!r}; expected a whole number from 1 to 9.")
        self._asked.put(("rating", int(given)))

    def next(self) -> None:
        """Change the track because the operator wants to."""
        self._asked.put(("next", None))

    def skip(self) -> None:
        """Change the track because the client wants to."""
        self._asked.put(("skip", None))

    def undo(self) -> None:
        """Take back the last automatic change of track or the last rating."""
        self._asked.put(("undo", None))

    def toggle_pause(self) -> None:
        """Pause or go on, at once."""
        if self._rig is None or self._stopping.is_set():
            return
        with contextlib.suppress(DeviceError):  # the player has just ended, and with it the pause
            paused = not self._rig.player.status().paused
            (self._rig.player.pause if paused else self._rig.player.resume)()
            self._asked.put(("pause", paused))

    def hold(self, on: bool) -> None:
        """Put the automation on hold, or let it act again."""
        self._asked.put(("hold", bool(on)))

    def layer_off(self, on: bool) -> None:
        """Keep the low-frequency layer out for this session, or allow it again."""
        self._asked.put(("layer_off", bool(on)))

    def mark(self) -> None:
        """Mark this moment in the records."""
        self._asked.put(("mark", None))

    def beat(self) -> None:
        """Say that the window's event loop lives."""

    def stop(self) -> None:
        """Silence, at once; the session ends. From any thread, safe to call twice."""
        rig, already = self._rig, self._stopping.is_set()
        self._stopping.set()
        running = self._opening.done() and not self._ended.is_set()
        if rig is not None and running and not already:
            with contextlib.suppress(DeviceError):  # it has just ended: it is silent
                rig.player.stop()

    def start(self) -> None:
        """Bring everything up and begin, in a thread of its own; takes a second or two.

        A session that is asked to stop meanwhile ends before it began, without a folder.

        Raises
        ------
        AttuneError
            If the source or the first track cannot be had.
        """
        self._thread = threading.Thread(target=self._live, name="session", daemon=True)
        self._thread.start()
        self._opening.result()

    def run(self) -> None:
        """Bring everything up and stay until the end."""
        self._open()
        self._opening.set_result(None)
        self._run()

    @property
    def began(self) -> bool:
        """Whether it came as far as music; False of a session that was stopped before."""
        return self._loop is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False if it has not come within `timeout` seconds."""
        return self._ended.wait(timeout)

    def close(self) -> None:
        """Stop and wait until records and report are written."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    # The session's own thread

    def _live(self) -> None:
        """Live in a thread of its own."""
        try:
            self._open()
        except Exception as error:  # whatever it is, it is raised where `start` was called
            if isinstance(error, AttuneError) and self._stopping.is_set():
                self._opening.set_result(None)  # as asked
            else:
                self._opening.set_exception(error)
        else:
            self._opening.set_result(None)
            self._run()

    def _open(self) -> None:
        """Bring up source, player, loop and records, and start the first track.

        Raises
        ------
        AttuneError
            If the source or the first track cannot be had.
        """
        plan = self.plan
        self._rig = make_rig(
            plan.source, listener=plan.listener, seed=plan.seed, output=plan.output
        )
        self._programme.measure(0)
        try:
            self._start = self._rig.start(self._stopping.is_set)
            if self._stopping.is_set():
                raise InputError("The session was stopped before it began.")
            info = self._rig.info
            self._loop = Loop(
                self.settings,
                pool=[PoolTrack(t.title, t.duration) for t in self.tracks],
                ch_names=info.ch_names if info else (),
                sfreq=info.sfreq if info else 250.0,
                calibration=self.calibration,
                seed=plan.seed,
            )
            root = plan.out if plan.record else None
            self._journal = Journal(
                root,
                manifest(plan, self.settings, self.calibration, self.tracks, info, self._start),
                self.calibration,
            )
            self._watcher.begin(self._start, info, self._journal.folder)
            self._first_track()
        except Exception as error:
            self._close()
            self._rig = None
            self._watcher.set(phase="ended", notice=str(error))
            self._ended.set()
            raise

    def _first_track(self) -> None:
        """Start the first track that can be played."""
        first, reasons = self._programme.first()
        for reason in reasons:
            self._log("note", text=reason)
        if first is None:
            raise InputError(f"no track of {self.plan.playlist} can be played: {reasons[0]}")
        assert self._loop is not None
        place, track = first
        self._play(self._loop.first(Place(place), now=self._start), place, track, at_once=True)

    def _run(self) -> None:
        """Tick until the time is over or somebody stops."""
        assert self._rig is not None
        end = self._start + 60.0 * (self.plan.minutes or math.inf)
        tick = math.floor(self._start) + 1.0
        self.failed = True
        try:
            while tick <= end:
                if not self._rig.wait(tick, self._idle):
                    break
                self._tick(tick)
                # After a suspended computer the missed seconds are not made up for.
                tick = max(tick + 1.0, math.floor(clock_now()) if self._rig.realtime else 0.0)
            self.failed = False
        except AttuneError as error:
            _log.info("the session ended early", exc_info=True)
            self._watcher.set(notice=f"The session ended early: {error}")
            self._log("error", text=str(error))
        finally:
            self._finish()

    def _idle(self) -> bool:
        """Do between ticks what should not wait for the next one."""
        assert self._rig is not None
        self._rig.player.beat("loop")
        self._start_pending()
        return not self._stopping.is_set()

    def _tick(self, now: float) -> None:
        assert self._rig is not None
        assert self._loop is not None
        self._take_asked(now)
        eeg, eeg_times = self._rig.eeg()
        heard = self._take_heard(now)
        self._take_events(now)
        events, self._events = tuple(self._events), []
        given = TickInput(now, eeg, eeg_times, heard, events)
        result = self._loop.tick(given)
        status = self._rig.player.status()
        self._journal.tick(given, result, status, self._rig.player.timeline)
        self._watcher.set(recording_problem=self._journal.problem)
        self._watcher.received(given.eeg)
        self._watcher.tick(result, self._loop.up_next(), status)
        if result.decision is not None:
            self._act(result, result.decision)
        if self._on_tick is not None:
            self._on_tick(result)

    def _take_heard(self, now: float) -> Heard:
        """Rows heard up to `now`; the player also knows what is already on its way to the ear."""
        assert self._rig is not None
        new = Heard.joined([self._heard_rest, self._rig.player.heard()])
        heard, self._heard_rest = new.until(now)
        return heard

    def _take_asked(self, now: float) -> None:
        """Take what the operator asked for since the last tick."""
        while not self._asked.empty():
            kind, value = self._asked.get()
            if kind == "rating":
                share = (value - 1) / 8
                self._events.append(LoopEvent("rating", share))
                self._log("rating", now, value=share, scale="1-9", given=value)
                self._watcher.rated(now, value)
            elif kind == "pause":
                self._events.append(LoopEvent("pause", value))
                self._log("pause" if value else "resume", now)
            elif kind == "mark":
                self._log("mark", now)
                self._watcher.marked(now)
            else:
                self._events.append(LoopEvent(kind, value))
                self._log(kind, now, value=value)
                if kind == "hold":
                    self._watcher.set(automation="hold" if value else "on")

    def _take_events(self, now: float) -> None:
        """Take what source and player report."""
        assert self._rig is not None
        for event in self._rig.events():
            if event.kind == "truth":
                self._log("truth", event.time, enjoyment=event.value)
            else:
                told = {"event": event.kind, "state": event.value, "text": event.text}
                self._log("device", event.time, **told)
                self._watcher.device(event)
        for news in self._rig.player.events():
            if news.kind == "track_skipped":
                self._events.append(LoopEvent("unplayable", news.value))
            self._log("player", news.time, event=news.kind, value=news.value, text=news.text)
            self._watcher.player(news, now)
            if news.kind == "engine_lost":
                raise DeviceError(
                    "the sound engine stopped unexpectedly; what happened until then is recorded, "
                    "start a new session."
                )

    def _act(self, result: TickResult, decision: Decision) -> None:
        """Hand a decision to the player."""
        assert self._rig is not None
        self._watcher.decided(result.now, decision, result.starts)
        ramp = self.settings.timing.layer_ramp
        if decision.kind == "layer_on":
            assert decision.target is not None
            self._rig.player.set_layer(float(decision.target), ramp=ramp)
        elif decision.kind == "layer_off":
            quick = decision.cause == "operator"
            self._rig.player.set_layer(0.0, ramp=0.25 if quick else ramp)
        elif result.starts is not None:
            assert decision.target is not None
            at_once = decision.kind == "change_track"
            self._programme.ask(result.starts, int(decision.target), at_once=at_once)
            if not self._rig.realtime:
                self._start_pending(wait=True)

    def _start_pending(self, *, wait: bool = False) -> None:
        """Start chosen tracks whose measurement is there."""
        for start in self._programme.ready(wait=wait):
            if isinstance(start.track, AttuneError):
                self._events.append(LoopEvent("unplayable", start.number))
                self._log("note", text=str(start.track))
                self._watcher.say(str(start.track))
            else:
                self._play(start.number, start.place, start.track, at_once=start.at_once)

    def _play(self, number: int, place: int, track: PreparedTrack, *, at_once: bool) -> None:
        assert self._rig is not None
        assert self._loop is not None
        heard = HeardTrack(track.feature, track.gain, self.plan.liking_of(place), 0.5)
        self._rig.player.tracks.put(Play(number), heard)
        if at_once and self._rig.player.status().paused:
            self._events.append(LoopEvent("pause", False))  # a track that starts ends the pause
        start = self._rig.player.play if at_once else self._rig.player.cue
        start(Play(number), track, fade=self.settings.timing.fade)
        prior = self._loop.prior(Place(place), first=number == 0)
        self._journal.track(self._watcher.now, number, place, track, prior)
        self._watcher.playing(number, place, track)
        self._programme.measure((place + 1) % len(self.tracks))

    def _log(self, kind: str, t: float | None = None, **values: Any) -> None:
        self._journal.log(kind, self._watcher.now if t is None else t, **values)

    def _finish(self) -> None:
        """End the music, the records and the devices; write the report."""
        assert self._rig is not None
        try:
            self._write_end(self._rig.player)
        finally:
            self._close()
            self._ended.set()

    def _write_end(self, player: AnyPlayer) -> None:
        status = player.status()
        if not self._stopping.is_set():
            player.stop()
        self._take_asked(self._watcher.now)  # a rating in the last second counts too
        self._log("stop", asked=self._stopping.is_set())
        report, problem = self._journal.close(status)
        if problem:
            self._watcher.set(notice=problem)
        self._watcher.end(replace(status, playing=False), report, self._journal.problem)

    def _close(self) -> None:
        self._programme.close()
        if self._rig is not None:
            self._rig.close()
