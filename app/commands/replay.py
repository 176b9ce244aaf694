"""`attune replay`: the same loop on a recorded session, and whether it decides the same."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.passphrase import add_passphrase, keys_asked

if TYPE_CHECKING:
    from app.lab.replay import Replay


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "replay",
        help="run the same loop on a recorded session and compare the decisions",
        epilog="example: attune replay sessions/2026-11-24_183000_clear",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print each decision as it is logged")
    add_passphrase(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay and compare byte for byte, as far as the data reach."""
    from app.lab.replay import replay
    from app.loop import RULES
    from app.records.jsontext import encode, get
    from app.words import clock, counted

    began = time.perf_counter()
    with keys_asked(arguments.passphrase_file):
        done = replay(arguments.folder)
    seconds = time.perf_counter() - began
    for row in done.made:
        if arguments.json:
            print(encode(row).decode("utf-8"))
        else:
            print(f"{clock(row['t'] - done.start):>7}  {get(row, 'decision', 'because')}")
    problems = [_cut(done)] if done.cut or done.no_data_from < float("inf") else []
    status = 0
    if done.rules != RULES:
        problems.append(_by_others(done, RULES))
    elif done.logged and not done.compared:
        status = 2
        problems.append("Nothing that was logged could be compared: the recording is lost.")
    elif done.same:
        if not arguments.json:
            n = counted(len(done.compared), "decision")
            print(f"{n}, byte for byte as recorded, in {seconds:.1f} s.")
    else:
        status = 2
        same = sum(a == b for a, b in zip(done.made, done.compared, strict=False))
        problems.append(
            f"The replay made {len(done.made)} decisions, {same} of them like the "
            f"{len(done.compared)} recorded ones; the folder is damaged, or this is another "
            "version."
        )
    if done.violation:
        problems.append(f"What cannot be came out of the loop. {done.violation}")
        status = 2 if done.rules == RULES else status
    for problem in problems:
        print(f"attune: {problem}", file=sys.stderr)
    return status


def _by_others(done: Replay, rules: int) -> str:
    """Say that the session followed other rules than those of this program."""
    other = "before, by an earlier" if done.rules < rules else "by a later"
    return (
        f"The session was recorded {other} program (rules {done.rules}, this one has {rules}): "
        f"{done.n_alike} of its {len(done.compared)} decisions would be taken the same today."
    )


def _cut(done: Replay) -> str:
    """Say what a folder that was cut leaves open."""
    text = "The session was not ended properly; the comparison reaches as far as its data."
    if done.unlogged:
        text += " Its last decision was not logged any more."
    if missing := len(done.logged) - len(done.compared):
        text += f" {missing} logged decisions have no data and could not be compared."
    return text
