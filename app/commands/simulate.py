"""`attune simulate`: does the loop close where it should, and keep still where it must."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

DEMO = """examples:
  attune simulate demo --listener clear --seeds 20 --seed 1
  attune simulate demo --listener silent --calibration clear --seeds 200 --seed 1 --json
"""
CALIBRATION = """example:
  attune simulate calibration --listener clear --seed 0 --out clear.npz
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "simulate",
        help="run simulated listeners by the hundred, or make their calibrations",
        epilog=DEMO + CALIBRATION.partition("\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="what", required=True, metavar="what")
    raw = argparse.RawDescriptionHelpFormatter
    demo = kinds.add_parser(
        "demo",
        help="two-minute sessions with fresh heads and seeds",
        epilog=DEMO,
        formatter_class=raw,
    )
    demo.add_argument("--listener", default="clear", help="clear (default), typical, silent")
    demo.add_argument("--calibration", default="", help="another's, instead of the listener's own")
    demo.add_argument("--liking", type=float, default=0.15, help="of the first track, 0..1 (0.15)")
    demo.add_argument("--seeds", type=int, default=20, help="number of sessions (20)")
    demo.add_argument("--seed", type=int, default=0, help="of the first session (0)")
    demo.add_argument("--workers", type=int, help="processes (default: one a core)")
    demo.add_argument("--json", action="store_true")
    demo.set_defaults(run=run_demo)
    made = kinds.add_parser(
        "calibration",
        help="learn a calibration from simulated sessions",
        epilog=CALIBRATION,
        formatter_class=raw,
    )
    made.add_argument("--listener", default="clear", help="clear (default), typical, silent")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    made.set_defaults(run=run_calibration)


def run_demo(arguments: argparse.Namespace) -> int:
    """Run the sessions, show progress, print the shares."""
    from app.lab.simulate_demo import demo, shares
    from app.session.plan import Plan
    from dsp.checks import check_number

    check_number("seeds", arguments.seeds, low=1, high=100_000)
    if arguments.workers is not None:
        check_number("workers", arguments.workers, low=1, high=256)
    plan = Plan(
        listener=arguments.listener,
        calibration=arguments.calibration,
        liking=arguments.liking,
        seed=arguments.seed,
    )
    began, outcomes = time.perf_counter(), []
    for outcome in demo(plan, seeds=arguments.seeds, workers=arguments.workers):
        outcomes.append(outcome)
        left = (time.perf_counter() - began) * (arguments.seeds / len(outcomes) - 1)
        text = f"\r{len(outcomes)} of {arguments.seeds} sessions, {left:.0f} s left  "
        print(text, end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    result = shares(outcomes)
    if arguments.json:
        print(json.dumps(result))
        return 0
    for name, value in result.items():
        print(f"{name:16} {value if name == 'sessions' else f'{100 * value:.1f} %'}")
    return 0


def run_calibration(arguments: argparse.Namespace) -> int:
    """Learn, save, and say what was found."""
    from app.lab.earlier_sessions import calibrate_listener
    from app.lab.simulate_demo import starter
    from app.records.sink import replace_file
    from devices.listener import LISTENERS
    from dsp.checks import RecordError, check_number, check_option

    check_option("listener", arguments.listener, LISTENERS)
    check_number("seed", arguments.seed, low=0, high=2**63)
    tracks = list(starter().values())
    calibration = calibrate_listener(arguments.listener, tracks, seed=arguments.seed)
    try:
        replace_file(arguments.out, calibration.to_npz())
    except OSError as error:
        raise RecordError(
            f"{arguments.out} cannot be written: {error.strerror or error}; choose another --out."
        ) from error
    checks = ", ".join(f"{z:+.2f}" for z in calibration.checks)
    print(
        f"{arguments.out}: frontal theta {calibration.theta_db:.2f} dB, sd of its 10 s means "
        f"{calibration.theta_sd:.2f} dB, three-minute checks z = {checks}."
    )
    return 0
