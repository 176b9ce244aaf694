"""The lively short pieces: waltz, minimalism, rock."""

from __future__ import annotations

from playlists.generator import instruments as voice
from playlists.generator.notation import Key, Note
from playlists.generator.score import Part, Score, arpeggio, bass_line, block, embellished


def paper_boats() -> Score:
    """Waltz for guitar and flute, C major: intro, A A B A, B A, coda."""
    key = Key(tonic=36, mode="major")
    score = Score(
        title="Paper Boats",
        character="acoustic waltz",
        key=key,
        tempo=132.0,
        meter=3,
        bars=58,
        seed=4409,
        ring=2.4,
        reverb_s=1.5,
        parts={
            "flute": Part(voice.flute, gain=-11.0, pan=0.15, reverb=0.3, release=0.12),
            "guitar": Part(voice.guitar, gain=-5.5, pan=-0.25, reverb=0.2, release=0.2),
            "second": Part(voice.guitar, gain=-5.0, pan=0.35, reverb=0.22, release=0.4),
            "bass": Part(voice.bass, gain=-8.0, reverb=0.08, release=0.15),
        },
    )
    chords = {
        "intro": "1 4 1 5",
        "A": "1 1 4 1 6 2 5 1",
        "B": "5 57 1 1 2M 2M7 5 57",
        "coda": "4 5 1 4 1 1",
    }
    tunes = {
        "A": "3:2 5:1 | 1':2 5:1 | 6:1 5 4 | 3:2 1:1 | 1:1 3 6 | 4:2 2:1 | 2:1 7, 2 | 1:3 |",
        "B": "2:2 3:1 | 4:1 2 7, | 3:2 4:1 | 5:1 3 1 | #4:2 6:1 | 6:1 #4 2 | 5:2 7:1 | 2':1 7 5 |",
    }
    form = zip(
        ("intro", "A", "A", "B", "A", "B", "A", "coda"),
        (0.7, 0.8, 0.9, 0.85, 1.0, 0.9, 1.0, 0.8),
        strict=True,
    )
    bar, turn = 0, 0
    for name, louder in form:
        harmony = key.chords(chords[name])
        for k, here in enumerate(harmony):
            following = harmony[(k + 1) % len(harmony)][0]
            _waltz_bar(score, bar + k, here, following, louder)
        if name in tunes:
            tune = key.melody(tunes[name], octave=4, meter=3, velocity=0.75)
            if turn:
                tune = embellished(tune, key, score.rng, p=0.3)
            part = "second" if turn in (0, 4) else "flute"
            lift = 12 if part == "flute" else 0
            score.play(part, bar, [_up(note, lift) for note in tune], louder=louder)
            turn += 1
        bar += len(harmony)
    coda = key.melody("6:2 4:1 | 2:1 7, 2 | 1:6", octave=5, meter=3, velocity=0.6)
    score.play("flute", bar - 6, coda)
    end = arpeggio(
        key.chords("1")[0],
        meter=3,
        centre=60,
        order=(0, 1, 2, 3, 4, 5),
        step=0.5,
        velocity=0.5,
        length=6,
    )
    score.play("second", bar - 2, end)
    return score


def _waltz_bar(
    score: Score, bar: int, here: list[tuple[int, ...]], following: tuple[int, ...], louder: float
) -> None:
    low = bass_line(here, following, meter=3, starts=[0], rng=score.rng, low=36)
    score.play("bass", bar, low, louder=louder)
    after = score.pick([(1, 2), (1, 2), (1, 2), (1, 1.5, 2), (1, 2, 2.5)])
    strum = block(here, meter=3, centre=60, starts=after, length=0.7, velocity=0.5, strum=0.02)
    score.play("guitar", bar, strum, louder=louder)


_FIGURE = (0, 2, 1, 4, 2, 3, 1, 5, 2, 4, 3, 1)


def glass_rotations() -> Score:
    """Marimbas, D major: figures of twelve and of seven eighths turn against a bar of four."""
    key = Key(tonic=26, mode="major")
    score = Score(
        title="Glass Rotations",
        character="marimba minimalism",
        key=key,
        tempo=126.0,
        meter=4,
        bars=34,
        seed=6607,
        ring=1.6,
        reverb_s=1.4,
        parts={
            "first": Part(voice.marimba, gain=-4.0, pan=-0.4, reverb=0.2, release=0.2),
            "second": Part(voice.marimba, gain=-4.0, pan=0.4, reverb=0.2, release=0.2),
            "low": Part(voice.marimba, gain=-3.5, reverb=0.15, release=0.4),
            "vibes": Part(voice.vibraphone, gain=-10.0, pan=0.1, reverb=0.35, release=0.6),
        },
    )
    harmony = [key.chord(one) for one in "19 19 6 6 49 49 2 2 5s 5 37 6 49 47 1 19 19".split()]
    for bar in range(33):
        _turning_bar(score, bar, harmony[bar // 2])
    for bar, text in (
        (10, "5:4 | 3':2 2':2 | 1':4 | 6:4"),
        (18, "4':2 5':2 | 2':4 | 3':4 | 7:2 5:2 | 6:4 | 1':2 3':2"),
        (26, "6:4 | 1':2 6:2 | 5:4 | 3:2 2:2 | 1:6"),
    ):
        score.play("vibes", bar, key.melody(text, octave=4, meter=4, velocity=0.7))
    for part, octave in (("first", 5), ("second", 4), ("low", 2)):
        end = key.melody("1:.5 1:.5 r:1 1:2", octave=octave, meter=4, velocity=0.7)
        score.play(part, 33, end)
    return score


def _turning_bar(score: Score, bar: int, chord: tuple[int, ...]) -> None:
    tones = [
        note.pitch
        for note in arpeggio([chord], meter=4, centre=69, order=range(6), step=0.5, velocity=0.6)
    ][:6]
    arch = 0.65 + 0.35 * min(1.0, bar / 12, (34 - bar) / 6)
    grown = min(12, 5 + bar // 2)  # the figure is told one more note every two bars
    for beat in (k / 2 for k in range(8)):
        eighth = bar * 8 + int(beat * 2)
        if eighth % 12 < grown:
            accent = 1.0 if eighth % 12 in (0, 5) or beat % 2 == 0 else 0.7
            note = Note(beat, 0.5, tones[_FIGURE[eighth % 12]], accent * 0.75)
            score.play("first", bar, [note], louder=arch)
        if bar >= 6 and eighth % 7 in (0, 2, 3, 5):
            pitch = tones[(_FIGURE[(eighth * 5) % 12] + 1) % 6]
            score.play("second", bar, [Note(beat, 0.5, pitch, 0.55)], louder=arch)
        if beat % 2 == 0 and (bar >= 2 or beat == 0):
            pitch = 38 + (chord[0] - 38) % 12
            low = Note(beat, 1.5, pitch, 0.7 if beat == 0 else 0.5)
            score.play("low", bar, [low], louder=arch)


def north_road() -> Score:
    """Driving, rock-like, E minor: intro, A B A B, outro."""
    key = Key(tonic=28, mode="minor")
    score = Score(
        title="North Road",
        character="driving rock",
        key=key,
        tempo=140.0,
        meter=4,
        bars=41,
        seed=7703,
        ring=1.5,
        reverb_s=1.0,
        drum_gain=-4.5,
        parts={
            "left": Part(voice.steel, gain=-13.5, pan=-0.7, reverb=0.06, release=0.05, drive=5.0),
            "right": Part(voice.steel, gain=-13.5, pan=0.7, reverb=0.06, release=0.05, drive=3.5),
            "solo": Part(
                voice.steel, gain=-12.5, pan=0.05, reverb=0.2, delay=0.15, release=0.08, drive=7.0
            ),
            "bass": Part(voice.bass, gain=-6.0, reverb=0.0, release=0.05),
        },
    )
    chords = {"intro": "1 1 6 7", "A": "1 1 6 7 1 1 4 5", "B": "6 3 7 1 6 3 7 7", "end": "6 7 1 1"}
    tunes = {
        "A": "1:.5 3:.5 4:1 3:.5 1:.5 7,:1 | 1:3 r:1 | 6,:.5 1:.5 3:1 1:.5 6,:.5 1:1 | 2:3 r:1 |"
        "5:.5 4:.5 3:1 4:.5 3:.5 1:1 | 5:1 7:1 5:2 | 4:.5 6:.5 1':1 6:.5 4:.5 6:1 | 7:1 5:1 2:2 |",
        "B": "3':1.5 1':.5 6:1 1':1 | 7:1.5 5:.5 3:1 5:1 | 4:1 2:.5 4:.5 7:1 2':1 | 1':2 5:2 |"
        "6:.5 1':.5 3':1 1':1 3':1 | 5':1.5 3':.5 7:2 | 2':1 4':1 2':1 7:1 | 2':2 r:2 |",
    }
    form = zip(("intro", "A", "B", "A", "B", "end"), (0.8, 0.85, 1.0, 0.9, 1.0, 0.95), strict=True)
    bar = 0
    for name, louder in form:
        harmony = key.chords(chords[name])
        for k, here in enumerate(harmony):
            following = harmony[(k + 1) % len(harmony)][0]
            wide = name in ("B", "end")
            _road_bar(score, bar + k, here, following, louder, wide=wide, fill=k % 4 == 3)
        if name in tunes:
            tune = key.melody(tunes[name], octave=4, meter=4, velocity=0.8)
            again = bar > 16
            played = embellished(tune, key, score.rng, p=0.3 if again else 0.0)
            score.play("solo", bar, played, louder=louder)
        bar += len(harmony)
    last = [Note(0, 4, pitch, 0.9) for pitch in (40, 47, 52)]
    for part in ("left", "right"):
        score.play(part, bar, last)
    score.play("bass", bar, [Note(0, 4, 28, 0.9)])
    score.hit("kick", bar, [0], 0.9)
    return score


def _road_bar(
    score: Score,
    bar: int,
    chords: list[tuple[int, ...]],
    following: tuple[int, ...],
    louder: float,
    *,
    wide: bool,
    fill: bool,
) -> None:
    root = 40 + (chords[0][0] - 40) % 12
    accents = score.pick([(0, 1.5, 3), (0, 1.5, 2.5), (0, 2, 3.5), (0, 0.5, 2.5)])
    for beat in (k / 2 for k in range(8)):
        strong = beat in accents
        if not strong and not score.chance(0.85):
            continue
        length = 0.5 if wide else 0.42 if strong else 0.22
        loud = 0.85 if strong else 0.5
        pitches = (root, root + 7, root + 12) if strong else (root, root + 7)
        power = [Note(beat, length, pitch, loud) for pitch in pitches]
        for part in ("left", "right"):
            score.play(part, bar, power, louder=louder)
    eighths = [k / 2 for k in range(8)]
    low = bass_line(chords, following, meter=4, starts=eighths, rng=score.rng, low=28, short=0.06)
    score.play("bass", bar, low, louder=louder)
    score.hit("kick", bar, score.pick([(0, 2), (0, 1.5, 2), (0, 2, 2.5), (0, 0.5, 2)]), 0.85)
    score.hit("snare", bar, [1, 3], 0.75 * louder)
    score.hit("open_hat" if wide else "hat", bar, eighths[:: 2 if wide else 1], 0.4 * louder)
    if fill:
        for beat in (2.5, 3.0, 3.25, 3.5, 3.75):
            if score.chance(0.6):
                drum = ("snare", "high_tom", "low_tom")[int(beat * 4) % 3]
                score.hit(drum, bar, [beat], 0.6)
        score.hit("crash", bar + 1, [0], 0.5 * louder)


def _up(note: Note, semitones: int) -> Note:
    return Note(note.start, note.length, note.pitch + semitones, note.velocity)
