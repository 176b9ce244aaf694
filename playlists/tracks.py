"""What the program knows about one track: before, and after it was prepared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NewType

import numpy as np
import numpy.typing as npt

from dsp.checks import foreign_text
from dsp.sound.beatgrid import BeatGrid

#: A row of the playlist, from 0 on.
Place = NewType("Place", int)
NO_PLACE = Place(-1)


@dataclass(frozen=True)
class Track:
    """One entry of a playlist.

    Attributes
    ----------
    path : Path
        File that holds the sound.
    title, artist : str
        For the screen, without control characters, cut where they are long; the title is the
        file's stem where the file carries none.
    duration : float
        Seconds, as the file declares it.
    album, genre : str
        Like the artist; empty where the file does not say.
    year : int
        In which it came out; 0 where the file does not say.
    """

    path: Path
    title: str
    artist: str
    duration: float
    album: str = ""
    genre: str = ""
    year: int = 0

    def __post_init__(self) -> None:
        """Tags and names of files are foreign text."""
        object.__setattr__(self, "title", foreign_text(self.title) or foreign_text(self.path.stem))
        for name in ("artist", "album", "genre"):
            object.__setattr__(self, name, foreign_text(getattr(self, name)))


@dataclass(frozen=True)
class PreparedTrack:
    """A track that was decoded once from end to end and may be played.

    Attributes
    ----------
    track : Track
        The entry this came from.
    lufs : float
        Integrated loudness of the file as it is (ITU-R BS.1770-4), LUFS; -70 where all is silent.
    gain : float
        Linear factor to -18 LUFS, smaller where the true peak would otherwise pass -1 dBTP.
    n_frames : int
        Length of the decoded track at 48 kHz.
    grid : BeatGrid
        Beats in seconds from the first decoded frame.
    tonic : float
        Root of the key between 36 and 73 Hz; 0.0 where the key is unknown.
    feature : float32 [shape=(n_rows,)]
        Spectral flux at 64 Hz (`stimulus`) of the decoded track times `gain`, from frame 0.
    descriptors : dict of str to float
        Cheap summaries (`playlists.analysis.prepare` names them with their units).
    key : str
        E.g. ``"A minor"``; empty where it is unknown.
    level : float32 [shape=(n_rows,)]
        Level of each row, dB re full scale, after the gain; empty where it was not measured.
    """

    track: Track
    lufs: float
    gain: float
    n_frames: int
    grid: BeatGrid
    tonic: float
    feature: npt.NDArray[np.float32]
    descriptors: dict[str, float]
    key: str = ""
    level: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
