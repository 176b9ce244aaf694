"""Brings up Qt, the fonts and the window; the only function others call is `run`."""

from __future__ import annotations

import signal
from collections.abc import Callable

from PySide6.QtWidgets import QApplication

from app.session.contract import SessionLike
from app.window.main_window import MainWindow
from app.window.theme import Look, load_fonts, scheme_theme

SIZE = (1440, 900)


def run(make_session: Callable[[], SessionLike], *, title: str) -> int:
    """Show the window until it is closed; see `app.window.run_window`."""
    app = QApplication.instance() or QApplication([title])
    assert isinstance(app, QApplication)
    app.setApplicationName(title)
    app.setStyle("Fusion")
    load_fonts()
    window = MainWindow(make_session, look=Look(scheme_theme()), title=title)
    room = app.primaryScreen().availableGeometry()
    window.resize(min(SIZE[0], room.width()), min(SIZE[1], room.height()))
    window.show()
    # Ctrl-C in the terminal ends the session as the button does; Python sees it at the next frame.
    before = [(s, signal.signal(s, lambda *_: window.close())) for s in _SIGNALS]
    try:
        app.exec()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    if window.driver.error is not None:
        raise window.driver.error
    return 0


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
