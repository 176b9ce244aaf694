"""What one session taught: a plain value, collected tick by tick by the running loop.

Live, replay and simulation collect the same from the same ticks. Nothing is learnt here; what
becomes of it is the affair of whoever keeps it (`app.clients.listener`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.loop.calibration import MEAN, MIN_MEANS, Theta, more_rated, theta_baseline
from dsp.grid import RATE, Floats
from dsp.quality import CleanBlock
from dsp.sound.heard import Heard, Play
from dsp.spectra import band_power
from dsp.tracking.alignment import SoundSampler
from dsp.tracking.calibrate import Recording
from dsp.tracking.scores import Tracking
from playlists.tracks import Place, Track

KEPT = 24 * 60  #: s of EEG that a session keeps to learn the answer to sound from; the newest
_HOLE = np.iinfo(np.int16).min  # stands for a sample that was masked
_MIN_WINDOWS = 10  # of a second and an electrode, that alpha is told from
_MIN_EXCERPT = 10.0  # s of clean EEG in a play


@dataclass(frozen=True)
class Setup:
    """With what somebody listened: what a delay holds for.

    Attributes
    ----------
    headset : str
        Name of the source.
    ch_names : tuple of str
    sfreq : float
        As the source states it, Hz.
    output : str
        Name of what the sound went to.
    simulated : bool
        Whether the EEG is of no person.
    """

    headset: str
    ch_names: tuple[str, ...]
    sfreq: float
    output: str
    simulated: bool = False


@dataclass(frozen=True, eq=False)
class Excerpt:
    """EEG and sound of one play on the 64 Hz grid, small enough to be kept.

    Attributes
    ----------
    start : int
        First grid point (LSL seconds times 64).
    eeg : int16 [shape=(n, n_channels)]
        In steps of `unit`, each electrode less its median; the lowest number where masked.
    unit : float32 [shape=(n_channels,)]
        Microvolt.
    sound : float32 [shape=(n, 3)]
        Flux, layer and level as heard; NaN where nothing is known.
    """

    start: int
    eeg: npt.NDArray[np.int16]
    unit: npt.NDArray[np.float32]
    sound: npt.NDArray[np.float32]

    @classmethod
    def of(cls, start: int, eeg: Floats, sound: Floats) -> Excerpt:
        """Keep `eeg` (microvolt, NaN where masked) and `sound` (flux, layer, level).

        Examples
        --------
        >>> kept = Excerpt.of(640, np.array([[1.0], [np.nan], [-1.0]]), np.zeros((3, 3)))
        >>> block, = kept.recording[0]
        >>> block.eeg[:, 0].round(3).tolist(), float(block.times[0])
        ([1.0, nan, -1.0], 10.0)
        """
        valid = np.isfinite(eeg)
        some = valid.any(axis=0)
        filled = np.where(some, eeg, 0.0)
        less = filled - np.nanmedian(filled, axis=0)
        unit = np.maximum(np.nanmax(np.abs(less), axis=0) / np.iinfo(np.int16).max, 1e-3)
        steps = np.where(valid, np.rint(np.where(valid, less, 0.0) / unit), _HOLE)
        return cls(start, steps.astype(np.int16), unit.astype(np.float32), sound.astype(np.float32))

    def later(self, points: int) -> Excerpt:
        """The same, had the EEG come `points` grid points later; what has no partner is cut off.

        Examples
        --------
        >>> one = Excerpt.of(0, np.array([[1.0], [2.0], [3.0]]), np.arange(9.0).reshape(3, 3))
        >>> moved = one.later(1)
        >>> moved.eeg[:, 0].tolist() == one.eeg[:2, 0].tolist(), moved.sound[:, 0].tolist()
        (True, [3.0, 6.0])
        """
        n = len(self.eeg)
        k = min(abs(points), n)
        eeg, sound = (self.eeg[: n - k], self.sound[k:])
        if points < 0:
            eeg, sound = self.eeg[k:], self.sound[: n - k]
        return Excerpt(self.start, eeg, self.unit, sound)

    @property
    def recording(self) -> Recording:
        """As `dsp.tracking.calibrate.calibrate` takes it, of EEG at 64 Hz."""
        valid = self.eeg != _HOLE
        eeg = np.where(valid, self.eeg * self.unit, np.nan).astype(np.float32)
        times = (self.start + np.arange(len(eeg))) / RATE
        flux, layer, level = self.sound.T
        heard = np.stack([flux, np.zeros_like(flux), layer, level], axis=1)
        return [CleanBlock(eeg, times, valid, ())], (heard, times)

    @property
    def seconds(self) -> float:
        """Seconds in which something was heard and any electrode was clean."""
        clean = (self.eeg != _HOLE).any(axis=1) & np.isfinite(self.sound[:, 0])
        return float(np.count_nonzero(clean)) / RATE


@dataclass(frozen=True)
class PlayTaught:
    """What one play taught.

    Attributes
    ----------
    place : Place
    began : float
        Seconds since the first sound of the session.
    heard_s, share : float
        Seconds that it was heard, and as a share of its length, 0..1.
    ratings : tuple of (float, float)
        When (as `began`) and what, 0..1; none that was taken back.
    skipped, undone : float or None
        When the client asked for another track, and when an automatic change away from it was
        taken back.
    theta : Theta
    excerpt : Excerpt or None
        None where too little of it was clean, or something else than a brain may have spoken.
    taps : tuple of (float, float)
        Like `ratings`: what an observer saw.
    delay : float
        By how much the answer came later than known, s: the median of what was told; NaN where
        nothing was.
    """

    place: Place
    began: float
    heard_s: float
    share: float
    ratings: tuple[tuple[float, float], ...]
    skipped: float | None
    undone: float | None
    theta: Theta
    excerpt: Excerpt | None
    taps: tuple[tuple[float, float], ...] = ()
    delay: float = math.nan


@dataclass(frozen=True)
class Lesson:
    """What one session taught.

    Attributes
    ----------
    setup : Setup or None
        None without a headset.
    plays : tuple of PlayTaught
        In the order in which they were heard.
    reasons : tuple of str
        What could not be learnt and why, a sentence each.
    tracks : tuple of Track
        The playlist, which places are rows of.
    decoded : tuple of str
        Electrodes of the excerpts.
    followed : bool
        Whether the EEG was ever said to follow the sound.
    alpha_rise : float
        By how many dB alpha (8-12 Hz) rises with closed eyes, median of the electrodes; NaN where
        that was not tried, or too little was clean.
    at : float
        When the first sound was heard, seconds since 1970 (UTC).
    """

    setup: Setup | None
    plays: tuple[PlayTaught, ...]
    reasons: tuple[str, ...] = ()
    tracks: tuple[Track, ...] = ()
    decoded: tuple[str, ...] = ()
    followed: bool = False
    alpha_rise: float = math.nan
    at: float = 0.0


@dataclass
class _Notes:
    """What is noted of a play while it is heard."""

    place: Place
    duration: float
    began: float
    until: float = -math.inf
    rows: int = 0
    position: float = 0.0
    scores: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    ratings: list[tuple[float, float]] = field(default_factory=list)
    taps: list[tuple[float, float]] = field(default_factory=list)
    skipped: float | None = None
    undone: float | None = None


class Collector:
    """Collects what a session teaches.

    Parameters
    ----------
    known : sequence of Theta
        Plays of earlier sessions, which a baseline counts too.
    """

    def __init__(self, known: Sequence[Theta] = ()) -> None:
        self._known = tuple(known)
        self._plays: dict[Play, _Notes] = {}
        self._given: list[list[tuple[float, float]]] = []  # where each rating or tap went
        self._eeg: deque[tuple[int, npt.NDArray[np.float32]]] = deque()
        self._heard: deque[tuple[Floats, npt.NDArray[np.float32]]] = deque()
        self._followed = False
        self._eyes: dict[str, list[float]] = {}  # LSL seconds between which they were open, closed

    # ---- what the loop tells

    def begin(self, play: Play, place: Place, at: float, *, duration: float) -> None:
        """Take it that `play` is heard from `at` (LSL seconds) on."""
        self._plays[play] = _Notes(place, duration, at)

    def hear(self, heard: Heard) -> None:
        """Take what was heard."""
        for play, notes in self._plays.items():
            rows = heard.play == play
            if rows.any():
                notes.rows += int(np.count_nonzero(rows))
                notes.until = float(heard.times[rows][-1])
                notes.position = max(notes.position, float(heard.position_s[rows].max()))
        if len(heard):
            self._heard.append((heard.times, heard.stimulus[:, [0, 2, 3]].astype(np.float32)))
            while self._heard[-1][0][-1] - self._heard[0][0][0] > KEPT:
                self._heard.popleft()

    def score(self, play: Play, db: float) -> None:
        """Take a score of frontal theta that counts for `play`."""
        if play in self._plays:
            self._plays[play].scores.append(db)

    def sampled(self, start: int, rows: Floats, *, doubted: bool) -> None:
        """Take EEG on the grid; while something else than a brain may speak it teaches nothing."""
        if len(rows):
            kept = np.full_like(rows, np.nan) if doubted else rows
            self._eeg.append((start, kept.astype(np.float32)))
            while start - self._eeg[0][0] > KEPT * RATE:
                self._eeg.popleft()

    def track(self, play: Play, tracking: Tracking) -> None:
        """Take what was told of the answer to sound."""
        self._followed = tracking.ever_following
        if play in self._plays and math.isfinite(tracking.delay_change):
            self._plays[play].delays.append(tracking.delay_change)

    def eyes(self, how: str, *, on: bool, at: float) -> None:
        """Take it that a minute with ``eyes_open`` or ``eyes_closed`` begins, or ends."""
        self._eyes[how] = [at, math.inf] if on else [*self._eyes.get(how, [at])[:1], at]

    def rate(self, play: Play, value: float, at: float) -> None:
        """Take a rating 0..1."""
        if play in self._plays:
            self._plays[play].ratings.append((at, value))
            self._given.append(self._plays[play].ratings)

    def tap(self, play: Play, value: float, at: float) -> None:
        """Take what an observer saw, 0..1."""
        if play in self._plays:
            self._plays[play].taps.append((at, value))
            self._given.append(self._plays[play].taps)

    def unrate(self) -> None:
        """Take the last rating or tap back."""
        if self._given:
            self._given.pop().pop()

    def skip(self, play: Play, at: float) -> None:
        """Take it that the client wished for another track."""
        if play in self._plays:
            self._plays[play].skipped = at

    def undone(self, place: Place, at: float) -> None:
        """Take it that a change away from `place` was taken back."""
        for notes in reversed(self._plays.values()):
            if notes.place == place:
                notes.undone = at
                return

    # ---- what it comes to

    @property
    def thetas(self) -> tuple[Theta, ...]:
        """Theta of the plays of this session."""
        return tuple(map(_theta, self._plays.values()))

    def baseline(self) -> tuple[float, float] | None:
        """Level and sd of frontal theta, if this session and those before tell them."""
        return theta_baseline((*self._known, *self.thetas))

    def needs(self) -> int:
        """How many more rated tracks the baseline needs."""
        return more_rated((*self._known, *self.thetas))

    def lesson(self, *, began: float) -> Lesson:
        """Return what was collected, with times since `began` (LSL seconds)."""
        excerpts = dict(self._excerpts())
        plays = []
        for play, notes in self._plays.items():
            heard_s = notes.rows / RATE
            share = notes.position / notes.duration if notes.duration > 0.0 else 0.0
            plays.append(
                PlayTaught(
                    notes.place,
                    notes.began - began,
                    heard_s,
                    min(max(share, 0.0), 1.0),
                    tuple((at - began, value) for at, value in notes.ratings),
                    None if notes.skipped is None else notes.skipped - began,
                    None if notes.undone is None else notes.undone - began,
                    _theta(notes),
                    excerpts.get(play),
                    tuple((at - began, value) for at, value in notes.taps),
                    float(np.median(notes.delays)) if notes.delays else math.nan,
                )
            )
        return Lesson(
            None,
            tuple(plays),
            reasons=tuple(self._reasons(excerpts)),
            followed=self._followed,
            alpha_rise=self._alpha("eyes_closed") - self._alpha("eyes_open"),
        )

    def _reasons(self, excerpts: Mapping[Play, Excerpt]) -> Iterator[str]:
        """Why something could not be learnt; nothing where there was no EEG."""
        if not self._eeg:
            return
        if self._plays and not excerpts:
            clean = sum(int(np.isfinite(rows).any(axis=1).sum()) for _, rows in self._eeg) / RATE
            yield (
                f"{clean:.0f} s of the EEG kept were clean, and in no track the "
                f"{_MIN_EXCERPT:.0f} s that are needed to learn the answer to sound."
            )
        short = self.unclean
        if short:
            of, needed = len(short), 2 * MEAN * MIN_MEANS
            longest = 2 * MEAN * max(one.n for one in short)
            yield (
                f"{of} rated track{'s' * (of > 1)} had {longest} s of clean frontal theta at most; "
                f"{needed} are needed for one to count."
            )

    @property
    def unclean(self) -> tuple[Theta, ...]:
        """Plays that were rated, and had too little clean EEG to teach anything."""
        return tuple(one for one in self.thetas if one.rating is not None and not one.tells)

    def _alpha(self, how: str) -> float:
        """Alpha of a minute, dB; median of electrodes and seconds, NaN with too few."""
        first, last = self._eyes.get(how, (math.inf, math.inf))
        windows = []
        for at, rows in self._eeg:
            if first * RATE <= at and at + len(rows) <= last * RATE and len(rows) >= RATE:
                clean = rows[:, np.isfinite(rows).all(axis=0)].astype(np.float64)
                windows += list(band_power(clean, RATE, 8.0, 12.0)) if clean.size else []
        return 10.0 * math.log10(np.median(windows)) if len(windows) >= _MIN_WINDOWS else math.nan

    def _excerpts(self) -> Iterator[tuple[Play, Excerpt]]:
        """Each play of which enough is clean."""
        if not self._eeg or not self._heard:
            return
        sampler = SoundSampler(3)
        times = np.concatenate([one[0] for one in self._heard])
        values = np.concatenate([one[1] for one in self._heard]).astype(np.float64)
        sound_start, sound = sampler.push(values, times)
        # Where tracking began anew, the grid may go back by what was still on its way.
        start = min(at for at, _ in self._eeg)
        end = max(at + len(rows) for at, rows in self._eeg)
        eeg = np.full((end - start, self._eeg[-1][1].shape[1]), np.nan)
        for at, rows in self._eeg:
            eeg[at - start : at - start + len(rows)] = rows
        for play, notes in self._plays.items():
            first = max(round(notes.began * RATE), start, sound_start)
            until = round(max(notes.until, notes.began) * RATE)
            last = min(until, start + len(eeg), sound_start + len(sound))
            if last <= first:
                continue
            excerpt = Excerpt.of(
                first,
                eeg[first - start : last - start],
                sound[first - sound_start : last - sound_start],
            )
            if excerpt.seconds >= _MIN_EXCERPT:
                yield play, excerpt


def waits_for(n_rated: int, *, unclean: bool = False) -> str:
    """Say what the EEG waits for, where its level in the middle is not known yet.

    `unclean` says that tracks were rated of which too little was clean.
    """
    if not n_rated:
        return "the EEG waits: its level is about to be known: ratings and priors alone"
    tracks = "track" if n_rated == 1 else "tracks"
    clean = f", of {2 * MEAN * MIN_MEANS} clean seconds each" if unclean else ""
    return f"the EEG needs about {n_rated} more rated {tracks}{clean}: ratings and priors alone"


def _theta(notes: _Notes) -> Theta:
    said = notes.ratings or notes.taps  # of a client who cannot rate, what an observer saw
    rating = said[-1][1] if said else None
    return Theta.of(notes.scores, rating=rating)
