"""The player as the program sees it: commands in, rows of what was heard out.

Behind it stand three children: the engine, and a decoder for each of its two decks. The player
has no thread of its own; each call to it also looks after the children. **Call `beat` a few times
a second** from the thread that decides (and from the window's event loop): nothing else tells the
engine that the program lives.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any, Literal

from app.player import engine_process
from app.player.contract import BEATING, Beating, EventKind, PlayerEvent, PlayerStatus, never
from app.player.control import Command, Control
from app.player.deck_process import NO_DECODER, DeckProcess
from app.player.decks import Item, frames
from app.player.heard import LayerRows, Trace, now_heard
from app.player.rings import Bus, DeckRing
from devices.children import deaf_children
from devices.clock import now
from devices.timeline import HeardTracks, Timeline
from devices.watchdog import Watchdog
from dsp.checks import DeviceError, check_number, check_option
from dsp.grid import HOP, WINDOW
from dsp.sound.heard import Heard, Play
from dsp.sound.stimulus import StimulusFeatures
from playlists.tracks import PreparedTrack

__all__ = ["Player", "PlayerEvent", "PlayerStatus"]

_START_S = 30.0  # s without a step of its start after which the engine is given up
_STALL_S = 0.8  # s without a sign of life after which the engine counts as hung; looks take time
_WARM_UP = WINDOW // HOP  # rows after a gap that lack their history
_LIBRARY = (
    "The sound library ends the sound engine as it starts; check the sound system's configuration "
    "or choose another device."
)
_NO_START = (
    "The sound engine does not come to start: the computer is too busy, or the sound system does "
    "not answer; close other programs, or choose another device."
)
_LEFT = "The sound engine was left before it started."
_ENGINE_LOST = (
    "The sound engine ended unexpectedly; there is no sound any more, end the session and start "
    "a new one."
)
_ENGINE_STALLED = "The sound engine does not answer; nothing is heard until it does."


class Player:
    """Sound engine in processes of its own.

    Parameters
    ----------
    output : str
        ``"auto"`` (the sound device, or silence in real time where there is none), ``"device"``
        or ``"null"``.
    device : str, optional
        Part of the name of the sound device; None is the system's default.
    latency : float
        Seconds of sound that wait in the device.
    """

    def __init__(
        self, *, output: str = "auto", device: str | None = None, latency: float = 0.2
    ) -> None:
        self._output = check_option("output", output, ("auto", "device", "null"))
        self._device = device
        self._latency = check_number("latency", latency, low=0.02, high=1.0, unit="s")
        self._lock = threading.RLock()  # the window's and the loop's thread both call
        self._context = multiprocessing.get_context("spawn")
        with ExitStack() as memory:
            self._control = memory.enter_context(closing(Control.create()))
            self._bus = memory.enter_context(closing(Bus.create()))
            self._decks = [memory.enter_context(closing(DeckRing.create())) for _ in range(2)]
            #: what was played when; by name in the EEG's child
            self.timeline = memory.enter_context(closing(Timeline.create()))
            #: filled by the program
            self.tracks = memory.enter_context(closing(HeardTracks.create()))
            self._memory = memory.pop_all()  # all of it could be had
        self._engine: Any = None
        self._decoders = [
            DeckProcess(ring, f"attune-decoder-{letter}", self._context)
            for ring, letter in zip(self._decks, "ab", strict=True)
        ]
        self._events: list[PlayerEvent] = []
        self._crash_notice = ""
        self._lost = self._stalled = self._no_decoder = False
        self._watchdog = Watchdog()
        self._life: Literal["new", "running", "closed"] = "new"
        self._features = StimulusFeatures()
        self._envelope = LayerRows()
        self._trace = Trace(self.timeline)
        self._read = 0  # next frame of the bus
        self._drop = 0  # rows to drop after a gap

    # Life.

    def start(self, stopped: Callable[[], bool] = never) -> None:
        """Start engine and decoders; return when blocks are rendered (mostly under a second).

        `stopped` is asked all the while; True gives up at once.

        Raises
        ------
        DeviceError
            Where ``output="device"`` cannot be had, or the engine does not start.
        """
        for decoder in self._decoders:
            decoder.look()
        problem = self._start_engine(self._output, stopped)
        if problem and self._output == "auto" and not stopped():
            # A sound library that aborts or hangs takes the engine with it: once more, without one.
            self._crash_notice = f"{problem} Until then the session runs in silence."
            problem = self._start_engine("null", stopped)
        if problem:
            self.close()
            raise DeviceError(problem)
        self._life = "running"

    def _start_engine(self, output: str, stopped: Callable[[], bool]) -> str:
        """Start the engine; return why it does not run, or nothing."""
        setup = engine_process.EngineSetup(
            control=self._control.name,
            bus=self._bus.name,
            timeline=self.timeline.name,
            decks=tuple(ring.name for ring in self._decks),
            output=output,
            device=self._device,
            latency=self._latency,
        )
        if self._engine is not None:
            self._engine.close()
        self._engine = self._context.Process(
            target=engine_process.run, args=(setup,), name="attune-engine", daemon=True
        )
        with deaf_children():
            self._engine.start()
        # A busy machine may take long over it; only a start that stands still is given up.
        watchdog, alive = Watchdog(), True
        while alive and not (state := self._control.status())["started"]:
            left = stopped()
            if left or watchdog.silent(state["looks"], now()) > _START_S:
                self._engine.kill()
                self._engine.join()
                return _LEFT if left else _NO_START
            time.sleep(0.005)
            alive = self._engine.is_alive()
        reasons = (_LIBRARY, "", self._control.text("notice"))
        return reasons[int(self._control.status()["started"])]

    def close(self) -> None:
        """Fade out, end the children, let go of the shared memory. Safe to call twice."""
        with self._lock:
            if self._life == "closed":
                return
            self._life = "closed"
            if self._engine is not None:
                self._control.quit()
                self._engine.join(2.0)
                self._engine.kill()  # it had its time
                self._engine.join()
                self._engine.close()
            for decoder in self._decoders:
                decoder.close()
            self._memory.close()

    def _look(self) -> None:
        """Look after the children."""
        if self._life != "running":
            raise DeviceError("The player is not running; start it first.")
        if not self._lost and not self._engine.is_alive():
            self._lost = True
            self._tell("engine_lost", _ENGINE_LOST)
        if self._lost:
            return
        self._watch_engine()
        for decoder in self._decoders:
            decoder.look()
        if not self._no_decoder and any(decoder.lost for decoder in self._decoders):
            self._no_decoder = True
            self._tell("decoder_lost", NO_DECODER)

    def _watch_engine(self) -> None:
        """Notice an engine that lives and does nothing."""
        silent = self._watchdog.silent(self._control.status()["looks"], now())
        if (silent > _STALL_S) == self._stalled:
            return
        self._stalled = not self._stalled
        if self._stalled:
            self._tell("engine_stalled", _ENGINE_STALLED)
        else:
            self._tell("engine_back", "The sound engine answers again.")

    def _tell(self, kind: EventKind, text: str) -> None:
        self._events.append(PlayerEvent(now(), kind, None, text))

    def _send(self, command: Command, a: float = 0.0, b: float = 0.0) -> None:
        with self._lock:
            self._look()
            self._control.send(command, a, b)

    # Commands.

    def beat(self, who: Beating) -> None:
        """Say that the loop, or the window's event loop, lives; before and after life, nothing.

        Those that have beaten once must go on: when either has been silent for 2 s the layer
        fades, after 10 s all sound, until it beats again.
        """
        check_option("who", who, BEATING)
        with self._lock:
            if self._life == "running":
                self._look()
                self._control.beat(who, now())

    def play(self, play: Play, track: PreparedTrack, *, fade: float = 4.0) -> None:
        """Cross-fade to `track` as soon as it is decoded.

        From silence it starts with a fade-in of 50 ms. A paused player goes on. A track that
        was cued stays cued where a deck is free for it, else it must be cued again.
        """
        with self._lock:
            number = self._control.put_item(Item.of(play, track))
            self._send(Command.PLAY, number, frames(fade))

    def cue(self, play: Play, track: PreparedTrack, *, fade: float = 4.0) -> None:
        """Decode `track` ahead; it cross-fades in when the running one has `fade` s left.

        A newer cue takes the place of an older one.
        """
        with self._lock:
            number = self._control.put_item(Item.of(play, track))
            self._send(Command.CUE, number, frames(fade))

    def set_layer(self, level: float, *, ramp: float) -> None:
        """Bring the layer to `level` (0..1) within `ramp` s (at least 0.25)."""
        inside = check_number("layer level", level, low=0.0, high=1.0)
        seconds = check_number("layer ramp", ramp, low=0.0, high=600.0, unit="s")
        self._send(Command.LAYER, inside, frames(seconds))

    def pause(self) -> None:
        """Fade out within 50 ms and hold."""
        self._send(Command.PAUSE)

    def resume(self) -> None:
        """Go on from there."""
        self._send(Command.RESUME)

    def set_volume(self, db: float) -> None:
        """Set the volume, dB relative to the tracks' own level (-80 to 0; -80 is off)."""
        decibels = check_number("volume", db, low=-80.0, high=0.0, unit="dB")
        self._send(Command.VOLUME, 0.0 if decibels <= -80.0 else 10.0 ** (decibels / 20.0))

    def stop(self) -> None:
        """Drop what waits to be started, fade layer and music within 20 ms; the engine stays."""
        self._send(Command.STOP)

    # News.

    def heard(self) -> Heard:
        """Return all rows that were heard since the last call."""
        with self._lock:
            self._look()
            if not self._lost:
                self._follow()
            return self._trace.take(now())

    def _follow(self) -> None:
        """Take in what the engine rendered since."""
        first, music, layer = self._bus.since(self._read)
        if first > self._read:
            # We stood still for longer than the bus holds: begin anew at a whole row.
            row = -(-first // HOP)
            music, layer = music[row * HOP - first :], layer[row * HOP - first :]
            self._features, self._envelope = StimulusFeatures(), LayerRows()
            self._drop = _WARM_UP
            self._trace.restart(row + _WARM_UP)
            first = row * HOP
        self._read = first + music.shape[0]
        rows = self._features.push(music)
        levels = self._envelope.push(layer, layer.size)
        drop = min(self._drop, rows.shape[0])
        self._drop -= drop
        self._trace.push(rows[drop:], levels[drop:])

    def status(self) -> PlayerStatus:
        """Return the state of the player, as it is heard now; before and after life all is off."""
        with self._lock:
            if self._life != "running":
                return PlayerStatus()
            self._look()
            state = self._control.status()
            play, position, level = now_heard(self.timeline, now())
            notices = (
                _ENGINE_LOST if self._lost else "",
                _ENGINE_STALLED if self._stalled else "",
                NO_DECODER if self._no_decoder else "",
                self._control.text("notice"),
                self._crash_notice,
            )
            so_far = PlayerStatus(
                output=self._control.text("output"),
                notice=next(filter(None, notices), ""),
                lost_blocks=int(state["lost_blocks"]),
                timing_residual=state["residual"],
                latency=state["latency"],
                wireless=bool(state["wireless"]),
                device_s=state["device_s"],
                silent_s=state["silent_s"],
            )
            if self._lost:
                return so_far
            return replace(
                so_far,
                is_null=bool(state["is_null"]),
                playing=bool(state["playing"]),
                paused=bool(state["paused"]),
                play=Play(int(play)),
                position=position,
                cued=Play(int(state["cued"])),
                layer_level=level,
            )

    def events(self) -> list[PlayerEvent]:
        """Return what happened since the last call."""
        with self._lock:
            self._look()
            out, self._events = self._control.told() + self._events, []
            return out
