"""What is heard, as the rows of the sound tell it, and what is asked for and not heard yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from app.loop.ticks import Coming
from dsp.sound.heard import NO_PLAY, Heard, Play
from playlists.tracks import NO_PLACE, Place

GAP = 2.0  # s without a track after which it has broken off
PATIENCE = 10.0  # s after which a change that nobody carried out no longer counts as under way


class Listening:
    """Tracks begin when they sound, not when they are asked for; this alone numbers the plays."""

    def __init__(self) -> None:
        self.play = NO_PLAY
        self.position = 0.0
        self.paused = False
        self.stalled = False  # the sound engine does not answer
        self.coming: Coming | None = None
        self.places: dict[Play, Place] = {}  # of every play, in the order in which it was asked for
        self._silent_since: float | None = None
        self.until: float | None = None  # newest row, LSL seconds
        self._passed: list[Place] = []  # places in the order in which their turn came

    @property
    def place(self) -> Place:
        """Place of what is heard."""
        return self.places.get(self.play, NO_PLACE)

    @property
    def stands(self) -> bool:
        """Whether no music goes on, for a reason that is known and will pass."""
        return self.paused or self.stalled

    @property
    def newest(self) -> Play:
        """The play that was asked for last."""
        return max(self.places, default=NO_PLAY)

    def recent(self, n: int) -> list[Place]:
        """The last `n` places whose turn came, those that were passed over among them."""
        return self._passed[-n:] if n else []

    def silent(self, now: float) -> bool:
        """Whether no track is heard: what the brain does then says nothing of the music."""
        return self._silent_since is not None or self.until is None or now - self.until > GAP

    def broken_off(self, now: float) -> bool:
        """Whether the track stopped before its end, so that the music must go on otherwise."""
        since = self._silent_since
        return since is not None and now - since >= GAP and not self.stands

    def changing(self, now: float) -> bool:
        """Whether a track is on its way that ends what is heard."""
        return self.coming is not None and self.coming.at_once and self._awaited(now)

    def cued(self, now: float) -> bool:
        """Whether the next track is chosen and will come; after a track broke off, soon."""
        if self.coming is None or not self.broken_off(now):
            return self.coming is not None
        assert self._silent_since is not None
        return self.coming.since >= self._silent_since and self._awaited(now)

    def _awaited(self, now: float) -> bool:
        return self.coming is not None and now - self.coming.since <= PATIENCE

    def hear(self, heard: Heard, now: float) -> Iterator[float]:
        """Take rows; yield the time of each play that begins, when it does."""
        if not len(heard):
            return
        plays = heard.play
        for i in np.flatnonzero(np.diff(plays, prepend=self.play)):
            # A decoder that is late for a moment is heard as no track: the track goes on after it.
            if plays[i] >= 0 and plays[i] != self.play:
                self.play = Play(int(plays[i]))
                if self.coming is not None and self.coming.play <= self.play:
                    self.coming = None
                yield float(heard.times[i])
        running = np.flatnonzero(plays == self.play)
        if self.play >= 0 and running.size:
            self.position = round(float(heard.position_s[running[-1]]), 6)
        if (plays >= 0).any():
            self._silent_since = None
        if plays[-1] < 0 and self._silent_since is None:
            self._silent_since = now
        self.until = float(heard.times[-1])

    def ask(self, place: Place, *, at_once: bool, now: float, passed: Sequence[Place] = ()) -> Play:
        """Ask for the track at `place`, passing over others; return the play that it will be."""
        play = Play(self.newest + 1)
        self.places[play] = place
        self._passed += [*passed, place]
        self.coming = Coming(play, place, at_once, now)
        return play

    def unplayable(self, play: Play) -> Place:
        """Take it that `play` cannot be played; return its place."""
        if self.coming is not None and self.coming.play == play:
            self.coming = None
        return self.places.get(play, NO_PLACE)

    def started(self, play: Play, place: Place) -> None:
        """Take from an earlier record that `play` was started."""
        if self.places.get(play) != place:
            self.places[play] = place
            self._passed.append(place)
