"""Tests of the tracker, of frontal theta and of belief on simulated people, whose truth is known.

``python -m tests.validation.run`` runs them all (an hour and a quarter on an idle machine)
and writes docs/validation.md. ``--only 2,10`` runs some of them: the others keep the figures they
had, which lie in docs/validation.json. ``--quick`` runs a smaller version of each and writes
nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# Small matrices are slower on two threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from tests.validation import (  # noqa: E402
    answers,
    artefacts,
    belief,
    first_minute,
    leaks,
    nulls,
    theta,
    timing,
    weak,
)
from tests.validation.rows import Row, Sizes  # noqa: E402

TESTS: dict[str, Callable[[Sizes], list[Row]]] = {
    "1": nulls.silence,
    "2": nulls.broadband,
    "3": nulls.resting,
    "4": nulls.lines,
    "5": nulls.noise_as_sound,
    "6": lambda size: [*answers.ideal(size), *answers.power(size)],
    "7": timing.drift,
    "8": timing.arrivals,
    "9": timing.offset,
    "10-11": artefacts.at_the_beat,
    "12": artefacts.bleed,
    "13": artefacts.electrodes,
    "14": answers.layer,
    "15": answers.expectation,
    "16": nulls.cross_validation,
    "17": leaks.leaks,
    "18": leaks.names,
    "19": weak.answers,
    "20": weak.clocks,
    "21": weak.silent,
    "22": first_minute.first_minutes,
    "23": theta.shifts,
    "24": theta.condition,
    "25": belief.earned,
    "26": belief.use_of_the_scale,
}
STORED = ROOT / "docs" / "validation.json"
PAGE = ROOT / "docs" / "validation.md"
HEAD = """# Validation by simulation

Tests 1 to 16 of the list an expert reviewer will run, on simulated people whose truth is known
(`tests/doubles/simulated_brain.py`): music of metrical onsets, a brain that answers it through a
kernel of 55-300 ms or not at all, 1/f noise and alpha shared between electrodes, blinks, muscle,
mains, clocks that drift and packets that come late. Everything goes through the code that runs
live: `SamplePlacer`, `Guard`, `Tracker`, `calibrate`. Tests 2 to 6 judge the p value of windows of
30 s that do not overlap; the others judge the state or the correlation.

Tests 17 to 24 are where truth is hard: sound that leaks, things taken for others, weak answers,
clocks that run apart, silence, the first minute, and frontal theta under slow artefacts. Their
people come from a second generator (`tests/doubles/second_brain.py`), written by other hands from a
text, which shares no code with the first, or from both. Tests 25 and 26
judge what is believed of enjoyment, on listeners drawn from its model ([method.md](method.md),
section 10).

Simulated heads are idealised: losses, false alarms and scaling with time carry over to people,
absolute correlations for a number of electrodes do not. What real recordings give stands in
`tests/reference/test_reference_tracking.py`.

The table of power that test 6 is held to was made with a plain decoder and the phase-randomised
null (`plain_pipeline.py`), and goes by the r of that decoder: so each person counts
with it, and with the table's last row where r is beyond. Ours mostly has a larger r for the same
person, because it rebuilds less noise, and fewer independent samples with it; what power it has by
its own r stands beside, and what the plain one has, which tells whether these people are like those
of the table. The tracker takes the larger p of
two nulls, which costs power where windows are short: the table does not speak of that, and the same
limit is held to it.

Written by `python -m tests.validation.run` (all), with `--only 2,10-11` (some). Seeds are
fixed: the same code gives the same figures. A limit that is not reached is said so; the same
limits are held, or held to fail, by `pytest -m slow tests/reference/test_reference_simulation.py`.

"""


def full(large: int, small: int) -> int:
    """Size of the whole validation."""
    return large


def quick(large: int, small: int) -> int:
    """Size of the smaller one."""
    return small


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "dsp", "devices", "app"], cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() + ("+" if changed.stdout.strip() else "")


def measured(name: str, size: Sizes) -> dict[str, Any]:
    """Run one test; return its rows and where they come from."""
    start = time.process_time()
    rows = TESTS[name](size)
    return {
        "rows": [
            {**asdict(row), "value": float(row.value) if math.isfinite(row.value) else None}
            for row in rows
        ],
        "cpu_s": round(time.process_time() - start),
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def line(row: dict[str, Any]) -> str:
    """One line of the table."""
    word = {True: "yes", False: "**no**", None: ""}[row["passed"]]
    cells = (row["test"], row["what"], row["limit"], row["measured"], row["n"], word)
    return "| " + " | ".join(str(c) for c in cells) + " |"


def page(results: dict[str, dict[str, Any]]) -> str:
    """The document."""
    rows = [row for name in TESTS if name in results for row in results[name]["rows"]]
    rows.sort(key=lambda row: row["test"])
    judged = [row for row in rows if row["passed"] is not None]
    missed = [row for row in judged if not row["passed"]]
    text = HEAD
    text += f"{len(judged) - len(missed)} of {len(judged)} limits are reached.\n\n"
    text += "| test | what | limit | measured | n | reached |\n|---|---|---|---|---|---|\n"
    text += "\n".join(line(row) for row in rows)
    text += "\n\n## Runs\n\n| test | commit | date | Python | machine | CPU time |\n"
    text += "|---|---|---|---|---|---|\n"
    for name in TESTS:
        if name in results:
            r = results[name]
            text += (
                f"| {name} | {r['commit']} | {r['date']} | {r['python']} | {r['machine']} | "
                f"{r['cpu_s']} s |\n"
            )
    return text + "\nA plus behind a commit: with changes that were not yet committed.\n"


def main(words: list[str] | None = None) -> int:
    """Run what is asked for; 1 if a limit of it is not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="tests, separated by commas")
    parser.add_argument("--quick", action="store_true", help="smaller, and nothing written")
    options = parser.parse_args(words)
    names = [n.strip() for n in options.only.split(",") if n.strip()] or list(TESTS)
    unknown = [n for n in names if n not in TESTS]
    if unknown:
        parser.error(f"no test {', '.join(unknown)}; expected some of {', '.join(TESTS)}")
    results = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    missed = 0
    for name in names:
        result = measured(name, quick if options.quick else full)
        missed += sum(row["passed"] is False for row in result["rows"])
        for row in result["rows"]:
            sys.stdout.write(line(row) + "\n")
        sys.stdout.write(f"test {name}: {result['cpu_s']} s\n")
        sys.stdout.flush()
        results[name] = result
        if not options.quick:
            text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
            STORED.write_text(text + "\n", encoding="utf-8")
            PAGE.write_text(page(results), encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
