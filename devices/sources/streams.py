"""Which LSL stream is meant (by name, type, source id or a predicate of LSL), and which there are.

pylsl is imported here only, and when the first stream is looked for.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from devices.clock import bracket
from devices.sources.stream_header import StreamHeader, read_header, stream_kind
from devices.sources.units import check_unit
from dsp.checks import DeviceError, InputError, foreign_text

FORGET_S = 2.0  # s after its last answer that a stream is taken for gone
#: Quick discovery on one computer, and no chatter on the console. Used only where the user has
#: no LSL configuration of their own.
_CONFIG = """
[tuning]
MulticastMinRTT=0.1
MulticastMaxRTT=0.5
UnicastMinRTT=0.1
UnicastMaxRTT=0.5
ContinuousResolveInterval=0.1
[log]
level=-3
"""
_KEYS = ("name", "type", "source_id", "hostname", "uid")
_KEY = re.compile(rf"(?:^|,)\s*({'|'.join((*_KEYS, 'unit'))})\s*=")


@dataclass(frozen=True)
class StreamQuery:
    """What a stream must be to be taken; an empty field asks nothing.

    `predicate` is an XPath 1.0 predicate over the stream's description, which LSL itself judges.
    `unit` is what the user says its voltages are in, and asks nothing.
    """

    name: str = ""
    type: str = ""
    source_id: str = ""
    hostname: str = ""
    uid: str = ""
    predicate: str = ""
    unit: str = ""

    def matches(self, header: StreamHeader) -> bool:
        """Whether a stream is as asked, `predicate` and spaces around its words aside."""
        return all(getattr(self, key) in ("", getattr(header, key).strip()) for key in _KEYS)

    def asks_of_another(self, header: StreamHeader) -> bool:
        """Whether a stream that is started again is as asked: it never has the same `uid`."""
        return replace(self, uid="").matches(header)

    def __str__(self) -> str:
        """Return the words for sentences, e.g. ``'Muse' (type 'EEG')``."""
        if self.predicate:
            return foreign_text(f"with {self.predicate}")
        rest = [
            f"{f.name} {getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name not in ("name", "unit") and getattr(self, f.name)
        ]
        words = ", ".join(rest)
        if not self.name:
            return foreign_text(f"of {words}")
        return foreign_text(f"{self.name!r} ({words})" if rest else repr(self.name))


def read_query(written: str) -> StreamQuery:
    """Read what stands behind ``lsl:``.

    Raises
    ------
    InputError
        If it is empty, asks twice for one thing, or for what a stream does not have.

    Examples
    --------
    >>> print(read_query("type=EEG,name=My, own"), read_query("My: amp"))
    'My, own' (type 'EEG') 'My: amp'
    """
    text = written.strip()
    if text.startswith("?"):
        return StreamQuery(predicate=_predicate(text[1:].strip()))
    parts = _KEY.split(text)
    if len(parts) == 1 or parts[0]:
        if not text:
            raise InputError("No LSL stream is named; expected lsl:NAME, such as lsl:Muse.")
        key = re.match(r"([A-Za-z_]+)=", text)
        if key:
            raise InputError(
                f"An LSL stream is not found by {key[1]!r}; expected one of: {', '.join(_KEYS)}, "
                "unit. A name that has = in it is written lsl:name=..."
            )
        return StreamQuery(name=text)
    asked: dict[str, str] = {}
    for key_word, value in zip(parts[1::2], parts[2::2], strict=True):
        if key_word in asked or not value.strip():
            raise InputError(
                f"The LSL stream {text!r} has {'two values' if key_word in asked else 'no value'} "
                f"for {key_word}; expected one, such as lsl:type=EEG,name=Muse."
            )
        asked[key_word] = value.strip()
    query = StreamQuery(**asked)
    if query.unit:
        check_unit(query.unit)
    return query


def _predicate(text: str) -> str:
    """Refuse what cannot be a predicate: LSL itself only finds nothing with it."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
    depth = 0
    for sign in bare.replace("''", ""):
        depth += (sign in "([") - (sign in ")]")
        if depth < 0 or sign in "'\"":
            break
    else:
        if text.isprintable() and text and depth == 0:
            return text
    raise _unreadable(text)


def _unreadable(predicate: str) -> InputError:
    return InputError(
        f"The LSL predicate {predicate!r} cannot be read; expected one such as name='Muse' and "
        "channel_count=4, with its quotes and brackets closed."
    )


_library: tuple[ModuleType, float] | None = None


def _user_configures_lsl() -> bool:
    """Whether liblsl would find a configuration file of the user (its documented places)."""
    places = [Path("lsl_api.cfg"), Path.home() / "lsl_api" / "lsl_api.cfg"]
    places.append(Path("/etc/lsl_api/lsl_api.cfg"))
    return "LSLAPICFG" in os.environ or any(place.exists() for place in places)


def lsl_library() -> tuple[ModuleType, float]:
    """Load pylsl, once; with it how far its clock is ahead of ours, s (0 on Linux).

    Raises
    ------
    DeviceError
        If there is no liblsl that works here.
    """
    global _library
    if _library is None:
        try:
            import pylsl
        except (ImportError, OSError, RuntimeError) as error:
            raise DeviceError(
                f"LSL cannot be used on this computer ({error}); install liblsl, or choose another "
                "source."
            ) from error
        if not _user_configures_lsl():
            pylsl.set_config_content(_CONFIG)
        ahead, width = bracket(pylsl.local_clock, tries=9)
        _library = (pylsl, ahead if abs(ahead) > width else 0.0)
    return _library


class StreamFinder:
    """Looks for streams all the time, from when it is made until it is let go of.

    Parameters
    ----------
    query : StreamQuery
        Only its predicate narrows what is seen; the rest is left to `StreamQuery.matches`.

    Raises
    ------
    InputError
        If LSL cannot read the predicate.
    DeviceError
        If LSL cannot look for streams on this computer.
    """

    def __init__(self, query: StreamQuery | None = None) -> None:
        pylsl, _ = lsl_library()
        asked = query.predicate if query is not None and query.predicate else None
        self._text = pylsl.cf_string
        try:
            self._resolver = pylsl.ContinuousResolver(pred=asked, forget_after=FORGET_S)
        except RuntimeError as error:
            if asked is not None:
                raise _unreadable(asked) from error
            raise DeviceError(
                f"LSL cannot look for streams on this computer ({error}); check its network, or "
                "choose another source."
            ) from error

    def answers(self) -> list[tuple[StreamHeader, Any]]:
        """Everything that answers now: what it states without its channels, and pylsl's own."""
        streams = self._resolver.results()
        return [(read_header(stream, text_format=self._text), stream) for stream in streams]


@dataclass(frozen=True)
class StreamListing:
    """A stream that answers, for a list.

    `type` is as stated, `sfreq` 0 for an irregular stream, `kind` ``"eeg"``, ``"markers"``, the
    word for what else it is, or "" where its type is of no known kind.
    """

    name: str
    type: str
    kind: str
    host: str
    source_id: str
    uid: str
    sfreq: float
    n_channels: int


def list_streams(wait_s: float = 1.0) -> list[StreamListing]:
    """Return the LSL streams that answer within `wait_s` seconds, in the order of their names.

    Raises
    ------
    DeviceError
        If LSL cannot be used on this computer.
    """
    finder = StreamFinder()
    time.sleep(wait_s)
    found = [
        StreamListing(
            name=foreign_text(header.name),
            type=header.type,
            kind="markers" if header.markers else stream_kind(header.type),
            host=header.hostname,
            source_id=foreign_text(header.source_id),
            uid=header.uid,
            sfreq=header.sfreq,
            n_channels=header.n_channels,
        )
        for header, _ in finder.answers()
    ]
    return sorted(found, key=lambda one: (one.name, one.host, one.source_id, one.uid))
