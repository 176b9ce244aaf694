"""Calibration: which delay, which lags, which band, and the sums a decoder starts from.

A few recordings with sound, five to ten minutes over several tracks, are enough. Start and length
of the lag window and the band are chosen by leaving out one recording after the other (one
recording alone is cut into parts), never on what is tested later. The chance level makes the
same choice on shifted features, so that searching earns no credit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError
from dsp.filters import BANDS, GridSampler, Strip
from dsp.grid import RATE, Floats, Ints
from dsp.quality import CleanBlock
from dsp.tracking.alignment import KEEP, Aligned, Filtered, SoundSampler
from dsp.tracking.courses import INDEPENDENT, by_chance
from dsp.tracking.decoder import (
    Decoder,
    Sums,
    chosen_electrodes,
    lag_steps,
    lagged,
    ridge,
    strength,
)
from dsp.tracking.doubts.bleed import (
    EARLY,
    LEVEL_AHEAD,
    DelayProfile,
    amplitude,
)
from dsp.tracking.expectation import acoustics
from dsp.tracking.rebuilder import MIN_SHARE
from dsp.tracking.scores import WINDOW

LENGTHS = (0.4, 0.6)  #: s of lags; longer ones only learn the regularity of the sound
SEARCH = 1.0  #: s that the delay is searched over
ANSWER = 0.2  #: s of lags beyond the latest delay looked for while nothing is known
_START_STEP = 0.1
_N_SHIFTED = 60
_MIN_SECONDS = 20
_MIN_CLEAN = 10.0  # s of a recording
_TOGETHER = 16  # s summed at once: one by one, most of the time goes into adding large matrices
_PART = 30  # s of a part where there is one recording only
# Each part holds a covariance of all lags: of more recordings several are left out at once.
_MAX_PARTS = 20
_BETTER = 1.03  # another band than the widest must be this much better

Recording = tuple[Sequence[CleanBlock], tuple[npt.ArrayLike, npt.ArrayLike]]


@dataclass(frozen=True)
class _OnGrid:
    """A recording on the grid, which every band and every choice of lags begins with.

    Attributes
    ----------
    eeg, sound : tuple of int and float64 [shape=(n, n_channels), (n, 2)]
        First grid point and rows of the EEG, NaN where masked; of feature and layer.
    heard : Strip
        Unfiltered feature and level; NaN for a level that is not known.
    """

    eeg: tuple[int, Floats]
    sound: tuple[int, Floats]
    heard: Strip

    def of(self, pick: Ints) -> _OnGrid:
        """Return that of the electrodes `pick` alone."""
        return replace(self, eeg=(self.eeg[0], self.eeg[1][:, pick]))


@dataclass(frozen=True)
class _Part:
    """Sums of one recording (or part) against its feature (column 0) and shifted ones."""

    cov: Floats
    cross: Floats  # [shape=(d, 1 + n_shifted)]
    power: Floats
    n: int
    #: Number of the recording, first second in it, seconds: of each piece.
    where: tuple[tuple[int, int, int], ...]

    def __add__(self, other: _Part) -> _Part:
        return _Part(
            self.cov + other.cov,
            self.cross + other.cross,
            self.power + other.power,
            self.n + other.n,
            self.where + other.where,
        )


def calibrate(
    recordings: Sequence[Recording],
    *,
    ch_names: Sequence[str],
    sfreq: float,
    search: float = SEARCH,
    seed: int = 0,
) -> Decoder:
    """Find the delay, the lags and the band of one person's answer to sound.

    Parameters
    ----------
    recordings : sequence of (blocks, (values, times))
        Blocks as `dsp.quality.Guard` gave them; the stimulus as `Tracker.push_stimulus` takes it.
    ch_names : sequence of str
    sfreq : float
        Hz.
    search : float
        Latest start of the lag window, s.
    seed : int
        Of the shifts of the chance level.

    Returns
    -------
    Decoder
        With r and its chance level on recordings left out; `Decoder.found` says whether there
        is an answer at all.

    Raises
    ------
    InputError
        Without 20 s of clean EEG with sound.

    Examples
    --------
    >>> from dsp.quality import CleanBlock
    >>> rng, n = np.random.default_rng(0), 40 * 128
    >>> onsets = (rng.random(40 * 64) < 0.06).astype(float)
    >>> answer = np.repeat(np.convolve(np.roll(onsets, 10), np.hanning(12), mode="same"), 2)
    >>> eeg = (20.0 * answer + 3.0 * rng.standard_normal(n))[:, None].astype(np.float32)
    >>> block = CleanBlock(eeg, 100.0 + np.arange(n) / 128, np.isfinite(eeg), ())
    >>> heard = np.stack([onsets, onsets, np.zeros_like(onsets)], axis=1)
    >>> recording = ([block], (heard, 100.0 + np.arange(onsets.size) / 64))
    >>> calibrate([recording], ch_names=["Cz"], sfreq=128.0, search=0.2).found
    True
    """
    # What is too short or too bad to be left out alone is no recording.
    recordings = [r for r in recordings if _clean_s(r, sfreq) > _MIN_CLEAN] or recordings
    pick = chosen_electrodes(ch_names)
    whole = [_on_grid(recording, len(ch_names), sfreq) for recording in recordings]
    some = [one.of(pick) for one in whole]
    lags = lag_steps(0.0, search + max(LENGTHS))
    band, window, r, null95 = _choose(some, pick.size, sfreq, lags, search, seed)
    # Where that does not beat chance it is still the best guess of a weak answer to start from.
    found = r > null95
    bleed = found and _bleeds(some, pick.size, sfreq, band, lags)
    lags = lags[(lags >= window[0]) & (lags <= window[1])]
    # With the lags known there is room for more electrodes than while they are searched.
    pick = chosen_electrodes(ch_names, lags.size)
    ch_names = tuple(ch_names[int(i)] for i in pick)
    n = len(ch_names)
    grids = [one.of(pick) for one in whole]
    columns = np.arange(n * lags.size)
    parts = _parts(grids, n, sfreq, band, lags, seed)
    if found:
        r = float(_held_out(parts, columns, n)[0])
    cov = np.asarray(sum(p.cov for p in parts))
    cross = np.asarray(sum(p.cross[:, 0] for p in parts))
    seconds = sum(p.n for p in parts) / RATE
    sums = Sums(cov, cross, float(sum(p.power[0] for p in parts)), seconds)
    levels = sums.levels(n)
    sums = sums.scaled(levels, seconds=seconds)
    effect = math.atanh(min(max(r, 0.0), 0.9)) * math.sqrt(INDEPENDENT * 5.0)
    heard = _windows(grids, n, sfreq, (band, lags, parts), columns)
    return Decoder(ch_names, band, lags, sums, r, null95, effect, bleed, heard, levels)


def _clean_s(recording: Recording, sfreq: float) -> float:
    """Seconds of a recording with EEG of any electrode and sound."""
    blocks, (_, times) = recording
    stamps = np.asarray(times, dtype=np.float64)
    if not stamps.size:
        return 0.0
    inside = (
        b.valid.any(axis=1) & (b.times >= stamps[0]) & (b.times <= stamps[-1]) for b in blocks
    )
    return sum(int(np.count_nonzero(i)) for i in inside) / sfreq


def _on_grid(recording: Recording, n_channels: int, sfreq: float) -> _OnGrid:
    blocks, (values, times) = recording
    rows, stamps = np.asarray(values, dtype=np.float64), np.asarray(times, dtype=np.float64)
    sampler = GridSampler(n_channels, sfreq=sfreq)
    pieces = [
        sampler.push(np.where(block.valid, block.eeg, np.nan), block.times)
        for block in blocks
        if block.times.size
    ]
    eeg = [np.empty((0, n_channels)), *(piece for _, piece in pieces)]
    start = pieces[0][0] if pieces else 0
    sound: tuple[int, Floats] = (0, np.empty((0, 2)))
    heard = Strip(2, keep=1)
    if stamps.size:
        sound = SoundSampler(2).push(rows[:, [0, 2]], stamps)
        level = rows[:, 3] if rows.shape[1] > 3 else np.full(len(rows), np.nan)
        first, grid = SoundSampler(2).push(np.stack([rows[:, 0], level], axis=1), stamps)
        heard = Strip(2, keep=max(len(grid), 1))
        heard.write(first, grid)
    return _OnGrid((start, np.concatenate(eeg)), sound, heard)


def _bleeds(
    recordings: Sequence[_OnGrid],
    n_channels: int,
    sfreq: float,
    band: tuple[float, float],
    lags: Ints,
) -> bool:
    """True if the sound clearly stands in the EEG before a brain can answer."""
    profile = DelayProfile(n_channels, latest=int(lags.max()), band=band)
    for recording in recordings:
        seconds = _seconds(recording, n_channels, sfreq, band, lags)
        if len(seconds) * RATE > profile.before + EARLY:
            eeg = np.concatenate([eeg[:RATE] for _, eeg, _ in seconds])
            feature = np.concatenate([feature for *_, feature in seconds])
            level = _level(recording.heard, band)
            first = seconds[0][0] * RATE - LEVEL_AHEAD
            sound = np.stack([feature, level.read(first, first + feature.size)[:, 0]], axis=1)
            profile.add(eeg[profile.before : -EARLY], sound)
    return profile.clear


def _level(heard: Strip, band: tuple[float, float]) -> Strip:
    """Filtered amplitude of what was heard, of all of it."""
    end = heard.start if heard.end is None else heard.end
    level = Filtered(1, band=band, keep=end - heard.start + 2 * RATE)
    level.push(heard.start, amplitude(heard.read(heard.start, end)[:, 1:]))
    return level.rows


def _parts(
    recordings: Sequence[_OnGrid],
    n_channels: int,
    sfreq: float,
    band: tuple[float, float],
    lags: Ints,
    seed: int,
) -> list[_Part]:
    parts: list[_Part] = []
    together = -(-len(recordings) // _MAX_PARTS)
    for number, recording in enumerate(recordings):
        seconds = _seconds(recording, n_channels, sfreq, band, lags)
        size = len(seconds)
        if len(recordings) == 1:
            size = max(min(_PART, -(-size // 2)), -(-size // _MAX_PARTS))
        for start in range(0, len(seconds), max(size, 1)):
            piece = seconds[start : start + size]
            summed = _sum_part(piece, n_channels, lags, seed + 1000 * number + start)
            summed = replace(summed, where=((number, start, len(piece)),))
            if parts and together > 1 and parts[-1].where[0][0] // together == number // together:
                parts[-1] += summed
            else:
                parts.append(summed)
    return [p for p in parts if p.n > 5 * RATE]


def _seconds(
    recording: _OnGrid,
    n_channels: int,
    sfreq: float,
    band: tuple[float, float],
    lags: Ints,
) -> list[tuple[int, Floats, Floats]]:
    """All seconds of a recording: number, EEG from its start on, feature."""
    eeg, sound = recording.eeg, recording.sound
    if not len(eeg[1]) or not len(sound[1]):
        return []
    # All of it is looked at in the end: nothing may be forgotten before.
    keep = max(len(eeg[1]), len(sound[1]), KEEP) + 2 * RATE
    aligned = Aligned(n_channels, sfreq=sfreq, band=band, reach=int(lags.max()), keep=keep)
    aligned.push_grid(eeg, sound)
    return list(aligned.seconds())


def _sum_part(
    seconds: list[tuple[int, Floats, Floats]],
    n_channels: int,
    lags: Ints,
    seed: int,
) -> _Part:
    feature = np.concatenate([s[2] for s in seconds])
    heard = np.isfinite(feature)
    whole = np.where(heard, feature, 0.0)
    rng = np.random.default_rng(seed)
    low = min(2 * RATE, feature.size // 4)
    shifts = rng.integers(low, feature.size - low, _N_SHIFTED)
    targets = np.stack([whole, *(np.roll(whole, int(s)) for s in shifts)], axis=1)
    d = n_channels * lags.size
    cov, cross = np.zeros((d, d)), np.zeros((d, targets.shape[1]))
    power, n = np.zeros(targets.shape[1]), 0
    for i in range(0, len(seconds), _TOGETHER):
        part = seconds[i : i + _TOGETHER]
        span = slice(i * RATE, (i + len(part)) * RATE)
        design = np.concatenate([lagged(eeg, lags, RATE) for _, eeg, _ in part])
        valid = np.isfinite(design)
        rows = heard[span] & (valid.mean(axis=1) >= MIN_SHARE)
        if not rows.any():
            continue
        design = np.where(valid, design, 0.0)[rows]
        target = targets[span][rows]
        cov += design.T @ design
        cross += design.T @ target
        power += (target**2).sum(axis=0)
        n += int(rows.sum())
    return _Part(cov, cross, power, n, ())


def _columns(lags: Ints, window: tuple[int, int], n_channels: int) -> Ints:
    inside = np.flatnonzero((lags >= window[0]) & (lags <= window[1]))
    return (np.arange(n_channels)[:, None] * lags.size + inside).ravel()


def _held_out(parts: list[_Part], columns: Ints, n_channels: int) -> Floats:
    """Mean correlation on parts left out, for the feature and the shifted ones."""
    covs = [p.cov[np.ix_(columns, columns)] for p in parts]
    crosses = [p.cross[columns] for p in parts]
    all_cov, all_cross = sum(covs), sum(crosses)
    total = np.zeros(parts[0].power.size)
    weight = 0.0
    for cov, cross, part in zip(covs, crosses, parts, strict=True):
        rest = (sum(p.n for p in parts) - part.n) / RATE
        weights = _weights(
            np.asarray(all_cov - cov), np.asarray(all_cross - cross), n_channels, seconds=rest
        )
        numerator = np.sum(weights * cross, axis=0)
        size = np.sum(weights * (cov @ weights), axis=0) * part.power
        total += part.n * numerator / np.sqrt(np.maximum(size, 1e-30))
        weight += part.n
    return total / weight


def _weights(
    cov: Floats, cross: Floats, n_channels: int, *, seconds: float, power: float | None = None
) -> Floats:
    """Ridge weights of several targets, each electrode in units of its own level.

    With the `power` of the feature as a session has them (`decoder.in_common`).
    """
    n_lags = cov.shape[0] // n_channels
    level = np.diag(cov).reshape(n_channels, n_lags).mean(axis=1)
    unit = np.repeat(1.0 / np.sqrt(np.maximum(level, 1e-12)), n_lags)
    scaled, target = cov * unit[:, None] * unit[None, :], cross * unit[:, None]
    penalty = strength(seconds, n_channels)
    chance = None if power is None else by_chance(power, seconds)
    solved = ridge(scaled, target, penalty=penalty, n_lags=n_lags, chance=chance)
    return unit[:, None] * solved


def _windows(
    recordings: Sequence[_OnGrid],
    n_channels: int,
    sfreq: float,
    choice: tuple[tuple[float, float], Ints, list[_Part]],
    columns: Ints,
) -> Floats:
    """r, its SD by chance, and the acoustics of each 30 s, by a decoder of the other parts.

    Returns
    -------
    float64 [shape=(n_windows, 6)]
    """
    band, lags, parts = choice
    cov = np.asarray(sum(p.cov for p in parts))
    cross = np.asarray(sum(p.cross[:, :1] for p in parts))
    out: list[Floats] = []
    at, seconds = -1, []
    for part in parts:
        own, other = (cov - part.cov)[np.ix_(columns, columns)], (cross - part.cross[:, :1])
        rest = (sum(p.n for p in parts) - part.n) / RATE
        power = sum(float(p.power[0]) for p in parts) - float(part.power[0])
        weights = _weights(own, other[columns], n_channels, seconds=rest, power=power)[:, 0]
        for number, first, size in part.where:
            if number != at:
                at, seconds = number, _seconds(recordings[number], n_channels, sfreq, band, lags)
                heard = recordings[number].heard
            for start in range(first, first + size - WINDOW + 1, WINDOW):
                window = seconds[start : start + WINDOW]
                design = np.concatenate([lagged(eeg, lags, RATE) for _, eeg, _ in window])
                target = np.concatenate([feature for _, _, feature in window])
                valid = np.isfinite(design)
                ok = np.isfinite(target) & (valid.mean(axis=1) >= MIN_SHARE)
                if np.count_nonzero(ok) < WINDOW * RATE / 2:
                    continue
                y = (np.where(valid, design, 0.0)[:, columns] @ weights)[ok]
                if not (y.std() > 0.0 and target[ok].std() > 0.0):
                    continue
                # As many independent numbers as the band has room for.
                sd = 1.0 / math.sqrt(2.0 * (band[1] - band[0]) * y.size / RATE)
                begin = window[0][0] * RATE
                sound = heard.read(begin, begin + WINDOW * RATE)
                x = acoustics(sound[:, 0], sound[:, 1])
                if np.isfinite(x[:3]).all():
                    out.append(np.array([np.corrcoef(y, target[ok])[0, 1], sd, *x]))
    return np.array(out).reshape(-1, 6)


def _choose(
    recordings: Sequence[_OnGrid],
    n_channels: int,
    sfreq: float,
    lags: Ints,
    search: float,
    seed: int,
) -> tuple[tuple[float, float], tuple[int, int], float, float]:
    """Best band and lag window on parts left out; the same choice for each shifted feature.

    Returns
    -------
    band : tuple of float
        Hz.
    window : tuple of int
        First and last lag, grid points.
    r, null95 : float
        Of that choice on parts left out, and what the same search reaches by chance.
    """
    best, choice = -math.inf, (BANDS[0], (0, 0), 0.0)
    null = np.full(_N_SHIFTED, -1.0)
    for band in BANDS:
        parts = _parts(recordings, n_channels, sfreq, band, lags, seed)
        total = sum(p.n for p in parts if p.power[0] > 0.0) / RATE  # a silent sound is none
        if total < _MIN_SECONDS or len(parts) < 2:
            raise InputError(
                f"There are {total:.0f} s of clean EEG with sound to calibrate on; expected at "
                f"least {_MIN_SECONDS} s: play for longer, or better the contact of the electrodes."
            )
        # Chance correlations shrink with the root of the bandwidth: what counts is r against them.
        width = math.sqrt(band[1] - band[0])
        for length in LENGTHS:
            for start in np.arange(0.0, search + 1e-9, _START_STEP):
                window = (round(start * RATE), round((start + length) * RATE))
                scores = _held_out(parts, _columns(lags, window, n_channels), n_channels)
                null = np.maximum(null, scores[1:] * width)
                merit = float(scores[0]) * width / (1.0 if band == BANDS[0] else _BETTER)
                if merit > best:
                    best, choice = merit, (band, window, float(scores[0]))
        del parts  # before those of the next band are made
    band, window, r = choice
    null95 = float(np.quantile(null, 0.95)) / math.sqrt(band[1] - band[0])
    return band, window, r, null95
