"""Tests 6, 14 and 15: answers of known size are found as often as they must, and only those."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
from simulated_brain import Brain, Music, add, music
from validation_rows import (
    COUPLING,
    Row,
    Sizes,
    calibrated,
    correlation,
    ever,
    generator,
    session_row,
)

from app.evaluate import Run, go_through
from dsp.filters import RATE, Floats, bandpass
from dsp.nulls import Nulls
from dsp.scores import Score, window_score
from dsp.stimulus import FS, StimulusFeatures

LENGTHS = (10, 30, 60, 120)
#: Power at alpha 0.05 by mean r (rows) and window (columns): science notes, 3.3.
TABLE_R = (0.0, 0.03, 0.05, 0.09, 0.12)
TABLE = np.array([
    [0.05, 0.05, 0.05, 0.05], [0.10, 0.15, 0.19, 0.30], [0.15, 0.25, 0.37, 0.58],
    [0.27, 0.57, 0.75, 0.88], [0.38, 0.75, 0.90, 0.98],
])  # fmt: skip
_COUPLINGS = (0.02, 0.035, 0.05, 0.065)


def score(y: Floats, s: Floats, history: Floats, nulls: Nulls) -> Score | None:
    """A window as the tracker scores it, of any length."""
    ok = np.isfinite(y)
    if np.count_nonzero(ok) < 5 * RATE:
        return None
    masked = np.where(ok, y, 0.0)
    masked[ok] -= masked[ok].mean()
    null = nulls.judge(masked, s, history)
    if null is None:
        return None
    return window_score(masked, ok, s, null, float(np.count_nonzero(ok)) / RATE)


def _scores(run: Run, seconds: int, nulls: Nulls, *, first: int = 20) -> list[tuple[Score, float]]:
    """Windows that do not overlap, each with its p against the phase-randomised null alone."""
    out: list[tuple[Score, float]] = []
    n = seconds * RATE
    feature = np.nan_to_num(run.feature)
    for start in range(first * RATE, run.rebuilt.size - n + 1, n):
        stop = start + n
        history = feature[max(min(start, stop - 60 * RATE), 0) : stop]
        got = score(run.rebuilt[start:stop], feature[start:stop], history, nulls)
        if got is not None:
            y = np.nan_to_num(run.rebuilt[start:stop])
            y, s = y - y.mean(), feature[start:stop]
            random = nulls.phase(y, s)
            out.append((got, (1.0 + np.count_nonzero(random >= y @ s)) / (1.0 + random.size)))
    return out


def ideal(size: Sizes) -> list[Row]:
    """Test 6 without a brain: signals whose correlation is known exactly."""
    nulls, taps = Nulls(seed=0), bandpass(1.0, 8.0)
    rows = []
    for r in (0.0, 0.05, 0.1, 0.2):
        inside, n = [], 30 * RATE
        rng = generator(6, round(1000 * r))
        for _ in range(size(600, 150)):
            raw = rng.standard_normal((2, 60 * RATE + 2 * taps.size))
            s, e = (np.convolve(v, taps, mode="valid") for v in raw)
            s, e = s / s.std(), e / e.std()
            y = r * s + math.sqrt(1.0 - r * r) * e
            got = score(y[-n:], s[-n:], s[-2 * n :], nulls)
            assert got is not None
            inside.append(got.r_low <= r <= got.r_high)
        share = float(np.mean(inside))
        rows.append(Row(6, f"known correlation {r:g}, 30 s: the 90 % interval covers it",
                        "88 to 92 %", f"{share:.1%}", len(inside), 0.88 <= share <= 0.92,
                        share))  # fmt: skip
    return rows


def power(size: Sizes) -> list[Row]:
    """Test 6: people of four strengths, calibrated for ten minutes.

    The table's null is the phase-randomised one alone; the tracker takes the larger of two p.
    """
    people, seconds = size(16, 1), size(620, 180)
    nulls = Nulls(seed=1, n_bins=1200)
    rows: list[Row] = []
    found: list[tuple[float, Floats]] = []
    covered: list[bool] = []
    for coupling in _COUPLINGS:
        rs: list[float] = []
        larger: dict[int, list[bool]] = {length: [] for length in LENGTHS}
        phase: dict[int, list[bool]] = {length: [] for length in LENGTHS}
        for seed in range(people):
            # People differ: their answers spread by a third.
            own = round(coupling * math.exp(0.3 * generator(6, seed).standard_normal()), 4)
            brain, decoder = calibrated(seed, own)
            rng = generator(6, seed, 1)
            track = music(rng, seconds)
            # Without blinks, as in the table: of masked seconds a window simply has fewer.
            recording = brain.record(rng, track.feature, blinks=False)
            run = go_through(recording, track.stimulus(), decoder=decoder)
            true = correlation(run, first=20.0)
            rs.append(true)
            for length in LENGTHS:
                scores = _scores(run, length, nulls)
                larger[length] += [s.p < 0.05 for s, _ in scores]
                phase[length] += [p < 0.05 for _, p in scores]
                if length == 30:
                    covered += [s.r_low <= true <= s.r_high for s, _ in scores]
        mean = float(np.mean(rs))
        rows.append(_against_table(mean, phase, "phase-randomised null (the table's own)"))
        rows.append(_against_table(mean, larger, "the larger p of both nulls"))
        found.append((mean, np.array([np.mean(larger[length]) for length in LENGTHS])))
    order = sorted(found, key=lambda f: f[0])
    falls = [float(np.max(a[1] - b[1])) for a, b in itertools.pairwise(order)]
    falls += [float(np.max(-np.diff(g))) for _, g in order]
    share = float(np.mean(covered))
    return [
        *rows,
        Row(6, "power grows with r and with the window: largest fall between neighbours", "none",
            f"{max(max(falls), 0.0):.1%}", len(falls), max(falls) <= 0.0, max(falls)),
        Row(6, "people: the 90 % interval of 30 s covers the correlation of the whole session",
            "88 to 92 %", f"{share:.1%}", len(covered), 0.88 <= share <= 0.92, share),
    ]  # fmt: skip


def _against_table(mean: float, hits: dict[int, list[bool]], null: str) -> Row:
    got = np.array([np.mean(hits[length]) for length in LENGTHS])
    told = np.array([np.interp(mean, TABLE_R, TABLE[:, i]) for i in range(len(LENGTHS))])
    at = int(np.argmax(np.abs(got / told - 1.0)))
    off = float(got[at] / told[at] - 1.0)
    what = f"mean r {mean:.3f}, {null}: power at 10/30/60/120 s (table 3.3: {_percent(told)})"
    measured = f"{_percent(got)}; furthest off {off:+.0%}"
    n = sum(len(h) for h in hits.values())
    return Row(6, what, "each within 20 %", measured, n, abs(off) <= 0.20, off)


def _percent(values: Floats) -> str:
    return "/".join(f"{100 * v:.0f}" for v in values) + " %"


def layer(size: Sizes) -> list[Row]:
    """Test 14: a layer at the beat comes in, and the brain follows it as it follows any sound."""
    people, seconds = size(8, 1), 240.0
    off, on, only = [], [], []
    for seed in range(people):
        brain, decoder = calibrated(seed)
        rng = generator(14, seed)
        track = music(rng, seconds)
        pulses = np.zeros(track.feature.size)
        at = np.minimum((track.beats * RATE).astype(np.int64), pulses.size - 1)
        pulses[at] = 1.0
        envelope = 0.05 * np.convolve(pulses, np.hanning(11))[: pulses.size]
        recording = brain.record(rng, track.feature)
        followed = brain.answer(np.maximum(np.diff(envelope, prepend=0.0), 0.0), recording.times)
        heard = track.stimulus(layer=envelope)
        run = go_through(recording, track.stimulus(), decoder=decoder)
        off.append(correlation(run, first=20.0))
        on.append(_shown_r(go_through(add(recording, followed), heard, decoder=decoder)))
        off[-1] = _shown_r(run)
        silent = Brain(seed, coupling=0.0).record(rng, track.feature)
        only.append(ever(go_through(add(silent, followed), heard, decoder=decoder)))
    change = float(np.mean(np.array(on) - np.array(off)))
    se = float(np.std(off, ddof=1) / math.sqrt(people)) if people > 1 else math.inf
    return [
        Row(14, f"layer on against off: change of r shown (mean {np.mean(off):.3f})",
            f"at most 1 SE of r ({se:.3f})", f"{change:+.3f}", people, abs(change) <= se, change),
        session_row(14, "a brain that follows the layer alone", only, limit=0.05),
    ]  # fmt: skip


def _shown_r(run: Run) -> float:
    """Mean of the r that the tracker shows."""
    return float(np.mean([t.r for at, t in run.seconds if at > 50 and t.usable]))


def expectation(size: Sizes) -> list[Row]:
    """Test 15: the same brain with louder, softer, slower and faster music."""
    import soundfile

    people = size(8, 1)
    path = sorted((Path(__file__).parents[2] / "playlists" / "starter").glob("*.ogg"))[0]
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=150 * FS)
    assert rate == FS
    stereo = np.repeat(sound[:, :1], 2, axis=1)
    r: dict[str, list[float]] = {n: [] for n in ("0 dB", "+3 dB", "-3 dB", "80 BPM", "140 BPM")}
    features = {
        name: StimulusFeatures().push(stereo * np.float32(10.0 ** (db / 20.0)))[:, 0]
        for name, db in (("0 dB", 0.0), ("+3 dB", 3.0), ("-3 dB", -3.0))
    }
    for seed in range(people):
        brain, decoder = calibrated(seed)
        for name, feature in features.items():
            values = feature.astype(np.float64)
            gain = {"0 dB": 1.0, "+3 dB": 10 ** (3 / 40), "-3 dB": 10 ** (-3 / 40)}[name]
            answering = Brain(seed, coupling=COUPLING * gain)
            track = Music(values, np.empty(0), 0.0)
            recording = answering.record(generator(15, seed), values)
            r[name].append(_shown_r(go_through(recording, track.stimulus(), decoder=decoder)))
        for name in ("80 BPM", "140 BPM"):
            rng = generator(15, seed, 1)
            track = music(rng, 150.0, tempo=float(name.split()[0]))
            recording = brain.record(rng, track.feature)
            r[name].append(_shown_r(go_through(recording, track.stimulus(), decoder=decoder)))
    base = np.array(r["0 dB"])
    se = float(np.std(base, ddof=1) / math.sqrt(people)) if people > 1 else math.inf
    rows = [
        Row(15, f"{name}, answer grows with the root of the amplitude: change of r "
            f"(mean {np.mean(base):.3f})", f"at most 1 SE ({se:.3f})",
            f"{np.mean(np.array(r[name]) - base):+.3f}", people,
            abs(float(np.mean(np.array(r[name]) - base))) <= se,
            float(np.mean(np.array(r[name]) - base)))
        for name in ("+3 dB", "-3 dB")
    ]  # fmt: skip
    change = float(np.mean(np.array(r["140 BPM"]) - np.array(r["80 BPM"])))
    rows.append(Row(15, f"80 to 140 BPM: change of r (mean {np.mean(r['80 BPM']):.3f})",
                    f"at most 1 SE ({se:.3f})", f"{change:+.3f}", people, abs(change) <= se,
                    change))  # fmt: skip
    rows.append(Row(15, "residual tracking (r less what tempo, salience and level explain)",
                    "unchanged", "not given by the tracker: r stands for it above", 0, False,
                    math.nan))  # fmt: skip
    return rows
