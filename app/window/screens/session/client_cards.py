"""The client's side of the screen: enjoyment, entrainment, ratings, and the two plots."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy

from app.session.snapshot import Snapshot
from app.window import words
from app.window.keys import tip
from app.window.parts.gauges import Ring
from app.window.parts.pieces import Card, Paragraph, Text, row, stack
from app.window.screens.session.session_plot import SessionPlot
from app.window.theme import Look, color, font
from dsp.intervals import Z90

_T = TypeVar("_T", bound=QLabel)
_R_SCALE = 0.6  # end of the entrainment ring; scalp EEG rarely correlates more with a sound


def _centred(text: _T) -> _T:
    text.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return text


class EnjoymentCard(Card):
    """The estimate with its 90 % interval, the target, and how much the EEG counts in it."""

    def __init__(self, look: Look) -> None:
        super().__init__("Enjoyment")
        self.side.show_text("estimate")
        self.ring = Ring(
            look, token="enjoyment", low=0.0, high=1.0, name="Enjoyment, estimate, 0 to 100"
        )
        self.state = _centred(Text(px=13, weight=600))
        self.weight = _centred(Text(px=12, role="2"))
        self.note = Paragraph(2, centred=True)
        self.body.addWidget(self.ring, 1)
        self.body.addLayout(stack(self.state, self.weight, self.note))

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the estimate of a snapshot."""
        estimate = snapshot.enjoyment
        symbol, state = words.enjoyment_word(estimate, snapshot.target)
        if estimate is None:
            self.ring.show_value(None, number="–", tick=snapshot.target)
        else:
            spread = Z90 * estimate.sd
            self.ring.show_value(
                estimate.mean,
                number=f"{round(100 * estimate.mean)}",
                below=f"± {round(100 * estimate.sd)}",
                band=(estimate.mean - spread, estimate.mean + spread),
                tick=snapshot.target,
                held=not estimate.usable,
            )
        self.side.show_text("estimate, held" if estimate and not estimate.usable else "estimate")
        self.state.setText(f"{symbol} {state}")
        self.weight.setText(words.eeg_weight(snapshot))
        self.note.show_text(words.enjoyment_note(snapshot))


class EntrainmentCard(Card):
    """Correlation with the music beside its chance level, and the state that follows from both."""

    def __init__(self, look: Look) -> None:
        super().__init__("Entrainment")
        self.ring = Ring(
            look,
            token="entrainment",
            low=0.0,
            high=_R_SCALE,
            name="Entrainment, correlation of EEG with the music",
        )
        self.state = _centred(Text(px=13, weight=600))
        self.chance = _centred(Text(px=12, role="2"))
        self.note = Paragraph(2, centred=True)
        self.body.addWidget(self.ring, 1)
        self.body.addLayout(stack(self.state, self.chance, self.note))
        self.side.show_text("estimate")

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the tracking of a snapshot."""
        tracking = snapshot.tracking
        symbol, state = words.tracking_word(tracking)
        if tracking is None or not math.isfinite(tracking.r):
            self.ring.show_value(None, number="–", below="r")
        else:
            chance = tracking.r_null95
            self.ring.show_value(
                max(0.0, tracking.r),
                number=words.number(tracking.r),
                below="r",
                band=(tracking.r_low, tracking.r_high) if math.isfinite(tracking.r_low) else None,
                tick=chance if math.isfinite(chance) else None,
                held=not tracking.usable,
            )
        held = tracking is not None and not tracking.usable
        self.side.show_text("estimate, held" if held else "estimate")
        self.state.setText(f"{symbol} {state}")
        self.chance.setText(words.chance(tracking))
        self.note.show_text(words.tracking_note(tracking))


class RatingCard(Card):
    """The client's own rating, 1 to 9: one key or one click; it outranks every estimate."""

    def __init__(self, look: Look, rate: Callable[[int], object]) -> None:
        super().__init__("Client rating")
        self.keys: list[QPushButton] = []
        keys = QHBoxLayout()
        keys.setSpacing(5)
        for given in range(1, 10):
            key = QPushButton(str(given))
            key.setProperty("kind", "digit")
            key.setFont(font(12, 600))
            key.setMinimumSize(QSize(21, 32))
            key.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            key.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            key.setAutoDefault(False)
            key.setToolTip(tip("rate"))
            key.setAccessibleName(f"Rate {given} of 9")
            key.clicked.connect(lambda _=False, given=given: rate(given))
            self.keys.append(key)
            keys.addWidget(key)
        self.body.addLayout(keys)
        ends = row(Text("not at all", px=12, role="2"), None, Text("very much", px=12, role="2"))
        self.body.addLayout(ends)
        self._last = 0

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the last rating and its age."""
        if snapshot.ratings:
            t, last = snapshot.ratings[-1]
            self.side.show_text(f"{last}, {words.ago(snapshot.t - t)}")
        else:
            last = 0
            self.side.show_text("none yet")
        if last != self._last:
            self._last = last
            for given, key in enumerate(self.keys, start=1):
                key.setProperty("last", "true" if given == last else "false")
                key.style().unpolish(key)
                key.style().polish(key)
        for key in self.keys:
            key.setEnabled(snapshot.phase in ("running", "paused"))


class Swatch(QLabel):
    """A sample of a line of a plot, drawn as it is drawn there."""

    def __init__(self, look: Look, kind: str, token: str) -> None:
        super().__init__()
        self._look, self._kind, self._token = look, kind, token
        look.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        out = QPixmap(32, 20)
        out.setDevicePixelRatio(2.0)
        out.fill(Qt.GlobalColor.transparent)
        painter = QPainter(out)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = color(getattr(self._look.theme, self._token))
        pen = painter.pen()
        pen.setColor(ink)
        pen.setWidthF({"thick": 6.0, "dash": 1.4}.get(self._kind, 2.4))
        if self._kind in ("dash", "dots"):
            pen.setDashPattern([3.0, 2.4] if self._kind == "dash" else [1.0, 1.4])
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        if self._kind == "diamond":
            painter.translate(8, 5)
            painter.rotate(45)
            painter.fillRect(-3, -3, 6, 6, ink)
        else:
            painter.drawLine(1, 5, 15, 5)
        painter.end()
        self.setPixmap(out)


class SessionCard(Card):
    """The plot of the session so far, with the legend of its lines."""

    def __init__(self, look: Look) -> None:
        super().__init__("This session")
        self.side.hide()
        legend = (
            ("line", "enjoyment", "Enjoyment, 90 % band"),
            ("line", "entrainment", "Entrainment r"),
            ("dash", "text2", "Chance level"),
            ("diamond", "text1", "Client rating"),
        )
        for kind, token, text in legend:
            self.head.addSpacing(8)
            self.head.addWidget(Swatch(look, kind, token))
            self.head.addWidget(Text(text, px=12, role="2"))
        self.plot = SessionPlot(look)
        self.body.addWidget(self.plot, 1)
        states = (
            ("thick", "entrainment", "following"),
            ("line", "text2", "not following"),
            ("dots", "text3", "cannot tell"),
        )
        foot = row(Text("State:", px=11, role="2"), gap=6)
        foot.setContentsMargins(46, 0, 0, 0)
        for kind, token, text in states:
            foot.addSpacing(6)
            foot.addWidget(Swatch(look, kind, token))
            foot.addWidget(Text(text, px=11, role="2"))
        foot.addStretch(1)
        self.body.addLayout(foot)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw what is new."""
        self.plot.show_snapshot(snapshot)
