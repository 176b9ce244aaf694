"""Playlists: folders in natural order, M3U8 as other programs write it, and nothing dropped."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playlists.files import open_playlist, write_m3u8
from playlists.starter import starter_tracks
from playlists.tracks import Track

BLIP = np.zeros((480, 1))


def blip(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        soundfile.write(file, BLIP, 48_000, format="WAV")
    return path


def playlist(path, *lines, encoding="utf-8"):
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return open_playlist(path)


def names(found):
    return [track.path.name for track in found.tracks]


def test_a_folder_is_searched_to_its_depths_in_natural_order(tmp_path):
    for name in ("10 b.wav", "2 a.wav", "B/1.wav", "a/x 11.wav", "a/x 9.WAV", ".hidden/h.wav"):
        blip(tmp_path / name)
    (tmp_path / "cover.jpg").write_bytes(b"picture")
    found = open_playlist(tmp_path)
    assert names(found) == ["2 a.wav", "10 b.wav", "x 9.WAV", "x 11.wav", "1.wav"]
    assert found.problems == ()


def test_what_a_folder_cannot_play_is_listed_with_its_reason(tmp_path):
    blip(tmp_path / "good.wav")
    (tmp_path / "broken.mp3").write_text("this is text")
    (tmp_path / "song.m4a").write_bytes(b"\0\0\0 ftypM4A ")
    found = open_playlist(tmp_path)
    assert names(found) == ["good.wav"]
    assert len(found.problems) == 2
    assert any("broken.mp3 is not a sound file" in one for one in found.problems)
    assert any("song.m4a is M4A" in one for one in found.problems)


def test_m3u8_with_titles_comments_blank_lines_and_a_byte_order_mark(tmp_path):
    blip(tmp_path / "music" / "grün.wav")
    blip(tmp_path / "b.wav")
    found = playlist(
        tmp_path / "list.m3u8",
        "#EXTM3U",
        "#EXTINF:123,Die Band - Grün",
        "music/grün.wav",
        "",
        "# a remark",
        "#EXTINF:-1 tvg-id=x,Alone",
        "b.wav",
        "b.wav",
        encoding="utf-8-sig",
    )
    assert [(t.artist, t.title) for t in found.tracks] == [
        ("Die Band", "Grün"),
        ("", "Alone"),
        ("", "b"),
    ]


def test_file_addresses_are_decoded_and_internet_addresses_reported(tmp_path):
    odd = blip(tmp_path / "100% ü #1.wav")
    found = playlist(
        tmp_path / "l.m3u8", odd.as_uri(), "https://radio.example/stream.mp3", "HTTP://x/y"
    )
    assert names(found) == [odd.name]
    assert [one.split(" ")[0] for one in found.problems] == [
        "https://radio.example/stream.mp3",
        "HTTP://x/y",
    ]


def test_an_old_m3u_in_a_windows_encoding_with_backslashes(tmp_path):
    blip(tmp_path / "Musik" / "Bär.wav")
    found = playlist(tmp_path / "alt.m3u", r"Musik\Bär.wav", encoding="cp1252")
    assert names(found) == ["Bär.wav"]


def test_broken_entries_stay_visible(tmp_path):
    blip(tmp_path / "a.wav")
    found = playlist(tmp_path / "l.m3u8", "gone.wav", "a.wav", ".")
    assert names(found) == ["a.wav"]
    assert len(found.problems) == 2
    assert "gone.wav" in found.problems[0]
    assert "is a folder" in found.problems[1]


def test_a_single_file_is_a_playlist_of_one(tmp_path):
    assert names(open_playlist(blip(tmp_path / "one.wav"))) == ["one.wav"]


def test_starter_is_the_playlist_that_comes_with_the_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blip(tmp_path / "starter" / "own.wav")
    found = open_playlist("starter")
    assert [t.title for t in found.tracks] == [t.title for t in starter_tracks()]
    assert {t.artist for t in found.tracks} == {"Attune"}
    assert found.problems == ()
    assert names(open_playlist("./starter")) == ["own.wav"]


words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
file_names = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="/\0"), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 100)


@pytest.mark.skipif(os.name == "nt", reason="Windows forbids most of these names")
@given(rows=st.lists(st.tuples(file_names, words, words, st.booleans()), min_size=1, max_size=5))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_is_read_back(tmp_path, rows):
    tracks = []
    for name, title, artist, beside in rows:
        path = blip(tmp_path / ("lists" if beside else "elsewhere") / name)
        shown = " ".join(title.split()) or Path(name).stem
        tracks.append(Track(path, shown, " ".join(artist.split()), 0.01))
    lists = tmp_path / "lists"
    lists.mkdir(exist_ok=True)
    write_m3u8(lists / "a.m3u8", tracks)
    found = open_playlist(lists / "a.m3u8")
    assert found.problems == ()
    assert [(os.path.realpath(t.path), t.artist) for t in found.tracks] == [
        (os.path.realpath(t.path), t.artist) for t in tracks
    ]
    for got, want in zip(found.tracks, tracks, strict=True):
        assert got.title == " ".join(want.title.split()) or not want.title.strip()
