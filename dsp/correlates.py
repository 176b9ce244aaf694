"""Further correlates of pleasure and arousal, over 30 s, each with its interval and validity.

In the estimate belong, besides frontal theta (`dsp.reward`), the synchrony of right frontal and
temporal theta and the ratio of beta to alpha where no muscle speaks. Two more are computed for
researchers and kept out of every estimate:

*gamma* (30-45 Hz): with the muscles paralysed scalp power above 20 Hz falls 10- to 200-fold
(Whitham et al. 2007, Clin. Neurophysiol. 118:1877), and smiling is muscle that goes with pleasure.

*frontal alpha asymmetry*: in 5,700 people it explains under 0.4 % of variance (Kuper 2019, doi
10.1002/per.2197); it is a trait, no reading of the moment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError, check_number
from dsp.electrodes import columns, sites_in
from dsp.filters import fill_masked
from dsp.grid import SLOWEST, Bools, Floats
from dsp.intervals import Z90, mean_and_interval
from dsp.quality import CleanBlock
from dsp.spectra import density

WINDOW = 30  #: s of a score; windows do not overlap
SEGMENT = 2  #: s
MIN_CLEAN = 0.9  #: share of a segment
MIN_SEGMENTS = 5
IN_ESTIMATE = ("ft_theta_wpli", "beta_alpha")
FOR_RESEARCH = ("gamma", "alpha_asymmetry")
NAMES = IN_ESTIMATE + FOR_RESEARCH
_RIGHT_FRONTAL, _RIGHT_TEMPORAL = ("f4", "f8", "af8", "af4"), ("t8", "tp10", "tp8", "ft8")
_LEFT_RIGHT = (("f3", "f4"), ("f7", "f8"), ("af7", "af8"), ("af3", "af4"), ("fp1", "fp2"))


@dataclass(frozen=True)
class Correlate:
    """One feature over one window.

    Attributes
    ----------
    name : str
    t0, t1 : float
        LSL seconds.
    value, low, high : float
        With its 90 % interval (jackknife over segments); NaN where not usable. Natural logarithm
        of a power ratio, or a synchrony from -1 to 1.
    usable_s : float
        Clean seconds.
    usable : bool
    reason : str
        Why not usable, or empty.
    """

    name: str
    t0: float
    t1: float
    value: float
    low: float
    high: float
    usable_s: float
    usable: bool
    reason: str


def debiased_wpli(cross: npt.NDArray[np.complex128]) -> float:
    """Debiased squared weighted phase-lag index, mean over frequencies.

    ``(|sum I|² - sum I²) / ((sum |I|)² - sum I²)``, I the imaginary part of the cross-spectrum of
    each segment: blind to volume conduction, 0 on average without coupling (Vinck et al. 2011,
    NeuroImage 55:1548).

    Parameters
    ----------
    cross : complex128 [shape=(n_segments, n_bins)]

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = (rng.standard_normal((30, 8)) + 1j * rng.standard_normal((30, 8)) for _ in "ab")
    >>> round(debiased_wpli(a * np.conj(1j * a)), 2)  # one follows the other by a quarter of a turn
    1.0
    >>> abs(debiased_wpli(a * np.conj(b))) < 0.1  # nothing in common
    True
    """
    imaginary = cross.imag
    squares = np.sum(imaginary**2, axis=0)
    top = np.sum(imaginary, axis=0) ** 2 - squares
    bottom = np.sum(np.abs(imaginary), axis=0) ** 2 - squares
    return float(np.mean(top / np.maximum(bottom, 1e-30)))


class Correlates:
    """Scores of `NAMES` over windows of 30 s, streaming.

    Parameters
    ----------
    ch_names : sequence of str
    sfreq : float
        Hz.

    Examples
    --------
    >>> correlates = Correlates(ch_names=["F3", "F4", "T8"], sfreq=250.0)
    >>> rng, n = np.random.default_rng(1), 31 * 250
    >>> from dsp.quality import Guard
    >>> guard = Guard(ch_names=["F3", "F4", "T8"], sfreq=250.0)
    >>> block = guard.push(8.0 * rng.standard_normal((n, 3)), 60.0 + np.arange(n) / 250)
    >>> [one.name for one in correlates.push(block)]
    ['ft_theta_wpli', 'beta_alpha', 'gamma', 'alpha_asymmetry']
    """

    def __init__(self, *, ch_names: Sequence[str], sfreq: float) -> None:
        if len(ch_names) == 0:
            raise InputError("The EEG has no electrode; expected at least one channel name.")
        self._sfreq = check_number("sfreq", sfreq, low=SLOWEST, unit="Hz")
        at = columns(ch_names)
        self._frontal = sites_in(ch_names, ("F", "AF", "AFF", "FP"))
        self._pair = tuple(
            next((at[name] for name in group if name in at), -1)
            for group in (_RIGHT_FRONTAL, _RIGHT_TEMPORAL)
        )
        self._sides = next(
            ((at[a], at[b]) for a, b in _LEFT_RIGHT if a in at and b in at), (-1, -1)
        )
        self._pending: list[tuple[Floats, Bools, Floats]] = []
        self._muscle: dict[int, frozenset[int]] = {}
        self._start: int | None = None

    def push(self, block: CleanBlock) -> list[Correlate]:
        """Take judged EEG; return the scores of the windows it completes."""
        if not block.seconds:
            return []
        if self._start is None:
            self._start = block.seconds[0].second
        self._pending.append((block.eeg.astype(np.float64), block.valid, block.times))
        for second in block.seconds:
            tense = (i for i, word in enumerate(second.words) if word == "muscle")
            self._muscle[second.second] = frozenset(tense)
        until = block.seconds[-1].second + 1
        out: list[Correlate] = []
        while self._start + WINDOW <= until:
            out += self._window(self._start)
            self._start += WINDOW
        return out

    def _window(self, start: int) -> list[Correlate]:
        eeg, valid, times = (np.concatenate(part) for part in zip(*self._pending, strict=True))
        n = round(SEGMENT * self._sfreq)
        segments = []
        for at in range(start, start + WINDOW, SEGMENT):
            a, b = (int(i) for i in np.searchsorted(times, [at, at + SEGMENT]))
            if b - a < n - 2:
                continue
            tense = self._muscle.get(at, frozenset()) | self._muscle.get(at + 1, frozenset())
            data, ok = eeg[a:b][:n], valid[a:b][:n]
            if len(data) < n:
                data = np.concatenate([data, np.repeat(data[-1:], n - len(data), axis=0)])
                ok = np.concatenate([ok, np.repeat(ok[-1:], n - len(ok), axis=0)])
            segments.append((fill_masked(data, ok), ok.mean(axis=0) >= MIN_CLEAN, tense))
        keep = int(np.searchsorted(times, start + WINDOW))
        self._pending = [(eeg[keep:], valid[keep:], times[keep:])]
        self._muscle = {k: v for k, v in self._muscle.items() if k >= start + WINDOW}
        span = (float(start), float(start + WINDOW))
        return [
            self._synchrony(segments, span),
            self._ratio("beta_alpha", segments, span, (13.0, 20.0), (8.0, 13.0)),
            self._ratio("gamma", segments, span, (30.0, 45.0), None),
            self._asymmetry(segments, span),
        ]

    def _synchrony(self, segments: list[_Segment], span: tuple[float, float]) -> Correlate:
        a, b = self._pair
        if a < 0 or b < 0:
            return _unusable("ft_theta_wpli", span, 0.0, "No right frontal and temporal electrode.")
        use = [data for data, ok, _ in segments if ok[a] and ok[b]]
        if len(use) < MIN_SEGMENTS:
            return _unusable("ft_theta_wpli", span, len(use) * SEGMENT, _TOO_FEW)
        stack = np.stack(use)[:, :, [a, b]]
        window = np.hanning(stack.shape[1] + 1)[:-1][None, :, None]
        spectra = np.fft.rfft((stack - stack.mean(axis=1, keepdims=True)) * window, axis=1)
        hz = np.fft.rfftfreq(stack.shape[1], 1.0 / self._sfreq)
        band = (hz >= 4.0) & (hz < 8.0)
        cross = spectra[:, band, 0] * np.conj(spectra[:, band, 1])
        value = debiased_wpli(cross)
        parts = [debiased_wpli(np.delete(cross, k, axis=0)) for k in range(len(use))]
        return _with_interval("ft_theta_wpli", span, value, parts, len(use))

    def _ratio(
        self,
        name: str,
        segments: list[_Segment],
        span: tuple[float, float],
        upper: tuple[float, float],
        lower: tuple[float, float] | None,
    ) -> Correlate:
        """Frontal ``ln P(upper) - ln P(lower)``; a ratio leaves segments with muscle out."""
        if not self._frontal:
            return _unusable(name, span, 0.0, "No frontal electrode.")
        values = []
        for data, ok, tense in segments:
            sites = [i for i in self._frontal if ok[i]]
            if not sites or (lower is not None and tense & set(self._frontal)):
                continue
            hz, power = density(data[:, sites], sfreq=self._sfreq)
            level = power[(hz >= upper[0]) & (hz < upper[1])].mean(axis=0)
            if lower is not None:
                level = level / power[(hz >= lower[0]) & (hz < lower[1])].mean(axis=0)
            values.append(float(np.mean(np.log(np.maximum(level, 1e-12)))))
        if len(values) < MIN_SEGMENTS:
            return _unusable(name, span, len(values) * SEGMENT, _TOO_FEW)
        return _of_values(name, span, values)

    def _asymmetry(self, segments: list[_Segment], span: tuple[float, float]) -> Correlate:
        left, right = self._sides
        if left < 0:
            return _unusable("alpha_asymmetry", span, 0.0, "No frontal pair of electrodes.")
        values = []
        for data, ok, _ in segments:
            if ok[left] and ok[right]:
                hz, power = density(data[:, [left, right]], sfreq=self._sfreq)
                alpha = power[(hz >= 8.0) & (hz < 13.0)].mean(axis=0)
                values.append(float(np.log(max(alpha[1], 1e-12) / max(alpha[0], 1e-12))))
        if len(values) < MIN_SEGMENTS:
            return _unusable("alpha_asymmetry", span, len(values) * SEGMENT, _TOO_FEW)
        return _of_values("alpha_asymmetry", span, values)


_Segment = tuple[Floats, Bools, frozenset[int]]
_TOO_FEW = "Too few clean segments of 2 s."


def _unusable(name: str, span: tuple[float, float], usable_s: float, reason: str) -> Correlate:
    nan = math.nan
    return Correlate(name, *span, nan, nan, nan, float(usable_s), False, reason)


def _of_values(name: str, span: tuple[float, float], values: list[float]) -> Correlate:
    usable_s = float(len(values) * SEGMENT)
    return Correlate(name, *span, *mean_and_interval(values), usable_s, True, "")


def _with_interval(
    name: str, span: tuple[float, float], value: float, parts: list[float], n: int
) -> Correlate:
    spread = Z90 * math.sqrt((n - 1) * float(np.var(parts)))
    usable_s = float(n * SEGMENT)
    return Correlate(name, *span, value, value - spread, value + spread, usable_s, True, "")


@dataclass(frozen=True)
class Baseline:
    """A person's own level while listening, for z-scores.

    Attributes
    ----------
    mean, sd : float
        Of a feature's windows in earlier sessions with music.
    n : int
        Windows; under 8 there is no z-score.

    Examples
    --------
    >>> Baseline.of([0.1, 0.3] * 4).z(0.4) > 1.5
    True
    >>> Baseline.of([0.1, 0.3]).z(0.4)  # too few windows
    nan
    """

    mean: float
    sd: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Baseline:
        """From the usable values of one feature."""
        clean = np.asarray([v for v in values if math.isfinite(v)])
        if clean.size < 2:
            return cls(math.nan, math.nan, int(clean.size))
        return cls(float(clean.mean()), float(clean.std(ddof=1)), int(clean.size))

    def z(self, value: float) -> float:
        """Standard score of `value`; NaN without a baseline of at least 8 windows."""
        if self.n < 8 or not self.sd > 0.0:
            return math.nan
        return (value - self.mean) / self.sd
