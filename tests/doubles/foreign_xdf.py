"""XDF files as other programs write them (LabRecorder above all): by the specification alone."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

BOUNDARY = bytes.fromhex("43A546DCCBF5410FB30ED5467383CBE4")


def chunk(tag: int, content: bytes) -> bytes:
    n = len(content) + 2
    length = struct.pack("<BB", 1, n) if n < 256 else struct.pack("<BI", 4, n)
    return length + struct.pack("<H", tag) + content


class ForeignXdf:
    """A file that grows call by call."""

    def __init__(self, recorded: str = "2026-05-14T16:05:00+0200") -> None:
        xml = f"<?xml version='1.0'?><info><version>1.0</version><datetime>{recorded}</datetime>"
        self.data = b"XDF:" + chunk(1, f"{xml}</info>".encode())
        self._formats: dict[int, str] = {}

    def stream(
        self,
        number: int,
        name: str,
        kind: str,
        *,
        labels: Sequence[str] = (),
        n: int | None = None,
        sfreq: float = 0.0,
        fmt: str = "float32",
        unit: str = "microvolts",
        types: Sequence[str] | None = None,
        more: str = "",
    ) -> ForeignXdf:
        types = types or [kind] * len(labels)
        channels = "".join(
            f"<channel><label>{escape(label)}</label><unit>{unit}</unit><type>{t}</type></channel>"
            for label, t in zip(labels, types, strict=True)
        )
        xml = (
            f"<?xml version='1.0'?><info><name>{escape(name)}</name><type>{kind}</type>"
            f"<channel_count>{n or len(labels) or 1}</channel_count>"
            f"<nominal_srate>{sfreq:g}</nominal_srate><channel_format>{fmt}</channel_format>"
            f"<desc><channels>{channels}</channels>{more}</desc></info>"
        )
        self._formats[number] = fmt
        self.data += chunk(2, struct.pack("<I", number) + xml.encode("utf-8", "surrogatepass"))
        return self

    def samples(self, number: int, values: Any, times: Sequence[float | None] | Any) -> ForeignXdf:
        """Samples; a time that is None is left out, as LabRecorder does where it can be deduced."""
        form = {"int8": "b", "int16": "h", "int32": "i", "float32": "f", "double64": "d"}
        fmt = self._formats[number]
        content = struct.pack("<I", number) + struct.pack("<BI", 4, len(times))
        for row, time in zip(values, times, strict=True):
            content += b"\0" if time is None else struct.pack("<Bd", 8, time)
            if fmt == "string":
                for text in [row] if isinstance(row, str) else row:
                    raw = text.encode()
                    content += struct.pack("<BI", 4, len(raw)) + raw
            else:
                row = np.atleast_1d(row).tolist()
                content += struct.pack(f"<{len(row)}{form[fmt]}", *row)
        self.data += chunk(3, content)
        return self

    def offset(self, number: int, at: float, offset: float) -> ForeignXdf:
        self.data += chunk(4, struct.pack("<Idd", number, at, offset))
        return self

    def boundary(self) -> ForeignXdf:
        self.data += chunk(5, BOUNDARY)
        return self


def eeg_file(
    seconds: float = 10.0,
    *,
    sfreq: float = 250.0,
    labels: Sequence[str] = ("Fz", "Cz", "Pz"),
    start: float = 5000.0,
    deduced: bool = True,
    lost: tuple[int, int] = (0, 0),
    scale: float = 1.0,
    **stream: Any,
) -> ForeignXdf:
    """One EEG stream in chunks of half a second, rows from `lost[0]` to `lost[1]` left out."""
    file = ForeignXdf().stream(1, "Amp", "EEG", labels=labels, sfreq=sfreq, **stream)
    n = round(seconds * sfreq)
    rng = np.random.default_rng(4)
    values = rng.normal(0.0, 15.0 * scale, (n, len(labels))).astype(np.float32)
    size = round(sfreq / 2)
    for first in range(0, n, size):
        rows = [r for r in range(first, min(first + size, n)) if not lost[0] <= r < lost[1]]
        times: list[float | None] = []
        for r in rows:
            known = deduced and times and r - 1 in rows
            times.append(None if known else start + r / sfreq)
        file.samples(1, values[rows], times).boundary()
    return file
