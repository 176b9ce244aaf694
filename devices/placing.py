"""From samples as they arrived to rows whose number is time: loss, clock and gaps in one step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.clock import LossCounter, SampleClock
from devices.source import EegChunk


class SamplePlacer:
    """Puts lost samples back as rows of NaN and gives every row its time.

    Parameters
    ----------
    sfreq : float
        Nominal rate, Hz.
    modulus, step, share : int
        The package counter (`LossCounter`); `modulus` None where there is none.
    """

    def __init__(
        self, sfreq: float, *, modulus: int | None = None, step: int = 1, share: int = 1
    ) -> None:
        self._clock = SampleClock(sfreq)
        self._loss = LossCounter(sfreq, modulus=modulus, step=step, share=share)
        self._last = 0.0

    @property
    def residual(self) -> float:
        """Timing quality, s (`SampleClock.residual`)."""
        return self._clock.residual

    def place(
        self,
        data: npt.NDArray[np.float32],
        arrivals: npt.NDArray[np.float64],
        counters: npt.NDArray[np.int64] | None = None,
    ) -> tuple[EegChunk, npt.NDArray[np.bool_]]:
        """Place samples.

        Parameters
        ----------
        data : float32 [shape=(n_samples, n_channels)]
            At least one sample.
        arrivals : float64 [shape=(n_samples,)]
            When each was seen, seconds of our clock.
        counters : int64 [shape=(n_samples,)] or None
            Package counter.

        Returns
        -------
        chunk : EegChunk
            Samples and lost rows.
        lost : bool [shape=(n_rows,)]
            Which rows of the chunk are lost samples.
        """
        clock = self._clock
        missing = self._loss.missing(arrivals, counters, due=clock.due, period=clock.period)
        if not missing.any():
            # A device that paused unseen by counter and hole: the pause becomes lost rows too,
            # so that no window over it is taken for whole.
            missing[0] = round(clock.overdue / clock.period)
        stamps = clock.stamps(arrivals, missing)
        where = np.arange(stamps.size) + np.cumsum(missing)
        n_rows = int(where[-1]) + 1
        lost = np.ones(n_rows, dtype=bool)
        lost[where] = False
        rows = np.full((n_rows, data.shape[1]), np.nan, dtype=np.float32)
        rows[where] = data
        before = self._last if missing[0] else stamps[0] - clock.period
        times = np.interp(np.arange(n_rows), np.append(-1, where), np.append(before, stamps))
        self._last = float(stamps[-1])
        return EegChunk(rows, times), lost
