"""Rivals of the decoder: what else could rebuild the sound, and does it as well.

A *nuisance* decoder sees only eyes, slow movements and muscles; the *stored* one alone, which
learns nothing in the session, shows whether the answer still comes as late as at calibration. Each
goes the way of the main decoder (`dsp.tracking.rebuilder`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dsp.filters import GridSampler
from dsp.grid import RATE, Floats
from dsp.quality import NUISANCES, CleanBlock
from dsp.tracking.alignment import Aligned, Filtered
from dsp.tracking.decoder import Sums
from dsp.tracking.evidence import BLOCK, UPPER, Evidence
from dsp.tracking.nulls import NullResult, Nulls
from dsp.tracking.rebuilder import Rebuilder

LOOK_BACK = 60  #: s over which a rival is compared with the main decoder
_MIN_SECONDS = 5  # of them that both must have rebuilt
_BEATEN = 2.0  # standard errors by which one correlation must be larger
_NUISANCE_LAGS = np.arange(-24, 25, 2)  # people move ahead of the beat as well as after it
_MIN_BLOCK = 0.4  # share of a block
_DELAYS = np.arange(-round(0.5 * RATE), 3 * RATE + 1)  # grid points
_NEAR = round(0.3 * RATE)  # grid points in which a changed delay is looked for
_MIN_DELAY_SECONDS = 60
_CHANGED, _CERTAIN = 0.010, 2.0  # s; standard errors


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
        return "Eyes, muscles or movements tell as much of the sound as EEG."

    def _add(self, second: int) -> None:
        """Evidence of the newest block."""
        window = _window(second, self._aligned, (self._own,))
        scored = None
        if window is not None:
            feature, (own,) = window
            part = own.copy()
            part[: -BLOCK * RATE] = 0.0
            inside = part != 0.0
            if np.count_nonzero(inside) >= _MIN_BLOCK * BLOCK * RATE:
                part[inside] -= part[inside].mean()
                scored = _scored(self._nulls, part, feature)
        if scored is None:
            self._evidence.fade()
        else:
            self._evidence.add(scored[1].z)


class Delay:
    """By how much the answer comes later than at calibration.

    The cross-covariance of what the stored decoder alone rebuilds and the feature, summed over
    the session, has its peak there; a parabola through the three highest points finds it between
    grid points. Its standard error is that of the slope at the peak over the curvature, with the
    spread of slopes at lags of 1 to 3 s, where no answer is.

    Parameters
    ----------
    aligned : Aligned
    n_channels : int
    lags : int64 [shape=(n_lags,)]
    prior : Sums
        Of the stored decoder.
    """

    def __init__(
        self, aligned: Aligned, n_channels: int, lags: npt.NDArray[np.int64], prior: Sums
    ) -> None:
        self._aligned = aligned
        self._stored = Rebuilder(aligned.eeg, n_channels, lags, prior=prior, learns=False)
        self.rebuilders = (self._stored,)
        self._cross = np.zeros(_DELAYS.size)
        self._seconds = 0.0
        self.seconds = math.nan  #: later than at calibration, s
        self.sd = math.nan  #: standard error, s

    def look(self, second: int) -> str:
        """Take in the newest block whose feature is known as far ahead; say if it has changed."""
        stop = second * RATE + int(_DELAYS[0])
        start = stop - BLOCK * RATE
        y = self._stored.rebuilt.read(start, stop)[:, 0]
        ok = np.isfinite(y)
        if not ok.any():
            return self._warning()
        s = self._aligned.feature.read(start - int(_DELAYS[-1]), stop - int(_DELAYS[0]))[:, 0]
        size = float(np.std(y[ok])) or 1.0
        # Each block in units of its own size: a loud minute must not outweigh the others.
        y = np.where(ok, y, 0.0) / size
        self._cross += np.correlate(np.nan_to_num(s), y, mode="valid")[::-1]
        self._seconds += float(np.count_nonzero(ok)) / RATE
        if self._seconds >= _MIN_DELAY_SECONDS:
            self._locate()
        return self._warning()

    def _locate(self) -> None:
        near = np.flatnonzero(np.abs(_DELAYS) <= _NEAR)
        at = int(near[np.argmax(self._cross[near])])
        left, peak, right = self._cross[at - 1 : at + 2]
        curvature = 2.0 * peak - left - right
        slopes = np.diff(self._cross[_DELAYS >= RATE])
        noise = float(np.std(slopes))
        if curvature <= 0.0 or peak <= 2.0 * float(np.std(self._cross[_DELAYS >= RATE])):
            self.seconds = self.sd = math.nan
            return
        self.seconds = (float(_DELAYS[at]) + 0.5 * (right - left) / curvature) / RATE
        self.sd = noise / curvature / RATE

    def _warning(self) -> str:
        """A sentence if the delay has changed for certain."""
        if math.isnan(self.seconds) or abs(self.seconds) < _CHANGED:
            return ""
        if abs(self.seconds) < _CERTAIN * self.sd:
            return ""
        side = "later" if self.seconds > 0.0 else "sooner"
        return (
            f"The answer comes {1000.0 * abs(self.seconds):.0f} ms {side} than at calibration: "
            "recalibrate."
        )
