"""EEG and heard sound brought together: one grid, one filter, whole seconds.

The two streams come in with their own stamps and delays. Here they are sampled on the common
64 Hz grid, filtered alike, and kept until both sides of a second are complete.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dsp.filters import BANDS, HALF, GridSampler, Strip, filter_second
from dsp.grid import RATE, Floats

KEEP = 160 * RATE  #: grid points that can be looked back at
_MAX_HOLE = 2.5 / RATE  # s between stimulus rows that are still neighbours


class SoundSampler:
    """Stimulus rows at about 64 Hz to the grid, by straight lines between neighbours.

    Parameters
    ----------
    n_columns : int
        Of the rows.

    Examples
    --------
    >>> sampler = SoundSampler(1)
    >>> times = 1.0 + np.arange(5) / RATE + 0.25 / RATE  # a quarter beside the grid
    >>> start, rows = sampler.push(np.arange(5.0)[:, None], times)
    >>> start, rows[:, 0].round(2).tolist()
    (65, [0.75, 1.75, 2.75, 3.75])
    """

    def __init__(self, n_columns: int) -> None:
        self._times = np.empty(0)
        self._rows = np.empty((0, n_columns))
        self._next: int | None = None

    def push(self, rows: Floats, times: Floats) -> tuple[int, Floats]:
        """Take rows; return the first grid index and the grid rows that are complete now."""
        self._times = np.concatenate([self._times, times])
        self._rows = np.concatenate([self._rows, rows])
        if self._next is None:
            self._next = int(np.ceil(self._times[0] * RATE))
        start = self._next
        stop = max(int(np.floor(self._times[-1] * RATE)) + 1, start)
        self._next = stop
        if stop == start:
            return start, np.empty((0, self._rows.shape[1]))
        grid = np.arange(start, stop) / RATE
        after = np.clip(np.searchsorted(self._times, grid), 1, self._times.size - 1)
        t0, t1 = self._times[after - 1], self._times[after]
        share = np.clip((grid - t0) / np.maximum(t1 - t0, 1e-9), 0.0, 1.0)[:, None]
        out = (1.0 - share) * self._rows[after - 1] + share * self._rows[after]
        out[t1 - t0 > _MAX_HOLE] = np.nan
        keep = max(int(np.searchsorted(self._times, stop / RATE)) - 2, 0)
        self._times, self._rows = self._times[keep:], self._rows[keep:]
        return start, out


class Filtered:
    """Grid rows of one stream, and the same band-passed as soon as whole seconds can be.

    Parameters
    ----------
    n_columns : int
    band : tuple of float
        Hz.
    keep : int
        Grid points that can be looked back at.
    """

    def __init__(self, n_columns: int, *, band: tuple[float, float], keep: int = KEEP) -> None:
        self._n = n_columns
        self._band = band
        self._second: int | None = None
        self.grid = Strip(n_columns, keep=keep)  #: as sampled
        self.rows = Strip(n_columns, keep=keep)  #: band-passed, NaN where masked

    def push(self, start: int, rows: Floats) -> None:
        """Take grid rows [shape=(n, n_columns)] from grid point `start` on."""
        if len(rows) == 0:
            return
        self.grid.write(start, rows)
        if self._second is None:
            self._second = -(-start // RATE)
        assert self.grid.end is not None
        while (self._second + 1) * RATE + HALF <= self.grid.end:
            first = self._second * RATE
            window = self.grid.read(first - HALF, first + RATE + HALF)
            valid = np.isfinite(window)
            if valid[HALF : HALF + RATE].any():
                out, ok = filter_second(window, valid, band=self._band)
                out[~ok] = np.nan
            else:
                out = np.full((RATE, self._n), np.nan)
            self.rows.write(first, out)
            self._second += 1


class Aligned:
    """Filtered EEG and filtered feature, second by second.

    Parameters
    ----------
    n_channels : int
    sfreq : float
        Of the EEG, Hz.
    band : tuple of float
        Of the filter, Hz.
    reach : int
        Grid points of EEG needed beyond a second of sound (the longest lag).
    keep : int
        Grid points that can be looked back at.
    """

    def __init__(
        self,
        n_channels: int,
        *,
        sfreq: float,
        band: tuple[float, float],
        reach: int,
        keep: int = KEEP,
    ) -> None:
        self.reach = reach  #: grid points of EEG needed beyond a second
        self._eeg_sampler = GridSampler(n_channels, sfreq=sfreq)
        self._sound_sampler = SoundSampler(2)
        self._eeg = Filtered(n_channels, band=band, keep=keep)
        self._sound = Filtered(2, band=band, keep=keep)
        self.eeg = self._eeg.rows  #: filtered, NaN where masked
        self.sampled = self._eeg.grid  #: the EEG on the grid and unfiltered, NaN where masked
        self.feature = self._sound.rows  #: feature and layer, filtered; NaN where not heard
        self._second: int | None = None

    def push_eeg(self, masked: Floats, times: Floats) -> None:
        """Take EEG [shape=(n, n_channels)], NaN where masked."""
        self._eeg.push(*self._eeg_sampler.push(masked, times))

    def push_sound(self, rows: Floats, times: Floats) -> None:
        """Take feature and layer envelope [shape=(n, 2)]."""
        self._sound.push(*self._sound_sampler.push(rows, times))

    def push_grid(self, eeg: tuple[int, Floats], sound: tuple[int, Floats]) -> None:
        """Take what is on the grid already: its first grid point, and rows of each."""
        self._eeg.push(*eeg)
        self._sound.push(*sound)

    def heard(self, until: int, seconds: int) -> Floats:
        """Unfiltered feature and layer of the `seconds` before the second `until`."""
        return self._sound.grid.read((until - seconds) * RATE, until * RATE)

    def seconds(self) -> Iterator[tuple[int, Floats, Floats]]:
        """Seconds that are complete now, each once.

        Yields
        ------
        second : int
        eeg : float64 [shape=(64 + reach, n_channels)]
            From the start of the second on; NaN where masked.
        feature : float64 [shape=(64,)]
        """
        if self.feature.end is None or self.eeg.end is None:
            return
        if self._second is None:
            self._second = max(self.feature.start, self.eeg.start) // RATE
        while (self._second + 1) * RATE <= self.feature.end and (
            self._second + 1
        ) * RATE + self.reach <= self.eeg.end:
            first = self._second * RATE
            eeg = self.eeg.read(first, first + RATE + self.reach)
            feature = self.feature.read(first, first + RATE)[:, 0]
            self._second += 1
            yield self._second - 1, eeg, feature


def filtered_feature(
    rows: Floats, times: Floats, *, band: tuple[float, float] | None = None
) -> Floats:
    """Feature (column 0) of a sound alone, on the grid and filtered as the tracker does it.

    Parameters
    ----------
    rows : float64 [shape=(n, 3)]
    times : float64 [shape=(n,)]
    band : tuple of float, optional

    Returns
    -------
    float64 [shape=(n_seconds * 64,)]
        0 where nothing was heard.

    Examples
    --------
    >>> times = 100.0 + np.arange(20 * RATE) / RATE
    >>> rows = np.zeros((times.size, 3))
    >>> rows[640, 0] = 1.0  # one onset, 10 s after the start
    >>> feature = filtered_feature(rows, times)
    >>> int(np.argmax(feature))
    640
    """
    sampler = SoundSampler(1)
    _, grid = sampler.push(rows[:, :1], times)
    out = []
    for stop in range(RATE + HALF, len(grid) + 1, RATE):
        window = np.full((RATE + 2 * HALF, 1), np.nan)
        part = grid[max(stop - RATE - 2 * HALF, 0) : stop]
        window[-len(part) :] = part
        out.append(filter_second(window, np.isfinite(window), band=band or BANDS[0])[0][:, 0])
    return np.concatenate([np.empty(0), *out])
