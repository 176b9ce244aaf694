"""How well the EEG of recordings follows what was heard, from nothing or with a decoder."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.lab.match import match_mismatch
from app.lab.recordings import Stimulus, open_recording, own_stimulus
from app.lab.residual import kind_of, residual_summary
from app.lab.runs import Run, calibrated, go_through, marks, windows
from devices.formats.recording import Recording
from dsp.grid import RATE
from dsp.tracking.decoder import Decoder
from dsp.tracking.diagnostics import diagnose
from dsp.tracking.nulls import Nulls, bins_of
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING, NOT_FOLLOWING, Tracking


def evaluate_tracking(
    tests: Sequence[Path],
    *,
    calibrations: Sequence[Path] = (),
    feature: str = "onset",
    channels: Sequence[str] | None = None,
    search: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure tracking in each of `tests`, from nothing or with a decoder from `calibrations`.

    Parameters
    ----------
    tests, calibrations : sequence of Path
        Session folders or archives (docs/recordings.md); none may hold the EEG of another.
    feature : str
        ``onset``, ``envelope``, or a file with a feature or a sound.
    channels : sequence of str, optional
        Electrodes to take; all unless given.
    search : float, optional
        Longest delay that is looked for, s.
    seed : int
        Of the surrogates.

    Returns
    -------
    dict
        As ``attune evaluate tracking --json`` prints it; None where something is not known.

    Raises
    ------
    InputError
        A file cannot be used, or the same EEG would teach and test.
    """
    opened = [(path, open_recording(path, channels=channels)) for path in tests]
    sounds = [own_stimulus(path, recording, feature) for path, recording in opened]
    decoder: Decoder | None = None
    others: list[Stimulus] = []
    if calibrations:
        known = marks(tests, [recording for _, recording in opened])
        decoder, others = calibrated(calibrations, feature, channels, search, known)
    results = []
    for number, ((_, recording), sound) in enumerate(zip(opened, sounds, strict=True)):
        run = go_through(recording, sound, decoder=decoder, search=search, seed=seed)
        impostors = [s for k, s in enumerate(sounds) if k != number] + others
        results.append(_describe(recording, run, impostors, decoder, seed))
    out: dict[str, Any] = {"feature": feature, "recordings": results}
    if decoder is not None:
        out["calibration"] = {
            "band_hz": list(decoder.band),
            "lags_s": [float(decoder.lags[0]) / RATE, float(decoder.lags[-1]) / RATE],
            "r": round(decoder.r, 4),
            "r_null95": round(decoder.r_null95, 4),
            "seconds": round(decoder.sums.seconds, 1),
            "found": decoder.found,
        }
    return out


def _describe(
    recording: Recording,
    run: Run,
    impostors: Sequence[Stimulus],
    decoder: Decoder | None,
    seed: int,
) -> dict[str, Any]:
    states = Counter(windows(run))
    scored = run.scored()
    first = next((at for at, t in run.seconds if t.state == FOLLOWING), None)
    after = [
        tracking.state == FOLLOWING
        for index, (at, tracking) in enumerate(run.seconds)
        if first is not None and at >= first and run.attended(index)
    ]
    r, null95 = overall(run, seed=seed)
    # The first says why; what is warned of beside it is no cause.
    reasons = Counter(kind_of(t.reasons[0]) for _, t in run.seconds if t.state == CANNOT_TELL)
    return {
        "name": recording.name,
        "r": _rounded(r),
        "r_null95": _rounded(null95),
        "match_mismatch": match_mismatch(
            *scored, run.feature, impostors, band=decoder.band if decoder else None
        ),
        "windows": {
            "following": states[FOLLOWING],
            "not_following": states[NOT_FOLLOWING],
            "cannot_tell": states[CANNOT_TELL],
        },
        "first_following_s": None if first is None else round(first, 1),
        "following_after_first": round(float(np.mean(after)), 3) if after else None,
        **_timing([t for _, t in run.seconds]),
        "residual": residual_summary(run.seconds),
        "diagnostics": {
            figure.name: {"value": _rounded(figure.value), "null95": _rounded(figure.null95)}
            for figure in diagnose(*scored, seed=seed)
        },
        "masked": run.masked,
        "cannot_tell_because": dict(reasons.most_common()),
    }


def _timing(said: Sequence[Tracking]) -> dict[str, float | None]:
    """Delay, drift and power as they were known last; None where they never were."""
    last = [t for t in said if math.isfinite(t.drift)][-1:]
    power = [t.power for t in said if math.isfinite(t.power)][-1:]
    out: dict[str, float | None] = dict.fromkeys(
        ("delay_change_ms", "drift_ms_per_min", "drift_sd_ms_per_min", "power")
    )
    for t in last:
        out["delay_change_ms"] = _rounded(1000.0 * t.delay_change)
        out["drift_ms_per_min"], out["drift_sd_ms_per_min"] = (
            _rounded(t.drift),
            _rounded(t.drift_sd),
        )
    for value in power:
        out["power"] = _rounded(value)
    return out


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def overall(run: Run, *, seed: int = 0) -> tuple[float, float]:
    """Return the correlation over all samples scored, and its 95 % level by chance.

    The level is that of the larger null. NaN for both under 10 s of samples.
    """
    rebuilt, feature = run.scored()
    ok = np.isfinite(rebuilt) & np.isfinite(feature)
    if np.count_nonzero(ok) < 10 * RATE:
        return math.nan, math.nan
    feature = np.nan_to_num(feature)
    masked = np.where(ok, rebuilt, 0.0)
    masked[ok] -= masked[ok].mean()
    target = feature[ok] - feature[ok].mean()
    size = math.sqrt(float(masked @ masked) * float(target @ target))
    nulls = Nulls(seed=seed, n_bins=bins_of(feature.size))
    null = nulls.judge(masked, feature, feature)
    if null is None or size <= 0.0:
        return math.nan, math.nan
    return float(masked[ok] @ target) / size, null.level95 / size
