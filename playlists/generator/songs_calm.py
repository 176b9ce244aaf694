"""The calm short pieces: ambient, lo-fi, ballad."""

from __future__ import annotations

from playlists.generator import instruments as voice
from playlists.generator.notation import Key
from playlists.generator.score import Part, Score, arpeggio, bass_line, block, embellished


def tide_pools() -> Score:
    """Slow, without drums, E flat major: pads that turn every two bars, bells above."""
    key = Key(tonic=27, mode="major")
    score = Score(
        title="Tide Pools",
        character="slow ambient",
        key=key,
        tempo=60.0,
        meter=4,
        bars=16,
        seed=3301,
        ring=5.0,
        reverb_s=3.6,
        parts={
            "pad": Part(voice.pad, gain=-9.0, reverb=0.5, release=2.2, loose=0.0),
            "bell": Part(voice.bell, gain=-8.0, pan=0.25, reverb=0.5, delay=0.4, release=1.5),
            "vibes": Part(
                voice.vibraphone, gain=-9.0, pan=-0.35, reverb=0.5, delay=0.3, release=1.2
            ),
            "bass": Part(voice.bass, gain=-6.0, reverb=0.15, release=1.0),
        },
    )
    harmony = key.chords("19 19 47 47 67 67 5s 5 19 37 49 47 27 5s 1 19")
    for bar, chords in enumerate(harmony):
        swell = (0.6, 0.75, 0.9, 0.8)[bar // 4]
        if bar % 2 == 0 or harmony[bar] != harmony[bar - 1]:
            held = block(chords, meter=4, centre=60, starts=[0], length=4.4, velocity=0.55)
            score.play("pad", bar, held, louder=swell)
        root = bass_line(chords, chords[0], meter=4, starts=[0], rng=score.rng, low=27)
        score.play("bass", bar, root, louder=swell)
        order = score.pick([(0, 2, 3, 1), (2, 0, 4, -1), (1, 3, -1, 2), (0, -1, 4, 3)])
        drops = arpeggio(chords, meter=4, centre=72, order=order, step=1.0, velocity=0.6, length=3)
        score.play("vibes", bar, drops, louder=swell)
    for bar, text in (
        (2, "3':1.5 5':.5 2':2 | 1':3 r:1"),
        (4, "3':1 1':1 5:2 | 6:3 r:1"),
        (6, "1':1 2':1 4':2 | 2':4"),
        (8, "3':1.5 5':.5 7':2 | 5':2 3':1 2':1 | 1':3 6:1 | 3':2 1':2"),
        (12, "4':1 2':1 1':2 | 1':2 7:1 5:1 | 1':4"),
    ):
        score.play("bell", bar, key.melody(text, octave=4, meter=4, velocity=0.7))
    return score


def rain_on_tin() -> Score:
    """Lo-fi, swung, F major: sevenths on a tine piano, dusty drums, a muted vibraphone."""
    key = Key(tonic=29, mode="major")
    score = Score(
        title="Rain on Tin",
        character="lo-fi",
        key=key,
        tempo=78.0,
        meter=4,
        bars=22,
        seed=5501,
        swing=0.61,
        ring=1.7,
        reverb_s=1.1,
        drum_gain=-6.5,
        parts={
            "keys": Part(voice.electric_piano, gain=-8.0, pan=-0.15, reverb=0.2, release=0.3),
            "vibes": Part(voice.vibraphone, gain=-7.5, pan=0.25, reverb=0.3, delay=0.15),
            "bass": Part(voice.bass, gain=-5.5, reverb=0.03, release=0.1),
        },
    )
    tune = (
        "6:1.5 4:.5 2:1 r:1 | 2:.5 4:.5 7,:1 r:.5 5,:.5 7,:1 | 3:1.5 5:.5 7:1 5:1 |"
        "6:.5 5:.5 3:2 r:1 | 4:1 6:.5 1':.5 6:1 4:1 | 5:.5 4:.5 2:1 7,:1 r:1 |"
        "1:1 2:.5 3:.5 5:1 3:1 | 1:2 r:2 |"
    )
    harmony = key.chords("27 57 " + "27 57 17 67 27 57 17 17 " * 2 + "47 37 27+57 19")
    for bar, chords in enumerate(harmony):
        louder = 0.75 if bar < 2 or bar > 19 else 0.95
        starts = score.pick([(0, 1.5), (0, 2.5), (0.5, 2), (0, 1.5, 3), (0, 2, 3.5)])
        if bar == 21:
            starts = (0,)
        comp = block(chords, meter=4, centre=60, starts=starts, velocity=0.55)
        score.play("keys", bar, comp, louder=louder)
        if bar < 1:
            continue
        following = harmony[(bar + 1) % len(harmony)][0]
        starts = score.pick([(0, 1.5, 2, 3.5), (0, 2, 3), (0, 1.5, 2.5), (0, 0.5, 2, 3.5)])
        if bar == 21:
            starts = (0,)
        low = bass_line(chords, following, meter=4, starts=starts, rng=score.rng, low=29)
        score.play("bass", bar, low, louder=louder)
        _dusty_drums(score, bar, last=bar == 21)
    first = key.melody(tune, octave=4, meter=4, velocity=0.7)
    score.play("vibes", 2, first)
    score.play("vibes", 10, embellished(first, key, score.rng, p=0.5), louder=1.1)
    end = "6:1 1':1 3':2 | 2':1.5 7:.5 5:2 | 4:1 2:1 5:1 4:1 | 3:2"
    score.play("vibes", 18, key.melody(end, octave=4, meter=4, velocity=0.6))
    return score


def _dusty_drums(score: Score, bar: int, *, last: bool) -> None:
    if last:
        score.hit("soft_kick", bar, [0], 0.8)
        return
    score.hit("soft_kick", bar, score.pick([(0, 2.5), (0, 1.5, 2.5), (0, 2, 3.5)]), 0.85)
    score.hit("snare", bar, [1, 3], 0.45)
    score.hit("hat", bar, [b / 2 for b in range(8) if score.chance(0.85)], 0.33)
    score.hit("rim", bar, [b for b in (0.75, 1.75, 2.75, 3.5) if score.chance(0.2)], 0.25)


_BROKEN = [
    (0, 1, 2, 3, 2, 1, 2, 1),
    (0, 2, 1, 3, 2, 4, 3, 1),
    (0, 1, 3, 2, 1, 2, 3, -1),
    (0, 2, 3, 1, 4, 3, 2, 1),
]


def letter_home() -> Score:
    """Gentle ballad for piano and strings, B flat major: intro, A, B, ending."""
    key = Key(tonic=34, mode="major")
    score = Score(
        title="Letter Home",
        character="gentle ballad",
        key=key,
        tempo=70.0,
        meter=4,
        bars=20,
        seed=8801,
        ring=3.5,
        reverb_s=2.2,
        drum_gain=-13.0,
        parts={
            "melody": Part(voice.piano, gain=-3.0, pan=0.1, reverb=0.28, release=0.5),
            "piano": Part(voice.piano, gain=-8.5, pan=-0.15, reverb=0.25, release=0.7),
            "strings": Part(voice.strings, gain=-14.0, reverb=0.45, release=0.8, loose=0.0),
            "bass": Part(voice.bass, gain=-7.0, reverb=0.1, release=0.3),
        },
    )
    harmony = key.chords("1 5s+5 1 5 6 3 49 1 2 5 6 4 1 5 6 4 2+5 1 4+4 1")
    tune_a = (
        "3:1 5:1 1':2 | 7:1.5 6:.5 5:2 | 6:1 1':.5 6:.5 5:1 3:1 | 5:3 r:1 |"
        "6:1 4:.5 6:.5 1':1.5 6:.5 | 5:2 3:1 1:1 | 4:1.5 3:.5 2:1 4:1 | 5:2 2:1 7,:1 |"
    )
    tune_b = (
        "1':1 1':.5 2':.5 3':1 1':1 | 6:2 4:1 6:1 | 5:1 1':1 3':1.5 2':.5 | 2':2 7:1 5:1 |"
        "1':1.5 7:.5 6:1 3:1 | 4:1 6:1 1':2 | 6:1 4:1 5:1 2:1 | 1:3 r:1 | 6:1 4:1 2:2 | 1:4"
    )
    score.play("melody", 2, key.melody(tune_a, octave=3, meter=4, velocity=0.72))
    score.play("melody", 10, key.melody(tune_b, octave=3, meter=4, velocity=0.8))
    for bar, chords in enumerate(harmony):
        louder = 0.75 if bar < 2 or bar >= 18 else 0.9 if bar < 10 else 1.0
        order = score.pick(_BROKEN)
        broken = arpeggio(
            chords, meter=4, centre=56, order=order, step=0.5, velocity=0.55, length=1.5
        )
        if bar == 19:
            broken = block(chords, meter=4, centre=58, starts=[0], velocity=0.5, strum=0.06)
        score.play("piano", bar, broken, louder=louder)
        following = harmony[(bar + 1) % len(harmony)][0]
        starts = [0, 2] if bar < 19 and (len(chords) > 1 or score.chance(0.5)) else [0]
        low = bass_line(chords, following, meter=4, starts=starts, rng=score.rng, low=29)
        score.play("bass", bar, low, louder=louder)
        if bar >= 6:
            turns = [2 * k for k in range(len(chords))]
            held = block(chords, meter=4, centre=65, starts=turns, velocity=0.5)
            score.play("strings", bar, held, louder=louder if bar >= 10 else 0.65)
        if 10 <= bar < 18:
            taps = [b for b in (1.5, 2.5, 3.5) if score.chance(0.3)]
            score.hit("brush", bar, [1, 3, *taps], 0.5)
            score.hit("soft_kick", bar, [0, 2.5] if score.chance(0.5) else [0], 0.6)
    return score
