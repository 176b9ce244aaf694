"""Eyes, muscles and movement: which electrodes see them, and whether they follow the beat.

People blink on the beat (Wu, Teng & Du 2025): blinks locked to it make a naive decoder report
entrainment in two of three silent brains. Masking is not enough, because the neighbourhood of
a mask carries the beat too. So the blinks themselves are tested against what was heard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MARGIN_BEFORE, MARGIN_AFTER = 0.3, 0.6  #: s masked around a blink

_SITE = re.compile(
    r"^(Fp|AFF|AF|FFC|FFT|FT|FC|F|TP|TTP|T|CP|CCP|C|PO|PPO|P|O|I|A|M|N)(z|\d{1,2})$", re.I
)

Bools = npt.NDArray[np.bool_]


def site_region(name: str) -> str:
    """Letters of a 10-20/10-10 name in upper case (``"AF7" -> "AF"``); "" for any other name."""
    match = _SITE.match(name.strip())
    return match.group(1).upper() if match else ""


def ocular_sites(ch_names: Sequence[str]) -> frozenset[str]:
    """Electrodes that see the eyes best: Fp and AF, else F; empty where no name has a role."""
    for regions in (("FP", "AF", "AFF"), ("F",)):
        found = frozenset(n for n in ch_names if site_region(n) in regions)
        if found:
            return found
    return frozenset()


def temporal_sites(ch_names: Sequence[str]) -> frozenset[str]:
    """Electrodes over the jaw muscles: T, TP, FT."""
    return frozenset(n for n in ch_names if site_region(n) in ("T", "TP", "FT", "TTP"))


def dilate(mask: Bools, before: int, after: int) -> Bools:
    """Mask widened by `before` and `after` samples along axis 0 [shape=(n, n_columns)]."""
    n = mask.shape[0]
    total = np.zeros((n + 1, mask.shape[1]), dtype=np.int64)
    np.cumsum(mask, axis=0, out=total[1:])
    index = np.arange(n)
    start, stop = np.maximum(index - after, 0), np.minimum(index + before + 1, n)
    return np.asarray(total[stop] > total[start])
