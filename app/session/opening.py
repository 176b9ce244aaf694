"""From a player that stands to the first sound: the zero of all times of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass

import numpy as np

from app.loop.loop import Loop
from app.player.contract import PlayerEvent
from app.session.plan import Plan
from app.session.rig import Rig
from app.session.upcoming import Due, Upcoming
from app.settings import Settings
from app.words import of_100
from dsp.checks import DeviceError, InputError
from dsp.sound.heard import Play
from playlists.choice import Candidate, choose
from playlists.tracks import Place, PreparedTrack

_SOUND_S = 30.0  # s that a measured track may take until it is heard
_POLL_S = 0.02


@dataclass(frozen=True)
class FirstSound:
    """The first track that could be played.

    Attributes
    ----------
    at : float
        LSL second at which it is heard.
    handed_over : tuple of (Due, PreparedTrack, float)
        What the player was given, and when: one that ended before it was heard, and then another.
    news : tuple of PlayerEvent
        What the player told meanwhile.
    problems : tuple of str
        Why tracks before it could not be given to the player.
    """

    at: float
    handed_over: tuple[tuple[Due, PreparedTrack, float], ...] = ()
    news: tuple[PlayerEvent, ...] = ()
    problems: tuple[str, ...] = ()


def opening_order(
    expected: Sequence[tuple[float, float]], n: int, *, seed: int, greedy: bool
) -> tuple[Place, ...]:
    """Return the `n` places in the order in which they may begin the session.

    That of the playlist; where something is expected of its tracks (mean and sd, 0..1), one that is
    drawn as every next track is comes first.
    """
    places = tuple(map(Place, range(n)))
    if not expected:
        return places
    pool = [Candidate(place, *expected[place]) for place in places]
    drawn = choose(pool, rng=np.random.default_rng([seed, 1]), greedy=greedy).place
    return (drawn, *(place for place in places if place != drawn))


def begins_with(expected: tuple[float, float], because: str) -> str:
    """Say why a session begins with a track of which this (mean, sd) is expected.

    Examples
    --------
    >>> begins_with((0.66, 0.12), "on the intake list")
    'Begins the session: expected 66 ± 12 (1 sd; on the intake list).'
    """
    known = f"; {because}" if because else ""
    return f"Begins the session: expected {of_100(*expected)} (1 sd{known})."


def first_sound(
    rig: Rig,
    loop: Loop,
    upcoming: Upcoming,
    places: Sequence[Place],
    plan: Plan,
    settings: Settings,
    stopped: Callable[[], bool],
) -> FirstSound:
    """Start the first of `places` that can be played, and wait until it is heard.

    Raises
    ------
    InputError
        If none can be played, or `stopped` says so.
    DeviceError
        If the sound engine ends, or plays nothing.
    """
    handed_over: list[tuple[Due, PreparedTrack, float]] = []
    news: list[PlayerEvent] = []
    problems: list[str] = []
    for place in places:
        measured = upcoming.measure(place)
        while not wait([measured], _POLL_S).done:
            _go_on(not stopped())
        error = measured.exception()
        if error is not None:
            problems.append(str(error))
            continue
        at = rig.now()
        due = Due(loop.first(place, now=at), place, True, measured)
        liking = plan.liking_of(place)
        track = due.hand_over(rig.player, liking=liking, fade=settings.timing.fade)
        handed_over.append((due, track, at))
        heard = _heard_at(rig, due.play, news, stopped)
        if heard is not None:
            return FirstSound(heard, tuple(handed_over), tuple(news), tuple(problems))
    reason = (*problems, *(event.text for event in news if event.kind == "track_skipped"))[0]
    raise InputError(f"no track of {plan.playlist} can be played: {reason}")


def _go_on(further: bool) -> None:
    if not further:
        raise InputError("The session was stopped before it began.")


def _heard_at(
    rig: Rig, play: Play, news: list[PlayerEvent], stopped: Callable[[], bool]
) -> float | None:
    """Wait until `play` is heard; None if the player cannot play it."""
    until = rig.now() + _SOUND_S
    while rig.now() < until:
        _go_on(rig.wait(rig.now() + _POLL_S, lambda: not stopped()))
        told = rig.player.events()
        news += told
        for event in told:
            if event.kind == "engine_lost":
                raise DeviceError(event.text)
            if event.kind == "track_skipped" and event.value == play:
                return None
            if event.kind == "track_started" and event.value == play:
                return event.time
    raise DeviceError(
        f"No sound began within {_SOUND_S:g} s; the computer may be too busy: end other programs "
        "and start again."
    )
