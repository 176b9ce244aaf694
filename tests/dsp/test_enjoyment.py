import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.checks import InputError
from dsp.enjoyment import (
    CHECK_CONTRAST,
    CHECK_SE,
    UNIT_GAIN,
    Enjoyment,
    EnjoymentFilter,
    EnjoymentModel,
)


def run_scores(filter_, scores):
    for y in scores:
        filter_.step(2.0)
        filter_.score(y, valid_share=1.0)


def model_of(gain, **known):
    """Return a model that doubts nothing: one gain, offset and scale; `known` changes it."""
    sure = {"offset_sds": (0.3,), "offset_weights": (1.0,), "scales": (1.0,)}
    sure |= {"scale_weights": (1.0,), "rating_bias_sd": 1e-6}
    return EnjoymentModel(gains=(0.0, gain), weights=(1e-12, 1.0), **(sure | known))


def z_of(gain):
    return gain * UNIT_GAIN * CHECK_CONTRAST / CHECK_SE


def test_level_starts_at_the_prior_of_the_track():
    estimate = EnjoymentFilter(EnjoymentModel())
    estimate.new_track(0.6, 0.2)
    mean, sd = estimate.level()
    assert mean == pytest.approx(0.6)
    assert sd == pytest.approx(math.hypot(0.2, 0.08))


def test_strong_eeg_moves_a_believed_filter_and_not_the_twin():
    believed = EnjoymentFilter(EnjoymentModel(), checks=(z_of(17), z_of(17)))
    twin = EnjoymentFilter(EnjoymentModel(), eeg=False)
    for one in (believed, twin):
        one.new_track(0.5, 0.2)
        run_scores(one, [17 * UNIT_GAIN * (0.15 - 0.5)] * 12)
    assert believed.level()[0] < 0.3
    assert twin.level()[0] == pytest.approx(0.5)
    assert twin.eeg_weight == 0.0


def test_a_check_that_finds_nothing_lowers_the_belief_in_the_eeg():
    before = EnjoymentFilter(EnjoymentModel()).eeg_weight
    nothing = EnjoymentFilter(EnjoymentModel(), checks=(0.0, 0.0)).eeg_weight
    strong = EnjoymentFilter(EnjoymentModel(), checks=(z_of(17), z_of(17))).eeg_weight
    assert nothing < before < strong
    assert before == pytest.approx(0.28)


def test_ratings_that_contradict_the_eeg_lower_its_weight_and_agreeing_ones_raise_it():
    def weight(rating):
        one = EnjoymentFilter(EnjoymentModel(), checks=(z_of(4),))
        one.new_track(0.5, 0.2)
        run_scores(one, [17 * UNIT_GAIN * (0.15 - 0.5)] * 10)
        one.rating(rating)
        return one.eeg_weight

    assert weight(0.15) > weight(0.95)


def test_rating_outweighs_many_scores_at_the_highest_gain():
    one = EnjoymentFilter(model_of(17.0))
    one.new_track(0.5, 0.2)
    run_scores(one, [17 * UNIT_GAIN * (0.15 - 0.5)] * 8)
    before = one.level()[0]
    one.rating(1.0)
    assert one.level()[0] > before


def test_interval_holds_the_truth_where_the_model_is_true():
    """Simulate the model itself; 90 % intervals must hold 85-95 % of the truths."""
    rng = np.random.default_rng(4)
    model = model_of(9.0)
    inside = []
    for _ in range(300):
        truth = rng.normal(0.5, 0.2)
        mood = rng.normal(0.0, 0.08)
        (zero, offset, noise), felt = rng.normal(0, 0.3, 3), 0.5
        one = EnjoymentFilter(model)
        one.new_track(0.5, 0.2)
        for _ in range(20):
            decay = math.exp(-2 / 15)
            noise = noise * decay + 0.3 * math.sqrt(1 - decay**2) * rng.normal()
            felt += (truth + mood - felt) * (1 - math.exp(-0.2)) + 0.012 * rng.normal()
            y = 9 * UNIT_GAIN * (felt - 0.5) + zero + offset + noise + 2.0 * rng.normal()
            one.step(2.0)
            one.score(y, valid_share=1.0)
        mean, sd = one.level()
        inside.append(abs(truth + mood - mean) < 1.645 * sd)
    assert 0.85 <= np.mean(inside) <= 0.95


def test_a_dirty_score_counts_less():
    def sd(share):
        one = EnjoymentFilter(model_of(9.0))
        one.new_track(0.5, 0.2)
        one.step(2.0)
        one.score(-1.0, valid_share=share)
        return one.level()[1]

    assert sd(0.3) > sd(1.0)


def test_probability_of_low_agrees_with_the_normal_law():
    one = EnjoymentFilter(EnjoymentModel(), eeg=False)
    one.new_track(0.5, 0.2)
    mean, sd = one.level()
    expected = 0.5 * math.erfc((mean - 0.42) / sd / math.sqrt(2))
    assert one.p_below(0.42) == pytest.approx(expected)


def test_skip_lowers_the_level():
    one = EnjoymentFilter(EnjoymentModel())
    one.new_track(0.5, 0.2)
    one.skip()
    assert one.level()[0] < 0.45


def moved(sds):
    """How far a score that lies so many sd from what is expected moves level and sd."""
    one = EnjoymentFilter(model_of(9.0))
    one.new_track(0.5, 0.2)
    one.step(2.0)
    variance = one._p[1]
    h = np.array([9 * UNIT_GAIN, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    sd = math.sqrt(h @ variance @ h + one.model.score_var)
    before = one.level()
    one.score(sds * sd, valid_share=1.0)
    after = one.level()
    return after[0] - before[0], before[1] ** 2 - after[1] ** 2


def test_what_lies_beyond_three_sd_counts_the_less_the_further_it_lies():
    """Its noise is taken to be so large that it lies at 3 sd: n times as far moves 1/n as much."""
    (one, sure), (three, _) = moved(1.0), moved(3.0)
    for sds in (-2.9, 2.6, 3.0):
        assert moved(sds) == pytest.approx((sds * one, sure))
    for times in (1.2, 2.0, 10.0):
        far, unsure = moved(3.0 * times)
        assert far == pytest.approx(three / times)
        assert unsure == pytest.approx(sure / times**2)
        assert moved(-3.0 * times)[0] == pytest.approx(-far)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("step"), st.floats(0.01, 4000.0)),
            st.tuples(st.just("score"), st.floats(-1e6, 1e6)),
            st.tuples(st.just("rating"), st.floats(0.0, 1.0)),
            st.tuples(st.just("new_track"), st.floats(0.0, 1.0)),
            st.tuples(st.just("skip"), st.none()),
        ),
        max_size=60,
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_the_estimate_stays_an_estimate(happened):
    one = EnjoymentFilter(EnjoymentModel(), checks=(40.0, -40.0))
    for name, value in happened:
        if name == "score":
            one.score(value, valid_share=0.05)
        elif name == "new_track":
            one.new_track(value, 0.001)
        else:
            getattr(one, name)(*() if value is None else (value,))
        mean, sd = one.level()
        assert math.isfinite(mean)
        assert sd > 0.01  # nobody knows the mood of a person better than that
        assert 0.0 <= one.p_below(0.42) <= 1.0
        assert one.weights.sum() == pytest.approx(1.0)
        assert 0.0 <= one.eeg_weight <= 1.0


def test_model_and_estimate_are_values_that_nobody_changes_in_passing():
    for value, name in ((EnjoymentModel(), "tau"), (Enjoyment(0.5, 0.2, 0.3, True, 1, ()), "mean")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 0.0)


def test_no_time_changes_nothing():
    one = EnjoymentFilter(EnjoymentModel())
    one.new_track(0.5, 0.2)
    one.score(1.0, valid_share=1.0)
    before = one.level(), one.p_below(0.42)
    one.step(0.0)
    assert (one.level(), one.p_below(0.42)) == before


@pytest.mark.parametrize(("mean", "sd"), [(-0.01, 0.2), (1.01, 0.2), (0.5, 0.0009), (0.5, 1.01)])
def test_a_prior_outside_the_scale_is_refused(mean, sd):
    with pytest.raises(InputError, match="prior"):
        EnjoymentFilter(EnjoymentModel()).new_track(mean, sd)


def test_a_rating_is_taken_on_its_scale_and_no_further():
    one = EnjoymentFilter(EnjoymentModel())
    one.new_track(0.0, 0.001)
    one.new_track(1.0, 1.0)
    one.rating(0.0)
    one.rating(1.0)
    for beyond in (-0.01, 1.01):
        with pytest.raises(InputError, match="rating"):
            one.rating(beyond)


@pytest.mark.parametrize("model", [{"gains": (0.0, 1.0)}, {"gains": (1.0,) * 6}, {"gains": ()}])
def test_a_bank_without_a_weight_for_each_gain_or_without_doubt_is_refused(model):
    with pytest.raises(InputError, match="bank"):
        EnjoymentFilter(EnjoymentModel(**model))


def test_twenty_strong_checks_leave_weights_that_add_up():
    one = EnjoymentFilter(EnjoymentModel(), checks=(12.0,) * 20)
    assert one.weights == pytest.approx([0, 0, 0, 0, 0, 1.0], abs=1e-6)


def heard_by(one, gain, rng, *, offset=0.3, tracks=8, use=None):
    """Let somebody whose EEG has `gain` hear and rate `tracks`; return errors in sd at the ends."""
    zero, felt, out = rng.normal(0.0, 0.3), 0.5, []
    for _ in range(tracks):
        level, own = rng.normal(0.55, 0.2), rng.normal(0.0, offset)
        one.new_track(0.55, 0.2)
        for _ in range(12):
            felt += (level - felt) * (1.0 - math.exp(-1.0))
            one.step(10.0)
            y = gain * UNIT_GAIN * (felt - 0.5) + zero + own + 0.95 * rng.normal()
            one.score(y, valid_share=5.0)  # as much as the five of 10 s
        value = felt + 0.02 + 0.18 * rng.normal()
        one.rating(float(np.clip(value if use is None else use(value), 0.0, 1.0)))
        mean, sd = one.level()
        out.append((level - mean) / sd)
    return out


def weight_after(gain, *, checks=(), offset=0.3):
    rng = np.random.default_rng(3)
    found = []
    for _ in range(15):
        one = EnjoymentFilter(EnjoymentModel(), checks=checks)
        heard_by(one, gain, rng, offset=offset)
        found.append(one.eeg_weight)
    return float(np.median(found))


@pytest.mark.parametrize("offset", [0.3, 1.0])
def test_eight_ratings_take_belief_from_an_eeg_that_says_nothing_or_the_opposite(offset):
    assert weight_after(0.0, offset=offset) < 0.50
    assert weight_after(-2.0, offset=offset) < 0.35
    assert weight_after(8.0, offset=offset) > 0.40


def test_trust_that_checks_gave_is_lost_where_ratings_do_not_confirm():
    checks = (z_of(17), z_of(17))
    assert EnjoymentFilter(EnjoymentModel(), checks=checks).eeg_weight > 0.95
    assert weight_after(17.0, checks=checks) > 0.99
    assert weight_after(0.0, checks=checks) < 0.95
    assert weight_after(-17.0, checks=checks) < 0.6


def test_a_doubt_leaves_the_models_own_weights_their_share_whatever_was_known():
    model, checks = EnjoymentModel(), (z_of(17), z_of(17))
    sure = EnjoymentFilter(model, checks=checks).weights
    doubted = EnjoymentFilter(model, checks=checks, doubt=0.1).weights
    assert doubted == pytest.approx(0.9 * sure + 0.1 * np.array(model.weights))
    opposite = model.prior[::-1].copy()
    learnt = EnjoymentFilter(model, believed=opposite, doubt=0.1).weights
    assert learnt == pytest.approx(
        0.9 * np.array(model.weights[::-1]) + 0.1 * np.array(model.weights)
    )
    nothing = EnjoymentFilter(model, doubt=0.1)
    assert (nothing.weights == EnjoymentFilter(model).weights).all()


@pytest.mark.parametrize("doubt", [-0.1, 1.1, math.nan])
def test_refusals_of_a_doubt_that_is_no_probability(doubt):
    with pytest.raises(InputError, match="doubt"):
        EnjoymentFilter(EnjoymentModel(), doubt=doubt)


def test_scores_that_lie_far_apart_show_large_offsets_and_prove_no_gain():
    one = EnjoymentFilter(EnjoymentModel(), checks=(0.7,))
    before, offsets = one.weights, one._log_weights.copy()
    rng = np.random.default_rng(1)
    for _ in range(6):
        one.new_track(0.5, 0.2)
        run_scores(one, [rng.normal(0.0, 1.5)] * 20)
    assert one.weights == pytest.approx(before, abs=0.02)
    large = [np.exp(w[2, 1]).sum() / np.exp(w[2]).sum() for w in (offsets, one._log_weights)]
    assert large[0] < 0.05
    assert large[1] > 0.6


def test_scores_that_never_differ_speak_against_a_gain_that_promises_much():
    """Eight tracks of all kinds, and theta stays where it is: no gain of 17 looks like that."""
    one = EnjoymentFilter(EnjoymentModel(), checks=(z_of(17), z_of(17)))
    before = one.weights
    for _ in range(8):
        one.new_track(0.55, 0.2)
        run_scores(one, [0.0] * 20)
    assert before[5] > 0.8
    assert one.weights[5] < 0.8
    assert before[5] > one.weights[5] + 0.1
    assert one.weights[2] > 2 * before[2]
    small = one.weights[3] / one.weights[2] * before[2] / before[3]
    assert small == pytest.approx(1.0, abs=0.3)  # of a small gain they say next to nothing


def test_a_check_weighs_less_the_larger_the_offsets_may_be():
    def odds(offset):
        model = EnjoymentModel(offset_sds=(offset,), offset_weights=(1.0,))
        weights = EnjoymentFilter(model, checks=(2.0,)).weights
        return math.log(weights[5] / weights[2] * model.weights[2] / model.weights[5])

    expected = 0.5 * (2.0**2 - (2.0 - z_of(17)) ** 2)
    assert odds(0.3) == pytest.approx(expected)
    assert odds(0.9) == pytest.approx(expected * (0.2 + 0.3**2) / (0.2 + 0.9**2))


def test_who_uses_half_of_the_scale_at_its_top_is_understood_after_some_ratings():
    rng = np.random.default_rng(2)
    errors, plain = [], []
    for _ in range(12):
        for one, out in (
            (EnjoymentFilter(EnjoymentModel(), eeg=False), errors),
            (EnjoymentFilter(model_of(0.5), eeg=False), plain),
        ):
            out += heard_by(one, 0.0, rng, tracks=10, use=lambda r: 0.65 + 0.35 * r)[4:]
    inside = [np.mean(np.abs(out) < 1.645) for out in (errors, plain)]
    assert inside[0] > 0.78
    assert inside[0] > inside[1] + 0.04
    assert abs(np.mean(errors)) < abs(np.mean(plain)) - 0.1


@pytest.mark.parametrize("gain", [0.0, -2.0])
def test_the_interval_holds_the_truth_where_the_eeg_misleads(gain):
    rng = np.random.default_rng(5)
    errors = [
        error
        for k in range(24)
        for error in heard_by(
            EnjoymentFilter(EnjoymentModel()), gain, rng, offset=(0.3, 1.0)[k % 2]
        )
    ]
    assert 0.84 < np.mean(np.abs(errors) < 1.645) < 0.96
