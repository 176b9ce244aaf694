"""Reward correlates of recordings, each with its interval, usable seconds and reasons."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.lab.conditions import MIN_SECONDS, Labelled, Scores, contrasts, labelled
from app.lab.recordings import events_of, open_recording, own_stimulus
from app.lab.residual import MASKED, residual_windows
from app.lab.runs import go_through, marks
from app.loop.calibration import Calibration
from app.records.reader import SessionReader
from devices.formats.recording import Recording
from dsp.checks import InputError
from dsp.correlates import FOR_RESEARCH, NAMES, WINDOW, Baseline, Correlates
from dsp.intervals import mean_and_interval
from dsp.quality import Guard
from dsp.reward import SCORE_SECONDS, FrontalTheta

SETTLE = 2.0  #: s after the start of a condition that are left out unless asked for


def evaluate_reward(
    paths: Sequence[Path],
    *,
    channels: Sequence[str] | None = None,
    by_events: bool = False,
    settle: float = SETTLE,
) -> dict[str, Any]:
    """Every feature of every recording: mean over its scores with a 90 % interval.

    Parameters
    ----------
    paths : sequence of Path
        Session folders or archives (docs/recordings.md).
    channels : sequence of str, optional
        Electrodes to take; all unless given.
    by_events : bool
        Whether to tell them by condition too, and to compare conditions (`app.lab.conditions`).
    settle : float
        Seconds after the start of a condition that are left out.

    Returns
    -------
    dict
        As ``attune evaluate reward --json`` prints it.

    Raises
    ------
    InputError
        A recording cannot be read; or they are to be told by events and one has none, or the same
        EEG comes twice.

    Notes
    -----
    `z` is the newest window of 30 s against the person's own earlier ones, the baseline while
    listening; None with fewer than eight of them. `in_estimate` is False for what may never enter
    an estimate.
    """
    results: list[dict[str, Any]] = []
    by_condition: list[dict[str, Labelled]] = []
    refused: list[str] = []
    known: dict[bytes, str] = {}
    for path in paths:
        recording = open_recording(path, channels=channels)
        if by_events:
            _refuse_twice(path, recording, known)
        events = events_of(path, recording) if by_events else []
        length = float(recording.times[-1] - recording.times[0])
        scores, reasons = _scores(path, recording)
        features = {}
        for name, one in scores.items():
            usable = float(one.usable_s.sum())
            left = length - usable - sum(reasons[name].values())
            reasons[name]["No EEG, or too little for another window."] += max(left, 0.0)
            values = one.value[np.isfinite(one.value)].tolist()
            per_window = WINDOW // SCORE_SECONDS if name == "fm_theta_db" else 1
            features[name] = _summary(values, usable, reasons[name], per_window=per_window)
            features[name]["in_estimate"] = name not in FOR_RESEARCH
        results.append({"name": recording.name, "features": features})
        if by_events:
            until = float(recording.times[-1]) + 1.0 / recording.sfreq
            told = {k: labelled(v, events, until=until, settle=settle) for k, v in scores.items()}
            codes = next(iter(told.values())).codes
            results[-1]["conditions"] = {c: {k: v.told(c) for k, v in told.items()} for c in codes}
            refused += _refused(recording.name, told, codes)
            by_condition.append(told)
    if not by_events:
        return {"recordings": results}
    found = list(contrasts(by_condition))
    return {"recordings": results, "contrasts": found, "refused": refused}


def _refuse_twice(path: Path, recording: Recording, known: dict[bytes, str]) -> None:
    """Add one to those that are `known`: a contrast over recordings takes each for another."""
    ((mark, name),) = marks([path], [recording])
    if mark in known:
        raise InputError(
            f"{name} holds the same EEG as {known[mark]}; over recordings it would count as two: "
            "leave one of them out, or --by events."
        )
    known[mark] = name


def _refused(name: str, told: Mapping[str, Labelled], codes: Sequence[str]) -> Iterator[str]:
    usable = [k for k, one in told.items() if np.isfinite(one.scores.value).any()]
    if never := [k for k in told if k not in usable]:
        yield (
            f"{name}: no usable second of {', '.join(never)} in any condition; why stands with "
            "each of them."
        )
    for code in codes:
        short = [k for k in usable if told[k].usable_s(code) < MIN_SECONDS]
        if short:
            yield (
                f"{name}, condition {code}: under {MIN_SECONDS:.0f} usable seconds of "
                f"{', '.join(short)}; nothing is said of them: record longer conditions."
            )


def _scores(
    path: Path, recording: Recording
) -> tuple[dict[str, Scores], dict[str, defaultdict[str, float]]]:
    """Scores of every feature in the running stream, and the seconds lost by reason."""
    guard = Guard(ch_names=recording.ch_names, sfreq=recording.sfreq)
    theta = FrontalTheta(ch_names=recording.ch_names, sfreq=recording.sfreq)
    correlates = Correlates(ch_names=recording.ch_names, sfreq=recording.sfreq)
    block = guard.push(recording.eeg, recording.times)
    names = ("fm_theta_db", *NAMES, "residual_tracking")
    rows: dict[str, list[_Row]] = {name: [] for name in names}
    reasons = {name: defaultdict[str, float](float) for name in names}
    for score in theta.push(block) if block else []:
        usable = SCORE_SECONDS * score.valid_share if score.usable else 0.0
        rows["fm_theta_db"].append((score.t0, score.t1, score.db, usable))
        reasons["fm_theta_db"][score.reason or MASKED] += SCORE_SECONDS - usable
    if not theta.sites:
        length = float(recording.times[-1] - recording.times[0])
        reasons["fm_theta_db"]["No frontal electrode."] = length
    for item in correlates.push(block) if block else []:
        usable = item.usable_s if item.usable else 0.0
        rows[item.name].append((item.t0, item.t1, item.value, usable))
        reasons[item.name][item.reason or MASKED] += WINDOW - usable
    rows["residual_tracking"], reasons["residual_tracking"] = _residual(path, recording)
    return {name: Scores.of(told) for name, told in rows.items()}, reasons


_Row = tuple[float, float, float, float]


def _residual(path: Path, recording: Recording) -> tuple[list[_Row], defaultdict[str, float]]:
    """Residual tracking where it is known what was heard; with the session's own calibration."""
    start = float(recording.times[0])
    try:
        sound = own_stimulus(path, recording, "onset")
    except InputError:
        length = float(recording.times[-1]) - start
        return [], defaultdict(float, {"It is not recorded what was heard.": length})
    stored = SessionReader(path).calibration() if path.is_dir() else b""
    decoder = Calibration.from_npz(stored, origin=str(path)).decoder if stored else None
    seconds = go_through(recording, sound, decoder=decoder).seconds
    rows, reasons = residual_windows(seconds)
    return [(start + t0, start + t1, value, usable) for t0, t1, value, usable in rows], reasons


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
