"""Titles, labels and names that somebody else wrote do nothing but be read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dsp.checks import InputError, foreign_text
from playlists.files import open_playlist
from playlists.tracks import Track

CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, 0x2028, 0x2029]
CONTROLS += [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
WILD = "Slow\x1b[2J\x9b31m\u202eReviR\x07\n\tand on"


@pytest.mark.parametrize("code", CONTROLS)
def test_no_control_character_is_left(code):
    assert foreign_text(f"a{chr(code)}b") == "a b"


@pytest.mark.parametrize("text", ["Träume", "夜のうた", "שלום", "👩‍🎤 Σ", "नमस्ते", "می‌خواهم"])
def test_other_scripts_stay_as_they_are(text):
    assert foreign_text(text) == text


def test_bytes_that_are_no_text_are_marked():
    foreign_text(os.fsdecode(b"caf\xe9")).encode("utf-8")  # or this raises
    assert foreign_text(os.fsdecode(b"caf\xe9")) == "caf\ufffd"


def test_long_titles_are_cut_and_say_so():
    assert foreign_text("La " * 500) == ("La " * 40)[:119].rstrip() + "…"


def test_a_track_never_carries_control_characters():
    track = Track(Path("x.wav"), WILD, "\x9b" * 9, 3.0)
    assert track.title == "Slow [2J 31m ReviR and on"
    assert track.artist == ""
    assert Track(Path("one\x1b.wav"), "\x07", "", 3.0).title == "one"


@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX")
def test_a_file_with_a_wild_name_is_played_under_a_tame_one(tmp_path):
    name = "café \x1b[31m\u202e.wav"
    soundfile.write(str(tmp_path / name), np.zeros((4800, 2)), 48000, format="WAV")
    (track,) = open_playlist(tmp_path).tracks
    assert track.path.name == name
    assert track.title == "café [31m"


@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX")
def test_sentences_about_a_wild_name_are_tame(tmp_path):
    bad = tmp_path / f"{WILD.replace('/', '')}.wav"
    bad.write_bytes(b"no sound")
    with pytest.raises(InputError) as caught:
        open_playlist(tmp_path)
    assert "Slow [2J 31m ReviR and on.wav" in str(caught.value)
    assert str(caught.value).isprintable()
    soundfile.write(tmp_path / "good.wav", np.zeros((4800, 2)), 48000)
    (problem,) = open_playlist(tmp_path).problems
    assert problem.isprintable()
