"""What can be used of each electrode in each second, and in plain words why not.

The guard cuts the stream into whole seconds of the clock. A second is judged when half a second
beyond it has come in, so that a blink can be masked from its beginning, and every threshold
adapts to the recording's own level from the past only. What is masked here enters no sum
anywhere: unmasked, the reconstruction of real recordings loses a quarter of its correlation.

The rules and their numbers stand in docs/method.md, section 3; muscle: Whitham et al. 2007
(Clin Neurophysiol 118:1877), 30-45 Hz.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dsp.artifacts import (
    MARGIN_AFTER,
    MARGIN_BEFORE,
    beyond,
    dilate,
    muscle_level,
)
from dsp.checks import InputError, check_channels, check_number
from dsp.electrodes import ocular_sites, temporal_sites
from dsp.grid import SLOWEST, Bools, Floats, Ints

#: A plain word for each second of an electrode, from the worst to the best.
Word = Literal["gap", "rail", "flat", "contact", "motion", "blink", "muscle", "mains", "good"]
WORDS: tuple[Word, ...] = get_args(Word)
_CODE = {word: i for i, word in enumerate(WORDS)}
NUISANCES = ("eyes", "motion", "muscle")  #: columns of `CleanBlock.nuisance`
BAD: frozenset[Word] = frozenset({"gap", "rail", "flat", "contact"})  #: nothing to show

LOOKAHEAD = 0.5  # s beyond a second before it is judged
MAX_BACKSTEP = 0.25  # s; radio headsets step back by some 30 ms, which is no error
_HISTORY = 60  # s that thresholds adapt to
_MIN_HISTORY = 3
_SETTLED = 10  # s after which a contact may be called poor by its running level
_FLAT_SD = 0.5  # microvolt
_FAR = 400.0  # microvolt from zero: no resting place of an electrode that is on
_QUIET = 0.1  # share of seconds that are quiet even in somebody who blinks every second
_QUIET_SD = 2.12  # SD of the slow signal over its median size in the second at `_QUIET`
_EXCURSION_SD = 4.5  # robust SD of the slow signal that ordinary EEG does not reach
_EXCURSION_FLOOR = 20.0  # microvolt
_EXCURSION_SURE = 30.0  # microvolt; up to here the threshold is that of all seconds alike
_EXCURSION_NEW = 75.0  # microvolt, while there is no history
_CLOSE = 0.1  # s around an eye electrode's excursion in which others belong to the same blink
_COMPANION_SD = 2.5  # what counts on another electrode while an eye electrode sees a blink
_CONTACT_LEVEL, _CONTACT_NOW = 40.0, 120.0  # microvolt rms, 1-40 Hz: running median, one second
# Share of so many seconds that a slow signal is out of its ordinary range where nothing holds it.
# Blinks are: 0.1 s or so each, hardly ever one a second.
_SWINGS_S, _SWINGS = 3, 0.4
_MAINS_FAIR, _MAINS_NOISY, _MAINS_BAD = 10.0, 30.0, 150.0  # microvolt rms
_MUSCLE_RATIO, _MUSCLE_FLOOR, _MUSCLE_NEW = 2.0, 3.0, 10.0  # 6 dB over the own level; microvolt
_MUSCLE_SURE, _MUSCLE_STEEP = 8.0, 0.6  # microvolt, share of 1-20 Hz: muscle whatever came before
_MAX_GAP_RECORDS = 10  # seconds of one hole that get a record of their own


@dataclass(frozen=True)
class SecondQuality:
    """One second of all electrodes.

    Attributes
    ----------
    second : int
        The second [second, second + 1) of the LSL clock.
    grades : tuple of int
        1 good, 2 fair, 4 bad, one an electrode.
    words : tuple of Word
        One an electrode.
    numbers : tuple of float
        What the word rests on: share of missing or railed samples, SD, rms or peak in microvolt;
        for ``good`` the rms in 1-40 Hz.
    valid : tuple of float
        Share of usable samples, 0..1.
    """

    second: int
    grades: tuple[int, ...]
    words: tuple[Word, ...]
    numbers: tuple[float, ...]
    valid: tuple[float, ...]


@dataclass(frozen=True)
class CleanBlock:
    """Whole seconds of judged EEG.

    Attributes
    ----------
    eeg : float32 [shape=(n, n_channels)]
        Microvolt; NaN where the sample is missing.
    times : float64 [shape=(n,)]
        LSL seconds, not decreasing.
    valid : bool [shape=(n, n_channels)]
    seconds : tuple of SecondQuality
        Every second of the block, also those without any sample.
    nuisance : float64 [shape=(n, 3)] or None
        What eyes, other slow movements and muscles do (`NUISANCES`); nothing is masked here.
    """

    eeg: npt.NDArray[np.float32]
    times: Floats
    valid: Bools
    seconds: tuple[SecondQuality, ...]
    nuisance: Floats | None = None


class Guard:
    """Judge a stream of EEG, second by second.

    Parameters
    ----------
    ch_names : sequence of str
        Electrodes; a name outside the 10-20/10-10 system has no role, and no rule about eyes
        applies to it.
    sfreq : float
        Nominal rate, Hz, at least 100.

    Examples
    --------
    >>> rng, n = np.random.default_rng(0), 4 * 250
    >>> eeg = 8.0 * rng.standard_normal((n, 2))
    >>> eeg[500:, 1] = 0.0  # an electrode that falls off
    >>> block = Guard(ch_names=["Fz", "T7"], sfreq=250.0).push(eeg, 60.0 + np.arange(n) / 250)
    >>> [second.words for second in block.seconds]
    [('good', 'good'), ('good', 'good'), ('good', 'flat')]
    """

    def __init__(self, *, ch_names: Sequence[str], sfreq: float) -> None:
        if len(ch_names) == 0:
            raise InputError("The EEG has no electrode; expected at least one channel name.")
        self._sfreq = check_number("sfreq", sfreq, low=SLOWEST, unit="Hz")
        self.ch_names = tuple(ch_names)
        self._n = len(self.ch_names)
        self._ocular = np.array([n in ocular_sites(self.ch_names) for n in self.ch_names])
        temples = np.array([n in temporal_sites(self.ch_names) for n in self.ch_names])
        self._muscular = temples if temples.any() else np.ones(self._n, dtype=bool)
        self._data = np.empty((0, self._n))
        self._times = np.empty(0)
        self._second: int | None = None
        self._slow = np.full((_HISTORY, self._n), np.nan)  # median |slow signal|
        self._broad = np.full((_HISTORY, self._n), np.nan)  # rms 1-40 Hz
        self._emg = np.full((_HISTORY, self._n), np.nan)  # rms 30-45 Hz
        self._seen = np.zeros(self._n, dtype=np.int64)  # seconds in the history
        self._heard = np.zeros(self._n, dtype=np.int64)  # in that of the level, jumps included
        self._swings = np.zeros((_SWINGS_S, self._n))  # share of each second out of range
        self._peak = np.zeros(self._n)
        n = round(self._sfreq)
        self._window = np.hanning(n + 1)[:n, None]
        self._hz = np.fft.rfftfreq(n, 1.0 / self._sfreq)
        self._short, self._long = max(round(0.06 * sfreq), 1), round(sfreq)

    def push(self, eeg: npt.ArrayLike, times: npt.ArrayLike) -> CleanBlock | None:
        """Take samples; return the seconds that can be judged now, or None.

        Parameters
        ----------
        eeg : float32 [shape=(n, n_channels)]
            Microvolt; a lost sample is a row of NaN.
        times : float64 [shape=(n,)]
            LSL seconds.

        Raises
        ------
        InputError
            For another number of electrodes, or time that steps back by more than 0.25 s.
        """
        data = check_channels("EEG", eeg, self._n)
        stamps = np.asarray(times, dtype=np.float64)
        if stamps.shape != (data.shape[0],) or not np.isfinite(stamps).all():
            raise InputError(
                f"EEG times have shape {stamps.shape} for {data.shape[0]} samples; "
                "expected one finite time for each sample."
            )
        if stamps.size == 0:
            return None
        stamps = self._forward(stamps)
        self._data = np.concatenate([self._data, data.astype(np.float64)])
        self._times = np.concatenate([self._times, stamps])
        if self._second is None:
            self._second = math.floor(stamps[0])
        parts: list[tuple[Floats, Floats, Bools, Floats]] = []
        seconds: list[SecondQuality] = []
        while self._times[-1] >= self._second + 1 + LOOKAHEAD:
            skipped = self._skip_hole(seconds)
            if not skipped:
                parts.append(self._judge(self._second, seconds))
                self._second += 1
            keep = int(np.searchsorted(self._times, self._second - 1.0))
            self._data, self._times = self._data[keep:], self._times[keep:]
        if not seconds:
            return None
        nothing = np.empty((0, self._n))
        empty = (nothing, np.empty(0), nothing.astype(bool), np.empty((0, len(NUISANCES))))
        eeg_parts, time_parts, valid_parts, nuisance_parts = zip(empty, *parts, strict=True)
        return CleanBlock(
            np.concatenate(eeg_parts).astype(np.float32),
            np.concatenate(time_parts),
            np.concatenate(valid_parts),
            tuple(seconds),
            np.concatenate(nuisance_parts),
        )

    def _forward(self, stamps: Floats) -> Floats:
        """Stamps that never decrease; `InputError` if they step back too far."""
        newest = self._times[-1] if self._times.size else stamps[0]
        top = np.maximum(np.maximum.accumulate(stamps), newest)
        back = float(np.max(top - stamps))
        if back > MAX_BACKSTEP:
            raise InputError(
                f"EEG times step back by {back:.2f} s; expected at most {MAX_BACKSTEP:g} s: "
                "restart the source, or give each part as a recording of its own."
            )
        return np.asarray(top)

    def _skip_hole(self, seconds: list[SecondQuality]) -> bool:
        """Pass over seconds without a sample; True if there was one."""
        assert self._second is not None
        at = int(np.searchsorted(self._times, self._second))
        nxt = math.floor(self._times[at])
        if nxt == self._second:
            return False
        gap: list[Word] = ["gap"] * self._n
        for second in range(self._second, min(nxt, self._second + _MAX_GAP_RECORDS)):
            seconds.append(
                SecondQuality(
                    second, (4,) * self._n, tuple(gap), (1.0,) * self._n, (0.0,) * self._n
                )
            )
        self._second = nxt
        return True

    def _judge(
        self, second: int, seconds: list[SecondQuality]
    ) -> tuple[Floats, Floats, Bools, Floats]:
        edges = np.searchsorted(self._times, [second, second + 1, second + 1 + LOOKAHEAD])
        a, b, c = (int(e) for e in edges)
        raw, times = self._data[:c], self._times[:c]
        missing = ~np.isfinite(raw)
        filled = _hold(raw, missing) if missing.any() else raw
        seg = filled[a:b]
        gap = 1.0 - np.minimum((~missing[a:b]).sum(axis=0) / self._sfreq, 1.0)
        spectrum = self._spectrum(filled[:b])
        rail, flat = self._stuck(seg)
        slow = self._slow_signal(filled)
        high, low = self._thresholds()
        self._swings[second % _SWINGS_S] = (np.abs(slow[a:b]) > high).mean(axis=0)
        emg = self._muscle(spectrum["emg"], spectrum["below"])
        loose = self._loose(spectrum, emg)
        blink, motion = self._excursions(slow, missing, high, low, eyes=self._ocular & ~loose)
        nuisance = np.stack(
            [
                beyond(slow[:, self._ocular], low[self._ocular]),
                beyond(slow[:, ~self._ocular], low[~self._ocular]),
                muscle_level(filled[:, self._muscular], sfreq=self._sfreq),
            ],
            axis=1,
        )[a:b]
        nuisance[missing[a:b].all(axis=1)] = math.nan
        code = np.full(self._n, _CODE["good"])
        number = spectrum["broad"].copy()

        def mark(word: Word, where: Bools, value: Floats) -> None:
            code[where] = _CODE[word]
            number[where] = np.broadcast_to(value, where.shape)[where]

        peak = np.abs(slow[a:b]).max(axis=0)
        mark("mains", np.asarray(spectrum["mains"] > _MAINS_FAIR), spectrum["mains"])
        mark("muscle", emg, spectrum["emg"])
        mark("blink", np.asarray(blink[a:b].any(axis=0)), peak)
        mark("motion", np.asarray(motion[a:b].any(axis=0)), peak)
        mark("contact", loose, np.maximum(spectrum["broad"], spectrum["mains"]))
        mark("flat", flat, seg.std(axis=0))
        mark("rail", rail > 0.0, rail)
        mark("gap", gap > 0.1, gap)
        whole = emg | loose | flat | (rail > 0.0) | (gap > 0.5)
        valid = ~(missing[a:b] | blink[a:b] | motion[a:b] | whole)
        ordinary = (code >= _CODE["blink"]) & (code != _CODE["muscle"])
        # An electrode that only ever jumps has a level too, and one with muscles that below them.
        level = np.where(emg & ~loose, spectrum["below"], spectrum["broad"])
        self._learn(slow[a:b], spectrum["emg"], loose | ordinary, level, code > _CODE["flat"])
        share = valid.sum(axis=0) / max(b - a, 1)
        seconds.append(_record(second, code, number, share))
        return raw[a:b], times[a:b], valid, nuisance

    def _spectrum(self, filled: Floats) -> dict[str, Floats]:
        """Rms in 1-40 Hz, 30-45 Hz and at the mains of the newest second, microvolt."""
        n = self._window.shape[0]
        seg = filled[-n:]
        if seg.shape[0] < n:
            seg = np.concatenate([np.repeat(seg[:1], n - seg.shape[0], axis=0), seg])
        seg = seg - seg.mean(axis=0)
        power = np.abs(np.fft.rfft(seg * self._window, axis=0)) ** 2
        power *= 2.0 / (n * float(np.sum(self._window**2)))

        def rms(low: float, high: float) -> Floats:
            band = (self._hz >= low) & (self._hz < high)
            return np.asarray(np.sqrt(power[band].sum(axis=0)))

        mains = np.maximum(rms(48.5, 51.5), rms(58.5, 61.5))
        below = rms(1.0, 20.0)
        return {"broad": rms(1.0, 40.5), "below": below, "emg": rms(30.0, 45.5), "mains": mains}

    def _stuck(self, seg: Floats) -> tuple[Floats, Bools]:
        """Share of samples that stand at an end of the range, and who does not move at all."""
        top, bottom = seg.max(axis=0), seg.min(axis=0)
        self._peak = np.maximum(self._peak, np.maximum(np.abs(top), np.abs(bottom)))
        flat = seg.std(axis=0) < _FLAT_SD
        still = (seg[1:] == seg[:-1]) & ((seg[1:] == top) | (seg[1:] == bottom))
        share = still.sum(axis=0) / max(len(seg), 1)
        extent = np.maximum(np.abs(top), np.abs(bottom))
        # Coarse numbers repeat their highest value too, but not a tenth of the time far out.
        clear = (top - bottom > 150.0) | ((share > 0.1) & (extent > _FAR))
        railed = (share > 0.01) & (extent >= 0.98 * self._peak) & clear
        # Standing still at a far end is the rail as well: after having been elsewhere, or to the
        # last digit.
        parked = flat & (extent >= 0.98 * self._peak) & (extent > _FAR)
        parked &= (self._seen > 0) | (top == bottom)
        share = np.where(parked, 1.0, np.where(railed, share, 0.0))
        return share, flat & ~parked

    def _slow_signal(self, filled: Floats) -> Floats:
        """About 0.7-7 Hz: mean of 60 ms less the mean of 1 s around it."""
        return _centred_mean(filled, self._short) - _centred_mean(filled, self._long)

    def _scale(self, history: Floats) -> Floats:
        return _columns_quantile(history, self._seen, 0.5)

    def _thresholds(self) -> tuple[Floats, Floats]:
        """Slow signal that no ordinary EEG reaches, and that on other electrodes goes with it."""
        sd = 1.4826 * self._scale(self._slow)
        # Most seconds of somebody who blinks 40 times a minute hold a part of a blink, and would
        # hide the others: there the quiet ones tell what is ordinary.
        quiet = _QUIET_SD * _columns_quantile(self._slow, self._seen, _QUIET)
        sd = np.minimum(sd, np.maximum(quiet, _EXCURSION_SURE / _EXCURSION_SD))
        known = self._seen >= _MIN_HISTORY
        high = np.where(known, np.maximum(_EXCURSION_SD * sd, _EXCURSION_FLOOR), _EXCURSION_NEW)
        low = np.where(known, np.maximum(_COMPANION_SD * sd, 0.5 * _EXCURSION_FLOOR), high)
        return high, low

    def _excursions(
        self, slow: Floats, missing: Bools, high: Floats, low: Floats, *, eyes: Bools
    ) -> tuple[Bools, Bools]:
        """Samples masked as blink, seen by electrodes `eyes`, and as motion [shape of `slow`]."""
        size = np.abs(slow)
        out = np.asarray(size > high)
        if not out.any():
            nothing = np.zeros_like(missing)
            return nothing, nothing
        eye = np.asarray(out[:, eyes].any(axis=1))
        before, after = round(MARGIN_BEFORE * self._sfreq), round(MARGIN_AFTER * self._sfreq)
        # The running mean under the slow signal swings back on both sides of a blink: only what
        # is close to the peak belongs to it.
        close = round(_CLOSE * self._sfreq)
        near = dilate(eye.reshape(-1, 1), close, close)
        blink = dilate((size > low) & near, before, after)
        motion = dilate(out & ~near, before, after)
        return blink, motion

    def _loose(self, spectrum: dict[str, Floats], emg: Bools) -> Bools:
        """Electrodes without a firm contact."""
        level = _columns_quantile(self._broad, self._heard, 0.5)
        poor = (self._heard >= _SETTLED) & (level > _CONTACT_LEVEL)
        swings = self._swings.mean(axis=0)
        adrift = swings > _SWINGS
        if 2 * np.count_nonzero(swings > 0.5 * _SWINGS) > self._n:
            adrift &= emg  # whoever moves swings most electrodes, and makes them no noisier
        noisy = emg & (spectrum["mains"] > _MAINS_NOISY)  # no muscle hums
        return np.asarray(
            poor
            | adrift
            | noisy
            | (spectrum["broad"] > _CONTACT_NOW)
            | (spectrum["mains"] > _MAINS_BAD)
        )

    def _muscle(self, emg: Floats, below: Floats) -> Bools:
        known = self._seen >= _MIN_HISTORY
        own = np.maximum(_MUSCLE_RATIO * self._scale(self._emg), _MUSCLE_FLOOR)
        # Teeth that were clenched from the beginning are nobody's own level.
        sure = np.maximum(_MUSCLE_SURE, _MUSCLE_STEEP * below)
        return np.asarray(emg > np.minimum(np.where(known, own, _MUSCLE_NEW), sure))

    def _learn(
        self, slow: Floats, emg: Floats, ordinary: Bools, level: Floats, heard: Bools
    ) -> None:
        """Add this second to the histories of the electrodes it says something about."""
        middle = np.median(np.abs(slow), axis=0)
        for seen, where, kept in (
            (self._seen, ordinary, ((self._slow, middle), (self._emg, emg))),
            (self._heard, heard, ((self._broad, level),)),
        ):
            put = np.flatnonzero(where & np.isfinite(level))
            for history, value in kept:
                history[seen[put] % _HISTORY, put] = value[put]
            seen[put] += 1


def _record(second: int, code: Ints, number: Floats, share: Floats) -> SecondQuality:
    words = tuple(WORDS[c] for c in code)
    grades = tuple(
        4 if word in BAD or valid < 0.3 else (1 if word == "good" else 2)
        for word, valid in zip(words, share, strict=True)
    )
    return SecondQuality(second, grades, words, tuple(number.tolist()), tuple(share.tolist()))


def _columns_quantile(history: Floats, seen: Ints, share: float) -> Floats:
    """Quantile over the filled part of each column; NaN-free (0 where nothing was seen)."""
    n = np.minimum(seen, len(history))
    ordered = np.sort(history, axis=0)  # NaN, the empty places, sort to the end
    at = (share * np.maximum(n - 1, 0)).astype(np.int64)
    out = ordered[at, np.arange(history.shape[1])]
    return np.where(n > 0, out, 0.0)


def _centred_mean(data: Floats, width: int) -> Floats:
    """Mean over `width` samples around each one, fewer at the ends."""
    n = data.shape[0]
    total = np.zeros((n + 1, data.shape[1]))
    np.cumsum(data - data[0], axis=0, out=total[1:])
    index = np.arange(n)
    stop = np.minimum(index + (width + 1) // 2, n)
    start = np.maximum(index - width // 2, 0)
    return np.asarray((total[stop] - total[start]) / (stop - start)[:, None] + data[0])


def _hold(raw: Floats, missing: Bools) -> Floats:
    """Missing samples bridged by a straight line; an electrode without any sample becomes 0."""
    out = raw.copy()
    index = np.arange(raw.shape[0])
    for channel in np.flatnonzero(missing.any(axis=0)):
        bad = missing[:, channel]
        if bad.all():
            out[:, channel] = 0.0
        else:
            out[bad, channel] = np.interp(index[bad], index[~bad], raw[~bad, channel])
    return out
