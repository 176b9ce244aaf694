"""Simulated listeners by the hundred: whether the loop closes, and whether it keeps still."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context

from app.loop.decision import Decision
from app.loop.ticks import TickResult
from app.paths import tracks_cache
from app.report.closing import Closing, Moment, loop_closing
from app.session.plan import Plan
from app.session.session import Session
from devices.children import end_with_parent
from playlists.analysis.prepare import prepare
from playlists.files import open_playlist
from playlists.tracks import PreparedTrack

DEMO_MINUTES = 2.0


@dataclass(frozen=True)
class DemoOutcome:
    """What happened in one demo session.

    `closing`: the three steps because of the EEG, as a report tells them. `any_eeg_action`: any
    action whose cause is the EEG. `changed`: any change of track in mid-track.
    """

    seed: int
    closing: Closing
    any_eeg_action: bool
    changed: bool


@lru_cache(maxsize=1)
def starter() -> dict[int, PreparedTrack]:
    """Measure the starter tracks once a process."""
    tracks = open_playlist("starter").tracks
    return {i: prepare(t.path, cache=tracks_cache()) for i, t in enumerate(tracks)}


def demo_session(plan: Plan) -> DemoOutcome:
    """Run one demo session on the virtual clock: EEG samples through the whole pipeline."""
    session = Session(plan, prepared=starter())
    prior = session.settings.priors.next_mean  # of every track after the first: nobody rates
    moments: list[Moment] = []
    acts: list[Decision] = []

    def note(result: TickResult) -> None:
        act = result.decision
        if act is not None:
            acts.append(act)
        kind = act.kind if act is not None and act.cause == "eeg" else ""
        mean, twin = result.enjoyment.mean, result.twin.mean
        moments.append(Moment(result.now, result.play, mean, twin, prior, kind))

    session.watch(note)
    session.run()
    return DemoOutcome(
        seed=plan.seed,
        closing=loop_closing(moments),
        any_eeg_action=any(a.cause == "eeg" and a.kind != "hold" for a in acts),
        changed=any(a.kind == "change_track" for a in acts),
    )


def demo(plan: Plan, *, seeds: int, workers: int | None = None) -> Iterator[DemoOutcome]:
    """Run `seeds` demo sessions from the seed of `plan` on, as they finish.

    Parameters
    ----------
    plan : Plan
        Gives listener, calibration, liking and first seed.
    seeds : int
        Number of sessions.
    workers : int, optional
        Processes; one a core unless given.
    """
    starter()  # once, before the workers: they find it in the cache
    base = replace(plan, source="simulated", minutes=DEMO_MINUTES, record=False, playlist="starter")
    plans = [replace(base, seed=plan.seed + i) for i in range(seeds)]
    workers = min(workers or os.cpu_count() or 1, seeds)
    if workers == 1:
        yield from map(demo_session, plans)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=end_with_parent
    ) as pool:
        futures = [pool.submit(demo_session, p) for p in plans]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def shares(outcomes: list[DemoOutcome]) -> dict[str, float | int]:
    """Shares of sessions, 0..1, as `attune simulate demo --json` prints them."""
    n = len(outcomes)
    return {
        "sessions": n,
        "layer": sum(o.closing.layer_on is not None for o in outcomes) / n,
        "change": sum(o.closing.change is not None for o in outcomes) / n,
        "rise": sum(o.closing.rise is not None for o in outcomes) / n,
        "any_eeg_action": sum(o.any_eeg_action for o in outcomes) / n,
        "closed": sum(o.closing.closed for o in outcomes) / n,
        "changed": sum(o.changed for o in outcomes) / n,
    }
