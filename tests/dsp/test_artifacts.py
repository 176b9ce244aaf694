"""Signals of eyes, movement and muscles are what their formulas say."""

import numpy as np
import pytest

from dsp.artifacts import beyond, muscle_level


def test_formulas_hold() -> None:
    t = np.arange(1000) / 250
    level = muscle_level(np.sqrt(2.0) * 8.0 * np.sin(2 * np.pi * 37.5 * t)[:, None], sfreq=250.0)
    assert np.exp(level[300:700].mean()) == pytest.approx(8.0, rel=0.05)
    over = beyond(np.array([[5.0], [-20.0], [10.0 * np.e]]), np.array([10.0]))
    np.testing.assert_allclose(over, [0.0, -np.log(2.0), 1.0])
