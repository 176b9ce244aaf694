"""The client's side of the screen: enjoyment, entrainment, ratings, and the two plots."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy

from app.session.snapshot import Snapshot
from app.window import words
from app.window.keys import tip
from app.window.parts.gauges import Ring
from app.window.parts.pieces import Card, Paragraph, Text, row, stack
from app.window.screens.session.session_plot import SessionPlot
from app.window.theme import Look, color, font, px
from app.words import of_100
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
        self.state = _centred(Text(size=13, weight=600))
        self.weight = _centred(Text(size=12, role="2"))
        self.note = Paragraph(2, centred=True)
        self.body.addWidget(self.ring, 1)
        self.body.addLayout(stack(self.state, self.weight, self.note))

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the estimate of a snapshot."""
        estimate = snapshot.enjoyment
        symbol, state = words.enjoyment_word(snapshot)
        if estimate is None:
            self.ring.show_value(None, number="–", tick=snapshot.target)
        else:
            spread = Z90 * estimate.sd
            self.ring.show_value(
                estimate.mean,
                number=of_100(estimate.mean),
                below=f"± {100 * estimate.sd:.0f} (1 sd)",
                band=(estimate.mean - spread, estimate.mean + spread),
                tick=snapshot.target,
                held=not estimate.usable,
            )
        self.side.show_text(words.estimate_word(snapshot, estimate))
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
        self.state = _centred(Text(size=13, weight=600))
        self.chance = _centred(Text(size=12, role="2"))
        self.note = Paragraph(2, centred=True)
        self.body.addWidget(self.ring, 1)
        self.body.addLayout(stack(self.state, self.chance, self.note))
        self.side.show_text("estimate")

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the tracking of a snapshot."""
        tracking = snapshot.tracking
        symbol, state = words.tracking_word(snapshot)
        if tracking is None or not math.isfinite(tracking.r):
            self.ring.show_value(None, number="–")
        else:
            chance = tracking.r_null95
            self.ring.show_value(
                max(0.0, tracking.r),
                number=words.number(tracking.r),
                below="r",
                band=(tracking.r_low, tracking.r_high) if math.isfinite(tracking.r_low) else None,
                tick=chance if math.isfinite(chance) else None,
                held=not tracking.usable or tracking.state == "cannot tell",
            )
        self.side.show_text(words.estimate_word(snapshot, tracking))
        self.state.setText(f"{symbol} {state}")
        self.chance.setText(words.chance(snapshot))
        self.note.show_text(words.tracking_note(snapshot))


class RatingCard(Card):
    """The client's own rating, 1 to 9: one key or one click; it outranks every estimate."""

    def __init__(self, look: Look, rate: Callable[[int], object]) -> None:
        super().__init__("Client rating")
        self.keys: list[QPushButton] = []
        keys = QHBoxLayout()
        keys.setSpacing(px(5))
        for given in range(1, 10):
            key = QPushButton(str(given))
            key.setProperty("kind", "digit")
            key.setFont(font(12, 600))
            key.setMinimumSize(QSize(px(21), px(32)))
            key.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            key.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            key.setAutoDefault(False)
            key.setToolTip(tip("rate"))
            key.setAccessibleName(f"Rate {given} of 9")
            key.clicked.connect(lambda _=False, given=given: rate(given))
            self.keys.append(key)
            keys.addWidget(key)
        self.body.addLayout(keys)
        ends = row(
            Text("not at all", size=12, role="2"), None, Text("very much", size=12, role="2")
        )
        self.body.addLayout(ends)
        self._last = 0

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show the last rating of this track and its age."""
        rating = words.rated(snapshot)
        last = rating.given if rating is not None else 0
        self.side.show_text(words.rated_word(snapshot))
        if last != self._last:
            self._last = last
            for given, key in enumerate(self.keys, start=1):
                key.setProperty("last", "true" if given == last else "false")
                key.style().unpolish(key)
                key.style().polish(key)
        for key in self.keys:
            key.setEnabled("rate" in words.possible(snapshot))


class Swatch(QLabel):
    """A sample of a line of a plot, drawn as it is drawn there."""

    def __init__(self, look: Look, kind: str, token: str) -> None:
        super().__init__()
        self._look, self._kind, self._token = look, kind, token
        look.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        ratio = 2.0  # sharp up to twice its size
        out = QPixmap(round(ratio * px(16)), round(ratio * px(10)))
        out.setDevicePixelRatio(ratio)
        out.fill(Qt.GlobalColor.transparent)
        painter = QPainter(out)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(px(16) / 16, px(10) / 10)
        ink = color(getattr(self._look.theme, self._token))
        boxes = {
            "line": [(1.0, 3.8, 14.0, 2.4)],
            "dash": [(1.0, 4.3, 4.0, 1.4), (6.0, 4.3, 4.0, 1.4), (11.0, 4.3, 4.0, 1.4)],
            "full bar": [(1.0, 1.0, 14.0, 8.0)],
            "low bar": [(1.0, 7.2, 14.0, 1.8)],
            "dots": [(1.0, 4.0, 2.0, 2.0), (7.0, 4.0, 2.0, 2.0), (13.0, 4.0, 2.0, 2.0)],
        }
        if self._kind == "diamond":
            painter.translate(8, 5)
            painter.rotate(45)
            painter.fillRect(-3, -3, 6, 6, ink)
        for box in boxes.get(self._kind, ()):
            painter.fillRect(QRectF(*box), ink)
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
            self.head.addSpacing(px(8))
            self.head.addWidget(Swatch(look, kind, token))
            self.head.addWidget(Text(text, size=12, role="2"))
        self.plot = SessionPlot(look)
        self.body.addWidget(self.plot, 1)
        states = (
            ("full bar", "entrainment", "following"),
            ("low bar", "text2", "not following"),
            ("dots", "text2", "cannot tell"),
        )
        foot = row(Text("State:", size=11, role="2"), gap=6)
        foot.setContentsMargins(px(46), 0, 0, 0)
        for kind, token, text in states:
            foot.addSpacing(px(6))
            foot.addWidget(Swatch(look, kind, token))
            foot.addWidget(Text(text, size=11, role="2"))
        foot.addStretch(1)
        self.body.addLayout(foot)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw what is new."""
        self.plot.show_snapshot(snapshot)
