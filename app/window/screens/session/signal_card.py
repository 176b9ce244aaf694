"""Scrolling EEG with the contact of every electrode in a sign and a word."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QWidget

from app.session.contract import RingLike
from app.session.snapshot import Snapshot
from app.window import words
from app.window.parts.eeg_plot import EegPlot
from app.window.parts.pieces import Card, Text
from app.window.parts.traces import BAND
from app.window.theme import Look, color, font
from devices.sources.source import SourceInfo

_SIGN, _GAP, _BETWEEN = 11, 5, 13  # px: width of a sign, from it to its words, between two


class Contacts(QWidget):
    """One sign and word for each electrode.

    The sign is a filled disc (good), a half-filled one (fair) or an empty one with a stroke
    through it (poor), so that colour is not needed to tell them apart.
    """

    _TOKENS: ClassVar = {1: "good", 2: "fair", 4: "poor"}

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._quality: tuple[tuple[str, int, str], ...] = ()
        self.setFixedHeight(20)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Contacts: not known yet")
        look.changed.connect(self.update)

    def minimumSizeHint(self) -> QSize:
        """Return a width at which the worst electrodes can still be read."""
        return QSize(200, 20)

    def show_quality(self, quality: tuple[tuple[str, int, str], ...]) -> None:
        """Show (name, grade, word) of each electrode."""
        if quality != self._quality:
            self._quality = quality
            told = ", ".join(f"{name} {word}" for name, _, word in quality)
            self.setAccessibleName(f"Contacts: {told}" if told else "Contacts: not known yet")
            self.setToolTip(told)
            self.update()

    def labels(self, room: int) -> list[tuple[int, str]]:
        """Return (grade, text) of each electrode, as it fits in `room` pixels.

        Where there is no room for all, the word "good" is what is left out.
        """
        full = [(grade, f"{name} {word}") for name, grade, word in self._quality]
        metrics = QFontMetrics(font(12, 600))
        width = sum(_SIGN + _GAP + _BETWEEN + metrics.horizontalAdvance(text) for _, text in full)
        if width - _BETWEEN <= room:
            return full
        return [
            (grade, name if grade == 1 else f"{name} {word}") for name, grade, word in self._quality
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the signs and words."""
        t = self._look.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x, middle = 0.0, self.height() / 2
        for grade, text in self.labels(self.width()):
            ink = color(getattr(t, self._TOKENS.get(grade, "poor")))
            box = QRectF(x + 1, middle - 5, 10, 10)
            painter.setPen(QPen(ink, 1.6))
            painter.setBrush(ink if grade == 1 else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(box)
            if grade == 2:
                painter.setBrush(ink)
                painter.drawPie(box, 90 * 16, 180 * 16)
            elif grade > 2:
                painter.drawLine(box.topLeft() + QPointF(1, 1), box.bottomRight() - QPointF(1, 1))
            face = font(12, 400 if grade == 1 else 600)
            painter.setFont(face)
            painter.setPen(color(t.text2 if grade == 1 else t.text1))
            width = QFontMetrics(face).horizontalAdvance(text)
            place = QRectF(x + _SIGN + _GAP, 0, width + 2, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, text)
            x += _SIGN + _GAP + width + _BETWEEN
        if not self._quality:
            painter.setFont(font(12))
            painter.setPen(color(t.text2))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, "contacts: not known yet")
        painter.end()


class SignalCard(Card):
    """The last ten seconds of EEG, raw but for a filter of the display."""

    def __init__(self, look: Look) -> None:
        super().__init__("Signal")
        self.contacts = Contacts(look)
        self.plot = EegPlot(look)
        self._waiting = Text("Waiting for EEG", px=13, role="2", wrap=True)
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._waiting)
        self._stack.addWidget(self.plot)
        self.body.addWidget(self.contacts)
        self.body.addWidget(self._stack, 1)
        self._info: SourceInfo | None = None

    def pull(self, ring: RingLike | None, info: SourceInfo | None) -> None:
        """Draw the newest EEG; called once a frame."""
        if ring is None or info is None:
            return
        if info is not self._info and info != self._info:
            self._info = info
            self.plot.show_channels(info.ch_names, info.sfreq)
        if self.plot.pull(ring) and self._stack.currentWidget() is not self.plot:
            self._stack.setCurrentWidget(self.plot)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show contacts, scale and what is waited for."""
        self.contacts.show_quality(snapshot.quality)
        self.plot.show_poor(frozenset(name for name, grade, _ in snapshot.quality if grade == 4))
        low, high = BAND
        scale = f"± {self.plot.scale_uv:.0f} µV · {low:.0f}–{high:.0f} Hz, display only"
        state = words.SOURCE_WORDS.get(snapshot.source_state, snapshot.source_state)
        self.side.show_text(scale if snapshot.source_state == "streaming" else f"source {state}")
        self._waiting.show_text(f"Waiting for EEG: source {state}")
