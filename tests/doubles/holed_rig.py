"""A session on the virtual clock whose source is lost and comes back, measures its rate, has more.

What the acquisition does is done here by hand; the ring, the feed and everything after it are real.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from app.session.feed import Eeg, Feed
from app.session.plan import Plan
from app.session.rig import VirtualRig
from devices.ring import Ring
from devices.sources.source import Channel, SourceEvent, SourceInfo, SourceState

RING_S = 60.0


class HandAcquisition:
    """An acquisition that does what a test says."""

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self.state: SourceState = "streaming"
        self.closed = False
        self.news: list[SourceEvent] = []
        n = len(info.ch_names) + len(info.beside)
        self._ring = Ring.create(n, RING_S, info.sfreq, local=True) if info.sfreq else None
        self._newest: float | None = None

    @property
    def ring(self) -> Ring:
        assert self._ring is not None
        return self._ring

    def wait_ready(self, *, stopped: Callable[[], bool]) -> SourceInfo:
        return self.info

    def say(self, t: float, state: SourceState, text: str = "") -> None:
        self.state = state
        self.news.append(SourceEvent(t, "state", state, text))

    def send(self, data: np.ndarray, times: np.ndarray) -> None:
        """Write rows; what lies between them and the last is marked as lost."""
        if not times.size:
            return
        step = 1.0 / self.info.sfreq
        if self._newest is not None and times[0] - self._newest > 1.5 * step:
            hole = np.arange(self._newest + step, times[0] - 0.5 * step, step)
            self.ring.write(np.full((hole.size, data.shape[1]), np.nan), hole)
        self.ring.write(data, times)
        self._newest = float(times[-1])

    def events(self) -> list[SourceEvent]:
        news, self.news = self.news, []
        return news

    def close(self) -> None:
        self.closed = True


class HoledRig(VirtualRig):
    """The simulated listener, whose headset is lost in each of `holes` (seconds of the session)."""

    def __init__(
        self,
        plan: Plan,
        holes: Sequence[tuple[float, float]] = (),
        *,
        beside: tuple[Channel, ...] = (),
        second: HandAcquisition | None = None,
    ) -> None:
        super().__init__(listener=plan.listener, seed=plan.seed)
        self._holes, self._beside = holes, beside
        self._feed: Feed | None = None
        self.each: Callable[[float], None] = lambda t: None  # called before each tick
        if second is not None:
            self.second = Feed(second)
            self.second.wait_ready(lambda: False)

    def start(self, stopped: Callable[[], bool] = lambda: False) -> float:
        self._start = super().start(stopped)
        assert self.info is not None
        self.info = replace(self.info, beside=self._beside)
        self.source = HandAcquisition(self.info)
        self._feed = Feed(self.source)
        self._feed.wait_ready(stopped)
        return self._start

    def eeg(self, until: float) -> Eeg:
        data, times = super().eeg(until)
        if self._feed is None:
            return np.empty((0, 0), np.float32), np.empty(0)
        t = until - self._start
        self.each(t)
        kept = np.ones(times.size, dtype=bool)
        for begin, end in self._holes:
            kept &= ~((times >= self._start + begin) & (times < self._start + end))
        beside = np.tile(np.arange(len(self.source.info.beside)), (times.size, 1))
        self.source.send(np.hstack([data, beside]).astype(np.float32)[kept], times[kept])
        word: SourceState = "streaming"
        for begin, end in self._holes:
            if begin + 0.5 <= t < end + 0.2:
                word = "lost" if t >= begin + 2.0 else "stalled"
        if word != self.source.state:
            said = {"streaming": "sends again", "stalled": "is silent", "lost": "is lost"}[word]
            self.source.say(until, word, f"The headset {said}.")
        return self._feed.rows(until)

    def eeg_rest(self, until: float) -> Eeg:
        return super().eeg_rest(until) if self._feed is None else self._feed.rest(until)

    def state(self) -> SourceState:
        return self.source.state if self._feed is not None else "none"

    def events(self) -> list[SourceEvent]:
        return [*super().events(), *(self.source.events() if self._feed is not None else ())]

    def leave_eeg_out(self) -> None:
        self._feed = None
        self.source.close()
