"""What the screen says, as plain functions of a snapshot: no Qt, so that each can be read alone.

No word claims more than the numbers: an estimate is called one, and where it cannot be told, that
is what is said.
"""

from __future__ import annotations

import math

from app.session.snapshot import ComingView, RatingView, Snapshot, TrackView
from app.words import of_100, percent
from devices.sources.source import RATE_SHOWN, SourceInfo
from dsp.enjoyment import Enjoyment
from dsp.tracking.scores import Tracking

MINUS = "\N{MINUS SIGN}"
SYMBOLS = {"following": "●", "not following": "○", "cannot tell": "?"}
SOURCE_WORDS = {
    "connecting": "connecting",
    "streaming": "streaming",
    "stalled": "stalled, no data",
    "lost": "lost, trying again",
    "closed": "closed",
    "none": "No headset",
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


def enjoyment_word(snapshot: Snapshot) -> tuple[str, str]:
    """Return symbol and words of the enjoyment estimate against the target."""
    estimate, target = snapshot.enjoyment, snapshot.target
    if estimate is None:
        return ("?", "cannot tell") if snapshot.replayed else ("…", "waiting for data")
    if snapshot.source_state == "none":
        return "◇", "without EEG"
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
    if snapshot.source_state == "none":
        return "EEG does not count"
    may = "may not act" if snapshot.eeg_gate else "may act"
    return f"EEG counts {percent(snapshot.eeg_weight)} · {may}"


def enjoyment_note(snapshot: Snapshot) -> str:
    """Return the reason why the EEG may not act, or how probable it is that enjoyment is low."""
    if snapshot.eeg_gate:
        return snapshot.eeg_gate
    if snapshot.enjoyment is None:
        return "no estimate yet"
    p_low = snapshot.enjoyment.p_low
    under = percent(p_low) if 0.01 <= p_low <= 0.99 else "< 1 %" if p_low < 0.5 else "> 99 %"
    return f"under {100 * snapshot.target:.0f} with probability {under}"


def estimate_word(snapshot: Snapshot, estimate: Enjoyment | Tracking | None) -> str:
    """Return the word beside an estimate: how old it is where it is not of this moment."""
    if snapshot.source_state == "none":
        return "from ratings" if estimate is not None else ""
    if estimate is None or estimate.usable:
        return "estimate"
    aged = math.isfinite(estimate.age_s) and estimate.age_s >= 1.0
    return f"held, {estimate.age_s:.0f} s old" if aged else "estimate, held"


def tracking_word(snapshot: Snapshot) -> tuple[str, str]:
    """Return symbol and words of the entrainment state."""
    if snapshot.source_state == "none":
        return "–", "EEG left out" if snapshot.left_out else "no headset"
    if snapshot.tracking is None:
        return "…", "waiting for data"
    return SYMBOLS[snapshot.tracking.state], snapshot.tracking.state


def tracking_note(snapshot: Snapshot) -> str:
    """Return the line under the entrainment state: the reason, or what the state rests on."""
    tracking = snapshot.tracking
    if snapshot.source_state == "none":
        return "nothing to compare with the music"
    if tracking is None:
        return "no estimate yet"
    if tracking.reasons:
        return tracking.reasons[0]
    if tracking.state == "following":
        return "more than chance explains"
    return f"an answer would have shown ({percent(tracking.power)})"


def chance(snapshot: Snapshot) -> str:
    """Return the chance level in words."""
    tracking = snapshot.tracking
    if snapshot.source_state == "none":
        return ""
    if tracking is None or not math.isfinite(tracking.r_null95):
        return "chance level not known yet"
    return f"chance level {number(tracking.r_null95)} (95 %)"


def layer_word(snapshot: Snapshot) -> str:
    """Return the state of the low-frequency layer."""
    if snapshot.layer_off and snapshot.layer_state == "off":
        return "Off for this session"
    return {
        "off": "Off, ready",
        "fading in": "Fading in",
        "on": "On",
        "fading out": "Fading out",
    }[snapshot.layer_state]


def automation(snapshot: Snapshot) -> str:
    """Return what the automation does."""
    if snapshot.replayed:
        return "Automation off"
    return "Automation on hold" if snapshot.on_hold else "Automation on"


def next_word(snapshot: Snapshot) -> str:
    """Return what the tracks named under the running one are."""
    coming = snapshot.coming
    if coming is None:
        return "Possible next"
    if coming.at_once:
        return "Changing to"
    return "Up next"


def coming_note(coming: ComingView) -> str:
    """Return what is done about the track that was drawn, or what is expected of it."""
    if not coming.prepared:
        return "being prepared"
    return "about to be heard" if coming.at_once else expected(coming.track)


def source_word(snapshot: Snapshot) -> str:
    """Return the state of the source."""
    if snapshot.left_out:
        return "EEG left out"
    return SOURCE_WORDS[snapshot.source_state]


def source_facts(snapshot: Snapshot, info: SourceInfo | None) -> str:
    """Return channels and rate of the EEG; the measured rate first where it is another."""
    if snapshot.source_state == "none" or info is None:
        return ""
    stated, measured = info.sfreq, snapshot.sfreq_measured
    rate = f"{stated:.0f} Hz"
    if measured and abs(measured / stated - 1.0) > RATE_SHOWN:
        rate = f"{measured:.1f} Hz, stated {stated:.0f}"
    return f"{len(info.ch_names)} ch  {rate}"


def about_sources(snapshot: Snapshot) -> str:
    """Return what the sources are and how they stand, in sentences."""
    if snapshot.left_out:
        return f"{snapshot.source_name} was left out: this session goes on without EEG"
    if snapshot.source_state == "none":
        said = "This session has no headset"
    else:
        name = snapshot.source_name or "EEG source"
        said = f"{name}: {source_word(snapshot)}. {snapshot.source_notice}".strip()
    if not snapshot.second_name:
        return said
    second = SOURCE_WORDS[snapshot.second_state]
    return f"{said}\nRecorded beside it: {snapshot.second_name}, {second}"


def is_dead(snapshot: Snapshot) -> bool:
    """Whether what is shown of the source is no longer so."""
    return snapshot.source_state in ("stalled", "lost", "closed")


def rated(snapshot: Snapshot) -> RatingView | None:
    """Return the latest rating of what is heard, if there is one."""
    of_this = [rating for rating in snapshot.ratings if rating.play == snapshot.play]
    return of_this[-1] if of_this else None


def rated_word(snapshot: Snapshot) -> str:
    """Return the latest rating of this track and its age, or that there is none."""
    rating = rated(snapshot)
    if rating is not None:
        return f"{rating.given}, {ago(snapshot.t - rating.t)}"
    return "this track: none" if snapshot.ratings else "none yet"


def possible(snapshot: Snapshot) -> frozenset[str]:
    """Return the actions that can be done now; the others are greyed, and their keys do nothing."""
    if snapshot.phase not in ("running", "paused"):
        return frozenset()
    always = {"pause", "next", "skip", "undo", "hold", "layer_off", "mark", "rate", "tap"}
    return frozenset(always | ({"without_eeg"} if snapshot.source_state == "lost" else set()))


def expected(track: TrackView) -> str:
    """Return the expected enjoyment of a track."""
    if track.mean is None or track.sd is None:
        return "expected: not known"
    return f"expected {of_100(track.mean, track.sd)}"


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


def badge(snapshot: Snapshot) -> str:
    """Return what stands beside the program's name: that this is no live person; or nothing."""
    parts = ["Recording replayed"] if snapshot.replayed else []
    parts += ["simulated listener"] if snapshot.simulated else []
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def notices(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return what must be seen now, as (severity, sentence); what the client is to do first."""
    out: list[tuple[str, str]] = []
    if snapshot.instruction and snapshot.phase in ("running", "paused"):
        out.append(("info", snapshot.instruction))
    if snapshot.simulated or snapshot.listener_notice:
        text = snapshot.listener_notice or "Simulated listener: these voltages come from no person."
        out.append(("info", text))
    if snapshot.recording_problem:
        out.append(("error", snapshot.recording_problem))
    if snapshot.source_state in ("stalled", "lost") and snapshot.phase in ("running", "paused"):
        fallback = f"No EEG from {snapshot.source_name or 'the source'}; the music goes on."
        out.append(("error", snapshot.source_notice or fallback))
    if snapshot.second_state in ("stalled", "lost") and snapshot.phase in ("running", "paused"):
        fallback = f"Nothing comes from {snapshot.second_name}; the EEG goes on."
        out.append(("warning", snapshot.second_notice or fallback))
    if snapshot.output_notice:
        out.append(("warning", snapshot.output_notice))
    if snapshot.notice and snapshot.notice not in [text for _, text in out]:
        out.append(("warning", snapshot.notice))
    return [(severity, sentence(text)) for severity, text in out]
