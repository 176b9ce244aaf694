"""What client, family or staff named, put to what is known of the client's music."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dsp.checks import InputError, foreign_text
from playlists.intake import IntakeLine, find_intake, folded
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


def without_intake(
    record: ListenerRecord, lines: Sequence[str]
) -> tuple[ListenerRecord, tuple[str, ...]]:
    """Return the record without what `lines` say of its intake list, and what was taken off it.

    A line is the title of a piece that was found, or what was written of one that was not.

    Raises
    ------
    InputError
        Nothing on the list is called so.
    """
    keys, missing = list(record.intake), list(record.intake_missing)
    removed: list[str] = []
    for line in lines:
        wanted = folded(line)
        off = [key for key in keys if folded(record.names[key].title) == wanted]
        unfound = [text for text in missing if folded(text) == wanted]
        if not (off or unfound):
            listed = [*(record.names[key].title for key in keys), *missing]
            raise InputError(
                f"{foreign_text(line)!r} is not on the intake list; on it are: "
                f"{foreign_text('; '.join(listed), longest=600) or 'nothing'}."
            )
        removed += [*(record.names[key].title for key in off), *unfound]
        keys = [key for key in keys if key not in off]
        missing = [text for text in missing if text not in unfound]
    return replace(record, intake=tuple(keys), intake_missing=tuple(missing)), tuple(removed)
