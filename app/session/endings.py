"""Signals that ask the program to end: noted here, acted on by whoever drives the session.

A handler runs between any two instructions, in a window even in the middle of painting; so it does
nothing but note that it was called.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from devices.children import ENDING

_early: list[int] = []  # Ctrl-C of before anybody noted what comes
_print_dropped = sys.unraisablehook


def hear_early() -> None:
    """Remember a Ctrl-C as well as raising it, from here on.

    A package with compiled parts that is being imported may drop the exception, and so does Python
    where something is being cleaned away (it would print it, beside what is said of the end); then
    whoever notes such signals next finds that one came.
    """
    global _print_dropped
    _early.clear()
    if sys.unraisablehook is not _drop:
        _print_dropped, sys.unraisablehook = sys.unraisablehook, _drop
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(got: int, _: FrameType | None) -> None:
    _early.append(got)
    raise KeyboardInterrupt


def _drop(dropped: sys.UnraisableHookArgs) -> None:
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        _print_dropped(dropped)
    elif not _early:
        _early.append(int(signal.SIGINT))


@contextmanager
def noted_endings() -> Iterator[list[int]]:
    """Yield the list of such signals, which grows as they come; the old handlers come back.

    It begins with a Ctrl-C that came earlier (`hear_early`).

    Those that whoever started the program had it ignore (``nohup``) stay ignored.
    """
    noted = list(_early)
    before = {
        number: signal.signal(number, lambda got, _: noted.append(got))
        for number in ENDING
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
