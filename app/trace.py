"""What is logged of a tick, and how it is read back: the same words for session and replay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.loop import LoopEvent, TickResult
from app.policy import Decision
from app.records.jsontext import plain


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
            "track": result.track,
            "pool": result.pool,
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
    """Read the events that a logged tick consumed."""
    return tuple(LoopEvent(e["kind"], e["value"]) for e in row["events"])
