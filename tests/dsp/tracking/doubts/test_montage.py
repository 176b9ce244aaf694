"""Electrodes that changed sides since calibration are named, and nothing else is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.filters import Strip
from dsp.grid import RATE
from dsp.tracking.decoder import Sums
from dsp.tracking.doubts.montage import Montage

EIGHT = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "T7", "T8")
FOUR = ("TP9", "AF7", "AF8", "TP10")
LAGS = 3


def head(seed: int, n: int = 8) -> np.ndarray:
    """Mixing of sources, shared ones and those of each electrode alone."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.standard_normal((4, n)), 1.2 * np.eye(n)])


def alike() -> np.ndarray:
    """A head whose halves are mirror images, columns in the order of `FOUR`."""
    front, side = [1.0, 0.9, 0.2], [0.3, -0.2, 1.0]
    left = np.array([side, front]).T
    right = np.array([front, side]).T * [[1.0], [1.0], [-1.0]]
    return np.concatenate([np.concatenate([left, right], axis=1), np.eye(4)])


def session(mix: np.ndarray, seed: int, seconds: int = 120) -> np.ndarray:
    rng = np.random.default_rng([seed, 3])
    return 7.0 * rng.standard_normal((seconds * RATE, len(mix))) @ mix


def calibration(mix: np.ndarray, seed: int = 0) -> Sums:
    """Sums as a decoder stores them, of three lags that are all alike here."""
    eeg = session(mix, seed + 100, 300)
    eeg = eeg / eeg.std(axis=0)
    d = LAGS * mix.shape[1]
    cov = np.kron(eeg.T @ eeg, np.full((LAGS, LAGS), 0.2) + 0.8 * np.eye(LAGS))
    return Sums(cov, np.zeros(d), 1.0, 300.0)


def said(eeg: np.ndarray, names: tuple[str, ...], stored: Sums) -> list[str]:
    """What is said every 5 s."""
    strip = Strip(len(names), keep=len(eeg))
    strip.write(0, eeg)
    montage = Montage(strip, names, stored)
    return [montage.look(second) for second in range(5, len(eeg) // RATE + 1, 5)]


@pytest.mark.parametrize("seed", range(5))
def test_swapped_sides_are_warned_of_within_two_minutes_naming_the_pairs(seed: int) -> None:
    eeg, stored = session(head(seed), seed), calibration(head(seed))
    assert said(eeg, EIGHT, stored)[-1] == ""
    assert said(eeg[:, [1, 0, 3, 2, 5, 4, 7, 6]], EIGHT, stored)[-1] == (
        "Left and right seem exchanged "
        "(Fp1 with Fp2, F3 with F4, C3 with C4, T7 with T8): check the headband."
    )


@pytest.mark.parametrize("first", [0, 2, 4, 6])
def test_one_swapped_pair_is_named_alone(first: int) -> None:
    order = np.arange(8)
    order[[first, first + 1]] = first + 1, first
    words = said(session(head(1), 1)[:, order], EIGHT, calibration(head(1)))[-1]
    assert f"({EIGHT[first]} with {EIGHT[first + 1]})" in words


def test_nothing_is_said_before_a_minute_of_clean_eeg() -> None:
    swapped = session(head(2), 2)[:, [1, 0, 3, 2, 5, 4, 7, 6]]
    words = said(swapped, EIGHT, calibration(head(2)))
    assert not any(words[:11])
    assert words[-1]
    swapped[: 100 * RATE] = np.nan
    assert not any(said(swapped, EIGHT, calibration(head(2))))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    change=st.floats(0.0, 0.5),
    loose=st.integers(0, 7),
    noise=st.floats(0.0, 2.0),
)
def test_other_background_and_a_poorer_contact_are_no_swap(
    seed: int, change: float, loose: int, noise: float
) -> None:
    mix = head(seed)
    other = mix.copy()
    other[:4] += change * np.random.default_rng([seed, 1]).standard_normal((4, 8))
    other[4 + loose, loose] += noise
    assert not any(said(session(other, seed), EIGHT, calibration(mix)))


def test_on_a_head_whose_halves_are_alike_it_is_not_said_which_pair() -> None:
    mix, names = alike(), FOUR
    stored = calibration(mix)
    assert not any(said(session(mix, 4), names, stored))
    assert not any(said(session(mix, 4)[:, [3, 2, 1, 0]], names, stored))
    words = said(session(mix, 4)[:, [0, 2, 1, 3]], names, stored)[-1]
    assert "AF7 with AF8" in words
    assert " or " in words
    assert "TP9 with TP10" in words


def test_a_lost_electrode_does_not_hide_the_exchange() -> None:
    eeg, stored = session(head(5), 5)[:, [1, 0, 3, 2, 5, 4, 7, 6]], calibration(head(5))
    eeg[30 * RATE :, 2] = np.nan
    assert "(Fp1 with Fp2, F3 with F4, C3 with C4, T7 with T8)" in said(eeg, EIGHT, stored)[-1]


def test_an_electrode_that_calibration_did_not_have_is_left_out() -> None:
    eeg, stored = session(head(5), 5)[:, [1, 0, 3, 2, 5, 4, 6, 7]], calibration(head(5))
    stored.cov[7 * LAGS :] = stored.cov[:, 7 * LAGS :] = 0.0
    assert "(Fp1 with Fp2, F3 with F4, C3 with C4)" in said(eeg, EIGHT, stored)[-1]
    eeg[:, 7] = 1e3 * eeg[:, 0]
    assert "(Fp1 with Fp2, F3 with F4, C3 with C4)" in said(eeg, EIGHT, stored)[-1]


def test_names_without_a_role_are_never_warned_of() -> None:
    names = tuple(f"E{k}" for k in range(1, 9))
    eeg = session(head(6), 6)[:, [1, 0, 3, 2, 5, 4, 7, 6]]
    assert not any(said(eeg, names, calibration(head(6))))


def test_sides_put_right_are_believed_after_a_while() -> None:
    eeg = session(head(7), 7, 420)
    eeg[: 120 * RATE] = eeg[: 120 * RATE, [1, 0, 3, 2, 5, 4, 7, 6]]
    words = said(eeg, EIGHT, calibration(head(7)))
    assert words[23]
    assert not words[-1]
