"""The figures of one window of tracking, and what is said of them.

A rhythmic layer that the program adds is followed like any sound: tracking of the music would
rise by itself when it comes in. So what the layer explains, at lags of up to 0.2 s, is taken out
of feature and reconstruction before they are compared (partial correlation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsp.filters import Floats
from dsp.nulls import NullResult

_LAYER_LAGS = range(-12, 13, 3)  # grid points


@dataclass(frozen=True)
class Tracking:
    """What can be said of tracking now.

    Attributes
    ----------
    state : {'following', 'not following', 'cannot tell'}
    r : float
        Correlation of rebuilt and heard feature over the newest 30 s scored; NaN without data.
    r_null95 : float
        What chance exceeds in 5 % of cases.
    r_low, r_high : float
        90 % interval.
    p : float
        The larger of the two surrogate p values; 1 without data.
    evidence : float
        Session evidence: natural logarithm of the e-process (`dsp.evidence`).
    ever_following : bool
        This session has once shown following; by chance in under one of 20.
    usable_s : float
        Clean seconds in the window.
    age_s : float
        Seconds since the newest clean EEG sample; infinite before the first.
    usable : bool
        False where the state is 'cannot tell' for want of data.
    reasons : tuple of str
        Plain sentences for whatever is missing.
    delay_change, delay_change_sd : float
        By how much the answer comes later than at calibration and its standard error, s; NaN
        without a stored decoder, or before a minute of data that it can rebuild.
    residual : float
        r less what this person usually shows with such a sound (`dsp.expectation`); NaN where
        that is not known. No state and no estimate depends on it.
    residual_low, residual_high : float
        90 % interval.
    residual_reason : str
        Why there is no residual, or empty.
    """

    state: str
    r: float
    r_null95: float
    r_low: float
    r_high: float
    p: float
    evidence: float
    ever_following: bool
    usable_s: float
    age_s: float
    usable: bool
    reasons: tuple[str, ...]
    delay_change: float = math.nan
    delay_change_sd: float = math.nan
    residual: float = math.nan
    residual_low: float = math.nan
    residual_high: float = math.nan
    residual_reason: str = ""


@dataclass(frozen=True)
class Score:
    """One window: correlation, chance level, 90 % interval, p, clean seconds."""

    r: float = math.nan
    r_null95: float = math.nan
    r_low: float = math.nan
    r_high: float = math.nan
    p: float = 1.0
    usable_s: float = 0.0


def window_score(
    masked: Floats, ok: npt.NDArray[np.bool_], feature: Floats, null: NullResult, usable: float
) -> Score:
    """Correlation, its chance level and its 90 % interval ``tanh(atanh r ± 1.64 sd0)``."""
    target = feature[ok] - feature[ok].mean()
    size = math.sqrt(float(masked @ masked) * float(target @ target))
    if size <= 0.0:
        return Score(usable_s=usable)
    r = min(max(float(masked[ok] @ target) / size, -0.999), 0.999)
    spread = 1.645 * null.sd / size
    return Score(
        r=r,
        r_null95=null.level95 / size,
        r_low=math.tanh(math.atanh(r) - spread),
        r_high=math.tanh(math.atanh(r) + spread),
        p=null.p,
        usable_s=usable,
    )


def without_layer(
    masked: Floats, ok: npt.NDArray[np.bool_], feature: Floats, layer: Floats
) -> tuple[Floats, Floats]:
    """Reconstruction and feature without what the layer explains of them.

    Parameters
    ----------
    masked, feature : float64 [shape=(n,)]
        Reconstruction (0 where masked) and filtered feature.
    ok : bool [shape=(n,)]
        Where there is a reconstruction.
    layer : float64 [shape=(n,)]
        Filtered envelope of the layer; all 0 without one.

    Returns
    -------
    masked, feature : float64 [shape=(n,)]
    """
    if not np.any(np.abs(layer) > 1e-9):
        return masked, feature
    design = np.stack([np.roll(layer, lag) for lag in _LAYER_LAGS], axis=1)
    seen = design[ok]
    gram = seen.T @ seen
    gram[np.diag_indices_from(gram)] += 1e-6 * float(np.trace(gram)) / gram.shape[0] + 1e-30
    targets = np.stack([masked[ok], feature[ok]], axis=1)
    weights = np.linalg.solve(gram, seen.T @ targets)
    return masked - np.where(ok, design @ weights[:, 0], 0.0), feature - design @ weights[:, 1]
