"""What a session looks like at one moment: frozen, cheap, read by window and command line.

`app.session.told.resolve` makes one from what the session has told of itself; whoever draws it
never reaches into the session's threads. No Qt here, and no numpy beyond the arrays of the history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from devices.sources.source import SourceState
from dsp.enjoyment import Enjoyment
from dsp.sound.heard import NO_PLAY, Play
from dsp.tracking.scores import CANNOT_TELL, FOLLOWING, NOT_FOLLOWING, Tracking, TrackingState
from playlists.tracks import Place

Phase = Literal["starting", "running", "paused", "stopped", "ended"]
LayerState = Literal["off", "fading in", "on", "fading out"]
Stored = Literal["stored", "none"]  #: of a calibration
#: Codes 0, 1, 2 in `History.state`; the lower, the less is claimed.
FOLLOWING_STATES: tuple[TrackingState, ...] = (CANNOT_TELL, NOT_FOLLOWING, FOLLOWING)
NO_EEG = -1  #: stands in `History.state` where there was nothing to tell a state from


@dataclass(frozen=True)
class TrackView:
    """A track as the screen shows it.

    Attributes
    ----------
    place : Place
    title, artist : str
    duration, position : float
        Seconds; position is 0 for a track that waits.
    tempo : float
        Beats a minute, 0 where it is not known surely.
    key : str
        E.g. ``"A minor"``, empty where unknown.
    why : str
        Why it was chosen, one sentence without "Chosen:", or empty.
    mean, sd : float or None
        Expected enjoyment 0..1 before it was heard.
    """

    place: Place
    title: str
    artist: str
    duration: float
    position: float = 0.0
    tempo: float = 0.0
    key: str = ""
    why: str = ""
    mean: float | None = None
    sd: float | None = None


@dataclass(frozen=True)
class ComingView:
    """The track that was drawn and is not heard yet.

    Attributes
    ----------
    track : TrackView
    at_once : bool
        The running track gives way to it; otherwise it follows at its end.
    prepared : bool
        The player has it; until then it is being measured.
    """

    track: TrackView
    at_once: bool
    prepared: bool


@dataclass(frozen=True)
class RatingView:
    """A rating 1..9 at `t` seconds, of the track that was heard then.

    `title` is that of `play`.
    """

    t: float
    given: int
    play: Play
    title: str


@dataclass(frozen=True)
class DecisionLine:
    """One line of the log of what the player did: seconds since the start, and a sentence."""

    t: float
    sentence: str


@dataclass(frozen=True)
class Span:
    """A span of the session in seconds since the start; `end` None while it still lasts."""

    start: float
    end: float | None


def _no_numbers() -> npt.NDArray[np.float64]:
    return np.zeros(0)


def _no_codes() -> npt.NDArray[np.int8]:
    return np.zeros(0, dtype=np.int8)


def _no_flags() -> npt.NDArray[np.bool_]:
    return np.zeros(0, dtype=np.bool_)


@dataclass(frozen=True)
class History:
    """The session so far, one row a second; arrays of equal length, not written to again.

    Attributes
    ----------
    t : float64 [shape=(n,)]
        Seconds since the start.
    mean, sd : float64 [shape=(n,)]
        Enjoyment 0..1; NaN where there was no estimate.
    r, r_null95 : float64 [shape=(n,)]
        Entrainment and its chance level; NaN where there was none.
    state : int8 [shape=(n,)]
        Position in `FOLLOWING_STATES`, or `NO_EEG`.
    usable : bool [shape=(n,)]
        Whether clean and fresh EEG stood behind the enjoyment.
    layer : tuple of Span
        When the low-frequency layer was in.
    tracks : tuple of (float, str)
        When each track began, and its title.
    """

    t: npt.NDArray[np.float64] = field(default_factory=_no_numbers)
    mean: npt.NDArray[np.float64] = field(default_factory=_no_numbers)
    sd: npt.NDArray[np.float64] = field(default_factory=_no_numbers)
    r: npt.NDArray[np.float64] = field(default_factory=_no_numbers)
    r_null95: npt.NDArray[np.float64] = field(default_factory=_no_numbers)
    state: npt.NDArray[np.int8] = field(default_factory=_no_codes)
    usable: npt.NDArray[np.bool_] = field(default_factory=_no_flags)
    layer: tuple[Span, ...] = ()
    tracks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A session at one moment.

    Attributes
    ----------
    t : float
        Seconds since the first sound; what else is a time here has the same zero.
    phase : Phase
        ``"stopped"`` only while the window waits for the end that it asked for.
    instruction : str
        What the client is to do now, while the session calibrates, or empty.
    notice : str
        One sentence about the session as a whole that must be seen, or empty.
    source_state : str
        ``"none"`` where no headset was asked for.
    source_name, source_notice : str
        The notice says why the source is stalled, lost or closed, in one sentence, or is empty.
    left_out : bool
        Somebody let the session go on without EEG.
    sfreq, sfreq_measured : float
        Rate of the EEG as stated, and as measured where that is another, Hz; else 0.
    second_name, second_state, second_notice : str
        The same of the source that is recorded beside it; the name is empty where there is none.
    lost_share : float
        Share of EEG samples lost so far, 0..1.
    simulated : bool
        Whether the voltages come from no person.
    replayed : bool
        Whether the session runs on a recording.
    listener_notice : str
        What must be shown of the source all the time, or empty.
    calibration : Stored
    play : Play
        What is heard; `track` says what that is.
    coming : ComingView or None
        What was drawn and is not heard yet.
    possible_next : tuple of TrackView
        What may be drawn next, the best expected first.
    target : float
        Enjoyment 0..1 below which the policy thinks of acting.
    eeg_weight : float
        Share the EEG has in the enjoyment estimate, 0..1.
    eeg_gate : str
        The one reason that holds now why nothing may be done because of the EEG; empty only where
        something may.
    layer_level : float
        0..1 of the ceiling; `layer_db` the same in dB, -inf when off.
    layer_ceiling_db : float
        The locked ceiling on the same scale.
    layer_recipe : str
        What the layer is now, in a few words, e.g. ``"beat-locked sub-bass, 55 Hz"``.
    layer_off : bool
        Switched off by hand for this session.
    on_hold : bool
        The operator holds the automation.
    quality : tuple of (name, grade, word)
        One for each electrode; grade 1 good, 2 fair, 4 poor.
    output_name, output_notice : str
        The notice is empty while the sound comes out of a real device.
    folder, report : Path or None
        Where the records are; the report only after the end.
    """

    t: float
    phase: Phase
    notice: str = ""
    instruction: str = ""
    source_state: SourceState = "connecting"
    source_name: str = ""
    source_notice: str = ""
    left_out: bool = False
    sfreq: float = 0.0
    sfreq_measured: float = 0.0
    second_name: str = ""
    second_state: SourceState = "none"
    second_notice: str = ""
    lost_share: float = 0.0
    simulated: bool = False
    replayed: bool = False
    listener_notice: str = ""
    calibration: Stored = "none"
    play: Play = NO_PLAY
    track: TrackView | None = None
    coming: ComingView | None = None
    possible_next: tuple[TrackView, ...] = ()
    enjoyment: Enjoyment | None = None
    twin: Enjoyment | None = None
    target: float = 0.42
    tracking: Tracking | None = None
    eeg_weight: float = 0.0
    eeg_gate: str = "the session has not begun"
    layer_level: float = 0.0
    layer_db: float = float("-inf")
    layer_ceiling_db: float = -18.0
    layer_state: LayerState = "off"
    layer_recipe: str = ""
    layer_off: bool = False
    on_hold: bool = False
    quality: tuple[tuple[str, int, str], ...] = ()
    decisions: tuple[DecisionLine, ...] = ()
    ratings: tuple[RatingView, ...] = ()
    marks: tuple[float, ...] = ()
    history: History = field(default_factory=History)
    output_name: str = ""
    output_notice: str = ""
    lost_blocks: int = 0
    recording_problem: str = ""
    folder: Path | None = None
    report: Path | None = None


def where(snapshot: Snapshot) -> tuple[str, ...]:
    """Return where records and report are, a line each, as window and terminal say it."""
    folder = (f"Session: {snapshot.folder}",) if snapshot.folder is not None else ()
    return (*folder, f"Report:  {snapshot.report}") if snapshot.report is not None else folder
