"""The intake list: loved tracks that client, family or staff name by title, found in the music.

People write titles from memory: other cases and accents, artist before or behind, a year, a
letter wrong. What is found beyond doubt is taken, what is likely is offered, and what is missing
is said.
"""

from __future__ import annotations

import codecs
import csv
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
_MOST_BYTES, _LONGEST = 200_000, 1_000  # of the list; characters of a line

_BULLET = re.compile(
    r"^\s*(?:[-*•·‣–—>]+|\(?\d{1,3}[.):]|\(?(?:[a-z]|[ivx]{2,4})\)|\d{1,2}\s+[-–]|\[[ x]?\])"
    r"(?:\s+|$)",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"(\d{1,3})\s+(?=\S)")
_DOUBLE = re.compile('["“”„‟«»]')
_SINGLE = re.compile(r"(?<!\w)['`´‹‘‚]([^'`´‹›‘’‚]+)['`´›‘’](?!\w)")
_SOUND_FILE = re.compile(
    r"(?:.*[\\/])?(.+)\.(?:mp3|flac|ogg|oga|opus|m4a|aac|wav|aiff?|wma)", re.IGNORECASE
)
_BRACKETS = re.compile(r"[(\[{][^)\]}]*[)\]}]")
_BETWEEN = re.compile(r"\s+[-–—|/]\s+|\s+by\s+|\t|\s*;\s*", re.IGNORECASE)
# Letters enough to pass for it: PDF, RTF, Word and its kin, pages of the web.
_NO_TEXT = re.compile(
    r"\s*(?:%PDF|\{\\rtf|PK\x03\x04|<(?:[!?]|/?[a-z][a-z0-9]*[\s/>]))", re.IGNORECASE
)
_LABEL = re.compile(r"(?:#EXTINF:[^,]*,|Title\d+=)(.*)", re.IGNORECASE)
_TITLE = {"title", "titles", "song", "songs", "track", "name", "piece", "titel", "lied", "titre"}
_ARTIST = {"artist", "performer", "singer", "band", "composer", "interpret", "artiste"}
_HEADS = _TITLE | _ARTIST | {"no", "nr", "album", "year", "genre", "length", "by", ""}
_MARKS = ("\t", ";", ",")  # between the fields of a table


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

    Takes numbered and bulleted lists, one line with commas or semicolons, tables (CSV) with and
    without a header, names of sound files, M3U and PLS; in UTF-8, UTF-16, UTF-32 or the encoding of
    older Windows programs.

    Raises
    ------
    InputError
        If it is no text, too long, or empty.

    Examples
    --------
    >>> read_intake("Loved by Mum:\n1. Slow River\n2) \"Night Train\" - Ann\n")
    ('Slow River', 'Night Train - Ann')
    """
    text = (raw if isinstance(raw, str) else _decoded(raw)).lstrip("\ufeff")
    if "\0" in text or _NO_TEXT.match(text):
        raise InputError("The intake list is no plain text; save it as text, one title a line.")
    lines = [line.strip()[:_LONGEST] for line in text.splitlines()]
    if any(line.upper().startswith(("#EXTM3U", "[PLAYLIST]")) for line in lines[:1]):
        labels = [match[1] for line in lines if (match := _LABEL.fullmatch(line))]
        lines = labels or [line for line in lines[1:] if not line.startswith("#")]
    lines = [line for line in lines if line and not line.endswith(":")]
    cleaned = [_cleaned(line) for line in (_divided(lines[0]) if len(lines) == 1 else _rows(lines))]
    once: dict[str, str] = {}
    for line in filter(None, _uncounted(cleaned)):
        once.setdefault(folded(line) or line, line)
    named = tuple(once.values())
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
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return raw.decode("utf-32", errors="replace")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    # Without a mark: of most letters one byte is zero, and always the same of the two.
    zeros = raw[::2].count(0), raw[1::2].count(0)
    if not len(raw) % 2 and min(zeros) == 0 and 4 * max(zeros) > len(raw):
        return raw.decode("utf-16-be" if zeros[0] else "utf-16-le", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _fields(line: str, mark: str) -> list[str]:
    return [one.strip() for one in next(csv.reader([line], delimiter=mark, skipinitialspace=True))]


def _divided(line: str) -> list[str]:
    """Return the entries of a list that stands on one line."""
    for mark in (";", ","):
        if len(fields := _fields(line, mark)) > 2:
            return fields
    return [_unquoted(line)]


def _rows(lines: Sequence[str]) -> list[str]:
    """Return what each line says; a row of a table as somebody would write it, without its head."""
    if not lines:
        return []
    for mark in _MARKS:
        head = [folded(one) for one in _fields(lines[0], mark)]
        if len(head) > 1 and set(head) <= _HEADS and set(head) & _TITLE:
            at = [k for kind in (_TITLE, _ARTIST) for k, one in enumerate(head) if one in kind]
            rows = [(line, _fields(line, mark)) for line in lines[1:]]
            return [
                " - ".join(row[k] for k in at if k < len(row) and row[k])
                if len(row) > 1
                else _unquoted(line)
                for line, row in rows
            ]
    words = set(folded(lines[0]).split())
    headed = words and words <= _HEADS and words & (_TITLE | _ARTIST)
    return [_unquoted(line) for line in (lines[1:] if headed else lines)]


def _unquoted(line: str) -> str:
    """Return a row of a table that has fields in quotes as somebody would write it."""
    for mark in _MARKS:
        if re.search(rf'(?:^|{mark})\s*"[^"]*"\s*(?:{mark}|$)', line):
            if len(fields := _fields(line, mark)) > 1:
                return " - ".join(filter(None, fields))
    return line


def _cleaned(line: str) -> str:
    """Return a line without what stands before and around its title."""
    before = ""
    while line != before:
        before, line = line, _BULLET.sub("", line, count=1).strip()
        if len(line) > 1 and unicodedata.category(line[0]) in ("So", "Sm"):  # an arrow, a note
            line = re.sub(r"^.\ufe0f?\s+", "", line)
    if file := _SOUND_FILE.fullmatch(line):
        line = _BULLET.sub("", file[1], count=1)
    return foreign_text(_SINGLE.sub(r"\1", _DOUBLE.sub("", line)).strip())


def _uncounted(lines: Sequence[str]) -> list[str]:
    """Return lines without the numbers before them, where those count all of the lines."""
    counts = [_COUNTED.match(line) for line in lines]
    counted = [int(one[1]) for one in counts if one]
    if len(lines) < 3 or counted != list(range(1, len(lines) + 1)):
        return list(lines)
    return [line[one.end() :] for line, one in zip(lines, counts, strict=True) if one]


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
