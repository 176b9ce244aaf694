"""The size of text: as the screen asks for, changed by a key, and remembered."""

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.window.main_window import SMALLEST
from app.window.parts.pieces import Text
from app.window.theme import TEXT_PX
from app.window.zoom import STEPS, Zoom, usual_text_px
from tests.doubles.fake_session import FakeSession

pytestmark = pytest.mark.display
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.mark.parametrize(
    ("screen", "size"),
    [((1280, 720), 13), ((1920, 1080), 13), ((2560, 1440), 17), ((3840, 2160), 26)],
)
def test_text_grows_with_a_screen_that_does_not_scale(screen, size):
    assert usual_text_px(*screen) == size


def test_the_keys_change_the_size_of_everything_and_the_session_goes_on(bench, tmp_path):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session, zoom=Zoom(TEXT_PX, tmp_path / "window.json"))
    smallest = window.screen_.findChildren(Text)
    before = min(label.font().pixelSize() for label in smallest)
    button = window.screen_.bottom.pause.height()
    QTest.keyClick(window, Qt.Key.Key_Plus, CONTROL)
    screen = window.screen_
    assert min(label.font().pixelSize() for label in screen.findChildren(Text)) > before
    assert screen.bottom.pause.height() == round(button * STEPS[1] / TEXT_PX)
    assert screen.enjoyment.state.text() == "▲ above target"
    bench.pump(screen.signal.plot.isVisible)  # the traces go on
    QTest.mouseClick(screen.bottom.mark, Qt.MouseButton.LeftButton)
    assert session.calls[-1] == ("mark", None)
    QTest.keyClick(window, Qt.Key.Key_Minus, CONTROL)
    assert window.screen_.bottom.pause.height() == button


def test_the_size_is_remembered_until_the_usual_one_is_asked_for(bench, tmp_path):
    kept = tmp_path / "settings" / "window.json"
    window = bench.open(zoom=Zoom(TEXT_PX, kept))
    QTest.keyClick(window, Qt.Key.Key_Plus, CONTROL)
    assert json.loads(kept.read_text()) == {"text_px": STEPS[1]}
    assert Zoom(TEXT_PX, kept).text_px == STEPS[1]
    QTest.keyClick(window, Qt.Key.Key_0, CONTROL)
    assert not kept.exists()
    assert Zoom(TEXT_PX, kept).text_px == TEXT_PX


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"text_px": 900}', '{"text_px": "17"}'])
def test_a_size_that_cannot_be_read_is_said_and_the_usual_one_taken(tmp_path, text):
    kept = tmp_path / "window.json"
    kept.write_text(text)
    zoom = Zoom(TEXT_PX, kept)
    assert zoom.text_px == TEXT_PX
    assert str(kept) in zoom.problem


def test_a_size_that_cannot_be_kept_is_said_and_holds(bench, tmp_path):
    (tmp_path / "settings").write_text("a file where the folder should be")
    window = bench.open(zoom=Zoom(TEXT_PX, tmp_path / "settings" / "window.json"))
    QTest.keyClick(window, Qt.Key.Key_Plus, CONTROL)
    assert any("could not be kept" in text for text in window.screen_.notices.texts)
    assert window._zoom.text_px == STEPS[1]


def test_text_stops_growing_where_the_screen_ends(bench):
    window = bench.open(FakeSession(t0=100.0, speed=1e-4))
    room = window.screen().availableGeometry()
    for _ in STEPS:
        QTest.keyClick(window, Qt.Key.Key_Plus, CONTROL)
    share = window._zoom.text_px / TEXT_PX
    assert share * SMALLEST[0] <= room.width()
    assert share * SMALLEST[1] <= room.height()
    largest = window._zoom.text_px == STEPS[-1]
    assert largest or "Larger text does not fit on this screen." in window.screen_.notices.texts


@pytest.mark.parametrize("size", [STEPS[1], STEPS[2]])
def test_larger_text_is_not_cut_off(bench, size):
    window = bench.open(zoom=Zoom(size), size=(round(1280 * size / 13), round(720 * size / 13)))
    screen = window.screen_
    assert screen.minimumSizeHint().width() <= window.width()
    assert screen.minimumSizeHint().height() <= window.height()
    for button in screen.findChildren(QPushButton):
        if button.text() and button.isVisibleTo(window):
            assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())
