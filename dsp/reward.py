"""Correlates of musical pleasure in scalp EEG, with their validity. Never "reward activity".

Frontal-midline theta is the one direction most often replicated (Sammler et al. 2007,
Psychophysiology 44:293; Nemati et al. 2019, Brain Res. 1711:7). It also follows attention, effort
and blinks, and no scalp band measures the nucleus accumbens. What a score says about one
person's enjoyment is learnt from that person's ratings, elsewhere; here it gets exact units and
an honest share of usable samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsp.checks import InputError, check_number
from dsp.electrodes import theta_sites
from dsp.filters import fill_masked
from dsp.grid import SLOWEST, Bools, Floats
from dsp.quality import CleanBlock
from dsp.spectra import aperiodic_level, band_power, degrees_of_freedom, density, hann

__all__ = ["FrontalTheta", "ThetaScore", "band_power"]

SCORE_SECONDS = 2
THETA = (4.0, 8.0)
MIN_VALID = 0.3  #: share of clean samples below which a score is not usable
MASKED = "Under 30 % of 2 s were clean."
SLOW = "Slow waves at the forehead."
_BACKGROUND = 8  # scores whose mean spectrum the aperiodic fit is made on (16 s)
_EDGE = 0.1  # s over which the taper closes towards a mask
_STEEPEST = 0.95  # fall of the background over frequency that is believed
_SLOW_BAND = (2.0, 4.0)
_SLOW_DB = 9.0  # over theta; a background that falls as f**-2 has 7 dB, without any theta
_BURST_DB = 7.0  # over the slow waves of earlier windows; what no mask caught of a blink


@dataclass(frozen=True)
class ThetaScore:
    """Frontal theta of two seconds.

    Attributes
    ----------
    t0, t1 : float
        LSL seconds.
    db : float
        Power in 4-8 Hz over the aperiodic background there, dB; NaN where not usable.
    valid_share : float
        Clean samples, 0..1, mean over the sites.
    usable : bool
        At least 30 % clean, and not drowned by slow waves.
    reason : str
        Why not usable, or empty.
    """

    t0: float
    t1: float
    db: float
    valid_share: float
    usable: bool
    reason: str = ""


class FrontalTheta:
    """Frontal-midline theta over the aperiodic background, streaming.

    ``db = 10 log10(mean S / mean A) + c`` over the lines that lie wholly in 4-8 Hz, mean over the
    sites. S is the density of a 2 s window, A the aperiodic background of the newest 16 s
    (`spectra.aperiodic_level`; Donoghue et al. 2020, Nat. Neurosci. 23:1655). Eyes and cables
    move slowly and only add to what lies under theta: a background that falls faster than
    ``f ** -0.95`` there is not believed.
    ``c = 10/ln 10 (l(k) - l(K))``: by ``l(k) = 1/k + 1/(3 k²)`` the mean logarithm of a power with
    k degrees of freedom lies low, and where masks leave a part of the window they are fewer than
    the K of a whole one (`spectra.degrees_of_freedom`).

    Where the slow waves of the newest 16 s stand over 9 dB above the theta of the 16 s before this
    window, what leaks from them is no theta: the score is not usable. Nor is it where those of this
    window alone stand 7 dB over theirs of before: a blink was missed. Its own theta is not looked
    at, or small scores would be left out more often than large ones.

    Parameters
    ----------
    ch_names : sequence of str
    sfreq : float
        Hz.

    Examples
    --------
    >>> from dsp.quality import Guard
    >>> rng, n = np.random.default_rng(0), 21 * 250
    >>> times = 60.0 + np.arange(n) / 250
    >>> theta = 6.0 * np.sin(2 * np.pi * 6.0 * times)
    >>> eeg = np.cumsum(rng.standard_normal(n)) + theta
    >>> block = Guard(ch_names=["Fz"], sfreq=250.0).push(eeg[:, None], times)
    >>> scores = FrontalTheta(ch_names=["Fz"], sfreq=250.0).push(block)
    >>> len(scores), bool(scores[-1].db > 3.0)
    (10, True)
    """

    def __init__(self, *, ch_names: Sequence[str], sfreq: float) -> None:
        if len(ch_names) == 0:
            raise InputError("The EEG has no electrode; expected at least one channel name.")
        self._sfreq = check_number("sfreq", sfreq, low=SLOWEST, unit="Hz")
        self.sites = theta_sites(ch_names)
        self._data = np.empty((0, len(self.sites)))
        self._valid = np.empty((0, len(self.sites)), dtype=bool)
        self._times = np.empty(0)
        self._start: int | None = None
        self._spectra: list[Floats] = []

    def push(self, block: CleanBlock) -> list[ThetaScore]:
        """Take judged EEG; return the scores of the whole two-second windows it completes."""
        if not self.sites or not block.seconds:
            return []
        sites = list(self.sites)
        self._data = np.concatenate([self._data, block.eeg[:, sites].astype(np.float64)])
        self._valid = np.concatenate([self._valid, block.valid[:, sites]])
        self._times = np.concatenate([self._times, block.times])
        until = block.seconds[-1].second + 1
        if self._start is None:
            first = block.seconds[0].second
            self._start = first + first % SCORE_SECONDS
        scores = []
        while self._start + SCORE_SECONDS <= until:
            scores.append(self._score(self._start))
            self._start += SCORE_SECONDS
            # A long hole is passed over in one step; its windows could not be usable.
            if self._times.size and self._times[-1] < self._start < until - 60:
                self._start = until - until % SCORE_SECONDS
        keep = int(np.searchsorted(self._times, self._start))
        self._data, self._valid = self._data[keep:], self._valid[keep:]
        self._times = self._times[keep:]
        return scores

    def _score(self, start: int) -> ThetaScore:
        stop = start + SCORE_SECONDS
        a, b = (int(i) for i in np.searchsorted(self._times, [start, stop]))
        n = round(SCORE_SECONDS * self._sfreq)
        data, valid = self._data[a:b][:n], self._valid[a:b][:n]
        share = min(float(valid.sum()) / (n * len(self.sites)), 1.0)

        def nothing(reason: str) -> ThetaScore:
            return ThetaScore(float(start), float(stop), math.nan, share, False, reason)

        if share < MIN_VALID:
            return nothing(MASKED)
        if len(data) < n:
            short = n - len(data)
            data = np.concatenate([data, np.repeat(data[-1:], short, axis=0)])
            valid = np.concatenate([valid, np.zeros((short, data.shape[1]), dtype=bool)])
        hz, power = self._density(data, valid)
        use = np.flatnonzero(valid.mean(axis=0) >= MIN_VALID)
        half = 0.5 * hz[1]
        theta = (hz - half >= THETA[0]) & (hz + half <= THETA[1])
        earlier = self._spectra
        self._spectra = [*earlier[-(_BACKGROUND - 1) :], power]
        if len(earlier) == _BACKGROUND and _drowned(hz, earlier, self._spectra, theta):
            return nothing(SLOW)
        newest = np.nanmean([one[:, use] for one in self._spectra], axis=0)
        levels = [aperiodic_level(hz, one, theta, steepest=_STEEPEST) for one in newest.T]
        over = np.log(power[theta][:, use].mean(axis=0) / levels)
        window, lines = hann(n)[:, None], int(np.count_nonzero(theta))
        few, whole = (
            degrees_of_freedom(window * taper, lines)
            for taper in (self._taper(valid[:, use]), np.ones((n, 1)))
        )
        db = 10.0 / math.log(10.0) * float(np.mean(over + _lies_low(few) - _lies_low(whole)))
        return ThetaScore(float(start), float(stop), db, share, True)

    def _density(self, data: Floats, valid: Bools) -> tuple[Floats, Floats]:
        """Density at each site; NaN at one that has too few samples."""
        filled = fill_masked(data, valid)
        # EEG falls steeply over frequency, and short stretches smear: what is under theta would be
        # read as theta. Their steps from sample to sample hardly fall; what that does to a line
        # is known, and taken back.
        steps = np.diff(filled, axis=0, prepend=filled[:1])
        hz, power = density(steps, sfreq=self._sfreq, taper=self._taper(valid))
        power[1:] /= (2.0 * np.sin(math.pi * hz[1:, None] / self._sfreq)) ** 2
        return hz, np.where(valid.mean(axis=0) >= MIN_VALID, power, math.nan)

    def _taper(self, valid: Bools) -> Floats:
        """1 on samples far from a mask, 0 on masked ones."""
        width = max(round(_EDGE * self._sfreq), 1)
        taper = valid.astype(np.float64)
        for column in np.flatnonzero(~valid.all(axis=0)):
            taper[:, column] *= np.convolve(taper[:, column], np.ones(width) / width, mode="same")
        return taper


def _drowned(hz: Floats, earlier: list[Floats], newest: list[Floats], theta: Bools) -> bool:
    """Whether slow waves stand too high over the theta of earlier windows, or burst in this one."""
    slow = (hz >= _SLOW_BAND[0]) & (hz < _SLOW_BAND[1])
    usual, calm, waves, burst = (
        float(np.mean([np.nanmean(one[lines]) for one in spectra]))
        for spectra, lines in (
            (earlier, theta), (earlier, slow), (newest, slow), (newest[-1:], slow),
        )
    )  # fmt: skip
    high = (waves > 10.0 ** (0.1 * _SLOW_DB) * usual, burst > 10.0 ** (0.1 * _BURST_DB) * calm)
    return any(high)


def _lies_low(k: Floats) -> Floats:
    """By how much the mean natural logarithm of a power lies under that of its mean."""
    return 1.0 / k + 1.0 / (3.0 * k**2)
