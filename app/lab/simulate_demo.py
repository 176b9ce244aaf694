"""Simulated listeners by the hundred: whether the loop closes, and whether it keeps still."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context

from app.loop.loop import TickResult
from app.paths import tracks_cache
from app.session.plan import Plan
from app.session.session import Session
from playlists.analysis.prepare import prepare
from playlists.files import open_playlist
from playlists.tracks import PreparedTrack

DEMO_MINUTES = 2.0
RISE = 0.05  # enjoyment over the prior of the new track, held by two ticks, that counts as a rise


@dataclass(frozen=True)
class DemoOutcome:
    """What happened in one demo session.

    `layer`, `change`: an action because of the EEG. `rise`: after such a change the estimate stood
    over the prior of the new track and over the twin without EEG. `any_eeg_action`: any action
    whose cause is the EEG.
    """

    seed: int
    layer: bool
    change: bool
    rise: bool
    any_eeg_action: bool
    changed: bool


class _Watch:
    """Reads the outcome off the ticks."""

    def __init__(self, prior: float) -> None:
        self._prior = prior
        self.layer = self.change = self.rise = self.any_eeg = self.changed = False
        self._high = 0
        self._track_at_change = -1

    def tick(self, result: TickResult) -> None:
        decision = result.decision
        if decision is not None and decision.kind != "hold":
            eeg = decision.cause == "eeg"
            self.any_eeg |= eeg
            self.layer |= eeg and decision.kind == "layer_on"
            if decision.kind == "change_track":
                self.changed = True
                self.change |= eeg
                self._track_at_change = result.play
        mean = result.enjoyment.mean
        new_track = self.change and result.play > self._track_at_change
        high = new_track and mean > self._prior + RISE and mean > result.twin.mean
        self._high = self._high + 1 if high else 0
        self.rise |= self._high >= 2


@lru_cache(maxsize=1)
def starter() -> dict[int, PreparedTrack]:
    """Measure the starter tracks once a process."""
    tracks = open_playlist("starter").tracks
    return {i: prepare(t.path, cache=tracks_cache()) for i, t in enumerate(tracks)}


def demo_session(plan: Plan) -> DemoOutcome:
    """Run one demo session on the virtual clock: EEG samples through the whole pipeline."""
    session = Session(plan, prepared=starter())
    watch = _Watch(session.settings.priors.next_mean)
    session.watch(watch.tick)
    session.run()
    return DemoOutcome(
        plan.seed, watch.layer, watch.change, watch.rise, watch.any_eeg, watch.changed
    )


def demo(plan: Plan, *, seeds: int, workers: int | None = None) -> Iterator[DemoOutcome]:
    """Run `seeds` demo sessions from the seed of `plan` on, as they finish.

    `plan` gives listener, calibration, liking and first seed.
    """
    starter()  # once, before the workers: they find it in the cache
    base = replace(plan, source="simulated", minutes=DEMO_MINUTES, record=False, playlist="starter")
    plans = [replace(base, seed=plan.seed + i) for i in range(seeds)]
    workers = min(workers or os.cpu_count() or 1, seeds)
    if workers == 1:
        yield from map(demo_session, plans)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
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
        "layer": sum(o.layer for o in outcomes) / n,
        "change": sum(o.change for o in outcomes) / n,
        "rise": sum(o.rise for o in outcomes) / n,
        "any_eeg_action": sum(o.any_eeg_action for o in outcomes) / n,
        "closed": sum(o.layer and o.change and o.rise for o in outcomes) / n,
        "changed": sum(o.changed for o in outcomes) / n,
    }
