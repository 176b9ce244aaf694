"""The offset of a sender's clock is a line through noisy estimates, begun anew where it was set."""

import numpy as np

from devices.sources.offsets import OffsetLine


def test_noise_is_smoothed_and_drift_followed():
    rng = np.random.default_rng(3)
    line, errors = OffsetLine(), []
    for t in np.arange(0.0, 300.0, 2.0):
        truth = 12.5 + 8e-5 * t
        line.add(t, truth + 1e-3 * rng.standard_normal())
        errors.append(line.at(t + 2.0) - (truth + 1.6e-4))
    assert np.abs(errors[15:]).max() < 1.5e-3
    assert np.std(errors[15:]) < 5e-4


def test_one_wrong_estimate_moves_nothing_and_a_clock_that_was_set_is_followed():
    line = OffsetLine()
    assert not line.known
    for t in range(0, 40, 2):
        line.add(t, 1.0)
    line.add(40, 1.4)
    assert line.at(40) == 1.0
    line.add(42, 1.0)
    line.add(44, 5.0)
    line.add(46, 5.0)
    assert line.at(46) == 5.0


def test_a_drift_is_believed_from_twenty_seconds_and_no_more_than_quartz_can_have():
    line = OffsetLine()
    for t in range(0, 20, 2):
        line.add(t, 3.0 + 1e-4 * t)
    assert line.at(30.0) == line.at(0.0)  # the median of the first 18 s
    line.add(20, 3.002)
    assert abs(line.at(30.0) - 3.003) < 1e-9
    fast = OffsetLine()
    for t in range(0, 32, 2):
        fast.add(t, 1e-3 * t)
    assert abs(fast.at(1015.0) - fast.at(15.0) - 0.5) < 1e-9


def test_only_the_last_minute_counts():
    line = OffsetLine()
    for t in range(0, 62, 2):
        line.add(t, 0.0)
    for t in range(62, 124, 2):
        line.add(t, 0.01)
    assert line.at(124.0) == 0.01
