"""The 90 % interval of a mean."""

from __future__ import annotations

import numpy as np
import pytest

from dsp.intervals import mean_and_interval


@pytest.mark.parametrize("n", [2, 6, 30])
def test_nine_of_ten_intervals_hold_the_mean_however_few_the_values(n: int) -> None:
    draws = np.random.default_rng(n).standard_normal((4000, n))
    told = np.array([mean_and_interval(one.tolist()) for one in draws])
    held = np.mean((told[:, 1] <= 0.0) & (told[:, 2] >= 0.0))
    assert held == pytest.approx(0.9, abs=0.02)
