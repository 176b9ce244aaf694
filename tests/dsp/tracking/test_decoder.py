"""The penalty of the decoder: what it costs electrodes that share a reference, and for how long."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.checks import InputError
from dsp.grid import RATE
from dsp.tracking.courses import penalty_shape
from dsp.tracking.decoder import (
    MAX_ELECTRODES,
    MAX_STRENGTH,
    MAX_WEIGHTS,
    PENALTY,
    WIDE_LAGS,
    Decoder,
    Sums,
    chosen_electrodes,
    lag_steps,
    lagged,
    ridge,
    ridge_narrowing,
    solve,
    strength,
)
from tests.dsp.tracking.test_courses import one_course

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


# ---- written out, and each bound by itself


def test_as_many_electrodes_as_there_is_room_for_lie_evenly_spread() -> None:
    assert chosen_electrodes(NET).tolist() == list(range(2, 128, 4))
    assert chosen_electrodes([*NET, *NET]).tolist() == list(range(4, 256, 8))
    assert chosen_electrodes(NET, 13).size == 64
    assert chosen_electrodes(NET, 14).size == 59
    room = 832 // SHORT
    assert chosen_electrodes(NET[:room], SHORT).tolist() == list(range(room))
    few = chosen_electrodes(NET[: room + 1], SHORT)
    assert few.size == room
    assert (few[0], few[-1]) == (0, room)
    assert chosen_electrodes(NET[:33], known=["A1", "B1"]).tolist() == [0, 32]
    assert chosen_electrodes(NET[:32], known=["A1"]).tolist() == list(range(32))


def test_lags_reach_to_the_last_that_is_asked_for() -> None:
    assert lag_steps(-0.05, 0.09375).tolist() == [-3, 0, 3, 6]
    assert lag_steps(0.0, 5 / 64).tolist() == [0, 3]
    assert (WIDE_LAGS[0], WIDE_LAGS[-1]) == (0, 75)  # 1.17 s


def test_rows_add_to_all_sums() -> None:
    design, sound = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    sums = Sums.zero(2).plus(design[:2], sound[:2]).plus(design[2:], sound[2:])
    np.testing.assert_array_equal(sums.cov, design.T @ design)
    np.testing.assert_array_equal(sums.cross, design.T @ sound)
    assert (sums.power, sums.seconds) == (55.0, 6 / 64)


def test_with_hardly_any_data_the_penalty_is_three_times_as_large_as_they() -> None:
    assert strength(19.0, 4) == 3.0
    assert strength(21.0, 4) == pytest.approx(60.0 / 21.0)
    assert strength(0.0, 1) == 3.0


def test_the_textbooks_penalty_is_the_mean_eigenvalue() -> None:
    design = np.random.default_rng(1).standard_normal((50, 4))
    cov, cross = design.T @ design, design.T @ np.arange(50.0)
    by_hand = np.linalg.solve(cov + 0.7 * np.trace(cov) / 4.0 * np.eye(4), cross)
    assert ridge(cov, cross, penalty=0.7) == pytest.approx(by_hand)


def summed(seed: int, n_lags: int, seconds: int = 30) -> Sums:
    """Of three electrodes of unequal size; the answer comes at the fifth lag, if there is one."""
    rng = np.random.default_rng(seed)
    eeg = rng.standard_normal((seconds * RATE + 60, 3)) @ np.diag([1.0, 4.0, 9.0])
    lags = np.arange(n_lags)
    sound = eeg[min(4, n_lags - 1) :][: seconds * RATE] @ [0.5, 0.1, 0.0]
    sound += rng.standard_normal(sound.size)
    return Sums.zero(3 * n_lags).plus(lagged(eeg, lags, sound.size), sound)


def narrowed(sums: Sums, penalty: float, n_lags: int, chance: float | None = None) -> np.ndarray:
    """Solved again with lags that matter little made dear."""
    if chance is not None:
        shape = penalty_shape(sums.cov, n_lags)
        sums = replace(sums, cross=one_course(sums.cross, shape, chance))
    first = ridge(sums.cov, sums.cross, penalty=penalty, n_lags=n_lags).reshape(3, n_lags)
    shape = penalty_shape(sums.cov, n_lags)
    energy = np.array([w @ shape @ w for w in first.T])
    near = np.hanning(9)[1:-1]  # three lags on each side
    pooled = []
    for lag in range(n_lags):
        by = [(k, w) for k, w in zip(range(lag - 3, lag + 4), near, strict=True) if 0 <= k < n_lags]
        pooled.append(sum(energy[k] * w for k, w in by) / sum(w for _, w in by))
    dear = np.clip((np.mean(pooled) / np.array(pooled)) ** 2, 0.2, 20.0)
    return ridge(sums.cov, sums.cross, penalty=penalty, n_lags=n_lags, by_lag=dear)


def test_narrowing_makes_dear_what_mattered_little() -> None:
    sums = summed(2, 30)
    found = ridge_narrowing(sums.cov, sums.cross, penalty=0.3, n_lags=30)
    np.testing.assert_allclose(found, narrowed(sums, 0.3, 30), rtol=1e-9)
    nothing = Sums(sums.cov, np.zeros(90), 0.0, 30.0)
    assert not ridge_narrowing(nothing.cov, nothing.cross, penalty=0.3, n_lags=30).any()


@pytest.mark.parametrize("n_lags", [1, 6, 7, 12])
@pytest.mark.parametrize("stored", [0.0, 0.2, 100.0, 400.0])
@pytest.mark.parametrize("learns", [True, False])
def test_weights_come_from_both_sums_in_units_of_the_levels(
    n_lags: int, stored: float, learns: bool
) -> None:
    own = summed(3, n_lags)
    prior = None
    if stored:
        known = summed(4, n_lags)
        prior = known.scaled(known.levels(3), seconds=stored)
    levels = np.sqrt(np.diag(own.cov).reshape(3, -1).mean(axis=1) / (30.0 * RATE))
    unit = np.repeat(1.0 / levels, n_lags)
    share = float(learns)
    cov, cross = share * own.cov * np.outer(unit, unit), share * own.cross * unit
    counted = 0.0
    if prior is not None:
        counted = min(stored, 180.0) / stored  # a minute for each electrode at most
        cov, cross = cov + counted * prior.cov, cross + counted * prior.cross
    penalty = min(45.0 / max(30.0 * share + stored, 1e-9), 3.0)
    sums = Sums(cov, cross, 1.0, 30.0)
    power = share * own.power + (counted * prior.power if prior is not None else 0.0)
    chance = power / (14.0 * max(30.0 * share + stored, 1.0 / 14.0))
    if not (stored or learns):
        by_hand = np.zeros(cross.size)
    elif n_lags > 6:
        by_hand = narrowed(sums, penalty, n_lags, chance)
    else:
        common = one_course(cross, penalty_shape(cov, n_lags), chance)
        by_hand = ridge(cov, common, penalty=penalty, n_lags=n_lags)
    found = solve(prior, own, 3, learns=learns)
    np.testing.assert_allclose(found, by_hand * unit, rtol=1e-7, atol=1e-15)
    if prior is not None:
        without = solve(prior, own, 3, without=np.array([False, True, False]), learns=learns)
        assert not without[n_lags : 2 * n_lags].any()
        assert without[2 * n_lags :].any()


def test_sums_are_scaled_channel_by_channel() -> None:
    sums = summed(5, 2)
    levels = np.array([2.0, 0.0, 0.2])
    scaled = sums.scaled(levels, seconds=6.0)
    unit = np.repeat([0.5, 0.0, 5.0], 2)
    assert scaled.cov == pytest.approx(sums.cov * np.outer(unit, unit) / 5.0)
    assert scaled.cross == pytest.approx(sums.cross * unit / 5.0)
    assert (scaled.power, scaled.seconds) == (pytest.approx(sums.power / 5.0), 6.0)
    none = Sums.zero(6).scaled(levels, seconds=6.0)
    assert (none.cov.any(), none.power, none.seconds) == (False, 0.0, 0.0)
    assert Sums.zero(6).levels(3).tolist() == [0.0, 0.0, 0.0]
    both = sums + scaled
    assert (both.power, both.seconds) == (sums.power + scaled.power, 36.0)
    np.testing.assert_array_equal(both.cross, sums.cross + scaled.cross)
    np.testing.assert_array_equal(both.cov, sums.cov + scaled.cov)


def stored(**other: object) -> dict[str, np.ndarray]:
    sums = summed(6, 2)
    known = Decoder(("a", "b", "c"), (1.0, 8.0), np.array([3, 6]), sums, 0.2, 0.1, 1.5)
    return {k: np.asarray(v) for k, v in (known.to_arrays() | other).items()}


def test_a_decoder_is_read_back_as_it_was_stored() -> None:
    again = Decoder.from_arrays(stored())
    assert (again.ch_names, again.band, again.lags.tolist()) == (
        ("a", "b", "c"),
        (1.0, 8.0),
        [3, 6],
    )
    sums = summed(6, 2)
    assert again.sums.cov == pytest.approx(sums.cov, rel=1e-6)
    assert again.sums.cross == pytest.approx(sums.cross)
    assert (again.sums.power, again.sums.seconds) == (sums.power, 30.0)
    assert (again.r, again.r_null95, again.effect, again.bleed) == (0.2, 0.1, 1.5, False)
    assert again.found
    assert not replace(again, r=0.1).found
    old = {k: v for k, v in stored().items() if k not in ("bleed", "levels", "windows")}
    assert not Decoder.from_arrays(old).bleed
    assert Decoder.from_arrays(old).windows.shape == (0, 6)
    new = Decoder(("a",), (1.0, 8.0), np.array([3]), Sums.zero(1), 0.2, 0.1, 1.5)
    assert (new.windows.shape, new.levels.shape) == ((0, 6), (0,))
    three = Decoder.from_arrays(stored(windows=np.ones(18)))
    assert three.windows.shape == (3, 6)
    assert Decoder.from_arrays(stored(lags=np.array([0, 1]))).lags.tolist() == [0, 1]


@pytest.mark.parametrize(
    "other",
    [
        {"cov": np.eye(5)},
        {"cross": np.ones(5)},
        {"band": np.array([1.0, 9.0])},
        {"lags": np.array([3, 6, 9])},
        {"figures": np.ones(4)},
        {"windows": np.ones(7)},
        {"levels": np.ones(2)},
        {"ch_names": np.array([]), "cov": np.empty((0, 0)), "cross": np.empty(0)},
        {"lags": np.array([6, 3])},
        {"lags": np.array([3, 3])},
        {"lags": np.array([-1, 3])},
    ],
)
def test_what_does_not_fit_together_is_no_decoder(other: dict[str, object]) -> None:
    with pytest.raises(InputError, match="use another calibration"):
        Decoder.from_arrays(stored(**other))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["cov", "cross", "levels", "figures"])
def test_a_stored_decoder_with_a_figure_that_is_none_is_refused(name: str, bad: float) -> None:
    """It would go silent for the whole session, and the EEG would be blamed."""
    known = stored(levels=np.ones(3))
    for at in np.ndindex(known[name].shape):
        spoilt = known[name].copy()
        spoilt[at] = bad
        with pytest.raises(InputError, match=r"not finite.*use another calibration"):
            Decoder.from_arrays(known | {name: spoilt})


def test_a_stored_size_is_never_under_0() -> None:
    known = stored(levels=np.array([0.0, 1.0, 2.0]), windows=np.full(6, np.nan))
    none = np.array([0.0, 0.0, -0.2, -0.1, -1.5])  # of r and effect it may be
    assert Decoder.from_arrays(known | {"figures": none}).levels.tolist() == [0.0, 1.0, 2.0]
    under = known["cov"].copy()
    under[1, 1] = -1.0
    for other in (
        {"levels": np.array([1.0, 1.0, -1e-9])},
        {"cov": under},
        {"figures": np.array([-1.0, *none[1:]])},
        {"figures": np.array([0.0, -1.0, *none[2:]])},
        {"windows": np.array([0.1, 0.1, 1.0, 1.0, 1.0, np.inf])},
    ):
        with pytest.raises(InputError, match=r"sizes under 0.*use another calibration"):
            Decoder.from_arrays(known | other)


def test_lags_far_from_the_answer_are_as_dear_as_they_get_however_little_is_there() -> None:
    cross = np.zeros(24)
    cross[20] = 1.0  # all of the answer, to the last digit
    weights = ridge_narrowing(np.eye(24), cross, penalty=0.5, n_lags=24)
    assert np.flatnonzero(weights).tolist() == [20]


def test_electrodes_are_found_by_name_and_a_new_one_knows_nothing() -> None:
    known = Decoder.from_arrays(stored())
    sums = known.select(["c", "new", "a"])
    at = [4, 5, 0, 1]
    here = [0, 1, 4, 5]
    np.testing.assert_array_equal(sums.cov[np.ix_(here, here)], known.sums.cov[np.ix_(at, at)])
    np.testing.assert_array_equal(sums.cross[here], known.sums.cross[at])
    assert not sums.cov[2:4].any()
    assert not sums.cross[2:4].any()
    assert (sums.power, sums.seconds) == (known.sums.power, known.sums.seconds)
    with pytest.raises(InputError, match="for a, b, c; the EEG has x"):
        known.select(["x"])
    assert known.levels_of(["c", "a"]).tolist() == [0.0, 0.0]  # stored before there were any
    known = Decoder.from_arrays(stored(levels=np.array([7.0, 8.0, 9.0])))
    assert known.levels_of(["c", "new", "a"]).tolist() == [9.0, 0.0, 7.0]
