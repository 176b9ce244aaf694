"""What the EEG says: quality first, then tracking and frontal theta from what is clean."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from app.loop.calibration import Calibration
from dsp.grid import SLOWEST, Floats
from dsp.quality import CleanBlock, Guard
from dsp.reward import SLOW, FrontalTheta, ThetaScore
from dsp.sound.heard import Heard
from dsp.tracking.tracker import Tracker, Tracking

FRESH = 6.0  # s; EEG whose newest usable score is older carries no decision
COVERED = 30.0  # s over which the share of clean EEG is counted


class Senses:
    """EEG of one headset.

    Parameters
    ----------
    ch_names : sequence of str
    sfreq : float
        Hz, at least 100.
    calibration : Calibration or None
        Holds the prior decoder of the tracking.
    seed : int
    """

    quality: tuple[tuple[str, int, str], ...]  #: name, grade and word of the newest judged second
    theta_db: float | None

    def __init__(
        self, *, ch_names: Sequence[str], sfreq: float, calibration: Calibration | None, seed: int
    ) -> None:
        self._ch_names = tuple(ch_names)
        self._sfreq, self._seed = sfreq, seed
        self._decoder = calibration.decoder if calibration else None
        self._same_headset = calibration is not None and calibration.same_headset
        self._wireless = False
        self._counts_from: float | None = None  # None: no music was heard yet, and nothing counts
        self.stalled = False  #: the source sends nothing
        self.elsewhere = False  #: the sound goes to another output than the decoder was learnt with
        self.begin(sfreq)

    def begin(self, sfreq: float | None = None, *, since: float = -math.inf) -> None:
        """Begin anew with what comes: at another rate (Hz), or `since` a time (LSL seconds).

        Filters, thresholds and weights were made from a rate that was not so, or from seconds that
        are no neighbours of those to come. Of EEG that comes slower than 100 Hz every sample is
        taken for lost.
        """
        self._sfreq, self._since = sfreq or self._sfreq, since
        usable = max(self._sfreq, SLOWEST)
        self._guard = Guard(ch_names=self._ch_names, sfreq=usable)
        self._tracker = Tracker(
            ch_names=self._ch_names,
            sfreq=usable,
            decoder=None if self.elsewhere else self._decoder,
            same_headset=self._same_headset,
            seed=self._seed,
        )
        self._tracker.wireless.on = self._wireless
        self._sampled: int | None = None  # grid point up to which the EEG was handed on
        self._theta = FrontalTheta(ch_names=self._ch_names, sfreq=usable)
        self._scores: deque[ThetaScore] = deque()
        self._first: float | None = None  # stamp of the first sample
        self.theta_db, self.quality = None, ()

    @property
    def grades(self) -> tuple[tuple[str, int, str], ...]:
        """Name, grade and word of each electrode now; a gap in all while nothing comes."""
        if self.stalled:
            return tuple((name, 4, "gap") for name in self._ch_names)
        return self.quality

    def hear(self, heard: Heard) -> None:
        """Take what the EEG is compared with."""
        heard = heard[int(np.searchsorted(heard.times, self._since)) :]
        if len(heard):
            self._tracker.push_stimulus(heard.stimulus, heard.times)

    def wireless(self, *, on: bool) -> None:
        """Take it that what is heard comes without a wire, or no longer does."""
        self._wireless = self._tracker.wireless.on = on

    def blank(self, until: float) -> None:
        """Let no EEG before `until` enter a score."""
        known = until if self._counts_from is None else self._counts_from
        self._counts_from = max(known, until)

    def take(
        self, eeg: npt.NDArray[np.float32], times: npt.NDArray[np.float64]
    ) -> Iterator[ThetaScore]:
        """Take samples [shape=(n, n_channels)], microvolt, with their LSL seconds.

        Yields the new scores that say something of the music: clean, and of no blank time.
        """
        new = int(np.searchsorted(times, self._since))
        eeg, times = eeg[new:], times[new:]
        if times.size and self._first is None:
            self._first = float(times[0])
        if self._sfreq < SLOWEST:
            eeg = np.full_like(eeg, np.nan)
        block = self._guard.push(eeg, times)
        if block is None:
            return
        self.quality = _grades(block, self._ch_names)
        self._tracker.push_eeg(block)
        for score in self._theta.push(block):
            self._scores.append(score)
            self.theta_db = round(score.db, 6) if score.usable else None
            counts = self._counts_from is not None and score.t0 >= self._counts_from
            if score.usable and counts:
                yield score

    def tracking(self, now: float) -> Tracking:
        """Whether the EEG follows what is heard."""
        return self._tracker.estimate(now)

    @property
    def frontal(self) -> bool:
        """Whether there is an electrode that frontal theta can be seen at."""
        return bool(self._theta.sites)

    @property
    def decoded(self) -> tuple[str, ...]:
        """Electrodes that the tracking decodes from."""
        return self._tracker.ch_names

    @property
    def doubted(self) -> bool:
        """Whether something else than a brain may speak now."""
        return self._tracker.doubted

    def sampled(self) -> tuple[int, Floats]:
        """EEG on the 64 Hz grid since the last call: its first grid point, and the rows.

        Of the electrodes that are decoded from; NaN where masked.
        """
        strip = self._tracker.sampled
        if strip.end is None:  # nothing came since it began, or began anew
            return 0, strip.read(0, 0)
        start = strip.start if self._sampled is None else self._sampled
        self._sampled = strip.end
        return start, strip.read(start, strip.end)

    def doubt(self, now: float, *, coverage: float) -> str:
        """Why the EEG behind the estimate is not clean and fresh, or empty.

        `coverage` is the least share of clean EEG in the last 30 s.
        """
        if not self._theta.sites:
            return "no frontal electrode: ratings and priors alone"
        while self._scores and self._scores[0].t1 <= now - COVERED:
            self._scores.popleft()
        newest = max((s.t1 for s in self._scores if s.usable), default=-math.inf)
        if now - newest > FRESH:
            if self._scores and self._scores[-1].reason == SLOW:
                return "slow waves at the forehead hide the theta in it"
            return "no clean EEG in the last seconds" + self._worst()
        assert self._first is not None
        span = min(COVERED, now - self._first)
        usable = sum(s.valid_share * (s.t1 - s.t0) for s in self._scores if s.reason != SLOW)
        clean = usable / max(span, 1.0)
        if round(clean, 6) < coverage:
            return f"clean EEG in {100 * clean:.0f} % of the last {span:.0f} s" + self._worst()
        return ""

    def _worst(self) -> str:
        bad = [f"{name}: {word}" for name, grade, word in self.quality if grade > 1]
        return f" ({', '.join(bad[:3])})" if bad else ""


def _grades(block: CleanBlock, ch_names: tuple[str, ...]) -> tuple[tuple[str, int, str], ...]:
    """Grade and word of each electrode in the newest second."""
    newest = block.seconds[-1]
    return tuple(
        (name, grade, word)
        for name, grade, word in zip(ch_names, newest.grades, newest.words, strict=True)
    )
