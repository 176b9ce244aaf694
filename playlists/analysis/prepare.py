"""Everything the player must know about a track before it plays: measured once, then cached.

Two passes: loudness and true peak give the gain, and the stimulus feature is that of the sound
*after* the gain, computed exactly as the player will compute it. A short track is held in
memory between the passes, a long one is decoded twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError
from dsp.grid import FS, RATE
from dsp.sound.beatgrid import UNKNOWN_GRID, BeatGrid
from dsp.sound.loudness import SILENCE, TARGET_LUFS, Loudness, TruePeak
from dsp.sound.stimulus import StimulusFeatures
from playlists import decode
from playlists.starter import known_by_construction
from playlists.tracks import PreparedTrack

#: Written into every cache entry; a new number makes the old entries stale.
ANALYSER_VERSION = 2

CEILING_DBTP = -1.0

#: Quiet recordings are raised by this much at most: their noise floor would come up with them.
MAX_GAIN_DB = 24.0

#: Tracks up to this long (115 MB of samples) are decoded only once.
_HELD_S = 300.0

_CENTROID_FRAMES = 4096  # 85 ms
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Measured:
    """What one decoding from end to end found out about the sound, whatever it is called."""

    lufs: float
    gain: float
    n_frames: int
    feature: npt.NDArray[np.float32]
    level: npt.NDArray[np.float32]
    descriptors: dict[str, float]


def prepare(
    path: str | Path,
    *,
    cache: Path | None,
    progress: Callable[[float], None] | None = None,
) -> PreparedTrack:
    """Measure the track at `path`, or take the measurement from `cache`.

    Parameters
    ----------
    path : path
        Sound file.
    cache : Path or None
        Folder of cached measurements, made where missing; None measures afresh. An entry belongs
        to the *content* of a file: a moved or renamed file is found again, a changed one is not.
    progress : callable, optional
        Called with the finished share (0..1) about every decoded second. An exception that it
        raises ends the work and reaches the caller; nothing is cached then.

    Returns
    -------
    PreparedTrack
        Its `descriptors`: ``energy`` (0 calm to 1 driving; mean flux and brightness, each on a
        fixed scale), ``brightness`` (Hz, power-weighted mean spectral centroid), ``flux`` (mean
        spectral flux after the gain, nat per row), ``true_peak`` (dBTP before the gain), and
        ``tempo`` (BPM) where it is known.

    Raises
    ------
    InputError
        One sentence, where the file cannot be decoded to its end.
    """
    track = decode.probe(path)
    report = progress if progress is not None else _ignore
    digest = _digest(Path(path))
    entry = None if cache is None else cache / f"{digest}-{ANALYSER_VERSION}.npz"
    measured = None if entry is None else _load(entry)
    if measured is None:
        measured = _measure(path, track.duration, report)
        if entry is not None:
            _store(entry, measured)
    report(1.0)
    grid, tonic, key = _grid_of(digest)
    descriptors = dict(measured.descriptors)
    if grid.tempo > 0:
        descriptors["tempo"] = grid.tempo
    return PreparedTrack(
        track=track,
        lufs=measured.lufs,
        gain=measured.gain,
        n_frames=measured.n_frames,
        grid=grid,
        tonic=tonic,
        feature=measured.feature,
        descriptors=descriptors,
        key=key,
        level=measured.level,
    )


def gain_for(lufs: float, true_peak: float) -> float:
    """Return the linear gain to `TARGET_LUFS` that keeps `true_peak` (linear) under the ceiling."""
    if lufs <= SILENCE or true_peak <= 0.0:
        return 1.0
    wanted = min(TARGET_LUFS - lufs, MAX_GAIN_DB, CEILING_DBTP - 20.0 * math.log10(true_peak))
    return float(10.0 ** (wanted / 20.0))


def _ignore(share: float) -> None:
    """Nobody watches."""


def _measure(path: str | Path, duration: float, report: Callable[[float], None]) -> _Measured:
    total = max(1.0, duration * FS)
    loudness, peak, n_frames = Loudness(), TruePeak(), 0
    held: list[npt.NDArray[np.float32]] = []
    for block in decode.blocks(path):
        loudness.push(block)
        peak.push(block)
        n_frames += block.shape[0]
        # By what came, not by what the header promised: that may be anything.
        if n_frames <= _HELD_S * FS:
            held.append(block)
        else:
            held.clear()
        report(min(0.5, 0.5 * n_frames / total))
    lufs, true_peak = loudness.integrated(), peak.finish()
    gain = gain_for(lufs, true_peak)

    features, rows, done = StimulusFeatures(), [], 0
    centroid = _Centroid()
    for block in held or decode.blocks(path):
        played = (block * np.float32(gain)).astype(np.float32)
        rows.append(features.push(played))
        centroid.push(played)
        done += block.shape[0]
        report(min(1.0, 0.5 + 0.5 * done / total))
    feature, _, level = np.ascontiguousarray(np.concatenate(rows).T)
    flux = float(feature.mean()) if feature.size else 0.0
    brightness = centroid.hz()
    return _Measured(
        lufs=lufs,
        gain=gain,
        n_frames=n_frames,
        feature=feature,
        level=level,
        descriptors={
            "energy": _energy(flux, brightness),
            "brightness": brightness,
            "flux": flux,
            "true_peak": 20.0 * math.log10(true_peak) if true_peak > 0.0 else -math.inf,
        },
    )


def _energy(flux: float, brightness: float) -> float:
    """0..1: half how much happens (flux), half how bright it is; both follow arousal ratings."""
    busy = min(1.0, flux * RATE / 4.0)
    bright = min(1.0, max(0.0, math.log2(max(brightness, 1.0) / 250.0) / 4.0))
    return 0.5 * (busy + bright)


class _Centroid:
    """Power-weighted spectral centroid from one 85 ms window of every block."""

    def __init__(self) -> None:
        self._power = np.zeros(_CENTROID_FRAMES // 2 + 1)

    def push(self, frames: npt.NDArray[np.float32]) -> None:
        if frames.shape[0] < _CENTROID_FRAMES:
            return
        start = (frames.shape[0] - _CENTROID_FRAMES) // 2
        window = frames[start : start + _CENTROID_FRAMES].astype(np.float64).mean(axis=1)
        self._power += np.abs(np.fft.rfft(window * np.hanning(_CENTROID_FRAMES))) ** 2

    def hz(self) -> float:
        total = self._power.sum()
        if total <= 0.0:
            return 0.0
        hz = np.fft.rfftfreq(_CENTROID_FRAMES, 1.0 / FS)
        return float((hz * self._power).sum() / total)


def _grid_of(digest: str) -> tuple[BeatGrid, float, str]:
    known = known_by_construction().get(digest)
    if known is None:
        return UNKNOWN_GRID, 0.0, ""
    grid = BeatGrid(beats=known.beats, tempo=known.tempo, confidence=1.0)
    return grid, known.tonic, known.key


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise InputError(
            f"{path} cannot be read ({problem.strerror}); check its rights."
        ) from problem


_ARRAYS = ("feature", "level", "numbers", "descriptors")


def _load(entry: Path) -> _Measured | None:
    """Return the cached measurement, or None where there is none that can be trusted."""
    if not entry.exists():
        return None
    try:
        with entry.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            feature, level, numbers, text = (stored[name] for name in _ARRAYS)
        descriptors = json.loads(str(text))
        lufs, gain, n_frames = (float(number) for number in numbers)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        _log.warning("cached measurement %s is damaged (%s); measuring again", entry.name, problem)
        return None
    shaped = feature.dtype == level.dtype == np.float32 and feature.shape == level.shape
    if not shaped or feature.ndim != 1 or not 0.0 < gain < 100.0:
        _log.warning("cached measurement %s makes no sense; measuring again", entry.name)
        return None
    return _Measured(lufs, gain, int(n_frames), feature, level, descriptors)


def _store(entry: Path, measured: _Measured) -> None:
    """Write the entry so that a reader, or a kill in the middle, never sees half of it."""
    draft = entry.with_name(f".{entry.stem}-{os.getpid()}.part")
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            np.savez(
                file,
                feature=measured.feature,
                level=measured.level,
                numbers=np.array([measured.lufs, measured.gain, measured.n_frames]),
                descriptors=np.array(json.dumps(measured.descriptors)),
            )
        draft.replace(entry)
    except OSError as problem:
        _log.warning("measurement is not cached in %s (%s)", entry.parent, problem)
        if draft.exists():
            draft.unlink()
