"""The rate of what arrives is that of the earliest, and a step is no other rate."""

from __future__ import annotations

import numpy as np
import pytest

from devices.envelope import lower_line, other_line


def points(times: np.ndarray) -> list[tuple[int, int, float]]:
    return [(k, 200 * k, float(t)) for k, t in enumerate(times)]


def test_lateness_bends_no_lower_line():
    x = np.arange(50.0)
    late = np.random.default_rng(2).exponential(0.4, x.size) * (x % 5 > 0)
    assert lower_line(x, 0.8 * x + late) == pytest.approx(0.8, abs=1e-9)


@pytest.mark.parametrize("rate", [190.0, 198.0, 203.0])
def test_points_of_another_rate_show_it(rate):
    times = np.arange(8) * 200.0 / rate
    assert other_line(points(times), 1.0 / 200.0, 0.02) == pytest.approx(1.0 / rate)


@pytest.mark.parametrize("step", [0.015, 0.06, 0.5])
@pytest.mark.parametrize("at", [1, 3, 4, 6])
def test_a_step_of_lateness_is_no_other_rate(step, at):
    times = np.arange(8) + step * (np.arange(8) >= at)
    assert other_line(points(times), 1.0 / 200.0, 0.02) is None
