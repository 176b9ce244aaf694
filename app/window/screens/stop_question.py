"""Asks before the window's X ends a session."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from app.window.parts.pieces import Button, Text, pad, row
from app.window.theme import Look, px


class StopQuestion(QDialog):
    """Stop and close, or go on; not modal, the session goes on meanwhile."""

    def __init__(self, parent: QWidget, look: Look, *, stop: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setWindowTitle("A session is running")
        self.setModal(False)
        self.go_on = Button(
            look, "go_on", "play", text="Go on", does=self.reject, tooltip="The session goes on"
        )
        self.stop = Button(
            look,
            "stop_and_close",
            "stop",
            text="Stop and close",
            kind="stop",
            does=stop,
            tooltip="Stop the session, write its report and close the window",
        )
        whole = QVBoxLayout(self)
        whole.setContentsMargins(*pad(24, 20, 24, 20))
        whole.setSpacing(px(14))
        whole.addWidget(Text("Stop the session and close the window?", size=15, weight=600))
        text = "Music and low-frequency layer fade out; records and report are written."
        whole.addWidget(Text(text, size=13, role="2"))
        whole.addLayout(row(None, self.go_on, self.stop, gap=10))
        self.go_on.setDefault(True)
