"""What the real window shows and offers where a source is lost, left out, or cannot be had."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app.session.contract import NoSource
from app.window import words
from app.window.main_window import MainWindow
from app.window.parts.eeg_plot import EegPlot
from app.window.theme import DARK, Look
from devices.ring import Ring
from dsp.checks import DeviceError
from tests.doubles.fake_session import MONTAGE, FakeSession, story

pytestmark = pytest.mark.display

GONE = "Cyton has sent nothing for 2 s and is looked for again. The music plays on."
GAP = tuple((name, 4, "gap") for name in MONTAGE)


def said(window):
    labels = window.findChildren(QLabel)
    return "\n".join(label.text() for label in labels if label.isVisibleTo(window))


def test_a_lost_source_is_told_and_going_on_without_is_one_click(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    button = window.screen_.notices.without_eeg
    assert not button.isVisible()
    session.changes = {"source_state": "stalled", "quality": GAP, "source_notice": GONE}
    window._render()
    assert not button.isVisible()  # a moment of silence asks nothing of anybody
    session.changes = {"source_state": "lost", "quality": GAP, "source_notice": GONE}
    window._render()
    assert GONE in window.screen_.notices.texts
    assert window.screen_.top.source.words == "8 ch  250 Hz  ·  lost, trying again"
    assert "good" not in window.screen_.signal.contacts.accessibleName()
    assert button.isVisible()
    assert ("leave_eeg_out", None) not in session.calls  # offered, never forced
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert session.calls[-1] == ("leave_eeg_out", None)
    session.changes = {
        "source_state": "none", "left_out": True, "tracking": None, "quality": (),
        "simulated": False, "listener_notice": "",
        "eeg_gate": "the EEG was left out: ratings and priors alone",
    }  # fmt: skip
    window._render()
    assert not button.isVisible()
    assert window.screen_.notices.texts == []
    assert window.screen_.top.source.words == "EEG left out"
    assert window.screen_.entrainment.state.text() == "– EEG left out"
    assert "EEG left out: this session goes on without it" in said(window.screen_.signal)
    assert "no headset" not in said(window).lower()


def test_when_the_source_sends_again_nothing_is_offered_any_more(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    session.changes = {"source_state": "lost", "source_notice": GONE}
    window._render()
    session.changes = {}
    window._render()
    assert not window.screen_.notices.without_eeg.isVisible()
    window.without_eeg()  # a click that came too late
    assert ("leave_eeg_out", None) not in session.calls


def refused(bench, error, *, without):
    """A window whose session could not start because of `error`."""
    session = FakeSession(t0=0.0)

    def refuse():
        raise error

    session.refuse = refuse
    make = (lambda: without) if without is not None else None
    window = MainWindow(lambda: session, look=Look(DARK), make_without=make)
    window.show()
    bench._windows.append(window)
    bench.pump(lambda: window.settled)
    return window


def test_where_the_source_cannot_be_had_the_session_can_begin_without(bench, caplog):
    text = "Cyton cannot be opened: there is no port; plug the dongle in."
    instead = FakeSession(t0=3.0, headset=False)
    window = refused(bench, NoSource(text), without=instead)
    assert caplog.text == ""  # said in words: nobody is shown a traceback
    button = window.screen_.bottom.without_eeg
    assert button.isVisible()
    assert text in window.screen_.notices.texts
    assert instead.calls == []
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    bench.pump(lambda: window._last.phase == "running")
    bench.pump(lambda: text not in window.screen_.notices.texts)
    assert instead.calls[0] == ("start", None)
    assert window.screen_.top.source.words == "No headset"
    assert window.driver.error is None
    QTest.keyClick(window, Qt.Key.Key_M)
    assert ("mark", None) in instead.calls
    bench.pump(lambda: instead.beats > 0)
    window.stop()
    bench.pump(lambda: window.settled)
    assert instead.calls[-1] == ("close", None)


@pytest.mark.parametrize("error", [DeviceError("The sound engine did not start."), NoSource("x")])
def test_what_going_without_would_not_cure_offers_nothing(bench, error):
    window = refused(bench, error, without=None if isinstance(error, NoSource) else FakeSession())
    assert not window.screen_.bottom.without_eeg.isVisible()


def test_both_rates_are_shown_where_the_measured_one_is_another(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    session.changes = {"sfreq": 250.0, "sfreq_measured": 250.9}
    window._render()
    assert "8 ch  250 Hz" in window.screen_.top.source.words
    session.changes = {"sfreq": 250.0, "sfreq_measured": 203.04}
    window._render()
    assert "8 ch  203.0 Hz, stated 250" in window.screen_.top.source.words


def test_the_second_source_is_told_beside_the_first_and_offers_nothing(bench):
    session = FakeSession(t0=100.0, speed=1e-4)
    window = bench.open(session)
    session.changes = {"second_name": "Wrist", "second_state": "lost", "second_notice": ""}
    window._render()
    assert "Nothing comes from Wrist; the EEG goes on." in window.screen_.notices.texts
    assert not window.screen_.notices.without_eeg.isVisible()
    assert "Recorded beside it: Wrist, lost" in window.screen_.top.source.toolTip()


def test_markers_that_say_nothing_are_open_and_no_more():
    shot = replace(
        story(60.0),
        simulated=False,
        listener_notice="",
        second_name="Stimuli",
        second_state="streaming",
    )
    assert words.notices(shot) == []
    assert words.about_sources(shot).endswith("Recorded beside it: Stimuli, streaming")


def test_what_came_last_moves_away_from_now_while_nothing_comes(bench):
    at = [100.0]
    plot = EegPlot(Look(DARK), clock=lambda: at[0])
    plot.show_channels(("Fz",), 250.0)
    ring = Ring.create(1, 4.0, 250.0, local=True)
    ring.write(np.ones((500, 1)), np.arange(500) / 250)
    assert plot.pull(ring)

    def newest() -> float:
        x, y = plot._curves[0].getData()
        return float(plot._curves[0].pos().x() + x[np.isfinite(y)].max())

    assert newest() == 0.0
    for later, shown in ((100.4, 0.0), (103.0, -3.0), (109.0, -9.0), (150.0, -9.0)):
        at[0] = later
        assert not plot.pull(ring)
        assert newest() == pytest.approx(shown)
    ring.write(np.ones((10, 1)), 3.0 + np.arange(10) / 250)
    assert plot.pull(ring)
    assert newest() == 0.0
