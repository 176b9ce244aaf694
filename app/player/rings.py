"""Sound in shared memory: what the engine rendered, and what its decoders have ready for it.

Every array has one writer; a counter is written after the data it counts (see `control`).
"""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from app.player.control import PATH_BYTES, TEXT_BYTES, get_text, put_text
from app.player.decks import Item
from devices.shared import Fields, SharedBlock, SharedTable
from dsp.grid import BLOCK, FS

RING = 8 * FS  #: frames of decoded sound a deck holds
BUS = 1500 * BLOCK  #: frames of the buses that the program can be behind (15 s)

_BUS: Fields = {
    "music": ("float32", (BUS, 2)),
    "layer": ("float32", (BUS,)),
    "total": ("int64", (1,)),
}
_DECK: Fields = {
    "ring": ("float32", (RING, 2)),
    "want": ("int64", (1,)),  # engine: number of the track that it wants here
    "path": ("uint8", (PATH_BYTES,)),  # engine: where that is
    "read": ("int64", (1,)),  # engine: frames taken
    "serves": ("int64", (1,)),  # decoder: 1 once it looks at what is wanted
    "have": ("int64", (1,)),  # decoder: number of the track in the ring
    "written": ("int64", (1,)),  # decoder: frames put in
    "done": ("int64", (1,)),  # decoder: Done
    "error": ("uint8", (TEXT_BYTES,)),  # decoder: why it failed
}


class Done(enum.IntEnum):
    """How far a decoder is with a track."""

    NO = 0
    END = 1
    FAILED = 2


class Bus(SharedTable):
    """Music and layer as rendered: one writer (engine), one reader (program)."""

    FIELDS = _BUS

    @property
    def total(self) -> int:
        """Frames written so far."""
        return int(self._block.arrays["total"][0])

    def append(self, music: npt.NDArray[np.float32], layer: npt.NDArray[np.float32] | None) -> None:
        """Engine: one block of `BLOCK` frames (never straddles the end: BUS is a multiple)."""
        arrays = self._block.arrays
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
        arrays = self._block.arrays
        total = self.total
        # A second is left to the writer, so that nothing is read half written.
        first = max(frame, total - BUS + FS)
        begin, end = first % BUS, first % BUS + total - first
        if end <= BUS:
            return first, arrays["music"][begin:end].copy(), arrays["layer"][begin:end].copy()
        at = np.arange(begin, end) % BUS
        return first, arrays["music"][at], arrays["layer"][at]


class DeckRing(SharedTable):
    """Decoded sound of one deck: the decoder writes, the engine reads (it is the deck's feed)."""

    FIELDS = _DECK

    def __init__(self, block: SharedBlock) -> None:
        super().__init__(block)
        self._a = block.arrays

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

    def serve(self) -> int:
        """Begin to serve; return the number of the track that was last begun here, or 0."""
        self._a["serves"][0] = 1
        return int(self._a["have"][0])

    # The program's side, while there is no decoder.

    def serves(self) -> bool:
        """Whether the decoder that was here came so far as to serve."""
        return bool(self._a["serves"][0])

    def abandon(self, error: str) -> None:
        """The decoder has ended: what it had begun and not finished ends here with `error`."""
        self._a["serves"][0] = 0
        if int(self._a["have"][0]) > 0 and int(self._a["done"][0]) == Done.NO:
            self.end(error)

    def refuse(self, error: str) -> None:
        """No decoder can be had: answer what is wanted with `error`."""
        number, _ = self.wanted()
        if number != int(self._a["have"][0]):
            self.open(number)
            self.end(error)
