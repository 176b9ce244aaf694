"""One bad file is one sentence, whatever its name, its kind or what its header promises."""

import os
import struct
import tracemalloc
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dsp.checks import InputError
from dsp.grid import FS
from playlists import decode
from playlists.analysis import prepare as preparing
from playlists.analysis.prepare import prepare
from playlists.files import open_playlist

posix = pytest.mark.skipif(os.name != "posix", reason="names are bytes, pipes are files")
BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
ODD_NAMES = [
    b"caf\xe9.wav",  # Latin-1, no UTF-8
    b"two\nlines.wav",
    b"\x1b[2Jcleared.wav",
    "\N{RIGHT-TO-LEFT OVERRIDE}vaw.gpj.wav".encode(),
    b" - .wav",
    b"#1.wav",
    b"%00.wav",
]


def tone(path: Path | str | bytes, *, seconds: float = 0.3) -> None:
    """Write a sound file under any name."""
    wave = 0.2 * np.sin(np.arange(int(seconds * FS)) / 20)
    soundfile.write(path, np.stack([wave, wave], axis=1), FS, format="WAV")


def quiet(text: str) -> bool:
    """Whether nothing in a text does anything but be read."""
    return not any(
        unicodedata.category(c) in ("Cc", "Cs") or unicodedata.bidirectional(c) in BIDI
        for c in text
    )


def one_sentence(action) -> str:
    with pytest.raises(InputError) as caught:
        action()
    text = str(caught.value)
    assert quiet(text)
    assert text.endswith(".")
    assert len(text) <= 600
    text.encode("utf-8")
    return text


@posix
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_with_an_odd_name_is_played_from_a_folder_and_from_a_list(tmp_path, name):
    tone(os.path.join(os.fsencode(tmp_path), name))
    (found,) = open_playlist(tmp_path).tracks
    assert quiet(found.title)
    assert prepare(found.path, cache=tmp_path / "cache").n_frames == int(0.3 * FS)
    listed = tmp_path / "list.m3u8"
    listed.write_text(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).as_uri() + "\n")
    assert open_playlist(listed).tracks[0].path == found.path


@posix
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_bad_file_with_an_odd_name_is_one_sentence(tmp_path, name):
    tone(tmp_path / "good.wav")
    Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"RIFF....WAVE")
    playlist = open_playlist(tmp_path)
    assert len(playlist.tracks) == 1
    (problem,) = playlist.problems
    assert quiet(problem)
    assert "is not a sound file" in problem


@posix
@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", ["pipe.wav", "pipe.m3u8"])
def test_a_pipe_is_refused_and_never_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    assert "is a pipe or a device" in one_sentence(lambda: open_playlist(tmp_path / name))
    if name.endswith("wav"):
        tone(tmp_path / "good.wav")
        assert len(open_playlist(tmp_path).problems) == 1


@posix
def test_links_that_lead_nowhere_or_in_a_circle_are_one_sentence_each(tmp_path):
    tone(tmp_path / "good.wav")
    (tmp_path / "a.wav").symlink_to(tmp_path / "b.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "a.wav")
    (tmp_path / "gone.mp3").symlink_to(tmp_path / "nothing")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "album.mp3").mkdir()
    playlist = open_playlist(tmp_path)
    assert [t.title for t in playlist.tracks] == ["good"]
    assert len(playlist.problems) == 3
    assert all("cannot be read" in problem for problem in playlist.problems)


@pytest.mark.parametrize("spec", ["x" * 5000, "a\0b", "a\0b.m3u8", "x" * 300 + ".m3u8"])
def test_a_name_that_no_file_can_have_is_one_sentence(spec):
    assert "cannot be read" in one_sentence(lambda: open_playlist(spec))


def test_an_entry_that_no_file_can_have_is_one_sentence(tmp_path):
    tone(tmp_path / "good.wav")
    listed = tmp_path / "list.m3u8"
    listed.write_text("good.wav\nfile:///tmp/a%00b.mp3\n" + "y" * 5000 + "\n")
    playlist = open_playlist(listed)
    assert len(playlist.tracks) == 1
    assert len(playlist.problems) == 2
    assert all("cannot be read" in p and len(p) <= 600 for p in playlist.problems)


def test_a_list_too_large_to_be_one_is_not_read(tmp_path):
    listed = tmp_path / "list.m3u8"
    with listed.open("wb") as file:
        file.truncate(33_000_000)
    assert "larger than any playlist" in one_sentence(lambda: open_playlist(listed))


def wav_header(*, rate: int, channels: int, claims: int) -> bytes:
    frame = 2 * channels
    parts = struct.pack("<HHIIHH", 1, channels, rate, min(rate * frame, 2**32 - 1), frame, 16)
    data = struct.pack("<4sI", b"data", claims)
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + claims % 2**31, b"WAVE", b"fmt ", len(parts))
    return head + parts + data


@pytest.mark.parametrize(
    ("rate", "channels"), [(1, 2), (7, 1), (2**31 - 1, 2), (48_000, 1024), (48_000, 200)]
)
def test_a_header_that_asks_for_gigabytes_is_refused_before_anything_is_read(
    tmp_path, rate, channels
):
    path = tmp_path / "greedy.wav"
    path.write_bytes(wav_header(rate=rate, channels=channels, claims=200_000) + bytes(200_000))
    tracemalloc.start()
    text = one_sentence(lambda: prepare(path, cache=None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
    assert f"{channels} channels at {rate} Hz" in text or "not a sound file" in text


def test_a_header_that_promises_hours_holds_what_is_there(tmp_path):
    path = tmp_path / "long.wav"
    path.write_bytes(wav_header(rate=48_000, channels=2, claims=2**31 - 100) + bytes(48_000))
    tracemalloc.start()
    assert prepare(path, cache=None).n_frames == 12_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def test_a_track_longer_than_its_header_says_is_not_held_in_memory(tmp_path, monkeypatch):
    """A header is a promise: what is kept is counted by what came."""
    path = tmp_path / "short.wav"
    tone(path, seconds=6.0)
    monkeypatch.setattr(preparing, "_HELD_S", 2.0)
    real, passes = decode.blocks, []

    def counted(*args, **kwargs):
        passes.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(decode, "blocks", counted)
    measured = preparing._measure(path, 1.0, lambda share: None)
    assert measured.n_frames == 6 * FS
    assert len(passes) == 2


def seed_file(folder: Path, suffix: str) -> bytes:
    path = folder / f"seed.{suffix}"
    wave = 0.2 * np.random.default_rng(3).standard_normal((4_800, 2))
    kind = {"opus": {"format": "OGG", "subtype": "OPUS"}}.get(suffix, {})
    soundfile.write(path, wave, 48_000, **kind)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", ["wav", "w64", "aiff", "flac", "ogg", "opus", "mp3"])
def test_cut_and_bitten_files_of_each_kind_are_sound_or_one_sentence(tmp_path, suffix):
    raw = np.frombuffer(seed_file(tmp_path, suffix), dtype=np.uint8)
    rng = np.random.default_rng(11)
    path, said = tmp_path / f"bitten.{suffix}", []
    for k in range(30):
        bitten = raw.copy()
        if k % 2:  # the header is where the harm is done
            at = rng.integers(0, min(bitten.size, 120), size=int(rng.integers(1, 8)))
            bitten[at] ^= np.uint8(1) << rng.integers(0, 8, size=at.size).astype(np.uint8)
        else:
            bitten = bitten[: int(rng.integers(1, bitten.size))]
        path.write_bytes(bitten.tobytes())
        try:
            track = prepare(path, cache=None)
        except InputError as refused:
            said.append(str(refused))
        else:
            assert np.isfinite(track.feature).all()
    assert said
    assert all(quiet(text) and path.name in text for text in said)


def test_bitten_playlists_are_tracks_or_sentences(tmp_path):
    tone(tmp_path / "good.wav")
    rng = np.random.default_rng(5)
    text = "#EXTM3U\n#EXTART:Someone\n#EXTINF:3.5,Some - Title\ngood.wav\nfile:///x/y%20z.mp3\n"
    raw = np.frombuffer((text * 3).encode(), dtype=np.uint8)
    listed, shown = tmp_path / "list.m3u8", []
    for _ in range(60):
        bitten = raw.copy()
        at = rng.integers(0, bitten.size, size=20)
        bitten[at] = rng.integers(1, 256, size=20)
        listed.write_bytes(bitten.tobytes())
        try:
            playlist = open_playlist(listed)
        except InputError as refused:
            shown.append(str(refused))
        else:
            shown += [t.title + t.artist for t in playlist.tracks] + list(playlist.problems)
    assert all(quiet(text) for text in shown)
