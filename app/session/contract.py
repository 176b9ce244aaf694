"""What the window needs of a session: `Session` has it, and so has the tests' own."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.session.snapshot import Snapshot
from devices.sources.source import SourceInfo
from dsp.checks import DeviceError


class NoSource(DeviceError):
    """The source of EEG cannot be had; without it the session can begin."""


class RowsLike(Protocol):
    """Rows copied out of a ring."""

    @property
    def first(self) -> int:
        """Number of the first row since the source started."""

    @property
    def data(self) -> npt.NDArray[np.float32]:
        """Microvolts [shape=(n_rows, n_channels)], rows of NaN for gaps."""

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Seconds of the LSL clock [shape=(n_rows,)]."""


class RingLike(Protocol):
    """The ring of raw EEG; `devices.ring.Ring`."""

    @property
    def total(self) -> int:
        """Rows written since the source started."""

    def since(self, index: int) -> RowsLike:
        """Copy all rows from number `index` on."""


class SessionLike(Protocol):
    """A session as window and command line drive it; every method may be called by any thread."""

    @property
    def ring(self) -> RingLike | None:
        """The ring of raw EEG, None before it streams."""

    @property
    def info(self) -> SourceInfo | None:
        """What the source is, None before it is open."""

    def start(self) -> None:
        """Open everything and start; may take seconds, so it is called off the window's thread."""

    def stop(self) -> None:
        """Silence layer and music at once and end the automation."""

    def close(self) -> None:
        """End the session, close the records, write the report; may take seconds."""

    def snapshot(self) -> Snapshot:
        """Return how things stand."""

    def rate(self, given: int) -> None:
        """Take the client's rating 1..9."""

    def tap(self, face: str) -> None:
        """Take what an observer sees in the client: distress, neutral or pleasure."""

    def next(self) -> None:
        """Go to the next track because the operator wants to: it says nothing of this one."""

    def skip(self) -> None:
        """Go to the next track because the client wants to: this one is enjoyed little."""

    def undo(self) -> None:
        """Take back the last automatic change of track or the last rating, whichever is later."""

    def toggle_pause(self) -> None:
        """Pause or resume."""

    def hold(self, on: bool) -> None:
        """Hold the automation, or let it go on."""

    def leave_eeg_out(self) -> None:
        """Go on without EEG, with ratings and priors alone."""

    def mark(self) -> None:
        """Mark this moment."""

    def layer_off(self, on: bool) -> None:
        """Keep the low-frequency layer out for this session, or allow it again."""

    def beat(self) -> None:
        """Say that the window's event loop lives; a few times a second, from its thread."""
