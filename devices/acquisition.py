"""Acquisition: a source read without pause, into a ring, with a state that comes from samples.

A BrainFlow board is read in a child process, an LSL stream on a thread of this one; both run
`_pump`. A watcher thread here looks at what arrives in the ring, because a device that went away
reports nothing and a process that was killed or stopped cannot.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from devices.children import deaf_children, stay_deaf
from devices.clock import now
from devices.listener import LISTENERS
from devices.ring import Ring
from devices.sources.naming import Wanted
from devices.sources.source import EegSource, SourceEvent, SourceInfo, SourceState, Timing
from devices.sources.spec import read_spec, source_maker
from dsp.checks import AttuneError, DeviceError, check_option

STALL_S, LOST_S = 0.5, 2.0  # silence after which a source is stalled, lost
RING_S = 60.0
OPEN_S = 20.0  # the slowest boards (Bluetooth) need this long to be found
_WATCH_S = 0.05


def _pump(make: Callable[[], EegSource], pipe: Connection, stopped: Callable[[], bool]) -> None:
    """Open a source and carry its rows into the ring until told to stop.

    Tells the watcher, in this order: ``("open", info)`` or ``("failed", error)``; then, once the
    ring's name came back, ``("event", SourceEvent)`` as they come and ``("gone", sentence)``.
    """
    source = make()
    ring = None
    try:
        try:
            source.open()
        except AttuneError as error:
            pipe.send(("failed", error))
            return
        pipe.send(("open", source.info))
        name = pipe.recv()
        if name == "close":  # left before it began: there is no ring to write to
            return
        ring = Ring.attach(name)
        while not stopped():
            try:
                chunk = source.read()
            except DeviceError as error:
                pipe.send(("gone", str(error)))
                return
            if chunk is not None:
                ring.write(chunk.data, chunk.times)
                lost = np.isnan(chunk.data).all(axis=1)
                if lost.any():
                    pipe.send(("event", _gap(chunk.times[lost], ring.sfreq)))
            for event in source.events():
                pipe.send(("event", event))
    except (BrokenPipeError, EOFError, ConnectionResetError):
        return  # nobody listens any more: the session has ended
    finally:
        source.close()
        if ring is not None:
            ring.close()


def _gap(times: np.typing.NDArray[np.float64], sfreq: float) -> SourceEvent:
    n = times.size
    text = f"{n / sfreq:.2f} s of EEG were lost." if n >= 0.1 * sfreq else ""
    return SourceEvent(float(times[0]), "gap", n, text)


def _child(make: Callable[[], EegSource], pipe: Connection) -> None:
    """Run `_pump` in a process of its own; it ends with the pipe, so also with its parent."""
    stay_deaf()  # the session closes us

    def stopped() -> bool:
        return pipe.poll() and pipe.recv() == "close"

    try:
        _pump(make, pipe, stopped)
    except EOFError:
        return
    finally:
        pipe.close()


@dataclass
class _State:
    word: SourceState = "connecting"
    text: str = ""
    ended: bool = False  # no samples can come any more


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

    def __init__(self, make: Callable[[], EegSource], *, name: str, thread: bool = False) -> None:
        self._name = name
        self._state = _State()
        self._info: SourceInfo | None = None
        self._ring: Ring | None = None
        self._failure: AttuneError | None = None
        self._news: list[SourceEvent] = []
        self._timing = Timing(0, 0.0)
        self._lock = threading.Lock()
        self._opened, self._first, self._closing = (threading.Event() for _ in range(3))
        self._pipe, theirs = multiprocessing.Pipe()
        self._host: threading.Thread | None = None
        self._process: Any = None
        self._say("connecting", f"Connecting to {name}.")
        if thread:
            self._host = threading.Thread(
                target=self._run_here, args=(make, theirs), name=f"eeg {name}", daemon=True
            )
            self._host.start()
        else:
            self._process = multiprocessing.get_context("spawn").Process(
                target=_child, args=(make, theirs), name=f"eeg {name}", daemon=True
            )
            with deaf_children():
                self._process.start()
            theirs.close()
        self._watcher = threading.Thread(target=self._watch, name=f"watch {name}", daemon=True)
        self._watcher.start()

    def _run_here(self, make: Callable[[], EegSource], pipe: Connection) -> None:
        try:
            _pump(make, pipe, self._closing.is_set)
        finally:
            pipe.close()

    # What others see

    @property
    def info(self) -> SourceInfo:
        """What the source is; there after `wait_ready`."""
        if self._info is None:
            raise self._failure or DeviceError(f"{self._name} has not opened yet.")
        return self._info

    @property
    def ring(self) -> Ring:
        """Where its rows are; there after `wait_ready`."""
        if self._ring is None:
            raise self._failure or DeviceError(f"{self._name} has not opened yet.")
        return self._ring

    @property
    def state(self) -> SourceState:
        """Where it stands, as what arrives in the ring says."""
        return self._state.word

    @property
    def pid(self) -> int | None:
        """Process that reads the board; None for a thread."""
        return self._process.pid if self._process is not None else None

    @property
    def timing(self) -> Timing:
        """How its samples came: all duplicates so far, and the jitter of the newest stamps."""
        return self._timing

    def events(self) -> list[SourceEvent]:
        """Everything that happened since the last call."""
        with self._lock:
            news, self._news = self._news, []
        return news

    def wait_ready(
        self, timeout: float = OPEN_S, *, stopped: Callable[[], bool] = lambda: False
    ) -> SourceInfo:
        """Wait for the first samples, at most `timeout` s, and return what the source is.

        `stopped` is asked all the while; True gives up at once.

        Raises
        ------
        InputError, DeviceError
            If the source cannot be had; the sentence says why.
        """
        end = now() + timeout
        while not self._opened.wait(_WATCH_S) and now() < end:
            if stopped():
                raise DeviceError(f"{self._name} was left before it opened.")
        if not self._opened.is_set():
            raise DeviceError(
                f"{self._name} did not open within {timeout:g} s; check that it is switched on "
                "and near."
            )
        if self._failure is not None:
            raise self._failure
        while not self._first.wait(_WATCH_S) and now() < end:
            if stopped():
                raise DeviceError(f"{self._name} was left before its first sample.")
        if self._ring is None or self._ring.total == 0:
            if self._state.ended:
                raise DeviceError(self._state.text)
            raise DeviceError(
                f"{self._name} opened but sent no samples within {timeout:g} s; check that it is "
                "streaming."
            )
        return self.info

    def close(self) -> None:
        """Stop reading and let go of the ring; safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        with contextlib.suppress(OSError):
            self._pipe.send("close")
        if self._process is not None:
            self._process.join(1.5)
            if self._process.is_alive():
                self._process.kill()  # works on a stopped process too
                self._process.join(3.0)
        if self._host is not None:
            self._host.join(5.0)
        self._watcher.join(3.0)
        self._pipe.close()
        if self._process is not None:
            self._process.close()
            self._process = None
        self._say("closed", f"{self._title()} was closed.")
        if self._ring is not None:
            self._ring.close()

    # The watcher

    def _title(self) -> str:
        return self._info.name if self._info is not None else self._name

    def _say(self, word: SourceState, text: str) -> None:
        self._state.word, self._state.text = word, text
        self._tell(SourceEvent(now(), "state", word, text))

    def _tell(self, event: SourceEvent) -> None:
        with self._lock:
            self._news.append(event)

    def _watch(self) -> None:
        seen, seen_at = 0, now()
        sentinels = [self._pipe] + ([self._process.sentinel] if self._process is not None else [])
        while not self._closing.is_set():
            ready = wait(sentinels, _WATCH_S)
            if not self._state.ended and ready:
                self._receive()
            total = self._ring.total if self._ring is not None else 0
            if total > seen:
                seen, seen_at = total, now()
                self._first.set()
            if self._state.ended:
                self._first.set()
                return
            if seen:
                self._judge(now() - seen_at)

    def _judge(self, silence: float) -> None:
        """Turn silence into a state: the only thing a device that is gone tells."""
        name, word = self._title(), self._state.word
        if silence < STALL_S:
            if word != "streaming":
                back = (
                    "sends again; what was lost is marked"
                    if word in ("stalled", "lost")
                    else "streams"
                )
                self._say("streaming", f"{name} {back}.")
        elif silence < LOST_S:
            if word != "stalled":
                self._say(
                    "stalled", f"{name} has sent nothing for {STALL_S:g} s; the music plays on."
                )
        elif word != "lost":
            self._say(
                "lost",
                f"{name} has sent nothing for {LOST_S:g} s; check that it is switched on and near. "
                "The music plays on.",
            )

    def _receive(self) -> None:
        """Take what the host sent; a host that ended without a word is a lost source."""
        try:
            while self._pipe.poll():
                kind, value = self._pipe.recv()
                if kind == "event" and value.kind == "timing":
                    new: Timing = value.value
                    self._timing = Timing(self._timing.duplicated + new.duplicated, new.jitter)
                elif kind == "event":
                    self._tell(value)
                elif kind == "open":
                    self._open(value)
                elif kind == "failed":
                    self._fail(value)
                elif kind == "gone":
                    self._end(str(value))
        except (EOFError, OSError):
            self._died()
            return
        if self._process is not None and not self._process.is_alive() and not self._state.ended:
            self._died()

    def _open(self, info: SourceInfo) -> None:
        self._info = info
        try:
            self._ring = Ring.create(len(info.ch_names), RING_S, info.sfreq)
        except DeviceError as error:  # no memory for it
            self._pipe.send("close")
            self._fail(error)
            return
        self._pipe.send(self._ring.name)
        self._opened.set()

    def _died(self) -> None:
        if self._state.ended or self._closing.is_set():
            return
        text = f"The process that reads {self._title()} ended unexpectedly; the music plays on."
        if self._info is None:
            self._fail(DeviceError(text))
        else:
            self._end(text)

    def _fail(self, error: AttuneError) -> None:
        self._failure = error
        self._end(str(error))
        self._opened.set()

    def _end(self, text: str) -> None:
        self._state.ended = True
        self._say("lost", text)


def acquire(
    source: str,
    *,
    timeline: str = "",
    tracks: str = "",
    listener: str = "clear",
    seed: int = 0,
    channels: Wanted = (),
) -> Acquisition:
    """Start reading a source; returns at once (`Acquisition.wait_ready` waits for samples).

    Parameters
    ----------
    source : str
        As it is written (`devices.sources.spec`).
    timeline, tracks : str
        Names of the shared tables of what is heard, for the simulated listener.
    listener : str
        Kind of the simulated listener: ``clear``, ``typical`` or ``silent``.
    seed : int
        Of the simulated listener.
    channels : Wanted
        Which electrodes, and their names (`devices.sources.naming.read_channels`); all if empty.

    Raises
    ------
    InputError
        If `source` is not so written, or nothing to open, or there is no such listener.
    """
    check_option("listener", listener, LISTENERS)
    spec = read_spec(source)
    make = source_maker(
        spec, listener=listener, seed=seed, timeline=timeline, tracks=tracks, channels=channels
    )
    return Acquisition(make, name=spec.title, thread=spec.kind == "lsl")
