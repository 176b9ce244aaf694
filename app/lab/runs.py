"""Recordings gone through second by second, and decoders learnt from some of them.

They go through the same `Guard` and `Tracker` as in a session, strictly from the past; nothing
here filters, solves or scores in another way.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_opening

from app.lab.recordings import Stimulus, open_recording, own_stimulus
from devices.formats.recording import Recording
from dsp.checks import InputError
from dsp.grid import RATE, Floats
from dsp.quality import CleanBlock, Guard
from dsp.tracking.calibrate import ANSWER, SEARCH
from dsp.tracking.decoder import Decoder
from dsp.tracking.tracker import Tracker, Tracking, calibrate

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

    Parameters
    ----------
    recording : Recording
    stimulus : Stimulus
        What was heard, on the clock of the recording.
    decoder : Decoder, optional
        From calibration; without one everything is learnt on the way.
    search : float, optional
        Longest delay that is looked for, s.
    seed : int
        Of the surrogates.
    ticks : sequence, optional
        What `ticks_of` gave, where the same recording is gone through again.
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


def marks(paths: Sequence[Path], recordings: Sequence[Recording]) -> Marks:
    """Return what tells EEG from other EEG, and the name of its file.

    Dead EEG, which is all alike, is told by the file. `paths` and `recordings` go together.
    """
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
    """Learn a decoder from recordings.

    Parameters
    ----------
    paths : sequence of Path
    feature : str
        As `own_stimulus` takes it.
    channels : sequence of str or None
    search : float or None
        Longest delay that is looked for, s.
    tests : tuple
        `marks` of what the decoder will be tested on.

    Returns
    -------
    decoder : Decoder
    sounds : list of Stimulus
        What was heard in each.

    Raises
    ------
    InputError
        The recordings have several montages, or the same EEG comes twice.
    """
    opened = [open_recording(path, channels=channels) for path in paths]
    for other in opened[1:]:
        if (other.ch_names, other.sfreq) != (opened[0].ch_names, opened[0].sfreq):
            raise InputError(
                f"{other.name} has {_montage(other)}, {opened[0].name} {_montage(opened[0])}; "
                "expected one montage in --calibrate: choose --channels that all have, or leave "
                "it out."
            )
    _refuse_twice(tests, marks(paths, opened))
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
