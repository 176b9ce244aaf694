"""CPU of the program's small pieces, each beside a bare one in the same run.

    python -m tests.benchmarks.bench_pieces [--only report,records,window,virtual,cache,start]

* report: the report of an hour's session, beside reading its folder;
* records: 64 channels at 1 kHz for 10 s, beside writing the same bytes to one file;
* window: a frame of the session window with new EEG, beside repainting an empty one;
* virtual: two minutes of music as numbers alone, beside decoding them;
* cache: a track that was measured before, beside reading its file;
* start: `start.py` up to its hand-over where all is set up, beside starting Python.

CPU seconds, the median of several runs. The window needs no display of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.player.virtual import VirtualPlayer
from app.records.reader import SessionReader
from app.records.writer import SessionWriter
from app.report import write_report
from playlists.analysis.prepare import prepare
from playlists.decode import blocks
from playlists.starter import STARTER_DIR
from tests.doubles.making_sessions import T0, make_session, manifest

ROOT = Path(__file__).resolve().parents[2]
Work = Callable[[], object]


def cost(work: Work, *, times: int = 5) -> float:
    """CPU seconds of `work`, the median of so many runs."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def report(root: Path) -> tuple[float, float]:
    """An hour with a rating every minute."""
    ratings = tuple((60 * k, 5) for k in range(1, 60))
    folder = make_session(root, seconds=3600, signals=False, ratings=ratings)
    return cost(lambda: write_report(folder)), cost(lambda: SessionReader(folder).events())


def records(root: Path) -> tuple[float, float]:
    """Twenty rows at a time, as they come."""
    source = {"name": "big", "ch_names": tuple(f"E{k}" for k in range(64)), "sfreq": 1000.0}
    data = np.zeros((20, 64), dtype=np.float32)

    def write() -> None:
        writer = SessionWriter(root, manifest(source=source))
        for k in range(500):
            writer.eeg(data, T0 + k / 50 + np.arange(20) / 1000)
        writer.close()

    def bare() -> None:
        with (root / "bare").open("wb") as file:
            for k in range(500):
                file.write(data.tobytes() + (T0 + k / 50 + np.arange(20) / 1000).tobytes())

    return cost(write), cost(bare)


def window(_: Path) -> tuple[float, float]:
    """Eight new rows a frame."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication, QWidget

    from app.window.main_window import MainWindow
    from app.window.theme import DARK, Look
    from tests.doubles.fake_session import FakeSession

    app = QApplication.instance() or QApplication([])
    session = FakeSession(t0=100.0, speed=1e-4)
    shown, empty = MainWindow(lambda: session, look=Look(DARK)), QWidget()
    for one in (shown, empty):
        one.resize(1440, 900)
        one.show()
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        app.processEvents()

    def frame() -> None:
        session._write(8)
        shown._on_frame()
        app.processEvents()

    def bare() -> None:
        empty.repaint()
        app.processEvents()

    figures = cost(frame, times=40), cost(bare, times=40)
    shown.close()
    empty.close()
    return figures


def virtual(root: Path) -> tuple[float, float]:
    """The first starter track again and again."""
    path = sorted(STARTER_DIR.glob("*.ogg"))[0]
    track = prepare(path, cache=root)

    def play() -> None:
        player = VirtualPlayer(features_only=True)
        for k in range(8):
            player.play(k, track, fade=0.05)
            for second in range(15):
                player.advance(15.0 * k + second + 1.0)
                player.heard()

    def bare() -> None:
        for _ in range(2):
            for _block in blocks(path):
                pass

    play()  # what is worked out once for a track is no part of it
    return cost(play), cost(bare)


def cache(root: Path) -> tuple[float, float]:
    """The first starter track."""
    path = sorted(STARTER_DIR.glob("*.ogg"))[0]
    prepare(path, cache=root)
    return cost(lambda: prepare(path, cache=root)), cost(path.read_bytes)


def start(_: Path) -> tuple[float, float]:
    """CPU of processes of their own."""

    def run(code: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    ready = f"import start; start.set_up({str(ROOT)!r}, 'run', allowed=False)"
    bare = statistics.median(run("pass") for _ in range(5))
    return statistics.median(run(ready) for _ in range(5)) - bare, bare


PIECES: dict[str, tuple[Callable[[Path], tuple[float, float]], float]] = {
    "report": (report, 1.0),
    "records": (records, 0.5),
    "window": (window, 0.025),
    "virtual": (virtual, 1.5),
    "cache": (cache, 0.03),
    "start": (start, 0.06),
}  #: each with the CPU seconds that it may take


def main() -> None:
    """Measure; print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(PIECES))
    given = parser.parse_args().only.split(",")
    unknown = [name for name in given if name not in PIECES]
    if unknown:
        parser.error(f"--only names {unknown[0]!r}; expected some of {', '.join(PIECES)}.")
    result: dict[str, object] = {}
    for name in given:
        work, limit = PIECES[name]
        with tempfile.TemporaryDirectory() as root:
            taken, bare = work(Path(root))
        result[name] = {
            "cpu_s": round(taken, 4),
            "bare_s": round(bare, 4),
            "over_bare": round(taken / max(bare, 1e-6), 2),
            "limit_s": limit,
            "met": taken <= limit,
        }
    result["load_of_the_machine"] = os.getloadavg()[0]
    result["machine"] = f"{platform.machine()}, {os.cpu_count()} cores"
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
