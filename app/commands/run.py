"""`attune run`: a session, in the window or headless."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.passphrase import add_passphrase, keys_asked
from app.commands.terminal import Terminal
from app.words import clock, of_100, rates
from devices.sources.spec import HELP
from dsp.checks import DeviceError, InputError

if TYPE_CHECKING:
    from app.clients.listener import Listener
    from app.loop.ticks import TickResult
    from app.session.plan import Plan
    from app.session.session import Session
    from app.session.snapshot import DecisionLine, Snapshot

HEADLESS_MINUTES = 2.0
WAITING = (
    "It is taken up again by itself. To go on without EEG for good, end this session with Ctrl-C "
    "and start one with --source none."
)
_POLL_S = 0.05  # s between looks at what signals asked for
EXAMPLE = """examples:
  attune run --source synthetic --listener clear --minutes 2 --headless
  attune run --source brainflow:cyton:/dev/ttyUSB0 --playlist ~/Music/calm.m3u8
  attune run --source lsl:Muse --source lsl:type=Markers --channels AF7,AF8
  attune run --source simulated --seed 3 --headless --json
  attune run --client C-0142KN --source auto --minutes 24
  attune run --source replay:sessions/2026-11-24_100500_session --headless --fast
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
        action="append",
        help=f"{HELP}; given twice, the second is recorded beside, and never decoded",
    )
    parser.add_argument(
        "--channels",
        default="",
        help="electrodes of the first source: names such as Fz,Cz, or Fz=1,Cz=2 to name them",
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
    parser.add_argument(
        "--fast", action="store_true", help="look at a recording as fast as possible; no window"
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="begin with six minutes that teach: four excerpts to rate, eyes open, eyes closed",
    )
    parser.add_argument("--client", metavar="CODE", help="code of whose session it is")
    add_passphrase(parser)
    parser.add_argument("--headless", action="store_true", help="no window")
    parser.add_argument("--json", action="store_true", help="one JSON object a line; headless")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run one session."""
    with keys_asked(arguments.passphrase_file) as store:
        plan = _plan(arguments)
        if arguments.client is None:
            return _run(plan, arguments)
        from app.clients.listener import Listener
        from app.clients.sitting import Sitting

        client = Sitting(store(), arguments.client)
        try:
            print("\n".join(client.reminders), file=sys.stderr)
            person = Listener.from_bytes(client.listener) if client.listener else Listener()
            if person.record.intake_missing:
                person = _looked_for(person, plan.playlist)
            status = _run(replace(plan, client=client, person=person), arguments)
            print("\n".join(client.closing), file=sys.stderr)
            return status
        finally:
            client.close()


def _looked_for(person: Listener, playlist: str) -> Listener:
    """Look for what was named and is missing in the music of this session."""
    from app.clients.intake import with_intake
    from playlists.files import open_playlist

    missing = person.record.intake_missing
    record, _ = with_intake(person.record, missing, open_playlist(playlist).tracks)
    return replace(person, record=record)


def _run(plan: Plan, arguments: argparse.Namespace) -> int:
    # On a virtual clock minutes pass in a second: there is nothing to look at.
    unseen = arguments.json or plan.virtual or not _display()
    if arguments.headless or unseen:
        return _headless(plan, as_json=arguments.json)
    from app.session.plan import check_plan, settle
    from app.window import WindowError, run_window

    check_plan(plan)

    made: list[Session] = []
    leaving = threading.Event()  # while a board is looked for

    def make(plan: Plan = plan) -> Session:
        from app.session.session import (
            Session,  # late: the window is painted before the loop is loaded
        )

        made.append(Session(settle(plan, leaving.is_set)))
        return made[-1]

    try:
        without = replace(plan, source="none", channels="")
        return run_window(make, on_stop=leaving.set, make_without=lambda: make(without))
    except WindowError as error:
        # Qt or one of its system libraries is missing: say so, and go on without a window.
        print(f"attune: {error} Going on without a window.", file=sys.stderr)
        return _headless(plan, as_json=False)
    finally:
        if made and made[-1].running is not None:
            terminal = Terminal()
            terminal.say("\n".join(closing_lines(made[-1].snapshot())))
            terminal.close()


def _display() -> bool:
    """Tell whether there is a screen to open a window on."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _plan(arguments: argparse.Namespace) -> Plan:
    from app.paths import sessions_folder, tracks_cache
    from app.session.plan import Plan

    sources = arguments.source or ["auto"]
    if len(sources) > 2:
        raise InputError(
            f"{len(sources)} sources are named; expected one, or a second that is recorded beside "
            "it: leave the others out."
        )
    return Plan(
        source=sources[0],
        second=sources[1] if len(sources) > 1 else "",
        channels=arguments.channels,
        listener=arguments.listener,
        preset=arguments.preset,
        playlist=arguments.playlist,
        minutes=arguments.minutes,
        seed=arguments.seed if arguments.seed is not None else secrets.randbelow(2**31),
        out=arguments.out or sessions_folder(),
        output=arguments.output,
        calibration=arguments.calibration,
        liking=arguments.liking,
        cache=tracks_cache(),
        fast=arguments.fast,
        calibrate=arguments.calibrate,
    )


def _headless(plan: Plan, *, as_json: bool) -> int:
    from app.session.contract import NoSource
    from app.session.endings import noted_endings
    from app.session.plan import settle
    from app.session.session import Session

    if plan.minutes is None and not plan.recording:  # which has its own end
        plan = replace(plan, minutes=HEADLESS_MINUTES)
    with noted_endings() as asked:
        plan = settle(plan, lambda: bool(asked))
    if asked:
        raise KeyboardInterrupt
    session = Session(plan)
    # On a virtual clock nothing is lost by waiting for whoever reads.
    lines = _Lines(session, Terminal(patient=plan.virtual), as_json=as_json)
    session.watch(lines.tick)
    with noted_endings() as asked:
        try:
            try:
                session.start(lambda: bool(asked))
            except NoSource as error:
                raise DeviceError(f"{error} To go on without EEG, use --source none.") from error
            if session.running is not None:
                lines.begin()
                if plan.calibrate and not plan.virtual:
                    lines.terminal.say("Type each rating, and press Enter.")
                    threading.Thread(target=_typed, args=(session,), daemon=True).start()
            while not session.wait(_POLL_S):
                if asked:
                    lines.terminal.patient = False
                    session.stop()
        finally:
            session.close()
    if session.running is None:
        raise KeyboardInterrupt  # stopped before it began: as if nobody had taken the signal
    lines.end()
    return 2 if session.failed else 0


def _typed(session: Session) -> None:
    """Take ratings from the keyboard, or whatever stands in for it."""
    for line in sys.stdin:
        if line.strip() in {*"123456789"}:
            session.rate(int(line))


class _Lines:
    """Prints one line a second, and everything that happened once."""

    def __init__(self, session: Session, terminal: Terminal, *, as_json: bool) -> None:
        self.terminal = terminal
        self._session, self._as_json = session, as_json
        self._said: set[str] = set()
        self._told: DecisionLine | None = None  # the newest of what the player did
        self._lost = False  # whether the source was at the last tick
        self._begun, self._beginning = False, threading.Lock()

    def begin(self) -> None:
        """Say what the session is, once: on a virtual clock the first tick may be quicker."""
        with self._beginning:
            if not self._begun:
                self._begun = True
                self._introduce()

    def _introduce(self) -> None:
        shot = self._session.snapshot()
        if not self._as_json:
            self._say(f"Source: {shot.source_name}")
            if shot.second_name:
                self._say(f"Recorded beside it, not decoded: {shot.second_name}")
            for notice in (shot.listener_notice, shot.notice, shot.output_notice):
                self._say(notice)
            self._say("Enjoyment is an estimate from 0 to 100 ± 1 sd.")

    def tick(self, result: TickResult) -> None:
        self.begin()
        shot = self._session.snapshot()
        if self._as_json:
            self.terminal.say(json.dumps(_as_json(shot, result), allow_nan=False))
            return
        self._say(shot.instruction)
        for notice in (
            shot.output_notice, shot.source_notice, shot.second_notice, shot.recording_problem,
            shot.notice,
        ):  # fmt: skip
            self._say(notice)
        # A second after it was lost: by then the sentence that says by what was said.
        lost, self._lost = self._lost, shot.source_state == "lost"
        if lost and self._lost:
            self._say(WAITING)
        if shot.sfreq_measured:
            self._say(f"EEG: {rates(shot.sfreq, shot.sfreq_measured)}.")
        self.terminal.say(_line(shot, result))
        decision = result.decision
        for line in self._news(shot):
            if decision is None or line.sentence != decision.because:
                self.terminal.say(f"       {line.sentence}")
        if decision is not None:
            self.terminal.say(f"       {decision.kind}: {decision.because}")

    def _news(self, shot: Snapshot) -> list[DecisionLine]:
        """Take what the player did since the last look, as the window lists it."""
        news: list[DecisionLine] = []
        for line in reversed(shot.decisions):
            if line == self._told:  # equal, not the same: each look makes them anew
                break
            news.insert(0, line)
        self._told = shot.decisions[-1] if shot.decisions else None
        return news

    def end(self) -> None:
        shot = self._session.snapshot()
        if self._as_json:
            self.terminal.say(json.dumps(_ending(shot)))
        else:
            self._say(shot.notice)
            self.terminal.say("\n".join(closing_lines(shot)))
        self.terminal.close()

    def _say(self, sentence: str) -> None:
        if sentence and sentence not in self._said:
            self._said.add(sentence)
            self.terminal.say(sentence)


def closing_lines(shot: Snapshot) -> list[str]:
    """Return where a session that has ended is found, and what of it is not."""
    from app.session.snapshot import where

    problem = [shot.recording_problem] if shot.recording_problem else []
    return [*problem, *where(shot)]  # where there is no report, the notice says why


def _line(shot: Snapshot, result: TickResult) -> str:
    """Time, track, entrainment with its chance level, enjoyment, layer."""
    tracking = result.tracking
    if tracking is None:
        following = "no headset"
    elif tracking.state == "cannot tell":
        following = ": ".join([tracking.state, *tracking.reasons[:1]])
    else:
        following = f"{tracking.state}, r {tracking.r:+.2f} (chance {tracking.r_null95:.2f})"
    enjoyment = "cannot tell"  # before any track was heard
    if result.play >= 0:
        enjoyment = of_100(result.enjoyment.mean, result.enjoyment.sd)
    layer = "off" if shot.layer_level <= 0.0 else f"{shot.layer_state} {shot.layer_db:.0f} dB"
    track = f"{shot.track.title} {clock(shot.track.position)}" if shot.track else "-"
    return (
        f"{clock(shot.t):>5}  EEG {shot.source_state:9}  {track:26}  {following:42}  "
        f"enjoyment {enjoyment:>8}  layer {layer}"
    )


def _ending(shot: Snapshot) -> dict[str, Any]:
    folder, report = (str(path) if path else None for path in (shot.folder, shot.report))
    problem = shot.recording_problem or None
    return {"kind": "end", "folder": folder, "report": report, "problem": problem}


def _as_json(shot: Snapshot, result: TickResult) -> dict[str, Any]:
    from app.records.jsontext import plain

    decision = result.decision
    row: dict[str, Any] = plain(
        {
            "kind": "tick",
            "t": shot.t,
            "source_state": shot.source_state,
            "source_notice": shot.source_notice or None,
            "recording_problem": shot.recording_problem or None,
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
