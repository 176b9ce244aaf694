"""Signals that ask the program to end: noted here, acted on by whoever drives the session.

A handler runs between any two instructions, in a window even in the middle of painting; so it does
nothing but note that it was called.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from devices.children import ENDING


@contextmanager
def noted_endings() -> Iterator[list[int]]:
    """Yield the list of such signals, which grows as they come; the old handlers come back.

    Those that whoever started the program had it ignore (``nohup``) stay ignored.
    """
    noted: list[int] = []
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
