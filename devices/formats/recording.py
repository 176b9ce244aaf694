"""A recording in memory, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Recording:
    """One recording in memory.

    Attributes
    ----------
    name : str
    ch_names : tuple of str
    sfreq : float
        Hz.
    eeg : float32 [shape=(n, n_channels)]
        Microvolts.
    times : float64 [shape=(n,)]
        Seconds, increasing; holes are jumps.
    envelope : float64 [shape=(n,)] or None
        Of the sound, at the samples of the EEG.
    """

    name: str
    ch_names: tuple[str, ...]
    sfreq: float
    eeg: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64]
    envelope: npt.NDArray[np.float64] | None
