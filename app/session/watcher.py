"""Keeps what a session tells of itself while it goes on."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.loop.decision import Decision
from app.loop.ticks import TickResult
from app.player.contract import EventKind, PlayerEvent, PlayerStatus
from app.session.snapshot import FOLLOWING_STATES, NO_EEG, Snapshot, Span, TrackView
from app.session.told import COLUMNS, Seen, Told, resolve, title
from devices.sources.source import SourceEvent, SourceInfo
from dsp.sound.heard import NO_PLAY, Play
from playlists.choice import Candidate
from playlists.tracks import Place, PreparedTrack

_JUMP_S = 1.0  # s from one row to the next of which the rows between were not even marked
N_LINES = 200  # decisions kept for the screen; the records keep all
#: Deliberate non-actions that stand on the screen; the records and the report hold all of them.
_SHOWN = ("withheld", "protected")
#: What the player reports of itself that stands there too.
_TOLD = frozenset[EventKind](
    {
        "track_skipped",
        "decoder_lost",
        "engine_stalled",
        "engine_back",
        "engine_lost",
        "output_lost",
        "output_back",
    }
)


class Watcher:
    """Keeps what the session tells of itself; written by its thread, looked at by any."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._buffer = np.empty((256, COLUMNS))
        self._n_rows = self._n_lost = 0
        self._newest = math.nan  # stamp of the newest row
        self._why: dict[Play, str] = {}
        self._n_rated = 0  # ratings there were when the latest "undo" was asked for

    @property
    def now(self) -> float:
        """The newest tick, LSL seconds."""
        return self._told.now

    def snapshot(self, seen: Seen | None = None) -> Snapshot:
        """How the session stands; from any thread."""
        with self._lock:
            told = self._told
        return resolve(told, seen)

    def set(self, **values: Any) -> None:
        """Change fields of what is told."""
        with self._lock:
            self._told = replace(self._told, **values)

    def begin(
        self,
        start: float,
        info: SourceInfo | None,
        folder: Path | None,
        second: SourceInfo | None = None,
    ) -> None:
        """Start counting time."""
        self.set(
            phase="running",
            start=start,
            now=start,
            source_name=info.name if info else "No headset",
            second_name=second.name if second else "",
            sfreq=info.sfreq if info else 0.0,
            folder=folder,
            listener_notice=(info.notice if info else "") or self._told.listener_notice,
            simulated=self._told.simulated or bool(info and info.simulated),
            replayed=bool(info and info.details.get("recording")),
        )

    def begins(self, play: Play, because: str) -> None:
        """Remember why the session begins with `play`, where the playlist does not say it."""
        self._why[play] = because

    def playing(self, play: Play, place: Place, track: PreparedTrack) -> None:
        """Remember what `play` is, which the player now has."""
        known, sure = track.track, track.grid.sure
        view = TrackView(
            place=place,
            title=known.title,
            artist=known.artist,
            duration=known.duration,
            tempo=track.grid.tempo if sure else 0.0,
            key=track.key,
            why=self._why.get(play, "first of the playlist" if play == 0 else ""),
        )
        self.set(plays={**self._told.plays, play: (view, sure)})

    def asked(self, now: float, kind: str, value: Any) -> None:
        """Show what somebody asked for: a rating 1..9, a mark, a pause, a hold, the layer off."""
        told = self._told
        if kind == "rating":
            # Whose it is only the tick knows that takes it.
            self.set(ratings=(*told.ratings, (now, value, NO_PLAY)))
        elif kind == "tap":
            self.say(f"The observer sees {value}.", now)
        elif kind == "mark":
            self.set(marks=(*told.marks, now))
            self.say("Moment marked.", now)
        elif kind == "pause":
            self.say("Paused." if value else "Music goes on.", now)
        elif kind == "hold" and value != told.on_hold:
            self.set(on_hold=value)
            self.say("Automation put on hold." if value else "Automation goes on.", now)
        elif kind == "layer_off":
            self.set(layer_off=value)
        elif kind == "eeg_off":
            self.set(source_notice="", left_out=True)
            self.say("Going on without EEG: ratings and priors alone.", now)
        elif kind == "undo":
            self._n_rated = len(told.ratings)

    def device(self, event: SourceEvent, *, second: bool = False) -> None:
        """Show why a source is not streaming, and what it says of itself."""
        which = "second_notice" if second else "source_notice"
        if event.kind == "state":
            quiet = event.value in ("streaming", "connecting")
            self.set(**{which: "" if quiet else event.text})
        elif event.kind == "rate" and not second:
            self.set(sfreq_measured=float(event.value))
        if event.kind in ("rate", "note"):
            self.say(event.text)

    def say(self, sentence: str, at: float | None = None) -> None:
        """Put a sentence on the list of what the player did."""
        if sentence:
            line = (self._told.now if at is None else at, sentence)
            self.set(lines=(*self._told.lines, line)[-N_LINES:])

    def player(self, event: PlayerEvent, now: float) -> None:
        """Show what the player could not do."""
        if event.kind in _TOLD:
            self.say(event.text, now)

    def decided(self, now: float, decision: Decision, play: Play | None) -> None:
        """Show a decision in its own words."""
        said = decision.cause == "operator" or decision.code in _SHOWN
        if decision.kind != "hold" or said:
            self.say(decision.because, now)
        if play is not None and decision.target is not None:
            self._why[play] = decision.because
        if decision.kind in ("layer_on", "layer_off"):
            self.set(layer_target=float(decision.target or 0.0))

    def received(self, eeg: npt.NDArray[np.float32], times: npt.NDArray[np.float64]) -> None:
        """Count received and lost rows [shape=(n, n_channels)], and those of which none came."""
        if not times.size:
            return
        self._n_rows += len(eeg)
        self._n_lost += int(np.isnan(eeg).all(axis=1).sum())
        steps = np.diff(times, prepend=self._newest)  # of the very first row NaN
        jumped = float(steps[steps > _JUMP_S].sum())
        missing = round(jumped * (self._told.sfreq_measured or self._told.sfreq))
        self._n_rows, self._n_lost = self._n_rows + missing, self._n_lost + missing
        self._newest = float(times[-1])
        self.set(lost_share=self._n_lost / self._n_rows)

    @property
    def lost(self) -> tuple[int, int]:
        """Rows of EEG that there should have been, and how many of them were lost."""
        return self._n_rows, self._n_lost

    def tick(
        self, result: TickResult, candidates: tuple[Candidate, ...], status: PlayerStatus
    ) -> None:
        """Take the estimates of a second."""
        now = result.now
        self._rated(result.play)
        if result.unrated:
            known, n = self._told.ratings, self._n_rated
            self.set(ratings=(*known[: n - 1], *known[n:]))  # the latest before the undo
        self._heard(result)
        self.set(
            now=now,
            tick=result,
            candidates=candidates,
            rows=self._append(result),
            layer=_followed(self._told.layer, now, status.layer_level > 0.0),
        )

    def _rated(self, play: Play) -> None:
        """Give the ratings that were just asked for to the play that is heard, as the loop does."""
        told = self._told
        new = [rating for rating in told.ratings if rating[2] < 0]
        if new and play >= 0:
            known = (rating for rating in told.ratings if rating[2] >= 0)
            self.set(ratings=(*known, *((at, given, play) for at, given, _ in new)))
            for at, given, _ in new:
                self.say(f"Rated {given} of 9: {title(told, play)}.", at)

    def _heard(self, result: TickResult) -> None:
        """Remember which play is heard, and since when."""
        told, play = self._told, result.play
        if play >= 0 and (not told.heard or told.heard[-1][1] != play):
            began = max(told.start or 0.0, result.now - result.position)
            self.set(heard=(*told.heard, (began, play)))
            before = told.tick.coming if told.tick is not None else None
            if before is not None and before.play == play and before.at_once and told.heard:
                self.say(f"Changed to {title(told, play)}.", began)

    def _append(self, result: TickResult) -> npt.NDArray[np.float64]:
        """Return all rows with this second's; those that were handed out are not written again."""
        n, tracking = len(self._told.rows), result.tracking
        if n == len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.empty_like(self._buffer)])
        r, level, state = math.nan, math.nan, NO_EEG
        if tracking is not None:
            state = FOLLOWING_STATES.index(tracking.state)
            if math.isfinite(tracking.r):
                r, level = tracking.r, tracking.r_null95
        joy = result.enjoyment
        self._buffer[n] = (result.now, joy.mean, joy.sd, r, level, state, joy.usable)
        return self._buffer[: n + 1]

    def end(self, seen: Seen, report: Path | None, problem: str, *, asked: bool) -> None:
        """Freeze the last picture; `asked` where somebody stopped it."""
        self.say("Stopped." if asked else "The session ended.")
        self.set(phase="ended", seen=seen, report=report, recording_problem=problem)


def _followed(spans: tuple[Span, ...], now: float, on: bool) -> tuple[Span, ...]:
    """Return the spans of the layer with this second's state."""
    if spans and spans[-1].end is None:
        return spans if on else (*spans[:-1], Span(spans[-1].start, now))
    return (*spans, Span(now, None)) if on else spans
