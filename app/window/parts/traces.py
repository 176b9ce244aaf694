"""EEG made ready for the screen: a causal display filter and the last ten seconds, no Qt."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from app.session.contract import RingLike

SECONDS = 10.0
BAND = (1.0, 40.0)  # Hz, of the display only
SCALES = (
    10.0,
    15.0,
    20.0,
    30.0,
    50.0,
    75.0,
    100.0,
    150.0,
    200.0,
    300.0,
    500.0,
)  # µV from the middle of a lane to its edge
_SETTLE = 2.0  # s of older rows that let the filter settle before what is shown


def _biquad(kind: str, frequency: float, sfreq: float, q: float) -> npt.NDArray[np.float64]:
    """Return b0, b1, b2, a1, a2 of the cookbook's low- or high-pass (Bristow-Johnson)."""
    w = 2 * math.pi * min(frequency, 0.45 * sfreq) / sfreq
    alpha, cos = math.sin(w) / (2 * q), math.cos(w)
    side = (1 - cos) / 2 if kind == "low" else (1 + cos) / 2
    middle = 2 * side if kind == "low" else -2 * side
    a0 = 1 + alpha
    return np.array([side, middle, side, -2 * cos, 1 - alpha]) / a0


class DisplayFilter:
    """Second-order high-pass and fourth-order Butterworth low-pass, sample by sample.

    Causal, so that a trace is not late by a window; rows of NaN stay NaN and are stepped over.
    The cost is a few array operations a row, whatever the number of channels.
    """

    def __init__(self, n_channels: int, sfreq: float) -> None:
        low, high = BAND
        self._sections = [
            _biquad("high", low, sfreq, math.sqrt(0.5)),
            _biquad("low", high, sfreq, 0.5412),
            _biquad("low", high, sfreq, 1.3066),
        ]
        self._state = np.zeros((len(self._sections), 2, n_channels))
        self._offset: npt.NDArray[np.float64] | None = None

    def __call__(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return `rows` [shape=(n_samples, n_channels)] filtered, µV."""
        out = np.full(rows.shape, np.nan, dtype=np.float32)
        state = self._state
        for i, row in enumerate(rows.astype(np.float64)):
            finite = np.isfinite(row)
            if not finite.any():
                continue
            if self._offset is None:  # electrodes float at tens of millivolt: start from there
                self._offset = np.where(finite, row, 0.0)
            x = np.where(finite, row - self._offset, 0.0)
            for k, (b0, b1, b2, a1, a2) in enumerate(self._sections):
                y = b0 * x + state[k, 0]
                state[k, 0] = b1 * x - a1 * y + state[k, 1]
                state[k, 1] = b2 * x - a2 * y
                x = y
            out[i] = np.where(finite, x, np.nan)
        return out


class Traces:
    """The last `SECONDS` of every channel, filtered; pulled from a ring once a frame.

    Attributes
    ----------
    times : float32 [shape=(n_rows,)]
        Seconds before now, from −`SECONDS` to 0.
    """

    def __init__(self, n_channels: int, sfreq: float) -> None:
        self._n = max(2, round(SECONDS * sfreq))
        self._sfreq = sfreq
        self._filter = DisplayFilter(n_channels, sfreq)
        # Written twice, one length apart, so that any ten seconds are one slice.
        self._rows = np.full((2 * self._n, n_channels), np.nan, dtype=np.float32)
        self._at = 0
        self._next: int | None = None
        self.times = (np.arange(self._n, dtype=np.float32) - self._n + 1) / np.float32(sfreq)

    def pull(self, ring: RingLike) -> bool:
        """Take the rows that are new; return whether there were any."""
        if self._next is None:
            self._next = max(0, ring.total - self._n - round(_SETTLE * self._sfreq))
        block = ring.since(self._next)
        if len(block.data) == 0:
            return False
        # Rows that were overwritten before they could be drawn are a gap like any other.
        missed = min(max(0, block.first - self._next), self._n)
        self._next = block.first + len(block.data)
        if missed:
            self._write(np.full((missed, self._rows.shape[1]), np.nan, dtype=np.float32))
        # Behind the electrodes stands what is recorded beside them.
        self._write(self._filter(block.data[:, : self._rows.shape[1]]))
        return True

    def _write(self, rows: npt.NDArray[np.float32]) -> None:
        rows = rows[-self._n :]
        at = (self._at + np.arange(len(rows))) % self._n
        self._rows[at] = rows
        self._rows[at + self._n] = rows
        self._at = (self._at + len(rows)) % self._n

    def shown(self) -> npt.NDArray[np.float32]:
        """Return the last seconds [shape=(n_rows, n_channels)], oldest first; a view."""
        return self._rows[self._at : self._at + self._n]

    def scale(self, current: float, usable: npt.NDArray[np.bool_]) -> float:
        """Return the scale at which the usable channels fill their lanes, slow to change.

        Parameters
        ----------
        current : float
            The scale now, one of `SCALES`, µV.
        usable : bool [shape=(n_channels,)]
            Which channels are looked at.
        """
        rows = self.shown()[:, usable] if usable.any() else self.shown()
        if not np.isfinite(rows).any():
            return current
        size = 2.5 * float(np.nanmedian(np.abs(rows))) / 0.6745  # robust deviations
        wanted = next((s for s in SCALES if s >= size), SCALES[-1])
        if wanted < current and size > 0.8 * wanted:
            return current
        return wanted
