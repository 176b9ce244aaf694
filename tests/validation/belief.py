"""Tests 25 and 26: what is believed of an EEG, and of people who use the scale in their own way.

Listeners are drawn from the model of docs/method.md, section 10, written down again here: eight
tracks of three minutes, one rating in each (one of nine, half a minute before its end), a score
every 2 s. Errors are counted over the whole session against the true level of the track.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsp.enjoyment import UNIT_GAIN, EnjoymentFilter, EnjoymentModel
from dsp.grid import Floats
from tests.validation.rows import Row, Sizes, generator

TRACKS, SCORES, RATED_AT = 8, 90, 75  # a session: tracks, scores of 2 s in each
OFFSETS = (0.3, 0.6, 1.0)
EEG = {"useless": 0.0, "inverted": -2.0}
USES: dict[str, Callable[[float], float]] = {
    "shrunk to the middle": lambda r: 0.5 + 0.4 * (r - 0.5),
    "bunched at the top": lambda r: 0.65 + 0.35 * r,
    "of two kinds": lambda r: 0.875 if r > 0.5 else 0.25,
}


@dataclass(frozen=True)
class Believed:
    """What one session came to: of the estimate and of its twin without EEG."""

    weight: float
    errors: Floats  # [shape=(2, n)]
    inside: Floats  # share of the 90 % intervals that hold the truth [shape=(2,)]


def _walk(rng: np.random.Generator, before: float, sd: float, stays: float) -> float:
    return stays * before + sd * math.sqrt(1.0 - stays**2) * rng.standard_normal()


def _plainly(rating: float) -> float:
    return rating


def session(
    rng: np.random.Generator,
    gain: float,
    offset: float,
    use: Callable[[float], float],
) -> Believed:
    """Let one listener hear and rate `TRACKS`."""
    model = EnjoymentModel()
    both = (EnjoymentFilter(model), EnjoymentFilter(model, eeg=False))
    felt, mood = rng.normal(0.5, 0.1), rng.normal(0.0, 0.08)
    zero, noise = rng.normal(0.0, 0.3, 2)
    errors, inside = [], []
    for k in range(TRACKS):
        expected = 0.5 if k == 0 else 0.55
        level, own = rng.normal(expected, 0.2), rng.normal(0.0, offset)
        for one in both:
            one.new_track(expected, 0.2)
        for n in range(SCORES):
            felt += (level + mood - felt) * (1.0 - math.exp(-0.2)) + 0.012 * rng.standard_normal()
            level += 0.004 * rng.standard_normal()
            mood = _walk(rng, mood, 0.08, math.exp(-2.0 / 900.0))
            noise = _walk(rng, noise, 0.3, math.exp(-2.0 / 15.0))
            y = gain * UNIT_GAIN * (felt - 0.5) + zero + own + noise + 2.0 * rng.standard_normal()
            for one in both:
                one.step(2.0)
                one.score(y, valid_share=1.0)
            if n == RATED_AT:
                said = use(felt + 0.02 + 0.184 * rng.standard_normal())
                for one in both:
                    one.rating(round(8.0 * min(max(said, 0.0), 1.0)) / 8.0)
            if n % 5 == 4:
                told = np.array([one.level() for one in both])
                errors.append(told[:, 0] - (level + mood))
                inside.append(np.abs(errors[-1]) < 1.645 * told[:, 1])
    return Believed(both[0].eeg_weight, np.array(errors).T, np.mean(inside, axis=0))


def _sessions(
    n: int, seed: int, gain: float | None, offset: float, use: Callable[[float], float] = _plainly
) -> list[Believed]:
    """Run `n` of them; a gain of None is drawn from the bank for each."""
    model, out = EnjoymentModel(), []
    for k in range(n):
        rng = generator(25, seed, k)
        drawn = float(rng.choice(model.gains, p=model.weights))
        out.append(session(rng, drawn if gain is None else gain, offset, use))
    return out


def _worse(sessions: list[Believed]) -> float:
    """Root mean square error against the twin's, median over sessions."""
    of_both = [np.sqrt(np.mean(one.errors**2, axis=1)) for one in sessions]
    return float(np.median([estimate / twin for estimate, twin in of_both]))


def _held(sessions: list[Believed]) -> Floats:
    return np.asarray(np.mean([one.inside for one in sessions], axis=0))


def earned(size: Sizes) -> list[Row]:
    """Test 25: weight, error and interval after eight ratings, by EEG and offsets of the tracks."""
    n, rows = size(120, 6), []
    kinds: dict[str, float | None] = {"of the model's own listeners": None, **EEG}
    for i, (kind, gain) in enumerate(kinds.items()):
        for offset in OFFSETS:
            sessions = _sessions(n, i, gain, offset)
            what = f"EEG {kind}, offsets {offset:g}"
            held, worse = _held(sessions), _worse(sessions)
            weight = float(np.median([one.weight for one in sessions]))
            if gain is not None:
                most = 0.6 if kind == "useless" else 0.35
                rows += [
                    Row(25, f"{what}: P(gain > 0), median", f"below {most:.2f}", f"{weight:.2f}",
                        n, weight < most, weight),
                    Row(25, f"{what}: rmse against the twin, median", "within 1 %",
                        f"{100 * (worse - 1):+.1f} %", n, worse <= 1.01, worse),
                ]  # fmt: skip
            rows.append(
                Row(25, f"{what}: 90 % interval holds the level", "87 to 93 %",
                    f"{100 * held[0]:.1f} % (twin {100 * held[1]:.1f} %)", n,
                    bool(0.87 <= held[0] <= 0.93), float(held[0]))
            )  # fmt: skip
    return rows


def use_of_the_scale(size: Sizes) -> list[Row]:
    """Test 26: people who use a part of the scale; the interval against the twin's own."""
    n, rows = size(40, 6), []
    for i, (use, how) in enumerate(USES.items()):
        for kind, gain in (("honest", 1.0), *EEG.items()):
            sessions = _sessions(n, 10 + i, gain, 0.3, how)
            held = _held(sessions)
            rows.append(
                Row(26, f"ratings {use}, EEG {kind}: 90 % interval holds the level",
                    "2 points under the twin at most",
                    f"{100 * held[0]:.1f} % (twin {100 * held[1]:.1f} %)", n,
                    bool(held[0] >= held[1] - 0.02), float(held[0] - held[1]))
            )  # fmt: skip
    return rows
