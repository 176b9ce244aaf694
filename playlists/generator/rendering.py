"""Renders the whole starter playlist into a folder: OGG files and their description."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from dsp.grid import FS
from playlists.generator import songs_calm, songs_lively, songs_long
from playlists.generator.mixing import mix
from playlists.generator.score import Score

LICENCE = "CC0-1.0"
ARTIST = "Attune"

#: Vorbis compression 0..1; 0.5 makes about 120 kbit/s.
_COMPRESSION = 0.5

#: In playing order; the first two are the long ones.
SONGS: tuple[Callable[[], Score], ...] = (
    songs_long.copper_lanterns,
    songs_long.night_tram,
    songs_calm.tide_pools,
    songs_lively.paper_boats,
    songs_calm.rain_on_tin,
    songs_lively.glass_rotations,
    songs_lively.north_road,
    songs_calm.letter_home,
)


def render_all(folder: Path) -> None:
    """Write every song as OGG Vorbis into `folder`, and ``starter.json`` beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [render_song(song(), folder) for song in SONGS]
    about = {"licence": LICENCE, "artist": ARTIST, "generator": "python -m playlists.starter"}
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    head = json.dumps(about)[1:-1]
    text = f'{{{head}, "tracks": [\n{lines}\n]}}\n'
    (folder / "starter.json").write_text(text, encoding="utf-8")


def render_song(score: Score, folder: Path) -> dict[str, Any]:
    """Write one song and return its row of the description."""
    name = score.title.lower().replace(" ", "-") + ".ogg"
    sound = mix(score)
    encode(sound, folder / name, title=score.title)
    return {
        "file": name,
        "title": score.title,
        "character": score.character,
        "key": score.key.name,
        "duration": sound.shape[0] / FS,
        "tempo": score.tempo,
        "tonic": round(score.key.tonic_hz, 4),
        "seed": score.seed,
        "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        "beats": [round(float(beat), 6) for beat in score.beats],
    }


def encode(
    sound: npt.NDArray[np.float32],
    path: Path,
    *,
    title: str,
    tags: Mapping[str, str] = MappingProxyType({"artist": ARTIST}),
) -> None:
    """Write float32 [shape=(n_frames, 2)] as OGG Vorbis, with its tags.

    In blocks of a second: libsndfile 1.2.2 overflows its stack on longer Vorbis writes.
    """
    import soundfile

    with soundfile.SoundFile(
        str(path),
        "w",
        FS,
        2,
        format="OGG",
        subtype="VORBIS",
        compression_level=_COMPRESSION,
    ) as file:
        for name, text in {"title": title, **tags, "license": LICENCE}.items():
            setattr(file, name, text)
        for start in range(0, sound.shape[0], FS):
            file.write(sound[start : start + FS])
