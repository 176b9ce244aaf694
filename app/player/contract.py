"""What the player says to the program: its state, its events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PlayerStatus:
    """State of the player.

    Attributes
    ----------
    output : str
        Name of what the sound goes to.
    is_null : bool
        True where nobody hears anything: the clocked output that stands in for a device.
    notice : str
        One sentence the screen must show (no device, device lost), or empty.
    playing, paused : bool
        `playing` is true from `play` to the end of the music or `stop`, also while paused.
    track : int
        Index of the track that is heard now; -1: none.
    position : float
        Seconds into that track.
    cued : int
        Index of the track that waits for its turn; -1: none.
    layer_level : float
        0..1, as it is heard now, ramp included.
    lost_blocks : int
        Blocks of 10 ms that the device missed since the start.
    timing_residual : float
        Seconds; median deviation of the device's own times from the fitted clock.
    latency : float
        Seconds from rendering to hearing.
    """

    output: str = "none"
    is_null: bool = True
    notice: str = ""
    playing: bool = False
    paused: bool = False
    track: int = -1
    position: float = 0.0
    cued: int = -1
    layer_level: float = 0.0
    lost_blocks: int = 0
    timing_residual: float = 0.0
    latency: float = 0.0


@dataclass(frozen=True)
class PlayerEvent:
    """Something that happened to the sound.

    `kind` is ``"track_started"``, ``"track_ended"`` (value: index), ``"track_skipped"`` (value:
    index; text says why; what was decoded until then still plays), ``"starved"`` (value: index;
    the decoder was too slow),
    ``"output_lost"``, ``"output_back"``, ``"underflow"`` (value: blocks lost so far),
    ``"bad_sound"`` (samples that are no numbers were muted), ``"heartbeat_lost"``,
    ``"heartbeat_back"``, ``"engine_lost"``. `time` is in LSL seconds; of a track, when it is
    heard.
    """

    time: float
    kind: str
    value: Any = None
    text: str = ""
