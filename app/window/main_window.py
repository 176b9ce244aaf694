"""The window: one timer that pulls, keys everywhere, and an end that never loses the records."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QCloseEvent,
    QDesktopServices,
    QKeyEvent,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QMainWindow

from app.session.contract import SessionLike
from app.session.snapshot import Snapshot
from app.window import words
from app.window.driver import Driver
from app.window.keys import STOP_WITHIN_S, find
from app.window.screens.help_sheet import HelpSheet
from app.window.screens.session.screen import COMPACT_BELOW, COMPACT_NARROWER, SessionScreen
from app.window.screens.stop_question import StopQuestion
from app.window.theme import TEXT_PX, Look, px, set_text_px, style_sheet
from app.window.zoom import Zoom
from dsp.checks import AttuneError, DeviceError
from playlists.listener_record import FACES

_log = logging.getLogger(__name__)

SMALLEST = (1180, 660)  # px of the design
FRAME_MS = 33
BEAT_MS = 200  # the engine fades the layer out where no beat has come for 2 s
_IDLE_MS = 250
_SLOW = 3  # frames between two looks at the snapshot
_ANNOUNCE_S = 20.0  # screen readers are not talked to more often
_NOTICE_S = 8.0  # how long an answer to a key that could not be done stays


class MainWindow(QMainWindow):
    """Shows one session and drives it.

    Parameters
    ----------
    make_session : callable
        Called in a thread right after the first paint.
    look : Look
    title : str
    make_without : callable, optional
        Makes the session without EEG, where its source cannot be had.
    zoom : Zoom, optional
        The size of text; that of the design where there is none.
    clock : callable
        Seconds, for the two presses of Esc.
    on_stop : callable
        Called as soon as the session is to end.
    """

    def __init__(
        self,
        make_session: Callable[[], SessionLike],
        *,
        look: Look,
        title: str = "Attune",
        make_without: Callable[[], SessionLike] | None = None,
        zoom: Zoom | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._look, self._title, self._clock = look, title, clock
        self._zoom = zoom or Zoom()
        self._begun = self._stopped = self._leaving = False
        self._wanted: dict[str, bool] = {}  # what was asked for and is taken at the next second
        self._frame = 0
        self.settled = False  # the session is over and its last picture shown
        self._esc_at: float | None = None
        self._own: tuple[float, str] | None = None
        self._told: tuple[float, str] = (-_ANNOUNCE_S, "")
        self._help: HelpSheet | None = None
        self._question: StopQuestion | None = None
        self._last = Snapshot(t=0.0, phase="starting")
        self.setWindowTitle(title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocus()
        self.driver = Driver(make_session, on_stop, make_without)
        self.driver.opened.connect(self._render)
        self.driver.failed.connect(self._on_failed)
        self.driver.closed.connect(self._on_closed)
        self._hint = QTimer(self, singleShot=True, interval=round(1000 * STOP_WITHIN_S))
        self._hint.timeout.connect(lambda: self.screen_.bottom.show_hint(False))
        self._timer = QTimer(self, interval=FRAME_MS)
        self._timer.timeout.connect(self._on_frame)
        self._beat = QTimer(self, interval=BEAT_MS)
        self._beat.timeout.connect(self._on_beat)
        look.changed.connect(self._restyle)
        self._build()
        if self._zoom.problem:
            self._say(self._zoom.problem)
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]

    def _build(self) -> None:
        """Make everything that is drawn, at the size of text in force."""
        set_text_px(self._zoom.text_px)
        self.setMinimumSize(px(SMALLEST[0]), px(SMALLEST[1]))
        for sheet in (self._help, self._question):
            if sheet is not None:
                sheet.deleteLater()
        self._help = self._question = None
        self.screen_ = SessionScreen(self._look, self, title=self._title)
        self.setCentralWidget(self.screen_)
        self._restyle()
        self._fit()
        self._render()

    # The session

    @property
    def over(self) -> bool:
        """Whether the session has ended or could not start."""
        ended = self._last.phase in ("stopped", "ended")
        return self._stopped or ended or self.driver.error is not None

    def begin(self) -> None:
        """Start the session; called by itself after the first paint."""
        if not self._begun:
            self._begun = True
            self._timer.start()
            self._beat.start()
            self.driver.open()

    def _on_beat(self) -> None:
        """Tell the session that this event loop lives: nothing else a window does says so."""
        if self.driver.session is not None and not self.driver.is_closed:
            self.driver.session.beat()

    def _on_frame(self) -> None:
        self._frame += 1
        session = self.driver.session
        if session is not None and not self.over:
            with contextlib.suppress(DeviceError):  # its devices go a moment before it says so
                self.screen_.pull(session.ring, session.info)
        if self._frame % _SLOW == 0 and not self.settled:
            self._render()

    def _render(self) -> None:
        session = self.driver.session
        if session is not None:
            try:
                self._last = session.snapshot()
            except AttuneError as error:
                # Its devices go away a moment before it says it has ended: the last picture stands.
                _log.debug("no snapshot: %s", error)
            if self._last.phase == "ended" and not self._stopped:
                self.driver.close()
            if self._stopped:
                self._last = replace(self._last, phase="stopped")
        failed = str(self.driver.error) if self.driver.error is not None else ""
        shown = replace(self._last, phase="ended") if failed else self._last
        shown = self._as_asked(shown)
        self.screen_.show_snapshot(
            shown,
            session.info if session is not None else None,
            own_notices=self._own_notices(failed),
            failed=failed,
            ending=not self.driver.is_closed and self.over,
            no_source=self.driver.no_source,
        )
        self._announce(shown)

    def _as_asked(self, shot: Snapshot) -> Snapshot:
        """Show at once what was asked for and is taken at the next second."""
        taken = {"on_hold": shot.on_hold, "layer_off": shot.layer_off}
        self._wanted = {name: on for name, on in self._wanted.items() if taken[name] is not on}
        shown = {**taken, **({} if self.over else self._wanted)}
        return replace(shot, on_hold=shown["on_hold"], layer_off=shown["layer_off"])

    def _own_notices(self, failed: str) -> list[tuple[str, str]]:
        out = [("error", words.sentence(failed))] if failed else []
        if self._own is not None and self._clock() - self._own[0] < _NOTICE_S:
            out.append(("warning", self._own[1]))
        return out

    def _announce(self, snapshot: Snapshot) -> None:
        """Tell assistive technology of a new state, at most once in twenty seconds."""
        if snapshot.phase != "running" or snapshot.enjoyment is None:
            return
        joy, following = words.enjoyment_word(snapshot)[1], words.tracking_word(snapshot)[1]
        text = f"Enjoyment {joy}. Entrainment: {following}."
        at, told = self._told
        if text != told and self._clock() - at >= _ANNOUNCE_S:
            self._told = (self._clock(), text)
            if QAccessible.isActive():
                QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def _on_failed(self) -> None:
        self._render()
        self.driver.close()

    def _on_closed(self) -> None:
        # Still now and then, so that Python sees a Ctrl-C of the terminal.
        self._timer.setInterval(_IDLE_MS)
        self._beat.stop()
        self._render()
        self.settled = True
        if self._leaving:
            self.close()

    def _do(self, action: str, act: Callable[[SessionLike], object]) -> None:
        """Do something with a running session, and say why where it cannot be done.

        What is greyed on the screen is not done, whatever key was pressed.
        """
        session = self.driver.session
        if session is None or self.over or action not in words.possible(self._last):
            return
        try:
            act(session)
        except AttuneError as error:
            self._say(str(error))
        self._render()

    def _say(self, text: str) -> None:
        self._own = (self._clock(), text)

    # What controls and keys do

    def pause(self) -> None:
        """Pause or resume."""
        self._do("pause", lambda session: session.toggle_pause())

    def next(self) -> None:
        """Go to the next track, which says nothing of this one."""
        self._do("next", lambda session: session.next())

    def skip(self) -> None:
        """Go to the next track because the client wants to."""
        self._do("skip", lambda session: session.skip())

    def undo(self) -> None:
        """Take back the last automatic change or the last rating."""
        self._do("undo", lambda session: session.undo())

    def hold(self) -> None:
        """Hold the automation, or let it go on."""
        on = not self._wanted.get("on_hold", self._last.on_hold)

        def act(session: SessionLike) -> None:
            self._wanted["on_hold"] = on
            session.hold(on)

        self._do("hold", act)

    def layer_off(self) -> None:
        """Keep the low-frequency layer out for this session, or allow it again."""
        on = not self._wanted.get("layer_off", self._last.layer_off)

        def act(session: SessionLike) -> None:
            self._wanted["layer_off"] = on
            session.layer_off(on)

        self._do("layer_off", act)

    def mark(self) -> None:
        """Mark this moment."""
        self._do("mark", lambda session: session.mark())

    def rate(self, given: int) -> None:
        """Take the client's rating."""
        self._do("rate", lambda session: session.rate(given))

    def tap(self, face: str) -> None:
        """Take what an observer sees in the client."""
        self._do("tap", lambda session: session.tap(face))

    def without_eeg(self) -> None:
        """Go on without EEG: in this session, or anew where its source cannot be had."""
        if self.driver.no_source and self.driver.is_closed:
            self._last, self.settled = Snapshot(t=0.0, phase="starting"), False
            self._timer.setInterval(FRAME_MS)
            self._beat.start()
            self.driver.open_without()
            self._render()
        else:
            self._do("without_eeg", lambda session: session.leave_eeg_out())

    def stop(self) -> None:
        """Stop: sound first, then records and report in the background."""
        if self.over:
            return
        self.driver.stop()
        self._stopped = True
        self.screen_.bottom.show_hint(False)
        if self._question is not None:
            self._question.hide()
        self.driver.close()
        self._render()

    def theme(self) -> None:
        """Change between dark and light."""
        self._look.toggle()

    def help(self) -> None:
        """Show or hide the sheet of keys."""
        if self._help is None:
            self._help = HelpSheet(self)
        self._help.setVisible(not self._help.isVisible())

    def larger(self) -> None:
        """Larger text."""
        self._zoom_to(self._zoom.step(1))

    def smaller(self) -> None:
        """Smaller text."""
        self._zoom_to(self._zoom.step(-1))

    def usual_size(self) -> None:
        """The size of text that fits the screen."""
        self._zoom_to(self._zoom.usual)

    def _zoom_to(self, text_px: int) -> None:
        room = self.screen().availableGeometry()
        width, height = (text_px * size / TEXT_PX for size in SMALLEST)
        if text_px > self._zoom.text_px and (width > room.width() or height > room.height()):
            self._say("Larger text does not fit on this screen.")
            self._render()
        elif text_px != self._zoom.text_px:
            self._zoom.choose(text_px)
            if self._zoom.problem:
                self._say(self._zoom.problem)
            self._build()

    def full_screen(self) -> None:
        """Full screen and back."""
        (self.showNormal if self.isFullScreen() else self.showFullScreen)()

    def open_report(self) -> None:
        """Open the report with the system's browser."""
        if self._last.report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._last.report)))

    def open_folder(self) -> None:
        """Open the session's folder."""
        if self._last.folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._last.folder)))

    def leave(self) -> None:
        """Close the window."""
        self.close()

    def end(self) -> None:
        """Stop and close without a question: for signals, which nobody can answer."""
        self._leaving = True
        self.close()

    # Keys

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stop from anywhere in the program, whatever has the focus, also with a dialog open."""
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        shortcut = find(event, everywhere=True)
        if shortcut is None or self.over or not self._begun:
            return False
        if event.isAutoRepeat():
            return True
        if shortcut.action == "stop":
            self.stop()
        elif not self._dismiss():
            self._on_escape()
        return True

    def _dismiss(self) -> bool:
        """Close what stands in front; such an Esc counts for nothing else."""
        open_ = [sheet for sheet in (self._help, self._question) if sheet and sheet.isVisible()]
        for sheet in open_:
            sheet.reject()
        if open_:
            self._esc_at = None
        return bool(open_)

    def _on_escape(self) -> None:
        now = self._clock()
        if self._esc_at is not None and now - self._esc_at <= STOP_WITHIN_S:
            self._esc_at = None
            self.stop()
            return
        self._esc_at = now
        self.screen_.bottom.show_hint(True)
        self._hint.start()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Do what the table of keys says; text fields and focused buttons have taken theirs."""
        shortcut = find(event, everywhere=False)
        if shortcut is None or event.isAutoRepeat():
            super().keyPressEvent(event)
        elif shortcut.action == "rate":
            self.rate(int(event.key()) - int(Qt.Key.Key_0))
        elif shortcut.action in FACES:
            self.tap(shortcut.action)
        else:
            getattr(self, shortcut.action)()

    # Qt

    def _restyle(self) -> None:
        self.setStyleSheet(style_sheet(self._look.theme))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Go compact on small screens."""
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        narrow = self.width() < px(COMPACT_NARROWER) or self.height() < px(COMPACT_BELOW)
        self.screen_.set_compact(narrow)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Begin the session once the window has been seen."""
        super().paintEvent(event)
        if not self._begun:
            QTimer.singleShot(0, self.begin)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close at once if nothing runs; ask while a session does; close when its records are."""
        if not self._begun or self.driver.is_closed:
            self._timer.stop()
            QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]
            event.accept()
            return
        event.ignore()
        if self._last.phase in ("running", "paused") and not self.over and not self._leaving:
            self._ask_to_stop()
            return
        self._leaving = True
        self.stop()
        self.driver.close()

    def _ask_to_stop(self) -> None:
        if self._question is None:
            self._question = StopQuestion(self, self._look, stop=self.end)
        self._question.show()
        self._question.activateWindow()
