"""Reading a session folder, whole or cut anywhere (format: docs/session-folder.md)."""

from __future__ import annotations

import io
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.records.writer import EEG, FORMAT, MARKERS, SCHEMA, STIMULUS, TIMELINE
from app.records.xdf import whole_chunks
from devices.timeline import COLUMNS
from dsp.checks import RecordError
from dsp.sound.heard import HEARD_NAMES, Heard

_FILES = ("session.json", "events.jsonl", "recording.xdf")

Samples = tuple[npt.NDArray[np.float64], npt.NDArray[Any]]


class SessionReader:
    """A recorded session.

    Whatever is there is read; `problems` says in sentences what is missing. It grows as more of
    the folder is read, so look at it last.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    RecordError
        `folder` is no session folder, or one of a newer program.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.problems: list[str] = []
        if not self.folder.is_dir():
            raise RecordError(f"{self.folder} is not a folder; give the folder of a session.")
        found = [name for name in _FILES if (self.folder / name).is_file()]
        self.manifest = self._read_manifest()
        foreign = bool(self.manifest) and self.manifest.get("format") != FORMAT
        if not found or foreign or (not self.manifest and len(found) < 2):
            raise RecordError(
                f"{self.folder} is not a session folder; one holds {', '.join(_FILES)}."
            )
        schema = self.manifest.get("schema", SCHEMA)
        if not isinstance(schema, int) or schema > SCHEMA:
            raise RecordError(
                f"{self.folder} has session format {schema!r}, this program reads up to {SCHEMA}; "
                "open it with a newer version."
            )
        if self.manifest and not self.manifest.get("clean"):
            self.problems.append(
                str(self.manifest.get("problem") or "")
                or "The session was not ended properly; up to its last second may be missing."
            )

    def _bytes(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            self.problems.append(f"{name} is missing.")
        except OSError as error:
            self.problems.append(f"{name} cannot be read: {error.strerror or error}.")
        return b""

    def _read_manifest(self) -> dict[str, Any]:
        raw = self._bytes("session.json")
        try:
            manifest = json.loads(raw) if raw else {}
        except ValueError:
            manifest = None
        if not isinstance(manifest, dict):
            self.problems.append("session.json is damaged; its settings are not known.")
            return {}
        return manifest

    @cached_property
    def _events(self) -> list[dict[str, Any]]:
        events, lines = [], self._bytes("events.jsonl").split(b"\n")
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if isinstance(event, dict):
                events.append(event)
            elif number == len(lines):
                self.problems.append("The last line of events.jsonl is cut off; it was left out.")
            else:
                self.problems.append(f"Line {number} of events.jsonl is damaged; it was left out.")
        return events

    def events(self) -> list[dict[str, Any]]:
        """All events in the order they were written; see docs/session-folder.md for the kinds."""
        return list(self._events)

    @cached_property
    def _streams(self) -> dict[int, dict[str, Any]]:
        import pyxdf  # costs a tenth of a second that only reading should pay

        raw = self._bytes("recording.xdf")
        if not raw:
            return {}
        kept, unfinished, damaged = whole_chunks(raw)
        if unfinished:
            self.problems.append(
                f"recording.xdf ends in {unfinished} bytes of an unfinished chunk."
            )
        if damaged:
            self.problems.append(
                f"{damaged} bytes of recording.xdf are damaged; they were left out."
            )
        try:
            streams, _ = pyxdf.load_xdf(
                io.BufferedReader(io.BytesIO(kept)),
                synchronize_clocks=False,
                dejitter_timestamps=False,
            )
        except Exception as error:  # pyxdf has no error type of its own
            self.problems.append(f"recording.xdf is damaged and cannot be read: {error!r}.")
            return {}
        return {int(stream["info"]["stream_id"]): stream for stream in streams}

    def _samples(self, number: int, name: str, n_channels: int, dtype: Any) -> Samples:
        stream = self._streams.get(number)
        if stream is None:
            self._note(f"There is no {name} in recording.xdf.")
            return np.empty(0), np.empty((0, n_channels), dtype=dtype)
        if len(stream["time_stamps"]) == 0:
            return np.empty(0), np.empty((0, int(stream["info"]["channel_count"][0])), dtype=dtype)
        return stream["time_stamps"], stream["time_series"]

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def eeg(self) -> Samples:
        """EEG in the order of the file.

        Returns
        -------
        times : float64 [shape=(n_samples,)]
            Exactly the stamps the loop used, LSL seconds.
        data : float32 [shape=(n_samples, n_channels)]
            Microvolts; rows of NaN where samples were lost. Channels as in ``manifest["source"]``.
        """
        if not self.manifest.get("source") and EEG not in self._streams:
            return np.empty(0), np.empty((0, 0), dtype=np.float32)  # a session without a headset
        return self._samples(EEG, "EEG", len(self.ch_names), np.float32)

    @property
    def ch_names(self) -> tuple[str, ...]:
        """Names of the EEG channels; empty where there is none."""
        source = self.manifest.get("source")
        names = source.get("ch_names") if isinstance(source, dict) else None
        return tuple(str(name) for name in names or ())

    def heard(self) -> Heard:
        """Return what was heard; NaN for the level, which early sessions did not record."""
        times, values = self._samples(STIMULUS, "stimulus", len(HEARD_NAMES), np.float32)
        missing = len(HEARD_NAMES) - values.shape[1]
        if missing > 0:
            values = np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan)
        return Heard(times, values)

    def timeline(self) -> Samples:
        """Return times and rows of the sound engine, float64 [shape=(n_rows, len(COLUMNS))]."""
        return self._samples(TIMELINE, "timeline", len(COLUMNS), np.float64)

    def markers(self) -> list[tuple[float, str]]:
        """Return time and text of every marker."""
        stream = self._streams.get(MARKERS)
        if stream is None:
            return []
        pairs = zip(stream["time_stamps"], stream["time_series"], strict=True)
        return [(float(time), str(row[0])) for time, row in pairs]
