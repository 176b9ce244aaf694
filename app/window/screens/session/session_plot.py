"""The session so far: enjoyment with its band, entrainment beside its chance level, and states."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainterPath, QPolygonF
from PySide6.QtWidgets import QGraphicsPathItem, QSizePolicy

from app.session.snapshot import History, Snapshot
from app.window.parts.state_strip import dots, full_bars, low_bars, state_runs
from app.window.screens.session.plot_labels import Labels
from app.window.theme import Look, color, font, px
from app.words import clock, rating_share
from dsp.intervals import Z90

_ENDS = (120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200, 10800, 14400)
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_UNWATCHED = 1.5  # s between two rows, a second each, from which on one was missed
_POINTS = 600  # more than the plot has columns to tell apart
_R_LOW, _R_STEP = -0.1, 0.1
_LANE = 17  # px above and below the curve, for words alone


class SessionPlot(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """Three plots on one time axis, redrawn when the history has grown (once a second).

    Above enjoyment 0..100 with its 90 % band, ratings, marks and layer; in the middle entrainment
    r with its chance level; below its state as a full bar (following), a low bar (not following)
    or dots (cannot tell).
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._drawn: tuple[Any, ...] = ()
        self._snapshot: Snapshot | None = None
        self.setAccessibleName("Enjoyment and entrainment over this session")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setInteractive(False)
        self.setMinimumHeight(px(170))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.ci.layout.setVerticalSpacing(px(6))
        self._joy, self._r, self._strip = self._plots = [
            self.addPlot(row=i, col=0) for i in range(3)
        ]
        for row, share in ((0, 64), (1, 32)):
            self.ci.layout.setRowStretchFactor(row, share)
        for plot in self._plots:
            _calm(plot)
        self._strip.setFixedHeight(px(36))
        self._strip.getAxis("bottom").setHeight(px(22))
        for plot in (self._joy, self._r):
            plot.getAxis("bottom").setHeight(0)
            plot.getAxis("bottom").setStyle(showValues=False)
        self._joy.getAxis("left").setTicks([[(v, str(v)) for v in (0, 25, 50, 75, 100)]])
        self._strip.setYRange(0, 1, padding=0)
        self._strip.getAxis("left").setTicks([[(0.5, "state")]])
        self._grid = [pg.InfiniteLine(pos=v, angle=0) for v in (0, 25, 50, 75, 100)]
        self._zero = pg.InfiniteLine(pos=0, angle=0)
        self._target = pg.InfiniteLine(pos=42, angle=0)
        self._bands = [QGraphicsPathItem() for _ in range(2)]  # from usable EEG, and without
        self._mean, self._held = (pg.PlotCurveItem(antialias=True) for _ in range(2))
        self._chance, self._curve = (pg.PlotCurveItem(antialias=True) for _ in range(2))
        self._ratings = pg.ScatterPlotItem(symbol="d", size=px(10))
        self._states = [QGraphicsPathItem() for _ in range(3)]
        for item in (
            *self._bands,
            *self._grid,
            self._target,
            self._held,
            self._mean,
            self._ratings,
        ):
            self._joy.addItem(item)
        for item in (self._zero, self._chance, self._curve):
            self._r.addItem(item)
        for state in self._states:
            self._strip.addItem(state)
        self._labels = Labels(look, self._joy, self._r)
        look.changed.connect(self._recolour)
        self._recolour()

    @property
    def labels(self) -> Labels:
        """The words inside the plots."""
        return self._labels

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
            snapshot.source_state == "none",
            self.size(),
        )
        if what == self._drawn:
            return
        self._drawn, self._snapshot = what, snapshot
        self._draw(snapshot)

    def _draw(self, snapshot: Snapshot) -> None:
        history = snapshot.history
        now = float(history.t[-1]) if history.t.size else 0.0
        end = float(next((e for e in _ENDS if e >= now), 3600 * math.ceil(now / 3600 + 0.5)))
        for plot in self._plots:
            plot.setXRange(0.0, end, padding=0)
        step = next((s for s in _STEPS if end / s <= 8), 7200)
        ticks = [(float(s), clock(s)) for s in range(0, int(end) + 1, step)]
        self._strip.getAxis("bottom").setTicks([ticks])
        self._joy.layout.activate()
        box = self._joy.getViewBox()
        inside = max(px(40), round(box.height()) - 2 * px(_LANE))
        lane = 100.0 * px(_LANE) / inside
        self._joy.setYRange(-lane, 100.0 + lane, padding=0)
        self._target.setPos(100 * snapshot.target)
        words = [(100 * snapshot.target, f"target {100 * snapshot.target:.0f}")]
        self._joy.getAxis("right").setTicks([words])
        n_columns = max(px(200), round(box.width()))
        self._draw_curves(history, end, n_columns)
        spots = [(r.t, 100 * rating_share(r.given)) for r in snapshot.ratings]
        self._ratings.setData([x for x, _ in spots], [y for _, y in spots])
        self._labels.show(
            snapshot, now=now, end=end, per_px=(end / n_columns, 100.0 / inside), lane=lane
        )

    def _draw_curves(self, history: History, end: float, n_columns: int) -> None:
        n = history.t.size
        pick = np.unique(np.linspace(0, n - 1, min(n, _POINTS)).astype(int))
        # No line leads over time that nobody watched, as after a program that stood still.
        after = np.flatnonzero(np.diff(history.t) > _UNWATCHED) + 1
        pick = np.union1d(pick, np.concatenate([after - 1, after]))
        at = np.searchsorted(pick, after)
        t, usable = np.insert(history.t[pick], at, history.t[after]), history.usable[pick]
        usable = np.insert(usable, at, usable[at])
        mean, sd, r, level = (
            np.insert(values[pick], at, np.nan)
            for values in (100 * history.mean, 100 * history.sd, history.r, history.r_null95)
        )
        # What is held reaches to its neighbours, so that the two are one line.
        held = ~usable | ~np.append(usable[1:], True) | ~np.append(True, usable[:-1])
        self._mean.setData(t, np.where(usable, mean, np.nan), connect="finite")
        self._held.setData(t, np.where(held, mean, np.nan), connect="finite")
        low, high = (np.clip(mean + side * Z90 * sd, 0, 100) for side in (-1, 1))
        for band, where in zip(self._bands, (usable, held), strict=True):
            band.setPath(_area(t, np.where(where, low, np.nan), high))
        r, level = _possible(r, -1.0), _possible(level, 0.0)
        self._curve.setData(t, r, connect="finite")
        self._chance.setData(t, level, connect="finite")
        seen = np.concatenate([r[np.isfinite(r)], level[np.isfinite(level)], [0.0]])
        top = min(1.0, max(0.4, _R_STEP * math.ceil(float(seen.max()) / _R_STEP + 0.3)))
        bottom = max(-1.0, min(_R_LOW, _R_STEP * math.floor(float(seen.min()) / _R_STEP)))
        self._r.setYRange(bottom, top, padding=0.06)
        self._r.getAxis("left").setTicks([_r_ticks(top)])
        runs = state_runs(history.t, history.state, end=end, n_columns=n_columns)
        width = end / n_columns
        unsure, still, following = ([run for run in runs if run[2] == code] for code in range(3))
        self._states[0].setPath(dots(unsure, width, size=px(2)))
        self._states[1].setPath(low_bars(still, width))
        self._states[2].setPath(full_bars(following, width))

    def _recolour(self) -> None:
        t = self._look.theme
        self.setBackground(t.card)
        for plot in self._plots:
            for side in ("left", "right", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(pg.mkPen(None))
                axis.setTextPen(t.text2)
                axis.setStyle(tickFont=font(11), tickAlpha=0)
        for line in (*self._grid, self._zero):
            line.setPen(pg.mkPen(t.line, width=1))
        self._target.setPen(pg.mkPen(t.text1, width=1, style=Qt.PenStyle.DashLine))
        for band, ink in zip(self._bands, (t.enjoyment, t.text3), strict=True):
            band.setPen(pg.mkPen(None))
            band.setBrush(color(ink, 0.17))
        self._mean.setPen(pg.mkPen(t.enjoyment, width=px(2)))
        self._held.setPen(pg.mkPen(t.text2, width=1, style=Qt.PenStyle.DashLine))
        self._curve.setPen(pg.mkPen(t.entrainment, width=px(2)))
        self._chance.setPen(pg.mkPen(t.text2, width=1, style=Qt.PenStyle.DashLine))
        self._ratings.setBrush(pg.mkBrush(t.text1))
        self._ratings.setPen(pg.mkPen(t.card, width=1))
        for item, ink in zip(self._states, (t.text2, t.text2, t.entrainment), strict=True):
            item.setPen(pg.mkPen(None))
            item.setBrush(pg.mkBrush(ink))
        if self._snapshot is not None:
            self._draw(self._snapshot)


def _possible(values: npt.NDArray[np.float64], low: float) -> npt.NDArray[np.float64]:
    """Return `values` without those that no correlation can have: nobody could tell from them."""
    with np.errstate(invalid="ignore"):
        return np.where((values >= low) & (values <= 1.0), values, np.nan)


def _area(
    t: npt.NDArray[np.float64], low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]
) -> QPainterPath:
    """Return the area between `low` and `high`, one piece for each stretch where both are known."""
    path = QPainterPath()
    known = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        there = zip(t[run].tolist(), high[run].tolist(), strict=True)
        back = zip(t[run[::-1]].tolist(), low[run[::-1]].tolist(), strict=True)
        path.addPolygon(QPolygonF([QPointF(x, y) for x, y in (*there, *back)]))
    return path


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
    plot.showAxis("right")
    for side, width in (("left", 46), ("right", 58)):
        axis = plot.getAxis(side)
        axis.setWidth(px(width))
        axis.setStyle(tickLength=0, tickTextOffset=px(6), hideOverlappingLabels=False)
        axis.setTicks([[]])
    bottom = plot.getAxis("bottom")
    bottom.setStyle(tickLength=0, tickTextOffset=px(4), hideOverlappingLabels=px(24))
