"""Carries a source's rows into the ring, where the source is read; fetches it back when it is gone.

It runs on a thread for an LSL stream and in a child process for a board. What it has to say goes
to the watcher (`devices.acquisition`) as pairs of a word and a value; the state of the source is
not among them, because a process that was killed or stopped could not tell it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np

from devices.children import stay_deaf
from devices.clock import Clock, now
from devices.ring import Ring
from devices.silence import BURST_S, Rhythm, limits
from devices.sources.source import EegChunk, EegSource, Handover, SourceEvent, SourceInfo
from dsp.checks import AttuneError, DeviceError, foreign_text

_log = logging.getLogger(__name__)

OPEN_S = 20.0  #: the slowest boards (Bluetooth) need this long to be found
#: s without a sign of life after which a child that reads hangs. The longest wait of its own is
#: `_READ_S`, and BrainFlow's calls between two reads take milliseconds; a command to a headset on
#: Bluetooth may wait for its link, which to open anew takes much longer.
HANG_S, COMMAND_S = 1.25, 5.0
_LOOK_S = 0.1  # s between signs of life, and looks at whether to stop
_READ_S = 0.25  # s that count as silence of one read that brought nothing
_FIRST_S = 5.0  # s that a device which was opened again may take to its first sample
_GLANCE_S = 0.15  # s: an attempt this short only saw that the device is not there
_SOONEST_S, _LATEST_S = 0.15, 2.0  # s from the start of one attempt to come back to the next
_REST_S = 0.05  # s from the end of one to the next
_BEHIND_S, _CAUGHT_UP_S = 1.0, 0.5  # age of the newest row, beyond what is usual, s
_BEHIND_FOR_S = 2.0  # s of it after which that is said: most backlogs come at once

#: What the way to the watcher raises when nobody listens any more: the session has ended.
_LEFT = (BrokenPipeError, EOFError, ConnectionResetError)

#: Word and value: ``open`` and what the source is; ``failed`` and the error of a first opening;
#: ``event`` and the event (a ``"state"`` is the end of a recording); ``gone`` and when, and the
#: sentence of a device that said so; ``absent`` and why it could not be opened again; ``back`` and
#: what it is now.
Tell = Callable[[str, Any], None]


def hang_s(info: SourceInfo | None) -> float:
    """S without a sign of life after which a child that reads such a source hangs."""
    return COMMAND_S if info is not None and info.details.get("keep_alive") else HANG_S


class Stopped(Protocol):
    """Whether to stop; waits up to so many seconds for it."""

    def __call__(self, wait_s: float = 0.0) -> bool:
        """Return True to stop."""
        ...


class Pump:
    """Reads an opened source until told to stop, and opens it again whenever it is gone.

    Parameters
    ----------
    source : EegSource
        Open, or, for a `ring` with rows, not yet open again.
    info : SourceInfo
        What it is, and must be again after every return.
    ring : Ring or None
        Where its rows go; None for a stream of markers, which has none and may be silent.
    tell, stopped
        The ways to and from the watcher.
    clock : callable
        Seconds of the program's clock.
    """

    def __init__(
        self,
        source: EegSource,
        info: SourceInfo,
        ring: Ring | None,
        tell: Tell,
        stopped: Stopped,
        *,
        clock: Clock = now,
    ) -> None:
        self._source, self._info, self._ring = source, info, ring
        self._tell, self._stopped, self._clock = tell, stopped, clock
        self._rhythm = Rhythm()
        self._interval = ring.interval_s if ring is not None else 0.0
        self._sfreq = ring.sfreq if ring is not None else 0.0
        self._bursts_told = self._interval >= BURST_S
        self._behind_at, self._behind_told = math.inf, False  # since when it is behind
        self._returning = False  # rows up to the first new one are to be marked as lost

    def run(self, *, opened: bool = True) -> None:
        """Carry rows until told to stop."""
        while opened or self._open_again():
            opened = False
            try:
                if self._carry():
                    return
            except DeviceError as error:
                self._tell("gone", (self._clock(), str(error)))
            except _LEFT:
                raise
            except Exception as error:  # drivers are foreign code, and ours has faults too
                text = f"{_fault(self._info.name, error)}; it is opened again. The music plays on."
                self._tell("gone", (self._clock(), text))
                if self._stopped(_LATEST_S):  # it may fail so at every read
                    return

    def _carry(self) -> bool:
        """Read to the end, or until told to stop; return False when nothing comes any more."""
        source, ring, clock = self._source, self._ring, self._clock
        silence, before, look_at, hang = 0.0, clock(), 0.0, hang_s(self._info)
        while True:
            chunk = source.read()
            at = clock()
            if chunk is not None and ring is not None:
                self._put(ring, chunk, at)
                silence = 0.0
            else:
                # Only reads count: a process that was stopped, or a computer that slept, first
                # gives the device the time to be heard.
                silence += min(at - before, _READ_S)
                if ring is not None and silence > self._patience():
                    return False
            before = at
            news = source.events()
            if news and any([self._pass_on(event) for event in news]):
                return True
            if at >= look_at:
                look_at = at + _LOOK_S
                if ring is not None:
                    ring.due_at = at + hang
                if self._stopped():
                    return True

    def _patience(self) -> float:
        lost = limits(self._interval)[1]
        return max(lost, _FIRST_S) if self._returning else lost

    def _pass_on(self, event: SourceEvent) -> bool:
        """Tell of an event; return whether it is the end of the source (of a recording)."""
        if event.kind == "timing" and self._ring is not None:
            self._ring.jitter = event.value.jitter
            if not event.value.duplicated:  # every second: nobody is woken for it
                return False
        if event.kind == "rate" and self._ring is not None:
            self._ring.sfreq = self._sfreq = float(event.value)
        self._tell("event", event)
        return event.kind == "state"

    def _put(self, ring: Ring, chunk: EegChunk, at: float) -> None:
        (data, times), sfreq = chunk, self._sfreq
        if self._returning:
            # Its new clock may begin a little before the old one ended.
            new = ~(times <= ring.last_time + 0.5 / sfreq)
            data, times = data[new], times[new]
            if times.size == 0:
                return
            self._returning = False
            began = ring.last_time + 1.0 / sfreq
            lost = ring.lose(float(times[0]))
            if lost:
                self._tell("event", _gap(began, lost, sfreq))
        if times.size:
            ring.write(data, times)
        elif not ring.total:
            return
        ring.written_at = at
        if not times.size or at - times.item(-1) > _CAUGHT_UP_S or self._behind_at < math.inf:
            self._tell_age(ring, at)
        # The first column first, without numpy: on a thread that just woke that costs a tenth.
        if any(map(math.isnan, data[:, 0].tolist())):
            rows = np.isnan(data).all(axis=1)
            if rows.any():
                began = float(times[rows.argmax()])
                self._tell("event", _gap(began, int(np.count_nonzero(rows)), sfreq))
        interval = self._rhythm.arrived(at, seconds=times.size / sfreq)
        if interval != self._interval:
            ring.interval_s = self._interval = interval
        if interval >= BURST_S and self._rhythm.known and not self._bursts_told:
            self._bursts_told = True
            text = (
                f"{self._info.name} sends {interval:.1f} s of EEG at a time; what is heard is "
                "judged that much later."
            )
            self._tell("event", SourceEvent(at, "note", "bursts", text))

    def _tell_age(self, ring: Ring, at: float) -> None:
        """Say how old what comes is, where it comes no faster than it is sampled, or is kept back.

        Each row has its own time; but whoever watches takes what comes for what is.
        """
        age, name = at - ring.last_time - self._interval, self._info.name
        if age < _CAUGHT_UP_S:
            if self._behind_told:
                text = f"{name} has caught up: its EEG is of now again."
                self._tell("event", SourceEvent(at, "note", age, text))
            self._behind_at, self._behind_told = math.inf, False
        elif age > _BEHIND_S and not self._behind_told:
            self._behind_at = min(self._behind_at, at)
            if at - self._behind_at >= _BEHIND_FOR_S:
                self._behind_told = True
                text = (
                    f"{name} is {age:.1f} s behind: what comes was sampled so long ago, and is "
                    "judged that much later until it has caught up."
                )
                self._tell("event", SourceEvent(at, "note", age, text))

    def _open_again(self) -> bool:
        """Open the source until it is there; return False when told to stop."""
        source, ring, clock = self._source, self._ring, self._clock
        spacing, said, since = _SOONEST_S, "", clock()
        while True:
            began = clock()
            if ring is not None:
                ring.due_at = began + OPEN_S + HANG_S
            _close(source)
            if self._stopped():
                return False
            try:
                why = ""
                source.open()
                self._check(source.info)
            except AttuneError as error:
                why = str(error)
            except Exception as error:
                why = f"{_fault(self._info.name, error)}; it is tried again."
            if why:
                # What it was lost by says more than that it is not yet back.
                if why != said and clock() - since >= _LATEST_S:
                    said = why
                    self._tell("absent", said)
            else:
                self._returning = True
                self._rhythm.broken()
                self._tell("back", source.info)
                return True
            took = clock() - began
            # To see that a port is not there costs nothing, and is seen soon when it is.
            spacing = _SOONEST_S if took < _GLANCE_S else min(2.0 * spacing, _LATEST_S)
            if self._stopped(max(spacing - took, _REST_S)):
                return False

    def _check(self, found: SourceInfo) -> None:
        """Refuse what is not the same electrodes at the same rate.

        Raises
        ------
        DeviceError
            With what came and what was there.
        """

        def shape(info: SourceInfo) -> str:
            names = ", ".join((*info.ch_names, *(channel.name for channel in info.beside)))
            return f"{names or 'no channels'} at {info.sfreq:g} Hz"

        if shape(found) != shape(self._info):
            raise DeviceError(
                f"{found.name} is there again, but with {shape(found)}; this session has "
                f"{shape(self._info)}. It is taken up again when it sends those."
            )


def _gap(began: float, n: int, sfreq: float) -> SourceEvent:
    text = f"{n / sfreq:.2f} s of EEG were lost; they are marked." if n >= 0.1 * sfreq else ""
    return SourceEvent(began, "gap", n, text)


def _fault(name: str, error: Exception) -> str:
    """Log what nobody foresaw, and return the beginning of a sentence for people."""
    _log.info("%s failed", name, exc_info=error)
    shown = foreign_text(repr(error))
    return f"Reading {name} failed by a fault of the program or of a driver ({shown})"


def _close(source: EegSource) -> None:
    """Close it; what goes wrong in that changes nothing any more."""
    try:
        source.close()
    except Exception:
        _log.info("closing failed", exc_info=True)


def pump(
    make: Callable[[], EegSource],
    pipe: Connection,
    stopped: Stopped,
    turn: Callable[[], tuple[SourceInfo, str] | None],
) -> None:
    """Make a source and carry its rows into the ring until told to stop.

    Parameters
    ----------
    make : callable
        Makes the source.
    pipe : Connection
        To the watcher, which answers ``open`` with the name of the ring (empty: there is none).
    stopped : callable
        Whether to stop.
    turn : callable
        Waits until it is this one's turn, and returns what a predecessor read with the name of its
        ring; None where this is the first.
    """
    source = ring = known = None

    def tell(word: str, value: Any) -> None:
        pipe.send((word, value))

    try:
        first = True
        try:
            source = make()
            known = turn()
            first = known is None
            if first:
                source.open()
        except AttuneError as error:
            tell("failed", error)
            return
        except Exception as error:
            if not first:
                raise
            text = f"{_fault('the source', error)}; try again, or choose another one."
            tell("failed", DeviceError(text))
            return
        if known is None:
            tell("open", source.info)
            answer = pipe.recv()
            if answer == "close":  # left before it began: there is no ring to write to
                return
            known = source.info, answer
        info, name = known
        ring = Ring.attach(name) if name else None
        if not first and ring is not None:
            source.take_over(Handover(info, ring.sfreq, ring.total, ring.last_time))
        Pump(source, info, ring, tell, stopped, clock=now).run(opened=first)
    except _LEFT:
        return  # nobody listens any more
    except Exception:  # what follows is a new process, or a new thread
        _log.info("the pump failed", exc_info=True)
    finally:
        if source is not None:
            _close(source)
        if ring is not None:
            ring.close()


def pump_in_child(make: Callable[[], EegSource], pipe: Connection) -> None:
    """Run `pump` in a process of its own; it ends with the pipe, so also with its parent.

    It is told by the pipe when it is its turn, and what is known.
    """
    stay_deaf()  # the session closes us

    def turn() -> tuple[SourceInfo, str] | None:
        said: Any = pipe.recv()
        if said == "close":
            raise EOFError
        known: tuple[SourceInfo, str] | None = said
        return known

    def stopped(wait_s: float = 0.0) -> bool:
        return pipe.poll(wait_s) and pipe.recv() == "close"

    with pipe:
        pump(make, pipe, stopped, turn)
