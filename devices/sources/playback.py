"""A file that BrainFlow recorded, played back by its playback board as another EEG source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.clock import now
from devices.sources.boards import BoardSource
from devices.sources.replay import ENDED
from devices.sources.source import EegChunk, SourceEvent
from dsp.checks import InputError, foreign_text

_PATIENCE_S = 1.0  # s beyond the longest pause of the recording after which nothing more comes


@dataclass(frozen=True)
class Played:
    """A recording that BrainFlow can play.

    Attributes
    ----------
    rows : int
        Samples.
    pause : float
        Longest time between two of them, s.
    """

    rows: int
    pause: float


def read_recording(path: str, descr: dict[str, Any]) -> Played:
    """Look through a recording, which BrainFlow itself plays silently whatever it holds.

    Parameters
    ----------
    path : str
    descr : dict
        BrainFlow's description of the board that it was recorded with.

    Raises
    ------
    InputError
        If it cannot be read, holds nothing, or was recorded with another board.
    """
    shown, board = foreign_text(path, longest=600), foreign_text(str(descr["name"]))
    n_columns, stamp_column = int(descr["num_rows"]), int(descr["timestamp_channel"])
    rows, pause, before = 0, 0.0, math.inf
    try:
        with Path(path).open(encoding="ascii", errors="replace") as file:
            while line := file.readline(65536):
                columns = line.split()
                try:
                    if len(columns) != n_columns:
                        raise ValueError
                    if not rows:  # of all lines it would take as long as the recording is large
                        [float(column) for column in columns]
                    stamp = float(columns[stamp_column])
                except ValueError:
                    raise InputError(
                        f"Line {rows + 1} of {shown} is no sample of the {board} ({n_columns} "
                        "numbers); name a file that BrainFlow recorded, and the board that it was "
                        "recorded with: ?master_board=cyton."
                    ) from None
                rows, pause, before = rows + 1, max(pause, stamp - before), stamp
    except OSError as error:
        reason = foreign_text(error.strerror or str(error), longest=80)
        raise InputError(f"{shown} cannot be read ({reason}); check its path.") from error
    if rows == 0:
        raise InputError(f"{shown} holds no samples; name a file that BrainFlow recorded.")
    return Played(rows, pause)


class PlaybackSource(BoardSource):
    """A recording of BrainFlow's: as the board it was recorded with, until its end."""

    _ended = False

    def _look_into(self, params: Any, descr: dict[str, Any]) -> None:
        self._played = read_recording(params.file, descr)
        self._name = f"Recording of {foreign_text(Path(params.file).name)} ({self._name})"

    def read(self) -> EegChunk | None:
        """Return all samples since the last call; at its end say so, and then None for ever.

        Raises
        ------
        DeviceError
            As that of a board.
        """
        chunk = super().read()
        if self._ended:
            return None
        if chunk is not None:
            return chunk
        silence = self._read_at - self._arrived_at
        if self._heard < self._played.rows and silence < self._played.pause + _PATIENCE_S:
            return self.info.no_rows  # a pause of the recording is no silence of a device
        self._ended = True
        self._news.append(SourceEvent(now(), "state", "closed", ENDED))
        return None
