"""What plays and ratings of all sessions together say of the EEG."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from dsp.agreement import _GAINS, _OFFSETS, _SCALES, Agreement, weighed
from dsp.checks import InputError
from dsp.enjoyment import UNIT_GAIN, EnjoymentFilter, EnjoymentModel

MODEL = EnjoymentModel()
OVER_0 = np.array(MODEL.gains) > 0.0
START = float(MODEL.prior[OVER_0].sum())


def drawn(seed: int, gain: float, *, plays: int = 48, unrated: int = 0, taps: bool = False):
    """Plays of a dozen tracks that come again, a rating in each; the last ones are not rated."""
    rng = np.random.default_rng(seed)
    track, session = rng.integers(0, 12, plays), np.arange(plays) // 6
    alike = 0.01 + 0.02 * (track[:, None] == track) + 0.006 * (session[:, None] == session)
    felt = 0.5 + np.linalg.cholesky(alike + 1e-9 * np.eye(plays)) @ rng.standard_normal(plays)
    means = rng.integers(4, 12, plays).astype(float)
    scores = gain * UNIT_GAIN * felt + 0.15 * rng.standard_normal(plays)
    scores += rng.normal(0.0, 0.3, plays // 6 + 1)[session]
    scores += np.sqrt(0.8 / means + 0.09 * 30.0 / (10.0 * means + 30.0)) * rng.standard_normal(
        plays
    )
    said = felt + 0.02 + 0.184 * rng.standard_normal(plays)
    rated = np.arange(plays) < plays - unrated
    both = np.concatenate([np.arange(plays), np.flatnonzero(rated)])
    return Agreement(
        scores, means, session, said[rated], np.full(rated.sum(), taps),
        np.full(both.size, 0.5), alike[np.ix_(both, both)],
    )  # fmt: skip


def over_0(known: Agreement) -> float:
    return float(weighed(MODEL, known)[OVER_0].sum())


def test_it_is_the_probability_of_what_was_said_given_the_scores_by_another_road():
    """Joint normal of all, by scipy; conditioned by dividing, for each hypothesis by itself."""
    known = drawn(3, 2.0, plays=7, unrated=2, taps=False)
    known = replace(known, taps=np.array([False, False, True, False, False]))
    n = 7
    seconds = 10.0 * known.n_means
    times = [np.arange(0.25, s, 0.5) for s in seconds]
    wander = [0.09 * np.exp(-np.abs(t[:, None] - t) / 15.0).mean() for t in times]
    expected = np.zeros(MODEL.prior.shape)
    for i, j, s in np.ndindex(MODEL.prior.shape):
        gains = _GAINS if MODEL.gains[i] else (1.0,)
        for gain in (MODEL.gains[i] * k for k in gains):
            shows, told = [], []
            for jj, ss in ((jj, ss) for jj in range(2) for ss in _OFFSETS):
                sd = MODEL.offset_sds[jj] * ss
                for share in (MODEL.scales[s] * k for k in _SCALES):
                    h = np.concatenate(
                        [np.full(n, gain * UNIT_GAIN), np.where(known.taps, 1.0, share)]
                    )
                    cov = h[:, None] * known.covariance * h
                    cov[:n, :n] += np.diag(sd**2 + np.array(wander) + 0.8 / known.n_means) + 9.0
                    cov[:n, :n] += 0.09 * (known.sessions[:, None] == known.sessions)
                    cov[n:, n:] += np.diag(np.where(known.taps, 0.09, 0.034 * share**2))
                    cov[n:, n:] += 0.12**2 * np.outer(~known.taps, ~known.taps)
                    mean = np.concatenate(
                        [np.full(n, known.scores.mean()), 0.5 + np.where(known.taps, 0.0, 0.02)]
                    )
                    both = np.concatenate([known.scores, known.said])
                    y = multivariate_normal(mean[:n], cov[:n, :n]).logpdf(known.scores)
                    all_ = multivariate_normal(mean, cov).logpdf(both)
                    shows.append(MODEL.offset_weights[jj] * np.exp(y))
                    told.append(MODEL.offset_weights[jj] * np.exp(all_) if jj == j else 0.0)
            # An offset counts by what the scores say of it, whatever they say of the gain.
            expected[i, j, s] += (
                MODEL.weights[i] / len(gains) * MODEL.scale_weights[s] * sum(told) / sum(shows)
            )
    expected /= expected.sum()
    assert weighed(MODEL, known) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(("gain", "low", "high"), [(3.0, 0.7, 1.0), (-3.0, 0.0, 0.03)])
def test_an_eeg_that_goes_with_the_ratings_earns_belief_and_one_against_them_loses_it(
    gain, low, high
):
    found = [over_0(drawn(seed, gain)) for seed in range(8)]
    assert low < np.median(found) < high


def test_an_eeg_that_says_nothing_counts_less_than_at_the_start():
    found = [over_0(drawn(seed, 0.0)) for seed in range(10)]
    assert np.median(found) < START
    assert np.mean(np.array(found) > 0.8) <= 0.1


def test_where_nothing_was_said_the_scores_leave_every_gain_its_weight():
    known = drawn(1, 4.0)
    n = len(known.scores)
    alone = replace(
        known, said=np.empty(0), taps=np.empty(0, dtype=bool), expected=known.expected[:n],
        covariance=known.covariance[:n, :n],
    )  # fmt: skip
    assert weighed(MODEL, alone).sum(axis=(1, 2)) == pytest.approx(MODEL.weights)


def test_a_play_that_nobody_rated_tells_through_the_other_plays_of_its_track():
    gained = []
    for seed in range(8):
        known = drawn(seed, 3.0, unrated=16)
        n = len(known.scores)
        kept = np.concatenate([np.arange(n - 16), np.arange(n, n + len(known.said))])
        rated = Agreement(
            known.scores[:-16], known.n_means[:-16], known.sessions[:-16], known.said,
            known.taps, known.expected[kept], known.covariance[np.ix_(kept, kept)],
        )  # fmt: skip
        gained.append(over_0(known) - over_0(rated))
    assert np.mean(gained) > 0.0


def test_the_level_of_theta_and_the_order_of_plays_do_not_matter():
    known = drawn(5, 2.0)
    n = len(known.scores)
    order = np.random.default_rng(0).permutation(n)
    both = np.concatenate([order, np.arange(n, 2 * n)])
    other = Agreement(
        known.scores[order] + 5.0, known.n_means[order], known.sessions[order], known.said,
        known.taps, known.expected[both], known.covariance[np.ix_(both, both)],
    )  # fmt: skip
    assert weighed(MODEL, other) == pytest.approx(weighed(MODEL, known), rel=1e-6)


def test_faces_that_an_observer_saw_tell_less_than_ratings():
    rated, seen = (
        np.mean([over_0(drawn(seed, 3.0, taps=taps)) for seed in range(8)])
        for taps in (False, True)
    )
    assert START < seen < rated


def test_the_weights_are_what_a_filter_begins_with():
    found = weighed(MODEL, drawn(2, 3.0))
    assert found.min() > 0.0
    assert EnjoymentFilter(MODEL, believed=found).eeg_weight == pytest.approx(found[OVER_0].sum())


def test_refusals_of_plays_without_an_expectation_for_each_say_how_many():
    known = drawn(0, 0.0)
    with pytest.raises(InputError, match="48 plays and 48 ratings have expectations"):
        replace(known, expected=known.expected[:-1])
