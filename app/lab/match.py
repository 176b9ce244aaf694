"""Match or mismatch: how often the sound that was heard fits better than another one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.lab.recordings import Stimulus
from dsp.grid import RATE, Floats
from dsp.tracking.alignment import filtered_feature

LENGTHS = (5, 10, 20, 30, 60)  #: s of the windows
_OWN_SHIFT = 10.0  # s; impostors of the own feature are further away
_N_OWN = 20
_MAX_MASKED = 0.5  # share of a window
_SAME = 0.5  # correlation with the sound itself from which an impostor is none


def match_mismatch(
    rebuilt: Floats,
    feature: Floats,
    heard: Floats,
    impostors: Sequence[Stimulus],
    *,
    band: tuple[float, float] | None,
) -> dict[str, Any]:
    """How often a window's own sound fits better than an impostor, by length of the window.

    Parameters
    ----------
    rebuilt, feature : float64 [shape=(n,)]
        At 64 Hz, NaN where masked, without dead stretches.
    heard : float64 [shape=(m,)]
        The feature with them: by its whole course it is told whether another sound is the same.
    impostors : sequence of Stimulus
        What was heard in other recordings; the own feature turned round comes beside them.
    band : tuple of float, optional
        Of the decoder, Hz.

    Returns
    -------
    dict
        Length in s -> accuracy (None where nothing could be compared), windows, comparisons.
    """
    others = _impostors(feature, heard, impostors, band)
    return {str(length): _match(rebuilt, feature, others, length) for length in LENGTHS}


def _match(rebuilt: Floats, feature: Floats, others: list[Floats], length: int) -> dict[str, Any]:
    n = length * RATE
    wins = total = count = 0
    for stop in range(n, rebuilt.size + 1, RATE):
        part = slice(stop - n, stop)
        y, own = rebuilt[part], feature[part]
        ok = np.isfinite(y) & np.isfinite(own)
        if ok.mean() < 1.0 - _MAX_MASKED:
            continue
        mine = _correlation(y[ok], own[ok])
        if math.isnan(mine):
            continue  # nothing sounds in it
        theirs = [_correlation(y[ok], o[part][ok]) for o in others if o.size >= stop]
        theirs = [r for r in theirs if not math.isnan(r)]
        wins += sum(mine > r for r in theirs)
        total += len(theirs)
        count += 1
    accuracy = round(wins / total, 4) if total else None
    return {"accuracy": accuracy, "windows": count, "comparisons": total}


def _impostors(
    feature: Floats,
    heard: Floats,
    impostors: Sequence[Stimulus],
    band: tuple[float, float] | None,
) -> list[Floats]:
    """Own feature turned round by more than 10 s, and the features of the other recordings."""
    own = np.nan_to_num(feature)
    low = round(_OWN_SHIFT * RATE)
    n_own = _N_OWN if own.size > 2 * low else 0
    shifts = np.linspace(low, max(own.size - low, low), n_own).astype(int).tolist()
    out = [np.roll(own, s) for s in shifts]
    for sound in impostors:
        other = filtered_feature(sound.values, sound.times, band=band)
        if other.size and not _same(np.nan_to_num(heard), other):
            out.append(np.resize(other, own.size))
    return out


def _same(own: Floats, other: Floats) -> bool:
    """True for the same sound, whenever it began: recordings of several people share one."""
    n = own.size + other.size
    cross = np.fft.irfft(np.conj(np.fft.rfft(own, n)) * np.fft.rfft(other, n), n)
    power = math.sqrt(float(own @ own) * float(other @ other))
    return bool(np.abs(cross).max() > _SAME * power) if power > 0.0 else True


def _correlation(a: Floats, b: Floats) -> float:
    """NaN where one of them does not move."""
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 1e-12 else math.nan
