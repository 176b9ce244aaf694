"""The window: one timer that pulls, keys everywhere, and an end that never loses the records."""

from __future__ import annotations

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
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow

from app.session.contract import SessionLike
from app.session.snapshot import Snapshot
from app.window import words
from app.window.driver import Driver
from app.window.keys import STOP_WITHIN_S, find
from app.window.screens.help_sheet import HelpSheet
from app.window.screens.session.screen import COMPACT_BELOW, COMPACT_NARROWER, SessionScreen
from app.window.theme import Look, style_sheet
from dsp.checks import AttuneError

_log = logging.getLogger(__name__)

FRAME_MS = 33
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
    clock : callable
        Seconds, for the two presses of Esc.
    """

    def __init__(
        self,
        make_session: Callable[[], SessionLike],
        *,
        look: Look,
        title: str = "Attune",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._look, self._clock = look, clock
        self._begun = self._stopped = self._leaving = self._hold_on = False
        self._frame = 0
        self.settled = False  # the session is over and its last picture shown
        self._esc_at: float | None = None
        self._own: tuple[float, str] | None = None
        self._told: tuple[float, str] = (-_ANNOUNCE_S, "")
        self._help: HelpSheet | None = None
        self._last = Snapshot(t=0.0, phase="starting")
        self.setWindowTitle(title)
        self.screen_ = SessionScreen(look, self, title=title)
        self.setCentralWidget(self.screen_)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocus()
        self.setMinimumSize(1180, 660)
        self.driver = Driver(make_session)
        self.driver.opened.connect(self._render)
        self.driver.failed.connect(self._on_failed)
        self.driver.closed.connect(self._on_closed)
        self._hint = QTimer(self, singleShot=True, interval=round(1000 * STOP_WITHIN_S))
        self._hint.timeout.connect(lambda: self.screen_.bottom.show_hint(False))
        self._timer = QTimer(self, interval=FRAME_MS)
        self._timer.timeout.connect(self._on_frame)
        look.changed.connect(self._restyle)
        self._restyle()
        self._render()
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]

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
            self.driver.open()

    def _on_frame(self) -> None:
        self._frame += 1
        session = self.driver.session
        if session is not None and not self.over:
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
        if self._hold_on and shown.automation == "on" and not self.over:
            shown = replace(shown, automation="hold")  # asked for, taken at the next second
        self.screen_.show_snapshot(
            shown,
            session.info if session is not None else None,
            own_notices=self._own_notices(failed),
            failed=failed,
            ending=not self.driver.is_closed and self.over,
        )
        self._announce(shown)

    def _own_notices(self, failed: str) -> list[tuple[str, str]]:
        out = [("error", words.sentence(failed))] if failed else []
        if self._own is not None and self._clock() - self._own[0] < _NOTICE_S:
            out.append(("warning", self._own[1]))
        return out

    def _announce(self, snapshot: Snapshot) -> None:
        """Tell assistive technology of a new state, at most once in twenty seconds."""
        if snapshot.phase != "running" or snapshot.enjoyment is None:
            return
        joy = words.enjoyment_word(snapshot.enjoyment, snapshot.target)[1]
        following = words.tracking_word(snapshot.tracking)[1]
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
        self._render()
        self.settled = True
        if self._leaving:
            self.close()

    def _do(self, act: Callable[[SessionLike], object]) -> None:
        """Do something with a running session, and say why where it cannot be done."""
        session = self.driver.session
        if session is None or self._last.phase not in ("running", "paused") or self.over:
            return
        try:
            act(session)
        except AttuneError as error:
            self._own = (self._clock(), str(error))
        self._render()

    # What controls and keys do

    def pause(self) -> None:
        """Pause or resume."""
        self._do(lambda session: session.toggle_pause())

    def next(self) -> None:
        """Go to the next track."""
        self._do(lambda session: session.next())

    def hold(self) -> None:
        """Hold the automation, or let it go on."""

        def act(session: SessionLike) -> None:
            self._hold_on = not self._hold_on
            session.hold(self._hold_on)

        self._do(act)

    def layer_off(self) -> None:
        """Take the low-frequency layer out."""
        self._do(lambda session: session.layer_off(True))

    def mark(self) -> None:
        """Mark this moment."""
        self._do(lambda session: session.mark())

    def rate(self, given: int) -> None:
        """Take the client's rating."""
        self._do(lambda session: session.rate(given))

    def stop(self) -> None:
        """Stop: sound first, then records and report in the background."""
        if self.over:
            return
        self.driver.stop()
        self._stopped = True
        self.screen_.bottom.show_hint(False)
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
        else:
            self._on_escape()
        return True

    def _on_escape(self) -> None:
        now = self._clock()
        if self._esc_at is not None and now - self._esc_at <= STOP_WITHIN_S:
            self._esc_at = None
            self.stop()
            return
        self._esc_at = now
        self.screen_.bottom.show_hint(True)
        self._hint.start()
        # The key is taken from dialogs, so what it would have done there is done here.
        front = QApplication.activeWindow()
        if isinstance(front, QDialog):
            front.reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Do what the table of keys says; text fields and focused buttons have taken theirs."""
        shortcut = find(event, everywhere=False)
        if shortcut is None or event.isAutoRepeat():
            super().keyPressEvent(event)
        elif shortcut.action == "rate":
            self.rate(int(event.key()) - int(Qt.Key.Key_0))
        else:
            getattr(self, shortcut.action)()

    # Qt

    def _restyle(self) -> None:
        self.setStyleSheet(style_sheet(self._look.theme))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Go compact on small screens."""
        narrow = self.width() < COMPACT_NARROWER or self.height() < COMPACT_BELOW
        self.screen_.set_compact(narrow)
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Begin the session once the window has been seen."""
        super().paintEvent(event)
        if not self._begun:
            QTimer.singleShot(0, self.begin)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close at once if nothing runs; otherwise stop, and close when the records are."""
        if not self._begun or self.driver.is_closed:
            self._timer.stop()
            QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]
            event.accept()
            return
        self._leaving = True
        self.stop()
        self.driver.close()
        event.ignore()
