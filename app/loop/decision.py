"""One second as the policy sees it, what it remembers, and what it decides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from app.loop.sentences import Code
from dsp.sound.heard import NO_PLAY, Play
from playlists.choice import Candidate
from playlists.tracks import NO_PLACE, Place

Kind = Literal["hold", "layer_on", "layer_off", "change_track", "next_track"]
Cause = Literal["eeg", "rating", "operator", "end", "none"]

PROTECTED, DISLIKED = 0.75, 0.25  # a rating from 7 on protects the track, up to 3 ends it


@dataclass(frozen=True)
class Asked:
    """What a hand asks for.

    `kind`: ``wanted`` (the track at `place`, now), ``next`` or ``skip`` (another track: the
    operator's wish, the client's), ``layer_off`` or ``layer_on`` (for this session), or to take
    something back: ``back`` (a change: back to `place`, and the `rating` that goes with it),
    ``unrated`` (a `rating`, 0..1), ``nothing`` (there is none). `tapped`: the rating is a tap of
    an observer.
    """

    kind: Literal["wanted", "next", "skip", "layer_off", "layer_on", "back", "unrated", "nothing"]
    place: Place = NO_PLACE
    rating: float | None = None
    tapped: bool = False


@dataclass(frozen=True)
class View:
    """What the policy sees of one second; numbers rounded to 1e-6 by the loop.

    Attributes
    ----------
    play : Play
        What is heard (-1: nothing yet).
    position, remaining : float
        Seconds into it and to its end.
    rating : float or None
        The latest 0..1 on this track.
    tapped : bool
        It is not the client's own, an observer saw it.
    protected : bool
        Whether a hand brought this track back.
    cued, changing : bool
        The next track is chosen; one is on its way that ends this one.
    silent, broken_off : bool
        No track is heard, though nobody paused it; for so long that it will not go on.
    stalled : bool
        It is paused because the sound engine does not answer.
    unwatched : float
        Seconds before this one that nobody watched, because the program stood still.
    asked : tuple of Asked
        What a hand asked for since the last tick.
    repeats : tuple of Candidate
        The candidates of a playlist that is too short for anything else.
    because : tuple of str
        What is expected of each track from what, in the order of `titles`.
    """

    now: float
    play: Play
    position: float
    remaining: float
    mean: float
    sd: float
    p_low: float
    usable: bool
    reason: str
    twin_p_low: float
    trust: float
    ever_following: bool
    rating: float | None
    n_ratings: int
    on_hold: bool
    paused: bool
    cued: bool
    changing: bool
    asked: tuple[Asked, ...]
    candidates: tuple[Candidate, ...]
    repeats: tuple[Candidate, ...]
    titles: tuple[str, ...]
    because: tuple[str, ...] = ()
    tapped: bool = False
    protected: bool = False
    silent: bool = False
    broken_off: bool = False
    stalled: bool = False
    unwatched: float = 0.0


@dataclass(frozen=True)
class Decision:
    """What is done and why.

    Attributes
    ----------
    kind : Kind
    code : Code
        Which sentence of `SENTENCES`.
    target : int or float or None
        Position in the playlist of the chosen track, or level of the layer.
    because : str
        One plain sentence.
    cause : Cause
    propensity : float
        Probability with which this was chosen at this moment.
    alternatives : tuple of (str, float)
        What else could have been, with probabilities.
    numbers : dict
        What it was made from.
    passed : tuple of Place
        Tracks that were passed over on the way, where a hand asked for more than one.
    """

    kind: Kind
    code: Code
    target: int | float | None
    because: str
    cause: Cause
    propensity: float
    alternatives: tuple[tuple[str, float], ...] = ()
    numbers: dict[str, Any] = field(default_factory=dict)
    passed: tuple[Place, ...] = ()


@dataclass(frozen=True)
class PolicyState:
    """What the policy remembers from tick to tick."""

    play: Play = NO_PLAY
    layer_since: float | None = None
    layer_decided: Play = NO_PLAY  # for which the layer was decided, yes or no
    layer_off: bool = False  # switched off by hand for this session
    low_layer: float | None = None  # since when the condition has held
    low_change: float | None = None
    recovered: float | None = None
    last_change: float = -math.inf
    eeg_changes: int = 0
    code: Code | None = None
