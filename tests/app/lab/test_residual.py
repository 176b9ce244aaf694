"""Residual tracking of recordings: windows that do not overlap, or why there are none."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.lab.evaluate_reward import evaluate_reward
from app.lab.residual import MASKED, residual_summary
from dsp.correlates import FOR_RESEARCH
from dsp.tracking.tracker import Tracking

NOTHING = Tracking(
    "cannot tell", 0.1, 0.08, 0.0, 0.2, 0.1, 0.0, False, 25.0, 1.0, True, (),
    residual_reason="Not yet.",
)  # fmt: skip


def test_a_summary_takes_windows_of_thirty_seconds_and_says_why_others_are_missing() -> None:
    known = replace(NOTHING, residual=0.02, residual_low=-0.1, residual_high=0.1)
    seconds = [(at + 0.3, NOTHING if at < 75 else known) for at in range(1, 181)]
    seconds[149] = (150.3, replace(known, residual=0.06))
    got = residual_summary(seconds)
    assert got["windows"] == 4
    assert got["mean"] == pytest.approx(0.03)
    assert got["low"] < 0.03 < got["high"]
    assert got["usable_s"] == 100.0
    assert got["not_known_s"] == {MASKED: 20.0, "Not yet.": 60.0}


def test_a_summary_of_nothing_holds_no_number() -> None:
    got = residual_summary([(30.2, NOTHING)])
    assert got["mean"] is got["low"] is got["high"] is None


def archive(path: Path, *, envelope: bool) -> Path:
    rng = np.random.default_rng(0)
    n = 250 * 70
    arrays = {
        "eeg": rng.normal(0.0, 10.0, (n, 2)),
        "fs": np.array(250.0),
        "ch_names": np.array(["Fz", "Cz"]),
        "times": 10.0 + np.arange(n) / 250.0,
    }
    if envelope:
        arrays["envelope"] = np.abs(np.sin(2.0 * np.pi * np.arange(n) / 250.0))
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [(False, "It is not recorded what was heard."), (True, "What is usual for this person")],
)
def test_reward_lists_residual_tracking_with_what_is_missing(
    tmp_path: Path, envelope: bool, reason: str
) -> None:
    path = archive(tmp_path / "run.npz", envelope=envelope)
    (entry,) = evaluate_reward([path])["recordings"]
    feature = entry["features"]["residual_tracking"]
    assert feature["in_estimate"] is True
    assert [n for n, f in entry["features"].items() if not f["in_estimate"]] == list(FOR_RESEARCH)
    assert feature["mean"] is None
    assert any(why.startswith(reason) for why in feature["unusable_s"])
    assert not math.isnan(feature["usable_s"])


def test_the_newest_window_is_scored_against_the_persons_own_earlier_ones() -> None:
    from collections import Counter

    from app.lab.evaluate_reward import _summary

    earlier = [0.0, 1.0] * 4
    known = _summary([*earlier, 2.0], 270.0, Counter(), per_window=1)
    assert known["z"] == pytest.approx((2.0 - 0.5) / np.std(earlier, ddof=1), abs=0.001)
    assert _summary([*earlier[:7], 2.0], 240.0, Counter(), per_window=1)["z"] is None
    halves = [v + d for v in [*earlier, 2.0] for d in (-1.0, 1.0)]
    assert _summary(halves, 270.0, Counter(), per_window=2)["z"] == known["z"]
