"""EEG and sound on one grid, filtered alike, handed out as seconds that both have."""

import numpy as np
import pytest

from dsp.filters import BANDS, HALF, filter_second
from dsp.grid import RATE
from dsp.tracking.alignment import Aligned, Filtered, SoundSampler, filtered_feature

BAND = BANDS[0]


def test_rows_are_joined_by_straight_lines_and_holes_stay_open() -> None:
    rng = np.random.default_rng(0)
    steps = rng.uniform(0.3, 2.4, 200) / RATE
    steps[[50, 120]] = 2.5 / RATE, 2.6 / RATE  # still neighbours, and a hole
    times = np.cumsum(np.concatenate([[3.003], steps]))
    rows = rng.standard_normal((times.size, 2))
    start, out = SoundSampler(2).push(rows, times)
    grid = (start + np.arange(len(out))) / RATE
    assert start == np.ceil(3.003 * RATE)
    assert grid[-1] <= times[-1] < grid[-1] + 1.0 / RATE
    lines = np.stack([np.interp(grid, times, column) for column in rows.T], axis=1)
    hole = (grid > times[120]) & (grid < times[121])
    assert hole.any()
    np.testing.assert_allclose(out[~hole], lines[~hole], atol=1e-6)
    assert np.isnan(out[hole]).all()


def test_rows_on_the_grid_come_through_one_by_one() -> None:
    sampler = SoundSampler(1)
    for k in range(5):
        start, out = sampler.push(np.array([[float(k)]]), np.array([1.0 + k / RATE]))
        assert (start, out.tolist()) == (RATE + k, [[float(k)]])
    start, out = sampler.push(np.array([[9.0]]), np.array([1.0 + 4.4 / RATE]))
    assert (start, out.shape) == (RATE + 5, (0, 1))


def test_the_cut_into_pieces_changes_no_row() -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.2, 3.0, 300)) / RATE
    rows = rng.standard_normal((300, 1))
    whole = SoundSampler(1).push(rows, times)[1]
    sampler = SoundSampler(1)
    pieces = [sampler.push(rows[a : a + 7], times[a : a + 7])[1] for a in range(0, 300, 7)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def whole_seconds(first: int, rows: np.ndarray, seconds: range) -> np.ndarray:
    """Each from its own window; NaN before the first row."""
    out = []
    for second in seconds:
        window = np.full((RATE + 2 * HALF, rows.shape[1]), np.nan)
        at = second * RATE - HALF - first
        window[max(-at, 0) :] = rows[max(at, 0) : at + len(window)]
        filtered, ok = filter_second(window, np.isfinite(window), band=BAND)
        out.append(np.where(ok, filtered, np.nan))
    return np.concatenate(out)


@pytest.mark.parametrize(("first", "second"), [(128, 2), (129, 3)])
def test_a_second_is_filtered_as_soon_as_the_window_around_it_is_there(
    first: int, second: int
) -> None:
    rows = np.random.default_rng(2).standard_normal((10 * RATE, 2))
    rows[4 * RATE : 6 * RATE, 0] = rows[5 * RATE : 8 * RATE] = np.nan
    filtered = Filtered(2, band=BAND)
    filtered.push(first, rows[:0])
    assert filtered.rows.end is None
    needed = (second + 1) * RATE + HALF - first
    filtered.push(first, rows[: needed - 1])
    assert filtered.rows.end is None
    filtered.push(first + needed - 1, rows[needed - 1 : needed])
    assert (filtered.rows.start, filtered.rows.end) == (second * RATE, (second + 1) * RATE)
    filtered.push(first + needed, rows[needed:])
    last = (first + len(rows) - HALF) // RATE
    assert filtered.rows.end == last * RATE
    np.testing.assert_array_equal(
        filtered.rows.read(second * RATE, last * RATE),
        whole_seconds(first, rows, range(second, last)),
    )
    np.testing.assert_array_equal(filtered.grid.read(first, first + len(rows)), rows)


@pytest.mark.parametrize(("reach", "seconds"), [(0, 6), (1, 5), (64, 5), (65, 4)])
def test_a_second_is_handed_out_once_with_the_eeg_that_follows_it(reach: int, seconds: int) -> None:
    rng = np.random.default_rng(3)
    eeg = rng.standard_normal((6 * RATE + HALF, 3))
    sound = rng.standard_normal((9 * RATE + HALF, 2))
    aligned = Aligned(3, sfreq=128.0, band=BAND, reach=reach)
    assert list(aligned.seconds()) == []
    aligned.push_grid((2 * RATE, eeg), (1 * RATE, sound))  # the sound began before the EEG
    out = list(aligned.seconds())
    assert [second for second, _, _ in out] == list(range(2, 2 + seconds))
    for second, part, feature in out:
        begin = second * RATE
        np.testing.assert_array_equal(part, aligned.eeg.read(begin, begin + RATE + reach))
        np.testing.assert_array_equal(feature, aligned.feature.read(begin, begin + RATE)[:, 0])
        assert np.isfinite(feature).all()
    assert list(aligned.seconds()) == []
    np.testing.assert_array_equal(aligned.heard(7, 3), sound[3 * RATE : 6 * RATE])


def test_sound_that_ends_first_ends_the_seconds() -> None:
    eeg, sound = np.ones((9 * RATE + HALF, 1)), np.ones((5 * RATE + HALF, 2))
    aligned = Aligned(1, sfreq=128.0, band=BAND, reach=10)
    aligned.push_grid((0, eeg), (0, sound))
    assert [second for second, _, _ in aligned.seconds()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("points", [0, -1])
def test_a_sound_alone_is_filtered_as_the_tracker_does_it(points: int) -> None:
    n = 6 * RATE + HALF + points
    rows = np.random.default_rng(4).standard_normal((n, 3))
    got = filtered_feature(rows, 50.0 + np.arange(n) / RATE, band=(4.0, 8.0))
    filtered = Filtered(1, band=(4.0, 8.0))
    filtered.push(50 * RATE, rows[:, :1])
    seconds = 6 if points == 0 else 5
    assert got.size == seconds * RATE
    expected = np.nan_to_num(filtered.rows.read(50 * RATE, (50 + seconds) * RATE)[:, 0])
    np.testing.assert_allclose(got, expected, atol=1e-12)
    usual = filtered_feature(rows, 50.0 + np.arange(n) / RATE)
    assert np.array_equal(
        usual, filtered_feature(rows, 50.0 + np.arange(n) / RATE, band=(1.0, 8.0))
    )
