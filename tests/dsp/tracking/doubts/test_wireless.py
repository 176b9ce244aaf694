"""Through headphones without a wire nothing is told: their leak comes as late as an answer."""

import numpy as np

from dsp.tracking.doubts.wireless import WIRELESS, Wireless
from dsp.tracking.tracker import CANNOT_TELL, FOLLOWING
from tests.doubles.answering import answer, loudness, noise, onsets, said, wave

ALWAYS = range(1000)


def test_it_is_said_while_it_is_so_and_as_long_as_a_score_holds_it() -> None:
    doubt = Wireless()
    assert doubt.look(100) == ""
    doubt.on = True
    assert doubt.look(105) == doubt.look(300) == WIRELESS
    doubt.on = False
    assert [bool(doubt.look(s)) for s in (305, 330, 334, 335, 340)] == [*3 * [True], False, False]
    assert len(WIRELESS) <= 64, "it fits two lines of a narrow card"


def test_a_late_leak_of_unknown_level_is_followed_and_through_a_wireless_output_nothing_is() -> (
    None
):
    flux = onsets(1)
    eeg = noise(2) + 2.0 * wave(loudness(flux), delay=0.2)
    unknown = said(flux, eeg)
    assert unknown[-1].state == FOLLOWING, "nothing else tells it from an answer"
    known = said(flux, eeg, wireless=ALWAYS)
    assert {s.state for s in known} == {CANNOT_TELL}
    assert not any(s.ever_following for s in known)
    assert known[-1].reasons[0] == WIRELESS
    assert np.isnan(known[-1].r)


def test_what_was_shown_before_such_headphones_came_is_taken_back() -> None:
    flux = onsets(3)
    states = said(flux, noise(4) + 3.0 * answer(flux), wireless=range(90, 1000))
    assert states[89].ever_following
    assert states[89].state == FOLLOWING
    assert not states[95].ever_following
    assert {s.state for s in states[95:]} == {CANNOT_TELL}


def test_an_answer_is_found_after_they_went() -> None:
    flux = onsets(3)
    states = said(flux, noise(4) + 3.0 * answer(flux), wireless=range(10))
    doubted = [k for k, s in enumerate(states) if WIRELESS in s.reasons]
    assert 40 <= doubted[-1] <= 48
    assert states[-1].state == FOLLOWING
