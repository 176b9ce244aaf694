"""A real window on a real X display, fed by a session that tells the demo's story."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.doubles.fake_session import FakeSession

try:
    import PySide6.QtWidgets  # noqa: F401
except ImportError:
    # Qt's own system libraries are missing; in CI the import errors of the tests say so.
    if os.environ.get("ATTUNE_CI") != "1":
        collect_ignore_glob = ["test_window_*.py"]


def pump(until: Callable[[], Any], *, deadline: float = 10.0) -> None:
    """Let Qt work until `until()` is true; an assertion fails where it never gets so."""
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + deadline
    while not until():
        assert time.monotonic() < end, "the window never got there"
        QApplication.processEvents()
        time.sleep(0.002)
    QApplication.processEvents()


class Bench:
    """Opens windows and closes them again."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.now = 100.0  # the window's clock for the two presses of Esc
        self._windows: list[Any] = []

    def open(
        self,
        session: FakeSession | None = None,
        *,
        light: bool = False,
        size: tuple[int, int] = (1440, 900),
        running: bool = True,
        zoom: Any = None,
    ) -> Any:
        """Return a window that has been painted and whose session runs."""
        from app.window.main_window import MainWindow
        from app.window.theme import DARK, LIGHT, Look

        session = session or FakeSession(t0=100.0, speed=1e-4)
        look = Look(LIGHT if light else DARK)
        window = MainWindow(lambda: session, look=look, zoom=zoom, clock=lambda: self.now)
        window.resize(*size)
        window.show()
        self._windows.append(window)
        if running:
            pump(lambda: window._last.phase == "running")
            if session.info is not None:
                pump(lambda: window.screen_.signal.plot.isVisible())
            window._render()
        return window

    def close(self) -> None:
        """Close all windows; each ends its session first."""
        for window in self._windows:
            window.end()
            pump(lambda window=window: not window.isVisible())
            window.deleteLater()
        self._windows = []
        self.app.processEvents()

    pump = staticmethod(pump)


@pytest.fixture(scope="session")
def qt_app(display: str) -> Any:
    """The application; one for all tests."""
    from PySide6.QtWidgets import QApplication

    from app.window.theme import load_fonts

    app = QApplication.instance() or QApplication([])
    app.setStyle("Fusion")
    load_fonts()
    assert app.platformName() == "xcb"
    return app


@pytest.fixture
def bench(qt_app: Any) -> Iterator[Bench]:
    """Opens windows and closes them after the test."""
    out = Bench(qt_app)
    yield out
    out.close()
