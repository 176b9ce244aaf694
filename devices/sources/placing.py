"""From samples as they arrived to rows whose number is time: loss, clock and gaps in one step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.clock import SampleClock
from devices.sources.loss import LossCounter
from devices.sources.source import EegChunk, SourceEvent
from devices.sources.timing import TimingWatch

_HOLD_S = 0.15  # s after a hole in time before it is judged
_FOREIGN = 10.0  # s: stamps further than this from arrival are not of our clock
_HOLD_MOST_S = 3.0  # s: a backlog that takes longer to come in is judged as it stands


@dataclass
class _Packets:
    """Samples of one read, or of several."""

    data: npt.NDArray[np.float32]
    arrivals: npt.NDArray[np.float64]
    counters: npt.NDArray[np.int64] | None


class SamplePlacer:
    """Puts lost samples back as rows of NaN and gives every row its time.

    After a hole in time, what follows may be a backlog that was only held up, or may not. So
    it is kept back until it comes in at its normal rate again, and is judged by its end.

    Parameters
    ----------
    sfreq : float
        Nominal rate, Hz.
    name : str
        What the source is called, for sentences.
    modulus, step, share : int
        The package counter (`LossCounter`); `modulus` None where there is none.
    """

    def __init__(
        self,
        sfreq: float,
        *,
        name: str = "the source",
        modulus: int | None = None,
        step: int = 1,
        share: int = 1,
    ) -> None:
        self._name = name
        self._news: list[SourceEvent] = []
        self._foreign: bool | None = None  # stamps of some other clock; None until one was seen
        self._clock = SampleClock(sfreq)
        self._timing = TimingWatch()
        self._loss = LossCounter(sfreq, modulus=modulus, step=step, share=share)
        self._sfreq = sfreq
        self._last = 0.0
        self._held: list[_Packets] = []
        self._hole_at = 0.0

    @property
    def residual(self) -> float:
        """Timing quality, s (`SampleClock.residual`)."""
        return self._clock.residual

    def place(
        self,
        data: npt.NDArray[np.float32],
        stamps: npt.NDArray[np.float64],
        counters: npt.NDArray[np.int64] | None = None,
        *,
        seen: float,
    ) -> tuple[EegChunk, npt.NDArray[np.bool_]] | None:
        """Place samples; None while they are kept back after a hole in time.

        Parameters
        ----------
        data : float32 [shape=(n_samples, n_channels)]
            At least one sample.
        stamps : float64 [shape=(n_samples,)]
            When each was taken or seen, as its sender says, in seconds of our clock.
        counters : int64 [shape=(n_samples,)] or None
            Package counter.
        seen : float
            When the read returned, seconds of our clock: no sample was taken later.

        Returns
        -------
        chunk : EegChunk
            Samples and lost rows.
        lost : bool [shape=(n_rows,)]
            Which rows of the chunk are lost samples.
        """
        packets = self._after_hole(_Packets(data, self._believed(stamps, seen), counters))
        return None if packets is None else self._place(packets)

    def events(self) -> list[SourceEvent]:
        """What there is to tell since the last call."""
        news, self._news = self._news, []
        return news

    def _believed(self, stamps: npt.NDArray[np.float64], seen: float) -> npt.NDArray[np.float64]:
        """Return the stamps, or the time of arrival where they are of another clock."""
        if self._foreign is None:
            ahead = float(stamps[-1]) - seen
            self._foreign = abs(ahead) > _FOREIGN
            if self._foreign:
                text = (
                    f"The stamps of {self._name} are not of the LSL clock; the times of arrival "
                    "are used."
                )
                self._news.append(SourceEvent(seen, "note", ahead, text))
        return np.full(stamps.size, seen) if self._foreign else stamps

    def _after_hole(self, new: _Packets) -> _Packets | None:
        """Keep `new` back while a backlog comes in; return what can be judged now."""
        if not self._held:
            hole = self._loss.hole(new.arrivals)
            if hole is None:
                return new
            self._hole_at = float(new.arrivals[hole])
        self._held.append(new)
        end = float(new.arrivals[-1])
        arrivals = np.concatenate([p.arrivals for p in self._held])
        recent = int(np.count_nonzero(arrivals > end - 0.1))
        if end - self._hole_at < _HOLD_MOST_S and (
            end - self._hole_at < _HOLD_S or recent > 0.15 * self._sfreq + 4
        ):
            return None
        counters = [p.counters for p in self._held if p.counters is not None]
        whole = _Packets(
            np.concatenate([p.data for p in self._held]),
            arrivals,
            np.concatenate(counters) if counters else None,
        )
        self._held.clear()
        return whole

    def _place(self, packets: _Packets) -> tuple[EegChunk, npt.NDArray[np.bool_]]:
        data, arrivals, counters = packets.data, packets.arrivals, packets.counters
        clock = self._clock
        missing = self._loss.missing(arrivals, counters, due=clock.due, period=clock.period)
        if not missing.any():
            # A device that paused unseen by counter and hole: the pause becomes lost rows too,
            # so that no window over it is taken for whole.
            missing[0] = round(clock.overdue / clock.period)
        stamps = clock.stamps(arrivals, missing)
        self._news += self._timing.push(arrivals, stamps)
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
