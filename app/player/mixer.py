"""Two decks, the layer and the master: from commands and decoded sound to blocks of 10 ms.

No I/O, no clock, no thread: the engine process, the null output and the virtual clock of a
simulation all render with this one class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.player.contract import EventKind
from app.player.decks import EDGE, Deck, DeckState, Feed, Item
from app.player.glide import Glide
from dsp.grid import BLOCK, FS, HOP
from dsp.sound.heard import NO_PLAY, Play
from dsp.sound.layer import NoiseBed, level_gain, voice_for
from dsp.sound.limiter import Limiter

STOP = FS // 50  #: frames in which layer and music fade at a stop (20 ms)
LAYER_RAMP = FS // 4  #: shortest ramp of the layer (250 ms)
_WATCH = FS  # frames of the fades of the dead man's switch


@dataclass(frozen=True)
class Block:
    """One rendered block.

    Attributes
    ----------
    frame : int
        Number of its first frame on the bus.
    music : float32 [shape=(BLOCK, 2)]
        Decks with their fades; before volume and limiter.
    layer : float32 [shape=(BLOCK,)] or None
        The layer; None where it is silent.
    row : tuple of float
        For the timeline: `devices.timeline.COLUMNS` without the time.
    """

    frame: int
    music: npt.NDArray[np.float32]
    layer: npt.NDArray[np.float32] | None
    row: tuple[float, ...]


@dataclass(frozen=True)
class MixerEvent:
    """An event at a frame of the bus."""

    frame: int
    kind: EventKind
    play: Play
    text: str


class Mixer:
    """Renders the session's sound, block by block."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self.frame = 0  #: next frame of the bus
        self.events: list[MixerEvent] = []  #: the driver takes them away
        self.decks = tuple(Deck(feed, self._tell) for feed in feeds)
        self.running = False  #: between `play` and the end of the music or `stop`
        self.paused = False
        self._frozen = False
        self._stopping = False
        self._next_play: tuple[Item, int] | None = None
        self._next_cue: tuple[Item, int] | None = None
        self._hurried = False
        self.level = Glide(0.0)
        self._transport = Glide(1.0)
        self._watch_layer = Glide(1.0)
        self._watch_music = Glide(1.0)
        self._volume = Glide(1.0)
        self._limiter = Limiter()
        NoiseBed()  # makes its loop, once a process: too long for a block, which must not wait

    def _tell(self, kind: EventKind, play: Play, text: str) -> None:
        self.events.append(MixerEvent(self.frame, kind, play, text))

    @property
    def frozen(self) -> bool:
        """Whether a pause has taken hold: nothing moves."""
        return self._frozen

    # Commands: each takes effect with the next block.

    def play(self, item: Item, fade_frames: int) -> None:
        """Cross-fade to `item` as soon as it is decoded; from silence fade in within 50 ms."""
        self.running = True
        if self.paused:
            self.resume()
        self._hurried = False
        for deck in self.decks:
            if deck.loaded and deck.item and deck.item.same(item) and not self._stopping:
                deck.wanted, deck.fade_frames = True, fade_frames
                return
        self._next_play = (item, fade_frames)

    def cue(self, item: Item, fade_frames: int) -> None:
        """Decode `item` ahead; it starts, cross-fading, when `fade_frames` are left."""
        self._next_cue = (item, fade_frames)

    def set_layer(self, level: float, n_frames: int) -> None:
        """Bring the layer to `level` (0..1) within `n_frames` (at least 250 ms)."""
        inside = min(max(level, 0.0), 1.0) if math.isfinite(level) else 0.0
        self.level.go(inside, max(n_frames, LAYER_RAMP))

    def pause(self) -> None:
        """Fade out within 50 ms and hold the tracks where they are."""
        if not self.paused and not self._stopping:
            self.paused = True
            self._transport.go(0.0, EDGE)

    def resume(self) -> None:
        """Go on from there."""
        if self.paused:
            self.paused = self._frozen = False
            self._transport.go(1.0, EDGE)

    def set_volume(self, gain: float) -> None:
        """Set the master's linear gain, 0 to 1."""
        self._volume.go(min(max(gain, 0.0), 1.0) if math.isfinite(gain) else 0.0, EDGE)

    def stop(self) -> None:
        """Fade layer and music together within 20 ms; then nothing is loaded any more."""
        self._next_play = self._next_cue = None
        self.running = False
        self._stopping = True
        self.paused = self._frozen = False
        self._transport.go(0.0, STOP)

    def watch(self, *, layer: bool, music: bool) -> None:
        """Fade the layer or all sound while nobody watches over it; bring it back after."""
        for glide, present in ((self._watch_layer, layer), (self._watch_music, music)):
            if glide.target != float(present):
                glide.go(float(present), _WATCH)

    @property
    def playing(self) -> bool:
        """Whether a track sounds, or is still to come."""
        coming = self.cued() >= 0 or any(deck.playing for deck in self.decks)
        return self.running and coming

    # Rendering.

    def _sounding(self) -> list[Deck]:
        return [deck for deck in self.decks if deck.playing]

    def cued(self) -> Play:
        """What waits for its turn; -1: nothing."""
        for waiting in (self._next_play, self._next_cue):
            if waiting is not None:
                return waiting[0].play
        return max((deck.play for deck in self.decks if deck.loaded), default=NO_PLAY)

    def _admit(self) -> None:
        """Give waiting tracks a deck; who asked to play now does not wait for a cross-fade."""
        if self._stopping:
            return
        if self._next_play is not None:
            deck = self._free(replace_wanted=True)
            leaving = next((d for d in self.decks if d.leaving), None)
            if deck is not None:
                self._load(deck, self._next_play, wanted=True)
                self._next_play = None
            elif leaving is not None and not self._hurried:
                leaving.leave(EDGE, power=False)
                self._hurried = True
        elif self._next_cue is not None:
            room = self._free(replace_wanted=False)
            if room is not None:
                self._load(room, self._next_cue, wanted=False)
                self._next_cue = None

    def _free(self, *, replace_wanted: bool) -> Deck | None:
        """Return a deck that can take a track: newer wishes replace older ones, not music."""
        empty = [d for d in self.decks if d.state is DeckState.EMPTY]
        wanted = [d for d in self.decks if d.loaded and d.wanted]
        cued = [d for d in self.decks if d.loaded and not d.wanted]
        order = wanted + empty + cued if replace_wanted else cued + empty
        return next(iter(order), None)

    def _load(self, deck: Deck, track: tuple[Item, int], *, wanted: bool) -> None:
        item, fade_frames = track
        voice = voice_for(item.grid, item.tonic)
        deck.load(item, voice, wanted=wanted, fade_frames=fade_frames)

    def _start(self) -> None:
        """Start the loaded track where it is its turn, on a multiple of HOP."""
        for deck in self.decks:
            deck.check()
        if self._stopping or self._frozen:
            return
        ready = [d for d in self.decks if d.state is DeckState.READY]
        ready.sort(key=lambda d: not d.wanted)
        if not ready or (not ready[0].wanted and any(d.wanted for d in self.decks)):
            return
        deck = ready[0]
        offset = -self.frame % HOP
        if offset >= BLOCK:
            return
        running = [d for d in self._sounding() if not d.leaving]
        if running:
            left = running[0].left()
            # A block of grace: the fade must not outlast the track that goes.
            if not deck.wanted and left > deck.fade_frames + HOP + BLOCK:
                return
            fade = max(min(deck.fade_frames, left - offset - BLOCK), EDGE)
            running[0].leave(fade, delay=offset)
            deck.begin(self.frame + offset, offset, fade, power=True)
        elif deck.wanted or self.running:
            deck.begin(self.frame + offset, offset, EDGE, power=False)

    def steady_blocks(self) -> int:
        """Blocks from here on in which the music is one track at constant gain, or silence.

        Commands apart, which come between blocks. In these a simulation need not decode.
        """
        glides = (self._transport, self._watch_music)
        waiting = self._next_play is not None or self._next_cue is not None
        if waiting or self._stopping or any(glide.moving for glide in glides):
            return 0
        if self._frozen:
            return 1 << 30
        if self._transport.value != 1.0 or self._watch_music.value != 1.0:
            return 0
        loaded = [deck for deck in self.decks if deck.loaded]
        sounding = self._sounding()
        if any(deck.wanted for deck in loaded) or len(sounding) > 1:
            return 0
        if not sounding:
            return 0 if loaded and self.running else 1 << 30
        if not sounding[0].steady:
            return 0
        fades = [deck.fade_frames for deck in loaded]
        margin = max(*fades, EDGE, 0) + 2 * HOP + 4 * BLOCK
        return max(0, (sounding[0].left() - margin) // BLOCK)

    def render(self) -> Block:
        """Render the next `BLOCK` frames."""
        frame = self.frame
        self._admit()
        self._start()
        music = np.zeros((BLOCK, 2), dtype=np.float32)
        parts: list[tuple[Deck, int, float | npt.NDArray[np.float64]]] = []
        if not self._frozen:
            for deck in self._sounding():
                parts.append((deck, *deck.add(music)))
        level = self.level.block(BLOCK)
        transport = self._transport.block(BLOCK) * self._watch_music.block(BLOCK)
        if isinstance(transport, np.ndarray):
            music *= transport[:, None].astype(np.float32)
        elif transport != 1.0:
            music *= np.float32(transport)
        layer = self._layer(frame, BLOCK, level, transport, parts)
        row = self._row(frame, {deck: first for deck, first, _ in parts})
        self.frame += BLOCK
        self._settle()
        return Block(frame, music, layer, row)

    def _layer(
        self,
        frame: int,
        n: int,
        level: float | npt.NDArray[np.float64],
        transport: float | npt.NDArray[np.float64],
        parts: list[tuple[Deck, int, float | npt.NDArray[np.float64]]],
    ) -> npt.NDArray[np.float32] | None:
        watched = self._watch_layer.block(n)
        if not parts or (isinstance(level, float) and level == 0.0):
            return None
        gain = level_gain(level) * watched * transport
        if not np.any(gain):
            return None
        layer = np.zeros(n, dtype=np.float32)
        for deck, first, share in parts:
            assert deck.voice is not None
            sound = deck.voice.render(n, track_frame=first, bus_frame=frame)
            layer += sound * np.asarray(gain * share).astype(np.float32)
        return layer

    def _row(self, frame: int, first: dict[Deck, int]) -> tuple[float, ...]:
        decks = (
            float(value)
            for deck in self.decks
            for value in (
                (deck.play, first.get(deck, deck.position), deck.gain())
                if deck.playing
                else (-1, 0, 0.0)
            )
        )
        level = self.level.value
        return (
            float(frame),
            float(BLOCK),
            *decks,
            level,
            float(level_gain(level)) * self._watch_layer.value,
            self._volume.value * self._transport.value * self._watch_music.value,
        )

    def _settle(self) -> None:
        """After a block: ended tracks leave, a finished stop or pause takes hold."""
        for deck in self.decks:
            deck.finish()
        if self._stopping and not self._transport.moving:
            for deck in self.decks:
                if deck.playing:
                    self._tell("track_ended", deck.play, "")
                deck.clear()
            self.level.jump(0.0)
            self._transport.jump(1.0)
            self._stopping = False
        if self.paused and not self._transport.moving:
            self._frozen = True

    def skip(self, n_blocks: int) -> tuple[npt.NDArray[np.float64], list[Block]]:
        """Pass over `n_blocks` steady blocks without their music.

        Returns
        -------
        rows : float64 [shape=(n_blocks, ...)]
            As `Block.row`, for every block.
        layers : list of Block
            The same span with its layer only; one block where the layer stands still, however
            long, else one for each `BLOCK` frames.
        """
        parts_of = [] if self._frozen else self._sounding()
        moving = self.level.moving or self._watch_layer.moving
        step = 1 if moving else n_blocks
        rows, layers = [], []
        empty = np.empty((0, 2), dtype=np.float32)
        for _ in range(0, n_blocks, step):
            n = step * BLOCK
            parts = [(deck, deck.position, deck.fade.value**2) for deck in parts_of]
            level = self.level.block(n)
            transport = self._transport.value * self._watch_music.value
            layer = self._layer(self.frame, n, level, transport, list(parts))
            row = self._row(self.frame, {})
            rows.append(np.tile(row, (step, 1)))
            layers.append(Block(self.frame, empty, layer, row))
            for k in (0, *(3 + 3 * d for d, deck in enumerate(self.decks) if deck in parts_of)):
                rows[-1][:, k] += np.arange(step) * BLOCK
            for deck in parts_of:
                deck.position += n
                deck.feed.skip(n)
            self.frame += n
        return np.concatenate(rows), layers

    def finish(self, block: Block) -> npt.NDArray[np.float32]:
        """From the buses to what the device gets: sum, volume, guard and limiter.

        The output is `Limiter.delay` frames later than the buses.
        """
        mix = block.music
        if block.layer is not None:
            mix = mix + block.layer[:, None]
        volume = self._volume.block(BLOCK)
        if isinstance(volume, np.ndarray):
            mix = mix * volume[:, None].astype(np.float32)
        elif volume != 1.0:
            mix = mix * np.float32(volume)
        if not np.isfinite(mix).all():
            self._tell("bad_sound", NO_PLAY, "A track held samples that are no numbers; muted.")
            self._limiter.reset()
            return np.zeros((BLOCK, 2), dtype=np.float32)
        return self._limiter.process(mix)
