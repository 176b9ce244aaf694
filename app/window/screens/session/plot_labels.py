"""Words inside the plot of the session, where no curve is."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

from app.session.snapshot import Snapshot
from app.window.theme import Look, color, font
from app.words import rating_share

_SIZE = 11  # px of the design


class Labels:
    """Layer, tracks, marks and ratings, made anew each time.

    Layer and marks are named in the lane above 100, tracks in the lane below 0, where the curve
    never comes; the number of a rating stands beside its diamond, on the side that is free.
    """

    def __init__(self, look: Look, joy: pg.PlotItem, r: pg.PlotItem) -> None:
        self._look, self._joy, self._r = look, joy, r
        self._items: list[tuple[pg.PlotItem, Any]] = []
        self._taken: list[tuple[float, float]] = []  # of the upper lane, s

    @property
    def texts(self) -> list[pg.TextItem]:
        """The words that are shown."""
        return [item for _, item in self._items if isinstance(item, pg.TextItem)]

    def show(
        self,
        snapshot: Snapshot,
        *,
        now: float,
        end: float,
        per_px: tuple[float, float],
        lane: float,
    ) -> None:
        """Draw what belongs to a snapshot.

        Parameters
        ----------
        now, end : float
            Newest second, and that at the right edge.
        per_px : (float, float)
            Seconds and points of enjoyment a pixel.
        lane : float
            Height of the lanes, points of enjoyment.
        """
        for plot, item in self._items:
            plot.removeItem(item)
        self._items, self._taken = [], []
        self._per_px, self._lane, self._end = per_px, lane, end
        no_headset = snapshot.source_state == "none" and not snapshot.left_out
        self._plots = (self._joy,) if no_headset else (self._joy, self._r)
        self._foot = lane / (100.0 + 2 * lane)  # the titles keep their lane
        for span in snapshot.history.layer:
            self._layer(span.start, now if span.end is None else span.end)
        self._tracks(snapshot)
        for moment in snapshot.marks:
            pen = pg.mkPen(self._look.theme.text2, width=1, style=Qt.PenStyle.DashLine)
            line = pg.InfiniteLine(pos=moment, angle=90, pen=pen, span=(self._foot, 1.0))
            self._add(self._joy, line)
            self._above("mark", moment, token="text2")
        curve = snapshot.history.t, 100 * snapshot.history.mean
        for rating in snapshot.ratings:
            self._rating(str(rating.given), rating.t, 100 * rating_share(rating.given), curve)
        if no_headset:
            low, high = self._r.getViewBox().viewRange()[1]
            text = self._text("no headset: nothing to compare with the music", "text2")
            text.setAnchor((0.5, 0.5))
            self._put(self._r, text, end / 2, (low + high) / 2)

    def _layer(self, start: float, stop: float) -> None:
        t = self._look.theme
        for plot in self._plots:
            region = pg.LinearRegionItem(
                (start, max(stop, start + self._per_px[0])),
                movable=False,
                span=(self._foot, 1.0) if plot is self._joy else (0.0, 1.0),
                brush=color(t.layer, 0.16),
                pen=pg.mkPen(color(t.layer, 0.7), width=1),
            )
            region.setZValue(-20)
            self._add(plot, region)
        room = (stop - start) / self._per_px[0] - 8
        for words in ("Low-frequency layer", "Layer"):
            if QFontMetrics(font(_SIZE, 600)).horizontalAdvance(words) <= room:
                self._above(words, start, token="layer", weight=600)
                return

    def _tracks(self, snapshot: Snapshot) -> None:
        starts = [*snapshot.history.tracks, (self._end, "")]
        for (start, title), (until, _) in itertools.pairwise(starts):
            if start > 0.5:
                for plot in self._plots:
                    pen = pg.mkPen(self._look.theme.text3, width=1, style=Qt.PenStyle.DotLine)
                    self._add(plot, pg.InfiniteLine(pos=start, angle=90, pen=pen))
            room = int((until - start) / self._per_px[0]) - 12
            short = QFontMetrics(font(_SIZE)).elidedText(title, Qt.TextElideMode.ElideRight, room)
            if room > 24:
                text = self._text(short, "text2")
                text.setAnchor((0, 0.5))
                self._put(self._joy, text, start, -self._lane / 2)

    def _above(self, words: str, x: float, *, token: str, weight: int = 400) -> None:
        """Put words into the upper lane, unless others stand there already."""
        width = (QFontMetrics(font(_SIZE, weight)).horizontalAdvance(words) + 10) * self._per_px[0]
        if all(x + width <= first or x >= last for first, last in self._taken):
            self._taken.append((x, x + width))
            text = self._text(words, token, weight)
            text.setAnchor((0, 0.5))
            self._put(self._joy, text, x, 100.0 + self._lane / 2)

    def _rating(self, words: str, x: float, y: float, curve: tuple[Any, Any]) -> None:
        text = self._text(words, "text1", 600)
        box = text.boundingRect()
        half, high = box.width() / 2 * self._per_px[0], box.height() * self._per_px[1]
        low_y, high_y = _between(*curve, x - half, x + half)
        gap = 7 * self._per_px[1]  # from the middle of the diamond
        middles = [y + gap + high / 2, y - gap - high / 2]
        if middles[0] + high / 2 > 100.0 + self._lane:
            middles.reverse()
        reach = high / 2 + 2 * self._per_px[1]
        free = [m for m in middles if m - reach > high_y or m + reach < low_y]
        over, under = high_y + reach, low_y - reach
        last = over if over + high / 2 <= 100.0 + self._lane else under
        text.setAnchor((0.5, 0.5))
        self._put(self._joy, text, x, free[0] if free else last)

    def _text(self, words: str, token: str, weight: int = 400) -> pg.TextItem:
        text = pg.TextItem(words, color=getattr(self._look.theme, token))
        text.setFont(font(_SIZE, weight))
        return text

    def _put(self, plot: pg.PlotItem, text: pg.TextItem, x: float, y: float) -> None:
        text.setPos(x, y)
        text.setZValue(20)
        self._add(plot, text)

    def _add(self, plot: pg.PlotItem, item: Any) -> None:
        plot.addItem(item)
        self._items.append((plot, item))


def _between(t: Any, y: Any, start: float, stop: float) -> tuple[float, float]:
    """Return the least and the greatest height of the curve from `start` to `stop`.

    Where there is none the least is infinite, so that nothing is in the way.
    """
    known = np.isfinite(y)
    t, y = t[known], y[known]
    if t.size == 0 or stop < t[0] or start > t[-1]:
        return np.inf, -np.inf
    heights = np.concatenate([y[(t >= start) & (t <= stop)], np.interp([start, stop], t, y)])
    return float(heights.min()), float(heights.max())
