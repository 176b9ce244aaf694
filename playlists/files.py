"""Playlists as files and folders: what is in them, and a sentence for each entry that fails."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote_to_bytes
from urllib.request import url2pathname

from dsp.checks import InputError, RecordError, foreign_sentence
from playlists.decode import SUFFIXES, file_size, probe
from playlists.starter import STARTER_DIR, starter_tracks
from playlists.tracks import Track

#: How the playlist that comes with Attune is written; a folder of that name is ``./starter``.
STARTER = "starter"

ARTIST = "Attune"  #: of the starter playlist

_PLAYLISTS = frozenset({".m3u8", ".m3u"})
_OTHER_PLAYLISTS = frozenset({".pls", ".xspf", ".cue", ".wpl", ".asx"})
#: Music that people own and this program cannot decode; a folder that holds it says so.
_OTHER_MUSIC = frozenset({".m4a", ".m4b", ".aac", ".wma", ".ape", ".mpc", ".wv", ".dsf", ".mp4"})

_LONGEST_LIST = 32_000_000  # bytes; a hundred thousand entries

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")
_EXTINF = re.compile(r"^#EXTINF:\s*(-?\d+(?:\.\d+)?)?[^,]*,(.*)$")


@dataclass(frozen=True)
class Playlist:
    """What can be played, in order, and one sentence for each entry that cannot.

    Attributes
    ----------
    tracks : tuple of Track
        At least one.
    problems : tuple of str
        Nothing is left out without its sentence here.
    """

    tracks: tuple[Track, ...]
    problems: tuple[str, ...]


def open_playlist(spec: str | Path) -> Playlist:
    """Return what `spec` holds.

    Parameters
    ----------
    spec : str or path
        ``starter``, a folder (searched to its depths in natural order; hidden names, those with
        a leading dot, are not looked at), an M3U8 or M3U file, or a single sound file.

    Raises
    ------
    InputError
        If `spec` is missing, of another kind, or holds nothing that can be played.
    """
    if str(spec) == STARTER:
        return _checked(spec, *_starter())
    if not str(spec):
        raise InputError(
            "The playlist is ''; expected starter, a folder, an M3U8 file or a sound file."
        )
    place = Path(spec)
    if os.path.isdir(place):
        return _checked(spec, *_folder(place))
    suffix = place.suffix.lower()
    if suffix in _PLAYLISTS and not _SCHEME.match(str(spec)):
        return _checked(spec, *_m3u8(place))
    if suffix in _OTHER_PLAYLISTS:
        raise InputError(
            f"{spec} is a playlist of a kind that is not read ({suffix}); save it as M3U8."
        )
    return Playlist(tracks=(probe(spec),), problems=())


def write_m3u8(path: str | Path, tracks: Iterable[Track]) -> None:
    """Write `tracks` as extended M3U (UTF-8), paths relative where they lie beside or below it.

    Raises
    ------
    RecordError
        If the file cannot be written.
    """
    place = Path(path)
    lines = ["#EXTM3U"]
    for track in tracks:
        artist, title = _one_line(track.artist), _one_line(track.title)
        label = f"{artist} - {title}" if artist else title
        # Other players show the label; the line before says where its artist ends.
        lines += [f"#EXTART:{artist}", f"#EXTINF:{track.duration:.3f},{label}"]
        lines.append(_written(track.path, place.parent))
    draft = place.with_name(f".{place.name}-{os.getpid()}.part")
    try:
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
        draft.replace(place)
    except OSError as problem:
        if draft.exists():
            draft.unlink()
        raise RecordError(
            f"{path} cannot be written ({problem.strerror}); choose another place."
        ) from problem


def _checked(spec: str | Path, tracks: list[Track], problems: list[str]) -> Playlist:
    problems = [foreign_sentence(problem) for problem in problems]
    if tracks:
        return Playlist(tuple(tracks), tuple(problems))
    why = (
        f"; {len(problems)} entries cannot be played, the first: {problems[0]}" if problems else ""
    )
    raise InputError(
        f"{spec} holds no music that can be played (WAV, AIFF, FLAC, OGG, Opus, MP3)"
        + (why or "; add some, or choose another playlist.")
    )


def _starter() -> tuple[list[Track], list[str]]:
    tracks, problems = [], []
    for one in starter_tracks():
        place = STARTER_DIR / one.file
        if place.exists():
            tracks.append(Track(place, one.title, ARTIST, one.duration))
        else:
            problems.append(f"{place} is missing; install Attune again to get it back.")
    return tracks, problems


def _folder(folder: Path) -> tuple[list[Track], list[str]]:
    problems: list[str] = []
    found: list[Path] = []

    def unreadable(problem: OSError) -> None:
        problems.append(f"{problem.filename} cannot be searched ({problem.strerror}).")

    for place, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    tracks: list[Track] = []
    for path in sorted(found, key=lambda one: _natural(one.relative_to(folder))):
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            _take(path, tracks, problems)
        elif suffix in _OTHER_MUSIC:
            problems.append(f"{path} is {suffix[1:].upper()}, which cannot be decoded; convert it.")
    return tracks, problems


def _m3u8(playlist: Path) -> tuple[list[Track], list[str]]:
    tracks: list[Track] = []
    problems: list[str] = []
    label = artist = None
    for line in _lines(playlist):
        if not line.strip():
            continue
        if line.lstrip().startswith("#"):
            text = line.strip()
            if match := _EXTINF.match(text):
                label = match[2].strip()
            elif text.startswith("#EXTART:"):
                artist = text.removeprefix("#EXTART:").strip()
            continue
        scheme = _SCHEME.match(line.strip())
        if scheme and scheme[1].lower() != "file":
            problems.append(f"{line.strip()} is an internet address, which cannot be played.")
        else:
            named = len(tracks)
            _take(_located(line, playlist.parent), tracks, problems)
            if label and len(tracks) > named:
                tracks[-1] = _labelled(tracks[-1], label, artist)
        label = artist = None
    return tracks, problems


def _take(path: Path, tracks: list[Track], problems: list[str]) -> None:
    try:
        tracks.append(probe(path))
    except InputError as problem:
        problems.append(str(problem))


def _lines(playlist: Path) -> list[str]:
    if file_size(playlist) > _LONGEST_LIST:
        raise InputError(f"{playlist} is larger than any playlist; expected M3U8 text.")
    try:
        raw = playlist.read_bytes()
    except OSError as problem:
        raise InputError(
            f"{playlist} cannot be read ({problem.strerror}); check its rights."
        ) from problem
    if b"\0" in raw:
        raise InputError(f"{playlist} is not a playlist but something binary; expected M3U8 text.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")  # M3U of older Windows programs
    return [line.removesuffix("\r") for line in text.split("\n")]


def _located(line: str, folder: Path) -> Path:
    """Return the file that a line means; as it was made on another system, if need be."""
    if _SCHEME.match(line.strip()):
        rest = re.sub(r"^file:(?://[^/]*)?", "", line.strip(), flags=re.IGNORECASE)
        if os.name == "nt":
            return Path(url2pathname(rest))
        return Path(os.fsdecode(unquote_to_bytes(rest)))
    tries = [folder / line, folder / line.strip(), folder / line.strip().replace("\\", "/")]
    return next((one for one in tries if os.path.exists(one)), tries[1])


def _written(path: Path, folder: Path) -> str:
    """Return the line for `path`; a file:// URI where plain text could not say it."""
    whole = Path(os.path.abspath(path))
    base = Path(os.path.abspath(folder))
    inside = whole.is_relative_to(base)
    text = whole.relative_to(base).as_posix() if inside else str(whole)
    if not text.isprintable() or text != text.strip() or "\\" in whole.as_posix():
        return whole.as_uri()
    return f"./{text}" if text.startswith("#") or _SCHEME.match(text) else text


def _labelled(track: Track, label: str, artist: str | None) -> Track:
    if artist is None:
        first, dash, rest = label.partition(" - ")
        artist, label = (first, rest) if dash else (track.artist, label)
    elif artist:
        label = label.removeprefix(f"{artist} - ")
    return replace(track, title=label.strip() or track.title, artist=artist.strip())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Order in which people number things: 2 before 10, capitals beside small letters."""
    parts = re.split(r"(\d+)", path.as_posix().casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts] + [
        (2, 0, str(path))
    ]
