"""The rate of what arrives is that of the earliest, and stairs of lost samples are no line."""

from __future__ import annotations

import numpy as np
import pytest

from devices.envelope import lower_line, no_stairs, other_line


def test_lateness_bends_no_lower_line() -> None:
    x = np.arange(50.0)
    late = np.random.default_rng(2).exponential(0.4, x.size) * (x % 5 > 0)
    assert lower_line(x, 0.8 * x + late) == pytest.approx(0.8, abs=1e-9)


def bent_and_off(times: np.ndarray) -> tuple[float, float]:
    x = np.arange(float(times.size))
    slope = lower_line(x, times)
    above = times - slope * x
    return float(np.ptp(above)), slope * float(x[-1])


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
@pytest.mark.parametrize("first", [0, 3, 7])
def test_a_few_even_steps_are_no_line(steps: int, first: int) -> None:
    x = np.arange(64)
    assert not no_stairs(*bent_and_off(np.floor((x + first) * steps / 64.0)), 1.0)


def test_random_steps_are_no_line_and_a_slope_with_a_little_noise_is_one() -> None:
    rng, x = np.random.default_rng(5), np.arange(64)
    for steps in (4, 10, 30, 100):
        for _ in range(100):
            lost = np.searchsorted(np.sort(rng.uniform(0, 64, steps)), x).astype(float)
            assert not no_stairs(*bent_and_off(lost), 1.0)
            line = steps * x / 64.0 + 0.1 * rng.random(64)
            assert no_stairs(*bent_and_off(line), 1.0)


def points(times: np.ndarray) -> list[tuple[int, int, float]]:
    return [(k, 200 * k, float(t)) for k, t in enumerate(times)]


@pytest.mark.parametrize("rate", [190.0, 198.0, 203.0])
def test_points_of_another_rate_show_it(rate):
    times = np.arange(8) * 200.0 / rate
    assert other_line(points(times), 1.0 / 200.0, 0.02) == pytest.approx(1.0 / rate)


@pytest.mark.parametrize("step", [0.015, 0.06, 0.5])
@pytest.mark.parametrize("at", [1, 3, 4, 6])
def test_a_step_of_lateness_is_no_other_rate(step, at):
    times = np.arange(8) + step * (np.arange(8) >= at)
    assert other_line(points(times), 1.0 / 200.0, 0.02) is None
