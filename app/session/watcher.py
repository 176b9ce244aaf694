"""Keeps what is to be shown of a session, and freezes it into snapshots."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.loop.decision import Decision
from app.loop.ticks import TickResult
from app.player.contract import PlayerEvent, PlayerStatus
from app.session.snapshot import (
    FOLLOWING_STATES,
    DecisionLine,
    History,
    Snapshot,
    Span,
    TrackView,
)
from app.settings import Settings
from devices.sources.source import SourceEvent, SourceInfo
from dsp.sound.layer import level_db
from playlists.choice import Candidate
from playlists.tracks import PreparedTrack, Track

N_LINES = 200  # decisions kept for the screen; the records keep all


#: Deliberate non-actions that stand on the screen; the records and the report hold all of them.
_SHOWN = ("withheld", "protected")


#: What the player tells that stands there too.
_PLAYER_SHOWN = (
    "track_skipped",
    "decoder_lost",
    "output_lost",
    "output_back",
    "engine_stalled",
    "engine_back",
    "engine_lost",
)


class Watcher:
    """What the session tells of itself; written by its thread, read by any."""

    def __init__(self, tracks: Sequence[Track], settings: Settings) -> None:
        self._tracks, self._settings = tracks, settings
        self._lock = threading.Lock()
        self._shot = Snapshot(
            t=0.0,
            phase="starting",
            target=settings.limits.low,
            layer_ceiling_db=level_db(1.0, sure=True),
        )
        self._start: float | None = None
        self.now = 0.0
        self._rows: list[tuple[float, float, float, float, float, int]] = []
        self._spans: list[Span] = []
        self._marks: list[tuple[float, str]] = []
        self._views: dict[int, TrackView] = {}  # number of the play -> what it is
        self._sure: dict[int, bool] = {}
        self._why: dict[int, str] = {}
        self._layer_target = 0.0
        self._coming = (-1, -1)  # number and place of the newest play that was chosen
        self._n_rows = self._n_lost = 0

    def set(self, **values: Any) -> None:
        """Change fields of the snapshot."""
        with self._lock:
            self._shot = replace(self._shot, **values)

    def begin(self, start: float, info: SourceInfo | None, folder: Path | None) -> None:
        """Start counting time."""
        self._start = self.now = start
        self.set(
            phase="running",
            source_name=info.name if info else "No headset",
            folder=folder,
            listener_notice=(info.notice if info else "") or self._shot.listener_notice,
            simulated=self._shot.simulated or bool(info and info.simulated),
        )

    def playing(self, number: int, place: int, track: PreparedTrack) -> None:
        """Remember what the play `number` is."""
        known = track.track
        sure = track.grid.sure
        self._sure[number] = sure
        self._views[number] = TrackView(
            index=place,
            title=known.title,
            artist=known.artist,
            duration=known.duration,
            tempo=track.grid.tempo if sure else 0.0,
            key=track.key,
            why=self._why.get(number, "first of the playlist" if number == 0 else ""),
        )

    def rated(self, now: float, given: int) -> None:
        """Show a rating."""
        self.set(ratings=(*self._shot.ratings, (self._since(now), given)))

    def marked(self, now: float) -> None:
        """Show a mark."""
        self.set(marks=(*self._shot.marks, self._since(now)))

    def device(self, event: SourceEvent) -> None:
        """Show why a source is not streaming."""
        if event.kind == "state":
            quiet = event.value in ("streaming", "connecting")
            self.set(source_notice="" if quiet else event.text)

    def say(self, sentence: str) -> None:
        """Put a sentence on the list of what the player did."""
        self._line(self.now, sentence)

    def player(self, event: PlayerEvent, now: float) -> None:
        """Show what the player could not do."""
        if event.kind in _PLAYER_SHOWN:
            self._line(now, event.text)

    def decided(self, now: float, decision: Decision, play: int | None) -> None:
        """Show a decision in its own words."""
        if decision.kind != "hold" or decision.code in _SHOWN:
            self._line(now, decision.because)
        if play is not None and decision.target is not None:
            self._why[play] = decision.because
            self._coming = (play, int(decision.target))
        if decision.kind in ("layer_on", "layer_off"):
            self._layer_target = float(decision.target or 0.0)

    def received(self, eeg: npt.NDArray[np.float32]) -> None:
        """Count received and lost rows [shape=(n, n_channels)]."""
        self._n_rows += len(eeg)
        self._n_lost += int(np.isnan(eeg).all(axis=1).sum())
        if self._n_rows:
            self.set(lost_share=self._n_lost / self._n_rows)

    def tick(
        self, result: TickResult, candidates: tuple[Candidate, ...], status: PlayerStatus
    ) -> None:
        """Take the estimates of a second."""
        self.now = result.now
        t, tracking = self._since(result.now), result.tracking
        shown = tracking is not None and math.isfinite(tracking.r)
        state = FOLLOWING_STATES.index(tracking.state) if tracking is not None else 0
        self._rows.append(
            (
                t,
                result.enjoyment.mean,
                result.enjoyment.sd,
                tracking.r if shown and tracking is not None else math.nan,
                tracking.r_null95 if shown and tracking is not None else math.nan,
                state,
            )
        )
        self._follow_layer(t, status.layer_level > 0.0)
        view = self._views.get(result.play)
        if view is not None and (not self._marks or self._marks[-1][1] != view.title):
            self._marks.append((t, view.title))
        rows = np.asarray(self._rows)
        self.set(
            enjoyment=result.enjoyment,
            twin=result.twin,
            tracking=tracking,
            eeg_weight=result.eeg_weight,
            eeg_may_act=not result.gate,
            eeg_gate=result.gate.removesuffix("."),
            quality=result.quality,
            up_next=self._next(candidates, result.play),
            history=History(
                t=rows[:, 0],
                mean=rows[:, 1],
                sd=rows[:, 2],
                r=rows[:, 3],
                r_null95=rows[:, 4],
                state=rows[:, 5].astype(np.int8),
                layer=tuple(self._spans),
                tracks=tuple(self._marks),
            ),
        )

    def snapshot(
        self, status: PlayerStatus | None, state: str | None, at: float | None
    ) -> Snapshot:
        """Freeze the session as it stands; `status` and `state` where it runs."""
        with self._lock:
            shot = self._shot
        if status is None or state is None:
            return shot
        t = self._since(at if at is not None else self.now)
        view = self._views.get(status.play)
        sure = self._sure.get(status.play, False)
        phase = shot.phase
        if phase in ("running", "paused"):
            phase = "paused" if status.paused else "running"
        return replace(
            shot,
            t=t,
            phase=phase,
            source_state=state,
            track=replace(view, position=status.position) if view else None,
            layer_level=status.layer_level,
            layer_state=self._layer_state(status.layer_level),
            layer_db=level_db(status.layer_level, sure=sure),
            layer_ceiling_db=level_db(1.0, sure=sure),
            layer_recipe=("sub-bass on the beat" if sure else "low noise bed") if view else "",
            output_name=status.output,
            output_notice=status.notice,
            lost_blocks=status.lost_blocks,
        )

    def end(self, status: PlayerStatus, report: Path | None, problem: str) -> None:
        """Freeze the last picture."""
        last = self.snapshot(status, "closed", self.now)
        with self._lock:
            self._shot = replace(
                last, phase="ended", report=report, recording_problem=problem, layer_state="off"
            )

    def _since(self, at: float) -> float:
        return at - self._start if self._start is not None else 0.0

    def _line(self, now: float, sentence: str) -> None:
        if sentence:
            line = DecisionLine(self._since(now), sentence)
            self.set(decisions=(*self._shot.decisions, line)[-N_LINES:])

    def _follow_layer(self, t: float, on: bool) -> None:
        is_open = bool(self._spans) and self._spans[-1].end is None
        if on and not is_open:
            self._spans.append(Span(t, None))
        elif is_open and not on:
            self._spans[-1] = Span(self._spans[-1].start, t)

    def _layer_state(self, level: float) -> str:
        if level <= 0.0:
            return "off"
        if self._layer_target <= 0.0:
            return "fading out"
        return "fading in" if level < self._layer_target - 1e-3 else "on"

    def _next(self, candidates: tuple[Candidate, ...], track: int) -> tuple[TrackView, ...]:
        """What comes: the chosen track first, then the likeliest."""
        play, place = self._coming
        chosen = [c for c in candidates if play > track and c.place == place]
        others = sorted((c for c in candidates if c.eligible), key=lambda c: (-c.mean, c.place))
        best = (chosen + others)[:3]
        return tuple(
            TrackView(
                index=c.place,
                title=self._tracks[c.place].title,
                artist=self._tracks[c.place].artist,
                duration=self._tracks[c.place].duration,
                mean=c.mean,
                sd=c.sd,
            )
            for c in best
        )
