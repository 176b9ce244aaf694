"""`attune report`: the report of a recorded session, made again from its folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "report",
        help="write the report of a recorded session again",
        epilog="example: attune report sessions/2026-11-24_183000_clear",
    )
    parser.add_argument("folder", type=Path)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write it and print where it is."""
    from app.report import write_report

    print(write_report(arguments.folder))
    return 0
