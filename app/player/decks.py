"""A deck: one track, from its feed of decoded sound, with its fades."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.player.contract import EventKind
from app.player.glide import Glide
from dsp.grid import BLOCK, FS
from dsp.sound.beatgrid import BeatGrid
from dsp.sound.heard import NO_PLAY, Play
from dsp.sound.layer import Voice
from playlists.tracks import PreparedTrack

EDGE = FS // 20  #: frames of the shortest fade (50 ms)
ENOUGH = FS // 2  #: decoded frames a track needs before it may start


def frames(seconds: float) -> int:
    """Seconds to frames, at least 0."""
    return max(0, round(seconds * FS)) if math.isfinite(seconds) else 0


@dataclass(frozen=True)
class Item:
    """What the engine is told of a track."""

    play: Play
    path: str
    gain: float
    n_frames: int
    grid: BeatGrid
    tonic: float

    @classmethod
    def of(cls, play: Play, track: PreparedTrack) -> Item:
        """What it needs to know of `track`."""
        return cls(
            play=play,
            path=str(track.track.path),
            gain=track.gain,
            n_frames=track.n_frames,
            grid=track.grid,
            tonic=track.tonic,
        )

    def same(self, other: Item) -> bool:
        """Whether `other` is the same play."""
        return (self.play, self.path) == (other.play, other.path)


class Feed(Protocol):
    """Decoded sound of one track after the other."""

    def load(self, item: Item) -> None:
        """Begin another track; what was decoded of the one before is dropped."""
        ...

    def ready(self) -> int:
        """Frames that can be read at once."""
        ...

    def complete(self) -> bool:
        """Whether `ready` is all that is left, be it the end or a failure."""
        ...

    def failure(self) -> str:
        """Sentence that says why the track cannot be decoded (further), or empty."""
        ...

    def read(self, n_frames: int) -> npt.NDArray[np.float32]:
        """Take `n_frames`, at most `ready`, off the front [shape=(n_frames, 2)]."""
        ...

    def skip(self, n_frames: int) -> None:
        """Pass over `n_frames`, at most `ready`, unheard."""
        ...


class DeckState(enum.IntEnum):
    """What a deck is doing."""

    EMPTY = 0
    LOADING = 1
    READY = 2
    PLAYING = 3


Tell = Callable[[EventKind, Play, str], None]


class Deck:
    """One of the two tracks that can sound at the same time."""

    def __init__(self, feed: Feed, tell: Tell) -> None:
        self.feed = feed
        self._tell = tell
        self.state = DeckState.EMPTY
        self.item: Item | None = None
        self.voice: Voice | None = None
        self.fade = Glide(0.0)  #: of the cross-fade
        self.edge = Glide(1.0)  #: at the end of the decoded sound
        self.position = 0  #: next frame of the track
        self.start = 0  #: frame of the bus at which the track began
        self.leaving = False  #: fading out for good
        self.wanted = False  #: to start as soon as it can (not cued)
        self.fade_frames = EDGE
        self._offset = 0
        self._broken = False

    @property
    def play(self) -> Play:
        """Which play it is, or -1."""
        return self.item.play if self.item else NO_PLAY

    @property
    def playing(self) -> bool:
        """Whether it sounds, or is about to within the block."""
        return self.state is DeckState.PLAYING

    @property
    def loaded(self) -> bool:
        """Whether a track waits on it for its turn."""
        return self.state in (DeckState.LOADING, DeckState.READY)

    def load(self, item: Item, voice: Voice, *, wanted: bool, fade_frames: int) -> None:
        """Take `item` on, in place of whatever was loaded."""
        self.item, self.voice = item, voice
        self.state = DeckState.LOADING
        self.position, self.leaving, self._broken = 0, False, False
        self.wanted, self.fade_frames = wanted, fade_frames
        self.fade.jump(0.0)
        self.edge.jump(1.0)
        self.feed.load(item)

    def clear(self) -> None:
        """Let go of the track without a word."""
        self.item, self.voice = None, None
        self.state, self.leaving, self.wanted = DeckState.EMPTY, False, False
        self.fade.jump(0.0)

    def check(self) -> None:
        """Look whether the decoder has enough, or has given up."""
        if self.state is DeckState.EMPTY or self._broken:
            return
        failure = self.feed.failure()
        if failure and self.state is not DeckState.LOADING:
            # What is decoded still plays; the program can choose what follows meanwhile.
            self._broken = True
            self._tell("track_skipped", self.play, failure)
        elif self.state is not DeckState.LOADING:
            return
        elif failure:
            self._tell("track_skipped", self.play, failure)
            self.clear()
        elif self.feed.ready() >= ENOUGH or (self.feed.complete() and self.feed.ready() > 0):
            self.state = DeckState.READY

    def begin(self, start: int, offset: int, n_frames: int, *, power: bool) -> None:
        """Start at bus frame `start`, `offset` frames into this block, fading in."""
        self.state, self.start, self.wanted = DeckState.PLAYING, start, False
        self.fade.jump(0.0)
        self.fade.go(1.0, n_frames, power=power, delay=0)
        self._offset = offset
        assert self.item is not None
        self._tell("track_started", self.item.play, "")

    def leave(self, n_frames: int, *, delay: int = 0, power: bool = True) -> None:
        """Fade out and end."""
        self.leaving = True
        self.fade.go(0.0, n_frames, power=power, delay=delay)

    def left(self) -> int:
        """Frames until the track ends, by its stated length until the end is decoded."""
        assert self.item is not None
        if self.feed.complete():
            return self.feed.ready()
        return max(self.item.n_frames - self.position, self.feed.ready())

    def gain(self) -> float:
        """Linear gain at the end of the newest block, track gain and fades included."""
        return self.item.gain * self.fade.value * self.edge.value if self.item else 0.0

    @property
    def steady(self) -> bool:
        """Whether nothing about it changes but the position."""
        return not (self.fade.moving or self.edge.moving or self.leaving) and self.edge.value == 1.0

    def add(self, music: npt.NDArray[np.float32]) -> tuple[int, float | npt.NDArray[np.float64]]:
        """Add this deck's next block to `music` [shape=(BLOCK, 2)].

        Returns
        -------
        first : int
            Track frame that belongs to the first frame of the block (negative before a start).
        share : float or float64 [shape=(BLOCK,)]
            Share of the layer that belongs to this deck: the square of its fades, so that the
            shares of two cross-fading decks never sum to more than one.
        """
        assert self.item is not None
        offset, self._offset = self._offset, 0
        n = BLOCK - offset
        first = self.position - offset
        edge = self._edge(n)
        fade = self.fade.block(n)
        if self.edge.value == 0.0 and not isinstance(edge, np.ndarray) and not self.feed.complete():
            return first, 0.0  # waiting for the decoder
        take = min(n, self.feed.ready())
        sound = self.feed.read(take) * np.float32(self.item.gain)
        gain = edge * fade
        if isinstance(gain, np.ndarray):
            sound *= gain[:take, None].astype(np.float32)
        elif gain != 1.0:
            sound *= np.float32(gain)
        music[offset : offset + take] += sound
        self.position += take
        share: float | npt.NDArray[np.float64] = gain * gain
        if offset or isinstance(share, np.ndarray):
            whole = np.zeros(BLOCK)
            whole[offset:] = share
            share = whole
        return first, share

    def _edge(self, n: int) -> float | npt.NDArray[np.float64]:
        """Fade where the decoded sound ends: at the end of the track, or of what there is."""
        ready, complete = self.feed.ready(), self.feed.complete()
        if self.edge.value == 0.0 and not self.edge.moving:
            if not complete and ready >= ENOUGH:
                self.edge.go(1.0, EDGE)
        elif self.edge.target != 0.0 and ready < EDGE + 2 * n:
            length = min(EDGE, max(ready, 1))
            self.edge.go(0.0, length, delay=max(0, ready - length) if complete else 0)
            if not complete:
                assert self.item is not None
                self._tell(
                    "starved",
                    self.item.play,
                    "The computer decodes this track too slowly; the music waits for it.",
                )
        return self.edge.block(n)

    def finish(self) -> bool:
        """After a block: whether the track is over; then the deck is empty again."""
        if not self.playing:
            return False
        faded = self.leaving and not self.fade.moving
        spent = self.feed.complete() and self.feed.ready() == 0
        if not (faded or spent):
            return False
        self._tell("track_ended", self.play, "")
        self.clear()
        return True
