"""The sheet of keys, made from the table of keys."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from app.window.keys import SHORTCUTS
from app.window.parts.pieces import KeyHint, Text, pad
from app.window.theme import px


class HelpSheet(QDialog):
    """What every key does; not modal, the session goes on."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.setModal(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(*pad(24, 20, 24, 22))
        whole.setSpacing(px(14))
        whole.addWidget(Text("Keys", size=18, weight=600))
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(18))
        grid.setVerticalSpacing(px(9))
        for i, shortcut in enumerate(SHORTCUTS):
            grid.addWidget(KeyHint(shortcut.action), i, 0, Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(Text(shortcut.what, size=13), i, 1)
        whole.addLayout(grid)
        note = "Esc Esc and Ctrl+. work in every window of the program."
        whole.addWidget(Text(note, size=12, role="2"))
