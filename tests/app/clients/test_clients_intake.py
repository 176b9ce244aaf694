"""What was named is taken where it is in the music, and looked for again where it was missing."""

from __future__ import annotations

from pathlib import Path

from app.clients.intake import with_intake
from playlists.listener_record import ListenerRecord, track_key
from playlists.tracks import Track

MUSIC = [Track(Path(title), title, "Ann", 60.0) for title in ("Slow River", "Night Train")]


def test_what_is_missing_is_found_when_the_music_is_there() -> None:
    record, found = with_intake(ListenerRecord(), ["slow rivr", "Yesterday"], MUSIC[:1])
    assert record.intake == (track_key(MUSIC[0]),)
    assert record.intake_missing == ("Yesterday",)
    assert [one.track is None for one in found] == [False, True]
    record, _ = with_intake(record, ["Night Train"], MUSIC[:1])
    assert record.intake_missing == ("Yesterday", "Night Train")
    record, _ = with_intake(record, record.intake_missing, MUSIC)
    assert record.intake == (track_key(MUSIC[0]), track_key(MUSIC[1]))
    assert record.intake_missing == ("Yesterday",)
    assert set(record.names) == set(record.intake)  # each has a name, so that it can be kept
    assert ListenerRecord.from_dict(record.to_dict()) == record
