"""Weeks of simulated persons by the dozen: whether a session teaches the next, and harms not."""

from __future__ import annotations

import math
import multiprocessing
import os
import queue
import signal
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing.synchronize import Event
from typing import Any

import numpy as np
from scipy import stats

from app.lab.life import REFERENCE_SESSION, Collection, Life, Lived, Weeks, live
from devices.children import end_with_parent

FOLLOWS_S = (60.0, 30.0)  #: s within which the share is told that follows

MEASURES = (
    "r",
    "following_within_s",
    "weight",
    "expected_rank_correlation",
    "enjoyment",
    "enjoyment_eeg_off",
    "eeg_actions",
    "false_eeg_actions",
)

_done: Any


def _begin(stop: Event, done: Any, folder: str) -> None:
    """Make a worker ready: a Ctrl-C is the first process's to take, and to clear up `folder`."""
    global _done
    _done, tempfile.tempdir = done, folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(stop)


def _one_life(weeks: Weeks, number: int, collection: Collection) -> Life:
    return live(weeks, number, collection, told=lambda: _done.put(number))


def steps(weeks: Weeks) -> int:
    """Sessions that have to be simulated."""
    tried = weeks.sessions > REFERENCE_SESSION and not weeks.calibration
    return weeks.listeners * (2 * weeks.sessions + tried)


def all_lives(
    weeks: Weeks,
    collection: Collection,
    *,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda n: None,
) -> Iterator[Life]:
    """Live the weeks of all persons, and yield each as it is over.

    Parameters
    ----------
    weeks : Weeks
    collection : (str, Music)
        What they listen to.
    workers : int, optional
        Processes; one a core unless given.
    progress : callable
        Called with the number of sessions that are over, of `steps`. Whoever stops iterating, or
        raises here, ends the workers at once.
    """
    workers = min(workers or os.cpu_count() or 1, weeks.listeners)
    if workers == 1:
        over = 0

        def told() -> None:
            nonlocal over
            over += 1
            progress(over)

        for number in range(weeks.listeners):
            yield live(weeks, number, collection, told=told)
        return
    context = multiprocessing.get_context("spawn")
    stop, done, over = context.Event(), context.Queue(), 0
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(stop, done, folder)
        ) as pool,
    ):
        persons = range(weeks.listeners)
        left = {pool.submit(_one_life, weeks, number, collection) for number in persons}
        try:
            while left:
                finished, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)
                if new := _drained(done):
                    over += new
                    progress(over)
                for future in finished:
                    yield future.result()
        finally:
            for future in left:
                future.cancel()
            if left:
                stop.set()


def _drained(done: Any) -> int:
    n = 0
    while True:
        try:
            done.get_nowait()
        except queue.Empty:
            return n
        n += 1


def summary(weeks: Weeks, lives: Sequence[Life]) -> dict[str, Any]:
    """Return what `attune simulate weeks --json` prints.

    Medians over the persons with the 5th and 95th percentile; None where it is not finite. The
    difference of enjoyment is a mean over persons, each over all sessions, with its 95 % interval.
    """
    sessions = []
    for n in range(weeks.sessions):
        row: dict[str, Any] = {}
        for name in MEASURES:
            if name == "expected_rank_correlation":
                values = [one.expected[n] for one in lives]
            elif name == "enjoyment_eeg_off":
                values = [one.without[n].enjoyment for one in lives]
            else:
                values = [float(getattr(one.with_eeg[n], name)) for one in lives]
            row[name] = _spread(values)
        row |= _following([one.with_eeg[n] for one in lives])
        sessions.append(row)
    tried = [one.reference for one in lives if one.reference is not None]
    reference = None
    if tried:
        reference = {"session": REFERENCE_SESSION + 1, "r": _spread([one.r for one in tried])}
        reference |= _following(tried)
    acted = [one.eeg_actions > 0 for life in lives for one in life.with_eeg]
    return {
        "listener": weeks.listener,
        "d_prime": weeks.d_prime,
        "calibration": weeks.calibration or "own",
        "listeners": len(lives),
        "minutes": weeks.minutes,
        "seed": weeks.seed,
        "sessions": sessions,
        "reference": reference,
        "enjoyment_difference": _difference(lives),
        "sessions_with_eeg_action": sum(acted) / len(acted),
        "eeg_actions": sum(one.eeg_actions for life in lives for one in life.with_eeg),
        "false_eeg_actions": sum(one.false_eeg_actions for life in lives for one in life.with_eeg),
    }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """Median, 5th and 95th percentile; a NaN counts as less than any number."""
    known = [-math.inf if math.isnan(one) else one for one in values]
    low, high = np.quantile(known, (0.05, 0.95), method="inverted_cdf")
    found = {"median": statistics.median(known), "low": float(low), "high": float(high)}
    return {name: one if math.isfinite(one) else None for name, one in found.items()}


def _following(lived: Sequence[Lived]) -> dict[str, float]:
    """Share that follows within each of `FOLLOWS_S` of the first sound."""
    return {
        f"following_{limit:.0f}_s": float(np.mean([x.following_within_s <= limit for x in lived]))
        for limit in FOLLOWS_S
    }


def _difference(lives: Sequence[Life]) -> dict[str, float | None]:
    each = [
        float(
            np.mean([a.enjoyment - b.enjoyment for a, b in zip(x.with_eeg, x.without, strict=True)])
        )
        for x in lives
    ]
    if len(each) < 2:
        return {"mean": each[0], "low": None, "high": None}
    half = float(stats.t.ppf(0.975, len(each) - 1) * np.std(each, ddof=1) / math.sqrt(len(each)))
    mean = float(np.mean(each))
    return {"mean": mean, "low": mean - half, "high": mean + half}
