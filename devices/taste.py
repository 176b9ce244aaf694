"""The taste of a simulated person, which lasts over sessions: likings, familiarity, satiation.

Made from one seed, so that the same person can be met again and, in a simulation, live the same
weeks twice. In logits: what is felt is ``E = 1 / (1 + exp(-z))``, and z follows

    u = a_k + cf f - cs S - csg Sg + 0.6 shape_k(t) - cost of cuts

with a dead time after a change of track. Liking a_k: level of the person, features of the music,
genre, artist, and what nothing explains. Familiarity f grows with exposure; satiation S rises by a
play and halves in about 50 h; that of a genre, Sg, in 20 minutes. Fall-and-rebound: Leqi et al.
2021; the rise with exposure: Szpunar, Schellenberg & Pliner 2004; first judgement after about 8 s:
Bachorik 2009. Sizes without a source are assumptions. Moods, distractions and effects of the
layer are no part of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices.timeline import HeardTracks
from dsp.checks import InputError
from dsp.grid import RATE
from dsp.sound.heard import NO_PLAY, Play

SATIATION_TAU, GENRE_TAU = 72 * 3600.0, 1800.0  # s
LOW_SHARE = 1 / 3  #: of the population enjoys little
KNOWN_SHARE = 0.4
N_INTAKE = 10
CUT_SLACK = 12.0  # s before its end from which a track that goes was not cut
CUT_TAU, IRRITATION_TAU, CHANGE_COST = 15.0, 300.0, 0.15
RATING_NOISE, TAP_NOISE = 0.13, 0.22  # Schubert 2012; assumed
ANSWERED = 0.5
_STEP = 1.0 / RATE

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Music:
    """What there is to like, a row a track.

    Attributes
    ----------
    features : float64 [shape=(n_tracks, n_features)]
        The first two are tempo and energy; any unit.
    genres, artists : tuple of str
    """

    features: Floats
    genres: tuple[str, ...]
    artists: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what does not belong together."""
        n = len(self.genres)
        if self.features.shape[:1] != (n,) or len(self.artists) != n or n < 2:
            raise InputError(
                f"The music has {self.features.shape} features, {n} genres and "
                f"{len(self.artists)} artists; expected one row for each of at least 2 tracks."
            )


class Taste:
    """One person's; felt during a session by `step` (see `devices.feeling`).

    Parameters
    ----------
    music : Music
    seed : int
        The person.
    """

    def __init__(self, music: Music, *, seed: int) -> None:
        streams = np.random.SeedSequence([seed, 0x7A57E]).spawn(3)
        rng, self._drift_rng, said = (np.random.default_rng(s) for s in streams)
        self._music, self._seed = music, seed
        n = len(music.genres)
        x = music.features - music.features.mean(axis=0)
        self._x = x / np.maximum(x.std(axis=0), 1e-9)
        self._genre = np.unique(music.genres, return_inverse=True)[1]
        artist = np.unique(music.artists, return_inverse=True)[1]
        self.low = bool(rng.uniform() < LOW_SHARE)  #: enjoys little
        self._level = rng.normal(-0.75 if self.low else -0.05, 0.35)
        self._gain = rng.uniform(0.6, 0.9) if self.low else rng.uniform(0.9, 1.2)
        self._w = rng.normal(0.0, 0.17, self._x.shape[1])
        self._v = rng.normal(0.0, 0.40, self._genre.max() + 1)
        # A third of what no feature explains is the artist (assumed).
        own = rng.normal(0.0, 0.65 * math.sqrt(2 / 3), n)
        self._m = own + rng.normal(0.0, 0.65 * math.sqrt(1 / 3), artist.max() + 1)[artist]
        distance = ((self._x[:, :2] - rng.normal(0.0, 0.8, 2)) ** 2).sum(axis=1)
        self._ideal = -0.10 * (distance - distance.mean())
        # Known tracks are better liked because they are known; the reference asks for no more.
        self._known = rng.permutation(n) < round(KNOWN_SHARE * n)
        self.familiarity = np.where(self._known, rng.beta(5, 2, n), rng.beta(1.2, 8, n))
        self._eta, self._cf = rng.uniform(0.1, 0.3), rng.uniform(0.4, 1.2)
        self._cs, self._csg = rng.uniform(0.3, 0.9), rng.uniform(0.02, 0.12)
        self._tau, self._dead = rng.uniform(5.0, 15.0), rng.uniform(1.0, 4.0)
        self._cut_cost = rng.uniform(0.3, 0.8)
        self._sway = rng.uniform(0.15, 0.45, (n, 2))
        self._period = rng.uniform(25.0, 90.0, (n, 2))
        self._phase = rng.uniform(0.0, math.tau, (n, 2))
        self._bias = rng.normal(0.04, 0.06)
        self._answers = min(2.0 * rng.beta(6, 6) * ANSWERED, 1.0)
        #: What the library knows of the familiarity: one flag in ten is wrong.
        self.flags = (self.familiarity > 0.5) != (said.uniform(size=n) < 0.1)
        noisy = self._liking + 1.5 * self._liking.std() * said.standard_normal(n)
        noisy -= np.where(self.flags, 0.0, self._liking.std())
        #: Tracks that a relative names as loved.
        self.intake = tuple(int(i) for i in np.argsort(-noisy)[:N_INTAKE])
        self.felt = 0.5
        self._satiation, self._wall = np.zeros(n), 0.0
        self._session = -1
        self._begin()

    @property
    def _liking(self) -> Floats:
        """Logits of each track, without familiarity and satiation."""
        explained = self._x @ self._w + self._ideal + self._v[self._genre] + self._m
        return np.asarray(self._level + self._gain * explained)

    @property
    def expected(self) -> Floats:
        """Hidden enjoyment 0..1 that each track would bring now, taken over its length."""
        gain = self._cf * self.familiarity - self._cs * (self._satiation + 0.25)
        return np.asarray(1.0 / (1.0 + np.exp(-(self._liking + gain))))

    def begin(self, wall_time: float) -> None:
        """Another session begins at `wall_time`, seconds: tastes drift, satiation has faded.

        Raises
        ------
        InputError
            If it lies before the last one.
        """
        if wall_time < self._wall:
            raise InputError(f"A session at {wall_time!r} s; expected {self._wall!r} s or later.")
        self._end_play()
        self._satiation *= math.exp(-(wall_time - self._wall) / SATIATION_TAU)
        self._wall = wall_time
        if self._session >= 0:
            self._v += self._drift_rng.normal(0.0, 0.10, self._v.size)
            self._w += self._drift_rng.normal(0.0, 0.03, self._w.size)
        self._session += 1
        self._begin()

    def _begin(self) -> None:
        self._genre_satiation = np.zeros(self._genre.max() + 1)
        self._play, self._place, self._since = NO_PLAY, -1, -math.inf
        self._target, self._cost, self._irritation = 0.0, 0.0, 0.0
        self._duration, self._at = math.inf, -math.inf
        self._z = self._level
        self.felt = 1.0 / (1.0 + math.exp(-self._z))

    def step(self, t: float, play: Play, tracks: HeardTracks, chance: float) -> None:
        """Go one step on; `chance` is not needed, what is felt sways with the music."""
        if play != self._play:
            self._change(t, play, tracks)
        self._at = t
        for_cuts = math.exp(-_STEP / CUT_TAU)
        self._cost *= for_cuts
        self._irritation *= math.exp(-_STEP / IRRITATION_TAU)
        if self._place < 0:  # silence: nothing is judged
            return
        elapsed = t - self._since
        if elapsed < self._dead:
            return
        sway = self._sway[self._place] @ np.sin(
            math.tau * elapsed / self._period[self._place] + self._phase[self._place]
        )
        u = self._target + 0.6 * float(sway) - self._cost
        self._z += (u - self._z) * (_STEP / self._tau)
        self.felt = 1.0 / (1.0 + math.exp(-self._z))

    def _change(self, t: float, play: Play, tracks: HeardTracks) -> None:
        """Take it that another track is heard, or none."""
        before, elapsed = self._place, t - self._since
        cut = before >= 0 and elapsed < self._duration - CUT_SLACK
        if before >= 0:
            self._end_play()
        track = tracks.get(play)
        self._play, self._since = play, t
        self._place = track.place if track is not None else -1
        if track is None or self._place >= len(self._genre):
            self._place = -1
            return
        self._duration = track.feature.size / RATE
        k = self._place
        novelty = self._cf * self.familiarity[k] - self._cs * (self._satiation[k] + 0.25)
        self._target = float(
            self._liking[k] + novelty - self._csg * self._genre_satiation[self._genre[k]]
        )
        if before < 0:
            return
        if cut:
            worth = min(max(self.felt / 0.5, 0.3), 1.6)
            self._cost += self._cut_cost * worth * (1.0 + 0.5 * self._irritation)
            self._irritation += 1.0
        else:
            self._cost += CHANGE_COST

    def _end_play(self) -> None:
        """What was heard of a track makes it known, and enough."""
        k, heard = self._place, self._at - self._since
        if k < 0 or not heard > 0.0:
            return
        share = min(heard / self._duration, 1.0)
        self.familiarity[k] += (1.0 - self.familiarity[k]) * self._eta * share
        self._satiation[k] += share
        self._genre_satiation *= math.exp(-heard / GENRE_TAU)
        self._genre_satiation[self._genre[k]] += share
        self._wall += heard
        self._place = -1

    def _draws(self, place: int, n: int, session: int) -> np.random.Generator:
        """Chance of the n-th prompt on a track in a session, whatever else was heard."""
        return np.random.default_rng([self._seed, session, place, n])

    def rating(self, place: int, prompt: int, *, scale: int = 9) -> int | None:
        """Answer a prompt with 1..`scale`, or not at all; the `prompt`-th on `place` today."""
        rng = self._draws(place, prompt, self._session)
        answers, noise = rng.uniform() < self._answers, rng.standard_normal()
        if not answers:
            return None
        share = min(max(self.felt + self._bias + RATING_NOISE * noise, 0.0), 1.0)
        return 1 + round((scale - 1) * share)

    def tap(self, place: int, prompt: int) -> float:
        """Return what an observer sees: 0 distress, 0.5 neutral, 1 pleasure."""
        rng = self._draws(place, prompt, self._session)
        share = min(max(self.felt + TAP_NOISE * rng.standard_normal(), 0.0), 1.0)
        return round(2.0 * share) / 2.0
