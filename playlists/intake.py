"""The intake list: loved tracks that client, family or staff name by title, found in the music.

People write titles from memory: other cases and accents, artist before or behind, a year, a
letter wrong. What is found beyond doubt is taken, what is likely is offered, and what is missing
is said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from dsp.checks import InputError, foreign_text
from playlists.listener_record import TrackKey, track_key
from playlists.tracks import Track

#: Likeness 0..100 from which a track is taken, if no other comes within `CLEAR` of it; and the
#: least that is worth offering.
TAKEN, CLEAR, OFFERED = 88.0, 4.0, 60.0
N_OFFERED = 3
MOST_LINES = 200
_MOST_BYTES = 200_000

_BULLET = re.compile(r"^\s*(?:[-*•·–—>]+|\(?\d{1,3}[.):]|\d{1,2}\s+[-–]|\[[ xX]?\])(?:\s+|$)")
_QUOTES = "\"'`´“”„‟«»‹›‘’‚ \t"
_BRACKETS = re.compile(r"[(\[{][^)\]}]*[)\]}]")
_BETWEEN = re.compile(r"\s+[-–—|/]\s+|\s+by\s+|\t|\s*;\s*", re.IGNORECASE)
_QUOTED_ROW = re.compile(r'"[^"]*"(?:\s*[,;\t]\s*"[^"]*")+')
_NO_TEXT = ("%PDF", "{\\rtf", "PK\x03\x04")  # letters enough to pass for it
_EXTINF = re.compile(r"^#EXTINF:[^,]*,(.*)$", re.IGNORECASE)
_HEADERS = {"title", "titles", "song", "songs", "track", "artist", "name", "no", "nr"}


@dataclass(frozen=True)
class IntakeLine:
    """One line of the list, and what it was found to mean.

    Attributes
    ----------
    text : str
        As it was written, without numbers and bullets.
    track : TrackKey or None
        The track it means; None where none is likely enough, or several are.
    likeliest : tuple of (TrackKey, float)
        The likeliest tracks, best first, with their likeness 0..100; empty where it is missing.
    """

    text: str
    track: TrackKey | None
    likeliest: tuple[tuple[TrackKey, float], ...]


def read_intake(raw: bytes | str) -> tuple[str, ...]:
    r"""Return the lines of an intake list in any form of text.

    Takes numbered and bulleted lists, one line with commas or semicolons, tables with a header,
    and M3U; UTF-8, UTF-16 or the encoding of older Windows programs.

    Raises
    ------
    InputError
        If it is no text, too long, or empty.

    Examples
    --------
    >>> read_intake("Loved by Mum:\n1. Slow River\n2) \"Night Train\" - Ann\n")
    ('Slow River', 'Night Train" - Ann')
    """
    text = (raw if isinstance(raw, str) else _decoded(raw)).lstrip("\ufeff")
    if "\0" in text or text.startswith(_NO_TEXT):
        raise InputError("The intake list is no plain text; save it as text, one title a line.")
    lines = [line.strip() for line in text.splitlines()]
    if any(line.upper().startswith("#EXTM3U") for line in lines[:1]):
        labels = [match[1] for line in lines if (match := _EXTINF.match(line))]
        lines = labels or [line for line in lines if line and not line.startswith("#")]
    lines = [line for line in lines if line and not line.endswith(":")]
    if len(lines) == 1:
        lines = _divided(lines[0])
    else:
        lines = [_unquoted(line) for line in lines]
    cleaned = [foreign_text(_BULLET.sub("", line).strip(_QUOTES)) for line in lines]
    named = tuple(dict.fromkeys(line for line in cleaned if line and not _is_header(line)))
    if not named:
        raise InputError("The intake list names no track; write one title a line.")
    if len(named) > MOST_LINES:
        raise InputError(
            f"The intake list has {len(named)} lines; name the {MOST_LINES} most loved tracks at "
            "most, ten are enough."
        )
    return named


def find_intake(lines: Sequence[str], tracks: Sequence[Track]) -> tuple[IntakeLine, ...]:
    """Return what each of `lines` means among `tracks`.

    Examples
    --------
    >>> from pathlib import Path
    >>> music = [Track(Path("x"), t, "Ann", 60.0) for t in ("Slow River", "Night Train")]
    >>> found = find_intake(["ann: slow rivr", "Yesterday"], music)
    >>> found[0].track == track_key(music[0]), found[1].track, found[1].likeliest
    (True, None, ())
    """
    forms: dict[TrackKey, tuple[set[str], str]] = {}
    for track in tracks:
        titles = {folded(track.title), folded(_BRACKETS.sub(" ", track.title))}
        forms.setdefault(track_key(track), (titles - {""}, folded(track.artist)))
    out = []
    for line in lines:
        wanted = _readings(line)
        scored = [(key, _likeness(wanted, *form)) for key, form in forms.items()]
        likely = sorted((one for one in scored if one[1] >= OFFERED), key=lambda one: -one[1])
        clear = len(likely) == 1 or (len(likely) > 1 and likely[0][1] - likely[1][1] >= CLEAR)
        taken = likely[0][0] if clear and likely[0][1] >= TAKEN else None
        shown = tuple((key, round(score, 1)) for key, score in likely[:N_OFFERED])
        out.append(IntakeLine(line, taken, shown))
    return tuple(out)


def _decoded(raw: bytes) -> str:
    if len(raw) > _MOST_BYTES:
        raise InputError(
            f"The intake list has {len(raw)} bytes; expected a short text with one title a line."
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _unquoted(line: str) -> str:
    """Return a row of a table whose fields stand in quotes, as somebody would write it."""
    if not _QUOTED_ROW.fullmatch(line):
        return line
    return " - ".join(re.findall(r'"([^"]*)"', line))


def _divided(line: str) -> list[str]:
    """Return the entries of a list that stands on one line."""
    for mark in (";", ","):
        if line.count(mark) >= 2:
            return line.split(mark)
    return [line]


def _is_header(line: str) -> bool:
    return {word for word in re.split(r"[\s,;|-]+", line.casefold()) if word} <= _HEADERS


def folded(text: str) -> str:
    """Return letters and digits alone, without case and accents, words apart by one space.

    Examples
    --------
    >>> folded(" Élan & more!")
    'elan and more'
    """
    plain = unicodedata.normalize("NFKD", text.replace("&", " and ").replace("ß", "ss")).casefold()
    kept = "".join(c for c in plain if not unicodedata.combining(c) and c not in "'’`")
    return " ".join(re.sub(r"[^\w]+", " ", kept).split())


def _readings(line: str) -> list[tuple[str, str]]:
    """Return what a line may mean: its title, and its artist where it seems to name one."""
    out = [(folded(line), "")]
    bare = _BRACKETS.sub(" ", line)
    out.append((folded(bare), ""))
    for one in (line, bare):
        first, *rest = re.split(r"\s*:\s+", one, maxsplit=1) if ": " in one else [one]
        parts = [first, *rest] if rest else _BETWEEN.split(one)
        if len(parts) >= 2:
            a, b = folded(parts[0]), folded(parts[1])
            out += [(a, b), (b, a)]
    return [(title, artist) for title, artist in dict.fromkeys(out) if title]


def _likeness(wanted: Sequence[tuple[str, str]], titles: set[str], artist: str) -> float:
    """Likeness 0..100 of the best reading of a line with a track."""
    best = 0.0
    for title, by in wanted:
        for one in titles:
            like = fuzz.ratio(title, one)
            if artist and by:  # a wrong artist is a wrong track, whatever it is called
                like = 0.6 * like + 0.4 * fuzz.token_sort_ratio(by, artist)
            elif artist:
                like = max(like, fuzz.token_sort_ratio(title, f"{artist} {one}"))
            best = max(best, like)
    return best
