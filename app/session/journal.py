"""What is recorded of a session, and how a tick is read back: the same words for both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast, get_args

import numpy.typing as npt

from app.loop.calibration import Calibration
from app.loop.decision import Decision
from app.loop.ticks import EventKind, LoopEvent, TickInput, TickResult
from app.player.contract import PlayerStatus
from app.records.jsontext import number, plain
from app.records.sealed import Seal
from app.records.writer import SessionWriter
from devices.timeline import Timeline
from dsp.checks import AttuneError, RecordError
from dsp.sound.heard import Play
from playlists.tracks import Place, PreparedTrack


def decision_event(now: float, decision: Decision, play: Play | None) -> dict[str, Any]:
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
                "passed": decision.passed,
            },
        }
    )
    return row


def tick_event(
    result: TickResult,
    *,
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
            "eeg_until": result.eeg_until,
            "heard_until": result.heard_until,
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
            "gate": result.gate,
            "coming": result.coming,
            "theta_db": result.theta_db,
            "quality": {name: word for name, _, word in result.quality},
            "layer_level": layer_level,
        }
    )
    return row


def events_of(logged: Iterable[Mapping[str, Any]]) -> tuple[LoopEvent, ...]:
    """Read the events that a logged tick consumed, by their names of today.

    Raises
    ------
    RecordError
        If one is none that a loop could have taken.
    """
    return tuple(map(_event, logged))


def _event(logged: Mapping[str, Any]) -> LoopEvent:
    kind, value = logged.get("kind"), logged.get("value")
    kind = "unplayable" if kind == "skipped" else kind
    if kind in ("rating", "tap"):
        fits = 0.0 <= number(logged, "value") <= 1.0
    elif kind == "rate":
        fits = 0.0 < number(logged, "value") <= 1e5
    elif kind in ("unplayable", "wanted"):
        fits = type(value) is int
    elif kind == "output":
        fits = isinstance(value, str)
    elif kind == "play":
        fits = isinstance(value, list) and [type(v) for v in value] == [int, int]
    else:
        fits = kind in get_args(EventKind) and (value is None or isinstance(value, bool))
    if not fits:
        raise RecordError(
            f"the log tells of an event {kind!r} with the value {value!r}; no loop takes such a "
            "one: the folder is damaged."
        )
    return LoopEvent(cast("EventKind", kind), value)


class Journal:
    """Everything a session hands to its records; without a root it keeps nothing.

    Under a `seal` it is encrypted; without EEG (`with_eeg`) where a client did not agree to that.
    """

    def __init__(
        self,
        root: Path | None,
        manifest: Mapping[str, Any],
        calibration: Calibration | None,
        *,
        seal: Seal | None = None,
        with_eeg: bool = True,
    ) -> None:
        self._writer = SessionWriter(root, manifest, seal=seal) if root is not None else None
        self._with_eeg = with_eeg
        self._stopped = False
        self._row = 0
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
        self, t: float, play: Play, place: Place, track: PreparedTrack, prior: tuple[float, float]
    ) -> None:
        """Record that `play` was asked for, with mean and sd of what is expected of it."""
        known = track.track
        self.log(
            "track",
            t,
            index=play,
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
        if self._writer is None:
            return
        self._writer.heard(given.heard)
        first, rows = timeline.since(self._row)
        self._row = first + len(rows)
        self._writer.timeline(rows)
        row = tick_event(result, events=given.events, layer_level=status.layer_level)
        self._writer.event(row)
        if result.decision is not None:
            self._writer.event(decision_event(result.now, result.decision, result.starts))
        if result.unrated:
            self.log("unrated", result.now)
        if result.untapped:
            self.log("untapped", result.now)

    def eeg(self, rows: npt.ArrayLike, times: npt.ArrayLike, *, second: bool = False) -> None:
        """Record what a source sent: every channel, with the times."""
        if self._writer is not None and self._with_eeg:
            self._writer.eeg(rows, times, second=second)

    def rate(self, hz: float, *, second: bool = False) -> None:
        """Record the measured rate of a source."""
        if self._writer is not None:
            self._writer.rate(hz, second=second)

    def stop(self, sentence: str) -> None:
        """Keep nothing that comes from here on, nor a report of what came before."""
        self._stopped = True
        if self._writer is not None:
            self._writer.stop(sentence)

    def close(self, status: PlayerStatus, *, lost: tuple[int, int]) -> tuple[Path | None, str]:
        """End the records and write the report, unless they were stopped.

        Parameters
        ----------
        status : PlayerStatus
        lost : tuple of int
            Rows of EEG that there should have been, and how many of them were lost.

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
                "output_wireless": status.wireless,
                "silent_s": status.silent_s,
                "timing_residual": status.timing_residual,
                "latency": status.latency,
                "eeg_rows": lost[0],
                "eeg_lost": lost[1],
            }
        )
        if self._stopped:
            return None, ""
        try:
            return write_report(self._writer.folder), ""
        except (AttuneError, OSError) as error:
            return None, f"The report could not be written: {error}"
