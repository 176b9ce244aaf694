"""`attune simulate`: does the loop close where it should, and keep still where it must."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEMO = """examples:
  attune simulate demo --listener clear --seeds 20 --seed 1
  attune simulate demo --listener silent --calibration clear --seeds 200 --seed 1 --json
"""
WEEKS = """examples:
  attune simulate weeks --listener typical --d-prime 0.35 --sessions 8 --listeners 20 --json
  attune simulate weeks --listener silent --calibration clear --listeners 5
"""
CALIBRATION = """example:
  attune simulate calibration --listener clear --seed 0 --out clear.npz
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "simulate",
        help="run simulated listeners by the hundred, or make their calibrations",
        epilog=DEMO + "".join(one.partition("\n")[2] for one in (WEEKS, CALIBRATION)),
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
    weeks = kinds.add_parser(
        "weeks",
        help="sessions of the same persons, two days apart, each learnt from",
        epilog=WEEKS,
        formatter_class=raw,
    )
    weeks.add_argument("--listener", default="typical", help="clear, typical (default), silent")
    weeks.add_argument("--d-prime", type=float, help="how well the EEG tells; 0 is a silent brain")
    weeks.add_argument("--calibration", default="", help="another's, instead of what is learnt")
    weeks.add_argument("--sessions", type=int, default=8, help="of each person (8)")
    weeks.add_argument("--minutes", type=float, default=12.0, help="of each session (12)")
    weeks.add_argument("--listeners", type=int, default=20, help="number of persons (20)")
    weeks.add_argument("--seed", type=int, default=0, help="of all of them (0)")
    weeks.add_argument("--workers", type=int, help="processes (default: one a core)")
    weeks.add_argument("--json", action="store_true")
    weeks.set_defaults(run=run_weeks)
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
    from app.words import counted
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
        text = f"\r{len(outcomes)} of {counted(arguments.seeds, 'session')}, {left:.0f} s left  "
        print(text, end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    result = shares(outcomes)
    if arguments.json:
        print(json.dumps(result))
        return 0
    for name, value in result.items():
        print(f"{name:16} {value if name == 'sessions' else f'{100 * value:.1f} %'}")
    return 0


def run_weeks(arguments: argparse.Namespace) -> int:
    """Live the weeks, show progress, print what was learnt session by session."""
    from app.lab.life import Weeks, collection
    from app.lab.simulate_weeks import all_lives, steps, summary
    from app.words import clock, counted
    from dsp.checks import check_number

    if arguments.workers is not None:
        check_number("workers", arguments.workers, low=1, high=256)

    def show(text: str) -> None:
        print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)

    def rendered(done: int, of: int) -> None:
        if done < of:
            show(f"making the music: {done} of {of} tracks")

    weeks = Weeks(
        listener=arguments.listener,
        d_prime=arguments.d_prime,
        sessions=arguments.sessions,
        minutes=arguments.minutes,
        listeners=arguments.listeners,
        seed=arguments.seed,
        calibration=arguments.calibration,
    )
    music = collection(rendered)
    began, of = time.perf_counter(), steps(weeks)

    def progress(over: int) -> None:
        left = (time.perf_counter() - began) * (of / over - 1.0) if over else math.nan
        told = f", {clock(left)} left" if over else ""
        show(f"{over} of {counted(of, 'session')}{told}")

    lives = list(all_lives(weeks, music, workers=arguments.workers, progress=progress))
    print(file=sys.stderr)
    result = summary(weeks, lives)
    if arguments.json:
        print(json.dumps(result))
        return 0
    print("\n".join(_weeks_told(result)))
    return 0


_COLUMNS = (  # heading, key, factor
    ("r", "r", 1.0),
    ("follows after s", "following_within_s", 1.0),
    ("EEG counts %", "weight", 100.0),
    ("expected right", "expected_rank_correlation", 1.0),
    ("enjoyment", "enjoyment", 100.0),
    ("EEG off", "enjoyment_eeg_off", 100.0),
    ("EEG actions", "eeg_actions", 1.0),
    ("false", "false_eeg_actions", 1.0),
)


def _weeks_told(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table, medians over the persons, and what it comes to."""
    yield "session  " + "  ".join(f"{head:>15}" for head, _, _ in _COLUMNS)
    for n, row in enumerate(result["sessions"], 1):
        cells = []
        for _, key, factor in _COLUMNS:
            middle = row[key]["median"]
            cells.append("–" if middle is None else f"{factor * middle:.{2 * (factor == 1.0)}f}")
        yield f"{n:7}  " + "  ".join(f"{cell:>15}" for cell in cells)
    tried, gain = result["reference"], result["enjoyment_difference"]
    if tried is not None:
        r, share = tried["r"]["median"], tried["following_60_s"]
        yield (
            f"Session {tried['session']} with the calibration of `attune simulate calibration`: "
            f"r {'–' if r is None else f'{r:.2f}'}, {100 * share:.0f} % follow within a minute; "
            f"own: {100 * result['sessions'][tried['session'] - 1]['following_60_s']:.0f} %."
        )
    known = gain["low"] is not None
    between = f" (95 %: {gain['low']:+.3f} to {gain['high']:+.3f})" if known else ""
    yield f"Enjoyment with EEG less without, 0 to 1: {gain['mean']:+.3f}{between}."
    yield (
        f"An action because of the EEG in {100 * result['sessions_with_eeg_action']:.1f} % of "
        f"sessions; {result['false_eeg_actions']} of {result['eeg_actions']} while nothing was "
        "wrong."
    )


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
