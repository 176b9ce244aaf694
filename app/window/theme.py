"""Colours, type and the one style sheet: every widget and plot reads the same tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication

FONTS = Path(__file__).parent / "fonts"
TEXT_PX = 13  # px of a text of the design; all other sizes of it are relative to this one


@dataclass(frozen=True)
class Theme:
    """Colours of one appearance, as ``#RRGGBB``; what each is for is its name."""

    name: str
    window: str
    card: str
    raised: str
    track: str
    line: str
    text1: str
    text2: str
    text3: str
    enjoyment: str
    entrainment: str
    primary: str  # fill of the one primary button
    on_primary: str
    layer: str
    good: str
    fair: str
    poor: str
    trace: str
    trace_weak: str
    stop: str
    on_stop: str
    focus: str


DARK = Theme(
    name="dark",
    window="#0E1620",
    card="#15202C",
    raised="#1D2A38",
    track="#27374A",
    line="#2B3B4D",
    text1="#EAF1F7",
    text2="#B3C1CE",
    text3="#8A9BAC",
    enjoyment="#F2B34C",
    entrainment="#3FC4B2",
    primary="#3FC4B2",
    on_primary="#0E1620",
    layer="#8FB0FF",
    good="#6CC5F2",
    fair="#F2B34C",
    poor="#FF8266",
    trace="#8FB4CC",
    trace_weak="#5B6B7A",
    stop="#B8392C",
    on_stop="#FFFFFF",
    focus="#9BD1FF",
)
LIGHT = Theme(
    name="light",
    window="#F2F5F8",
    card="#FFFFFF",
    raised="#E9EEF3",
    track="#DDE5EC",
    line="#D3DCE5",
    text1="#15212C",
    text2="#44566A",
    text3="#56687B",
    enjoyment="#9C6300",
    entrainment="#00736A",
    primary="#0A7568",
    on_primary="#FFFFFF",
    layer="#4A4FC4",
    good="#0F6FA8",
    fair="#9C6300",
    poor="#9E1239",
    trace="#3F627C",
    trace_weak="#93A3B2",
    stop="#B8392C",
    on_stop="#FFFFFF",
    focus="#1459B8",
)


class Look(QObject):
    """The theme in force; widgets that paint themselves repaint on `changed`."""

    changed = Signal()

    def __init__(self, theme: Theme = DARK) -> None:
        super().__init__()
        self.theme = theme

    def toggle(self) -> None:
        """Change between dark and light."""
        self.theme = LIGHT if self.theme is DARK else DARK
        self.changed.emit()


def load_fonts() -> None:
    """Register the bundled Inter and make it the font of the program; figures all one width."""
    for file in sorted(FONTS.glob("*.otf")):
        QFontDatabase.addApplicationFont(str(file))
    set_text_px(TEXT_PX)


def set_text_px(size: int) -> None:
    """Draw texts, and everything else in proportion, as if `size` px were the size of a text.

    The font of the application holds it, so that tooltips and dialogs grow too; what is on the
    screen already has to be made anew.
    """
    QGuiApplication.setFont(_inter(size, 400))


def px(size: float) -> int:
    """Return `size` pixels of the design in pixels of the screen."""
    return round(size * QGuiApplication.font().pixelSize() / TEXT_PX)


def font(size: float, weight: int = 400) -> QFont:
    """Return the interface font in `size` px of the design (never under 11), tabular figures."""
    return _inter(px(max(11.0, size)), weight)


def _inter(size: int, weight: int) -> QFont:
    out = QFont("Inter")
    out.setStyleHint(QFont.StyleHint.SansSerif)
    out.setPixelSize(size)
    out.setWeight(QFont.Weight(weight))
    out.setFeature(QFont.Tag("tnum"), 1)
    return out


def color(token: str, alpha: float = 1.0) -> QColor:
    """Return a token as a colour with opacity `alpha` 0..1."""
    out = QColor(token)
    out.setAlphaF(alpha)
    return out


def scheme_theme() -> Theme:
    """Return the theme the system asks for; dark where it does not say (therapy rooms)."""
    scheme = QGuiApplication.styleHints().colorScheme()
    return LIGHT if scheme is Qt.ColorScheme.Light else DARK


def style_sheet(t: Theme) -> str:
    """Return the style sheet of a theme; fonts are set on the widgets, not here."""
    return f"""
QMainWindow, QDialog, QWidget#screen {{ background: {t.window}; }}
QLabel {{ color: {t.text1}; background: transparent; }}
QLabel[role="2"] {{ color: {t.text2}; }}
QLabel[role="3"] {{ color: {t.text3}; }}
QLabel[role="enjoyment"] {{ color: {t.enjoyment}; }}
QLabel[role="entrainment"] {{ color: {t.entrainment}; }}
QLabel[role="layer"] {{ color: {t.layer}; }}
QFrame#bar {{ background: {t.card}; border: none; }}
QFrame#bar[edge="bottom"] {{ border-bottom: 1px solid {t.line}; }}
QFrame#bar[edge="top"] {{ border-top: 1px solid {t.line}; }}
QFrame#card {{ background: {t.card}; border: 1px solid {t.line}; border-radius: {px(14)}px; }}
QFrame#chip {{ background: {t.raised}; border: 1px solid {t.line};
  border-radius: {px(30) // 2}px; }}
QFrame#badge {{ background: transparent; border: 1px solid {t.layer};
  border-radius: {px(22) // 2}px; }}
QFrame#badge QLabel {{ color: {t.layer}; }}
QFrame#notice {{ background: {t.card}; border: 1px solid {t.line}; border-radius: {px(10)}px; }}
QFrame#notice[severity="info"] {{ border-color: {t.layer}; }}
QFrame#notice[severity="warning"] {{ border-color: {t.fair}; }}
QFrame#notice[severity="error"] {{ border-color: {t.poor}; }}
QLabel#key {{ color: {t.text2}; background: {t.window}; border: 1px solid {t.line};
  border-radius: {px(5)}px; padding: 1px {px(7)}px; }}
QPushButton {{ color: {t.text1}; background: {t.raised}; border: 1px solid {t.line};
  border-radius: {px(10)}px; padding: 0 {px(14)}px; outline: none; }}
QPushButton:hover {{ background: {t.track}; }}
QPushButton:pressed {{ background: {t.line}; }}
QPushButton:focus {{ border: 2px solid {t.focus}; }}
QPushButton:disabled {{ color: {t.text3}; background: {t.card}; }}
QPushButton:checked {{ background: {t.track}; border: 2px solid {t.fair}; }}
QPushButton[kind="round"] {{ padding: 0; border-radius: {px(42) // 2}px; }}
QPushButton[kind="primary"] {{ padding: 0; border-radius: {px(50) // 2}px; color: {t.on_primary};
  background: {t.primary}; border: 2px solid {t.primary}; }}
QPushButton[kind="primary"]:focus {{ border: 2px solid {t.focus}; }}
QPushButton[kind="primary"]:disabled {{ background: {t.track}; border-color: {t.track}; }}
QPushButton[kind="wide"] {{ color: {t.on_primary}; background: {t.primary};
  border: 2px solid {t.primary}; }}
QPushButton[kind="wide"]:focus {{ border: 2px solid {t.focus}; }}
QPushButton[kind="wide"]:disabled {{ color: {t.text3}; background: {t.card};
  border-color: {t.line}; }}
QPushButton[kind="stop"] {{ color: {t.on_stop}; background: {t.stop}; border: 2px solid {t.stop}; }}
QPushButton[kind="stop"]:focus {{ border: 2px solid {t.focus}; }}
QPushButton[kind="stop"]:disabled {{ color: {t.text3}; background: {t.card};
  border-color: {t.line}; }}
QPushButton[kind="digit"] {{ padding: 0; border-radius: {px(7)}px; border: 2px solid {t.raised};
  color: {t.text2}; }}
QPushButton[kind="digit"]:hover {{ background: {t.track}; border-color: {t.track}; }}
QPushButton[kind="digit"][last="true"] {{ color: {t.card}; background: {t.enjoyment};
  border-color: {t.enjoyment}; }}
QPushButton[kind="digit"]:focus {{ border: 2px solid {t.focus}; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollArea:focus {{ border: 2px solid {t.focus}; border-radius: {px(8)}px; }}
QScrollBar:vertical {{ background: transparent; width: {px(8)}px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {t.line}; border-radius: {px(4)}px;
  min-height: {px(24)}px; }}
QScrollBar::add-line:vertical, QScrollBar::sub-line:vertical {{ height: 0; }}
QScrollBar::add-page:vertical, QScrollBar::sub-page:vertical {{ background: transparent; }}
QToolTip {{ color: {t.text1}; background: {t.raised}; border: 1px solid {t.line};
  padding: {px(4)}px; }}
"""
