"""A headset for any machine: BrainFlow's synthetic board with a simulated listener's voltages."""

from __future__ import annotations

from typing import Any

import numpy as np

from devices.listener import LISTENERS, MONTAGE, NOTICES, Listener
from devices.sources.board_layout import Layout
from devices.sources.boards import BoardSource
from devices.sources.source import EegChunk, SourceEvent, SourceInfo
from devices.timeline import HeardTracks, Timeline
from dsp.checks import check_option


class ListenerSource(BoardSource):
    """BrainFlow's synthetic board with a simulated listener in place of its sine waves.

    Packets, counter, rate and stamps stay the board's; so every machine runs the real path.

    Parameters
    ----------
    listener : str
        `clear`, `typical` or `silent`.
    seed : int
        Of the listener.
    timeline, tracks : str
        Names of the shared tables of what is heard; empty for silence.
    because : str
        One sentence that goes before the notice (why this source was taken), or empty.
    """

    #: The loop ticks once a second, and a read costs more than its samples.
    read_every = 0.05

    def __init__(
        self, *, listener: str, seed: int, timeline: str, tracks: str, because: str = ""
    ) -> None:
        super().__init__("synthetic", because=because)
        self._kind = check_option("listener", listener, LISTENERS)
        self._seed = seed
        self._tables = (timeline, tracks)

    def open(self) -> None:
        """Start the board and listen."""
        super().open()
        timeline, tracks = self._tables
        self._timeline = Timeline.attach(timeline) if timeline else Timeline.create(local=True)
        self._tracks = HeardTracks.attach(tracks) if tracks else HeardTracks.create(local=True)
        self._listener = Listener(
            self._kind,
            seed=self._seed,
            ch_names=MONTAGE,
            sfreq=self._sfreq,
            timeline=self._timeline,
            tracks=self._tracks,
        )

    def _lay_out(
        self, number: int, descr: dict[str, Any], slow: dict[int, dict[str, Any]]
    ) -> Layout:
        row = int(descr["eeg_channels"][0])  # only where a row is matters: its values are replaced
        return Layout(rows=(row,), ch_names=MONTAGE, beside=(), notice="")

    def _describe(self, number: int, shown: int, layout: Layout, version: str) -> SourceInfo:
        bare = super()._describe(number, shown, layout, version)
        return SourceInfo(
            name="Synthetic board, simulated listener",
            ch_names=MONTAGE,
            sfreq=bare.sfreq,
            simulated=True,
            notice=" ".join(filter(None, (self._because, NOTICES[self._kind]))),
            details=bare.details | {"listener": self._kind, "seed": self._seed},
        )

    def _voltages(self, chunk: EegChunk, lost: np.typing.NDArray[np.bool_]) -> EegChunk:
        data = self._listener.voltages(chunk.times)
        data[lost] = np.nan
        for when, enjoyment in self._listener.truth():
            self._news.append(SourceEvent(float(when), "truth", float(enjoyment)))
        return EegChunk(data, chunk.times)

    def close(self) -> None:
        """Stop the board and let go of the tables."""
        super().close()
        for table in (getattr(self, "_timeline", None), getattr(self, "_tracks", None)):
            if table is not None:
                table.close()
