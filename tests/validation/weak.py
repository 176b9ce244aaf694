"""Tests 19 to 21: weak answers, clocks that run apart, and silence after a weak calibration.

The people are those of the second generator (`tests/doubles/second_brain.py`), which shares no code
with the one that constants were chosen on; half of them wear a Muse, half eight electrodes. Their r
is what an offline ridge reaches on ten minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from app.lab.recordings import Stimulus
from app.lab.runs import Run, go_through, windows
from devices.formats.recording import Recording
from dsp.tracking.decoder import Decoder
from dsp.tracking.tracker import FOLLOWING, NOT_FOLLOWING, calibrate
from tests.doubles.second_brain import CYTON, MUSE, MUSE_REFERENCE, Listened, Person, listen, music
from tests.validation.rows import Row, Sizes, correlation, ever, session_row, shown

SFREQ = 125.0
_WEAK = (0.02, 0.04, 0.06)
#: Offline r, and the share of windows that must be said to follow.
_POWER = ((0.067, 0.20), (0.116, 0.50), (0.176, 0.82))
STRONG = 0.176
_EARLY = 30  # windows, one every 5 s from 30 s on: the first three minutes
_DRIFT = 0.1 / 600.0  # s a second


def _person(seed: int, r: float) -> Person:
    if seed % 2:
        return Person(sites=MUSE, reference=MUSE_REFERENCE, sfreq=SFREQ, r=r, seed=seed)
    return Person(sites=CYTON, sfreq=SFREQ, r=r, seed=seed)


@lru_cache(maxsize=64)
def _known(seed: int, r: float) -> Decoder:
    """A person's decoder from five tracks that are heard in no test."""
    person = _person(seed, r)
    recordings = [
        listen(person, music(120.0, seed=900 + 10 * seed + k), seed=900 + k).recording()
        for k in range(5)
    ]
    return calibrate(recordings, ch_names=person.sites, sfreq=SFREQ)


def _run(heard: Listened, decoder: Decoder | None) -> Run:
    eeg = heard.eeg.astype(np.float32)
    recording = Recording("made up", heard.person.sites, SFREQ, eeg, heard.times, None)
    return go_through(recording, Stimulus("music", heard.values, heard.stamps), decoder=decoder)


def _session(
    seed: int, r: float, seconds: float, *, delay: float | Callable[..., np.ndarray] = 0.0
) -> Listened:
    sound = music(seconds, seed=100 + seed)
    return listen(_person(seed, r), sound, seed=seed, delay=delay)


def _share(states: list[str], state: str) -> float:
    return Counter(states)[state] / max(len(states), 1)


def _at_least(test: int, what: str, states: list[str], limit: float) -> Row:
    share = _share(states, FOLLOWING)
    return Row(test, f"{what}: windows of 30 s 'following'", f"at least {limit:.0%}",
               f"{share:.1%}", len(states), share >= limit, share)  # fmt: skip


def _seldom(test: int, what: str, states: list[str], state: str, limit: float) -> Row:
    share = _share(states, state)
    return Row(test, f"{what}: windows of 30 s '{state}'", f"at most {limit:.0%}",
               f"{share:.1%}", len(states), share <= limit, share)  # fmt: skip


def answers(size: Sizes) -> list[Row]:
    """Test 19: answers of several sizes, calibrated for ten minutes, sessions of ten minutes.

    How many windows follow in the first three, in which it must first be shown, stands beside.
    """
    people = size(6, 1)
    rows, weak = [], []
    for seed in range(people):
        r = _WEAK[seed % len(_WEAK)]
        weak += windows(_run(_session(seed, r, 600.0), _known(seed, r)))
    rows.append(_seldom(19, "offline r 0.02 to 0.06, calibrated", weak, NOT_FOLLOWING, 0.05))
    marked = [_known(seed, r).bleed for seed in range(people) for r, _ in _POWER]
    share = float(np.mean(marked))
    rows.append(Row(19, "answers without a leak: calibrations marked as leaking", "at most 2%",
                    f"{share:.1%}", len(marked), share <= 0.02, share))  # fmt: skip
    for r, limit in _POWER:
        states, early, found = [], [], []
        for seed in range(people):
            run = _run(_session(seed, r, 600.0), _known(seed, r))
            states += windows(run)
            early += windows(run)[:_EARLY]
            found.append(correlation(run, first=20.0))
        what = f"offline r {r:g}, calibrated (r {np.mean(found):.3f})"
        rows.append(_at_least(19, what, states, limit))
        rows.append(_seldom(19, what, states, NOT_FOLLOWING, 0.05))
        rows.append(shown(_at_least(19, f"{what}, first three minutes", early, limit)))
    return rows


def clocks(size: Sizes) -> list[Row]:
    """Test 20: a delay that drifts, a rate that is wrong, a sound that comes later."""
    people = size(3, 1)
    last: dict[str, list[str]] = {"calibrated": [], "from nothing": []}
    every: dict[str, list[str]] = {"calibrated": [], "from nothing": []}
    wrong: dict[str, list[str]] = {}
    errors = []
    for seed in range(people):
        heard = _session(seed, STRONG, 600.0, delay=lambda t: _DRIFT * t)
        for how, decoder in (("calibrated", _known(seed, STRONG)), ("from nothing", None)):
            run = _run(heard, decoder)
            states = windows(run)
            last[how] += states[-len(states) // 3 :]
            every[how] += states
            if decoder is not None:
                errors.append(abs(run.seconds[-1][1].drift - 60e3 * _DRIFT))
        heard = _session(seed, STRONG, 180.0)
        for what, stamps in (
            ("a rate wrong by 1 %", heard.stamps[0] + 1.01 * (heard.stamps - heard.stamps[0])),
            ("a sound later by 200 ms", heard.stamps - 0.2),
        ):
            run = _run(replace(heard, stamps=stamps), _known(seed, STRONG))
            wrong.setdefault(what, []).extend(windows(run))
    what = "delay drifting 100 ms in 10 min, offline r 0.176"
    rows = [
        _at_least(20, f"{what}, last third, calibrated", last["calibrated"], 0.8),
        shown(_at_least(20, f"{what}, last third, from nothing", last["from nothing"], 0.8)),
    ]
    rows += [_seldom(20, f"{what}, {how}", every[how], NOT_FOLLOWING, 0.02) for how in every]
    worst = float(np.nanmax(errors)) if np.isfinite(errors).any() else float("inf")
    rows.append(Row(20, f"{what}: error of the drift of 10 ms a minute, worst", "shown beside",
                    f"{worst:.1f} ms a minute", people, None, worst))  # fmt: skip
    rows += [_seldom(20, f"{what}, calibrated", states, NOT_FOLLOWING, 0.0)
             for what, states in wrong.items()]  # fmt: skip
    return rows


def silent(size: Sizes) -> list[Row]:
    """Test 21: nobody answers, from nothing and after a calibration of either kind."""
    people = size(12, 2)
    states: dict[str, list[str]] = {}
    said: dict[str, list[bool]] = {}
    for seed in range(people):
        calibrated = {
            "from nothing": None,
            "a calibration that found nothing": _known(seed % 6, 0.0),
            "a calibration that found an answer": _known(seed % 6, STRONG),
        }
        heard = listen(_person(seed % 6, 0.0), music(120.0, seed=300 + seed), seed=300 + seed)
        for what, decoder in calibrated.items():
            run = _run(heard, decoder)
            states.setdefault(what, []).extend(windows(run))
            said.setdefault(what, []).append(ever(run))
    rows = [_seldom(21, f"nobody answers, 120 s, {what}", one, FOLLOWING, 0.01)
            for what, one in states.items()]  # fmt: skip
    together = [one for some in said.values() for one in some]
    rows.append(session_row(21, "the same, all", together, limit=0.03))
    lost = [
        windows(_run(_session(seed, 0.0, 240.0), _known(seed, STRONG)))
        for seed in range(size(6, 1))
    ]
    after = [state for one in lost for state in one[-12:]]
    rows.append(shown(_seldom(21, "nobody answers, after 180 s, a calibration that found an answer",
                              after, NOT_FOLLOWING, 1.0)))  # fmt: skip
    return rows
