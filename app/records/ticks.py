"""The ticks of a session as its log tells them: one typed row a second, for whoever reads one.

A number that is not there, or that cannot be (a correlation of 911), is NaN, and of an estimate
with such a number nothing can be told: a report, a picture or a replay never has to ask again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.records.jsontext import get, number, whole
from dsp.sound.heard import Play
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING, NOT_FOLLOWING
from playlists.tracks import Place

STATES = (FOLLOWING, NOT_FOLLOWING, CANNOT_TELL)


@dataclass(frozen=True)
class Tick:
    """One logged tick.

    Attributes
    ----------
    now : float
        LSL seconds.
    play : Play
    place : Place
        What was heard; -1 for none.
    position_s : float
        In that track.
    eeg_until, heard_until : float or None
        Stamps of the newest rows of EEG and of what was heard that went into it.
    events : tuple of dict
        What it consumed; each with a text ``kind``, and a ``value``.
    mean, sd, twin : float
        Enjoyment 0..1 and its standard deviation; the mean without EEG. NaN where not known.
    usable : bool
        Whether the estimate rested on usable EEG.
    state : str
        One of `STATES`, or empty without EEG.
    r, r_null95, residual : float
        Entrainment, its chance level, and what the sound does not explain of it; NaN where not
        known, and wherever `state` is "cannot tell" because one of them cannot be.
    eeg_weight, layer_level : float
        0..1.
    quality : dict
        Electrode -> word.
    impossible : str
        The first number that cannot be, as ``r = 911.6``; empty where all can.
    """

    now: float
    play: Play
    place: Place
    position_s: float
    eeg_until: float | None
    heard_until: float | None
    events: tuple[Mapping[str, Any], ...]
    mean: float
    sd: float
    twin: float
    usable: bool
    state: str
    r: float
    r_null95: float
    residual: float
    eeg_weight: float
    layer_level: float
    quality: Mapping[str, str]
    impossible: str


def read_tick(row: Mapping[str, Any]) -> Tick:
    """Read one logged tick, whatever stands in it.

    Parameters
    ----------
    row : dict
        An event of kind "tick" with a finite ``t``, as `SessionReader.events` gives it.
    """
    odd: list[str] = []

    def within(low: float, high: float, *path: str) -> float:
        value, found = get(row, *path), number(row, *path)
        if value is None or low <= found <= high:
            return found
        odd.append(f"{path[-1]} = {str(value)[:20]}")
        return math.nan

    now = number(row, "now")
    mean, sd = within(0.0, 1.0, "enjoyment", "mean"), within(0.0, 1.0, "enjoyment", "sd")
    twin = within(0.0, 1.0, "twin", "mean")
    weight, layer = within(0.0, 1.0, "eeg_weight"), within(0.0, 1.0, "layer_level")
    usable = get(row, "enjoyment", "usable") is True and not odd
    n_odd = len(odd)
    r, null95 = within(-1.0, 1.0, "tracking", "r"), within(0.0, 1.0, "tracking", "r_null95")
    residual = within(-2.0, 2.0, "tracking", "residual")
    state = "" if row.get("tracking") is None else str(get(row, "tracking", "state"))
    if state and state not in STATES:
        odd.append(f"state = {state[:20]}")
    if state in (FOLLOWING, NOT_FOLLOWING) and not math.isfinite(r + null95):
        odd.append(f"{state} without r or its chance level")
    if len(odd) > n_odd:
        state, r, null95, residual = CANNOT_TELL, math.nan, math.nan, math.nan
    events, quality = row.get("events"), row.get("quality")
    eeg, heard = number(row, "eeg_until"), number(row, "heard_until")
    return Tick(
        now=now if math.isfinite(now) else number(row, "t"),
        play=Play(whole(row, "track")),
        place=Place(whole(row, "pool")),
        position_s=number(row, "position_s"),
        eeg_until=eeg if math.isfinite(eeg) else None,
        heard_until=heard if math.isfinite(heard) else None,
        events=tuple(e for e in events if isinstance(get(e, "kind"), str))
        if isinstance(events, list)
        else (),
        mean=mean,
        sd=sd,
        twin=twin,
        usable=usable,
        state=state,
        r=r,
        r_null95=null95,
        residual=residual,
        eeg_weight=weight,
        layer_level=layer,
        quality={str(name): str(word) for name, word in quality.items()}
        if isinstance(quality, Mapping)
        else {},
        impossible=odd[0] if odd else "",
    )


def read_ticks(events: Sequence[Mapping[str, Any]]) -> tuple[tuple[Tick, ...], list[str]]:
    """Read every tick among `events`, in order of time.

    Returns
    -------
    ticks : tuple of Tick
        Those that go forward in time.
    problems : list of str
        In sentences, what was left out or cannot be.
    """
    ticks: list[Tick] = []
    back = impossible = 0
    first = ""
    for tick in (read_tick(event) for event in events if event["kind"] == "tick"):
        if ticks and tick.now <= ticks[-1].now:
            back += 1
            continue
        ticks.append(tick)
        impossible += bool(tick.impossible)
        first = first or tick.impossible
    problems = []
    if back:
        problems.append(f"{back} ticks of events.jsonl step back in time; they were left out.")
    if impossible:
        problems.append(
            f"{impossible} ticks of events.jsonl hold numbers that cannot be, the first {first}; "
            "of such an estimate nothing can be told."
        )
    return tuple(ticks), problems
