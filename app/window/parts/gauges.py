"""Rings and bars that paint themselves; progress bars for assistive technology."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from app.window.theme import Look, color, font, px

_START, _SPAN = 216.0, 252.0  # degrees, counter-clockwise from three o'clock; drawn clockwise


class Ring(QProgressBar):
    """An arc with its number, a band for its uncertainty and one tick to compare it with.

    Values are set by `show_value`; as a progress bar it reports the value in percent of its scale
    to assistive technology.
    """

    def __init__(self, look: Look, *, token: str, low: float, high: float, name: str) -> None:
        super().__init__()
        self._look, self._token = look, token
        self._low, self._high = low, high
        self._value: float | None = None
        self._band: tuple[float, float] | None = None
        self._tick: float | None = None
        self._number, self._below, self._held = "–", "", False
        self.setRange(0, 100)
        self.setValue(0)
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        look.changed.connect(self.update)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest size at which number and arc can be read."""
        return QSize(px(96), px(84))

    def sizeHint(self) -> QSize:
        """Return the size of the design."""
        return QSize(px(184), px(168))

    def show_value(
        self,
        value: float | None,
        *,
        number: str,
        below: str = "",
        band: tuple[float, float] | None = None,
        tick: float | None = None,
        held: bool = False,
    ) -> None:
        """Show a value with its interval; grey where it is `held`, empty where it is None.

        Parameters
        ----------
        value, tick : float or None
            On the scale of the ring.
        number, below : str
            The large and the small text inside.
        band : (float, float) or None
            The 90 % interval.
        """
        state = (value, number, below, band, tick, held)
        if state == (self._value, self._number, self._below, self._band, self._tick, self._held):
            return
        self._value, self._number, self._below, self._band, self._tick, self._held = state
        self.setValue(0 if value is None else round(100 * self._share(value)))
        self.setAccessibleDescription(f"{number} {below}{', held' if held else ''}".strip())
        self.update()

    def _share(self, value: float) -> float:
        if not math.isfinite(value):
            return 0.0
        return min(1.0, max(0.0, (value - self._low) / (self._high - self._low)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw track, band, arc, tick and texts."""
        t = self._look.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The arc is open below: its box is a little higher than what it fills.
        side = min(self.width() - px(8), (self.height() - px(8)) / 0.845)
        thick = max(float(px(8)), side * 0.068)
        wide = thick * 1.9
        radius = (side - wide) / 2
        centre = QPointF(self.width() / 2, px(4) + side / 2)
        box = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
        ink = QColor(t.trace_weak if self._held else getattr(t, self._token))
        _arc(painter, box, 0.0, 1.0, QColor(t.track), thick, round_caps=True)
        if self._value is not None:
            share = self._share(self._value)
            if self._band is not None:
                low, high = self._share(self._band[0]), self._share(self._band[1])
                faint = QColor(ink)
                faint.setAlphaF(0.36)
                _arc(painter, box, low, max(high, low + 0.004), faint, wide)
            if share > 0.0:
                _arc(painter, box, 0.0, share, ink, thick, round_caps=True)
        if self._tick is not None:
            angle = math.radians(_START - _SPAN * self._share(self._tick))
            out = QPointF(math.cos(angle), -math.sin(angle))
            reach = wide / 2 + px(2)
            painter.setPen(QPen(QColor(t.text1), px(25) / 10))
            painter.drawLine(centre + out * (radius - reach), centre + out * (radius + reach))
        self._draw_texts(painter, centre, radius)
        painter.end()

    def _draw_texts(self, painter: QPainter, centre: QPointF, radius: float) -> None:
        t = self._look.theme
        big = max(20.0, min(42.0, 50.0 * radius / px(100)))  # px of the design
        painter.setPen(QColor(t.text2 if self._held or self._value is None else t.text1))
        painter.setFont(font(big, 600))
        box = QRectF(centre.x() - radius, centre.y() - px(big * 0.72), 2 * radius, px(big * 1.25))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._number)
        painter.setPen(QColor(t.text2))
        painter.setFont(font(max(11.0, big * 0.31), 600))
        below = QRectF(box.left(), box.bottom() - 1, box.width(), px(max(16.0, big * 0.45)))
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self._below)


def _arc(
    painter: QPainter,
    box: QRectF,
    start: float,
    end: float,
    ink: QColor,
    width: float,
    *,
    round_caps: bool = False,
) -> None:
    cap = Qt.PenCapStyle.RoundCap if round_caps else Qt.PenCapStyle.FlatCap
    painter.setPen(QPen(ink, width, Qt.PenStyle.SolidLine, cap))
    # Qt counts sixteenths of a degree.
    painter.drawArc(box, round(16 * (_START - _SPAN * start)), round(-16 * _SPAN * (end - start)))


class ThinBar(QProgressBar):
    """A thin bar: how far a track is, or how strong the layer is below its ceiling."""

    def __init__(
        self,
        look: Look,
        *,
        token: str,
        name: str,
        knob: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._look, self._token, self._knob = look, token, knob
        self._share = 0.0
        self._dim = False
        self.setRange(0, 100)
        self.setTextVisible(False)
        self.setFixedHeight(px(18 if knob else 8))
        self.setAccessibleName(name)
        look.changed.connect(self.update)

    def show_share(self, share: float, *, words: str, dim: bool = False) -> None:
        """Fill `share` 0..1; `words` is what assistive technology reads with it."""
        share = min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0
        if (share, dim) == (self._share, self._dim):
            return
        self._share, self._dim = share, dim
        self.setValue(round(100 * share))
        self.setAccessibleDescription(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the groove, the filled part and the knob."""
        t = self._look.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        inset = float(px(8)) if self._knob else 0.0
        thick = float(px(6))
        top = (self.height() - thick) / 2
        width = self.width() - 2 * inset
        painter.setBrush(color(t.track))
        painter.drawRoundedRect(QRectF(inset, top, width, thick), thick / 2, thick / 2)
        ink = color(t.trace_weak if self._dim else getattr(t, self._token))
        if self._share > 0:
            painter.setBrush(ink)
            painter.drawRoundedRect(
                QRectF(inset, top, max(thick, width * self._share), thick), thick / 2, thick / 2
            )
        if self._knob:
            painter.setBrush(color(t.text1))
            painter.drawEllipse(
                QPointF(inset + width * self._share, self.height() / 2), px(8), px(8)
            )
        painter.end()
