"""Shared memory between the program, the engine and its decoders: layouts and hand-overs.

Every array has one writer. A counter is written after the data it counts; on the machines we
run on (and under CPython, whose own locking orders stores) that is enough.
"""

from __future__ import annotations

import enum
import math

import numpy as np
import numpy.typing as npt

from app.player.contract import BEATING, EVENT_KINDS, Beating, EventKind, PlayerEvent
from app.player.decks import BLOCK, Item
from devices.shared import Fields, SharedBlock
from dsp.checks import InputError
from dsp.grid import FS
from dsp.sound.beatgrid import BeatGrid

RING = 8 * FS  #: frames of decoded sound a deck holds
BUS = 1500 * BLOCK  #: frames of the buses that the program can be behind (15 s)
N_COMMANDS = 64
N_ITEMS = 16
N_BEATS = 8192
N_EVENTS = 256
_PATH = 4096
_TEXT = 512


class Command(enum.IntEnum):
    """What the program asks of the engine."""

    PLAY = 1  # item, fade frames
    CUE = 2  # item, fade frames
    LAYER = 3  # level, ramp frames
    PAUSE = 4
    RESUME = 5
    STOP = 6
    VOLUME = 7  # linear gain


class Done(enum.IntEnum):
    """How far a decoder is with a track."""

    NO = 0
    END = 1
    FAILED = 2


STATUS = (
    "started",  # 1: an output runs; 2: it could not be had
    "is_null",
    "latency",
    "residual",
    "lost_blocks",
    "running",
    "paused",
    "cued",
    "cpu_s",  # CPU seconds of the whole engine process so far
    "looks",  # of the housekeeping loop so far: its sign of life
)

_CONTROL: Fields = {
    "commands": ("float64", (N_COMMANDS, 3)),
    "commands_total": ("int64", (1,)),
    "items": ("float64", (N_ITEMS, 6)),  # index, gain, n_frames, tonic, n_beats, confidence
    "beats": ("float64", (N_ITEMS, N_BEATS)),
    "paths": ("uint8", (N_ITEMS, _PATH)),
    "items_total": ("int64", (1,)),
    "beats_of": ("float64", (len(BEATING),)),  # program: LSL s at which each last beat; 0: never
    "quit": ("int64", (1,)),
    "status": ("float64", (len(STATUS),)),
    "texts": ("uint8", (2, _TEXT)),  # name of the output; notice
    "events": ("float64", (N_EVENTS, 3)),  # time, place of the kind in EVENT_KINDS, value
    "events_text": ("uint8", (N_EVENTS, _TEXT)),
    "events_total": ("int64", (1,)),
}
_BUS: Fields = {
    "music": ("float32", (BUS, 2)),
    "layer": ("float32", (BUS,)),
    "total": ("int64", (1,)),
}
_DECK: Fields = {
    "ring": ("float32", (RING, 2)),
    "want": ("int64", (1,)),  # engine: number of the track that it wants here
    "path": ("uint8", (_PATH,)),  # engine: where that is
    "read": ("int64", (1,)),  # engine: frames taken
    "have": ("int64", (1,)),  # decoder: number of the track in the ring
    "written": ("int64", (1,)),  # decoder: frames put in
    "done": ("int64", (1,)),  # decoder: Done
    "error": ("uint8", (_TEXT,)),  # decoder: why it failed
}


def put_text(place: npt.NDArray[np.uint8], text: str) -> None:
    """Store `text` as UTF-8, cut where it does not fit."""
    raw = text.encode("utf-8", "surrogateescape")[: place.size - 1]
    place[: len(raw)] = np.frombuffer(raw, dtype=np.uint8)
    place[len(raw) :] = 0


def get_text(place: npt.NDArray[np.uint8]) -> str:
    """Read what `put_text` stored."""
    return bytes(place).split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


class Control:
    """Commands to the engine; its state and events back."""

    def __init__(self, block: SharedBlock) -> None:
        self.block = block
        self._taken = 0

    @classmethod
    def create(cls) -> Control:
        """Make an empty one."""
        return cls(SharedBlock.create(_CONTROL))

    @classmethod
    def attach(cls, name: str) -> Control:
        """Open the one the program made."""
        return cls(SharedBlock.attach(name))

    def send(self, command: Command, a: float = 0.0, b: float = 0.0) -> None:
        """Program: append a command."""
        arrays = self.block.arrays
        total = arrays["commands_total"]
        arrays["commands"][int(total[0]) % N_COMMANDS] = (command, a, b)
        total[0] += 1

    def put_item(self, item: Item) -> int:
        """Program: store what the engine needs to know of a track; return its number."""
        beats = item.grid.beats
        if beats.size > N_BEATS:
            beats = beats[:N_BEATS]
        raw = len(item.path.encode("utf-8", "surrogateescape"))
        if raw >= _PATH:
            raise InputError(f"the path of track {item.index} has {raw} bytes; move it nearer.")
        arrays = self.block.arrays
        number = int(arrays["items_total"][0])
        slot = number % N_ITEMS
        arrays["beats"][slot, : beats.size] = beats
        put_text(arrays["paths"][slot], item.path)
        arrays["items"][slot] = (
            item.index,
            item.gain,
            item.n_frames,
            item.tonic,
            beats.size,
            item.grid.confidence,
        )
        arrays["items_total"][0] += 1
        return number

    def get_item(self, number: int) -> Item:
        """Engine: the track stored under `number`."""
        arrays, slot = self.block.arrays, number % N_ITEMS
        index, gain, n_frames, tonic, n_beats, confidence = arrays["items"][slot].tolist()
        beats = arrays["beats"][slot, : int(n_beats)].copy()
        return Item(
            index=int(index),
            path=get_text(arrays["paths"][slot]),
            gain=gain,
            n_frames=int(n_frames),
            grid=BeatGrid(beats=beats, tempo=0.0, confidence=confidence),
            tonic=tonic,
        )

    def take(self) -> list[tuple[Command, float, float]]:
        """Engine: commands since the last call."""
        arrays = self.block.arrays
        total = int(arrays["commands_total"][0])
        if total == self._taken:
            return []
        first = max(self._taken, total - N_COMMANDS)
        self._taken = total
        rows = arrays["commands"][np.arange(first, total) % N_COMMANDS].tolist()
        return [(Command(int(kind)), a, b) for kind, a, b in rows]

    def tell(self, time: float, kind: EventKind, value: float, text: str) -> None:
        """Engine: append an event."""
        arrays = self.block.arrays
        slot = int(arrays["events_total"][0]) % N_EVENTS
        arrays["events"][slot] = (time, EVENT_KINDS.index(kind), value)
        put_text(arrays["events_text"][slot], text)
        arrays["events_total"][0] += 1

    def told(self) -> list[PlayerEvent]:
        """Program: events since the last call."""
        arrays = self.block.arrays
        total = int(arrays["events_total"][0])
        out = []
        for number in range(max(self._taken, total - N_EVENTS), total):
            slot = number % N_EVENTS
            time, kind, value = arrays["events"][slot].tolist()
            text = get_text(arrays["events_text"][slot])
            out.append(PlayerEvent(time, EVENT_KINDS[int(kind)], int(value), text))
        self._taken = total
        return out

    def beat(self, who: Beating, at: float) -> None:
        """Program: `who` lives at LSL second `at`."""
        self.block.arrays["beats_of"][BEATING.index(who)] = at

    def beats(self) -> dict[Beating, float]:
        """Engine: when those that have ever beaten did so last, LSL s."""
        beats = self.block.arrays["beats_of"].tolist()
        return {who: at for who, at in zip(BEATING, beats, strict=True) if at > 0.0}

    def status(self) -> dict[str, float]:
        """Program: the engine's newest state."""
        return dict(zip(STATUS, self.block.arrays["status"].tolist(), strict=True))


class Bus:
    """Music and layer as rendered: one writer (engine), one reader (program)."""

    def __init__(self, block: SharedBlock) -> None:
        self.block = block

    @classmethod
    def create(cls) -> Bus:
        """Make an empty one."""
        return cls(SharedBlock.create(_BUS))

    @classmethod
    def attach(cls, name: str) -> Bus:
        """Open the one the program made."""
        return cls(SharedBlock.attach(name))

    @property
    def total(self) -> int:
        """Frames written so far."""
        return int(self.block.arrays["total"][0])

    def append(self, music: npt.NDArray[np.float32], layer: npt.NDArray[np.float32] | None) -> None:
        """Engine: one block of `BLOCK` frames (never straddles the end: BUS is a multiple)."""
        arrays = self.block.arrays
        at = int(arrays["total"][0]) % BUS
        arrays["music"][at : at + BLOCK] = music
        arrays["layer"][at : at + BLOCK] = 0.0 if layer is None else layer
        arrays["total"][0] += BLOCK

    def since(self, frame: int) -> tuple[int, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Program: frames from number `frame` on, or from later if those are overwritten.

        Returns
        -------
        first : int
        music : float32 [shape=(n, 2)]
        layer : float32 [shape=(n,)]
        """
        arrays = self.block.arrays
        total = self.total
        # A second is left to the writer, so that nothing is read half written.
        first = max(frame, total - BUS + FS)
        begin, end = first % BUS, first % BUS + total - first
        if end <= BUS:
            return first, arrays["music"][begin:end].copy(), arrays["layer"][begin:end].copy()
        at = np.arange(begin, end) % BUS
        return first, arrays["music"][at], arrays["layer"][at]


class DeckRing:
    """Decoded sound of one deck: the decoder writes, the engine reads (it is the deck's feed)."""

    def __init__(self, block: SharedBlock) -> None:
        self.block = block
        self._a = block.arrays

    @classmethod
    def create(cls) -> DeckRing:
        """Make an empty one."""
        return cls(SharedBlock.create(_DECK))

    @classmethod
    def attach(cls, name: str) -> DeckRing:
        """Open the one the program made."""
        return cls(SharedBlock.attach(name))

    # The engine's side: `app.player.decks.Feed`.

    def load(self, item: Item) -> None:
        """Ask the decoder for another track."""
        put_text(self._a["path"], item.path)
        self._a["read"][0] = 0
        self._a["want"][0] += 1

    def _current(self) -> bool:
        return bool(self._a["have"][0] == self._a["want"][0])

    def ready(self) -> int:
        """Frames that can be read at once."""
        return int(self._a["written"][0] - self._a["read"][0]) if self._current() else 0

    def complete(self) -> bool:
        """Whether nothing more will come."""
        return self._current() and int(self._a["done"][0]) != Done.NO

    def failure(self) -> str:
        """Why the decoder gave up, or empty."""
        failed = self._current() and int(self._a["done"][0]) == Done.FAILED
        return get_text(self._a["error"]) if failed else ""

    def read(self, n_frames: int) -> npt.NDArray[np.float32]:
        """Take `n_frames` off the front."""
        begin = int(self._a["read"][0]) % RING
        end = begin + n_frames
        ring = self._a["ring"]
        out = ring[begin:end] if end <= RING else ring[np.arange(begin, end) % RING]
        # Copied before the counter frees the place.
        out = out.copy()
        self._a["read"][0] += n_frames
        return out

    def skip(self, n_frames: int) -> None:
        """Pass over `n_frames`."""
        self._a["read"][0] += n_frames

    # The decoder's side.

    def wanted(self) -> tuple[int, str]:
        """Return number and path of the track that is asked for."""
        return int(self._a["want"][0]), get_text(self._a["path"])

    def open(self, number: int) -> None:
        """Begin track `number`."""
        self._a["done"][0] = Done.NO
        self._a["written"][0] = 0
        self._a["have"][0] = number

    def room(self) -> int:
        """Frames that can be written now."""
        return RING - int(self._a["written"][0] - self._a["read"][0])

    def write(self, sound: npt.NDArray[np.float32]) -> None:
        """Append `sound` [shape=(n, 2)], n at most `room`."""
        begin = int(self._a["written"][0]) % RING
        head = min(sound.shape[0], RING - begin)
        self._a["ring"][begin : begin + head] = sound[:head]
        self._a["ring"][: sound.shape[0] - head] = sound[head:]
        self._a["written"][0] += sound.shape[0]

    def end(self, error: str = "") -> None:
        """Nothing more comes: the track is decoded, or `error` says why not."""
        put_text(self._a["error"], error)
        self._a["done"][0] = Done.FAILED if error else Done.END

    def orphaned(self) -> int:
        """Return the number of the track that a decoder left behind unfinished, or 0."""
        unfinished = int(self._a["done"][0]) == Done.NO and int(self._a["have"][0]) > 0
        return int(self._a["have"][0]) if unfinished else 0


def frames(seconds: float) -> int:
    """Seconds to frames, at least 0."""
    return max(0, round(seconds * FS)) if math.isfinite(seconds) else 0
