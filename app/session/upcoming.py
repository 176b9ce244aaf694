"""The tracks of a session: measured in the background, ready when their turn comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dsp.checks import AttuneError
from playlists.analysis.prepare import prepare
from playlists.tracks import PreparedTrack, Track


@dataclass(frozen=True)
class Start:
    """A track whose turn has come; `track` is the error where it cannot be played.

    `number` is the number of the play, `place` that in the playlist; `at_once` or at the end of
    the running track.
    """

    number: int
    place: int
    at_once: bool
    track: PreparedTrack | AttuneError


class Programme:
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
        self._futures: dict[int, Future[PreparedTrack]] = {}
        self._asked: list[tuple[int, int, bool]] = []
        for place, track in prepared.items():
            self._futures[place] = Future()
            self._futures[place].set_result(track)

    def measure(self, place: int) -> Future[PreparedTrack]:
        """Measure the track at `place` in the background, once."""
        if place not in self._futures:
            path = self._tracks[place].path
            self._futures[place] = self._worker.submit(prepare, path, cache=self._cache)
        return self._futures[place]

    def first(self) -> tuple[tuple[int, PreparedTrack] | None, list[str]]:
        """Wait for the first track that can be played; return its place, and why none before."""
        reasons: list[str] = []
        for place in range(len(self._tracks)):
            try:
                return (place, self.measure(place).result()), reasons
            except AttuneError as error:
                reasons.append(str(error))
        return None, reasons

    def ask(self, number: int, place: int, *, at_once: bool) -> None:
        """Have the track at `place` played as play `number` as soon as it is measured."""
        if at_once:
            self._asked.clear()  # a change overrides what was to follow
        self._asked.append((number, place, at_once))
        self.measure(place)

    def ready(self, *, wait: bool = False) -> list[Start]:
        """Take what was asked for and is measured; `wait` for all of it."""
        out = []
        for item in list(self._asked):
            number, place, at_once = item
            future = self.measure(place)
            if not (wait or future.done()):
                continue
            self._asked.remove(item)
            error = future.exception()
            if error is not None and not isinstance(error, AttuneError):
                raise error
            out.append(Start(number, place, at_once, error or future.result()))
        return out

    def close(self) -> None:
        """Drop what waits; a measurement that runs is finished and forgotten."""
        self._worker.shutdown(wait=False, cancel_futures=True)
