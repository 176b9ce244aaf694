"""Sums of EEG and sound: what looks like an answer counts for more, and nothing else changes."""

import numpy as np
import pytest

from dsp.filters import bandpass
from dsp.grid import RATE
from dsp.tracking.courses import by_chance, in_common
from dsp.tracking.decoder import Sums, lagged, ridge


def one_course(cross: np.ndarray, shape: np.ndarray, chance: float) -> np.ndarray:
    """By singular values: each course counts by its energy and what the largest has by chance."""
    half = np.linalg.cholesky(shape)
    fields, sizes, courses = np.linalg.svd(np.linalg.solve(half, cross.reshape(len(shape), -1)),
                                           full_matrices=False)  # fmt: skip
    n, n_lags = len(shape), cross.size // len(shape)
    floor = chance * (np.sqrt(n) + np.sqrt(n_lags)) ** 2
    kept = sizes * (sizes**2 + floor) / (np.sum(sizes**2) + floor)
    return np.asarray(half @ (fields * kept) @ courses).ravel()


@pytest.mark.parametrize("n_lags", [1, 2, 3, 9])
@pytest.mark.parametrize("chance", [0.0, 0.3, 50.0])
def test_a_course_counts_by_its_energy_and_by_what_chance_can_give(
    n_lags: int, chance: float
) -> None:
    rng = np.random.default_rng(n_lags)
    cross = rng.standard_normal((3 * n_lags, 2))
    mixed = rng.standard_normal((3, 9))
    shape = mixed @ mixed.T
    got = in_common(cross, shape, chance)
    for k in range(2):  # each target for itself
        np.testing.assert_allclose(got[:, k], one_course(cross[:, k], shape, chance), rtol=1e-9)
    np.testing.assert_allclose(in_common(cross[:, 0], shape, chance), got[:, 0], rtol=1e-12)
    assert not in_common(np.zeros(3 * n_lags), shape, 0.0).any()


def test_what_chance_gives_grows_with_the_sound_and_falls_with_time() -> None:
    rng = np.random.default_rng(5)
    taps = bandpass(1.0, 8.0)
    eeg, sound = (np.convolve(rng.standard_normal(160_000), taps, mode="same") for _ in range(2))
    sums = [
        Sums.zero(9).plus(lagged(eeg[k : k + 3900, None], np.arange(9), 3840), sound[k : k + 3840])
        for k in range(0, 150_000, 3840)
    ]
    # Of minutes without a link: the energy of a lag, in units of the EEG's own power.
    energy = np.mean([one.cross**2 / np.diag(one.cov) for one in sums])
    told = np.mean([by_chance(one.power, one.seconds) for one in sums])
    assert told == pytest.approx(energy, rel=0.25)
    assert by_chance(8.0, 0.0) == 8.0


def test_one_course_of_many_electrodes_is_found_sooner() -> None:
    gains = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        onsets = np.convolve(rng.random(90 * RATE) < 0.06, np.hanning(9), mode="same")
        onsets -= onsets.mean()
        eeg = 1.5 * rng.standard_normal((onsets.size + 60, 8))
        for lag, size in ((4, 0.3), (7, -0.5), (12, 0.4)):
            eeg[lag : lag + onsets.size] += size * onsets[:, None] * np.linspace(0.2, 1.0, 8)
        design = lagged(eeg, np.arange(0, 25, 3), onsets.size)
        half = 45 * RATE
        sums = Sums.zero(72).plus(design[:half], onsets[:half])
        chance = by_chance(sums.power, sums.seconds)
        r = []
        for told in (None, chance):
            weights = ridge(sums.cov, sums.cross, penalty=1.0, n_lags=9, chance=told)
            r.append(np.corrcoef(design[half:] @ weights, onsets[half:])[0, 1])
        gains.append(r[1] / r[0])
    assert np.mean(gains) > 1.02
    assert min(gains) > 0.98
