"""One clock grid and one linear-phase band-pass for EEG and stimulus alike.

Both signals are brought to the grid ``k / 64 s`` of the LSL clock and go through the *same*
filter, so that no phase stands between them (a causal filter on one side alone shifts every
latency). The filter is a windowed sinc (Harris 1978, Proc. IEEE 66:51): its delay is the same
at all frequencies and is taken out by indexing.

All work is done for whole grid seconds, each from its own window of samples. Results are
therefore the same, bit for bit, however the input was cut into chunks.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError
from dsp.grid import RATE, Bools, Floats

N_TAPS = 211  #: 3.3 s: transitions of 1 Hz
HALF = N_TAPS // 2  #: delay of the band-pass in grid points, 1.64 s
BANDS: tuple[tuple[float, float], ...] = ((1.0, 8.0), (1.0, 4.0), (4.0, 8.0), (2.0, 8.0))
_CUTOFF = 24.0  # Hz; 40 Hz, the first to alias into the band, is then down by 50 dB
_REACH = 0.125  # s of samples on each side of a grid point
_TABLE = 512  # entries of the interpolation kernel per reach
_BRIDGE = 0.06  # s between the neighbours of lost samples that a line may replace
_ANCHOR = 0.019  # s on each side that the line goes through the mean of: a period of the mains
_MIN_SUPPORT = 0.75  # share of the band-pass that must lie on valid samples


@lru_cache(maxsize=16)
def bandpass(low: float, high: float) -> Floats:
    """Taps of the linear-phase band-pass at 64 Hz [shape=(N_TAPS,)], read-only.

    ``h[n] = (sin(2 pi f2 n) - sin(2 pi f1 n)) / (pi n)``, Hamming window; gain 1 in mid-band
    and exactly 0 at 0 Hz.

    Parameters
    ----------
    low, high : float
        Edges (half amplitude), Hz, ``0 < low < high < 32``.

    Examples
    --------
    >>> taps = bandpass(1.0, 8.0)
    >>> gain = np.abs(np.fft.rfft(taps, 64 * 4))  # bins of 0.25 Hz
    >>> gain[[0, 4, 12, 32, 60]].round(2).tolist()  # 0, 1, 3, 8, 15 Hz
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if not 0.0 < low < high < RATE / 2:
        raise InputError(
            f"The band {low:g}-{high:g} Hz cannot be filtered at {RATE} Hz; "
            f"expected 0 < low < high < {RATE // 2}."
        )
    n = np.arange(N_TAPS) - HALF
    window = np.hamming(N_TAPS)

    def lowpass(edge: float) -> Floats:
        taps = 2.0 * edge / RATE * np.sinc(2.0 * edge / RATE * n) * window
        return np.asarray(taps / taps.sum())

    taps = lowpass(high) - lowpass(low)
    middle = math.sqrt(low * high)
    taps /= np.sum(taps * np.cos(2.0 * np.pi * middle / RATE * n))
    taps -= window * taps.sum() / window.sum()
    taps.flags.writeable = False
    return taps


@lru_cache(maxsize=16)
def _toeplitz(low: float, high: float) -> tuple[Floats, Floats]:
    """Matrices that filter one second, and weigh its validity [shape=(64, 64 + 2 HALF)]."""
    taps = bandpass(low, high)
    values = np.zeros((RATE, RATE + 2 * HALF))
    for i in range(RATE):
        values[i, i : i + N_TAPS] = taps[::-1]
    weights = np.abs(values)
    return values, weights / weights.sum(axis=1, keepdims=True)


def fill_masked(data: Floats, valid: Bools) -> Floats:
    """Bridge masked stretches of each column by a straight line, ends by the nearest sample.

    A blink that is only left out of the sums would still ring through the filter into its
    clean neighbours; the line keeps it out. Columns without a valid sample become 0.

    Parameters
    ----------
    data : float64 [shape=(n, n_channels)]
    valid : bool [shape=(n, n_channels)]

    Examples
    --------
    >>> data = np.array([[1.0], [90.0], [95.0], [4.0]])
    >>> fill_masked(data, np.abs(data) < 50.0).T.tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    """
    if valid.all():
        return data
    out = data.copy()
    index = np.arange(data.shape[0])
    for channel in np.flatnonzero(~valid.all(axis=0)):
        good = valid[:, channel]
        if good.any():
            bad = ~good
            out[bad, channel] = np.interp(index[bad], index[good], data[good, channel])
        else:
            out[:, channel] = 0.0
    return out


def filter_second(
    data: Floats, valid: Bools, *, band: tuple[float, float] = BANDS[0]
) -> tuple[Floats, Bools]:
    """Band-pass one second from the window around it.

    Parameters
    ----------
    data, valid : float64, bool [shape=(64 + 2 * HALF, n_channels)]
        Grid samples from `HALF` points before the second to `HALF` points after it.
    band : tuple of float
        Edges, Hz.

    Returns
    -------
    filtered : float64 [shape=(64, n_channels)]
        0 where not valid.
    valid : bool [shape=(64, n_channels)]
        A point is valid if its own sample is, and if at least three quarters of the filter's
        weight lie on valid samples.

    Examples
    --------
    >>> t = np.arange(RATE + 2 * HALF)[:, None] / RATE
    >>> wave = np.sin(2 * np.pi * 4.0 * t)
    >>> out, valid = filter_second(wave + 30_000.0, np.ones_like(wave, dtype=bool))
    >>> bool(valid.all()), bool(np.abs(out - wave[HALF : HALF + RATE]).max() < 0.002)
    (True, True)
    """
    taps, weights = _toeplitz(*band)
    middle = valid[HALF : HALF + RATE]
    if valid.all():
        centred = data - data[HALF]
        return taps @ centred, middle.copy()
    ok = middle & (weights @ valid >= _MIN_SUPPORT)
    filled = fill_masked(data, valid)
    out = taps @ (filled - filled[HALF])
    out[~ok] = 0.0
    return out, ok


class Strip:
    """Rows at consecutive grid points, older ones forgotten.

    Rows that were never written read as NaN. `end` is one beyond the newest row.

    Parameters
    ----------
    n_columns : int
    keep : int
        Grid points that can be read back at least.

    Examples
    --------
    >>> strip = Strip(1, keep=64)
    >>> strip.write(100, np.array([[1.0], [2.0]]))
    >>> strip.read(99, 103).T.tolist()
    [[nan, 1.0, 2.0, nan]]
    """

    def __init__(self, n_columns: int, *, keep: int) -> None:
        self._keep = keep
        self._rows = np.full((2 * keep, n_columns), np.nan)
        self._base = 0
        self.start = 0  #: grid index of the first row ever written
        self.end: int | None = None  #: grid index one beyond the newest row; None while empty

    def write(self, start: int, rows: npt.NDArray[np.floating]) -> None:
        """Put `rows` [shape=(n, n_columns)] at `start`; a hole before them stays NaN."""
        if self.end is None:
            self._base = self.end = self.start = start
        stop = start + len(rows)
        if stop - self._base > len(self._rows):
            base = max(stop - self._keep, self._base)
            kept = self._rows[base - self._base : max(self.end - self._base, 0)].copy()
            self._rows[:] = np.nan
            self._rows[: len(kept)] = kept
            self._base = base
        cut = max(0, self._base - start)
        if cut < len(rows):
            self._rows[start + cut - self._base : stop - self._base] = rows[cut:]
        self.end = max(self.end, stop)

    def read(self, start: int, stop: int) -> Floats:
        """Rows `start` to `stop` [shape=(stop - start, n_columns)], a copy."""
        out = np.full((stop - start, self._rows.shape[1]), np.nan)
        if self.end is None:
            return out
        a, b = max(start, self._base), min(stop, self.end)
        if a < b:
            out[a - start : b - start] = self._rows[a - self._base : b - self._base]
        return out


def _kernel_table() -> Floats:
    """Half of the anti-alias kernel, Blackman window [shape=(_TABLE + 2,)]."""
    u = np.arange(_TABLE + 2) / _TABLE
    window = 0.42 + 0.5 * np.cos(np.pi * u) + 0.08 * np.cos(2.0 * np.pi * u)
    table = np.sinc(2.0 * _CUTOFF * _REACH * u) * np.where(u <= 1.0, window, 0.0)
    return np.asarray(table)


_KERNEL = _kernel_table()


def _bridged(data: Floats, times: Floats) -> Floats:
    """Samples with short holes (NaN) of a column bridged by a line [shape of `data`].

    The signal ends at 8 Hz, so a line over a packet or two is nearly right; longer holes, and
    those without a sample on each side, stay.
    """
    missing = np.isnan(data)
    if not missing.any():
        return data
    out = data.copy()
    for column in np.flatnonzero(missing.any(axis=0)):
        bad = missing[:, column]
        edges = np.flatnonzero(bad[1:] != bad[:-1])[int(bad[0]) :] + 1
        for a, b in zip(edges[::2], edges[1::2], strict=False):
            if times[b] - times[a - 1] > _BRIDGE:
                continue
            first = int(np.searchsorted(times, times[a - 1] - _ANCHOR))
            last = int(np.searchsorted(times, times[b] + _ANCHOR))
            before, after = (
                [float(x[i:j][~bad[i:j]].mean()) for x in (times, data[:, column])]
                for i, j in ((first, a), (b, max(last, b + 1)))
            )
            ends = np.array([before, after]).T
            out[a:b, column] = np.interp(times[a:b], ends[0], ends[1])
    return out


class GridSampler:
    """Bring samples at any rate from 64 Hz up to the 64 Hz grid, anti-aliased, streaming.

    ``y(g) = sum_n h(g - t_n) x_n / sum_n h(g - t_n)`` over samples within 0.125 s, with h a
    windowed sinc of 24 Hz: right for stamps that are not evenly spaced too, and exact for a
    constant whatever its size (electrode offsets are tens of millivolts). A lost packet (at most
    60 ms) is bridged by a line first: left as it is, each would cost a third of a second.

    Parameters
    ----------
    n_columns : int
    sfreq : float
        Nominal rate of what comes in, Hz.

    Examples
    --------
    >>> sampler = GridSampler(1, sfreq=250.0)
    >>> times = 10.0 + np.arange(500) / 250
    >>> start, rows = sampler.push(np.sin(2 * np.pi * 3.0 * times)[:, None], times)
    >>> grid = (start + np.arange(len(rows))) / RATE
    >>> error = rows[16:, 0] - np.sin(2 * np.pi * 3.0 * grid[16:])
    >>> start, bool(np.abs(error).max() < 0.01)
    (640, True)
    """

    def __init__(self, n_columns: int, *, sfreq: float) -> None:
        self._n = n_columns
        self._span = 2 * math.ceil(_REACH * sfreq) + 2
        self._step = 1.0 / sfreq
        self._times = np.empty(0)
        self._data = np.empty((0, n_columns))
        self._next: int | None = None

    def push(self, data: npt.NDArray[np.floating], times: Floats) -> tuple[int, Floats]:
        """Take samples; return the grid rows that they complete.

        Parameters
        ----------
        data : floating [shape=(n, n_columns)]
            NaN where masked.
        times : float64 [shape=(n,)]
            Seconds of the LSL clock, increasing.

        Returns
        -------
        start : int
            Grid index (time * 64) of the first row.
        rows : float64 [shape=(n_rows, n_columns)]
            NaN where a grid point has no valid sample close to it.
        """
        if times.size:
            self._times = np.concatenate([self._times, times])
            self._data = np.concatenate([self._data, np.asarray(data, dtype=np.float64)])
        if self._times.size == 0:
            return 0, np.empty((0, self._n))
        if self._next is None:
            self._next = math.ceil(self._times[0] * RATE)
        start = self._next
        # No line may depend on samples that are not yet there, or there no more.
        reach = _REACH + _BRIDGE + _ANCHOR
        stop = max(math.floor((self._times[-1] - reach) * RATE) + 1, start)
        whole = _bridged(self._data, self._times)
        # A second at a time: the neighbourhoods of all points at once would fill the memory.
        parts = [
            self._rows(np.arange(a, min(a + RATE, stop)) / RATE, whole)
            for a in range(start, stop, RATE)
        ]
        rows = np.concatenate([np.empty((0, self._n)), *parts])
        self._next = stop
        keep = int(np.searchsorted(self._times, stop / RATE - reach - 2 * self._step))
        self._times, self._data = self._times[keep:], self._data[keep:]
        return start, rows

    def _rows(self, grid: Floats, samples: Floats) -> Floats:
        first = np.searchsorted(self._times, grid - _REACH)
        index = first[:, None] + np.arange(self._span)
        inside = index < self._times.size
        index = np.minimum(index, self._times.size - 1)
        u = np.abs(self._times[index] - grid[:, None]) * (_TABLE / _REACH)
        inside &= u <= _TABLE
        low = np.minimum(u.astype(np.int64), _TABLE)
        weight = _KERNEL[low] + (u - low) * (_KERNEL[low + 1] - _KERNEL[low])
        weight[~inside] = 0.0
        data = samples[index]
        # What lies beyond the reach must not matter, masked (NaN) or not yet there.
        data[~inside] = 0.0
        offset = samples[np.minimum(first, self._times.size - 1)]
        data -= offset[:, None, :]
        total = weight.sum(axis=1)
        sums = np.einsum("gs,gsc->gc", weight, data, optimize=False)
        # A sum of weights far below that of a full neighbourhood means missing samples.
        full = 0.5 * RATE / (2.0 * _CUTOFF) / (self._step * RATE)
        total[total < full] = np.nan
        return np.asarray(offset + sums / total[:, None])
