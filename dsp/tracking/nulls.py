"""What a decoder reaches by chance: two families of surrogates of the same track feature.

Both keep the spectrum of the feature (and so its autocorrelation): the *shifted* ones also keep
its rhythm, the *phase-randomised* ones destroy it (Theiler et al. 1992, Physica D 58:77). The
larger p counts. Features of *other* tracks are no null: with steady lines in the EEG they give
25-62 % false alarms (docs/method.md).

All statistics are covariances ``c = sum_t y(t) s(t)`` of a masked reconstruction y, so all shifts
come from one Fourier transform, and all random phases from one product of matrices over the
bins of the band. What is judged is a correlation: a shift that brings a louder or a quieter stretch
of the feature beside y is divided by its size there, or a quiet window would be held against chance
of a loud minute, and a loud one against that of a quiet minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dsp.grid import RATE, Floats

N_PHASES = 500  #: phase-randomised surrogates
MIN_SHIFT = 2.0  #: s; nearer shifts are not yet another alignment
MAX_SHIFTS = 1000
N_BINS = 600  #: bins up to 9 Hz in 60 s
_QUIET = 0.1  # of the power of the window; a stretch with less counts as if it had so much
_TOP = 9.0  # Hz; nothing of the feature is left above its band


def bins_of(n: int) -> int:
    """Bins up to 9 Hz of `n` grid points.

    Examples
    --------
    >>> bins_of(60 * RATE)
    541
    """
    return int(_TOP * n / RATE) + 1


@dataclass(frozen=True)
class NullResult:
    """One statistic against its two nulls.

    Attributes
    ----------
    z : float
        Standard score against the null that leaves the smaller one.
    p : float
        The larger of the two ``(1 + #{c_i >= c}) / (1 + N)``.
    level95 : float
        95 % point of the null that has the larger one, in units of the statistic.
    sd : float
        Standard deviation of the phase-randomised null: the shifted one is widened by places that
        sound alike, which the statistic itself is not.
    n_shifts : int
        Shifted surrogates that there were; their number grows with what was heard.
    """

    z: float
    p: float
    level95: float
    sd: float
    n_shifts: int


@lru_cache(maxsize=4)
def _turns(seed: int, n_phases: int, n_bins: int) -> tuple[Floats, Floats]:
    """Cosines and sines of random phases [shape=(n_phases, n_bins)], read-only.

    Kept, because a second listener of the same seed turns by the same phases.
    """
    angle = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, (n_phases, n_bins))
    tables = np.cos(angle), np.sin(angle)
    for table in tables:
        table.flags.writeable = False
    return tables


class Nulls:
    """Surrogates with phases drawn once from `seed`.

    Parameters
    ----------
    seed : int
    n_phases : int
        Phase-randomised surrogates.
    n_bins : int
        Bins up to 9 Hz of the longest signal.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> heard = rng.standard_normal(30 * RATE)
    >>> nulls = Nulls(seed=0)
    >>> nulls.judge(heard + rng.standard_normal(heard.size), heard, heard).p < 0.01
    True
    """

    def __init__(self, *, seed: int, n_phases: int = N_PHASES, n_bins: int = N_BINS) -> None:
        self._cos, self._sin = _turns(seed, n_phases, n_bins)

    def phase(self, masked: Floats, feature: Floats) -> Floats:
        """Covariances of `masked` with phase-randomised copies of `feature`.

        Parameters
        ----------
        masked : float64 [shape=(n,)]
            Reconstruction, 0 where masked.
        feature : float64 [shape=(n,)]

        Returns
        -------
        float64 [shape=(n_phases,)]
            ``(2 / n) sum_f |Y S| cos(arg(Y S*) - phi_f)``, f up to 9 Hz.
        """
        n = masked.size
        top = min(bins_of(n), self._cos.shape[1])
        cross = np.fft.rfft(masked)[1:top] * np.conj(np.fft.rfft(feature)[1:top])
        real, imag = np.ascontiguousarray(cross.real), np.ascontiguousarray(cross.imag)
        out = self._cos[:, 1:top] @ real + self._sin[:, 1:top] @ imag
        return np.asarray(out * (2.0 / n))

    @staticmethod
    def shifts(masked: Floats, feature: Floats) -> Floats:
        """Covariances of `masked` with `feature` turned round by more than `MIN_SHIFT` s.

        Parameters
        ----------
        masked : float64 [shape=(n,)]
            Reconstruction, 0 where masked (and in front, where `feature` reaches further back).
        feature : float64 [shape=(n,)]

        Returns
        -------
        float64 [shape=(n_shifts,)]
            Every k-th shift, at most `MAX_SHIFTS`, as if `feature` were as large beside `masked` as
            it is without a shift; empty if there is less than 6 s.
        """
        n = masked.size
        low = int(MIN_SHIFT * RATE)
        if n < 3 * low:
            return np.empty(0)
        beside = np.stack([masked, masked != 0.0])
        turned = np.stack([feature, feature**2])
        cross = np.fft.rfft(beside) * np.conj(np.fft.rfft(turned))
        every, power = np.fft.irfft(cross, n)
        own = max(float(power[0]), 1e-9 * float(power.max()))
        if own > 0.0:
            every = every / np.sqrt(np.maximum(power, _QUIET * own) / own)
        every = every[low : n - low + 1]
        step = -(-every.size // MAX_SHIFTS)
        return np.asarray(every[::step])

    def judge(self, masked: Floats, feature: Floats, history: Floats) -> NullResult | None:
        """Covariance of `masked` and `feature` against both nulls, or None without energy.

        Parameters
        ----------
        masked, feature : float64 [shape=(n,)]
        history : float64 [shape=(m,)], m >= n
            Feature that ends with `feature`: the shifts draw from all of it.
        """
        statistic = float(masked @ feature)
        before = np.zeros(history.size - feature.size)
        shifted = self.shifts(np.concatenate([before, masked]), history)
        random = self.phase(masked, feature)
        if shifted.size == 0:
            return None
        results = []
        for null in (shifted, random):
            mean, sd = float(null.mean()), float(null.std())
            if sd <= 0.0 or not np.isfinite(sd):
                return None
            p = (1.0 + float(np.count_nonzero(null >= statistic))) / (1.0 + null.size)
            results.append((p, (statistic - mean) / sd, float(np.quantile(null, 0.95)), sd))
        ps, zs, levels, sds = zip(*results, strict=True)
        return NullResult(min(zs), max(ps), max(levels), sds[1], shifted.size)
