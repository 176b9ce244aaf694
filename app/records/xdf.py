"""XDF 1.0, written chunk by chunk, so that a recording cut anywhere can still be read.

The format is that of https://github.com/sccn/xdf/wiki/Specifications. Every sample carries its
own eight-byte stamp (none is deduced), so that a reader gets back the exact float64 that the
loop used. A lost sample is written as a row of NaN and the streams say ``can_drop_samples``:
readers that straighten stamps by default then leave them alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from devices.formats.xdf import (
    BOUNDARY,
    BOUNDARY_TAG,
    CLOCK_OFFSET,
    FILE_HEADER,
    SAMPLES,
    STREAM_FOOTER,
    STREAM_HEADER,
)
from dsp.checks import LONGEST_SENTENCE, InputError, foreign_text

BOUNDARY_EVERY = 5.0  # s of recorded time; a reader loses at most this much to damaged bytes

_JUMP_S = 1.0  # s from one row to the next that are no rate
_DTYPES = {"float32": "<f4", "double64": "<f8"}


class Appendable(Protocol):
    """Where the chunks go; `append` writes all of `data` or nothing."""

    def append(self, data: bytes) -> None:
        """Write `data` at the end."""
        ...


@dataclass(frozen=True)
class Stream:
    """One stream of a recording.

    Attributes
    ----------
    number : int
        Stream id inside the file, from 1.
    name, type : str
        As LSL uses them, e.g. ``"EEG"``.
    labels : tuple of str
        One per channel.
    fmt : str
        ``"float32"``, ``"double64"`` or ``"string"``.
    sfreq : float
        Nominal rate in Hz; 0 for irregular streams.
    unit : str
        Unit of every channel, or empty.
    kinds : tuple of (str, str)
        Type and unit of each channel, where they are not those of the stream.
    """

    number: int
    name: str
    type: str
    labels: tuple[str, ...]
    fmt: str
    sfreq: float = 0.0
    unit: str = ""
    kinds: tuple[tuple[str, str], ...] = ()


def _varlen(n: int) -> bytes:
    if n < 1 << 8:
        return struct.pack("<BB", 1, n)
    return struct.pack("<BI", 4, n) if n < 1 << 32 else struct.pack("<BQ", 8, n)


def _chunk(tag: int, content: bytes) -> bytes:
    return _varlen(len(content) + 2) + struct.pack("<H", tag) + content


def _xml_text(text: str) -> str:
    """Escape `text` without what XML 1.0 cannot hold and what a terminal would obey."""
    return escape("".join(c for c in foreign_text(text) if c not in "\ufffe\uffff"))


def _stream_header(stream: Stream) -> bytes:
    kinds = stream.kinds or ((stream.type, stream.unit),) * len(stream.labels)
    channels = "".join(
        f"<channel><label>{_xml_text(label)}</label><unit>{_xml_text(unit)}</unit>"
        f"<type>{_xml_text(kind)}</type></channel>"
        for label, (kind, unit) in zip(stream.labels, kinds, strict=True)
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><info>'
        f"<name>{_xml_text(stream.name)}</name><type>{_xml_text(stream.type)}</type>"
        f"<channel_count>{len(stream.labels)}</channel_count>"
        f"<nominal_srate>{stream.sfreq!r}</nominal_srate>"
        f"<channel_format>{stream.fmt}</channel_format>"
        f"<desc><channels>{channels}</channels><synchronization>"
        "<can_drop_samples>true</can_drop_samples></synchronization></desc></info>"
    )
    return _chunk(STREAM_HEADER, struct.pack("<I", stream.number) + xml.encode())


def _samples(stream: Stream, values: npt.ArrayLike, times: npt.NDArray[np.float64]) -> bytes:
    n_channels = len(stream.labels)
    record = np.dtype(
        [("size", "u1"), ("time", "<f8"), ("values", _DTYPES[stream.fmt], n_channels)]
    )
    rows = np.zeros(times.size, dtype=record)
    rows["size"] = 8
    rows["time"] = times
    rows["values"] = np.asarray(values).reshape(times.size, n_channels)
    return struct.pack("<I", stream.number) + _varlen(times.size) + rows.tobytes()


def _strings(stream: Stream, texts: Sequence[str], times: npt.NDArray[np.float64]) -> bytes:
    parts = [struct.pack("<I", stream.number), _varlen(len(texts))]
    for text, time in zip(texts, times, strict=True):
        raw = foreign_text(text, longest=LONGEST_SENTENCE).encode("utf-8")
        parts += [struct.pack("<Bd", 8, time), _varlen(len(raw)), raw]
    return b"".join(parts)


class XdfWriter:
    """Append-only XDF file; each call is one write of whole chunks."""

    def __init__(self, file: Appendable) -> None:
        self._file = file
        self._counts: dict[int, int] = {}
        self._spans: dict[int, tuple[float, float]] = {}
        self._jumps: dict[int, tuple[int, float]] = {}  # holes without rows, and their seconds
        self._rates: dict[int, float] = {}
        self._streams: dict[int, Stream] = {}
        self._boundary_at = -np.inf
        xml = b'<?xml version="1.0"?><info><version>1.0</version></info>'
        file.append(b"XDF:" + _chunk(FILE_HEADER, xml))

    def declare(self, stream: Stream) -> None:
        """Announce `stream`; must come before its samples, once."""
        if stream.number in self._streams:
            raise InputError(f"Stream {stream.number} is declared twice; use another number.")
        self._file.append(_stream_header(stream))
        self._streams[stream.number] = stream
        self._counts[stream.number] = 0

    def write(
        self, number: int, values: npt.ArrayLike | Sequence[str], times: npt.ArrayLike
    ) -> None:
        """Append samples of stream `number`.

        Parameters
        ----------
        values : array [shape=(n_samples, n_channels)], or texts of a string stream
        times : float64 [shape=(n_samples,)]
            Seconds of the LSL clock.
        """
        stream, stamps = self._streams[number], np.asarray(times, dtype=np.float64).reshape(-1)
        if stamps.size == 0:
            return
        first, last = float(stamps[0]), float(stamps[-1])
        steps = np.diff(stamps, prepend=self._spans.get(number, (first, first))[1])
        jumps = steps[steps > _JUMP_S]
        n_jumps, jumped = self._jumps.get(number, (0, 0.0))
        self._jumps[number] = n_jumps + jumps.size, jumped + float(jumps.sum())
        chunks = []
        if self._counts[number] == 0:
            # Our streams carry stamps of the one clock already: an offset of exactly zero.
            offset = struct.pack("<Idd", number, first, 0.0)
            chunks.append(_chunk(CLOCK_OFFSET, offset))
        if stream.fmt == "string":
            content = _strings(stream, values, stamps)  # type: ignore[arg-type]
        else:
            content = _samples(stream, values, stamps)
        chunks.append(_chunk(SAMPLES, content))
        if last - self._boundary_at >= BOUNDARY_EVERY:
            chunks.append(_chunk(BOUNDARY_TAG, BOUNDARY))
            self._boundary_at = last
        self._file.append(b"".join(chunks))
        self._counts[number] += stamps.size
        self._spans[number] = (self._spans.get(number, (first, last))[0], last)

    def rate(self, number: int, hz: float) -> None:
        """Take it that stream `number` has the rate `hz`, as it was measured."""
        self._rates[number] = hz

    def measured(self, number: int) -> float:
        """Rate of stream `number`, Hz: as it was told, else by its stamps; NaN where unknown."""
        if number in self._rates or number not in self._spans:
            return self._rates.get(number, math.nan)
        (first, last), (n_jumps, jumped) = self._spans[number], self._jumps[number]
        seconds = last - first - jumped
        return (self._counts[number] - 1 - n_jumps) / seconds if seconds > 0.0 else math.nan

    def finish(self) -> None:
        """Write a footer for each stream; the file is complete without them, too."""
        for number, count in self._counts.items():
            first, last = self._spans.get(number, (0.0, 0.0))
            rate = self.measured(number) if self._streams[number].sfreq else math.nan
            told = f"<measured_srate>{rate!r}</measured_srate>" * math.isfinite(rate)
            xml = (
                f'<?xml version="1.0"?><info><first_timestamp>{first!r}</first_timestamp>'
                f"<last_timestamp>{last!r}</last_timestamp><sample_count>{count}</sample_count>{told}"
                "<clock_offsets></clock_offsets></info>"
            )
            self._file.append(_chunk(STREAM_FOOTER, struct.pack("<I", number) + xml.encode()))
