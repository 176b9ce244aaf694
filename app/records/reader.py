"""Reading a session folder, whole or cut anywhere (format: docs/session-folder.md)."""

from __future__ import annotations

import json
import math
import os
import stat
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.records.jsontext import number
from app.records.sealed import HEAD_BYTES, Seal, SealedError, seal_of, unseal
from app.records.streams import EEG, MARKERS, STIMULUS, TIMELINE
from app.records.ticks import Tick, read_ticks
from app.records.writer import FORMAT, SCHEMA
from devices.formats.xdf import XdfStream, read_xdf
from devices.timeline import COLUMNS
from dsp.checks import AttuneError, RecordError
from dsp.sound.heard import HEARD_NAMES, Heard

_FILES = ("session.json", "events.jsonl", "recording.xdf")
_LONGEST = 7 * 86400.0  # s; no session lasts that long, and a time further off is none
_TOLD = 5  # damaged lines that are named one by one
# No link is followed and no pipe waited for: a folder may come from anybody.
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FLAGS |= getattr(os, "O_BINARY", 0)

Samples = tuple[npt.NDArray[np.float64], npt.NDArray[Any]]


class SessionReader:
    """A recorded session; an encrypted one is opened with the keys of this process.

    Whatever is there is read; `problems` says in sentences what is missing. It grows as more of
    the folder is read, so look at it last.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    RecordError
        `folder` is no session folder, or one of a newer program.
    SealedError
        It is encrypted, and its key cannot be had.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.problems: list[str] = []
        if not self.folder.is_dir():
            raise RecordError(f"{self.folder} is not a folder; give the folder of a session.")
        found = [name for name in _FILES if (self.folder / name).exists()]
        #: what the folder is encrypted with; None where it is plain
        self.seal: Seal | None = next(filter(None, map(self._seal_of, found)), None)
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

    def _seal_of(self, name: str) -> Seal | None:
        raw, self.problems = self._raw(name, HEAD_BYTES), []  # read again, and told then
        try:
            return seal_of(raw)
        except AttuneError as error:
            raise SealedError(f"{self.folder} cannot be read. {error}") from error

    def _bytes(self, name: str) -> bytes:
        """Return a file as it was handed to the writer; empty where it cannot be read."""
        return self.opened(name, self._raw(name))

    def opened(self, name: str, raw: bytes) -> bytes:
        """Return what stands in `raw`, the bytes of the file `name` of this folder."""
        if self.seal is None or not raw:
            return raw
        data, said = unseal(name, raw, self.seal)
        self.problems += said
        return data

    def _raw(self, name: str, size: int = -1) -> bytes:
        path = self.folder / name
        try:
            with open(os.open(path, _FLAGS), "rb") as file:
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return file.read(size)
            self.problems.append(f"{name} is no file; it was not read.")
        except FileNotFoundError:
            self.problems.append(f"{name} is missing.")
        except MemoryError:
            self.problems.append(f"{name} is larger than the memory of this computer.")
        except OSError as error:
            link = path.is_symlink()
            reason = "it is a link, and none is followed" if link else error.strerror or error
            self.problems.append(f"{name} cannot be read: {reason}.")
        return b""

    def _read_manifest(self) -> dict[str, Any]:
        raw = self._bytes("session.json")
        try:
            manifest = json.loads(raw) if raw else {}
        except (ValueError, RecursionError):
            manifest = None
        if not isinstance(manifest, dict):
            self.problems.append("session.json is damaged; its settings are not known.")
            return {}
        return manifest

    @cached_property
    def _events(self) -> list[dict[str, Any]]:
        events, lines = [], self._bytes("events.jsonl").split(b"\n")
        odd: list[str] = []
        for at, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                event = None
            if isinstance(event, dict):
                kind = event.get("kind")
                if math.isfinite(number(event, "t")) and isinstance(kind, str) and kind:
                    events.append(event)
                else:
                    odd.append(
                        f"Line {at} of events.jsonl has no time or no kind; it was left out."
                    )
            elif at == len(lines):
                odd.append("The last line of events.jsonl is cut off; it was left out.")
            else:
                odd.append(f"Line {at} of events.jsonl is damaged; it was left out.")
        more = [f"So were {len(odd) - _TOLD} more lines."] if len(odd) > _TOLD else []
        self.problems += [*odd[:_TOLD], *more]
        return self._near(events)

    def _near(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leave out what lies so far from the others that it is of no session."""
        middle = float(np.median([number(e, "t") for e in events])) if events else 0.0
        kept = [e for e in events if abs(number(e, "t") - middle) <= _LONGEST]
        if n := len(events) - len(kept):
            self.problems.append(
                f"{n} lines of events.jsonl lie over a week from the others; they were left out."
            )
        return kept

    def events(self) -> list[dict[str, Any]]:
        """Return all events in the order they were written; docs/session-folder.md has the kinds.

        Returns
        -------
        list of dict
            Each with a finite number ``t`` and a text ``kind``; nothing else is sure.
        """
        return list(self._events)

    @cached_property
    def _ticks(self) -> tuple[Tick, ...]:
        ticks, problems = read_ticks(self._events)
        self.problems += problems
        return ticks

    def ticks(self) -> tuple[Tick, ...]:
        """Return every tick of the log, typed and in order of time."""
        return self._ticks

    @cached_property
    def _streams(self) -> dict[int, XdfStream]:
        raw = self._bytes("recording.xdf")
        if not raw:
            return {}
        file = read_xdf(raw)
        if file.unfinished:
            self.problems.append(
                f"recording.xdf ends in {file.unfinished} bytes of an unfinished chunk."
            )
        if file.damaged:
            self.problems.append(
                f"{file.damaged} bytes of recording.xdf are damaged; they were left out."
            )
        return {stream.number: stream for stream in file.streams}

    def _samples(self, number: int, name: str, n_channels: int, dtype: Any) -> Samples:
        """Samples of a stream; empty, with a note, where there are none as we write them."""
        nothing = np.empty(0), np.empty((0, n_channels), dtype=dtype)
        stream = self._streams.get(number)
        if stream is None:
            self._note(f"There is no {name} in recording.xdf.")
            return nothing
        times, values = stream.times, stream.values
        if stream.text or values.dtype != dtype or not np.isfinite(times).all():
            self._note(f"The {name} in recording.xdf is not as Attune writes it; it was left out.")
            return nothing
        return times, values

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
        n = len(self.ch_names)
        times, data = self._samples(EEG, "EEG", n, np.float32)
        if n and data.shape[1] != n:
            self._note(
                f"recording.xdf has {data.shape[1]} channels of EEG and session.json names {n}; "
                "it cannot be told which is which."
            )
            return np.empty(0), np.empty((0, n), dtype=np.float32)
        return times, data

    def other(self, number: int) -> Samples:
        """Return times and rows of stream `number` (`app.records.streams`); empty without one.

        For what stands beside the EEG, and for a second source; channels as in the manifest.
        """
        stream = self._streams.get(number)
        if stream is None:
            return np.empty(0), np.empty((0, 0), dtype=np.float32)
        return self._samples(number, stream.name, stream.values.shape[1], np.float32)

    @property
    def ch_names(self) -> tuple[str, ...]:
        """Names of the EEG channels; empty where there is none."""
        source = self.manifest.get("source")
        names = source.get("ch_names") if isinstance(source, dict) else None
        return tuple(str(name) for name in names) if isinstance(names, list) else ()

    def calibration(self) -> bytes:
        """Return the stored calibration as it was written; empty where there is none."""
        return self._bytes("calibration.npz")

    def heard(self) -> Heard:
        """Return what was heard; NaN for the level, which early sessions did not record."""
        times, values = self._samples(STIMULUS, "stimulus", len(HEARD_NAMES), np.float32)
        missing = len(HEARD_NAMES) - values.shape[1]
        if missing not in (0, 1):
            self._note(f"The stimulus in recording.xdf has {values.shape[1]} channels; left out.")
            return Heard.nothing()
        if missing:
            values = np.pad(values, ((0, 0), (0, 1)), constant_values=np.nan)
        return Heard(times, values)

    def timeline(self) -> Samples:
        """Return times and rows of the sound engine, float64 [shape=(n_rows, len(COLUMNS))]."""
        return self._samples(TIMELINE, "timeline", len(COLUMNS), np.float64)

    def markers(self) -> list[tuple[float, str]]:
        """Return time and text of every marker."""
        stream = self._streams.get(MARKERS)
        if stream is None:
            return []
        pairs = zip(stream.times, stream.values, strict=True)
        return [(float(time), str(row[0])) for time, row in pairs]
