"""A person's own loop over simulated weeks, held to its limits.

``python -m tests.validation.weeks`` lives them all: 20 persons x 8 sessions of 12 minutes
for each of five brains, up to 40 minutes each on two cores. ``--listeners 4`` is a smaller one.
Prints a row a limit; 1 if one is not reached. ``--keep FILE`` leaves the medians there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from app.lab.life import Weeks, collection
from app.lab.simulate_weeks import all_lives, summary
from dsp.enjoyment import EnjoymentFilter, EnjoymentModel
from tests.validation.rows import Row

#: Kind, d', sessions and calibration of each brain (None: as many sessions as asked for).
BRAINS: dict[str, tuple[str, float | None, int | None, str]] = {
    "d' 0.35": ("typical", 0.35, None, ""),
    "d' 0.8": ("typical", 0.8, None, ""),
    "d' 0": ("typical", 0.0, None, ""),
    "clear": ("clear", None, 3, ""),
    "silent under another's": ("silent", None, None, "clear"),
}
EARNED, USELESS, HARM, ACTS, FOLLOWS = 0.8, 0.5, -0.02, 0.05, 0.9


def rows(results: dict[str, dict[str, Any]]) -> list[Row]:
    """Hold what `summary` gave of each brain to the limits."""
    return [row for name, result in results.items() for row in _rows(name, result)]


def _rows(name: str, result: dict[str, Any]) -> Iterator[Row]:
    sessions, n = result["sessions"], result["listeners"]

    def row(what: str, limit: str, value: float, passed: bool, n: int = n) -> Row:
        return Row(27, f"{name}: {what}", limit, f"{value:.3f}", n, passed, value)

    tried = result["reference"]
    if tried is not None and name != "d' 0":
        third, made = sessions[tried["session"] - 1], "with `simulate calibration`"
        r, share, quick = _median(third, "r"), third["following_60_s"], third["following_30_s"]
        least, most = _median(tried, "r"), tried["following_60_s"]
        yield row("r in session 3", f"at least {least:.3f}, {made}", r, r >= least)
        yield row("follows within 60 s", f"at least {most:.3f}, {made}", share, share >= most)
        if name == "clear":
            yield row("within 30 s", f"at least {FOLLOWS}", quick, quick >= FOLLOWS)
    weight, first = _median(sessions[-1], "weight"), _median(sessions[0], "weight")
    start = EnjoymentFilter(EnjoymentModel()).eeg_weight
    what = f"weight of the EEG after session {len(sessions)}"
    if name == "d' 0.8":
        yield row(what, f"over {EARNED}", weight, weight > EARNED)
    elif name == "d' 0.35":
        yield row(what, f"over {start:.2f}, where it started", weight, weight > start)
    elif name == "d' 0":
        limit = f"under {USELESS} and under session 1 ({first:.3f})"
        yield row(what, limit, weight, weight < min(USELESS, first))
    known = [_median(one, "expected_rank_correlation") for one in sessions]
    half = len(known) // 2
    sooner, later = (sum(part) / len(part) for part in (known[:half], known[half:]))
    what = "rank correlation of expected with hidden liking, second half"
    yield row(what, f"over the first half's {sooner:.3f}", later, later > sooner)
    low = result["enjoyment_difference"]["low"]
    if low is not None:
        what = "enjoyment with EEG less without, lower 95 % bound"
        yield row(what, f"over {HARM}", low, low > HARM)
    if name in ("d' 0", "silent under another's"):
        acts = result["sessions_with_eeg_action"]
        what = "sessions with an action because of the EEG"
        yield row(what, f"at most {ACTS}", acts, acts <= ACTS, n * len(sessions))


def _median(row: dict[str, Any], key: str) -> float:
    """Median of a measure; under every limit where it is not finite."""
    middle = row[key]["median"]
    return -1.0 if middle is None else float(middle)


def main(words: list[str] | None = None) -> int:
    """Live the weeks of each brain; 1 if a limit is not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(BRAINS), help="one brain")
    parser.add_argument("--listeners", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args(words)
    results: dict[str, dict[str, Any]] = {}
    asked: dict[str, Weeks] = {}
    for name in [given.only] if given.only else BRAINS:
        listener, d_prime, sessions, calibration = BRAINS[name]
        asked[name] = Weeks(
            listener=listener,
            d_prime=d_prime,
            sessions=min(sessions or given.sessions, given.sessions),
            minutes=given.minutes,
            listeners=given.listeners,
            seed=given.seed,
            calibration=calibration,
        )
    music = collection()
    for name, weeks in asked.items():
        results[name] = summary(weeks, list(all_lives(weeks, music, workers=given.workers)))
        if given.keep is not None:
            given.keep.write_text(json.dumps(results, indent=1), encoding="utf-8")
    found = rows(results)
    for row in found:
        word = "yes" if row.passed else "NO"
        sys.stdout.write(f"{row.what}: {row.measured} ({row.limit}; n {row.n}): {word}\n")
    return 0 if all(row.passed for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
