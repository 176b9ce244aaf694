"""The one grid of time, and the array types of `dsp`: numpy alone, since every process pays for it.

Features of the sound, EEG and everything made of them stand on points 1/64 s apart on the LSL
clock; the sound itself has 750 frames to a point.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

SLOWEST = 100.0  #: Hz; EEG that is sampled slower shows neither beta nor muscle
RATE = 64  #: grid points in a second
FS = 48_000  #: sampling rate of the music and layer bus, Hz
HOP = FS // RATE  #: 750 frames
BLOCK = FS // 100  #: frames rendered at a time, 10 ms: whole microseconds
WINDOW = 3 * HOP  #: frames behind a row of stimulus features, 46.9 ms


def row_frame(row: int | npt.NDArray[np.int64]) -> int | npt.NDArray[np.int64]:
    """Frame of the bus at the centre of the window of `row` (may be negative for the first row).

    Examples
    --------
    >>> row_frame(0), row_frame(64) - row_frame(0)
    (-375, 48000)
    """
    return (row + 1) * HOP - WINDOW // 2
