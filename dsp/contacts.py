"""How each electrode does over some seconds or minutes: one grade, one word, and what helps.

`dsp.quality` judges every second; this sums them up, for a check before a session.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsp.electrodes import ocular_sites
from dsp.quality import BAD, Guard, SecondQuality, Word

_HALF, _SOME = 0.5, 0.1  # share of the seconds
_USABLE, _HARDLY = 0.8, 0.3  # share of the samples that nothing masks

#: What each fault does to an electrode; {n} is its usual size (`SecondQuality.numbers`).
_FAULTS: dict[Word, str] = {
    "gap": "lacks a part of its samples",
    "rail": "stands at the end of its range",
    "flat": "does not move",
    "contact": "has no firm contact ({n:.0f} µV)",
    "motion": "jumps by {n:.0f} µV",
    "blink": "sees blinks of {n:.0f} µV",
    "muscle": "picks up muscles ({n:.0f} µV)",
    "mains": "picks up mains hum of {hz} Hz ({n:.0f} µV)",
}

#: What helps against each.
CURES: dict[Word, str] = {
    "gap": "bring the headset and its receiver closer together",
    "rail": "press it on, wet it, and check the reference and the ground",
    "flat": "check its cable, and that its channel is switched on",
    "contact": "press it on, wet it, and part the hair under it",
    "motion": "sit still, and fix its cable",
    "blink": "nothing need be done, blinks are left out",
    "muscle": "relax jaw, brow and neck",
    "mains": "unplug chargers, and check the ground",
}


@dataclass(frozen=True)
class ElectrodeQuality:
    """How one electrode did.

    Attributes
    ----------
    grade : int
        1 good, 2 fair, 4 bad, as a Muse headband counts.
    word : Word
        The commonest fault, or ``"good"``.
    number : float
        Median of what the word rests on (`SecondQuality.numbers`).
    usable : float
        Share of samples that nothing masks, 0..1.
    reasons : tuple of str
        One for each fault of at least a tenth of the seconds, the commonest first.
    """

    grade: int
    word: Word
    number: float
    usable: float
    reasons: tuple[str, ...]


def grade_electrodes(
    eeg: npt.ArrayLike, times: npt.ArrayLike, *, ch_names: Sequence[str], sfreq: float
) -> dict[str, ElectrodeQuality]:
    """Judge each electrode over a whole recording.

    The guard of a running session learns an electrode's own level as it goes. Here all of it is
    known already: the recording is gone through backwards first, so that its first second is
    judged like its last.

    Parameters
    ----------
    eeg : float32 [shape=(n, n_channels)]
        Microvolts; a lost sample is a row of NaN.
    times : float64 [shape=(n,)]
        LSL seconds, not decreasing. The last half second is needed to judge those before.
    ch_names : sequence of str
    sfreq : float
        Hz, at least 100.

    Raises
    ------
    InputError
        If the rate is too low, or shapes do not fit.

    Examples
    --------
    >>> t = np.arange(10 * 250) / 250
    >>> noise = 10 * np.random.default_rng(0).standard_normal((t.size, 2))
    >>> hum = 40 * np.sin(2 * np.pi * 60 * t)
    >>> found = grade_electrodes(noise + hum[:, None] * [0, 1], t, ch_names=["Cz", "Pz"], sfreq=250)
    >>> found["Cz"].word, found["Pz"].reasons
    ('good', ('picks up mains hum of 60 Hz (29 µV)',))
    """
    guard = Guard(ch_names=ch_names, sfreq=sfreq)
    data, stamps = np.asarray(eeg), np.asarray(times, dtype=np.float64)
    if stamps.size == 0:
        return sum_up((), ch_names=ch_names)
    since = stamps - stamps[0]
    start = math.ceil(since[-1]) + 1
    blocks = (guard.push(data[::-1], start - since[::-1]), guard.push(data, start + since))
    seconds = [s for block in blocks if block for s in block.seconds if s.second >= start]
    return sum_up(seconds, ch_names=ch_names, mains=mains_frequencies(data, sfreq))


def sum_up(
    seconds: Sequence[SecondQuality], *, ch_names: Sequence[str], mains: Sequence[int] = ()
) -> dict[str, ElectrodeQuality]:
    """Sum up the seconds of each electrode.

    Bad is one that has nothing to show in half of the seconds, or whose samples are hardly ever
    usable; fair one that is so now and then, or that has some fault in half of the seconds. Of
    electrodes that are not over the eyes, seconds with a blink are left out of account.

    Parameters
    ----------
    seconds : sequence of SecondQuality
    ch_names : sequence of str
    mains : sequence of int
        Frequency of the mains at each electrode, Hz, where it is known.

    Examples
    --------
    >>> second = SecondQuality(7, (4, 1), ("flat", "good"), (0.1, 8.0), (0.0, 1.0))
    >>> [(one.grade, one.word) for one in sum_up([second], ch_names=["Fz", "Cz"]).values()]
    [(4, 'flat'), (1, 'good')]
    """
    hertz = [str(hz) for hz in mains] or ["50 or 60"] * len(ch_names)
    eyes = ocular_sites(ch_names)
    return {
        name: _sum_up(
            [(s.words[k], s.numbers[k], s.valid[k]) for s in seconds], hertz[k], eye=name in eyes
        )
        for k, name in enumerate(ch_names)
    }


def _sum_up(
    seconds: Sequence[tuple[Word, float, float]], hertz: str, *, eye: bool
) -> ElectrodeQuality:
    if not seconds:
        return ElectrodeQuality(4, "gap", 1.0, 0.0, ("sent nothing that could be judged",))
    n = len(seconds)
    usable = sum(valid for _, _, valid in seconds) / n
    # What the eyes do is no fault of an electrode farther back: its other seconds tell.
    own = [one for one in seconds if eye or one[0] != "blink"] or seconds
    m, own_usable = len(own), sum(valid for _, _, valid in own) / len(own)
    faults: Counter[Word] = Counter(word for word, _, _ in own if word != "good")
    bad = sum(faults[word] for word in BAD) / m
    grade = 1
    if bad >= _HALF or own_usable < _HARDLY:
        grade = 4
    elif bad >= _SOME or own_usable < _USABLE or faults.total() >= _HALF * m:
        grade = 2
    first = BAD if bad >= _HALF else frozenset[Word]()  # what makes it bad stands before all else
    ordered = sorted(faults, key=lambda word: (word not in first, -faults[word]))
    word: Word = ordered[0] if grade > 1 else "good"
    found: Counter[Word] = Counter(one for one, _, _ in seconds if one != "good")
    ordered += [one for one in found if one not in ordered]

    def usual(wanted: Word) -> float:
        sizes = [number for one, number, _ in seconds if one == wanted]
        return float(np.median(sizes)) if sizes else 0.0

    reasons = tuple(
        _FAULTS[fault].format(n=usual(fault), hz=hertz)
        + (f" in {100 * found[fault] / n:.0f} % of the seconds" if found[fault] < n else "")
        for fault in ordered
        if found[fault] >= _SOME * n
    )
    return ElectrodeQuality(grade, word, usual(word), usable, reasons)


def mains_frequencies(eeg: npt.ArrayLike, sfreq: float) -> tuple[int, ...]:
    """Which mains each electrode hears more of, 50 or 60 Hz.

    Parameters
    ----------
    eeg : float32 [shape=(n, n_channels)]
        Microvolts; NaN where samples are lost.
    sfreq : float

    Examples
    --------
    >>> t = np.arange(500) / 250
    >>> mains_frequencies(np.sin(2 * np.pi * 60 * t)[:, None], 250.0)
    (60,)
    """
    data = np.asarray(eeg, dtype=np.float64)
    there = np.isfinite(data)
    mean = np.where(there, data, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    window = np.hanning(len(data) + 1)[:-1, None]
    power = np.abs(np.fft.rfft(np.where(there, data - mean, 0.0) * window, axis=0)) ** 2
    hz = np.fft.rfftfreq(len(data), 1.0 / sfreq)
    fifty, sixty = (power[np.abs(hz - mains) <= 1.0].sum(axis=0) for mains in (50.0, 60.0))
    return tuple(60 if more else 50 for more in sixty > fifty)
