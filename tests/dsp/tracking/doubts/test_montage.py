"""Electrodes that changed sides since calibration are named, and nothing else is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.filters import Strip
from dsp.grid import RATE
from dsp.tracking.decoder import Sums
from dsp.tracking.doubts.montage import Montage, divergence, exchanged

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


def test_a_pair_may_be_exchanged_where_both_are_known_and_one_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[object, ...]] = []

    def exchanged(seen, stored, pairs, *, at, seconds):  # type: ignore[no-untyped-def]
        asked.append((seen.shape, stored.shape, pairs, at.tolist(), round(seconds, 3)))
        return ()

    monkeypatch.setattr("dsp.tracking.doubts.montage.exchanged", exchanged)
    eeg, stored = session(head(5), 5, 75), calibration(head(5))
    stored.cov[7 * LAGS :] = stored.cov[:, 7 * LAGS :] = 0.0  # T8 is not known
    eeg[:, [2, 4, 5]] = np.nan  # F3 is lost, C3 and C4 are
    assert not any(said(eeg, EIGHT, stored))
    known = 5.0 * (1.0 - 0.98**14) / 0.02  # s that are left of 70
    assert asked[0] == ((4, 4), (8, 8), ((0, 1), (2, 3)), [0, 1, 3, 6], round(known, 3))
    assert len(asked) == 2
    asked.clear()
    eeg = session(head(5), 5, 170)
    eeg[::2, :4] = eeg[1::2, 4:] = np.nan  # of every row half of the electrodes: enough
    assert not any(said(eeg, EIGHT, stored))
    assert [at[-1] for at in asked] == [round(125.0 * (1.0 - 0.98**k), 3) for k in (33, 34)]


def test_how_large_the_numbers_are_does_not_matter() -> None:
    eeg, stored = session(head(5), 5)[:, [1, 0, 2, 3, 4, 5, 6, 7]], calibration(head(5))
    for start in range(0, len(eeg), RATE):
        eeg[start : start + 4, [4, 5]] = np.nan
    words = said(eeg, EIGHT, stored)
    stored.cov[:] *= 1e-9
    assert words[-1]
    assert said(eeg, EIGHT, stored) == words
    assert said(1e-6 * eeg, EIGHT, stored) == words


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


# ---- each bound by itself


def test_the_distance_is_that_of_kullback_with_a_twentieth_of_no_correlation() -> None:
    one, none = np.array([[1.0, 0.6], [0.6, 1.0]]), np.eye(2)
    r = 0.95 * 0.6
    assert divergence(one, none) == pytest.approx(-0.5 * np.log(1.0 - r * r))
    back = 0.5 * (2.0 / (1.0 - r * r) - 2.0 + np.log(1.0 - r * r))
    assert divergence(none, one) == pytest.approx(back)


def fingerprints(n: int, first: float) -> tuple[np.ndarray, np.ndarray]:
    """Correlations of `n` electrodes, and those with two exchanged, mixed with the former."""
    corr = np.corrcoef(session(head(3, n), 3, 60), rowvar=False)
    order = np.arange(n)
    order[:2] = 1, 0
    turned = corr[np.ix_(order, order)]
    return (1.0 - first) * turned + first * corr, corr


@pytest.mark.parametrize(("n", "least"), [(4, 10.0), (12, 3.0)])
def test_the_exchanged_order_must_be_nearer_by_odds_and_by_a_factor(n: int, least: float) -> None:
    pairs, at = ((0, 1),), np.arange(n)

    def nearer(first: float) -> tuple[float, float]:
        seen, stored = fingerprints(n, first)
        order = np.array([1, 0, *range(2, n)])
        swapped = divergence(seen, stored[np.ix_(order, order)])
        return divergence(seen, stored), swapped

    low, high = 0.01, 0.5
    for _ in range(40):
        middle = 0.5 * (low + high)
        before, after = nearer(middle)
        low, high = (middle, high) if before / after > least else (low, middle)
    for first, found in ((low - 1e-4, (pairs,)), (high + 1e-4, ())):
        seen, stored = fingerprints(n, first)
        assert exchanged(seen, stored, pairs, at=at, seconds=1e5) == found
    before, after = nearer(low - 1e-4)
    enough = np.log(100.0) / (14.0 * (before - after))
    seen, stored = fingerprints(n, low - 1e-4)
    assert exchanged(seen, stored, pairs, at=at, seconds=enough * 1.001) == (pairs,)
    assert exchanged(seen, stored, pairs, at=at, seconds=enough * 0.999) == ()


def test_the_other_pairs_may_be_meant_where_they_are_not_three_times_as_far() -> None:
    corr = np.corrcoef(session(alike(), 4, 60), rowvar=False)
    pairs = ((0, 3), (1, 2))
    orders = {pair: np.arange(4) for pair in pairs}
    for pair in pairs:
        orders[pair][list(pair)] = pair[::-1]
    one, other = (corr[np.ix_(order, order)] for order in orders.values())
    found = set()
    for share in np.linspace(0.001, 0.2, 60):
        seen = (1.0 - share) * one + share * np.eye(4)
        distances = [divergence(seen, stored) for stored in (corr, one, other)]
        near, far = sorted(distances[1:])
        told = exchanged(seen, corr, pairs, at=np.arange(4), seconds=1e5)
        if distances[0] / near >= 10.0:
            assert len(told) == (2 if far < 3.0 * near else 1)
            found.add(len(told))
    assert found == {1, 2}


def looks_until_said(eeg: np.ndarray) -> int:
    words = said(eeg, EIGHT, calibration(head(2)))
    return next((k + 1 for k, word in enumerate(words) if word), 99)


def test_a_minute_must_be_known_of_what_is_not_yet_forgotten() -> None:
    swapped = session(head(2), 2)[:, [1, 0, 3, 2, 5, 4, 7, 6]]
    # 5 s each, of which a fiftieth is forgotten with each that comes: 60.9 s are left of 70.
    assert looks_until_said(swapped) == 14
    masked = swapped.copy()
    masked[::2, :5] = np.nan  # more than half of the electrodes: such rows are not used
    assert looks_until_said(masked) == 99
    masked = swapped.copy()
    masked[::2, :4] = np.nan  # half of them are used, and the others known in time
    assert looks_until_said(masked) > 14


def test_a_minute_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsp.tracking.doubts.montage.FORGET", 1.0)
    swapped = session(head(2), 2, 65)[:, [1, 0, 3, 2, 5, 4, 7, 6]]
    assert looks_until_said(swapped) == 12


@pytest.mark.parametrize(("valid", "named"), [(0.5, True), (0.45, False)])
def test_an_electrode_that_was_there_less_than_half_the_time_is_not_looked_at(
    valid: float, named: bool
) -> None:
    eeg = session(head(5), 5, 200)[:, [0, 1, 3, 2, 4, 5, 6, 7]]
    for start in range(0, len(eeg), RATE):
        eeg[start + int(valid * RATE) : start + RATE, [2, 3]] = np.nan
    assert ("F3 with F4" in said(eeg, EIGHT, calibration(head(5)))[-1]) == named


def orders(
    monkeypatch: pytest.MonkeyPatch,
    stored: float,
    first: float,
    second: float,
    both: float,
    seconds: float = 60.0,
) -> tuple[tuple[tuple[int, int], ...], ...]:
    """What is meant where the order is so far as stored, with either pair exchanged, with both."""
    far = {(0, 1, 2, 3): stored, (1, 0, 2, 3): first, (0, 1, 3, 2): second, (1, 0, 3, 2): both}

    def distance(seen: np.ndarray, turned: np.ndarray) -> float:
        return far[tuple(np.diag(turned).astype(int)[:4].tolist())]  # type: ignore[index]

    monkeypatch.setattr("dsp.tracking.doubts.montage.divergence", distance)
    named = np.diag(np.arange(12.0))  # so that a matrix says in which order it stands
    return exchanged(np.eye(12), named, ((0, 1), (2, 3)), at=np.arange(12), seconds=seconds)


def test_the_nearest_order_is_sought_from_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = ((0, 1),), ((2, 3),)
    assert orders(monkeypatch, 9.0, 1.0, 10.0, 8.0) == (one,)
    assert orders(monkeypatch, 9.0, 10.0, 1.0, 8.0) == (other,)
    # Neither pair alone brings the order nearer, and both do.
    assert orders(monkeypatch, 9.0, 10.0, 10.0, 1.0) == ((*one, *other),)
    # Both do as well, and either of them more.
    assert orders(monkeypatch, 9.0, 1.0, 5.0, 2.0) == (one,)
    assert orders(monkeypatch, 5.0, 5.0, 5.0, 5.0) == ()


def test_three_times_as_near_is_enough_and_three_times_as_far_is_too_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = ((0, 1),), ((2, 3),)
    assert orders(monkeypatch, 3.0, 1.0, 3.0, 4.0) == (one,)
    assert orders(monkeypatch, 2.99, 1.0, 3.0, 4.0) == ()
    assert orders(monkeypatch, 9.0, 1.0, 2.99, 4.0) == (one, other)
    hundred = math.log(100.0)  # what a lead must be worth
    assert orders(monkeypatch, hundred, 0.0, 9.0, 9.0, seconds=1.0 / 14.0) == (one,)
    assert orders(monkeypatch, 0.999 * hundred, 0.0, 9.0, 9.0, seconds=1.0 / 14.0) == ()
    # What is no distance at all counts as 1e-12.
    assert orders(monkeypatch, 3.01e-12, 0.0, 1.0, 1.0, seconds=1e15) == (one,)
    assert orders(monkeypatch, 2.99e-12, 0.0, 1.0, 1.0, seconds=1e15) == ()
