"""What keys and buttons of the real window do to a session."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.window.keys import SHORTCUTS, STOP_WITHIN_S
from tests.doubles.fake_session import FakeSession

pytestmark = pytest.mark.display
CONTROL = Qt.KeyboardModifier.ControlModifier
KEYPAD = Qt.KeyboardModifier.KeypadModifier


def _press(window, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(window, key, modifier)


def test_session_starts_by_itself_off_the_windows_thread_after_the_first_paint(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    assert session.calls[0] == ("start", None)
    assert session.threads[0] == "open session"
    assert window.isVisible()


def test_digits_rate_on_the_row_and_on_the_number_pad(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    for given in range(1, 10):
        before = len(session.calls)
        key = Qt.Key(Qt.Key.Key_0 + given)
        _press(window, key)
        _press(window, key, KEYPAD)
        assert session.calls[before:] == [("rate", given), ("rate", given)]
        last = [key.property("last") == "true" for key in window.screen_.rating.keys]
        assert last == [number == given for number in range(1, 10)]


def test_every_key_of_the_table_does_what_its_button_does(bench):
    session = FakeSession(t0=50.0, speed=1e-4)  # the layer is on
    window = bench.open(session)
    bar = window.screen_.bottom
    for key, button, call in (
        (Qt.Key.Key_Space, bar.pause, ("toggle_pause", None)),
        (Qt.Key.Key_N, bar.next, ("next", None)),
        (Qt.Key.Key_U, bar.undo, ("undo", None)),
        (Qt.Key.Key_M, bar.mark, ("mark", None)),
    ):
        before = len(session.calls)
        _press(window, key)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert session.calls[before:] == [call, call]


def test_three_keys_side_by_side_are_the_faces_that_an_observer_sees(bench):
    session = FakeSession(t0=50.0, speed=1e-4)
    window = bench.open(session)
    for key in (Qt.Key.Key_A, Qt.Key.Key_S, Qt.Key.Key_D):
        _press(window, key)
    faces = [("tap", "distress"), ("tap", "neutral"), ("tap", "pleasure")]
    assert session.calls[1:] == faces
    session.changes = {"phase": "starting"}
    window._render()
    _press(window, Qt.Key.Key_A)
    assert session.calls[1:] == faces


def test_the_operators_next_is_not_the_clients_wish(bench):
    session = FakeSession(t0=50.0, speed=1e-4)
    window = bench.open(session)
    _press(window, Qt.Key.Key_N)
    _press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    QTest.mouseClick(window.screen_.bottom.skip, Qt.MouseButton.LeftButton)
    QTest.mouseClick(window.screen_.playing.next, Qt.MouseButton.LeftButton)
    assert [name for name, _ in session.calls[1:]] == ["next", "skip", "skip", "next"]


def test_the_key_of_a_greyed_button_does_nothing(bench):
    session = FakeSession(t0=50.0, speed=1e-4)
    window = bench.open(session)
    session.changes = {"phase": "starting"}
    window._render()
    bar = window.screen_.bottom
    keys = {
        Qt.Key.Key_Space: bar.pause,
        Qt.Key.Key_N: bar.next,
        Qt.Key.Key_H: bar.hold,
        Qt.Key.Key_L: bar.layer,
        Qt.Key.Key_U: bar.undo,
        Qt.Key.Key_M: bar.mark,
        Qt.Key.Key_5: window.screen_.rating.keys[4],
    }
    before = list(session.calls)
    for key, button in keys.items():
        assert not button.isEnabled(), button.text()
        _press(window, key)
    _press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert session.calls == before


def test_hold_goes_on_and_off_and_says_so(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    _press(window, Qt.Key.Key_H)
    assert window.screen_.bottom.hold.text() == "Automation held"
    assert window.screen_.log.side.text() == "Automation on hold"
    _press(window, Qt.Key.Key_H)
    assert [call for call in session.calls if call[0] == "hold"] == [
        ("hold", True),
        ("hold", False),
    ]
    assert window.screen_.bottom.hold.text() == "Hold automation"


def test_pause_shows_resume(bench):
    window = bench.open()
    _press(window, Qt.Key.Key_Space)
    assert window.screen_.bottom.pause.text() == "Resume"
    assert window.screen_.top.recording.words.startswith("Paused")


def test_two_escapes_within_the_time_stop_and_one_only_says_how(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    _press(window, Qt.Key.Key_Escape)
    assert ("stop", None) not in session.calls
    assert window.screen_.bottom.stop.text() == "Press Esc again"
    assert window.screen_.bottom.stop.accessibleName() == "Press Esc again to stop"
    bench.now += STOP_WITHIN_S + 0.01  # too late: this is a first press again
    _press(window, Qt.Key.Key_Escape)
    assert ("stop", None) not in session.calls
    bench.now += STOP_WITHIN_S - 0.01
    _press(window, Qt.Key.Key_Escape)
    assert session.calls.count(("stop", None)) == 1
    assert session.threads[session.calls.index(("stop", None))] == "MainThread"
    bench.pump(lambda: ("close", None) in session.calls)


@pytest.mark.parametrize("in_front", ["help", "close"])
def test_an_escape_that_closes_what_is_in_front_counts_for_nothing_else(bench, in_front):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    _press(window, Qt.Key.Key_Escape)  # a first press that is forgotten, too
    getattr(window, in_front)()
    sheet = window._help or window._question
    bench.pump(sheet.isVisible)
    _press(sheet, Qt.Key.Key_Escape)
    assert not sheet.isVisible()
    _press(window, Qt.Key.Key_Escape)
    assert ("stop", None) not in session.calls
    _press(window, Qt.Key.Key_Escape)
    assert ("stop", None) in session.calls


def test_stop_works_with_a_sheet_in_front(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    _press(window, Qt.Key.Key_F1)
    bench.pump(window._help.isVisible)
    window._help.activateWindow()
    bench.pump(lambda: QApplication.activeWindow() in (window._help, window))
    _press(window._help, Qt.Key.Key_Period, CONTROL)
    assert ("stop", None) in session.calls


def test_control_period_and_one_click_stop_at_once(bench):
    first, second = FakeSession(t0=9.0, speed=1e-4), FakeSession(t0=9.0, speed=1e-4)
    _press(bench.open(first), Qt.Key.Key_Period, CONTROL)
    assert ("stop", None) in first.calls
    window = bench.open(second)
    QTest.mouseClick(window.screen_.bottom.stop, Qt.MouseButton.LeftButton)
    assert ("stop", None) in second.calls


def test_a_click_does_not_take_the_space_bar_away(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    QTest.mouseClick(window.screen_.bottom.mark, Qt.MouseButton.LeftButton)
    QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Space)
    assert session.calls[-1] == ("toggle_pause", None)


def test_every_control_can_be_reached_by_tab_and_names_itself(bench):
    window = bench.open(FakeSession(t0=50.0, speed=1e-4))
    buttons = [b for b in window.findChildren(QPushButton) if b.isVisibleTo(window)]
    assert len(buttons) >= 17
    for button in buttons:
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus, button.text()
        assert button.accessibleName(), button
        assert button.toolTip(), button.text()
        assert min(button.width(), button.height()) >= 19, button.text()


def test_help_sheet_lists_every_shortcut(bench):
    window = bench.open()
    _press(window, Qt.Key.Key_F1)
    said = [label.text() for label in window._help.findChildren(type(window.screen_.log.side))]
    assert [s.what for s in SHORTCUTS if s.what not in said] == []


def test_the_theme_changes_by_key(bench):
    window = bench.open()
    dark = window.grab().toImage().pixelColor(3, 300).lightness()
    _press(window, Qt.Key.Key_T, CONTROL)
    assert window.grab().toImage().pixelColor(3, 300).lightness() > dark + 100
