"""Time to write the report of an hour's session, beside the time to read its folder.

    python tests/benchmarks/bench_report.py [--seconds 3600]

CPU seconds, the median of five; the folder holds events, timeline and ratings, without signals.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "app" / "records")]

from making_sessions import make_session  # noqa: E402

from app.records.reader import SessionReader  # noqa: E402
from app.report import write_report  # noqa: E402

LIMIT_S = 1.0


def cost(work: Callable[[], object]) -> float:
    """CPU seconds of `work`, the median of five."""
    taken = []
    for _ in range(5):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def main() -> None:
    """Measure; print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=3600)
    seconds = parser.parse_args().seconds
    ratings = tuple((60 * k, 5) for k in range(1, seconds // 60))
    with tempfile.TemporaryDirectory() as root:
        folder = make_session(Path(root), seconds=seconds, signals=False, ratings=ratings)
        written = cost(lambda: write_report(folder))
        read = cost(lambda: SessionReader(folder).events())
    result = {
        "report_s": round(written, 3),
        "reading_s": round(read, 3),
        "report_over_reading": round(written / read, 2),
        "limit_s": LIMIT_S,
        "met": written <= LIMIT_S,
        "session_s": seconds,
        "load_of_the_machine": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
