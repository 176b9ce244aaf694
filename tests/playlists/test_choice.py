"""The next track: exact probabilities, the seed's draw, and taste before chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playlists.choice import EXPLORATION, Candidate, choose, p_better

levels = st.floats(0.0, 1.0)
pools = st.lists(st.tuples(levels, levels, st.booleans()), min_size=1, max_size=30).filter(
    lambda rows: any(row[2] for row in rows)
)


def pool_of(rows):
    return [Candidate(7 * k, mean, sd, eligible) for k, (mean, sd, eligible) in enumerate(rows)]


@given(rows=pools, seed=st.integers(0, 2**32 - 1), greedy=st.booleans())
def test_the_probabilities_are_a_distribution_over_the_eligible(rows, seed, greedy):
    pool = pool_of(rows)
    choice = choose(pool, rng=np.random.default_rng(seed), greedy=greedy)
    eligible = [one.place for one in pool if one.eligible]
    assert [index for index, _ in choice.alternatives] == eligible
    assert sum(p for _, p in choice.alternatives) == pytest.approx(1.0)
    assert dict(choice.alternatives)[choice.place] == choice.propensity > 0.0
    if not greedy:
        assert min(p for _, p in choice.alternatives) >= EXPLORATION / len(eligible) - 1e-12


@given(rows=pools, seed=st.integers(0, 2**32 - 1))
def test_the_same_generator_makes_the_same_choice(rows, seed):
    first, second = (choose(pool_of(rows), rng=np.random.default_rng(seed)) for _ in range(2))
    assert first == second


def test_tracks_are_drawn_as_often_as_their_propensity_says():
    pool = [Candidate(k, mean, 0.4) for k, mean in enumerate((0.5, 0.53, 0.56, 0.2))]
    rng = np.random.default_rng(11)
    n, counts, expected = 4000, np.zeros(4), np.zeros(4)
    for _ in range(n):
        choice = choose(pool, rng=rng)
        counts[choice.place] += 1
        expected += [p for _, p in choice.alternatives]
    sd = np.sqrt(expected * (1 - expected / n))
    assert (np.abs(counts - expected) < 4 * sd).all()


def test_a_clear_favourite_is_nearly_always_chosen():
    pool = [Candidate(k, 0.9 if k == 4 else 0.3, 0.2) for k in range(10)]
    choice = choose(pool, rng=np.random.default_rng(0))
    assert dict(choice.alternatives)[4] == pytest.approx(0.97 + 0.003)


def test_greedy_takes_the_best_mean_and_of_equals_the_lowest_index():
    pool = [Candidate(9, 0.7, 0.1), Candidate(3, 0.7, 0.9), Candidate(1, 0.9, 0.1, eligible=False)]
    choice = choose(pool, rng=np.random.default_rng(0), greedy=True)
    assert (choice.place, choice.propensity) == (3, 1.0)
    assert choice.alternatives == ((9, 0.0), (3, 1.0))


def test_p_better_is_the_normal_probability_of_the_best_other():
    others = [Candidate(0, 0.85, 0.3), Candidate(1, 0.2, 0.1), Candidate(2, 0.99, 0.1, False)]
    rng = np.random.default_rng(1)
    drawn = np.mean(rng.normal(0.85, 0.3, 400_000) > rng.normal(0.4, 0.2, 400_000))
    assert p_better(0.4, 0.2, others) == pytest.approx(drawn, abs=0.003)


def test_p_better_without_doubt_and_without_others():
    assert p_better(0.4, 0.0, [Candidate(0, 0.5, 0.0)]) == 1.0
    assert p_better(0.5, 0.0, [Candidate(0, 0.5, 0.0)]) == 0.5
    assert p_better(0.6, 0.0, [Candidate(0, 0.5, 0.0)]) == 0.0
    assert p_better(0.1, 0.2, [Candidate(0, 0.9, 0.1, eligible=False)]) == 0.0
