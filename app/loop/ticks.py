"""What goes into a tick of the loop, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.loop.decision import Decision
from dsp.enjoyment import Enjoyment
from dsp.sound.heard import Heard, Play
from dsp.tracking.tracker import Tracking
from playlists.tracks import Place

EventKind = Literal[
    "rating",
    "tap",
    "next",
    "skip",
    "undo",
    "layer_off",
    "hold",
    "pause",
    "stalled",
    "unplayable",
    "play",
    "wireless",
    "output",
    "rate",
    "eeg_stalled",
    "eeg_off",
    "resumed",
    "wanted",
    "eyes_open",
    "eyes_closed",
]


@dataclass(frozen=True)
class PoolTrack:
    """One track that may be played; they stand in the order of the playlist.

    `because` says what is expected of it from what, half a sentence; empty where nothing is known.
    """

    title: str
    duration: float
    because: str = ""


@dataclass(frozen=True)
class LoopEvent:
    """Something from outside that the loop must know.

    `kind`: ``rating`` and ``tap`` (value 0..1: the client's own, and what an observer saw),
    ``next`` and ``skip`` (the operator's and the client's wish),
    ``undo``, ``layer_off`` (value bool), ``hold`` (value bool), ``pause`` (value bool),
    ``stalled`` (value bool: the sound engine does not answer), ``unplayable`` (value: the play).
    ``wireless`` (value bool: the sound goes out without a wire), ``output`` (value: name of what
    the sound goes to from now on; empty where nobody hears it), ``rate`` (value: Hz at which the
    EEG comes from now on), ``eeg_stalled`` (value bool: the source of EEG sends nothing),
    ``eeg_off`` (the session goes on without EEG), ``resumed`` (the computer stood still, and
    nothing was watched meanwhile).
    ``wanted`` (value: the place of a track that is to be played now), ``eyes_open`` and
    ``eyes_closed`` (value bool: such a minute of a calibration begins or ends).
    In earlier records also ``play`` (value [play, place]): that it was started.
    """

    kind: EventKind
    value: Any = None


@dataclass(frozen=True)
class TickInput:
    """Everything that is new at one whole second.

    Attributes
    ----------
    now : float
        LSL seconds.
    eeg : float32 [shape=(n, n_channels)], microvolt
    eeg_times : float64 [shape=(n,)]
    heard : Heard
    events : tuple of LoopEvent
    """

    now: float
    eeg: npt.NDArray[np.float32]
    eeg_times: npt.NDArray[np.float64]
    heard: Heard
    events: tuple[LoopEvent, ...] = ()


@dataclass(frozen=True)
class Coming:
    """A play that is asked for and not heard yet.

    Attributes
    ----------
    play : Play
    place : Place
    at_once : bool
        Whether it ends what is heard, or waits for its end.
    since : float
        When it was asked for, LSL seconds.
    """

    play: Play
    place: Place
    at_once: bool
    since: float


@dataclass(frozen=True)
class TickResult:
    """What came of it.

    Attributes
    ----------
    eeg_until, heard_until : float or None
        Newest EEG and sound that entered, LSL seconds; None before the first.
    play, place : Play, Place
        What is heard.
    position, duration : float
        Seconds into it, and of the whole track.
    gate : str
        Why nothing may be done because of the EEG now, the one reason that holds, as a sentence;
        empty only where an action might be taken.
    starts : Play or None
        The play that the decision sets going, if it does.
    coming : Coming or None
        What is asked for and not heard yet, this decision included.
    unrated : bool
        Whether a rating was taken back, by itself or with the change that it made.
    untapped : bool
        The same of an observer's tap.
    """

    now: float
    eeg_until: float | None
    heard_until: float | None
    play: Play
    place: Place
    position: float
    duration: float
    enjoyment: Enjoyment
    twin: Enjoyment
    tracking: Tracking | None
    eeg_weight: float
    gate: str
    theta_db: float | None
    quality: tuple[tuple[str, int, str], ...]
    decision: Decision | None
    starts: Play | None
    coming: Coming | None
    unrated: bool = False
    untapped: bool = False
