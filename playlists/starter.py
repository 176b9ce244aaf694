"""The starter playlist that comes with Attune: where it is, and what is known of it.

``python -m playlists.starter OUTDIR`` renders it again from its seeds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dsp.checks import InputError

#: Folder of the rendered tracks, their description and their licence.
STARTER_DIR = Path(__file__).parent / "starter"

DESCRIPTION = "starter.json"


@dataclass(frozen=True)
class StarterTrack:
    """One rendered track, known by construction.

    Attributes
    ----------
    file : str
        Name inside `STARTER_DIR`.
    title, character, key : str
        For the screen.
    duration : float
        Seconds.
    tempo : float
        Quarter notes (or dotted quarters) a minute, one a beat.
    tonic : float
        Root of the key between 36 and 73 Hz.
    beats : float64 [shape=(n_beats,)]
        Seconds from the first frame.
    seed : int
        Of the generator.
    sha256 : str
        Of the file.
    """

    file: str
    title: str
    character: str
    key: str
    duration: float
    tempo: float
    tonic: float
    beats: npt.NDArray[np.float64]
    seed: int
    sha256: str


@cache
def starter_tracks() -> tuple[StarterTrack, ...]:
    """Return the tracks of the starter playlist in playing order.

    Raises
    ------
    InputError
        If the description is missing or damaged.
    """
    place = STARTER_DIR / DESCRIPTION
    try:
        rows = json.loads(place.read_text(encoding="utf-8"))["tracks"]
        return tuple(
            StarterTrack(**{**row, "beats": np.asarray(row["beats"], dtype=np.float64)})
            for row in rows
        )
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise InputError(
            f"{place} cannot be read ({problem}); install Attune again to get the starter "
            "playlist back."
        ) from problem


@cache
def known_by_construction() -> dict[str, StarterTrack]:
    """Return the starter tracks by the sha256 of their file; empty where they are not installed."""
    if not (STARTER_DIR / DESCRIPTION).exists():
        return {}
    return {track.sha256: track for track in starter_tracks()}


def _render(arguments: list[str]) -> int:
    """Render the playlist into the folder that is named; return the exit status."""
    import sys

    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("Usage: python -m playlists.starter OUTDIR\n")
        return 2
    from playlists.generator.rendering import render_all

    render_all(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    import sys

    sys.exit(_render(sys.argv[1:]))
