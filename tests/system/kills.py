"""Kill parts of running sessions at random moments, and look at what is left.

``python -m tests.system.kills --kills 200 --seed 1`` runs sessions of five seconds with the
synthetic board, kills one part of each with SIGKILL (the program, the engine, a decoder, the
process that reads the board, or all at once, Python's own helper included), and prints a table.
Each folder must read, no process may be left, and after the next start no byte of shared memory.
Moments are drawn from the first sign of the folder to the end of the session, its report included
where the program itself is killed; where the victim had ended by then, once more.
Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from app.records.reader import SessionReader
from dsp.checks import AttuneError
from tests.doubles.program import HEADLESS, Program, alive, children, segments, until

VICTIMS = ("program", "engine", "decoder", "board", "all")
SESSION_S = 5.0
SHORTEST_S = 3.0  # that the program takes
REPORT_S = 1.0  # s in which a program writes its report, when its children have ended
PATIENCE_S = 180.0  # s in which a program must have ended; the machine may be busy
STUCK_S = 15.0  # s after the end of the program in which its children must have ended
_SHM = Path("/dev/shm")


@dataclass
class Kill:
    """One kill and what was left.

    Attributes
    ----------
    victim : str
        One of `VICTIMS`.
    moment : float
        Seconds after the folder was there.
    problem : str
        Why the folder does not read, or empty.
    stuck : int
        Processes that were left.
    before, after : int
        Bytes in shared memory once all had ended, and after the next start.
    """

    victim: str
    moment: float
    problem: str = ""
    stuck: int = 0
    before: int = 0
    after: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.problem or self.stuck or self.after)


def _maps(pid: int) -> int:
    """Pieces of our shared memory that `pid` holds."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return len({line.split()[-1] for line in lines if "/attune-" in line})


def _is_helper(pid: int) -> bool:
    try:
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _parts(program: int) -> dict[str, list[int]]:
    """Processes by what they do, told apart by how much shared memory each holds."""
    found = [pid for pid in children(program) if not _is_helper(pid)]
    held = {pid: _maps(pid) for pid in found}
    return {
        "program": [program],
        "engine": [pid for pid in found if held[pid] >= 5],
        "decoder": [pid for pid in found if held[pid] == 1],
        "board": [pid for pid in found if 2 <= held[pid] <= 4],
        "all": [program, *children(program)],
    }


def _held(program: int) -> int:
    """Bytes that are left of a program's shared memory, by the id in their names."""
    left = 0
    for name in segments(program):
        try:
            left += (_SHM / name).stat().st_size
        except FileNotFoundError:
            continue
    return left


def _start(root: Path, seconds: float) -> Program:
    words = ("--source", "synthetic", "--minutes", str(seconds / 60.0), "--out", str(root))
    return Program(*HEADLESS, *words, group=True)


def _wait(program: Program) -> None:
    """Wait for its end; one that does not come is found when its processes are looked for."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.process.wait(PATIENCE_S)


def _folders(root: Path) -> list[Path]:
    """Return the folders of sessions: one that has no name yet is none."""
    return [path for path in root.iterdir() if not path.name.startswith(".")]


def _newest(root: Path) -> Path:
    return max(_folders(root), key=lambda path: path.stat().st_ctime_ns)


def _has_more_than(number: int, root: Path) -> bool:
    return len(_folders(root)) > number


def _read(folder: Path) -> str:
    """Read all of a folder; return why that failed, or nothing."""
    try:
        reader = SessionReader(folder)
        events = reader.events()
        stamps = (reader.eeg()[0], reader.heard().times, reader.timeline()[0])
    except AttuneError as error:
        return str(error)
    if any(np.any(np.diff(times) <= 0) for times in stamps):
        return "times do not increase"
    ticks = sum(row["kind"] == "tick" for row in events)
    if ticks and not stamps[0].size:
        return f"{ticks} ticks and no EEG"
    return ""


def kill_one(victim: str, root: Path, rng: np.random.Generator, seconds: float) -> tuple[Kill, int]:
    """Run sessions until one still had `victim` at the moment drawn; return the program's id."""
    longest = seconds + (REPORT_S if victim in ("program", "all") else 0.0)
    while True:
        moment, number = float(rng.uniform(0.0, longest)), len(_folders(root))
        with _start(root, seconds) as program:
            pid = program.process.pid
            until(partial(_has_more_than, number, root), seconds=PATIENCE_S)
            time.sleep(moment)
            parts = _parts(pid) if program.process.poll() is None else {}
            every, chosen = parts.get("all", []), parts.get(victim, [])
            if victim == "decoder" and chosen:
                chosen = [chosen[int(rng.integers(len(chosen)))]]
            for one in chosen:
                os.kill(one, signal.SIGKILL)
            _wait(program)
            end = time.monotonic() + STUCK_S
            while any(map(alive, every)) and time.monotonic() < end:
                time.sleep(0.02)
            left = [one for one in every if alive(one)]
            for one in left:
                os.kill(one, signal.SIGKILL)
        if chosen:
            return Kill(victim, moment, _read(_newest(root)), len(left), _held(pid)), pid


def kills(n: int, seed: int, root: Path, seconds: float = SESSION_S) -> Iterator[Kill]:
    """`n` kills in sessions of `seconds`, one after the other, each followed by the next start."""
    rng = np.random.default_rng(seed)
    last: tuple[Kill, int] | None = None
    for k in range(n):
        this = kill_one(VICTIMS[(seed + k) % len(VICTIMS)], root, rng, seconds)
        if last is not None:
            last[0].after = _held(last[1])
            yield last[0]
        last = this
    if last is not None:
        with _start(root, SHORTEST_S) as program:
            _wait(program)
        assert program.process.returncode == 0, program.text
        last[0].after = _held(last[1])
        yield last[0]


def table(done: list[Kill]) -> str:
    """Markdown, a row for each kind of victim and one for all."""
    lines = [
        "| killed | times | folders that read | stuck processes | MB left, before the next start "
        "| bytes after it |",
        "|---|---|---|---|---|---|",
    ]
    for name in (*VICTIMS, "sum"):
        rows = [kill for kill in done if name in (kill.victim, "sum")]
        lines.append(
            f"| {name} | {len(rows)} | {sum(not kill.problem for kill in rows)} "
            f"| {sum(kill.stuck for kill in rows)} | {sum(kill.before for kill in rows) / 1e6:.0f} "
            f"| {sum(kill.after for kill in rows)} |"
        )
    return "\n".join(lines)


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the kills, several sessions at a time; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=3, help="sessions that run side by side")
    chosen = parser.parse_args()
    done: list[Kill] = []
    lock = threading.Lock()

    def work(worker: int) -> None:
        share = len(range(worker, chosen.kills, chosen.at_once))
        root = Path(folder) / str(worker)
        root.mkdir()
        for kill in kills(share, chosen.seed * 1000 + worker, root):
            with lock:
                done.append(kill)
                mark = "" if kill.good else f"  WRONG: {kill}"
                say(f"{len(done)}/{chosen.kills} {kill.victim} at {kill.moment:.2f} s{mark}")

    with tempfile.TemporaryDirectory(prefix="attune-kills-") as folder:
        for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = str(Path(folder) / kind.lower())
        with _start(Path(folder), SHORTEST_S) as program:  # measures the first track once
            _wait(program)
        with ThreadPoolExecutor(chosen.at_once) as pool:
            for future in [pool.submit(work, worker) for worker in range(chosen.at_once)]:
                future.result()
    say(table(done))
    return 0 if all(kill.good for kill in done) else 1


if __name__ == "__main__":
    sys.exit(main())
