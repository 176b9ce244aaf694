"""What client, family or staff named, put to what is known of the client's music."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from playlists.intake import IntakeLine, find_intake
from playlists.listener_record import ListenerRecord, named, track_key
from playlists.tracks import Track


def with_intake(
    record: ListenerRecord, lines: Sequence[str], tracks: Sequence[Track]
) -> tuple[ListenerRecord, tuple[IntakeLine, ...]]:
    """Return the record with those of `lines` that are among `tracks`, and what each line means.

    What is not among them stays as missing, and is looked for again where the music is another.
    """
    found = find_intake(lines, tracks)
    names = named(track for track in tracks if track_key(track) in {one.track for one in found})
    keys = [one.track for one in found if one.track is not None]
    missing = [one.text for one in found if one.track is None]
    others = [line for line in record.intake_missing if line not in set(lines)]
    return replace(
        record,
        names={**record.names, **names},
        intake=tuple(dict.fromkeys([*record.intake, *keys])),
        intake_missing=tuple(dict.fromkeys([*others, *missing])),
    ), found
