"""`attune replay`: the same loop on a recorded session, and whether it decides the same."""

from __future__ import annotations

import argparse
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
    """Replay and compare byte for byte."""
    from app.records.jsontext import encode
    from app.replay import recorded, replay

    began = time.perf_counter()
    rows = [encode(row) for row in replay(arguments.folder)]
    seconds = time.perf_counter() - began
    before = [encode(row) for row in recorded(arguments.folder)]
    if arguments.json:
        for row in rows:
            print(row.decode("utf-8"))
    if rows != before:
        same = sum(a == b for a, b in zip(rows, before, strict=False))
        print(
            f"attune: the replay made {len(rows)} decisions, {same} of them like the "
            f"{len(before)} recorded ones; the folder is cut short, or this is another version.",
            file=sys.stderr,
        )
        return 2
    if not arguments.json:
        for row in rows:
            print(row.decode("utf-8"))
        print(f"{len(rows)} decisions, byte for byte the recorded ones, in {seconds:.1f} s.")
    return 0
