"""What is heard and what is on its way, tick by tick."""

import numpy as np
import pytest

from app.loop.listening import Listening
from dsp.grid import RATE
from dsp.sound.heard import HEARD_NAMES, NO_PLAY, Heard
from playlists.tracks import NO_PLACE

TRACK, POSITION = HEARD_NAMES.index("track"), HEARD_NAMES.index("position_s")


def rows(*plays: int, start: float = 0.0, position: float = 0.0) -> Heard:
    values = np.zeros((len(plays), len(HEARD_NAMES)), dtype=np.float32)
    values[:, TRACK] = plays
    at = np.arange(len(plays)) / RATE
    values[:, POSITION] = position + at
    return Heard(start + at, values)


def hear(listening: Listening, heard: Heard, now: float = 1.0) -> list[float]:
    return list(listening.hear(heard, now))


def started() -> Listening:
    """A first play, of place 4, is heard."""
    listening = Listening()
    assert listening.ask(4, at_once=True, now=0.0) == 0
    assert hear(listening, rows(0, 0)) == [0.0]
    return listening


def test_before_anything_is_heard_nothing_is() -> None:
    listening = Listening()
    assert (listening.play, listening.place, listening.position) == (NO_PLAY, NO_PLACE, 0.0)
    assert (listening.paused, listening.silent(0.0), listening.coming) == (False, True, None)
    assert not listening.changing(0.0)
    assert not listening.broken_off(1e9)
    assert hear(listening, Heard.nothing()) == []
    assert listening.until is None


def test_plays_are_numbered_in_the_order_in_which_they_are_asked_for() -> None:
    listening = Listening()
    asked = [listening.ask(place, at_once=False, now=float(place)) for place in (7, 2, 7)]
    assert asked == [0, 1, 2]
    assert listening.places == {0: 7, 1: 2, 2: 7}
    coming = listening.coming
    assert (coming.play, coming.place, coming.at_once, coming.since) == (2, 7, False, 7.0)


def test_a_track_begins_when_it_sounds() -> None:
    listening = started()
    listening.ask(6, at_once=True, now=5.0)
    assert (listening.play, listening.place) == (0, 4)
    assert hear(listening, rows(0, 0, 1, 1, start=6.0, position=30.0)) == [6.0 + 2 / RATE]
    assert (listening.play, listening.place, listening.coming) == (1, 6, None)
    assert listening.position == pytest.approx(30.0 + 3 / RATE, abs=1e-6)
    assert hear(listening, rows(1, 1, start=7.0)) == []


def test_two_tracks_may_begin_in_one_tick() -> None:
    listening = started()
    for place in (5, 6):
        listening.ask(place, at_once=True, now=1.0)
    assert hear(listening, rows(0, 1, 2, start=2.0)) == [2.0 + 1 / RATE, 2.0 + 2 / RATE]
    assert listening.place == 6


def test_what_is_coming_stays_so_until_it_or_a_later_play_is_heard() -> None:
    listening = started()
    for place in (5, 6):
        listening.ask(place, at_once=True, now=1.0)
    hear(listening, rows(1, start=2.0))
    assert listening.coming.play == 2
    hear(listening, rows(2, start=3.0))
    assert listening.coming is None
    listening.ask(7, at_once=False, now=4.0)
    hear(listening, rows(9, start=5.0))
    assert (listening.coming, listening.place) == (None, NO_PLACE)


def test_a_decoder_that_is_late_for_a_moment_does_not_begin_its_track_again() -> None:
    listening = started()
    assert hear(listening, rows(0, -1, -1, 0, start=3.0, position=9.0)) == []
    assert (listening.play, listening.silent(3.0)) == (0, False)
    assert listening.position == pytest.approx(9.0 + 3 / RATE, abs=1e-6)


def test_the_position_is_the_newest_of_the_running_track() -> None:
    listening = started()
    hear(listening, rows(0, 0, -1, position=12.0))
    assert listening.position == pytest.approx(12.0 + 1 / RATE, abs=1e-6)
    hear(listening, rows(-1, position=99.0))
    assert listening.position == pytest.approx(12.0 + 1 / RATE, abs=1e-6)
    assert listening.position == round(listening.position, 6)


def test_where_no_track_was_begun_there_is_no_position() -> None:
    listening = Listening()
    hear(listening, rows(-1, -1, position=7.0))
    assert (listening.position, listening.silent(0.0)) == (0.0, True)


@pytest.mark.parametrize(("after", "broken"), [(1.999, False), (2.0, True), (60.0, True)])
def test_a_track_has_broken_off_after_two_seconds_without_one(after: float, broken: bool) -> None:
    listening = started()
    hear(listening, rows(-1, start=9.0), now=10.0)
    hear(listening, rows(-1, start=10.0), now=10.5)  # counted from when it was seen first
    assert listening.silent(10.5)
    assert listening.broken_off(10.0 + after) is broken
    listening.paused = True
    assert not listening.broken_off(10.0 + after)
    listening.paused = False
    hear(listening, rows(-1, 0, start=11.0), now=12.0)
    assert not listening.silent(12.0)
    assert not listening.broken_off(100.0)


@pytest.mark.parametrize(("after", "silent"), [(2.0, False), (2.001, True)])
def test_rows_that_stay_away_for_two_seconds_are_silence(after: float, silent: bool) -> None:
    listening = started()
    assert listening.until == 1 / RATE
    assert listening.silent(1 / RATE + after) is silent


@pytest.mark.parametrize(("after", "changing"), [(0.0, True), (10.0, True), (10.001, False)])
def test_a_change_that_nobody_carried_out_counts_for_ten_seconds(after, changing) -> None:
    listening = started()
    listening.ask(5, at_once=True, now=20.0)
    assert listening.changing(20.0 + after) is changing
    listening.ask(5, at_once=False, now=20.0)
    assert not listening.changing(20.0 + after)
