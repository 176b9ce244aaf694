from __future__ import annotations

import os
import signal

import pytest

from app.session.endings import noted_endings
from devices.children import ENDING

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


def test_a_signal_is_noted_and_nothing_else_happens():
    before = [signal.getsignal(number) for number in ENDING]
    with noted_endings() as noted:
        for number in ENDING:
            signal.raise_signal(number)
        assert noted == list(ENDING)
    assert [signal.getsignal(number) for number in ENDING] == before


def test_what_the_program_was_told_to_ignore_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with noted_endings() as noted:
            signal.raise_signal(signal.SIGHUP)
            assert noted == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
