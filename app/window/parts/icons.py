"""Icons as small SVG drawings, coloured by the theme; and the cover of a track without one."""

from __future__ import annotations

import hashlib
import math

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QLinearGradient, QPainter, QPainterPath, QPixmap
from PySide6.QtSvg import QSvgRenderer

_LINE = 'fill="none" stroke="{c}" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"'
_DRAWINGS = {
    "pause": f'<path {_LINE} d="M8.5 5v14M15.5 5v14"/>',
    "pause_solid": '<path fill="{c}" d="M7 5.5h3.4v13H7zM13.6 5.5H17v13h-3.4z"/>',
    "play": f'<path {_LINE} d="M8 5.2l10 6.8-10 6.8z"/>',
    "play_solid": '<path fill="{c}" d="M8.5 5l10.5 7-10.5 7z"/>',
    "next": f'<path {_LINE} d="M6 5.5l9 6.5-9 6.5zM18.5 5v14"/>',
    "skip": f'<path {_LINE} d="M4 6l7 6-7 6zM12.5 6l7 6-7 6z"/>',
    "undo": f'<path {_LINE} d="M8.5 4.5L4 9l4.5 4.5M4.5 9H14a5.2 5.2 0 0 1 0 10.4H8"/>',
    "next_solid": '<path fill="{c}" d="M6 5.5l9 6.5-9 6.5zM16.2 5.5h2.2v13h-2.2z"/>',
    "hand": f'<path {_LINE} d="M8 12.5V6.7a1.4 1.4 0 0 1 2.8 0V11 4.9a1.4 1.4 0 0 1 2.8 0V11 '
    "6.2a1.4 1.4 0 0 1 2.8 0v7.3c0 4-2.2 6.3-5.2 6.3-2.7 0-4-1.2-5.4-3.7l-2-3.6c-.8-1.6 "
    '1-2.6 2.1-1.2z"/>',
    "wave_off": f'<path {_LINE} d="M3 12c2-5 4-5 6 0s4 5 6 0 4-5 6 0M5 20L19 4"/>',
    "flag": f'<path {_LINE} d="M6 20.5v-17M6 4.5c4-2 7 2 12 0v9c-5 2-8-2-12 0"/>',
    "stop": '<rect fill="{c}" x="5.5" y="5.5" width="13" height="13" rx="1.5"/>',
    "sun": f'<circle {_LINE} cx="12" cy="12" r="3.8"/><path {_LINE} d="M12 3v2.2M12 18.8V21M3 12'
    'h2.2M18.8 12H21M5.6 5.6l1.6 1.6M16.8 16.8l1.6 1.6M5.6 18.4l1.6-1.6M16.8 7.2l1.6-1.6"/>',
    "moon": f'<path {_LINE} d="M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7z"/>',
    "help": f'<path {_LINE} d="M9 9.2a3 3 0 1 1 4.6 2.6c-1 .7-1.6 1.2-1.6 2.4"/>'
    '<circle fill="{c}" cx="12" cy="17.6" r="1.1"/>',
    "info": f'<circle {_LINE} cx="12" cy="12" r="8.5"/><path {_LINE} d="M12 11v5.2"/>'
    '<circle fill="{c}" cx="12" cy="7.8" r="1.1"/>',
    "warning": f'<path {_LINE} d="M12 4l9 15.5H3zM12 10v4.4"/>'
    '<circle fill="{c}" cx="12" cy="16.9" r="1"/>',
    "error": f'<path {_LINE} d="M8.3 3.5h7.4l4.8 4.8v7.4l-4.8 4.8H8.3l-4.8-4.8V8.3zM9.2 9.2l5.6 '
    '5.6M14.8 9.2l-5.6 5.6"/>',
    "report": f'<path {_LINE} d="M6 3.5h8.5L18.5 8v12.5H6zM14 3.8V8.5h4.4M9 12.5h6M9 16h6"/>',
    "folder": f'<path {_LINE} d="M3.5 6h6l2 2.5h9V19h-17z"/>',
    "close": f'<path {_LINE} d="M6 6l12 12M18 6L6 18"/>',
}
NAMES = tuple(_DRAWINGS)


def pixmap(name: str, ink: str, size: int, *, ratio: float = 1.0) -> QPixmap:
    """Return icon `name` in colour `ink`, `size` pixels wide at scale factor `ratio`."""
    body = _DRAWINGS[name].replace("{c}", ink)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{body}</svg>'
    out = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    out.fill(Qt.GlobalColor.transparent)
    painter = QPainter(out)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    out.setDevicePixelRatio(ratio)
    return out


def icon(name: str, ink: str, size: int) -> QIcon:
    """Return icon `name` in colour `ink`, sharp up to twice its size."""
    return QIcon(pixmap(name, ink, size, ratio=2.0))


def cover(title: str, size: int, *, dark: bool, ratio: float = 2.0) -> QPixmap:
    """Draw a calm landscape whose colours and hills come from the title alone."""
    seed = hashlib.sha256(title.encode()).digest()
    hue = 0.44 + 0.44 * seed[0] / 256  # teal over blue to plum; nothing loud
    out = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    out.setDevicePixelRatio(ratio)
    out.fill(Qt.GlobalColor.transparent)
    painter = QPainter(out)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    clip = QPainterPath()
    clip.addRoundedRect(QRectF(0, 0, size, size), size / 8, size / 8)
    painter.setClipPath(clip)
    sky = QLinearGradient(QPointF(0, 0), QPointF(size, size))
    value, pale = (0.52, 0.46) if dark else (0.86, 0.30)
    sky.setColorAt(0.0, QColor.fromHsvF(hue, pale + 0.12, value))
    sky.setColorAt(1.0, QColor.fromHsvF((hue + 0.16) % 1.0, pale, value + 0.08))
    painter.fillRect(QRectF(0, 0, size, size), sky)
    painter.setPen(Qt.PenStyle.NoPen)
    shades = [
        QColor.fromHsvF((hue + 0.08) % 1.0, pale * 0.7, min(1.0, value + 0.22), 0.55),
        QColor.fromHsvF((hue + 0.12) % 1.0, pale * 0.8, min(1.0, value + 0.12), 0.75),
        QColor.fromHsvF(0.1, 0.34, min(0.93, value + 0.26), 0.85),
    ]
    for layer, shade in enumerate(shades):
        base = size * (0.52 + 0.17 * layer)
        high = size * (0.05 + 0.05 * seed[3 + layer] / 255)
        turns = 1.0 + seed[6 + layer] / 255
        phase = 2 * math.pi * seed[9 + layer] / 255
        hill = QPainterPath(QPointF(0, size))
        for step in range(41):
            x = step / 40
            hill.lineTo(size * x, base + high * math.sin(2 * math.pi * turns * x + phase))
        hill.lineTo(size, size)
        hill.closeSubpath()
        painter.setBrush(shade)
        painter.drawPath(hill)
    painter.end()
    return out
