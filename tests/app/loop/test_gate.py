"""The one reason why the EEG may do nothing now, against what the policy would really do."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.loop.decision import PolicyState
from app.loop.policy import decide, gate
from app.settings import load_preset
from tests.doubles.ticking import Player
from tests.doubles.views import LOW, POOL

DEMO, DEFAULT = load_preset("demo"), load_preset("default")
NO_LAYER = replace(DEFAULT, layer=replace(DEFAULT.layer, enabled=False))
NOW = 1000.0
#: Neither low nor well, in the middle of a track, and the next one is chosen.
VIEW = replace(LOW, now=NOW, play=3, position=60.0, mean=0.5, p_low=0.5, cued=True)
STATE = PolicyState(play=3)
BUDGET = int(DEFAULT.limits.eeg_changes)


def would_act(view, state, preset):
    """Whether the EEG would act now on an estimate that had been low, or well, for ever."""
    low = replace(view, mean=-50.0, sd=0.0, p_low=1.0)
    well = replace(view, mean=50.0, sd=0.0, p_low=0.0)
    for seen in (low, well):
        held = replace(state, low_layer=-math.inf, low_change=-math.inf, recovered=-math.inf)
        decision, _ = decide(seen, held, preset, np.random.default_rng(0))
        if decision is not None and decision.cause == "eeg":
            return True
    return False


def near(*edges):
    """Values at and around the limits that a rule compares with."""
    return st.sampled_from(sorted({e + d for e in edges for d in (-40.0, -0.5, 0.0, 0.5, 40.0)}))


@settings(max_examples=800, deadline=None)
@given(
    preset=st.sampled_from([DEMO, DEFAULT, NO_LAYER]),
    view=st.fixed_dictionaries(
        {
            "position": near(20.0, 30.0, 45.0),
            "remaining": near(30.0, 40.0, 70.0),
            "twin_p_low": st.sampled_from([0.1, 0.82, 0.9]),
            "trust": st.sampled_from([0.1, 0.3, 0.99]),
            "usable": st.sampled_from([True, True, True, False]),
            "rating": st.sampled_from([None, None, 0.5, 0.75]),
            "on_hold": st.sampled_from([False, False, False, True]),
            "protected": st.sampled_from([False, False, False, True]),
            "silent": st.sampled_from([False, False, False, True]),
            "ever_following": st.sampled_from([True, True, True, False]),
            "candidates": st.sampled_from([POOL, POOL, POOL[:1]]),
        }
    ),
    state=st.fixed_dictionaries(
        {
            "layer_off": st.booleans(),
            "layer_decided": st.sampled_from([-1, 3]),
            "eeg_changes": st.sampled_from([0, 1, BUDGET - 1, BUDGET]),
            "last_change": st.sampled_from([-math.inf, NOW - 89.5, NOW - 90.0]),
        }
    ),
    layer_since=st.sampled_from([None, None, NOW - 19.5, NOW - 20.0, NOW - 59.5, NOW - 60.0]),
)
def test_it_is_empty_exactly_where_the_eeg_could_act(preset, view, state, layer_since):
    # A layer that a hand switched off goes with it, or with the track that the hand changes.
    there = state["layer_decided"] == VIEW.play and not state["layer_off"]
    since = layer_since if there else None
    seen, known = replace(VIEW, **view), replace(STATE, **state, layer_since=since)
    assert (gate(seen, known, preset) == "") == would_act(seen, known, preset)


@pytest.mark.parametrize(
    ("view", "state", "reason"),
    [
        ({}, {}, ""),
        ({"remaining": 60.0}, {}, "in the last 70 s of a track"),
        ({"position": 35.0}, {"layer_decided": 3}, "a track plays for at least 45 s"),
        ({"remaining": 40.0}, {"layer_decided": 3}, "changed in its last 40 s"),
        ({}, {"layer_decided": 3, "layer_since": NOW - 5.0}, "the layer is given 60 s"),
        ({}, {"layer_decided": 3, "eeg_changes": BUDGET}, "4 tracks a session, and has"),
        ({}, {"layer_decided": 3, "last_change": NOW - 60.0}, "at least 90 s apart"),
        ({}, {"layer_off": True, "last_change": NOW - 60.0}, "off for this session, and changes"),
        ({"candidates": POOL[:1]}, {"layer_decided": 3}, "there is no other track"),
        ({"rating": 0.25}, {}, "Rated 3 of 9: the rating decides"),
        ({"protected": True}, {}, "was taken back"),
        ({"silent": True}, {}, "no track is heard"),
        ({"usable": False, "reason": "no calibration of this listener"}, {}, "no calibration"),
    ],
)
def test_it_names_the_reason_that_holds(view, state, reason):
    said = gate(replace(VIEW, **view), replace(STATE, **state), DEFAULT)
    assert reason in said
    assert (said == "") == (reason == "")


def test_a_reason_in_the_log_is_the_one_of_the_gate():
    state = replace(
        STATE, layer_decided=3, eeg_changes=BUDGET, low_layer=NOW - 60.0, low_change=NOW - 60.0
    )
    low = replace(VIEW, mean=0.2, p_low=0.97)
    decision, _ = decide(low, state, DEFAULT, np.random.default_rng(0))
    assert decision.code == "waiting"
    assert "because the EEG may change 4 tracks a session, and has" in decision.because


# Time that nobody watched


def run(view, times, preset, state=STATE):
    """Decide at each of `times`; return when the layer came and when a track was changed."""
    rng, before, out = np.random.default_rng(0), times[0] - 1.0, []
    for now in times:
        gone = now - before - 1.0
        seen = replace(view, now=now, unwatched=gone if gone > 0.5 else 0.0)
        decision, state = decide(seen, state, preset, rng)
        if decision is not None and decision.kind != "hold":
            out.append((now, decision.kind))
        before = now
    return out


LOW = replace(VIEW, mean=0.2, p_low=0.97)


def test_seconds_that_nobody_watched_hold_no_condition():
    sure = replace(DEFAULT, layer=replace(DEFAULT.layer, withhold=0.0))
    assert run(LOW, [*range(22)], sure) == [(20, "layer_on")]
    after = [0, 1, *range(15, 40)]  # 13 s stood still
    assert run(LOW, after, sure) == [(35, "layer_on")]


def test_the_layer_is_given_only_seconds_that_were_watched():
    preset = replace(NO_LAYER, limits=NO_LAYER.limits)
    state = replace(STATE, layer_decided=3, layer_since=0.0)
    long = replace(LOW, position=100.0)
    assert run(long, [*range(70)], preset, state) == [(60, "change_track")]
    assert run(long, [*range(10), *range(23, 95)], preset, state) == [(73, "change_track")]


def test_the_loop_tells_of_a_second_that_it_was_not_asked():
    seen = []
    one = Player(DEMO)
    plain = one.loop._view

    def view(*given):
        seen.append(plain(*given))
        return seen[-1]

    one.loop._view = view
    for seconds in (1.0, 1.0, 1.4, 13.0, 1.0, 2.0):
        one.tick(seconds=seconds)
    assert [v.unwatched for v in seen] == pytest.approx([0.0, 0.0, 0.0, 12.0, 0.0, 1.0])


def test_an_engine_that_does_not_answer_is_named_whatever_is_to_come():
    for more in ({}, {"changing": True}, {"on_hold": True}, {"play": -1}):
        seen = replace(VIEW, stalled=True, paused=True, **more)
        assert gate(seen, STATE, DEMO) == "No action: the sound engine does not answer."
