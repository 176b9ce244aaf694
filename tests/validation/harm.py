"""Whether an EEG that tells nothing of enjoyment does harm, where it is given every chance to.

``python -m tests.validation.harm``: 20 persons x 8 sessions of 24 minutes for each record that they
begin with, at the level of scores: the loop as it runs, and in the place of its EEG scores of theta
that are noise alone (drifts, offsets of the tracks, artefacts; the sizes of a design study, not
measured) of a brain that follows the sound from the first second on. With it the policy has what
it waits for; tracks are as long as in a collection (150 to 270 s), so that it has the time. What
keeps it still is the weight of the EEG alone.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import stats

from app.clients.listener import Listener, learn
from app.lab.life import BETWEEN, FALSE_LEVEL, FALSE_S, FIRST, PROMPT_S, PROMPT_SHARE
from app.loop.calibration import MEAN, Calibration, load_calibration
from app.loop.decision import Decision
from app.loop.lesson import Setup
from app.loop.loop import Loop
from app.loop.ticks import LoopEvent, PoolTrack, TickInput
from app.session.opening import opening_order
from app.settings import load_preset
from app.words import rating_share
from devices.listener import MONTAGE
from devices.taste import Music, Taste
from dsp.grid import RATE
from dsp.reward import SCORE_SECONDS, ThetaScore
from dsp.sound.heard import HEARD_NAMES, Heard, Play
from dsp.tracking.scores import FOLLOWING, Tracking
from playlists.generator.songbook import songs
from playlists.preference import expect
from playlists.tracks import Place, Track
from tests.validation.rows import Row

PERSONS, SESSIONS, MINUTES = 20, 8, 24.0
SHORTEST, LONGEST = 150.0, 270.0  # s of a track
ACTS, HARM = 0.05, -0.02
STRANGER = 0.8  # d' of the person whose record another takes over
_GAIN = 1.76  # score per unit of enjoyment and d' (`devices.listener.answer_of`)
_LEVEL_SD = 0.3  # dB by which the theta of people differs who are simulated
_OFFSET, _DRIFT, _DRIFT_TAU = 0.3, 0.3, 600.0
_SLOW, _SLOW_TAU, _WHITE = 0.6, 15.0, math.sqrt(0.7 * MEAN)
_BAD_EVERY, _BAD, _UNSEEN, _OUTLIER = 60.0, (2.0, 15.0), 0.15, 4.0 * math.sqrt(MEAN)
_LOST, _LOST_S = 0.05, 300.0  # share of sessions in which the electrode is lost, and for how long
_SETUP = Setup("Simulated listener", MONTAGE, 250.0, "virtual clock", simulated=True)


@dataclass(frozen=True)
class Brain:
    """Theta of one person: level and sd of a 10 s mean, dB, and score per unit of enjoyment."""

    level: float
    sd: float
    gain: float = 0.0


class Scores:
    """Stands where the loop has its senses: follows at once, and scores what it is told."""

    quality: tuple[Any, ...] = ()
    grades: tuple[Any, ...] = ()
    theta_db = None
    frontal, doubted, elsewhere, stalled = True, False, False, False
    decoded = MONTAGE

    def __init__(self, brain: Brain, taste: Taste, rng: np.random.Generator) -> None:
        self._brain, self._taste, self._rng = brain, taste, rng
        self._own = rng.normal(0.0, _OFFSET, 1000)  # of each track today
        self._drift, self._slow = rng.normal(0.0, (_DRIFT, _SLOW))
        self._bad, self._seen = -math.inf, True
        self._lost = rng.uniform(0.0, 1200.0) if rng.uniform() < _LOST else math.inf
        self._counts_from = self._newest = -math.inf
        self._clean: list[float] = []
        self.place = 0

    def take(self, eeg: object, times: np.ndarray) -> Iterator[ThetaScore]:
        """Yield the score of the last two seconds, every other second."""
        t1 = float(times[-1])
        if round(t1) % SCORE_SECONDS:
            return
        rng, t0 = self._rng, t1 - SCORE_SECONDS
        self._drift = _walk(rng, self._drift, _DRIFT, _DRIFT_TAU)
        self._slow = _walk(rng, self._slow, _SLOW, _SLOW_TAU)
        y = self._brain.gain * (self._taste.felt - 0.5) + self._own[self.place] + self._drift
        y += self._slow + _WHITE * rng.standard_normal()
        if t0 >= self._bad and rng.uniform() < SCORE_SECONDS / _BAD_EVERY:
            self._bad, self._seen = t0 + rng.uniform(*_BAD), rng.uniform() >= _UNSEEN
        bad = t0 < self._bad
        if bad and not self._seen:
            y += _OUTLIER * rng.choice((-1.0, 1.0))
        usable = not (bad and self._seen) and not self._lost <= t0 < self._lost + _LOST_S
        if not usable:
            return
        self._clean = [t for t in self._clean if t > t1 - 30.0] + [t1]
        if t0 >= self._counts_from:
            yield ThetaScore(t0, t1, self._brain.level + self._brain.sd * y, 1.0, True)

    def blank(self, until: float) -> None:
        """Let no score before `until` count."""
        self._counts_from = max(self._counts_from, until)

    def hear(self, heard: Heard) -> None:
        """Nothing is compared with it."""

    def tracking(self, now: float) -> Tracking:
        """Follow, always."""
        return Tracking(
            FOLLOWING, 0.12, 0.05, 0.05, 0.2, 0.01, 5.0, ever_following=True,
            usable_s=30.0, age_s=0.0, usable=True, reasons=(),
        )  # fmt: skip

    def sampled(self) -> tuple[int, np.ndarray]:
        """Keep no EEG."""
        return 0, np.empty((0, len(MONTAGE)))

    def doubt(self, now: float, *, coverage: float) -> str:
        """Say what the senses say where too little is clean."""
        if not self._clean or now - self._clean[-1] > 6.0:
            return "no clean EEG in the last seconds"
        share = SCORE_SECONDS * sum(t > now - 30.0 for t in self._clean) / min(30.0, now)
        return "" if share >= coverage else "too little clean EEG"


def _walk(rng: np.random.Generator, before: float, sd: float, tau: float) -> float:
    stays = math.exp(-SCORE_SECONDS / tau)
    return stays * before + sd * math.sqrt(1.0 - stays**2) * rng.standard_normal()


@dataclass
class _Seen:
    """What was seen of one session."""

    felt: list[float] = field(default_factory=list)
    actions: list[Decision] = field(default_factory=list)
    false: int = 0
    weight: float = 0.0


def music(rng: np.random.Generator) -> tuple[tuple[Track, ...], Music]:
    """Return the tracks of the songbook as if they were as long as in a collection."""
    book = songs()
    lengths = rng.uniform(SHORTEST, LONGEST, len(book))
    tracks = tuple(
        Track(Path(one.file), one.title, one.artist, float(s), album=one.album, genre=one.genre)
        for one, s in zip(book, lengths, strict=True)
    )
    features = np.array([one.traits for one in book])
    return tracks, Music(features, tuple(t.genre for t in tracks), tuple(t.artist for t in tracks))


def session(
    person: Listener,
    calibration: Calibration | None,
    brain: Brain | None,
    taste: Taste,
    tracks: tuple[Track, ...],
    *,
    at: float,
    minutes: float,
    seed: int,
) -> tuple[_Seen, Listener]:
    """Live one session; without a `brain` nobody wears a headset."""
    if brain is not None and calibration is None:
        calibration, _ = person.calibration_for(_SETUP)
    each = expect(person.record, tracks, at)
    expected = tuple((round(one.mean, 6), round(one.sd, 6)) for one in each)
    loop = Loop(
        load_preset("default"),
        pool=[PoolTrack(one.title, one.duration) for one in tracks],
        ch_names=MONTAGE if brain is not None else (),
        sfreq=250.0,
        calibration=calibration,
        seed=seed,
        expected=expected,
    )
    scores = None
    if brain is not None:
        scores = Scores(brain, taste, np.random.default_rng(seed))
        loop._senses = scores
    place = opening_order(expected, len(tracks), seed=seed, greedy=False)[0]
    play, began, cued = loop.first(place, now=0.0), 0.0, None
    heard_of: dict[Play, Any] = {play: _of_taste(tracks, place)}
    asked: dict[Play, int] = {}
    prompts: dict[Place, int] = {}
    events: list[LoopEvent] = []
    seen = _Seen()
    for now in range(1, round(60 * minutes) + 1):
        if cued is not None and now - 1 >= began + tracks[place].duration:
            (play, place), cued, began = cued, None, now - 1.0
        if scores is not None:
            scores.place = place
        for n in range(RATE):
            taste.step(now - 1 + n / RATE, play, heard_of, 0.0)
        times = now - 1 + np.arange(RATE) / RATE
        rows = np.zeros((RATE, len(HEARD_NAMES)), dtype=np.float32)
        rows[:, HEARD_NAMES.index("track")] = play
        rows[:, HEARD_NAMES.index("position_s")] = times - began
        eeg, stamps = np.zeros((1, len(MONTAGE)), dtype=np.float32), np.array([float(now)])
        result = loop.tick(TickInput(float(now), eeg, stamps, Heard(times, rows), tuple(events)))
        events = []
        seen.felt.append(taste.felt)
        seen.weight = result.eeg_weight
        act = result.decision
        if act is not None and act.cause == "eeg" and act.kind != "hold":
            seen.actions.append(act)
            seen.false += float(np.mean(seen.felt[-FALSE_S:])) >= FALSE_LEVEL
        if act is not None and result.starts is not None:
            coming = result.starts, Place(int(act.target))
            heard_of[coming[0]] = _of_taste(tracks, coming[1])
            if act.kind == "change_track":
                (play, place), cued, began = coming, None, float(now)
            else:
                cued = coming
        due = (now - began >= PROMPT_S) + (now - began >= PROMPT_SHARE * tracks[place].duration)
        if due > asked.get(play, 0):
            asked[play] = asked.get(play, 0) + 1
            n = prompts.get(place, 0)
            prompts[place] = n + 1
            given = taste.rating(place, n)
            if given is not None:
                events = [LoopEvent("rating", rating_share(given))]
    setup = _SETUP if brain is not None else None
    lesson = replace(loop.lesson(began=0.0), setup=setup, tracks=tracks, at=at)
    return seen, learn(person, lesson)[0]


def _of_taste(tracks: tuple[Track, ...], place: Place) -> SimpleNamespace:
    size = round(tracks[place].duration * RATE)
    return SimpleNamespace(place=place, feature=np.empty(size, dtype=np.int8))


def life(
    number: int, *, seed: int, sessions: int, minutes: float, gain: float = 0.0,
    record: Listener | None = None, calibration: Calibration | None = None, eeg: bool = True,
) -> tuple[list[_Seen], Listener]:  # fmt: skip
    """Live the sessions of one person, from a record on."""
    rng = np.random.default_rng([seed, number])
    tracks, features = music(rng)
    known = calibration or load_calibration("clear")
    level = known.theta_db + _LEVEL_SD * rng.standard_normal()
    brain = Brain(level, known.theta_sd, gain) if eeg else None
    taste, person = Taste(features, seed=int(rng.integers(2**31))), record or Listener()
    out = []
    for n in range(sessions):
        taste.begin(n * BETWEEN)
        seen, person = session(
            person, calibration, brain, taste, tracks,
            at=FIRST + person.sessions * BETWEEN, minutes=minutes, seed=int(rng.integers(2**31)),
        )  # fmt: skip
        out.append(seen)
    return out, person


def rows(*, persons: int, sessions: int, minutes: float, seed: int) -> Iterator[Row]:
    """Live them all; yield what came of it for each record that they begin with."""
    for name in ("own record", "a stranger's calibration", "a stranger's record"):
        shown, acted, weights, gains, n_false = 0, 0, [], [], 0
        for number in range(persons):
            given: dict[str, Any] = {}
            if name == "a stranger's calibration":
                given["calibration"] = load_calibration("clear")
            elif name == "a stranger's record":
                given["record"] = life(
                    number, seed=seed + 1, sessions=sessions, minutes=minutes, gain=_GAIN * STRANGER
                )[1]
            weeks = {"seed": seed, "sessions": sessions, "minutes": minutes} | given
            lived, _ = life(number, **weeks)
            acts = [len(one.actions) for one in lived]
            shown, acted = shown + sum(acts), acted + sum(a > 0 for a in acts)
            n_false += sum(one.false for one in lived)
            weights.append(lived[-1].weight)
            gain = 0.0
            if any(acts):  # without one both arms are the same to the last digit
                without, _ = life(number, **weeks, eeg=False)
                felt = [np.mean([one.felt for one in arm]) for arm in (lived, without)]
                gain = float(felt[0] - felt[1])
            gains.append(gain)
            sys.stderr.write(f"\r{name}: {number + 1} of {persons} persons  ")
            sys.stderr.flush()
        n, share = persons * sessions, acted / (persons * sessions)
        half = float(stats.t.ppf(0.975, persons - 1) * np.std(gains, ddof=1) / math.sqrt(persons))
        low = float(np.mean(gains)) - half
        what = f"a brain that follows and tells nothing, {name}"
        yield Row(29, f"{what}: enjoyment with EEG less without, lower 95 % bound",
                  f"over {HARM}", f"{low:+.4f} (mean {np.mean(gains):+.4f})", persons,
                  low > HARM, low)  # fmt: skip
        yield Row(29, f"{what}: sessions with an action because of the EEG", "-",
                  f"{100 * share:.1f} % ({shown} actions, {n_false} while nothing was wrong; "
                  f"weight at the end {np.median(weights):.2f})", n, None, share)  # fmt: skip


def main(words: list[str] | None = None) -> int:
    """Live them all; 1 if a limit is not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(words)
    failed = False
    for row in rows(**vars(given)):
        word = {True: "yes", False: "NO", None: "told"}[row.passed]
        sys.stdout.write(f"{row.what}: {row.measured} ({row.limit}; n {row.n}): {word}\n")
        sys.stdout.flush()
        failed |= row.passed is False
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
