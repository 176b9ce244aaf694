"""The weeks of one simulated person, lived twice: with a headset and without.

The same person, the same noise, the same answers to the same prompts; both begin with an empty
record and learn from their own sessions alone, through the whole pipeline. Time is handed in; no
clock is read.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from app.clients.listener import Listener, learn
from app.lab.earlier_sessions import calibrate_listener
from app.loop.calibration import load_calibration
from app.loop.decision import Decision
from app.loop.lesson import Setup
from app.loop.ticks import TickResult
from app.paths import songbook_cache, tracks_cache
from app.session.plan import Plan
from app.session.rig import VirtualRig
from app.session.session import Session
from devices.listener import LISTENERS, Answer, Head, answer_of
from devices.taste import Music, Taste
from dsp.checks import RecordError, check_number, check_option
from dsp.enjoyment import EnjoymentFilter, EnjoymentModel
from playlists.analysis.prepare import prepare
from playlists.files import open_playlist
from playlists.generator.songbook import VERSION, render, songs
from playlists.preference import expect
from playlists.tracks import PreparedTrack

#: Folder of the music, and what there is to like in each of its tracks, in their order.
Collection = tuple[str, Music]

BETWEEN = 48 * 3600.0  #: s between the beginnings of two sessions
FIRST = 1.8e9  # when the first session begins, seconds since 1970: any will do
PROMPT_S, PROMPT_SHARE = 45.0, 0.75  # where in a track a rating is asked for
FALSE_S, FALSE_LEVEL = 20, 0.5  # s before an action, and enjoyment that needed none
REFERENCE_SESSION = 2  #: in which the calibration of `simulate calibration` is tried (from 0 on)


@dataclass(frozen=True)
class Weeks:
    """What is simulated.

    Attributes
    ----------
    listener : {'clear', 'typical', 'silent'}
    d_prime : float or None
        How well the EEG tells (`devices.listener.answer_of`); None for what the kind has.
    sessions, minutes : int, float
        How many, and how long each.
    listeners, seed : int
        How many persons, and the seed of them all.
    calibration : str
        Of somebody else, by name or path, which is then used in every session; empty for what is
        learnt.
    """

    listener: str
    d_prime: float | None
    sessions: int
    minutes: float
    listeners: int
    seed: int
    calibration: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be lived."""
        check_option("listener", self.listener, LISTENERS)
        check_number("sessions", self.sessions, low=1, high=100)
        check_number("minutes", self.minutes, low=0.5, high=120, unit="min")
        check_number("listeners", self.listeners, low=1, high=10_000)
        check_number("seed", self.seed, low=0, high=2**63)
        assert self.answer
        if self.calibration:
            load_calibration(self.calibration)

    @property
    def answer(self) -> Answer:
        """How strongly the EEG of these listeners answers."""
        return LISTENERS[self.listener] if self.d_prime is None else answer_of(self.d_prime)


@dataclass(frozen=True)
class Lived:
    """One session of one person.

    Attributes
    ----------
    r : float
        Median over the session of the correlation of rebuilt and heard sound; NaN without any.
    following_within_s : float
        Seconds from the first sound until "following"; infinite if it was never said.
    weight : float
        Of the EEG, P(gain > 0), by all that is known of the person after the session; of the
        reference, and without EEG, as it stood at the end of the session.
    enjoyment : float
        Mean hidden enjoyment.
    eeg_actions, false_eeg_actions : int
        Actions because of the EEG; those while nothing was wrong.
    """

    r: float
    following_within_s: float
    weight: float
    enjoyment: float
    eeg_actions: int
    false_eeg_actions: int


@dataclass(frozen=True)
class Life:
    """The weeks of one person.

    Attributes
    ----------
    with_eeg, without : tuple of Lived
        A session each.
    expected : tuple of float
        Rank correlation of expected with hidden enjoyment over the tracks, before each session.
    reference : Lived or None
        The third session as it were with the calibration that `attune simulate calibration` makes
        of this person; None where there are fewer sessions, or another's calibration is used.
    """

    number: int
    with_eeg: tuple[Lived, ...]
    without: tuple[Lived, ...]
    expected: tuple[float, ...]
    reference: Lived | None


def collection(progress: Callable[[int, int], None] = lambda done, of: None) -> Collection:
    """Return folder and features of the music that simulated persons live with.

    Rendered and measured at the first call on a computer: 5 CPU-minutes.
    """
    folder = songbook_cache() / f"v{VERSION}"
    book = songs()
    try:
        tracks = render(folder, progress=progress)
    except (OSError, RuntimeError) as error:  # a full disk is a RuntimeError of libsndfile
        raise RecordError(
            f"The music of simulated persons cannot be kept in {folder} ({error}); make room there."
        ) from error
    for track in tracks:
        prepare(track.path, cache=tracks_cache())
    return str(folder), Music(
        np.array([one.traits for one in book]),
        tuple(one.genre for one in book),
        tuple(one.artist for one in book),
    )


def live(
    weeks: Weeks,
    number: int,
    collection: Collection,
    *,
    told: Callable[[], None] = lambda: None,
) -> Life:
    """Live the weeks of person `number` with the music of a `collection`.

    `told` is called after each session.
    """
    playlist, music = collection
    prepared = _prepared(playlist)
    seeds = np.random.SeedSequence([weeks.seed, number]).generate_state(3 + weeks.sessions)
    head = Head(weeks.answer, int(seeds[0]))
    days = [int(s) for s in seeds[3:]]
    lives: dict[bool, list[Lived]] = {True: [], False: []}
    expected: list[float] = []
    reference: Lived | None = None
    for eeg in (True, False):
        person, taste = Listener(), Taste(music, seed=int(seeds[1]))
        for n, day in enumerate(days):
            at = FIRST + n * BETWEEN
            taste.begin(n * BETWEEN)
            plan = Plan(
                source="simulated",
                listener=weeks.listener,
                preset="default",
                playlist=playlist,
                minutes=weeks.minutes,
                seed=day,
                record=False,
                calibration=weeks.calibration if eeg else "",
                person=person,
                at=at,
            )
            if eeg:
                expected.append(_agreement(person, taste, prepared, at))
            if eeg and n == REFERENCE_SESSION and not weeks.calibration:
                tracks = list(prepared.values())
                own = calibrate_listener(weeks.listener, tracks, seed=int(seeds[2]), head=head)
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "reference.npz"
                    path.write_bytes(own.to_npz())
                    other = replace(plan, calibration=str(path))
                    reference, _ = _session(other, head, deepcopy(taste), prepared, eeg=True)
                told()
            lived, session = _session(plan, head, taste, prepared, eeg=eeg)
            lesson = session.lesson
            if lesson is not None:
                person, _ = learn(person, lesson)
                if lesson.setup is not None:
                    lived = replace(lived, weight=_weight(person, lesson.setup))
            lives[eeg].append(lived)
            told()
    return Life(number, tuple(lives[True]), tuple(lives[False]), tuple(expected), reference)


def _weight(person: Listener, setup: Setup) -> float:
    """Return how far the EEG is believed before anything of another session is known."""
    calibration, _ = person.calibration_for(setup)
    believed = calibration.believed if calibration is not None else None
    return EnjoymentFilter(EnjoymentModel(), believed=believed).eeg_weight


def _prepared(playlist: str) -> dict[int, PreparedTrack]:
    tracks = open_playlist(playlist).tracks
    return {i: prepare(t.path, cache=tracks_cache()) for i, t in enumerate(tracks)}


def _agreement(
    person: Listener, taste: Taste, prepared: Mapping[int, PreparedTrack], at: float
) -> float:
    """Rank correlation of what is expected with what is true; 0 where all is expected alike."""
    tracks = [one.track for one in prepared.values()]
    means = [one.mean for one in expect(person.record, tracks, at)]
    if np.ptp(means) == 0.0:
        return 0.0
    return float(stats.spearmanr(means, taste.expected).statistic)


def _session(
    plan: Plan,
    head: Head,
    taste: Taste,
    prepared: Mapping[int, PreparedTrack],
    *,
    eeg: bool,
) -> tuple[Lived, Session]:
    """Live one session; the listener answers prompts on the way."""
    rig = VirtualRig(listener=plan.listener, seed=plan.seed, head=head, feeling=taste, eeg=eeg)
    session = Session(plan, prepared=prepared, rig=rig)
    watched = _Watched(session, taste)
    session.watch(watched.tick)
    session.run()
    return watched.lived(), session


class _Watched:
    """What is seen of a session from outside, and the answers of its listener."""

    def __init__(self, session: Session, taste: Taste) -> None:
        self._session, self._taste = session, taste
        self._asked: dict[int, int] = {}  # prompts by play
        self._prompts: dict[int, int] = {}  # and by place: a track may come twice
        self._felt: list[float] = []
        self._rs: list[float] = []
        self._began: float | None = None
        self._followed = math.inf
        self._weight = 0.0
        self._actions: list[Decision] = []
        self._false = 0

    def tick(self, result: TickResult) -> None:
        """Look at one second."""
        if self._began is None:
            self._began = result.now
        self._felt.append(self._taste.felt)
        self._weight = result.eeg_weight
        tracking = result.tracking
        if tracking is not None:
            if math.isfinite(tracking.r):
                self._rs.append(tracking.r)
            if tracking.state == "following":
                self._followed = min(self._followed, result.now - self._began + 1.0)
        act = result.decision
        if act is not None and act.cause == "eeg" and act.kind != "hold":
            self._actions.append(act)
            self._false += float(np.mean(self._felt[-FALSE_S:])) >= FALSE_LEVEL
        self._answer(result)

    def _answer(self, result: TickResult) -> None:
        """Rate what is heard, where the listener is asked and cares to answer."""
        if result.play < 0:
            return
        due = (result.position >= PROMPT_S) + (
            result.position >= PROMPT_SHARE * result.duration > PROMPT_S
        )
        asked = self._asked.get(result.play, 0)
        if due <= asked:
            return
        self._asked[result.play] = asked + 1
        n = self._prompts.get(result.place, 0)
        self._prompts[result.place] = n + 1
        given = self._taste.rating(result.place, n)
        if given is not None:
            self._session.rate(given)

    def lived(self) -> Lived:
        """Return what was seen."""
        return Lived(
            r=float(np.median(self._rs)) if self._rs else math.nan,
            following_within_s=self._followed,
            weight=self._weight,
            enjoyment=float(np.mean(self._felt)),
            eeg_actions=len(self._actions),
            false_eeg_actions=self._false,
        )
