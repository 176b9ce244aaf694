"""What a report says, as plain numbers: no HTML here.

`build_model` reads the events of a session folder, whole or cut, and never the signals: an hour
of ticks is read in some tens of milliseconds. Times are seconds since the start of the session.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from app.records.jsontext import get, number, share, whole
from app.records.reader import SessionReader
from app.records.ticks import Tick
from app.report.closing import STEPS, Closing, Moment, loop_closing
from app.report.devices import Away, away
from app.report.fields import Event, of_kind, spans
from app.words import rating_given
from dsp.checks import LONGEST_SENTENCE, foreign_text
from dsp.grid import Floats
from dsp.intervals import Z90

LAYER_HEARD = 0.02  #: level of the low layer below which it counts as off
UNWATCHED = 2.5  #: s after a tick from which on nothing is known of the brain signals
HAPPENINGS = ("device", "player", "note", "error", "resumed")
DOINGS = (
    "next", "skip", "undo", "pause", "resume", "hold", "layer_off", "mark", "rating", "tap",
    "eeg_off", "stop",
)  # fmt: skip
_DAY = 86400.0  # s; what is more is a damaged clock
_DIGITS = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Curve:
    """One row a second; NaN where nothing is known.

    Attributes
    ----------
    t, mean, sd, twin, r, r_null95, residual, weight, layer : float64 [shape=(n,)]
        Seconds; enjoyment 0..1 and its standard deviation; the same without EEG; entrainment,
        its chance level, and what the sound does not explain of it; weight of the EEG 0..1; level
        of the low layer 0..1.
    state : tuple of str
        ``"following"``, ``"not following"``, ``"cannot tell"`` or ``""``.
    usable : bool [shape=(n,)]
        Whether the estimate rested on usable EEG.
    """

    t: Floats
    mean: Floats
    sd: Floats
    twin: Floats
    r: Floats
    r_null95: Floats
    residual: Floats
    weight: Floats
    layer: Floats
    state: tuple[str, ...]
    usable: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TrackPlay:
    """One piece that was played, from `start` to `end`; numbers 0..1, NaN where not known."""

    play: int
    title: str
    artist: str
    start: float
    end: float
    prior_mean: float
    prior_sd: float
    last_mean: float
    last_sd: float
    ratings: tuple[int, ...]


@dataclass(frozen=True)
class Rating:
    """One own rating: `value` 0..1, `given` as it was given (1-9)."""

    t: float
    value: float
    given: int


@dataclass(frozen=True)
class Act:
    """Something that the player decided, other than to leave things as they are."""

    t: float
    kind: str
    because: str
    cause: str
    propensity: float


@dataclass(frozen=True)
class Doing:
    """Something that a person did: one of `DOINGS`, with the value it was logged with."""

    t: float
    kind: str
    value: Any


@dataclass(frozen=True)
class ReportModel:
    """Everything that is on a report.

    Attributes
    ----------
    listened_s, usable_s, layer_s : float
        Seconds with music; with most electrodes good; with the low layer.
    truth : float64 [shape=(n, 2)]
        Time and hidden enjoyment of a simulated listener; empty for people.
    truth_inside : float
        Share of seconds in which the hidden enjoyment lay inside the band; NaN without truth.
    quality : dict
        Electrode -> seconds per quality word.
    happenings : tuple of (t, text)
        What devices and sound reported in words.
    doings : tuple of Doing
        What listener and operator did.
    away : tuple of (begin, end)
        When the headset was lost; the end is None where it did not come back.
    """

    manifest: Mapping[str, Any]
    folder: str
    duration_s: float
    listened_s: float
    curve: Curve
    tracks: tuple[TrackPlay, ...]
    ratings: tuple[Rating, ...]
    acts: tuple[Act, ...]
    holds: int
    hold_reasons: tuple[tuple[str, int], ...]
    closing: Closing
    usable_s: float
    eeg_s: float
    layer_s: float
    layer_spans: tuple[tuple[float, float], ...]
    truth: Floats
    truth_inside: float
    quality: Mapping[str, Mapping[str, int]]
    happenings: tuple[tuple[float, str], ...]
    doings: tuple[Doing, ...]
    away: tuple[Away, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def notice(self) -> str:
        """The sentence that every record of this session must show, or empty."""
        source = self.manifest.get("source")
        own = self.manifest.get("notice")
        return str(own or (source.get("notice") if isinstance(source, Mapping) else "") or "")

    @property
    def simulated(self) -> bool:
        """Whether the brain signals do not come from a person."""
        source = self.manifest.get("source")
        flagged = bool(source.get("simulated")) if isinstance(source, Mapping) else False
        return flagged or bool(self.manifest.get("listener"))

    @property
    def recording(self) -> bool:
        """Whether the session ran on a recording."""
        return bool(get(self.manifest, "source", "details", "recording"))

    @property
    def estimate_span(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """First and last usable estimate as (mean, sd); None where EEG was never usable."""
        rows = np.flatnonzero(self.curve.usable & np.isfinite(self.curve.mean))
        if rows.size == 0:
            return None
        mean, sd, first, last = self.curve.mean, self.curve.sd, rows[0], rows[-1]
        return (float(mean[first]), float(sd[first])), (float(mean[last]), float(sd[last]))


def _curve(ticks: Sequence[Tick], start: float) -> Curve:
    def column(name: str) -> Floats:
        return np.array([getattr(tick, name) for tick in ticks], dtype=np.float64)

    return Curve(
        t=column("now") - start,
        mean=column("mean"),
        sd=column("sd"),
        twin=column("twin"),
        r=column("r"),
        r_null95=column("r_null95"),
        residual=column("residual"),
        weight=column("eeg_weight"),
        layer=column("layer_level"),
        state=tuple(tick.state for tick in ticks),
        usable=np.array([tick.usable for tick in ticks], dtype=bool),
    )


def _moments(events: Sequence[Event], ticks: Sequence[Tick], start: float) -> Iterator[Moment]:
    """Yield every tick with what was expected of its track and done because of the EEG."""
    priors = {whole(e, "index"): share(e, "prior_mean") for e in of_kind(events, "track")}
    acts = {
        number(e, "t"): str(get(e, "decision", "kind"))
        for e in of_kind(events, "decision")
        if get(e, "decision", "cause") == "eeg" and get(e, "decision", "kind") in STEPS
    }
    for tick in ticks:
        prior, act = priors.get(tick.play, math.nan), acts.get(tick.now, "")
        yield Moment(tick.now - start, tick.play, tick.mean, tick.twin, prior, act)


def _tracks(
    events: Sequence[Event],
    ticks: Sequence[Tick],
    curve: Curve,
    ratings: Sequence[Rating],
    *,
    start: float,
    end: float,
) -> tuple[TrackPlay, ...]:
    told = {whole(row, "index"): row for row in of_kind(events, "track")}
    # A track is announced when it is cued; it begins with the first tick that heard it.
    plays = []
    for begin, finish, play in spans([tick.play for tick in ticks], curve.t, end):
        if play < 0:
            continue
        row = told.get(play, {})
        inside = np.flatnonzero((curve.t >= begin) & (curve.t < finish) & np.isfinite(curve.mean))
        last = inside[-1] if inside.size else None
        plays.append(
            TrackPlay(
                play=play,
                title=foreign_text(str(row.get("title") or "")) or "untitled",
                artist=foreign_text(str(row.get("artist") or "")),
                start=begin,
                end=max(finish, begin),
                prior_mean=share(row, "prior_mean"),
                prior_sd=share(row, "prior_sd"),
                last_mean=math.nan if last is None else float(curve.mean[last]),
                last_sd=math.nan if last is None else float(curve.sd[last]),
                ratings=tuple(
                    r.given for r in ratings if begin <= r.t < finish or r.t == finish == end
                ),
            )
        )
    return tuple(plays)


def _ratings(events: Sequence[Event], start: float) -> tuple[Rating, ...]:
    """Return the ratings that nobody took back."""
    out: list[Rating] = []
    n_before = 0  # how many there were when the latest "undo" was asked for
    for event in events:
        if event["kind"] == "undo":
            n_before = len(out)
        elif event["kind"] == "unrated":
            del out[max(0, n_before - 1) : n_before]
        value, given = share(event, "value"), number(event, "given")
        if event["kind"] == "rating" and math.isfinite(value):
            shown = round(given) if 1 <= given <= 9 else rating_given(value)
            out.append(Rating(number(event, "t") - start, value, shown))
    return tuple(out)


def _sentence(value: Any) -> str:
    """Return a sentence of the log, in which titles of others stand."""
    return foreign_text(str(value or ""), longest=LONGEST_SENTENCE)


def _acts(events: Sequence[Event], start: float) -> tuple[tuple[Act, ...], Counter[str]]:
    acts, holds = [], Counter[str]()
    for event in of_kind(events, "decision"):
        kind = str(get(event, "decision", "kind") or "")
        because = _sentence(get(event, "decision", "because"))
        withheld = get(event, "decision", "code") == "withheld"  # by lot: an action not taken
        if kind in ("", "hold") and not withheld:
            holds[_DIGITS.sub("…", because)] += 1  # the same reason with other numbers
            continue
        cause = str(get(event, "decision", "cause") or "")
        propensity = share(event, "decision", "propensity")
        kind = "withheld" if withheld else kind
        acts.append(Act(number(event, "t") - start, kind, because, cause, propensity))
    return tuple(acts), holds


def _quality(ticks: Sequence[Tick]) -> tuple[dict[str, Counter[str]], int, int]:
    """Seconds per electrode and word; seconds with EEG; seconds with most electrodes good.

    Seconds without a tick were not watched: a gap in every electrode.
    """
    electrodes: dict[str, Counter[str]] = {}
    eeg_s = usable_s = 0
    before = ticks[0].now if ticks else 0.0
    for tick in ticks:
        words = tick.quality
        missing = round(min(tick.now - before, _DAY)) - 1
        before = tick.now
        if missing > UNWATCHED - 1.0 and tick.state:
            eeg_s += missing
            for name in words or electrodes:
                electrodes.setdefault(name, Counter())["gap"] += missing
        eeg_s += bool(words)
        usable_s += 2 * sum(word == "good" for word in words.values()) > len(words)
        for name, word in words.items():
            electrodes.setdefault(name, Counter())[word] += 1
    return electrodes, eeg_s, usable_s


def _doings(events: Sequence[Event], start: float) -> tuple[Doing, ...]:
    keys = {"rating": "given", "tap": "given", "stop": "asked"}
    return tuple(
        Doing(number(e, "t") - start, e["kind"], e.get(keys.get(e["kind"], "value")))
        for e in events
        if e["kind"] in DOINGS
    )


def _happenings(events: Sequence[Event], start: float) -> tuple[tuple[float, str], ...]:
    out = []
    for event in events:
        kind, t = event.get("kind"), number(event, "t")
        if not math.isfinite(t) or kind not in HAPPENINGS:
            continue
        said = _sentence(event.get("text"))
        if not said and kind in ("device", "player"):
            what, value = event.get("event") or kind, event.get("state", event.get("value"))
            if str(what).startswith("track_"):
                continue  # the table of pieces says so already
            said = f"{what} {'' if value is None else value}".replace("_", " ").strip()
        out.append((t - start, said or str(kind)))
    # A hole is told when it is over, with the time at which it began.
    return tuple(sorted(out, key=lambda happening: happening[0]))


def _paused_s(events: Sequence[Event], end: float) -> float:
    total, since = 0.0, math.nan
    for event in events:
        if event.get("kind") == "pause" and math.isnan(since):
            since = number(event, "t")
        elif event.get("kind") == "resume" and not math.isnan(since):
            total, since = total + number(event, "t") - since, math.nan
    return total if math.isnan(since) else total + end - since


def build_model(reader: SessionReader) -> ReportModel:
    """Read what a report needs from the session of `reader`."""
    events = reader.events()
    ticks = reader.ticks()
    times = [number(e, "t") for e in events if math.isfinite(number(e, "t"))]
    # Zero is the first sound, as on screen; a folder that does not say begins with its first tick.
    first = min((tick.now for tick in ticks), default=min(times, default=0.0))
    start = number(reader.manifest, "start")
    start = start if first - 60.0 < start <= first else first
    end = max(times, default=start)
    curve, ratings = _curve(ticks, start), _ratings(events, start)
    acts, holds = _acts(events, start)
    electrodes, eeg_s, usable_s = _quality(ticks)
    truth = np.array(
        [(number(e, "t") - start, share(e, "enjoyment")) for e in of_kind(events, "truth")]
    ).reshape(-1, 2)
    inside = math.nan
    known = np.isfinite(curve.mean) & np.isfinite(curve.sd)
    if truth.size and known.any():
        hidden = np.interp(curve.t[known], truth[:, 0], truth[:, 1])
        inside = float(np.mean(np.abs(hidden - curve.mean[known]) <= Z90 * curve.sd[known]))
    layer = spans(list(curve.layer > LAYER_HEARD), curve.t, end - start)
    layer_spans = tuple((a, b) for a, b, on in layer if on)
    tracks = _tracks(events, ticks, curve, ratings, start=start, end=end - start)
    heard_s = end - start - (tracks[0].start if tracks else 0.0)
    return ReportModel(
        manifest=reader.manifest,
        folder=reader.folder.name,
        duration_s=end - start,
        listened_s=max(0.0, heard_s - _paused_s(events, end)) if tracks else 0.0,
        curve=curve,
        tracks=tracks,
        ratings=ratings,
        acts=acts,
        holds=sum(holds.values()),
        hold_reasons=tuple(holds.most_common(3)),
        closing=loop_closing(_moments(events, ticks, start)),
        usable_s=float(usable_s),
        eeg_s=float(eeg_s),
        layer_s=float(sum(b - a for a, b in layer_spans)),
        layer_spans=layer_spans,
        truth=truth,
        truth_inside=inside,
        quality=electrodes,
        happenings=_happenings(events, start),
        doings=_doings(events, start),
        away=away(events, start),
        problems=tuple(reader.problems),
    )
