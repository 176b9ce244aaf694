"""What an LSL stream carries, as it comes in: samples become rows of microvolts, text markers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.sources.placing import SamplePlacer
from devices.sources.source import EegChunk, SourceEvent
from devices.sources.stream_header import ChosenChannels
from devices.sources.units import level, level_sentence
from dsp.checks import foreign_text

_FLOAT32 = np.dtype(np.float32)
_FEW = 512  # values of a read up to which plain numbers are quicker than arrays
_LEVEL_S = 3.0  # s after which the level is judged
_PAST_S, _AHEAD_S = 60.0, 1.0  # s around now: a marker's stamp outside is of another clock


class Samples:
    """Samples of a stream with a regular rate.

    Parameters
    ----------
    chosen : ChosenChannels
        What is taken of it.
    sfreq : float
        Stated rate, Hz.
    shown : str
        What the stream is called in sentences.
    unit_cure : str
        How its unit is written where it is another (`StreamHeader.unit_cure`).
    rate : float
        What was in use when it was read before, Hz; 0 for the first time.
    """

    def __init__(
        self, chosen: ChosenChannels, sfreq: float, shown: str, unit_cure: str, rate: float = 0.0
    ) -> None:
        self._columns = np.array(chosen.columns)
        self._scale = np.array([*chosen.scale, *(1.0 for _ in chosen.beside)])
        self._scale32 = self._scale.astype(np.float32)
        self._as_sent = bool(
            (self._scale == 1.0).all() and (self._columns == np.arange(self._columns.size)).all()
        )
        self._n_eeg, self._width = len(chosen.ch_names), self._columns.size
        self._name, self._sfreq = f"the LSL stream {shown}", sfreq
        self._unit_cure = unit_cure.strip()
        self._placer = SamplePlacer(sfreq, name=self._name)
        if rate:
            self._placer.expect(rate)
        self._first: list[npt.NDArray[np.float32]] | None = []
        self._no_numbers = False  # whether it was said that samples are none
        self._news: list[SourceEvent] = []
        self.most = int(np.clip(0.5 * sfreq, 64, 4096))  # samples of one read

    @property
    def rate(self) -> float:
        """Rate that is in use, Hz."""
        return self._placer.rate

    def take(self, data: npt.NDArray[Any], taken: list[float], seen: float) -> EegChunk | None:
        """Place samples [shape=(n_samples, n_channels of the stream)]; None while held back."""
        if self._as_sent and data.dtype == _FLOAT32:
            rows = data if data.shape[1] == self._width else data[:, : self._width]
        else:
            scale = self._scale32 if data.dtype == _FLOAT32 else self._scale
            with np.errstate(over="ignore"):  # what no float32 can hold is infinite
                rows = np.asarray(data[:, self._columns] * scale, dtype=np.float32)
        # A sum is no number where a value is none; it costs less than to ask each.
        few = rows.size <= _FEW
        if not math.isfinite(sum(map(sum, rows.tolist())) if few else np.vdot(rows, rows)):
            rows = self._numbers(rows, seen)
        if self._first is not None:
            self._judge_level(rows, seen)
        placed = self._placer.place(rows, taken, seen=seen)
        return None if placed is None else placed[0]

    def _numbers(self, rows: npt.NDArray[np.float32], seen: float) -> npt.NDArray[np.float32]:
        """Return rows whose infinite values are NaN as well; say once that electrodes have such."""
        none = ~np.isfinite(rows)
        if not self._no_numbers and none[:, : self._n_eeg].any():
            self._no_numbers = True
            text = (
                f"Samples of {self._name} are no numbers (NaN or infinite): they were sent so, and "
                "count as lost where no electrode has one. Look after its sender."
            )
            self._news.append(SourceEvent(seen, "note", "no numbers", text))
        return np.where(none, np.float32(np.nan), rows)

    def _judge_level(self, rows: npt.NDArray[np.float32], seen: float) -> None:
        """Say once, after the first seconds, where no unit explains the level."""
        assert self._first is not None
        self._first.append(rows[:, : self._n_eeg])
        if sum(map(len, self._first)) < _LEVEL_S * self._sfreq:
            return
        rms = level(np.concatenate(self._first))
        self._first = None
        if self._no_numbers and np.isnan(rms):
            return  # that is said
        text = level_sentence(
            self._name,
            rms,
            cure=self._unit_cure,
        )
        if text:
            self._news.append(SourceEvent(seen, "note", "level", text))

    def events(self) -> list[SourceEvent]:
        """What there is to tell since the last call."""
        news, self._news = self._news + self._placer.events(), []
        return news


class Markers:
    """Markers of a stream: each is told as an event, with its time on our clock.

    Parameters
    ----------
    name : str
        What the stream is called in sentences.
    regular : bool
        True for a channel of triggers that is sampled evenly: told where it changes.
    """

    most = 256  # markers of one read
    rate = 0.0

    def __init__(self, name: str, *, regular: bool = False) -> None:
        self._name, self._regular = name, regular
        self._last = self._foreign = ""
        self._news: list[SourceEvent] = []

    def take(self, data: npt.NDArray[Any], taken: list[float], seen: float) -> EegChunk | None:
        """Tell markers [shape=(n_samples, n_channels of the stream)]; there is never a chunk."""
        for row, when in zip(data.tolist(), taken, strict=True):
            if not seen - _PAST_S < when < seen + _AHEAD_S:
                if not self._foreign:
                    self._foreign = (
                        f"The stamps of {self._name} are not of the LSL clock; its markers have "
                        "the times of arrival."
                    )
                    self._news.append(SourceEvent(seen, "note", when - seen, self._foreign))
                when = seen
            words = [_word(value) for value in row]
            text = foreign_text(", ".join(words)) if any(words) else ""
            if self._regular and text == self._last:
                continue
            self._last = text
            if text and not (self._regular and text == "0"):
                self._news.append(SourceEvent(when, "marker", text))
        return None

    def events(self) -> list[SourceEvent]:
        """What there is to tell since the last call."""
        news, self._news = self._news, []
        return news


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return f"{value:g}" if isinstance(value, float) else str(value)
