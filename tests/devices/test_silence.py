"""Silence is judged by what is usual for a source."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.silence import BURST_S, Rhythm, judge, limits


@given(st.floats(0.0, 10.0))
def test_a_drop_is_noticed_in_half_a_second_and_two_or_in_two_and_a_half_intervals(interval):
    stalled, lost = limits(interval)
    assert stalled < lost
    if interval < BURST_S:
        assert (stalled, lost) == (0.5, 2.0)
    else:
        assert 2.0 * interval < stalled < 2.5 * interval
        assert lost <= max(2.0, 2.5 * interval)


def test_the_state_follows_silence_and_tells_when_it_will_change():
    assert judge(0.1, 0.0) == ("streaming", pytest.approx(0.4))
    assert judge(0.5, 0.0) == ("stalled", pytest.approx(1.5))
    assert judge(2.0, 0.0)[0] == "lost"
    assert judge(1.9, 1.0)[0] == "streaming"


def run(pauses: list[float], seconds: list[float]) -> list[float]:
    rhythm, at, out = Rhythm(), 0.0, []
    for pause, came in zip(pauses, seconds, strict=True):
        at += pause
        out.append(rhythm.arrived(at, seconds=came))
    return out


def test_a_steady_stream_has_no_interval_even_after_a_pause():
    pauses = [0.02] * 500 + [1.7] + [0.02] * 500
    assert max(run(pauses, pauses)) < BURST_S


def test_a_stream_that_stops_again_and_again_is_still_an_even_one():
    for pause, n in ((0.6, 50), (2.05, 15), (5.0, 15)):
        pauses = ([0.02] * n + [pause]) * 20
        assert max(run(pauses, pauses)[4 * n :]) < BURST_S


def test_one_burst_that_was_late_does_not_change_the_interval():
    pauses = [1.0] * 10 + [3.4] + [1.0] * 4 + [3.4] + [1.0] * 4
    assert run(pauses, pauses)[5:] == [1.0] * 15


@pytest.mark.parametrize("split", [1, 2, 3])
def test_bursts_are_known_from_the_first_one_however_a_read_cuts_them(split):
    pauses = ([1.0 - 0.02 * (split - 1)] + [0.02] * (split - 1)) * 30
    got = run(pauses, [1.0 / split] * len(pauses))
    assert np.allclose(got[split - 1 :: split], 1.0, atol=0.1)


def test_a_backlog_at_the_start_is_soon_forgotten():
    assert max(run([0.0] + [0.02] * 400, [2.0] + [0.02] * 400)[10:]) == 0.0
