"""A file that BrainFlow recorded, played back by its playback board as another EEG source."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.clock import now
from devices.sources.boards import BoardSource
from devices.sources.replay import ENDED
from devices.sources.source import EegChunk, Handover, SourceEvent
from dsp.checks import InputError, foreign_text

_PATIENCE_S = 1.0  # s beyond the longest pause of the recording after which nothing more comes


@dataclass(frozen=True)
class Played:
    """A recording that BrainFlow can play.

    Attributes
    ----------
    times : float64 [shape=(n_rows,)]
        Seconds from its first sample to each.
    """

    times: npt.NDArray[np.float64]

    @property
    def pause(self) -> float:
        """Longest time between two samples, s."""
        return float(np.diff(self.times).max(initial=0.0))


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
    stamps = array("d")
    try:
        with Path(path).open(encoding="ascii", errors="replace") as file:
            while line := file.readline(65536):
                columns = line.split()
                try:
                    if len(columns) != n_columns:
                        raise ValueError
                    if not stamps:  # of all lines it would take as long as the recording is large
                        [float(column) for column in columns]
                    stamps.append(float(columns[stamp_column]))
                except ValueError:
                    raise InputError(
                        f"Line {len(stamps) + 1} of {shown} is no sample of the {board} "
                        f"({n_columns} numbers); name a file that BrainFlow recorded, and the "
                        "board that it was recorded with: ?master_board=cyton."
                    ) from None
    except OSError as error:
        reason = foreign_text(error.strerror or str(error), longest=80)
        raise InputError(f"{shown} cannot be read ({reason}); check its path.") from error
    if not stamps:
        raise InputError(f"{shown} holds no samples; name a file that BrainFlow recorded.")
    return Played(np.array(stamps) - stamps[0])


class PlaybackSource(BoardSource):
    """A recording of BrainFlow's: as the board it was recorded with, until its end.

    Closed and opened again it goes on where time has brought it, as a headset would.
    """

    _ended = False
    _begun_at = math.nan  # when its first sample came, or would have come

    def take_over(self, known: Handover) -> None:
        """Go on where time has brought it; what came meanwhile is lost."""
        super().take_over(known)
        self._begun_at = known.last_time - (known.rows - 1) / known.sfreq

    def _look_into(self, params: Any, descr: dict[str, Any]) -> None:
        self._played = read_recording(params.file, descr)
        self._name = f"Recording of {foreign_text(Path(params.file).name)} ({self._name})"

    def _go_to_place(self) -> None:
        """Go to where time has brought it.

        BrainFlow's percent are of the lines of the file and one more, cut to a whole line.
        """
        if math.isnan(self._begun_at):
            self._begun_at = now()
            return
        times = self._played.times
        self._heard = int(np.searchsorted(times, now() - self._begun_at))
        line = min(self._heard, times.size - 1)
        self._shim.config_board(f"set_index_percentage:{100 * (line + 0.5) / (times.size + 1):.9f}")

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
        if self._heard < self._played.times.size and silence < self._played.pause + _PATIENCE_S:
            return self.info.no_rows  # a pause of the recording is no silence of a device
        self._ended = True
        self._news.append(SourceEvent(now(), "state", "closed", ENDED))
        return None
