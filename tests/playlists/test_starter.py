"""The starter playlist: what was promised of it, measured on the files that ship."""

import hashlib
import json

import numpy as np
import pytest

from dsp.grid import FS, RATE, row_frame
from playlists import decode
from playlists.generator.mixing import mix
from playlists.generator.notation import Key
from playlists.generator.rendering import SONGS
from playlists.starter import DESCRIPTION, STARTER_DIR, starter_tracks


@pytest.fixture(scope="module", params=range(8), ids=lambda k: starter_tracks()[k].title)
def shipped(request, measured):
    known = starter_tracks()[request.param]
    path = STARTER_DIR / known.file
    return known, measured(path), np.concatenate(list(decode.blocks(path)))


def test_eight_tracks_two_of_them_long_and_the_first_of_these_opens():
    seconds = np.array([track.duration for track in starter_tracks()])
    assert len(seconds) >= 8
    assert (seconds >= 60).all()
    assert (seconds >= 150).sum() == 2
    assert seconds[0] >= 150
    assert len({track.character for track in starter_tracks()}) == len(seconds)


def test_they_are_small_and_their_licence_is_stated():
    assert sum(path.stat().st_size for path in STARTER_DIR.iterdir()) <= 14_000_000
    about = json.loads((STARTER_DIR / DESCRIPTION).read_text(encoding="utf-8"))
    assert about["licence"] == "CC0-1.0"
    assert "CC0-1.0" in (STARTER_DIR / "LICENCE.txt").read_text(encoding="utf-8")


def test_the_files_are_the_described_ones(shipped):
    known, prepared, sound = shipped
    digest = hashlib.sha256((STARTER_DIR / known.file).read_bytes()).hexdigest()
    assert digest == known.sha256
    assert sound.shape[0] == prepared.n_frames == round(known.duration * FS)
    assert prepared.track.title == known.title
    assert prepared.track.artist == "Attune"
    assert 36.0 <= prepared.tonic <= 73.0


def test_loudness_peak_offset_and_silence(shipped):
    _, prepared, sound = shipped
    assert prepared.lufs == pytest.approx(-18.0, abs=0.5)
    assert prepared.descriptors["true_peak"] < -1.0
    assert np.abs(sound.mean(axis=0)).max() < 1e-3
    quiet = np.abs(sound).max(axis=1) < 1e-4
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]]).astype(int)))
    assert (edges[1::2] - edges[::2]).max(initial=0) < 1.5 * FS
    assert np.abs(sound[-10:]).max() < 1e-3  # it ends, it is not cut


def test_both_sides_sound_and_they_differ_a_little(shipped):
    _, _, sound = shipped
    left, right = np.sqrt((sound**2).mean(axis=0))
    assert abs(20 * np.log10(left / right)) < 2.0
    assert 0.2 < np.corrcoef(sound.T)[0, 1] < 0.95


def test_onsets_fall_on_the_beats_that_are_known_by_construction(shipped):
    known, prepared, _ = shipped
    times = row_frame(np.arange(prepared.feature.size)) / FS
    spacing = np.median(np.diff(known.beats))
    phases = np.linspace(-0.5, 0.5, 41) * spacing
    mean = [np.interp(known.beats + phase, times, prepared.feature).mean() for phase in phases]
    assert np.interp(known.beats, times, prepared.feature).mean() > 3.0 * np.mean(mean)
    assert abs(phases[int(np.argmax(mean))]) < 0.025


def test_the_tempo_is_the_mean_of_the_beats(shipped):
    known, _, _ = shipped
    assert 60.0 / np.diff(known.beats).mean() == pytest.approx(known.tempo, rel=0.01)
    assert (np.abs(np.diff(known.beats) * known.tempo / 60.0 - 1.0) < 0.05).all()


def test_no_track_follows_itself_at_a_later_time(shipped):
    """A loop would: its flux would correlate 0.6 and more with itself some bars later."""
    _, prepared, _ = shipped
    flux = prepared.feature.astype(np.float64)
    spectrum = np.fft.rfft(flux - flux.mean(), 2 * flux.size)
    hz = np.fft.rfftfreq(2 * flux.size, 1 / RATE)
    spectrum[(hz < 0.5) | (hz > 8.0)] = 0.0
    autocorrelation = np.fft.irfft(np.abs(spectrum) ** 2)
    later = np.abs(autocorrelation[8 * RATE : 60 * RATE]).max() / autocorrelation[0]
    assert later < (0.2 if flux.size > 140 * RATE else 0.4)


@pytest.mark.slow
def test_a_score_renders_to_the_shipped_music():
    song = next(song for song in SONGS if song.__name__ == "glass_rotations")
    rendered = mix(song())
    known = next(track for track in starter_tracks() if track.title == song().title)
    np.testing.assert_allclose(song().beats, known.beats, atol=1e-6)
    shipped = np.concatenate(list(decode.blocks(STARTER_DIR / known.file)))
    assert shipped.shape == rendered.shape
    assert np.corrcoef(rendered.ravel(), shipped.ravel())[0, 1] > 0.995  # the codec's loss


def test_melodies_and_chords_are_read_as_written():
    key = Key(tonic=33, mode="minor")
    notes = key.melody("1:1.5 3:.5 #7,:1 r | 5':4", octave=3, meter=4)
    assert [(n.start, n.length, n.pitch) for n in notes] == [
        (0.0, 1.5, 57),
        (1.5, 0.5, 60),
        (2.0, 1.0, 56),
        (4.0, 4.0, 76),
    ]
    assert key.chord("5M7") == (4, 8, 11, 2)
    assert key.name == "A minor"
    assert key.tonic_hz == pytest.approx(55.0)
