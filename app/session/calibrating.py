"""A few minutes that teach a person's EEG: step by step, each with its instruction.

Liked and neutral excerpts of the person's own music with a rating each, then a minute with eyes
open and one with eyes closed, without music. It is told each second what is heard and says what
is to be done; the session does that, and whoever shows the session shows the instruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.loop.ticks import EventKind
from playlists.tracks import NO_PLACE, Place

N_EXCERPTS = 4  #: as many rated plays as a baseline of theta needs
EXCERPT, EYES = 55.0, 60.0  #: s
PATIENCE = 20.0  #: s that a rating is waited for, with the music going on
NEUTRAL = 0.45  #: what an unknown track is expected to be enjoyed

Action = tuple[EventKind, Any]


@dataclass(frozen=True)
class Step:
    """One thing to do, for so many seconds; of an excerpt, with which track."""

    kind: Literal["excerpt", "eyes_open", "eyes_closed"]
    seconds: float
    instruction: str
    place: Place = NO_PLACE


def steps(
    expected: Sequence[tuple[float, float]], *, n_tracks: int, first: Place
) -> tuple[Step, ...]:
    """Choose what is played, and say what is to be done.

    Parameters
    ----------
    expected : sequence of (float, float)
        Mean and sd of what is expected of each track; empty where nothing is known.
    n_tracks : int
    first : Place
        What is heard when the calibration begins.

    Examples
    --------
    >>> expected = [(0.9, 0.1), (0.5, 0.2), (0.8, 0.1), (0.3, 0.2)]
    >>> sequence = steps(expected, n_tracks=4, first=Place(0))
    >>> [step.kind for step in sequence]
    ['excerpt', 'excerpt', 'excerpt', 'excerpt', 'eyes_open', 'eyes_closed']
    >>> [step.place for step in sequence[:4]]
    [0, 1, 2, 3]
    """
    mean = [one[0] for one in expected] or [NEUTRAL] * n_tracks
    others = [place for place in range(n_tracks) if place != first]
    liked = sorted(others, key=lambda place: -mean[place])[: N_EXCERPTS // 2 - 1]
    rest = [place for place in others if place not in liked]
    neutral = sorted(rest, key=lambda place: abs(mean[place] - NEUTRAL))[: N_EXCERPTS // 2]
    # Liked and neutral in turn, so that what drifts in a few minutes is in both.
    order = [int(first), *neutral[:1], *liked, *neutral[1:]]
    n = len(order) + 2
    sequence = [
        Step(
            "excerpt",
            EXCERPT,
            f"Step {k} of {n}: sit still and listen. In a minute you will be asked to rate the "
            "piece.",
            Place(place),
        )
        for k, place in enumerate(order, 1)
    ]
    eyes_open = f"Step {n - 1} of {n}: a minute without music. Keep your eyes open and look ahead."
    eyes_closed = f"Step {n} of {n}: one more minute without music. Close your eyes."
    sequence += [Step("eyes_open", EYES, eyes_open), Step("eyes_closed", EYES, eyes_closed)]
    return tuple(sequence)


RATE = "Now rate what you hear, from 1 (not at all) to 9 (very much)."
DONE = "The calibration is over: the session goes on by itself."


class Guide:
    """Goes through the steps of a calibration.

    Parameters
    ----------
    expected : sequence of (float, float)
    n_tracks : int
        0: there are no steps to go through.
    """

    def __init__(self, expected: Sequence[tuple[float, float]], *, n_tracks: int) -> None:
        self._expected, self._n_tracks = expected, n_tracks
        self._steps: tuple[Step, ...] = ()
        self._at = -1  # number of the running step; -1 before the first
        self._since = 0.0  # when it began, of an excerpt when it was heard
        self.rated = False  #: to be set by whoever takes ratings
        self.instruction = ""  #: what is to be shown now

    @property
    def over(self) -> bool:
        """Whether all is done."""
        return not self._n_tracks or self._at >= len(self._steps) > 0

    def tick(self, now: float, place: Place) -> tuple[Action, ...]:
        """Take a second; return what the session is to do.

        Parameters
        ----------
        now : float
            Seconds of any clock.
        place : Place
            What is heard.
        """
        if self.over or place < 0:
            return ()
        if self._at < 0:
            self._steps = steps(self._expected, n_tracks=self._n_tracks, first=place)
            return (("hold", True), *self._begin(0, now, place))
        step = self._steps[self._at]
        if step.kind == "excerpt":
            if self._since < 0.0:  # asked for, and not heard yet
                if place == step.place:
                    self._since = now
                return ()
            waited = now - self._since
            if waited >= step.seconds and not self.rated:
                self.instruction = f"{step.instruction.partition(':')[0]}: {RATE}"
            if waited < step.seconds or not (self.rated or waited >= step.seconds + PATIENCE):
                return ()
            return self._begin(self._at + 1, now, place)
        if now - self._since < step.seconds:
            return ()
        return ((step.kind, False), *self._begin(self._at + 1, now, place))

    def _begin(self, at: int, now: float, place: Place) -> tuple[Action, ...]:
        self._at, self.rated = at, False
        if at >= len(self._steps):
            self.instruction = DONE
            return (("pause", False), ("hold", False))
        step = self._steps[at]
        self.instruction = step.instruction
        if step.kind == "excerpt":
            self._since = now if step.place == place else -1.0
            return () if step.place == place else (("wanted", step.place),)
        self._since = now
        pause: tuple[Action, ...] = (("pause", True),) if step.kind == "eyes_open" else ()
        return (*pause, (step.kind, True))
