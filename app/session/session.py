"""The life of one session: what window and command line both drive.

It is planned, opened, runs (`app.session.running`) and has ended; whoever operates it leaves a
word in a queue, whoever watches takes snapshots.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.loop.calibration import Calibration, load_calibration
from app.loop.lesson import Lesson, Setup
from app.loop.loop import Loop
from app.loop.ticks import PoolTrack, TickResult
from app.records.sealed import Seal, new_seal
from app.records.writer import check_root
from app.session.calibrating import Guide
from app.session.journal import Journal
from app.session.opening import FirstSound, begins_with, first_sound, opening_order
from app.session.plan import Plan, check_calibration, check_plan, manifest
from app.session.recorded import read_recorded
from app.session.replay_rig import ReplayRig
from app.session.rig import Rig, make_rig
from app.session.running import Asked, Running
from app.session.snapshot import Snapshot
from app.session.told import Told
from app.session.upcoming import Upcoming
from app.session.watcher import Watcher
from devices.ring import Ring
from devices.sources.source import SourceInfo
from devices.sources.spec import read_spec
from dsp.checks import AttuneError, DeviceError, InputError, check_option
from playlists.choice import MAX_POOL
from playlists.files import open_playlist
from playlists.listener_record import FACES
from playlists.preference import expect
from playlists.tracks import PreparedTrack, Track

_POLL_S = 0.02


class Session:
    """One session.

    Parameters
    ----------
    plan : Plan
    prepared : dict of int to PreparedTrack, optional
        Tracks that are measured already, by their place in the playlist.
    rig : Rig, optional
        What to stand on, instead of what `plan` says.

    Raises
    ------
    InputError
        For anything in the plan that cannot be done.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        prepared: Mapping[int, PreparedTrack] | None = None,
        rig: Rig | None = None,
    ) -> None:
        self.plan = plan
        self.settings = check_plan(plan)
        self._recorded = read_recorded(plan) if plan.recording else None
        self._seal = self._sealed_with()
        self.calibration: Calibration | None = None
        if self._recorded is not None:
            self.tracks, problems = self._recorded.tracks, self._recorded.problems
            self.calibration = self._recorded.calibration
            if self._recorded.settings is not None and not plan.preset:
                self.settings = self._recorded.settings
            if self._recorded.seed is not None:
                self.plan = plan = replace(plan, seed=self._recorded.seed)
        else:
            self.tracks, problems = _pool(plan)
        self._rig = rig
        self._setup: Setup | None = None
        self._at = time.time() if plan.at is None else plan.at
        self._expected: tuple[tuple[float, float], ...] = ()
        reasons = [""] * len(self.tracks)
        if self._recorded is not None:
            self._expected = self._recorded.expected
        elif plan.person is not None:
            record = plan.person.record
            each = expect(record, self.tracks, self._at)
            self._expected = tuple((round(one.mean, 6), round(one.sd, 6)) for one in each)
            reasons = [one.because for one in each]
        self._pool = [
            PoolTrack(track.title, track.duration, because)
            for track, because in zip(self.tracks, reasons, strict=True)
        ]
        if plan.calibration or (plan.simulated and plan.person is None and plan.client is None):
            self.calibration = load_calibration(plan.calibration or plan.listener)
            check_calibration(plan, self.calibration)
        self._upcoming = Upcoming(self.tracks, cache=plan.cache, prepared=prepared or {})
        told = Told(
            tuple(self.tracks),
            target=self.settings.limits.low,
            headset=read_spec(plan.source).headset,
            simulated=plan.simulated,
            listener_notice=plan.notice,
            notice=" ".join([*([plan.client.notice] if plan.client else []), *problems[:3]]),
            calibration="stored" if self.calibration else "none",
        )
        self._watcher = Watcher(told)
        self._guide = Guide(self._expected, n_tracks=len(self.tracks) if plan.calibrate else 0)
        self._on_tick: Callable[[TickResult], None] = lambda result: None
        self._asked = queue.SimpleQueue[tuple[Asked, Any]]()
        self._stopping = threading.Event()
        self._opening: Future[Running | None] = Future()  # None: stopped before it began
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    # What window and command line may ask

    @property
    def running(self) -> Running | None:
        """The session since its first sound, also after its end; None if it has not begun."""
        opened = self._opening.done() and self._opening.exception() is None
        return self._opening.result() if opened else None

    @property
    def failed(self) -> bool:
        """Whether it ended before its time, and nobody asked for that."""
        return self.running is not None and self.running.failed

    @property
    def ring(self) -> Ring | None:
        """The EEG, for a scrolling display; None before the start and without a headset."""
        return self.running.rig.ring if self.running else None

    @property
    def info(self) -> SourceInfo | None:
        """What the source is, once the session runs."""
        return self.running.rig.info if self.running else None

    @property
    def folder(self) -> Path | None:
        """Where the session is recorded."""
        return self.snapshot().folder

    @property
    def lesson(self) -> Lesson | None:
        """What the session taught; None before its end, and where it has not begun."""
        if self.running is None or not self._ended.is_set():
            return None
        return self._taught(self.running)

    def _taught(self, running: Running) -> Lesson:
        return replace(running.lesson(self._setup), tracks=self.tracks, at=self._at)

    def snapshot(self) -> Snapshot:
        """How the session stands; cheap, from any thread."""
        running = self.running
        if running is None or self._ended.is_set():
            return self._watcher.snapshot()
        return running.look()

    def watch(self, on_tick: Callable[[TickResult], None]) -> None:
        """Have `on_tick` called after every tick, from the session's own thread."""
        self._on_tick = on_tick

    def rate(self, given: int) -> None:
        """Take the client's rating, 1-9."""
        if not 1 <= int(given) <= 9:
            raise InputError(f"rating is {given!r}; expected a whole number from 1 to 9.")
        self._asked.put(("rating", int(given)))
        self._guide.rated = True

    def tap(self, face: str) -> None:
        """Take what an observer sees in the client: distress, neutral or pleasure."""
        self._asked.put(("tap", check_option("face", face, FACES)))
        self._guide.rated = True

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
        if self.running is not None:
            self.running.toggle_pause()

    def hold(self, on: bool) -> None:
        """Put the automation on hold, or let it act again."""
        self._asked.put(("hold", bool(on)))

    def leave_eeg_out(self) -> None:
        """Go on with ratings and priors alone, and wait for the source no longer."""
        self._asked.put(("eeg_off", None))

    def layer_off(self, on: bool) -> None:
        """Keep the low-frequency layer out for this session, or allow it again."""
        self._asked.put(("layer_off", bool(on)))

    def mark(self) -> None:
        """Mark this moment in the records."""
        self._asked.put(("mark", None))

    def beat(self) -> None:
        """Say that the window's event loop lives."""
        if self.running is not None and not self._ended.is_set():
            with contextlib.suppress(DeviceError):  # it has just ended
                self.running.rig.player.beat("window")

    def stop(self) -> None:
        """Silence, at once; the session ends. From any thread, safe to call twice."""
        self._stopping.set()
        if self.running is not None:
            self.running.silence()

    def start(self, asked: Callable[[], bool] = lambda: False) -> None:
        """Bring everything up and begin, in a thread of its own; takes a second or two.

        A session that is stopped meanwhile, or of which `asked` says that somebody wants it to
        be, ends before it began, without a folder.

        Raises
        ------
        AttuneError
            If the source or the first track cannot be had.
        """
        self._thread = threading.Thread(target=self._live, name="session", daemon=True)
        self._thread.start()
        while not wait([self._opening], _POLL_S).done:
            if asked():
                self.stop()
        self._opening.result()

    def run(self) -> None:
        """Bring everything up and stay until the end, in this thread."""
        self._live()
        self._opening.result()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False if it has not come within `timeout` seconds."""
        return self._ended.wait(timeout)

    def close(self) -> None:
        """Stop and wait until records and report are written."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    # The session's own thread

    def _ticked(self, result: TickResult) -> None:
        """Do what the calibration says, where there is one; then tell whoever watches."""
        for kind, value in self._guide.tick(result.now, result.place):
            if kind != "pause":
                self._asked.put((kind, value))
            elif (self.snapshot().phase == "paused") != value:
                self.toggle_pause()
        self._watcher.set(instruction=self._guide.instruction)
        self._on_tick(result)

    def _live(self) -> None:
        """Open, run and end."""
        try:
            try:
                running = self._open()
            except Exception as error:  # whatever it is, it is raised where `start` was called
                self._upcoming.close()
                self._watcher.set(phase="ended", notice=str(error))
                if isinstance(error, AttuneError) and self._stopping.is_set():
                    self._opening.set_result(None)  # as asked
                else:
                    self._opening.set_exception(error)
                return
            self._opening.set_result(running)
            if self._stopping.is_set():
                running.silence()
            try:
                running.run(self._ticked)
                self._tell_store(running)
            except Exception as error:  # a fault of ours; no picture of a running session may stay
                running.failed = True
                self._watcher.set(
                    phase="ended",
                    notice=f"The session ended early, by a fault of the program ({error!r}); "
                    "start a new one.",
                )
                raise
        finally:
            self._ended.set()

    def _sealed_with(self) -> Seal | None:
        """What the records are encrypted with: as the client's, or as the recording that it is of.

        Raises
        ------
        InputError
            If the recording is of another client.
        """
        client, of = self.plan.client, self._recorded.seal if self._recorded else None
        if client is None:
            return new_seal(of.key_id, of.key) if of else None
        if of is not None and client.seal is not None and of.key_id != client.seal.key_id:
            raise InputError(
                f"The recording is of another client than {client.code}; leave --client out, or "
                "name whose it is."
            )
        return client.seal

    def _tell_store(self, running: Running) -> None:
        """Have the end of a client's session kept, with what it taught, or neither."""
        client, person = self.plan.client, self.plan.person
        if client is None:
            return
        problem = self._watcher.snapshot().recording_problem
        try:
            if person is not None and client.may_keep and self._recorded is None:
                from app.clients.listener import learn  # late: at the start nobody waits for it

                taught, client.said = learn(person, self._taught(running))
                client.ended(problem=problem, learnt=taught.to_bytes())
            else:
                client.ended(problem=problem)
        except AttuneError as error:
            self._watcher.set(notice=str(error))

    def _know(self, setup: Setup | None) -> tuple[str, ...]:
        """Take what earlier sessions taught of a setup; return what is to be said of it."""
        person = self.plan.person
        if person is None or setup is None or self.plan.calibration or self._recorded is not None:
            return ()
        self.calibration, said = person.calibration_for(setup)
        self._watcher.set(calibration="stored" if self.calibration else "none")
        return said

    def _open(self) -> Running:
        """Bring up source and player, start the first track, and begin the records with it.

        Raises
        ------
        AttuneError
            If the source or the first track cannot be had.
        """
        plan, settings = self.plan, self.settings
        if plan.recorded:
            check_root(plan.out)
        recorded = self._recorded
        greedy = settings.choice.greedy
        order = opening_order(self._expected, len(self.tracks), seed=plan.seed, greedy=greedy)
        replay = ReplayRig(recorded, fast=plan.fast) if recorded is not None else None
        rig: Rig = replay or self._rig or make_rig(plan)
        try:
            if recorded is None:
                self._upcoming.measure(order[0])  # while source and player come up
            begun = rig.start(self._stopping.is_set)
            info, second = rig.info, rig.second.info if rig.second else None
            setup = _setup(info, rig.player.status().output) if info is not None else None
            said = self._know(setup)
            loop = Loop(
                settings,
                pool=self._pool,
                ch_names=info.ch_names if info else (),
                sfreq=info.sfreq if info else 250.0,
                calibration=self.calibration,
                seed=plan.seed,
                what=recorded.what if recorded is not None else "live",
                expected=self._expected,
            )
            first = FirstSound(begun)
            if recorded is None:
                stopped = self._stopping.is_set
                first = first_sound(rig, loop, self._upcoming, order, plan, settings, stopped)
            journal = Journal(
                plan.out if plan.recorded else None,
                manifest(
                    plan,
                    settings,
                    self.calibration,
                    self.tracks,
                    info,
                    first.at,
                    second,
                    self._expected,
                    [one.because for one in self._pool],
                ),
                self.calibration,
                seal=self._seal,
                with_eeg=plan.client is None or plan.client.may_keep_eeg,
            )
            if plan.client is not None:
                simulated = plan.simulated or (info is not None and info.simulated)
                try:
                    plan.client.begun(journal.folder, source=plan.source, simulated=simulated)
                except AttuneError as error:
                    journal.stop(str(error))
                    raise
            self._watcher.begin(first.at, info, journal.folder, second)
            if self._expected and first.handed_over:
                due = first.handed_over[-1][0]
                why = begins_with(self._expected[due.place], self._pool[due.place].because)
                self._watcher.begins(due.play, why)
            for sentence in said:
                journal.log("note", first.at, text=sentence)
                self._watcher.say(sentence)
        except Exception:
            rig.close()
            raise
        self._setup = setup
        return Running(
            plan,
            settings,
            first,
            rig=rig,
            loop=loop,
            upcoming=self._upcoming,
            journal=journal,
            watcher=self._watcher,
            asked=self._asked,
            stopping=self._stopping,
            replay=replay,
        )


def _setup(info: SourceInfo, output: str) -> Setup:
    return Setup(info.name, info.ch_names, info.sfreq, output, simulated=info.simulated)


def _pool(plan: Plan) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Return what may be played, and what is to be said of the playlist."""
    playlist = open_playlist(plan.playlist)
    problems = playlist.problems
    if len(playlist.tracks) > MAX_POOL:
        text = f"Only the first {MAX_POOL} of {len(playlist.tracks)} tracks can be chosen."
        problems = (text, *problems)
    return tuple(playlist.tracks[:MAX_POOL]), tuple(problems)
