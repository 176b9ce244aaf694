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
from app.window.theme import Look, color, font, px
from devices.sources.source import SourceInfo

_SIGN, _GAP, _BETWEEN = 11, 5, 13  # px: width of a sign, from it to its words, between two
_UNKNOWN = 0  # grade of an electrode of a source that sends nothing any more


class Contacts(QWidget):
    """One sign and word for each electrode.

    The sign is a filled disc (good), a half-filled one (fair), an empty one with a stroke through
    it (poor) or an empty one (not known now), so that colour is not needed to tell them apart.
    """

    _TOKENS: ClassVar = {1: "good", 2: "fair", 4: "poor", _UNKNOWN: "text3"}

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._quality: tuple[tuple[str, int, str], ...] = ()
        self._unknown, self._dead = "not known yet", False
        self.setFixedHeight(px(20))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Contacts: not known yet")
        look.changed.connect(self.update)

    def minimumSizeHint(self) -> QSize:
        """Return a width at which the worst electrodes can still be read."""
        return QSize(px(200), px(20))

    def show_quality(
        self, quality: tuple[tuple[str, int, str], ...], *, unknown: str, dead: bool = False
    ) -> None:
        """Show (name, grade, word) of each electrode.

        Parameters
        ----------
        unknown : str
            What is said where there are none.
        dead : bool
            The grades are those of a source that sends nothing any more: all grey, no word.
        """
        if (quality, unknown, dead) != (self._quality, self._unknown, self._dead):
            self._quality, self._unknown, self._dead = quality, unknown, dead
            said = ", ".join(text for _, text in self.labels(1 << 20))
            if dead and said:
                said += ": not known now"
            self.setAccessibleName(f"Contacts: {said or unknown}")
            self.setToolTip(said)
            self.update()

    def labels(self, room: int) -> list[tuple[int, str]]:
        """Return (grade, text) of each electrode, as it fits in `room` pixels.

        Where there is no room for all, the word "good" is what is left out.
        """
        if self._dead:
            return [(_UNKNOWN, name) for name, _, _ in self._quality]
        full = [(grade, f"{name} {word}") for name, grade, word in self._quality]
        metrics = QFontMetrics(font(12, 600))
        width = sum(px(_SIGN + _GAP + _BETWEEN) + metrics.horizontalAdvance(t) for _, t in full)
        if width - px(_BETWEEN) <= room:
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
            box = QRectF(x + 1, middle - px(5), px(10), px(10))
            painter.setPen(QPen(ink, px(1.6)))
            painter.setBrush(ink if grade == 1 else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(box)
            if grade == 2:
                painter.setBrush(ink)
                painter.drawPie(box, 90 * 16, 180 * 16)
            elif grade > 2:
                painter.drawLine(box.topLeft() + QPointF(1, 1), box.bottomRight() - QPointF(1, 1))
            face = font(12, 400 if grade <= 1 else 600)
            painter.setFont(face)
            painter.setPen(color((t.text3, t.text2)[grade] if grade <= 1 else t.text1))
            width = QFontMetrics(face).horizontalAdvance(text)
            place = QRectF(x + px(_SIGN + _GAP), 0, width + 2, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, text)
            x += px(_SIGN + _GAP) + width + px(_BETWEEN)
        if not self._quality:
            painter.setFont(font(12))
            painter.setPen(color(t.text2))
            painter.drawText(
                self.rect(), Qt.AlignmentFlag.AlignVCenter, f"contacts: {self._unknown}"
            )
        painter.end()


class SignalCard(Card):
    """The last ten seconds of EEG, raw but for a filter of the display."""

    def __init__(self, look: Look) -> None:
        super().__init__("Signal")
        self.contacts = Contacts(look)
        self.plot = EegPlot(look)
        self._waiting = Text("Waiting for EEG", size=13, role="2", wrap=True)
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
        dead, state = words.is_dead(snapshot), words.source_word(snapshot)
        none = snapshot.source_state == "none"
        self.contacts.show_quality(
            () if none else snapshot.quality,
            unknown=state if none else "not known yet",
            dead=dead,
        )
        poor = frozenset(name for name, grade, _ in snapshot.quality if grade == 4)
        self.plot.show_weak(poor, dead=dead)
        low, high = BAND
        scale = f"{2 * self.plot.scale_uv:.0f} µV a lane · {low:.0f}–{high:.0f} Hz, display only"
        self.side.show_text(scale if snapshot.source_state == "streaming" else state)
        waiting = f"Waiting for EEG: source {state}"
        nothing = "No headset: this session has no EEG"
        if snapshot.left_out:
            nothing = "EEG left out: this session goes on without it"
        self._waiting.show_text(nothing if none else waiting)
        if none:
            self._stack.setCurrentWidget(self._waiting)
