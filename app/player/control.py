"""What program and engine tell each other: commands and tracks there, state and events back.

Every array has one writer. A counter is written after the data it counts; on the machines we
run on (and under CPython, whose own locking orders stores) that is enough.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from app.player.contract import BEATING, EVENT_KINDS, Beating, EventKind, PlayerEvent
from app.player.decks import Item
from devices.shared import Fields, SharedBlock, SharedTable
from dsp.checks import InputError
from dsp.sound.beatgrid import BeatGrid
from dsp.sound.heard import Play

N_COMMANDS = 64
N_ITEMS = 16
N_BEATS = 8192
N_EVENTS = 256
PATH_BYTES, TEXT_BYTES = 4096, 512


class Command(enum.IntEnum):
    """What the program asks of the engine."""

    PLAY = 1  # item, fade frames
    CUE = 2  # item, fade frames
    LAYER = 3  # level, ramp frames
    PAUSE = 4
    RESUME = 5
    STOP = 6
    VOLUME = 7  # linear gain


STATUS = (
    "started",  # 1: an output runs; 2: it could not be had
    "is_null",
    "wireless",
    "latency",
    "residual",
    "lost_blocks",
    "playing",
    "paused",
    "cued",
    "device_s",  # rendered for a device ...
    "silent_s",  # ... and for nobody
    "looks",  # of the housekeeping loop so far: its sign of life
)

Text = Literal["output", "notice"]
TEXTS: tuple[Text, ...] = get_args(Text)

_CONTROL: Fields = {
    "commands": ("float64", (N_COMMANDS, 3)),
    "commands_total": ("int64", (1,)),
    "items": ("float64", (N_ITEMS, 6)),  # play, gain, n_frames, tonic, n_beats, confidence
    "beats": ("float64", (N_ITEMS, N_BEATS)),
    "paths": ("uint8", (N_ITEMS, PATH_BYTES)),
    "items_total": ("int64", (1,)),
    "beats_of": ("float64", (len(BEATING),)),  # program: LSL s at which each last beat; 0: never
    "quit": ("int64", (1,)),
    "status": ("float64", (len(STATUS),)),
    "texts": ("uint8", (len(TEXTS), TEXT_BYTES)),
    "events": ("float64", (N_EVENTS, 3)),  # time, place of the kind in EVENT_KINDS, value
    "events_text": ("uint8", (N_EVENTS, TEXT_BYTES)),
    "events_total": ("int64", (1,)),
}


def put_text(place: npt.NDArray[np.uint8], text: str) -> None:
    """Store `text` as UTF-8, cut where it does not fit."""
    raw = text.encode("utf-8", "surrogateescape")[: place.size - 1]
    place[: len(raw)] = np.frombuffer(raw, dtype=np.uint8)
    place[len(raw) :] = 0


def get_text(place: npt.NDArray[np.uint8]) -> str:
    """Read what `put_text` stored."""
    return bytes(place).split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


class Control(SharedTable):
    """Commands to the engine; its state and events back."""

    FIELDS = _CONTROL

    def __init__(self, block: SharedBlock) -> None:
        super().__init__(block)
        self._taken = 0

    def send(self, command: Command, a: float = 0.0, b: float = 0.0) -> None:
        """Program: append a command."""
        arrays = self._block.arrays
        total = arrays["commands_total"]
        arrays["commands"][int(total[0]) % N_COMMANDS] = (command, a, b)
        total[0] += 1

    def put_item(self, item: Item) -> int:
        """Program: store what the engine needs to know of a track; return its number."""
        beats = item.grid.beats
        if beats.size > N_BEATS:
            beats = beats[:N_BEATS]
        raw = len(item.path.encode("utf-8", "surrogateescape"))
        if raw >= PATH_BYTES:
            raise InputError(f"the path {item.path[:60]}... has {raw} bytes; move it nearer.")
        arrays = self._block.arrays
        number = int(arrays["items_total"][0])
        slot = number % N_ITEMS
        arrays["beats"][slot, : beats.size] = beats
        put_text(arrays["paths"][slot], item.path)
        arrays["items"][slot] = (
            item.play,
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
        arrays, slot = self._block.arrays, number % N_ITEMS
        play, gain, n_frames, tonic, n_beats, confidence = arrays["items"][slot].tolist()
        beats = arrays["beats"][slot, : int(n_beats)].copy()
        return Item(
            play=Play(int(play)),
            path=get_text(arrays["paths"][slot]),
            gain=gain,
            n_frames=int(n_frames),
            grid=BeatGrid(beats=beats, tempo=0.0, confidence=confidence),
            tonic=tonic,
        )

    def take(self) -> list[tuple[Command, float, float]]:
        """Engine: commands since the last call."""
        arrays = self._block.arrays
        total = int(arrays["commands_total"][0])
        if total == self._taken:
            return []
        first = max(self._taken, total - N_COMMANDS)
        self._taken = total
        rows = arrays["commands"][np.arange(first, total) % N_COMMANDS].tolist()
        return [(Command(int(kind)), a, b) for kind, a, b in rows]

    def tell(self, time: float, kind: EventKind, value: float, text: str) -> None:
        """Engine: append an event."""
        arrays = self._block.arrays
        slot = int(arrays["events_total"][0]) % N_EVENTS
        arrays["events"][slot] = (time, EVENT_KINDS.index(kind), value)
        put_text(arrays["events_text"][slot], text)
        arrays["events_total"][0] += 1

    def told(self) -> list[PlayerEvent]:
        """Program: events since the last call."""
        arrays = self._block.arrays
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
        self._block.arrays["beats_of"][BEATING.index(who)] = at

    def beats(self) -> dict[Beating, float]:
        """Engine: when those that have ever beaten did so last, LSL s."""
        beats = self._block.arrays["beats_of"].tolist()
        return {who: at for who, at in zip(BEATING, beats, strict=True) if at > 0.0}

    def status(self) -> dict[str, float]:
        """Program: the engine's newest state."""
        return dict(zip(STATUS, self._block.arrays["status"].tolist(), strict=True))

    def put_status(self, values: Mapping[str, float]) -> None:
        """Engine: say how things stand, a value for each of `STATUS`."""
        self._block.arrays["status"][:] = [values[name] for name in STATUS]

    def text(self, which: Text) -> str:
        """Program: name of the output, or what the screen must say of it."""
        return get_text(self._block.arrays["texts"][TEXTS.index(which)])

    def put_text(self, which: Text, text: str) -> None:
        """Engine: set one of these."""
        put_text(self._block.arrays["texts"][TEXTS.index(which)], text)

    def quit(self) -> None:
        """Program: the engine shall fade out and end."""
        self._block.arrays["quit"][0] = 1

    def quitting(self) -> bool:
        """Engine: whether it shall end."""
        return bool(self._block.arrays["quit"][0])
