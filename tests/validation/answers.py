"""Tests 6, 14 and 15: answers of known size are found as often as they must, and only those."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from app.lab.runs import Run, go_through, judged
from devices.formats.recording import Recording
from dsp.filters import bandpass
from dsp.grid import FS, RATE, Floats
from dsp.sound.stimulus import StimulusFeatures
from dsp.tracking.decoder import Decoder
from dsp.tracking.expectation import CENTRE
from dsp.tracking.nulls import Nulls
from dsp.tracking.scores import Score, compare, window_score
from dsp.tracking.tracker import calibrate
from tests.doubles.simulated_brain import SFREQ, Brain, Music, add, free_onsets, music
from tests.validation.plain_pipeline import plain_run, plain_weights
from tests.validation.rows import (
    COUPLING,
    FALSE_ALARMS,
    Row,
    Sizes,
    calibrated,
    correlation,
    ever,
    generator,
    session_row,
    shown,
    windows,
)

LENGTHS = (10, 30, 60, 120)
#: Power at alpha 0.05 by mean r (rows) and window (columns), as plain_pipeline has it.
TABLE_R = (0.0, 0.03, 0.05, 0.09, 0.12)
TABLE = np.array([
    [0.05, 0.05, 0.05, 0.05], [0.10, 0.15, 0.19, 0.30], [0.15, 0.25, 0.37, 0.58],
    [0.27, 0.57, 0.75, 0.88], [0.38, 0.75, 0.90, 0.98],
])  # fmt: skip
_COUPLINGS = (0.0, 0.02, 0.035, 0.05, 0.065)


def score(y: Floats, s: Floats, history: Floats, nulls: Nulls) -> Score | None:
    """A window as the tracker scores it, of any length."""
    ok = np.isfinite(y)
    if np.count_nonzero(ok) < 5 * RATE:
        return None
    compared = compare(y, s)
    null = nulls.judge(compared.masked, s, history)
    if null is None:
        return None
    return window_score(compared, null, float(np.count_nonzero(ok)) / RATE)


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
            out.append((got, _p(nulls.phase(y, s), float(y @ s))))
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
    """Test 6: people of four strengths and silent ones, calibrated for ten minutes.

    The table gives power by the r of a plain decoder (`plain_pipeline`). Ours has a larger r for
    the same people, and fewer independent samples, so each person counts with the r that the
    table's own pipeline has for the same recording. Shown beside: that pipeline against the table,
    which tells whether these people are like those of the table; and ours at its own r.

    The table's null is the phase-randomised one alone; the tracker takes the larger of two p. Both
    are held to the table. The same people hear music with a beat and onsets without one. Of silent
    people, the share of significant windows is told for each length.
    """
    silent = _hear(size, 0.0, size(56, 1), music)
    rows = [_false_alarms(hits, null) for null, hits in silent.by_null.items()]
    found: list[tuple[float, Floats]] = []
    covered = list(silent.covered)
    for sound, piece in (("music", music), ("onsets without a beat", free_onsets)):
        for coupling in _COUPLINGS[1:]:
            cell = _hear(size, coupling, size(16, 1), piece)
            plain = float(np.mean(cell.plain_r))
            for null, hits in cell.by_null.items():
                rows.append(_against_table(f"{sound}, {null}", plain, hits))
                own = f"{sound}, {null}, by our own r (N_eff {cell.effective:.1f}/s)"
                rows.append(shown(_against_table(own, float(np.mean(cell.r)), hits)))
            what = f"{sound}, the table's own pipeline (N_eff {cell.plain_effective:.1f}/s)"
            rows.append(shown(_against_table(what, plain, cell.plain)))
            if piece is music:
                covered += cell.covered
                power_of = np.array([np.mean(cell.larger[n]) for n in LENGTHS])
                found.append((float(np.mean(cell.r)), power_of))
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


Hits = dict[int, list[bool]]  # by length of window: p < 0.05 or not


@dataclass
class _Cell:
    """People of one strength.

    Attributes
    ----------
    r, plain_r : list of float
        Correlation over the session, of each person: ours, and that of the table's own pipeline.
    larger, phase, plain : dict of int to list of bool
        By length of window: p < 0.05, the larger p, that of the phase-randomised null, and that
        null with the table's own pipeline.
    covered : list of bool
        Whether the interval of 30 s holds the correlation of the session.
    spread, plain_spread : list of float
        Variance of r by chance in 30 s, of each window.
    """

    r: list[float] = field(default_factory=list)
    plain_r: list[float] = field(default_factory=list)
    larger: Hits = field(default_factory=lambda: {n: [] for n in LENGTHS})
    phase: Hits = field(default_factory=lambda: {n: [] for n in LENGTHS})
    plain: Hits = field(default_factory=lambda: {n: [] for n in LENGTHS})
    covered: list[bool] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    plain_spread: list[float] = field(default_factory=list)

    @property
    def by_null(self) -> dict[str, Hits]:
        return {"phase-randomised null": self.phase, "larger p of both nulls": self.larger}

    @property
    def effective(self) -> float:
        """Independent samples a second, from the null's spread."""
        return 1.0 / float(np.mean(self.spread)) / 30.0

    @property
    def plain_effective(self) -> float:
        return 1.0 / float(np.mean(self.plain_spread)) / 30.0


def _hear(size: Sizes, coupling: float, people: int, piece: Callable[..., Music]) -> _Cell:
    """`people` of one strength hear a track each, after ten minutes of calibration."""
    nulls = Nulls(seed=1, n_bins=1200)
    cell = _Cell()
    for seed in range(people):
        # People differ: their answers spread by a third.
        own = round(coupling * math.exp(0.3 * generator(6, seed).standard_normal()), 4)
        brain, decoder = calibrated(seed, own, track=piece)
        rng = generator(6, seed, 1)
        track = piece(rng, size(620, 180))
        # Without blinks, as in the table: of masked seconds a window simply has fewer.
        recording = brain.record(rng, track.feature, blinks=False)
        run = go_through(recording, track.stimulus(), decoder=decoder)
        true = correlation(run, first=20.0)
        cell.r.append(true)
        for length in LENGTHS:
            scores = _scores(run, length, nulls)
            cell.larger[length] += [s.p < 0.05 for s, _ in scores]
            cell.phase[length] += [p < 0.05 for _, p in scores]
            if length == 30:
                cell.covered += [s.r_low <= true <= s.r_high for s, _ in scores]
                cell.spread += [_sd(s) ** 2 for s, _ in scores]
        if coupling:
            weights = plain_weights(brain, seed, piece, 10)
            _plain(cell, *plain_run(weights, recording, track.stimulus()), nulls)
    return cell


def _plain(cell: _Cell, rebuilt: Floats, feature: Floats, nulls: Nulls) -> None:
    """The table's own pipeline with one person."""
    rebuilt, feature = rebuilt[20 * RATE :], feature[20 * RATE :]
    cell.plain_r.append(float(np.corrcoef(rebuilt, feature)[0, 1]))
    for length in LENGTHS:
        n = length * RATE
        for start in range(0, rebuilt.size - n + 1, n):
            y, s = rebuilt[start : start + n], feature[start : start + n]
            y = y - y.mean()
            random = nulls.phase(y, s)
            cell.plain[length].append(_p(random, float(y @ s)) < 0.05)
            if length == 30:
                cell.plain_spread.append(float(random.var() / ((y @ y) * (s @ s))))


def _p(null: Floats, statistic: float) -> float:
    return (1.0 + np.count_nonzero(null >= statistic)) / (1.0 + null.size)


def _sd(score: Score) -> float:
    """Spread by chance that the interval of a score was made from."""
    return (math.atanh(score.r_high) - math.atanh(score.r_low)) / (2.0 * 1.645)


def _false_alarms(hits: dict[int, list[bool]], null: str) -> Row:
    shares = np.array([np.mean(hits[length]) for length in LENGTHS])
    # Of the long windows there are too few for a limit.
    worst = float(shares[:2].max())
    n = sum(len(hits[length]) for length in LENGTHS[:2])
    what = f"nobody answers, {null}: windows of 10/30/60/120 s with p < 0.05"
    return Row(6, what, f"at most {FALSE_ALARMS:.1%} of 10 and of 30 s", _percent(shares), n,
               worst <= FALSE_ALARMS, worst)  # fmt: skip


def _against_table(what: str, same: float, hits: dict[int, list[bool]]) -> Row:
    got = np.array([np.mean(hits[length]) for length in LENGTHS])
    told = np.array([np.interp(same, TABLE_R, TABLE[:, i]) for i in range(len(LENGTHS))])
    low, high = float(np.min(got / told - 1.0)), float(np.max(got / told - 1.0))
    at = f"r {same:.3f}" if same <= TABLE_R[-1] else f"its end, for r {same:.3f}"
    what = f"{what}: power at 10/30/60/120 s (table at {at}: {_percent(told)})"
    measured = f"{_percent(got)}; {low:+.0%} to {high:+.0%}"
    n = sum(len(h) for h in hits.values())
    off = max(low, high, key=abs)
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


def _shown_residual(run: Run) -> float:
    """Mean of the residual that the tracker shows."""
    return float(np.mean([t.residual for at, t in run.seconds if at > 50 and t.usable]))


_LOUDNESS = {"0 dB": 0.0, "+3 dB": 3.0, "-3 dB": -3.0}
_TEMPI = ("80 BPM", "140 BPM")
_STEEP = 0.5  # an answer that grows with the root of the sound pressure, as no answer was found to


def expectation(size: Sizes) -> list[Row]:
    """Test 15: the same brain with louder, softer, slower and faster music.

    The vertex potential grows with a power of the sound pressure: 0.08 to 0.15 (Davis, Bowers &
    Hirsh 1968, J. Acoust. Soc. Am. 43:431), which is 3-5 % for 3 dB. People differ by a third.
    """
    import soundfile

    people = size(8, 1)
    path = sorted((Path(__file__).parents[2] / "playlists" / "starter").glob("*.ogg"))[0]
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=150 * FS)
    assert rate == FS
    stereo = np.repeat(sound[:, :1], 2, axis=1)
    heard = {
        name: StimulusFeatures().push(stereo * np.float32(10.0 ** (db / 20.0))).astype(np.float64)
        for name, db in _LOUDNESS.items()
    }
    r: dict[str, list[float]] = {name: [] for name in (*_LOUDNESS, *_TEMPI)}
    left: dict[str, list[float]] = {name: [] for name in r}
    # An answer that grows by 19 % for 3 dB; shown beside, one that was taught at three loudnesses.
    steep: dict[str, list[float]] = {name: [] for name in _LOUDNESS}
    varied: dict[str, list[float]] = {name: [] for name in _LOUDNESS}
    for seed in range(people):
        brain, decoder = calibrated(seed)
        taught = _calibrated_at_loudnesses(seed)
        power = 0.11 * math.exp(generator(15, seed, 3).normal(0.0, 0.33))
        for name, rows in heard.items():
            track = Music(rows[:, 0], np.empty(0), 0.0, rows[:, 2])
            usual, great = (
                _louder(seed, track, _gain(_LOUDNESS[name], p)) for p in (power, _STEEP)
            )
            run = go_through(usual, track.stimulus(), decoder=decoder)
            r[name].append(_shown_r(run))
            left[name].append(_shown_residual(run))
            for known, values in ((decoder, steep), (taught, varied)):
                run = go_through(great, track.stimulus(), decoder=known)
                values[name].append(_shown_residual(run))
        for name in _TEMPI:
            rng = generator(15, seed, 1)
            track = music(rng, 150.0, tempo=float(name.split()[0]))
            recording = brain.record(rng, track.feature)
            run = go_through(recording, track.stimulus(), decoder=decoder)
            r[name].append(_shown_r(run))
            left[name].append(_shown_residual(run))
    louder = [("0 dB", "+3 dB"), ("0 dB", "-3 dB")]
    rows_out = []
    for before, after in (*louder, _TEMPI):
        what = after if before == "0 dB" else "80 to 140 BPM"
        rows_out.append(_changed(f"{what}: change of residual", left, before, after))
        rows_out.append(shown(_changed(f"{what}: change of r", r, before, after)))
    for before, after in louder:
        what = f"{after}, an answer that grows by 19 % for 3 dB"
        rows_out.append(_changed(f"{what}: change of residual", steep, before, after))
        what = f"{what}, calibrated at three loudnesses: change of residual"
        rows_out.append(shown(_changed(what, varied, before, after)))
    return [*rows_out, shown(_passive(people))]


def _louder(seed: int, track: Music, gain: float) -> Recording:
    """The same person and background, the answer `gain` times as large."""
    brain = Brain(seed, coupling=COUPLING * gain)
    return brain.record(generator(15, seed), track.feature)


def _passive(people: int) -> Row:
    """A brain that follows as it did in calibration, with other music, leaves nothing."""
    left: list[float] = []
    covered: list[bool] = []
    for seed in range(people):
        brain, decoder = calibrated(seed)
        rng = generator(15, seed, 2)
        track = music(rng, 240.0)
        run = go_through(brain.record(rng, track.feature), track.stimulus(), decoder=decoder)
        known = [t for t in windows(run) if math.isfinite(t.residual)]
        left += [t.residual for t in known]
        covered += [t.residual_low <= 0.0 <= t.residual_high for t in known]
    share = float(np.mean(covered))
    return Row(15, "the same brain with other music: the residual's 90 % interval covers 0", "",
               f"{share:.1%}; mean residual {np.mean(left):+.3f}", len(left), None,
               share)  # fmt: skip


def _gain(db: float, power: float) -> float:
    """Of an answer that grows with a power of the sound pressure."""
    return float(10.0 ** (power * db / 20.0))


def _calibrated_at_loudnesses(seed: int) -> Decoder:
    """Ten minutes as ever, but the tracks were played 6 dB softer to 6 dB louder."""
    recordings = []
    for k, db in enumerate((-6.0, 6.0, -3.0, 3.0, 0.0)):
        rng = generator(seed, k, 5)
        track = music(rng, 120.0)
        heard = replace(track, level=np.full(track.feature.size, CENTRE[3] + db)).stimulus()
        brain = Brain(seed, coupling=COUPLING * _gain(db, _STEEP))
        recordings.append((judged(brain.record(rng, track.feature)), (heard.values, heard.times)))
    return calibrate(recordings, ch_names=brain.ch_names, sfreq=SFREQ)


def _changed(what: str, values: dict[str, list[float]], before: str, after: str) -> Row:
    base = np.array(values[before])
    change = float(np.mean(np.array(values[after]) - base))
    n = base.size
    se = float(np.std(base, ddof=1) / math.sqrt(n)) if n > 1 else math.inf
    return Row(15, f"{what} (mean {np.mean(base):.3f})", f"at most 1 SE ({se:.3f})",
               f"{change:+.3f}", n, abs(change) <= se, change)  # fmt: skip
