"""Earlier sessions of a simulated listener, and what a calibration learns from them.

Nothing hidden is used: the decoder sees EEG and sound, the baseline sees theta and the ratings the
listener gave, the checks see theta under a loved and under a neutral track. A listener whose EEG
answers nothing gets a calibration that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.loop.calibration import Calibration
from app.session.rig import VirtualRig
from app.words import rating_given, rating_share
from devices.listener import MONTAGE, Head
from devices.sources.simulated import SFREQ
from devices.timeline import HeardTrack
from dsp.enjoyment import CHECK_SE
from dsp.quality import CleanBlock, Guard
from dsp.reward import FrontalTheta, ThetaScore
from dsp.sound.heard import Heard, Play
from dsp.tracking.calibrate import calibrate
from playlists.tracks import PreparedTrack

N_DECODER, DECODER_SECONDS = 6, 110.0
N_SESSIONS, N_RATED, RATED_SECONDS = 3, 8, 60.0
# Two checks left to luck what they earn: from seed 0 z 2.0 and 2.9, and the EEG of no demo acted.
N_CHECKS, CHECK_SECONDS = 4, 90.0
LOVED, NEUTRAL = 0.85, 0.5
SETTLE = 12.0  # s at the start of a track that no score of it counts
RATING_SD = 0.13  # test-retest of ratings (Schubert 2012)


@dataclass(frozen=True)
class Listened:
    """One track as it was listened to: EEG, sound, theta, and the rating at its end."""

    eeg: tuple[CleanBlock, ...]
    heard: Heard
    theta: tuple[ThetaScore, ...]
    rating: float


def listen(
    kind: str,
    seed: int,
    plays: Sequence[tuple[PreparedTrack, float]],
    *,
    seconds: float,
    head: Head | None = None,
) -> list[Listened]:
    """Let a simulated listener hear each of `plays` (track, hidden liking 0..1) for `seconds`.

    Parameters
    ----------
    kind : {'clear', 'typical', 'silent'}
    seed : int
        Of the listener and of its ratings.
    plays : sequence of (PreparedTrack, float)
    seconds : float
        Of each track, or to its end.
    head : Head, optional
        Of somebody who is seen on several days; another in each session unless given.
    """
    rig, rng = VirtualRig(listener=kind, seed=seed, head=head), np.random.default_rng(seed)
    now, out = rig.start(), []
    assert rig.info is not None
    guard = Guard(ch_names=rig.info.ch_names, sfreq=rig.info.sfreq)
    theta = FrontalTheta(ch_names=rig.info.ch_names, sfreq=rig.info.sfreq)
    for play, (track, liking) in zip(map(Play, range(len(plays))), plays, strict=True):
        rig.player.tracks.put(play, HeardTrack(track.feature, track.gain, liking, play))
        rig.player.play(play, track, fade=1.0)
        began, blocks, scores, felt = now, [], [], liking
        heard: list[Heard] = []
        end = began + min(seconds, track.track.duration - 2.0)
        while now + 1.0 <= end:
            now += 1.0
            rig.wait(now, lambda: True)
            block = guard.push(*rig.eeg(now))
            heard.append(rig.player.heard())
            if block is not None:
                blocks.append(block)
                scores += theta.push(block)
            felt = [e.value for e in rig.events()][-1]
        rating = float(np.clip(felt + RATING_SD * rng.standard_normal(), 0.0, 1.0))
        kept = tuple(s for s in scores if s.usable and s.t0 >= began + SETTLE)
        out.append(
            Listened(
                tuple(blocks),
                Heard.joined(heard),
                kept,
                rating_share(rating_given(rating)),
            )
        )
    rig.close()
    return out


def ten_second_means(scores: Sequence[ThetaScore]) -> npt.NDArray[np.float64]:
    """Means over five successive 2 s scores, dB."""
    n = len(scores) // 5
    db = np.asarray([s.db for s in scores[: 5 * n]])
    return np.asarray(db.reshape(n, 5).mean(axis=1))


def theta_baseline(listened: Sequence[Listened]) -> tuple[float, float]:
    """Frontal theta at middling enjoyment, and the sd of its 10 s means within a track, dB.

    The level is that of a line through track means over ratings, at rating 0.5.
    """
    means = [ten_second_means(one.theta) for one in listened]
    ratings = np.asarray([one.rating for one in listened])
    levels = np.asarray([m.mean() for m in means])
    slope = np.cov(ratings, levels)[0, 1] / np.var(ratings, ddof=1)
    level = levels.mean() + slope * (0.5 - ratings.mean())
    within = np.concatenate([m - m.mean() for m in means])
    freedom = within.size - len(means)
    return float(level), float(np.sqrt(np.sum(within**2) / freedom))


def check_z(loved: Listened, neutral: Listened, *, sd: float) -> float:
    """Z of one three-minute check: difference of mean theta over its standard error."""
    difference = ten_second_means(loved.theta).mean() - ten_second_means(neutral.theta).mean()
    return float(difference / sd / CHECK_SE)


def calibrate_listener(
    kind: str, tracks: Sequence[PreparedTrack], *, seed: int, head: Head | None = None
) -> Calibration:
    """Learn the calibration of a simulated listener from earlier sessions.

    Parameters
    ----------
    kind : {'clear', 'typical', 'silent'}
    tracks : sequence of PreparedTrack
        At least six.
    seed : int
        Of the sessions; the sessions that are later simulated use others.
    head : Head, optional
        As in `listen`.
    """
    rng = np.random.default_rng(seed)
    seeds = [int(s) for s in rng.integers(2**31, size=1 + N_SESSIONS + N_CHECKS)]

    def some(n: int) -> list[PreparedTrack]:
        return [tracks[i % len(tracks)] for i in rng.permutation(max(n, len(tracks)))[:n]]

    plays = [(t, float(rng.uniform(0.2, 0.9))) for t in some(N_DECODER)]
    decoder = calibrate(
        [
            (one.eeg, (one.heard.stimulus, one.heard.times))
            for one in listen(kind, seeds[0], plays, seconds=DECODER_SECONDS, head=head)
        ],
        ch_names=MONTAGE,
        sfreq=SFREQ,
        seed=seed,
    )
    rated: list[Listened] = []
    for session in seeds[1 : 1 + N_SESSIONS]:
        plays = [(t, float(rng.uniform(0.1, 0.9))) for t in some(N_RATED)]
        rated += listen(kind, session, plays, seconds=RATED_SECONDS, head=head)
    level, sd = theta_baseline(rated)
    checks = []
    for session in seeds[1 + N_SESSIONS :]:
        first, second = some(2)
        loved, neutral = listen(
            kind, session, [(first, LOVED), (second, NEUTRAL)], seconds=CHECK_SECONDS, head=head
        )
        checks.append(check_z(loved, neutral, sd=sd))
    return Calibration(kind, decoder, level, sd, tuple(checks), simulated=True)
