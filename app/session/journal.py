"""What is recorded of a session, and how a tick is read back: the same words for both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.loop.calibration import Calibration
from app.loop.decision import Decision
from app.loop.ticks import LoopEvent, TickInput, TickResult
from app.player.contract import PlayerStatus
from app.records.jsontext import plain
from app.records.writer import SessionWriter
from devices.timeline import Timeline
from dsp.checks import AttuneError, RecordError
from playlists.tracks import PreparedTrack


def decision_event(now: float, decision: Decision, play: int | None) -> dict[str, Any]:
    """Build the log row of a decision: everything it was made from."""
    row: dict[str, Any] = plain(
        {
            "t": now,
            "kind": "decision",
            "decision": {
                "kind": decision.kind,
                "code": decision.code,
                "target": decision.target,
                "play": play,
                "because": decision.because,
                "cause": decision.cause,
                "propensity": decision.propensity,
                "alternatives": decision.alternatives,
                "numbers": decision.numbers,
            },
        }
    )
    return row


def tick_event(
    result: TickResult,
    *,
    eeg_until: float | None,
    heard_until: float | None,
    events: Iterable[LoopEvent],
    layer_level: float,
) -> dict[str, Any]:
    """Build the log row of a tick: what it consumed, and every estimate that came of it."""
    tracking = result.tracking
    row: dict[str, Any] = plain(
        {
            "t": result.now,
            "kind": "tick",
            "now": result.now,
            "eeg_until": eeg_until,
            "heard_until": heard_until,
            "events": [{"kind": e.kind, "value": e.value} for e in events],
            "track": result.play,
            "pool": result.place,
            "position_s": result.position,
            "enjoyment": result.enjoyment,
            "twin": {
                "mean": result.twin.mean,
                "sd": result.twin.sd,
                "p_low": result.twin.p_low,
            },
            "tracking": tracking,
            "eeg_weight": result.eeg_weight,
            "theta_db": result.theta_db,
            "quality": {name: word for name, _, word in result.quality},
            "layer_level": layer_level,
        }
    )
    return row


def events_of(row: dict[str, Any]) -> tuple[LoopEvent, ...]:
    """Read the events that a logged tick consumed, by their names of today."""
    return tuple(
        LoopEvent("unplayable" if e["kind"] == "skipped" else e["kind"], e["value"])
        for e in row["events"]
    )


class Journal:
    """Everything a session hands to its records; without a root it keeps nothing."""

    def __init__(
        self, root: Path | None, manifest: Mapping[str, Any], calibration: Calibration | None
    ) -> None:
        self._writer = SessionWriter(root, manifest) if root is not None else None
        self._row = 0
        self._eeg_until: float | None = None
        self._heard_until: float | None = None
        if self._writer is not None and calibration is not None:
            try:
                self._writer.keep("calibration.npz", calibration.to_npz())
            except RecordError:
                self._writer.close()
                raise

    @property
    def folder(self) -> Path | None:
        """Where the session is recorded."""
        return self._writer.folder if self._writer else None

    @property
    def problem(self) -> str:
        """Why nothing more is recorded, or empty."""
        return self._writer.problem if self._writer else ""

    def log(self, kind: str, t: float, **values: Any) -> None:
        """Record one event."""
        if self._writer is not None:
            self._writer.event({"t": t, "kind": kind, **values})

    def track(
        self, t: float, number: int, place: int, track: PreparedTrack, prior: tuple[float, float]
    ) -> None:
        """Record that play `number` was asked for, with mean and sd of what is expected of it."""
        known = track.track
        self.log(
            "track",
            t,
            index=number,
            pool=place,
            title=known.title,
            artist=known.artist,
            duration=known.duration,
            prior_mean=prior[0],
            prior_sd=prior[1],
            tempo=track.grid.tempo,
            beats_sure=track.grid.sure,
            lufs=track.lufs,
        )

    def tick(
        self, given: TickInput, result: TickResult, status: PlayerStatus, timeline: Timeline
    ) -> None:
        """Record what a tick consumed and what came of it."""
        if given.eeg_times.size:
            self._eeg_until = float(given.eeg_times[-1])
        if len(given.heard):
            self._heard_until = float(given.heard.times[-1])
        if self._writer is None:
            return
        self._writer.eeg(given.eeg, given.eeg_times)
        self._writer.heard(given.heard)
        first, rows = timeline.since(self._row)
        self._row = first + len(rows)
        self._writer.timeline(rows)
        row = tick_event(
            result,
            eeg_until=self._eeg_until,
            heard_until=self._heard_until,
            events=given.events,
            layer_level=status.layer_level,
        )
        self._writer.event(row)
        if result.decision is not None:
            self._writer.event(decision_event(result.now, result.decision, result.starts))

    def close(self, status: PlayerStatus) -> tuple[Path | None, str]:
        """End the records and write the report.

        Returns
        -------
        report : Path or None
        problem : str
            One sentence where it could not be written, or empty.
        """
        from app.report import write_report  # late: nobody waits for it at the start

        if self._writer is None:
            return None, ""
        self._writer.close(
            {
                "lost_blocks": status.lost_blocks,
                "output": status.output,
                "output_is_null": not status.device_s,  # nobody has heard anything
                "silent_s": status.silent_s,
                "timing_residual": status.timing_residual,
                "latency": status.latency,
            }
        )
        try:
            return write_report(self._writer.folder), ""
        except (AttuneError, OSError) as error:
            return None, f"The report could not be written: {error}"
