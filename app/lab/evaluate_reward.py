"""Reward correlates of recordings, each with its interval, usable seconds and reasons."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.lab.recordings import open_recording, own_stimulus
from app.lab.residual import MASKED, residual_windows
from app.lab.runs import go_through
from app.loop.calibration import Calibration
from app.records.reader import SessionReader
from devices.formats.recording import Recording
from dsp.checks import InputError
from dsp.correlates import FOR_RESEARCH, NAMES, WINDOW, Baseline, Correlates
from dsp.intervals import mean_and_interval
from dsp.quality import Guard
from dsp.reward import SCORE_SECONDS, FrontalTheta


def evaluate_reward(
    paths: Sequence[Path], *, channels: Sequence[str] | None = None
) -> dict[str, Any]:
    """Every feature of every recording: mean over its scores with a 90 % interval.

    Parameters
    ----------
    paths : sequence of Path
        Session folders or archives (docs/recordings.md).
    channels : sequence of str, optional
        Electrodes to take; all unless given.

    Returns
    -------
    dict
        As ``attune evaluate reward --json`` prints it.

    Notes
    -----
    `z` is the newest window of 30 s against the person's own earlier ones, the baseline while
    listening; None with fewer than eight of them. `in_estimate` is False for what may never enter
    an estimate.
    """
    results = []
    for path in paths:
        recording = open_recording(path, channels=channels)
        guard = Guard(ch_names=recording.ch_names, sfreq=recording.sfreq)
        theta = FrontalTheta(ch_names=recording.ch_names, sfreq=recording.sfreq)
        correlates = Correlates(ch_names=recording.ch_names, sfreq=recording.sfreq)
        block = guard.push(recording.eeg, recording.times)
        values: defaultdict[str, list[float]] = defaultdict(list)
        usable: defaultdict[str, float] = defaultdict(float)
        reasons: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        length = float(recording.times[-1] - recording.times[0])
        for score in theta.push(block) if block else []:
            if score.usable:
                values["fm_theta_db"].append(score.db)
                usable["fm_theta_db"] += SCORE_SECONDS * score.valid_share
                reasons["fm_theta_db"][MASKED] += SCORE_SECONDS * (1.0 - score.valid_share)
            else:
                reasons["fm_theta_db"]["Under 30 % of 2 s were clean."] += SCORE_SECONDS
        if not theta.sites:
            reasons["fm_theta_db"]["No frontal electrode."] = length
        for item in correlates.push(block) if block else []:
            if item.usable:
                values[item.name].append(item.value)
                usable[item.name] += item.usable_s
                reasons[item.name][MASKED] += WINDOW - item.usable_s
            else:
                reasons[item.name][item.reason] += WINDOW
        kept, seconds, why = _residual(path, recording)
        values["residual_tracking"], usable["residual_tracking"] = kept, seconds
        reasons["residual_tracking"] = why
        for name in ("fm_theta_db", *NAMES, "residual_tracking"):
            left = length - usable[name] - sum(reasons[name].values())
            reasons[name]["No EEG, or too little for another window."] += max(left, 0.0)
        features = {
            name: _summary(
                values[name],
                usable[name],
                reasons[name],
                per_window=WINDOW // SCORE_SECONDS if name == "fm_theta_db" else 1,
            )
            | {"in_estimate": name not in FOR_RESEARCH}
            for name in ("fm_theta_db", *NAMES, "residual_tracking")
        }
        results.append({"name": recording.name, "features": features})
    return {"recordings": results}


def _residual(
    path: Path, recording: Recording
) -> tuple[list[float], float, defaultdict[str, float]]:
    """Residual tracking where it is known what was heard; with the session's own calibration."""
    try:
        sound = own_stimulus(path, recording, "onset")
    except InputError:
        length = float(recording.times[-1] - recording.times[0])
        return [], 0.0, defaultdict(float, {"It is not recorded what was heard.": length})
    stored = SessionReader(path).calibration() if path.is_dir() else b""
    decoder = Calibration.from_npz(stored, origin=str(path)).decoder if stored else None
    return residual_windows(go_through(recording, sound, decoder=decoder).seconds)


def _summary(
    values: list[float], usable: float, reasons: Mapping[str, float], *, per_window: int
) -> dict[str, Any]:
    whole = len(values) - len(values) % per_window
    windows = np.reshape(values[:whole], (-1, per_window)).mean(axis=1).tolist()
    score = Baseline.of(windows[:-1]).z(windows[-1]) if windows else math.nan
    z = round(score, 3) if math.isfinite(score) else None
    told = [round(x, 4) if math.isfinite(x) else None for x in mean_and_interval(values)]
    return {
        **dict(zip(("mean", "low", "high"), told, strict=True)),
        "z": z,
        "scores": len(values),
        "usable_s": round(usable, 1),
        "unusable_s": {reason: round(s, 1) for reason, s in reasons.items() if s >= 0.05},
    }
