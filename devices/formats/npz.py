"""NumPy archives of EEG: the layout in which recordings are handed to the evaluation.

Keys: ``eeg`` (n, n_channels) in microvolts, ``ch_names``, ``fs``; with them where known ``t``
(seconds as recorded), ``envelope`` (n,) of the sound at the rate of the EEG.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError, check_number

_HOLE = 0.25  # s by which a stamp must be off before it is a hole, or a step back
_TRACK = 0.002  # how far one stamp pulls the sample clock
_START = 1000.0  # s; recordings have no clock of their own worth keeping


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


def read_npz(path: Path) -> Recording:
    """Read one archive.

    Raises
    ------
    InputError
        One sentence: file missing or no archive, a key missing, shapes that do not fit, a rate
        under 100 Hz, or time that steps back by more than 0.25 s.
    """
    arrays = _load(path)
    for key in ("eeg", "ch_names", "fs"):
        if key not in arrays:
            raise InputError(
                f"{path.name} has no {key!r}; expected eeg (samples, channels) in microvolts, "
                "ch_names and fs."
            )
    names = tuple(str(n) for n in np.atleast_1d(arrays["ch_names"]))
    sfreq = check_number(f"fs of {path.name}", arrays["fs"].reshape(-1)[0], low=100.0, unit="Hz")
    eeg = np.asarray(arrays["eeg"])
    if eeg.ndim == 1:
        eeg = eeg[:, None]
    if eeg.ndim != 2 or eeg.shape[1] != len(names) or eeg.shape[0] == 0:
        raise InputError(
            f"eeg of {path.name} has shape {eeg.shape}; expected (samples, {len(names)}) for the "
            f"{len(names)} names in ch_names."
        )
    stamps = arrays.get("t")
    if stamps is not None and stamps.shape != (eeg.shape[0],):
        raise InputError(
            f"t of {path.name} has shape {stamps.shape}; expected one time for each of the "
            f"{eeg.shape[0]} samples."
        )
    times = (
        _START + np.arange(eeg.shape[0]) / sfreq
        if stamps is None
        else steady_times(np.asarray(stamps, dtype=np.float64), sfreq, name=path.name)
    )
    envelope = arrays.get("envelope")
    if envelope is not None and envelope.shape != (eeg.shape[0],):
        raise InputError(
            f"envelope of {path.name} has shape {envelope.shape}; expected one value for each of "
            f"the {eeg.shape[0]} samples."
        )
    return Recording(
        path.stem if path.parent.name == "" else f"{path.parent.name}/{path.stem}",
        names,
        sfreq,
        eeg.astype(np.float32),
        times,
        None if envelope is None else np.asarray(envelope, dtype=np.float64),
    )


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    if not path.is_file():
        raise InputError(f"{path} does not exist; give an .npz recording or a session folder.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError, EOFError) as error:
        raise InputError(f"{path.name} cannot be read as a NumPy archive ({error}).") from error


def steady_times(
    stamps: npt.NDArray[np.float64], sfreq: float, *, name: str
) -> npt.NDArray[np.float64]:
    """Even times for stamps that jitter, from the past only.

    Radio packets come in bursts: stamps step back by some 30 ms although the samples are evenly
    spaced. A clock of the nominal rate follows the stamps slowly; a stamp more than 0.25 s ahead
    of it is a hole, one more than 0.25 s behind an `InputError`.
    """
    if not np.isfinite(stamps).all():
        raise InputError(f"t of {name} has values that are no numbers; leave t out instead.")
    step = 1.0 / sfreq
    out = np.empty(stamps.size)
    clock = _START - step
    offset = _START - float(stamps[0])
    for i, stamp in enumerate((stamps + offset).tolist()):
        clock += step
        late = stamp - clock
        if late > _HOLE:
            clock = stamp
        elif late < -_HOLE:
            raise InputError(
                f"Time in {name} steps back by {-late:.2f} s at sample {i}; expected at most "
                f"{_HOLE:g} s: cut the recording there."
            )
        else:
            clock += _TRACK * late
        out[i] = clock
    return out
