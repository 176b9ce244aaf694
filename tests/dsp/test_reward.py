"""Frontal theta: right size, right sites, and honest about what is missing."""

import numpy as np
import pytest

from dsp.correlates import Baseline, Correlates, debiased_wpli
from dsp.quality import CleanBlock, Guard
from dsp.reward import MASKED, SLOW, FrontalTheta

SFREQ = 250.0


def background(seconds: int, n: int, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    samples = int(seconds * SFREQ)
    hz = np.fft.rfftfreq(samples, 1 / SFREQ)
    z = rng.standard_normal((hz.size, n)) + 1j * rng.standard_normal((hz.size, n))
    x = np.fft.irfft(z / np.maximum(hz, 0.7)[:, None] ** 0.6, samples, axis=0)
    return 9.0 * x / x.std()


def scores(eeg: np.ndarray, names: tuple[str, ...]) -> list:
    guard = Guard(ch_names=names, sfreq=SFREQ)
    block = guard.push(eeg.astype(np.float32), 100.0 + np.arange(len(eeg)) / SFREQ)
    assert block is not None
    return FrontalTheta(ch_names=names, sfreq=SFREQ).push(block)


def test_added_theta_reads_in_decibels_over_the_background() -> None:
    """Theta of nine times the background there gives 10 dB, none gives 0 dB."""
    quiet = background(120, 1)
    hz = np.fft.rfftfreq(len(quiet), 1 / SFREQ)
    spectrum = np.fft.rfft(background(120, 1, seed=1), axis=0)
    theta = np.fft.irfft(np.where((hz >= 4) & (hz < 8), spectrum.T, 0).T, len(quiet), axis=0)
    low = np.mean([s.db for s in scores(quiet, ("Fz",))])
    high = np.mean([s.db for s in scores(quiet + 3.0 * theta, ("Fz",))])
    assert abs(low) < 1.0
    assert high - low == pytest.approx(10.0, abs=1.0)


def test_scores_stand_on_even_seconds_and_do_not_overlap() -> None:
    got = scores(background(31, 1), ("Fz",))
    assert [s.t0 for s in got] == [100.0 + 2 * k for k in range(len(got))]
    assert all(s.t1 == s.t0 + 2 and s.usable and s.valid_share > 0.9 for s in got)


def test_without_a_frontal_electrode_there_is_no_score() -> None:
    assert scores(background(10, 1), ("Cz",)) == []


def test_masked_windows_are_not_usable() -> None:
    n = int(20 * SFREQ)
    valid = np.ones((n, 1), dtype=bool)
    valid[int(4.4 * SFREQ) : int(6.0 * SFREQ)] = False
    times = 100.0 + np.arange(n) / SFREQ
    guard = Guard(ch_names=("Fz",), sfreq=SFREQ)
    block = guard.push(background(20, 1).astype(np.float32), times)
    assert block is not None
    m = len(block.times)
    masked = CleanBlock(block.eeg, block.times, valid[:m], block.seconds)
    got = FrontalTheta(ch_names=("Fz",), sfreq=SFREQ).push(masked)
    assert [s.usable for s in got][:4] == [True, True, False, True]
    assert np.isnan(got[2].db)
    assert [s.reason for s in got][:4] == ["", "", MASKED, ""]


def test_masking_does_not_shift_the_score() -> None:
    eeg = background(600, 1, seed=7)
    dirty = eeg.copy()
    for k in range(2, 598, 4):
        at = int((k + 0.7) * SFREQ)
        dirty[at : at + 75, 0] += 150.0 * np.hanning(75)
    clean = np.mean([s.db for s in scores(eeg, ("Fz",)) if s.usable])
    masked = [s for s in scores(dirty, ("Fz",)) if s.usable]
    assert np.mean([s.valid_share < 0.6 for s in masked]) > 0.3
    assert np.mean([s.db for s in masked]) == pytest.approx(clean, abs=0.7)


def slow(seconds: int, microvolts: float, *, seed: int = 3) -> np.ndarray:
    """Noise in 1-3.5 Hz, as eyes, sweat and cables make it at the forehead."""
    n = int(seconds * SFREQ)
    rng, hz = np.random.default_rng(seed), np.fft.rfftfreq(n, 1 / SFREQ)
    z = rng.standard_normal(hz.size) + 1j * rng.standard_normal(hz.size)
    x = np.fft.irfft(np.where((hz >= 1.0) & (hz <= 3.5), z, 0.0), n)
    return (microvolts * x / x.std())[:, None]


def rhythmic(seconds: int, *, seed: int) -> np.ndarray:
    """Background, and theta of the same power on top."""
    hz = np.fft.rfftfreq(int(seconds * SFREQ), 1 / SFREQ)
    spectrum = np.fft.rfft(background(seconds, 1, seed=seed + 100), axis=0)
    inside = (hz >= 4.5) & (hz < 7.5)
    theta = np.fft.irfft(np.where(inside[:, None], spectrum, 0.0), int(seconds * SFREQ), axis=0)
    return np.asarray(background(seconds, 1, seed=seed) + theta)


@pytest.mark.parametrize("microvolts", [5.0, 10.0])
def test_slow_artefact_does_not_lower_theta(microvolts: float) -> None:
    eeg = rhythmic(240, seed=8)
    clean = [s.db for s in scores(eeg, ("Fz",))]
    got = scores(eeg + slow(240, microvolts), ("Fz",))
    usable = [s.db for s in got if s.usable]
    before = [c for c, s in zip(clean, got, strict=True) if s.usable]
    assert np.mean(usable) == pytest.approx(np.nanmean(before), abs=0.3)
    assert len(usable) / len(got) > (0.8 if microvolts == 5.0 else 0.1)


def test_theta_that_slow_waves_drown_is_not_usable_until_they_are_gone() -> None:
    eeg = 0.3 * rhythmic(120, seed=9)
    at = slice(int(40 * SFREQ), int(80 * SFREQ))
    eeg[at] += slow(40, 6.0)
    got = scores(eeg, ("Fz",))
    drowned = [s.t0 - 100.0 for s in got if s.reason == SLOW]
    assert 40.0 <= drowned[0] <= 48.0
    assert 80.0 <= drowned[-1] <= 94.0
    assert len(drowned) >= 18
    assert all(np.isnan(s.db) and not s.usable and s.valid_share > 0.3 for s in got if s.reason)


def test_short_stretches_between_masks_do_not_read_lower() -> None:
    """The logarithm of few degrees of freedom lies low, by half a dB and more here."""
    eeg = background(1200, 1, seed=11)
    guard = Guard(ch_names=("Fz",), sfreq=SFREQ)
    block = guard.push(eeg.astype(np.float32), 100.0 + np.arange(len(eeg)) / SFREQ)
    assert block is not None
    kept = (block.times % 2.0 >= 0.6) & (block.times % 2.0 < 1.4)
    masked = CleanBlock(block.eeg, block.times, block.valid & kept[:, None], block.seconds)
    whole, short = (
        [s.db for s in FrontalTheta(ch_names=("Fz",), sfreq=SFREQ).push(b)] for b in (block, masked)
    )
    assert np.nanmean(short) == pytest.approx(np.nanmean(whole), abs=0.25)


def masked_shift(eeg: np.ndarray, names: tuple[str, ...], kept: np.ndarray) -> float:
    """By how much the score changes where only samples `kept` of each 2 s are used, dB."""
    block = Guard(ch_names=names, sfreq=SFREQ).push(
        eeg.astype(np.float32), 100.0 + np.arange(len(eeg)) / SFREQ
    )
    assert block is not None
    inside = kept[(np.round(block.times * SFREQ) % (2 * SFREQ)).astype(int)]
    masked = CleanBlock(block.eeg, block.times, block.valid & inside[:, None], block.seconds)
    whole, part = (
        [s.db for s in FrontalTheta(ch_names=names, sfreq=SFREQ).push(b)] for b in (block, masked)
    )
    return float(np.nanmean(part) - np.nanmean(whole))


@pytest.mark.parametrize("names", [("Fz",), ("AF7", "AF8")])
def test_masks_do_not_lift_the_score_of_one_site_or_of_two(names: tuple[str, ...]) -> None:
    """What two sites have in common, or what smears from below, is not put back twice."""
    t = np.arange(int(2 * SFREQ)) / SFREQ
    kept = (t >= 0.65) & (t < 1.35)
    shift = masked_shift(background(400, len(names), seed=21), names, kept)
    assert shift == pytest.approx(0.0, abs=0.25)


def test_a_blink_that_no_mask_caught_is_not_read_as_theta() -> None:
    eeg = background(120, 1, seed=13)
    block = Guard(ch_names=("Fz",), sfreq=SFREQ).push(
        eeg.astype(np.float32), 100.0 + np.arange(len(eeg)) / SFREQ
    )
    assert block is not None
    missed = block.eeg.copy()
    for second in (40, 70, 100):
        at = int((second + 0.8) * SFREQ)
        missed[at : at + 75, 0] += 45.0 * np.hanning(75)
    dirty = CleanBlock(missed, block.times, block.valid, block.seconds)
    got = FrontalTheta(ch_names=("Fz",), sfreq=SFREQ).push(dirty)
    told = [s.t0 - 100.0 for s in got if s.reason == SLOW]
    assert {40.0, 70.0, 100.0} <= set(told)
    assert len(told) < 12
    assert np.isnan([s.db for s in got if s.reason]).all()


def test_sites_of_unlike_level_count_alike() -> None:
    """Ten times the size, or an electrode that is lost, is no theta."""
    eeg = background(240, 2, seed=14)
    alone = [
        np.mean([s.db for s in scores(eeg[:, [i]], (name,))]) for i, name in ((0, "F3"), (1, "F4"))
    ]
    both = np.mean([s.db for s in scores(eeg * [1.0, 3.0], ("F3", "F4"))])
    assert both == pytest.approx(np.mean(alone), abs=1e-3)


def test_theta_is_what_lies_wholly_in_its_band() -> None:
    """What is under 4 Hz, or just there, is half of something slow."""
    eeg, t = background(60, 1, seed=12), np.arange(int(60 * SFREQ)) / SFREQ
    level = np.mean([s.db for s in scores(eeg, ("Fz",))])

    def rise(hz: float) -> float:
        tone = 6.0 * np.sin(2.0 * np.pi * hz * t)[:, None]
        return float(np.mean([s.db for s in scores(eeg + tone, ("Fz",)) if s.usable]) - level)

    assert rise(6.0) > 5.0
    assert rise(3.5) < 0.5
    assert rise(8.5) < 0.5


def test_wpli_is_nought_for_volume_conduction_and_high_for_a_lag() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((60, 8)) + 1j * rng.standard_normal((60, 8))
    noise = 0.5 * (rng.standard_normal((60, 8)) + 1j * rng.standard_normal((60, 8)))
    assert debiased_wpli(a * np.conj(a * np.exp(-0.8j) + noise)) > 0.6
    assert abs(debiased_wpli(a * np.conj(noise))) < 0.1


def test_muscle_gates_beta_and_research_features_stay_out() -> None:
    names = ("F3", "F4", "T8", "Cz")
    eeg = background(100, 4, seed=2)
    rng = np.random.default_rng(3)
    eeg[int(35 * SFREQ) : int(75 * SFREQ), :2] += 20.0 * rng.standard_normal((10_000, 2))
    guard = Guard(ch_names=names, sfreq=SFREQ)
    block = guard.push(eeg.astype(np.float32), 100.0 + np.arange(len(eeg)) / SFREQ)
    assert block is not None
    got = Correlates(ch_names=names, sfreq=SFREQ).push(block)
    ratio = [c for c in got if c.name == "beta_alpha"]
    assert [c.usable for c in ratio] == [True, False, True]
    assert ratio[2].usable_s < 20.0
    assert all(c.low <= c.value <= c.high for c in got if c.usable)
    assert {c.name for c in got} >= {"ft_theta_wpli", "gamma", "alpha_asymmetry"}


def test_z_score_needs_the_persons_own_baseline() -> None:
    assert np.isnan(Baseline.of([1.0, 2.0]).z(1.0))
    values = [0.0, 1.0] * 10
    assert Baseline.of(values).z(0.5) == pytest.approx(0.0)
