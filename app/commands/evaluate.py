"""`attune evaluate`: measure the estimators on recordings."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

EXAMPLES = """examples:
  attune evaluate tracking --test run03.npz --calibrate run01.npz run02.npz --json
  attune evaluate silence rest.npz --against run01.npz song.ogg --json
  attune evaluate reward run01.npz --json
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure the estimators on recordings",
        description="Run recordings through the live estimators, from the past only.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="tracking|silence|reward")
    tracking = kinds.add_parser("tracking", help="does the EEG follow what was heard")
    tracking.add_argument("--test", nargs="+", type=Path, required=True, metavar="R")
    tracking.add_argument(
        "--feature", default="onset", metavar="onset|envelope|FILE", help="what was heard"
    )
    silence = kinds.add_parser("silence", help="false 'following' without that sound")
    silence.add_argument("recordings", nargs="+", type=Path, metavar="R")
    silence.add_argument("--against", nargs="+", required=True, metavar="FEATURE")
    reward = kinds.add_parser("reward", help="reward correlates with their validity")
    reward.add_argument("recordings", nargs="+", type=Path, metavar="R")
    for kind in (tracking, silence):
        kind.add_argument("--calibrate", nargs="+", type=Path, default=[], metavar="R")
        kind.add_argument("--delay-search", type=float, metavar="S", help="seconds; default 1")
        kind.add_argument("--seed", type=int, default=0)
    for kind in (tracking, silence, reward):
        kind.add_argument("--channels", nargs="+", metavar="NAME")
        kind.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print; return the exit status."""
    from app.lab.evaluate_reward import evaluate_reward
    from app.lab.evaluate_silence import evaluate_silence
    from app.lab.evaluate_tracking import evaluate_tracking
    from dsp.checks import check_number

    shared: dict[str, Any] = {"channels": arguments.channels}
    if arguments.kind != "reward":
        search = arguments.delay_search
        if search is not None:
            check_number("--delay-search", search, low=0.0, high=3.0, unit="s")
        check_number("--seed", arguments.seed, low=0)
        shared |= {"calibrations": arguments.calibrate, "search": search, "seed": arguments.seed}
    if arguments.kind == "tracking":
        result = evaluate_tracking(arguments.test, feature=arguments.feature, **shared)
    elif arguments.kind == "silence":
        result = evaluate_silence(arguments.recordings, against=arguments.against, **shared)
    else:
        result = evaluate_reward(arguments.recordings, **shared)
    if arguments.json:
        print(json.dumps(result, indent=1, allow_nan=False))
    else:
        _print(result)
    return 0


def _print(result: dict[str, Any]) -> None:
    for key, value in result.items():
        if not isinstance(value, list):
            print(f"{key}: {value}")
    for entry in result["recordings"]:
        print(entry["name"])
        for key, value in entry.items():
            if key != "name":
                print(f"  {key}: {value}")
