"""Writing a session folder while the session runs (format: docs/session-folder.md).

The loop and the sound never wait for the disk: every call puts its data on a queue and returns;
one thread writes. What a call handed over is in the system's hands some milliseconds later (it
then survives the death of this process) and on the disk within about a second (it then survives
a power cut). A second thread waits for the disk: on a busy one that takes seconds, in which what
comes is handed over all the same. When the disk fails, recording stops, `SessionWriter.problem`
says why in one sentence, and everything else goes on.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import queue
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.records.jsontext import encode, plain
from app.records.sealed import Seal
from app.records.sink import RESERVE, AppendFile, DataFile, Reserve, make_folder, replace_file
from app.records.streams import EEG, MARKERS, SECOND, STIMULUS, TIMELINE, source_streams
from app.records.xdf import Stream, XdfWriter
from devices.timeline import COLUMNS
from dsp.checks import InputError, RecordError
from dsp.grid import RATE
from dsp.sound.heard import HEARD_NAMES, Heard

SCHEMA = 1  #: version of the session folder
FORMAT = "attune-session"
SYNC_EVERY = 1.0  # s between two fdatasync
QUEUE_LIMIT = 64 << 20  # bytes waiting for a stalled disk: over 4 minutes of 64 channels at 1 kHz
CLOSE_TIMEOUT = 20.0  # s that `close` waits for a stalled disk
_BEGUN, _LEFT_S = ".attune-beginning-", 3600.0  # how a folder is called before it has its name
_SILENT_KINDS = ("tick", "truth")  # not repeated as markers in recording.xdf

_log = logging.getLogger(__name__)


def _sentence(error: OSError, folder: Path) -> str:
    """Say in one sentence why recording stopped."""
    reasons = {
        errno.ENOSPC: "the disk is full; free some space before the next session",
        getattr(errno, "EDQUOT", errno.ENOSPC): "the disk quota is used up; free some space",
        errno.EROFS: "the disk is read-only; choose another folder",
        errno.EACCES: "writing there is not permitted; choose another folder",
        errno.EPERM: "writing there is not permitted; choose another folder",
        errno.ENOENT: "the folder is gone; leave it in place while a session runs",
        errno.ENOTDIR: "part of the path is a file; choose another folder",
    }
    reason = reasons.get(error.errno or 0, f"the system says: {error.strerror or error}")
    return f"Nothing more is recorded in {folder}: {reason}."


def check_root(root: Path) -> None:
    """Refuse a folder in which no session can be recorded, before anything is heard.

    Raises
    ------
    RecordError
        It cannot be made, nothing can be written there, or there is no room for a session's end.
    """
    try:
        make_folder(root)
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(bytes(RESERVE))
    except OSError as error:
        room = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
        cure = "free some space there, or choose another folder" if room else "choose another one"
        raise RecordError(
            f"No session can be recorded in {root} ({error.strerror or error}); {cure}."
        ) from error


def _make_folder(root: Path, name: str, manifest: bytes, seal: Seal | None) -> Path:
    """Make ``<root>/<YYYY-MM-DD_HHMMSS>_<name>``, with a number behind it if that exists.

    It appears with session.json in it: whenever the program is killed, a folder that can be seen
    is that of a session.
    """
    kept = re.sub(r"[^\w-]+", "-", name).strip("-")[:60] or "session"
    stem = f"{datetime.now():%Y-%m-%d_%H%M%S}_{kept}"
    try:
        make_folder(root)
        _sweep(root)
        begun = Path(tempfile.mkdtemp(prefix=_BEGUN, dir=root))
        try:
            replace_file(begun / "session.json", manifest, seal)
            for number in range(1, 1000):
                folder = root / (stem if number == 1 else f"{stem}_{number}")
                if os.path.lexists(folder):
                    continue
                try:
                    begun.rename(folder)
                except OSError as error:
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                        raise
                    continue  # another program was quicker
                return folder
        finally:
            shutil.rmtree(begun, ignore_errors=True)  # where it still has this name
    except FileExistsError as error:
        raise RecordError(f"{root} is a file; sessions need a folder to be recorded in.") from error
    except OSError as error:
        raise RecordError(_sentence(error, root)) from error
    raise RecordError(f"{root / stem} exists a thousand times; clear the folder up.")


def _sweep(root: Path) -> None:
    """Take away what programs left that were killed before their folder had its name."""
    for left in root.glob(f"{_BEGUN}*"):
        with contextlib.suppress(
            OSError
        ):  # it may have its name by now; and no session hangs on it
            if time.time() - left.lstat().st_mtime > _LEFT_S:
                shutil.rmtree(left, ignore_errors=True)


def marker_text(event: Mapping[str, Any]) -> str:
    """Return the text under which `event` appears in the stream "Markers"."""
    kind = str(event.get("kind", ""))
    if kind == "decision" and isinstance(event.get("decision"), Mapping):
        decision = event["decision"]
        return f"decision {decision.get('kind')}: {decision.get('because')}"
    if kind in ("device", "player") and event.get("event"):
        kind = f"{kind} {event['event']}"
    for key in ("text", "title", "given", "state", "value"):
        if event.get(key) not in (None, ""):
            return f"{kind}: {event[key]}"
    return kind


class SessionWriter:
    """One session folder, growing.

    Parameters
    ----------
    root : Path
        Folder of all sessions; made if missing.
    manifest : dict
        Content of session.json; see docs/session-folder.md for the keys. ``name`` ends the
        folder's name; ``source`` with ``ch_names`` and ``sfreq`` announces the EEG (or `source`
        does it later), ``second_source`` what is recorded beside it.
    seal : Seal, optional
        What everything in the folder is encrypted with.
    open_file : callable
        Opens a file for appending; tests hand in failing ones.

    Raises
    ------
    RecordError
        The folder cannot be made or written at all.
    """

    def __init__(
        self,
        root: Path,
        manifest: Mapping[str, Any],
        *,
        seal: Seal | None = None,
        open_file: Callable[[Path], DataFile] | None = None,
    ) -> None:
        now = datetime.now().astimezone()
        self._manifest: dict[str, Any] = {
            "format": FORMAT,
            "schema": SCHEMA,
            "started": now.isoformat(timespec="seconds"),
            **plain(dict(manifest)),
            "ended": None,
            "clean": False,
            "problem": "",
        }
        name, known = str(manifest.get("name") or "session"), encode(self._manifest, indent=1)
        self.folder = _make_folder(Path(root), name, known, seal)
        self._seal = seal
        self._problem = ""
        self._sources: dict[bool, tuple[Stream, ...]] = {}  # of the second one, of the first
        self._closed = False
        self._queue: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...], int] | None]
        self._queue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        #: What waits for the disk itself, apart from what is only handed to the system.
        self._slow: queue.SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None]
        self._slow = queue.SimpleQueue()
        self._files: list[DataFile] = []
        self._reserve: Reserve | None = None
        try:
            self._reserve = Reserve(self.folder)
            for name in ("events.jsonl", "recording.xdf"):
                path = self.folder / name
                self._files.append(open_file(path) if open_file else AppendFile(path, seal))
            self._events, recording = self._files
            self._xdf = XdfWriter(recording)
            for stream in (
                Stream(STIMULUS, "Stimulus", "Stimulus", HEARD_NAMES, "float32", float(RATE)),
                Stream(TIMELINE, "Timeline", "Timeline", COLUMNS, "double64"),
                Stream(MARKERS, "Markers", "Markers", ("text",), "string"),
            ):
                self._xdf.declare(stream)
        except OSError as error:
            for file in self._files:
                file.close()
            if self._reserve is not None:
                self._reserve.release()
            raise RecordError(_sentence(error, self.folder)) from error
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._syncing = threading.Thread(target=self._run_slow, name="recorder sync", daemon=True)
        self._thread.start()
        self._syncing.start()
        source, second = manifest.get("source"), manifest.get("second_source")
        if isinstance(source, Mapping) and source.get("ch_names"):
            self.source(source)
        if isinstance(second, Mapping) and (second.get("ch_names") or second.get("beside")):
            self.source(second, second=True)

    def keep(self, name: str, data: bytes) -> None:
        """Write the whole file `name` into the folder, at once.

        Raises
        ------
        RecordError
            It cannot be written.
        """
        try:
            replace_file(self.folder / name, data, self._seal)
        except OSError as error:
            raise RecordError(_sentence(error, self.folder)) from error

    @property
    def problem(self) -> str:
        """Empty, or one sentence: why nothing more is recorded."""
        return self._problem

    def source(self, info: Any, *, second: bool = False) -> None:
        """Announce a source: a mapping or a `SourceInfo`; once, before `eeg`.

        The `second` one has streams of its own, under its own name.
        """
        described = plain(info)
        if second in self._sources:
            raise InputError("The EEG of this session was announced before; start a new session.")
        self._sources[second] = streams = source_streams(described, second=second)
        for stream in streams:
            self._put(self._xdf.declare, stream)
        key = "second_source" if second else "source"
        if self._manifest.get(key) != described:
            self._slow.put((self._rewrite_manifest, ({key: described},)))

    def eeg(self, data: npt.ArrayLike, times: npt.ArrayLike, *, second: bool = False) -> None:
        """Record rows [shape=(n_samples, n_channels)] of a source, NaN rows where lost.

        First the electrodes, in microvolts, then what stands beside them. No samples at all are
        always welcome, also in a session without a headset.
        """
        if np.size(times) == 0:
            return
        if second not in self._sources:
            raise InputError("EEG came before its source was announced; call source() first.")
        streams, rows, first = self._sources[second], np.asarray(data), 0
        n_columns = sum(len(stream.labels) for stream in streams)
        if rows.shape != (np.size(times), n_columns):
            raise InputError(
                f"Samples have shape {rows.shape} with {np.shape(times)} stamps; "
                f"expected (n_samples, {n_columns}) and (n_samples,)."
            )
        for stream in streams:
            n = len(stream.labels)
            self._put_samples(stream.number, rows[:, first : first + n], times, n, np.float32)
            first += n

    def rate(self, hz: float, *, second: bool = False) -> None:
        """Take it that a source sends at the rate `hz`, as it was measured."""
        for stream in self._sources.get(second, ()):
            self._put(self._xdf.rate, stream.number, hz)

    def heard(self, rows: Heard) -> None:
        """Record what was heard."""
        self._put_samples(STIMULUS, rows.values, rows.times, len(HEARD_NAMES), np.float32)

    def timeline(self, rows: npt.NDArray[np.float64]) -> None:
        """Record rows of `devices.timeline` [shape=(n_rows, len(COLUMNS))]."""
        rows = np.asarray(rows, dtype=np.float64)
        times = rows[:, COLUMNS.index("time")] if rows.ndim == 2 else np.empty(0)
        self._put_samples(TIMELINE, rows, times, len(COLUMNS), np.float64)

    def event(self, event: Mapping[str, Any]) -> None:
        """Record one event: a dictionary with at least ``t`` (LSL seconds) and ``kind``."""
        t, kind = event.get("t"), event.get("kind")
        if not isinstance(t, int | float | np.number) or not np.isfinite(t) or not kind:
            raise InputError(
                f"An event has t={t!r} and kind={kind!r}; expected seconds and a name."
            )
        self._put(self._write_event, encode(event) + b"\n")
        if kind not in _SILENT_KINDS:
            self._put(self._xdf.write, MARKERS, [marker_text(event)], np.array([t], np.float64))

    def stop(self, sentence: str) -> None:
        """Record nothing that comes from here on; `problem` and session.json say why."""
        self._put(self._stop, sentence)

    def close(self, summary: Mapping[str, Any] | None = None) -> None:
        """Write what is waiting, the footers and the end in session.json; safe to call twice.

        `summary` is kept in session.json under that name (lost blocks, timing, ...).
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put((self._finish, (plain(dict(summary or {})),), 0))
        self._queue.put(None)
        self._thread.join(CLOSE_TIMEOUT)
        if self._thread.is_alive() and not self._problem:
            self._problem = (
                f"The disk did not answer for {CLOSE_TIMEOUT:.0f} s; the end of the session in "
                f"{self.folder} may be missing."
            )

    def _put_samples(
        self, number: int, values: npt.ArrayLike, times: npt.ArrayLike, n_channels: int, dtype: Any
    ) -> None:
        kept = np.array(values, dtype=dtype)  # a copy: rings are overwritten
        stamps = np.array(times, dtype=np.float64)
        if stamps.ndim != 1 or kept.shape != (stamps.size, n_channels):
            raise InputError(
                f"Samples have shape {kept.shape} with {stamps.shape} stamps; "
                f"expected (n_samples, {n_channels}) and (n_samples,)."
            )
        if not np.isfinite(stamps).all():
            raise InputError("A sample has no finite time; every row needs its LSL second.")
        self._put(self._xdf.write, number, kept, stamps)

    def _put(self, write: Callable[..., None], *args: Any) -> None:
        size = 200 + sum(arg.nbytes if isinstance(arg, np.ndarray) else 0 for arg in args)
        size += sum(len(arg) for arg in args if isinstance(arg, bytes))
        with self._lock:
            if self._closed or self._problem:
                return
            if self._waiting > QUEUE_LIMIT:
                self._problem = (
                    f"Nothing more is recorded in {self.folder}: the disk is too slow; "
                    "choose another one for the next session."
                )
                return
            self._waiting += size
            self._queue.put((write, args, size))

    # From here on: the recorder's thread.

    def _run(self) -> None:
        sync_at = time.monotonic() + SYNC_EVERY
        while True:
            if time.monotonic() >= sync_at:
                sync_at = time.monotonic() + SYNC_EVERY
                if self._slow.empty():  # the disk keeps up
                    self._slow.put((self._sync, ()))
            try:
                item = self._queue.get(timeout=max(0.0, sync_at - time.monotonic()))
            except queue.Empty:
                continue
            if item is None:
                break
            write, args, size = item
            with self._lock:
                self._waiting -= size
            if not self._problem or write == self._finish:
                self._guarded(write, *args)
        for file in self._files:
            self._guarded(file.close)

    def _run_slow(self) -> None:
        while (item := self._slow.get()) is not None:
            write, args = item
            if not self._problem:
                self._guarded(write, *args)

    def _guarded(self, write: Callable[..., None], *args: Any) -> None:
        try:
            write(*args)
        except OSError as error:
            self._fail(_sentence(error, self.folder))
        except Exception as error:  # a fault of ours must not stop the music either, but be seen
            _log.exception("recording failed")
            self._fail(f"Nothing more is recorded in {self.folder}: {error}.")

    def _fail(self, sentence: str) -> None:
        if not self._problem:
            self._problem = sentence  # whoever runs the session shows it; once is enough
            _log.info("%s", sentence)

    def _write_event(self, line: bytes) -> None:
        self._events.append(line)

    def _sync(self) -> None:
        for file in self._files:
            file.sync()

    def _rewrite_manifest(self, changes: Mapping[str, Any]) -> None:
        self._manifest.update(changes)
        text = encode(self._manifest, indent=1)
        replace_file(self.folder / "session.json", text, self._seal)

    def _stop(self, sentence: str) -> None:
        self._end_files()
        self._fail(sentence)

    def _end_files(self) -> None:
        for write in (self._xdf.finish, *(file.finish for file in self._files), self._sync):
            if not self._problem:
                self._guarded(write)

    def _finish(self, summary: Mapping[str, Any]) -> None:
        self._slow.put(None)
        self._syncing.join()  # what it was about to write is older
        self._end_files()
        if self._reserve is not None:
            self._reserve.release()  # so that a full disk, too, is told of in session.json
        self._rewrite_manifest(
            {
                "ended": datetime.now().astimezone().isoformat(timespec="seconds"),
                "clean": not self._problem,
                "problem": self._problem,
                "summary": {**summary, **self._measured()},
            }
        )

    def _measured(self) -> dict[str, float]:
        """Rates of the sources as they were, Hz."""
        names = {EEG: "sfreq_measured", SECOND: "second_sfreq_measured"}
        found = {name: self._xdf.measured(number) for number, name in names.items()}
        return {name: round(hz, 4) for name, hz in found.items() if math.isfinite(hz)}
