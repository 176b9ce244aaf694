"""The tracks of a session: measured in the background, ready when their turn comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from app.player.contract import AnyPlayer
from devices.timeline import HeardTrack
from dsp.checks import AttuneError, InputError
from dsp.sound.heard import Play
from playlists.analysis.prepare import prepare
from playlists.tracks import Place, PreparedTrack, Track


@dataclass(frozen=True)
class Due:
    """A play whose turn has come, at once or at the end of the running track."""

    play: Play
    place: Place
    at_once: bool
    measured: Future[PreparedTrack]

    def hand_over(self, player: AnyPlayer, *, liking: float, fade: float) -> PreparedTrack:
        """Have the player play it; `liking` is the hidden one of a simulated listener.

        Raises
        ------
        InputError
            If the track cannot be measured or played.
        """
        track = self.measured.result()
        player.tracks.put(self.play, HeardTrack(track.feature, track.gain, liking, self.place))
        (player.play if self.at_once else player.cue)(self.play, track, fade=fade)
        return track


def _measured(track: Track, cache: Path | None) -> PreparedTrack:
    try:
        return prepare(track.path, cache=cache)
    except AttuneError:
        raise
    except Exception as error:  # sound files are foreign data, and those who open them foreign code
        raise InputError(
            f"{track.path.name} cannot be measured ({type(error).__name__}: {error}); it is left "
            "out. Convert it, or take it off the playlist."
        ) from error


class Upcoming:
    """Measures tracks on one worker thread, and keeps what was asked for until it is measured."""

    def __init__(
        self,
        tracks: Sequence[Track],
        *,
        cache: Path | None,
        prepared: Mapping[int, PreparedTrack],
    ) -> None:
        self._tracks, self._cache = tracks, cache
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._futures: dict[Place, Future[PreparedTrack]] = {}
        self._asked: list[tuple[Play, Place, bool]] = []
        for place, track in prepared.items():
            self._futures[Place(place)] = Future()
            self._futures[Place(place)].set_result(track)

    def measure(self, place: Place) -> Future[PreparedTrack]:
        """Measure the track at `place` in the background, once."""
        if place not in self._futures:
            self._futures[place] = self._worker.submit(_measured, self._tracks[place], self._cache)
        return self._futures[place]

    def measure_after(self, place: Place) -> None:
        """Measure what stands behind `place` in the playlist: it is the likeliest to be wanted."""
        self.measure(Place((place + 1) % len(self._tracks)))

    def ask(self, play: Play, place: Place, *, at_once: bool) -> None:
        """Have the track at `place` played as soon as it is measured.

        A change overrides what was to follow, and whatever waits to be measured waits no longer.
        """
        if at_once:
            self._asked.clear()
            for other, future in list(self._futures.items()):
                if other != place and future.cancel():
                    del self._futures[other]
        self._asked.append((play, place, at_once))
        self.measure(place)

    def wait(self) -> None:
        """Wait until all that was asked for is measured."""
        wait([self.measure(place) for _, place, _ in self._asked])

    def ready(self) -> list[Due]:
        """Take what was asked for and is measured."""
        due = [Due(*item, self.measure(item[1])) for item in self._asked]
        out = [one for one in due if one.measured.done()]
        self._asked = [(d.play, d.place, d.at_once) for d in due if d not in out]
        return out

    def close(self) -> None:
        """Drop what waits; a measurement that runs is finished and forgotten."""
        self._worker.shutdown(wait=False, cancel_futures=True)
