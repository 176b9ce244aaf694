"""How often the EEG of recordings without a sound is said to follow one: it should never be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.lab.recordings import file_stimulus, lasting, open_recording
from app.lab.runs import WINDOW, calibrated, go_through, ticks_of, window_ends
from dsp.tracking.tracker import FOLLOWING


def evaluate_silence(
    paths: Sequence[Path],
    *,
    against: Sequence[str],
    calibrations: Sequence[Path] = (),
    channels: Sequence[str] | None = None,
    search: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Count how often recordings without a sound are said to follow it.

    Parameters
    ----------
    paths : sequence of Path
        Session folders or archives (docs/recordings.md).
    against : sequence of str
        Files of sounds, features or other recordings that were not heard in them.
    calibrations : sequence of Path
        What a decoder is learnt from; from nothing unless given.
    channels : sequence of str, optional
        Electrodes to take; all unless given.
    search : float, optional
        Longest delay that is looked for, s.
    seed : int
        Of the surrogates.

    Returns
    -------
    dict
        Shares of windows, over all, by recording and by pair; None where nothing was tested.

    Raises
    ------
    InputError
        A file cannot be used.
    """
    decoder = None
    if calibrations:
        decoder, _ = calibrated(calibrations, "onset", channels, search)
    pairs: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for path in paths:
        recording = open_recording(path, channels=channels)
        start, until = float(recording.times[0]), float(recording.times[-1])
        ticks = ticks_of(recording)
        found: list[tuple[int, int, bool]] = []
        for name in against:
            sound = lasting(file_stimulus(Path(name), start=start), until)
            run = go_through(
                recording, sound, decoder=decoder, search=search, seed=seed, ticks=ticks
            )
            # A window without any clean EEG tests nothing.
            states = [t.state for t in window_ends(run) if t.age_s <= WINDOW]
            false = sum(state == FOLLOWING for state in states)
            ever = any(t.state == FOLLOWING for _, t in run.seconds)
            found.append((false, len(states), ever))
            pairs.append(
                {
                    "name": recording.name,
                    "against": sound.name,
                    "rate": _share(false, len(states)),
                    "windows": len(states),
                    "ever": ever,
                }
            )
        false, count = sum(f[0] for f in found), sum(f[1] for f in found)
        tested = [ever for _, windows_, ever in found if windows_ or ever]
        results.append(
            {
                "name": recording.name,
                "rate": _share(false, count),
                "windows": count,
                "ever": _share(sum(tested), len(tested)),
            }
        )
    count = sum(p["windows"] for p in pairs)
    tested = [p["ever"] for p in pairs if p["windows"] or p["ever"]]
    false = sum(p["rate"] * p["windows"] for p in pairs if p["windows"])
    return {
        "rate": _share(false, count),
        "windows": count,
        "ever": _share(sum(tested), len(tested)),
        "recordings": results,
        "pairs": pairs,
    }


def _share(part: float, whole: int) -> float | None:
    """Share of `whole`; None, which is no perfect score, where there was nothing to test."""
    return round(part / whole, 5) if whole else None
