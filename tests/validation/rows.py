"""What the pieces of the validation share: rows, people who were calibrated, scores of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.stats import binom

from app.lab.runs import Run, judged
from dsp.grid import RATE
from dsp.tracking.decoder import Decoder
from dsp.tracking.tracker import FOLLOWING, Tracking, calibrate
from tests.doubles.simulated_brain import SFREQ, SITES, Brain, Music, music

FALSE_ALARMS = 0.064  # of a nominal 5 %
COUPLING = 0.10  # of people in the tests that ask for a loss, not for a power


@dataclass(frozen=True)
class Row:
    """One figure against its limit.

    Attributes
    ----------
    test : int
        Number in the list.
    what, limit, measured : str
    n : int
        Windows, sessions or people that the figure rests on.
    passed : bool or None
        None for a figure shown beside, which has no limit.
    value : float
        The figure itself.
    """

    test: int
    what: str
    limit: str
    measured: str
    n: int
    passed: bool | None
    value: float = math.nan


Sizes = Callable[[int, int], int]  # (full, quick) -> which of both


def generator(*seed: int) -> np.random.Generator:
    return np.random.default_rng(list(seed))


@lru_cache(maxsize=128)
def calibrated(
    seed: int,
    coupling: float = COUPLING,
    minutes: int = 10,
    sites: tuple[str, ...] = SITES,
    track: Callable[[np.random.Generator, float], Music] = music,
) -> tuple[Brain, Decoder]:
    """A person, and the decoder from five tracks that are heard in no test."""
    brain = Brain(seed, coupling=coupling, ch_names=sites)
    recordings = []
    for k in range(5):
        rng = generator(seed, k, 5)
        piece = track(rng, minutes * 12.0)
        heard = piece.stimulus()
        recording = brain.record(rng, piece.feature)
        recordings.append((judged(recording), (heard.values, heard.times)))
    return brain, calibrate(recordings, ch_names=brain.ch_names, sfreq=SFREQ)


def windows(run: Run, *, start: int = 42) -> list[Tracking]:
    """Scores of windows of 30 s that do not overlap."""
    return [t for at, t in run.seconds if at >= start and (math.floor(at) - start) % 30 == 0]


def p_values(run: Run) -> list[float]:
    """p of the windows of which the tracker gives a number."""
    return [t.p for t in windows(run) if t.usable]


def ever(run: Run) -> bool:
    """True if the session says following at any moment."""
    return any(t.state == FOLLOWING for _, t in run.seconds)


def correlation(run: Run, first: float = 0.0, last: float = math.inf) -> float:
    """Correlation of rebuilt and heard feature from `first` to `last` s of what was scored."""
    a = int(first * RATE)
    b = run.rebuilt.size if math.isinf(last) else int(last * RATE)
    y, s = run.rebuilt[a:b], run.feature[a:b]
    ok = np.isfinite(y) & np.isfinite(s)
    if np.count_nonzero(ok) < 5 * RATE or np.std(y[ok]) == 0.0:
        return 0.0
    return float(np.corrcoef(y[ok], s[ok])[0, 1])


def rate_row(test: int, what: str, p: list[float], *, limit: float = FALSE_ALARMS) -> Row:
    """Share of p values under 5 %, with its 95 % interval."""
    hits = sum(v < 0.05 for v in p)
    share = hits / max(len(p), 1)
    return Row(
        test,
        f"{what}: windows of 30 s with p < 0.05",
        f"at most {limit:.1%}",
        f"{share:.1%} ({_interval(hits, len(p))})",
        len(p),
        bool(p) and share <= limit,
        share,
    )


def session_row(test: int, what: str, said: list[bool], *, limit: float) -> Row:
    """Share of sessions that ever say following."""
    hits = sum(said)
    share = hits / max(len(said), 1)
    return Row(
        test,
        f"{what}: sessions that ever say 'following'",
        f"at most {limit:.0%}",
        f"{share:.1%} ({_interval(hits, len(said))})",
        len(said),
        bool(said) and share <= limit,
        share,
    )


def loss_row(test: int, what: str, whole: list[float], less: list[float], *, limit: float) -> Row:
    """Loss of the mean correlation against the same people undisturbed."""
    base, now = float(np.mean(whole)), float(np.mean(less))
    loss = 1.0 - now / base
    return Row(
        test,
        f"{what}: loss of r",
        f"at most {limit:.0%}",
        f"{loss:.1%} (r {base:.3f} -> {now:.3f})",
        len(whole),
        loss <= limit,
        loss,
    )


def shown(row: Row) -> Row:
    """The same as a figure without a limit."""
    return replace(row, limit="shown beside", passed=None)


def _interval(hits: int, n: int) -> str:
    """Exact 95 % interval of a share (Clopper and Pearson 1934, Biometrika 26:404)."""
    if n == 0:
        return "no data"
    grid = np.linspace(0.0, 1.0, 2001)
    low = grid[binom.sf(hits - 1, n, grid) >= 0.025][0] if hits else 0.0
    high = grid[binom.cdf(hits, n, grid) >= 0.025][-1]
    return f"95 % interval {low:.1%} to {high:.1%}"
