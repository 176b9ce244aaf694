"""Test 22: the first two minutes from nothing, when all that came so far is fitted anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.lab.evaluate_tracking import evaluate_tracking
from app.lab.recordings import Stimulus, file_stimulus, lasting, open_recording
from app.lab.runs import calibrated as calibrated_on
from app.lab.runs import go_through, ticks_of, window_ends
from devices.formats.recording import Recording
from dsp.tracking.decoder import Decoder
from dsp.tracking.tracker import FOLLOWING
from tests.doubles import second_brain
from tests.doubles.recordings import AM, SILENT, TONES
from tests.doubles.simulated_brain import (
    EIGHT,
    SITES,
    Brain,
    Music,
    add,
    blink_potential,
    head_bob,
    muscle_bursts,
    music,
)
from tests.validation.rows import Row, Sizes, ever, generator, session_row, shown

STARTER = sorted((Path(__file__).parents[2] / "playlists" / "starter").glob("*.ogg"))
SESSION = 125  # s, those of real recordings 120
_REAL = 120.0


def first_minutes(size: Sizes) -> list[Row]:
    """All of test 22."""
    return [*real_answers(), *no_sound(size), *silent(size), *answers(size), *others(size)]


def real_answers() -> list[Row]:
    """When recordings with a sound are first said to follow it."""
    rows = []
    for what, paths, limits in (
        ("Muse tones 1-3", TONES, ((50.0, 2), (75.0, 3))),
        ("Muse AM 1-3", AM, ((60.0, 1),)),
    ):
        at = [evaluate_tracking([p])["recordings"][0]["first_following_s"] for p in paths]
        reached = all(sum(a is not None and a <= t for a in at) >= n for t, n in limits)
        limit = ", ".join(f"{n} of 3 within {t:.0f} s" for t, n in limits)
        if at:
            said = ", ".join("never" if a is None else f"{a:.0f} s" for a in at)
            rows.append(Row(22, f"{what} from nothing: first 'following'", limit, said, 3, reached))
    return rows


def _pieces(path: Path) -> Iterator[Recording]:
    """Sessions of 120 s of a recording."""
    recording = open_recording(path)
    begin = float(recording.times[0])
    while begin + 0.9 * _REAL < float(recording.times[-1]):
        inside = (recording.times >= begin) & (recording.times < begin + _REAL)
        if np.count_nonzero(inside) > 0.9 * _REAL * recording.sfreq:
            yield replace(recording, eeg=recording.eeg[inside], times=recording.times[inside])
        begin += _REAL


def no_sound(size: Sizes) -> list[Row]:
    """Real recordings without a sound against every feature, from nothing and calibrated."""
    if not SILENT:
        return []
    sounds = [*TONES, *AM, *STARTER][:: size(1, 5)]
    decoders: list[Decoder | None] = [None, calibrated_on(TONES, "onset", None, None)[0]]
    rows = []
    for decoder, how in zip(decoders, ("from nothing", "calibrated"), strict=True):
        by_file: dict[str, list[bool]] = {}
        said = []
        for path in SILENT[:: size(1, 4)]:
            for piece in _pieces(path):
                ticks = ticks_of(piece)
                for sound in sounds:
                    heard = file_stimulus(sound, start=float(piece.times[0]))
                    heard = lasting(heard, float(piece.times[-1]))
                    run = go_through(piece, heard, decoder=decoder, ticks=ticks)
                    found = [t.state == FOLLOWING for t in window_ends(run)]
                    by_file.setdefault(piece.name, []).extend(found)
                    said.append(ever(run))
        windows = [w for found in by_file.values() for w in found]
        what = f"no sound, real, sessions of 120 s against every feature, {how}"
        rows += [
            _share(f"{what}: windows 'following'", windows, 0.01),
            _share(f"{what}: windows, worst file", max(by_file.values(), key=np.mean), 0.03),
            session_row(22, what, said, limit=0.03),
        ]
    return rows


def _share(what: str, found: Sequence[bool], limit: float) -> Row:
    share = float(np.mean(found))
    return Row(22, what, f"at most {limit:.0%}", f"{share:.1%}", len(found), share <= limit, share)


def _second(person: second_brain.Person, seed: int, **how: object) -> tuple[Recording, Stimulus]:
    """A session of the second generator."""
    heard = second_brain.listen(person, second_brain.music(SESSION, seed=seed), seed=seed, **how)
    eeg = heard.eeg.astype(np.float32)
    recording = Recording("second", person.sites, person.sfreq, eeg, heard.times, None)
    return recording, Stimulus("music", heard.values, heard.stamps)


def _sessions(
    coupling: float, r: float, number: int, n: int
) -> Iterator[tuple[str, Recording, Stimulus]]:
    """Sessions of both generators, each with few and with more electrodes."""
    for k in range(n):
        rng = generator(22, number, k)
        track = music(rng, SESSION, loop=k % 4 == 1)
        brain = Brain(22_000 + 100 * number + k, coupling=coupling, ch_names=(SITES, EIGHT)[k % 2])
        yield "first", brain.record(rng, track.feature), track.stimulus()
        sites, reference = (
            (second_brain.MUSE, second_brain.MUSE_REFERENCE),
            (second_brain.CYTON, ("M1", "M2")),
        )[k % 2]
        person = second_brain.Person(sites, reference, r=r, seed=22_000 + 100 * number + k)
        yield "second", *_second(person, 22_500 + 100 * number + k)


def silent(size: Sizes) -> list[Row]:
    """Nobody answers, in either generator."""
    said: dict[str, list[bool]] = {"first": [], "second": []}
    for which, recording, heard in _sessions(0.0, 0.0, 0, size(100, 2)):
        said[which].append(ever(go_through(recording, heard)))
    return [
        session_row(22, f"music and a silent brain ({which} generator), two minutes", s, limit=0.03)
        for which, s in said.items()
    ]


def answers(size: Sizes) -> list[Row]:
    """How soon answers are found."""
    rows = []
    for number, (coupling, r) in enumerate(((0.10, 0.1), (0.16, 0.16)), start=1):
        at: dict[str, list[float]] = {"first": [], "second": []}
        for which, recording, heard in _sessions(coupling, r, number, size(20, 1)):
            run = go_through(recording, heard)
            at[which].append(next((s for s, t in run.seconds if t.state == FOLLOWING), np.inf))
        for which, seconds in at.items():
            shares = [float(np.mean(np.array(seconds) <= t)) for t in (45, 60, 90, 120)]
            what = f"answers of {'coupling' if which == 'first' else 'offline r'} {r:.2f}"
            what += f" ({which} generator) from nothing: found within 45/60/90/120 s"
            measured = "/".join(f"{100 * s:.0f}" for s in shares) + " %"
            rows.append(Row(22, what, "shown beside", measured, len(seconds), None, shares[2]))
    return rows


def others(size: Sizes) -> list[Row]:
    """What is no brain, in two minutes from nothing."""
    n = size(24, 1)
    rows = []
    movers: dict[str, Callable[[np.random.Generator, Recording, Music], np.ndarray]] = {
        "blinks on 30 % of beats": lambda rng, rec, m: blink_potential(
            rng, rec, np.sort(m.beats[rng.random(m.beats.size) < 0.3] + 0.08)
        ),
        "muscle bursts on 30 % of beats": lambda rng, rec, m: muscle_bursts(
            rng, rec, np.sort(m.beats[rng.random(m.beats.size) < 0.3] + 0.08)
        ),
        "nodding at every beat, 10 µV": lambda rng, rec, m: head_bob(
            rng, rec, m.beats, microvolts=10.0
        ),
    }
    for number, (label, disturb) in enumerate(movers.items(), start=5):
        said = []
        for k in range(n):
            rng = generator(22, number, k)
            track = music(rng, SESSION)
            brain = Brain(22_900 + k, coupling=0.0)
            recording = brain.record(rng, track.feature, blinks="blinks" not in label)
            recording = add(recording, disturb(rng, recording, track))
            said.append(ever(go_through(recording, track.stimulus())))
        rows.append(session_row(22, f"silent brain, {label}, two minutes", said, limit=0.07))
    leaked = []
    for number, (of, microvolts) in enumerate(
        (of, uv) for of in ("flux", "level") for uv in (1.0, 4.0)
    ):
        said = []
        for k in range(n):
            sites, reference = second_brain.MUSE, second_brain.MUSE_REFERENCE
            person = second_brain.Person(sites, reference, r=0.0, seed=22_100 + k)
            leak = second_brain.Leak(microvolts, of)
            scene = _second(person, 22_200 + 100 * number + k, leaks=(leak,))
            said.append(ever(go_through(*scene)))
        leaked += said
        what = f"{of} leaking with {microvolts:.0f} µV at lag 0 (second generator), two minutes"
        rows.append(shown(session_row(22, what, said, limit=0.03)))
    what = "all four leaks together, two minutes from nothing"
    return [*rows, session_row(22, what, leaked, limit=0.03)]
