"""Surrogates keep what they must keep, and chance comes out as chance."""

import numpy as np

from dsp.tracking.evidence import Evidence
from dsp.tracking.nulls import Nulls


def smooth(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.convolve(rng.standard_normal(n + 8), np.hanning(9), mode="valid")


def test_shift_covariances_equal_the_sum_written_out() -> None:
    rng = np.random.default_rng(0)
    y, s = smooth(rng, 500), smooth(rng, 500)
    got = Nulls.shifts(y, s)
    assert got.size == 500 - 2 * 128 + 1
    for k in (0, 17, 200):
        assert np.isclose(got[k], y @ np.roll(s, 128 + k))


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
