"""Three states told apart by their form, however many seconds share one pixel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainterPath

Run = tuple[int, int, int]  # first column, the one after the last, code

_LOW = 0.22  # height of a low bar, share of the strip
_DOT = 0.2  # height of a dot


def state_runs(
    t: npt.NDArray[np.float64], codes: npt.NDArray[np.int8], *, end: float, n_columns: int
) -> list[Run]:
    """Return what each column of pixels shows, as runs of one code.

    Parameters
    ----------
    t : float64 [shape=(n,)]
        End of each watched second, s; ascending.
    codes : int8 [shape=(n,)]
        State in that second; a negative one is not drawn.
    end : float
        Second at the right edge of the last column.
    n_columns : int

    Returns
    -------
    list of (first, stop, code)
        Where seconds share a column, the state of most of them; of two that are as many, the
        lower code, which claims less.
    """
    width = end / n_columns
    seen = codes >= 0
    t, codes = t[seen], codes[seen]
    if width <= 1.0:
        centres = (np.arange(n_columns) + 0.5) * width
        at = np.searchsorted(t, centres)
        known = at < t.size
        known[known] = t[at[known]] - 1.0 <= centres[known]
        shown = np.full(n_columns, -1)
        shown[known] = codes[at[known]]
    else:
        columns = np.floor((t - 0.5) / width).astype(int)
        inside = (columns >= 0) & (columns < n_columns)
        counts = np.zeros((n_columns, int(codes.max(initial=0)) + 1), dtype=int)
        np.add.at(counts, (columns[inside], codes[inside]), 1)
        shown = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    edges = np.flatnonzero(np.diff(shown, prepend=-2, append=-2))
    runs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [(first, stop, int(shown[first])) for first, stop in runs if shown[first] >= 0]


def full_bars(runs: Iterable[Run], width: float) -> QPainterPath:
    """Return bars as high as the strip, 0..1; `width` is that of a column."""
    return _bars(runs, width, 1.0)


def low_bars(runs: Iterable[Run], width: float) -> QPainterPath:
    """Return bars along the foot of the strip."""
    return _bars(runs, width, _LOW)


def dots(runs: Iterable[Run], width: float, *, size: int) -> QPainterPath:
    """Return dots of `size` columns along the middle, at least one a run."""
    path = QPainterPath()
    step = 3 * size
    for first, stop, _ in runs:
        # At fixed places, so that a run that grows does not move the dots it has.
        places = range(-(-first // step) * step, stop, step) or (
            max(0, (first + stop - size) // 2),
        )
        for place in places:
            path.addRect(QRectF(place * width, 0.5 - _DOT / 2, size * width, _DOT))
    return path


def _bars(runs: Iterable[Run], width: float, height: float) -> QPainterPath:
    path = QPainterPath()
    for first, stop, _ in runs:
        path.addRect(QRectF(first * width, 0.0, (stop - first) * width, height))
    return path
