"""Hands over what a source wrote into its ring, tick by tick, with every hole marked in it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from devices.acquisition import Acquisition
from devices.ring import Ring
from devices.sources.source import SourceEvent, SourceInfo, SourceState

Eeg = tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]
SILENT: frozenset[SourceState] = frozenset({"connecting", "stalled", "lost"})
_BEHIND_S = 1.0  # s before now that stay open for the first rows of a source that comes back
_LONGEST_S = 60.0  # s of lost rows handed over at once; what is more is a jump in the stamps


class Feed:
    """One source as a session reads it.

    While it is lost, rows of NaN are handed over as the time passes: then the time that nobody
    watched is lost in every number at once, and nothing has to be made up for when it comes back.

    Parameters
    ----------
    acquisition : Acquisition
    """

    def __init__(self, acquisition: Acquisition) -> None:
        self._acquisition = acquisition
        self._next = 0
        self._last = math.nan  # stamp of the newest row that was handed over
        self._made_up = -math.inf  # stamp of the newest one that was not in the ring
        self.info: SourceInfo | None = None
        self.ring: Ring | None = None

    def wait_ready(self, stopped: Callable[[], bool]) -> SourceInfo:
        """Wait until it streams; a stream of markers need not say anything for that.

        Raises
        ------
        InputError, DeviceError
            If it cannot be had.
        """
        self.info = info = self._acquisition.wait_ready(stopped=stopped)
        self.ring = self._acquisition.ring if info.sfreq > 0.0 else None
        return info

    def rows(self, until: float) -> Eeg:
        """Rows [shape=(n, n_channels)] since the last call up to `until`, and their times."""
        if self.ring is None:
            return no_rows(0)
        block = self.ring.since(self._next)
        n = int(np.searchsorted(block.times, until, side="right"))
        self._next = block.first + n
        # What stands in the ring for a hole was handed over as far as it was seen.
        known = self._made_up + 0.5 / self.ring.sfreq
        new = int(np.searchsorted(block.times[:n], known)) if math.isfinite(known) else 0
        data, times = block.data[new:n], block.times[new:n]
        if times.size == 0 and self.state == "lost" and not math.isnan(self._last):
            data, times = self._lost(self.ring, until - _BEHIND_S)
            self._made_up = float(times[-1]) if times.size else self._made_up
        if times.size:
            self._last = float(times[-1])
        return data, times

    def rest(self, until: float) -> Eeg:
        """Rows of NaN over the end of a hole that nothing will come after, up to `until`."""
        if self.ring is None or self.state not in ("stalled", "lost") or math.isnan(self._last):
            return no_rows(0)
        data, times = self._lost(self.ring, until)
        self._last = float(times[-1]) if times.size else self._last
        return data, times

    def _lost(self, ring: Ring, until: float) -> Eeg:
        """Rows of NaN from the newest row that was handed over up to `until`."""
        n = max(math.floor((until - self._last) * ring.sfreq), 0)
        kept = min(n, round(_LONGEST_S * ring.sfreq))
        times = self._last + np.arange(n - kept + 1, n + 1) / ring.sfreq
        return np.full((kept, ring.n_channels), np.nan, dtype=np.float32), times

    @property
    def state(self) -> SourceState:
        """Where it stands."""
        return self._acquisition.state

    def events(self) -> list[SourceEvent]:
        """Everything that happened since the last call."""
        return self._acquisition.events()

    def close(self) -> None:
        """Let go of it; may take seconds."""
        self._acquisition.close()


def no_rows(n_channels: int) -> Eeg:
    """Return no rows of `n_channels`, and no times."""
    return np.empty((0, n_channels), dtype=np.float32), np.empty(0)
