"""Backward ridge decoder: the stimulus feature rebuilt from EEG at later lags.

``s_hat(t) = sum_c sum_l w_cl e_c(t + l)`` with ``w = (C + C0 + lam P)^-1 (p + p0)`` (Crosse et
al. 2016, Front. Hum. Neurosci. 10:604). The sums ``C = sum x x'`` and ``p = sum x s`` of the
session grow second by second. A stored decoder enters as the sums C0 and p0 of its calibration,
counted for at most `MAX_PRIOR` s an electrode, each in units of its own level: the session outgrows
it, and it can be solved again without a lost electrode.

P is the penalty. Equal weights for all electrodes would call dear what is cheap: where all share a
reference, the differences between them, in which the answer lies, are small. So nine tenths of P
are the electrodes' own covariance (as if each lag held so much EEG that knows no sound), one
tenth is the same for all. For each electrode it weighs as much as `PENALTY` s of all that was
learnt from (of the calibration, too), however much that is: it stands for what is expected of the
weights, not for the data. All of them together are expected to explain the same small share of the
sound, so the more they are, the smaller is each, and the dearer (a g-prior: Zellner 1986).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from dsp.checks import InputError
from dsp.filters import BANDS
from dsp.grid import RATE, Bools, Floats, Ints
from dsp.tracking.courses import by_chance, in_common, penalty_shape
from dsp.tracking.expectation import ACOUSTICS

#: s of EEG that the penalty weighs as much as, for each electrode; half or twice makes little
PENALTY = 15.0
MAX_STRENGTH = 3.0  #: of the penalty, in units of the data, while there are hardly any
_LAG_SMOOTH = 3  # lags on each side over which their weights are pooled
_LAG_RANGE = (0.2, 20.0)  # how far the penalty of a lag may move
MAX_ELECTRODES = 32  #: with lags as wide as without a calibration
MAX_WEIGHTS = 832  #: with fewer lags more electrodes: the cost grows with the cube of the weights
#: s that a stored decoder counts for at most, for each electrode. The more weights there are, the
#: longer a session takes to know better; with few it must, or a changed delay would turn r over.
MAX_PRIOR = 60.0
_STEP = 3  # grid points between lags: samples up to 10.7 Hz, and the band ends at 8


def lag_steps(start: float, stop: float) -> Ints:
    """Lags from `start` to `stop` s, every third grid point [shape=(n_lags,)].

    Examples
    --------
    >>> (lag_steps(0.1, 0.2) / RATE).round(3).tolist()
    [0.094, 0.141, 0.188]
    """
    return np.arange(round(start * RATE), round(stop * RATE) + 1, _STEP)


WIDE_LAGS = lag_steps(0.0, 1.2)  #: while nothing is known of the delay


def chosen_electrodes(
    ch_names: Sequence[str], n_lags: int = WIDE_LAGS.size, *, known: Sequence[str] = ()
) -> Ints:
    """Columns that are decoded from: all, or as many as there is room for.

    While lags are many, some twenty well-spread electrodes decode as well as all of a dense net
    (Montoya-Martinez et al. 2021, doi 10.1371/journal.pone.0246769). A calibration leaves few lags,
    and enough data for more electrodes.

    Parameters
    ----------
    ch_names : sequence of str
    n_lags : int
    known : sequence of str
        Electrodes of a stored decoder: these are taken, where not all are. Else the chosen ones
        are evenly spread over the list.

    Examples
    --------
    >>> chosen_electrodes(["TP9", "AF7", "AF8", "TP10"]).tolist()
    [0, 1, 2, 3]
    >>> chosen_electrodes([f"E{k}" for k in range(256)]).size
    32
    """
    n, most = len(ch_names), max(MAX_ELECTRODES, MAX_WEIGHTS // n_lags)
    if n <= most:
        return np.arange(n)
    here = [i for i, name in enumerate(ch_names) if name in known]
    if here:
        return np.array(here)
    return np.floor((np.arange(most) + 0.5) * n / most).astype(np.int64)


def lagged(data: Floats, lags: Ints, n: int) -> Floats:
    """Design of `n` rows: row t holds ``data[t + lag]`` [shape=(n, n_channels * n_lags)].

    Columns run over lags within each channel.

    Examples
    --------
    >>> eeg = np.arange(6.0)[:, None]
    >>> lagged(eeg, np.array([0, 2]), 3).tolist()
    [[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]]
    """
    index = np.arange(n)[:, None] + lags[None, :]
    return np.ascontiguousarray(data[index].transpose(0, 2, 1)).reshape(n, -1)


def strength(seconds: float, n_channels: int) -> float:
    """Penalty for sums over `seconds` of `n_channels` electrodes, in units of the data.

    Examples
    --------
    >>> strength(60.0, 4), strength(600.0, 4)
    (1.0, 0.1)
    """
    if not seconds:
        return MAX_STRENGTH
    return min(PENALTY * n_channels / seconds, MAX_STRENGTH)


def ridge(
    cov: Floats,
    cross: Floats,
    *,
    penalty: float,
    n_lags: int = 0,
    by_lag: Floats | None = None,
    chance: float | None = None,
) -> Floats:
    """Solve ``(C + penalty P) w = p``.

    Parameters
    ----------
    cov : float64 [shape=(d, d)]
    cross : float64 [shape=(d,) or (d, n)]
    penalty : float
        In units of the mean eigenvalue of `cov`.
    n_lags : int
        Lags within each channel; 0 for the textbook's ``P = tr(C) / d I``.
    by_lag : float64 [shape=(n_lags,)], optional
        How much dearer each lag is.
    chance : float, optional
        As of `by_chance`, where the sums are to be taken as `in_common` makes them.

    Examples
    --------
    >>> design = np.random.default_rng(0).standard_normal((200, 3))
    >>> target = design @ [1.0, 0.0, -2.0]
    >>> bool(np.allclose(ridge(design.T @ design, design.T @ target, penalty=0.0), [1, 0, -2]))
    True
    """
    d = len(cov)
    if not np.trace(cov) > 0.0:
        return np.zeros_like(cross)
    lhs = cov.copy()
    if n_lags:
        lag = np.arange(n_lags)
        dear = np.ones(n_lags) if by_lag is None else by_lag
        shape = penalty_shape(cov, n_lags)
        same_lag = lhs.reshape(-1, n_lags, d // n_lags, n_lags)
        same_lag[:, lag, :, lag] += penalty * dear[:, None, None] * shape
        if chance is not None:
            cross = in_common(cross, shape, chance)
    else:
        lhs[np.diag_indices(d)] += penalty * float(np.trace(cov)) / d
    # Symmetric, so that its transpose, which is in the order of LAPACK, needs no copy.
    factor = cho_factor(lhs.T, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, cross, check_finite=False))


def ridge_narrowing(
    cov: Floats, cross: Floats, *, penalty: float, n_lags: int, chance: float | None = None
) -> Floats:
    """Ridge over a wide range of lags that narrows to where the answer is.

    Solved twice: lags that matter little in the first solution are penalised more in the second,
    ``lam_l = lam (mean g / g_l)^2`` with g the size of the weights by P, smoothed over lags
    (one step of an adaptive ridge: Grandvalet 1998, ICANN). Past data alone decide.

    Parameters
    ----------
    cov : float64 [shape=(d, d)]
    cross : float64 [shape=(d,)]
        Columns run over `n_lags` lags within each channel.
    penalty, chance : float
        As for `ridge`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> eeg = rng.standard_normal((2000, 1))
    >>> feature = np.roll(eeg[:, 0], -6)[:1900]  # the answer comes 6 points later
    >>> design = lagged(eeg, np.arange(24), 1900)
    >>> weights = ridge_narrowing(design.T @ design, design.T @ feature, penalty=0.1, n_lags=24)
    >>> int(np.argmax(weights)), bool(weights[6] > 0.9)
    (6, True)
    """
    first = ridge(cov, cross, penalty=penalty, n_lags=n_lags, chance=chance)
    by_channel = first.reshape(-1, n_lags)
    energy = np.sum(by_channel * (penalty_shape(cov, n_lags) @ by_channel), axis=0)
    if not energy.any():
        return first
    window = np.hanning(2 * _LAG_SMOOTH + 3)[1:-1]
    smooth = np.convolve(energy, window, mode="same")
    smooth /= np.convolve(np.ones(n_lags), window, mode="same")
    by_lag = np.clip((smooth.mean() / np.maximum(smooth, 1e-9 * smooth.mean())) ** 2, *_LAG_RANGE)
    return ridge(cov, cross, penalty=penalty, n_lags=n_lags, by_lag=by_lag, chance=chance)


@dataclass(frozen=True)
class Sums:
    """Sums over rows of a design: what a decoder is solved from.

    Attributes
    ----------
    cov : float64 [shape=(d, d)]
    cross : float64 [shape=(d,)]
    power : float
        Sum of the squared feature.
    seconds : float
        Rows / 64.

    Examples
    --------
    >>> design = np.ones((64, 2))
    >>> sums = Sums.zero(2).plus(design, np.full(64, 0.5))
    >>> sums.seconds, sums.cross.tolist(), sums.levels(2).tolist()
    (1.0, [32.0, 32.0], [1.0, 1.0])
    """

    cov: Floats
    cross: Floats
    power: float
    seconds: float

    @staticmethod
    def zero(d: int) -> Sums:
        """No rows."""
        return Sums(np.zeros((d, d)), np.zeros(d), 0.0, 0.0)

    def plus(self, design: Floats, feature: Floats) -> Sums:
        """With the rows of `design` [shape=(n, d)] and `feature` [shape=(n,)]."""
        return Sums(
            self.cov + design.T @ design,
            self.cross + feature @ design,
            self.power + float(feature @ feature),
            self.seconds + feature.size / RATE,
        )

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.cov + other.cov,
            self.cross + other.cross,
            self.power + other.power,
            self.seconds + other.seconds,
        )

    def levels(self, n_channels: int) -> Floats:
        """Rms of each channel's entries [shape=(n_channels,)]; 0 without data."""
        if self.seconds == 0.0:
            return np.zeros(n_channels)
        power = np.diag(self.cov).reshape(n_channels, -1).mean(axis=1)
        return np.asarray(np.sqrt(power / (self.seconds * RATE)))

    def scaled(self, levels: Floats, *, seconds: float) -> Sums:
        """Per row, in units of `levels`, times `seconds`; channels at level 0 vanish."""
        if self.seconds == 0.0:
            return Sums(np.zeros_like(self.cov), np.zeros_like(self.cross), 0.0, 0.0)
        unit = np.divide(1.0, levels, out=np.zeros_like(levels), where=levels > 0.0)
        unit = np.repeat(unit, len(self.cov) // levels.size)
        factor = seconds / self.seconds
        return Sums(
            (self.cov * unit[:, None]) * (unit * factor),
            self.cross * unit * factor,
            self.power * factor,
            seconds,
        )


@dataclass(frozen=True)
class Decoder:
    """What calibration found out about one person in one montage.

    Attributes
    ----------
    ch_names : tuple of str
    band : tuple of float
        Filter of EEG and feature, Hz.
    lags : int64 [shape=(n_lags,)]
        Grid points of 1/64 s by which the EEG follows the sound.
    sums : Sums
        In units of each electrode's level, of `sums.seconds` s.
    r : float
        Correlation on recordings left out, and its 95 % level by chance.
    r_null95 : float
    effect : float
        Mean standard score of a 5 s block to be expected of `r`, up to .9.
    bleed : bool
        The sound stands in the EEG electrically, before any brain could answer.
    windows : float64 [shape=(n_windows, 6)]
        Of each 30 s left out: r, its SD by chance, and `expectation.ACOUSTICS`. Empty in
        calibrations stored before there were any.
    levels : float64 [shape=(n_channels,)]
        Rms of each electrode then, microvolt; empty in calibrations stored before there were any.
    """

    ch_names: tuple[str, ...]
    band: tuple[float, float]
    lags: Ints
    sums: Sums
    r: float
    r_null95: float
    effect: float
    bleed: bool = False
    windows: Floats = field(default_factory=lambda: np.empty((0, 2 + len(ACOUSTICS))))
    levels: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def found(self) -> bool:
        """True if calibration found an answer to the sound beyond chance."""
        return self.r > self.r_null95

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Arrays for `numpy.savez`."""
        sums = self.sums
        return {
            "ch_names": np.array(self.ch_names),
            "band": np.array(self.band),
            "lags": self.lags,
            "cov": sums.cov.astype(np.float32),
            "cross": sums.cross,
            "figures": np.array([sums.power, sums.seconds, self.r, self.r_null95, self.effect]),
            "bleed": np.array(self.bleed),
            "windows": self.windows,
            "levels": self.levels,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> Decoder:
        """Back from `to_arrays`; `InputError` if something is missing or does not fit."""
        try:
            names = tuple(str(n) for n in arrays["ch_names"])
            low, high = (float(b) for b in arrays["band"])
            lags = np.asarray(arrays["lags"], dtype=np.int64)
            cov = np.asarray(arrays["cov"], dtype=np.float64)
            cross = np.asarray(arrays["cross"], dtype=np.float64)
            power, seconds, r, r_null95, effect = (float(v) for v in arrays["figures"])
            bleed = bool(arrays.get("bleed", np.array(False)))
            none = np.empty((0, 2 + len(ACOUSTICS)))
            windows = np.asarray(arrays.get("windows", none), float).reshape(-1, none.shape[1])
            levels = np.asarray(arrays.get("levels", np.empty(0)), dtype=np.float64)
            n, d = len(names), len(names) * lags.size
            if cov.shape != (d, d) or cross.shape != (d,) or levels.size not in (0, n):
                raise ValueError(f"sums of shape {cov.shape} for {n} electrodes, {lags.size} lags")
            if (low, high) not in BANDS or not d or (np.diff(lags, prepend=-1) < 1).any():
                raise ValueError(f"a band of {low:g} to {high:g} Hz, lags {lags.tolist()}")
            sizes = np.concatenate([np.diag(cov), levels, [power, seconds]])
            told = np.concatenate([cov.ravel(), cross, sizes, [r, r_null95, effect]])
            if not np.isfinite(told).all() or min(sizes) < 0.0 or np.isinf(windows).any():
                raise ValueError("figures that are not finite, or sizes under 0")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The stored decoder cannot be read ({error}); use another calibration, or none."
            ) from error
        sums = Sums(cov, cross, power, seconds)
        return cls(names, (low, high), lags, sums, r, r_null95, effect, bleed, windows, levels)

    def levels_of(self, ch_names: Sequence[str]) -> Floats:
        """Levels of the electrodes `ch_names`; 0 for one that calibration did not have."""
        known = dict(zip(self.ch_names, self.levels.tolist(), strict=False))
        return np.array([known.get(name, 0.0) for name in ch_names])

    def select(self, ch_names: Sequence[str]) -> Sums:
        """Sums for the electrodes `ch_names`; one that calibration did not have gets none."""
        n_lags = self.lags.size
        d = len(ch_names) * n_lags
        cov, cross = np.zeros((d, d)), np.zeros(d)
        here = [i for i, name in enumerate(ch_names) if name in self.ch_names]
        there = [self.ch_names.index(ch_names[i]) for i in here]
        if not here:
            raise InputError(
                f"The stored decoder is for {', '.join(self.ch_names)}; the EEG has "
                f"{', '.join(ch_names)}: use a calibration of these electrodes, or none."
            )
        lag = np.arange(n_lags)
        a = (np.array(here)[:, None] * n_lags + lag).ravel()
        b = (np.array(there)[:, None] * n_lags + lag).ravel()
        cov[np.ix_(a, a)] = self.sums.cov[np.ix_(b, b)]
        cross[a] = self.sums.cross[b]
        return Sums(cov, cross, self.sums.power, self.sums.seconds)


def solve(
    prior: Sums | None,
    own: Sums,
    n_channels: int,
    *,
    without: Bools | None = None,
    learns: bool = True,
) -> Floats:
    """Weights for the raw filtered EEG from stored and own sums together.

    Parameters
    ----------
    prior : Sums or None
        In units of the electrodes' levels.
    own : Sums
        Of this session, microvolts.
    without : bool [shape=(n_channels,)], optional
        Electrodes to leave out.
    learns : bool
        False: of the own sums only the levels count.

    Returns
    -------
    float64 [shape=(d,)]
        0 for electrodes left out or never seen.

    Examples
    --------
    >>> design = np.random.default_rng(0).standard_normal((6400, 2))
    >>> own = Sums.zero(2).plus(design, design @ [0.5, 0.0])  # 100 s of two electrodes, one lag
    >>> weights = solve(None, own, 2)
    >>> bool(0.3 < weights[0] < 0.5), bool(abs(weights[1]) < 0.02)
    (True, True)
    """
    levels = own.levels(n_channels)
    if without is not None:
        levels = np.where(without, 0.0, levels)
    total = own.scaled(levels, seconds=own.seconds if learns else 0.0)
    n_lags = len(total.cov) // n_channels
    alive = np.repeat(levels > 0.0, n_lags)
    if not alive.any():
        return np.zeros(alive.size)
    known = total.seconds
    if prior is not None and prior.seconds > 0.0:
        known += prior.seconds
        counted = min(prior.seconds, MAX_PRIOR * n_channels)
        total = total + prior.scaled(np.ones(n_channels), seconds=counted)
    keep = np.flatnonzero(alive)
    weights = np.zeros(alive.size)
    whole = keep.size == alive.size
    cov, cross = total.cov if whole else total.cov[np.ix_(keep, keep)], total.cross[keep]
    # A few lags are no search that could be narrowed.
    solver = ridge_narrowing if n_lags > 2 * _LAG_SMOOTH else ridge
    chance = by_chance(total.power, known)
    penalty = strength(known, n_channels)
    solved = solver(cov, cross, penalty=penalty, n_lags=n_lags, chance=chance)
    weights[keep] = solved / np.repeat(levels, n_lags)[keep]
    return weights
