"""The contract of an EEG source: what it says of itself, and what it hands over.

A source is opened, read and closed by the acquisition; it never retries and never sleeps
for longer than one read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dsp.grid import SLOWEST

READ_EVERY = 0.02  #: s between two reads of a device
SFREQ_LOW, SFREQ_HIGH = SLOWEST, 16000.0  #: Hz that EEG may be sampled at
#: Share by which a measured rate is another than the stated one: then it is shown, and said.
RATE_SHOWN, RATE_SAID = 0.005, 0.03
#: ``none``: a session without a headset, which nothing was ever expected of.
SourceState = Literal["none", "connecting", "streaming", "stalled", "lost", "closed"]
EventKind = Literal["state", "gap", "note", "truth", "rate", "marker", "timing"]


@dataclass(frozen=True)
class Channel:
    """A channel that is recorded beside the EEG and never decoded.

    `type` in the words of XDF's conventions (``"accelerometer"``, ``"battery"``, ``"trigger"``,
    ``"eog"``, ``"ecg"``, ``"reference"``...), `unit` empty where none is known.
    """

    name: str
    type: str
    unit: str = ""


@dataclass(frozen=True)
class SourceInfo:
    """What a source is.

    Attributes
    ----------
    name : str
        For people, e.g. ``"Cyton"`` or ``"Synthetic board, simulated listener"``.
    ch_names : tuple of str
        Electrode names in column order (10-20/10-10 where known).
    sfreq : float
        Stated sampling rate, Hz; 0 for a stream of markers, which has no samples and no silence.
    simulated : bool
        True where the voltages do not come from a person.
    notice : str
        One sentence that screen and records must show, or empty.
    details : dict
        Driver, board id, scale and whatever else records should keep (JSON values only).
    beside : tuple of Channel
        What stands in the columns behind those of the electrodes.
    """

    name: str
    ch_names: tuple[str, ...]
    sfreq: float
    simulated: bool = False
    notice: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    beside: tuple[Channel, ...] = ()

    @property
    def no_rows(self) -> EegChunk:
        """A chunk of none."""
        columns = len(self.ch_names) + len(self.beside)
        return EegChunk(np.empty((0, columns), dtype=np.float32), np.empty(0))


class EegChunk(NamedTuple):
    """Samples as they came.

    Attributes
    ----------
    data : float32 [shape=(n_samples, n_channels)]
        Microvolts of the electrodes, then the channels beside them in their own units; a lost
        sample is a row of NaN.
    times : float64 [shape=(n_samples,)]
        Seconds of the LSL clock, strictly increasing, also over lost rows.
    """

    data: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Timing:
    """How samples came, as of one moment.

    Attributes
    ----------
    duplicated : tuple of float
        When samples came a second time, s of our clock, since this was last told.
    jitter : float
        Robust sd of arrival less fitted time over the newest 10 s, s.
    """

    duplicated: tuple[float, ...]
    jitter: float


@dataclass(frozen=True)
class SourceEvent:
    """Something that happened at a source.

    `value` is the new `SourceState` of a ``"state"``, the lost samples of a ``"gap"``, what a
    ``"note"`` is about, the measured rate in Hz that is in use from now on of a ``"rate"``, the
    text of a ``"marker"``, the `Timing` of a ``"timing"`` (once a second; the ring and the
    acquisition keep it), and of a ``"truth"`` the hidden enjoyment of a simulated listener (for
    the records, never for the loop). `text` is a plain sentence or empty.
    """

    time: float
    kind: EventKind
    value: Any = None
    text: str = ""


class Handover(NamedTuple):
    """What is known of a source whose process ended, for the one that takes its place.

    Attributes
    ----------
    info : SourceInfo
        What it was when it opened first.
    sfreq : float
        Rate in use, Hz: as stated, until another was measured.
    rows : int
        Rows that it handed over, lost ones included.
    last_time : float
        Time of the newest, s of our clock; NaN before the first.
    """

    info: SourceInfo
    sfreq: float
    rows: int
    last_time: float


class EegSource(Protocol):
    """One source of EEG."""

    @property
    def info(self) -> SourceInfo:
        """What it is; complete after `open`."""
        ...

    def open(self) -> None:
        """Start streaming; `DeviceError` says why not.

        May be called again after `close`, to come back: the same electrodes, or `DeviceError`.
        """
        ...

    def take_over(self, known: Handover) -> None:
        """Go on for one whose process ended; before `open`, which then comes back."""
        ...

    def read(self) -> EegChunk | None:
        """All samples since the last call, or None; `DeviceError` when the device is gone.

        A chunk of no rows says that samples came which are kept back: there is no silence.
        """
        ...

    def events(self) -> list[SourceEvent]:
        """Events since the last call."""
        ...

    def close(self) -> None:
        """Stop and release; safe to call twice."""
        ...
