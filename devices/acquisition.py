"""Acquisition: a source read without pause, into a ring, with a state that comes from samples.

A BrainFlow board is read in a child process, an LSL stream on a thread of this one; both run
`devices.pump`, which also opens a device again that went away. A watcher thread here looks at what
arrives in the ring, because a device that went away reports nothing, and a process that was
killed or hangs cannot; such a process is ended, and another takes its place at the same ring.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Any

from devices.clock import now
from devices.host import Child, Host
from devices.listener import LISTENERS
from devices.pump import HANG_S, OPEN_S, hang_s
from devices.ring import Ring
from devices.silence import judge, limits
from devices.sources.naming import Wanted
from devices.sources.source import EegSource, SourceEvent, SourceInfo, SourceState, Timing
from devices.sources.spec import read_spec, source_maker
from devices.watchdog import Watchdog
from dsp.checks import AttuneError, DeviceError, InputError, check_option

RING_S = 60.0
#: Notes of what a source is, and not of what happened: one that comes back says them again.
_SAID_ONCE = frozenset(("bursts", "counter", "level", "losses", "no numbers", "pylsl", "stamps"))
_TWICE_KEPT = 2**17  # samples that came twice whose times are kept
_POLL_S = 0.05  # s between looks while something is awaited
_LOOK_S = 0.5  # s between looks while all is well
_AWAY_S = 0.1  # s between looks while a device is away
_SLEPT_S = 2.0  # s that a look came late after which the computer had stood still
_END_S = 1.0  # s to end by itself
_SEARCH_END_S = 0.1  # s for one that looks for its device: no driver is to be told to leave off
_SOONEST_S, _LATEST_S = 0.25, 2.0  # s from one start of a child that dies to the next
_SPARE_S = 5.0  # s after which another child is started that could take the place of one
_LIVED_S = 10.0  # s after which a child that dies is not one that dies at its start


class Acquisition:
    """One source being read.

    Parameters
    ----------
    make : callable
        Makes the source, where it will run; must be picklable for a child process.
    name : str
        What the source is called until it has opened.
    thread : bool
        Run on a thread of this process (LSL) and not in a child.
    """

    def __init__(
        self,
        make: Callable[[], EegSource],
        *,
        name: str,
        thread: bool = False,
    ) -> None:
        self._make, self._name, self._thread = make, name, thread
        self._state: SourceState = "connecting"
        self._ended = False  # it never opened, or is a recording that ended: nothing comes any more
        self._info: SourceInfo | None = None
        self._ring: Ring | None = None
        self._failure: AttuneError | None = None
        self._news: list[SourceEvent] = []
        self._noted: set[str] = set()  # what was said of what it is
        self._twice: tuple[float, ...] = ()  # when samples came a second time
        self._lock = threading.Lock()  # of the news
        self._hosting = threading.Lock()  # no host is begun once it closes
        self._opened, self._first, self._closing = (threading.Event() for _ in range(3))
        self._host: Host | None = None  # None while none is begun in the place of one that died
        self._spare: Child | None = None  # what waits to take its place
        self._gone_at = -math.inf  # rows written before this are of a device that is gone since
        self._begun_at, self._begin_at, self._spacing = 0.0, 0.0, _SOONEST_S
        self._closing_at: float | None = None
        self._awake_at = 0.0  # since when this computer has not stood still
        self._signs = Watchdog()  # a starved host sees its child late, and is no witness
        self._say("connecting", f"Connecting to {name}.")
        self._begin()
        self._watcher = threading.Thread(target=self._watch, name=f"watch {name}", daemon=True)
        self._watcher.start()

    # What others see

    @property
    def info(self) -> SourceInfo:
        """What the source is; there after `wait_ready`."""
        if self._info is None:
            raise self._failure or DeviceError(f"{self._name} has not opened yet.")
        return self._info

    @property
    def ring(self) -> Ring:
        """Where its rows are; there after `wait_ready`, except for a stream of markers."""
        if self._ring is None:
            if self._info is not None:
                raise DeviceError(f"{self._info.name} sends markers and no samples.")
            raise self._failure or DeviceError(f"{self._name} has not opened yet.")
        return self._ring

    @property
    def state(self) -> SourceState:
        """Where it stands, as what arrives in the ring says."""
        return self._state

    @property
    def pid(self) -> int | None:
        """Process that reads the board; None for a thread, and while there is none."""
        host = self._host
        return host.pid if host is not None else None

    @property
    def timing(self) -> Timing:
        """How its samples came: the duplicates so far, and the jitter of the newest stamps."""
        return Timing(self._twice, self.ring.jitter)

    def events(self) -> list[SourceEvent]:
        """Everything that happened since the last call."""
        with self._lock:
            news, self._news = self._news, []
        return news

    def wait_ready(
        self, timeout: float = OPEN_S, *, stopped: Callable[[], bool] = lambda: False
    ) -> SourceInfo:
        """Wait for the first samples, at most `timeout` s, and return what the source is.

        A stream of markers is ready when it is open. `stopped` is asked all the while; True gives
        up at once.

        Raises
        ------
        InputError, DeviceError
            If the source cannot be had; the sentence says why.
        """
        end = now() + timeout
        while not self._opened.wait(_POLL_S) and now() < end:
            if stopped():
                raise DeviceError(f"{self._name} was left before it opened.")
        if not self._opened.is_set():
            raise DeviceError(
                f"{self._name} did not open within {timeout:g} s; check that it is switched on "
                "and near."
            )
        if self._failure is not None:
            raise self._failure
        while not self._first.wait(_POLL_S) and now() < end:
            if stopped():
                raise DeviceError(f"{self._name} was left before its first sample.")
        if not self._first.is_set():
            raise DeviceError(
                f"{self._name} opened but sent no samples within {timeout:g} s; check that it is "
                "streaming."
            )
        return self.info

    def close(self) -> None:
        """Stop reading and let go of the ring; safe to call twice.

        Takes 1.5 s at most: a child that does not end by itself is killed, and a thread that does
        not (liblsl looks for a stream) is left to end when it can.
        """
        with self._hosting:
            if self._closing_at is not None:
                return
            self._closing_at = now()
            self._closing.set()
            if self._host is not None:
                self._host.stop()
        self._watcher.join()
        if self._state != "closed":
            self._say("closed", f"{self._title()} was closed.")
        if self._ring is not None:
            self._ring.close()

    # What reads

    def _begin(self) -> None:
        """Start what reads, the first time or in the place of what died.

        Raises
        ------
        DeviceError
            If it cannot be started the first time; later it is tried again.
        """
        known = None
        if self._info is not None:
            known = self._info, self._ring.name if self._ring is not None else ""
            if self._ring is not None:
                self._ring.due_at = now() + OPEN_S + HANG_S
        with self._hosting:
            if self._closing_at is None:
                self._begun_at = now()
                try:
                    spare, self._spare = self._spare, None
                    self._host = Host(
                        self._make, known, name=self._name, thread=self._thread, child=spare
                    )
                except OSError as error:  # too many processes, or too little memory
                    if known is None:
                        raise DeviceError(
                            f"Nothing can be started that reads {self._name} ({error}); close "
                            "other programs, and try again."
                        ) from error
                    self._begin_at = self._begun_at + _LATEST_S

    def _end_host(self, patience: float = 0.0) -> None:
        with self._hosting:
            host, self._host = self._host, None
        if host is not None:
            host.end(patience)

    def _died(self, why: str) -> None:
        """Say that what reads is gone, and when another is begun; before it opened, an error."""
        self._end_host()
        name = self._title()
        if self._info is None:
            self._fail(DeviceError(f"What reads {name} {why}."))
            return
        at = now()
        lived = at - self._begun_at > _LIVED_S
        self._spacing = _SOONEST_S if lived else min(2.0 * self._spacing, _LATEST_S)
        self._begin_at = at if lived else self._begun_at + self._spacing
        self._lose(at, f"What reads {name} {why}; it is started again. The music plays on.")
        if at >= self._begin_at:
            self._begin()

    # The watcher

    def _title(self) -> str:
        return self._info.name if self._info is not None else self._name

    def _say(self, word: SourceState, text: str) -> None:
        self._state = word
        self._tell(SourceEvent(now(), "state", word, text))

    def _tell(self, event: SourceEvent) -> None:
        with self._lock:
            self._news.append(event)

    def _watch(self) -> None:
        patience, self._awake_at = _POLL_S, now()
        while self._closing_at is None and not self._ended:
            before, host = now(), self._host
            said = False
            if host is None:
                self._closing.wait(patience)
            else:
                said = bool(wait(host.awaited, patience))
            at = now()
            patience = self._look(at, at - before - patience, said=said)
        since = now() if self._closing_at is None else self._closing_at
        patience = _END_S if self._ended or self._reads(now()) else _SEARCH_END_S
        if self._thread and not self._opened.is_set():
            patience = 0.0  # it looks for its stream, and would look on for seconds
        self._end_host(max(0.0, since + patience - now()))
        if self._spare is not None:
            self._spare.end()

    def _keep_spare(self, at: float) -> None:
        """Have a process ready, once the source has streamed for a while."""
        if self._spare is None and not self._thread and at - self._begun_at > _SPARE_S:
            with self._hosting:
                if self._closing_at is None and self._host is not None:
                    self._spare = self._host.spare()

    def _reads(self, at: float) -> bool:
        """Whether what reads was heard of while it read, and will hear that it is to end."""
        if self._info is None or self._host is None:
            return False
        return self._ring is None or 0.0 < self._ring.due_at - at <= hang_s(self._info)

    def _look(self, at: float, late: float, *, said: bool) -> float:
        """Look at what came, at a time that is `late` s too late; return when to look again, s.

        What reads has `said` something, or ended.
        """
        if late > _SLEPT_S:
            self._awake_at = at
        if self._host is None:
            if at >= self._begin_at:
                self._begin()
        elif said:
            self._receive()
        ring, hang = self._ring, hang_s(self._info)
        if self._ended or self._closing_at is not None:
            return 0.0
        if ring is None:
            return _POLL_S if self._info is None else _LOOK_S
        if self._host is not None and not self._thread:
            if self._signs.silent(ring.due_at, at) > hang and at > ring.due_at:
                self._died(f"has not answered for {hang:g} s")
        if ring.written_at <= self._gone_at:
            return _AWAY_S if self._first.is_set() else _POLL_S
        self._first.set()
        newest = max(ring.written_at, self._awake_at)
        word, left = judge(at - newest, ring.interval_s)
        if word == "lost" and judge(ring.due_at - hang - newest, ring.interval_s)[0] != "lost":
            word = "stalled"  # what reads was held up itself, and may yet bring all of it
        self._judged(word, limits(ring.interval_s))
        if word == "streaming":
            self._keep_spare(at)
        return min(max(left, 0.01), _LOOK_S) if word == "streaming" else _AWAY_S

    def _judged(self, word: SourceState, silence: tuple[float, float]) -> None:
        """Say what became of it."""
        before, name = self._state, self._title()
        if word == before:
            return
        if word == "streaming":
            back = before in ("stalled", "lost")
            # What was lost is known later, and told by itself: a sender may also catch up.
            self._say(word, f"{name} {'sends again' if back else 'streams'}.")
        elif word == "stalled":
            self._say(word, f"{name} has sent nothing for {silence[0]:.2g} s; the music plays on.")
        else:
            self._say(
                word,
                f"{name} has sent nothing for {silence[1]:.2g} s and is looked for again; check "
                "that it is switched on and near. The music plays on.",
            )

    def _receive(self) -> None:
        """Take what was said; who ended without a word has died."""
        assert self._host is not None
        try:
            said = self._host.messages()
        except (EOFError, OSError):
            if self._closing_at is None:
                self._died("ended unexpectedly")
            return
        for word, value in said:
            self._take(word, value)

    def _take(self, word: str, value: Any) -> None:
        if word == "event" and value.kind == "timing":
            self._twice = (self._twice + value.value.duplicated)[-_TWICE_KEPT:]
        elif word == "event":
            if value.kind == "state":  # a recording has ended, and does not come back
                self._state, self._ended = value.value, True
                self._first.set()
            if value.kind == "note" and value.value in _SAID_ONCE:
                if value.text in self._noted:
                    return
                self._noted.add(value.text)
            self._tell(value)
        elif word == "open":
            self._open(value)
        elif word == "failed":
            self._fail(value)
        elif word == "gone":
            self._lose(*value)
        elif word == "absent":
            self._say("lost", value)
        elif word == "back" and self._ring is None:
            self._say("streaming", f"{self._title()} is there again.")

    def _lose(self, at: float, text: str) -> None:
        """Take it that a device is gone since `at`, before silence could tell."""
        self._gone_at = at
        self._say("lost", text)

    def _open(self, info: SourceInfo) -> None:
        self._info = info
        assert self._host is not None
        if info.sfreq == 0:  # markers: no samples, and no silence
            self._host.answer("")
            self._first.set()
            self._say("streaming", f"{info.name} is open.")
            self._opened.set()
            return
        try:
            n_channels = len(info.ch_names) + len(info.beside)
            self._ring = Ring.create(n_channels, RING_S, info.sfreq)
        except DeviceError as error:  # no memory for it
            self._fail(error)
            return
        self._host.answer(self._ring.name)
        self._opened.set()

    def _fail(self, error: AttuneError) -> None:
        """Take it that the source cannot be had: only one that had opened comes back."""
        self._failure = error
        self._ended = True
        self._say("lost", str(error))
        self._opened.set()
        self._first.set()


def acquire(
    source: str,
    *,
    timeline: str = "",
    tracks: str = "",
    listener: str = "clear",
    seed: int = 0,
    channels: Wanted = (),
    because: str = "",
    first: bool = True,
) -> Acquisition:
    """Start reading a source; returns at once (`Acquisition.wait_ready` waits for samples).

    Parameters
    ----------
    source : str
        As it is written (`devices.sources.spec`), and settled (`devices.sources.finding`).
    timeline, tracks : str
        Names of the shared tables of what is heard, for the simulated listener.
    listener : str
        Kind of the simulated listener: ``clear``, ``typical`` or ``silent``.
    seed : int
        Of the simulated listener.
    channels : Wanted
        Which electrodes, and their names (`devices.sources.naming.read_channels`); all if empty.
    because : str
        Why the program chose `source` itself, for its notice; empty where somebody named it.
    first : bool
        Whether it carries the EEG that is decoded; only one that does not may carry markers.

    Raises
    ------
    InputError
        If `source` is not so written, or nothing to open, or there is no such listener.
    """
    check_option("listener", listener, LISTENERS)
    if source.strip() == "auto":
        raise InputError("Nobody has looked yet what auto is; name a board, a stream or a file.")
    spec = replace(read_spec(source), because=because)
    make = source_maker(
        spec,
        listener=listener,
        seed=seed,
        timeline=timeline,
        tracks=tracks,
        channels=channels,
        first=first,
    )
    return Acquisition(make, name=spec.title, thread=spec.kind == "lsl")
