"""Eyes, muscles and movement: which electrodes see them, and whether they follow the beat.

People blink on the beat (Wu, Teng & Du 2025): blinks locked to it make a naive decoder report
entrainment in two of three silent brains. Masking is not enough, because the neighbourhood of
a mask carries the beat too. So the blinks themselves are tested against what was heard.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dsp.filters import Strip
from dsp.grid import RATE, Bools, Floats

MARGIN_BEFORE, MARGIN_AFTER = 0.3, 0.6  #: s masked around a blink
#: In 90 s. Fewer than ten a minute, masked, cannot carry a correlation (docs/validation.md).
MIN_BLINKS = 15
_MAX_BLINKS = 64
_N_RANDOM = 400
BLINK_WINDOW = 90  #: s of blinks that are looked at
_LOCKED_P = 0.01
_MOVED = (("blink",), ("motion",))

_SITE = re.compile(
    r"^(Fp|AFF|AF|FFC|FFT|FT|FC|F|TP|TTP|T|CP|CCP|C|PO|PPO|P|O|I|A|M|N)(z|\d{1,2})$", re.I
)
_COUNTED = re.compile(r"^[A-H](1[1-9]|[2-9]\d)$")

_MUSCLE_NOISE = 0.1  # microvolt; a flat electrode has no logarithm


def site_region(name: str) -> str:
    """Letters of a 10-20/10-10 name in upper case (``"AF7" -> "AF"``); "" for any other name."""
    match = _SITE.match(name.strip())
    return match.group(1).upper() if match else ""


def site_regions(ch_names: Sequence[str]) -> tuple[str, ...]:
    """`site_region` of each name; all "" where the names only look like the 10-20 system.

    Caps whose electrodes are counted A1..A32, B1..B32 and on have a C4 and an F8 too, elsewhere
    on the head; they give themselves away by numbers beyond 10.
    """
    if any(_COUNTED.match(name.strip()) for name in ch_names):
        return ("",) * len(ch_names)
    return tuple(site_region(name) for name in ch_names)


def sites_in(ch_names: Sequence[str], regions: Sequence[str]) -> tuple[int, ...]:
    """Columns whose region is one of `regions`."""
    return tuple(i for i, found in enumerate(site_regions(ch_names)) if found in regions)


def ocular_sites(ch_names: Sequence[str]) -> frozenset[str]:
    """Electrodes that see the eyes best: Fp and AF, else F; empty where no name has a role."""
    for regions in (("FP", "AF", "AFF"), ("F",)):
        found = frozenset(ch_names[i] for i in sites_in(ch_names, regions))
        if found:
            return found
    return frozenset()


def temporal_sites(ch_names: Sequence[str]) -> frozenset[str]:
    """Electrodes over the jaw muscles: T, TP, FT."""
    return frozenset(ch_names[i] for i in sites_in(ch_names, ("T", "TP", "FT", "TTP")))


def dilate(mask: Bools, before: int, after: int) -> Bools:
    """Mask widened by `before` and `after` samples along axis 0 [shape=(n, n_columns)]."""
    n = mask.shape[0]
    total = np.zeros((n + 1, mask.shape[1]), dtype=np.int64)
    np.cumsum(mask, axis=0, out=total[1:])
    index = np.arange(n)
    start, stop = np.maximum(index - after, 0), np.minimum(index + before + 1, n)
    return np.asarray(total[stop] > total[start])


def muscle_level(data: Floats, *, sfreq: float) -> Floats:
    """Natural logarithm of the rms in 30-45 Hz over 60 ms, mean over electrodes.

    Parameters
    ----------
    data : float64 [shape=(n, n_channels)]
        Microvolt.
    sfreq : float
        Hz, at least 100.

    Returns
    -------
    float64 [shape=(n,)]
    """
    half = round(0.1 * sfreq)
    t = np.arange(-half, half + 1) / sfreq
    taps = (90.0 * np.sinc(90.0 * t) - 60.0 * np.sinc(60.0 * t)) * np.hamming(t.size) / sfreq
    width = max(round(0.06 * sfreq), 1)
    level = np.zeros(data.shape[0])
    for column in (data - data[0]).T:
        fast = np.convolve(column, taps, mode="same")
        power = np.convolve(fast**2, np.ones(width) / width, mode="same")
        level += 0.5 * np.log(power + _MUSCLE_NOISE**2)
    return np.asarray(level / max(data.shape[1], 1))


def beyond(slow: Floats, level: Floats) -> Floats:
    """What of a slow signal goes beyond `level`, on a logarithmic scale; mean over electrodes.

    Ordinary EEG stays under it, so that the brain's own answer is not in here: 0 up to the level,
    ``sign log(|x| / level)`` above.

    Parameters
    ----------
    slow : float64 [shape=(n, n_channels)]
    level : float64 [shape=(n_channels,)]
        Above 0, microvolt.

    Returns
    -------
    float64 [shape=(n,)]
        0 without any electrode.
    """
    if slow.shape[1] == 0:
        return np.zeros(slow.shape[0])
    over = np.sign(slow) * np.log(np.maximum(np.abs(slow) / level, 1.0))
    return np.asarray(over.mean(axis=1))


class BlinkLock:
    """Whether blinks (or movements) come at the same places of the sound.

    The mean of the filtered feature over all blinks, at the lag from -0.5 to 0.7 s where it is
    largest, against the same for as many random times. No beat grid is needed, and music that
    repeats itself costs nothing: random times, not shifted sounds, are what blinks should be.

    Parameters
    ----------
    feature : Strip
        Filtered feature on the 64 Hz grid.
    seed : int
        Of the random times.
    """

    def __init__(self, feature: Strip, *, seed: int = 0) -> None:
        self._feature = feature
        self._uniform = np.random.default_rng(seed).random((_N_RANDOM, _MAX_BLINKS))
        self._blinks: list[float] = []
        self._masked: Bools | None = None  # of the newest sample

    def note(
        self,
        times: npt.NDArray[np.float64],
        valid: Bools,
        words: Mapping[int, tuple[str, ...]],
    ) -> None:
        """Take down when an electrode begins to be masked for a blink or a movement.

        Parameters
        ----------
        times : float64 [shape=(n,)]
        valid : bool [shape=(n, n_channels)]
        words : mapping
            Second -> word of each electrode.
        """
        if self._masked is None:
            self._masked = np.zeros(valid.shape[1], dtype=bool)
        starts = ~valid & np.concatenate([~self._masked[None, :], valid[:-1]])
        self._masked = ~valid[-1]
        for row in np.flatnonzero(starts.any(axis=1)):
            said = words.get(math.floor(times[row]), ())
            moved = any(said[c : c + 1] in _MOVED for c in np.flatnonzero(starts[row]))
            at = float(times[row]) + MARGIN_BEFORE
            if moved and (not self._blinks or at > self._blinks[-1] + MARGIN_BEFORE):
                self._blinks.append(at)

    def look(self, second: int) -> str:
        """Say so if the blinks of the last `BLINK_WINDOW` s follow the sound."""
        start = second - BLINK_WINDOW
        self._blinks = [at for at in self._blinks if at >= start]
        blinks = np.array([at - start for at in self._blinks if at < second])
        feature = np.nan_to_num(self._feature.read(start * RATE, second * RATE)[:, 0])
        if self.p(blinks, feature, rate=RATE) < _LOCKED_P:
            return "Blinks or movements follow the beat."
        return ""

    def p(
        self, blinks: npt.NDArray[np.float64], feature: npt.NDArray[np.float64], *, rate: int
    ) -> float:
        """Share of random times that meet the sound as well as the blinks do.

        Parameters
        ----------
        blinks : float64 [shape=(n_blinks,)]
            Seconds since the start of `feature`.
        feature : float64 [shape=(n,)]
            Filtered feature, 0 where not heard.
        rate : int
            Of the feature, Hz.

        Returns
        -------
        float
            1 with fewer than `MIN_BLINKS`.
        """
        lags = np.arange(round(-0.5 * rate), round(0.7 * rate) + 1, 2)
        low, high = -int(lags[0]), feature.size - int(lags[-1]) - 1
        at = np.round(np.asarray(blinks) * rate).astype(np.int64)
        at = at[(at >= low) & (at < high)][-_MAX_BLINKS:]
        if at.size < MIN_BLINKS:
            return 1.0

        def best(times: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            means = np.stack([feature[times + lag].mean(axis=-1) for lag in lags])
            return np.asarray(np.abs(means).max(axis=0))

        random = (low + self._uniform[:, : at.size] * (high - low)).astype(np.int64)
        return float((1 + np.count_nonzero(best(random) >= best(at))) / (1 + _N_RANDOM))
