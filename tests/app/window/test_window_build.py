"""The build of Qt in use, and what importing the window costs."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.display


def test_qt_calls_leave_the_references_to_none_and_true_alone(qt_app):
    """PySide6 6.12.0 loses one of each per call on CPython 3.11 and aborts after some thousand."""
    from PySide6.QtCore import QObject, Signal

    class Source(QObject):
        told = Signal(bool)

    source = Source()
    heard = []
    source.told.connect(heard.append)
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(300):
        source.told.emit(True)
        heard.clear()
        assert source.property("missing") is None
    after = sys.getrefcount(None), sys.getrefcount(True)
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) < 50


def test_importing_the_window_loads_no_qt():
    code = "import sys, app.window; print([m for m in sys.modules if 'PySide6' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_twenty_thousand_calls_leave_the_process_alive(qt_app):
    from PySide6.QtWidgets import QLabel

    label = QLabel()
    for i in range(20_000):
        label.setText(str(i))
    assert label.text() == "19999"
