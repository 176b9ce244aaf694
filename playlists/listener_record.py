"""What a person said of music and did with it: a plain value that outlasts sessions.

Tracks go by what they are (artist, album, title), never by their row in a playlist, so that a
record made with one playlist speaks of the same music in another, moved or encoded anew.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NewType, get_args

from dsp.checks import InputError, foreign_text
from playlists.tracks import Track

#: What a track is, whatever its file is called.
TrackKey = NewType("TrackKey", str)

#: Version of what `ListenerRecord.to_dict` writes.
SCHEMA = 1

MOST_EVENTS = 100_000  #: a session an hour, every day, for ten years

Kind = Literal["play", "rating", "tap", "skip", "undone", "wanted"]

#: What the three faces of an observer stand for, 0..1.
FACES = {"distress": 0.0, "neutral": 0.5, "pleasure": 1.0}

#: How another program sends such a face, as the text of a marker.
MARKED = {f"observer {face}": face for face in FACES}


@dataclass(frozen=True)
class NamedTrack:
    """What a record keeps of a track, to know it and its kin again.

    Attributes
    ----------
    title, artist, album, genre : str
        As the file or its playlist gives them; empty where they are unknown.
    """

    title: str
    artist: str = ""
    album: str = ""
    genre: str = ""

    def __post_init__(self) -> None:
        """Tags of files are foreign text."""
        for name in ("title", "artist", "album", "genre"):
            object.__setattr__(self, name, foreign_text(getattr(self, name)))


@dataclass(frozen=True)
class TrackEvent:
    """One thing that a person, or somebody for them, did with a track.

    Attributes
    ----------
    track : TrackKey
    kind : str
        ``play`` (it was heard), ``rating`` (the person's own), ``tap`` (an observer's), ``skip``
        (the person wanted another), ``undone`` (an automatic change away from it was taken back),
        ``wanted`` (somebody asked for this very track).
    at : float
        When, seconds since 1970 (UTC); of a play, when it began.
    value : float
        Of a play the share that was heard, of a rating or tap 0 (bad) to 1 (good); else 1.
    scale : str
        What a rating was given on, for example ``1-9`` or ``faces``.
    """

    track: TrackKey
    kind: Kind
    at: float
    value: float = 1.0
    scale: str = ""

    def __post_init__(self) -> None:
        """Refuse what no session could have seen."""
        if self.kind not in get_args(Kind):
            raise InputError(
                f"An event of the listener is a {self.kind!r}; expected one of "
                f"{', '.join(get_args(Kind))}."
            )
        if not math.isfinite(self.at) or not 0.0 <= self.value <= 1.0:
            raise InputError(
                f"A {self.kind} of the listener is {self.value!r} at {self.at!r}; expected 0 to 1 "
                "and seconds since 1970."
            )


@dataclass(frozen=True)
class ListenerRecord:
    """Everything that is known of one person's music.

    Attributes
    ----------
    names : dict of TrackKey to NamedTrack
        Every track that anything is known of.
    events : tuple of TrackEvent
        In the order of their times.
    familiar : dict of TrackKey to bool
        Tracks that somebody said the person knows, or does not know.
    intake : tuple of TrackKey
        Tracks that client, family or staff named as loved, and that were found.
    intake_missing : tuple of str
        What they named besides and nobody found, in their words.
    genres : tuple of str
        Genres the person is said to like.
    era : (int, int) or None
        First and last year of the music the person is said to like.
    """

    names: Mapping[TrackKey, NamedTrack] = field(default_factory=dict)
    events: tuple[TrackEvent, ...] = ()
    familiar: Mapping[TrackKey, bool] = field(default_factory=dict)
    intake: tuple[TrackKey, ...] = ()
    intake_missing: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    era: tuple[int, int] | None = None

    def after(
        self, names: Mapping[TrackKey, NamedTrack], events: Iterable[TrackEvent]
    ) -> ListenerRecord:
        """Return the record with what a session added: `events`, and `names` of their tracks.

        An event that is in the record already is not taken twice, so that a session may be learnt
        from again.

        Raises
        ------
        InputError
            If a track of the events has no name anywhere.
        """
        known = {**self.names, **names}
        kept = dict.fromkeys((*self.events, *events))
        for one in kept:
            if one.track not in known:
                raise InputError(f"The listener's track {one.track!r} has no name; give it one.")
        ordered = tuple(sorted(kept, key=lambda one: one.at))[-MOST_EVENTS:]
        return replace(self, names=known, events=ordered)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        return {
            "schema": SCHEMA,
            "names": {key: asdict(one) for key, one in self.names.items()},
            "events": [asdict(one) for one in self.events],
            "familiar": dict(self.familiar),
            "intake": list(self.intake),
            "intake_missing": list(self.intake_missing),
            "genres": list(self.genres),
            "era": list(self.era) if self.era else None,
        }

    @classmethod
    def from_dict(cls, values: Any) -> ListenerRecord:
        """Read what `to_dict` gave.

        Raises
        ------
        InputError
            If it is of a newer version, or does not hold together.
        """
        try:
            schema = values["schema"]
            if schema == SCHEMA:
                return cls._of_values(values)
        except InputError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"The record of a listener does not hold together ({type(error).__name__}: "
                f"{error}); take it from the backup."
            ) from error
        raise InputError(
            f"The record of a listener has version {schema!r}, and this program reads {SCHEMA}; "
            "install the newest Attune."
        )

    @classmethod
    def _of_values(cls, values: dict[str, Any]) -> ListenerRecord:
        names = {TrackKey(str(k)): NamedTrack(**v) for k, v in values["names"].items()}
        events = tuple(TrackEvent(**one) for one in values["events"])
        familiar = {TrackKey(str(k)): bool(v) for k, v in values["familiar"].items()}
        intake = tuple(TrackKey(str(k)) for k in values["intake"])
        unnamed = {one.track for one in events}.union(familiar, intake) - names.keys()
        if unnamed:
            raise ValueError(f"no name for {min(unnamed)!r}")
        era = values["era"]
        return cls(
            names=names,
            events=tuple(sorted(events, key=lambda one: one.at)),
            familiar=familiar,
            intake=intake,
            intake_missing=tuple(map(str, values["intake_missing"])),
            genres=tuple(map(str, values["genres"])),
            era=(int(era[0]), int(era[1])) if era else None,
        )


def track_key(track: Track) -> TrackKey:
    """Return what `track` is known by, wherever its file lies.

    Artist, album and title, without regard to case or spaces; of a file without artist and album
    its title and length to the second, because a bare ``Track 01`` could be any.

    Examples
    --------
    >>> from pathlib import Path
    >>> one = Track(Path("a.flac"), "Slow River", "Nobody", 61.2, album="First")
    >>> two = Track(Path("b.mp3"), "slow  river", "NOBODY", 61.9, album="First")
    >>> track_key(one) == track_key(two)
    True
    """
    words = [track.artist, track.album, track.title]
    if not (track.artist or track.album):
        words.append(str(round(track.duration)))
    folded = "\x1f".join(" ".join(word.casefold().split()) for word in words)
    return TrackKey(hashlib.sha256(folded.encode("utf-8", "replace")).hexdigest()[:16])


def named(tracks: Iterable[Track]) -> dict[TrackKey, NamedTrack]:
    """Return what a record keeps of each of `tracks`."""
    return {track_key(t): NamedTrack(t.title, t.artist, t.album, t.genre) for t in tracks}
