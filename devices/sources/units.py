"""What unit a voltage is in: as streams and files state it, and as its level shows."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError

#: No EEG is smaller or larger than this (rms about its drift, microvolts), whatever the amplifier.
LEVEL_LOW, LEVEL_HIGH = 0.01, 5000.0
UNITS = ("microvolts", "millivolts", "volts", "nanovolts")

_PREFIX = {"micro": 1.0, "u": 1.0, "\u03bc": 1.0, "milli": 1e3, "m": 1e3, "nano": 1e-3, "n": 1e-3}
_PREFIX |= {"": 1e6, "pico": 1e-6, "p": 1e-6}
#: A micro sign that was read in another encoding than it was written in.
_GARBLED = ("\u00e2\u03bc", "\u00ee\u00bc", "\u03bc\u03bc", "\ufffd", "?")
_UNSTATED = {
    "",
    "-",
    "?",
    "na",
    "n/a",
    "none",
    "null",
    "nil",
    "unknown",
    "unspecified",
    "undefined",
}


def stated(unit: str) -> bool:
    """Whether `unit` states anything at all.

    Examples
    --------
    >>> stated("uV"), stated("N/A")
    (True, False)
    """
    return unit.strip().lower() not in _UNSTATED


def microvolts_per(unit: str) -> float | None:
    """Return how many microvolts one of `unit` is; None if it is no voltage.

    Words, symbols and powers of ten of a volt (``"-6"``, ``"10^-6 V"``) are understood.

    Examples
    --------
    >>> [microvolts_per(unit) for unit in ("microvolts", "mV", "V", "0", "-6", "1e-9 V", "seconds")]
    [1.0, 1000.0, 1000000.0, 1000000.0, 1.0, 0.001, None]
    """
    text = re.sub(r"[\s\[\]()_*]", "", unit.casefold()).strip(".")
    power = re.fullmatch(r"(?:10\^|10|1e|e)?([+-]?\d{1,2})(?:\.0)?(?:v|volts?)?", text)
    if power:
        exponent = int(power[1])
        return float(f"1e{exponent + 6}") if -12 <= exponent <= 0 else None
    for wrong in _GARBLED:
        text = text.replace(wrong, "\u03bc")
    word = re.fullmatch(r"(micro|milli|nano|pico|[u\u03bcmnp]?)-?(?:volts?|v)", text)
    return _PREFIX[word[1]] if word else None


def check_unit(unit: str) -> float:
    """Return how many microvolts one of `unit` is.

    Raises
    ------
    InputError
        If it is no voltage.
    """
    factor = microvolts_per(unit)
    if factor is None:
        raise InputError(f"The unit {unit!r} is no voltage; expected one of: {', '.join(UNITS)}.")
    return factor


def level(eeg: npt.NDArray[np.float32]) -> float:
    """Return the median over electrodes of the rms about a straight line, microvolts.

    Offset and drift of an electrode say nothing of its EEG. Electrodes that do not vary, or are
    no numbers, are left out; 0 where none varies, NaN where there are no numbers at all.

    Parameters
    ----------
    eeg : float32 [shape=(n_samples, n_channels)]
        Rows of NaN are left out.

    Examples
    --------
    >>> wave = 10 * np.sin(np.arange(500))[:, None] + np.arange(500)[:, None]
    >>> round(level(wave.astype(np.float32)), 1)
    7.1
    """
    numbers = np.isfinite(eeg)
    known = eeg[:, numbers.mean(axis=0) > 0.5]
    there = np.flatnonzero(np.isfinite(known).all(axis=1))
    if there.size < 3 or known.shape[1] == 0:
        return np.nan
    rows = known[there].astype(np.float64)
    line = np.stack([np.ones(there.size), there / len(eeg)], axis=1)
    rest = rows - line @ np.linalg.lstsq(line, rows, rcond=None)[0]
    rms = np.sqrt(np.mean(rest**2, axis=0))
    varying = rms[np.ptp(rows, axis=0) > 0]
    return float(np.median(varying)) if varying.size else 0.0


def level_sentence(name: str, rms: float, *, cure: str) -> str:
    """Return what is to be said of a level that no EEG has in any unit; empty for any other.

    Parameters
    ----------
    name : str
        Whose EEG it is.
    rms : float
        What `level` gave, microvolts.
    cure : str
        How its unit is written.

    Examples
    --------
    >>> level_sentence("Amp", 14.0, cure="")
    ''
    >>> print(level_sentence("Amp", 1.4e-5, cure="Write its unit."))
    The EEG of Amp varies by 1.4e-05 microvolts, less than any EEG. Is it in volts? Write its unit.
    """
    if np.isnan(rms):
        return f"The EEG of {name} is no number (NaN) in its first seconds; look after its sender."
    if rms == 0.0:
        return (
            f"The EEG of {name} does not vary at all; check that the headset is switched on and "
            "connected to its sender."
        )
    if LEVEL_LOW <= rms <= LEVEL_HIGH:
        return ""
    varies = f"The EEG of {name} varies by {rms:.3g} microvolts"
    if rms > LEVEL_HIGH:
        return f"{varies}, more than any EEG. Check that the electrodes touch the skin. {cure}"
    fits = [unit for unit in UNITS if 1.0 <= rms * check_unit(unit) <= 300.0]
    ask = f" Is it in {fits[-1]}?" if fits else ""
    return f"{varies}, less than any EEG.{ask} {cure}"
