from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.loop.decision import Asked, PolicyState
from app.loop.policy import decide
from app.settings import load_preset
from tests.doubles.views import LOW

DEMO, DEFAULT = load_preset("demo"), load_preset("default")


def play(view, seconds, *, preset=DEMO, state=None, each=lambda v: v):
    """Let time pass; return all decisions with their seconds, and the state."""
    state, rng, out = state or PolicyState(), np.random.default_rng(0), []
    for s in range(seconds):
        now = each(
            replace(
                view,
                now=view.now + s,
                position=view.position + s,
                remaining=view.remaining - s,
            )
        )
        decision, state = decide(now, state, preset, rng)
        if decision is not None:
            out.append((s, decision))
    return out, state


def kinds(decisions):
    return [d.kind for _, d in decisions if d.kind != "hold"]


def test_low_enjoyment_brings_the_layer_then_a_change_with_sentences_and_numbers():
    decisions, _ = play(LOW, 60)
    acted = [(s, d) for s, d in decisions if d.kind != "hold"]
    assert [d.kind for _, d in acted] == ["layer_on", "change_track"]
    (at_layer, layer), (at_change, change) = acted
    assert at_layer >= DEMO.timing.sustain
    assert at_change - at_layer >= DEMO.timing.layer_try
    assert change.target != 0
    assert "changing to" in change.because
    assert change.cause == layer.cause == "eeg"
    assert change.numbers["p_better"] > 0.8
    assert change.propensity == 1.0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"usable": False, "reason": "no clean EEG"}, "unusable"),
        ({"ever_following": False}, "no_following"),
        ({"trust": 0.2}, "no_trust"),
        ({"rating": 0.75}, "protected"),
        ({"on_hold": True}, "on_hold"),
        ({"paused": True}, "paused"),
    ],
)
def test_eeg_does_not_act_without_its_gates(change, code):
    decisions, _ = play(replace(LOW, **change), 60)
    assert kinds(decisions) == []
    assert decisions[0][1].code == code


def test_nothing_labelled_eeg_happens_where_the_twin_would_act_alike():
    decisions, _ = play(replace(LOW, twin_p_low=0.95), 60)
    assert kinds(decisions) == []


def test_a_low_rating_cuts_whatever_the_eeg_says():
    happy = replace(LOW, mean=0.95, sd=0.02, p_low=0.0, rating=0.25, position=5.0)
    decisions, _ = play(happy, 20, each=lambda v: replace(v, play=0))
    at, decision = next((s, d) for s, d in decisions if d.kind != "hold")
    assert (decision.kind, decision.cause) == ("change_track", "rating")
    assert at == 10  # position 15 s


def test_high_rating_protects_at_the_highest_gain_of_the_bank():
    decisions, _ = play(replace(LOW, rating=1.0, p_low=1.0, trust=1.0, mean=0.0), 100)
    assert [k for k in kinds(decisions) if k != "next_track"] == []


def test_operator_goes_first():
    asked = replace(LOW, asked=(Asked("next"),), usable=False)
    decision, _ = decide(asked, PolicyState(), DEMO, np.random.default_rng(0))
    assert (decision.kind, decision.cause) == ("change_track", "operator")
    off = replace(LOW, asked=(Asked("layer_off"),))
    decision, state = decide(off, PolicyState(), DEMO, np.random.default_rng(0))
    assert (decision.kind, state.layer_off) == ("layer_off", True)
    decisions, _ = play(LOW, 60, state=state)
    assert "layer_on" not in kinds(decisions)


def test_the_next_track_is_chosen_before_the_end_even_without_data():
    decisions, _ = play(replace(LOW, usable=False, remaining=30.0), 20)
    at, decision = next((s, d) for s, d in decisions if d.kind == "next_track")
    assert decision.cause == "end"
    assert at == 10


def test_layer_leaves_when_enjoyment_recovers():
    def each(view):
        return replace(view, p_low=0.97 if view.now < 1010 else 0.1)

    decisions, _ = play(LOW, 60, each=each)
    assert kinds(decisions) == ["layer_on", "layer_off"]


def test_strict_needs_earned_weight():
    strict = replace(DEMO, eeg=replace(DEMO.eeg, strict=True))
    assert kinds(play(LOW, 60, preset=strict)[0]) == []
    earned = replace(LOW, n_ratings=12, trust=0.97)
    assert kinds(play(earned, 60, preset=strict)[0]) == ["layer_on", "change_track"]


def test_default_preset_withholds_by_lot_and_logs_the_odds():
    outcomes = {"layer_on": 0, "withheld": 0}
    for seed in range(200):
        state = replace(PolicyState(play=0), low_layer=900.0, low_change=900.0)
        view = replace(LOW, position=50.0)
        decision, _ = decide(view, state, DEFAULT, np.random.default_rng(seed))
        assert decision.propensity == pytest.approx(0.8 if decision.kind == "layer_on" else 0.2)
        outcomes[decision.code] += 1
    assert 20 <= outcomes["withheld"] <= 60


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.booleans(),
            st.sampled_from([None, 0.0, 0.5, 1.0]),
            st.booleans(),
        ),
        min_size=60,
        max_size=200,
    )
)
def test_no_sequence_breaks_a_limit(rows):
    """Dwell, refractory, one layer a track and the budget hold whatever is seen."""
    state, rng = PolicyState(), np.random.default_rng(0)
    track, began, changes, layers = 0, 0.0, [], []
    for s, (p_low, usable, rating, following) in enumerate(rows):
        view = replace(
            LOW,
            now=float(s),
            play=track,
            position=s - began,
            remaining=150.0 - (s - began),
            p_low=p_low,
            usable=usable,
            rating=rating,
            ever_following=following,
        )
        decision, state = decide(view, state, DEFAULT, rng)
        if decision is None or decision.kind == "hold":
            continue
        if decision.kind == "layer_on":
            layers.append(track)
        if decision.kind in ("change_track", "next_track"):
            if decision.cause == "eeg":
                assert rating is None or rating < 0.75
                assert usable
                assert following
                assert view.position >= DEFAULT.timing.dwell
                assert all(s - before >= DEFAULT.timing.refractory for before in changes)
            if decision.kind == "change_track":
                changes.append(s)
                track, began = track + 1, float(s)
    assert len(layers) == len(set(layers))


def test_a_decision_is_the_same_again():
    first, _ = play(LOW, 60)
    second, _ = play(LOW, 60)
    assert first == second
