"""Steady tones in the EEG: lines that stand at the beat of what is heard, and stronger ones.

A tone of constant frequency is locked to every sound that repeats itself at that rate: a decoder
that learns in the session finds it, and no shift or random phase tells it from an answer. Two
looks find such electrodes, which are then left out and named: one for a tone that holds most of
the power, whatever its frequency, and one for a weaker line at the beat.

An answer to a regular beat is a line too, seldom over 2 µV at one harmonic at the scalp. A smaller
line at the beat goes unseen. A larger one may still be an answer: then it is as large as the
sound's own line, at the gain at which the EEG follows the sound *beside* the line. A tone has no
gain there. Where the sound is so regular that it has next to nothing beside its lines no gain can
be seen, and a strong answer looks like a tone: the line is left out, and named as either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dsp.filters import bandpass
from dsp.grid import RATE, Bools, Floats
from dsp.spectra import beat_rate, line_share
from dsp.tracking.alignment import Aligned

LINE_SECONDS = 60  #: s of EEG in which a line at the beat is looked for
MIN_SECONDS = 20  #: s before which none is looked for
LINE_DB = 6.0  #: over the local floor: a line, where another electrode has shown that there is one
#: Over the local floor: a line by itself. Chance exceeds 6 dB in one of 50 bins, and there are
#: harmonics, electrodes and a look every 5 s; it exceeds 12 dB in one of eight million.
SURE_DB = 12.0
#: µV; what a cortex answers to one harmonic of a beat is, at the scalp, at most about 2 µV.
CORTEX = 2.2
NEAR = 0.1  #: Hz around a harmonic
#: Times the size that an answer would have, from which a line is none, and power of gains by chance
#: (of noise it is exponential with mean 1: 1 in 1,000 is larger).
ANSWERED, _GAIN = 2.0, 7.0
DOUBTED = 30  #: s after which nothing of a newly found line is left in what is judged
_HARMONICS = 8  # of half the strongest rhythm, which may be the beat or twice the beat
_FLOOR = 0.6  # Hz around a harmonic in which its floor is measured
_EDGE = 0.25  # Hz over the lower edge of the band, or slow swings would have no floor beside them
_EXACT = 0.02  # Hz; a tone has the same frequency on all electrodes
_DELAY = 0.15  # s by which an answer mostly follows the sound
_MIN_SEEN = 0.4  # share of the EEG that must be valid
_TONE_SECONDS, _TONE_SHARE = 32, 0.5
_FEW = 4  # electrodes for which `CORTEX` holds as it is


class Lines:
    """Which electrodes carry a steady tone.

    Parameters
    ----------
    aligned : Aligned
        EEG and what is heard, on the grid.
    ch_names : sequence of str
    band : tuple of float
        Of the filter, Hz.
    """

    def __init__(
        self, aligned: Aligned, ch_names: Sequence[str], *, band: tuple[float, float]
    ) -> None:
        self._aligned = aligned
        self._ch_names = tuple(ch_names)
        self._band = band
        # What hardly happens on the few electrodes of a headset happens somewhere in a dense net:
        # of K noises the largest has log K times the power of the floor.
        self._many = math.log(max(len(self._ch_names) / _FEW, 1.0))
        self._found: list[float] = []  # Hz of lines at the beat
        self._until = -math.inf  # second up to which the doubt lasts
        self._come = ""  # what is said until then
        self.carried: Bools = np.zeros(len(self._ch_names), dtype=bool)  #: electrodes with a tone
        self.sentences: tuple[str, ...] = ()  #: one for each of them

    def look(self, second: int) -> str:
        """Look for tones before `second`; say so while a new one may still be in the score."""
        tones, tone_hz = self._strong(second)
        sure, lines, line_hz, either = self._at_the_beat(second)
        new = (tones | sure) & ~self.carried
        if new.any():
            self._until = second + DOUBTED
            what = (
                "A steady tone" if np.any(new & (tones | ~either)) else "A tone or a steady answer"
            )
            self._come = f"{what} has come into the EEG, and is being left out."
        self.carried = tones | lines
        hz = np.where(tones, tone_hz, line_hz)
        self.sentences = tuple(
            _named(self._ch_names[c], hz[c], either=bool(either[c] and not tones[c]))
            for c in np.flatnonzero(self.carried)
        )
        if second < self._until:
            return self._come
        return ""

    def _strong(self, second: int) -> tuple[Bools, Floats]:
        """Electrodes of which most of the power is one tone, and its frequency."""
        stop = second * RATE
        signal = self._aligned.eeg.read(stop - _TONE_SECONDS * RATE, stop)
        seen = np.isfinite(signal)
        share, hz = line_share(np.where(seen, signal, 0.0), sfreq=RATE, low=1.0, high=9.0)
        return np.asarray((share > _TONE_SHARE) & (seen.mean(axis=0) > 0.25)), hz

    def _at_the_beat(self, second: int) -> tuple[Bools, Bools, Floats, Bools]:
        """Electrodes with a line at the beat: by themselves, and along with one of these.

        With its frequency, and where it may be an answer as well.
        """
        nothing = np.zeros(len(self._ch_names), dtype=bool)
        line_hz = np.zeros(nothing.size)
        stop = second * RATE
        n = min(LINE_SECONDS * RATE, stop - self._aligned.eeg.start)
        rate = beat_rate(self._aligned.heard(second, LINE_SECONDS)[:, 0]) / 2.0
        if n < MIN_SECONDS * RATE or not rate:
            return nothing, nothing, line_hz, nothing
        signal = self._aligned.eeg.read(stop - n, stop)
        counted = np.isfinite(signal).mean(axis=0) >= _MIN_SEEN
        hz, size = amplitudes(signal, band=self._band)
        low, high = self._band[0] + _EDGE, self._band[1]
        comb = [k * rate for k in range(1, _HARMONICS + 1) if low <= k * rate <= high]
        self._found = [f for f in self._found if any(abs(f - c) <= NEAR for c in comb)]
        sure, either = nothing.copy(), nothing.copy()
        feature = self._aligned.feature.read(stop - n, stop)[:, :1]

        def unanswered(seen: Bools, top: Floats, centre: float) -> tuple[Bools, Bools]:
            """Which of the lines that are seen are no answer, and which of these may be one."""
            if not seen.any():
                return seen, seen
            answered, hidden = self._answered(signal, feature, comb)
            there = np.abs(hz - centre) <= NEAR
            kept = seen & (top > answered[there].max(axis=0))
            return kept, kept & (top <= hidden[there].max(axis=0))

        for centre in comb:
            near = np.flatnonzero(np.abs(hz - centre) <= NEAR)
            peak = near[np.argmax(size[near], axis=0)]
            top = size[peak, np.arange(nothing.size)]
            over = over_floor(hz, size, centre, top)
            chance = math.sqrt(self._many) * top / 10.0 ** (over / 20.0)
            fires = counted & (top >= CORTEX + chance) & (over >= SURE_DB)
            fires, doubtful = unanswered(fires, top, centre)
            either |= doubtful
            sure |= fires
            line_hz[fires] = hz[peak[fires]]
            for f in hz[np.unique(peak[fires])]:
                if all(abs(f - known) > _EXACT for known in self._found):
                    self._found.append(float(f))
        lines = sure.copy()
        line_db = 10.0 * math.log10(10.0 ** (LINE_DB / 10.0) + self._many)
        for f in self._found:
            top = size[np.abs(hz - f) <= _EXACT].max(axis=0)
            along = counted & (over_floor(hz, size, f, top) >= line_db)
            along, doubtful = unanswered(along, top, f)
            either |= doubtful
            line_hz[along & ~lines] = f
            lines |= along
        if not lines.any():
            self._found = []
        return sure, lines, line_hz, either

    def _answered(
        self, signal: Floats, feature: Floats, comb: Sequence[float]
    ) -> tuple[Floats, Floats]:
        """Amplitudes under which a line is an answer, and may be one [shape as `amplitudes`]."""
        heard = ANSWERED * amplitudes(feature, band=self._band)[1]
        found, least = gain(signal, feature, comb)
        return np.asarray(heard * found), np.asarray(heard * np.maximum(found, least))


def _named(ch_name: str, hz: float, *, either: bool) -> str:
    """Say what an electrode carries."""
    if either:
        return (
            f"{ch_name} carries a steady tone, or an answer to the beat, at {hz:.1f} Hz: left out."
        )
    return f"{ch_name} carries a steady tone at {hz:.1f} Hz, which no brain makes."


def gain(signal: Floats, feature: Floats, comb: Sequence[float]) -> tuple[Floats, Floats]:
    """Size of the EEG's answer to the sound, beside the lines that both may have.

    Parameters
    ----------
    signal : float64 [shape=(n, n_channels)]
    feature : float64 [shape=(n, 1)]
        Filtered alike; NaN where masked or not heard.
    comb : sequence of float
        Lines of the sound, Hz: the largest gain beside one of them counts, of those larger than
        by chance. An answer is so short that its gain hardly changes within half a hertz.

    Returns
    -------
    found : float64 [shape=(n_channels,)]
        Microvolt for a unit of the sound; 0 where the EEG does not follow it beside any line.
    least : float64 [shape=(n_channels,)]
        The smallest that would have been found.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> t = np.arange(60 * RATE)[:, None] / RATE
    >>> sound = rng.standard_normal(t.shape) + np.sin(2 * np.pi * 2.0 * t)
    >>> found, least = gain(3.0 * sound, sound, [2.0, 4.0])
    >>> bool(2.0 < found[0] < 4.0)
    True
    >>> gain(3.0 * np.sin(2 * np.pi * 2.0 * t), sound, [2.0, 4.0])[0].tolist()
    [0.0]
    """
    eeg = np.fft.rfft(np.nan_to_num(signal), axis=0)
    sound = np.fft.rfft(np.nan_to_num(feature), axis=0)
    hz = np.fft.rfftfreq(len(signal), 1.0 / RATE)
    # Turned back by the delay of an ordinary answer, so that all frequencies add up.
    cross = np.conj(sound) * eeg * np.exp(2j * np.pi * hz[:, None] * _DELAY)
    largest, least = np.zeros(signal.shape[1]), np.full(signal.shape[1], np.inf)
    for line in comb:
        beside = (np.abs(hz - line) > NEAR) & (np.abs(hz - line) <= _FLOOR)
        heard = float(np.sum(np.abs(sound[beside]) ** 2))
        common = np.abs(np.sum(cross[beside], axis=0))
        floor = np.mean(np.abs(eeg[beside]) ** 2, axis=0) if beside.any() else largest
        chance = _GAIN * heard * np.maximum(floor, 1e-30)
        found = common / max(heard, 1e-30)
        largest = np.maximum(largest, np.where(common**2 > chance, found, 0.0))
        least = np.minimum(least, np.sqrt(chance) / max(heard, 1e-30))
    return largest, least


def amplitudes(signal: Floats, *, band: tuple[float, float]) -> tuple[Floats, Floats]:
    """Amplitude of a sine at each frequency, before the band-pass.

    All of `signal` as one piece (no window, and no shorter pieces to average: either would hide
    a weak line in more noise), twice as finely as its length gives. The gain of the filter is
    undone where it is over 0.1, or its slopes would look like lines over their floor.

    Parameters
    ----------
    signal : float64 [shape=(n, n_channels)]
        At 64 Hz, filtered; NaN where masked.
    band : tuple of float
        Of the filter, Hz.

    Returns
    -------
    hz : float64 [shape=(n + 1,)]
    size : float64 [shape=(n + 1, n_channels)]
        Microvolt; 0 where the gain is less.

    Examples
    --------
    >>> t = np.arange(60 * RATE)[:, None] / RATE
    >>> hz, size = amplitudes(3.0 * np.sin(2 * np.pi * 2.0 * t), band=(1.0, 8.0))
    >>> round(float(hz[size[:, 0].argmax()]), 2), round(float(size.max()), 1)
    (2.0, 3.0)
    """
    n = signal.shape[0]
    seen = np.isfinite(signal)
    gain = np.abs(np.fft.rfft(bandpass(*band), 2 * n))
    size = np.abs(np.fft.rfft(np.where(seen, signal, 0.0), 2 * n, axis=0))
    size *= 2.0 / np.maximum(seen.sum(axis=0), 1)
    passed = np.where(gain > 0.1, gain, np.inf)
    return np.asarray(np.fft.rfftfreq(2 * n, 1.0 / RATE)), np.asarray(size / passed[:, None])


def over_floor(hz: Floats, size: Floats, centre: float, top: Floats) -> Floats:
    """Power of a line of amplitude `top` over its local floor, dB [shape=(n_channels,)].

    The floor is the mean power between 0.1 and 0.6 Hz from `centre`, from the median (that of a
    periodogram is ln 2 times its mean), so that neighbouring lines do not raise it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> hz = np.arange(0.0, 8.0, 0.01)
    >>> size = rng.rayleigh(1.0, (hz.size, 1))
    >>> bool(over_floor(hz, size, 4.0, np.array([20.0]))[0] > 20.0)
    True
    """
    away = np.abs(hz - centre)
    beside = (away > NEAR) & (away <= _FLOOR) & (size.max(axis=1) > 0.0)
    if not beside.any():
        return np.zeros(size.shape[1])
    floor = np.median(size[beside] ** 2, axis=0) / math.log(2.0)
    return np.asarray(10.0 * np.log10(np.maximum(top**2, 1e-12) / np.maximum(floor, 1e-12)))
