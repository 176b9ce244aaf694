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
    assert before == pytest.approx(0.75)


def test_ratings_that_contradict_the_eeg_lower_its_weight_and_agreeing_ones_raise_it():
    def weight(rating):
        one = EnjoymentFilter(EnjoymentModel(), checks=(z_of(4),))
        one.new_track(0.5, 0.2)
        run_scores(one, [17 * UNIT_GAIN * (0.15 - 0.5)] * 10)
        one.rating(rating)
        return one.eeg_weight

    assert weight(0.15) > weight(0.95)


def test_rating_outweighs_many_scores_at_the_highest_gain():
    model = EnjoymentModel(gains=(0.0, 17.0), weights=(1e-9, 1.0))
    one = EnjoymentFilter(model)
    one.new_track(0.5, 0.2)
    run_scores(one, [17 * UNIT_GAIN * (0.15 - 0.5)] * 8)
    before = one.level()[0]
    one.rating(1.0)
    assert one.level()[0] > before


def test_interval_holds_the_truth_where_the_model_is_true():
    """Simulate the model itself; 90 % intervals must hold 85-95 % of the truths."""
    rng = np.random.default_rng(4)
    model = EnjoymentModel(gains=(0.0, 9.0), weights=(1e-9, 1.0))
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
        one = EnjoymentFilter(EnjoymentModel(gains=(0.0, 9.0), weights=(1e-9, 1.0)))
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
    one = EnjoymentFilter(EnjoymentModel(gains=(0.0, 9.0), weights=(1e-12, 1.0)))
    one.new_track(0.5, 0.2)
    one.step(2.0)
    variance = one._p[1]
    h = np.array([9 * UNIT_GAIN, 0.0, 0.0, 1.0, 1.0, 1.0])
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


@pytest.mark.parametrize("model", [{"gains": (0.0, 1.0)}, {"gains": (1.0,) * 6}])
def test_a_bank_without_a_weight_for_each_gain_or_without_doubt_is_refused(model):
    with pytest.raises(InputError, match="bank"):
        EnjoymentFilter(EnjoymentModel(**model))


def test_twenty_strong_checks_leave_weights_that_add_up():
    one = EnjoymentFilter(EnjoymentModel(), checks=(12.0,) * 20)
    assert one.weights == pytest.approx([0, 0, 0, 0, 0, 1.0])
