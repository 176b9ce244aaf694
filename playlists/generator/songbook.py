"""A small collection from seeds: tracks that differ in all that people like music by.

Made on demand into a folder and found there again; nothing of it comes with the program. Six
genres, two artists in each, one or two albums an artist; every track has its own tempo, key,
instruments and tune. What the tracks are like is known by construction (`Song.traits`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from playlists.decode import probe
from playlists.generator import instruments as voice
from playlists.generator.instruments import Voice
from playlists.generator.mixing import mix
from playlists.generator.notation import Key, Note, voiced
from playlists.generator.rendering import encode
from playlists.generator.score import Chord, Part, Score, arpeggio, bass_line, block, chord_at
from playlists.tracks import Track

#: Written into every file's name: another recipe makes other files.
VERSION = 1

#: What `Song.traits` holds, in this order; each 0..1.
TRAITS = (
    "tempo",
    "energy",
    "brightness",
    "acousticness",
    "mode",
    "beat salience",
    "voice",
    "bass",
)

_SEED = 20_311
_PER_ARTIST = 3
_METER = 4


@dataclass(frozen=True)
class _Style:
    """What the tracks of a genre have in common."""

    genre: str
    tempo: tuple[float, float]
    minor: float  # share of tracks in minor
    leads: tuple[Voice, ...]
    comps: tuple[Voice, ...]
    bass: Voice
    held: Voice | None
    drums: tuple[tuple[str, tuple[float, ...], float], ...]
    drum_gain: float
    swing: float
    reverb_s: float
    air: float
    traits: dict[str, float]
    years: tuple[int, int]
    words: tuple[tuple[str, ...], tuple[str, ...]]


_STYLES = (
    _Style(
        "ambient", (56.0, 76.0), 0.5, (voice.bell, voice.vibraphone), (voice.pad, voice.strings),
        voice.bass, voice.pad, (), -20.0, 0.5, 3.2, 1.0,
        {"energy": 0.1, "brightness": 0.3, "acousticness": 0.35, "beat salience": 0.05,
         "voice": 0.3, "bass": 0.3},
        (1985, 2015),
        (("Distant", "Sleeping", "Pale", "Frozen", "Hidden", "Endless"),
         ("Harbour", "Glacier", "Moon", "Meadow", "Cathedral", "Horizon")),
    ),
    _Style(
        "folk", (84.0, 116.0), 0.3, (voice.flute, voice.guitar), (voice.guitar, voice.piano),
        voice.bass, None, (("shaker", (0.0, 1.0, 2.0, 3.0), 0.35), ("rim", (1.0, 3.0), 0.3)),
        -12.0, 0.53, 1.3, 3.0,
        {"energy": 0.4, "brightness": 0.5, "acousticness": 1.0, "beat salience": 0.4,
         "voice": 0.8, "bass": 0.4},
        (1956, 1974),
        (("Crooked", "Barley", "Wandering", "Thistle", "Rosemary", "Miller's"),
         ("Lane", "Ferry", "Orchard", "Kettle", "Shepherd", "Candle")),
    ),
    _Style(
        "swing", (118.0, 168.0), 0.4, (voice.vibraphone, voice.piano),
        (voice.piano, voice.electric_piano), voice.bass, None,
        (("ride", (0.0, 1.0, 1.5, 2.0, 3.0, 3.5), 0.5), ("brush", (1.0, 3.0), 0.5)),
        -9.0, 0.64, 1.1, 2.5,
        {"energy": 0.6, "brightness": 0.45, "acousticness": 0.8, "beat salience": 0.6,
         "voice": 0.6, "bass": 0.7},
        (1938, 1960),
        (("Velvet", "Midnight", "Lucky", "Uptown", "Silver", "Sassy"),
         ("Elevator", "Parade", "Hat", "Sidewalk", "Whistle", "Avenue")),
    ),
    _Style(
        "dance", (112.0, 134.0), 0.6, (voice.synth_pluck, voice.lead),
        (voice.synth_pluck, voice.electric_piano), voice.synth_bass, voice.pad,
        (("kick", (0.0, 1.0, 2.0, 3.0), 0.9), ("clap", (1.0, 3.0), 0.5),
         ("hat", (0.5, 1.5, 2.5, 3.5), 0.45)),
        -4.0, 0.5, 0.9, 6.0,
        {"energy": 0.9, "brightness": 0.85, "acousticness": 0.05, "beat salience": 1.0,
         "voice": 0.3, "bass": 1.0},
        (1978, 2012),
        (("Neon", "Electric", "Turbo", "Crystal", "Voltage", "Laser"),
         ("Boulevard", "Fever", "Circuit", "Mirage", "Skyline", "Pulse")),
    ),
    _Style(
        "rock", (96.0, 148.0), 0.45, (voice.steel, voice.lead), (voice.steel, voice.guitar),
        voice.bass, None,
        (("kick", (0.0, 2.0, 2.5), 0.85), ("snare", (1.0, 3.0), 0.75),
         ("hat", (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5), 0.4)),
        -4.5, 0.5, 1.0, 5.0,
        {"energy": 0.95, "brightness": 0.75, "acousticness": 0.3, "beat salience": 0.85,
         "voice": 0.5, "bass": 0.8},
        (1964, 1998),
        (("Burning", "Broken", "Iron", "Reckless", "Thunder", "Gravel"),
         ("Highway", "Engine", "Wolves", "Bridge", "Signal", "Freight")),
    ),
    _Style(
        "minimal", (88.0, 128.0), 0.5, (voice.marimba, voice.piano),
        (voice.marimba, voice.vibraphone), voice.bass, voice.strings, (), -20.0, 0.5, 1.8, 3.0,
        {"energy": 0.45, "brightness": 0.6, "acousticness": 0.9, "beat salience": 0.35,
         "voice": 0.1, "bass": 0.2},
        (1968, 2005),
        (("Seven", "Turning", "Parallel", "Counting", "Woven", "Inner"),
         ("Figures", "Phases", "Lattice", "Tiles", "Spiral", "Threads")),
    ),
)  # fmt: skip

_ARTISTS = (
    ("The Tidewater Drift", "Ilse Morgenstern"),
    ("Hazel and the Larks", "Old Barn Quartet"),
    ("Duke Pemberton", "The Corner Table Five"),
    ("Radiance Unit", "Kilowatt Garden"),
    ("The Rust Coast", "Marauder's Coat"),
    ("Pattern Ensemble", "Tomas Veld"),
)

_PROGRESSIONS = {
    "major": ("1 6 4 5", "1 5 6 4", "1 4 1 5", "6 4 1 5", "1 3 4 5", "2 5 1 6", "1 4 6 5"),
    "minor": ("1 6 3 7", "1 4 5M 1", "1 7 6 5M", "1 3 7 4", "4 1 5M 1", "1 6 4 5M"),
}
_RHYTHMS = (
    (1.0, 1.0, 1.0, 1.0),
    (1.5, 0.5, 2.0),
    (0.5, 0.5, 1.0, 2.0),
    (2.0, 1.0, 1.0),
    (1.0, 0.5, 0.5, 1.5, 0.5),
    (3.0, 1.0),
)


@dataclass(frozen=True)
class Song:
    """One track of the collection, known before it is rendered.

    Attributes
    ----------
    number : int
        From 0 on.
    title, artist, album, genre : str
    year : int
    tempo : float
        Quarter notes a minute.
    key : Key
    seed : int
    traits : tuple of float
        What it is like, 0..1 each, in the order of `TRAITS`.
    """

    number: int
    title: str
    artist: str
    album: str
    genre: str
    year: int
    tempo: float
    key: Key
    seed: int
    traits: tuple[float, ...]

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"song-{VERSION}-{self.number:02d}.ogg"


@cache
def songs() -> tuple[Song, ...]:
    """Return all 36 tracks of the collection."""
    out: list[Song] = []
    for style, artists in zip(_STYLES, _ARTISTS, strict=True):
        rng = np.random.default_rng([_SEED, len(out)])
        n = _PER_ARTIST * len(artists)
        tempos = np.linspace(*style.tempo, n) + rng.uniform(-1.0, 1.0, n)
        first, second = (rng.permutation(words) for words in style.words)
        for k, place in enumerate(rng.permutation(n)):
            artist = artists[k % len(artists)]
            tempo = round(float(tempos[place]), 1)
            mode = "minor" if rng.uniform() < style.minor else "major"
            tonic = 26 + int((5 * len(out) + rng.integers(3)) % 12)
            title = f"{first[k]} {second[k]}"
            album = f"{second[k // len(artists) // 2]} {('Songs', 'Sessions')[k % 2]}"
            traits = style.traits | {
                "tempo": (tempo - 50.0) / 120.0,
                "mode": float(mode == "major"),
            }
            noisy = [
                float(np.clip(traits[name] + 0.12 * rng.standard_normal(), 0.0, 1.0))
                if name not in ("tempo", "mode")
                else traits[name]
                for name in TRAITS
            ]
            year = int(rng.integers(style.years[0], style.years[1] + 1))
            seed = _SEED + 101 * len(out)
            out.append(
                Song(
                    len(out),
                    title,
                    artist,
                    album,
                    style.genre,
                    year,
                    tempo,
                    Key(tonic, mode),
                    seed,
                    tuple(noisy),
                )
            )
    return tuple(out)


def written(song: Song, *, seconds: float | None = None) -> Score:
    """Write the score of `song`; about `seconds` long, 100 to 160 unless given."""
    style = next(one for one in _STYLES if one.genre == song.genre)
    draw = np.random.default_rng(song.seed)
    long = float(draw.uniform(100.0, 160.0)) if seconds is None else seconds
    bars = max(4, round((long - 3.0) * song.tempo / 60.0 / _METER))
    lead = style.leads[song.number % len(style.leads)]
    comp = style.comps[song.number // 2 % len(style.comps)]
    parts = {
        "lead": Part(lead, gain=-6.0, pan=0.15, reverb=0.25, delay=0.1, release=0.4),
        "comp": Part(comp, gain=-9.0, pan=-0.25, reverb=0.2, release=0.5),
        "bass": Part(style.bass, gain=-6.0, reverb=0.05, release=0.2, duck=0.2),
    }
    if style.held is not None:
        parts["held"] = Part(style.held, gain=-14.0, reverb=0.45, release=1.5, loose=0.0)
    score = Score(
        title=song.title,
        character=song.genre,
        key=song.key,
        tempo=song.tempo,
        meter=_METER,
        bars=bars,
        seed=song.seed,
        parts=parts,
        swing=style.swing,
        ring=2.5,
        reverb_s=style.reverb_s,
        drum_gain=style.drum_gain,
        air=style.air,
    )
    _fill(score, style)
    return score


def _fill(score: Score, style: _Style) -> None:
    """Write all bars: three progressions in turn, a tune that is said again and varied."""
    progressions = _PROGRESSIONS[score.key.mode]
    order = score.rng.permutation(len(progressions))[:3]
    sections = [score.key.chords(progressions[k]) for k in order]
    broken = [tuple(int(k) for k in score.rng.permutation([0, 1, 2, 3])) for _ in range(3)]
    tunes: dict[int, list[tuple[float, ...]]] = {}
    pitch = 72
    for bar in range(score.bars):
        section = (0, 0, 1, 0, 2, 1)[bar // 8 % 6]
        harmony = sections[section]
        here, following = harmony[bar % 4], harmony[(bar + 1) % 4][0]
        louder = 0.75 if bar < 4 or bar >= score.bars - 2 else (0.9, 1.0, 0.85)[section]
        last = bar == score.bars - 1
        _accompany(score, bar, here, following, louder, broken[section], held="held" in score.parts)
        if not last:
            for drum, beats, velocity in style.drums if bar >= 4 else ():
                score.hit(drum, bar, [b for b in beats if score.chance(0.93)], velocity * louder)
        if bar >= 4 and not last and not (bar % 8 == 7 and score.chance(0.5)):
            rhythms = tunes.setdefault(section, [tuple(score.pick(_RHYTHMS)) for _ in range(4)])
            pitch = _tune(score, bar, here, rhythms[bar % 4], pitch, louder)


def _accompany(
    score: Score,
    bar: int,
    here: list[Chord],
    following: Chord,
    louder: float,
    order: tuple[int, ...],
    *,
    held: bool,
) -> None:
    starts = score.pick([(0, 2), (0, 1.5, 2.5), (0, 2, 3), (0, 2.5)])
    low = bass_line(here, following, meter=_METER, starts=starts, rng=score.rng, low=29)
    score.play("bass", bar, low, louder=louder)
    if bar // 8 % 2:
        comp = block(here, meter=_METER, centre=60, starts=starts, velocity=0.5, strum=0.03)
    else:
        comp = arpeggio(here, meter=_METER, centre=57, order=order, step=0.5, velocity=0.5)
    score.play("comp", bar, comp, louder=louder)
    if held and bar % 2 == 0:
        tied = block(here, meter=_METER, centre=64, starts=[0], length=8.0, velocity=0.5)
        score.play("held", bar, tied, louder=louder)


def _tune(
    score: Score,
    bar: int,
    here: list[Chord],
    rhythm: tuple[float, ...],
    pitch: int,
    louder: float,
) -> int:
    """Write one bar of tune from `pitch` on; return its last pitch."""
    notes, beat = [], 0.0
    for length in rhythm:
        if beat % 2.0 == 0.0:  # a chord tone near the last note
            near = voiced(chord_at(here, beat, _METER), pitch + int(score.rng.integers(-4, 5)))
            pitch = min(near, key=lambda tone: abs(tone - pitch))
        else:
            pitch = score.key.step(pitch, int(score.rng.choice([-2, -1, 1, 2])))
        pitch = pitch - 12 if pitch > 84 else pitch + 12 if pitch < 62 else pitch
        notes.append(Note(beat, 0.95 * length, pitch, 0.7))
        beat += length
    score.play("lead", bar, notes, louder=louder)
    return pitch


def render(
    folder: Path,
    *,
    some: tuple[Song, ...] | None = None,
    seconds: float | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Track, ...]:
    """Return the tracks as files in `folder`, rendering those that are not there.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    some : tuple of Song, optional
        All unless given.
    seconds : float, optional
        Length of each; 100 to 160 s unless given.
    progress : callable
        Called with the number of tracks that are there and that of all; an exception that it
        raises ends the work, and leaves no half file.
    """
    chosen = songs() if some is None else some
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_rendered(chosen, folder, seconds, progress))


def _rendered(
    chosen: tuple[Song, ...],
    folder: Path,
    seconds: float | None,
    progress: Callable[[int, int], None],
) -> Iterator[Track]:
    for done, song in enumerate(chosen):
        progress(done, len(chosen))
        path = folder / (song.file if seconds is None else f"short-{seconds:g}-{song.file}")
        if not path.exists():
            sound = mix(written(song, seconds=seconds))
            draft = path.with_name(f".{path.name}-{os.getpid()}.part")
            tags = {"artist": song.artist, "album": song.album, "genre": song.genre}
            encode(sound, draft, title=song.title, tags=tags | {"date": str(song.year)})
            draft.replace(path)
        yield probe(path)
    progress(len(chosen), len(chosen))
