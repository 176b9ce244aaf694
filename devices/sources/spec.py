"""How a source of EEG is written (``brainflow:cyton:/dev/ttyUSB0``); read here, nowhere else.

What a session asks of a source before anything is opened (is it simulated, does it run in real
time?) is answered from the words alone; BrainFlow and pylsl are loaded where a source is opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import unquote

from devices.sources.naming import Wanted
from devices.sources.source import EegSource
from devices.sources.streams import read_query
from dsp.checks import InputError

#: ``simulated`` is the simulated listener on a virtual clock, ``synthetic`` the same listener
#: behind BrainFlow's synthetic board in real time.
Kind = Literal["synthetic", "simulated", "brainflow", "lsl", "replay", "none"]
Options = tuple[tuple[str, str], ...]

_READ = (
    "auto, synthetic, brainflow:BOARD[:PORT][?KEY=VALUE&...], cyton:PORT, lsl:NAME, "
    "lsl:source_id=X, lsl:type=EEG,name=Y, lsl:?PREDICATE, replay:FOLDER_OR_FILE"
)
FORMS = f"{_READ}, simulated, none"
HELP = (
    "where the EEG comes from: auto (default), synthetic, brainflow:BOARD[:PORT][?KEY=VALUE&...], "
    "cyton:PORT, lsl:NAME, lsl:source_id=X, lsl:type=EEG,name=Y, lsl:?PREDICATE (an LSL "
    "predicate), replay:FOLDER_OR_FILE (a session or an XDF file), simulated (a listener on a "
    "virtual clock), none (no headset)"
)
#: What BrainFlow may be told of a board; numbers with their bounds.
_TEXTS = (
    "serial_port", "mac_address", "ip_address", "ip_address_aux", "ip_address_anc", "other_info",
    "serial_number", "file", "file_aux", "file_anc", "master_board",
)  # fmt: skip
_NUMBERS = {
    "ip_port": 65535, "ip_port_aux": 65535, "ip_port_anc": 65535, "ip_protocol": 2,
    "timeout": 600,
}  # fmt: skip


@dataclass(frozen=True)
class SourceSpec:
    """A source as it was written.

    Attributes
    ----------
    kind : {'synthetic', 'simulated', 'brainflow', 'lsl', 'replay', 'none'}
    name : str
        Of the board, what is asked of a stream (`devices.sources.streams.read_query`), the path
        of a recording; empty for other kinds.
    port : str
        Of the board: serial port, address or file; may be empty.
    because : str
        One sentence where the program chose the source itself, or empty.
    options : tuple of (str, str)
        What BrainFlow is told of the board beyond its port.
    """

    kind: Kind
    name: str = ""
    port: str = ""
    because: str = ""
    options: Options = ()

    @property
    def simulated(self) -> bool:
        """Whether the EEG comes from our simulated listener."""
        return self.kind in ("synthetic", "simulated")

    @property
    def headset(self) -> bool:
        """Whether there is any EEG to come."""
        return self.kind != "none"

    @property
    def virtual(self) -> bool:
        """Whether it runs on a virtual clock: minutes pass in a second."""
        return self.kind == "simulated"

    @property
    def title(self) -> str:
        """What it is called until it has opened."""
        titles = {
            "brainflow": f"the board {self.name}",
            "lsl": f"the LSL stream {self.name}",
            "replay": f"the recording {self.name}",
        }
        return titles.get(self.kind, "the synthetic board")


def read_spec(source: str) -> SourceSpec:
    """Read how a source is written.

    Raises
    ------
    InputError
        If it is none of `FORMS`.

    Examples
    --------
    >>> spec = read_spec("cyton:/dev/ttyUSB0?timeout=6")
    >>> spec.kind, spec.name, spec.port, spec.options
    ('brainflow', 'cyton', '/dev/ttyUSB0', (('timeout', '6'),))
    """
    word = source.strip()
    kind, _, rest = word.partition(":")
    rest = rest.strip()
    if word in ("auto", "synthetic"):  # until somebody has looked (`devices.sources.finding`)
        return SourceSpec("synthetic")
    if word == "simulated":
        return SourceSpec("simulated")
    if word == "none":
        return SourceSpec("none")
    if kind == "cyton" and rest:
        return _board(word, f"cyton:{rest}")
    if kind == "brainflow" and rest:
        return _board(word, rest)
    if kind == "lsl" and rest:
        read_query(rest)
        return SourceSpec("lsl", rest)
    if kind == "replay" and rest:
        return SourceSpec("replay", rest)
    raise InputError(f"The source {source!r} is not known; expected one of: {FORMS}.")


def _board(word: str, rest: str) -> SourceSpec:
    """Read ``BOARD[:PORT][?KEY=VALUE&...]``; a value may be percent-encoded."""
    where, asks, query = rest.partition("?")
    board, _, port = where.partition(":")
    if not board.strip():
        raise InputError(f"The source {word!r} names no board; expected one of: {FORMS}.")
    options: dict[str, str] = {}
    for pair in query.split("&") if asks else ():
        key, _, value = pair.partition("=")
        value = unquote(value, errors="replace").strip()
        if key not in (*_TEXTS, *_NUMBERS) or not value:
            raise InputError(
                f"{pair!r} in the source {word!r} cannot be told to a board; expected KEY=VALUE "
                f"with one of: {', '.join((*_TEXTS, *_NUMBERS))}."
            )
        if key in options:
            raise InputError(f"The source {word!r} has two values for {key}; write one.")
        most = _NUMBERS.get(key)
        if most is not None and not (re.fullmatch(r"[0-9]{1,6}", value) and int(value) <= most):
            raise InputError(
                f"{key} in the source {word!r} is {value!r}; expected a whole number from 0 to "
                f"{most}."
            )
        options[key] = value
    places = [port.strip(), *(options.pop(key, "") for key in ("serial_port", "mac_address"))]
    if sum(map(bool, places)) > 1:
        raise InputError(f"The source {word!r} names more than one port; write one.")
    return SourceSpec("brainflow", board.strip(), "".join(places), options=tuple(options.items()))


def source_maker(
    spec: SourceSpec,
    *,
    listener: str,
    seed: int,
    timeline: str,
    tracks: str,
    channels: Wanted = (),
    first: bool = True,
) -> Callable[[], EegSource]:
    """Return what makes the source, in the process that will read it; picklable.

    Parameters
    ----------
    spec : SourceSpec
        Of a kind that is read in real time.
    listener, seed, timeline, tracks
        Of the simulated listener (`devices.acquisition.acquire`).
    channels : Wanted
        Which electrodes, and their names (`devices.sources.naming.read_channels`); all if empty.
    first : bool
        Whether it carries the EEG that is decoded; only one that does not may carry markers.

    Raises
    ------
    InputError
        For ``simulated`` and ``none``: there is nothing to open. For `channels` of a simulated
        listener, whose electrodes have their places.
    """
    if spec.kind == "synthetic":
        from devices.sources.synthetic import ListenerSource

        if channels:
            raise InputError(
                "The electrodes of the simulated listener have their places; leave --channels out, "
                "or name a headset or a stream as the source."
            )
        return partial(
            ListenerSource,
            listener=listener,
            seed=seed,
            timeline=timeline,
            tracks=tracks,
            because=spec.because,
        )
    if spec.kind == "brainflow":
        from devices.sources.board_table import plays_back
        from devices.sources.boards import BoardSource
        from devices.sources.playback import PlaybackSource

        return partial(
            PlaybackSource if plays_back(spec.name) else BoardSource,
            spec.name,
            spec.port,
            options=spec.options,
            channels=channels,
            because=spec.because,
        )
    if spec.kind == "lsl":
        from devices.sources.lsl import LslSource

        return partial(LslSource, spec.name, channels=channels, first=first)
    if spec.kind == "replay":
        from devices.sources.replay import ReplaySource

        return partial(ReplaySource, spec.name, channels=channels)
    raise InputError(
        f"The source {spec.kind!r} is not read from a device; expected one of: {_READ}."
    )
