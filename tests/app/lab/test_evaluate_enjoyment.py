"""What the EEG is worth for one person, told from the ratings alone."""

from pathlib import Path

import numpy as np
import pytest

from app.lab.evaluate_enjoyment import Rated, rated, worth
from app.loop.calibration import Theta
from app.loop.lesson import Lesson, PlayTaught
from playlists.listener_record import ListenerRecord
from playlists.tracks import Place, Track


def rows(seed: int, *, slope: float, n_tracks: int = 14, each: int = 2) -> list[Rated]:
    """Ratings of tracks whose theta tells of the liking with `slope`."""
    rng, out = np.random.default_rng(seed), []
    for track in range(n_tracks):
        liking = rng.uniform(0.1, 0.9)
        for _ in range(each):
            rating = float(np.clip(liking + 0.1 * rng.standard_normal(), 0.0, 1.0))
            theta = slope * (liking - 0.5) + 0.4 * float(rng.standard_normal())
            out.append(Rated(f"t{track}", rating, theta, 0.5, 0.5))
    return out


def test_theta_that_tells_of_the_liking_is_a_gain() -> None:
    told = worth(rows(1, slope=3.0), seed=0)
    assert told["correlation"] > 0.7
    assert told["correlation_no_eeg"] == 0.0
    assert told["gain"] == told["correlation"]
    assert told["p"] < 0.01
    assert abs(told["shuffled"]) < 0.15


def test_theta_that_tells_nothing_is_no_gain_in_most_people() -> None:
    ps = np.array([worth(rows(k, slope=0.0, each=1), seed=k)["p"] for k in range(30)])
    assert np.mean(ps <= 0.05) <= 0.15  # 5 % nominal, of 30
    assert 0.3 < np.mean(ps) < 0.7


def test_theta_that_only_repeats_what_is_expected_is_no_gain() -> None:
    rng = np.random.default_rng(0)
    likings = rng.uniform(0.1, 0.9, 16)
    told = [Rated(f"t{k}", u, 2.0 * (u - 0.5), 0.5, u) for k, u in enumerate(likings.tolist())]
    found = worth(told, seed=0)
    assert found["correlation_no_eeg"] == pytest.approx(1.0, abs=1e-3)
    assert found["gain"] <= 0.0


def test_the_mean_of_the_others_is_no_prediction() -> None:
    """Left out, a rating and the mean of the others go apart: an r of -1 that says nothing."""
    tracks = tuple(Track(Path(f"{k}.wav"), f"Track {k}", "", 60.0 + k) for k in range(8))
    plays = tuple(
        PlayTaught(
            Place(k), 60.0 * k, 50.0, 1.0, ((60.0 * k + 40.0, k / 8),), None, None,
            Theta(4, 2.0, 1.0, k / 8), None,
        )
        for k in range(8)
    )  # fmt: skip
    found = rated([Lesson(None, plays, tracks=tracks, at=1e9)], ListenerRecord(), 1e9)
    assert len(found) == 8
    assert worth(found, seed=0)["correlation_no_eeg"] == 0.0
