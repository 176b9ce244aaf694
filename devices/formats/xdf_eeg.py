"""What in an XDF file is EEG, what was recorded beside it, and what was heard meanwhile.

Rows come out as a live source hands them over: microvolts, one row a sample, NaN where samples were
lost, on one clock. Files of our own have them so already; stamps of others are judged by the same
`SamplePlacer` as those of a stream that comes in now.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from devices.formats.xdf import Floats, XdfFile, XdfStream, read_xdf
from devices.sources.naming import Wanted
from devices.sources.placing import SamplePlacer
from devices.sources.source import SFREQ_HIGH, SFREQ_LOW, Channel, EegChunk, SourceEvent
from devices.sources.stream_header import (
    StreamHeader,
    choose_channels,
    stream_kind,
)
from devices.sources.units import level, level_sentence
from dsp.checks import InputError, foreign_text
from dsp.sound.heard import HEARD_NAMES, Heard

LARGEST = 2 << 30  # bytes of a file, and of the rows that come of it
_LEVEL_S = 3.0  # s from which the level is judged
_BATCH_S = 0.25  # s of samples that are placed together
_READS, _FEWEST = 4, 16  # reads and samples without which nothing is placed by its stamps
_SHORT = 0.25  # share of the time that samples need, under which their stamps stand still
_PAUSE_S = 5.0  # s between two stamps after which the clock's line begins anew
_LONGEST_PAUSE_S = 600.0  # s; a longer one is told and shortened: nobody waits for it
_BACK_S = 0.25  # s that stamps may step back


@dataclass(frozen=True, eq=False)
class XdfEeg:
    """The EEG of a file.

    Attributes
    ----------
    stream : str
        Name of its stream.
    ch_names : tuple of str
        Electrodes.
    beside : tuple of Channel
        What was recorded beside them.
    sfreq : float
        Stated rate, Hz.
    rows : float32 [shape=(n, n_channels)]
        Microvolts of the electrodes, then the channels beside them; NaN where samples were lost.
    times : float64 [shape=(n,)]
        Seconds, strictly increasing.
    events : tuple of SourceEvent
        Texts of the marker streams, and what was found of its rate, in order of time.
    heard : Heard or None
        What was heard; None where the file does not say.
    recorded : str
        When, as the file says; may be empty.
    notices : tuple of str
        What must be said of it.
    """

    stream: str
    ch_names: tuple[str, ...]
    beside: tuple[Channel, ...]
    sfreq: float
    rows: npt.NDArray[np.float32]
    times: Floats
    events: tuple[SourceEvent, ...]
    heard: Heard | None
    recorded: str
    notices: tuple[str, ...]


def open_xdf(
    path: Path,
    *,
    channels: Wanted = (),
    link: bool = True,
    opened: Callable[[str, bytes], bytes] | None = None,
) -> XdfEeg:
    """Read the EEG of a file.

    Parameters
    ----------
    path : Path
    channels : Wanted
        Which electrodes, and their names; all if empty.
    link : bool
        Whether `path` may be a link: one in a folder of anybody's is not followed.
    opened : callable, optional
        Returns what stands in the bytes of the file, by its name; for one that is encrypted.

    Raises
    ------
    InputError
        One sentence: no file, no XDF, no EEG in it, a rate under 100 Hz, or too large.
    """
    name = foreign_text(path.name)
    raw = _bytes(path, link=link)
    file = read_xdf(opened(path.name, raw) if opened else raw)
    if not file.streams and not file.unfinished:
        raise InputError(
            f"{name} is not an XDF file; give a recording in XDF, or a session folder."
        )
    stream, notices = _choose(file, name)
    if file.damaged or file.unfinished:
        notices.append(
            f"{name} is damaged or cut; {file.damaged + file.unfinished} bytes of it were left out."
        )
    header = _header(stream)
    chosen = choose_channels(header, f"{stream.name!r} of {name}", channels)
    columns = list(chosen.columns)
    scale = np.array([*chosen.scale, *(1.0 for _ in chosen.beside)], dtype=np.float32)
    notices += filter(None, (chosen.notice, chosen.note))
    heard = next((h for s in file.streams if (h := _heard(s)) is not None), None)
    stamps, recorded, markers = stream.synchronized(), file.recorded, _markers(file)
    if stream.unstamped == stamps.size:
        raise InputError(f"No sample of the EEG in {name} has a time that is a number.")
    if stream.unstamped:
        notices.append(
            f"{stream.unstamped} of {stamps.size} samples of the EEG in {name} have a time that is "
            "no number; they were counted on from those before."
        )
    if stamps.size * len(columns) * 4 > LARGEST:
        raise InputError(f"{name} holds more than {LARGEST >> 30} GB of EEG; cut it into parts.")
    with np.errstate(over="ignore", invalid="ignore"):
        rows = stream.values[:, columns].astype(np.float32)
        rows *= scale
    rows[np.isinf(rows)] = np.nan
    more, beside = _beside(file, stream)
    del file, stream  # an hour of many channels need not be held twice
    events: list[SourceEvent] = []
    if heard is not None and (np.diff(stamps) > 0.0).all() and np.isfinite(stamps).all():
        times = stamps  # a file of our own: placed when it was recorded, its events kept elsewhere
        rows, beside = np.concatenate([rows, more], axis=1), chosen.beside + beside
    else:
        beside = chosen.beside
        rms = level(rows[: round(_LEVEL_S * header.sfreq), : len(chosen.ch_names)])
        cure = "Check the electrodes, and the unit that the file states."
        notices += filter(None, (level_sentence(name, rms, cure=cure),))
        rows, times, events = _placed(rows, stamps, header.sfreq, name)
        notices += dict.fromkeys(event.text for event in events if event.kind == "note")
        events = [event for event in events if event.kind == "rate"] + markers
    return XdfEeg(
        stream=header.name,
        ch_names=chosen.ch_names,
        beside=beside,
        sfreq=header.sfreq,
        rows=rows,
        times=times,
        events=tuple(sorted(events, key=lambda event: event.time)),
        heard=heard,
        recorded=recorded,
        notices=tuple(notices),
    )


def _beside(file: XdfFile, eeg: XdfStream) -> tuple[npt.NDArray[np.float32], tuple[Channel, ...]]:
    """What a session of ours recorded beside its EEG, row by row [shape=(n, n_channels)]."""
    for stream in file.streams:
        if stream.name == "Beside" and not stream.text and np.array_equal(stream.times, eeg.times):
            told = tuple(Channel(c.label, c.type, c.unit) for c in stream.channels)
            with np.errstate(over="ignore"):  # what no float32 can hold is infinite
                return stream.values.astype(np.float32), told
    return np.empty((eeg.times.size, 0), dtype=np.float32), ()


def _markers(file: XdfFile) -> list[SourceEvent]:
    return [
        SourceEvent(float(at), "marker", foreign_text(" ".join(row)))
        for stream in file.streams
        if stream.text
        for at, row in zip(stream.synchronized(), stream.values, strict=True)
        if np.isfinite(at)
    ]


def _bytes(path: Path, *, link: bool) -> bytes:
    """Everything in a file; no pipe or device is waited for."""
    shown = foreign_text(str(path))
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    flags |= 0 if link else getattr(os, "O_NOFOLLOW", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{shown} is no file; give a recording in XDF.")
            if status.st_size > LARGEST:
                raise InputError(
                    f"{shown} has {status.st_size / (1 << 30):.1f} GB; expected at most "
                    f"{LARGEST >> 30} GB: cut it into parts."
                )
            if not status.st_size:
                raise InputError(f"{shown} is empty; give another recording.")
            return file.read()
    except FileNotFoundError:
        raise InputError(f"There is no recording {shown}; check its path.") from None
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{shown} is larger than the memory of this computer.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{shown} cannot be read ({reason}); check it.") from error


def _header(stream: XdfStream) -> StreamHeader:
    """Return what a stream states, as the streams of LSL state it."""
    told = stream.channels
    return StreamHeader(
        name=stream.name,
        type=stream.type,
        source_id="",
        hostname="",
        uid="",
        sfreq=stream.sfreq,
        n_channels=len(told),
        text=stream.text,
        labels=tuple(channel.label for channel in told),
        types=tuple(channel.type for channel in told),
        units=tuple(channel.unit for channel in told),
        what="stream",
        unit_cure="",
    )


def _choose(file: XdfFile, name: str) -> tuple[XdfStream, list[str]]:
    """Return the stream of EEG, and what is to be said of the choice."""
    if not file.streams:
        raise InputError(f"{name} breaks off before its first stream; there is nothing to replay.")
    numbers = [s for s in file.streams if not s.text]
    eeg = [s for s in numbers if stream_kind(s.type) == "eeg"]
    # One that states no type may be EEG as well, where none says that it is.
    eeg = eeg or [s for s in numbers if stream_kind(s.type) == "" and s.sfreq >= SFREQ_LOW]
    if not eeg:
        there = ", ".join(f"{s.name or 'unnamed'} ({s.type or 'no type'})" for s in file.streams)
        raise InputError(f"{name} holds no stream of EEG; its streams are: {there}.")
    full = [s for s in eeg if s.times.size > 1]
    if not full:
        raise InputError(f"The EEG stream {eeg[0].name!r} of {name} holds no samples.")
    fast = [s for s in full if SFREQ_LOW <= s.sfreq <= SFREQ_HIGH]
    if not fast:
        raise InputError(
            f"The EEG of {name} has {full[0].sfreq:g} samples a second; expected "
            f"{SFREQ_LOW:g} to {SFREQ_HIGH:g} Hz."
        )
    chosen = fast[0]
    others = ", ".join(repr(s.name) for s in eeg if s is not chosen)
    said = f"{name} holds {len(eeg)} streams of EEG; {chosen.name!r} was taken, {others} left out."
    return chosen, [said] if others else []


def _heard(stream: XdfStream) -> Heard | None:
    """What was heard, from the stream in which a session of ours records it."""
    labels = tuple(channel.label for channel in stream.channels)
    early = len(HEARD_NAMES) - 1  # the level came later
    if stream.name != "Stimulus" or labels not in (HEARD_NAMES, HEARD_NAMES[:early]) or stream.text:
        return None
    with np.errstate(over="ignore"):
        values = np.asarray(stream.values, dtype=np.float32)
    values = np.pad(values, ((0, 0), (0, len(HEARD_NAMES) - len(labels))), constant_values=np.nan)
    whole = np.isfinite(stream.times).all() and (np.diff(stream.times) > 0.0).all()
    whole = whole and (np.abs(values[:, :early]) < 2**31).all()  # no NaN either
    return Heard(stream.times, values) if stream.times.size and whole else None


def _placed(
    rows: npt.NDArray[np.float32], stamps: Floats, sfreq: float, name: str
) -> tuple[npt.NDArray[np.float32], Floats, list[SourceEvent]]:
    """Rows whose number is time, from stamps of others; and what is to be told."""
    stamps = _mended(stamps, sfreq)
    cuts = _cuts(stamps)
    parts: list[EegChunk] = []
    events: list[SourceEvent] = []
    moved, breaks = 0.0, 0  # s that everything behind a cut is moved by
    for first, last in zip([0, *cuts], [*cuts, stamps.size], strict=True):
        if parts:
            end = float(parts[-1].times[-1])
            pause = float(stamps[first]) + moved - end
            if not 0.0 < pause <= _LONGEST_PAUSE_S:
                breaks += 1
                if breaks == 1:
                    word = "steps back" if pause < 0.0 else "jumps ahead"
                    text = f"Time in {name} {word} by {abs(pause):.3g} s; it goes on there."
                    events.append(SourceEvent(end, "note", pause, text))
                moved -= pause - 1.0 / sfreq
                pause = 1.0 / sfreq
            n = round(pause * sfreq) - 1
            if n > 0:
                lost = np.full((n, rows.shape[1]), np.nan, dtype=np.float32)
                parts.append(EegChunk(lost, end + pause * np.arange(1, n + 1) / (n + 1)))
        placer = SamplePlacer(sfreq, name="the recording")
        for part in _run(placer, rows[first:last], stamps[first:last] + moved, sfreq):
            if parts and part.times[0] <= parts[-1].times[-1]:  # stamps of a damaged file
                late = parts[-1].times[-1] + 1.0 / sfreq - part.times[0]
                part = EegChunk(part.data, part.times + late)
            parts.append(part)
        events += placer.events()
    if not parts:
        raise InputError(f"The EEG in {name} is too short to be replayed; give a longer one.")
    if breaks > 1:
        text = f"So it does at {breaks - 1} more places."
        events.append(SourceEvent(float(parts[-1].times[-1]), "note", breaks, text))
    return (
        np.concatenate([part.data for part in parts]),
        np.concatenate([part.times for part in parts]),
        events,
    )


def _cuts(stamps: Floats) -> npt.NDArray[np.intp]:
    """Numbers of the samples before which time jumps."""
    steps = np.diff(stamps)
    return np.flatnonzero((steps > _PAUSE_S) | (steps < -_BACK_S)) + 1


def _mended(stamps: Floats, sfreq: float) -> Floats:
    """Stamps in which those that were off for less than a second lie between their neighbours."""
    cuts, out = _cuts(stamps).tolist(), stamps.copy()
    for i, first in enumerate(cuts):
        for last in cuts[i + 1 :]:
            if last - first >= sfreq:
                break
            before, after = out[first - 1], out[last]
            if -_BACK_S <= after - before <= _PAUSE_S:
                share = np.arange(1, last - first + 1) / (last - first + 1)
                out[first:last] = before + (after - before) * share
                break
    return out


def _run(
    placer: SamplePlacer, rows: npt.NDArray[np.float32], stamps: Floats, sfreq: float
) -> Iterator[EegChunk]:
    """Place one stretch without a pause, a quarter of a second at a time, as if it came now."""
    newest, needed = np.maximum.accumulate(stamps), (stamps.size - 1) / sfreq
    if stamps.size < _FEWEST or newest[-1] - stamps[0] < _SHORT * needed:
        yield EegChunk(rows, stamps[0] + np.arange(stamps.size) / sfreq)  # they tell no line
        return
    ends = np.searchsorted(newest, np.arange(stamps[0] + _BATCH_S, newest[-1], _BATCH_S))
    if ends.size < _READS:
        ends = np.linspace(0, stamps.size, _READS + 2)[1:-1].astype(int)
    for first, last in zip([0, *ends], [*ends, stamps.size], strict=True):
        if last > first:
            batch = stamps[first:last]
            placed = placer.place(rows[first:last], batch, seen=float(batch.max()))
            if placed is not None:
                yield placed[0]
    rest = placer.rest()
    if rest is not None:
        yield rest[0]
