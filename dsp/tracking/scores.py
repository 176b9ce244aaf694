"""The figures of one window of tracking, and what is said of them.

A rhythmic layer that the program adds is followed like any sound: tracking of the music would
rise by itself when it comes in. So what the layer explains, at lags of up to 0.2 s, is taken out
before feature and reconstruction are compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from dsp.grid import Floats
from dsp.intervals import Z90
from dsp.tracking.nulls import NullResult

WINDOW = 30  #: s that the shown correlation, and what is expected of it, are taken over
_LAYER_LAGS = range(-12, 13, 3)  # grid points
_MIN_LEFT = 0.1  # of the music's energy; less, and it cannot be told from the layer


TrackingState = Literal["following", "not following", "cannot tell"]
FOLLOWING: Final = "following"
NOT_FOLLOWING: Final = "not following"
CANNOT_TELL: Final = "cannot tell"


@dataclass(frozen=True)
class Tracking:
    """What can be said of tracking now.

    Attributes
    ----------
    state : TrackingState
    r : float
        Correlation of rebuilt and heard feature over the newest 30 s scored; NaN without data.
    r_null95 : float
        What chance exceeds in 5 % of cases.
    r_low, r_high : float
        90 % interval.
    p : float
        The larger of the two surrogate p values; 1 without data.
    evidence : float
        Session evidence: natural logarithm of the e-process (`dsp.tracking.evidence`).
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
    drift, drift_sd : float
        ms by which the answer comes later each minute (a clock that drifts), and its standard
        error; NaN where no answer stands out. The decoder's lags follow it.
    power : float
        Chance that the newest three minutes of EEG would show an answer of the size that this
        person usually gives, 0 to 1; NaN where they never gave one. "Not following" is said from
        0.8 on.
    residual : float
        r less what this person usually shows with such a sound (`expectation`); NaN where
        that is not known. No state and no estimate depends on it.
    residual_low, residual_high : float
        90 % interval.
    residual_reason : str
        Why there is no residual, or empty.
    """

    state: TrackingState
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
    drift: float = math.nan
    drift_sd: float = math.nan
    power: float = math.nan
    residual: float = math.nan
    residual_low: float = math.nan
    residual_high: float = math.nan
    residual_reason: str = ""


@dataclass(frozen=True)
class Score:
    """One window: correlation, chance level, 90 % interval, p, clean seconds.

    `told` is False where music and layer cannot be told apart.
    """

    r: float = math.nan
    r_null95: float = math.nan
    r_low: float = math.nan
    r_high: float = math.nan
    p: float = 1.0
    usable_s: float = 0.0
    told: bool = True

    @property
    def sd(self) -> float:
        """Spread by chance of atanh r; an interval that reaches to 1 says nothing, and is wide."""
        low, high = max(self.r_low, -1.0 + 1e-9), min(self.r_high, 1.0 - 1e-9)
        return (math.atanh(high) - math.atanh(low)) / (2 * Z90)


@dataclass(frozen=True)
class Compared:
    """Reconstruction and feature as they are compared.

    Attributes
    ----------
    masked, feature : float64 [shape=(n,)]
        Their covariance is what is judged. `masked` has mean 0 where there is a reconstruction
        and is 0 elsewhere.
    size : float
        What the covariance is divided by to give r; 0 where r cannot be told.
    told : bool
        False where layer and music cannot be told apart.
    """

    masked: Floats
    feature: Floats
    size: float
    told: bool = True


def window_score(compared: Compared, null: NullResult | None, usable: float) -> Score:
    """Correlation, its chance level and its 90 % interval ``tanh(atanh r ± 1.645 sd0)``.

    Examples
    --------
    >>> from dsp.tracking.nulls import Nulls
    >>> rng = np.random.default_rng(0)
    >>> heard = rng.standard_normal(1920)
    >>> compared = compare(0.3 * heard + rng.standard_normal(1920), heard)
    >>> score = window_score(compared, Nulls(seed=0).judge(compared.masked, heard, heard), 30.0)
    >>> bool(score.r_low < score.r < score.r_high), bool(score.r > score.r_null95)
    (True, True)
    """
    size = compared.size
    if null is None or size <= 0.0:
        return Score(usable_s=usable, told=compared.told)
    r = min(max(float(compared.masked @ compared.feature) / size, -0.999), 0.999)
    spread = Z90 * null.sd / size
    return Score(
        r=r,
        r_null95=min(max(null.level95 / size, 0.0), 1.0),
        r_low=math.tanh(math.atanh(r) - spread),
        r_high=math.tanh(math.atanh(r) + spread),
        p=null.p,
        usable_s=usable,
    )


def compare(rebuilt: Floats, feature: Floats, layer: Floats | None = None) -> Compared:
    """Reconstruction beside feature, without what a layer explains of either.

    With M the projection that takes the layer's lags out, ``a = y'Ms / s'Ms`` is what the music
    gives to the reconstruction when music and layer are regressed on together: unlike a partial
    correlation it loses nothing for what the two have in common. Less what that regression gives
    the layer, the reconstruction is ``y_m = My + a (s - Ms)``, whose parts are orthogonal, and its
    correlation with all of the music is ``r = a |s| / |y_m|``: the partial covariance y'Ms divided
    by ``s'Ms |y_m| / |s|``. The less of the music the layer leaves, the smaller that is, and the
    wider chance level and interval are.

    Parameters
    ----------
    rebuilt : float64 [shape=(n,)]
        Reconstruction, NaN where masked.
    feature : float64 [shape=(n,)]
        Filtered feature.
    layer : float64 [shape=(n,)], optional
        Filtered envelope of the layer; all 0 without one.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> heard = rng.standard_normal(1920)
    >>> rebuilt = heard + rng.standard_normal(1920)
    >>> rebuilt[:300] = np.nan  # masked
    >>> compared = compare(rebuilt, heard)
    >>> round(float(compared.masked @ compared.feature) / compared.size, 1)
    0.7
    """
    ok = np.isfinite(rebuilt)
    y, s = rebuilt[ok] - rebuilt[ok].mean(), feature[ok] - feature[ok].mean()
    left, part = y, s
    if layer is not None:
        design = np.stack([np.roll(layer, lag) for lag in _LAYER_LAGS], axis=1)
        if np.any(design[ok]):
            seen = design[ok] - design[ok].mean(axis=0)
            left, part = (one - _explained(seen, one) for one in (y, s))
            # Of the reconstruction only usable rows are known, of the feature all: weights that
            # some rows taught say nothing of others, where the layer may be thousands of times as
            # loud. What all rows teach takes away, and adds to none.
            feature = feature - _explained(design, feature)
    masked = np.zeros(rebuilt.size)
    masked[ok] = left
    remains, whole = float(part @ part), float(s @ s)
    if whole <= 0.0 or remains < _MIN_LEFT * whole:
        return Compared(masked, feature, 0.0, told=whole <= 0.0)
    a = float(left @ part) / remains
    music = float(left @ left) + a**2 * (whole - remains)
    return Compared(masked, feature, remains * math.sqrt(music / whole))


def _explained(design: Floats, signal: Floats) -> Floats:
    """What is explained of a signal by the columns of a design, by least squares."""
    weights, *_ = np.linalg.lstsq(design, signal)
    return np.asarray(design @ weights)
