"""The engine process: takes commands, renders, plays, and tells what was heard when.

It stands apart from the program because a callback in the program's process starves as soon
as other threads hold the interpreter (8 of 8 runs measured); here nobody else does. In the
callback: no file, no lock, no log. What is slow (outputs, events, the watch over the program)
is done by the housekeeping loop on the main thread.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from dataclasses import dataclass

import numpy as np

from app.player.contract import BEATING, Beating
from app.player.control import Control
from app.player.engine import Engine
from app.player.rings import Bus, DeckRing
from devices.children import parent_gone, stay_deaf
from devices.clock import now
from devices.sound import DeviceOutput, NullOutput, Output
from devices.timeline import Timeline
from devices.watchdog import Watchdog
from dsp.checks import DeviceError
from dsp.grid import BLOCK, FS

_LOOK = 0.02  # s between two looks of the housekeeping loop
_SETTLE_S = 3.0  # longest wait for times of a device that hold
_RETRY = 1.0  # s between attempts to get a lost device back
_LAYER_ALONE, _MUSIC_ALONE = 2.0, 10.0  # s without a heartbeat of the program


@dataclass(frozen=True)
class EngineSetup:
    """What the engine process is started with: names of shared memory, and the output."""

    control: str
    bus: str
    timeline: str
    decks: tuple[str, ...]
    output: str
    device: str | None
    latency: float


def run(setup: EngineSetup) -> None:
    """Serve until the program says so, or ends (target of the child process)."""
    stay_deaf()
    sys.setswitchinterval(0.0005)
    if hasattr(os, "setpriority"):
        # Before any thread exists, since all of them share the interpreter's lock. Where it is
        # not allowed the engine runs as everybody does; measured, that is mostly enough too.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -11)
    control, bus = Control.attach(setup.control), Bus.attach(setup.bus)
    timeline = Timeline.attach(setup.timeline)
    decks = [DeckRing.attach(name) for name in setup.decks]
    keeper = Housekeeper(setup, control, Engine(control, bus, timeline, decks))
    gc.collect()
    gc.freeze()
    gc.disable()
    keeper.serve()


class Housekeeper:
    """Everything of the engine that is not rendering."""

    def __init__(self, setup: EngineSetup, control: Control, engine: Engine) -> None:
        self._setup = setup
        self._control = control
        self._engine = engine
        self._output: Output | None = None
        self._lost = 0  # blocks lost on outputs that are gone
        self._since = 0  # frame from which on the output of now has rendered
        self._rendered = {True: 0, False: 0}  # frames by outputs that are gone, by `is_null`
        self._told_lost = 0
        self._retry_at = np.inf
        self._alone = (False, False)
        self._looks = 0
        self._watchdogs: dict[Beating, Watchdog] = {who: Watchdog() for who in BEATING}

    def serve(self) -> None:
        """Open an output and look after it."""
        self._state(started=0)  # each is a step that the program waits for
        if not self._open():
            self._state(started=2)
            return
        self._settle()
        self._state(started=1)
        while not (parent_gone() or self._control.quitting()):
            self._look()
            time.sleep(_LOOK)
        self._leave()

    def _settle(self) -> None:
        """Wait until the output's times hold; silence is rendered so long."""
        until = now() + _SETTLE_S
        while self._output and not self._output.settled() and now() < until:
            self._state(started=0)
            time.sleep(_LOOK)

    def _notice(self, text: str) -> None:
        self._control.put_text("notice", text)

    def _open(self) -> bool:
        if self._setup.output != "null":
            try:
                self._start_device(again=False)
                return True
            except DeviceError as error:
                if self._setup.output == "device":
                    self._notice(str(error))
                    return False
                self._notice(f"{error} Until then the session runs in silence.")
        self._start(NullOutput(self._engine.render))
        return True

    def _start_device(self, *, again: bool) -> None:
        setup = self._setup
        output = DeviceOutput(
            self._engine.render, device=setup.device, latency=setup.latency, again=again
        )
        try:
            self._start(output)
        except DeviceError:
            output.close()
            raise

    def _start(self, output: Output) -> None:
        if not (output.is_null and self._rendered[False]):
            # The name of a device that is gone stands: through it the session was heard.
            self._control.put_text("output", output.name)
        self._since = self._engine.mixer.frame
        output.start()
        self._output = output

    def _retire(self, output: Output) -> None:
        """End an output and keep what it did."""
        output.close()
        self._lost += output.lost_blocks
        self._rendered[output.is_null] += self._engine.mixer.frame - self._since
        self._output = None

    def _look(self) -> None:
        output = self._output
        assert output is not None
        if output.error is not None:
            raise output.error  # a fault of ours; the program learns that the engine is lost
        if not output.alive():
            self._lose(output)
        elif now() >= self._retry_at:
            self._try_again(output)
        self._watch()
        news = self._engine.news
        while news:
            kind, value, text, at = news.popleft()
            self._control.tell(at, kind, value, text)
        lost = self._lost + self._output.lost_blocks if self._output else self._lost
        if lost > self._told_lost:
            self._told_lost = lost
            self._control.tell(now(), "underflow", lost, "The sound device ran dry for a moment.")
        self._state(started=1)

    def _lose(self, output: Output) -> None:
        """Go on in silence from the same frame, and look for the device again."""
        self._retire(output)
        text = (
            f"The sound device {output.name!r} is gone; the session goes on in silence until it "
            "is back."
        )
        self._start(NullOutput(self._engine.render))
        self._notice(text)
        self._control.tell(now(), "output_lost", 0, text)
        self._retry_at = now() + _RETRY

    def _try_again(self, silent: Output) -> None:
        """Hand over from the silent output to the device, if it is back."""
        self._retry_at = now() + _RETRY
        try:
            # Opened first: the silent output renders on until the device is known to be there.
            device = DeviceOutput(
                self._engine.render,
                device=self._setup.device,
                latency=self._setup.latency,
                again=True,
            )
        except DeviceError:
            return
        self._retire(silent)
        try:
            self._start(device)
        except DeviceError:
            device.close()
            self._start(NullOutput(self._engine.render))
            return
        self._retry_at = np.inf
        self._notice("")
        self._control.tell(now(), "output_back", 0, f"The sound device {device.name!r} is back.")

    def _watch(self) -> None:
        """Fade the layer, then all sound, while the program does not show that it lives.

        Of the loop and the window the one that has been silent longer counts.
        """
        at = now()
        beats = self._control.beats().items()
        alone = max((self._watchdogs[who].silent(beat, at) for who, beat in beats), default=0.0)
        state = (alone > _LAYER_ALONE, alone > _MUSIC_ALONE)
        if state == self._alone:
            return
        self._engine.watch(layer=not state[0], music=not state[1])
        if state[0] != self._alone[0]:
            if state[0]:
                text = "The program does not answer; the layer fades until it does."
                self._control.tell(now(), "heartbeat_lost", 0, text)
            else:
                self._control.tell(now(), "heartbeat_back", 0, "The program answers again.")
        self._alone = state

    def _state(self, *, started: int) -> None:
        self._looks += 1
        mixer, output = self._engine.mixer, self._output
        rendered = self._rendered.copy()
        if output is not None:
            rendered[output.is_null] += mixer.frame - self._since
        status = {
            "started": started,
            "is_null": output.is_null if output else True,
            "wireless": output.wireless if output else False,
            "latency": output.latency if output else 0.0,
            "residual": output.residual if output else 0.0,
            "lost_blocks": self._lost + (output.lost_blocks if output else 0),
            "playing": mixer.playing,
            "paused": mixer.paused,
            "cued": mixer.cued(),
            "device_s": rendered[False] / FS,
            "silent_s": rendered[True] / FS,
            "looks": self._looks,
        }
        self._control.put_status(status)

    def _leave(self) -> None:
        """Fade out, let it be heard, end."""
        output = self._output
        assert output is not None
        self._engine.stop()
        if any(deck.playing for deck in self._engine.mixer.decks):
            time.sleep(4 * BLOCK / FS + (0.0 if output.is_null else output.latency))
        output.close()
