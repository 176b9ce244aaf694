"""Files, playlists and pools that cannot be used: one sentence each, naming what and what to do."""

import collections

import numpy as np
import pytest
import soundfile

from dsp.checks import InputError, RecordError
from playlists import decode
from playlists.analysis.prepare import prepare
from playlists.choice import Candidate, choose
from playlists.files import open_playlist, write_m3u8
from playlists.generator.drums import stroke
from playlists.generator.notation import Key
from playlists.starter import _render
from playlists.tracks import Track


def sentence_of(action):
    with pytest.raises(InputError) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert "Traceback" not in text
    return text


def make(path, kind):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("These are only words, and many of them.\n" * 40)
    elif kind == "folder":
        path.mkdir()
    elif kind == "no sound":
        soundfile.write(path, np.zeros((0, 2)), 48_000, format="WAV")
    elif kind == "header only":
        soundfile.write(path, np.zeros((48_000, 2)), 48_000, format="FLAC")
        path.write_bytes(path.read_bytes()[:30])
    return path


CASES = [
    ("missing", "cannot be read"),
    ("empty", "empty file"),
    ("text", "is not a sound file"),
    ("folder", "is a folder"),
    ("no sound", "holds no sound"),
    ("header only", "is not a sound file"),
]


@pytest.mark.parametrize(("kind", "said"), CASES)
@pytest.mark.parametrize("action", ["probe", "blocks", "prepare"])
def test_an_unusable_file_gets_one_sentence_with_its_name(tmp_path, kind, said, action):
    path = make(tmp_path / "song.mp3", kind)
    run = {
        "probe": decode.probe,
        "blocks": lambda p: list(decode.blocks(p)),
        "prepare": lambda p: prepare(p, cache=None),
    }[action]
    text = sentence_of(lambda: run(path))
    assert said in text
    assert "song.mp3" in text


@pytest.mark.parametrize("address", ["http://radio.example/a.mp3", "https://x/y.m3u8", "ftp://h/z"])
def test_an_internet_address_is_not_a_file(address):
    for action in (decode.probe, open_playlist, lambda a: list(decode.blocks(a))):
        assert "internet address" in sentence_of(lambda action=action: action(address))


def test_a_flac_that_is_cut_short_is_refused_before_it_plays(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "cut.flac"
    soundfile.write(path, 0.1 * rng.standard_normal((48_000 * 5, 2)), 48_000)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    text = sentence_of(lambda: prepare(path, cache=tmp_path / "cache"))
    assert "cut.flac" in text
    assert "cut short" in text or "damaged" in text
    assert not (tmp_path / "cache").exists()


def test_a_cut_file_still_gives_what_it_has_up_to_the_cut(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "cut.flac"
    soundfile.write(path, 0.1 * rng.standard_normal((48_000 * 5, 2)), 48_000)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    taken = []
    with pytest.raises(InputError):
        collections.deque(map(lambda b: taken.append(len(b)), decode.blocks(path, size=4_800)))
    assert sum(taken) > 48_000


def test_a_negative_start_is_refused(tmp_path):
    assert "start is -1" in sentence_of(lambda: list(decode.blocks(tmp_path / "x", start=-1)))


def _until_refused(path, refused):
    try:
        yield from decode.blocks(path)
    except InputError as problem:
        refused.append(str(problem))


def test_mutated_files_end_in_safe_samples_or_one_sentence(tmp_path):
    rng = np.random.default_rng(8)
    path, refused = tmp_path / "x", []
    for suffix in ("wav", "ogg", "flac", "mp3"):
        source = tmp_path / f"seed.{suffix}"
        options = {"subtype": "FLOAT"} if suffix == "wav" else {}
        soundfile.write(source, 0.2 * rng.standard_normal((9_600, 2)), 44_100, **options)
        raw = np.frombuffer(source.read_bytes(), dtype=np.uint8)
        for _ in range(40):
            mutant = raw.copy()
            where = rng.integers(0, mutant.size, size=int(rng.integers(1, 30)))
            mutant[where] = rng.integers(0, 256, size=where.size)
            path.write_bytes(mutant[: int(rng.integers(1, mutant.size + 1))].tobytes())
            for block in _until_refused(path, refused):
                assert np.isfinite(block).all()
                assert np.abs(block).max(initial=0.0) <= decode.BOUND
    assert refused
    assert all(str(path) in sentence for sentence in refused)


def test_an_empty_folder_and_an_empty_playlist_are_refused(tmp_path):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n\n# only words\n")
    assert "no music" in sentence_of(lambda: open_playlist(tmp_path / "nothing"))
    assert "no music" in sentence_of(lambda: open_playlist(tmp_path / "list.m3u8"))


def test_no_words_are_no_playlist_and_not_the_current_folder():
    assert "expected starter, a folder" in sentence_of(lambda: open_playlist(""))


def test_a_playlist_of_broken_entries_names_how_many_and_the_first(tmp_path):
    (tmp_path / "list.m3u8").write_text("gone.mp3\nhttp://x/y\n")
    text = sentence_of(lambda: open_playlist(tmp_path / "list.m3u8"))
    assert "2 entries" in text
    assert "gone.mp3" in text


def test_missing_binary_and_foreign_playlists_are_refused(tmp_path):
    (tmp_path / "b.m3u8").write_bytes(bytes(range(256)) * 4)
    assert "cannot be read" in sentence_of(lambda: open_playlist(tmp_path / "gone.m3u8"))
    assert "binary" in sentence_of(lambda: open_playlist(tmp_path / "b.m3u8"))
    assert "M3U8" in sentence_of(lambda: open_playlist(tmp_path / "x.pls"))


def test_a_playlist_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path):
    with pytest.raises(RecordError, match="cannot be written"):
        write_m3u8(tmp_path / "gone" / "a.m3u8", [Track(tmp_path / "x.wav", "x", "", 1.0)])
    assert list(tmp_path.iterdir()) == []


def test_pools_that_are_too_large_or_hold_nothing_are_refused():
    rng = np.random.default_rng(0)
    large = [Candidate(k, 0.5, 0.1) for k in range(301)]
    assert "301" in sentence_of(lambda: choose(large, rng=rng))
    assert choose(large[:300], rng=rng).propensity > 0
    assert "None of the 1" in sentence_of(lambda: choose([Candidate(0, 0.5, 0.1, False)], rng=rng))
    assert "None of the 0" in sentence_of(lambda: choose([], rng=rng))


@pytest.mark.parametrize(("mean", "sd"), [(np.nan, 0.1), (0.5, np.inf), (0.5, -0.1)])
def test_levels_that_are_no_numbers_are_refused(mean, sd):
    pool = [Candidate(0, 0.5, 0.1), Candidate(4, mean, sd)]
    assert "Track 4" in sentence_of(lambda: choose(pool, rng=np.random.default_rng(0)))


def test_an_index_named_twice_is_refused():
    pool = [Candidate(2, 0.5, 0.1), Candidate(2, 0.6, 0.1)]
    assert "twice" in sentence_of(lambda: choose(pool, rng=np.random.default_rng(0)))


def test_a_score_with_mistakes_does_not_render():
    key = Key(tonic=36, mode="major")
    assert "not full" in sentence_of(lambda: key.melody("1:3 | 1:4", octave=4, meter=4))
    assert "'9'" in sentence_of(lambda: key.melody("9:1", octave=4, meter=4))
    assert "'8x'" in sentence_of(lambda: key.chord("8x"))
    assert "no drum 'gong'" in sentence_of(lambda: stroke("gong", 0))


@pytest.mark.parametrize("arguments", [[], ["--help"], ["a", "b"]])
def test_the_generator_without_a_folder_explains_its_use(arguments, capsys):
    assert _render(arguments) == 2
    assert "OUTDIR" in capsys.readouterr().err
