"""What was handed to the sound device, block by block, and when it is heard.

The engine is the one writer. Readers: the program (features, records, screen) and the
simulated listener, which learns from here what it hears, also in a child process.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.shared import Fields, SharedTable
from dsp.sound.heard import Play

N_ROWS = 1 << 15  # blocks of 480 frames at 48 kHz: 327 s
COLUMNS = (
    "time",  # LSL seconds at which the first frame of the block is heard
    "frame",  # number of that frame since the engine started
    "n_frames",
    "track_a",  # play on deck A; -1: none
    "frame_a",  # frame of that track at the start of the block
    "gain_a",  # linear gain of the deck at the end of the block, fades and track gain included
    "track_b",
    "frame_b",
    "gain_b",
    "layer_level",  # 0..1 as the policy gave it, ramp included
    "layer_gain",  # linear gain of the layer bus
    "master_gain",  # volume, pause and stop fades
)
_COLUMN = {name: i for i, name in enumerate(COLUMNS)}

N_TRACKS = 32  # features of the newest 32 tracks of a session are kept
N_FEATURE = 64 * 1200  # 20 minutes at 64 Hz

_TIMELINE: Fields = {"rows": ("float64", (N_ROWS, len(COLUMNS))), "total": ("int64", (1,))}
_TRACKS: Fields = {
    "feature": ("float32", (N_TRACKS, N_FEATURE)),
    "meta": ("float64", (N_TRACKS, 5)),  # play + 1 (0: empty), rows, gain, liking, place
}


class Timeline(SharedTable):
    """Table of rendered blocks: one writer, many readers, no locks."""

    FIELDS = _TIMELINE

    @property
    def total(self) -> int:
        """Rows written so far."""
        return int(self._block.arrays["total"][0])

    def append(self, row: npt.ArrayLike) -> None:
        """Write one row in the order of `COLUMNS` (called by the engine, never waits)."""
        arrays = self._block.arrays
        total = arrays["total"]
        arrays["rows"][int(total[0]) % N_ROWS] = row
        total[0] += 1

    def extend(self, rows: npt.NDArray[np.float64]) -> None:
        """Write many rows [shape=(n_rows, len(COLUMNS))] at once (a simulation that skips)."""
        arrays, n = self._block.arrays, rows.shape[0]
        total = int(arrays["total"][0])
        kept = rows[-N_ROWS:]
        arrays["rows"][np.arange(total + n - kept.shape[0], total + n) % N_ROWS] = kept
        arrays["total"][0] = total + n

    def since(self, row: int) -> tuple[int, npt.NDArray[np.float64]]:
        """Rows from number `row` on.

        Returns
        -------
        first : int
            Number of the first row returned; later than `row` if older ones are overwritten.
        rows : float64 [shape=(n_rows, len(COLUMNS))]
        """
        total = self.total
        # A sixteenth of the table is left to the writer, so that no row is read half written.
        first = max(row, total - N_ROWS + N_ROWS // 16, 0)
        rows = self._block.arrays["rows"][np.arange(first, total) % N_ROWS]
        return first, rows


def column(rows: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
    """Column `name` of timeline rows."""
    return rows[:, _COLUMN[name]]


@dataclass(frozen=True)
class HeardTrack:
    """What a simulated listener is told of a track before it plays.

    Attributes
    ----------
    feature : float32 [shape=(n_rows,)]
        Spectral flux at 64 Hz of the track at its playing gain.
    gain : float
        That gain, linear, without any fade.
    liking : float
        0..1; hidden truth of the simulation, where the listener brings no taste of its own.
    place : int
        Row of the playlist, which a taste knows it by.
    """

    feature: npt.NDArray[np.float32]
    gain: float
    liking: float
    place: int


class HeardTracks(SharedTable):
    """What there is to know of the tracks of the session; written by the program."""

    FIELDS = _TRACKS

    def put(self, play: Play, track: HeardTrack) -> None:
        """Store `track` for its `play`, before it sounds."""
        arrays, slot = self._block.arrays, play % N_TRACKS
        n = min(track.feature.size, N_FEATURE)
        arrays["meta"][slot, 0] = 0.0
        arrays["feature"][slot, :n] = track.feature[:n]
        arrays["meta"][slot, 1:] = (n, track.gain, track.liking, track.place)
        arrays["meta"][slot, 0] = play + 1

    def get(self, play: Play) -> HeardTrack | None:
        """Return the track of `play`, or None if it is not (or no longer) there."""
        if play < 0:
            return None
        arrays, slot = self._block.arrays, play % N_TRACKS
        stored, n, gain, liking, place = arrays["meta"][slot]
        if stored != play + 1:
            return None
        feature = arrays["feature"][slot, : int(n)]
        return HeardTrack(feature, float(gain), float(liking), int(place))
