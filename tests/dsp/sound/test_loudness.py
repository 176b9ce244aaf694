"""Loudness and true peak: the EBU's own cases, and independence of how the sound is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.checks import InputError
from dsp.grid import FS
from dsp.sound.loudness import SILENCE, Loudness, TruePeak


def tone(hz, level_db, seconds, *, channels=(True, True), phase=0.0):
    t = np.arange(round(seconds * FS)) / FS
    wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * t + phase)
    return (wave[:, None] * np.array(channels)).astype(np.float32)


def loudness(sound):
    meter = Loudness()
    meter.push(sound)
    return meter.integrated()


@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_a_stereo_tone_of_1_khz_reads_its_level_as_in_ebu_3341_cases_1_and_2(level):
    assert loudness(tone(1000, level, 20)) == pytest.approx(level, abs=0.1)


def test_quiet_ends_are_gated_away_as_in_ebu_3341_case_3():
    parts = [tone(1000, -36, 10), tone(1000, -23, 60), tone(1000, -36, 10)]
    assert loudness(np.concatenate(parts)) == pytest.approx(-23.0, abs=0.1)


def test_near_silence_is_gated_away_as_in_ebu_3341_case_4():
    levels = [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)]
    sound = np.concatenate([tone(1000, level, seconds) for level, seconds in levels])
    assert loudness(sound) == pytest.approx(-23.0, abs=0.1)


def test_full_scale_in_one_channel_reads_minus_3_01_as_bs_1770_states():
    assert loudness(tone(997, 0, 10, channels=(True, False))) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize(("hz", "gain"), [(50, -3.9 - 0.691), (10_000, 4.0 - 0.691)])
def test_the_k_weighting_has_the_gain_of_the_standard(hz, gain):
    # 1 kHz carries +0.691 dB of weighting, which the formula takes off again.
    assert loudness(tone(hz, -20, 5)) - (-20) == pytest.approx(gain, abs=0.1)


@given(cuts=st.lists(st.integers(1, 60_000), max_size=6))
@settings(max_examples=15, deadline=None)
def test_the_figure_does_not_depend_on_how_the_sound_is_cut(cuts):
    rng = np.random.default_rng(3)
    sound = (0.1 * rng.standard_normal((100_000, 2))).astype(np.float32)
    sound[:50_000] *= 0.2
    whole, cut, peak, whole_peak = Loudness(), Loudness(), TruePeak(), TruePeak()
    whole.push(sound)
    whole_peak.push(sound)
    for block in np.split(sound, np.unique(np.minimum(np.cumsum(cuts), 100_000)).astype(int)):
        cut.push(block)
        peak.push(block)
    assert cut.integrated() == pytest.approx(whole.integrated(), abs=1e-4)
    assert peak.finish() == pytest.approx(whole_peak.finish(), rel=0.03)


def test_silence_and_less_than_a_block_read_the_gate():
    assert loudness(np.zeros((FS, 2), dtype=np.float32)) == SILENCE
    assert loudness(tone(1000, -20, 0.3)) == SILENCE
    assert Loudness().integrated() == SILENCE


@pytest.mark.parametrize(("divisor", "degrees"), [(4, 0), (4, 45), (6, 60), (8, 67.5)])
def test_true_peak_of_the_four_tones_of_ebu_3341_cases_15_to_18(divisor, degrees):
    sound = tone(FS / divisor, -6.02, 1.0, phase=np.deg2rad(degrees))
    ramp = np.minimum(1.0, np.arange(FS) / 4800)  # a tone cut hard does overshoot
    meter = TruePeak()
    meter.push(sound * (ramp * ramp[::-1])[:, None].astype(np.float32))
    peak_db = 20 * np.log10(meter.value)
    assert -6.4 <= peak_db <= -5.8


def test_true_peak_finds_what_lies_between_the_samples():
    sound = tone(FS / 4, 0.0, 0.5, phase=np.pi / 4)
    sound *= np.hanning(sound.shape[0])[:, None].astype(np.float32)
    meter = TruePeak()
    meter.push(sound)
    assert np.abs(sound).max() == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert meter.finish() == pytest.approx(1.0, abs=0.02)


def test_a_mono_block_is_refused():
    with pytest.raises(InputError, match=r"expected \(n_samples, 2\)"):
        Loudness().push(np.zeros(100, dtype=np.float32))
