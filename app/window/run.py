"""Brings up Qt, the fonts and the window; the only function others call is `run`."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.paths import settings_folder
from app.session.contract import SessionLike
from app.session.endings import noted_endings
from app.window.main_window import MainWindow
from app.window.theme import Look, load_fonts, px, scheme_theme
from app.window.zoom import Zoom, usual_text_px

SIZE = (1440, 900)
_LOOK_MS = 50


def run(
    make_session: Callable[[], SessionLike],
    *,
    title: str,
    on_stop: Callable[[], None] = lambda: None,
    make_without: Callable[[], SessionLike] | None = None,
) -> int:
    """Show the window until it is closed; see `app.window.run_window`."""
    app = QApplication.instance() or QApplication([title])
    assert isinstance(app, QApplication)
    app.setApplicationName(title)
    app.setStyle("Fusion")
    load_fonts()
    whole = app.primaryScreen().size()
    zoom = Zoom(usual_text_px(whole.width(), whole.height()), settings_folder() / "window.json")
    look = Look(scheme_theme())
    window = MainWindow(
        make_session, look=look, title=title, make_without=make_without, zoom=zoom, on_stop=on_stop
    )
    room = app.primaryScreen().availableGeometry()
    window.resize(min(px(SIZE[0]), room.width()), min(px(SIZE[1]), room.height()))
    window.show()
    # A signal may come in the middle of painting: it is noted, and acted on from the event loop.
    with noted_endings() as asked:
        timer = QTimer(interval=_LOOK_MS)
        timer.timeout.connect(lambda: window.end() if asked else None)
        timer.start()
        app.exec()
        timer.stop()
    if window.driver.error is not None:
        raise window.driver.error
    return 0
