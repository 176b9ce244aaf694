"""The scrolling EEG: one plot, one thin curve a channel."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy

from app.session.contract import RingLike
from app.window.parts.traces import SCALES, SECONDS, Traces
from app.window.theme import Look, font, px

_CLIP = 0.95  # lanes a trace may swing from its middle before it is cut off
_LOOK_AT_SCALE = 30  # frames between two looks at the scale
_QUIET_S = 0.5  # after which what came last moves on to the left, away from "now"


class EegPlot(pg.PlotWidget):  # type: ignore[misc]
    """The last ten seconds of every channel, filtered for display only.

    Pens are one pixel wide (two cost seventy times as much); ranges are fixed, so that a frame is
    nothing but new curves. Where nothing comes any more, the curves move on as time does.

    Parameters
    ----------
    look : Look
    clock : callable
        Seconds.
    """

    def __init__(self, look: Look, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._look, self._clock = look, clock
        self._came = clock()  # when the newest rows did
        self._curves: list[pg.PlotCurveItem] = []
        self._traces: Traces | None = None
        self._poor: frozenset[str] = frozenset()
        self._dead = False
        self._names: tuple[str, ...] = ()
        self._frame = 0
        self.scale_uv = SCALES[4]
        self.setAccessibleName("EEG of the last ten seconds")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setInteractive(False)
        self.setMinimumHeight(px(110))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        box = item.getViewBox()
        box.setMouseEnabled(False, False)
        box.disableAutoRange()
        box.setDefaultPadding(0)
        left, bottom = item.getAxis("left"), item.getAxis("bottom")
        left.setWidth(px(46))
        left.setStyle(tickLength=0, tickTextOffset=px(8), hideOverlappingLabels=False)
        bottom.setHeight(px(24))
        bottom.setStyle(tickLength=0, tickTextOffset=px(6), hideOverlappingLabels=px(24))
        words = {-SECONDS: f"−{SECONDS:.0f} s", 0.0: "now"}
        step = [(float(s), words.get(float(s), f"−{-s}")) for s in range(-10, 1, 2)]
        bottom.setTicks([step])
        self._grid = [pg.InfiniteLine(pos=float(s), angle=90) for s in range(-8, 0, 2)]
        for line in self._grid:
            item.addItem(line)
        look.changed.connect(self._repaint)
        self._repaint()

    def show_channels(self, names: tuple[str, ...], sfreq: float) -> None:
        """Make one lane for each of `names`, empty until rows arrive."""
        item = self.getPlotItem()
        for curve in self._curves:
            item.removeItem(curve)
        self._names = names
        self._traces = Traces(len(names), sfreq)
        self._curves = [pg.PlotCurveItem(antialias=True) for _ in names]
        for curve in self._curves:
            item.addItem(curve)
        self.setXRange(-1.002 * SECONDS, 0.03 * SECONDS, padding=0)
        self.setYRange(-len(names) + 0.35, 0.65, padding=0)
        item.getAxis("left").setTicks([[(float(-i), name) for i, name in enumerate(names)]])
        self._repaint()

    def show_weak(self, poor: frozenset[str], *, dead: bool) -> None:
        """Draw the channels `poor`, which count less, in the weaker colour; all, if `dead`."""
        if (poor, dead) != (self._poor, self._dead):
            self._poor, self._dead = poor, dead
            self._repaint()

    def pull(self, ring: RingLike) -> bool:
        """Draw what is new in `ring`; return whether there was anything."""
        traces = self._traces
        if traces is None:
            return False
        if not traces.pull(ring):
            quiet = self._clock() - self._came
            if _QUIET_S < quiet < 2 * SECONDS:
                for curve in self._curves:
                    curve.setPos(-quiet, 0.0)
            return False
        self._came = self._clock()
        self._frame += 1
        if self._frame % _LOOK_AT_SCALE == 1:
            usable = np.array([name not in self._poor for name in self._names])
            self.scale_uv = traces.scale(self.scale_uv, usable)
        shown = traces.shown() / np.float32(2 * self.scale_uv)
        np.clip(shown, -_CLIP, _CLIP, out=shown)
        shown -= np.arange(len(self._curves), dtype=np.float32)
        whole = np.isfinite(shown).all(axis=0)
        for i, curve in enumerate(self._curves):
            curve.setPos(0.0, 0.0)
            column = np.ascontiguousarray(shown[:, i])
            # Only a channel with gaps pays for the search for them.
            curve.setData(
                traces.times,
                column,
                connect="all" if whole[i] else "finite",
                skipFiniteCheck=bool(whole[i]),
            )
        return True

    def _repaint(self) -> None:
        t = self._look.theme
        self.setBackground(t.card)
        for name, curve in zip(self._names, self._curves, strict=True):
            weak = self._dead or name in self._poor
            curve.setPen(pg.mkPen(t.trace_weak if weak else t.trace, width=1))
        for line in self._grid:
            line.setPen(pg.mkPen(t.line, width=1))
        for side, ink, size in (("left", t.text2, 12), ("bottom", t.text2, 11)):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(pg.mkPen(None))
            axis.setTextPen(ink)
            axis.setStyle(tickFont=font(size, 500 if side == "left" else 400), tickAlpha=0)
