"""What is said of the EEG's quality and freshness, and what may enter an estimate."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from app.loop.senses import Senses
from devices.listener import MONTAGE
from dsp.grid import RATE
from dsp.reward import ThetaScore
from dsp.sound.heard import HEARD_NAMES, Heard

SFREQ = 250.0
NOW = 1000.0


def senses(names=MONTAGE) -> Senses:
    return Senses(ch_names=names, sfreq=SFREQ, calibration=None, seed=1)


def score(t1: float, *, share: float = 1.0, usable: bool = True) -> ThetaScore:
    return ThetaScore(t1 - 2.0, t1, 1.0, share, usable)


def doubt(scores: list[ThetaScore], *, first: float = 0.0, coverage: float = 0.5) -> str:
    one = senses()
    one._scores.extend(scores)
    one._first = first
    return one.doubt(NOW, coverage=coverage)


def every(share: float = 1.0, until: float = NOW) -> list[ThetaScore]:
    """Scores of two seconds each, all the time of the last minute."""
    return [score(until - 2.0 * k, share=share) for k in reversed(range(30))]


def test_clean_fresh_eeg_leaves_no_doubt() -> None:
    assert doubt(every()) == ""


@pytest.mark.parametrize(("age", "fresh"), [(6.0, True), (6.001, False), (20.0, False)])
def test_eeg_carries_no_decision_when_its_newest_score_is_older_than_six_seconds(
    age: float, fresh: bool
) -> None:
    said = doubt(every(until=NOW - age))
    assert (said == "") is fresh
    if not fresh:
        assert said.startswith("no clean EEG in the last seconds")


def test_a_score_that_is_not_usable_is_not_fresh() -> None:
    scores = [*every(until=NOW - 8.0), score(NOW, usable=False)]
    assert doubt(scores).startswith("no clean EEG")


def test_half_of_the_last_thirty_seconds_must_be_clean() -> None:
    assert doubt(every(0.5)) == ""
    assert doubt(every(0.49)) == "clean EEG in 49 % of the last 30 s"


def test_what_lies_thirty_seconds_back_counts_no_more() -> None:
    """Fifteen scores of two seconds: with one more it would be over a half."""
    old, one_less = score(NOW - 30.0), [score(NOW - 4.0 * k) for k in range(7)][::-1]
    assert doubt([old, *one_less]) == "clean EEG in 47 % of the last 30 s"
    inside = score(NOW - 29.9)
    assert doubt([inside, *one_less]) == ""
    one = senses()
    one._scores.extend([old, inside])
    one._first = 0.0
    one.doubt(NOW, coverage=0.5)
    assert list(one._scores) == [inside]


@pytest.mark.parametrize(
    ("since", "percent", "span"), [(8.0, 50, 8), (40.0, 13, 30), (0.5, 400, 0)]
)
def test_at_first_the_share_is_of_what_there_can_be(since: float, percent: int, span: int) -> None:
    said = doubt([score(NOW - 2.0), score(NOW)], first=NOW - since, coverage=9.0)
    assert said == f"clean EEG in {percent} % of the last {span} s"


def test_the_worst_electrodes_are_named_three_at_most() -> None:
    one = senses()
    one._first = 0.0
    one.quality = (
        ("Fz", 0, "good"), ("F3", 1, "fair"), ("F4", 2, "blinks"), ("Cz", 3, "off"),
        ("Pz", 2, "muscle"), ("Oz", 3, "line"),
    )  # fmt: skip
    named = " (F4: blinks, Cz: off, Pz: muscle)"
    assert one.doubt(NOW, coverage=0.5) == "no clean EEG in the last seconds" + named
    one._scores.extend(every(0.25))
    assert one.doubt(NOW, coverage=0.5) == "clean EEG in 25 % of the last 30 s" + named


def test_without_a_frontal_electrode_theta_says_nothing() -> None:
    one = senses(("O1", "O2", "P3"))
    assert one.doubt(NOW, coverage=0.5) == "no frontal electrode: ratings and priors alone"


# What enters


def scores_of(one: Senses, *scores: ThetaScore) -> list[ThetaScore]:
    """What is passed on of `scores`, as if a block had held them."""
    second = SimpleNamespace(grades=(0,) * len(MONTAGE), words=("good",) * len(MONTAGE))
    one._guard = SimpleNamespace(push=lambda eeg, times: SimpleNamespace(seconds=(second,)))
    one._tracker = SimpleNamespace(push_eeg=lambda block: None)
    one._theta = SimpleNamespace(push=lambda block: scores)
    return list(one.take(np.zeros((1, len(MONTAGE)), dtype=np.float32), np.array([NOW - 90.0])))


def test_no_score_counts_before_the_first_blank_time_is_over() -> None:
    one, early, late = senses(), score(NOW - 1.0), score(NOW + 10.0)
    assert scores_of(one, early, late) == []
    one.blank(NOW + 8.0)
    assert scores_of(one, early, late) == [late]
    assert one._first == NOW - 90.0


def test_blank_times_only_grow() -> None:
    one = senses()
    one.blank(NOW)
    one.blank(NOW - 50.0)
    one.blank(NOW + 5.0)
    one.blank(NOW + 4.0)
    assert scores_of(one, score(NOW + 6.9), score(NOW + 7.0)) == [score(NOW + 7.0)]


def test_a_score_that_is_not_usable_enters_nothing_and_shows_nothing() -> None:
    one = senses()
    one.blank(0.0)
    assert scores_of(one, score(NOW)) == [score(NOW)]
    assert one.theta_db == 1.0
    assert scores_of(one, ThetaScore(NOW, NOW + 2.0, math.nan, 0.1, False)) == []
    assert one.theta_db is None
    assert len(one._scores) == 2  # it still counts for the share of clean EEG
    scores_of(one, ThetaScore(NOW + 2.0, NOW + 4.0, 1.23456789, 1.0, True))
    assert one.theta_db == 1.234568


def test_real_samples_are_judged_named_and_scored() -> None:
    rng, one = np.random.default_rng(0), senses()
    n = int(12 * SFREQ)
    eeg = np.cumsum(rng.standard_normal((n, len(MONTAGE))), axis=0)
    eeg = (3.0 * (eeg - eeg.mean(axis=0)) * 0.1 + 5.0 * rng.standard_normal(eeg.shape)).astype("f4")
    times = 50.0 + np.arange(n) / SFREQ
    one.blank(0.0)
    assert list(one.take(eeg[:0], times[:0])) == []
    assert one._first is None
    got = [s for k in range(12) for s in one.take(eeg[k * 250 :][:250], times[k * 250 :][:250])]
    assert one._first == 50.0
    assert len(got) >= 3
    assert got[0].t0 >= 50.0
    assert [name for name, _, _ in one.quality] == list(MONTAGE)
    assert one.tracking(62.0).reasons == ("Nothing is playing.",)
    at = np.arange(8 * RATE) / RATE
    rows = np.abs(rng.standard_normal((at.size, len(HEARD_NAMES)))).astype("f4")
    one.hear(Heard.nothing())
    one.hear(Heard(54.0 + at, rows))
    assert one.tracking(62.0).reasons != ("Nothing is playing.",)


def test_before_any_eeg_came_nothing_is_handed_on_and_then_no_more_than_came() -> None:
    one = senses()
    assert len(one.sampled()[1]) == 0
    t0 = 20_000.0  # of a computer that has run for hours
    times = t0 + np.arange(round(4 * SFREQ)) / SFREQ
    rows = np.random.default_rng(0).normal(0.0, 10.0, (times.size, len(MONTAGE))).astype(np.float32)
    list(one.take(rows, times))
    start, sampled = one.sampled()
    assert abs(start - t0 * RATE) <= RATE
    assert RATE <= len(sampled) <= 4 * RATE + 1
