"""What the screen says, as plain functions of a snapshot: no Qt, so that each can be read alone.

No word claims more than the numbers: an estimate is called one, and where it cannot be told, that
is what is said.
"""

from __future__ import annotations

import math

from app.session.snapshot import Snapshot, TrackingView, TrackView
from app.words import clock as clock
from app.words import percent as percent
from dsp.enjoyment import Enjoyment

MINUS = "\N{MINUS SIGN}"
SYMBOLS = {"following": "●", "not following": "○", "cannot tell": "?"}
GRADES = {1: "good", 2: "fair", 4: "poor"}
SOURCE_WORDS = {
    "none": "no headset",
    "connecting": "connecting",
    "streaming": "streaming",
    "stalled": "stalled, no data",
    "lost": "lost, reconnect it",
    "closed": "closed",
}


def ago(seconds: float) -> str:
    """Return how long ago in words, e.g. ``"2 min ago"``."""
    if seconds < 60:
        return f"{max(0, int(seconds))} s ago"
    return f"{int(seconds // 60)} min ago"


def number(value: float, digits: int = 2) -> str:
    """Return a number with a real minus sign."""
    return f"{value:.{digits}f}".replace("-", MINUS)


def level_db(db: float) -> str:
    """Return a level, ``"−∞ dB"`` for silence."""
    return f"{number(db, 0)} dB" if math.isfinite(db) else f"{MINUS}∞ dB"


def sentence(text: str) -> str:
    """Return `text` with a capital first letter and one full stop."""
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def enjoyment_word(estimate: Enjoyment | None, target: float) -> tuple[str, str]:
    """Return symbol and words of the enjoyment estimate against the target."""
    if estimate is None:
        return "…", "waiting for data"
    if not estimate.usable:
        return "◇", "held"
    # Above or below is said only where two thirds of the probability lie on that side.
    if estimate.mean - target > 0.43 * estimate.sd:
        return "▲", "above target"
    if target - estimate.mean > 0.43 * estimate.sd:
        return "▼", "below target"
    return "◆", "close to target"


def eeg_weight(snapshot: Snapshot) -> str:
    """Return how much the EEG counts in the estimate, and whether it may act."""
    share = percent(snapshot.eeg_weight)
    return f"EEG counts {share} · {'may act' if snapshot.eeg_may_act else 'may not act yet'}"


def enjoyment_note(snapshot: Snapshot) -> str:
    """Return why it is held or the EEG may not act, or how probable it is that enjoyment is low."""
    if snapshot.enjoyment is None:
        return "no estimate yet"
    if not snapshot.enjoyment.usable:
        return (snapshot.enjoyment.reasons or ("no usable EEG",))[0]
    if not snapshot.eeg_may_act and snapshot.eeg_gate:
        return snapshot.eeg_gate
    p_low = snapshot.enjoyment.p_low
    under = percent(p_low) if 0.01 <= p_low <= 0.99 else "< 1 %" if p_low < 0.5 else "> 99 %"
    return f"under {round(100 * snapshot.target)} with probability {under}"


def tracking_word(tracking: TrackingView | None) -> tuple[str, str]:
    """Return symbol and words of the entrainment state."""
    if tracking is None:
        return "…", "waiting for data"
    return SYMBOLS.get(tracking.state, "?"), tracking.state


def tracking_note(tracking: TrackingView | None) -> str:
    """Return the line under the entrainment state: the reason, or what has been shown so far."""
    if tracking is None:
        return "no estimate yet"
    if tracking.reasons:
        return tracking.reasons[0]
    if tracking.state == "following":
        return "more than chance explains"
    if tracking.ever_following:
        return "followed earlier in this session"
    return "no more than chance explains"


def chance(tracking: TrackingView | None) -> str:
    """Return the chance level in words."""
    if tracking is None or not math.isfinite(tracking.r_null95):
        return "chance level not known yet"
    return f"chance level {number(tracking.r_null95)} (95 %)"


def layer_word(snapshot: Snapshot) -> str:
    """Return the state of the low-frequency layer."""
    return {
        "off": "Off, ready",
        "fading in": "Fading in",
        "on": "On",
        "fading out": "Fading out",
    }.get(snapshot.layer_state, snapshot.layer_state)


def automation(snapshot: Snapshot) -> str:
    """Return what the automation does."""
    if snapshot.automation == "on":
        return "Automation on"
    if snapshot.automation == "hold":
        return "Automation on hold"
    return f"Automation {snapshot.automation}"


def automation_short(snapshot: Snapshot) -> str:
    """Return the same without the reason."""
    return automation(snapshot).split(":")[0]


def expected(track: TrackView) -> str:
    """Return the expected enjoyment of a track."""
    if track.mean is None or track.sd is None:
        return "expected: not known"
    return f"expected {round(100 * track.mean)} ± {round(100 * track.sd)}"


def character(track: TrackView) -> str:
    """Return tempo and key as far as they are known."""
    parts = [f"{track.tempo:.0f} bpm"] if track.tempo > 0 else ["tempo not sure"]
    return " · ".join([*parts, track.key] if track.key else parts)


def recording(snapshot: Snapshot) -> str:
    """Return the word of the recording chip."""
    if snapshot.phase == "starting":
        return "Starting"
    if snapshot.phase in ("stopped", "ended"):
        return "Stopped"
    if snapshot.recording_problem:
        return "Not recording"
    return "Paused, recording" if snapshot.phase == "paused" else "Recording"


def notices(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return what must be seen now, as (severity, sentence); the simulated listener first."""
    out: list[tuple[str, str]] = []
    if snapshot.simulated:
        text = snapshot.listener_notice or "Simulated listener: these voltages come from no person."
        out.append(("info", text))
    if snapshot.recording_problem:
        out.append(("error", snapshot.recording_problem))
    if snapshot.source_state in ("stalled", "lost") and snapshot.phase in ("running", "paused"):
        fallback = f"No EEG from {snapshot.source_name or 'the source'}; the music goes on."
        out.append(("error", snapshot.source_notice or fallback))
    if snapshot.output_notice:
        out.append(("warning", snapshot.output_notice))
    if snapshot.notice and snapshot.notice not in [text for _, text in out]:
        out.append(("warning", snapshot.notice))
    return [(severity, sentence(text)) for severity, text in out]
