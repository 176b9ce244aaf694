import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp.checks import InputError
from playlists.listener_record import (
    FACES,
    SCHEMA,
    ListenerRecord,
    NamedTrack,
    TrackEvent,
    TrackKey,
    named,
    track_key,
)
from playlists.tracks import Track

RIVER = Track(Path("a.flac"), "Slow River", "Nobody", 61.2, album="First", genre="folk")
KEY = track_key(RIVER)

keys = st.sampled_from([TrackKey(f"{i:016x}") for i in range(5)])
events = st.builds(
    TrackEvent,
    track=keys,
    kind=st.sampled_from(["play", "rating", "tap", "skip", "undone", "wanted"]),
    at=st.floats(0.0, 4e9),
    value=st.floats(0.0, 1.0),
    scale=st.sampled_from(["", "1-9", "faces"]),
)
NAMES = {TrackKey(f"{i:016x}"): NamedTrack(f"Song {i}", "Somebody") for i in range(5)}


@given(
    happened=st.lists(events, max_size=12),
    intake=st.lists(keys, unique=True),
    missing=st.lists(st.text(max_size=20), max_size=3),
    familiar=st.dictionaries(keys, st.booleans()),
    era=st.none() | st.just((1955, 1970)),
)
def test_a_record_comes_back_from_json_as_it_was(happened, intake, missing, familiar, era):
    record = ListenerRecord(
        names=NAMES,
        familiar=familiar,
        intake=tuple(intake),
        intake_missing=tuple(missing),
        genres=("folk",),
        era=era,
    ).after({}, happened)
    assert ListenerRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record


@given(first=st.lists(events, max_size=8), second=st.lists(events, max_size=8))
def test_a_session_learnt_from_twice_counts_once(first, second):
    once = ListenerRecord(names=NAMES).after({}, first).after({}, second)
    assert once.after({}, second) == once
    assert [one.at for one in once.events] == sorted(one.at for one in once.events)


def test_a_track_is_known_again_when_it_is_moved_or_encoded_anew():
    again = Track(Path("/elsewhere/b.mp3"), "slow  river", "NOBODY", 61.4, album="first")
    assert track_key(again) == KEY


def test_tracks_that_only_share_a_bare_name_are_not_confused():
    one, two = (Track(Path("x.wav"), "Track 01", "", seconds) for seconds in (181.0, 240.0))
    assert track_key(one) != track_key(two)
    live = Track(Path("x.wav"), "Slow River", "Nobody", 61.2, album="Live")
    assert track_key(live) != KEY


def test_an_observers_faces_are_the_ends_and_the_middle_of_the_scale():
    assert FACES == {"distress": 0.0, "neutral": 0.5, "pleasure": 1.0}


def test_a_record_keeps_names_without_characters_that_do_something():
    kept = named([Track(Path("a.wav"), "Slow\x1b[2J River", "No\u202ebody", 3.0)])
    assert [(one.title, one.artist) for one in kept.values()] == [("Slow [2J River", "No body")]


def test_refusals_of_a_record_name_what_is_wrong():
    with pytest.raises(InputError, match="has no name"):
        ListenerRecord().after({}, [TrackEvent(KEY, "play", 1.0)])
    with pytest.raises(InputError, match="'loved'"):
        TrackEvent(KEY, "loved", 1.0)
    with pytest.raises(InputError, match=r"1\.5"):
        TrackEvent(KEY, "rating", 1.0, 1.5)
    with pytest.raises(InputError, match="version 99"):
        ListenerRecord.from_dict({**ListenerRecord().to_dict(), "schema": SCHEMA + 98})
    broken = ListenerRecord().after(named([RIVER]), [TrackEvent(KEY, "play", 1.0)]).to_dict()
    for damage in (None, 3, [], {}, {**broken, "names": {}}, {**broken, "era": [1]}):
        with pytest.raises(InputError, match=r"version|hold together"):
            ListenerRecord.from_dict(damage)
