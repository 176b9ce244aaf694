"""Small sound files with known contents, and what a player must know of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from dsp.grid import FS
from dsp.sound.beatgrid import UNKNOWN_GRID, BeatGrid
from dsp.sound.stimulus import StimulusFeatures
from playlists.tracks import PreparedTrack, Track


def beats(seconds: float, *, spacing: float = 0.5) -> BeatGrid:
    return BeatGrid(np.arange(0.25, seconds, spacing), tempo=60.0 / spacing, confidence=1.0)


def write(
    path: Path,
    sound: npt.NDArray[np.float32],
    *,
    gain: float = 0.5,
    grid: BeatGrid = UNKNOWN_GRID,
    tonic: float = 55.0,
) -> PreparedTrack:
    """Write float `sound` (n, 2) to `path` as WAV and say of it what `prepare` would."""
    soundfile.write(path, sound, FS, subtype="FLOAT")
    feature, _, level = StimulusFeatures().push(sound * np.float32(gain)).T
    return PreparedTrack(
        track=Track(path, path.stem, "test", sound.shape[0] / FS),
        lufs=-18.0,
        gain=gain,
        n_frames=sound.shape[0],
        grid=grid,
        tonic=tonic,
        feature=np.ascontiguousarray(feature),
        descriptors={},
        level=np.ascontiguousarray(level),
    )


def tone(hz: float, seconds: float, *, amplitude: float = 0.2) -> npt.NDArray[np.float32]:
    t = np.arange(round(seconds * FS)) / FS
    return np.repeat((amplitude * np.sin(2 * np.pi * hz * t))[:, None], 2, axis=1).astype("f4")


def pulses(seconds: float, seed: int) -> npt.NDArray[np.float32]:
    """Noise that swings like music does, different on both sides."""
    t = np.arange(round(seconds * FS)) / FS
    noise = np.random.default_rng(seed).standard_normal((t.size, 2))
    swing = 0.02 + 0.1 * np.maximum(0.0, np.sin(2 * np.pi * (1.7 + 0.2 * seed) * t)) ** 4
    return (noise * swing[:, None]).astype("f4")


def power_at(sound: npt.NDArray[np.float32], hz: float) -> float:
    """Amplitude of `hz` in a mono sound."""
    t = np.arange(sound.size) / FS
    return float(2.0 * np.abs(np.mean(sound * np.exp(-2j * np.pi * hz * t))))
