"""The penalty of the decoder: what it costs electrodes that share a reference, and for how long."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.grid import RATE
from dsp.tracking.decoder import (
    MAX_ELECTRODES,
    MAX_STRENGTH,
    MAX_WEIGHTS,
    PENALTY,
    WIDE_LAGS,
    Sums,
    chosen_electrodes,
    lag_steps,
    lagged,
    penalty_shape,
    ridge,
    solve,
    strength,
)

LAGS = lag_steps(0.0, 0.4)


def shared_reference(noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four minutes of eight electrodes with an answer, behind one noisy reference."""
    rng = np.random.default_rng(seed)
    n = 240 * RATE
    sound = np.convolve(rng.standard_normal(n), np.hanning(9), mode="same")
    answer = np.roll(sound, 9)[:, None] * rng.uniform(-0.6, 0.6, 8)
    own = np.stack(
        [np.convolve(rng.standard_normal(n), np.hanning(9), mode="same") for _ in "a" * 8], 1
    )
    common = np.convolve(rng.standard_normal(n), np.hanning(9), mode="same")
    return sound, answer + 2.0 * own + noise * common[:, None]


def left_out(sound: np.ndarray, eeg: np.ndarray) -> float:
    """Correlation on the second half of what the first half makes of it."""
    n = len(sound) // 2
    design = lagged(eeg, LAGS, len(eeg) - int(LAGS[-1]))
    sums = Sums.zero(design.shape[1]).plus(design[:n], sound[:n])
    rebuilt = design[n:] @ solve(None, sums, eeg.shape[1])
    return float(np.corrcoef(rebuilt, sound[n : n + len(rebuilt)])[0, 1])


def test_a_noisy_reference_costs_next_to_nothing() -> None:
    quiet, noisy = left_out(*shared_reference(0.0)), left_out(*shared_reference(30.0))
    assert quiet > 0.3
    assert noisy > 0.85 * quiet


def test_the_textbooks_penalty_would_lose_it() -> None:
    sound, eeg = shared_reference(30.0)
    n = len(sound) // 2
    design = lagged(eeg, LAGS, len(eeg) - int(LAGS[-1]))
    cov, cross = design[:n].T @ design[:n], design[:n].T @ sound[:n]
    rest = sound[n : len(design)]
    plain = design[n:] @ ridge(cov, cross, penalty=1.0)
    ours = design[n:] @ ridge(cov, cross, penalty=1.0, n_lags=LAGS.size)
    assert np.corrcoef(ours, rest)[0, 1] > 1.5 * np.corrcoef(plain, rest)[0, 1]


@given(st.floats(0.1, 1e5), st.integers(1, 128))
def test_the_penalty_stands_for_the_same_seconds_however_long_the_session(
    seconds: float, electrodes: int
) -> None:
    weighs = strength(seconds, electrodes) * seconds
    assert weighs == pytest.approx(min(PENALTY * electrodes, MAX_STRENGTH * seconds))


def test_the_penalty_has_the_size_of_the_data_and_couples_electrodes_at_one_lag_only() -> None:
    _, eeg = shared_reference(1.0)
    design = lagged(eeg, LAGS, 4000)
    cov = design.T @ design
    shape = penalty_shape(cov, LAGS.size)
    assert np.trace(shape) * LAGS.size == pytest.approx(np.trace(cov))
    assert np.linalg.eigvalsh(shape).min() > 0.0
    other = np.random.default_rng(0).standard_normal(cov.shape[0])
    whole = np.kron(shape, np.eye(LAGS.size))
    assert np.allclose(
        ridge(cov, other, penalty=2.0, n_lags=LAGS.size), np.linalg.solve(cov + 2 * whole, other)
    )
    dear = np.linspace(1.0, 2.0, LAGS.size)
    dearer = np.kron(shape, np.diag(dear))
    found = ridge(cov, other, penalty=2.0, n_lags=LAGS.size, by_lag=dear)
    assert np.allclose(found, np.linalg.solve(cov + 2 * dearer, other))


def test_no_data_gives_no_weights() -> None:
    assert not ridge(np.zeros((8, 8)), np.zeros(8), penalty=1.0, n_lags=4).any()


NET = tuple(f"{letter}{number}" for letter in "ABCD" for number in range(1, 33))
SHORT = lag_steps(0.0, 0.4).size


def test_known_lags_leave_room_for_more_electrodes() -> None:
    assert chosen_electrodes(NET).size == MAX_ELECTRODES
    few = chosen_electrodes(NET, SHORT)
    assert few.size * SHORT <= MAX_WEIGHTS
    assert few.size > 64
    assert np.diff(few).max() <= 2
    assert chosen_electrodes(NET[:16], WIDE_LAGS.size).tolist() == list(range(16))


def test_a_lost_electrode_does_not_move_the_choice_away_from_the_calibrated_ones() -> None:
    known = [NET[i] for i in chosen_electrodes(NET, SHORT)]
    there = [name for name in NET if name != known[3]]
    again = [there[i] for i in chosen_electrodes(there, SHORT, known=known)]
    assert again == [name for name in known if name != known[3]]
