"""What hands ask for: another track, a rating, the layer, and to take something back."""

from dataclasses import replace

import pytest

from app.loop.ticks import LoopEvent
from app.settings import load_preset
from tests.doubles.ticking import POOL, Player, silent

DEMO = load_preset("demo")
NEXT, SKIP, UNDO = LoopEvent("next"), LoopEvent("skip"), LoopEvent("undo")


def rated(value):
    return LoopEvent("rating", value)


def estimates(results):
    return [(r.enjoyment.mean, r.enjoyment.sd, r.enjoyment.p_low, r.twin) for r in results]


# Another track


def test_next_of_the_operator_says_nothing_of_the_track():
    plain, asked = Player(DEMO), Player(DEMO)
    for one in (plain, asked):
        one.run(20)
        one.tick(rated(0.75))
    before = plain.tick()
    after = asked.tick(NEXT)
    assert (after.decision.kind, after.decision.code) == ("change_track", "next")
    assert after.enjoyment == before.enjoyment
    asked.run(3)
    assert asked.loop.prior(0)[0] == pytest.approx(plain.results[-1].twin.mean, abs=0.01)
    assert asked.loop.prior(0)[0] > 0.55


def test_skip_of_the_client_counts_against_the_track():
    one = Player(DEMO)
    one.run(20)
    before = one.results[-1].enjoyment.mean
    after = one.tick(SKIP)
    assert (after.decision.kind, after.decision.code) == ("change_track", "skip")
    assert after.enjoyment.mean < before - 0.05
    one.run(3)
    assert one.loop.prior(0)[0] < DEMO.priors.next_mean


def test_three_wishes_in_a_second_pass_over_three_places_and_start_one_play():
    one = Player(DEMO)
    one.run(5)
    result = one.tick(NEXT, NEXT, NEXT)
    assert (result.decision.target, result.decision.passed) == (3, (1, 2))
    assert (result.starts, result.coming.place) == (1, 3)
    again = one.tick(NEXT)  # what was passed over rests, like what was played
    assert again.decision.target == 4


def test_more_wishes_than_tracks_end_at_the_last_one():
    one = Player(DEMO, pool=POOL[:3])
    one.run(5)
    result = one.tick(*[NEXT] * 7)
    assert (result.decision.target, result.decision.passed) == (2, (1,))


# The layer


def test_the_layer_may_be_allowed_again():
    one = Player(DEMO)
    one.run(5)
    off = one.tick(LoopEvent("layer_off", True))
    assert (off.decision.kind, off.decision.code) == ("layer_off", "layer_operator")
    again = one.tick(LoopEvent("layer_off", True))
    assert again.decision.kind == "hold"  # it is off already
    on = one.tick(LoopEvent("layer_off", False))
    assert (on.decision.kind, on.decision.code) == ("hold", "layer_allowed")
    assert not one.loop._policy.layer_off


# Taking back


def test_a_rating_taken_back_is_as_if_it_had_never_been_given():
    twin, one = Player(DEMO), Player(DEMO)
    for player in (twin, one):
        player.run(10)
        player.tick(rated(0.5))
        player.run(10)
    twin.tick()
    assert one.tick(rated(0.75)).enjoyment.mean != twin.results[-1].enjoyment.mean
    twin.run(5), one.run(5)
    assert "Rated 7 of 9" in one.results[-1].gate
    back = one.tick(UNDO)
    assert (back.decision.kind, back.decision.because) == ("hold", "Rating 7 of 9 taken back.")
    twin.tick()
    for player in (twin, one):
        player.run(3)
        player.tick(NEXT)
        player.run(5)
        player.tick(rated(0.375))
        player.run(3)
    n = len(twin.results) - 14
    assert estimates(one.results)[n:] == estimates(twin.results)[n:]
    assert [r.gate for r in one.results[n:]] == [r.gate for r in twin.results[n:]]
    assert one.loop.up_next() == twin.loop.up_next()
    assert one.loop._belief.n_ratings == twin.loop._belief.n_ratings == 2


def test_a_rating_of_a_track_that_has_ended_can_be_taken_back():
    twin, one = Player(DEMO), Player(DEMO)
    one.tick(rated(0.75)), twin.tick()
    for player in (twin, one):
        player.run(10)
        player.tick(NEXT)
        player.run(10)
    assert one.loop.prior(0) != twin.loop.prior(0)
    one.tick(UNDO), twin.tick()
    assert one.loop.prior(0) == twin.loop.prior(0)
    assert one.results[-1].enjoyment == twin.results[-1].enjoyment


def test_a_change_that_a_rating_made_is_taken_back_with_the_rating():
    one = Player(DEMO)
    one.run(20)
    change = one.tick(rated(0.125))
    assert (change.decision.cause, change.place) == ("rating", 0)
    one.run(5)
    assert one.results[-1].place == change.decision.target
    back = one.tick(UNDO)
    assert (back.decision.kind, back.decision.target) == ("change_track", 0)
    assert back.decision.cause == "operator"
    one.run(30)
    assert one.results[-1].place == 0  # and it stays
    assert one.loop._belief.rated == {}
    assert "taken back" in one.results[-1].gate


def test_a_rating_after_a_change_is_taken_back_first():
    one = Player(DEMO)
    one.run(20)
    one.tick(rated(0.125))
    one.run(5)
    place = one.results[-1].place
    one.tick(rated(0.75))
    assert one.tick(UNDO).decision.code == "unrated"
    assert one.results[-1].place == place
    assert one.tick(UNDO).decision.code == "back"


def test_a_change_that_the_music_has_left_behind_stays():
    one = Player(DEMO)
    one.run(20)
    one.tick(rated(0.125))
    one.run(5)
    one.tick(NEXT)
    one.run(5)
    assert one.tick(UNDO).decision.code == "unrated"
    said = one.tick(UNDO)
    assert (said.decision.kind, said.decision.code) == ("hold", "nothing")


def test_every_hand_is_answered_also_when_it_asks_again():
    one = Player(DEMO)
    one.run(3)
    assert [one.tick(UNDO).decision.code for _ in range(2)] == ["nothing", "nothing"]
    said = [one.tick(rated(value), UNDO) for value in (0.5, 0.625)]
    assert [r.decision.because for r in said] == [
        "Rating 5 of 9 taken back.",
        "Rating 6 of 9 taken back.",
    ]
    assert all(r.unrated for r in said)


def test_a_rating_taken_back_beside_another_wish_is_said_with_it():
    one = Player(DEMO)
    one.tick(rated(0.5))
    one.run(3)
    both = one.tick(UNDO, NEXT)
    assert (both.decision.kind, both.decision.code) == ("change_track", "next")
    assert both.decision.because.endswith(" Rating 5 of 9 taken back.")
    assert both.unrated


def test_a_change_taken_back_without_its_rating_leaves_that_standing():
    one = Player(DEMO)
    one.run(20)
    one.tick(rated(0.125))
    one.run(5)
    one.tick(rated(0.5))
    assert one.tick(UNDO).unrated  # the 5 on the new track
    back = one.tick(UNDO)
    assert (back.decision.code, back.unrated) == ("back", False)
    assert one.loop._belief.rated == {0: 0.125}


def test_the_layer_is_switched_off_also_beside_a_wish_for_another_track():
    one = Player(DEMO)
    one.run(20)
    one.loop._policy = replace(one.loop._policy, layer_since=one.results[-1].now, layer_decided=0)
    assert one.tick(LoopEvent("layer_off", True), NEXT).decision.kind == "change_track"
    off = one.tick()
    assert (off.decision.kind, off.decision.code) == ("layer_off", "layer_operator")


# Plays


def test_a_first_track_that_cannot_be_played_is_followed_by_another():
    one = Player(DEMO)
    one.loop.tick(silent(1.0, (LoopEvent("unplayable", 0),)))
    results = [one.loop.tick(silent(float(s))) for s in range(2, 8)]
    made = [r for r in results if r.decision is not None and r.decision.kind == "next_track"]
    assert len(made) == 1
    assert (made[0].starts, made[0].decision.target) == (1, 1)
    assert made[0].decision.code == "broken_off"


def test_what_is_to_follow_a_track_that_broke_off_is_chosen_once():
    one = Player(DEMO)
    one.run(5)
    results = [one.loop.tick(silent(float(s))) for s in range(6, 15)]
    assert sum(r.starts is not None for r in results) == 1
    assert results[-1].coming.play == 1


def test_a_track_that_broke_later_leaves_what_is_to_come():
    long = replace(DEMO, timing=replace(DEMO.timing, cue=200.0))
    one = Player(long)
    coming = one.run(2).coming
    assert coming.play == 1
    assert one.tick(LoopEvent("unplayable", 0)).coming == coming
    assert one.tick(LoopEvent("unplayable", 1)).coming.play == 2


def tapped(value):
    return LoopEvent("tap", value)


def test_distress_that_an_observer_sees_ends_the_track_and_says_who_saw_it():
    one = Player(DEMO)
    one.run(20)
    change = one.tick(tapped(0.0))
    assert (change.decision.kind, change.decision.cause) == ("change_track", "rating")
    assert change.decision.because.startswith("The observer saw distress: changing to ")
    one.run(5)
    back = one.tick(UNDO)
    assert (back.decision.code, back.untapped, back.unrated) == ("back", True, False)
    assert one.loop._belief.rated == {}


def test_pleasure_that_an_observer_sees_keeps_the_eeg_off_the_track():
    one = Player(DEMO)
    one.run(5)
    one.tick(tapped(1.0))
    assert one.run(3).gate == (
        "The observer saw pleasure: no action because of the EEG on this track."
    )


def test_a_tap_is_no_rating_of_the_client_and_tells_less():
    """Two sessions alike but for who says that it is loved."""
    own, seen = Player(DEMO), Player(DEMO)
    for one, event in ((own, rated(1.0)), (seen, tapped(1.0))):
        one.run(20)
        one.tick(event)
        one.run(1)
    before = Player(DEMO).run(22).twin
    by_own, by_tap = (one.results[-1].twin for one in (own, seen))
    assert by_own.mean > by_tap.mean > before.mean
    assert by_own.sd < before.sd
    assert by_tap.sd < before.sd
    assert (own.loop._belief.n_ratings, seen.loop._belief.n_ratings) == (1, 0)


def test_a_rating_after_a_tap_stands_in_its_place_and_is_taken_back_first():
    one = Player(DEMO)
    one.run(5)
    one.tick(tapped(1.0))
    assert one.tick(rated(0.75)).gate.startswith("Rated 7 of 9")
    assert one.tick(UNDO).decision.because == "Rating 7 of 9 taken back."
    assert one.run(1).gate.startswith("The observer saw pleasure")
