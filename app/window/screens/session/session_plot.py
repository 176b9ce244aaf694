"""The session so far: enjoyment with its band, entrainment beside its chance level, and states."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QSizePolicy

from app.session.snapshot import History, Snapshot
from app.window.theme import Look, color, font
from dsp.intervals import Z90

_ENDS = (120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200, 10800, 14400)
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_POINTS = 600  # more than the plot has columns to tell apart
_R_LOW, _R_STEP = -0.1, 0.1


class SessionPlot(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """Three plots on one time axis, redrawn when the history has grown (once a second).

    Above enjoyment 0..100 with its 90 % band, target, ratings, marks and layer; in the middle
    entrainment r with its chance level; below its state as thick (following), thin (not following)
    or dotted (cannot tell).
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._drawn: tuple[Any, ...] = ()
        self._snapshot: Snapshot | None = None
        self._passing: list[tuple[pg.PlotItem, Any]] = []  # items that are made anew each time
        self.setAccessibleName("Enjoyment and entrainment over this session")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setInteractive(False)
        self.setMinimumHeight(150)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.ci.layout.setVerticalSpacing(6)
        self._joy, self._r, self._strip = (self.addPlot(row=i, col=0) for i in range(3))
        for row, share in ((0, 62), (1, 34)):
            self.ci.layout.setRowStretchFactor(row, share)
        for plot in (self._joy, self._r, self._strip):
            _calm(plot)
        self._strip.setFixedHeight(36)
        self._strip.getAxis("bottom").setHeight(22)
        for plot in (self._joy, self._r):
            plot.getAxis("bottom").setHeight(0)
            plot.getAxis("bottom").setStyle(showValues=False)
        self._joy.setYRange(-3, 106, padding=0)
        self._joy.getAxis("left").setTicks([[(v, str(v)) for v in (0, 25, 50, 75, 100)]])
        self._strip.setYRange(0, 1, padding=0)
        self._strip.getAxis("left").setTicks([[(0.5, "state")]])
        self._grid = [pg.InfiniteLine(pos=v, angle=0) for v in (25, 50, 75)]
        self._zero = pg.InfiniteLine(pos=0, angle=0)
        self._target = pg.InfiniteLine(pos=42, angle=0)
        self._target_word = pg.TextItem("target", anchor=(1, 0))
        self._upper, self._lower = pg.PlotCurveItem(), pg.PlotCurveItem()
        self._band = pg.FillBetweenItem(self._lower, self._upper)
        self._mean = pg.PlotCurveItem(antialias=True)
        self._chance = pg.PlotCurveItem(antialias=True)
        self._curve = pg.PlotCurveItem(antialias=True)
        self._ratings = pg.ScatterPlotItem(symbol="d", size=10)
        self._states = [pg.PlotCurveItem(connect="pairs") for _ in range(3)]
        for line in (*self._grid, self._target):
            self._joy.addItem(line)
        for item in (self._band, self._mean, self._target_word, self._ratings):
            self._joy.addItem(item)
        for item in (self._zero, self._chance, self._curve):
            self._r.addItem(item)
        for item in self._states:
            self._strip.addItem(item)
        look.changed.connect(self._recolour)
        self._recolour()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw a snapshot, if there is anything in it that is not drawn yet."""
        history = snapshot.history
        what = (
            history.t.size,
            history.layer,
            history.tracks,
            snapshot.ratings,
            snapshot.marks,
            snapshot.target,
            self.width(),
        )
        if what == self._drawn:
            return
        self._drawn, self._snapshot = what, snapshot
        self._draw(snapshot)

    def _draw(self, snapshot: Snapshot) -> None:
        history = snapshot.history
        now = float(history.t[-1]) if history.t.size else 0.0
        end = next((e for e in _ENDS if e >= now), 3600 * math.ceil(now / 3600 + 0.5))
        for plot in (self._joy, self._r, self._strip):
            plot.setXRange(-0.004 * end, 1.02 * end, padding=0)
        step = next((s for s in _STEPS if end / s <= 8), 7200)
        ticks = [(float(s), f"{s // 60}:{s % 60:02d}") for s in range(0, int(end) + 1, step)]
        self._strip.getAxis("bottom").setTicks([ticks])
        self._target.setPos(100 * snapshot.target)
        self._target_word.setText(f"target {round(100 * snapshot.target)}")
        self._target_word.setPos(1.02 * end, 100 * snapshot.target)
        pick = np.unique(np.linspace(0, max(0, history.t.size - 1), _POINTS).astype(int))
        self._draw_curves(history, pick if history.t.size else pick[:0])
        self._draw_passing(snapshot, now, end)

    def _draw_curves(self, history: History, pick: npt.NDArray[np.int_]) -> None:
        t, mean, sd = (100 * a[pick] for a in (history.t / 100, history.mean, history.sd))
        known = np.isfinite(mean) & np.isfinite(sd)
        self._mean.setData(t, mean, connect="finite")
        self._upper.setData(t[known], np.clip(mean + Z90 * sd, 0, 100)[known])
        self._lower.setData(t[known], np.clip(mean - Z90 * sd, 0, 100)[known])
        r, level = history.r[pick], history.r_null95[pick]
        self._curve.setData(t, r, connect="finite")
        self._chance.setData(t, level, connect="finite")
        seen = np.concatenate([r[np.isfinite(r)], level[np.isfinite(level)], [0.0]])
        high = max(0.4, _R_STEP * math.ceil(float(seen.max()) / _R_STEP + 0.3))
        low = min(_R_LOW, _R_STEP * math.floor(float(seen.min()) / _R_STEP))
        self._r.setYRange(low, high, padding=0.06)
        self._r.getAxis("left").setTicks([_r_ticks(high)])
        # A second is drawn from its beginning to its end, so that runs of one state touch.
        for code, curve in enumerate(self._states):
            starts = history.t[history.state == code]
            xs = np.stack([starts - 1.0, starts], axis=1).ravel()
            curve.setData(np.maximum(xs, 0.0), np.full(xs.size, 0.5), connect="pairs")

    def _draw_passing(self, snapshot: Snapshot, now: float, end: float) -> None:
        for plot, item in self._passing:
            plot.removeItem(item)
        self._passing = []
        t = self._look.theme
        history = snapshot.history
        per_px = end / max(200.0, self._joy.getViewBox().width())
        for span in history.layer:
            stop = now if span.end is None else span.end
            for plot in (self._joy, self._r):
                region = pg.LinearRegionItem(
                    (span.start, max(stop, span.start + per_px)),
                    movable=False,
                    brush=color(t.layer, 0.16),
                    pen=pg.mkPen(color(t.layer, 0.7), width=1),
                )
                region.setZValue(-20)
                self._pass(plot, region)
            room = (stop - span.start) / per_px - 10
            words = "Low-frequency layer" if room > 128 else "Layer" if room > 40 else ""
            self._word(words, span.start, 105, token="layer", anchor=(0, 0), weight=600)
        starts = [*history.tracks, (end, "")]
        for (start, title), (until, _) in itertools.pairwise(starts):
            if start > 0.5:
                for plot in (self._joy, self._r):
                    pen = pg.mkPen(t.text3, width=1, style=Qt.PenStyle.DotLine)
                    self._pass(plot, pg.InfiniteLine(pos=start, angle=90, pen=pen))
            room = int((until - start) / per_px) - 12
            if room > 24:
                short = QFontMetrics(font(11)).elidedText(title, Qt.TextElideMode.ElideRight, room)
                self._word(short, start, -3, token="text2", anchor=(0, 1))
        for moment in snapshot.marks:
            pen = pg.mkPen(t.text2, width=1, style=Qt.PenStyle.DashLine)
            self._pass(self._joy, pg.InfiniteLine(pos=moment, angle=90, pen=pen))
            self._word("mark", moment, 94, token="text2", anchor=(0, 0))
        spots = [(moment, 100 * (given - 1) / 8) for moment, given in snapshot.ratings]
        self._ratings.setData([x for x, _ in spots], [y for _, y in spots])
        for (x, y), (_, given) in zip(spots, snapshot.ratings, strict=True):
            below = y > 88
            anchor = (0.5, -0.15 if below else 1.15)
            self._word(str(given), x, y, token="text1", anchor=anchor, weight=600)

    def _pass(self, plot: pg.PlotItem, item: Any) -> None:
        plot.addItem(item)
        self._passing.append((plot, item))

    def _word(
        self,
        text: str,
        x: float,
        y: float,
        *,
        token: str,
        anchor: tuple[float, float],
        weight: int = 400,
    ) -> None:
        if text:
            item = pg.TextItem(text, color=getattr(self._look.theme, token), anchor=anchor)
            item.setFont(font(11, weight))
            item.setPos(x, y)
            item.setZValue(20)
            self._pass(self._joy, item)

    def _recolour(self) -> None:
        t = self._look.theme
        self.setBackground(t.card)
        for plot in (self._joy, self._r, self._strip):
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(pg.mkPen(None))
                axis.setTextPen(t.text2)
                axis.setStyle(tickFont=font(11), tickAlpha=0)
        for line in (*self._grid, self._zero):
            line.setPen(pg.mkPen(t.line, width=1))
        self._target.setPen(pg.mkPen(t.text1, width=1, style=Qt.PenStyle.DashLine))
        self._target_word.setColor(t.text2)
        self._target_word.setFont(font(11))
        self._upper.setPen(pg.mkPen(None))
        self._lower.setPen(pg.mkPen(None))
        self._band.setBrush(color(t.enjoyment, 0.17))
        self._mean.setPen(pg.mkPen(t.enjoyment, width=2))
        self._curve.setPen(pg.mkPen(t.entrainment, width=2))
        self._chance.setPen(pg.mkPen(t.text2, width=1, style=Qt.PenStyle.DashLine))
        self._ratings.setBrush(pg.mkBrush(t.text1))
        self._ratings.setPen(pg.mkPen(t.card, width=1))
        unsure, still, following = self._states
        unsure.setPen(pg.mkPen(t.text3, width=2, style=Qt.PenStyle.DotLine))
        still.setPen(pg.mkPen(t.text2, width=2))
        pen = pg.mkPen(t.entrainment, width=8)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        following.setPen(pen)
        if self._snapshot is not None:
            self._draw(self._snapshot)


def _r_ticks(high: float) -> list[tuple[float, str]]:
    step = 0.2 if high <= 0.6 else 0.5
    n = int(high / step + 1e-9)
    return [(k * step, f"{'r ' if k == n else ''}{k * step:.1f}") for k in range(n + 1)]


def _calm(plot: pg.PlotItem) -> None:
    """Take from a plot what moves by itself or by the mouse."""
    plot.setMenuEnabled(False)
    plot.hideButtons()
    box = plot.getViewBox()
    box.setMouseEnabled(False, False)
    box.disableAutoRange()
    box.setDefaultPadding(0)
    left = plot.getAxis("left")
    left.setWidth(46)
    left.setStyle(tickLength=0, tickTextOffset=6, hideOverlappingLabels=False)
    plot.getAxis("bottom").setStyle(tickLength=0, tickTextOffset=4, hideOverlappingLabels=False)
