"""XDF files of any writer: their streams, as far as a cut or damaged file holds them.

The format is that of https://github.com/sccn/xdf/wiki/Specifications. Nothing that a file says of
its own size is believed: no array is larger than the bytes that are there, so that a file of
anybody's can be opened in this process. pyxdf reads whole files only, and fails on a damaged one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from dsp.checks import foreign_text

BOUNDARY = bytes.fromhex("43A546DCCBF5410FB30ED5467383CBE4")  # the UUID of the specification
FILE_HEADER, STREAM_HEADER, SAMPLES, CLOCK_OFFSET, BOUNDARY_TAG, STREAM_FOOTER = range(1, 7)

_DTYPES = {
    "int8": "<i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "float32": "<f4",
    "double64": "<f8",
}
_LENGTHS = {1: "<B", 4: "<I", 8: "<Q"}
_MOST_CHANNELS = 4096
_RUN = 4096  # samples whose stamps are looked at together
_RESET_S = 1.0  # s by which a clock offset changes only where a clock was set anew
_DRIFT = 1e-3  # no clock runs faster or slower than this
_WILD = 1e11  # s: no clock's time
_FITTED_S = 30.0  # s that offsets must span before a drift is read from them

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class XdfChannel:
    """What a stream states of one channel; empty where it states nothing."""

    label: str = ""
    type: str = ""
    unit: str = ""


@dataclass(frozen=True, eq=False)
class XdfStream:
    """One stream of a file.

    Attributes
    ----------
    number : int
        Its id inside the file.
    name, type : str
    sfreq : float
        Stated rate, Hz; 0 for irregular streams.
    channels : tuple of XdfChannel
    times : float64 [shape=(n,)]
        Stamps as they are stored, on the sender's clock; those that were left out, or are no
        time, are deduced from the stated rate.
    values : array [shape=(n, n_channels)], or list of tuple of str
        As stored.
    offsets : float64 [shape=(k, 3)]
        Clock offsets in the order of the file: samples before it, sender's time, and what is to be
        added to a stamp, s.
    unstamped : int
        Samples whose stamp is written and is no time: NaN, or more than any clock shows.
    """

    number: int
    name: str
    type: str
    sfreq: float
    channels: tuple[XdfChannel, ...]
    times: Floats
    values: Any
    offsets: Floats
    unstamped: int = 0

    @property
    def text(self) -> bool:
        """Whether its samples are texts."""
        return isinstance(self.values, list)

    def synchronized(self) -> Floats:
        """Stamps on the clock of the computer that recorded [shape=(n,)].

        Each stretch between two resets of a clock gets a straight line through its offsets
        (Theil-Sen, which a few late answers do not move); offsets of 0 change no bit.
        """
        rows, at, offset = self.offsets.T
        if not at.size:
            return self.times
        resets = np.flatnonzero((np.abs(np.diff(offset)) > _RESET_S) | (np.diff(at) < 0.0)) + 1
        out = self.times.copy()
        begin = 0
        for first, last in zip([0, *resets], [*resets, at.size], strict=True):
            end = out.size
            if last < at.size:
                end = self._jump(max(int(rows[last - 1]), begin), int(rows[last]))
            part = slice(begin, end)
            out[part] += _line(at[first:last], offset[first:last], self.times[part])
            begin = end
        return out

    def _jump(self, low: int, high: int) -> int:
        """Number of the sample before which the clock was set, between two numbers."""
        steps = np.abs(np.diff(self.times[max(low - 1, 0) : high]))
        return max(low - 1, 0) + int(np.argmax(steps)) + 1 if steps.size else high


def _line(at: Floats, offset: Floats, times: Floats) -> Floats:
    """Offsets at `times` from offsets measured `at` the sender's times."""
    slope, middle = 0.0, float(np.median(at))
    if at.size > 2 and np.ptp(at) >= _FITTED_S:
        some = np.linspace(0, at.size - 1, min(at.size, 300)).astype(int)  # n squared pairs
        i, j = np.triu_indices(some.size, 1)
        apart = at[some][j] - at[some][i]
        with np.errstate(over="ignore"):  # of a damaged file
            slopes = (offset[some][j] - offset[some][i])[apart > 0.0] / apart[apart > 0.0]
        slope = float(np.median(slopes)) if slopes.size else 0.0
        slope = slope if abs(slope) < _DRIFT else 0.0
    level = float(np.median(offset - slope * (at - middle)))
    return np.asarray(level + slope * (times - middle), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class XdfFile:
    """What a file holds.

    Attributes
    ----------
    streams : tuple of XdfStream
        In the order of the file.
    recorded : str
        When, as its header says; may be empty.
    unfinished, damaged : int
        Bytes at the end that belong to a chunk that was never finished, and bytes left out before.
    """

    streams: tuple[XdfStream, ...]
    recorded: str
    unfinished: int
    damaged: int


def read_xdf(data: bytes) -> XdfFile:
    """Read every whole chunk of a file; what cannot be one is counted and left out.

    After a damaged place reading goes on at the next boundary. Nothing is raised: a file that is
    no XDF at all has no streams, and all of it is damaged.
    """
    if not data.startswith(b"XDF:"):
        return XdfFile((), "", 0, len(data))
    reader, at, damaged = _Reader(data), 4, 0
    while at < len(data):
        end = _chunk_end(data, at)
        if end is not None and reader.take(at, end):
            at = end
            continue
        if end is not None and (end == len(data) or _chunk_end(data, end) is not None):
            damaged += end - at  # a chunk in its place, but with samples that do not fit
            at = end
            continue
        found = data.find(BOUNDARY, at)
        if found < 0:
            break
        damaged += found + len(BOUNDARY) - at
        at = found + len(BOUNDARY)
    streams = tuple(stream.made() for stream in reader.streams.values())
    return XdfFile(streams, reader.recorded, len(data) - at, damaged)


def _length_at(data: bytes, at: int) -> tuple[int, int] | None:
    """Number of variable length that stands at `at`, and where it ends; None if none does."""
    fmt = _LENGTHS.get(data[at]) if at < len(data) else None
    if fmt is None or at + 1 + struct.calcsize(fmt) > len(data):
        return None
    return int(struct.unpack_from(fmt, data, at + 1)[0]), at + 1 + struct.calcsize(fmt)


def _chunk_end(data: bytes, start: int) -> int | None:
    """End of the chunk that starts at `start`, or None if there is no whole chunk there."""
    told = _length_at(data, start)
    if told is None or told[1] + 2 > len(data):
        return None
    length, body = told
    (tag,) = struct.unpack_from("<H", data, body)
    end = body + length
    if length < 2 or not FILE_HEADER <= tag <= STREAM_FOOTER or end > len(data):
        return None
    # A damaged length can reach over good chunks; a boundary inside gives it away.
    if tag != BOUNDARY_TAG and data.find(BOUNDARY, body, end) >= 0:
        return None
    return end


@dataclass
class _Stream:
    """A stream while its chunks come in."""

    number: int
    header: dict[str, Any]
    channels: tuple[XdfChannel, ...]
    sfreq: float
    dtype: str | None  # None: text
    times: list[Floats] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    offsets: list[tuple[int, float, float]] = field(default_factory=list)
    n: int = 0

    def made(self) -> XdfStream:
        times = np.concatenate([np.empty(0), *self.times])
        wild = np.abs(times) >= _WILD  # what was left out is NaN still
        times[wild] = np.nan
        times = deduced(times, self.sfreq)
        values: Any = self.values
        if self.dtype is not None:
            empty = np.empty((0, len(self.channels)), self.dtype)
            values = np.concatenate([empty, *self.values])
        offsets = np.array(self.offsets, dtype=np.float64).reshape(-1, 3)
        name, kind = self.header["name"], self.header["type"]
        return XdfStream(
            self.number, name, kind, self.sfreq, self.channels, times, values, offsets,
            unstamped=int(np.count_nonzero(wild)),
        )  # fmt: skip


class _Reader:
    """Takes chunk after chunk."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.streams: dict[int, _Stream] = {}
        self.recorded = ""

    def take(self, start: int, end: int) -> bool:
        """Take the chunk from `start` to `end`; False where what it holds does not fit."""
        told = _length_at(self._data, start)
        assert told is not None
        at = told[1] + 2
        (tag,) = struct.unpack_from("<H", self._data, told[1])
        if tag == FILE_HEADER:
            root = _xml(self._data[at:end])
            self.recorded = _said(root, "datetime")
        if tag not in (STREAM_HEADER, SAMPLES, CLOCK_OFFSET) or end - at < 4:
            return tag not in (STREAM_HEADER, SAMPLES, CLOCK_OFFSET)
        (number,) = struct.unpack_from("<I", self._data, at)
        if tag == STREAM_HEADER:
            return self._header(number, _xml(self._data[at + 4 : end]))
        stream = self.streams.get(number)
        if stream is None:
            return False  # its header is lost, and with it what its bytes mean
        if tag == CLOCK_OFFSET:
            if end - at != 20:
                return False
            when, offset = struct.unpack_from("<dd", self._data, at + 4)
            if abs(when) < _WILD and abs(offset) < _WILD:  # no NaN either
                stream.offsets.append((stream.n, when, offset))
            return True
        return self._samples(stream, at + 4, end)

    def _header(self, number: int, root: ElementTree.Element | None) -> bool:
        fmt = _said(root, "channel_format")
        try:
            n, sfreq = int(_said(root, "channel_count")), float(_said(root, "nominal_srate"))
        except ValueError:
            return False
        if (
            fmt not in (*_DTYPES, "string")
            or not 1 <= n <= _MOST_CHANNELS
            or number in self.streams
        ):
            return False
        sfreq = sfreq if 0.0 < sfreq < np.inf else 0.0
        words = {key: _said(root, key) for key in ("name", "type")}
        channels = _channels(root, n)
        self.streams[number] = _Stream(number, words, channels, sfreq, _DTYPES.get(fmt))
        return True

    def _samples(self, stream: _Stream, at: int, end: int) -> bool:
        counted = _length_at(self._data, at)
        if counted is None or counted[0] > end - at:
            return False
        n, at = counted
        if stream.dtype is None:
            texts = _texts(self._data, at, end, n, len(stream.channels))
            if texts is None:
                return False
            stream.times.append(texts[0])
            stream.values += texts[1]
        else:
            numbers = _numbers(self._data, at, end, n, np.dtype(stream.dtype), len(stream.channels))
            if numbers is None:
                return False
            stream.times.append(numbers[0])
            stream.values.append(numbers[1])
        stream.n += n
        return True


def _numbers(
    data: bytes, at: int, end: int, n: int, dtype: np.dtype[Any], n_channels: int
) -> tuple[Floats, npt.NDArray[Any]] | None:
    """Stamps (NaN where left out) and values of `n` samples that fill `at` to `end` exactly."""
    raw = np.frombuffer(data, np.uint8)
    size = dtype.itemsize * n_channels
    times, values = [np.empty(0)], [np.empty((0, n_channels), dtype)]
    left = n
    while left:
        flag = data[at] if at < end else -1
        if flag not in (0, 8):
            return None
        step = 1 + flag + size
        flags = raw[at : min(at + step * min(left, _RUN), end) : step]
        other = np.flatnonzero(flags != flag)
        run = int(other[0]) if other.size else flags.size
        if at + run * step > end:
            return None
        fields = [("flag", "u1"), ("time", "<f8"), ("values", dtype, (n_channels,))]
        record = np.dtype(fields if flag else [fields[0], fields[2]])
        rows = np.frombuffer(data, record, run, at)
        times.append(_written(rows["time"]) if flag else np.full(run, np.nan))
        values.append(rows["values"])
        at += run * step
        left -= run
    if at != end:
        return None
    return np.concatenate(times), np.concatenate(values)


def _written(times: npt.NDArray[np.float64]) -> Floats:
    """Stamps that are written: a NaN among them is none that was left out."""
    return np.where(np.isnan(times), np.inf, times)


def _texts(
    data: bytes, at: int, end: int, n: int, n_channels: int
) -> tuple[Floats, list[tuple[str, ...]]] | None:
    times, values = np.full(n, np.nan), []
    for i in range(n):
        flag = data[at] if at < end else -1
        if flag not in (0, 8) or at + 1 + flag > end:
            return None
        if flag:
            times[i] = _written(np.frombuffer(data, "<f8", 1, at + 1))[0]
        at += 1 + flag
        row = []
        for _ in range(n_channels):
            told = _length_at(data, at)
            if told is None or told[0] + told[1] > end:
                return None
            row.append(data[told[1] : told[1] + told[0]].decode("utf-8", "replace"))
            at = told[1] + told[0]
        values.append(tuple(row))
    return (times, values) if at == end else None


def deduced(times: Floats, sfreq: float) -> Floats:
    """Stamps with those that were left out (NaN) counted on from the last one."""
    known = np.flatnonzero(~np.isnan(times))
    if known.size == times.size:
        return times
    before = np.searchsorted(known, np.arange(times.size), side="right") - 1
    period = 1.0 / sfreq if sfreq else 0.0
    if not known.size:
        return np.arange(times.size, dtype=np.float64) * period
    from_row = known[np.maximum(before, 0)]  # the first ones are counted back from the first known
    return np.asarray(times[from_row] + (np.arange(times.size) - from_row) * period)


def _xml(raw: bytes) -> ElementTree.Element | None:
    """Description of a stream or file; None where it cannot be read."""
    text = raw.decode("utf-8", "replace")
    if "<!" in text:  # entities, which could grow without bound; no writer uses any
        return None
    text = re.sub(r"^\s*<\?.*?\?>", "", text, flags=re.DOTALL)
    text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", " ", text)
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError):
        return None


def _said(element: ElementTree.Element | None, *path: str) -> str:
    found = element.find("/".join(path)) if element is not None else None
    text = found.text if found is not None else ""
    return foreign_text(text or "")


def _channels(root: ElementTree.Element | None, n: int) -> tuple[XdfChannel, ...]:
    """What is stated of each of `n` channels; nothing where as many are not described."""
    told: Sequence[ElementTree.Element] = []
    if root is not None:
        told = root.findall("desc/channels/channel")
    if len(told) != n:
        return (XdfChannel(),) * n
    return tuple(
        XdfChannel(
            _said(one, "label") or _said(one, "name"),
            _said(one, "type"),
            _said(one, "unit") or _said(one, "units"),
        )
        for one in told
    )
