"""Runs a session's slow steps off the window's thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.session.contract import NoSource, SessionLike
from dsp.checks import AttuneError

_log = logging.getLogger(__name__)


class Driver(QObject):
    """Opens, stops and closes one session.

    Opening and closing take seconds and happen in a thread; `stop` is passed on at once, also to
    `on_stop`, which ends what happens before there is a session. Signals arrive in the window's
    thread.
    """

    opened = Signal()
    failed = Signal()
    closed = Signal()

    def __init__(
        self,
        make_session: Callable[[], SessionLike],
        on_stop: Callable[[], None] = lambda: None,
        make_without: Callable[[], SessionLike] | None = None,
    ) -> None:
        super().__init__()
        self._make, self._on_stop, self._make_without = make_session, on_stop, make_without
        self._lock = threading.Lock()
        self._stop_asked = False
        self._close_asked = False
        self._opener: threading.Thread | None = None
        self.session: SessionLike | None = None
        self.error: Exception | None = None
        self.is_closed = False

    def open(self) -> None:
        """Make and start the session, in a thread."""
        self._opener = threading.Thread(target=self._open, name="open session", daemon=True)
        self._opener.start()

    @property
    def no_source(self) -> bool:
        """Whether it could not start for want of EEG alone, and can without."""
        return isinstance(self.error, NoSource) and self._make_without is not None

    def open_without(self) -> None:
        """Open the session without EEG instead of the one that is closed."""
        assert self.is_closed
        assert self._make_without is not None
        self._make = self._make_without
        self._stop_asked = self._close_asked = self.is_closed = False
        self.session = self.error = None
        self.open()

    def _open(self) -> None:
        try:
            session = self._make()
            with self._lock:
                self.session = session
                stop = self._stop_asked
            if not stop:
                session.start()
                # Asked to stop while it was starting: it has heard so itself, or hears so now.
                if self._stop_asked:
                    session.stop()
        except Exception as error:
            # Whatever it is, the window must not wait for ever; it is raised when it closes.
            if not isinstance(error, AttuneError):  # those are told in their own sentence
                _log.exception("the session could not be started")
            self.error = error
            self.failed.emit()
            return
        self.opened.emit()

    def stop(self) -> None:
        """Silence the session now; from the window's thread, safe to call twice."""
        with self._lock:
            self._stop_asked = True
            session = self.session
        self._on_stop()
        if session is not None:
            session.stop()

    def close(self) -> None:
        """Close the session, in a thread; `closed` follows. Safe to call twice."""
        if not self._close_asked:
            self._close_asked = True
            threading.Thread(target=self._close, name="close session", daemon=False).start()

    def _close(self) -> None:
        if self._opener is not None:
            self._opener.join()
        try:
            if self.session is not None:
                self.session.close()
        except Exception as error:
            if not isinstance(error, AttuneError):
                _log.exception("the session could not be closed")
            self.error = self.error or error
        self.is_closed = True
        self.closed.emit()
