"""What is believed, beside the filters that it is made of."""

import math
from dataclasses import replace

import numpy as np
import pytest

from app.loop.belief import STRANGER, Belief
from app.loop.calibration import load_calibration
from app.settings import load_preset
from dsp.enjoyment import EnjoymentFilter, EnjoymentModel
from dsp.reward import ThetaScore

PRESET = load_preset("default")
PRESET = replace(
    PRESET, priors=replace(PRESET.priors, first_mean=0.45, first_sd=0.15, next_mean=0.6)
)
FIRST, NEXT = (0.45, 0.15), (0.6, 0.2)
KNOWN = replace(load_calibration("clear"), theta_db=2.0, theta_sd=0.5, checks=(2.0, -1.0))
STRICT = replace(PRESET, eeg=replace(PRESET.eeg, strict=True))


def score(db: float, *, t1: float = 12.0, share: float = 0.8) -> ThetaScore:
    return ThetaScore(t1 - 2.0, t1, db, share, True)


def begun(settings=PRESET, calibration=KNOWN, *, eeg=True) -> Belief:
    belief = Belief(settings, calibration, eeg=eeg)
    belief.begin(3, first=True)
    return belief


def filters(*, checks=KNOWN.checks, eeg=True) -> EnjoymentFilter:
    one = EnjoymentFilter(EnjoymentModel(), checks=checks, eeg=eeg, doubt=STRANGER)
    one.new_track(*FIRST)
    return one


def told(one: EnjoymentFilter) -> tuple[float, float, float]:
    return (*one.level(), one.p_below(PRESET.limits.low))


def test_everything_that_is_said_reaches_the_estimate_and_its_twin() -> None:
    belief, eeg, twin = begun(), filters(), filters(eeg=False)
    belief.step(4.0)
    belief.score(score(3.25))
    belief.step(2.0)
    belief.rate(0.75)
    belief.skip()
    eeg.step(4.0)
    eeg.score((3.25 - 2.0) / 0.5, valid_share=0.8)
    eeg.step(2.0)
    twin.step(4.0)
    twin.step(2.0)
    for one in (eeg, twin):
        one.rating(0.75)
        one.skip()
    assert belief.level() == pytest.approx(told(eeg), abs=1e-6)
    assert belief.level(twin=True) == pytest.approx(told(twin), abs=1e-6)
    assert belief.trust == pytest.approx(eeg.eeg_weight, abs=1e-6)
    assert belief.entered == 12.0


def test_what_is_told_is_rounded_to_a_millionth() -> None:
    belief = begun()
    belief.step(1.0)
    belief.score(score(3.1))
    numbers = (*belief.level(), *belief.level(twin=True), belief.trust)
    assert all(number == round(number, 6) for number in numbers)
    assert any(number != round(number, 5) for number in numbers)


def test_without_a_calibration_or_eeg_no_score_enters() -> None:
    for belief in (begun(calibration=None), begun(eeg=False)):
        before = belief.level()
        belief.step(0.0)
        belief.score(score(9.0))
        assert belief.level() == before
    assert begun(calibration=None).entered == -math.inf
    assert begun(eeg=False).trust == 0.0
    assert begun(calibration=None).trust == pytest.approx(0.28)


def test_the_first_track_and_later_ones_have_priors_of_their_own() -> None:
    belief = begun()
    assert belief.level()[0] == FIRST[0]
    assert belief.prior(5, first=True) == FIRST
    belief.begin(5, first=False)
    assert belief.prior(5) == NEXT
    assert belief.level()[0] == NEXT[0]
    assert belief.level(twin=True)[0] == NEXT[0]


@pytest.mark.parametrize("sign", ["rate", "skip"])
def test_what_was_said_of_a_track_is_expected_of_it_when_it_comes_again(sign: str) -> None:
    belief = begun()
    belief.step(1.0)
    belief.score(score(9.0))
    belief.rate(0.25) if sign == "rate" else belief.skip()
    mean, sd, _ = belief.level(twin=True)
    belief.begin(5, first=False)
    assert belief.prior(3) == pytest.approx((mean, max(sd, 0.1)), abs=1e-6)
    assert belief.prior(5) == NEXT
    mood = belief.level(twin=True)[0] - NEXT[0]
    belief.begin(3, first=False)
    assert belief.level(twin=True)[0] == pytest.approx(mean + mood, abs=2e-6)
    belief.begin(5, first=False)
    assert belief.prior(3) == pytest.approx((mean, max(sd, 0.1)), abs=1e-6)


def test_what_nobody_spoke_of_teaches_nothing() -> None:
    belief = begun()
    belief.step(1.0)
    belief.score(score(9.0))
    belief.begin(5, first=False)
    assert belief.prior(3) == NEXT
    belief.rate(1.0)
    belief.begin(6, first=False)
    belief.begin(7, first=False)
    assert (belief.prior(3), belief.prior(6)) == (NEXT, NEXT)


def test_what_ratings_teach_stays_a_prior() -> None:
    """On the scale, and never surer than 0.1: another day is another day."""
    for value, end in ((1.0, 1.0), (0.0, 0.0)):
        belief = begun(replace(PRESET, priors=replace(PRESET.priors, first_mean=end)))
        for place in range(10, 40):  # until it is known how this person uses the scale
            belief.begin(place, first=False)
            belief.step(60.0)
            belief.rate(0.57)
        belief.begin(3, first=True)
        for _ in range(40):
            belief.step(5.0)
            belief.rate(value)
        raw = belief.level(twin=True)
        belief.begin(5, first=False)
        mean, sd = belief.prior(3)
        assert 0.0 <= mean <= 1.0
        assert sd == 0.1
        assert raw[1] < 0.1
    assert mean == pytest.approx(max(raw[0], 0.0), abs=1e-6)


def test_a_rating_belongs_to_its_track_and_the_latest_counts() -> None:
    belief = begun()
    belief.rate(0.875)
    belief.rate(0.5)
    assert (belief.rating, belief.rated, belief.n_ratings) == (0.5, {3: 0.5}, 2)
    belief.begin(5, first=False)
    assert (belief.rating, belief.standing) == (None, None)


@pytest.mark.parametrize(("value", "stands"), [(0.75, True), (0.625, False), (0.0, False)])
def test_a_protected_track_stays_protected_when_it_comes_again(value: float, stands: bool) -> None:
    belief = begun()
    belief.rate(value)
    assert belief.standing == value
    belief.begin(5, first=False)
    belief.begin(3, first=False)
    assert belief.standing == (value if stands else None)
    belief.rate(0.375)
    assert belief.standing == 0.375


def test_strict_eeg_counts_from_the_twelfth_rating_on_if_its_weight_is_earned() -> None:
    sure = replace(KNOWN, checks=(12.0,))
    for checks, earned in ((sure, True), (KNOWN, False)):
        belief = begun(STRICT, checks)
        belief.step(1.0)
        belief.score(score(9.0))
        for _ in range(11):
            belief.rate(0.5)
        assert belief.trust == 0.0
        assert belief.level() == belief.level(twin=True)
        belief.rate(0.5)
        assert (belief.trust > 0.95) is earned
        assert (belief.level() != belief.level(twin=True)) is earned


def test_strict_eeg_counts_from_its_weight_on() -> None:
    weight = filters().eeg_weight
    for needed, counts in ((weight, True), (weight + 1e-9, False)):
        eeg = replace(STRICT.eeg, strict_ratings=0.0, strict_weight=needed)
        assert (begun(replace(STRICT, eeg=eeg)).trust > 0.0) is counts


def test_a_strangers_calibration_is_refuted_within_a_session_of_a_silent_brain() -> None:
    """Four strong checks, and then eight tracks whose ratings and theta know nothing of each other.

    Of the mean over five persons: without the doubt it stays over 0.9.
    """
    model, weights = EnjoymentModel(), []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        one = EnjoymentFilter(model, checks=(3.0, 3.0, 3.0, 3.0), doubt=STRANGER)
        assert one.eeg_weight > 0.95
        for _ in range(8):
            one.new_track(0.55, 0.2)
            own, felt = rng.normal(0.0, 0.3), float(np.clip(rng.normal(0.55, 0.2), 0.0, 1.0))
            for n in range(40):
                one.step(2.0)
                one.score(own + 2.0 * rng.standard_normal(), valid_share=1.0)
                if n == 20:
                    one.rating(felt)
        weights.append(one.eeg_weight)
    assert np.mean(weights) < 0.6
