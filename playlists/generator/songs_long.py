"""The two long pieces, in which no two bars are alike.

A loop would let any signal that has its period seem to follow it; so chance divides the rhythms
of drums, bass and chords anew in every bar, and melodies come back embellished.
"""

from __future__ import annotations

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

_COMP = [(0, 1.5, 2.5), (0, 1, 2.5, 3.5), (0.5, 2, 3), (0, 1.5, 3), (0, 2.5), (0, 0.5, 2, 3.5)]
_BASS = [
    (0, 1.5, 2, 3.5),
    (0, 0.5, 2, 3),
    (0, 1.5, 2.5, 3),
    (0, 2, 2.5, 3.5),
    (0, 1, 1.5, 3),
    (0, 1.5, 2, 2.75, 3.5),
]
_KICK = [(0, 2.5), (0, 1.5, 2.5), (0, 0.75, 2.5), (0, 2, 3.5), (0, 1.5, 2), (0, 2.75)]


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
        drum_gain=-7.0,
        parts={
            "melody": Part(voice.piano, gain=-4.5, pan=0.12, reverb=0.22, delay=0.05),
            "keys": Part(voice.electric_piano, gain=-12.0, pan=-0.35, reverb=0.18, release=0.12),
            "guitar": Part(voice.guitar, gain=-13.0, pan=0.45, reverb=0.15, release=0.1),
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
    bar, seen = 0, dict.fromkeys(chords, 0)
    for name, length, louder in form:
        harmony = key.chords(chords[name])
        for k in range(length):
            _groove_bar(score, bar + k, harmony, k, louder, name, last=k == length - 1)
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
    louder: float,
    name: str,
    *,
    last: bool,
) -> None:
    chords, following = harmony[k], harmony[(k + 1) % len(harmony)][0]
    quiet = name == "C"
    comp = block(chords, meter=4, centre=62, starts=score.pick(_COMP), length=0.6, velocity=0.55)
    score.play("keys", bar, comp, louder=louder)
    score.play(
        "bass",
        bar,
        bass_line(chords, following, meter=4, starts=score.pick(_BASS), rng=score.rng, short=0.08),
        louder=louder,
    )
    if name in "AB" and k >= 2:
        up = [b + 0.5 for b in range(4) if score.chance(0.6)]
        if up:
            chop = block(
                chords, meter=4, centre=69, starts=up, length=0.2, velocity=0.5, strum=0.012
            )
            score.play("guitar", bar, chop, louder=louder)
    if name in "BC":
        held = block(chords, meter=4, centre=67, starts=[0], velocity=0.5)
        score.play("strings", bar, held, louder=louder)
    _groove_drums(score, bar, louder, quiet=quiet, fill=last, thin=name == "intro" and k < 2)


def _groove_drums(
    score: Score, bar: int, louder: float, *, quiet: bool, fill: bool, thin: bool
) -> None:
    if thin:
        score.hit("shaker", bar, [b / 2 for b in range(8) if score.chance(0.85)], 0.5)
        return
    score.hit("kick", bar, score.pick([(0, 2), (0,)] if quiet else _KICK), 0.8 * louder)
    score.hit("rim" if quiet else "snare", bar, [2] if quiet else [1, 3], 0.62 * louder)
    eighths = [b / 2 for b in range(8)]
    score.hit("hat", bar, [b for b in eighths if score.chance(0.85)], 0.42 * louder)
    score.hit("hat", bar, [b + 0.25 for b in eighths if score.chance(0.16)], 0.26 * louder)
    score.hit("snare", bar, [b for b in (0.75, 1.75, 2.25, 3.75) if score.chance(0.13)], 0.2)
    if score.chance(0.3):
        score.hit("open_hat", bar, [3.5], 0.35 * louder)
    if fill:
        drums = ("snare", "high_tom", "low_tom")
        for beat in (2.0, 2.5, 2.75, 3.0, 3.25, 3.5, 3.75):
            if score.chance(0.65):
                drum = drums[int(score.rng.integers(3))]
                score.hit(drum, bar, [beat], (0.35 + 0.1 * (beat - 2)) * louder)
        score.hit("crash", bar + 1, [0], 0.38 * louder)


_ARP = [
    (0, 2, 1, 3, 2, 4, 3, 1),
    (0, -1, 2, 3, -1, 1, 4, 2),
    (3, 2, 0, -1, 2, 4, 1, -1),
    (0, 1, -1, 2, 4, -1, 3, 2),
    (0, 3, 1, 4, -1, 2, 5, 3),
    (4, -1, 3, 1, 2, -1, 0, 2),
]
_PULSE = [
    (0, 0.5, 1.5, 2, 2.5, 3.5),
    (0, 0.75, 1.5, 2.25, 3),
    (0, 1, 1.5, 2.5, 3, 3.5),
    (0, 0.5, 1, 2, 3.25, 3.5),
    (0, 1.5, 2.75, 3),
]


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
        ring=1.6,
        reverb_s=1.8,
        drum_gain=-7.5,
        parts={
            "lead": Part(voice.lead, gain=-8.5, pan=0.1, reverb=0.25, delay=0.2, release=0.09),
            "arp": Part(voice.synth_pluck, gain=-11.0, pan=-0.3, reverb=0.2, delay=0.18, duck=0.35),
            "pad": Part(voice.pad, gain=-17.0, reverb=0.4, release=0.5, duck=0.55, loose=0.0),
            "bass": Part(
                voice.synth_bass, gain=-7.5, reverb=0.0, release=0.05, duck=0.4, loose=0.0
            ),
            "bell": Part(voice.bell, gain=-10.0, pan=0.3, reverb=0.45, delay=0.3, release=0.8),
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
        ("break", 8, 0.68, 0),
        ("A", 8, 0.9, 2),
        ("B", 8, 1.0, 3),
        ("A", 8, 1.0, 3),
        ("outro", 4, 0.75, 1),
    ]
    bar, seen = 0, dict.fromkeys(chords, 0)
    for name, length, louder, drums in form:
        harmony = key.chords(chords[name])
        for k in range(length):
            _tram_bar(score, bar + k, harmony, k, louder, drums, fill=k == length - 1)
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
    louder: float,
    drums: int,
    *,
    fill: bool,
) -> None:
    chords, following = harmony[k], harmony[(k + 1) % len(harmony)][0]
    order = score.pick(_ARP)
    step = 0.5 if drums == 0 or score.chance(0.3) else 0.25
    broken = arpeggio(
        chords, meter=4, centre=64, order=order, step=step, velocity=0.6, length=step * 1.6
    )
    broken = [note for note in broken if note.start % 1.0 == 0.0 or score.chance(0.72)]
    score.play("arp", bar, broken, louder=louder)
    held = block(chords, meter=4, centre=60, starts=[0], velocity=0.55)
    score.play("pad", bar, held, louder=louder)
    if drums or k >= 4:
        line = bass_line(
            chords, following, meter=4, starts=score.pick(_PULSE), rng=score.rng, short=0.12
        )
        score.play("bass", bar, line, louder=louder)
    if drums == 0:
        score.hit("shaker", bar, [b / 2 for b in range(8) if score.chance(0.55)], 0.35)
        return
    beats = [0, 1, 2, 3] if drums == 3 else [0, 2]
    extra = [b for b in (1.5, 2.5, 3.5, 3.75) if score.chance(0.16)]
    score.hit("kick", bar, sorted([b for b in beats if b == 0 or score.chance(0.93)] + extra), 0.8)
    if drums >= 2:
        score.hit("clap", bar, [1, 3] if score.chance(0.85) else [1, 2.75, 3], 0.55 * louder)
    score.hit("hat", bar, [b + 0.5 for b in range(4) if score.chance(0.88)], 0.45 * louder)
    score.hit("hat", bar, [b / 4 for b in range(16) if score.chance(0.22)], 0.27 * louder)
    if fill:
        rolls = [b for b in (2, 2.5, 3, 3.25, 3.5, 3.75) if score.chance(0.7)]
        score.hit("snare", bar, rolls, 0.4 * louder)
        score.hit("crash", bar + 1, [0], 0.32 * louder)
