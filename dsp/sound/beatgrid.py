"""Where the beats of a track lie, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsp.checks import InputError
from dsp.grid import Floats

#: Below this confidence nothing is locked to the grid: a wrong beat is worse than none.
SURE = 0.6


@dataclass(frozen=True)
class BeatGrid:
    """Beats of one track.

    Attributes
    ----------
    beats : float64 [shape=(n_beats,)]
        Seconds from the first frame of the decoded track, increasing.
    tempo : float
        Beats per minute.
    confidence : float
        0 (no idea) to 1 (known by construction).

    Examples
    --------
    >>> BeatGrid(np.arange(0.0, 60.0, 0.5), tempo=120.0, confidence=1.0).sure
    True
    >>> UNKNOWN_GRID.sure
    False
    """

    beats: Floats
    tempo: float
    confidence: float

    def __post_init__(self) -> None:
        if self.beats.ndim != 1 or np.any(np.diff(self.beats) <= 0):
            raise InputError("beats must be a one-dimensional array of increasing seconds.")
        if not 0.0 <= self.confidence <= 1.0:
            raise InputError(f"confidence is {self.confidence!r}; expected 0 to 1.")

    @property
    def sure(self) -> bool:
        """Whether sound may be locked to these beats."""
        return self.confidence >= SURE and self.beats.size >= 2


#: What a track has before anybody analysed it.
UNKNOWN_GRID = BeatGrid(beats=np.empty(0), tempo=0.0, confidence=0.0)
