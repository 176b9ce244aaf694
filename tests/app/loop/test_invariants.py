"""Each kind of number that cannot be is named, and shown as "cannot tell"."""

import math
from dataclasses import replace

import pytest

from app.loop.invariants import soundly, violations
from app.loop.ticks import Coming
from app.settings import load_preset
from dsp.tracking.scores import CANNOT_TELL, FOLLOWING, Tracking
from tests.doubles.ticking import Player

TRACKING = Tracking(
    state=FOLLOWING,
    r=0.31,
    r_null95=0.12,
    r_low=0.2,
    r_high=0.42,
    p=0.001,
    evidence=4.0,
    ever_following=True,
    usable_s=28.0,
    age_s=0.1,
    usable=True,
    reasons=(),
)


@pytest.fixture(scope="module")
def ticks():
    """Two successive results that hold nothing wrong."""
    one = Player(load_preset("demo"))
    one.run(4)
    return tuple(replace(r, tracking=TRACKING, eeg_until=r.now) for r in one.results[-2:])


def test_not_following_with_enough_power_can_be(ticks):
    said = replace(TRACKING, state="not following", power=0.8)
    assert violations(replace(ticks[1], tracking=said), ticks[0]) == ()


def test_what_can_be_is_left_as_it_is(ticks):
    before, result = ticks
    assert violations(result, None) == violations(result, before) == ()
    assert soundly(result) == result


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"r": 1.4}, "r is 1.4"),
        ({"r": -math.inf}, "r is -inf"),
        ({"r_null95": 911.63}, "chance level is 911.63"),
        ({"r_null95": -0.01}, "chance level is -0.01"),
        ({"p": 1.01}, "p is 1.01"),
        ({"p": math.nan}, "p is nan"),
        ({"power": 1.2}, "power is 1.2"),
        ({"state": "not following", "power": 0.79}, "a power of 0.79"),
        ({"state": "not following"}, "a power of nan"),
        ({"r_low": 0.5}, "0.5 to 0.42"),
        ({"r_high": 0.1}, "0.2 to 0.1"),
        ({"residual": 0.1, "residual_low": 0.2, "residual_high": 0.3}, "residual is 0.1"),
    ],
)
def test_tracking_that_cannot_be_is_cannot_tell(ticks, changes, named):
    wrong = replace(ticks[1], tracking=replace(TRACKING, **changes))
    found = violations(wrong, ticks[0])
    assert any(named in sentence for sentence in found)
    shown = soundly(wrong)
    assert shown.tracking.state == CANNOT_TELL
    assert math.isnan(shown.tracking.r)
    assert violations(shown, ticks[0]) == ()
    assert replace(shown, tracking=wrong.tracking) == wrong


@pytest.mark.parametrize("which", ["enjoyment", "twin"])
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mean": math.nan}, "nan with sd"),
        ({"sd": -0.1}, "sd -0.1"),
        ({"p_low": 1.2}, "is 1.2; expected a number from 0 to 1"),
        ({"age_s": -2.0}, "-2.0 s old"),
    ],
)
def test_an_estimate_that_cannot_be_is_none(ticks, which, changes, named):
    wrong = replace(ticks[1], **{which: replace(getattr(ticks[1], which), **changes)})
    assert any(named in sentence for sentence in violations(wrong, ticks[0]))
    shown = getattr(soundly(wrong), which)
    assert not shown.usable
    assert math.isnan(shown.mean)
    assert math.isnan(shown.p_low)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"now": 3.0, "eeg_until": 3.0, "heard_until": 3.0}, "Time went from 3.0 to 3.0"),
        ({"eeg_until": 4.5}, "took EEG of 4.5"),
        ({"heard_until": 4.01}, "took sound of 4.01"),
        ({"position": -1.0}, "heard at -1.0 s"),
        ({"position": 153.5}, "its end at 150.0 s"),
        ({"eeg_weight": 1.5}, "weight of the EEG is 1.5"),
        ({"coming": Coming(0, 3, True, 2.0)}, "Play 0 is to come, and 0 is heard"),
    ],
)
def test_every_other_number_that_cannot_be_is_named(ticks, changes, named):
    wrong = replace(ticks[1], **changes)
    assert any(named in sentence for sentence in violations(wrong, ticks[0]))


def test_what_the_screen_says_is_what_the_policy_may_do(ticks):
    assert ticks[1].gate
    decision = Player(load_preset("demo")).run(1).decision
    acted = replace(ticks[1], decision=replace(decision, cause="eeg", kind="layer_on"))
    found = violations(acted, None)
    assert any("The EEG decided layer_on, and the screen says: No action" in s for s in found)
    odds = replace(ticks[1], decision=replace(decision, propensity=1.2))
    assert any("probability of the decision is 1.2" in s for s in violations(odds, None))
