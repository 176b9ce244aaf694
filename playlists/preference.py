"""What a person is expected to think of each track, how surely, and why.

Bayesian regression over everything the record holds, in enjoyment units 0..1::

    y(k, t) = m + genre + artist + album + own(k, t) + known + intake + stated + novelty(k, t)
    rating  = y + c + mood(session) + noise

Every term is normal, so what was said of one track tells of its kin as far as they share terms,
and a track of which nothing was said keeps its full uncertainty. Genre and own liking drift: the
further back a rating lies, the less it says of today. Novelty is a fixed sum: a play satiates,
which halves in 48 h, and a few plays make a track familiar. Terms for the acoustic features of a
track are added where the others are, in `_kinship`, once a library knows them.

The sizes are those of the design study behind the loop; where it names none, the comment says
so. Bayesian linear models for music with novelty: Wang et al. 2014
(doi 10.1145/2623372); satiation: Leqi et al. 2021 ("rebounding bandits").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from playlists.listener_record import ListenerRecord, NamedTrack, TrackEvent, TrackKey, track_key
from playlists.tracks import Track

MEAN, MEAN_SD = 0.45, 0.12
GENRE_SD, GENRE_DRIFT = 0.07, 0.02  # drift: sd per square root of 48 h
# Together 0.13, what a track is liked beyond its genre; how it divides is assumed.
ARTIST_SD, ALBUM_SD, OWN_SD = 0.07, 0.04, 0.102
OWN_DRIFT = 0.01
KNOWN, KNOWN_SD = 0.10, 0.06
INTAKE, INTAKE_SD = 0.18, 0.12
STATED, STATED_SD = 0.06, 0.08  # genre; the era is assumed to say as much
SATIATION, HALVES_S = 0.12, 48 * 3600.0
RUNNING = 0.25  # share of its own satiation that a play is judged under
PRACTICE, PRACTISED = 0.01, 4  # gain a play, and plays after which there is none
RATING_BIAS, RATING_BIAS_SD, RATING_VAR = 0.02, 0.12, 0.034
TAP_VAR = 0.09  # an observer's face
SKIP, SKIP_VAR = 0.3, 0.15**2
WANTED, WANTED_VAR = 0.65, 0.25**2  # assumed
MOOD_SD = 0.08
SESSION_GAP_S = 3 * 3600.0  # what lies further apart was another session, with another mood
LEAST_SD = 0.05  # no model knows a person better
MOST = 1000  #: newest ratings, taps and wishes that are weighed; the rest has drifted away

LIKED, DISLIKED = 0.75, 0.25

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Expected:
    """What is expected of one track now.

    Attributes
    ----------
    mean, sd : float
        Enjoyment 0..1, and its standard deviation.
    because : str
        What it is expected from, half a sentence; empty where nothing is known of the track.
    """

    mean: float
    sd: float
    because: str = ""


def expect(
    record: ListenerRecord, tracks: Sequence[Track], wall_time: float
) -> tuple[Expected, ...]:
    """Return what the person of `record` is expected to think of each of `tracks`.

    Parameters
    ----------
    record : ListenerRecord
    tracks : sequence of Track
    wall_time : float
        Now, seconds since 1970; nothing here reads a clock.

    Examples
    --------
    >>> from pathlib import Path
    >>> from playlists.listener_record import TrackEvent, named
    >>> one, two = (Track(Path("x"), title, "Somebody", 60.0) for title in ("This", "That"))
    >>> loved = TrackEvent(track_key(one), "rating", 0.0, 1.0, "1-9")
    >>> after = ListenerRecord().after(named([one]), [loved])
    >>> this, that = expect(after, [one, two], 3600.0)
    >>> this.mean > that.mean > MEAN and this.sd < that.sd
    True
    """
    if not tracks:
        return ()
    past = _Past(record, wall_time)
    keys = [track_key(track) for track in tracks]
    said = past.said[-MOST:]
    pool = _Rows.of_tracks(record, tracks, keys, wall_time)
    mean = pool.expected + [past.novelty(key, wall_time) for key in keys]
    variance = pool.variance()
    if said:
        heard = _Rows.of_events(record, said, keys, pool)
        value, noise = _observed(said)
        before = heard.expected + [past.novelty(e.track, e.at, running=True) for e in said]
        covariance = _kinship(heard, heard, wall_time) + _shared_errors(said)
        factor = np.linalg.cholesky(covariance + np.diag(noise))
        across = np.linalg.solve(factor, _kinship(heard, pool, wall_time))
        mean = mean + across.T @ np.linalg.solve(factor, value - before)
        variance = variance - np.sum(across**2, axis=0)
    sd = np.sqrt(np.maximum(variance, LEAST_SD**2))
    return tuple(
        Expected(min(max(float(m), 0.02), 0.98), float(s), past.because(track, key))
        for m, s, track, key in zip(mean, sd, tracks, keys, strict=True)
    )


def together(
    record: ListenerRecord, moments: Sequence[tuple[TrackKey, float]]
) -> tuple[Floats, Floats]:
    """Return what is expected of moments before anything was said, and their covariance.

    Tracks, artists, albums, genres and moods that they have in common make them alike.

    Parameters
    ----------
    record : ListenerRecord
    moments : sequence of (TrackKey, float)
        What was heard, and when, seconds since 1970.

    Returns
    -------
    mean : float64 [shape=(n,)]
    covariance : float64 [shape=(n, n)]
    """
    tracks, at = [track for track, _ in moments], np.array([at for _, at in moments])
    now = float(at.max(initial=-math.inf))
    familiar = [float(record.familiar.get(track, False)) for track in tracks]
    shared = np.outer(familiar, np.eye(4)[0])
    rows = _Rows._made(tracks, [record.names[track] for track in tracks], at, shared)
    past = _Past(record, now)
    mean = rows.expected + [past.novelty(track, t, running=True) for track, t in moments]
    of = sessions(at)
    return np.asarray(mean), _kinship(rows, rows, now) + (of[:, None] == of) * MOOD_SD**2


def sessions(at: Floats) -> Ints:
    """Number the sessions that moments (seconds since 1970) belong to, from 0 on.

    Examples
    --------
    >>> sessions(np.array([0.0, 86_400.0, 600.0])).tolist()
    [0, 1, 0]
    """
    order = np.argsort(at, kind="stable")
    found = np.empty(at.size, dtype=np.int64)
    found[order] = np.cumsum(np.diff(at[order], prepend=at[order][:1]) > SESSION_GAP_S)
    return found


@dataclass(frozen=True)
class _Rows:
    """What the terms of the model need of some tracks, one row each.

    `expected` is what is known without anything said; the rest are names of groups (empty: none)
    and the sizes of the shared terms.
    """

    at: Floats
    own: Texts
    genre: Texts
    artist: Texts
    album: Texts
    shared: Floats  # [shape=(n, 4)]: known, intake, stated genre, stated era
    expected: Floats

    @classmethod
    def of_tracks(
        cls,
        record: ListenerRecord,
        tracks: Sequence[Track],
        keys: Sequence[TrackKey],
        wall_time: float,
    ) -> _Rows:
        names = [NamedTrack(t.title, t.artist, t.album, t.genre) for t in tracks]
        known = [float(record.familiar.get(key, False)) for key in keys]
        listed = _contrast([key in record.intake for key in keys])
        stated = _contrast([_stated(record, track.genre) for track in tracks])
        era = _contrast([_of_era(record, track.year) for track in tracks])
        shared = np.column_stack([known, listed, stated, era])
        return cls._made(keys, names, np.full(len(keys), wall_time), shared)

    @classmethod
    def of_events(
        cls,
        record: ListenerRecord,
        said: Sequence[TrackEvent],
        keys: Sequence[TrackKey],
        pool: _Rows,
    ) -> _Rows:
        """Rows of what was said; a track of the pool has the terms that it has there."""
        there = dict(zip(keys, pool.shared, strict=True))
        tracks = [e.track for e in said]
        names = [record.names[key] for key in tracks]
        alone = {k: np.array([float(record.familiar.get(k, False)), 0.0, 0.0, 0.0]) for k in tracks}
        shared = np.stack([{**alone, **there}[key] for key in tracks])
        return cls._made(tracks, names, np.array([e.at for e in said]), shared)

    @classmethod
    def _made(
        cls, keys: Sequence[TrackKey], names: Sequence[NamedTrack], at: Floats, shared: Floats
    ) -> _Rows:
        albums = [f"{one.artist}\x1f{one.album}" if one.album else "" for one in names]
        return cls(
            at=at,
            own=np.array(keys, dtype=np.str_),
            genre=_folded([one.genre for one in names]),
            artist=_folded([one.artist for one in names]),
            album=_folded(albums),
            shared=shared,
            expected=MEAN + shared @ _SHARED_MEANS,
        )

    def variance(self) -> Floats:
        """Variance of each row before anything was said."""
        own = MEAN_SD**2 + GENRE_SD**2 + ARTIST_SD**2 + ALBUM_SD**2 + OWN_SD**2
        return np.asarray(own + self.shared**2 @ _SHARED_SDS**2)


_SHARED_MEANS = np.array([KNOWN, INTAKE, STATED, STATED])
_SHARED_SDS = np.array([KNOWN_SD, INTAKE_SD, STATED_SD, STATED_SD])


def _folded(texts: Sequence[str]) -> Texts:
    return np.array([text.casefold() for text in texts], dtype=np.str_)


def _contrast(chosen: Sequence[bool]) -> Floats:
    """Return 1 for what is chosen and 0 for the rest, less their mean: above the library."""
    one = np.asarray(chosen, dtype=np.float64)
    return np.asarray(one - one.mean())


def _stated(record: ListenerRecord, genre: str) -> bool:
    return bool(genre) and genre.casefold() in {g.casefold() for g in record.genres}


def _of_era(record: ListenerRecord, year: int) -> bool:
    return bool(record.era and year and record.era[0] <= year <= record.era[1])


def _kinship(one: _Rows, other: _Rows, now: float) -> Floats:
    """Covariance of the liking of the rows of `one` and `other` [shape=(n, m)]."""
    # A walk seen backwards from now: what two moments share is the way from now to the later one.
    age = np.minimum(np.maximum(now - one.at, 0.0)[:, None], np.maximum(now - other.at, 0.0))
    steps = age / HALVES_S

    def same(a: Texts, b: Texts) -> Floats:
        return np.asarray((a[:, None] == b) & (a[:, None] != ""), dtype=np.float64)

    own = same(one.own, other.own)
    # Kin that is not named is the track's own.
    return np.asarray(
        MEAN_SD**2
        + np.maximum(same(one.genre, other.genre), own) * (GENRE_SD**2 + GENRE_DRIFT**2 * steps)
        + np.maximum(same(one.artist, other.artist), own) * ARTIST_SD**2
        + np.maximum(same(one.album, other.album), own) * ALBUM_SD**2
        + own * (OWN_SD**2 + OWN_DRIFT**2 * steps)
        + (one.shared * _SHARED_SDS**2) @ other.shared.T
    )


def _shared_errors(said: Sequence[TrackEvent]) -> Floats:
    """Covariance of what is said beside the liking: the person's use of a scale, and moods."""
    out = np.zeros((len(said), len(said)))
    for kind in ("rating", "tap"):
        given = np.array([e.kind == kind for e in said], dtype=np.float64)
        out += np.outer(given, given) * RATING_BIAS_SD**2
    of = sessions(np.array([e.at for e in said]))
    return np.asarray(out + (of[:, None] == of) * MOOD_SD**2)


def _observed(said: Sequence[TrackEvent]) -> tuple[Floats, Floats]:
    """Return what each event says of the liking at its time, and the variance of its noise."""
    told = {
        "skip": (SKIP, SKIP_VAR),
        "undone": (WANTED, WANTED_VAR),
        "wanted": (WANTED, WANTED_VAR),
    }
    pairs = [
        told.get(e.kind, (e.value - RATING_BIAS, RATING_VAR if e.kind == "rating" else TAP_VAR))
        for e in said
    ]
    value, variance = np.asarray(pairs).T
    return value, variance


class _Past:
    """What happened before now, by track and by its kin."""

    def __init__(self, record: ListenerRecord, now: float) -> None:
        self._record, self._now = record, now
        self.said: list[TrackEvent] = []  #: everything but plays
        self._of: dict[TrackKey, list[TrackEvent]] = {}
        self._kin: dict[tuple[str, str], list[float]] = {}  # ratings and taps
        for one in record.events:
            if one.at > now:
                continue
            self._of.setdefault(one.track, []).append(one)
            if one.kind == "play":
                continue
            self.said.append(one)
            if one.kind in ("rating", "tap"):
                name = record.names[one.track]
                for what in _KIN:
                    group = (what, getattr(name, what).casefold())
                    self._kin.setdefault(group, []).append(one.value)

    def novelty(self, key: TrackKey, at: float, *, running: bool = False) -> float:
        """What familiarity adds and satiation takes at a time; `running`: during the last play."""
        plays = [e for e in self._of.get(key, ()) if e.kind == "play" and e.at <= at]
        left = [p.value * math.exp2((p.at - at) / HALVES_S) for p in plays]
        if running and left:
            left[-1] *= RUNNING
        practised = min(sum(p.value for p in plays), float(PRACTISED))
        return PRACTICE * practised - SATIATION * sum(left)

    def because(self, track: Track, key: TrackKey) -> str:
        """Say what a track is expected from, the weightiest first, at most four reasons."""
        own = self._of.get(key, [])
        out = ["on the intake list"] if key in self._record.intake else []
        out += _own_words(own)
        if not any(e.kind in ("rating", "tap") for e in own):
            out += self._kin_words(track)
        if self._record.familiar.get(key):
            out.append("known to the client")
        played = [e.at for e in own if e.kind == "play"]
        if played:
            out.append(f"last played {_ago(self._now - max(played))}")
        return ", ".join(out[:4])

    def _kin_words(self, track: Track) -> list[str]:
        out = []
        for what in _KIN:
            name = getattr(track, what).casefold()
            kin = self._kin.get((what, name), []) if name else []
            mean = sum(kin) / len(kin) if kin else 0.5
            if len(kin) >= 2 and not DISLIKED < mean < LIKED:
                out.append(f"{what} {'liked' if mean >= LIKED else 'disliked'}")
        if _stated(self._record, track.genre):
            out.append("of a genre the client is said to like")
        if _of_era(self._record, track.year):
            out.append("of the client's era")
        return out


_KIN = ("artist", "album", "genre")


def _own_words(own: Sequence[TrackEvent]) -> list[str]:
    ratings = [e.value for e in own if e.kind == "rating"]
    taps = [e.value for e in own if e.kind == "tap"]
    counts = (
        ("liked", sum(v >= LIKED for v in ratings)),
        ("disliked", sum(v <= DISLIKED for v in ratings)),
        ("rated in the middle", sum(DISLIKED < v < LIKED for v in ratings)),
        ("seen to give pleasure", sum(v >= LIKED for v in taps)),
        ("seen to distress", sum(v <= DISLIKED for v in taps)),
        ("skipped", sum(e.kind == "skip" for e in own)),
        ("asked for", sum(e.kind in ("wanted", "undone") for e in own)),
    )
    return [f"{word} {_times(n)}" for word, n in counts if n]


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")


_UNITS = ((7 * 86_400.0, "week"), (86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


def _ago(seconds: float) -> str:
    """Return how long ago, as people say it."""
    for size, word in _UNITS:
        n = math.floor(seconds / size)
        if n >= 1:
            return f"{n} {word}{'s' if n > 1 else ''} ago"
    return "just now"
