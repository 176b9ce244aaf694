"""The two long pieces, in which no two bars are alike.

A loop would let any signal that has its period seem to follow it; so chance divides the rhythms
of drums, bass and chords anew in every bar, melodies come back embellished, and the tempo breathes.
"""

from __future__ import annotations

from dataclasses import dataclass

from playlists.generator import instruments as voice
from playlists.generator.notation import Key
from playlists.generator.score import (
    Part,
    Score,
    arpeggio,
    bass_line,
    block,
    embellished,
)


@dataclass(frozen=True)
class _Groove:
    """What the band agrees on for one bar: beats of its accents, its backbeat, its time-keeping."""

    accents: tuple[float, ...]
    kick: tuple[float, ...]
    snare: tuple[float, ...]
    time: tuple[float, ...]


_QUARTERS, _OFF = (0.0, 1.0, 2.0, 3.0), (0.5, 1.5, 2.5, 3.5)
_EIGHTHS = tuple(k / 2 for k in range(8))
_SIXTEENTHS = tuple(k / 4 for k in range(16))

_GROOVES = (
    _Groove((0, 1.5, 2.5), (0, 2.5), (1, 3), _EIGHTHS),
    _Groove((0, 0.75, 2.25, 3.5), (0, 0.75, 2.25), (1, 3), _OFF),
    _Groove((0, 1.5, 3), (0, 1.5, 3), (2,), _QUARTERS),
    _Groove((0.5, 1.5, 2.5, 3.5), (0, 2), (1.5, 3.5), ()),
    _Groove((0, 3.25, 3.5), (0, 3.5), (2.5,), (0.5, 1, 2)),
    _Groove((0, 2, 2.5, 3.25), (0, 2.5), (1, 2.75), _SIXTEENTHS[:10]),
    _Groove((0, 0.5, 1, 2.75), (0, 1, 2.75), (1.5, 3.5), (2, 2.25, 2.5, 3, 3.25)),
    _Groove((1, 2, 3.5), (1, 3.5), (3,), (0.5, 1.5, 2.5)),
    _Groove((0, 1.25, 2.5, 3.75), (0, 1.25, 2.5), (1.75, 3), _OFF),
    _Groove((0, 2 / 3, 4 / 3, 2), (0, 2), (3,), (2, 7 / 3, 8 / 3, 3, 10 / 3, 11 / 3)),
)

_CALM_GROOVES = (
    _Groove((0, 2.5), (0,), (2,), _QUARTERS),
    _Groove((0, 1.5, 3), (0, 3), (2.5,), (0.5, 1.5)),
    _Groove((0.5, 2), (0, 2), (3,), _OFF),
    _Groove((0, 3.5), (0, 3.5), (2,), ()),
    _Groove((1, 2.75), (0, 2.75), (1.5,), (2, 2.5, 3, 3.5)),
)


def _next_groove(score: Score, grooves: tuple[_Groove, ...], last: _Groove | None) -> _Groove:
    """Draw a groove that is not the last bar's."""
    choices = [one for one in grooves if one is not last]
    return choices[int(score.rng.integers(len(choices)))]


def copper_lanterns() -> Score:
    """Mid-tempo groove with drums, G major: intro, A A' B A C B A."""
    key = Key(tonic=31, mode="major")
    score = Score(
        title="Copper Lanterns",
        character="mid-tempo groove",
        key=key,
        tempo=96.0,
        meter=4,
        bars=60,
        seed=1101,
        ring=2.0,
        reverb_s=1.2,
        drum_gain=-5.0,
        parts={
            "melody": Part(voice.piano, gain=-5.0, pan=0.12, reverb=0.22, delay=0.05),
            "keys": Part(voice.electric_piano, gain=-12.0, pan=-0.35, reverb=0.18, release=0.12),
            "guitar": Part(voice.guitar, gain=-11.0, pan=0.45, reverb=0.15, release=0.1),
            "bass": Part(voice.bass, gain=-6.0, reverb=0.02, release=0.08),
            "vibes": Part(voice.vibraphone, gain=-9.0, pan=-0.2, reverb=0.35, delay=0.15),
            "strings": Part(voice.strings, gain=-17.0, pan=0.1, reverb=0.4, release=0.5),
        },
    )
    chords = {
        "intro": "1 4 1 5s+5",
        "A": "1 3 4 5 6 3 4+5 1",
        "B": "6 4 1 5 6 4 27 5s+57",
        "C": "49 5 37 6 27 57 1 1",
    }
    tunes = {
        "A": "3:1.5 2:.5 1:1 5,:1 | 7,:.5 2:.5 3:1 5:1 3:1 | 4:1 6:1 5:.5 4:.5 3:1 |"
        "2:2.5 r:.5 5,:.5 7,:.5 | 1:1 1:.5 2:.5 3:1 5:1 | 5:1.5 3:.5 2:1 3:1 |"
        "4:1 6:.5 4:.5 5:1 2:1 | 1:3 r:1 |",
        "B": "6:.5 5:.5 6:.5 1':1 6:.5 5:1 | 6:1.5 5:.5 4:1 1:1 | 3:.5 5:.5 1':1 7:.5 6:.5 5:1 |"
        "5:2 r:1 2:.5 3:.5 | 3:1 6:.5 5:.5 6:1 1':1 | 1':1.5 7:.5 6:2 |"
        "4:.5 6:.5 5:.5 4:.5 2:1 4:1 | 5:1 4:.5 2:.5 7,:1 2:1 |",
        "C": "6:2 4:1 6:1 | 7:2 5:1 2:1 | 5:1.5 3:.5 7,:1 3:1 | 1':3 r:1 |"
        "4:1 2:.5 4:.5 6:2 | 5:.5 6:.5 7:1 2':2 | 1':2 5:1 3:1 | 1:2 r:2 |",
    }
    form = [("intro", 4, 0.7)] + [
        (name, 8, louder)
        for name, louder in zip("AABACBA", (0.85, 0.95, 1.0, 0.9, 0.72, 1.0, 1.0), strict=True)
    ]
    bar, seen, groove = 0, dict.fromkeys(chords, 0), None
    for name, length, louder in form:
        harmony = key.chords(chords[name])
        for k in range(length):
            groove = _next_groove(score, _CALM_GROOVES if name == "C" else _GROOVES, groove)
            _groove_bar(score, bar + k, harmony, k, groove, louder, name)
        if name in tunes:
            tune = key.melody(tunes[name], octave=4, meter=4, velocity=0.78)
            if seen[name]:
                tune = embellished(tune, key, score.rng, p=0.45)
            score.play("vibes" if name == "C" else "melody", bar, tune, louder=louder)
            seen[name] += 1
        bar += length
    final = key.chords("1")[0]
    score.play("keys", 59, block(final, meter=4, centre=62, starts=[2], length=5.0, velocity=0.6))
    score.play("melody", 60, key.melody("1:3", octave=4, meter=4, velocity=0.6))
    return score


def _groove_bar(
    score: Score,
    bar: int,
    harmony: list[list[tuple[int, ...]]],
    k: int,
    groove: _Groove,
    louder: float,
    name: str,
) -> None:
    chords, following = harmony[k], harmony[(k + 1) % len(harmony)][0]
    comp = block(chords, meter=4, centre=62, starts=groove.accents, length=0.6, velocity=0.55)
    score.play("keys", bar, comp, louder=louder)
    starts = [b for b in groove.accents if b == groove.accents[0] or score.chance(0.85)]
    low = bass_line(chords, following, meter=4, starts=starts, rng=score.rng, short=0.08)
    score.play("bass", bar, low, louder=louder)
    if name in "AB" and k >= 2 and score.chance(0.6):
        chops = [b for b in groove.time if b not in groove.accents and score.chance(0.5)]
        if chops:
            chop = block(
                chords, meter=4, centre=69, starts=chops, length=0.2, velocity=0.5, strum=0.012
            )
            score.play("guitar", bar, chop, louder=louder)
    if name in "BC":
        held = block(chords, meter=4, centre=67, starts=[0], velocity=0.5)
        score.play("strings", bar, held, louder=louder)
    if name == "intro" and k < 2:
        score.hit("shaker", bar, [b for b in groove.time if score.chance(0.85)], 0.5)
    else:
        _groove_drums(score, bar, groove, louder, quiet=name == "C", fill=k == len(harmony) - 1)


def _groove_drums(
    score: Score, bar: int, groove: _Groove, louder: float, *, quiet: bool, fill: bool
) -> None:
    score.hit("kick", bar, groove.kick, 0.8 * louder)
    backbeat = groove.snare if not fill else [b for b in groove.snare if b < 2]
    score.hit("rim" if quiet else "snare", bar, backbeat, 0.62 * louder)
    for beat in groove.time:
        if score.chance(0.85):
            score.hit("hat", bar, [beat], float(score.rng.uniform(0.22, 0.5)) * louder)
    ghosts = [b for b in (0.75, 1.75, 2.25, 3.75) if not quiet and score.chance(0.13)]
    score.hit("snare", bar, ghosts, 0.2)
    if score.chance(0.2):
        score.hit("open_hat", bar, [3.5], 0.35 * louder)
    if fill:
        drums = ("snare", "high_tom", "low_tom")
        for beat in score.pick([_SIXTEENTHS[8:], (2, 7 / 3, 8 / 3, 3, 10 / 3, 11 / 3), _OFF]):
            if score.chance(0.7):
                drum = drums[int(score.rng.integers(3))]
                score.hit(drum, bar, [beat], (0.35 + 0.1 * max(0.0, beat - 2)) * louder)
        score.hit("crash", bar + 1, [0], 0.38 * louder)


_ARP = [
    (0, 2, 1, 3, 2, 4, 3, 1),
    (0, -1, 2, 3, -1, 1, 4, 2),
    (3, 2, 0, -1, 2, 4, 1, -1),
    (0, 1, -1, 2, 4, -1, 3, 2),
    (0, 3, 1, 4, -1, 2, 5, 3),
    (4, -1, 3, 1, 2, -1, 0, 2),
]
#: Sixteenths, eighths, dotted eighths, triplets: the arpeggio's speed changes from bar to bar.
_STEPS = (0.25, 0.5, 0.75, 1 / 3, 0.25, 0.75)

_BROKEN = (
    _Groove((0, 0.5, 1.5, 2, 2.5, 3.5), _QUARTERS, (1, 3), _OFF),
    _Groove((0, 0.75, 1.5, 2.25, 3), (0, 1.5, 2.25), (1, 3), _OFF),
    _Groove((0, 1.5, 2.5), (0, 2.5), (1, 2.75), _SIXTEENTHS[::3]),
    _Groove((0.5, 1, 2, 3.25), (0, 1.75), (2,), _EIGHTHS),
    _Groove((0, 1.5, 2.75, 3.5), (0, 0.75, 2.75), (3,), (0.5, 1, 1.25, 2.5)),
    _Groove((0, 0.25, 2, 3.5), (0, 0.25, 2), (1.5, 3), _SIXTEENTHS[8:]),
    _Groove((0, 4 / 3, 8 / 3), (0, 8 / 3), (4 / 3,), (0, 2 / 3, 2, 10 / 3)),
    _Groove((1, 1.5, 3), (1, 3), (2,), _OFF),
    _Groove((0, 2.5, 3, 3.25), _QUARTERS, (1, 3), ()),
    _Groove((0,), (0,), (2.5, 3.5), (0.5, 0.75, 1.5, 1.75)),
)


def night_tram() -> Score:
    """Electronic, A minor: intro, A A B, a break without drums, A B A, outro."""
    key = Key(tonic=33, mode="minor")
    score = Score(
        title="Night Tram",
        character="minor-key electronic",
        key=key,
        tempo=108.0,
        meter=4,
        bars=68,
        seed=2203,
        drift=0.9,
        ring=1.6,
        reverb_s=1.8,
        drum_gain=-4.5,
        parts={
            "lead": Part(voice.lead, gain=-13.5, pan=0.1, reverb=0.25, delay=0.2, release=0.09),
            "arp": Part(voice.synth_pluck, gain=-8.0, pan=-0.3, reverb=0.2, delay=0.18, duck=0.35),
            "pad": Part(voice.pad, gain=-17.0, reverb=0.4, release=0.5, duck=0.55, loose=0.0),
            "bass": Part(
                voice.synth_bass, gain=-9.5, reverb=0.0, release=0.05, duck=0.4, loose=0.0
            ),
            "bell": Part(voice.bell, gain=-8.0, pan=0.3, reverb=0.45, delay=0.3, release=0.8),
        },
    )
    chords = {
        "intro": "1 1 6 6 4 4 5M 5M7",
        "A": "1 6 3 7 1 6 4 5M",
        "B": "4 1 6 7 4 6 5s 5M7",
        "break": "6 7 1 3 6 4 5s 5M",
        "outro": "1 6 4 1",
    }
    tunes = {
        "A": "5:1 3:.5 5:.5 1':1.5 7:.5 | 6:1 5:.5 6:.5 3:2 | 5:.75 5:.25 3:.5 5:.5 7:1 5:1 |"
        "4:1.5 2:.5 7,:1 2:1 | 3:1 1:.5 3:.5 5:1 1':1 | 1':.5 7:.5 6:1 5:.5 6:.5 3:1 |"
        "4:.5 6:.5 1':1 6:.5 4:.5 6:1 | 5:1 #7:1 2':.5 #7:.5 5:1 |",
        "B": "1':1.5 6:.5 4:1 6:1 | 5:1.5 3:.5 1:1 3:1 | 6:.5 1':.5 3':1 1':.5 6:.5 1':1 |"
        "2':1.5 7:.5 4:1 2:1 | 6:1 4:.5 6:.5 1':1 4':1 | 3':1.5 1':.5 6:1 1':1 |"
        "1':1 5:.5 1':.5 2':1 1':1 | 4':.5 3':.5 2':.5 #7:.5 5:1 r:1 |",
        "break": "3':2 1':1 6:1 | 2':1.5 7:.5 4:2 | 5:1 1':1 3':1.5 2':.5 | 7:2 5:1 3:1 |"
        "6:1 1':1 6:2 | 4:1.5 6:.5 1':2 | 1':1 2':1 5:2 | #7:3 r:1 |",
    }
    form = [
        ("intro", 8, 0.7, 1),
        ("A", 8, 0.85, 2),
        ("A", 8, 0.95, 3),
        ("B", 8, 1.0, 3),
        ("break", 8, 0.85, 0),
        ("A", 8, 0.9, 2),
        ("B", 8, 1.0, 3),
        ("A", 8, 1.0, 3),
        ("outro", 4, 0.75, 1),
    ]
    bar, seen, groove = 0, dict.fromkeys(chords, 0), None
    for name, length, louder, drums in form:
        harmony = key.chords(chords[name])
        for k in range(length):
            groove = _next_groove(score, _BROKEN, groove)
            _tram_bar(score, bar + k, harmony, k, groove, louder, drums)
        if name in tunes:
            tune = key.melody(
                tunes[name], octave=4 if name == "break" else 3, meter=4, velocity=0.75
            )
            if seen[name]:
                tune = embellished(tune, key, score.rng, p=0.5)
            score.play("bell" if name == "break" else "lead", bar, tune, louder=louder)
            seen[name] += 1
        bar += length
    score.play("bell", 67, key.melody("r:2 5:.5 3:.5 1:3", octave=4, meter=4, velocity=0.6))
    return score


def _tram_bar(
    score: Score,
    bar: int,
    harmony: list[list[tuple[int, ...]]],
    k: int,
    groove: _Groove,
    louder: float,
    drums: int,
) -> None:
    chords, following = harmony[k], harmony[(k + 1) % len(harmony)][0]
    step = _STEPS[int(score.rng.integers(len(_STEPS)))]
    if drums == 0:
        step = max(step, 0.5)
    broken = arpeggio(
        chords,
        meter=4,
        centre=64,
        order=score.pick(_ARP),
        step=step,
        velocity=0.6,
        length=step * 1.6,
    )
    broken = [note for note in broken if score.chance(0.75)]
    score.play("arp", bar, broken, louder=louder)
    held = block(chords, meter=4, centre=60, starts=[0], velocity=0.55)
    score.play("pad", bar, held, louder=louder)
    if drums or k >= 4:
        low = bass_line(
            chords, following, meter=4, starts=groove.accents, rng=score.rng, short=0.12
        )
        score.play("bass", bar, low, louder=louder)
    if drums == 0:
        score.hit("shaker", bar, [b for b in groove.time if score.chance(0.6)], 0.35)
        return
    score.hit("kick", bar, groove.kick if drums > 1 else groove.kick[:2], 0.8)
    if drums >= 2:
        score.hit("clap", bar, groove.snare, 0.55 * louder)
    for beat in groove.time:
        if score.chance(0.88):
            score.hit("hat", bar, [beat], float(score.rng.uniform(0.25, 0.5)) * louder)
    if k == len(harmony) - 1:
        rolls = [b for b in (2, 2.5, 3, 3.25, 3.5, 3.75) if score.chance(0.7)]
        score.hit("snare", bar, rolls, 0.4 * louder)
        score.hit("crash", bar + 1, [0], 0.32 * louder)
