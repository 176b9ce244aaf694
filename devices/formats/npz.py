"""NumPy archives of EEG and of sound features, as they are handed to the evaluation.

Keys, units and what is refused: docs/recordings.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.formats.recording import Recording
from dsp.checks import InputError, check_number, foreign_text
from dsp.grid import SLOWEST

_HOLE = 0.25  # s by which a stamp must be off before it is a hole, or a step back
_TRACK = 0.002  # how far one stamp pulls the sample clock
_START = 1000.0  # s; recordings have no clock of their own worth keeping
_MAX_RATE = 100_000.0  # Hz
_RATE_SHARE = 0.2  # by which stamps may run faster or slower than fs says
_LONGEST_HOLE = 6 * 3600.0  # s
_CHUNK = 0.1  # s of samples under one stamp that are a burst, and not yet a chunk
_VOLTS = 5.0  # microvolts a second; recordings at hand have 690 and more, in 1-8 Hz alone 52
_KEYS = ("eeg", "ch_names", "fs", "t", "envelope")


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
    names = _distinct(arrays["ch_names"])
    sfreq = _rate(path, arrays["fs"], low=SLOWEST)
    eeg = _real(arrays["eeg"], f"eeg of {path.name}", np.float32)
    if eeg.ndim == 1:
        eeg = eeg[:, None]
    if eeg.ndim != 2 or eeg.shape[1] != len(names) or eeg.shape[0] == 0:
        raise InputError(
            f"eeg of {path.name} has shape {eeg.shape}; expected (samples, {len(names)}) for the "
            f"{len(names)} names in ch_names."
        )
    _check_units(path, eeg, sfreq)
    stamps, envelope = (
        None if key not in arrays else _column(_real(arrays[key], f"{key} of {path.name}"))
        for key in ("t", "envelope")
    )
    if stamps is not None and stamps.shape != (eeg.shape[0],):
        raise InputError(
            f"t of {path.name} has shape {stamps.shape}; expected one time for each of the "
            f"{eeg.shape[0]} samples."
        )
    times = (
        _START + np.arange(eeg.shape[0]) / sfreq
        if stamps is None
        else steady_times(stamps, sfreq, name=path.name)
    )
    if envelope is not None and envelope.shape != (eeg.shape[0],):
        raise InputError(
            f"envelope of {path.name} has shape {envelope.shape}; expected one value for each of "
            f"the {eeg.shape[0]} samples."
        )
    return Recording(
        path.stem if path.parent.name == "" else f"{path.parent.name}/{path.stem}",
        names,
        sfreq,
        eeg,
        times,
        envelope,
    )


def read_events(path: Path, times: npt.NDArray[np.float64]) -> list[tuple[float, str]]:
    """Time and code of each event of an archive, in order; none where it has no `ev_sample`.

    Parameters
    ----------
    path : Path
    times : float64 [shape=(n,)]
        Of the samples, as `read_npz` gave them.

    Raises
    ------
    InputError
        `ev_code` is missing, of another length or no number, or a sample is not one of the
        recording.
    """
    arrays = _load(path, ("ev_sample", "ev_code"))
    if "ev_sample" not in arrays:
        return []
    samples = _real(np.ravel(arrays["ev_sample"]), f"ev_sample of {path.name}")
    codes = np.ravel(arrays.get("ev_code", np.empty(0)))
    if codes.size != samples.size:
        raise InputError(
            f"{path.name} has {samples.size} values in ev_sample and {codes.size} in ev_code; "
            "expected one code for each event."
        )
    for sample in samples.tolist():
        check_number(f"ev_sample of {path.name}", sample, low=0, high=times.size - 1)
    if codes.dtype.kind == "f" and not np.isfinite(codes).all():
        raise InputError(
            f"ev_code of {path.name} is {codes[~np.isfinite(codes)][0]} at event "
            f"{int(np.argmin(np.isfinite(codes)))}; expected a number or a text for each event: "
            "leave out those without a code."
        )
    order = np.argsort(samples, kind="stable")
    return [(float(times[int(samples[i])]), _code(codes[i])) for i in order]


def _code(stored: Any) -> str:
    """One code as text: 1 and 1.0 are the same."""
    one = stored.item()
    if isinstance(one, float) and one.is_integer():
        one = int(one)
    return foreign_text(one.decode(errors="replace") if isinstance(one, bytes) else str(one))


def _rate(path: Path, stored: npt.NDArray[Any], *, low: float) -> float:
    rate = stored.ravel()[:1].tolist() or [None]
    return check_number(f"fs of {path.name}", *rate, low=low, high=_MAX_RATE, unit="Hz")


def _check_units(path: Path, eeg: npt.NDArray[np.float32], sfreq: float) -> None:
    """Volts and millivolts would all be called flat, which says nothing of the cause."""
    steps = []
    for column in eeg.T:
        step = np.abs(np.diff(column[np.isfinite(column)].astype(np.float64)))
        steps += [float(np.median(step))] if step.any() else []
    usual = float(np.median(steps)) * sfreq if steps else 0.0
    if 0.0 < usual < _VOLTS:
        raise InputError(
            f"eeg of {path.name} changes by {usual:.2g} a second (median step times rate); "
            "expected microvolts, where that is 50 or more: multiply volts by 1e6, millivolts by "
            "1000."
        )


def _distinct(stored: npt.NDArray[Any]) -> tuple[str, ...]:
    """Names as text; one that comes again is numbered, since electrodes are found by name."""
    out: list[str] = []
    for item in np.atleast_1d(stored).ravel().tolist():
        name = foreign_text(item.decode(errors="replace") if isinstance(item, bytes) else str(item))
        again = sum(n == name or n.startswith(f"{name} (") for n in out)
        out.append(f"{name} ({again + 1})" if again else name)
    return tuple(out)


def _column(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, 1) and (1, n) as (n,); anything else as it is."""
    return array.ravel() if array.ndim == 2 and 1 in array.shape else array


def _real(array: npt.NDArray[Any], what: str, kind: type = np.float64) -> npt.NDArray[Any]:
    """Real numbers of any stored kind; `InputError` for anything else."""
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} holds {array.dtype} values; expected real numbers.")
    return array.astype(kind)


def _load(path: Path, keys: tuple[str, ...] = _KEYS) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an archive under `keys`; a lone array under the first of them."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; give an .npz recording or a session folder.")
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {keys[0]: content}
            return {key: content[key] for key in keys if key in content.files}
    except Exception as error:  # numpy, zip and zlib have a dozen ways to find a file damaged
        raise InputError(
            f"{path.name} cannot be read; expected numbers and text as numpy.save and numpy.savez "
            "write them, without Python objects."
        ) from error


def read_array(path: Path, key: str) -> npt.NDArray[np.float64] | None:
    """One row of numbers from an .npy file, or `key` of an archive; None if it has no such key."""
    arrays = _load(path, (key,))
    if key not in arrays:
        return None
    row = _column(_real(arrays[key], f"{key} of {path.name}"))
    if row.ndim != 1:
        raise InputError(
            f"{path.name} holds an array of shape {row.shape}; expected one value for each row."
        )
    return row


def read_rate(path: Path, n_rows: int) -> float:
    """`fs` of an archive for an array of so many rows, Hz; 0 without one, or if it is the EEG's."""
    arrays = _load(path, ("fs", "eeg"))
    another = "eeg" in arrays and len(np.atleast_1d(arrays["eeg"])) != n_rows
    return _rate(path, arrays["fs"], low=1.0) if "fs" in arrays and not another else 0.0


def steady_times(
    stamps: npt.NDArray[np.float64], sfreq: float, *, name: str
) -> npt.NDArray[np.float64]:
    """Even times for stamps that jitter, from the past only.

    Radio packets come in bursts: stamps step back by some 30 ms although the samples are evenly
    spaced. A clock of the nominal rate follows the stamps slowly; a stamp more than 0.25 s ahead
    of it is a hole, one more than 0.25 s behind, or six hours ahead, an `InputError`. Where a
    whole chunk bears one stamp, that is the time of its last sample.
    """
    if not np.isfinite(stamps).all():
        raise InputError(f"t of {name} has values that are no numbers; leave t out instead.")
    step = 1.0 / sfreq
    stamps = _spread(stamps, step)
    n = round(sfreq)
    if stamps.size > 2 * n:
        rate = n / max(float(np.median(stamps[n:] - stamps[:-n])), 1e-9)
        if abs(rate / sfreq - 1.0) > _RATE_SHARE:
            raise InputError(
                f"t of {name} gives {rate:.3g} samples a second and fs {sfreq:g}; expected t in "
                "seconds and one rate in both."
            )
    out = np.empty(stamps.size)
    clock = _START - step
    offset = _START - float(stamps[0])
    for i, stamp in enumerate((stamps + offset).tolist()):
        clock += step
        late = stamp - clock
        if late > _LONGEST_HOLE:
            raise InputError(
                f"Time in {name} jumps ahead by {late / 3600.0:.1f} h at sample {i}; expected at "
                f"most {_LONGEST_HOLE / 3600.0:g} h: cut the recording there."
            )
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


def _spread(stamps: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Chunks that bear one stamp, spread over the time before it; other stamps as they are."""
    first = np.flatnonzero(np.diff(stamps, prepend=-np.inf))
    size = np.diff(np.append(first, stamps.size))
    if float(np.median(size)) * step <= _CHUNK:
        return stamps
    last = np.repeat(first + size - 1, size)
    return np.asarray(stamps - (last - np.arange(stamps.size)) * step)
