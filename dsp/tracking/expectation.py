"""What tracking is expected of the sound alone, and what is left of it: residual tracking.

Clear, slow, loud beats are followed better whatever is felt. Whoever rewards r itself learns to
play simple beats. So the r of a window of 30 s is set against what this person usually shows with
such a sound,

    expected = r0 exp(b . x) (1 + d . x),    residual = r - expected,

x the distance of the sound from ordinary music, r0 the person's own, b the slopes of the
literature, d how this person differs from them. r0 and d are estimated by Bayesian linear
regression over windows left out of calibration and windows of the session that lie before the one
judged.

The slopes, share of r for one unit, and how unsure each is:

* *Beat rate*, octaves above 2 Hz: -0.25 ± 0.25. Best at 1-2 Hz and less up to 4 Hz (Weineck, Wen &
  Henry 2022, eLife 11:e75515: eta² 0.29 over 13 tempi). The direction is theirs; the size is an
  assumption, between nothing and a half in an octave.
* *Beat salience*, natural logarithm of the peak of the flux's spectrum at the beat over its floor:
  0.10 ± 0.10. Easy beats are followed better (same study, r_e 0.44); the size is an assumption.
* *Onset size*, natural logarithm of the mean square of the flux over its mean, which counts how
  large onsets are and not how many (that is the tempo's), as it would be at the ordinary level:
  0.5 ± 0.5. A linear answer to the flux, which is what the decoder assumes, gives 1; a cortex that
  adapts its gain to the contrast altogether gives 0 (partly: Rabinowitz et al. 2011, Neuron
  70:1178).
* *Level*, dB: 0.02 ± 0.02, the flux that rises with it included. Cortical responses grow linearly
  with the level in dB (Ross et al. 2000, doi 10.1121/1.429600): 50 dB above threshold by 1/50 for
  each. Where the decoder is learnt at the level it is used at, reconstruction hardly depends on it
  (Verschueren et al. 2021, Hear. Res. 403:108175).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dsp.filters import Strip
from dsp.grid import RATE, Floats
from dsp.intervals import Z90
from dsp.tracking.alignment import KEEP, SoundSampler
from dsp.tracking.scores import WINDOW, Score

ACOUSTICS = ("log2_beat_hz", "log_salience", "log_onset_size", "level_db")
CENTRE = (1.2, 4.2, -1.9, -20.5)  #: ordinary music: mean of the starter tracks as they are played
REACH = (1.0, 2.0, 1.5, 20.0)  #: distances beyond these count as these
SLOPE = (-0.25, 0.10, 0.5, 0.02)
SLOPE_SD = (0.25, 0.10, 0.5, 0.02)
#: By how much the onset size grows with the level alone (starter tracks, ±3 dB).
SIZE_PER_DB = 0.057
USUAL = (0.08, 0.06)  #: r0 of people, mean and SD: 0.03 to 0.15 with few electrodes
LEVEL_SD = 6.0  #: dB that a level which is not known may differ from ordinary music
WANDER = 0.25  #: share of r0 by which people differ from themselves from window to window
N_NEEDED = 4  #: windows before r0 counts as known
_MIN_HEARD = 20  # s of a window
_MIN_USABLE = 15.0  # s of clean EEG of a window that is learnt from
_LEARNT = 120.0  # s that a decoder from nothing must have learnt from before its r is usual
_BEAT_HZ = (0.8, 4.0)


def acoustics(flux: Floats, level: Floats) -> Floats:
    """`ACOUSTICS` of a window of what was heard.

    Parameters
    ----------
    flux, level : float64 [shape=(n,)]
        Unfiltered feature and level (dB) at 64 Hz; NaN where not heard or not known.

    Returns
    -------
    float64 [shape=(4,)]
        All NaN for less than 20 s or a sound without onsets; the level alone where it is unknown.

    Examples
    --------
    >>> t = np.arange(30 * RATE) / RATE
    >>> flux = 0.3 * np.maximum(np.cos(2 * np.pi * 2.0 * t), 0.0)
    >>> found = acoustics(flux, np.full(flux.size, -20.0))
    >>> round(float(2.0 ** found[0]), 1), round(float(found[3]), 1)  # beats a second, dB
    (2.0, -20.0)
    """
    seen = np.isfinite(flux)
    nothing = np.full(len(ACOUSTICS), np.nan)
    if np.count_nonzero(seen) < _MIN_HEARD * RATE:
        return nothing
    if not float(flux[seen].std()) > 1e-6:
        return nothing
    size = float(np.mean(flux[seen] ** 2) / max(float(np.mean(np.abs(flux[seen]))), 1e-12))
    centred = np.where(seen, flux - flux[seen].mean(), 0.0)
    power = np.abs(np.fft.rfft(centred * np.hanning(centred.size))) ** 2
    hz = np.fft.rfftfreq(centred.size, 1.0 / RATE)
    inside = (hz >= _BEAT_HZ[0]) & (hz <= _BEAT_HZ[1])
    peak = int(np.argmax(power[inside]))
    salience = float(power[inside][peak] / max(float(np.median(power[inside])), 1e-30))
    known = level[np.isfinite(level)]
    db = math.nan
    if known.size >= _MIN_HEARD * RATE:
        db = 10.0 * math.log10(float(np.mean(10.0 ** (known / 10.0))))
    beat = math.log2(float(hz[inside][peak]))
    return np.array([beat, math.log(max(salience, 1e-3)), math.log(size), db])


@dataclass(frozen=True)
class Residual:
    """r less what is expected, its 90 % interval, or why it is not known."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    reason: str = "Nothing was scored yet."


class Expectation:
    """Expected r of one person, given the sound.

    Parameters
    ----------
    windows : float64 [shape=(n, 6)], optional
        Of calibration: r, its SD by chance, and `ACOUSTICS`.

    Examples
    --------
    >>> person = Expectation()
    >>> for _ in range(8):
    ...     person.learn(0.15, 0.03, np.array(CENTRE))
    >>> expected, unsure = person.expected(np.array(CENTRE))
    >>> bool(0.12 < expected < 0.15), bool(unsure < 0.03)
    (True, True)
    """

    def __init__(self, windows: Floats | None = None) -> None:
        width = 2 + len(ACOUSTICS)
        self._windows = np.empty((0, width)) if windows is None else windows.reshape(-1, width)
        self._known: tuple[Floats, Floats] | None = None

    def learn(self, r: float, sd: float, x: Floats) -> None:
        """Take one more window: its r, SD of r by chance, and `acoustics`."""
        self._windows = np.concatenate([self._windows, [[r, sd, *x]]])
        self._known = None

    @property
    def n_windows(self) -> int:
        """Windows of this person so far."""
        return len(self._windows)

    def expected(self, x: Floats) -> tuple[float, float]:
        """Return the r that is expected for the `acoustics` x, and how unsure that is (SD)."""
        if self._known is None:
            self._known = _regress(self._windows)
        mean, covariance = self._known
        row = _design(x[None, :])[0]
        return float(row @ mean), math.sqrt(float(row @ covariance @ row))

    def residual(self, r: float, sd: float, x: Floats) -> Residual:
        """What is left of r."""
        if not (math.isfinite(r) and math.isfinite(sd)):
            return Residual()
        if self.n_windows < N_NEEDED:
            return Residual(
                reason="What is usual for this person is not known yet: "
                f"{self.n_windows} of {N_NEEDED} windows of {WINDOW} s."
            )
        if not np.isfinite(x[:3]).all():
            return Residual(reason="The newest 30 s say too little of the sound.")
        expected, unsure = self.expected(x)
        spread = Z90 * math.hypot(sd, unsure)
        return Residual(r - expected, r - expected - spread, r - expected + spread, "")


def _design(x: Floats) -> Floats:
    """Rows of the regression: usual r, how this person's slopes differ, level not known."""
    distance = x - np.array(CENTRE)
    unknown = ~np.isfinite(distance[:, 3:])
    distance = np.nan_to_num(distance)
    distance[:, 2] -= SIZE_PER_DB * distance[:, 3]
    distance = np.clip(distance, -np.array(REACH), np.array(REACH))
    usual = np.exp(distance @ np.array(SLOPE))[:, None]
    return np.asarray(usual * np.hstack([np.ones_like(usual), distance, unknown]))


def _regress(windows: Floats) -> tuple[Floats, Floats]:
    """Posterior mean and covariance of the coefficients of `_design`."""
    r, sd, rows = windows[:, 0], windows[:, 1], _design(windows[:, 2:])
    mean = np.array([USUAL[0], *[0.0] * (rows.shape[1] - 1)])
    unknown = LEVEL_SD * math.hypot(SLOPE[3], SLOPE_SD[3])
    scale = USUAL[0]
    # Slopes are shares of r0, which has to be known first: once with that of people, once with own.
    for _ in range(2):
        spread = np.array([USUAL[1], *(scale * np.array([*SLOPE_SD, unknown]))])
        weight = 1.0 / (sd**2 + (WANDER * scale) ** 2)
        precision = np.diag(spread**-2.0) + (rows * weight[:, None]).T @ rows
        covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
        fitted = covariance @ (mean / spread**2 + rows.T @ (weight * r))
        scale = max(abs(float(fitted[0])), 0.02)
    return fitted, covariance


class Residuals:
    """Residual of each second, from the windows before it.

    Parameters
    ----------
    windows : float64 [shape=(n, 6)], optional
        Of calibration; without them a decoder learns in the session, and what it shows while it
        has learnt from less than 120 s is not what is usual.
    """

    def __init__(self, windows: Floats | None = None) -> None:
        self._expectation = Expectation(windows)
        self._waiting: list[tuple[int, float, float, Floats]] = []
        self._sampler = SoundSampler(1)
        self._level = Strip(1, keep=KEEP)
        self.x = np.full(len(ACOUSTICS), math.nan)  #: `acoustics` of the window looked at last

    def push_level(self, level: Floats, times: Floats) -> None:
        """Take the level of the music [shape=(n, 1)], dB; [shape=(n, 0)] where it is unknown."""
        if level.size:
            start, rows = self._sampler.push(level, times)
            if len(rows):
                self._level.write(start, rows)

    def look(self, until: int, score: Score, heard: Floats, *, learnt: float) -> Residual:
        """Judge the window of 30 s that ends with second `until`; call it once for each second.

        Parameters
        ----------
        until : int
        score : Score
            Of that window.
        heard : float64 [shape=(30 * 64, 2)]
            Unfiltered feature and layer of that window.
        learnt : float
            Seconds that the decoder knows.
        """
        while self._waiting and self._waiting[0][0] <= until - WINDOW:
            self._expectation.learn(*self._waiting.pop(0)[1:])
        level = self._level.read((until - WINDOW) * RATE, until * RATE)
        self.x = x = acoustics(heard[:, 0], level[:, 0])
        if not math.isfinite(score.r):
            return Residual()
        sd = score.sd
        fit = score.usable_s >= _MIN_USABLE and learnt >= _LEARNT and np.isfinite(x[:3]).all()
        if until % WINDOW == 0 and fit:
            self._waiting.append((until, score.r, sd, x))
        return self._expectation.residual(score.r, sd, x)
