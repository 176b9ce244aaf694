from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.checks import InputError
from playlists.intake import MOST_LINES, OFFERED, find_intake, read_intake
from playlists.listener_record import track_key
from playlists.tracks import Track


def track(title, artist):
    return Track(Path("x.flac"), title, artist, 200.0)


MUSIC = [
    track("Über sieben Brücken", "Karat"),
    track("Hallelujah", "Leonard Cohen"),
    track("Stand by Me", "Ben E. King"),
    track("Yesterday (Remastered 2009)", "The Beatles"),
    track("Let It Be", "The Beatles"),
    track("Night Train", "Oscar Peterson"),
    track("Night Rain", "Somebody Else"),
    track("Träumerei", "Clara"),
    track("Træumerei", "Other"),
]
KEY = {one.title: track_key(one) for one in MUSIC}


def found(line):
    return find_intake([line], MUSIC)[0]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("über sieben brücken", "Über sieben Brücken"),
        ("UBER SIEBEN BRUCKEN (Karat)", "Über sieben Brücken"),
        ("Karat - Über 7 Brücken", None),  # likely, and no more
        ("Halleluja", "Hallelujah"),
        ("Leonard Cohen: Hallelujah", "Hallelujah"),
        ("Hallelujah by Leonard Cohen", "Hallelujah"),
        ("Stand By Me", "Stand by Me"),
        ("stand by me - ben e king", "Stand by Me"),
        ("Yesterday, Beatles", "Yesterday (Remastered 2009)"),
        ("Beatles – Yesterday", "Yesterday (Remastered 2009)"),
        ("The Beatles | Let it be", "Let It Be"),
        ("Oscar Peterson - Nite Train", "Night Train"),
    ],
)
def test_a_title_from_memory_finds_its_track(line, title):
    assert found(line).track == (KEY[title] if title else None)
    if title is None:
        assert found(line).likeliest[0][0] == KEY["Über sieben Brücken"]


def test_the_same_title_by_somebody_else_is_offered_and_not_taken():
    one = found("Hallelujah - Jeff Buckley")
    assert one.track is None
    assert one.likeliest[0][0] == KEY["Hallelujah"]


def test_between_two_tracks_that_fit_alike_nobody_guesses():
    twins = [track("Home", "Ann"), track("Home", "Bob")]
    one = find_intake(["Home"], twins)[0]
    assert one.track is None
    assert {key for key, _ in one.likeliest} == {track_key(t) for t in twins}
    assert find_intake(["Home - Bob"], twins)[0].track == track_key(twins[1])


def test_what_is_missing_is_said_and_nothing_is_offered_for_it():
    one = found("Wooden Heart - Elvis Presley")
    assert (one.track, one.likeliest) == (None, ())


def test_one_recording_on_two_places_is_no_doubt():
    twice = [track("Home", "Ann"), track("Home", "Ann")]
    assert find_intake(["Home"], twice)[0].track == track_key(twice[0])


@given(st.sampled_from(MUSIC), st.integers(0, 20), st.sampled_from("xqz"))
def test_one_wrong_letter_still_offers_the_track_first(one, at, letter):
    title = one.title.replace(" (Remastered 2009)", "")
    at %= len(title)
    wrong = f"{one.artist} - {title[:at]}{letter}{title[at + 1 :]}"
    likeliest = found(wrong).likeliest
    assert likeliest[0][0] == track_key(one)
    assert likeliest[0][1] >= OFFERED


@given(st.lists(st.text(max_size=40), max_size=5))
def test_no_line_whatever_is_in_it_breaks_the_search(lines):
    assert len(find_intake(lines, MUSIC)) == len(lines)


@pytest.mark.parametrize(
    "text",
    [
        "Let It Be\nYesterday\n",
        "1. Let It Be\r\n2. Yesterday\r\n",
        "- Let It Be\n- Yesterday",
        "Loved tracks:\n\n  • “Let It Be”\n  • 'Yesterday'\n",
        "Let It Be, Yesterday, Yesterday",
        "#EXTM3U\n#EXTINF:120,Let It Be\n/a/b.mp3\n#EXTINF:100,Yesterday\nc.mp3\n",
        "Title\nLet It Be\nYesterday",
        "- \nLet It Be\n*\n2.\n---\nYesterday\n3)",
        "- [x] Let It Be\n- [ ] Yesterday",
        "♪ Let It Be\n🎵 Yesterday\n→ let it be!",
        "a) Let It Be\nb) Yesterday",
        "01 - Let It Be.mp3\nC:\\Music\\Yesterday.flac",
        "#EXTM3U\nsongs/Let It Be.ogg\n/home/x/Yesterday.mp3",
        "[playlist]\nFile1=a.mp3\nTitle1=Let It Be\nTitle2=Yesterday\nNumberOfEntries=2",
        "\ufeff1. Let It Be\nYesterday",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_in_any_form_of_text_gives_its_titles(text, encoding):
    assert read_intake(text.encode(encoding)) == ("Let It Be", "Yesterday")
    assert read_intake(text) == ("Let It Be", "Yesterday")


def test_a_table_with_quoted_fields_is_read_by_its_rows():
    table = '"Title","Artist"\n"Slow, Slow River","Bands, The"\n"Yesterday";"Ann"\n'
    assert read_intake(table) == ("Slow, Slow River - Bands, The", "Yesterday - Ann")


@pytest.mark.parametrize(
    "table",
    [
        "Title,Artist\nLet It Be,The Beatles\nHallelujah,Leonard Cohen",
        'Artist;Title;Year\nThe Beatles;Let It Be;1970\n"Leonard Cohen";Hallelujah;1984',
        "No\tTitle\tArtist\n1\tLet It Be\tThe Beatles\n2\tHallelujah\tLeonard Cohen\n",
        '"Let It Be",The Beatles\nHallelujah,"Leonard Cohen"',
        "Interpret - Titel\nLet It Be - The Beatles\nHallelujah - Leonard Cohen",
    ],
)
def test_a_table_names_title_and_artist_of_each_row_whichever_way_round(table):
    lines = read_intake(table.encode("utf-8-sig"))
    assert lines == ("Let It Be - The Beatles", "Hallelujah - Leonard Cohen")
    assert [found(line).track for line in lines] == [KEY["Let It Be"], KEY["Hallelujah"]]


def test_numbers_without_a_dot_go_where_they_count_the_lines_and_stay_in_titles():
    assert read_intake("1 Slow River\n2 Yesterday\n3 Night Train") == (
        "Slow River", "Yesterday", "Night Train",
    )  # fmt: skip
    assert read_intake("99 Luftballons\n7 Seconds\n1999") == ("99 Luftballons", "7 Seconds", "1999")
    assert read_intake("1. 1999\n2. 7 Seconds") == ("1999", "7 Seconds")


def test_only_the_first_line_can_be_the_head_of_a_list():
    assert read_intake("Song 2\nTitle\nName") == ("Song 2", "Title", "Name")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_a_list_of_sixteen_bits_needs_no_mark_before_it(encoding):
    assert read_intake("Träumerei\r\nLet It Be\r\n".encode(encoding)) == ("Träumerei", "Let It Be")


def test_a_line_is_shown_without_the_quotes_around_its_title():
    assert read_intake("“Let It Be” – Beatles\n'Yesterday' by the Beatles\nDon't Stop\n") == (
        "Let It Be – Beatles", "Yesterday by the Beatles", "Don't Stop",
    )  # fmt: skip


def test_a_list_of_an_older_windows_program_keeps_its_letters():
    assert read_intake("Träumerei\nÜber sieben Brücken".encode("cp1252"))[0] == "Träumerei"


def test_lines_carry_no_characters_that_do_something():
    assert read_intake("Slow\x1b[2J River\nB") == ("Slow [2J River", "B")


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "names no track"),
        (b"\n \n", "names no track"),
        (b"- \n*\n1.\n", "names no track"),
        (b"PK\x03\x04\0\0", "no plain text"),
        (b"PK\x03\x04aaaa", "no plain text"),
        ("Slow\0River", "no plain text"),
        (b"%PDF-1.7", "no plain text"),
        (b"{\\rtf1\\ansi Hallelujah\\par}", "no plain text"),
        (b"<!DOCTYPE html><li>Hallelujah", "no plain text"),
        (b"<ul>\n<li>Hallelujah</li>", "no plain text"),
        (b"One\0Two!", "no plain text"),
        ("\n".join(f"Song {i}" for i in range(MOST_LINES + 1)).encode(), "201 lines"),
        (b"x" * 300_000, "300000 bytes"),
    ],
)
def test_refusals_of_a_list_say_what_to_give(raw, word):
    with pytest.raises(InputError, match=word):
        read_intake(raw)
