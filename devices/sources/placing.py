"""From samples as they arrived to rows whose number is time: loss, clock and gaps in one step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from devices.clock import SampleClock
from devices.sources.counted import Counted, Packets
from devices.sources.reads import Reads
from devices.sources.source import RATE_SAID, RATE_SHOWN, EegChunk, SourceEvent
from devices.sources.timing import FloatRow, TimingWatch
from devices.sources.uncounted import Uncounted

_FEW = 32  # samples of a read up to which plain numbers are quicker than arrays
_NONE_LOST = [np.zeros(n, dtype=bool) for n in range(_FEW + 1)]
for _none in _NONE_LOST:
    _none.flags.writeable = False


class SamplePlacer:
    """Puts lost samples back as rows of NaN and gives every row its time.

    Parameters
    ----------
    sfreq : float
        Stated rate, Hz.
    name : str
        What the source is called, for sentences.
    modulus, step, share : int
        The package counter (`PacketCounter`); `modulus` None where there is none.
    stamped : bool
        Without a counter: whether the stamps are the sender's, and not those of arrival.
    """

    def __init__(
        self,
        sfreq: float,
        *,
        name: str = "the source",
        modulus: int | None = None,
        step: int = 1,
        share: int = 1,
        stamped: bool = True,
    ) -> None:
        self._name, self._stated, self._rate = name, sfreq, sfreq
        self._clock = SampleClock(sfreq)
        self._counted: Counted | None = None
        if modulus is not None:
            self._counted = Counted(sfreq, modulus=modulus, step=step, share=share)
        self._uncounted = Uncounted(sfreq, self._clock, stamped=stamped)
        self._timing = TimingWatch()
        self._twice = 0  # samples told of that came a second time
        self._last = 0.0
        self._news: list[SourceEvent] = []
        self._doubted = False
        self._blind, self._told = modulus is None and not stamped, False

    @property
    def residual(self) -> float:
        """Timing quality, s (`SampleClock.residual`)."""
        return self._clock.residual

    @property
    def rate(self) -> float:
        """Rate that is in use, Hz: the stated one until another is measured."""
        return self._rate

    def expect(self, rate: float) -> None:
        """Begin with the rate in Hz that was in use before the device was opened again."""
        self._rate = rate
        self._clock.expect(rate, measured=False)

    def place(
        self,
        data: npt.NDArray[np.float32],
        stamps: FloatRow,
        counters: npt.NDArray[np.int64] | None = None,
        *,
        seen: float,
    ) -> tuple[EegChunk, npt.NDArray[np.bool_]] | None:
        """Place samples; None while they are kept back, at the start and where some seem lost.

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
        n = len(stamps)
        if n <= _FEW:
            few = stamps if isinstance(stamps, list) else stamps.tolist()
            times = self._few(data, few, counters, seen)
            if times is not None:
                fitted = self._clock.few(times, None if self._counted is not None else seen)
                self._tell_timing(times, fitted)
                self._tell_rate(seen)
                return EegChunk(data, np.array(fitted)), _NONE_LOST[n]
        stamps = np.asarray(stamps)
        if self._counted is not None and counters is not None:
            placed = self._place_counted(self._counted.take(data, stamps, counters, self._clock))
            if self._counted.none:
                placed = self._go_on_without(self._counted, seen)
        else:
            placed = self._place_uncounted(self._uncounted.take(data, stamps, seen))
            self._tell_stamps(seen)
        self._tell_rate(seen)
        return placed

    def _few(
        self,
        data: npt.NDArray[np.float32],
        stamps: list[float],
        counters: npt.NDArray[np.int64] | None,
        seen: float,
    ) -> list[float] | None:
        """Return the times for the clock of a few samples that are just those that come next."""
        if self._counted is None or counters is None:
            return self._uncounted.few(stamps, seen)
        taken = self._counted.few(data, stamps, counters.tolist(), self._clock)
        return stamps if taken else None

    def rest(self) -> tuple[EegChunk, npt.NDArray[np.bool_]] | None:
        """Place what is still kept back, because no more will come."""
        if self._counted is not None:
            return self._place_counted(self._counted.rest(self._clock))
        return self._place_uncounted(self._uncounted.rest())

    def _place_counted(
        self, counted: tuple[Packets, npt.NDArray[np.int64]] | None
    ) -> tuple[EegChunk, npt.NDArray[np.bool_]] | None:
        if counted is None:
            return None
        packets, missing = counted
        self._tell_counter(float(packets.arrivals[-1]))
        return self._place(packets.data, packets.arrivals, missing)

    def _place_uncounted(
        self, judged: tuple[Reads, npt.NDArray[np.int64]] | None
    ) -> tuple[EegChunk, npt.NDArray[np.bool_]] | None:
        if judged is None:
            return None
        reads, missing = judged
        return self._place(reads.data, reads.times, missing, reads.seen[-1])

    def _go_on_without(
        self, counted: Counted, seen: float
    ) -> tuple[EegChunk, npt.NDArray[np.bool_]] | None:
        """Judge all that is kept back and all that will come by its arrival, and say so."""
        self._counted, self._told, self._blind = None, True, True
        self._uncounted = Uncounted(self._rate, self._clock, stamped=False)
        text = (
            f"What should be the package counter of {self._name} does not count: its samples are "
            "placed by their arrival. Losses cannot be counted, only gaps in time are seen."
        )
        self._news.append(SourceEvent(seen, "note", "losses", text))
        return self._place_uncounted(self._uncounted.take(*counted.kept(), seen))

    def events(self) -> list[SourceEvent]:
        """What there is to tell since the last call."""
        news, self._news = self._news, []
        return news

    def _tell_counter(self, seen: float) -> None:
        """Say once that samples stand where they arrived, because their counter cannot be true."""
        if self._told or self._counted is None or not self._counted.unsure:
            return
        self._told = True
        text = (
            f"The package counter of {self._name} is damaged or missing now and then; such samples "
            "are kept, where they arrived, and their place is not sure."
        )
        self._news.append(SourceEvent(seen, "note", "counter", text))

    def _tell_stamps(self, seen: float) -> None:
        """Say once that stamps are not believed, and that losses cannot be counted."""
        reasons, self._uncounted.reasons = self._uncounted.reasons, []
        uneven = not self._blind and not self._uncounted.countable
        if reasons and not self._doubted:
            self._doubted = True
            text = (
                f"The stamps of {self._name} are not of the LSL clock or not true "
                f"({reasons[0]}); its samples keep their order and spread and are timed by their "
                "arrival."
            )
            if uneven and not self._told:
                self._told = True
                text += " Losses cannot be counted."
            self._news.append(SourceEvent(seen, "note", "stamps", text))
        if not self._told and (self._blind or uneven):
            self._told = True
            why = ", and its stamps are too uneven to show lost ones" if uneven else ""
            text = (
                f"{_capital(self._name)} does not number its samples{why}: losses cannot be "
                "counted, only gaps in time are seen."
            )
            self._news.append(SourceEvent(seen, "note", "losses", text))

    def _tell_rate(self, seen: float) -> None:
        rate = self._clock.rate
        if rate is None or abs(rate / self._rate - 1.0) <= RATE_SHOWN:
            return
        self._rate, text = rate, ""
        if abs(rate / self._stated - 1.0) > RATE_SAID:
            text = (
                f"{_capital(self._name)} states {self._stated:.4g} Hz, sends {rate:.4g}; the "
                "measured rate is used."
            )
        self._news.append(SourceEvent(seen, "rate", rate, text))

    def _tell_timing(self, arrivals: FloatRow, fitted: FloatRow) -> None:
        twice = 0 if self._counted is None else self._counted.duplicated - self._twice
        self._twice += twice
        self._last = float(fitted[-1])
        self._news += self._timing.push(arrivals, fitted, duplicated=twice)

    def _place(
        self,
        data: npt.NDArray[np.float32],
        arrivals: npt.NDArray[np.float64],
        missing: npt.NDArray[np.int64],
        seen: float | None = None,
    ) -> tuple[EegChunk, npt.NDArray[np.bool_]]:
        clock = self._clock
        stamps = clock.stamps(arrivals, missing, seen)
        before = self._last if missing[0] else stamps[0] - clock.period
        self._tell_timing(arrivals, stamps)
        if not missing.any():
            return EegChunk(data, stamps), np.zeros(len(data), dtype=bool)
        where = np.arange(stamps.size) + np.cumsum(missing)
        n_rows = int(where[-1]) + 1
        lost = np.ones(n_rows, dtype=bool)
        lost[where] = False
        rows = np.full((n_rows, data.shape[1]), np.nan, dtype=np.float32)
        rows[where] = data
        times = np.interp(np.arange(n_rows), np.append(-1, where), np.append(before, stamps))
        return EegChunk(rows, times), lost


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
