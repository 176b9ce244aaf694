"""What a session looks like at one moment: frozen, cheap, read by window and command line.

The session makes one a call from what it already holds; whoever draws it never reaches into the
session's threads. No Qt here, and no numpy beyond the arrays of the history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dsp.enjoyment import Enjoyment

PHASES = ("starting", "running", "paused", "stopped", "ended")
SOURCE_STATES = ("none", "connecting", "streaming", "stalled", "lost", "closed")
LAYER_STATES = ("off", "fading in", "on", "fading out")
FOLLOWING_STATES = ("cannot tell", "not following", "following")  # codes 0, 1, 2 in `History`


class TrackingView(Protocol):
    """What is shown of the entrainment estimate; `dsp.tracking.tracker.Tracking` satisfies it."""

    @property
    def state(self) -> str:
        """One of `FOLLOWING_STATES`."""

    @property
    def r(self) -> float:
        """Correlation of the decoded with the heard stimulus, -1..1."""

    @property
    def r_null95(self) -> float:
        """The 95th percentile of the same number where there is no link: its chance level."""

    @property
    def r_low(self) -> float:
        """Lower end of the interval of `r`."""

    @property
    def r_high(self) -> float:
        """Upper end of the interval of `r`."""

    @property
    def p(self) -> float:
        """Probability of an `r` at least as large by chance."""

    @property
    def ever_following(self) -> bool:
        """Whether this session has once, cumulatively, shown following."""

    @property
    def usable(self) -> bool:
        """Whether enough clean seconds stand behind it."""

    @property
    def age_s(self) -> float:
        """Seconds since the newest data it was made from."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not usable, or cannot tell, in words."""


@dataclass(frozen=True)
class TrackView:
    """A track as the screen shows it.

    Attributes
    ----------
    index : int
        Row in the session's table of tracks.
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

    index: int
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
        Position in `FOLLOWING_STATES`.
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
    layer: tuple[Span, ...] = ()
    tracks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A session at one moment.

    Attributes
    ----------
    t : float
        Seconds since the session started.
    phase : str
        One of `PHASES`.
    notice : str
        One sentence about the session as a whole that must be seen, or empty.
    source_state, source_name : str
        `source_state` is one of `SOURCE_STATES`.
    source_notice : str
        Why the source is stalled, lost or closed, one sentence, or empty.
    lost_share : float
        Share of EEG samples lost so far, 0..1.
    simulated : bool
        Whether the voltages come from no person; `listener_notice` is then always shown.
    calibration : str
        ``"stored"`` or ``"none"``.
    target : float
        Enjoyment 0..1 below which the policy thinks of acting.
    eeg_weight : float
        Share the EEG has in the enjoyment estimate, 0..1.
    eeg_may_act : bool
        Whether an action may be taken because of EEG; `eeg_gate` says why not.
    layer_level : float
        0..1 of the ceiling; `layer_db` the same in dB, -inf when off.
    layer_ceiling_db : float
        The locked ceiling on the same scale.
    layer_recipe : str
        What the layer is now, in a few words, e.g. ``"beat-locked sub-bass, 55 Hz"``.
    automation : str
        ``"on"``, ``"hold"`` (asked by the operator) or ``"held: reason"``.
    quality : tuple of (name, grade, word)
        One for each electrode; grade 1 good, 2 fair, 4 poor.
    output_name, output_notice : str
        The notice is empty while the sound comes out of a real device.
    folder, report : Path or None
        Where the records are; the report only after the end.
    """

    t: float
    phase: str
    notice: str = ""
    source_state: str = "connecting"
    source_name: str = ""
    source_notice: str = ""
    lost_share: float = 0.0
    simulated: bool = False
    listener_notice: str = ""
    calibration: str = "none"
    track: TrackView | None = None
    up_next: tuple[TrackView, ...] = ()
    enjoyment: Enjoyment | None = None
    twin: Enjoyment | None = None
    target: float = 0.42
    tracking: TrackingView | None = None
    eeg_weight: float = 0.0
    eeg_may_act: bool = False
    eeg_gate: str = ""
    layer_level: float = 0.0
    layer_db: float = float("-inf")
    layer_ceiling_db: float = -18.0
    layer_state: str = "off"
    layer_recipe: str = ""
    automation: str = "on"
    quality: tuple[tuple[str, int, str], ...] = ()
    decisions: tuple[DecisionLine, ...] = ()
    ratings: tuple[tuple[float, int], ...] = ()
    marks: tuple[float, ...] = ()
    history: History = field(default_factory=History)
    output_name: str = ""
    output_notice: str = ""
    lost_blocks: int = 0
    recording_problem: str = ""
    folder: Path | None = None
    report: Path | None = None
