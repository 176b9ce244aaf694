import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playlists.listener_record import ListenerRecord, TrackEvent, named, track_key
from playlists.preference import (
    GENRE_SD,
    HALVES_S,
    LEAST_SD,
    MEAN,
    MEAN_SD,
    MOOD_SD,
    expect,
    sessions,
    together,
)
from playlists.tracks import Track

DAY, NOW = 86_400.0, 1.8e9


def track(title, artist="", album="", genre="", year=0):
    return Track(Path(f"{title}.flac"), title, artist, 180.0, album, genre, year)


POOL = [
    track("A1", "Ann", "Red", "folk", 1962),
    track("A2", "Ann", "Red", "folk", 1962),
    track("A3", "Ann", "Blue", "jazz", 1990),
    track("B1", "Bob", "Green", "folk", 1962),
    track("C1", "Cid", "White", "rock", 1990),
]
KEYS = [track_key(one) for one in POOL]


def record(*events, **more):
    return ListenerRecord(names=named(POOL), **more).after({}, events)


def rated(place, value, at=NOW - DAY, kind="rating"):
    return TrackEvent(KEYS[place], kind, at, value, "1-9")


def test_of_a_person_of_whom_nothing_is_known_everything_is_expected_alike():
    found = expect(ListenerRecord(), POOL, NOW)
    assert {one.mean for one in found} == {MEAN}
    assert {one.because for one in found} == {""}
    assert len({round(one.sd, 9) for one in found}) == 1
    assert found[0].sd > math.hypot(MEAN_SD, GENRE_SD)


def test_a_rating_tells_most_of_its_track_then_of_its_album_artist_genre_and_least_of_others():
    before = expect(record(), POOL, NOW)
    after = expect(record(rated(0, 1.0)), POOL, NOW)
    rise = [b.mean - a.mean for a, b in zip(before, after, strict=True)]
    assert rise[0] > rise[1] > max(rise[2], rise[3])
    assert min(rise[2], rise[3]) > rise[4] > 0.0
    surer = [a.sd - b.sd for a, b in zip(before, after, strict=True)]
    assert np.argsort(surer)[-2:].tolist() == [1, 0]


@given(
    values=st.lists(
        st.tuples(st.integers(0, 4), st.floats(0.0, 1.0), st.floats(0.0, 60 * DAY)), max_size=10
    ),
    kinds=st.sampled_from(["rating", "tap", "skip", "undone", "wanted"]),
)
def test_expectations_stay_within_bounds_and_no_news_makes_less_sure(values, kinds):
    known = record(*(rated(p, v, NOW - back, kinds) for p, v, back in values))
    before, after = expect(record(), POOL, NOW), expect(known, POOL, NOW)
    for one, other in zip(before, after, strict=True):
        assert 0.0 < other.mean < 1.0
        assert LEAST_SD <= other.sd <= one.sd + 1e-9


def test_the_order_in_which_events_are_learnt_does_not_matter():
    events = [rated(0, 0.9), rated(1, 0.2, NOW - 3 * DAY), rated(3, 0.7, NOW - 9 * DAY, "tap")]
    assert expect(record(*events), POOL, NOW) == expect(record(*reversed(events)), POOL, NOW)


def test_what_was_said_long_ago_says_less_of_today():
    soon, late = (expect(record(rated(0, 1.0, NOW - d * DAY)), POOL, NOW)[0] for d in (1, 900))
    assert soon.mean > late.mean
    assert soon.sd < late.sd


def test_what_lies_ahead_is_not_known():
    assert expect(record(rated(0, 1.0, NOW + 1.0)), POOL, NOW) == expect(record(), POOL, NOW)


def test_a_play_satiates_and_two_days_take_half_of_it_away():
    play = TrackEvent(KEYS[0], "play", NOW)
    at_once, later, long_after = (
        expect(record(play), POOL, NOW + t)[0].mean - MEAN for t in (0.0, HALVES_S, 60 * DAY)
    )
    assert at_once == pytest.approx(-0.12 + 0.01)
    assert later == pytest.approx(-0.06 + 0.01)
    assert long_after == pytest.approx(0.01, abs=1e-4)


def test_the_intake_list_lifts_its_tracks_above_the_library_by_what_it_is_worth():
    found = expect(record(intake=(KEYS[0], KEYS[4])), POOL, NOW)
    lifted = np.mean([found[0].mean, found[4].mean]) - np.mean([found[i].mean for i in (1, 2, 3)])
    assert lifted == pytest.approx(0.18)


def test_a_wrong_intake_list_is_unlearnt_by_ratings():
    low = [rated(p, 0.1, NOW - DAY + 200 * p) for p in (0, 4)]
    high = [rated(p, 0.9, NOW - DAY + 200 * p) for p in (1, 2, 3)]
    listed = record(*low, *high, intake=(KEYS[0], KEYS[4]))
    found = expect(listed, POOL, NOW)
    assert max(found[0].mean, found[4].mean) < min(found[i].mean for i in (1, 2, 3))


def test_an_observers_tap_tells_less_than_the_persons_own_rating():
    own, seen = (expect(record(rated(0, 1.0, kind=k)), POOL, NOW)[0] for k in ("rating", "tap"))
    assert own.mean > seen.mean > MEAN
    assert own.sd < seen.sd


def test_skips_lower_and_wishes_raise():
    low, high = (
        expect(record(rated(0, 1.0, kind=k)), POOL, NOW)[0].mean for k in ("skip", "wanted")
    )
    assert low < MEAN < high


def test_untagged_tracks_are_no_kin_of_each_other():
    bare = [track("x"), track("y")]
    loved = TrackEvent(track_key(bare[0]), "rating", NOW - DAY, 1.0, "1-9")
    known = ListenerRecord(names=named(bare)).after({}, [loved])
    first, second = expect(known, bare, NOW)
    share = MEAN_SD**2 / expect(ListenerRecord(), bare, NOW)[0].sd ** 2  # what all tracks share
    assert second.mean - MEAN == pytest.approx(share * (first.mean - MEAN), rel=1e-3)


def test_the_reason_says_what_the_expectation_comes_from():
    known = record(
        rated(0, 0.8, NOW - 4 * DAY),
        rated(0, 0.9, NOW - 4 * DAY + 60),
        TrackEvent(KEYS[0], "play", NOW - 4 * DAY - 60),
        intake=(KEYS[0],),
        familiar={KEYS[4]: True},
        genres=("rock",),
        era=(1955, 1970),
    )
    found = [one.because for one in expect(known, POOL, NOW)]
    assert found[0] == "on the intake list, liked twice, last played 4 days ago"
    assert found[1] == "artist liked, album liked, genre liked, of the client's era"
    assert found[4] == "of a genre the client is said to like, known to the client"


def test_reference_ratings_of_one_track_meet_their_closed_form():
    """One track, one session, ratings alone: the textbook posterior of a normal mean."""
    from playlists.preference import MOOD_SD, RATING_BIAS_SD, RATING_VAR

    values = [0.8, 0.6, 0.9]
    at = NOW - 100.0
    known = record(*(rated(0, v, at + i) for i, v in enumerate(values)))
    prior = 0.12**2 + 0.07**2 + 0.07**2 + 0.04**2 + 0.102**2
    noise = RATING_VAR / 3 + RATING_BIAS_SD**2 + MOOD_SD**2
    k = prior / (prior + noise)
    found = expect(known, POOL, NOW)[0]
    assert found.mean == pytest.approx(MEAN + k * (np.mean(values) - 0.02 - MEAN), abs=1e-3)
    assert found.sd == pytest.approx(math.sqrt(prior * (1 - k)), abs=1e-3)


def test_no_tracks_give_no_expectations():
    assert expect(ListenerRecord(), [], NOW) == ()


def test_moments_hang_together_by_track_then_kin_then_session_and_least_by_the_person():
    at = [(KEYS[0], NOW), (KEYS[0], NOW + 60.0), (KEYS[0], NOW + 9 * DAY), (KEYS[1], NOW + 9 * DAY),
          (KEYS[4], NOW), (KEYS[4], NOW + 20 * DAY)]  # fmt: skip
    mean, covariance = together(record(), at)
    assert mean == pytest.approx(MEAN)
    own, track_later, kin, session, person = covariance[0, 1:]
    assert covariance[0, 0] >= own > track_later > kin > session > person
    assert session - person == pytest.approx(MOOD_SD**2)
    assert person == pytest.approx(MEAN_SD**2)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


def test_the_covariance_of_moments_is_what_expectations_are_made_of():
    """What a rating says of a track later: by the expectation, and by conditioning on it here."""
    said = rated(0, 1.0, NOW - DAY)
    _, covariance = together(record(), [(KEYS[0], NOW - DAY), (KEYS[1], NOW)])
    noise = 0.034 + 0.12**2
    news = 1.0 - 0.02 - MEAN
    by_hand = MEAN + covariance[1, 0] / (covariance[0, 0] + noise) * news
    assert expect(record(said), POOL, NOW)[1].mean == pytest.approx(by_hand, abs=1e-9)


def test_sessions_are_numbered_by_their_time_whatever_the_order():
    assert sessions(np.array([NOW + DAY, NOW, NOW + 60.0])).tolist() == [1, 0, 0]
    assert sessions(np.empty(0)).tolist() == []
