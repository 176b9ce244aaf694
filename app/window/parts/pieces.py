"""The small parts every card and bar is made of: texts, chips, buttons with a key beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QTextLayout
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.session.snapshot import Snapshot
from app.window.keys import BY_ACTION, tip
from app.window.parts.icons import icon, pixmap
from app.window.theme import Look, font, px


class Text(QLabel):
    """A label that can be cut off with an ellipsis and is only repainted when it changes."""

    def __init__(
        self,
        text: str = "",
        *,
        size: float = 13,
        weight: int = 400,
        role: str = "1",
        wrap: bool = False,
    ) -> None:
        super().__init__(text)
        self.setFont(font(size, weight))
        self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)

    def show_text(self, text: str) -> None:
        """Show `text`."""
        if text != self.text():
            self.setText(text)


class Elided(Text):
    """One line that ends in an ellipsis where there is no room; the whole is its tooltip."""

    def __init__(
        self, text: str = "", *, size: float = 13, weight: int = 400, role: str = "1"
    ) -> None:
        super().__init__(text, size=size, weight=weight, role=role)
        self._whole = text
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Show as much of `text` as there is room for."""
        if text != self._whole:
            self._whole = text
            self._fit()

    def resizeEvent(self, event: object) -> None:
        """Fit the text to the new width."""
        self._fit()

    def _fit(self) -> None:
        room = max(0, self.width())
        short = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room)
        self.setText(short)
        self.setToolTip(self._whole if short != self._whole else "")
        self.setAccessibleName(self._whole)


class Paragraph(Text):
    """A text of at most `lines` lines that always takes their room, so that nothing jumps.

    What does not fit ends in an ellipsis; the whole is its tooltip and what assistive technology
    reads.
    """

    def __init__(
        self, lines: int, *, size: float = 12, role: str = "2", centred: bool = False
    ) -> None:
        super().__init__("", size=size, role=role)
        self._lines, self._centred = lines, centred
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return the room of all lines."""
        return QSize(px(40), self._lines * self.fontMetrics().lineSpacing())

    def minimumSizeHint(self) -> QSize:
        """Return the room of all lines."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the lines, the last one shortened where it has to be."""
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        across = Qt.AlignmentFlag.AlignHCenter if self._centred else Qt.AlignmentFlag.AlignLeft
        height = self.fontMetrics().lineSpacing()
        shown = self.lines()
        for i, line in enumerate(shown):
            box = QRect(0, i * height, self.width(), height)
            painter.drawText(box, across | Qt.AlignmentFlag.AlignVCenter, line)
        painter.end()
        self.setToolTip(self.text() if shown and shown[-1].endswith("…") else "")

    def lines(self) -> list[str]:
        """Return the lines as they are drawn."""
        text = self.text()
        out: list[str] = []
        layout = QTextLayout(text, self.font())
        layout.beginLayout()
        while text and len(out) < self._lines:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(self.width())
            rest = text[line.textStart() :]
            if len(out) == self._lines - 1:
                side = Qt.TextElideMode.ElideRight
                out.append(self.fontMetrics().elidedText(rest, side, self.width()))
            else:
                out.append(rest[: line.textLength()].rstrip())
        layout.endLayout()
        return out


def pad(*sizes: float) -> tuple[int, ...]:
    """Return margins of the design in pixels of the screen."""
    return tuple(px(size) for size in sizes)


def row(*widgets: QWidget | None, gap: int = 8) -> QHBoxLayout:
    """Return the widgets in a row; None is a stretch."""
    out = QHBoxLayout()
    out.setContentsMargins(0, 0, 0, 0)
    out.setSpacing(px(gap))
    for widget in widgets:
        if widget is None:
            out.addStretch(1)
        else:
            out.addWidget(widget)
    return out


def stack(*widgets: QWidget, gap: int = 2) -> QVBoxLayout:
    """Return the widgets close under each other."""
    out = QVBoxLayout()
    out.setContentsMargins(0, 0, 0, 0)
    out.setSpacing(px(gap))
    for widget in widgets:
        out.addWidget(widget)
    return out


class Card(QFrame):
    """A titled card; `side` is the small text at the right of its title."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setAccessibleName(title)
        self.side = Text(size=12, role="2")
        self.side.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.head = row(Text(title, size=15, weight=600), None, self.side)
        self.body = QVBoxLayout(self)
        self.body.addLayout(self.head)
        self.set_compact(False)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show what this card is for; every card has its own."""
        raise NotImplementedError

    def set_compact(self, compact: bool) -> None:
        """Use less space inside."""
        self.body.setContentsMargins(*pad(*((14, 9, 14, 9) if compact else (16, 13, 16, 13))))
        self.body.setSpacing(px(4 if compact else 8))


class Chip(QFrame):
    """A rounded chip: a dot whose shape says its grade, and words."""

    def __init__(self, look: Look, name: str) -> None:
        super().__init__()
        self.setObjectName("chip")
        self.setFixedHeight(px(30))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._look, self._name = look, name
        self._token = "text3"
        self._dot = QLabel()
        self._dot.setFont(font(11))
        self._words = Text(size=12, weight=600)
        inside = row(self._dot, self._words, gap=7)
        inside.setContentsMargins(*pad(11, 0, 12, 0))
        self.setLayout(inside)
        look.changed.connect(self._paint_dot)

    def show_state(self, words: str, *, dot: str, token: str, tooltip: str = "") -> None:
        """Show `words` after a `dot` character in the colour `token`."""
        self._words.show_text(words)
        if (dot, token) != (self._dot.text(), self._token):
            self._dot.setText(dot)
            self._token = token
            self._paint_dot()
        self.setToolTip(tooltip)
        self.setAccessibleName(f"{self._name}: {words}")

    @property
    def words(self) -> str:
        """What it says."""
        return self._words.text()

    def _paint_dot(self) -> None:
        self._dot.setStyleSheet(f"color: {getattr(self._look.theme, self._token)}")


class Button(QPushButton):
    """A button with an icon that follows the theme; a click leaves the keyboard focus alone."""

    def __init__(
        self,
        look: Look,
        action: str,
        icon_name: str,
        *,
        text: str = "",
        kind: str = "action",
        does: Callable[[], object] | None = None,
        height: int = 42,
        tooltip: str = "",
    ) -> None:
        super().__init__(text)
        self._look, self._icon, self._kind = look, icon_name, kind
        self.setFont(font(13, 600))
        self.setProperty("kind", kind)
        self.setFixedHeight(px(height))
        if kind in ("round", "primary"):
            self.setFixedWidth(px(height))
        if kind == "primary":
            self.setIconSize(QSize(px(26), px(26)))
        else:
            self.setIconSize(QSize(px(18), px(18)))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAutoDefault(False)
        what = tip(action) if action in BY_ACTION else tooltip
        self.setToolTip(what)
        self.setAccessibleName(text or what)
        self.setAccessibleDescription(what)
        if does is not None:
            # A lambda drops the "checked" that Qt hands over.
            self.clicked.connect(lambda: does())
        look.changed.connect(self._paint_icon)
        self._paint_icon()

    def show_icon(self, icon_name: str) -> None:
        """Change the icon."""
        if icon_name != self._icon:
            self._icon = icon_name
            self._paint_icon()

    def changeEvent(self, event: object) -> None:
        """Grey the icon of a disabled button."""
        super().changeEvent(event)  # type: ignore[arg-type]
        if hasattr(self, "_look"):
            self._paint_icon()

    def _paint_icon(self) -> None:
        t = self._look.theme
        filled = {"primary": t.on_primary, "wide": t.on_primary, "stop": t.on_stop}
        ink = filled.get(self._kind, t.text1) if self.isEnabled() else t.text3
        wanted = (self._icon, ink)
        if wanted != getattr(self, "_painted", None):
            self._painted = wanted
            self.setIcon(icon(self._icon, ink, self.iconSize().width()))


class KeyHint(QLabel):
    """The key of an action, drawn as a key."""

    def __init__(self, action: str) -> None:
        super().__init__(BY_ACTION[action].shown)
        self.setObjectName("key")
        self.setFont(font(11, 600))
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setFixedHeight(px(20))


class Notice(QFrame):
    """A slim sentence that has to be seen; its icon has a shape of its own for each severity."""

    _TOKENS: ClassVar = {"info": "layer", "warning": "fair", "error": "poor"}

    def __init__(self, look: Look, severity: str, text: str) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.setProperty("severity", severity)
        self._look, self._severity = look, severity
        self._icon = QLabel()
        self.text = Text(text, size=12, weight=500, wrap=True)
        inside = row(self._icon, self.text, gap=8)
        inside.setStretch(1, 1)
        inside.setContentsMargins(*pad(10, 5, 12, 5))
        self.setLayout(inside)
        self.setAccessibleName(text)
        look.changed.connect(self._paint_icon)
        self._paint_icon()

    def _paint_icon(self) -> None:
        ink = getattr(self._look.theme, self._TOKENS[self._severity])
        self._icon.setPixmap(pixmap(self._severity, ink, px(16), ratio=2.0))
