from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.session import upcoming as module
from app.session.upcoming import Upcoming
from dsp.checks import InputError
from dsp.sound.heard import Play
from playlists.tracks import Place, Track

TRACKS = tuple(Track(Path(f"{name}.ogg"), name, "", 60.0) for name in "abcdef")


@pytest.fixture
def measuring(monkeypatch):
    """Measurements that wait until they are let, and are listed as they begin."""

    measuring = SimpleNamespace(begun=[], let=threading.Event())

    def prepare(path, *, cache):
        measuring.begun.append(path.stem)
        measuring.let.wait(30)
        if path.stem == "b":
            raise ZeroDivisionError("no beats")
        return path.stem

    monkeypatch.setattr(module, "prepare", prepare)
    return measuring


def test_three_changes_in_a_row_prepare_only_the_last(measuring):
    upcoming = Upcoming(TRACKS, cache=None, prepared={})
    upcoming.measure(Place(0))
    upcoming.measure_after(Place(0))
    for play, place in enumerate((2, 3, 4), start=1):
        upcoming.ask(Play(play), Place(place), at_once=True)
    measuring.let.set()
    upcoming.wait()
    (due,) = upcoming.ready()
    assert (due.play, due.place, due.measured.result()) == (3, 4, "e")
    assert measuring.begun == ["a", "e"]  # the first had begun; nobody waits for the others
    upcoming.close()


def test_a_change_drops_what_was_to_follow(measuring):
    measuring.let.set()
    upcoming = Upcoming(TRACKS, cache=None, prepared={})
    upcoming.ask(Play(1), Place(2), at_once=False)
    upcoming.ask(Play(2), Place(3), at_once=True)
    upcoming.wait()
    assert [due.play for due in upcoming.ready()] == [2]
    assert upcoming.ready() == []
    upcoming.close()


def test_whatever_a_measurement_raises_is_one_sentence(measuring):
    measuring.let.set()
    upcoming = Upcoming(TRACKS, cache=None, prepared={})
    upcoming.ask(Play(1), Place(1), at_once=True)
    upcoming.wait()
    (due,) = upcoming.ready()
    with pytest.raises(InputError, match=r"^b\.ogg cannot be measured \(ZeroDivisionError: no b.*"):
        due.measured.result()
    upcoming.close()
