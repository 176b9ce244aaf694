"""How a source of EEG is written (``brainflow:cyton:/dev/ttyUSB0``); read here, nowhere else.

What a session asks of a source before anything is opened (is it simulated, does it run in real
time?) is answered from the words alone; BrainFlow and pylsl are loaded where a source is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from devices.sources.source import EegSource
from dsp.checks import InputError

#: ``simulated`` is the simulated listener on a virtual clock, ``synthetic`` the same listener
#: behind BrainFlow's synthetic board in real time.
Kind = Literal["synthetic", "simulated", "brainflow", "lsl", "none"]

FORMS = "auto, synthetic, brainflow:BOARD[:PORT], cyton:PORT, lsl:NAME, simulated, none"
HELP = (
    "where the EEG comes from: auto (default), synthetic, brainflow:BOARD[:PORT], cyton:PORT, "
    "lsl:NAME, simulated (a listener on a virtual clock), none (no headset)"
)
_AUTO = (
    "The synthetic board was chosen, because looking for a plugged-in board by itself comes with "
    "a later version; name a board to use it."
)


@dataclass(frozen=True)
class SourceSpec:
    """A source as it was written.

    Attributes
    ----------
    kind : {'synthetic', 'simulated', 'brainflow', 'lsl', 'none'}
    name : str
        Of the board or stream; empty for other kinds.
    port : str
        Of the board: serial port, address or file; may be empty.
    because : str
        One sentence where the program chose the source itself, or empty.
    """

    kind: Kind
    name: str = ""
    port: str = ""
    because: str = ""

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
        titles = {"brainflow": f"the board {self.name}", "lsl": f"the LSL stream {self.name}"}
        return titles.get(self.kind, "the synthetic board")


def read_spec(source: str) -> SourceSpec:
    """Read how a source is written.

    Raises
    ------
    InputError
        If it is none of `FORMS`.

    Examples
    --------
    >>> read_spec("cyton:/dev/ttyUSB0")
    SourceSpec(kind='brainflow', name='cyton', port='/dev/ttyUSB0', because='')
    """
    word = source.strip()
    kind, _, rest = word.partition(":")
    if word == "auto":
        return SourceSpec("synthetic", because=_AUTO)
    if word == "synthetic":
        return SourceSpec("synthetic")
    if word == "simulated":
        return SourceSpec("simulated")
    if word == "none":
        return SourceSpec("none")
    if kind == "cyton" and rest:
        return SourceSpec("brainflow", "cyton", rest)
    if kind == "brainflow" and rest:
        board, _, port = rest.partition(":")
        return SourceSpec("brainflow", board, port)
    if kind == "lsl" and rest:
        return SourceSpec("lsl", rest)
    raise InputError(f"The source {source!r} is not known; expected one of: {FORMS}.")


def source_maker(
    spec: SourceSpec, *, listener: str, seed: int, timeline: str, tracks: str
) -> Callable[[], EegSource]:
    """Return what makes the source, in the process that will read it; picklable.

    Parameters
    ----------
    spec : SourceSpec
        Of a kind that is read in real time.
    listener, seed, timeline, tracks
        Of the simulated listener (`devices.acquisition.acquire`).

    Raises
    ------
    InputError
        For ``simulated`` and ``none``: there is nothing to open.
    """
    if spec.kind == "synthetic":
        from devices.sources.synthetic import ListenerSource

        return partial(
            ListenerSource,
            listener=listener,
            seed=seed,
            timeline=timeline,
            tracks=tracks,
            because=spec.because,
        )
    if spec.kind == "brainflow":
        from devices.sources.boards import BoardSource

        return partial(BoardSource, spec.name, spec.port)
    if spec.kind == "lsl":
        from devices.sources.lsl import LslSource

        return partial(LslSource, spec.name)
    raise InputError(
        f"The source {spec.kind!r} is not read from a device; expected one of: {FORMS}."
    )
