"""Plain sentences about a session, made from its numbers alone.

They say "after", never "because of"; a fall is said as plainly as a rise.
"""

from __future__ import annotations

import math

import numpy as np

from app.report.closing import Closing
from app.report.model import Doing, ReportModel
from app.words import of_100, percent
from dsp.intervals import Z90
from playlists.listener_record import FACES

_DONE = {
    "next": (
        "next piece",
        "The operator went on to the next piece; it says nothing of the one that was left.",
        "operator",
    ),
    # Older programs logged the operator's next so, too.
    "skip": ("next piece", "Another piece was wished for.", "wish"),
    "undo": ("taken back", "The latest automatic change or rating was taken back.", "operator"),
    "pause": ("pause", "The music was paused.", "operator"),
    "resume": ("pause", "The music went on.", "operator"),
    "mark": ("mark", "This moment was marked.", "operator"),
    "eeg_off": (
        "without EEG",
        "The session went on without EEG, with ratings and expectations alone.",
        "operator",
    ),
}
_SMALL = "no one two three four five six seven eight nine ten eleven twelve".split()


def count(n: int, one: str, many: str) -> str:
    """Return ``one piece``, ``seven pieces``, ``13 pieces``."""
    word = _SMALL[n] if 0 <= n < len(_SMALL) else str(n)
    return f"{word} {one if n == 1 else many}"


def minutes(seconds: float) -> str:
    """Return a length of time in words fit for a sentence."""
    if seconds < 90:
        return count(round(seconds), "second", "seconds")
    whole = round(seconds / 60)
    if seconds < 600 and abs(seconds / 60 - whole) > 0.1:
        return f"{seconds / 60:.1f} minutes"
    return count(whole, "minute", "minutes")


def doing(done: Doing) -> tuple[str, str, str]:
    """Return what a person did: in a word, in a sentence, and who it was."""
    off = done.value is False  # taken back; early sessions logged no value with it
    if done.kind == "hold":
        said = "The automation may act again." if off else "The automation was put on hold."
        return "automation", said, "operator"
    if done.kind == "layer_off":
        again, out = "The low sound was allowed again.", "The low sound was taken out."
        return "low sound", again if off else out, "operator"
    if done.kind == "rating":
        given = done.value if isinstance(done.value, int | float) else math.nan
        said = f"Rated {given:.0f} of 9." if 1 <= given <= 9 else "A rating was given."
        return "rating", said, "listener"
    if done.kind == "tap":
        face = done.value if done.value in FACES else "a face"
        return "observer", f"The observer saw {face}.", "observer"
    if done.kind == "stop":
        if off:
            return "end", "The time was over.", ""
        return "end", "The session was stopped.", "operator"
    return _DONE[done.kind]


def _rating_sentence(model: ReportModel) -> str:
    given = [rating.given for rating in model.ratings]
    if not given:
        return "No ratings were given."
    whose = "The" if model.simulated else "Your own"
    if len(given) == 1:
        return f"{whose} one rating was {given[0]} of 9."
    if given[0] == given[-1]:
        return f"{whose} ratings began and ended at {given[0]} of 9."
    return f"{whose} ratings went from {given[0]} to {given[-1]} of 9."


def _estimate_sentence(model: ReportModel) -> str:
    span = model.estimate_span
    if span is None:
        if model.eeg_s == 0:
            return "No brain signals were recorded, so there is no estimate from them."
        return "The brain signals could not be used, so nothing was estimated from them."
    (first, _), (last, sd) = span
    values = f"from {of_100(first)} to {of_100(last)} of 100 (± {of_100(sd)}, 1 sd)"
    doubt = ", too little to be sure of" if abs(last - first) < Z90 * sd else ""
    if abs(last - first) < 0.03:
        return f"The estimated enjoyment stayed near {of_100(last)} of 100 (± {of_100(sd)}, 1 sd)."
    word = "rose" if last > first else "fell"
    return f"The estimated enjoyment {word} {values}{doubt}."


def _story_sentence(model: ReportModel) -> str:
    closing = model.closing
    if closing.change is None:
        return ""
    before = [play for play in model.tracks if play.start < closing.change - 0.5]
    after = [play for play in model.tracks if play.start >= closing.change - 2.0]
    old = f"“{before[-1].title}”" if before else "the first piece"
    new = f"“{after[0].title}”" if after else "another piece"
    quiet = "some quiet low sound and " if closing.layer_on is not None else ""
    end = "the estimate rose" if closing.rise is not None else "the estimate did not rise"
    return f"{old} seemed to do less; after {quiet}a change to {new} {end}."


def summary(model: ReportModel) -> list[str]:
    """Two to four plain sentences about the session."""
    who = "The simulated listener heard" if model.simulated else "You listened to"
    n = len({piece.play for piece in model.tracks})
    if n == 0:
        return ["No piece was played.", _rating_sentence(model)]
    pieces = f"{who} {count(n, 'piece', 'pieces')} for {minutes(model.listened_s)}."
    sentences = [pieces, _rating_sentence(model), _estimate_sentence(model)]
    story = _story_sentence(model)
    return [*sentences, story[0].upper() + story[1:]] if story else sentences


def tracking_sentence(model: ReportModel) -> str:
    """Say what can be said about brain signals following the music."""
    states = [state for state in model.curve.state if state]
    if not states:
        return "No brain signals were recorded, so nothing can be said here."
    following = sum(state == "following" for state in states) / len(states)
    if following == 0:
        return (
            "At no time could it be told that the brain signals followed the music. That is "
            "common: the link is weak, and many minutes may be needed to see it."
        )
    best = np.nanmax(model.curve.r) if np.isfinite(model.curve.r).any() else math.nan
    peak = f" (at most r = {best:.2f})" if math.isfinite(best) else ""
    return (
        f"In {percent(following)} of the session the brain signals correlated with the music "
        f"above chance{peak}. Following a piece is not the same as liking it."
    )


def closing_sentence(closing: Closing) -> str:
    """Say whether the loop closed."""
    if closing.closed:
        twin = ""
        if math.isfinite(closing.twin):
            twin = f" A twin of the estimate without EEG stood at {of_100(closing.twin)} then."
        return f"The loop closed: all three steps happened, decided from the EEG.{twin}"
    if closing.layer_on is None and closing.change is None:
        return "The loop did not close: the EEG gave no sure reason to act."
    if closing.change is None:
        return "The loop did not close: the low sound came in, but the track was not changed."
    if closing.rise is None:
        return (
            "The loop did not close: after the change the estimate did not rise above what was "
            "expected of the new piece."
        )
    return "The loop did not close: the track was changed without the low sound before it."
