"""Whether eyes, slow movements and muscles tell as much of the sound as the EEG does.

A decoder that sees only them goes the way of the main one (`dsp.tracking.rebuilder`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dsp.filters import GridSampler
from dsp.grid import RATE, Floats
from dsp.quality import NUISANCES, CleanBlock
from dsp.tracking.alignment import Aligned, Filtered
from dsp.tracking.evidence import BLOCK, MIN_BLOCK, UPPER, Evidence
from dsp.tracking.nulls import NullResult, Nulls
from dsp.tracking.rebuilder import Rebuilder

EYES = "Eyes, muscles or movements tell as much of the sound as EEG."
LOOK_BACK = 60  #: s over which it is compared with the main decoder
_MIN_SECONDS = 5  # of them that both must have rebuilt
_BEATEN = 2.0  # standard errors by which one correlation must be larger
_NUISANCE_LAGS = np.arange(-24, 25, 2)  # people move ahead of the beat as well as after it


def _window(
    second: int, aligned: Aligned, rebuilders: Sequence[Rebuilder]
) -> tuple[Floats, list[Floats]] | None:
    """Feature and reconstructions of the last minute where all are there, else 0; or None."""
    span = (second - LOOK_BACK) * RATE, second * RATE
    feature = aligned.feature.read(*span)[:, 0]
    rebuilt = [r.rebuilt.read(*span)[:, 0] for r in rebuilders]
    ok = np.all(np.isfinite([feature, *rebuilt]), axis=0)
    if np.count_nonzero(ok) < _MIN_SECONDS * RATE:
        return None
    out = []
    for y in rebuilt:
        masked = np.where(ok, y, 0.0)
        masked[ok] -= masked[ok].mean()
        size = math.sqrt(float(masked @ masked))
        if size <= 0.0:
            return None
        out.append(masked / size)
    # What was heard before the first second that both rebuilt serves no shift of it.
    first = int(np.argmax(np.isfinite(feature)))
    whole = np.nan_to_num(feature)[first:]
    size = math.sqrt(float(np.sum(np.where(ok[first:], whole, 0.0) ** 2)))
    if size <= 0.0:
        return None
    return whole / size, [y[first:] for y in out]


def _scored(nulls: Nulls, masked: Floats, feature: Floats) -> tuple[float, NullResult] | None:
    null = nulls.judge(masked, feature, feature)
    return None if null is None else (float(masked @ feature), null)


class Nuisance:
    """Eyes, slow movements and muscles follow the sound, and tell as much of it as the EEG.

    Parameters
    ----------
    aligned : Aligned
        Of the EEG and the sound.
    main : Rebuilder
        The decoder that must do better.
    sfreq : float
        Hz.
    band : tuple of float
        Hz.
    nulls : Nulls
    """

    def __init__(
        self,
        aligned: Aligned,
        main: Rebuilder,
        *,
        sfreq: float,
        band: tuple[float, float],
        nulls: Nulls,
    ) -> None:
        self._aligned, self._main, self._nulls = aligned, main, nulls
        self._sampler = GridSampler(len(NUISANCES), sfreq=sfreq)
        self._filtered = Filtered(len(NUISANCES), band=band)
        self._own = Rebuilder(self._filtered.rows, len(NUISANCES), _NUISANCE_LAGS)
        self.rebuilders = (self._own,)
        self._evidence = Evidence()

    def push(self, block: CleanBlock) -> None:
        """Take what the guard saw beside the EEG."""
        if block.nuisance is not None:
            self._filtered.push(*self._sampler.push(block.nuisance, block.times))

    def look(self, second: int) -> str:
        """Say so if these signals follow the sound and the EEG does not follow it better."""
        self._add(second)
        if not (self._evidence.ever and self._evidence.now >= UPPER):
            return ""
        window = _window(second, self._aligned, (self._own, self._main))
        if window is None:
            return ""
        feature, (own, main) = window
        scored = _scored(self._nulls, own, feature)
        if scored is None or scored[1].p > 0.05:
            return ""
        lead = float(main @ feature) - scored[0]
        if lead > _BEATEN * math.sqrt(2.0) * scored[1].sd:
            return ""
        return EYES

    def _add(self, second: int) -> None:
        """Evidence of the newest block."""
        window = _window(second, self._aligned, (self._own,))
        scored = None
        if window is not None:
            feature, (own,) = window
            part = own.copy()
            part[: -BLOCK * RATE] = 0.0
            inside = part != 0.0
            if np.count_nonzero(inside) >= MIN_BLOCK * BLOCK * RATE:
                part[inside] -= part[inside].mean()
                scored = _scored(self._nulls, part, feature)
        if scored is None:
            self._evidence.fade()
        else:
            self._evidence.add(scored[1].z)
