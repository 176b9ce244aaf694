"""Tests 1 to 5 and 16: nothing where there is nothing, and what cross-validation shows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.lab.recordings import Stimulus, file_stimulus, lasting
from app.lab.runs import go_through, judged
from devices.formats.npz import read_npz
from devices.formats.recording import Recording
from dsp.filters import BANDS
from dsp.grid import FS, RATE, Floats
from dsp.sound.stimulus import StimulusFeatures
from dsp.tracking.alignment import Aligned
from dsp.tracking.decoder import lag_steps, lagged, ridge
from dsp.tracking.tracker import CANNOT_TELL, calibrate
from tests.doubles.recordings import DATA, SILENT
from tests.doubles.simulated_brain import (
    NOISE_RMS,
    SFREQ,
    START,
    Brain,
    Music,
    add,
    music,
    one_over_f,
)
from tests.validation.rows import (
    Row,
    Sizes,
    calibrated,
    ever,
    generator,
    p_values,
    rate_row,
    session_row,
    windows,
)

ROOT = Path(__file__).parents[2]
_SILENT = Brain(1, coupling=0.0)
SESSION = 252  # s: seven windows of 30 s after the first 42 s


def silence(size: Sizes) -> list[Row]:
    """Test 1: no rows at all, rows of zero, and music that ends."""
    seconds = 60
    rng = generator(1)
    recording = _SILENT.record(rng, np.zeros(seconds * RATE))
    none = Stimulus("none", np.empty((0, 3)), np.empty(0))
    zeros = Music(np.zeros(seconds * RATE), np.empty(0), 0.0).stimulus()
    numbers = total = 0
    for heard in (none, zeros):
        for _, t in go_through(recording, heard).seconds:
            numbers += t.state != CANNOT_TELL or math.isfinite(t.r) or t.usable
            total += 1
    brain, decoder = calibrated(1, 0.25, 2)
    track = music(rng, 60.0)
    feature = np.concatenate([track.feature, np.zeros(60 * RATE)])
    run = go_through(
        brain.record(rng, feature), Music(feature, track.beats, 0.0).stimulus(), decoder=decoder
    )
    after = [t.usable or t.state != CANNOT_TELL for at, t in run.seconds if at >= 66]
    stale = [math.isfinite(t.r) for at, t in run.seconds if at >= 60 + 36]
    return [
        Row(1, "no sound, or a silent one: seconds with a number or a state", "0",
            f"{numbers} of {total}", total, numbers == 0, float(numbers)),
        Row(1, "music that ends: later seconds (from 6 s on) not called 'cannot tell'", "0",
            f"{sum(after)} of {len(after)}", len(after), sum(after) == 0, float(sum(after))),
        Row(1, "music that ends: seconds with a number when the window holds no sound", "0",
            f"{sum(stale)} of {len(stale)}", len(stale), sum(stale) == 0, float(sum(stale))),
    ]  # fmt: skip


def broadband(size: Sizes) -> list[Row]:
    """Test 2: music and 1/f EEG that have nothing to do with each other."""
    sessions = size(74, 2)
    rows, all_p = [], []
    for label, known in (("from nothing", False), ("calibrated", True)):
        p: list[float] = []
        said = []
        for k in range(sessions):
            rng = generator(2, k, known)
            track = music(rng, SESSION, loop=k % 4 == 3)
            decoder = calibrated(k % 4, 0.10, 10)[1] if known else None
            brain = Brain(1000 + k, coupling=0.0) if not known else Brain(k % 4, coupling=0.0)
            recording = brain.record(rng, track.feature, blinks=False)
            run = go_through(recording, track.stimulus(), decoder=decoder, seed=k)
            p += p_values(run)
            said.append(ever(run))
        all_p += p
        rows.append(rate_row(2, f"music and unrelated 1/f EEG, {label}", p))
        rows.append(session_row(2, f"the same, {SESSION} s, {label}", said, limit=0.05))
        if size(0, 1):
            return rows
    return [rate_row(2, "music and unrelated 1/f EEG, all", all_p), *rows]


def resting(size: Sizes) -> list[Row]:
    """Test 3: real EEG recorded without sound, with music it never heard."""
    songs = sorted((ROOT / "playlists" / "starter").glob("*.ogg"))
    songs += sorted((DATA / "music").glob("*.*g"))
    songs = songs[:: max(len(songs) // size(14, 1), 1)]
    sounds = [file_stimulus(song, start=-5.0 * number) for number, song in enumerate(songs)]
    p: list[float] = []
    eeg = 0
    for path in SILENT:
        recording = read_npz(path)
        hole = np.flatnonzero(np.diff(recording.times) > 10.0)
        stop = int(hole[0]) + 1 if hole.size else recording.times.size
        recording = Recording(
            path.stem, recording.ch_names, recording.sfreq, recording.eeg[:stop],
            recording.times[:stop], None,
        )  # fmt: skip
        eeg += math.floor((recording.times[-1] - recording.times[0]) / 30.0)
        for number, sound in enumerate(sounds):
            sound = replace(sound, times=sound.times + float(recording.times[0]))
            sound = lasting(sound, float(recording.times[-1]))
            p += p_values(go_through(recording, sound, seed=number))
    return [rate_row(3, f"real EEG without sound ({eeg} windows) and {len(songs)} tracks", p)]


def lines(size: Sizes) -> list[Row]:
    """Test 4: sines of a synthetic board, also at the beat, with looped music."""
    sessions, seconds = size(24, 2), 162
    rows: list[Row] = []
    board_p: list[float] = []
    line_p: list[float] = []
    named: list[bool] = []
    weak: list[bool] = []
    for k in range(sessions):
        rng = generator(4, k)
        loop = music(rng, seconds, tempo=120.0, loop=True)
        beat = loop.tempo / 60.0
        times = START + np.arange(int(seconds * SFREQ)) / SFREQ
        board = [5.0, 10.0, 15.0, 20.0]
        harmonics = [beat, 2 * beat, 3 * beat, 4 * beat]
        for tones in (board, harmonics):
            phase = rng.uniform(0, 2 * np.pi, 4)
            eeg = 20.0 * np.sin(2 * np.pi * np.array(tones) * times[:, None] + phase)
            eeg += rng.standard_normal(eeg.shape)
            recording = Recording("board", _SILENT.ch_names, SFREQ, eeg.astype(np.float32),
                                  times, None)  # fmt: skip
            run = go_through(recording, loop.stimulus(), seed=k)
            # A window of which the tracker gives no number is no alarm.
            board_p += [t.p if t.usable else 1.0 for t in windows(run)]
            said = " ".join(r for _, t in run.seconds[60:] for r in t.reasons)
            named.append("steady tone" in said)
        recording = _SILENT.record(rng, loop.feature, blinks=False)
        steady = np.array([beat, 2 * beat, 5.0, 3 * beat])
        shifts = rng.uniform(0, 2 * np.pi, (4, 4))
        weights = rng.uniform(0.3, 1.0, (4, 4))
        extra = np.sin(2 * np.pi * steady[:, None] * times[:, None, None] + shifts) * weights
        run = go_through(add(recording, 0.25 * NOISE_RMS * extra.sum(axis=1)), loop.stimulus())
        line_p += [t.p if t.usable else 1.0 for t in windows(run)]
        said = " ".join(r for _, t in run.seconds[60:] for r in t.reasons)
        weak.append("steady tone" in said)
    rows.append(rate_row(4, "sines of a synthetic board, also at the beat, looped music",
                         board_p, limit=0.07))  # fmt: skip
    rows.append(Row(4, "the same: steady tone named", "always", f"{np.mean(named):.0%}",
                    len(named), all(named), float(np.mean(named))))  # fmt: skip
    rows.append(rate_row(4, "1/f EEG with lines at the beat and its harmonics (2.5 µV), looped "
                         "music", line_p, limit=0.07))  # fmt: skip
    rows.append(Row(4, "the same: steady tone named", "always", f"{np.mean(weak):.0%}",
                    len(weak), all(weak), float(np.mean(weak))))  # fmt: skip
    return rows


def noise_as_sound(size: Sizes) -> list[Row]:
    """Test 5: pink noise as sound, answered; its own feature, a shuffled one, no answer."""
    sessions, seconds = size(72, 2), 252
    rng = generator(5)
    features = [_flux_of_noise(rng, seconds) for _ in range(3)]
    p: dict[str, list[float]] = {"own": [], "shuffled": [], "another": [], "unanswered": []}
    for k in range(sessions):
        rng = generator(5, k)
        own, other = (Music(np.roll(f, int(rng.integers(f.size))), np.empty(0), 0.0)
                      for f in (features[k % 3], features[(k + 1) % 3]))  # fmt: skip
        shuffled = Music(rng.permutation(own.feature), np.empty(0), 0.0)
        recording = Brain(k, coupling=0.15).record(rng, own.feature, blinks=False)
        silent = Brain(k, coupling=0.0).record(rng, own.feature, blinks=False)
        p["own"] += p_values(go_through(recording, own.stimulus()))
        p["shuffled"] += p_values(go_through(recording, shuffled.stimulus()))
        p["another"] += p_values(go_through(recording, other.stimulus()))
        p["unanswered"] += p_values(go_through(silent, own.stimulus()))
    power = float(np.mean(np.array(p["own"]) < 0.05))
    return [
        Row(5, "pink noise answered (coupling 0.15), its own feature: p < 0.05", "shown beside",
            f"{power:.0%}", len(p["own"]), None, power),
        rate_row(5, "the same with the feature shuffled", p["shuffled"]),
        rate_row(5, "the same with the feature of another noise", p["another"]),
        rate_row(5, "pink noise not answered, its own feature", p["unanswered"]),
    ]  # fmt: skip


def _flux_of_noise(rng: np.random.Generator, seconds: int) -> Floats:
    sound = 0.05 * one_over_f(rng, seconds * FS, 1, sfreq=float(FS), slope=0.5)
    stereo = np.repeat(sound, 2, axis=1).astype(np.float32)
    return StimulusFeatures().push(stereo)[:, 0].astype(np.float64)


def cross_validation(size: Sizes) -> list[Row]:
    """Test 16: leaving out a track against leaving out random seconds; which one is used.

    The third scene tells them apart: in each track another electrode answers, so that what is
    learnt on the other tracks is worth nothing, and what is learnt on other seconds of the same
    track is.
    """
    people = size(6, 1)
    rows = []
    nearer: list[bool] = []
    for label, coupling, one in (
        ("no answer", 0.0, False),
        ("coupling 0.10", 0.10, False),
        ("in each track another electrode answers", 0.60, True),
    ):
        found: list[tuple[float, float, float]] = []
        for seed in range(people):
            recordings = [_heard(seed, coupling, k, electrode=k if one else None) for k in range(4)]
            parts = [_design(r, h) for r, h in recordings]
            order = generator(16, seed).permutation(sum(len(p[0]) // RATE for p in parts))
            names = recordings[0][0].ch_names
            given = [(judged(r), (h.values, h.times)) for r, h in recordings]
            reported = calibrate(given, ch_names=names, sfreq=SFREQ).r
            found.append((_left_out(parts), _left_out(_shuffled(parts, order)), reported))
        track, random, reported = (float(v) for v in np.mean(found, axis=0))
        nearer.append(abs(reported - track) < abs(reported - random))
        what = f"{label}: r leaving out a track; random seconds; as calibration reports it"
        figures = f"{track:.3f}; {random:.3f}; {reported:.3f}"
        rows.append(Row(16, what, "both shown", figures, people, None, reported))
    what = "where the two differ, calibration reports the one over tracks"
    said = "yes" if nearer[-1] else "no"
    rows.append(Row(16, what, "yes", said, people, nearer[-1], float(nearer[-1])))
    return rows


def _heard(
    seed: int, coupling: float, number: int, *, electrode: int | None
) -> tuple[Recording, Stimulus]:
    """Two minutes of a track; with `electrode`, only this one answers."""
    rng = generator(16, seed, number, int(100 * coupling))
    track = music(rng, 120.0)
    recording = Brain(seed, coupling=0.0).record(rng, track.feature)
    answer = Brain(seed, coupling=coupling).answer(track.feature, recording.times)
    if electrode is not None:
        answer[:, np.arange(answer.shape[1]) != electrode] = 0.0
    return add(recording, answer), track.stimulus()


def _design(recording: Recording, heard: Stimulus) -> tuple[Floats, Floats]:
    blocks = judged(recording)
    lags = lag_steps(0.0, 0.4)
    n = len(recording.ch_names)
    aligned = Aligned(n, sfreq=SFREQ, band=BANDS[0], reach=int(lags.max()))
    for block in blocks:
        aligned.push_eeg(np.where(block.valid, block.eeg, np.nan), block.times)
    aligned.push_sound(heard.values[:, [0, 2]], heard.times)
    designs, targets = [], []
    for _, eeg, feature in aligned.seconds():
        design = lagged(eeg, lags, RATE)
        valid = np.isfinite(design)
        target = feature if feature.ndim == 1 else feature[:, 0]
        rows = (valid.mean(axis=1) >= 0.5) & np.isfinite(target)
        # Seconds that are partly masked are left out, so that parts can be cut by the second.
        if rows.all():
            designs.append(np.where(valid, design, 0.0))
            targets.append(target)
    return np.concatenate(designs), np.concatenate(targets)


def _shuffled(
    parts: list[tuple[Floats, Floats]], order: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> list[tuple[Floats, Floats]]:
    """The same rows as five parts of random seconds."""
    designs = np.concatenate([p[0] for p in parts]).reshape(order.size, RATE, -1)
    targets = np.concatenate([p[1] for p in parts]).reshape(order.size, RATE)
    return [
        (np.concatenate(list(designs[i])), np.concatenate(list(targets[i])))
        for i in np.array_split(order, 5)
    ]


def _left_out(parts: list[tuple[Floats, Floats]]) -> float:
    n_lags = lag_steps(0.0, 0.4).size
    covs = [d.T @ d for d, _ in parts]
    crosses = [d.T @ t for d, t in parts]
    scores = []
    for k, (design, target) in enumerate(parts):
        cov = np.asarray(sum(c for i, c in enumerate(covs) if i != k))
        cross = np.asarray(sum(c for i, c in enumerate(crosses) if i != k))
        level = np.sqrt(np.diag(cov).reshape(-1, n_lags).mean(axis=1))
        unit = np.repeat(1.0 / level, n_lags)
        weights = unit * ridge(cov * unit[:, None] * unit, cross * unit, penalty=1.0)
        scores.append(float(np.corrcoef(design @ weights, target)[0, 1]))
    return float(np.mean(scores))
