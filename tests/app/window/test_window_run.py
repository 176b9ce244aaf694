"""How the window is brought up and ended from outside."""

import os
import signal
import threading

import pytest

from tests.doubles.eeg_fakes import wait_until
from tests.doubles.fake_session import FakeSession

pytestmark = [
    pytest.mark.display,
    pytest.mark.skipif(os.name != "posix", reason="signals are POSIX"),
]


def test_a_signal_in_the_middle_of_painting_ends_the_window_only_after_it(bench, monkeypatch):
    from app.window.main_window import MainWindow
    from app.window.run import run

    painting: list[bool] = [False]
    ended: list[bool] = []
    paint, close = MainWindow.paintEvent, MainWindow.closeEvent
    frame = MainWindow._on_frame

    def on_frame(window):
        frame(window)
        window.update()  # or it is only its parts that are painted again

    def paint_event(window, event):
        painting[0] = True
        paint(window, event)
        if window._last.phase == "running" and not ended:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.raise_signal(number)
        painting[0] = False

    def close_event(window, event):
        ended.append(painting[0])
        close(window, event)

    monkeypatch.setattr(MainWindow, "_on_frame", on_frame)
    monkeypatch.setattr(MainWindow, "paintEvent", paint_event)
    monkeypatch.setattr(MainWindow, "closeEvent", close_event)
    session = FakeSession(t0=100.0, speed=1e-4)
    assert run(lambda: session, title="Attune") == 0
    assert ended
    assert not any(ended)
    assert [name for name, _ in session.calls if name in ("stop", "close")] == ["stop", "close"]


def test_a_window_that_is_left_ends_the_search_for_a_board(bench):
    from app.window.driver import Driver

    leaving = threading.Event()
    made = threading.Event()

    def make() -> FakeSession:
        assert leaving.wait(10.0)  # as a board is waited for that does not answer
        made.set()
        return FakeSession(t0=100.0, speed=1e-4)

    driver = Driver(make, leaving.set)
    driver.open()
    driver.stop()
    assert made.wait(5.0)
    driver.close()
    wait_until(lambda: driver.is_closed)
    assert driver.session is not None
    assert "start" not in [name for name, _ in driver.session.calls]
