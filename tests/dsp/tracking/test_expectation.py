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


# ---- written out, and each bound by itself


def test_acoustics_are_written_out() -> None:
    rng = np.random.default_rng(7)
    flux, level = pulses(1.3) * rng.uniform(0.3, 1.0, N), rng.normal(-20.0, 3.0, N)
    flux[:400], level[200:700] = np.nan, np.nan
    seen = np.isfinite(flux)
    centred = np.where(seen, flux - flux[seen].mean(), 0.0) * np.hanning(N)
    hz = np.arange(N // 2 + 1) / WINDOW
    power = np.abs(np.fft.rfft(centred)) ** 2
    power, hz = power[(hz >= 0.8) & (hz <= 4.0)], hz[(hz >= 0.8) & (hz <= 4.0)]
    known = level[np.isfinite(level)]
    assert acoustics(flux, level) == pytest.approx(
        [
            np.log2(hz[np.argmax(power)]),
            np.log(power.max() / np.median(power)),
            np.log(np.mean(flux[seen] ** 2) / flux[seen].mean()),
            10.0 * np.log10(np.mean(10.0 ** (known / 10.0))),
        ]
    )


@pytest.mark.parametrize(
    ("tones", "beat"),
    [
        ({0.8: 1.0}, 0.8),
        ({4.0: 1.0}, 4.0),
        ({0.7: 1.0, 2.0: 0.5}, 2.0),
        ({4.5: 1.0, 2.0: 0.5}, 2.0),
    ],
)
def test_a_beat_lies_from_eight_tenths_to_four_a_second(
    tones: dict[float, float], beat: float
) -> None:
    t = np.arange(N) / RATE
    flux = 2.0 + sum(size * np.cos(2.0 * np.pi * hz * t) for hz, size in tones.items())
    assert 2.0 ** acoustics(np.asarray(flux), np.full(N, -20.0))[0] == pytest.approx(beat)


@pytest.mark.parametrize(("points", "known"), [(20 * RATE, True), (20 * RATE - 1, False)])
def test_twenty_seconds_must_be_known_of_the_sound_and_of_its_level(
    points: int, known: bool
) -> None:
    flux, level = pulses(2.0), np.full(N, -20.0)
    level[points:] = np.nan
    assert np.isfinite(acoustics(flux, level)).tolist() == [True, True, True, known]
    flux[points:] = np.nan
    assert np.isfinite(acoustics(flux, np.full(N, -20.0))).all() == known


def rows_of(x: np.ndarray) -> np.ndarray:
    """What multiplies the usual r, how this person's slopes differ, and a level not known."""
    distance = x - np.array([1.2, 4.2, -1.9, -20.5])
    unknown = np.isnan(distance[:, 3])
    distance[unknown, 3] = 0.0
    distance[:, 2] -= 0.057 * distance[:, 3]
    reach = np.array([1.0, 2.0, 1.5, 20.0])
    distance = np.minimum(np.maximum(distance, -reach), reach)
    usual = np.exp(distance @ [-0.25, 0.10, 0.5, 0.02])
    return usual[:, None] * np.column_stack([np.ones(len(x)), distance, unknown])


@pytest.mark.parametrize("usual", [0.15, 0.0])
def test_the_expectation_is_the_regression_written_out(usual: float) -> None:
    rng = np.random.default_rng(8)
    x = ORDINARY + rng.normal(0.0, 1.0, (12, 4)) * [0.8, 1.6, 1.2, 15.0]
    x[3:6, 3] = np.nan
    r, sd = usual + 0.05 * rng.standard_normal(12), rng.uniform(0.02, 0.08, 12)
    person = Expectation(np.column_stack([r, sd, x]))
    scale = 0.08
    for _ in range(2):  # the prior as more rows, each in units of its error
        slopes = scale * np.array([0.25, 0.10, 0.5, 0.02, 6.0 * np.hypot(0.02, 0.02)])
        error = np.hypot(sd, 0.25 * scale)
        design = np.vstack([rows_of(x.copy()) / error[:, None], np.diag([1 / 0.06, *1 / slopes])])
        target = np.concatenate([r / error, [0.08 / 0.06], np.zeros(5)])
        found = np.linalg.lstsq(design, target, rcond=None)[0]
        scale = max(abs(found[0]), 0.02)
    covariance = np.linalg.inv(design.T @ design)
    assert scale == 0.02 or usual > 0.1
    for k in (0, 4, 7):
        row = rows_of(x[k : k + 1].copy())[0]
        unsure = np.sqrt(row @ covariance @ row)
        assert person.expected(x[k]) == pytest.approx((row @ found, unsure))
        told = person.residual(0.2, 0.04, x[k])
        spread = 1.645 * np.hypot(0.04, unsure)
        assert told.value == pytest.approx(0.2 - row @ found)
        assert (told.low, told.high) == pytest.approx((told.value - spread, told.value + spread))


def test_without_numbers_there_is_no_residual() -> None:
    person = Expectation(windows(0.1, 6))
    for r, sd in ((np.nan, 0.05), (0.1, np.nan), (0.1, np.inf)):
        assert person.residual(r, sd, ORDINARY).reason == "Nothing was scored yet."
    told = person.residual(0.1, 0.05, shifted(size=np.nan))
    assert told.reason == "The newest 30 s say too little of the sound."
    assert np.isnan(told.value)


@pytest.mark.parametrize(
    ("usable", "learnt", "taught"),
    [(15.0, 120.0, True), (14.9, 120.0, False), (15.0, 119.9, False)],
)
def test_whole_windows_of_enough_eeg_teach_once_they_lie_behind(
    usable: float, learnt: float, taught: bool
) -> None:
    residuals = Residuals()
    level = -30.0 + np.arange(130 * RATE)[:, None] / RATE / 10.0
    residuals.push_level(level[:, :0], np.arange(len(level)) / RATE)
    residuals.push_level(level, np.arange(len(level)) / RATE)
    heard = np.stack([pulses(2.0), np.zeros(N)], axis=1)
    counts = []
    for until in range(30, 125):
        given = Score(r=0.1, r_null95=0.08, r_low=0.0, r_high=0.2, p=0.1, usable_s=usable)
        told = residuals.look(until, given, heard, learnt=learnt)
        counts.append(int(told.reason.split(": ")[1].split()[0]))
        expected = acoustics(heard[:, 0], level[(until - WINDOW) * RATE : until * RATE, 0])
        assert residuals.x == pytest.approx(expected, abs=1e-3)
    assert counts == [(until // 30 - 1) * taught for until in range(30, 125)]
    assert residuals.look(125, Score(), heard, learnt=learnt) == Residual()
