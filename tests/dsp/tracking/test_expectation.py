"""Residual tracking: what is left of r when the sound is known, and when it is not given."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.grid import FS, RATE
from dsp.sound.stimulus import StimulusFeatures
from dsp.tracking.decoder import Decoder, Sums
from dsp.tracking.expectation import (
    CENTRE,
    N_NEEDED,
    SLOPE,
    Expectation,
    Residual,
    Residuals,
    acoustics,
)
from dsp.tracking.scores import WINDOW, Score

ORDINARY = np.array(CENTRE)
N = WINDOW * RATE


def shifted(**by: float) -> np.ndarray:
    names = ("beat", "salience", "size", "db")
    return ORDINARY + np.array([by.get(name, 0.0) for name in names])


def windows(r: float, n: int, *, sd: float = 0.05, x: np.ndarray = ORDINARY) -> np.ndarray:
    return np.tile([r, sd, *x], (n, 1))


def pulses(hz: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    flux = 0.02 * rng.random(N)
    flux[(np.arange(0.0, WINDOW, 1.0 / hz) * RATE).astype(int)] += 1.0
    return flux


# ---- the sound


def test_acoustics_find_beat_size_and_level() -> None:
    level = np.full(N, -20.0)
    beat, salience, size, db = acoustics(pulses(2.1), level)
    assert 2.0**beat == pytest.approx(2.1, abs=0.03)
    assert db == pytest.approx(-20.0)
    rough = acoustics(np.random.default_rng(2).random(N), level)
    assert salience > rough[1] + 1.0
    assert acoustics(2.0 * pulses(2.1), level)[2] == pytest.approx(size + np.log(2.0))


def test_onset_size_does_not_count_how_many_onsets_there_are() -> None:
    slow, fast = (acoustics(pulses(hz), np.full(N, -20.0)) for hz in (1.2, 2.4))
    assert fast[2] == pytest.approx(slow[2], abs=0.3)


def test_a_level_that_is_not_known_is_the_only_gap() -> None:
    x = acoustics(pulses(2.0), np.full(N, np.nan))
    assert np.isfinite(x[:3]).all()
    assert np.isnan(x[3])


@pytest.mark.parametrize("flux", [np.zeros(N), np.full(N, np.nan)])
def test_silence_and_nothing_heard_have_no_acoustics(flux: np.ndarray) -> None:
    assert np.isnan(acoustics(flux, np.full(N, -20.0))).all()


def test_three_decibels_are_three_decibels() -> None:
    sound = np.random.default_rng(0).normal(0.0, 0.1, (FS, 2)).astype(np.float32)
    soft = StimulusFeatures().push(sound)
    loud = StimulusFeatures().push(sound * np.float32(10 ** (3 / 20)))
    assert loud[:, 2] - soft[:, 2] == pytest.approx(np.full(64, 3.0), abs=1e-3)


# ---- the expectation


def test_louder_slower_and_clearer_music_is_expected_to_be_followed_better() -> None:
    nobody = Expectation()
    usual = nobody.expected(ORDINARY)[0]
    assert nobody.expected(shifted(db=10.0, size=0.57))[0] > usual
    assert nobody.expected(shifted(beat=-1.0))[0] > usual
    assert nobody.expected(shifted(salience=1.0))[0] > usual
    assert nobody.expected(shifted(size=0.5))[0] > usual


def test_ten_decibels_are_worth_what_the_literature_says() -> None:
    nobody = Expectation()
    # The onset size rises with the level by itself: that is part of it, not more of it.
    louder = shifted(db=10.0, size=0.57)
    ratio = nobody.expected(louder)[0] / nobody.expected(ORDINARY)[0]
    assert ratio == pytest.approx(np.exp(10.0 * SLOPE[3]), rel=0.01)


def test_what_is_usual_must_be_known_first() -> None:
    few = Expectation(windows(0.1, N_NEEDED - 1)).residual(0.1, 0.05, ORDINARY)
    assert np.isnan(few.value)
    assert f"{N_NEEDED - 1} of {N_NEEDED} windows" in few.reason
    enough = Expectation(windows(0.1, N_NEEDED)).residual(0.1, 0.05, ORDINARY)
    assert enough.reason == ""
    assert enough.low < enough.value < enough.high


def test_what_a_person_usually_shows_leaves_nothing() -> None:
    person = Expectation(windows(0.15, 40))
    assert person.residual(0.15, 0.05, ORDINARY).value == pytest.approx(0.0, abs=0.01)
    assert person.residual(0.30, 0.05, ORDINARY).low > 0.0


def test_a_person_who_depends_on_the_level_otherwise_is_learnt() -> None:
    rng = np.random.default_rng(3)
    person = Expectation()
    for _ in range(400):
        db = rng.uniform(-6.0, 6.0)
        x = shifted(db=db, size=0.057 * db)
        person.learn(0.15 * np.exp(0.06 * db) + 0.02 * rng.standard_normal(), 0.02, x)
    loud = 0.15 * np.exp(0.06 * 4.0)
    left = person.residual(loud, 0.02, shifted(db=4.0, size=0.228)).value
    assert abs(left) < 0.2 * (loud - 0.15)


def test_an_unknown_level_widens_the_interval_unless_it_never_was_known() -> None:
    unknown = shifted(db=np.nan)
    heard = Expectation(windows(0.15, 40))
    deaf = Expectation(windows(0.15, 40, x=unknown))
    assert heard.expected(unknown)[1] > 1.5 * heard.expected(ORDINARY)[1]
    assert deaf.expected(unknown)[1] < 1.2 * heard.expected(ORDINARY)[1]


# ---- strictly from the past


def score(r: float) -> Score:
    return Score(r=r, r_null95=0.08, r_low=r - 0.08, r_high=r + 0.08, p=0.1, usable_s=28.0)


def run(rs: list[float], cuts: list[int] | None = None) -> list[Residual]:
    """One residual for each second from 30 on; the level comes in pieces."""
    seconds = WINDOW + len(rs)
    rng = np.random.default_rng(4)
    flux = np.tile(pulses(2.0), 1 + seconds // WINDOW)
    level = -20.0 + rng.standard_normal((seconds * RATE, 1))
    times = 0.003 + np.arange(len(level)) / RATE
    residuals = Residuals(windows(0.1, 6))
    edges = [0, *(cuts or []), len(level)]
    for a, b in itertools.pairwise(edges):
        residuals.push_level(level[a:b], times[a:b])
    out = []
    for k, r in enumerate(rs):
        until = WINDOW + k
        heard = np.stack([flux[k * RATE : k * RATE + N], np.zeros(N)], axis=1)
        out.append(residuals.look(until, score(r), heard, learnt=600.0))
    return out


def expected(rs: list[float]) -> list[float]:
    return [r - residual.value for r, residual in zip(rs, run(rs), strict=True)]


def test_a_window_is_not_expected_from_itself_nor_from_what_it_overlaps() -> None:
    usual = [0.1] * 130
    other = [0.1] * 60 + [0.4] * 70  # another r from second 90 on
    a, b = expected(usual), expected(other)
    assert a[:90] == pytest.approx(b[:90], abs=1e-12)
    assert b[95] > a[95]  # the window that ended at second 90 counts from second 120 on


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 70 * RATE), max_size=8).map(sorted))
def test_the_residual_does_not_depend_on_how_the_level_was_cut(cuts: list[int]) -> None:
    assert run([0.1] * 40, cuts) == run([0.1] * 40)


def test_a_decoder_that_is_still_learning_teaches_nothing() -> None:
    residuals = Residuals()
    heard = np.stack([pulses(2.0), np.zeros(N)], axis=1)
    for until in range(30, 400):
        out = residuals.look(until, score(0.1), heard, learnt=60.0)
    assert out.reason.startswith("What is usual")


def test_an_interval_from_minus_one_to_one_teaches_nothing() -> None:
    residuals = Residuals(windows(0.1, 6))
    heard = np.stack([pulses(2.0), np.zeros(N)], axis=1)
    vague = Score(r=0.9, r_null95=80.0, r_low=-1.0, r_high=1.0, p=0.5, usable_s=28.0)
    for until in (30, 60, 90):
        residuals.look(until, vague, heard, learnt=600.0)
    after = residuals.look(120, score(0.1), heard, learnt=600.0).value
    fresh = Residuals(windows(0.1, 6)).look(120, score(0.1), heard, learnt=600.0).value
    assert after == pytest.approx(fresh, abs=0.01)


# ---- stored


def test_windows_are_stored_with_the_decoder_and_older_files_have_none() -> None:
    sums = Sums(np.eye(4), np.ones(4), 1.0, 60.0)
    known = windows(0.1, 3, x=shifted(db=np.nan))
    decoder = Decoder(("a", "b"), (1.0, 8.0), np.array([0, 2]), sums, 0.1, 0.05, 1.0, False, known)
    arrays = decoder.to_arrays()
    assert np.array_equal(Decoder.from_arrays(arrays).windows, known, equal_nan=True)
    del arrays["windows"]
    assert Decoder.from_arrays(arrays).windows.shape == (0, 6)
