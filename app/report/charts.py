"""The pictures of a report as SVG text: no script, readable by a screen reader."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from app.report.fields import spans
from app.report.model import UNWATCHED, ReportModel
from app.words import clock
from dsp.grid import Floats
from dsp.intervals import Z90

WIDTH, LEFT, RIGHT = 812, 40, 10
_MOST_POINTS = 900  # more cannot be told apart on paper

#: word -> top and height in a strip 24 high, and fill: told apart by form, so that a second of an
#: hour, half a pixel wide, is read as well as a minute, and without colour.
STATES = {
    "following": (0.0, 24.0, "#00736a"),
    "not following": (12.0, 12.0, "#93a3b2"),
    "cannot tell": (21.0, 3.0, "#15212c"),
}

Scale = Callable[[float], float]


def _time_scale(end: float) -> Scale:
    span = WIDTH - LEFT - RIGHT
    return lambda t: LEFT + span * min(max(t / end, 0.0), 1.0)


def _runs(x: Floats, *ys: Floats) -> list[Floats]:
    """Return indices of the unbroken stretches where all is known, thinned for drawing."""
    known = np.isfinite(x)
    for y in ys:
        known &= np.isfinite(y)
    rows = np.flatnonzero(known)
    if rows.size == 0:
        return []
    torn = (np.diff(rows) > 1) | (np.diff(x[rows]) > UNWATCHED)
    runs = np.split(rows, np.flatnonzero(torn) + 1)
    step = max(1, math.ceil(rows.size / _MOST_POINTS))
    return [np.unique(np.append(run[::step], run[-1])) for run in runs]


def _points(x: Sequence[float], y: Sequence[float]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _line(t: Floats, values: Floats, sx: Scale, sy: Scale, style: str) -> str:
    out = []
    for run in _runs(t, values):
        points = _points([sx(v) for v in t[run]], [sy(v) for v in values[run]])
        out.append(f'<polyline points="{points}" fill="none" stroke-linejoin="round" {style}/>')
    return "".join(out)


def _area(t: Floats, low: Floats, high: Floats, sx: Scale, sy: Scale, style: str) -> str:
    out = []
    for run in _runs(t, low, high):
        xs = [sx(v) for v in t[run]]
        ys = [sy(v) for v in high[run]]
        back = [sy(v) for v in low[run]]
        points = _points(xs + xs[::-1], ys + back[::-1])
        out.append(f'<polygon points="{points}" {style}/>')
    return "".join(out)


def _time_axis(end: float, y: float, sx: Scale) -> str:
    steps = (5, 10, 15, 20, 30, 60, 120, 240, 300, 600, 900, 1800, 3600, 7200, 14400)
    step = next((s for s in steps if end / s <= 8), 28800)
    out = []
    for k in range(int(end / step) + 1):
        t = float(k * step)
        anchor = "start" if k == 0 else "end" if sx(t) > WIDTH - 24 else "middle"
        label = f"{t / 60:.0f} min" if step % 60 == 0 else clock(t)
        out.append(
            f'<text class="axis" x="{sx(t):.1f}" y="{y:.1f}" text-anchor="{anchor}">{label}</text>'
        )
    return "".join(out)


def _svg(height: float, title: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{body}</svg>'
    )


def _fitting(text: str, width: float) -> str:
    """Return `text` cut to `width` pixels at 12 px type; empty if hardly a word would fit."""
    room = int((width - 12) / 6.4)
    if len(text) <= room:
        return text
    return f"{text[: room - 1].rstrip()}…" if room >= 5 else ""


def _pieces(model: ReportModel, y: float, sx: Scale) -> str:
    out = []
    for k, play in enumerate(model.tracks):
        x0, x1 = sx(play.start), sx(play.end)
        width = max(x1 - x0 - 3, 1.0)
        fill = ("#dde5ec", "#e9eff3")[k % 2]
        title = escape(play.title)
        out.append(
            f'<g><title>{title}</title><rect x="{x0 + 1:.1f}" y="{y}" width="{width:.1f}" '
            f'height="25" rx="4" fill="{fill}"/><text class="piece" x="{x0 + 9:.1f}" '
            f'y="{y + 17}">{escape(_fitting(play.title, width))}</text></g>'
        )
    return "".join(out)


def _layer(model: ReportModel, top: float, bottom: float, sx: Scale) -> str:
    out = []
    for a, b in model.layer_spans:
        x, width = sx(a), max(sx(b) - sx(a), 1.0)
        out.append(
            f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{bottom - top}" '
            'fill="#e3e4f8"/>'
        )
        if width > 76:
            out.append(f'<text class="layerword" x="{x + 7:.1f}" y="{bottom - 8}">low sound</text>')
    return "".join(out)


def _marks(model: ReportModel, top: float, bottom: float, sx: Scale) -> str:
    """Numbered flags where the player decided something; they share a row and step aside."""
    out, free = [], -1e9
    for number, act in enumerate(model.acts, start=1):
        x = sx(act.t)
        at = max(x, free)
        out.append(
            f"<g><title>{number}: {escape(act.because)}</title>"
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="#15212c" '
            'stroke-width="1" stroke-dasharray="1.5 3"/>'
        )
        if at < WIDTH - 10:  # a crowded hour has more decisions than there is room for numbers
            free = at + 19
            out.append(
                f'<circle cx="{at:.1f}" cy="{top - 4}" r="8.5" fill="#15212c"/>'
                f'<text class="mark" x="{at:.1f}" y="{top}">{number}</text>'
            )
        out.append("</g>")
    return "".join(out)


def _ratings(model: ReportModel, sx: Scale, sy: Scale) -> str:
    out = []
    for rating in model.ratings:
        x, y = sx(rating.t), sy(rating.value)
        label = y - 13 if rating.value < 0.93 else y + 23
        out.append(
            f'<path d="M{x:.1f} {y - 9:.1f} l9 9 l-9 9 l-9 -9 z" fill="#15212c" stroke="#fff" '
            f'stroke-width="2"/><text class="given" x="{x:.1f}" y="{label:.1f}">'
            f"{rating.given}</text>"
        )
    return "".join(out)


def enjoyment_chart(model: ReportModel) -> str:
    """Estimated enjoyment with its band, own ratings, low sound, decisions and pieces."""
    top, bottom, curve = 26.0, 266.0, model.curve
    sx = _time_scale(max(model.duration_s, 1.0))

    def sy(value: float) -> float:
        return bottom - (bottom - top) * min(max(value, 0.0), 1.0)

    parts = [_layer(model, top, bottom, sx)]
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = sy(level)
        kind = "base" if level == 0 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text class="axis" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">'
            f"{100 * level:.0f}</text>"
        )
    low, high = curve.mean - Z90 * curve.sd, curve.mean + Z90 * curve.sd
    fill = 'fill="#9c6300" fill-opacity="0.15"'
    parts.append(_area(curve.t, low, high, sx, sy, fill))
    if model.truth.size:
        style = 'stroke="#15212c" stroke-width="1.6" stroke-dasharray="6 4"'
        parts.append(_line(model.truth[:, 0], model.truth[:, 1], sx, sy, style))
        parts.append(_line(curve.t, curve.twin, sx, sy, 'stroke="#56687b" stroke-width="1.2"'))
    parts.append(_line(curve.t, curve.mean, sx, sy, 'stroke="#9c6300" stroke-width="2.6"'))
    parts.append(_marks(model, top, bottom, sx))
    parts.append(_ratings(model, sx, sy))
    parts.append(_pieces(model, bottom + 10, sx))
    parts.append(_time_axis(max(model.duration_s, 1.0), bottom + 54, sx))
    return _svg(bottom + 62, "Estimated enjoyment over the session, 0 to 100", "".join(parts))


def _state_strip(model: ReportModel, y: float, sx: Scale) -> str:
    out = []
    runs = spans(model.curve.state, model.curve.t, model.duration_s, longest=UNWATCHED)
    for a, b, state in runs:
        if state not in STATES:
            continue
        top, height, fill = STATES[state]
        x, width = sx(a), max(sx(b) - sx(a), 0.5)
        word = state if width > 7 * len(state) + 10 else ""
        inside = state == "following"
        out.append(
            f'<g><title>{state}, {clock(a)} to {clock(b)}</title><rect x="{x:.1f}" '
            f'y="{y + top:.1f}" width="{width:.1f}" height="{height}" fill="{fill}"/>'
            f'<text x="{x + 8:.1f}" y="{y + (16 if inside else 10)}" font-size="12" '
            f'fill="{"#fff" if inside else "#15212c"}">{word}</text></g>'
        )
    return "".join(out)


def entrainment_chart(model: ReportModel) -> str:
    """Correlation of brain signals and music beside its chance level, and the state in words."""
    top, bottom, curve = 12.0, 152.0, model.curve
    sx = _time_scale(max(model.duration_s, 1.0))
    known = np.concatenate([curve.r, curve.r_null95])
    known = known[np.isfinite(known)]
    # A correlation lies from -1 to 1, and so does its axis (`app.records.ticks` sees to the first).
    low = max(-1.0, min(-0.02, float(known.min()) * 1.1)) if known.size else -0.02
    high = min(1.0, max(0.1, float(known.max()) * 1.1)) if known.size else 0.1
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / s <= 6 or s == 0.5)

    def sy(value: float) -> float:
        return bottom - (bottom - top) * (min(max(value, low), high) - low) / (high - low)

    parts = []
    for k in range(math.ceil(low / step), math.floor(high / step) + 1):
        y = sy(k * step)
        kind = "base" if k == 0 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{k * step:.2f}</text>"
        )
    floor = np.full(curve.t.size, low)
    parts.append(_area(curve.t, floor, curve.r_null95, sx, sy, 'fill="#e9eef3"'))
    style = 'stroke="#56687b" stroke-width="1.4" stroke-dasharray="5 4"'
    parts.append(_line(curve.t, curve.r_null95, sx, sy, style))
    parts.append(_line(curve.t, curve.r, sx, sy, 'stroke="#00736a" stroke-width="2.2"'))
    parts.append(_state_strip(model, bottom + 10, sx))
    parts.append(_time_axis(max(model.duration_s, 1.0), bottom + 52, sx))
    title = "Correlation of brain signals with the music, beside its chance level"
    return _svg(bottom + 60, title, "".join(parts))
