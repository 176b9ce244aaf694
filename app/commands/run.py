"""`attune run`: a session, in the window or headless."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.words import clock
from devices.sources.spec import HELP, read_spec

if TYPE_CHECKING:
    from app.loop.ticks import TickResult
    from app.session.plan import Plan
    from app.session.session import Session
    from app.session.snapshot import Snapshot

HEADLESS_MINUTES = 2.0
_ENDING = (signal.SIGINT, signal.SIGTERM)
EXAMPLE = """examples:
  attune run --source synthetic --listener clear --minutes 2 --headless
  attune run --source brainflow:cyton:/dev/ttyUSB0 --playlist ~/Music/calm.m3u8
  attune run --source simulated --seed 3 --headless --json
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "run",
        help="run a session: window, or headless",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--source",
        default="auto",
        help=HELP,
    )
    parser.add_argument(
        "--listener", default="clear", help="of simulated sources: clear (default), typical, silent"
    )
    parser.add_argument("--preset", default="", help="demo, default, or a .toml file")
    parser.add_argument(
        "--playlist", default="starter", help="starter (default), a folder, an M3U8 or a sound file"
    )
    parser.add_argument("--minutes", type=float, help="length (headless: 2)")
    parser.add_argument("--seed", type=int, help="of every draw (default: a new one each time)")
    parser.add_argument("--out", type=Path, help="where session folders are made")
    parser.add_argument("--calibration", default="", help="a stored calibration by name or file")
    parser.add_argument(
        "--liking", type=float, default=0.15, help="hidden liking of the first track, 0..1 (0.15)"
    )
    parser.add_argument(
        "--output", default="auto", choices=("auto", "device", "null"), help="of the sound"
    )
    parser.add_argument("--headless", action="store_true", help="no window")
    parser.add_argument("--json", action="store_true", help="one JSON object a line; headless")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run one session."""
    # On a virtual clock minutes pass in a second: there is nothing to look at.
    unseen = arguments.json or read_spec(arguments.source).virtual or not _display()
    if arguments.headless or unseen:
        return _headless(_plan(arguments, headless=True), as_json=arguments.json)
    from app.session.plan import check_plan
    from app.window import WindowError, run_window

    plan = _plan(arguments, headless=False)
    check_plan(plan)

    def make() -> Session:
        from app.session.session import (
            Session,  # late: the window is painted before the loop is loaded
        )

        return Session(plan)

    try:
        return run_window(make)
    except WindowError as error:
        # Qt or one of its system libraries is missing: say so, and go on without a window.
        print(f"attune: {error} Going on without a window.", file=sys.stderr)
        return _headless(_plan(arguments, headless=True), as_json=False)


def _display() -> bool:
    """Tell whether there is a screen to open a window on."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _plan(arguments: argparse.Namespace, *, headless: bool) -> Plan:
    from app.paths import sessions_folder, tracks_cache
    from app.session.plan import Plan

    minutes = arguments.minutes
    if minutes is None and headless:
        minutes = HEADLESS_MINUTES
    return Plan(
        source=arguments.source,
        listener=arguments.listener,
        preset=arguments.preset,
        playlist=arguments.playlist,
        minutes=minutes,
        seed=arguments.seed if arguments.seed is not None else secrets.randbelow(2**31),
        out=arguments.out or sessions_folder(),
        output=arguments.output,
        calibration=arguments.calibration,
        liking=arguments.liking,
        cache=tracks_cache(),
    )


def _headless(plan: Plan, *, as_json: bool) -> int:
    from app.session.session import Session

    lines = _Lines(as_json=as_json)
    session = lines.session = Session(plan)
    session.watch(lines.tick)
    before = {s: signal.signal(s, lambda *_: session.stop()) for s in _ENDING}
    try:
        session.start()
        if session.began:
            lines.begin()
        while not session.wait(0.2):
            pass
    finally:
        session.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    if not session.began:
        raise KeyboardInterrupt  # stopped before it began: as if nobody had taken the signal
    lines.end()
    return 2 if session.failed else 0


class _Lines:
    """Prints one line a second, and every decision and notice once."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.session: Session | None = None
        self._said: set[str] = set()
        self._n_decisions = 0

    def begin(self) -> None:
        assert self.session is not None
        shot = self.session.snapshot()
        if not self._as_json:
            self._say(f"Source: {shot.source_name}")
            for notice in (shot.listener_notice, shot.notice, shot.output_notice):
                self._say(notice)

    def tick(self, result: TickResult) -> None:
        assert self.session is not None
        shot = self.session.snapshot()
        if self._as_json:
            self._print(json.dumps(_as_json(shot, result), allow_nan=False))
            return
        for notice in (shot.output_notice, shot.source_notice, shot.recording_problem, shot.notice):
            self._say(notice)
        self._print(_line(shot, result))

    def end(self) -> None:
        assert self.session is not None
        shot = self.session.snapshot()
        if self._as_json:
            folder, report = (str(path) if path else None for path in (shot.folder, shot.report))
            self._print(json.dumps({"kind": "end", "folder": folder, "report": report}))
            return
        self._say(shot.notice)
        self._say(shot.recording_problem)
        self._print(f"Session: {shot.folder}")
        if shot.report is not None:  # the notice says why there is none
            self._print(f"Report:  {shot.report}")

    def _say(self, sentence: str) -> None:
        if sentence and sentence not in self._said:
            self._said.add(sentence)
            self._print(sentence)

    def _print(self, text: str) -> None:
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # Whoever read our lines has gone: the session ends, and later lines go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            assert self.session is not None
            self.session.stop()


def _line(shot: Snapshot, result: TickResult) -> str:
    """Time, track, entrainment with its chance level, enjoyment, layer, decision."""
    tracking = result.tracking
    if tracking is None:
        following = "no EEG"
    elif tracking.state == "cannot tell" and tracking.reasons:
        following = f"cannot tell: {tracking.reasons[0]}"
    else:
        following = f"{tracking.state}, r {tracking.r:+.2f} (chance {tracking.r_null95:.2f})"
    e = result.enjoyment
    layer = "off" if shot.layer_level <= 0.0 else f"{shot.layer_state} {shot.layer_db:.0f} dB"
    track = f"{shot.track.title} {clock(shot.track.position)}" if shot.track else "-"
    text = (
        f"{clock(shot.t):>5}  EEG {shot.source_state:9}  {track:26}  {following:42}  "
        f"enjoyment {100 * e.mean:3.0f} ± {100 * e.sd:2.0f}  layer {layer}"
    )
    if result.decision is not None:
        text += f"\n       {result.decision.kind}: {result.decision.because}"
    return text


def _as_json(shot: Snapshot, result: TickResult) -> dict[str, Any]:
    from app.records.jsontext import plain

    decision = result.decision
    row: dict[str, Any] = plain(
        {
            "kind": "tick",
            "t": shot.t,
            "source_state": shot.source_state,
            "track": shot.track.title if shot.track else None,
            "position_s": result.position,
            "tracking": result.tracking,
            "enjoyment": result.enjoyment,
            "eeg_weight": result.eeg_weight,
            "layer_level": shot.layer_level,
            "decision": decision,
        }
    )
    return row
