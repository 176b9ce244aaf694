"""Notes, keys, chords and melodies, written in scale degrees.

A melody is text: ``"3:1.5 2:.5 1:1 5,:1 | r:2 #4' 5"``: a degree with its accidental before and
octave marks after it, a colon and its length in beats (the last length holds on), ``r`` a rest,
``|`` a bar line, at which the bar must be full. A chord is a degree with a suffix: none the
triad of the scale, ``7`` and ``9`` with more thirds on it, ``M`` and ``M7`` a major triad and a
dominant seventh, ``s`` with the fourth for the third; ``4+5`` divides a bar between two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dsp.checks import InputError

_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_NAMES = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_DEGREE = re.compile(r"^([#b]?)([1-7])([',]*)$")
_CHORD = re.compile(r"^([1-7])(M7|M|7|9|s)?$")


@dataclass(frozen=True)
class Note:
    """One note: `start` and `length` in beats, `pitch` as a MIDI number, `velocity` 0..1."""

    start: float
    length: float
    pitch: int
    velocity: float


@dataclass(frozen=True)
class Key:
    """A tonic (MIDI number of the lowest one on the piano's left, 26..37) and a scale."""

    tonic: int
    mode: str

    @property
    def name(self) -> str:
        """For the screen, as ``A minor``."""
        return f"{_NAMES[self.tonic % 12]} {self.mode}"

    @property
    def tonic_hz(self) -> float:
        """Root of the key, 36 to 70 Hz."""
        return float(440.0 * 2.0 ** ((self.tonic - 69) / 12.0))

    def semitones(self, degree: int) -> int:
        """Semitones over the tonic of `degree` (1 the tonic, 8 its octave)."""
        octave, step = divmod(degree - 1, 7)
        return 12 * octave + _SCALES[self.mode][step]

    def step(self, pitch: int, by: int) -> int:
        """Return the scale tone `by` steps from the scale tone nearest to `pitch`."""
        scale = [12 * octave + tone for octave in range(11) for tone in _SCALES[self.mode]]
        nearest = min(range(len(scale)), key=lambda k: abs(scale[k] + self.tonic % 12 - pitch))
        return scale[nearest + by] + self.tonic % 12

    def chord(self, text: str) -> tuple[int, ...]:
        """Return the pitch classes of a chord, its root first."""
        match = _CHORD.match(text)
        if not match:
            raise InputError(
                f"The chord {text!r} cannot be read; expected for example 5, 2M or 67."
            )
        root, kind = int(match[1]), match[2] or ""
        base = self.semitones(root)
        if kind in ("M", "M7"):
            tones = [base, base + 4, base + 7] + ([base + 10] if kind == "M7" else [])
        else:
            thirds = {"": (0, 2, 4), "7": (0, 2, 4, 6), "9": (0, 2, 4, 8), "s": (0, 3, 4)}[kind]
            tones = [self.semitones(root + third) for third in thirds]
        return tuple((self.tonic + tone) % 12 for tone in tones)

    def chords(self, text: str) -> list[list[tuple[int, ...]]]:
        """Return the chords of each bar in `text`."""
        return [[self.chord(one) for one in bar.split("+")] for bar in text.split()]

    def melody(self, text: str, *, octave: int, meter: int, velocity: float = 0.7) -> list[Note]:
        """Return the notes of `text`, the first on beat 0; degree 1 lies in MIDI `octave`."""
        notes: list[Note] = []
        now, length = 0.0, 1.0
        for token in text.replace("|", " | ").split():
            if token == "|":
                if now % meter > 1e-9:
                    raise InputError(f"The bar before beat {now:g} of {text!r} is not full.")
                continue
            name, _, written = token.partition(":")
            length = float(written) if written else length
            if name != "r":
                accent = 1.0 if now % meter < 1e-9 else 0.94 if now % 1.0 < 1e-9 else 0.86
                pitch = self._pitch(name, octave)
                notes.append(Note(now, length, pitch, velocity * accent))
            now += length
        return notes

    def _pitch(self, name: str, octave: int) -> int:
        match = _DEGREE.match(name)
        if not match:
            raise InputError(f"The note {name!r} cannot be read; expected for example 5 or #4'.")
        shift = {"#": 1, "b": -1, "": 0}[match[1]]
        # A raised seventh in minor is written #7, as the leading note.
        octaves = match[3].count("'") - match[3].count(",")
        return 12 * (octave + 1 + octaves) + self.tonic % 12 + self.semitones(int(match[2])) + shift


def voiced(chord: tuple[int, ...], centre: int) -> list[int]:
    """Return the chord's tones next to `centre`, lowest first: voices then move little."""
    return sorted(centre + (tone - centre + 6) % 12 - 6 for tone in chord)


def bass_of(chord: tuple[int, ...], low: int = 31) -> int:
    """Return the chord's root in the octave above `low`."""
    return low + (chord[0] - low) % 12


def moved(notes: list[Note], beats: float, *, louder: float = 1.0) -> list[Note]:
    """Return `notes` later by `beats`, their velocity times `louder`."""
    return [Note(n.start + beats, n.length, n.pitch, min(1.0, n.velocity * louder)) for n in notes]
