"""A recording as a source of EEG: an own session or any XDF file, at the pace of its recording."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from devices.clock import now
from devices.formats.xdf_eeg import XdfEeg, open_xdf
from devices.sources.naming import Wanted
from devices.sources.source import READ_EVERY, EegChunk, Handover, SourceEvent, SourceInfo
from dsp.checks import DeviceError, InputError, foreign_text
from dsp.sound.heard import Heard

ENDED = "The recording has ended."
_FILE, _MANIFEST = "recording.xdf", "session.json"
_MANIFEST_BYTES = 64 << 20


class ReplaySource:
    """A recording that comes as it came: its rows, their spacing and its gaps.

    Its times are moved onto the clock by whole seconds, so that what a session looks at each
    second is what one that recorded it looked at. Closed and opened again it goes on where time
    has brought it, as a headset would.

    Parameters
    ----------
    path : str
        A session folder, or an XDF file.
    channels : Wanted
        Which electrodes, and their names; all if empty.
    clock : callable
        Seconds; a virtual one replays as fast as it runs.
    sleep : callable
        Lets so many seconds pass.
    opened : callable, optional
        Returns what stands in the bytes of a file of the session folder, by its name; for folders
        that are encrypted.
    """

    def __init__(
        self,
        path: str,
        *,
        channels: Wanted = (),
        clock: Callable[[], float] = now,
        sleep: Callable[[float], None] = time.sleep,
        opened: Callable[[str, bytes], bytes] | None = None,
    ) -> None:
        self._path, self._channels = Path(os.path.expanduser(path)), channels
        self._clock, self._sleep, self._opened = clock, sleep, opened
        self._eeg: XdfEeg | None = None
        self._info: SourceInfo | None = None
        self._open = self._begun = self._own = False
        self._row = self._event = 0
        self._shift = self._read_at = 0.0
        self._news: list[SourceEvent] = []
        self._known: Handover | None = None  # of one that read it before

    @property
    def info(self) -> SourceInfo:
        """What it is; complete after `open`."""
        if self._info is None:
            raise DeviceError("the recording is not open yet.")
        return self._info

    @property
    def shift(self) -> float:
        """Whole seconds that are added to the times of the recording."""
        return self._shift

    @property
    def heard(self) -> Heard | None:
        """What was heard, at the times of the recording; None where it does not say."""
        return None if self._eeg is None else self._eeg.heard

    @property
    def recorded_from(self) -> float:
        """Second of the recording of its first sample."""
        return float(self._recorded.times[0])

    @property
    def recorded_until(self) -> float:
        """Second of the recording of its last sample."""
        return float(self._recorded.times[-1])

    @property
    def own(self) -> bool:
        """Whether it stands in a session folder of ours."""
        return self._own

    @property
    def begins(self) -> float:
        """Second of the clock of its first sample."""
        return self.recorded_from + self._shift

    @property
    def ended(self) -> bool:
        """Whether all of it was handed over."""
        return self._eeg is not None and self._row >= self._eeg.times.size

    @property
    def _recorded(self) -> XdfEeg:
        if self._eeg is None:
            raise DeviceError("the recording is not open yet.")
        return self._eeg

    def load(self) -> None:
        """Read the file, once; time does not run yet.

        Raises
        ------
        InputError
            If it is no recording with EEG in it, in one sentence.
        """
        if self._eeg is not None:
            return
        file = recording_file(self._path)
        opened = self._opened if file.name == _FILE else None
        manifest = _manifest(file.parent, opened) if file.name == _FILE else {}
        try:
            link = file == self._path
            eeg = open_xdf(file, channels=self._channels, link=link, opened=opened)
        except MemoryError:
            shown = foreign_text(str(self._path), longest=600)
            raise InputError(f"{shown} is larger than the memory of this computer.") from None
        self._own, self._info = bool(manifest), _describe(self._path, eeg, manifest)
        self._eeg = eeg

    def run_on(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """Run on another clock; before `open`."""
        self._clock, self._sleep = clock, sleep

    def open(self) -> None:
        """Begin with its first sample, at most a second from now; after a `close`, go on.

        Raises
        ------
        InputError
            As `load`.
        """
        self.load()
        eeg, at = self._recorded, self._clock()
        known, self._known = self._known, None
        if known is not None and known.rows > 0:
            row = min(known.rows, eeg.times.size) - 1
            self._shift = float(round(known.last_time - float(eeg.times[row])))
            self._row, self._begun = known.rows, True
            self._event = sum(one.time + self._shift <= known.last_time for one in eeg.events)
        if not self._begun:
            self._shift = float(math.ceil(at - float(eeg.times[0])))
            self._begun = True
        else:
            self._row = max(self._row, int(np.searchsorted(eeg.times, at - self._shift)))
        self._open = True

    def take_over(self, known: Handover) -> None:
        """Go on where time has brought it; what came meanwhile is lost."""
        self._known = known

    def read(self) -> EegChunk | None:
        """Return the rows whose time has come since the last call, lost ones as rows of NaN.

        Waits until 20 ms have passed since the last read. At its end it tells so, and then
        returns None for ever.

        Raises
        ------
        DeviceError
            If it is closed.
        """
        if not self._open:
            raise DeviceError("the recording is closed.")
        wait = self._read_at + READ_EVERY - self._clock()
        if wait > 0:
            self._sleep(wait)
        self._read_at = self._clock()
        eeg, first = self._recorded, self._row
        due = self._read_at - self._shift
        self._tell(due)
        if self.ended:
            return None
        self._row = last = int(np.searchsorted(eeg.times, due, side="right"))
        if last >= eeg.times.size:
            end = float(eeg.times[-1]) + self._shift
            self._news.append(SourceEvent(end, "state", "closed", ENDED))
        if last <= first:
            return None
        return EegChunk(eeg.rows[first:last], eeg.times[first:last] + self._shift)

    def _tell(self, due: float) -> None:
        events = self._recorded.events
        while self._event < len(events) and events[self._event].time <= due:
            event = events[self._event]
            self._news.append(replace(event, time=event.time + self._shift))
            self._event += 1

    def events(self) -> list[SourceEvent]:
        """Events since the last call."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Hand over nothing further; safe to call twice."""
        self._open = False


def recording_file(path: Path) -> Path:
    """Return the XDF file of a session folder, or the file itself.

    Raises
    ------
    InputError
        If there is none.
    """
    shown = foreign_text(str(path), longest=600)
    if path.is_dir():
        if not os.path.lexists(path / _FILE):
            raise InputError(f"{shown} is not a session folder: it holds no {_FILE}.")
        return path / _FILE
    if not path.exists():
        raise InputError(f"There is no recording {shown}; check its path.")
    return path


def _manifest(folder: Path, opened: Callable[[str, bytes], bytes] | None) -> dict[str, Any]:
    """What a session folder says of itself; nothing where it is none, or does not say."""
    path = folder / _MANIFEST
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MANIFEST_BYTES:
            return {}
        raw = path.read_bytes()
        manifest = json.loads(opened(_MANIFEST, raw) if opened else raw)
    except (OSError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _describe(path: Path, eeg: XdfEeg, manifest: dict[str, Any]) -> SourceInfo:
    source = manifest.get("source")
    source = source if isinstance(source, dict) else {}
    device = foreign_text(str(source.get("name") or eeg.stream))
    when = _when(str(manifest.get("started") or eeg.recorded))
    name = f"Recording of {when or foreign_text(path.name or path.resolve().name)}"
    notice = " ".join(
        [
            "This is a recording: nothing of it can be changed.",
            foreign_text(str(manifest.get("notice") or ""), longest=300),
            *eeg.notices,
        ]
    )
    return SourceInfo(
        name=f"{name} ({device})" if device else name,
        ch_names=eeg.ch_names,
        sfreq=eeg.sfreq,
        simulated=source.get("simulated") is True,
        notice=" ".join(notice.split()),
        details={
            "recording": foreign_text(str(path), longest=600),
            "stream": eeg.stream,
            "recorded": when,
            "sound": eeg.heard is not None,
        },
        beside=eeg.beside,
    )


def _when(text: str) -> str:
    """Day and minute of an ISO time; empty where it is none."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"
    except ValueError:
        return ""
