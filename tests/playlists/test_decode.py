"""Decoding: length, entry anywhere, channels, and samples that are safe to play."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from playlists import decode


def decoded(path, **options):
    parts = [np.empty((0, 2), dtype=np.float32), *decode.blocks(path, **options)]
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def noise_44100(tmp_path_factory):
    path = tmp_path_factory.mktemp("decode") / "noise.wav"
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.2 * rng.standard_normal((70_001, 2)), 44_100, subtype="FLOAT")
    return path, decoded(path)


@pytest.mark.parametrize("sfreq", [8_000, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000])
@pytest.mark.parametrize("n", [1, 777, 40_001])
def test_every_rate_gives_the_rounded_number_of_frames_at_48_khz(tmp_path, sfreq, n):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.full((n, 2), 0.1), sfreq)
    assert decoded(path).shape == (round(n * 48_000 / sfreq), 2)


def test_a_file_at_48_khz_passes_untouched(tmp_path):
    rng = np.random.default_rng(1)
    sound = (0.3 * rng.standard_normal((60_000, 2))).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", sound, 48_000, subtype="FLOAT")
    np.testing.assert_array_equal(decoded(tmp_path / "x.wav"), sound)


def test_a_resampled_tone_keeps_its_frequency_and_phase(tmp_path):
    t = np.arange(44_100 * 2) / 44_100
    soundfile.write(tmp_path / "x.wav", 0.5 * np.sin(2 * np.pi * 1000 * t), 44_100, subtype="FLOAT")
    got = decoded(tmp_path / "x.wav")[4_800:-4_800, 0]
    want = 0.5 * np.sin(2 * np.pi * 1000 * (np.arange(len(got)) + 4_800) / 48_000)
    assert np.abs(got - want).max() < 1e-4


@given(start=st.integers(0, 76_200), size=st.integers(500, 50_000))
@settings(max_examples=25, deadline=None)
def test_entry_at_any_frame_gives_the_rest_of_the_whole(noise_44100, start, size):
    path, whole = noise_44100
    part = decoded(path, start=start, size=size)
    assert part.shape[0] == max(0, whole.shape[0] - start)
    np.testing.assert_allclose(part, whole[start:], atol=2e-6)


@pytest.mark.parametrize("suffix", ["ogg", "flac", "mp3", "wav", "aiff"])
def test_entry_is_exact_in_every_format(tmp_path, suffix):
    rng = np.random.default_rng(2)
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, 0.1 * rng.standard_normal((90_000, 2)), 48_000)
    whole = decoded(path)
    np.testing.assert_allclose(decoded(path, start=40_321), whole[40_321:], atol=1e-6)


def test_past_the_end_there_is_nothing(noise_44100):
    path, whole = noise_44100
    assert decoded(path, start=whole.shape[0] + 10).shape == (0, 2)


def test_mono_sounds_on_both_sides(tmp_path):
    sound = np.linspace(-0.5, 0.5, 10_000)
    soundfile.write(tmp_path / "x.wav", sound, 48_000, subtype="FLOAT")
    got = decoded(tmp_path / "x.wav")
    np.testing.assert_array_equal(got[:, 0], got[:, 1])
    np.testing.assert_allclose(got[:, 0], sound, atol=1e-6)


@pytest.mark.parametrize("n_channels", range(3, 10))
def test_many_channels_are_mixed_down_without_passing_full_scale(tmp_path, n_channels):
    soundfile.write(tmp_path / "x.wav", np.ones((5_000, n_channels)), 48_000, subtype="FLOAT")
    got = decoded(tmp_path / "x.wav")
    assert got.max() == pytest.approx(1.0, abs=1e-5)


def test_a_surround_file_keeps_left_left_and_the_centre_in_the_middle(tmp_path):
    sound = np.zeros((9_000, 6))
    sound[:3_000, 0] = sound[3_000:6_000, 2] = sound[6_000:, 5] = 0.5
    soundfile.write(tmp_path / "x.wav", sound, 48_000, subtype="FLOAT")
    got = decoded(tmp_path / "x.wav")
    assert (got[:3_000, 0] > 0.1).all()
    assert (got[:3_000, 1] == 0).all()
    np.testing.assert_array_equal(got[3_000:6_000, 0], got[3_000:6_000, 1])
    assert (got[6_000:, 0] == 0).all()
    assert (got[6_000:, 1] > 0.1).all()


@pytest.mark.parametrize("sfreq", [44_100, 48_000])
def test_damaged_float_samples_become_finite_and_bounded(tmp_path, sfreq):
    sound = np.full((20_000, 2), 0.1, dtype=np.float32)
    sound[5_000, 0], sound[6_000, 1], sound[7_000, 0], sound[8_000] = np.nan, np.inf, -np.inf, 1e30
    soundfile.write(tmp_path / "x.wav", sound, sfreq, subtype="FLOAT")
    got = decoded(tmp_path / "x.wav")
    assert np.isfinite(got).all()
    assert np.abs(got).max() <= decode.BOUND


def test_probe_reads_tags_and_length_and_else_takes_the_name(tmp_path):
    with soundfile.SoundFile(tmp_path / "a.ogg", "w", 44_100, 2, format="OGG") as file:
        file.title, file.artist = "Über den Wolken", "Somebody"
        file.album, file.genre, file.date = "Oben", "Chanson", "1974-03-01"
        file.write(np.zeros((44_100, 2)))
    soundfile.write(tmp_path / "07 Stille.wav", np.zeros((24_000, 1)), 48_000)
    tagged, plain = decode.probe(tmp_path / "a.ogg"), decode.probe(tmp_path / "07 Stille.wav")
    assert (tagged.title, tagged.artist) == ("Über den Wolken", "Somebody")
    assert (tagged.album, tagged.genre, tagged.year) == ("Oben", "Chanson", 1974)
    assert tagged.duration == pytest.approx(1.0)
    assert (plain.title, plain.artist, plain.duration) == ("07 Stille", "", 0.5)
