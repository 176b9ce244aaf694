"""Draw the figure of `docs/method.md` from real recordings: `python -m docs.make_figures`.

Muse tones beside chance: what the live estimators say of a recording with sound, and of one
without it, second by second. The recordings are looked for in ``../shared/data``, or where
``ATTUNE_DATA`` says.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from app.lab.evaluate_tracking import evaluate_tracking
from app.lab.recordings import file_stimulus, lasting, open_recording, own_stimulus
from app.lab.runs import Run, calibrated, go_through
from dsp.tracking.decoder import Decoder
from dsp.tracking.tracker import Tracking

ROOT = Path(__file__).resolve().parents[1]

WIDTH, LEFT, RIGHT = 900.0, 96.0, 28.0
PANEL = 170.0  # height of a panel, px
LOW, HIGH, SECONDS = -0.2, 0.5, 120.0
INK, SOFT, GRID, BLUE, RUST = "#1d2935", "#5a6875", "#e3e8ec", "#0f6fa8", "#b4521a"
#: Fill and ink of each state; each is also written out, since colour alone says nothing to some.
STATES = {
    "following": ("#1e7f5c", "#ffffff"),
    "not following": ("#8d99a5", "#ffffff"),
    "cannot tell": ("#e9edf0", SOFT),
}


def at_time(seconds: float) -> float:
    """Horizontal place of a time."""
    return LEFT + seconds / SECONDS * (WIDTH - LEFT - RIGHT)


def at_value(value: float, top: float) -> float:
    """Vertical place of a correlation, kept within its panel."""
    inside = min(max(value, LOW), HIGH)
    return top + (HIGH - inside) / (HIGH - LOW) * PANEL


def text(x: float, y: float, words: str, style: str = "") -> str:
    """One line of words; `style` is a class."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(words)}</text>'


def strip(run: Run, top: float, name: str) -> str:
    """States second by second as one bar, with their words where they fit."""
    out = [text(LEFT - 8, top + 13, name, "end soft")]
    for state, group in groupby(run.seconds, key=lambda second: second[1].state):
        times = [at for at, _ in group]
        x0, x1 = at_time(max(times[0] - 1.0, 0.0)), at_time(times[-1])
        fill, ink = STATES[state]
        out.append(
            f'<rect x="{x0:.1f}" y="{top}" width="{x1 - x0:.1f}" height="18" fill="{fill}"/>'
        )
        if x1 - x0 > 90.0:
            out.append(
                f'<text x="{(x0 + x1) / 2:.1f}" y="{top + 13}" class="mid" '
                f'style="fill:{ink}">{state}</text>'
            )
    return "".join(out)


def panel(run: Run, top: float, title: str) -> str:
    """Correlation over time with its 90 % interval, beside what chance reaches."""
    out = [text(LEFT, top - 14, title, "title")]
    for tick in (-0.2, 0.0, 0.2, 0.4):
        y = at_value(tick, top)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        out.append(text(LEFT - 8, y + 4, f"{tick:g}", "end soft"))
    # Where nothing is known there is no line.
    for known, group in groupby(run.seconds, key=lambda second: math.isfinite(second[1].r)):
        if known:
            out += _curves(list(group), top)
    return "".join(out)


def _curves(shown: list[tuple[float, Tracking]], top: float) -> list[str]:
    upper = [f"{at_time(at):.1f},{at_value(t.r_high, top):.1f}" for at, t in shown]
    lower = [f"{at_time(at):.1f},{at_value(t.r_low, top):.1f}" for at, t in reversed(shown)]
    out = [f'<polygon points="{" ".join(upper + lower)}" fill="{BLUE}" opacity=".15"/>']
    for name, look in (
        ("r_null95", f'stroke="{RUST}" stroke-width="1.6" stroke-dasharray="6 4"'),
        ("r", f'stroke="{BLUE}" stroke-width="2.2"'),
    ):
        places = [f"{at_time(at):.1f},{at_value(getattr(t, name), top):.1f}" for at, t in shown]
        out.append(f'<polyline points="{" ".join(places)}" fill="none" {look}/>')
    return out


def axis(top: float) -> str:
    """Time in seconds."""
    ticks = [text(at_time(t), top, f"{t} s" if t else "0", "mid soft") for t in range(0, 121, 20)]
    return "".join(ticks)


def legend(top: float) -> str:
    """What the lines are."""
    x = WIDTH - RIGHT - 430.0
    return (
        f'<path d="M{x} {top - 4}h26" stroke="{BLUE}" stroke-width="2.2"/>'
        f'<rect x="{x}" y="{top - 10}" width="26" height="12" fill="{BLUE}" opacity=".15"/>'
        + text(x + 32, top, "r over 30 s, 90 % interval", "")
        + f'<path d="M{x + 220} {top - 4}h26" stroke="{RUST}" stroke-width="1.6" '
        'stroke-dasharray="6 4"/>' + text(x + 252, top, "chance reaches this in 5 %", "")
    )


def match_panel(accuracies: Sequence[dict[str, float]], top: float) -> str:
    """How often a window's own sound beats an impostor, for each recording and length."""
    out = [
        text(LEFT, top - 46, "How often the right excerpt is picked out of two", "title"),
        text(LEFT, top - 28, "each of the three runs, with a decoder from the other two", "soft"),
    ]
    height = 120.0

    def y(share: float) -> float:
        return top + (1.0 - share) / 0.5 * height

    for share, name in ((0.5, "50 % (chance)"), (0.75, "75 %"), (1.0, "100 %")):
        out.append(f'<path d="M{LEFT} {y(share):.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        out.append(text(LEFT - 8, y(share) + 4, name.split(" (")[0], "end soft"))
    out.append(text(WIDTH - RIGHT, y(0.5) - 5, "chance", "end soft"))
    lengths = list(accuracies[0])
    for k, length in enumerate(lengths):
        x = LEFT + (k + 0.5) * (WIDTH - LEFT - RIGHT) / len(lengths)
        out.append(text(x, top + height + 20, f"{length} s of listening", "mid soft"))
        for run, accuracy in enumerate(accuracies):
            dx = x + (run - 1) * 46.0
            share = accuracy[length]
            out.append(
                f'<path d="M{dx:.1f} {y(0.5):.1f}V{y(share):.1f}" stroke="{BLUE}" '
                f'stroke-width="2" opacity=".4"/>'
                f'<circle cx="{dx:.1f}" cy="{y(share):.1f}" r="4.5" fill="{BLUE}"/>'
            )
            out.append(text(dx, y(share) - 9, f"{100 * share:.0f}", "mid"))
    return "".join(out)


def runs(tones: Sequence[Path], silent: Path) -> tuple[Run, Run, Run]:
    """Run 1 with a decoder from runs 2 and 3; from nothing; and the silent recording."""
    decoder: Decoder = calibrated(tones[1:], "onset", None, None)[0]
    heard = open_recording(tones[0])
    sound = own_stimulus(tones[0], heard, "onset")
    quiet = open_recording(silent)
    against = lasting(file_stimulus(tones[0], start=float(quiet.times[0])), float(quiet.times[-1]))
    return (
        go_through(heard, sound, decoder=decoder),
        go_through(heard, sound),
        go_through(quiet, against, decoder=decoder),
    )


def draw(tones: Sequence[Path], silent: Path) -> str:
    """The whole figure as SVG."""
    with_sound, from_nothing, without = runs(tones, silent)
    accuracies = []
    for path in tones:
        others = [other for other in tones if other != path]
        entry = evaluate_tracking([path], calibrations=others)["recordings"][0]
        match = entry["match_mismatch"]
        accuracies.append({k: float(match[k]["accuracy"]) for k in ("5", "10", "20", "30")})
    first, second = 72.0, 368.0
    third = second + PANEL + 132.0
    height = third + 156.0
    body = [
        legend(24.0),
        panel(with_sound, first, "Tones heard: four dry electrodes, run 1 of 3"),
        strip(with_sound, first + PANEL + 8, "calibrated"),
        strip(from_nothing, first + PANEL + 32, "from nothing"),
        axis(first + PANEL + 72),
        panel(without, second, "No sound: another recording against the same tones"),
        strip(without, second + PANEL + 8, "calibrated"),
        axis(second + PANEL + 48),
        match_panel(accuracies, third),
    ]
    style = (
        f"text{{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:{INK};"
        "font-variant-numeric:tabular-nums}"
        ".title{font-weight:600;font-size:14px}.end{text-anchor:end}.mid{text-anchor:middle}"
        f".soft{{fill:{SOFT};font-size:12px}}"
    )
    title = "Tracking of tones in a real recording, beside chance, and beside silence"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" '
        f'role="img" aria-label="{title}"><title>{title}</title><style>{style}</style>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(body)}</svg>\n'
    )


def main() -> None:
    """Write the figure."""
    named = os.environ.get("ATTUNE_DATA")
    data = (Path(named) if named else ROOT.parent / "shared" / "data") / "eeg"
    tones = sorted((data / "muse_tones").glob("*.npz"))
    if not tones:
        sys.exit(f"There are no recordings at {data}; set ATTUNE_DATA to where they are.")
    svg = draw(tones, data / "muse_no_sound" / "null_b.npz")
    (ROOT / "docs" / "method_muse_tones.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
