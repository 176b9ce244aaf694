"""What the real window shows, and that it says it in words."""

import time
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app.session.snapshot import ComingView, where
from dsp.checks import DeviceError
from dsp.enjoyment import Enjoyment
from tests.doubles.fake_session import NOTICE, QUEUE, FakeSession, story

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


def test_what_the_client_is_to_do_while_it_calibrates_stands_on_the_screen_until_it_is_done(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    step = "Step 1 of 6: sit still and listen. In a minute you will be asked to rate the piece."
    session.changes = {"instruction": step}
    window._render()
    assert window.screen_.notices.texts[0] == step
    bench.pump(lambda: step in _said(window))
    session.changes = {}
    window._render()
    assert step not in window.screen_.notices.texts
    bench.pump(lambda: step not in _said(window))


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
        "enjoyment": Enjoyment(0.3, 0.1, 0.9, False, 12.0, ("no clean EEG",)),
        "eeg_gate": "no clean EEG in the last seconds",
    }
    window._render()
    card = window.screen_.enjoyment
    assert card.state.text() == "◇ held"
    assert card.side.text() == "held, 12 s old"
    assert card.note.text() == "no clean EEG in the last seconds"
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
    assert [label.text() for label in bar.where] == list(where(window._last))
    assert opened == [str(tmp_path / "report.html"), str(session.snapshot().folder)]
    assert not window.screen_.rating.keys[0].isEnabled()


def test_a_signal_stops_at_once_and_the_window_waits_for_the_records(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    window.end()
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


@pytest.mark.parametrize(
    "reason",
    [
        "this track was changed as often as is allowed",
        "the low-frequency layer is switched off for this session",
        "no calibration of this listener",
    ],
)
def test_the_reason_why_nothing_may_be_done_stands_on_the_screen(bench, reason):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    card = window.screen_.enjoyment
    assert card.weight.text().endswith("· may act")
    session.changes = {"eeg_gate": reason}
    window._render()
    assert card.weight.text().endswith("· may not act")
    assert card.note.text() == reason
    assert "".join(card.note.lines()).replace(" ", "") == reason.replace(" ", "")  # not cut


def test_what_may_come_is_called_possible_and_only_what_is_drawn_up_next(bench):
    session = FakeSession(t0=60.0, speed=1e-4)
    window = bench.open(session)
    card = window.screen_.playing
    assert card.next_word.text() == "Possible next"
    session.changes = {"coming": ComingView(QUEUE[0], at_once=False, prepared=True)}
    window._render()
    assert card.next_word.text() == "Up next"
    said = _said(card)
    assert QUEUE[0].title in said
    assert QUEUE[1].title not in said


def test_a_change_that_is_being_prepared_is_said_and_the_track_still_is_the_old_one(bench):
    session = FakeSession(t0=60.0, speed=1e-4)
    window = bench.open(session)
    card = window.screen_.playing
    for prepared, word in ((False, "being prepared"), (True, "about to be heard")):
        session.changes = {"coming": ComingView(QUEUE[0], at_once=True, prepared=prepared)}
        window._render()
        assert card.next_word.text() == "Changing to"
        assert word in _said(card)
        assert card.title.text() == "Slow River"


def test_a_rating_belongs_to_its_track(bench):
    session = FakeSession(t0=40.0, speed=1e-4)
    window = bench.open(session)
    QTest.keyClick(window, Qt.Key.Key_4)
    assert window.screen_.rating.side.text() == "4, 0 s ago"
    session._t0 = 100.0  # another track is heard now
    window._render()
    assert window.screen_.rating.side.text() == "this track: none"
    assert all(key.property("last") != "true" for key in window.screen_.rating.keys)
    QTest.keyClick(window, Qt.Key.Key_7)
    assert window.screen_.rating.side.text() == "7, 0 s ago"
    assert window.screen_.rating.keys[6].property("last") == "true"


def test_without_a_headset_none_is_said_to_be_lost(bench):
    window = bench.open(FakeSession(t0=100.0, speed=1e-4, headset=False))
    said = _said(window).lower()
    assert "no headset" in said
    assert [
        word for word in ("lost", "reconnect", "waiting for eeg", "closed") if word in said
    ] == []
    assert window.screen_.top.source.words == "No headset"
    assert window.screen_.entrainment.state.text() == "– no headset"
    strip = window.screen_.session.plot._states
    assert all(item.path().isEmpty() for item in strip)  # nothing is drawn as not following


def test_what_is_shown_of_a_dead_source_goes_grey(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    signal, theme = window.screen_.signal, window._look.theme
    live = {curve.opts["pen"].color().name().upper() for curve in signal.plot._curves}
    assert live == {theme.trace}
    for state in ("stalled", "lost", "closed"):
        session.changes = {"source_state": state}
        window._render()
        pens = {curve.opts["pen"].color().name().upper() for curve in signal.plot._curves}
        assert pens == {theme.trace_weak}
        assert {grade for grade, _ in signal.contacts.labels(2000)} == {0}
        assert "good" not in signal.contacts.accessibleName()
        colours = signal.contacts.grab().toImage()
        inks = {
            colours.pixelColor(x, y).name().upper()
            for x in range(0, colours.width(), 2)
            for y in range(0, colours.height(), 2)
        }
        assert inks.isdisjoint({theme.good, theme.fair, theme.poor})
        session.changes = {}
        window._render()


def test_the_layer_that_was_switched_off_says_for_how_long(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    assert window.screen_.layer.state.words == "Off, ready"
    QTest.keyClick(window, Qt.Key.Key_L)
    assert window.screen_.layer.state.words == "Off for this session"
    assert window.screen_.bottom.layer.text() == "Allow layer"
    QTest.keyClick(window, Qt.Key.Key_L)
    assert window.screen_.layer.state.words == "Off, ready"
    assert [call for call in session.calls if call[0] == "layer_off"] == [
        ("layer_off", True),
        ("layer_off", False),
    ]


def test_plus_and_minus_stand_before_a_standard_deviation_and_nothing_else(bench):
    window = bench.open()
    card = window.screen_.enjoyment
    assert "(1 sd)" in card.ring.accessibleDescription()
    assert "±" not in window.screen_.signal.side.text()


def test_the_x_of_the_window_asks_while_a_session_runs(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    window.close()
    question = window._question
    assert question.isVisible()
    assert ("stop", None) not in session.calls
    QTest.keyClick(question, Qt.Key.Key_Escape)  # goes on, and counts for nothing else
    assert not question.isVisible()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert ("stop", None) not in session.calls
    window.close()
    QTest.mouseClick(question.go_on, Qt.MouseButton.LeftButton)
    assert window.isVisible()
    assert ("stop", None) not in session.calls
    window.close()
    QTest.mouseClick(question.stop, Qt.MouseButton.LeftButton)
    assert ("stop", None) in session.calls
    bench.pump(lambda: not window.isVisible())
    assert session.calls[-1] == ("close", None)


def test_the_window_beats_by_itself_and_a_look_at_the_session_is_no_beat(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    window._beat.stop()
    beats = session.beats
    for _ in range(5):
        window._render()
    bench.pump(lambda: window._frame % 10 == 0)
    assert session.beats == beats
    window._beat.start()
    bench.pump(lambda: session.beats >= beats + 2)


def test_an_estimate_that_cannot_tell_is_grey(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    ring = window.screen_.entrainment.ring
    assert "held" not in ring.accessibleDescription()
    session.changes = {"tracking": replace(story(100.0).tracking, state="cannot tell")}
    window._render()
    assert "held" in ring.accessibleDescription()


def test_eeg_that_is_gone_a_moment_before_the_session_says_so_is_no_error(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    assert session.ring is not None
    session._ring.close()
    for _ in range(2):
        window._on_frame()
    assert not window.over
