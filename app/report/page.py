"""One session as a self-contained HTML page: inline SVG, no script, prints on A4."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from app.report import research
from app.report.charts import STATES, enjoyment_chart, entrainment_chart
from app.report.model import ReportModel
from app.report.style import CSS
from app.report.words import closing_sentence, doing, minutes, summary, tracking_sentence
from app.words import clock, of_100, percent
from dsp.checks import LONGEST_SENTENCE, foreign_text

DISCLAIMER = (
    "The enjoyment curve is an estimate from brain signals and can be wrong; your own ratings come "
    "first. It describes this session only. It is not a diagnosis and does not replace advice from "
    "a doctor or psychotherapist."
)
KINDS = {
    "layer_on": "low sound in",
    "layer_off": "low sound out",
    "change_track": "change of piece",
    "next_track": "next piece",
    "withheld": "low sound withheld",
}
CAUSES = {"eeg": "EEG", "end": "end of piece", "none": ""}


def text(value: Any) -> str:
    """Return `value` as text that is safe inside HTML, whoever wrote it."""
    return escape(foreign_text(str(value), longest=LONGEST_SENTENCE), quote=True)


def table(heads: Iterable[tuple[str, str]], rows: Iterable[Iterable[tuple[str, str]]]) -> str:
    """HTML table; heads and cells are (class, HTML)."""
    head = "".join(f'<th scope="col" class="{kind}">{cell}</th>' for kind, cell in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _when(manifest: Mapping[str, Any], duration: float) -> tuple[str, str]:
    """Return the day and the time of day of the session; `–` where not known."""
    try:
        started = datetime.fromisoformat(str(manifest.get("started")))
    except ValueError:
        return "date not known", f"{minutes(duration)}"
    day = f"{started:%A} {started.day} {started:%B %Y}"
    ended = datetime.fromtimestamp(started.timestamp() + duration, started.tzinfo)
    return day, f"{started:%H:%M} to {ended:%H:%M}"


def _title(model: ReportModel) -> str:
    return "Report on a recording" if model.recording else "Music session report"


def _header(model: ReportModel) -> str:
    day, hours = _when(model.manifest, model.duration_s)
    source = model.manifest.get("source")
    name = source.get("name") if isinstance(source, Mapping) else ""
    client = model.manifest.get("client")
    parts = [f"Client {client}"] if client else []
    subs = "".join(f"<span>{text(part)}</span>" for part in [*parts, day, hours])
    lines = ["Simulated listener"] if model.simulated else []
    lines += [str(name or "No headset")] if name not in lines else []
    right = "<br>".join(text(line) for line in lines)
    return (
        f'<header><div><h1>{_title(model)}</h1><div class="sub">{subs}</div></div>'
        f'<div class="right">{right}</div></header>'
    )


def _notice(model: ReportModel) -> str:
    icon = (
        '<svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true"><path d="M13 3 L24 22 '
        'H2 Z" fill="none" stroke="#9c6300" stroke-width="2.2" stroke-linejoin="round"/><path '
        'd="M13 10v6M13 18.4v.8" stroke="#9c6300" stroke-width="2.4" stroke-linecap="round"/></svg>'
    )
    notice = model.notice
    if model.simulated and not notice:
        notice = "Simulated listener: the brain signals do not come from a person."
    out = f'<div class="notice" role="note">{icon}<span>{text(notice)}</span></div>' * bool(notice)
    if model.problems:
        lines = " ".join(text(problem) for problem in model.problems)
        out += f'<div class="problems" role="note"><strong>Recording.</strong> {lines}</div>'
    return out


def _card(name: str, value: str, foot: str) -> str:
    words = "" if any(c.isdigit() for c in value) else " words"
    return (
        f'<div class="card"><dt>{name}</dt><dd class="big{words}">{value}</dd>'
        f'<dd class="foot">{foot}</dd></div>'
    )


def _cards(model: ReportModel) -> str:
    given = [rating.given for rating in model.ratings]
    whose = "Rating" if model.simulated else "Your rating"
    if len(given) > 1:
        rating = _card(whose, f"{given[0]} → {given[-1]}", "first to last answer, of 9")
    elif given:
        rating = _card(whose, str(given[0]), "one answer, of 9")
    else:
        rating = _card(whose, "none given", "on the scale from 1 to 9")
    span = model.estimate_span
    if span is None:
        estimate = _card("Estimated enjoyment", "no estimate", "no usable brain signals")
    else:
        (first, sd0), (last, sd1) = span
        foot = f"of 100, ± {of_100(sd0)} then ± {of_100(sd1)} (1 sd)"
        estimate = _card("Estimated enjoyment", f"{of_100(first)} → {of_100(last)}", foot)
    if model.eeg_s:
        share = percent(model.usable_s / model.eeg_s)
        foot = f"{clock(model.usable_s)} of {clock(model.eeg_s)} minutes"
        signal = _card("Usable signal", share, foot)
    else:
        signal = _card("Usable signal", "no headset", "nothing was measured")
    if model.layer_s:
        low = _card("Low sound", f"{model.layer_s / 60:.1f} min", "quiet, under the music")
    else:
        low = _card("Low sound", "not used", "")
    return f'<dl class="cards">{rating}{estimate}{signal}{low}</dl>'


def _key(drawing: str, name: str) -> str:
    return (
        f'<li><svg width="24" height="14" viewBox="0 0 24 14" aria-hidden="true">{drawing}</svg>'
        f"{name}</li>"
    )


def _enjoyment(model: ReportModel) -> str:
    keys = [
        _key(
            '<rect y="1" width="24" height="12" fill="#9c6300" fill-opacity=".15"/>'
            '<path d="M0 7h24" stroke="#9c6300" stroke-width="2.8"/>',
            "estimated enjoyment, 90 % band",
        )
    ]
    if model.ratings:
        drawing = '<path d="M12 0l7 7-7 7-7-7z" fill="#15212c"/>'
        keys.append(_key(drawing, "ratings" if model.simulated else "your ratings"))
    if model.layer_spans:
        keys.append(_key('<rect width="24" height="14" fill="#d5d7f3"/>', "low sound on"))
    if model.acts:
        drawing = '<circle cx="12" cy="7" r="7" fill="#15212c"/>'
        keys.append(_key(drawing, "the player acted"))
    caption = ""
    if model.truth.size:
        drawing = '<path d="M0 7h24" stroke="#15212c" stroke-width="1.6" stroke-dasharray="6 4"/>'
        keys.append(_key(drawing, "hidden enjoyment (simulated)"))
        drawing = '<path d="M0 7h24" stroke="#56687b" stroke-width="1.2"/>'
        keys.append(_key(drawing, "twin with EEG disconnected"))
        caption = (
            "<figcaption>The simulated listener has a hidden enjoyment that the estimate never "
            "sees. The twin is the same estimate without EEG: what it shows is expectation and "
            "ratings alone.</figcaption>"
        )
    return (
        '<section><div class="head"><h2>How it went</h2>'
        f'<ul class="legend">{"".join(keys)}</ul></div>'
        f"<figure>{enjoyment_chart(model)}{caption}</figure></section>"
    )


_DONE = (
    '<svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true"><circle cx="11" cy="11" '
    'r="11" fill="#00736a"/><path d="M6 11.5l3.5 3.5L16 7.5" fill="none" stroke="#fff" '
    'stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)
_MISSING = (
    '<svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true"><circle cx="11" cy="11" '
    'r="10" fill="none" stroke="#56687b" stroke-width="1.6" stroke-dasharray="3 3"/>'
    '<path d="M7 11h8" stroke="#56687b" stroke-width="2" stroke-linecap="round"/></svg>'
)


def _closing(model: ReportModel) -> str:
    closing = model.closing
    above = f"to {of_100(closing.mean)}, above the {of_100(closing.prior)} that was expected"
    steps = (
        ("Low sound came in", closing.layer_on, "because the estimate stayed low"),
        ("The piece was changed", closing.change, "because that did not help"),
        ("The estimate rose", closing.rise, above),
    )
    items = "".join(
        f"<li>{_DONE}<strong>{name}</strong><span>at {clock(t)}, {why}</span></li>"
        if t is not None
        else f'<li class="missing">{_MISSING}<strong>{name}</strong>'
        "<span>did not happen</span></li>"
        for name, t, why in steps
    )
    return (
        "<section><h2>Did the loop close?</h2>"
        f'<p class="verdict">{text(closing_sentence(closing))}</p>'
        f'<ol class="steps">{items}</ol></section>'
    )


def _entrainment(model: ReportModel) -> str:
    if not any(model.curve.state):
        return ""
    keys = [
        _key('<path d="M0 7h24" stroke="#00736a" stroke-width="2.6"/>', "correlation r"),
        _key(
            '<rect y="7" width="24" height="7" fill="#e9eef3"/><path d="M0 7h24" stroke="#56687b" '
            'stroke-width="1.4" stroke-dasharray="5 4"/>',
            "chance level (95 % of chance lies below)",
        ),
        *(
            _key(f'<rect y="{y / 2 + 1}" width="24" height="{h / 2}" fill="{fill}"/>', state)
            for state, (y, h, fill) in STATES.items()
        ),
    ]
    return (
        '<section><div class="head"><h2>Brain signals and the music</h2>'
        f'<ul class="legend">{"".join(keys)}</ul></div><p>{text(tracking_sentence(model))}</p>'
        f"<figure>{entrainment_chart(model)}</figure></section>"
    )


def _decisions(model: ReportModel) -> str:
    acts = [
        (
            act.t,
            f'<span class="badge">{number}</span>{clock(act.t)}',
            KINDS.get(act.kind, act.kind),
            act.because,
            CAUSES.get(act.cause, act.cause),
            f"{act.propensity:.2f}" if math.isfinite(act.propensity) else "–",
        )
        for number, act in enumerate(model.acts, start=1)
    ]
    doings = [(done.t, clock(done.t), *doing(done), "–") for done in model.doings]
    rows = [
        (
            ("t", when),
            ("", f'<span class="kind">{text(what)}</span>'),
            ("", text(why)),
            ("", text(who)),
            ("n", propensity),
        )
        for _, when, what, why, who, propensity in sorted([*acts, *doings], key=lambda row: row[0])
    ]
    heads = (("", "Time"), ("", "What"), ("", "Why"), ("", "Cause"), ("n", "Propensity"))
    body = "" if acts else "<p>The player changed nothing of its own accord.</p>"
    if rows:
        body += table(heads, rows)
    if acts:
        body += '<p class="note">± is one standard deviation (1 sd), of 100.</p>'
    if model.holds:
        often = "; ".join(f"“{text(why)}” ({n}×)" for why, n in model.hold_reasons if why)
        said = f" Most often: {often}." if often else ""
        times = f"{model.holds} times" if model.holds > 1 else "Once"
        body += f'<p class="note">{times} it noted why it left things as they were.{said}</p>'
    return f"<section><h2>What the player did and why</h2>{body}</section>"


def _tracks(model: ReportModel) -> str:
    rows = [
        (
            ("t", f"{clock(play.start)} – {clock(play.end)}"),
            ("", f"{text(play.title)}<small>{text(play.artist)}</small>"),
            ("n", of_100(play.prior_mean, play.prior_sd)),
            ("n", of_100(play.last_mean, play.last_sd)),
            ("n", ", ".join(str(given) for given in play.ratings) or "–"),
        )
        for play in model.tracks
    ]
    whose = "Rating" if model.simulated else "Your rating"
    numbers = (("n", "Expected ± 1 sd"), ("n", "Estimate at its end ± 1 sd"), ("n", whose))
    heads = (("", "Time"), ("", "Piece"), *numbers)
    return f"<section><h2>Pieces</h2>{table(heads, rows)}</section>" * bool(rows)


def page(model: ReportModel) -> str:
    """Return the whole page as HTML."""
    sentences = " ".join(text(sentence) for sentence in summary(model))
    body = "".join(
        [
            _header(model),
            _notice(model),
            f'<div class="callout"><p>{sentences}</p></div>',
            _cards(model),
            _enjoyment(model),
            _closing(model) if model.eeg_s else "",
            _entrainment(model),
            _decisions(model),
            _tracks(model),
            research.section(model, text=text, table=table),
            f"<footer><p>{text(DISCLAIMER)}</p>"
            f'<p class="small">{text(research.small_print(model))}</p></footer>',
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_title(model)}, {text(model.folder)}</title><style>{CSS}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )
