"""Surrogates keep what they must keep, and chance comes out as chance."""

import numpy as np
import pytest

from dsp.tracking.evidence import Evidence
from dsp.tracking.nulls import Nulls, bins_of


def smooth(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.convolve(rng.standard_normal(n + 8), np.hanning(9), mode="valid")


def test_shift_covariances_equal_the_sum_written_out() -> None:
    rng = np.random.default_rng(0)
    y, s = smooth(rng, 500), smooth(rng, 500)
    got = Nulls.shifts(y, s)
    assert got.size == 500 - 2 * 128 + 1
    for k in (0, 17, 200):
        assert np.isclose(got[k], y @ np.roll(s, 128 + k))


def test_a_shift_counts_by_the_size_of_what_it_brings_beside_the_reconstruction() -> None:
    rng = np.random.default_rng(21)
    loud = np.repeat([1.0, 0.01, 4.0], [300, 250, 250])
    y, s = smooth(rng, 800), loud * smooth(rng, 800)
    y[:500] = 0.0  # before the window
    y[600:640] = 0.0  # masked
    got = Nulls.shifts(y, s)
    own = np.sum(s[y != 0.0] ** 2)
    quiet = 0
    for k in range(got.size):
        turned = np.roll(s, 128 + k)
        there = np.sum(turned[y != 0.0] ** 2)
        quiet += there < 0.1 * own
        size = np.sqrt(max(there, 0.1 * own) / own)
        assert np.isclose(got[k], y @ turned / size)
    assert 50 < quiet < 400


@pytest.mark.parametrize("newest", [0.4, 2.5])
def test_a_track_that_grows_or_fades_leaves_chance_as_it_is(newest: float) -> None:
    rng = np.random.default_rng(22)
    loud = np.repeat([1.0, newest], 960)
    p = []
    for _ in range(300):
        y, history = smooth(rng, 960), loud * smooth(rng, 1920)
        shifted = Nulls.shifts(np.concatenate([np.zeros(960), y]), history)
        p.append((1 + np.sum(shifted >= y @ history[960:])) / (1 + shifted.size))
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


def test_a_silent_window_has_shifts_and_no_warning() -> None:
    y, s = smooth(np.random.default_rng(23), 800), np.zeros(800)
    assert not Nulls.shifts(y, s).any()
    assert not Nulls.shifts(s, y).any()
    s[:200] = y[:200]
    y[:400] = 0.0
    assert np.isfinite(Nulls.shifts(y, s)).all()


def test_phase_covariances_have_the_spread_the_spectra_demand() -> None:
    rng = np.random.default_rng(1)
    y, s = smooth(rng, 1920), smooth(rng, 1920)
    got = Nulls(seed=3, n_phases=4000).phase(y, s)
    f = np.fft.rfftfreq(1920, 1 / 64)
    inside = (f > 0) & (f <= 9.0)
    cross = np.abs(np.fft.rfft(y) * np.conj(np.fft.rfft(s)))[inside]
    assert np.isclose(got.std(), np.sqrt(2 * np.sum(cross**2)) / 1920, rtol=0.05)


def test_p_is_uniform_without_a_link_and_small_with_one() -> None:
    rng = np.random.default_rng(2)
    nulls = Nulls(seed=0)
    p, z = [], []
    for _ in range(200):
        y, s = smooth(rng, 1920), smooth(rng, 1920)
        result = nulls.judge(y, s, s)
        assert result is not None
        p.append(result.p)
        z.append(result.z)
    assert np.mean(np.array(p) < 0.05) <= 0.08
    assert 0.8 < np.std(z) < 1.2
    s = smooth(rng, 1920)
    linked = nulls.judge(s + smooth(rng, 1920), s, s)
    assert linked is not None
    assert linked.p < 0.01
    assert linked.z > 5


def test_session_evidence_rarely_rises_by_chance_however_long() -> None:
    rng = np.random.default_rng(3)
    for effect in (None, 1.5):
        ever = 0
        for _ in range(300):
            evidence = Evidence(effect=effect)
            for z in rng.standard_normal(120):
                evidence.add(float(z))
            ever += evidence.ever
        assert ever / 300 < 0.05


def test_session_evidence_finds_a_clear_response_within_six_blocks() -> None:
    evidence = Evidence(effect=2.0)
    for _ in range(6):
        evidence.add(1.8)
    assert evidence.ever


def test_recent_evidence_forgets() -> None:
    evidence = Evidence()
    for _ in range(20):
        evidence.add(2.0)
    high = evidence.now
    for _ in range(12):
        evidence.add(0.0)
    assert high >= 3.0
    assert evidence.now < 0.0
    assert evidence.ever


def test_phase_covariances_equal_the_sum_written_out() -> None:
    rng = np.random.default_rng(5)
    angle = np.random.default_rng(9).uniform(0.0, 2.0 * np.pi, (30, 60))
    nulls = Nulls(seed=9, n_phases=30, n_bins=60)
    for n, top in ((400, 57), (800, 60)):  # bins up to 9 Hz, and up to those that were drawn
        y, s = smooth(rng, n), smooth(rng, n)
        cross = (np.fft.rfft(y) * np.conj(np.fft.rfft(s)))[1:top]
        turned = np.abs(cross) * np.cos(np.angle(cross) - angle[:, 1:top])
        np.testing.assert_allclose(nulls.phase(y, s), 2.0 / n * turned.sum(axis=1), atol=1e-9)
    assert bins_of(400) == 57
    assert Nulls(seed=0).phase(y, s).size == 500


def test_shifts_are_at_most_a_thousand_evenly_spread() -> None:
    rng = np.random.default_rng(6)
    y, s = smooth(rng, 2600), smooth(rng, 2600)
    got = Nulls.shifts(y, s)
    places = range(128, 2600 - 128 + 1, 3)
    assert got.size == len(places)
    for k, place in list(enumerate(places))[::100]:
        assert np.isclose(got[k], y @ np.roll(s, place))
    assert Nulls.shifts(y[:384], s[:384]).size == 129
    assert Nulls.shifts(y[:383], s[:383]).size == 0
    assert Nulls.shifts(y[:1255], s[:1255]).size == 1000
    assert Nulls.shifts(y[:1256], s[:1256]).size == 501


def test_the_null_that_is_harder_to_beat_counts() -> None:
    rng = np.random.default_rng(7)
    nulls = Nulls(seed=4)
    for k in range(4):
        history = smooth(rng, 3000) + k * np.sin(2 * np.pi * np.arange(3000) / 32)
        feature = history[-1800:]
        y = 0.1 * feature + smooth(rng, 1800) + k * np.sin(2 * np.pi * np.arange(1800) / 32)
        told = nulls.judge(y, feature, history)
        assert told is not None
        shifted = nulls.shifts(np.concatenate([np.zeros(1200), y]), history)
        random = nulls.phase(y, feature)
        both, at = (shifted, random), y @ feature
        assert told.z == min((at - null.mean()) / null.std() for null in both)
        assert told.p == max((1 + np.sum(null >= at)) / (1 + null.size) for null in both)
        assert told.level95 == max(np.quantile(null, 0.95) for null in both)
        assert told.sd == random.std()
        assert told.n_shifts == shifted.size


def test_without_energy_or_with_little_sound_nothing_is_judged() -> None:
    nulls, s = Nulls(seed=0), smooth(np.random.default_rng(8), 600)
    assert nulls.judge(np.zeros(600), s, s) is None
    assert nulls.judge(np.full(600, np.nan), s, s) is None
    assert nulls.judge(s[:383], s[:383], s[:383]) is None


def test_phases_are_drawn_once_and_kept_and_the_unit_does_not_matter() -> None:
    rng = np.random.default_rng(11)
    y, s = smooth(rng, 1920), smooth(rng, 1920)
    drawn = np.random.default_rng(3).uniform(0.0, 2.0 * np.pi, (500, 600))
    nulls = Nulls(seed=3)
    cross = (np.fft.rfft(y) * np.conj(np.fft.rfft(s)))[1:271]
    turned = np.abs(cross) * np.cos(np.angle(cross) - drawn[:, 1:271])
    np.testing.assert_allclose(nulls.phase(y, s), 2.0 / 1920 * turned.sum(axis=1), atol=1e-9)
    for table in (nulls._cos, nulls._sin):
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 1.0
    told, small = nulls.judge(y, s, s), nulls.judge(1e-6 * y, s, s)
    assert told is not None
    assert small is not None
    assert (small.p, small.z) == (told.p, pytest.approx(told.z))
