"""Run the loop again on a recorded session: the same data in, the same decisions out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from app.loop.calibration import Calibration
from app.loop.loop import Loop
from app.loop.ticks import PoolTrack, TickInput
from app.records.reader import SessionReader
from app.session.journal import decision_event, events_of
from app.settings import settings_from
from dsp.checks import RecordError
from playlists.tracks import Place


class CutError(RecordError):
    """The log tells of a tick whose data the recording does not hold.

    Attributes
    ----------
    now : float
        That tick, LSL seconds; everything before it can be replayed.
    """

    def __init__(self, text: str, now: float) -> None:
        super().__init__(text)
        self.now = now


def is_cut(folder: Path) -> bool:
    """Whether the session was not ended properly, so that its last words may be missing."""
    return not SessionReader(folder).manifest.get("clean")


def recorded(folder: Path) -> list[dict[str, Any]]:
    """Read the decisions as the session logged them."""
    return [row for row in SessionReader(folder).events() if row["kind"] == "decision"]


def replay(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the log rows of the decisions that the loop makes on the recorded data.

    Music is not opened: what was heard comes from the recorded features, and every stamp is the
    one that the loop used.

    Raises
    ------
    RecordError
        If the folder is none, or lacks what the loop needs.
    CutError
        At the first tick whose data are missing.
    """
    reader = SessionReader(folder)
    manifest = reader.manifest
    try:
        settings = settings_from(manifest["settings"], origin="session.json")
        pool = [PoolTrack(t["title"], t["duration"]) for t in manifest["tracks"]]
        source, seed = manifest["source"], manifest["seed"]
        stored = manifest["calibration"] == "stored"
    except KeyError as error:
        raise RecordError(
            f"{folder}: session.json lacks {error}; it cannot be replayed."
        ) from error
    loop = Loop(
        settings,
        pool=pool,
        ch_names=source["ch_names"] if source else (),
        sfreq=source["sfreq"] if source else 250.0,
        calibration=Calibration.from_npz(
            reader.calibration(), origin=str(folder / "calibration.npz")
        )
        if stored
        else None,
        seed=seed,
    )
    eeg_times, eeg = reader.eeg()
    heard = reader.heard()
    eeg_row = heard_row = 0
    begun = False
    for row in reader.events():
        if row["kind"] == "track" and not begun:
            loop.first(Place(row["pool"]), now=row["t"])
        if row["kind"] != "tick":
            continue
        eeg_end = _row(eeg_times, row["eeg_until"])
        heard_end = _row(heard.times, row["heard_until"])
        if eeg_end is None or heard_end is None:
            text = f"{folder}: the recording ends before the log; the tick {row['now']} has no data"
            raise CutError(f"{text}.", row["now"])
        given = TickInput(
            now=row["now"],
            eeg=eeg[eeg_row:eeg_end],
            eeg_times=eeg_times[eeg_row:eeg_end],
            heard=heard[heard_row:heard_end],
            events=events_of(row),
        )
        eeg_row, heard_row = eeg_end, heard_end
        result, begun = loop.tick(given), True
        if result.decision is not None:
            yield decision_event(result.now, result.decision, result.starts)


def _row(times: np.ndarray[Any, np.dtype[np.float64]], until: float | None) -> int | None:
    """Rows up to and with the stamp `until`; None if there is no such stamp."""
    if until is None:
        return 0
    end = int(np.searchsorted(times, until, side="right"))
    return end if end and times[end - 1] == until else None
