"""What is known of a track before it plays: gain, feature as the player computes it, cache."""

import shutil

import numpy as np
import pytest
import soundfile

from dsp.grid import FS
from dsp.sound.beatgrid import UNKNOWN_GRID
from dsp.sound.loudness import Loudness, TruePeak
from dsp.sound.stimulus import StimulusFeatures
from playlists import decode
from playlists.analysis import prepare as module
from playlists.analysis.prepare import gain_for, prepare
from playlists.starter import STARTER_DIR, starter_tracks


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    path = tmp_path_factory.mktemp("prepare") / "noise.flac"
    rng = np.random.default_rng(0)
    burst = 0.03 * rng.standard_normal((44_100 * 4, 2))
    burst *= (np.arange(len(burst)) % 22_050 < 8_000)[:, None]
    soundfile.write(path, burst, 44_100)
    return path


def as_played(path, gain, size):
    features, rows = StimulusFeatures(), []
    for block in decode.blocks(path, size=size):
        rows.append(features.push((block * np.float32(gain)).astype(np.float32)))
    return np.concatenate(rows)[:, 0]


def test_the_feature_is_bit_for_bit_that_of_the_sound_times_the_gain(noisy):
    prepared = prepare(noisy, cache=None)
    assert prepared.feature.dtype == np.float32
    np.testing.assert_array_equal(prepared.feature, as_played(noisy, prepared.gain, size=FS))
    assert prepared.n_frames == 4 * FS
    assert prepared.feature.size == prepared.n_frames // 750


def test_the_feature_of_a_starter_track_does_not_depend_on_block_size(measured):
    path = STARTER_DIR / starter_tracks()[5].file
    prepared = measured(path)
    np.testing.assert_array_equal(prepared.feature, as_played(path, prepared.gain, size=12_345))


def test_a_long_track_that_is_decoded_twice_gives_the_same(noisy, monkeypatch):
    held = prepare(noisy, cache=None)
    monkeypatch.setattr(module, "_HELD_S", 1.0)
    again = prepare(noisy, cache=None)
    np.testing.assert_array_equal(held.feature, again.feature)
    assert held.descriptors == again.descriptors


def test_after_the_gain_the_track_has_minus_18_lufs_and_stays_under_the_ceiling(noisy):
    prepared = prepare(noisy, cache=None)
    loudness, peak = Loudness(), TruePeak()
    for block in decode.blocks(noisy):
        loudness.push(block * np.float32(prepared.gain))
        peak.push(block * np.float32(prepared.gain))
    assert loudness.integrated() == pytest.approx(-18.0, abs=0.1)
    assert 20 * np.log10(peak.finish()) <= -1.0 + 1e-3


@pytest.mark.parametrize(
    ("lufs", "peak", "decibels"),
    [(-18.0, 0.5, 0.0), (-10.0, 1.2, -8.0), (-30.0, 0.5, 5.02), (-60.0, 1e-3, 24.0)],
)
def test_gain_goes_to_the_target_but_never_over_the_ceiling_or_the_limit(lufs, peak, decibels):
    assert 20 * np.log10(gain_for(lufs, peak)) == pytest.approx(decibels, abs=0.01)


def test_silence_is_left_as_it_is(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros((FS, 2)), FS)
    prepared = prepare(tmp_path / "x.wav", cache=None)
    assert (prepared.gain, prepared.lufs) == (1.0, -70.0)
    assert not prepared.feature.any()


def test_files_that_nobody_analysed_have_no_grid_and_no_key(noisy):
    prepared = prepare(noisy, cache=None)
    assert prepared.grid is UNKNOWN_GRID
    assert not prepared.grid.sure
    assert prepared.tonic == 0.0
    assert "tempo" not in prepared.descriptors


def test_a_starter_track_is_known_by_content_wherever_it_lies(tmp_path, measured):
    known = starter_tracks()[2]
    path = tmp_path / "renamed.ogg"
    shutil.copy(STARTER_DIR / known.file, path)
    prepared = measured(path)
    assert prepared.grid.sure
    assert prepared.grid.confidence == 1.0
    np.testing.assert_array_equal(prepared.grid.beats, known.beats)
    assert prepared.tonic == known.tonic
    assert prepared.descriptors["tempo"] == known.tempo
    assert prepared.track.title == known.title


def test_brighter_and_busier_music_has_more_energy(measured):
    by_title = {t.title: measured(STARTER_DIR / t.file) for t in starter_tracks()[4:7]}
    energy = {title: one.descriptors["energy"] for title, one in by_title.items()}
    assert energy["North Road"] > energy["Rain on Tin"]
    assert all(0.0 <= value <= 1.0 for value in energy.values())


def test_the_cache_gives_the_same_and_follows_the_content(noisy, tmp_path):
    cache = tmp_path / "cache"
    fresh = prepare(noisy, cache=cache)
    moved = tmp_path / "moved.flac"
    shutil.copy(noisy, moved)
    cached = prepare(moved, cache=cache)
    np.testing.assert_array_equal(cached.feature, fresh.feature)
    assert cached.gain == fresh.gain
    assert cached.descriptors == fresh.descriptors
    assert cached.track.path == moved
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "wrong gain"])
def test_a_damaged_cache_entry_is_measured_again_and_mended(noisy, tmp_path, caplog, damage):
    fresh = prepare(noisy, cache=tmp_path)
    (entry,) = tmp_path.glob("*.npz")
    if damage == "wrong gain":
        numbers = np.array([-18.0, 1e9, 5])
        np.savez(entry, feature=fresh.feature, numbers=numbers, descriptors=np.array("{}"))
    else:
        raw = entry.read_bytes()
        entry.write_bytes({"empty": b"", "cut": raw[: len(raw) // 2], "text": b"hello"}[damage])
    again = prepare(noisy, cache=tmp_path)
    np.testing.assert_array_equal(again.feature, fresh.feature)
    assert again.gain == fresh.gain
    assert "measuring again" in caplog.text
    caplog.clear()
    prepare(noisy, cache=tmp_path)
    assert caplog.text == ""


def test_a_cache_that_cannot_be_written_only_costs_time(noisy, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    prepared = prepare(noisy, cache=tmp_path / "file" / "cache")
    assert prepared.gain > 0
    assert "not cached" in caplog.text


def test_progress_rises_to_one(noisy):
    shares = []
    prepare(noisy, cache=None, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) >= 8


def test_an_exception_of_the_watcher_stops_the_work_and_nothing_is_cached(noisy, tmp_path):
    class Cancelled(Exception):
        pass

    def watch(share):
        if share > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(noisy, cache=tmp_path, progress=watch)
    assert list(tmp_path.iterdir()) == []
