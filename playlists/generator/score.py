"""A score being written: who plays what and when, and the figures that fill its bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from playlists.generator.instruments import Voice
from playlists.generator.notation import Key, Note, bass_of, voiced

Chord = tuple[int, ...]

#: Seconds before the first beat: the first onset must not stand on the cut.
LEAD_IN = 0.25


@dataclass(frozen=True)
class Part:
    """A voice and its place in the mix.

    Attributes
    ----------
    voice : Voice
        One of `instruments`.
    gain : float
        Decibels.
    pan : float
        -1 left to 1 right.
    reverb, delay : float
        Shares sent to the two effects, 0..1.
    release : float
        Seconds in which a note dies away after its written end.
    drive : float
        Into the amplifier; 0 is clean.
    duck : float
        Share by which a kick drum pushes this part down.
    loose : float
        Standard deviation of its timing, seconds.
    """

    voice: Voice
    gain: float = 0.0
    pan: float = 0.0
    reverb: float = 0.15
    delay: float = 0.0
    release: float = 0.25
    drive: float = 0.0
    duck: float = 0.0
    loose: float = 0.003


@dataclass
class Score:
    """One piece: its frame, its parts, and the notes written so far."""

    title: str
    character: str
    key: Key
    tempo: float
    meter: int
    bars: int
    seed: int
    parts: dict[str, Part]
    swing: float = 0.5  # share of a beat at which its second half falls
    drift: float = 1.0  # 1: the tempo wanders by 3.6 % at most, as a band without a click does
    ring: float = 2.0  # seconds after the last bar
    reverb_s: float = 1.6  # time to -60 dB
    drum_gain: float = 0.0  # dB
    air: float = 4.0  # dB that the mix is raised by over 3 kHz
    notes: dict[str, list[Note]] = field(default_factory=dict)
    strokes: list[tuple[str, float, float]] = field(default_factory=list)
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    @property
    def beats(self) -> npt.NDArray[np.float64]:
        """Times of all beats in seconds from the first frame."""
        times = [self.seconds(float(beat)) for beat in range(self.bars * self.meter)]
        return np.asarray(times, dtype=np.float64)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.seconds(float(self.bars * self.meter)) + self.ring

    def seconds(self, beat: float) -> float:
        """Return the time of a place in the score, swing and drift of tempo included."""
        whole, part = divmod(beat, 1.0)
        if part < 0.5:
            swung = part / 0.5 * self.swing
        else:
            swung = self.swing + (part - 0.5) / 0.5 * (1.0 - self.swing)
        here = whole + swung
        slow, fast = math.sin(math.tau * here / 96.0), math.sin(math.tau * here / 41.0)
        return LEAD_IN + (here + self.drift * (0.32 * slow + 0.10 * fast)) * 60.0 / self.tempo

    def play(self, part: str, bar: int, notes: Sequence[Note], *, louder: float = 1.0) -> None:
        """Write `notes`, whose beat 0 is the start of `bar`, each a little uneven in loudness."""
        here = self.notes.setdefault(part, [])
        for note in notes:
            velocity = note.velocity * louder * (1.0 + 0.07 * self.rng.standard_normal())
            start = note.start + bar * self.meter
            here.append(Note(start, note.length, note.pitch, float(np.clip(velocity, 0.08, 1.0))))

    def hit(self, drum: str, bar: int, beats: Sequence[float], velocity: float) -> None:
        """Write strokes at `beats` of `bar`."""
        for beat in beats:
            uneven = velocity * (1.0 + 0.09 * self.rng.standard_normal())
            self.strokes.append((drum, bar * self.meter + beat, float(np.clip(uneven, 0.05, 1.0))))

    def pick(self, options: Sequence[Sequence[float]]) -> Sequence[float]:
        """Return one of `options` by chance."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, p: float) -> bool:
        """Return True with probability `p`."""
        return bool(self.rng.uniform() < p)


def chord_at(chords: Sequence[Chord], beat: float, meter: int) -> Chord:
    """Return the chord of a bar that sounds at `beat`."""
    return chords[min(len(chords) - 1, int(beat * len(chords) / meter))]


def block(
    chords: Sequence[Chord],
    *,
    meter: int,
    centre: int,
    starts: Sequence[float],
    length: float | None = None,
    velocity: float = 0.5,
    strum: float = 0.0,
) -> list[Note]:
    """Return chords struck at `starts`, each until the next (or for `length`)."""
    notes = []
    ends = [*starts[1:], float(meter)]
    for start, end in zip(starts, ends, strict=True):
        tones = voiced(chord_at(chords, start, meter), centre)
        for k, pitch in enumerate(tones):
            held = end - start if length is None else length
            notes.append(Note(start + k * strum, held, pitch, velocity * (0.9 if k else 1.0)))
    return notes


def arpeggio(
    chords: Sequence[Chord],
    *,
    meter: int,
    centre: int,
    order: Sequence[float],
    step: float,
    velocity: float = 0.5,
    length: float | None = None,
) -> list[Note]:
    """Return the chord broken in `order` (indices into two octaves of its tones; below 0 rests)."""
    notes = []
    for k in range(int(meter / step + 1e-9)):
        which = int(order[k % len(order)])
        if which < 0:
            continue
        tones = voiced(chord_at(chords, k * step, meter), centre)
        octave, index = divmod(which, len(tones))
        accent = 1.0 if (k * step) % 1.0 < 1e-9 else 0.82
        held = step if length is None else length
        notes.append(Note(k * step, held, tones[index] + 12 * octave, velocity * accent))
    return notes


def bass_line(
    chords: Sequence[Chord],
    following: Chord,
    *,
    meter: int,
    starts: Sequence[float],
    rng: np.random.Generator,
    low: int = 28,
    velocity: float = 0.75,
    short: float = 0.0,
) -> list[Note]:
    """Return roots with fifths and octaves between, and a step into the `following` chord."""
    notes = []
    ends = [*starts[1:], float(meter)]
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        chord = chord_at(chords, start, meter)
        root = bass_of(chord, low)
        pitch = root
        if 0 < k < len(starts) - 1 and start % (meter / len(chords)) > 1e-9:
            pitch = root + int(rng.choice([0, 0, 12, _fifth(chord), _fifth(chord)]))
        elif k and k == len(starts) - 1 and end - start <= 1.0 and rng.uniform() < 0.6:
            goal = bass_of(following, low)
            pitch = goal + (-1 if root < goal else 2 if root == goal else 1)
        loud = velocity * (1.0 if k == 0 else 0.85)
        notes.append(Note(start, max(0.2, end - start - short), pitch, loud))
    return notes


def _fifth(chord: Chord) -> int:
    """Semitones from the root up to the chord's own fifth."""
    return (chord[2] - chord[0]) % 12


def embellished(
    notes: Sequence[Note], key: Key, rng: np.random.Generator, *, p: float
) -> list[Note]:
    """Return a melody in a new rhythm: long notes are divided, led into or late, by chance."""
    out: list[Note] = []
    for note in notes:
        if note.length < 1.0 or rng.uniform() > p:
            out.append(note)
            continue
        kind = int(rng.integers(4))
        half = note.length / 2 if note.length <= 2 else 0.5
        near = key.step(note.pitch, int(rng.choice([-1, 1])))
        if kind == 0:  # the note, then its neighbour, on the way to the next
            out.append(Note(note.start, note.length - half, note.pitch, note.velocity))
            out.append(Note(note.start + note.length - half, half, near, note.velocity * 0.82))
        elif kind == 1:  # appoggiatura
            out.append(Note(note.start, 0.5, near, note.velocity * 0.95))
            out.append(Note(note.start + 0.5, note.length - 0.5, note.pitch, note.velocity * 0.9))
        elif kind == 2:  # said again
            out.append(Note(note.start, 0.5, note.pitch, note.velocity))
            out.append(Note(note.start + 0.5, note.length - 0.5, note.pitch, note.velocity * 0.85))
        else:  # half a beat late
            out.append(Note(note.start + 0.5, note.length - 0.5, note.pitch, note.velocity))
    return out
