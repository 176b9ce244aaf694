"""The engine: the mixer with its shared memory; an output calls `render`.

In the callback: no file, no lock, no log. Other threads of its process leave their wishes in a
queue, because a mixer must not change while it renders.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from app.player.contract import EventKind
from app.player.control import Command, Control
from app.player.mixer import Mixer
from app.player.rings import Bus, DeckRing
from devices.timeline import Timeline
from dsp.grid import FS
from dsp.sound.limiter import Limiter

_LIMITER_DELAY = Limiter.delay / FS


class Engine:
    """Mixer with its shared memory; `render` is what an output calls."""

    def __init__(
        self, control: Control, bus: Bus, timeline: Timeline, decks: Sequence[DeckRing]
    ) -> None:
        self._control = control
        self._bus = bus
        self._timeline = timeline
        self.mixer = Mixer(decks)
        #: Events on their way to the housekeeping loop (kind, value, text, time).
        self.news: deque[tuple[EventKind, float, str, float]] = deque()
        self._wishes: deque[Callable[[], None]] = deque()

    def stop(self) -> None:
        """Any thread: fade everything, with the next block."""
        self._wishes.append(self.mixer.stop)

    def watch(self, *, layer: bool, music: bool) -> None:
        """Any thread: fade the layer or all sound, or bring it back, with the next block."""
        self._wishes.append(partial(self.mixer.watch, layer=layer, music=music))

    def render(self, n_frames: int, heard_at: float) -> npt.NDArray[np.float32]:
        """Next block of output, heard at `heard_at` (LSL s) [shape=(BLOCK, 2)]."""
        mixer = self.mixer
        while self._wishes:
            self._wishes.popleft()()
        for command, a, b in self._control.take():
            self._obey(command, a, b)
        block = mixer.render()
        # The bus leaves the limiter a little later than it enters.
        bus_at = heard_at + _LIMITER_DELAY
        self._timeline.append((bus_at, *block.row))
        self._bus.append(block.music, block.layer)
        out = mixer.finish(block)
        if mixer.events:
            for event in mixer.events:
                at = bus_at + (event.frame - block.frame) / FS
                self.news.append((event.kind, event.play, event.text, at))
            mixer.events.clear()
        return out

    def _obey(self, command: Command, a: float, b: float) -> None:
        mixer = self.mixer
        if command is Command.PLAY:
            mixer.play(self._control.get_item(int(a)), int(b))
        elif command is Command.CUE:
            mixer.cue(self._control.get_item(int(a)), int(b))
        elif command is Command.LAYER:
            mixer.set_layer(a, int(b))
        elif command is Command.PAUSE:
            mixer.pause()
        elif command is Command.RESUME:
            mixer.resume()
        elif command is Command.STOP:
            mixer.stop()
        elif command is Command.VOLUME:
            mixer.set_volume(a)
