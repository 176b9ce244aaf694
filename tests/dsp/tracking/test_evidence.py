"""The session's evidence is the e-process that its head writes down, and its bounds hold."""

import math

import numpy as np
import pytest

from dsp.tracking.evidence import BLOCK, KEPT, LOWER, MIN_BLOCK, NEW_BOUND, UPPER, Evidence

NEW = ((0.6, 0.2), (1.1, 0.35), (1.8, 0.3), (2.8, 0.15))


def written_out(zs: list[float], effect: float | None) -> list[float]:
    """log R after each block."""
    effects, stake = NEW, 0.1
    if effect is not None:
        effects = tuple((m * effect, w) for m, w in ((0.5, 0.25), (0.8, 0.4), (1.2, 0.35)))
        stake = 0.7
    sums, left, out = [0.0] * len(effects), 1.0, []
    for score in zs:
        z = 0.95 * min(max(score, -4.0), 6.0)
        left -= stake
        sums = [
            (r + stake) * math.exp(mu * z - mu * mu / 2.0)
            for r, (mu, _) in zip(sums, effects, strict=True)
        ]
        stake = 0.1 * left
        out.append(math.log(sum(w * r for r, (_, w) in zip(sums, effects, strict=True))))
    return out


@pytest.mark.parametrize(("effect", "counted"), [(None, None), (1.5, 1.5), (0.3, 0.8), (9.0, 4.0)])
def test_evidence_of_the_session_is_the_sum_written_out(
    effect: float | None, counted: float | None
) -> None:
    zs = [*np.random.default_rng(0).normal(0.5, 1.5, 20), -9.0, 9.0, 1.0]
    evidence = Evidence(effect=effect)
    assert evidence.session == evidence.highest == -math.inf
    told, expected = [], written_out(zs, counted)
    for k, z in enumerate(zs):
        evidence.add(float(z))
        told.append(evidence.session)
        assert evidence.highest == max(told)
        assert evidence.blocks == k + 1
    assert told == pytest.approx(expected)


@pytest.mark.parametrize(("effect", "odds", "z"), [(None, 40.0, 0.8), (1.0, 20.0, 0.75)])
def test_a_session_has_shown_it_from_its_odds_on_for_good(
    effect: float | None, odds: float, z: float
) -> None:
    evidence, near = Evidence(effect=effect), []
    for _ in range(60):
        evidence.add(z)
        near.append(math.exp(evidence.highest) / odds)
        assert evidence.ever == (near[-1] >= 1.0)
    assert any(0.8 < n < 1.0 for n in near)
    assert any(1.0 <= n < 1.25 for n in near)
    for _ in range(200):
        evidence.add(-4.0)
    assert evidence.ever
    assert evidence.session < 0.0


def test_evidence_has_a_largest_number() -> None:
    evidence = Evidence(effect=4.0)
    for _ in range(100):
        evidence.add(6.0)
    assert evidence.session == pytest.approx(300.0)


def test_what_was_shown_by_other_means_counts_until_a_doubt() -> None:
    evidence = Evidence()
    evidence.show()
    assert evidence.ever
    assert evidence.highest == -math.inf
    strong = evidence.now
    assert strong > 2.0
    evidence.void()
    assert not evidence.ever
    assert evidence.now <= 0.0


def test_what_was_shown_by_other_means_lasts_while_the_blocks_bear_it_out() -> None:
    evidence = Evidence()
    evidence.show()
    while evidence.now >= UPPER:
        assert evidence.ever
        evidence.add(0.3)
    assert not evidence.ever
    while evidence.now < UPPER:  # the blocks alone have to show it from here on
        evidence.add(1.5)
    assert not evidence.ever
    while not evidence.ever:
        evidence.add(1.5)
    assert evidence.highest >= NEW_BOUND


def test_what_the_blocks_have_shown_too_lasts() -> None:
    evidence = Evidence()
    evidence.show()
    while evidence.highest < NEW_BOUND:
        evidence.add(2.0)
    while evidence.now >= KEPT:
        evidence.add(-1.0)
    assert evidence.ever


def test_a_doubt_leaves_what_was_staked() -> None:
    evidence = Evidence()
    for _ in range(3):
        evidence.add(6.0)
    evidence.void()
    staked = math.log(1.0 - 0.9 * 0.9 * 0.9)
    assert evidence.session == evidence.highest == pytest.approx(staked)
    fresh = Evidence()
    fresh.void()
    assert fresh.session == -math.inf
    sunk = Evidence()
    for _ in range(3):
        sunk.add(-2.0)
    before = sunk.session
    sunk.void()
    assert sunk.session == before


def test_recent_evidence_is_the_log_odds_of_a_chain_that_turns() -> None:
    evidence = Evidence(effect=2.0)
    assert evidence.now == pytest.approx(0.0)
    size, weight = np.array([1.0, 1.6, 2.4]), np.array([0.25, 0.4, 0.35])
    # Not followed, and followed by each effect: what becomes of it, and what a block tells.
    turn = np.zeros((4, 4))
    turn[0] = [0.985, *(0.015 * weight)]
    turn[1:, 0] = 0.015
    turn[1:, 1:] = 0.985 * np.eye(3)
    chance = np.array([0.5, *(0.5 * weight)])
    for z in (1.5, None, -0.5, 2.5, None, 0.3):
        chance = chance @ turn
        if z is None:
            evidence.fade()
        else:
            evidence.add(z)
            chance[1:] *= np.exp(size * 0.95 * z - size**2 / 2.0)
            chance /= chance.sum()
        assert evidence.now == pytest.approx(np.log(chance[1:].sum() / chance[0]))
    assert evidence.blocks == 4


def test_a_strong_answer_that_ends_is_dropped_at_once_and_a_weak_one_is_remembered() -> None:
    lasts = []
    for effect in (2.0, 0.8):
        evidence = Evidence(effect=effect)
        for _ in range(48):
            evidence.add(0.8 * effect)
        assert evidence.ever
        assert evidence.now >= UPPER
        blocks = 0
        while evidence.now >= KEPT:
            evidence.add(0.0)
            blocks += 1
        lasts.append(blocks)
    assert lasts[0] <= 4
    assert 8 <= lasts[1] <= 24


def test_bounds_are_odds_that_mean_something() -> None:
    even, missed, false = 0.0, 0.2, 0.05  # a power of 80 %, one in 20 by chance
    assert (KEPT, UPPER) == (even, 1.0)
    assert pytest.approx(math.log(missed / (1.0 - false))) == LOWER
    assert (BLOCK, MIN_BLOCK) == (5, 0.4)  # s; 2 of them must be usable


def test_a_doubt_leaves_it_even_at_most_whether_it_follows_now() -> None:
    high, low = Evidence(), Evidence()
    for _ in range(3):
        high.add(4.0)
        low.add(-2.0)
    assert high.now > 2.0
    before = low.now
    assert before < 0.0
    high.void()
    low.void()
    assert high.now == pytest.approx(0.0, abs=1e-12)
    assert low.now == pytest.approx(before)
