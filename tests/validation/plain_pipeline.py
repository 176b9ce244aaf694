"""The pipeline that the table of power (`answers.TABLE`) was made with.

A textbook's backward ridge decoder: all lags from 0 to 400 ms, penalty 0.1 of the mean eigenvalue,
learnt once from ten minutes of other tracks; nothing is masked and nothing learnt later. What the
table calls r is the correlation of *this* decoder. Another one has another r for the same people:
less noise in what it rebuilds raises r, and may leave fewer independent samples in it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.lab.recordings import Stimulus
from devices.formats.recording import Recording
from dsp.filters import BANDS
from dsp.grid import RATE, Floats
from dsp.tracking.alignment import Aligned
from dsp.tracking.decoder import lagged, ridge
from tests.doubles.simulated_brain import SFREQ, Brain, Music
from tests.validation.rows import generator

_LAGS = np.arange(27)  # grid points, 0 to 406 ms
_PENALTY = 0.1  # of the mean eigenvalue


def plain_weights(brain: Brain, seed: int, piece: Callable[..., Music], minutes: int) -> Floats:
    """Decoder of one person, from five tracks that are heard in no test."""
    lessons = []
    for k in range(5):
        rng = generator(seed, k, 5)
        track = piece(rng, minutes * 12.0)
        # Without blinks, which this pipeline does not mask.
        recording = brain.record(rng, track.feature, blinks=False)
        lessons.append(_rows(recording, track.stimulus()))
    design, feature = (np.concatenate(part) for part in zip(*lessons, strict=True))
    level = design.std(axis=0).reshape(-1, _LAGS.size).mean(axis=1).repeat(_LAGS.size)
    design /= level
    weights = ridge(design.T @ design, design.T @ feature, penalty=_PENALTY)
    return np.asarray(weights / level)


def plain_run(weights: Floats, recording: Recording, heard: Stimulus) -> tuple[Floats, Floats]:
    """What that decoder rebuilds, and the feature [shape=(n,), at 64 Hz]."""
    design, feature = _rows(recording, heard)
    return design @ weights, feature


def _rows(recording: Recording, heard: Stimulus) -> tuple[Floats, Floats]:
    """Lagged EEG and feature, filtered alike."""
    keep = int(recording.times[-1] - recording.times[0] + 4.0) * RATE
    reach = int(_LAGS.max())
    n = len(recording.ch_names)
    aligned = Aligned(n, sfreq=SFREQ, band=BANDS[0], reach=reach, keep=keep)
    aligned.push_eeg(recording.eeg.astype(np.float64), recording.times)
    aligned.push_sound(heard.values[:, [0, 2]], heard.times)
    seconds = list(aligned.seconds())
    design = np.concatenate([lagged(eeg, _LAGS, RATE) for _, eeg, _ in seconds])
    feature = np.concatenate([feature for *_, feature in seconds])
    ok = np.isfinite(design).all(axis=1) & np.isfinite(feature)
    return design[ok], feature[ok]
