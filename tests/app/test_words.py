"""Times, shares and scores read the same wherever they stand."""

import math

import pytest

from app.words import clock, of_100, percent, rating_given, rating_share


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0:00"),
        (64.99, "1:04"),
        (3599.0, "59:59"),
        (3723.0, "1:02:03"),
        (-2.0, "0:00"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_a_time_is_minutes_and_seconds_and_hours_where_there_are_some(seconds, text):
    assert clock(seconds) == text


def test_a_share_is_percent_and_a_score_is_of_100_with_one_standard_deviation():
    assert [percent(x) for x in (0.0, 0.624, 1.0, math.nan)] == ["0 %", "62 %", "100 %", "–"]
    assert of_100(0.554) == "55"
    assert of_100(0.55, 0.2) == "55 ± 20"
    assert of_100(0.55, math.nan) == "55"
    assert of_100(math.nan, 0.2) == "–"


def test_a_rating_is_given_from_1_to_9_and_reckoned_with_from_0_to_1():
    assert [rating_share(given) for given in (1, 5, 9)] == [0.0, 0.5, 1.0]
    assert [rating_given(rating_share(given)) for given in range(1, 10)] == list(range(1, 10))
    assert rating_given(0.7) == 7
