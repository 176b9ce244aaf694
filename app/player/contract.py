"""What program and player say to each other: commands, rows of what was heard, state, events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from devices.timeline import HeardTracks, Timeline
from dsp.sound.heard import NO_PLAY, Heard, Play
from playlists.tracks import PreparedTrack


def never() -> bool:
    """Say that nobody wants an end: of a start that cannot be left."""
    return False


#: Whose life the engine watches over: the loop's thread, the window's event loop.
Beating = Literal["loop", "window"]
BEATING: tuple[Beating, ...] = get_args(Beating)

EventKind = Literal[
    "track_started",  # value: its Play
    "track_ended",  # value: its Play
    "track_skipped",  # value: its Play; text says why; what was decoded until then still plays
    "starved",  # value: its Play; its decoder was too slow
    "decoder_lost",  # none could be started; tracks are skipped
    "bad_sound",  # samples that are no numbers were muted
    "underflow",  # value: blocks lost so far
    "output_lost",
    "output_back",
    "heartbeat_lost",  # the program does not answer
    "heartbeat_back",
    "engine_stalled",  # the engine does not answer; nothing is heard
    "engine_back",
    "engine_lost",  # the engine has ended
]
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)


@dataclass(frozen=True)
class PlayerStatus:
    """State of the player.

    Attributes
    ----------
    output : str
        Name of what the sound goes to; of a device that is gone, until another is there.
    is_null : bool
        True where nobody hears anything now: the clocked output that stands in for a device.
    device_s, silent_s : float
        Seconds rendered so far for a device, and for nobody.
    notice : str
        One sentence the screen must show (no device, device lost), or empty.
    playing, paused : bool
        `playing` is true from `play` to the end of the music or `stop`, also while paused.
    play : Play
        What is heard now; -1: nothing.
    position : float
        Seconds into its track.
    cued : Play
        What waits for its turn; -1: nothing.
    layer_level : float
        0..1, as it is heard now, ramp included.
    lost_blocks : int
        Blocks of 10 ms that the device missed since the start.
    timing_residual : float
        Seconds; median deviation of the device's own times from the fitted clock.
    latency : float
        Seconds from rendering to hearing.
    wireless : bool
        Whether the sound is known to go out without a wire.
    """

    output: str = "none"
    is_null: bool = True
    notice: str = ""
    playing: bool = False
    paused: bool = False
    play: Play = NO_PLAY
    position: float = 0.0
    cued: Play = NO_PLAY
    layer_level: float = 0.0
    lost_blocks: int = 0
    timing_residual: float = 0.0
    latency: float = 0.0
    wireless: bool = False
    device_s: float = 0.0
    silent_s: float = 0.0


@dataclass(frozen=True)
class PlayerEvent:
    """Something that happened to the sound.

    `time` is in LSL seconds; of a track, when it is heard.
    """

    time: float
    kind: EventKind
    value: int | None = None
    text: str = ""


class AnyPlayer(Protocol):
    """What a session asks of a player; the real and the virtual one are alike."""

    timeline: Timeline
    tracks: HeardTracks

    def beat(self, who: Beating) -> None:
        """Say that the loop, or the window's event loop, lives: nothing else says so.

        Those that have beaten once must go on, a few times a second: when either has been
        silent for 2 s the layer fades, after 10 s all sound, until it beats again.
        """

    def play(self, play: Play, track: PreparedTrack, *, fade: float = 4.0) -> None:
        """Cross-fade to `track` now."""

    def cue(self, play: Play, track: PreparedTrack, *, fade: float = 4.0) -> None:
        """Have `track` follow at the end of the running one."""

    def set_layer(self, level: float, *, ramp: float) -> None:
        """Bring the layer to `level` over `ramp` seconds."""

    def pause(self) -> None:
        """Fade out and stand still."""

    def resume(self) -> None:
        """Go on."""

    def stop(self) -> None:
        """Drop what waits to be started, then fade layer and music together, at once."""

    def heard(self) -> Heard:
        """Everything newly heard."""

    def status(self) -> PlayerStatus:
        """Where it stands."""

    def events(self) -> list[PlayerEvent]:
        """What happened since the last call."""

    def close(self) -> None:
        """End it."""
