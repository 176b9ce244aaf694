"""Rows of what was really heard: the one type in which player, loop and records hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

import numpy as np
import numpy.typing as npt

#: The n-th time that a track is started in a session, from 0 on; the loop alone counts them.
Play = NewType("Play", int)
NO_PLAY = Play(-1)

#: Names and order of the columns of everything that was heard, as it is recorded at 64 Hz:
#: features of the music bus, envelope of the layer bus (rms, linear), the play (-1: none),
#: position in its track, gain of the music, level of the layer, level of the music as it was
#: played, volume and all (dB re full scale; NaN where it is not known).
HEARD_NAMES = (
    "spectral_flux",
    "envelope_rise",
    "layer_envelope",
    "track",
    "position_s",
    "music_gain",
    "layer_level",
    "music_level_db",
)


@dataclass(frozen=True, eq=False)
class Heard:
    """Rows of what was heard, at 64 Hz.

    Attributes
    ----------
    times : float64 [shape=(n,)]
        LSL seconds at which the centre of each row's window was heard; strictly increasing. A
        jump is a gap: those rows were lost.
    values : float32 [shape=(n, len(HEARD_NAMES))]
        Columns of `HEARD_NAMES`; ask for them by name.

    Examples
    --------
    >>> rows = np.zeros((3, len(HEARD_NAMES)), dtype=np.float32)
    >>> heard = Heard(np.array([0.0, 1.0, 2.0]), rows)
    >>> head, rest = heard.until(1.0)
    >>> len(head), len(rest), head.play.tolist()
    (2, 1, [0, 0])
    """

    times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float32]

    @classmethod
    def nothing(cls) -> Heard:
        """Return no rows at all."""
        return cls(np.empty(0), np.empty((0, len(HEARD_NAMES)), dtype=np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Heard]) -> Heard:
        """All rows of `parts` (one at least), one after the other."""
        return cls(
            np.concatenate([one.times for one in parts]),
            np.concatenate([one.values for one in parts]),
        )

    def __len__(self) -> int:
        return int(self.times.size)

    def __getitem__(self, rows: slice) -> Heard:
        return Heard(self.times[rows], self.values[rows])

    def until(self, now: float) -> tuple[Heard, Heard]:
        """Rows heard up to and with `now` (LSL seconds), and those after it."""
        n = int(np.searchsorted(self.times, now, side="right"))
        return self[:n], self[n:]

    def column(self, name: str) -> npt.NDArray[np.float32]:
        """Column `name` of `HEARD_NAMES` [shape=(n,)]."""
        return self.values[:, HEARD_NAMES.index(name)]

    @property
    def play(self) -> npt.NDArray[np.int64]:
        """Which play is heard [shape=(n,)]; -1: none."""
        return self.column("track").astype(np.int64)

    @property
    def position_s(self) -> npt.NDArray[np.float32]:
        """Seconds into its track [shape=(n,)]."""
        return self.column("position_s")

    @property
    def stimulus(self) -> npt.NDArray[np.float64]:
        """Flux, rise, layer and level [shape=(n, 4)]: what the tracker compares the EEG with."""
        columns = [*range(3), HEARD_NAMES.index("music_level_db")]
        return self.values[:, columns].astype(np.float64)
