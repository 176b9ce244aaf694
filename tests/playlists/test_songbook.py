import numpy as np
import pytest

from playlists.analysis.prepare import prepare
from playlists.generator.mixing import mix
from playlists.generator.songbook import TRAITS, render, songs, written
from playlists.listener_record import track_key


def test_the_collection_is_large_enough_to_have_a_taste_in():
    book = songs()
    assert len(book) >= 30
    assert len({one.genre for one in book}) == 6
    assert len({one.artist for one in book}) == 12
    assert min(sum(o.artist == one.artist for o in book) for one in book) >= 3
    assert len({(one.artist, one.album) for one in book}) > 12


def test_every_track_differs_from_every_other_in_title_tempo_or_key_and_in_what_it_is_like():
    book = songs()
    assert len({one.title for one in book}) == len(book)
    assert len({(one.tempo, one.key) for one in book}) == len(book)
    traits = np.array([one.traits for one in book])
    assert traits.shape == (len(book), len(TRAITS))
    assert traits.min() >= 0.0
    assert traits.max() <= 1.0
    near = np.linalg.norm(traits[:, None] - traits, axis=2) + 9.0 * np.eye(len(book))
    assert near.min() > 0.05


@pytest.mark.parametrize("number", range(0, 36, 5))
def test_scores_are_of_the_length_that_is_asked_for_and_full_of_notes(number):
    score = written(songs()[number])
    assert 95.0 < score.duration < 170.0
    assert {"lead", "comp", "bass"} <= set(score.notes)
    assert len(score.notes["lead"]) > score.bars // 2


def test_a_rendered_track_sounds_carries_its_tags_and_is_found_again(tmp_path):
    one, seen = songs()[14], []
    tracks = render(tmp_path, some=(one,), seconds=8.0, progress=lambda *done: seen.append(done))
    assert seen == [(0, 1), (1, 1)]
    (track,) = tracks
    assert (track.title, track.artist, track.album) == (one.title, one.artist, one.album)
    assert (track.genre, track.year) == (one.genre, one.year)
    assert -19.0 < prepare(track.path, cache=None).lufs < -17.0
    stamp = track.path.stat().st_mtime_ns
    again = render(tmp_path, some=(one,), seconds=8.0)
    assert again[0].path.stat().st_mtime_ns == stamp
    assert track_key(again[0]) == track_key(track)
    assert [p.name for p in tmp_path.iterdir()] == [track.path.name]


def test_the_same_seed_gives_the_same_sound():
    first, second = (mix(written(songs()[31], seconds=6.0)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_whoever_cancels_leaves_no_half_file(tmp_path):
    def cancel(done, of):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(tmp_path, some=songs()[30:32], seconds=6.0, progress=cancel)
    assert len(list(tmp_path.iterdir())) == 1
