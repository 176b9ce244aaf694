"""The same mixer on a virtual clock, in this process: for simulations faster than real time.

With `features_only` the sound of a track that plays alone at constant gain is not decoded: its
rows were computed when it was prepared. Only the layer and what lies around fades is rendered;
the rows are the same, bit for bit, as those of the full rendering.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from app.player.contract import BEATING, Beating, PlayerEvent, PlayerStatus, never
from app.player.decks import Deck, Item, frames
from app.player.heard import LayerRows, Trace, now_heard
from app.player.mixer import Block, Mixer
from devices.timeline import HeardTracks, Timeline
from dsp.checks import AttuneError, InputError, check_number, check_option
from dsp.grid import BLOCK, FS, HOP, WINDOW
from dsp.sound.heard import Heard, Play
from dsp.sound.stimulus import SILENCE_DB, StimulusFeatures
from playlists.decode import blocks
from playlists.tracks import PreparedTrack

_MEMORY = WINDOW // HOP  # rows before that a row depends on


class FileFeed:
    """A deck's feed that decodes in this process, when it is read and not before."""

    def __init__(self, *, lazy: bool) -> None:
        self._lazy = lazy
        self._item: Item | None = None
        self._at = 0
        self._source: Iterator[npt.NDArray[np.float32]] | None = None
        self._held = np.empty((0, 2), dtype=np.float32)
        self._failure = ""

    def load(self, item: Item) -> None:
        """Begin another track; unless lazy, its first block is decoded at once."""
        self._item, self._failure = item, ""
        self.seek(0)
        if not self._lazy:
            self._fill(1)

    def seek(self, frame: int) -> None:
        """Go to `frame` of the track."""
        self._at = frame
        self._source = None
        self._held = self._held[:0]

    def _fill(self, n_frames: int) -> None:
        """Decode until `n_frames` are held, or the track ends or fails."""
        assert self._item is not None
        try:
            if self._source is None:
                self._source = blocks(self._item.path, start=self._at)
            while self._held.shape[0] < n_frames:
                block = next(self._source, None)
                if block is None:
                    return
                self._held = np.concatenate([self._held, block])
        except AttuneError as problem:
            self._failure = str(problem)

    def ready(self) -> int:
        """Frames to the end of the track; of a broken one, those that are decoded."""
        assert self._item is not None
        if self._failure:
            return int(self._held.shape[0])
        return max(0, self._item.n_frames - self._at)

    def complete(self) -> bool:
        """Nothing is waited for here."""
        return True

    def failure(self) -> str:
        """Why the track cannot be decoded (further), or empty."""
        return self._failure

    def read(self, n_frames: int) -> npt.NDArray[np.float32]:
        """Take `n_frames` off the front; what is missing is silence."""
        if self._held.shape[0] < n_frames and not self._failure:
            self._fill(n_frames)
        out, self._held = self._held[:n_frames], self._held[n_frames:]
        self._at += n_frames
        if out.shape[0] < n_frames:
            pad = np.zeros((n_frames - out.shape[0], 2), dtype=np.float32)
            out = np.concatenate([out, pad])
        return out

    def skip(self, n_frames: int) -> None:
        """Pass over `n_frames` undecoded."""
        self.seek(self._at + n_frames)


class VirtualPlayer:
    """`Player` without processes and without wall time.

    Parameters
    ----------
    start : float
        LSL second at which frame 0 is heard.
    features_only : bool
        Take flux and level of a track that plays alone from its `PreparedTrack`. The envelope
        rise is not among what is prepared; that column is 0 throughout.
    """

    def __init__(self, *, start: float = 0.0, features_only: bool = False) -> None:
        self._t0 = check_number("start", start, unit="s")
        self._lazy = features_only
        self._feeds = [FileFeed(lazy=features_only) for _ in range(2)]
        self._mixer = Mixer(self._feeds)
        self.timeline = Timeline.create(local=True)
        self.tracks = HeardTracks.create(local=True)
        self._trace = Trace(self.timeline)
        self._features = StimulusFeatures()
        self._envelope = LayerRows()
        self._cached: dict[int, npt.NDArray[np.float32]] = {}
        self._events: list[PlayerEvent] = []
        self._full_until = 0  # frame of the bus up to which rows need the sound itself
        self._skipped = False  # whether the newest frames were passed over ...
        self._passed: Deck | None = None  # ... and which deck played there
        self._closed = False

    @property
    def now(self) -> float:
        """LSL second that is rendered up to."""
        return self._t0 + self._mixer.frame / FS

    def start(self, stopped: Callable[[], bool] = never) -> None:
        """Nothing to start; here so that a session can drive either player."""

    def close(self) -> None:
        """Let go. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self.timeline.close()
            self.tracks.close()

    # Commands: as in `Player`; they take effect with the next block.

    def beat(self, who: Beating) -> None:
        """Nobody watches: here time stands still while the program does."""
        check_option("who", who, BEATING)

    def play(self, play: Play, track: PreparedTrack, *, fade: float = 4.0) -> None:
        """Cross-fade to `track` at once; from silence with a fade-in of 50 ms."""
        self._prepare(play, track)
        self._mixer.play(Item.of(play, track), frames(fade))

    def cue(self, play: Play, track: PreparedTrack, *, fade: float = 4.0) -> None:
        """`track` cross-fades in when the running one has `fade` s left."""
        self._prepare(play, track)
        self._mixer.cue(Item.of(play, track), frames(fade))

    def _prepare(self, play: Play, track: PreparedTrack) -> None:
        if self._lazy and track.feature.size < track.n_frames // HOP:
            raise InputError(
                f"{track.track.path.name} has {track.feature.size} rows of features; "
                f"expected {track.n_frames // HOP}: prepare it again."
            )
        level = track.level
        if level.size < track.feature.size:
            level = np.full(track.feature.size, np.nan, dtype=np.float32)
        self._cached[play] = np.stack([track.feature, level[: track.feature.size]], axis=1)

    def set_layer(self, level: float, *, ramp: float) -> None:
        """Bring the layer to `level` (0..1) within `ramp` s (at least 0.25)."""
        inside = check_number("layer level", level, low=0.0, high=1.0)
        seconds = check_number("layer ramp", ramp, low=0.0, high=600.0, unit="s")
        self._mixer.set_layer(inside, frames(seconds))

    def pause(self) -> None:
        """Fade out within 50 ms and hold."""
        self._mixer.pause()

    def resume(self) -> None:
        """Go on from there."""
        self._mixer.resume()

    def set_volume(self, db: float) -> None:
        """Set the volume, dB (-80 to 0; -80 is off)."""
        decibels = check_number("volume", db, low=-80.0, high=0.0, unit="dB")
        self._mixer.set_volume(0.0 if decibels <= -80.0 else 10.0 ** (decibels / 20.0))

    def stop(self) -> None:
        """Fade layer and music together within 20 ms, then silence."""
        self._mixer.stop()

    # Time.

    def advance(self, until: float) -> None:
        """Render up to LSL second `until`.

        Raises
        ------
        InputError
            If `until` lies before what is rendered already.
        """
        target = math.floor((until - self._t0) * FS / BLOCK + 1e-6)
        if not math.isfinite(until) or target * BLOCK < self._mixer.frame:
            raise InputError(f"advance to {until!r} s asked for; expected {self.now:.3f} or later.")
        while self._mixer.frame < target * BLOCK:
            n = 0
            if self._lazy and self._mixer.frame >= self._full_until and self._aligned():
                n = min(self._mixer.steady_blocks(), target - self._mixer.frame // BLOCK)
            if n > 0:
                self._skip(n)
            else:
                self._render()

    def _alone(self) -> Deck | None:
        """The deck that plays, where only one does."""
        playing = [deck for deck in self._mixer.decks if deck.playing]
        return playing[0] if len(playing) == 1 and not self._mixer.frozen else None

    def _aligned(self) -> bool:
        """Whether rows of the bus are rows of the track (not after a pause)."""
        deck = self._alone()
        return deck is None or (self._mixer.frame - deck.position) % HOP == 0

    def _skip(self, n_blocks: int) -> None:
        """Pass over steady blocks; rows come from the prepared track."""
        begin, deck = self._mixer.frame, self._alone()
        row = begin // HOP
        shift = (begin - deck.position) // HOP if deck else 0
        rows, layers = self._mixer.skip(n_blocks)
        times = self._t0 + rows[:, 0] / FS
        self.timeline.extend(np.column_stack([times, rows]))
        n_rows = self._mixer.frame // HOP - row
        music = np.zeros((n_rows, 3), dtype=np.float32)
        music[:, 2] = SILENCE_DB
        if deck is not None:
            music[:, [0, 2]] = self._cached[deck.play][row - shift : row - shift + n_rows]
        ends = [block.frame for block in layers[1:]] + [self._mixer.frame]
        levels = [
            self._envelope.push(block.layer, end - block.frame)
            for block, end in zip(layers, ends, strict=True)
        ]
        self._trace.push(music, np.concatenate(levels))
        self._skipped, self._passed = True, deck

    def _render(self) -> None:
        """Render one block in full."""
        mixer = self._mixer
        if self._skipped:
            self._warm_up()
        steady = mixer.steady_blocks() > 0
        block: Block = mixer.render()
        if not steady:
            # Rows that see any of this block, and as many before them, need the sound.
            self._full_until = (-(-mixer.frame // HOP) + _MEMORY) * HOP
        self.timeline.append((self._t0 + block.frame / FS, *block.row))
        rows = self._features.push(block.music)
        if self._lazy:
            rows[:, 1] = 0.0
        self._trace.push(rows, self._envelope.push(block.layer, BLOCK))
        for event in mixer.events:
            self._events.append(
                PlayerEvent(self._t0 + event.frame / FS, event.kind, event.play, event.text)
            )
        mixer.events.clear()

    def _warm_up(self) -> None:
        """Give the features the sound just before this block, which was passed over."""
        self._skipped = False
        self._features = StimulusFeatures()
        frame = self._mixer.frame
        back = frame - (frame // HOP - _MEMORY) * HOP
        deck = self._passed
        sound = np.zeros((back, 2), dtype=np.float32)
        if deck is not None and deck.item is not None:
            feed = self._feeds[self._mixer.decks.index(deck)]
            feed.seek(deck.position - back)
            sound = feed.read(back) * np.float32(deck.item.gain)
        self._features.push(sound)

    # News.

    def heard(self) -> Heard:
        """Return all rows that were heard since the last call."""
        return self._trace.take(self.now)

    def status(self) -> PlayerStatus:
        """Return the state of the player at `now`."""
        mixer = self._mixer
        play, position, level = now_heard(self.timeline, self.now)
        return PlayerStatus(
            output="virtual clock",
            is_null=True,
            playing=mixer.playing,
            paused=mixer.paused,
            play=Play(int(play)),
            position=position,
            cued=mixer.cued(),
            layer_level=level,
            silent_s=mixer.frame / FS,
        )

    def events(self) -> list[PlayerEvent]:
        """Return what happened since the last call."""
        out, self._events = self._events, []
        return out
