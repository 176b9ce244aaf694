"""From the buses to rows of what was heard, stamped through the timeline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from devices.timeline import Timeline, column
from dsp.grid import BLOCK, FS, HOP, row_frame
from dsp.sound.heard import HEARD_NAMES, Heard
from dsp.sound.stimulus import FLUX_NAMES, SILENCE_DB, LayerEnvelope

_AT = {name: i for i, name in enumerate(HEARD_NAMES)}
_SILENT_S = 0.5  # s after the newest block beyond which nothing can be heard any more


class LayerRows:
    """Envelope of the layer bus at 64 Hz; silence costs nothing."""

    def __init__(self) -> None:
        self._envelope = LayerEnvelope()
        self._silent = 0  # frames of silence since the envelope's last whole hop

    def push(self, layer: npt.NDArray[np.float32] | None, n_frames: int) -> npt.NDArray[np.float32]:
        """Take `n_frames` of the layer (None: silence); return the finished rows.

        Returns
        -------
        float32 [shape=(n_rows,)]
            Root mean square of each hop.
        """
        if layer is not None and not layer.any():
            layer = None
        if layer is None and self._silent >= 0:
            rows, self._silent = divmod(self._silent + n_frames, HOP)
            return np.zeros(rows, dtype=np.float32)
        if self._silent >= 0:
            pad = self._silent
            self._envelope = LayerEnvelope()
            self._envelope.push(np.zeros((pad, 1), dtype=np.float32))
            self._held, self._silent = pad, -1
        sound = np.zeros(n_frames, dtype=np.float32) if layer is None else layer
        # Left and right are equal: the mean over both is that of one.
        out = self._envelope.push(sound[:, None])
        self._held = (self._held + n_frames) % HOP
        if layer is None and n_frames >= self._held:
            self._silent = self._held  # what is pending is silent too
        return out

    _held = 0


class Trace:
    """Collects rows and gives them out once they have been heard."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._first = 0  # number of the first row waiting
        self._music = np.empty((0, len(FLUX_NAMES)), dtype=np.float32)
        self._layer = np.empty(0, dtype=np.float32)
        self._last = -np.inf  # time of the newest row given out

    @property
    def n_rows(self) -> int:
        """Number of the next row to come."""
        return self._first + self._music.shape[0]

    def push(self, music: npt.NDArray[np.float32], layer: npt.NDArray[np.float32]) -> None:
        """Append rows: features [shape=(n, 3)] and envelope of the layer [shape=(n,)]."""
        self._music = np.concatenate([self._music, music])
        self._layer = np.concatenate([self._layer, layer])

    def restart(self, row: int) -> None:
        """Rows from here to `row` are lost; go on there."""
        self._first = row
        self._music, self._layer = self._music[:0], self._layer[:0]

    def take(self, now: float) -> Heard:
        """Return the rows heard by `now`."""
        n = self._music.shape[0]
        if not n:
            return Heard.nothing()
        frames = np.asarray(row_frame(np.arange(self._first, self._first + n)))
        numbers = np.maximum(frames, 0) // BLOCK
        first, table = self._timeline.since(int(numbers[0]))
        if not table.shape[0]:
            return Heard.nothing()
        lost = int(np.searchsorted(numbers, first))
        at = np.clip(numbers - first, 0, table.shape[0] - 1)
        values, times = _columns(table[at], frames)
        flux, rise, level = self._music.T
        for name, column_values in (
            ("spectral_flux", flux),
            ("envelope_rise", rise),
            ("layer_envelope", self._layer),
        ):
            values[:, _AT[name]] = column_values
        db = _AT["music_level_db"]
        values[:, db] = np.maximum(level + values[:, db], SILENCE_DB)
        late = np.flatnonzero(times > now)
        upto = int(late[0]) if late.size else n
        self._first += upto
        self._music, self._layer = self._music[upto:], self._layer[upto:]
        keep = np.zeros(upto, dtype=bool)
        keep[lost:] = True
        # After a new start of the clock model a stamp may lie before older ones: a gap.
        before = np.maximum.accumulate(np.concatenate([[self._last], times[:upto]]))[:-1]
        keep &= times[:upto] > before
        if keep.any():
            self._last = float(times[:upto][keep][-1])
        return Heard(times[:upto][keep], values[:upto][keep])


def _columns(
    rows: npt.NDArray[np.float64], frames: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Columns of `HEARD_NAMES` but for the features, and times, at `frames` of the bus.

    Of the level only what the master adds to it.
    """
    into = frames - column(rows, "frame")
    times = column(rows, "time") + into / FS
    b_leads = column(rows, "gain_b") > column(rows, "gain_a")
    master = column(rows, "master_gain")

    def of_leader(name: str) -> npt.NDArray[np.float64]:
        return np.where(b_leads, column(rows, f"{name}_b"), column(rows, f"{name}_a"))

    track = of_leader("track")
    moved = np.where(master > 0.0, into, 0.0)  # a paused track stands still
    values = np.zeros((rows.shape[0], len(HEARD_NAMES)), dtype=np.float32)
    position = np.where(track >= 0, np.maximum(of_leader("frame") + moved, 0.0) / FS, 0.0)
    for name, column_values in (
        ("track", track),
        ("position_s", position),
        ("music_gain", of_leader("gain") * master),
        ("layer_level", column(rows, "layer_level")),
        ("music_level_db", 20.0 * np.log10(np.maximum(master, 1e-6))),
    ):
        values[:, _AT[name]] = column_values
    return values, times


def now_heard(timeline: Timeline, now: float) -> Sequence[float]:
    """Play, position in s and layer level of what is heard at `now` (-1, 0, 0: nothing)."""
    _, rows = timeline.since(timeline.total - 512)
    rows = rows[column(rows, "time") <= now] if rows.size else rows
    if not rows.shape[0]:
        return (-1.0, 0.0, 0.0)
    row = rows[-1:]
    moved = max(now - float(column(row, "time")[0]), 0.0)
    if moved > _SILENT_S:
        return (-1.0, 0.0, 0.0)  # nothing has been rendered since
    moved = min(moved, BLOCK / FS)
    frames = column(row, "frame").astype(np.int64) + round(moved * FS)
    values, _ = _columns(row, frames)
    play, position, level = (
        float(values[0, _AT[name]]) for name in ("track", "position_s", "layer_level")
    )
    return (play, position, level)
