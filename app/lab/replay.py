"""Run the loop again on a recorded session: the same data in, the same decisions out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.loop.calibration import Calibration
from app.loop.invariants import violations
from app.loop.loop import Loop, What
from app.loop.ticks import PoolTrack, TickInput, TickResult
from app.records.jsontext import encode, get, number, whole
from app.records.reader import SessionReader
from app.records.ticks import Tick, read_tick
from app.session.journal import decision_event, events_of
from app.session.recorded import expected_of
from app.settings import settings_from
from dsp.checks import RecordError
from playlists.tracks import Place


@dataclass(frozen=True)
class Replay:
    """What came of it.

    Attributes
    ----------
    made, logged : tuple of dict
        Log rows of the decisions that the loop makes on the recorded data, and of those that the
        session logged.
    start : float
        LSL second at which the session began.
    no_data_from : float
        LSL second of the first tick whose data the recording does not hold; else infinite.
    cut : bool
        Whether the session was not ended properly, so that its last words may be missing.
    rules : int
        Number of the rules that the session was recorded by; those of today are `app.loop.RULES`.
    violation : str
        The first thing that cannot be, or empty (`app.loop.invariants`).
    """

    made: tuple[dict[str, Any], ...]
    logged: tuple[dict[str, Any], ...]
    start: float
    no_data_from: float
    cut: bool
    rules: int
    violation: str

    @property
    def compared(self) -> tuple[dict[str, Any], ...]:
        """Logged decisions that there are data for."""
        return tuple(row for row in self.logged if row["t"] < self.no_data_from)

    @property
    def unlogged(self) -> int:
        """1 where the session was killed between the last decision and its line in the log."""
        ended = self.cut and math.isinf(self.no_data_from)
        return int(ended and len(self.made) == len(self.compared) + 1)

    @property
    def same(self) -> bool:
        """Whether the decisions are the logged ones, byte for byte, as far as the data reach."""
        made = self.made[: len(self.made) - self.unlogged]
        return [encode(row) for row in made] == [encode(row) for row in self.compared]

    @property
    def n_alike(self) -> int:
        """How many decisions are of the same second, kind and target."""

        def key(row: dict[str, Any]) -> tuple[Any, ...]:
            return row["t"], get(row, "decision", "kind"), get(row, "decision", "target")

        return len({*map(key, self.made)} & {*map(key, self.compared)})


def replay(folder: Path) -> Replay:
    """Let the loop decide on the recorded data, as far as they reach.

    Music is not opened: what was heard comes from the recorded features, and every stamp is the
    one that the loop used.

    Raises
    ------
    RecordError
        If the folder is none, or lacks what the loop needs.
    """
    reader = SessionReader(folder)
    loop = loop_of(reader, _stored(reader))
    made, violation, no_data_from = [], "", math.inf
    before: TickResult | None = None
    for given in ticks_of(reader, loop):
        if isinstance(given, float):
            no_data_from = given
            break
        result = loop.tick(given)
        found = violations(result, before)
        if found and not violation:
            violation = f"Tick {given.now}: {found[0]}"
        before = result
        if result.decision is not None:
            made.append(decision_event(result.now, result.decision, result.starts))
    manifest = reader.manifest
    return Replay(
        made=tuple(made),
        logged=tuple(row for row in reader.events() if row["kind"] == "decision"),
        start=number(manifest, "start"),
        no_data_from=no_data_from,
        cut=not manifest.get("clean"),
        rules=max(whole(manifest, "rules"), 1),  # the first programs gave them no number
        violation=violation,
    )


def _stored(reader: SessionReader) -> Calibration | None:
    """Return the calibration that the session had."""
    if reader.manifest.get("calibration") != "stored":
        return None
    origin = str(reader.folder / "calibration.npz")
    return Calibration.from_npz(reader.calibration(), origin=origin)


def loop_of(reader: SessionReader, calibration: Calibration | None) -> Loop:
    """Make the loop of a recorded session, with the calibration that it is to have.

    Raises
    ------
    RecordError
        If the folder lacks what the loop needs.
    """
    manifest = reader.manifest
    try:
        settings = settings_from(manifest["settings"], origin="session.json")
        pool = [
            PoolTrack(str(t["title"]), float(t["duration"]), str(t.get("because", "")))
            for t in manifest["tracks"]
        ]
        source, seed = manifest["source"], int(manifest["seed"])
        sfreq = float(source["sfreq"]) if source else 250.0
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RecordError(
            f"{reader.folder}: session.json lacks or has in another form what the loop needs "
            f"({error}); it cannot be replayed."
        ) from error
    if not pool or seed < 0 or not 1.0 <= sfreq <= 1e5:
        raise RecordError(
            f"{reader.folder}: session.json has {len(pool)} tracks, seed {seed} and {sfreq:g} Hz; "
            "it cannot be replayed."
        )
    return Loop(
        settings,
        pool=pool,
        ch_names=reader.ch_names if source else (),
        sfreq=sfreq,
        calibration=calibration,
        seed=seed,
        what=_what(source),
        expected=expected_of(manifest, len(pool)),
    )


def _what(source: Any) -> What:
    """Tell a session that ran on a recording from one that ran live."""
    if not get(source, "details", "recording"):
        return "live"
    return "recording" if get(source, "details", "sound") else "silent recording"


def ticks_of(reader: SessionReader, loop: Loop) -> Iterator[TickInput | float]:
    """Every tick with its data; or, last, the time of the first that has none."""
    (eeg_times, eeg), heard = reader.eeg(), reader.heard()
    eeg_row = heard_row = n_ticks = 0
    for row in reader.events():
        if row["kind"] == "track" and not n_ticks:  # what was begun with, until it was heard
            loop.first(Place(whole(row, "pool")), now=row["t"])
        if row["kind"] != "tick":
            continue
        n_ticks += 1
        tick: Tick = read_tick(row)
        eeg_end = _row(eeg_times, tick.eeg_until)
        heard_end = _row(heard.times, tick.heard_until)
        if eeg_end is None or heard_end is None:
            yield tick.now
            return
        yield TickInput(
            now=tick.now,
            eeg=eeg[eeg_row:eeg_end],
            eeg_times=eeg_times[eeg_row:eeg_end],
            heard=heard[heard_row:heard_end],
            events=events_of(tick.events),
        )
        eeg_row, heard_row = max(eeg_row, eeg_end), max(heard_row, heard_end)
    if not n_ticks:
        raise RecordError(
            f"{reader.folder}: events.jsonl names no second of a session; it is lost, or the "
            "session was over at once, and there is nothing to replay."
        )


def _row(times: np.ndarray[Any, np.dtype[np.float64]], until: float | None) -> int | None:
    """Rows up to and with the stamp `until`; None if there is no such stamp."""
    if until is None:
        return 0
    end = int(np.searchsorted(times, until, side="right"))
    return end if end and times[end - 1] == until else None
