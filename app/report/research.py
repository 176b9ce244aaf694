"""The researcher's part of a report: every figure with what it rests on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from app.report.model import ReportModel
from app.report.words import clock

Table = Callable[..., str]
Text = Callable[[Any], str]

_SHOWN = 60  # lines of happenings; the rest is in events.jsonl


def _named(value: Any) -> str:
    """Return a manifest value that may be text or a mapping with a name, as text."""
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("kind") or json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _preset(manifest: Mapping[str, Any]) -> str:
    settings = manifest.get("settings")
    inside = settings.get("preset") if isinstance(settings, Mapping) else None
    return _named(manifest.get("preset") or inside)


def _settings_hash(manifest: Mapping[str, Any]) -> str:
    return str(manifest.get("settings_sha256") or "")


def _source(manifest: Mapping[str, Any]) -> str:
    source = manifest.get("source")
    if not isinstance(source, Mapping):
        return "no headset"
    names = source.get("ch_names")
    n = len(names) if isinstance(names, list) else 0
    return f"{source.get('name') or 'unnamed'}, {n} channels, {source.get('sfreq')} Hz"


def small_print(model: ReportModel) -> str:
    """One line: device, program, preset, settings."""
    manifest = model.manifest
    parts = [
        f"Headset: {_source(manifest)}",
        f"program {manifest.get('program') or 'not known'}",
        f"preset “{_preset(manifest) or 'not known'}”",
        f"settings {_settings_hash(manifest)[:6] or 'not known'}",
        f"session {model.folder}",
    ]
    return "  ·  ".join(parts)


def _recorded(summary: Any, key: str, show: Callable[[float], str]) -> str:
    value = summary.get(key) if isinstance(summary, Mapping) else None
    usable = isinstance(value, int | float) and math.isfinite(value)
    return show(float(value)) if usable and value is not None else "not recorded"


def _first_last(values: Any) -> str:
    known = values[np.isfinite(values)]
    return f"{known[0]:.2f} → {known[-1]:.2f}" if known.size else "–"


def _facts(model: ReportModel) -> list[tuple[str, str]]:
    manifest, states = model.manifest, [state for state in model.curve.state if state]
    summary = manifest.get("summary")
    shares = ", ".join(
        f"{word} {states.count(word) / len(states):.0%}"
        for word in ("following", "not following", "cannot tell")
        if states
    )
    versions = manifest.get("versions")
    named = ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else ""
    inside = f"{model.truth_inside:.0%} of seconds" if math.isfinite(model.truth_inside) else ""
    usable = float(np.sum(model.curve.usable))
    facts = [
        ("Source", _source(manifest)),
        ("Listener", _named(manifest.get("listener")) or "a person, or not known"),
        ("Calibration", _named(manifest.get("calibration")) or "not recorded"),
        ("Preset", _preset(manifest) or "not recorded"),
        ("Settings SHA-256", _settings_hash(manifest)[:16] or "not recorded"),
        ("Seed", _named(manifest.get("seed")) or "not recorded"),
        ("Program", str(manifest.get("program") or "not recorded")),
        ("Weight of the EEG, first → last", _first_last(model.curve.weight)),
        ("Seconds with a usable estimate", f"{usable:.0f} of {model.curve.t.size}"),
        ("Seconds with most electrodes good", f"{model.usable_s:.0f} of {model.eeg_s:.0f}"),
        ("Entrainment", shares or "no EEG"),
        ("Lost sound blocks", _recorded(summary, "lost_blocks", lambda v: f"{v:.0f}")),
        ("Lost EEG samples", _recorded(summary, "lost_samples", lambda v: f"{v:.0f}")),
        (
            "Timing residual of the sound",
            _recorded(summary, "timing_residual_s", lambda v: f"{1e3 * v:.2f} ms"),
        ),
        ("Latency of the sound", _recorded(summary, "latency_s", lambda v: f"{1e3 * v:.0f} ms")),
        ("Recording", "complete" if not model.problems else "see the note at the top"),
    ]
    if inside:
        facts.insert(9, ("Hidden enjoyment inside the band", inside))
    return [*facts, ("Versions", named)] if named else facts


def _meter(words: Mapping[str, int], total: int) -> str:
    """Bar of the share of good seconds; the number stands beside it in words."""
    good = words.get("good", 0) / total if total else 0.0
    return (
        '<svg class="meter" viewBox="0 0 200 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="200" height="10" rx="5" fill="#e9eef3"/>'
        f'<rect width="{200 * good:.1f}" height="10" rx="5" fill="#0f6fa8"/></svg>'
    )


def _quality(model: ReportModel, text: Text, table: Table) -> str:
    if not model.quality:
        return ""
    rows = []
    for name, words in model.quality.items():
        total = sum(words.values())
        others = sorted(((n, word) for word, n in words.items() if word != "good"), reverse=True)
        said = ", ".join(f"{text(word)} {n} s" for n, word in others) or "nothing else"
        good = words.get("good", 0)
        rows.append(
            [
                ("", text(name)),
                ("", _meter(words, total)),
                ("n", f"{good / total:.0%} good" if total else "–"),
                ("", said),
            ]
        )
    heads = [("", "Electrode"), ("", ""), ("n", "Seconds"), ("", "Otherwise")]
    return f"<h3>Signal of each electrode</h3>{table(heads, rows)}"


def _happenings(model: ReportModel, text: Text, table: Table) -> str:
    if not model.happenings:
        return ""
    rows = [[("t", clock(t)), ("", text(said))] for t, said in model.happenings[:_SHOWN]]
    more = len(model.happenings) - _SHOWN
    note = f'<p class="note">{more} more are in events.jsonl.</p>' if more > 0 else ""
    return f"<h3>What else happened</h3>{table([('', 'Time'), ('', 'What')], rows)}{note}"


def section(model: ReportModel, *, text: Text, table: Table) -> str:
    """Return the researcher's part as HTML."""
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>" for name, value in _facts(model)
    )
    return (
        f'<section><h2>For researchers</h2><dl class="facts">{facts}</dl>'
        f"{_quality(model, text, table)}{_happenings(model, text, table)}</section>"
    )
