"""A simulated board through acquisition and records, with everything that goes wrong with one.

``python -m tests.validation.soak [--minutes 4] [--daisy]``: loss, bursts, drift, stalls, and two
restarts (the dongle pulled out, the reading process killed). What stands in the recording is held
against what the board sampled.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.records.reader import SessionReader
from app.records.writer import SessionWriter
from app.session.feed import Feed
from devices.acquisition import acquire
from devices.clock import now
from tests.doubles.cyton import Cyton

#: Second of a whole soak (of four minutes), and what happens then.
STORY = (
    (1, "lose 0.005"),
    (12, "burst 3"),
    (20, "burst 40"),
    (30, "hold 0.4"),
    (40, "burst 256"),  # a whole turn of the counter
    (50, "pause 0.7"),
    (60, "unplug"),
    (63, "plug"),
    (80, "hold 1.2"),
    (90, "burst 376"),
    (100, "lose 0.05"),
    (110, "lose 0.005"),
    (120, "pause 1.5"),
    (130, "burst 440"),  # any longer and the board is opened again, as it should be
    (150, "kill the reader"),
    (170, "hold 0.8"),
    (180, "burst 100"),
    (200, "lose 0.2"),
    (204, "lose 0.005"),
    (220, "pause 0.3"),
)
QUICK = (
    (1.0, "lose 0.03"),
    (1.5, "burst 40"),
    (2.5, "hold 0.3"),
    (3.5, "unplug"),
    (4.0, "plug"),
)
#: s around a restart in which samples that nobody could take are not asked for
_BEFORE_S, _AFTER_S = 0.5, 4.5


@dataclass(frozen=True)
class Soak:
    """What came of it.

    Attributes
    ----------
    sampled, recorded, lost : int
        Samples that the board took, that are in the recording, and that never left it.
    out_of_place : int
        Recorded rows that are not the sample of their place.
    lost_to_disk : int
        Rows that were in the ring and are not in the recording.
    missing : int
        Samples that left the board and are not in the recording, away from restarts.
    worst_ms, median_ms : float
        Recorded time less true time of a row: the largest error and the middle one, ms.
    backward : int
        Stamps that do not increase.
    wrong_at : str
        Seconds of the first and the last row out of place, and of the one with the largest error.
    """

    sampled: int
    recorded: int
    lost: int
    out_of_place: int
    lost_to_disk: int
    missing: int
    worst_ms: float
    median_ms: float
    backward: int
    wrong_at: str

    @property
    def good(self) -> bool:
        """Whether nothing was lost or misplaced."""
        wrong = (self.out_of_place, self.lost_to_disk, self.missing, self.backward)
        return not any(wrong) and self.recorded > 0


def soak(
    folder: Path,
    story: tuple[tuple[float, str], ...],
    seconds: float,
    *,
    daisy: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Soak:
    """Record a simulated board for `seconds` while `story` happens to it."""
    options = ["--index", "--ppm", "80", "--latency", "0.016", *(["--daisy"] if daisy else [])]
    restarts: list[float] = []
    with Cyton(folder, *options) as cyton:
        board = "cyton_daisy" if daisy else "cyton"
        acquisition = acquire(f"brainflow:{board}:{cyton.port}")
        feed = Feed(acquisition)
        info = feed.wait_ready(lambda: False)
        ring = acquisition.ring
        writer = SessionWriter(folder / "sessions", {"name": "soak"})
        writer.source(info)
        start, following, in_ring, left = now(), 0, 0, list(story)
        while now() - start < seconds:
            due = left[0][0] if left else seconds
            time.sleep(max(0.0, min(due - (now() - start), 0.25)))
            while left and now() - start >= left[0][0]:
                _, order = left.pop(0)
                say(f"{now() - start:6.1f} s  {order}")
                if order in ("unplug", "kill the reader"):
                    restarts.append(now())
                if order == "kill the reader":
                    assert acquisition.pid is not None
                    os.kill(acquisition.pid, signal.SIGKILL)
                else:
                    cyton.order(order)
            block = ring.since(following)
            following = block.first + block.times.size
            in_ring += int(np.isfinite(block.data[:, 0]).sum())
            writer.eeg(*feed.rows(float(block.times[-1]) if block.times.size else now()))
            for event in feed.events():
                if event.text:
                    say(f"{now() - start:6.1f} s  {event.kind} {event.value}: {event.text}")
        feed.close()
        writer.close()
        assert not writer.problem, writer.problem
    reader = SessionReader(writer.folder)
    assert not reader.problems, reader.problems
    times, rows = reader.eeg()
    return judge(cyton.truth(), times, rows[:, 0], in_ring, restarts)


def judge(
    truth: npt.NDArray[np.void],
    times: npt.NDArray[np.float64],
    uv: npt.NDArray[np.float32],
    in_ring: int,
    restarts: list[float],
) -> Soak:
    """Hold recorded rows against the truth, by the sample number that channel 1 carries."""
    period = float(np.median(np.diff(truth["time"])))
    kept = np.flatnonzero(np.isfinite(uv))
    number = np.round(uv[kept].astype(np.float64) * 10.0).astype(int)  # at most 50,000
    number += 50_000 * np.cumsum(np.diff(number, prepend=0) < -25_000)
    known = number < truth.size
    assert known.all(), "the recording has samples that were never taken"
    # Between two pauses of the board itself (and its restarts), row less number is one constant.
    part = np.cumsum(np.diff(truth["time"], prepend=truth["time"][0]) > 1.5 * period)[number]
    offset = kept - number
    # A Daisy's row that is put together from two samples shows in nothing that BrainFlow gives.
    torn = truth["sent"][number] < 1.0
    off = np.zeros(kept.size, dtype=bool)
    for one in np.unique(part):
        off |= (part == one) & ~torn & (offset != np.median(offset[part == one]))
    taken = truth["time"][number] - truth["time"][0]
    wrong = [f"{at:.1f}" for at in taken[off][[0, -1]]] if off.any() else []
    error = (times[kept] - truth["time"][number])[~torn]
    wrong.append(f"{taken[~torn][np.abs(error).argmax()]:.1f}")
    sent = np.flatnonzero(truth["sent"] == 1.0)
    sent = sent[(sent > number[0]) & (sent < number[-1])]
    for at in restarts:
        since = truth["time"][sent] - at
        sent = sent[(since < -_BEFORE_S) | (since > _AFTER_S)]
    return Soak(
        sampled=truth.size,
        recorded=kept.size,
        lost=int(np.count_nonzero(truth["sent"] == 0.0)),
        out_of_place=int(np.count_nonzero(off)),
        lost_to_disk=in_ring - kept.size,
        missing=int(np.setdiff1d(sent, number).size),
        worst_ms=1e3 * float(np.abs(error).max()),
        median_ms=1e3 * float(np.median(error)),
        backward=int(np.count_nonzero(np.diff(times) <= 0.0)),
        wrong_at=", ".join(wrong),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--daisy", action="store_true")
    options = parser.parse_args()

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), STORY, 60.0 * options.minutes, daisy=options.daisy, say=say)
    say(str(found))
    say("passed" if found.good else "FAILED")
    return 0 if found.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
