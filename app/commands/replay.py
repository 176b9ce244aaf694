"""`attune replay`: the same loop on a recorded session, and whether it decides the same."""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "replay",
        help="run the same loop on a recorded session and compare the decisions",
        epilog="example: attune replay sessions/2026-11-24_183000_clear --json",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print each decision as it was logged")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay and compare byte for byte, as far as the data reach."""
    from app.lab.replay import CutError, is_cut, recorded, replay
    from app.records.jsontext import encode

    began = time.perf_counter()
    made, end = [], math.inf
    try:
        for row in replay(arguments.folder):
            made.append(row)
    except CutError as error:
        end = error.now
    seconds = time.perf_counter() - began
    logged = recorded(arguments.folder)
    rows, before = [encode(row) for row in made], [encode(r) for r in logged if r["t"] < end]
    for line in rows:
        print(line.decode("utf-8"))
    cut = end < math.inf or is_cut(arguments.folder)
    # A session is killed between two lines of its log, too: the last decision may be missing.
    unlogged = int(cut and end == math.inf and len(rows) == len(before) + 1)
    if rows[: len(rows) - unlogged] != before:
        same = sum(a == b for a, b in zip(rows, before, strict=False))
        print(
            f"attune: the replay made {len(rows)} decisions, {same} of them like the "
            f"{len(before)} recorded ones; the folder is damaged, or this is another version.",
            file=sys.stderr,
        )
        return 2
    if not arguments.json:
        print(f"{len(before)} decisions, byte for byte the recorded ones, in {seconds:.1f} s.")
    if cut:
        print(f"attune: {_cut(unlogged, len(logged) - len(before))}", file=sys.stderr)
    return 0


def _cut(unlogged: int, without_data: int) -> str:
    """Say what a folder that was cut leaves open."""
    text = "The session was not ended properly; the comparison reaches as far as its data."
    if unlogged:
        text += " Its last decision was not logged any more."
    if without_data:
        text += f" {without_data} logged decisions have no data and could not be compared."
    return text
