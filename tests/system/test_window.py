"""The real window over a real session: keys in, a session folder and a report out."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.display
ROOT = Path(__file__).resolve().parent.parent.parent


def _pump(until, *, deadline=60.0):
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + deadline
    while not until():
        assert time.monotonic() < end, "the window never got there"
        QApplication.processEvents()
        time.sleep(0.005)


@pytest.fixture
def open_window(tmp_path):
    """Open the window over the demo, without sound; yields a function, closes what it opened."""
    from PySide6.QtWidgets import QApplication

    from app.session.plan import Plan
    from app.window.main_window import MainWindow
    from app.window.theme import Look, load_fonts

    app = QApplication.instance() or QApplication([])
    app.setStyle("Fusion")
    load_fonts()
    windows = []

    def make():
        from app.session.session import Session

        return Session(Plan(source="synthetic", seed=4, out=tmp_path, output="null"))

    def show():
        window = MainWindow(make, look=Look())
        window.resize(1440, 900)
        window.show()
        windows.append(window)
        return window

    yield show
    for window in windows:
        window.end()
        _pump(lambda window=window: not window.isVisible())
        window.deleteLater()
    app.processEvents()


def test_a_session_by_keys_ends_in_its_folder_and_report(open_window, tmp_path):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    window = open_window()
    assert window.screen_.bottom.stop.isEnabled()  # from the first moment on
    _pump(lambda: window._last.phase == "running" and window._last.t > 2.0)
    screen = window.screen_
    _pump(screen.signal.plot.isVisible)
    assert screen.top.source.words.startswith("8 ch  250 Hz  ·  streaming")
    assert window._last.simulated
    assert any("Simulated listener" in text for text in screen.notices.texts)

    QTest.keyClick(window, Qt.Key.Key_7)
    QTest.keyClick(window, Qt.Key.Key_M)
    QTest.keyClick(window, Qt.Key.Key_H)
    # For as long as the rated track is heard; on a busy machine that may be over before the hold.
    _pump(lambda: screen.rating.keys[6].property("last") == "true")
    _pump(lambda: window._last.ratings and window._last.marks)
    _pump(lambda: window._last.on_hold)
    QTest.keyClick(window, Qt.Key.Key_Space)
    _pump(lambda: window._last.phase == "paused")
    QTest.keyClick(window, Qt.Key.Key_Space)
    _pump(lambda: window._last.phase == "running")
    ticks = window._last.history.t.size
    _pump(lambda: window._last.history.t.size >= ticks + 2)  # what was asked for has been taken

    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window._last.phase == "running"
    pressed = time.perf_counter()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert time.perf_counter() - pressed < 1.0  # the key itself never waits for the records
    assert window._last.phase == "stopped"
    _pump(lambda: window.settled)

    said = [line.sentence for line in window._last.decisions]
    title = window._last.ratings[0].title
    for sentence in (f"Rated 7 of 9: {title}.", "Moment marked.", "Automation put on hold."):
        assert sentence in said
    assert said.index("Paused.") < said.index("Music goes on.") < said.index("Stopped.")
    assert window._last.report is not None
    assert screen.bottom.open_report.isEnabled()
    page = window._last.report.read_text(encoding="utf-8")
    assert "Simulated listener" in page
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    for kind in ("tick", "rating", "mark", "hold", "pause", "resume", "stop"):
        assert kind in kinds, kind


def test_the_command_opens_the_window_and_ends_well_when_it_is_told_to(tmp_path):
    command = [sys.executable, "-m", "app.commands", "run", "--output", "null", "--out"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "xcb"}
    process = subprocess.Popen(
        [*command, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 60
        while not list(tmp_path.glob("*/events.jsonl")):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end, "no session was started by the window"
            time.sleep(0.05)
        process.terminate()  # the same as closing the window
        said, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    (report,) = tmp_path.glob("*/report.html")
    assert said.splitlines() == [f"Session: {report.parent}", f"Report:  {report}"]
