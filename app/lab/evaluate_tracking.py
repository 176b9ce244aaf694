"""The proof as a command: the live estimators on recordings, strictly from the past.

Recordings go second by second through the same `Guard`, `Tracker` and `FrontalTheta` as in a
session; nothing here filters, solves or scores in another way.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_opening

from app.lab.match import match_mismatch
from app.lab.recordings import Stimulus, file_stimulus, lasting, open_recording, own_stimulus
from app.lab.residual import kind_of, residual_summary
from devices.formats.npz import Recording
from dsp.checks import InputError
from dsp.grid import RATE, Floats
from dsp.quality import CleanBlock, Guard
from dsp.tracking.calibrate import ANSWER, SEARCH
from dsp.tracking.decoder import Decoder
from dsp.tracking.diagnostics import diagnose
from dsp.tracking.nulls import Nulls, bins_of
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING, NOT_FOLLOWING, Tracker, Tracking, calibrate

WINDOW, HOP = 30, 5  #: s of the windows whose state is counted, and between them
_HOLE = 5  # s in which nothing is rebuilt: left out where chance levels are made


@dataclass(frozen=True)
class Run:
    """One recording gone through.

    Attributes
    ----------
    seconds : list of (float, Tracking)
        Time since the start of the recording, and what could be said then.
    rebuilt, feature : float64 [shape=(n,)]
        At 64 Hz from the first whole second; NaN where masked.
    masked : dict
        Reason -> seconds, mean over the electrodes.
    arrived : bool [shape=(n_seconds,)]
        Whether any EEG came in each of `seconds`, good or bad.
    """

    seconds: list[tuple[float, Tracking]]
    rebuilt: Floats
    feature: Floats
    masked: dict[str, float]
    arrived: npt.NDArray[np.bool_]

    def scored(self) -> tuple[Floats, Floats]:
        """`rebuilt` and `feature` without stretches of 5 s in which nothing was rebuilt.

        Nothing is compared there, and surrogates that are spread over them would be too small.
        """
        dead = np.logical_not(np.isfinite(self.rebuilt).reshape(-1, RATE).any(axis=1))
        keep = np.repeat(np.logical_not(binary_opening(dead, np.ones(_HOLE, dtype=np.bool_))), RATE)
        return self.rebuilt[keep], self.feature[keep]

    def attended(self, index: int) -> bool:
        """Whether EEG came at all in the 30 s that end with `seconds[index]`."""
        return bool(self.arrived[max(index + 1 - WINDOW, 0) : index + 1].any())


# ---- going through


def judged(recording: Recording) -> list[CleanBlock]:
    """The whole recording through the guard."""
    guard = Guard(ch_names=recording.ch_names, sfreq=recording.sfreq)
    block = guard.push(recording.eeg, recording.times)
    return [] if block is None else [block]


Ticks = Sequence[tuple[int, CleanBlock | None]]
Marks = tuple[tuple[bytes, str], ...]


def ticks_of(recording: Recording) -> Ticks:
    """What the guard gives each second of the clock, as in a session."""
    guard = Guard(ch_names=recording.ch_names, sfreq=recording.sfreq)
    first, last = math.ceil(float(recording.times[0])), math.floor(float(recording.times[-1]))
    out = []
    i = 0
    for second in range(first + 1, last + 1):
        a = int(np.searchsorted(recording.times, second))
        out.append((second, guard.push(recording.eeg[i:a], recording.times[i:a])))
        i = a
    return out


def go_through(
    recording: Recording,
    stimulus: Stimulus,
    *,
    decoder: Decoder | None = None,
    search: float | None = None,
    seed: int = 0,
    ticks: Ticks | None = None,
) -> Run:
    """Run one recording through guard and tracker, a tick each second, as in a session.

    `ticks` is what `ticks_of` gave, where the same recording is gone through again.
    """
    tracker = Tracker(
        ch_names=recording.ch_names,
        sfreq=recording.sfreq,
        decoder=decoder,
        seed=seed,
        search=None if search is None else search + ANSWER,
    )
    start = float(recording.times[0])
    masked: defaultdict[str, float] = defaultdict(float)
    told = 0  # seconds that the guard has told of; of a long hole it tells the beginning only
    seconds = []
    rebuilt: list[Floats] = []
    feature: list[Floats] = []
    j = 0
    done = first = math.ceil(start)
    for second, block in ticks_of(recording) if ticks is None else ticks:
        b = int(np.searchsorted(stimulus.times, second))
        tracker.push_stimulus(stimulus.values[j:b], stimulus.times[j:b])
        j = b
        if block is not None:
            tracker.push_eeg(block)
            _count_masked(block, masked)
            reached = block.seconds[-1].second + 1 - math.floor(start)
            told += len(block.seconds)
            if reached > told:
                masked["gap"] += reached - told
                told = reached
        seconds.append((second - start, tracker.estimate(float(second))))
        while tracker.scored_until > done:
            rebuilt.append(tracker.rebuilt.read(done * RATE, (done + 1) * RATE)[:, 0])
            feature.append(tracker.feature.read(done * RATE, (done + 1) * RATE)[:, 0])
            done += 1
    edges = first + np.arange(len(seconds) + 1)
    arrived = np.diff(np.searchsorted(recording.times, edges)) > 0
    # What the guard still holds at the end it tells nothing of; a hole before it is known all
    # the same.
    untold = max(told - (first - math.floor(start)), 0)
    if lost := np.count_nonzero(~arrived[untold:]):
        masked["gap"] += lost
    nothing = np.empty(0)
    return Run(
        seconds,
        np.concatenate([nothing, *rebuilt]),
        np.concatenate([nothing, *feature]),
        {word: round(value, 2) for word, value in sorted(masked.items())},
        arrived,
    )


def _count_masked(block: CleanBlock, masked: defaultdict[str, float]) -> None:
    for second in block.seconds:
        for word, valid in zip(second.words, second.valid, strict=True):
            if valid < 1.0:
                masked[word if word != "good" else "edge"] += (1.0 - valid) / len(second.words)


def window_ends(run: Run) -> Iterator[Tracking]:
    """What is said at the end of each 30 s window, every 5 s; none where no EEG came in it."""
    for index, (at, tracking) in enumerate(run.seconds):
        due = at >= WINDOW and math.floor(at - WINDOW) % HOP == 0
        if due and run.attended(index):
            yield tracking


def windows(run: Run) -> list[str]:
    """State at the end of each window."""
    return [tracking.state for tracking in window_ends(run)]


# ---- tracking


def evaluate_tracking(
    tests: Sequence[Path],
    *,
    calibrations: Sequence[Path] = (),
    feature: str = "onset",
    channels: Sequence[str] | None = None,
    search: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Tracking in each of `tests`, from nothing or with a decoder from `calibrations`."""
    opened = [(path, open_recording(path, channels=channels)) for path in tests]
    sounds = [own_stimulus(path, recording, feature) for path, recording in opened]
    decoder: Decoder | None = None
    others: list[Stimulus] = []
    if calibrations:
        marks = _marks(tests, [recording for _, recording in opened])
        decoder, others = calibrated(calibrations, feature, channels, search, marks)
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


def _refuse_twice(tests: Marks, calibrations: Marks) -> None:
    """The same EEG must not come twice, under whatever name: it would be left out, and known."""
    known: dict[bytes, str] = {}
    for mark, name in calibrations:
        if mark in known:
            raise InputError(
                f"{name} and {known[mark]} in --calibrate hold the same EEG; what is learnt from "
                "one would be tested on the other: leave one of them out."
            )
        known[mark] = name
    for mark, name in tests:
        if mark in known:
            raise InputError(
                f"{name} in --test holds the EEG of {known[mark]} in --calibrate; what a decoder "
                "was made from does not test it: leave it out of one of them."
            )


def _marks(paths: Sequence[Path], recordings: Sequence[Recording]) -> Marks:
    """What tells EEG from other EEG, and the name of its file; dead EEG is told by the file."""
    return tuple(
        (
            hashlib.blake2b(r.eeg.tobytes()).digest()
            if np.nan_to_num(r.eeg).any()
            else str(path.resolve()).encode(),
            path.name,
        )
        for path, r in zip(paths, recordings, strict=True)
    )


def calibrated(
    paths: Sequence[Path],
    feature: str,
    channels: Sequence[str] | None,
    search: float | None,
    tests: Marks = (),
) -> tuple[Decoder, list[Stimulus]]:
    """Decoder from recordings, and what was heard in them."""
    opened = [open_recording(path, channels=channels) for path in paths]
    for other in opened[1:]:
        if (other.ch_names, other.sfreq) != (opened[0].ch_names, opened[0].sfreq):
            raise InputError(
                f"{other.name} has {_montage(other)}, {opened[0].name} {_montage(opened[0])}; "
                "expected one montage in --calibrate: choose --channels that all have, or leave "
                "it out."
            )
    _refuse_twice(tests, _marks(paths, opened))
    sounds = [own_stimulus(p, r, feature) for p, r in zip(paths, opened, strict=True)]
    decoder = calibrate(
        [(judged(r), (s.values, s.times)) for r, s in zip(opened, sounds, strict=True)],
        ch_names=opened[0].ch_names,
        sfreq=opened[0].sfreq,
        search=SEARCH if search is None else search,
    )
    return decoder, sounds


def _montage(recording: Recording) -> str:
    names = recording.ch_names
    shown = ", ".join(names if len(names) <= 4 else (*names[:3], "..."))
    return f"{len(names)} electrodes ({shown}) at {recording.sfreq:g} Hz"


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
    reasons = Counter(kind_of(r) for _, t in run.seconds for r in t.reasons if not t.usable)
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
        "residual": residual_summary(run.seconds),
        "diagnostics": {
            figure.name: {"value": _rounded(figure.value), "null95": _rounded(figure.null95)}
            for figure in diagnose(*scored, seed=seed)
        },
        "masked": run.masked,
        "cannot_tell_because": dict(reasons.most_common(5)),
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def overall(run: Run, *, seed: int = 0) -> tuple[float, float]:
    """Correlation over all samples scored, and its 95 % level by chance (the larger null)."""
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


# ---- silence


def evaluate_silence(
    paths: Sequence[Path],
    *,
    against: Sequence[str],
    calibrations: Sequence[Path] = (),
    channels: Sequence[str] | None = None,
    search: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """How often recordings without a sound are said to follow it."""
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
