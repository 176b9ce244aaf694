"""What a session has told of itself, and the snapshot that follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.loop.ticks import TickResult
from app.player.contract import PlayerStatus
from app.session.snapshot import (
    ComingView,
    DecisionLine,
    History,
    LayerState,
    Phase,
    RatingView,
    Snapshot,
    Span,
    Stored,
    TrackView,
)
from devices.sources.source import SourceState
from dsp.enjoyment import Enjoyment
from dsp.sound.heard import Play
from dsp.sound.layer import level_db
from playlists.choice import Candidate
from playlists.tracks import Track

N_NEXT = 3  # tracks named that may come next

COLUMNS = 7  # of `Told.rows`


@dataclass(frozen=True)
class Seen:
    """How player and sources stand at the moment of looking; `at` in LSL seconds."""

    status: PlayerStatus
    source_state: SourceState
    at: float
    second_state: SourceState = "none"


@dataclass(frozen=True)
class Told:
    """What a session has told of itself so far; every time in LSL seconds.

    Attributes
    ----------
    tracks : tuple of Track
        The playlist, by place.
    start : float or None
        When the first sound was heard, where zero is for all who look.
    now : float
        The newest tick.
    plays : mapping of Play to (TrackView, bool)
        What the player was given, and whether its beats are sure.
    ratings : tuple of (float, int, Play)
        When, 1..9, and what was heard.
    heard : tuple of (float, Play)
        When each play began.
    layer_target : float
        Level 0..1 that the layer is on its way to.
    rows : float64 [shape=(n_ticks, 7)]
        Time, mean, sd, r, r_null95, state and whether EEG was usable.
    seen : Seen or None
        How player and source stood at the end.
    """

    tracks: tuple[Track, ...]
    target: float
    headset: bool = True
    simulated: bool = False
    replayed: bool = False
    calibration: Stored = "none"
    phase: Phase = "starting"
    notice: str = ""
    instruction: str = ""
    listener_notice: str = ""
    source_name: str = ""
    source_notice: str = ""
    left_out: bool = False
    sfreq: float = 0.0
    sfreq_measured: float = 0.0
    second_name: str = ""
    second_notice: str = ""
    recording_problem: str = ""
    lost_share: float = 0.0
    start: float | None = None
    now: float = 0.0
    folder: Path | None = None
    report: Path | None = None
    on_hold: bool = False
    layer_off: bool = False
    layer_target: float = 0.0
    layer: tuple[Span, ...] = ()
    tick: TickResult | None = None
    candidates: tuple[Candidate, ...] = ()
    plays: Mapping[Play, tuple[TrackView, bool]] = field(default_factory=dict)
    heard: tuple[tuple[float, Play], ...] = ()
    ratings: tuple[tuple[float, int, Play], ...] = ()
    marks: tuple[float, ...] = ()
    lines: tuple[tuple[float, str], ...] = ()
    rows: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, COLUMNS)))
    seen: Seen | None = None


def resolve(told: Told, seen: Seen | None = None) -> Snapshot:
    """Return what is to be shown of a session; the same from the same, and nothing changes."""
    start = told.start if told.start is not None else told.now
    seen = seen or told.seen
    shot = Snapshot(
        t=max(0.0, (seen.at if seen else told.now) - start),
        phase=told.phase,
        notice=told.notice,
        instruction=told.instruction,
        source_state="connecting" if told.headset else "none",
        source_name=told.source_name,
        source_notice=told.source_notice,
        left_out=told.left_out,
        sfreq=told.sfreq,
        sfreq_measured=told.sfreq_measured,
        second_name=told.second_name,
        second_notice=told.second_notice,
        lost_share=told.lost_share,
        simulated=told.simulated,
        replayed=told.replayed,
        listener_notice=told.listener_notice,
        calibration=told.calibration,
        coming=_coming(told),
        possible_next=_possible(told),
        target=told.target,
        layer_ceiling_db=level_db(1.0, sure=True),
        layer_off=told.layer_off,
        on_hold=told.on_hold,
        decisions=tuple(DecisionLine(at - start, text) for at, text in told.lines),
        ratings=tuple(
            RatingView(at - start, given, play, title(told, play))
            for at, given, play in told.ratings
        ),
        marks=tuple(at - start for at in told.marks),
        history=_history(told, start),
        recording_problem=told.recording_problem,
        folder=told.folder,
        report=told.report,
    )
    if told.tick is not None:
        shot = replace(
            shot,
            enjoyment=_enjoyment(told.tick),
            twin=told.tick.twin,
            tracking=told.tick.tracking,
            eeg_weight=told.tick.eeg_weight,
            eeg_gate=told.tick.gate.removesuffix("."),
            quality=told.tick.quality,
        )
    return _with_player(shot, told, seen) if seen else shot


def _enjoyment(tick: TickResult) -> Enjoyment | None:
    """What there is to show: nothing where no track was heard that could be enjoyed."""
    known = math.isfinite(tick.enjoyment.mean) and tick.play >= 0
    return tick.enjoyment if known else None


def _with_player(shot: Snapshot, told: Told, seen: Seen) -> Snapshot:
    status = seen.status
    view, sure = told.plays.get(status.play, (None, False))
    phase: Phase = told.phase
    if phase == "running" and status.paused:
        phase = "paused"
    return replace(
        shot,
        phase=phase,
        source_state=seen.source_state,
        second_state=seen.second_state,
        play=status.play,
        track=replace(view, position=status.position) if view else None,
        layer_level=status.layer_level,
        layer_state=_layer_state(status.layer_level, told.layer_target),
        layer_db=level_db(status.layer_level, sure=sure),
        layer_ceiling_db=level_db(1.0, sure=sure),
        layer_recipe=("sub-bass on the beat" if sure else "low noise bed") if view else "",
        output_name=status.output,
        output_notice=status.notice,
        lost_blocks=status.lost_blocks,
    )


def _layer_state(level: float, target: float) -> LayerState:
    if level <= 0.0:
        return "off"
    if target <= 0.0:
        return "fading out"
    return "fading in" if level < target - 1e-3 else "on"


def title(told: Told, play: Play) -> str:
    """Return the title of what is played as `play`, empty where the player never had it."""
    return told.plays[play][0].title if play in told.plays else ""


def _candidate_view(told: Told, candidate: Candidate) -> TrackView:
    track = told.tracks[candidate.place]
    return TrackView(
        place=candidate.place,
        title=track.title,
        artist=track.artist,
        duration=track.duration,
        mean=candidate.mean,
        sd=candidate.sd,
    )


def _coming(told: Told) -> ComingView | None:
    coming = told.tick.coming if told.tick is not None else None
    chosen = [c for c in told.candidates if coming is not None and c.place == coming.place]
    if coming is None or not chosen:
        return None
    view = _candidate_view(told, chosen[0])
    return ComingView(view, at_once=coming.at_once, prepared=coming.play in told.plays)


def _possible(told: Told) -> tuple[TrackView, ...]:
    if told.replayed or (told.tick is not None and told.tick.coming is not None):
        return ()
    eligible = sorted((c for c in told.candidates if c.eligible), key=lambda c: (-c.mean, c.place))
    return tuple(_candidate_view(told, c) for c in eligible[:N_NEXT])


def _history(told: Told, start: float) -> History:
    rows = told.rows
    return History(
        t=rows[:, 0] - start,
        mean=rows[:, 1],
        sd=rows[:, 2],
        r=rows[:, 3],
        r_null95=rows[:, 4],
        state=rows[:, 5].astype(np.int8),
        usable=rows[:, 6] > 0.0,
        layer=tuple(
            Span(span.start - start, None if span.end is None else span.end - start)
            for span in told.layer
        ),
        tracks=tuple((at - start, title(told, play)) for at, play in told.heard),
    )
