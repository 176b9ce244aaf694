"""Does the EEG follow what is heard? Estimated while it happens, from the past only.

EEG and spectral flux stand on one 64 Hz grid behind one linear-phase filter. A backward ridge
decoder (`decoder`), solved again every 5 s from everything before, rebuilds the feature;
each second is scored by weights that have not seen it, nor anything within 3 s of it. The
correlation over 30 s is judged against two nulls (`nulls`), and evidence is added up over
blocks (`evidence`). Three states: *following*, *not following*, *cannot tell*.

Latencies are never assumed: from nothing the lags reach from 0 to 1.2 s; a stored decoder brings
those that calibration chose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError, check_number
from dsp.filters import BANDS
from dsp.grid import RATE, SLOWEST, Bools, Floats
from dsp.quality import CleanBlock
from dsp.tracking.absence import Absence
from dsp.tracking.alignment import Aligned
from dsp.tracking.calibrate import calibrate
from dsp.tracking.decoder import WIDE_LAGS, Decoder, chosen_electrodes, lag_steps
from dsp.tracking.delays import Delays
from dsp.tracking.doubts.bleed import Bleed
from dsp.tracking.doubts.blinks import BlinkLock
from dsp.tracking.doubts.delay import Delay
from dsp.tracking.doubts.lines import Lines
from dsp.tracking.doubts.montage import Montage
from dsp.tracking.doubts.movement import BeatSwing
from dsp.tracking.doubts.nuisance import Nuisance
from dsp.tracking.doubts.wireless import Wireless
from dsp.tracking.evidence import BLOCK, KEPT, LOWER, MIN_BLOCK, UPPER, Evidence
from dsp.tracking.expectation import Residual, Residuals
from dsp.tracking.first import First
from dsp.tracking.nulls import Nulls
from dsp.tracking.rebuilder import Rebuilder
from dsp.tracking.scores import (
    CANNOT_TELL,
    FOLLOWING,
    NOT_FOLLOWING,
    WINDOW,
    Compared,
    Score,
    Tracking,
    TrackingState,
    compare,
    window_score,
)

__all__ = [
    "CANNOT_TELL",
    "FOLLOWING",
    "NOT_FOLLOWING",
    "Decoder",
    "Tracker",
    "Tracking",
    "calibrate",
]

HISTORY = 60  #: s of feature that shifted surrogates are drawn from
_MAX_AGE = 2.0  # s; older EEG says nothing of now
_MAX_SOUND_AGE = 3.0
_SILENCE_AFTER = 5  # s without any energy in the feature
_FRESH_WINDOW, _FRESH = 12, 2.0  # of the newest 12 s at least 2 must have been scored
_MIN_HEARD = 10  # s
_MIN_USABLE = 8.0  # s in the window
_CHANNEL_SHARE = 0.3  # an electrode that was valid less of the newest 10 s is left out
_ALPHA = 0.05


class Doubt(Protocol):
    """Something else than a brain that could make rebuilt and heard sound agree.

    While a doubt speaks the state is "cannot tell", and no block counts as evidence; when it
    begins, what had come in until it was seen is taken back.
    """

    def look(self, second: int) -> str:
        """Look at everything before `second`, every 5 s: a plain sentence, or ""."""
        ...


class Tracker:
    """Tracking of one listener, streaming.

    Parameters
    ----------
    ch_names : sequence of str
    sfreq : float
        Rate of the EEG, Hz.
    decoder : Decoder, optional
        From calibration; without one everything is learnt in the session.
    same_headset : bool
        Whether the calibration was made with the very headset and electrodes that are worn now:
        then their levels of then hold from the first second.
    seed : int
        Of the surrogates' phases.
    search : float, optional
        Longest lag while nothing is known of the delay, s; 1.2 unless given, 0.4 at least.

    Examples
    --------
    >>> tracker = Tracker(ch_names=["Fz", "Cz"], sfreq=128.0)
    >>> times = 100.0 + np.arange(20 * 64) / 64
    >>> tracker.push_stimulus(np.zeros((times.size, 3)), times)
    >>> said = tracker.estimate(now=120.0)
    >>> said.state, said.reasons
    ('cannot tell', ('No clean EEG has come yet.',))
    """

    def __init__(
        self,
        *,
        ch_names: Sequence[str],
        sfreq: float,
        decoder: Decoder | None = None,
        same_headset: bool = False,
        seed: int = 0,
        search: float | None = None,
    ) -> None:
        if len(ch_names) == 0:
            raise InputError("The EEG has no electrode; expected at least one channel name.")
        check_number("sfreq", sfreq, low=SLOWEST, unit="Hz")
        self._bleed = decoder is not None and decoder.bleed
        wide = WIDE_LAGS if search is None else lag_steps(0.0, max(search, 0.4))
        lags = decoder.lags if decoder else wide
        self._lags = lags
        known = decoder.ch_names if decoder else ()
        self._pick = chosen_electrodes(ch_names, lags.size, known=known)
        self.ch_names = tuple(ch_names[int(i)] for i in self._pick)  #: those decoded from
        self._n = len(self.ch_names)
        band = decoder.band if decoder else BANDS[0]
        prior = decoder.select(self.ch_names) if decoder else None
        # A calibration that found nothing is where to start from, and says nothing of delays.
        found = decoder if decoder and decoder.found else None
        self._aligned = Aligned(self._n, sfreq=sfreq, band=band, reach=int(lags.max()))
        levels = decoder.levels_of(self.ch_names) if decoder and same_headset else None
        self._main = Rebuilder(self._aligned.eeg, self._n, lags, prior=prior, levels=levels)
        self.rebuilt = self._main.rebuilt  #: reconstruction at 64 Hz, NaN where masked
        self.feature = self._aligned.feature  #: what was heard, filtered alike
        self.sampled = self._aligned.sampled  #: EEG at 64 Hz, unfiltered, NaN where masked
        self._warned: tuple[str, ...] = ()  # what is said beside a state
        self._lines = Lines(self._aligned, self.ch_names, band=band)
        self._nulls = Nulls(seed=seed)
        self._blinks = BlinkLock(self.feature, seed=seed)
        self._nuisance = Nuisance(
            self._aligned, self._main, sfreq=sfreq, band=band, nulls=self._nulls
        )
        self._leak = Bleed(
            self._aligned,
            self._n,
            band=band,
            latest=int(lags.max()),
            calibrated=found is not None,
        )
        # What the answer of old would look like now: the stored decoder's, which learns nothing.
        stored = self._main
        if found is not None:
            stored = Rebuilder(
                self._aligned.eeg, self._n, lags, prior=prior, learns=False, levels=levels
            )
        self._delays = Delays(self._aligned, stored)
        self._delay = Delay(self._delays, stored=found is not None)
        self._absence = Absence(self._delays, stored, self.ch_names, found)
        self.wireless = Wireless()  #: to be told how the sound goes out
        movement = BeatSwing(self._aligned.eeg, self.feature, self._main)
        self._doubts: tuple[Doubt, ...] = (
            self._lines,
            self._blinks,
            self._nuisance,
            self._leak,
            movement,
            self.wireless,
        )
        self._warners: tuple[Doubt, ...] = (self._delay,)
        self._of_eeg = (self._main,) if stored is self._main else (self._main, stored)
        if prior is not None:
            self._warners += (Montage(self._aligned.eeg, self.ch_names, prior),)
        self._doubted: tuple[str, ...] = ()  # what the doubts say now
        self._evidence = Evidence(effect=decoder.effect if decoder else None)
        self._refit = First(self._aligned, lags, seed=seed) if decoder is None else None
        self._score = Score()
        self._residuals = Residuals(found.windows if found else None)
        self._residual = Residual()
        self._due: list[int] = []  # ends of blocks that wait for surrogates to be possible
        self._following = False
        self._first: int | None = None  # second scored first
        self.scored_until = -1  #: second of the clock up to which sound was scored
        self._newest = -math.inf  # time of the newest clean sample
        self._newest_sound = -math.inf

    def push_eeg(self, block: CleanBlock) -> None:
        """Take judged EEG, as it comes from `dsp.quality.Guard`."""
        if block.times.size == 0:
            return
        clean = block.valid.any(axis=1)
        if clean.any():
            self._newest = float(block.times[clean][-1])
        words = {second.second: second.words for second in block.seconds}
        self._blinks.note(block.times, block.valid, words)
        masked = np.where(block.valid, block.eeg, np.nan)[:, self._pick]
        self._aligned.push_eeg(masked, block.times)
        self._nuisance.push(block)

    def push_stimulus(self, values: npt.ArrayLike, times: npt.ArrayLike) -> None:
        """Take what was heard.

        Parameters
        ----------
        values : float32 [shape=(n, 3)] or float32 [shape=(n, 4)]
            Spectral flux, envelope rise, layer envelope, and the level of the music where it is
            known (`dsp.sound.heard.Heard.stimulus`).
        times : float64 [shape=(n,)]
            LSL seconds at which it was heard, increasing.

        Raises
        ------
        InputError
            Where shapes do not fit, or a time is no number. What is no number among `values` was
            not heard.
        """
        rows = np.asarray(values, dtype=np.float64)
        stamps = np.asarray(times, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] not in (3, 4) or stamps.shape != (rows.shape[0],):
            raise InputError(
                f"The stimulus has shape {rows.shape} with times {stamps.shape}; expected (n, 3) "
                "or (n, 4) with one time for each row."
            )
        if not np.isfinite(stamps).all():
            bad = stamps[~np.isfinite(stamps)][0]
            raise InputError(f"A time of the stimulus is {bad}; expected LSL seconds.")
        if stamps.size:
            self._newest_sound = float(stamps[-1])
            self._aligned.push_sound(rows[:, [0, 2]], stamps)
            self._residuals.push_level(rows[:, 3:], stamps)
            self._leak.push_level(rows[:, 3:], stamps)

    @property
    def doubted(self) -> bool:
        """Whether something else than a brain may speak now."""
        return bool(self._doubted)

    # ---- one second after the other

    def _advance(self) -> None:
        for second, _, feature in self._aligned.seconds():
            if self._first is None:
                self._first = second
            rebuilders = (*self._of_eeg, *self._nuisance.rebuilders)
            if second % BLOCK == 0:
                for rebuilder in rebuilders:
                    rebuilder.learn(second)
            for rebuilder in rebuilders:
                rebuilder.rebuild(second, feature)
            self.scored_until = second + 1
            fresh = (second + 1) % BLOCK == 0
            if fresh:
                self._look(second + 1)
            self._score = self._judge(second + 1, block=fresh)
            self._residual = self._residuals.look(
                second + 1,
                Score() if self._doubted else self._score,
                self._aligned.heard(second + 1, WINDOW),
                learnt=self._main.learnt,
            )
            if fresh:
                self._absence.look(self._residuals.x)
                if (second + 1) % WINDOW == 0 and self._following:
                    self._absence.learn(self._score.r, self._score.sd, self._residuals.x)

    def _look(self, second: int) -> None:
        """Which electrodes count, and whether something else than the brain may speak."""
        said = tuple(sentence for doubt in self._doubts if (sentence := doubt.look(second)))
        without = self._lines.carried | (self._main.share < _CHANNEL_SHARE)
        for rebuilder in self._of_eeg:
            rebuilder.without = without
        if said and not self._doubted:
            self._evidence.void()
        self._doubted = said
        if self._refit is not None and not self._evidence.ever:
            # What all data so far show, scored on the next seconds takes another half minute.
            if self._refit.look(second, without=without, doubts=said):
                self._evidence.show()
                self._following = True
        self._delays.add(second)
        warned = tuple(w for warner in self._warners if (w := warner.look(second)))
        self._warned = self._lines.sentences + warned
        self._main.shift = self._delay.shift
        self._aligned.reach = int(self._lags.max()) + max(self._delay.shift, 0)

    # ---- what it says

    def _judge(self, until: int, *, block: bool) -> Score:
        """Score the window that ends with second `until`; on whole blocks add evidence."""
        assert self._first is not None
        stop = until * RATE
        heard = min(until - self._first, HISTORY)
        window = min(heard, WINDOW)
        history = np.nan_to_num(self._aligned.feature.read(stop - heard * RATE, stop)[:, 0])
        rebuilt = self.rebuilt.read(stop - window * RATE, stop)[:, 0]
        ok = np.isfinite(rebuilt)
        usable = float(np.count_nonzero(ok)) / RATE
        if block:
            self._due.append(until)
        if heard < _MIN_HEARD or usable < 1.0:
            return Score(usable_s=usable)
        feature = history[history.size - rebuilt.size :]
        layer = np.nan_to_num(self.feature.read(stop - window * RATE, stop)[:, 1])
        compared = compare(rebuilt, feature, layer)
        if compared.feature is not feature:
            history = compared.feature
        for end in self._due:
            self._add_block((until - end) * RATE, compared, ok, history)
        self._due.clear()
        null = self._nulls.judge(compared.masked, compared.feature, history)
        return window_score(compared, null, usable)

    def _add_block(
        self,
        before_end: int,
        compared: Compared,
        ok: Bools,
        history: Floats,
    ) -> None:
        """Evidence of the block that ends `before_end` grid points before the window does."""
        masked = compared.masked
        stop = masked.size - before_end
        inside = np.zeros(masked.size, dtype=bool)
        inside[max(stop - BLOCK * RATE, 0) : max(stop, 0)] = True
        inside &= ok
        null = None
        enough = np.count_nonzero(inside) >= MIN_BLOCK * BLOCK * RATE
        if enough and compared.told and not self._doubted:
            part = np.zeros_like(masked)
            part[inside] = masked[inside] - masked[inside].mean()
            null = self._nulls.judge(part, compared.feature, history)
        if null is None:
            self._evidence.fade()
        else:
            self._evidence.add(null.z)

    def estimate(self, now: float) -> Tracking:
        """Say what can be said at `now` (LSL seconds) from all that was pushed."""
        self._advance()
        evidence = self._evidence
        age = now - self._newest
        reasons = self._hindrances(now, age)
        usable = not reasons
        # Where nothing can be said there is no number either.
        score = self._score if usable else Score(usable_s=self._score.usable_s)
        residual = self._residual if usable else Residual(reason=reasons[0])
        needed = KEPT if self._following else UPPER
        state: TrackingState
        if not usable:
            state = CANNOT_TELL
        elif evidence.ever and evidence.now >= needed:
            state = FOLLOWING
        elif evidence.now > LOWER or score.p < _ALPHA:
            state = CANNOT_TELL
            reasons += ("The evidence is not enough yet, one way or the other.",)
        elif not self._absence.shown:
            state = CANNOT_TELL
            reasons += (self._absence.why(evidence.blocks * BLOCK, ever=evidence.ever),)
        else:
            state = NOT_FOLLOWING
        self._following = state == FOLLOWING
        return Tracking(
            state=state,
            r=score.r,
            r_null95=score.r_null95,
            r_low=score.r_low,
            r_high=score.r_high,
            p=score.p,
            evidence=evidence.session,
            ever_following=evidence.ever,
            usable_s=score.usable_s,
            age_s=age,
            usable=usable,
            # Why nothing can be said comes first; a warning is no cause of it.
            reasons=reasons + self._warned,
            delay_change=self._delay.seconds,
            delay_change_sd=self._delay.sd,
            drift=self._delay.drift,
            drift_sd=self._delay.drift_sd,
            power=self._absence.power,
            residual=residual.value,
            residual_low=residual.low,
            residual_high=residual.high,
            residual_reason=residual.reason,
        )

    def _hindrances(self, now: float, age: float) -> tuple[str, ...]:
        """Why nothing can be said, or nothing."""
        if age > _MAX_AGE:
            if math.isinf(age):
                return ("No clean EEG has come yet.",)
            return (f"The newest clean EEG is {age:.1f} s old.",)
        if now - self._newest_sound > _MAX_SOUND_AGE:
            return ("Nothing is playing.",)
        until = math.floor(self._newest_sound)
        recent = self._aligned.heard(until, _SILENCE_AFTER)[:, 0]
        if not np.nansum(np.abs(recent)) > 1e-6:
            return ("Nothing is heard: the sound has no onsets.",)
        if self._main.without.all():
            newest = self._main.share_at(self.scored_until - 1)
            if (newest[~self._lines.carried] >= _CHANNEL_SHARE).any():
                return ("The EEG settles after a gap: it is judged again in a few seconds.",)
            return ("No electrode is usable.",)
        if self._n < 2:
            return ("One electrode cannot tell brain from eyes: wear two or more.",)
        if self._bleed:
            return ("Sound leaked into the calibration electrically: use another one.",)
        if self._doubted:
            return self._doubted
        if not self._score.told:
            return ("The layer and the music cannot be told apart.",)
        stop = math.floor(now) * RATE
        fresh = np.isfinite(self.rebuilt.read(stop - _FRESH_WINDOW * RATE, stop)).sum() / RATE
        if self._score.usable_s < _MIN_USABLE or math.isnan(self._score.r):
            return (f"Only {self._score.usable_s:.0f} s of clean EEG with sound so far.",)
        if fresh < _FRESH:
            return (f"Only {fresh:.1f} s of the newest {_FRESH_WINDOW} s could be used.",)
        return ()
