"""The window of a session. Importing this imports no Qt; `run_window` does."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.system_libraries import missing, package_manager, sentence
from dsp.checks import DeviceError

if TYPE_CHECKING:
    from app.session.contract import SessionLike

__all__ = ["WindowError", "run_window"]


class WindowError(DeviceError):
    """No window can be opened on this system; the text says what to install or to set."""


def run_window(
    make_session: Callable[[], SessionLike],
    *,
    title: str = "Attune",
    on_stop: Callable[[], None] = lambda: None,
    make_without: Callable[[], SessionLike] | None = None,
) -> int:
    """Show the window, run one session in it, and return when the window is closed.

    Parameters
    ----------
    make_session : callable
        Makes the session, which is not started yet; called in a thread after the first paint.
    title : str
        Name of the window.
    on_stop : callable
        Called as soon as the session is to end, so also while it is still being made.
    make_without : callable, optional
        Makes the session without EEG, which is offered where its source cannot be had.

    Returns
    -------
    int
        Exit status 0.

    Raises
    ------
    WindowError
        If Qt, a library of the system or the display is missing; nothing has happened yet.
    AttuneError
        After the window was closed, if the session could not start or be closed.
    """
    _check_display()
    try:
        from app.window.run import run
    except ImportError as error:
        raise WindowError(_import_sentence(error)) from error
    return run(make_session, title=title, on_stop=on_stop, make_without=make_without)


def _import_sentence(error: ImportError) -> str:
    lacking = missing("window")
    if lacking:
        return sentence(lacking, package_manager()).rstrip(".") + "."
    return f"No window: Qt could not be loaded ({error}); install PySide6-Essentials and pyqtgraph."


def _check_display(*, platform: str = sys.platform) -> None:
    """Refuse what would make Qt end the whole process instead of raising.

    Raises
    ------
    WindowError
        If libraries of the X plugin are missing, or the X server does not answer.
    """
    chosen = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0]
    wayland = bool(os.environ.get("WAYLAND_DISPLAY")) and chosen in ("", "wayland")
    if not platform.startswith("linux") or wayland or chosen not in ("", "xcb"):
        return
    lacking = missing("window")
    if lacking:
        raise WindowError(sentence(lacking, package_manager()).rstrip(".") + ".")
    name = os.environ.get("DISPLAY", "")
    if not name:
        raise WindowError("No window: there is no display (DISPLAY is not set).")
    if not _answers(name):
        raise WindowError(f"No window: the X display {name} does not answer; set DISPLAY to one.")


def _answers(name: str) -> bool:
    """Tell whether the X server `name` lets us in."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(name.encode())
    if not display:
        return False
    x11.XCloseDisplay(display)
    return True
