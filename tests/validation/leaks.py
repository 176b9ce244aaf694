"""Tests 17 and 18: sound that leaks into the EEG in other ways; and each thing by its own name.

The people are those of `tests/doubles/second_brain.py`, the sound that of real tracks. A leak is
so many microvolts rms in 1-8 Hz over the electrodes, the same at all of them but for 0.6 to 1.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from app.lab.recordings import Stimulus, file_stimulus
from app.lab.runs import Run, go_through, windows
from devices.formats.recording import Recording
from dsp.grid import RATE, Floats
from dsp.sound.stimulus import StimulusFeatures
from dsp.tracking.decoder import Decoder
from dsp.tracking.tracker import FOLLOWING, calibrate
from playlists.decode import blocks
from tests.doubles.recordings import DATA
from tests.doubles.second_brain import (
    CYTON,
    MUSE,
    MUSE_REFERENCE,
    Leak,
    Person,
    Trouble,
    listen,
    music,
)
from tests.validation.rows import Row, Sizes, ever, session_row

ROOT = Path(__file__).parents[2]
SITES: dict[str, dict[str, Any]] = {
    "Muse": {"sites": MUSE, "reference": MUSE_REFERENCE},
    "Cyton": {"sites": CYTON},
}
SECONDS, CALIBRATED_S = 180, 60
OF, SIZES, LAGS = ("level", "flux", "both"), (0.5, 1.0, 2.0, 4.0), (0.0, 0.02)
R, PEOPLE = 0.15, 4
_EACH = 24  # sessions of each of the 96 cells
_LEAK, _LIMIT = "move leads", 0.03
_TONE = "no brain makes|A steady tone has come"


@lru_cache(maxsize=2)
def _tracks(ear: int | None = None) -> tuple[Floats, ...]:
    """Rows of the starter tracks, and of the music beside the repository where there is any."""
    songs = sorted((ROOT / "playlists" / "starter").glob("*.ogg"))
    songs += sorted((DATA / "music").glob("*.ogg"))
    if ear is None:
        return tuple(file_stimulus(song, start=0.0).values for song in songs)
    tracks = []
    for song in songs:
        features = StimulusFeatures()
        parts = [features.push(part[:, [ear, ear]]) for part in blocks(song)]
        flux, rise, level = np.concatenate(parts).astype(np.float64).T
        tracks.append(np.stack([flux, rise, np.zeros_like(flux), level], axis=1))
    return tuple(tracks)


def sound(seed: int, seconds: int = SECONDS, *, ear: int | None = None) -> tuple[Floats, Floats]:
    """Rows of tracks one after the other, and their stamps; as one `ear` hears them, or both."""
    rng = np.random.default_rng([17, seed])
    order = rng.permutation(len(_tracks(ear)))
    rows = np.concatenate([_tracks(ear)[k] for k in order])
    first = int(rng.integers(60 * RATE))
    rows = rows[first : first + seconds * RATE]
    return rows, 100.0 - 375 / 48000 + np.arange(len(rows)) / RATE


def person(sites: str, number: int, r: float) -> Person:
    return Person(r=r, seed=1700 + number, **SITES[sites])


@lru_cache(maxsize=32)
def decoder_of(sites: str, number: int) -> Decoder:
    """From five minutes of a person who answers and into whose leads nothing leaks."""
    who = person(sites, number, R)
    heard = [listen(who, sound(900 + k, CALIBRATED_S), seed=900 + k) for k in range(5)]
    found = calibrate([h.recording() for h in heard], ch_names=who.sites, sfreq=who.sfreq)
    return found


def session(
    who: Person,
    heard: tuple[Floats, Floats],
    seed: int,
    decoder: Decoder | None = None,
    ear: tuple[Floats, Floats] | None = None,
    **with_what: Any,
) -> Run:
    """One session; what gets into the EEG is of one `ear` only, where it is given."""
    told = listen(who, heard if ear is None else ear, seed=seed, **with_what)
    eeg = told.eeg.astype(np.float32)
    recording = Recording("second", who.sites, who.sfreq, eeg, told.times, None)
    stimulus = Stimulus("tracks", heard[0].astype(np.float32).astype(np.float64), heard[1])
    return go_through(recording, stimulus, decoder=decoder, seed=seed)


def share(runs: Sequence[Run], words: str) -> float:
    """Share of the time at which something is said that a pattern is found in."""
    told = [t.reasons for run in runs for _, t in run.seconds]
    return float(np.mean([any(re.search(words, one) for one in reasons) for reasons in told]))


def leaking(of: str, uv: float, lag: float) -> tuple[Leak, ...]:
    if of == "both":
        half = uv / np.sqrt(2.0)  # level and flux hardly go together
        return (Leak(half, "level", lag), Leak(half, "flux", lag))
    return (Leak(uv, of, lag),)


def _silent(
    sites: str, known: bool, cell: int, scene: tuple[str, float, float], n: int
) -> tuple[list[bool], list[bool]]:
    """Which windows of silent people are said to follow, and which sessions ever."""
    following: list[bool] = []
    sessions: list[bool] = []
    for k in range(n):
        number, seed = k % PEOPLE, 100 * cell + k
        decoder = decoder_of(sites, number) if known else None
        silent = person(sites, number, 0.0)
        run = session(silent, sound(seed), seed, decoder, leaks=leaking(*scene))
        following += [state == FOLLOWING for state in windows(run)]
        sessions.append(ever(run))
    return following, sessions


def leaks(size: Sizes) -> list[Row]:
    """Test 17."""
    n = size(_EACH, 1)
    sizes = SIZES if size(1, 0) else (2.0,)
    rows: list[Row] = []
    pooled: list[bool] = []
    for sites, known in product(SITES, (False, True)):
        worst = (-1.0, "", 0)
        for cell, scene in enumerate(product(OF, sizes, LAGS)):
            following, followed = _silent(sites, known, cell, scene, n)
            pooled += followed
            of, uv, lag = scene
            name = f"{of}, {uv:g} µV, {1000 * lag:.0f} ms"
            worst = max(worst, (float(np.mean(following)), name, len(followed)))
        what = "calibrated" if known else "from nothing"
        rows.append(
            Row(
                17,
                f"leak of level, flux or both, {sizes[0]:g} to {sizes[-1]:g} µV, 0 or 20 ms, "
                f"{sites}, {what}: windows 'following' in the worst cell ({worst[1]})",
                "at most 3%",
                f"{worst[0]:.1%}",
                worst[2],
                worst[0] <= _LIMIT,
                worst[0],
            )
        )
    rows.append(session_row(17, "the same, all cells", pooled, limit=_LIMIT))
    return rows + _no_leak(size(_EACH, 3)) + (_other_leaks(3) if size(1, 0) else [])


def _no_leak(n: int) -> list[Row]:
    """The same people with an answer, and nothing that leaks."""
    rows = []
    called = []
    for sites, known in product(SITES, (False, True)):
        runs = []
        for k in range(n):
            decoder = decoder_of(sites, k % PEOPLE) if known else None
            runs.append(session(person(sites, k % PEOPLE, R), sound(5000 + k), k, decoder))
        called.append(share(runs, _LEAK))
        what = "calibrated" if known else "from nothing"
        found = f"{called[-1]:.1%}; 'following' in {sum(ever(run) for run in runs)} sessions"
        what = f"an answer (r {R:g}) and no leak, {sites}, {what}: time called a leak"
        rows.append(Row(17, what, "shown beside", found, n, None, called[-1]))
    mean = float(np.mean(called))
    rows.append(Row(17, "the same people, all: time called a leak", "at most 2%", f"{mean:.1%}",
                    len(called) * n, mean <= 0.02, mean))  # fmt: skip
    return rows


def _layer(heard: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """With a layer that pulses twice a second."""
    values = heard[0].copy()
    values[:, 2] = 0.05 * np.maximum(np.sin(2 * np.pi * 2.0 * (heard[1] - heard[1][0])), 0.0)
    return values, heard[1]


def _other_leaks(n: int) -> list[Row]:
    """Leaks of other shapes: how long they are followed, and how long called a leak."""
    shapes: tuple[tuple[str, Leak, int | None], ...] = (
        ("level of the left ear only", Leak(2.0, "level"), 0),
        ("flux of the left ear only, 20 ms", Leak(2.0, "flux", 0.02), 0),
        ("level through 3 Hz", Leak(2.0, "level", 0.0, 3.0), None),
        ("level through 3 Hz, 20 ms", Leak(2.0, "level", 0.02, 3.0), None),
        ("layer", Leak(2.0, "layer"), None),
        ("level, as late as an answer, 150 ms", Leak(2.0, "level", 0.15), None),
        ("level, as late as an answer, 250 ms", Leak(2.0, "level", 0.25), None),
    )
    rows = []
    for number, (name, leak, ear) in enumerate(shapes):
        runs = []
        for k, sites in product(range(n), SITES):
            seed = 7000 + 100 * number + k
            heard = _layer(sound(seed)) if leak.of == "layer" else sound(seed)
            one = None if ear is None else sound(seed, ear=ear)
            runs.append(session(person(sites, k % PEOPLE, 0.0), heard, k, ear=one, leaks=(leak,)))
        followed = float(np.mean([t.state == FOLLOWING for run in runs for _, t in run.seconds]))
        measured = f"{followed:.0%}; called a leak {share(runs, _LEAK):.0%} of the time"
        what = f"leak of 2 µV, {name}: time 'following'"
        rows.append(Row(17, what, "shown beside", measured, len(runs), None, followed))
    return rows


def names(size: Sizes) -> list[Row]:
    """Test 18: what is there is called by its name."""
    n = size(6, 1)
    off = tuple(MUSE[1:3]), tuple(CYTON[:2])
    scenes: tuple[tuple[str, str, str, float, Callable[[int, str], Run]], ...] = (
        ("a heart (60 µV) beside a beat of twice its rate", "swing", "called a swing", 0.02,
         lambda k, sites: session(person(sites, k, 0.0), music(SECONDS, seed=k, bpm=136.0 + k), k,
                                  trouble=Trouble(heart_uv=60.0, heart_bpm=68.0 + k))),
        ("an answer of r 0.5", _TONE, "called a steady tone", 0.02,
         lambda k, sites: session(person(sites, k, 0.5), sound(8000 + k), k)),
        ("blinks at random, 15 a minute", "Blinks", "called locked to the sound", 0.02,
         lambda k, sites: session(person(sites, k, R), sound(8100 + k), k,
                                  trouble=Trouble(blinks_per_min=15.0))),
    )  # fmt: skip
    rows = []
    for what, words, called, limit, scene in scenes:
        runs = [scene(k, sites) for k in range(n) for sites in SITES]
        found = share(runs, words)
        rows.append(Row(18, f"{what}: time {called}", f"at most {limit:.0%}", f"{found:.1%}",
                        len(runs), found <= limit, found))  # fmt: skip
    said: list[str] = []
    for k, (sites, lost) in product(range(n), zip(SITES, off, strict=True)):
        trouble = Trouble(blinks_per_min=15.0, off=tuple((site, 30.0, 1e9) for site in lost))
        who = person(sites, k, 0.0)
        told = listen(who, music(90, seed=k), seed=k, trouble=trouble)
        seconds = told.recording()[0][0].seconds[35:]
        said += [second.words[who.sites.index(site)] for second in seconds for site in lost]
    found = float(np.mean([word == "contact" for word in said]))
    rows.append(Row(18, "both frontal electrodes off the skin: seconds called contact",
                    "at least 95%", f"{found:.1%}", len(said), found >= 0.95, found))  # fmt: skip
    return rows
