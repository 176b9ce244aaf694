"""Each limit of the policy on both of its sides, whatever the presets set it to."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from app.loop.decision import Asked, Decision, PolicyState, View
from app.loop.policy import decide
from app.settings import load_preset
from playlists.choice import Candidate, p_better
from tests.doubles.views import LOW

SURE = load_preset("default")  # its timings, but nothing by lot
SURE = replace(
    SURE, layer=replace(SURE.layer, withhold=0.0), choice=replace(SURE.choice, greedy=True)
)
TIMING, LIMITS = SURE.timing, SURE.limits
BIT = 1e-6  # what the loop rounds to
POOL = tuple(Candidate(place=k, mean=0.7, sd=0.1, eligible=k != 0) for k in range(4))
NOW = 5000.0
#: Low for long, in the middle of a track, with nothing tried yet.
READY = replace(
    LOW, now=NOW, position=100.0, remaining=200.0, candidates=POOL, repeats=POOL, n_ratings=3
)
FRESH = PolicyState(play=0, low_layer=NOW - 100.0, low_change=NOW - 100.0)
#: The layer has had its time and has not helped.
TRIED = replace(FRESH, layer_decided=0, layer_since=NOW - TIMING.layer_try)


def decided(view: View = READY, state: PolicyState = FRESH, settings=SURE):
    return decide(view, state, settings, np.random.default_rng(0))


def kind(view: View = READY, state: PolicyState = FRESH, settings=SURE) -> str:
    decision, _ = decided(view, state, settings)
    return "none" if decision is None else decision.kind


def code(view: View = READY, state: PolicyState = FRESH, settings=SURE) -> str:
    decision, _ = decided(view, state, settings)
    return "none" if decision is None else decision.code


def limits(**changed):
    return replace(SURE, limits=replace(LIMITS, **changed))


def timing(**changed):
    return replace(SURE, timing=replace(TIMING, **changed))


# The layer comes in


def test_the_layer_comes_in_where_everything_holds() -> None:
    assert kind() == "layer_on"


@pytest.mark.parametrize(
    ("view", "state"),
    [
        ({}, {"low_layer": NOW - TIMING.sustain}),
        ({"position": TIMING.layer_first}, {}),
        ({"remaining": TIMING.layer_tail + BIT}, {}),
        ({"twin_p_low": LIMITS.p_layer}, {}),
        ({"p_low": LIMITS.p_layer + BIT}, {}),
        ({"trust": LIMITS.trust}, {}),
        ({"play": 0}, {"layer_decided": -1}),
    ],
)
def test_the_layer_comes_in_from_each_limit_on(view, state) -> None:
    assert kind(replace(READY, **view), replace(FRESH, **state)) == "layer_on"


@pytest.mark.parametrize(
    ("view", "state"),
    [
        ({}, {"low_layer": NOW - TIMING.sustain + BIT}),
        ({}, {"low_layer": None}),
        ({"position": TIMING.layer_first - BIT}, {}),
        ({"remaining": TIMING.layer_tail}, {}),
        ({"twin_p_low": LIMITS.p_layer + BIT}, {}),
        ({"p_low": LIMITS.p_layer}, {}),
        ({"trust": LIMITS.trust - BIT}, {}),
        ({}, {"layer_off": True}),
        ({}, {"layer_decided": 0}),
    ],
)
def test_the_layer_stays_out_short_of_each_limit(view, state) -> None:
    young = {"position": 31.0} | view  # too early to change the track instead
    assert kind(replace(READY, **young), replace(FRESH, **state)) == "hold"


def test_the_first_tick_of_a_session_has_decided_nothing_for_its_first_track() -> None:
    at_once = timing(sustain=0.0, layer_first=0.0)
    assert kind(READY, PolicyState(), at_once) == "layer_on"


def test_a_layer_that_is_not_wanted_in_the_settings_never_comes() -> None:
    off = replace(SURE, layer=replace(SURE.layer, enabled=False))
    assert kind(replace(READY, position=31.0), FRESH, off) == "hold"
    assert kind(READY, FRESH, off) == "change_track"


def test_what_the_layer_comes_in_with_is_logged_in_the_units_of_its_sentence() -> None:
    view = replace(READY, mean=0.214, sd=0.0875, trust=0.625, p_low=0.9, twin_p_low=0.4)
    decision, state = decided(view, replace(FRESH, low_layer=NOW - 37.0))
    assert decision.target == SURE.layer.level
    assert (decision.propensity, decision.alternatives) == (1.0, ())
    expected = {
        "mean": 21.4, "sd": 8.75, "p_low": 0.9, "twin_p_low": 0.4, "low": 42.0, "trust": 62.5,
        "position": 100.0, "remaining": 200.0, "ramp": TIMING.layer_ramp, "held": 37.0,
    }  # fmt: skip
    assert decision.numbers == pytest.approx(expected)
    assert (state.layer_since, state.layer_decided) == (NOW, 0)


class Lot:
    """A generator that draws what it is told to."""

    def __init__(self, value: float) -> None:
        self.value, self.drawn = value, 0

    def random(self) -> float:
        self.drawn += 1
        return self.value


@pytest.mark.parametrize(("drawn", "came"), [(0.2, True), (0.2 - BIT, False), (0.9, True)])
def test_the_lot_withholds_with_the_probability_that_is_logged(drawn: float, came: bool) -> None:
    some = replace(SURE, layer=replace(SURE.layer, withhold=0.2))
    decision, state = decide(READY, FRESH, some, Lot(drawn))
    assert decision.cause == "eeg"
    assert decision.code == ("layer_on" if came else "withheld")
    assert decision.propensity == pytest.approx(0.8 if came else 0.2)
    (other,) = decision.alternatives
    assert other[0] == ("withheld" if came else "layer_on")
    assert other[1] + decision.propensity == pytest.approx(1.0)
    assert state.layer_decided == 0
    assert state.layer_since == (NOW if came else None)
    if not came:
        assert decision.numbers["propensity"] == 0.2


def test_where_nothing_is_withheld_no_lot_is_drawn() -> None:
    lot = Lot(0.0)
    decision, _ = decide(READY, FRESH, SURE, lot)
    assert (decision.kind, lot.drawn) == ("layer_on", 0)


# The EEG changes the track


def test_the_track_changes_where_the_layer_did_not_help() -> None:
    assert kind(READY, TRIED) == "change_track"


@pytest.mark.parametrize(
    ("view", "state"),
    [
        ({}, {"low_change": NOW - TIMING.sustain}),
        ({"position": TIMING.dwell}, {}),
        ({"remaining": TIMING.tail + BIT}, {}),
        ({"twin_p_low": LIMITS.p_change}, {}),
        ({"p_low": LIMITS.p_change + BIT}, {}),
        ({}, {"last_change": NOW - TIMING.refractory}),
        ({}, {"eeg_changes": int(LIMITS.eeg_changes) - 1}),
        ({}, {"layer_since": None}),
        ({}, {"layer_since": None, "layer_decided": -1, "layer_off": True}),
    ],
)
def test_the_track_changes_from_each_limit_on(view, state) -> None:
    decision, after = decided(replace(READY, **view), replace(TRIED, **state))
    assert (decision.kind, decision.cause) == ("change_track", "eeg")
    assert after.last_change == NOW
    assert after.eeg_changes == replace(TRIED, **state).eeg_changes + 1


@pytest.mark.parametrize(
    ("view", "state"),
    [
        ({}, {"low_change": NOW - TIMING.sustain + BIT}),
        ({}, {"low_change": None}),
        ({"position": TIMING.dwell - BIT}, {}),
        ({"remaining": TIMING.tail}, {}),
        ({"twin_p_low": LIMITS.p_change + BIT}, {}),
        ({"p_low": LIMITS.p_change}, {}),
        ({}, {"last_change": NOW - TIMING.refractory + BIT}),
        ({}, {"eeg_changes": int(LIMITS.eeg_changes)}),
        ({}, {"layer_since": NOW - TIMING.layer_try + BIT}),
    ],
)
def test_the_track_stays_short_of_each_limit(view, state) -> None:
    assert kind(replace(READY, **view), replace(TRIED, **state)) == "hold"


@pytest.mark.parametrize(("dwell", "first"), [(60.0, 45.0), (45.0, 60.0)])
def test_a_track_is_changed_by_the_eeg_after_dwell_and_first_judgement(dwell, first) -> None:
    both = timing(dwell=dwell, first_judgement=first)
    assert kind(replace(READY, position=60.0), TRIED, both) == "change_track"
    assert kind(replace(READY, position=60.0 - BIT), TRIED, both) == "hold"


def test_the_track_changes_for_one_that_is_surely_better_only() -> None:
    better = p_better(READY.mean, READY.sd, POOL)
    assert kind(READY, TRIED, limits(p_better=better - BIT)) == "change_track"
    assert kind(READY, TRIED, limits(p_better=better)) == "hold"


@pytest.mark.parametrize(("layer_since", "words"), [(NOW - 60.0, "with the layer on"),
                                                    (None, "with no layer on")])  # fmt: skip
def test_a_change_says_how_long_it_was_low_what_comes_and_whether_the_layer_was_on(
    layer_since, words
) -> None:
    state = replace(TRIED, layer_since=layer_since, low_change=NOW - 41.0)
    decision, _ = decided(READY, state)
    numbers = decision.numbers
    assert (numbers["held"], numbers["layer"]) == (41.0, words)
    assert numbers["p_better"] == p_better(READY.mean, READY.sd, POOL)
    assert numbers["title"] == READY.titles[1]
    assert (numbers["expected"], numbers["expected_sd"]) == pytest.approx((70.0, 10.0))
    assert (decision.target, decision.propensity) == (1, 1.0)
    assert decision.alternatives == (("Two", 1.0), ("Three", 0.0), ("Four", 0.0))


@pytest.mark.parametrize("preset", [{"p_layer": 0.7}, {"p_change": 0.7}])
def test_a_limit_that_is_lower_than_the_other_is_the_one_that_wakes_the_eeg(preset) -> None:
    young = replace(READY, position=31.0, p_low=0.75)
    state = replace(FRESH, layer_decided=0)
    assert code(young, state, limits(**preset)) == "waiting"
    assert code(replace(young, p_low=0.7), state, limits(**preset)) == "unsure"


@pytest.mark.parametrize(("p_low", "said"), [(0.5 - BIT, "well"), (0.5, "unsure"), (0.8, "unsure")])
def test_what_is_more_likely_high_than_low_is_called_well(p_low, said) -> None:
    assert code(replace(READY, p_low=p_low)) == said


# What keeps the EEG from acting


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"rating": 0.75}, "protected"),
        ({"rating": 0.75 - BIT}, "none"),
        ({"usable": False, "reason": "no headset"}, "unusable"),
        ({"trust": LIMITS.trust - BIT}, "no_trust"),
        ({"ever_following": False}, "no_following"),
        ({"position": TIMING.layer_first - BIT}, "early"),
        ({"position": TIMING.layer_first}, "none"),
        ({"on_hold": True}, "on_hold"),
        ({"paused": True}, "paused"),
        ({"changing": True}, "no_track"),
        ({"play": -1}, "no_track"),
    ],
)
def test_each_reason_against_acting_is_the_one_that_is_said(view, said) -> None:
    decision, state = decided(replace(READY, **view))
    if said == "none":
        assert decision.kind == "layer_on"
    else:
        assert (decision.kind, decision.code) == ("hold", said)
        assert (decision.cause, decision.propensity, decision.target) == ("none", 1.0, None)
        assert state.code == said


def test_unproven_eeg_says_how_much_it_must_count() -> None:
    decision, _ = decided(replace(READY, trust=0.1))
    assert decision.numbers["needed"] == pytest.approx(30.0)


@pytest.mark.parametrize(("first", "layer_first"), [(20.0, 30.0), (30.0, 20.0)])
def test_judging_begins_with_the_earlier_of_layer_and_change(first, layer_first) -> None:
    both = timing(first_judgement=first, layer_first=layer_first)
    decision, _ = decided(replace(READY, position=20.0 - BIT), FRESH, both)
    assert (decision.code, decision.numbers["first"]) == ("early", 20.0)
    assert code(replace(READY, position=20.0), FRESH, both) != "early"


@pytest.mark.parametrize(
    ("n_ratings", "trust", "may"),
    [(12, 0.95, True), (11, 0.95, False), (12, 0.95 - BIT, False), (11, 0.5, False)],
)
def test_strict_eeg_needs_both_its_ratings_and_its_weight(n_ratings, trust, may) -> None:
    strict = replace(SURE, eeg=replace(SURE.eeg, strict=True))
    view = replace(READY, n_ratings=n_ratings, trust=trust)
    assert code(view, FRESH, strict) == ("layer_on" if may else "strict")
    assert code(view, FRESH, SURE) == "layer_on"


@pytest.mark.parametrize("broken", [{"usable": False}, {"paused": True}, {"play": -1}])
def test_what_is_not_known_or_not_heard_has_not_been_low(broken) -> None:
    _, state = decided(replace(READY, **broken), replace(FRESH, recovered=NOW - 9.0))
    assert (state.low_layer, state.low_change, state.recovered) == (None, None, None)


def test_each_condition_counts_from_when_it_began_in_this_track() -> None:
    low = replace(READY, position=31.0, remaining=30.0)
    _, state = decided(low, PolicyState(play=0))
    assert (state.low_layer, state.low_change, state.recovered) == (NOW, NOW, None)
    _, state = decided(replace(low, now=NOW + 7.0), state)
    assert (state.low_layer, state.low_change) == (NOW, NOW)
    _, other = decided(replace(low, now=NOW + 8.0, play=1), state)
    assert (other.low_layer, other.low_change) == (NOW + 8.0, NOW + 8.0)
    _, state = decided(replace(low, p_low=LIMITS.p_recovered), state)
    assert (state.low_layer, state.low_change, state.recovered) == (None, None, None)
    _, state = decided(replace(low, p_low=LIMITS.p_recovered - BIT), state)
    assert state.recovered == NOW


def test_each_of_the_two_limits_counts_for_its_own_condition() -> None:
    low = replace(READY, position=31.0, remaining=30.0, p_low=0.7)
    _, state = decided(low, PolicyState(play=0), limits(p_layer=0.7, p_change=0.6))
    assert (state.low_layer, state.low_change) == (None, NOW)
    _, state = decided(low, PolicyState(play=0), limits(p_layer=0.6, p_change=0.7))
    assert (state.low_layer, state.low_change) == (NOW, None)


# The layer goes


ON = replace(FRESH, layer_decided=0, layer_since=NOW - 500.0, recovered=NOW - 100.0)
GLAD = replace(READY, p_low=LIMITS.p_recovered - BIT)


def test_the_layer_goes_where_enjoyment_has_recovered() -> None:
    decision, state = decided(GLAD, ON)
    assert (decision.kind, decision.code, decision.cause) == ("layer_off", "recovered", "eeg")
    assert (decision.target, decision.propensity) == (0.0, 1.0)
    assert state.layer_since is None


@pytest.mark.parametrize(
    ("view", "state", "goes"),
    [
        ({}, {"recovered": NOW - TIMING.sustain}, True),
        ({}, {"recovered": NOW - TIMING.sustain + BIT}, False),
        ({}, {"layer_since": NOW - TIMING.layer_try}, True),
        ({}, {"layer_since": NOW - TIMING.layer_try + BIT}, False),
        ({"trust": LIMITS.trust - BIT}, {}, False),
        ({"on_hold": True}, {}, False),
        ({"p_low": LIMITS.p_recovered}, {}, False),
    ],
)
def test_the_layer_goes_from_each_limit_on(view, state, goes) -> None:
    found = kind(replace(GLAD, **view), replace(ON, **state))
    assert (found == "layer_off") is goes


@pytest.mark.parametrize(
    ("rating", "goes"), [(0.75, True), (0.75 - BIT, False), (0.25, True), (0.25 + BIT, False)]
)
def test_the_layer_goes_at_a_rating_at_either_end(rating, goes) -> None:
    early = replace(READY, rating=rating, position=5.0, p_low=0.5)
    decision, state = decided(early, ON)
    if goes:
        assert (decision.code, decision.cause) == ("layer_rated", "rating")
        assert decision.numbers["given"] == (7 if rating > 0.5 else 3)
        assert (decision.target, state.layer_since) == (0.0, None)
    else:
        assert decision.kind == "hold"


def test_the_layer_goes_with_its_track() -> None:
    decision, state = decided(replace(READY, play=1), ON)
    assert (decision.code, decision.cause, state.layer_since) == ("layer_track", "end", None)


def test_a_layer_that_is_not_on_does_not_go() -> None:
    assert kind(GLAD, replace(ON, layer_since=None)) == "hold"


# Ratings, the end of the track, the operator


@pytest.mark.parametrize(
    ("view", "ends"),
    [
        ({}, True),
        ({"rating": 0.25 + BIT}, False),
        ({"position": TIMING.rating_cut - BIT}, False),
        ({"changing": True}, False),
        ({"paused": True}, False),
        ({"on_hold": True}, False),
    ],
)
def test_a_low_rating_ends_the_track_from_each_limit_on(view, ends) -> None:
    rated = replace(READY, rating=0.25, position=TIMING.rating_cut, p_low=0.5)
    decision, state = decided(replace(rated, **view))
    assert ((decision.kind, decision.cause) == ("change_track", "rating")) is ends
    assert state.last_change == (NOW if ends else -np.inf)
    assert state.eeg_changes == 0  # the budget is the EEG's


@pytest.mark.parametrize("given", [1, 2, 3])
def test_a_rating_is_said_as_it_was_given(given: int) -> None:
    decision, _ = decided(replace(READY, rating=(given - 1) / 8))
    assert decision.numbers["given"] == given
    assert f"Rated {given} of 9" in decision.because


@pytest.mark.parametrize(
    ("view", "chosen"),
    [
        ({}, True),
        ({"remaining": TIMING.cue + BIT}, False),
        ({"cued": True}, False),
        ({"changing": True}, False),
    ],
)
def test_the_next_track_is_chosen_from_its_time_on_and_once(view, chosen) -> None:
    ending = replace(READY, remaining=TIMING.cue, usable=False)
    assert (kind(replace(ending, **view)) == "next_track") is chosen


NOTHING = tuple(replace(one, eligible=False) for one in POOL)


def test_only_the_end_of_a_track_and_the_operator_may_repeat_one() -> None:
    spare = replace(READY, candidates=NOTHING)
    asked = replace(spare, asked=(Asked("next"),))
    assert kind(asked) == "change_track"
    assert kind(replace(spare, remaining=5.0)) == "next_track"
    assert code(replace(spare, rating=0.0)) == "no_other"
    assert kind(spare, TRIED, limits(p_better=0.0)) == "hold"


def test_where_there_is_nothing_else_to_play_nothing_is_changed() -> None:
    alone = replace(READY, candidates=NOTHING, repeats=NOTHING, asked=(Asked("next"),))
    decision, state = decided(alone, replace(FRESH, layer_off=True))
    assert decision.kind == "hold"
    assert state.last_change == -np.inf


def test_a_repeat_is_not_taken_while_there_is_something_else() -> None:
    other = (*NOTHING[:3], replace(POOL[3], mean=0.1, sd=0.15))
    decision, _ = decided(replace(READY, candidates=other, asked=(Asked("next"),)))
    assert decision.target == 3
    numbers = decision.numbers
    assert (numbers["expected"], numbers["expected_sd"]) == pytest.approx((10.0, 15.0))


def test_what_the_operator_asks_for_counts_for_the_time_between_changes_alone() -> None:
    decision, state = decided(replace(READY, asked=(Asked("next"),)))
    assert (decision.kind, decision.cause) == ("change_track", "operator")
    assert (state.last_change, state.eeg_changes) == (NOW, 0)


def test_what_is_done_is_said_each_time_and_what_is_left_undone_once() -> None:
    quiet = replace(READY, p_low=0.5)
    first, state = decided(quiet)
    again, state = decided(quiet, state)
    other, state = decided(replace(quiet, paused=True), state)
    assert (first.code, again, other.code) == ("unsure", None, "paused")
    asked = replace(READY, asked=(Asked("next"),))
    for _ in range(2):
        decision, state = decided(asked, state)
        assert decision.code == "next"


@pytest.mark.parametrize(("value", "name"), [(READY, "mean"), (FRESH, "code")])
def test_what_the_policy_sees_and_remembers_are_values(value, name) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)
    decision, _ = decided()
    assert isinstance(decision, Decision)
    with pytest.raises(FrozenInstanceError):
        decision.kind = "hold"
