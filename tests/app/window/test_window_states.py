"""What the real window shows, and that it says it in words."""

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from dsp.checks import DeviceError
from dsp.enjoyment import Enjoyment
from tests.doubles.fake_session import NOTICE, FakeSession

pytestmark = pytest.mark.display


def _said(window):
    labels = window.findChildren(QLabel)
    return "\n".join(label.text() for label in labels if label.isVisibleTo(window))


def _ink(widget):
    """Share of pixels that differ from the corner of the widget."""
    image = widget.grab().toImage()
    corner = image.pixel(image.width() // 2, 2)
    spots = [(x, y) for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)]
    return sum(image.pixel(x, y) != corner for x, y in spots) / len(spots)


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720)])
@pytest.mark.parametrize("light", [False, True])
def test_every_card_is_painted_and_nothing_is_cut_off(bench, light, size):
    window = bench.open(light=light, size=size)
    screen = window.screen_
    bench.pump(lambda: (window.width(), window.height()) == size)
    window._render()
    for card in screen.cards:
        assert _ink(card) > 0.02, card.accessibleName()
    assert _ink(screen.session.plot) > 0.05
    assert _ink(screen.signal.plot) > 0.03
    assert screen.minimumSizeHint().width() <= size[0]
    assert screen.minimumSizeHint().height() <= size[1]
    for card in screen.cards:
        corner = card.mapTo(window, card.rect().bottomRight())
        assert corner.x() < size[0]
        assert corner.y() < window.screen_.bottom.y() + 1


def test_the_screen_says_that_the_listener_is_simulated(bench):
    window = bench.open()
    said = _said(window)
    assert NOTICE in said
    assert "Simulated listener" in said
    assert "calibration: stored" in said


def test_entrainment_is_r_beside_its_chance_level_and_its_state_in_words(bench):
    card = bench.open().screen_.entrainment
    assert card.state.text() == "● following"
    assert card.chance.text() == "chance level 0.09 (95 %)"
    assert card.ring.accessibleDescription().endswith("r")
    assert float(card.ring.accessibleDescription().split()[0]) > 0.09


def test_enjoyment_is_a_number_with_its_deviation_and_the_weight_of_the_eeg(bench):
    card = bench.open().screen_.enjoyment
    assert "±" in card.ring.accessibleDescription()
    assert 60 < card.ring.value() < 90
    assert card.state.text() == "▲ above target"
    assert card.weight.text() == "EEG counts 94 % · may act"


def test_a_held_estimate_says_so_and_why(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    session.changes = {
        "enjoyment": Enjoyment(0.3, 0.1, 0.9, False, 12.0, ("no clean EEG for 12 s",))
    }
    window._render()
    card = window.screen_.enjoyment
    assert card.state.text() == "◇ held"
    assert card.note.text() == "no clean EEG for 12 s"
    assert "held" in card.ring.accessibleDescription()


def test_contacts_carry_a_word_and_a_sign_each(bench):
    window = bench.open(FakeSession(t0=45.0, speed=1e-4))
    contacts = window.screen_.signal.contacts
    assert (2, "T8 muscle") in contacts.labels(2000)
    assert (4, "TP10 contact") in contacts.labels(2000)
    assert (4, "TP10 contact") in contacts.labels(10)  # what is not good keeps its word
    assert "Fz good" in contacts.accessibleName()


def test_gaps_of_the_eeg_are_gaps_on_the_screen(bench):
    window = bench.open()
    plot = window.screen_.signal.plot
    assert all(curve.opts["connect"] == "finite" for curve in plot._curves)
    _, y = plot._curves[0].getData()
    assert 80 <= sum(v != v for v in y) <= 220  # two gaps of 0.4 s at 250 Hz at most


def test_troubles_are_sentences_and_the_chips_say_them_too(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    session.changes = {
        "source_state": "lost",
        "source_notice": "The board has sent nothing for 5 s",
        "output_notice": "No sound: PortAudio is missing",
        "recording_problem": "The disk is full, nothing more is recorded",
    }
    window._render()
    assert window.screen_.notices.texts[1:] == [
        "The disk is full, nothing more is recorded.",
        "The board has sent nothing for 5 s.",
        "No sound: PortAudio is missing.",
    ]
    assert "lost" in window.screen_.top.source.words
    assert window.screen_.top.output.words == "No sound: silent output"
    assert window.screen_.top.recording.words.startswith("Not recording")


def test_the_layer_shows_state_level_and_ceiling(bench):
    window = bench.open(FakeSession(t0=41.0, speed=1e-4))
    card = window.screen_.layer
    assert card.state.words == "Fading in"
    assert card.level.text().startswith("−")
    assert "limit −18 dB · locked" in _said(card)


def test_after_the_stop_report_and_folder_are_one_click_away(bench, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(
        "app.window.main_window.QDesktopServices.openUrl",
        lambda url: opened.append(url.toLocalFile()),
    )
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    session.report = tmp_path / "report.html"
    window.stop()
    bench.pump(lambda: window.settled)
    bar = window.screen_.bottom
    assert bar.ended.text() == "Stopped after 1:40"
    QTest.mouseClick(bar.open_report, Qt.MouseButton.LeftButton)
    QTest.mouseClick(bar.open_folder, Qt.MouseButton.LeftButton)
    assert opened == [str(tmp_path / "report.html"), str(session.snapshot().folder)]
    assert not window.screen_.rating.keys[0].isEnabled()


def test_closing_the_window_stops_at_once_and_waits_for_the_records(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    window.close()
    assert ("stop", None) in session.calls
    bench.pump(lambda: not window.isVisible())
    assert session.calls[-1] == ("close", None)
    assert session.threads[-1] == "close session"


def test_a_session_that_cannot_start_says_why_and_the_window_closes(bench):
    def refuse():
        raise DeviceError("No board answers at COM9; plug it in and start again.")

    session = FakeSession(t0=0.0, speed=1e-4)
    session.refuse = refuse
    window = bench.open(session, running=False)
    bench.pump(lambda: window.driver.is_closed)
    window._render()
    assert "No board answers at COM9; plug it in and start again." in _said(window)
    assert isinstance(window.driver.error, DeviceError)


def test_stop_while_starting_reaches_the_session(bench):
    session = FakeSession(t0=0.0, speed=1e-4)
    released = []

    def wait():
        end = time.monotonic() + 5
        while not released and time.monotonic() < end:
            time.sleep(0.005)

    session.refuse = wait
    window = bench.open(session, running=False)
    bench.pump(lambda: ("start", None) in session.calls)
    window.stop()
    assert ("stop", None) in session.calls
    released.append(True)
    bench.pump(lambda: window.driver.is_closed)
    assert session.calls[-1] == ("close", None)


def test_the_queue_and_the_log_are_readable(bench):
    window = bench.open()
    said = _said(window)
    assert "expected 58 ± 20" in said
    assert "Harbour Light" in said
    times = [line for line in said.splitlines() if line in ("1:04", "0:38", "0:00")]
    assert times[-3:] == ["1:04", "0:38", "0:00"]
