"""What is heard, as the rows of the sound tell it, and what is asked for and not heard yet."""

from __future__ import annotations

from collections.abc import Iterator

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
        self.coming: Coming | None = None
        self.places: dict[Play, Place] = {}  # of every play, in the order in which it was asked for
        self._silent_since: float | None = None

    @property
    def place(self) -> Place:
        """Place of what is heard."""
        return self.places.get(self.play, NO_PLACE)

    @property
    def silent(self) -> bool:
        """Whether no track is heard: what the brain does then says nothing of the music."""
        return self.paused or self._silent_since is not None

    def broken_off(self, now: float) -> bool:
        """Whether the track stopped before its end, so that the music must go on otherwise."""
        since = self._silent_since
        return since is not None and now - since >= GAP and not self.paused

    def changing(self, now: float) -> bool:
        """Whether a track is on its way that ends what is heard."""
        coming = self.coming
        return coming is not None and coming.at_once and now - coming.since <= PATIENCE

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
        if plays[-1] >= 0:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now

    def ask(self, place: Place, *, at_once: bool, now: float) -> Play:
        """Ask for the track at `place`; return the play that it will be."""
        play = Play(max(self.places, default=NO_PLAY) + 1)
        self.places[play] = place
        self.coming = Coming(play, place, at_once, now)
        return play
