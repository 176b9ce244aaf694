"""Stamps are believed as far as arrivals do not contradict them."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.trust import Trust, jumps


def test_stamps_of_our_clock_are_believed_and_the_quickest_tells_the_delay():
    trust = Trust()
    assert all(trust.hear(t, t + 0.01 + 0.01 * (k % 3), 0.0) for k, t in enumerate(np.arange(9.0)))
    assert trust.base == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("newest", "early", "reason"),
    [(12.0, 0.0, "ahead"), (9.0, 0.0, "went back"), (10.0, 0.06, "went back")],
)
def test_what_cannot_be_is_not_believed_until_it_was_right_for_five_seconds(newest, early, reason):
    trust = Trust()
    assert trust.hear(9.99, 10.0, 0.0)
    assert not trust.hear(newest, 10.01, early)
    assert reason in trust.reason
    assert not trust.hear(14.9, 14.91, 0.0)
    assert trust.hear(15.1, 15.11, 0.0)
    assert trust.base == pytest.approx(0.01)


def test_stamps_that_slowly_fall_behind_are_seen_by_their_quickest():
    trust = Trust()
    for t in np.arange(0.0, 20.0, 0.02):
        if not trust.hear(t * (1 - 0.005), t, 0.0):
            break
    assert trust.reason == "they fall behind the samples"
    assert 2.0 < t < 4.0


def test_long_packets_that_a_busy_computer_holds_up_do_not_fall_behind():
    rng, trust = np.random.default_rng(3), Trust()
    for t in np.arange(0.0, 300.0, 0.5):
        late = 0.3 * rng.random() if rng.random() < 0.5 else 0.002 * rng.random()
        assert trust.hear(t, t + late, 0.0), trust.reason


def test_long_packets_whose_stamps_fell_behind_are_doubted_by_what_reads_have_in_common():
    trust = Trust()
    for t in np.arange(0.0, 30.0, 0.5):
        if not trust.hear(t - 0.04 * (t > 20.0), t + 0.002, 0.0):
            break
    assert trust.reason == "they fall behind the samples"
    assert 22.0 < t < 24.0


@pytest.mark.parametrize(("slope", "within"), [(0.004, 7.0), (0.006, 7.0), (0.024, 6.0)])
def test_packets_of_a_second_whose_stamps_are_counted_at_a_wrong_rate_age_along_a_line(
    slope, within
):
    trust = Trust()
    for t in np.arange(1.0, 20.0):
        if not trust.hear(t * (1.0 - slope), t, 0.0):
            break
    assert t <= within
    assert trust.slows == pytest.approx(slope, rel=0.01)


def test_first_stamps_may_step_as_far_as_time_passed_and_not_back():
    seen = [1.0, 1.04, 1.30]
    calm = [np.array([0.96, 0.98]), np.array([1.0, 1.02]), np.array([1.25, 1.27])]
    assert jumps(calm, seen, 0.02, 0.02) == ""
    assert "jumped by 0.31 s" in jumps([*calm[:2], calm[2] + 0.1], seen, 0.02, 0.02)
    assert "went back" in jumps([*calm[:2], calm[1]], seen, 0.02, 0.02)
    first = [np.array([0.1, 0.98]), *calm[1:]]
    assert "jumped" in jumps(first, seen, 0.02, 0.02)
    assert jumps(first, seen, 0.0, 0.02) == ""


def test_stamps_that_fell_behind_and_catch_up_slowly_show_no_higher_rate():
    trust = Trust()
    for k, t in enumerate(np.arange(0.0, 30.0, 0.5)):
        age = 0.045 - 0.0015 * (t - 10.0) if t > 10.0 else 0.02 * (k % 2)
        if not trust.hear(t - age, t, 0.0):
            break
    assert trust.reason == "they fall behind the samples"
    assert trust.slows == 0.0
