"""What the EEG is worth for one person: ratings predicted from their sessions, with and without.

A track is left out with all its ratings. Without EEG its ratings are expected from what the person
said of the other tracks (`playlists.preference`); with EEG a line through theta and what of the
other tracks' ratings was not expected adds its part. Both are held against the ratings less what
would be expected of a track nobody knows, because the mean of the others alone would go up where a
rating goes down. Chance is told by handing the theta of one track to another, which leaves
everything without EEG as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.lab.lessons import listen_to
from app.loop.lesson import Lesson
from app.words import counted
from dsp.checks import InputError
from dsp.grid import Floats, Ints
from playlists.listener_record import ListenerRecord, TrackKey, track_key
from playlists.preference import expect
from playlists.tracks import Track

MIN_TRACKS = 6  #: rated tracks with clean EEG; of fewer every order could be chance
N_SHUFFLED = 2000
_PENALTY = 1.0  # of the line, in squared units of theta: its slope is held towards none


@dataclass(frozen=True)
class Rated:
    """One rated play with clean EEG.

    Attributes
    ----------
    track : TrackKey
    rating : float
        0..1.
    theta : float
        Less the mean of its session's plays, in sd of a 10 s mean.
    base, expected : float
        What is expected of a track that nobody knows, and of this one, from the other tracks.
    """

    track: TrackKey
    rating: float
    theta: float
    base: float
    expected: float


def evaluate_enjoyment(folders: Sequence[Path], *, seed: int = 0) -> dict[str, Any]:
    """Predict each track's ratings from the others', without and with EEG.

    Parameters
    ----------
    folders : sequence of Path
        Session folders of one person.
    seed : int
        Of the shuffles.

    Returns
    -------
    dict
        ``tracks, ratings, correlation, correlation_no_eeg, gain, p, shuffled`` as ``attune evaluate
        enjoyment --json`` prints them; `shuffled` is the mean correlation with EEG of the same
        analysis where ratings were dealt out to other tracks.

    Raises
    ------
    InputError
        If a folder cannot be read, or there are fewer than `MIN_TRACKS` rated tracks.
    """
    lessons, record, at = [], ListenerRecord(), 0.0
    for _, lesson, listener, _ in listen_to(folders):
        lessons.append(lesson)
        record, at = listener.record, max(at, lesson.at)
    rows = rated(lessons, record, at)
    tracks = len({one.track for one in rows})
    if tracks < MIN_TRACKS:
        raise InputError(
            f"{counted(tracks, 'rated track')} with half a minute of clean EEG in "
            f"{counted(len(lessons), 'session')}; at least {MIN_TRACKS} are needed to tell "
            "anything: record more sessions."
        )
    return {"tracks": tracks, "ratings": len(rows), **worth(rows, seed=seed)}


def rated(lessons: Sequence[Lesson], record: ListenerRecord, at: float) -> tuple[Rated, ...]:
    """Collect the rated plays of sessions with what was expected of them without their track."""
    out: list[Rated] = []
    expected: dict[TrackKey, tuple[float, float]] = {}
    for lesson in lessons:
        plays = [one for one in lesson.plays if one.theta.tells]
        if not plays:
            continue
        freedom = sum(one.theta.n - 1 for one in plays)
        sd = math.sqrt(sum(one.theta.ss for one in plays) / freedom)
        middle = float(np.mean([one.theta.db for one in plays]))
        for one in plays:
            track = lesson.tracks[one.place]
            key = track_key(track)
            if key not in expected:
                expected[key] = _expected(record, track, at)
            assert one.theta.rating is not None
            theta = (one.theta.db - middle) / sd if sd > 0.0 else 0.0
            out.append(Rated(key, one.theta.rating, theta, *expected[key]))
    return tuple(out)


def _expected(record: ListenerRecord, track: Track, at: float) -> tuple[float, float]:
    """What is expected of a track nobody knows and of this one, had its own never been said."""
    key = track_key(track)
    others = ListenerRecord(
        names=record.names,
        events=tuple(one for one in record.events if one.track != key),
        familiar=record.familiar,
        intake=record.intake,
        genres=record.genres,
        era=record.era,
    )
    unknown, this = expect(others, [Track(Path("unknown"), "", "", 1.0), track], at)
    return unknown.mean, this.mean


def worth(rows: Sequence[Rated], *, seed: int) -> dict[str, float]:
    """Tell correlations, gain, its p over tracks, and the label-shuffled control."""
    names = sorted({one.track for one in rows})
    group = np.array([names.index(one.track) for one in rows])
    rating, theta, base, expected = np.array(
        [(one.rating, one.theta, one.base, one.expected) for one in rows]
    ).T
    without = float(_correlation(expected - base, rating - base)[0])
    with_eeg = float(_with_eeg(theta, rating, base, expected, group)[0])
    rng = np.random.default_rng(seed)
    deals = np.array([rng.permutation(len(names)) for _ in range(N_SHUFFLED)])
    by_theta = _with_eeg(_dealt(theta, group, deals), rating, base, expected, group)
    by_label = _with_eeg(theta, _dealt(rating, group, deals), base, base, group)
    p = (1 + int(np.count_nonzero(by_theta >= with_eeg))) / (1 + N_SHUFFLED)
    return {
        "correlation": round(with_eeg, 4),
        "correlation_no_eeg": round(without, 4),
        "gain": round(with_eeg - without, 4),
        "p": round(p, 4),
        "shuffled": round(float(by_label.mean()), 4),
    }


def _dealt(values: Floats, group: Ints, deals: Ints) -> Floats:
    """Give each track the values of another, in turn where that has fewer or more of them.

    Parameters
    ----------
    values : float64 [shape=(n,)]
    group : int64 [shape=(n,)]
        Number of the track.
    deals : int64 [shape=(n_deals, n_tracks)]
        Whose values each track gets.

    Returns
    -------
    float64 [shape=(n_deals, n)]
    """
    members = [np.flatnonzero(group == track) for track in range(deals.shape[1])]
    most = max(one.size for one in members)
    table = np.array([np.resize(one, most) for one in members])
    nth = np.array([np.count_nonzero(group[:k] == track) for k, track in enumerate(group)])
    return np.asarray(values[table[deals[:, group], nth]])


def _with_eeg(theta: Floats, rating: Floats, base: Floats, expected: Floats, group: Ints) -> Floats:
    """Correlation with EEG, each track left out in turn [shape=(n_deals,)].

    The slope is ``sum x u / (sum x^2 + penalty)`` over the other tracks, u what was not expected.
    """
    theta, rating = np.atleast_2d(theta), np.atleast_2d(rating)
    own = np.eye(int(group.max()) + 1)[group]  # [shape=(n, n_tracks)]
    xu, xx = theta * (rating - expected), theta**2
    slope = (xu.sum(axis=1, keepdims=True) - xu @ own) / (
        xx.sum(axis=1, keepdims=True) - xx @ own + _PENALTY
    )
    return _correlation(expected - base + slope[:, group] * theta, rating - base)


def _correlation(predicted: Floats, told: Floats) -> Floats:
    """Pearson's r of each row; 0 where nothing is predicted."""
    one, other = (np.atleast_2d(x) - np.atleast_2d(x).mean(axis=1, keepdims=True)
                  for x in (predicted, told))  # fmt: skip
    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    r = (one * other).sum(axis=1)
    return np.asarray(np.divide(r, size, out=np.zeros(r.size), where=size > 1e-9))
