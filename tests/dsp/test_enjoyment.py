import math

import numpy as np
import pytest

from dsp.enjoyment import CHECK_CONTRAST, CHECK_SE, UNIT_GAIN, EnjoymentFilter, EnjoymentModel


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
