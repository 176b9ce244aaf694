"""The researcher's part of a report: every figure with what it rests on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from app.report import devices
from app.report.model import ReportModel
from app.words import clock, percent
from dsp.intervals import mean_and_interval
from dsp.tracking.scores import WINDOW

Table = Callable[..., str]
Text = Callable[[Any], str]

_SHOWN = 60  # lines of happenings; the rest is in events.jsonl


def _named(value: Any) -> str:
    """Return a manifest value that may be text or a mapping with a name, as text."""
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("kind") or json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _program(manifest: Mapping[str, Any]) -> str:
    program = manifest.get("program")
    if isinstance(program, Mapping):
        return " ".join(str(program[key]) for key in ("name", "version") if key in program)
    return str(program or "")


def _versions(manifest: Mapping[str, Any]) -> str:
    program, versions = manifest.get("program"), manifest.get("versions")
    found = {**versions} if isinstance(versions, Mapping) else {}
    if isinstance(program, Mapping):
        found.update({k: v for k, v in program.items() if k not in ("name", "version")})
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _calibration(manifest: Mapping[str, Any]) -> str:
    stored, name = _named(manifest.get("calibration")), manifest.get("calibration_name")
    return f"{stored} ({name})" if stored and name else stored


def _preset(manifest: Mapping[str, Any]) -> str:
    settings = manifest.get("settings")
    return _named(settings.get("name")) if isinstance(settings, Mapping) else ""


def _settings_hash(manifest: Mapping[str, Any]) -> str:
    return str(manifest.get("settings_sha256") or "")


def small_print(model: ReportModel) -> str:
    """One line: device, program, preset, settings."""
    manifest = model.manifest
    parts = [
        f"Headset: {devices.source(manifest.get('source'))}",
        f"program {_program(manifest) or 'not known'}",
        f"preset “{_preset(manifest) or 'not known'}”",
        f"settings {_settings_hash(manifest)[:6] or 'not known'}",
        f"session {model.folder}",
    ]
    return "  ·  ".join(parts)


def _recorded(summary: Any, key: str, show: Callable[[float], str]) -> str:
    value = summary.get(key) if isinstance(summary, Mapping) else None
    usable = isinstance(value, int | float) and math.isfinite(value)
    return show(float(value)) if usable and value is not None else "not recorded"


def _output(summary: Any) -> str:
    name = summary.get("output") if isinstance(summary, Mapping) else None
    if not name:
        return "not recorded"
    if summary.get("output_is_null"):
        return f"{name} (silent, clocked)"
    if summary.get("output_wireless") is True:
        name = f"{name}, without a wire"
    silent = summary.get("silent_s")
    gone = isinstance(silent, int | float) and silent >= 0.5
    return f"{name}; gone for {clock(silent)}, in silence" if gone else str(name)


def _first_last(values: Any) -> str:
    known = values[np.isfinite(values)]
    return f"{known[0]:.2f} → {known[-1]:.2f}" if known.size else "–"


def _facts(model: ReportModel) -> list[tuple[str, str]]:
    manifest, states = model.manifest, [state for state in model.curve.state if state]
    summary = manifest.get("summary")
    shares = ", ".join(
        f"{word} {percent(states.count(word) / len(states))}"
        for word in ("following", "not following", "cannot tell")
        if states
    )
    named = _versions(manifest)
    inside = (
        f"{percent(model.truth_inside)} of seconds" if math.isfinite(model.truth_inside) else ""
    )
    usable = float(np.sum(model.curve.usable))
    facts = [
        *devices.facts(manifest, model.away),
        ("Listener", _named(manifest.get("listener")) or "a person, or not known"),
        ("Calibration", _calibration(manifest) or "not recorded"),
        ("Preset", _preset(manifest) or "not recorded"),
        ("Settings SHA-256", _settings_hash(manifest)[:16] or "not recorded"),
        ("Seed", _named(manifest.get("seed")) or "not recorded"),
        ("Program", _program(manifest) or "not recorded"),
        ("Weight of the EEG, first → last", _first_last(model.curve.weight)),
        ("Seconds with a usable estimate", f"{usable:.0f} of {model.curve.t.size}"),
        ("Seconds with most electrodes good", f"{model.usable_s:.0f} of {model.eeg_s:.0f}"),
        ("Entrainment", shares or "no EEG"),
        ("r less what the sound explains", _residual(model)),
        ("Lost sound blocks", _recorded(summary, "lost_blocks", lambda v: f"{v:.0f}")),
        ("Sound output", _output(summary)),
        (
            "Timing residual of the sound",
            _recorded(summary, "timing_residual", lambda v: f"{1e3 * v:.2f} ms"),
        ),
        ("Latency of the sound", _recorded(summary, "latency", lambda v: f"{1e3 * v:.0f} ms")),
        ("Recording", "complete" if not model.problems else "see the note at the top"),
    ]
    if inside:
        at = [name for name, _ in facts].index("Seconds with a usable estimate")
        facts.insert(at, ("Hidden enjoyment inside the band", inside))
    return [*facts, ("Versions", named)] if named else facts


def _residual(model: ReportModel) -> str:
    """Mean of residual tracking over windows that do not overlap."""
    values = model.curve.residual[::-WINDOW]
    values = values[np.isfinite(values)]
    mean, low, high = mean_and_interval(values.tolist())
    if math.isnan(mean):
        return "not known"
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f}, 90 %; {values.size} windows of {WINDOW} s)"


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
                ("n", f"{percent(good / total)} good" if total else "–"),
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
