"""What the loop promises whatever comes in, on the recorded ticks of one demo session."""

from dataclasses import replace

import numpy as np
import pytest

from app.lab.simulate_demo import starter
from app.loop.calibration import load_calibration
from app.loop.decision import PROTECTED
from app.loop.lesson import Setup
from app.loop.loop import NO_REPEAT, UNHEARD, Loop
from app.loop.policy import decide
from app.loop.ticks import LoopEvent, PoolTrack, TickInput
from app.records.jsontext import encode
from app.records.reader import SessionReader
from app.session.journal import decision_event, events_of
from app.settings import load_preset
from devices.listener import MONTAGE
from devices.sources.simulated import SFREQ
from dsp.enjoyment import EnjoymentFilter
from dsp.grid import RATE
from dsp.sound.heard import HEARD_NAMES, Heard
from dsp.tracking.doubts.wireless import WIRELESS

DEMO = load_preset("demo")
BLANK, WINDOW = DEMO.timing.blank, 2.0
NOTHING = (np.empty((0, 0), dtype=np.float32), np.empty(0))


@pytest.fixture(scope="module")
def pool():
    return [PoolTrack(one.track.title, one.track.duration) for one in starter().values()]


@pytest.fixture(scope="module")
def ticks(demo_folder):
    """Two minutes in which the loop closes: layer, change, rise."""
    reader = SessionReader(demo_folder)
    (eeg_times, eeg), heard = reader.eeg(), reader.heard()
    out, a, b = [], 0, 0
    for row in reader.events():
        if row["kind"] != "tick":
            continue
        c, d = (
            0 if until is None else int(np.searchsorted(times, until, side="right"))
            for times, until in ((eeg_times, row["eeg_until"]), (heard.times, row["heard_until"]))
        )
        out.append(
            TickInput(
                row["now"],
                eeg[a:c],
                eeg_times[a:c],
                heard[b:d],
                events_of(row["events"]),
            )
        )
        a, b = c, d
    return out


@pytest.fixture(scope="module")
def whole(pool, ticks):
    """What a loop that nobody disturbs says to all of them."""
    return run(make(pool), ticks)


def make(pool, *, settings=DEMO, ch_names=MONTAGE, calibration="clear", first=0):
    known = load_calibration(calibration) if isinstance(calibration, str) else calibration
    loop = Loop(
        settings,
        pool=pool,
        ch_names=ch_names,
        sfreq=SFREQ,
        calibration=known,
        seed=5000,
    )
    loop.first(first, now=0.0)
    return loop


def run(loop, ticks):
    return [loop.tick(one) for one in ticks]


def told(ticks, at, *events):
    """Let `events` happen in tick number `at`."""
    return [
        replace(one, events=(*one.events, *events)) if k == at else one
        for k, one in enumerate(ticks)
    ]


def acted(results):
    return [r for r in results if r.decision is not None and r.decision.kind != "hold"]


def by_eeg(results):
    return [r for r in acted(results) if r.decision.cause == "eeg"]


def entered_by(results):
    """Ends of the scores that entered the estimate."""
    return {r.now - r.enjoyment.age_s for r in results if np.isfinite(r.enjoyment.age_s)}


def log(results):
    made = [r for r in results if r.decision is not None]
    return [encode(decision_event(r.now, r.decision, r.starts)) for r in made]


def heard_only(number, seconds, *, start=0.0, position=0.0, events=()):
    """Ticks without EEG in which play `number` is heard from `position` on."""
    out = []
    for s in range(seconds):
        at = np.arange(RATE) / RATE
        rows = np.zeros((RATE, len(HEARD_NAMES)), dtype=np.float32)
        rows[:, HEARD_NAMES.index("track")] = number
        rows[:, HEARD_NAMES.index("position_s")] = position + s + at
        now = start + s + 1.0
        out.append(TickInput(now, *NOTHING, Heard(start + s + at, rows), events if s == 0 else ()))
    return out


# When it may judge


def test_the_recorded_session_closes_the_loop(whole):
    assert [r.decision.kind for r in by_eeg(whole)] == ["layer_on", "change_track"]
    assert whole[-1].play == 1


@pytest.mark.parametrize("first", [20.0, 31.0])
def test_nothing_is_judged_before_its_time_however_low_the_bar(pool, ticks, first):
    eager = replace(
        DEMO,
        timing=replace(DEMO.timing, first_judgement=first, layer_first=first, sustain=0.0),
        limits=replace(DEMO.limits, p_layer=0.36),
    )
    results = by_eeg(run(make(pool, settings=eager), ticks[:45]))
    assert results[0].decision.kind == "layer_on"
    # One tick of grace: the newest row heard lies up to 1/64 s before the tick.
    assert first <= results[0].position <= first + 1.0


def test_no_score_holds_eeg_of_the_blank_time_after_start_or_action(ticks, whole):
    begins = [float(ticks[0].heard.times[0])]
    tracks = [r.play for r in whole]
    begins += [
        float(ticks[k].now) - 1.0 for k in range(1, len(tracks)) if tracks[k] > tracks[k - 1]
    ]
    begins += [r.now for r in acted(whole) if r.decision.kind != "next_track"]
    assert len(begins) >= 5
    entered = entered_by(whole)
    assert len(entered) > 20
    for begin in begins:
        early = [end for end in entered if begin < end and end - WINDOW < begin + BLANK]
        assert early == []


def test_an_action_of_the_operator_blanks_as_well(pool, ticks):
    at = 25
    asked = told(ticks[:40], at, LoopEvent("layer_off"))
    now = ticks[at].now
    results = run(make(pool), asked)
    entered = entered_by(results)
    after = [end for end in entered if end > now]
    assert after
    assert min(after) >= now + BLANK + WINDOW


# Whose word counts


def surest():
    """A calibration that puts all weight on the highest gain."""
    return replace(load_calibration("clear"), checks=(3.75, 3.75, 3.75))


@pytest.fixture(scope="module")
def unrated(pool, ticks):
    """What it leads to where nobody rates."""
    return run(make(pool, calibration=surest()), ticks[:60])


@pytest.mark.parametrize("given", [7, 9])
def test_a_high_rating_protects_even_where_all_weight_lies_on_the_highest_gain(
    pool, ticks, unrated, given
):
    assert {r.decision.kind for r in by_eeg(unrated)} == {"layer_on", "change_track"}
    value = (given - 1) / 8
    assert value >= PROTECTED
    rated = run(make(pool, calibration=surest()), told(ticks[:60], 24, LoopEvent("rating", value)))
    assert by_eeg([r for r in rated if r.play == 0]) == []
    assert rated[23].eeg_weight > 0.9
    # The rating speaks against such an EEG; what keeps the track is that it is protected.
    assert all(r.eeg_weight > 0.8 for r in rated)


@pytest.mark.parametrize("given", [1, 2, 3])
def test_a_low_rating_ends_the_track_even_where_the_eeg_is_delighted(pool, ticks, given):
    known = replace(load_calibration("clear"), theta_db=-20.0, checks=(12.0, 12.0, 12.0))
    at = 30
    rated = told(ticks[:40], at, LoopEvent("rating", (given - 1) / 8))
    results = run(make(pool, calibration=known), rated)
    assert results[at - 1].enjoyment.mean > 0.9
    first = acted(results)[0]
    assert (first.now, first.decision.kind, first.decision.cause) == (
        ticks[at].now,
        "change_track",
        "rating",
    )


def test_without_eeg_the_same_session_does_nothing_and_equals_the_twin(pool, ticks, whole):
    alone = run(
        make(pool, ch_names=()), [replace(t, eeg=NOTHING[0], eeg_times=NOTHING[1]) for t in ticks]
    )
    assert acted(alone) == []
    for one, other in zip(whole, alone, strict=True):
        assert (other.enjoyment.mean, other.enjoyment.sd, other.enjoyment.p_low) == (
            one.twin.mean,
            one.twin.sd,
            one.twin.p_low,
        )


def test_without_a_headset_it_says_so_and_lives_on_ratings(pool):
    loop = make(pool, ch_names=(), calibration=None)
    ticks = heard_only(0, 40, events=(LoopEvent("play", [0, 0]),))
    results = run(loop, told(ticks, 20, LoopEvent("rating", 0.125)))
    assert all(r.tracking is None and r.eeg_weight == 0.0 for r in results)
    assert not any(r.enjoyment.usable for r in results)
    assert "no headset" in results[0].decision.because
    assert [(r.decision.kind, r.decision.cause) for r in acted(results)][:1] == [
        ("change_track", "rating")
    ]
    assert results[21].enjoyment.mean < results[19].enjoyment.mean


def test_without_a_calibration_no_score_enters_and_nothing_is_done(pool, ticks):
    results = run(make(pool, calibration=None), ticks[:60])
    assert acted(results) == []
    assert all(np.isinf(r.enjoyment.age_s) for r in results)
    assert all(r.enjoyment.mean == r.twin.mean for r in results)
    assert "needs about 4 more rated tracks" in results[-1].enjoyment.reasons[0]


def test_on_hold_nothing_is_done_because_of_eeg_or_rating(pool, ticks):
    held = told(ticks[:70], 20, LoopEvent("hold", True))
    held = told(held, 40, LoopEvent("rating", 0.0))
    assert acted(run(make(pool), held)) == []


# Pause, plays and what comes next


def test_while_paused_nothing_is_done_because_of_eeg(pool, ticks):
    paused = told(ticks[:66], 20, LoopEvent("pause", True))
    results = run(make(pool), paused)
    assert by_eeg(results) == []
    assert any(r.decision.code == "paused" for r in results if r.decision is not None)


@pytest.mark.parametrize("paused", [True, False])
def test_no_score_holds_eeg_of_the_blank_time_after_a_pause_or_its_end(pool, ticks, paused):
    still = replace(DEMO, layer=replace(DEMO.layer, enabled=False))
    still = replace(still, limits=replace(DEMO.limits, eeg_changes=0.0))
    at = 25
    now = ticks[at].now
    results = run(make(pool, settings=still), told(ticks[:40], at, LoopEvent("pause", paused)))
    after = [end for end in entered_by(results) if end > now]
    assert min(after, default=now + BLANK + WINDOW) >= now + BLANK + WINDOW
    if not paused:
        assert after


def test_a_chosen_track_that_cannot_be_played_is_replaced_by_another_choice(pool):
    loop = make(pool, ch_names=())
    last = heard_only(0, 22, position=pool[0].duration - 25.0, events=(LoopEvent("play", [0, 0]),))
    first = next(r for r in run(loop, last[:8]) if r.decision is not None and r.starts is not None)
    assert first.decision.kind == "next_track"
    assert [r for r in run(loop, last[8:12]) if r.starts is not None] == []
    started = replace(last[12], events=(LoopEvent("play", [first.starts, first.decision.target]),))
    loop.tick(started)
    again = loop.tick(replace(last[13], events=(LoopEvent("unplayable", first.starts),)))
    assert again.decision.kind == "next_track"
    assert again.starts == first.starts + 1
    assert again.decision.target != first.decision.target


def test_a_change_that_nobody_carries_out_does_not_block_for_ever(pool):
    loop = make(pool, ch_names=())
    ticks = heard_only(0, 40, events=(LoopEvent("play", [0, 0]),))
    results = run(loop, told(ticks, 20, LoopEvent("rating", 0.0)))
    changes = acted(results)
    assert [r.decision.kind for r in changes] == ["change_track", "change_track"]
    assert changes[1].now - changes[0].now >= 10.0


def eligible(loop):
    return [c.place for c in loop.up_next() if c.eligible]


def play_through(loop, places):
    """Hear the tracks at `places` one after the other; return what was eligible in each."""
    seen = []
    for number, place in enumerate(places):
        event = LoopEvent("play", [number, place])
        run(loop, heard_only(number, 2, start=2.0 * number, events=(event,)))
        seen.append(eligible(loop))
    return seen


def test_the_only_track_of_a_playlist_may_be_repeated_but_is_no_change(pool):
    loop = make(pool[:1], ch_names=())
    assert play_through(loop, [0, 0]) == [[], []]
    assert [c.place for c in loop.up_next(repeat=True) if c.eligible] == [0]


def test_an_unplayable_track_is_not_chosen_again(pool):
    loop = make(pool[:3], ch_names=())
    play_through(loop, [0])
    failed = (LoopEvent("play", [1, 1]), LoopEvent("unplayable", 1))
    run(loop, heard_only(0, 1, start=2.0, events=failed))
    assert 1 not in [c.place for c in loop.up_next(repeat=True) if c.eligible]


def test_eeg_before_the_music_enters_no_score(pool, ticks):
    none = [replace(t, heard=Heard.nothing(), events=()) for t in ticks[:14]]
    assert all(np.isinf(result.enjoyment.age_s) for result in run(make(pool), none))


def test_eeg_while_the_engine_does_not_answer_enters_no_score(pool, ticks, whole):
    """No rows of sound come in; what was heard then is not known."""
    gone = [replace(t, heard=Heard.nothing()) if 25 <= t.now < 40 else t for t in ticks[:60]]
    results = run(make(pool), gone)
    assert any(28 <= end < 40 for end in entered_by(whole))
    assert not any(28 <= end < 40 + BLANK + WINDOW for end in entered_by(results))
    assert "no track is heard" in next(r for r in results if r.now == 30).gate
    assert not [r for r in results if r.starts is not None and 25 <= r.now < 40]


def test_a_starved_moment_does_not_forget_the_rating(pool, ticks):
    starved = list(told(ticks[:30], 20, LoopEvent("rating", 1.0)))
    heard = starved[24].heard
    values = heard.values.copy()
    values[10:20, HEARD_NAMES.index("track")] = -1
    starved[24] = replace(starved[24], heard=Heard(heard.times, values))
    results = run(make(pool), starved)
    assert "Rated 9" in results[-1].gate


def test_strict_shows_and_counts_nothing_until_earned(pool, ticks):
    strict = replace(DEMO, eeg=replace(DEMO.eeg, strict=True))
    for result in run(make(pool, settings=strict), ticks[:40]):
        assert result.eeg_weight == 0.0
        assert result.enjoyment.mean == result.twin.mean


def test_music_goes_on_after_a_track_that_broke_off(pool):
    loop = make(pool[:3], ch_names=())
    play_through(loop, [0])
    results = run(loop, heard_only(-1, 6, start=2.0))
    assert "next_track" in [r.decision.kind for r in results if r.decision is not None]


def test_two_tracks_take_turns(pool):
    assert play_through(make(pool[:2], ch_names=()), [0, 1, 0]) == [[1], [0], [1]]


def test_in_a_longer_playlist_the_newest_tracks_rest(pool):
    assert len(pool) == NO_REPEAT + 2
    places = [3, 1, 4, 0, 5, 2, 7]
    seen = play_through(make(pool, ch_names=(), first=places[0]), places)
    for n, options in enumerate(seen):
        assert options == sorted(set(range(8)) - set(places[max(0, n + 1 - NO_REPEAT) : n + 1]))


def test_only_a_rating_teaches_what_to_expect_of_a_track(pool, ticks):
    loop = make(pool)
    run(loop, ticks)  # the first track is left without a rating
    assert loop.prior(0) == (DEMO.priors.next_mean, DEMO.priors.next_sd)
    loop = make(pool)
    run(loop, told(ticks, 30, LoopEvent("rating", 0.375)))
    assert loop.prior(0)[0] < DEMO.priors.next_mean


# The same again


def test_what_the_policy_sees_is_rounded(pool, ticks, monkeypatch):
    views = []

    def spy(view, *rest):
        views.append(view)
        return decide(view, *rest)

    monkeypatch.setattr("app.loop.loop.decide", spy)
    run(make(pool), ticks[:40])
    names = ("position", "remaining", "mean", "sd", "p_low", "twin_p_low", "trust")
    assert all(getattr(v, n) == round(getattr(v, n), 6) for v in views for n in names)


def test_noise_below_the_rounding_changes_no_byte(pool, ticks, whole, monkeypatch):
    """As if another BLAS had added up in another order."""
    level, below = EnjoymentFilter.level, EnjoymentFilter.p_below
    jitter = np.random.default_rng(0)

    def shaken(value):
        return value * (1.0 + 1e-13 * jitter.standard_normal())

    monkeypatch.setattr(EnjoymentFilter, "level", lambda self: tuple(map(shaken, level(self))))
    monkeypatch.setattr(EnjoymentFilter, "p_below", lambda self, x: shaken(below(self, x)))
    assert log(run(make(pool), ticks)) == log(whole)


@pytest.mark.parametrize("late", [1, 25])
def test_where_the_eeg_is_cut_into_ticks_changes_nothing(pool, ticks, whole, late):
    """Samples on their way in at the moment of the tick come with the next one."""
    rest = (ticks[0].eeg[:0], ticks[0].eeg_times[:0])
    moved = []
    for one in ticks:
        eeg, times = (
            np.concatenate([a, b]) for a, b in zip(rest, (one.eeg, one.eeg_times), strict=True)
        )
        n = max(times.size - late, 0)
        moved.append(replace(one, eeg=eeg[:n], eeg_times=times[:n]))
        rest = (eeg[n:], times[n:])
    cut = run(make(pool), moved)
    assert log(cut) == log(whole)
    assert [r.enjoyment for r in cut] == [r.enjoyment for r in whole]


def test_a_loop_is_the_same_again_whatever_ran_before(pool, ticks, whole):
    run(make(pool, calibration="silent"), ticks[:30])
    np.random.default_rng().random(7)
    assert log(run(make(pool), ticks)) == log(whole)


def test_eeg_that_is_lost_for_a_minute_holds_the_policy_until_enough_came_back(pool, ticks):
    gone = [replace(t, eeg=np.full_like(t.eeg, np.nan)) if 25 <= t.now <= 90 else t for t in ticks]
    results = run(make(pool), gone)
    assert by_eeg(results) == []
    lost = [r for r in results if 33 <= r.now <= 105]
    assert not any(r.enjoyment.usable for r in lost)
    assert results[-1].enjoyment.usable


SETUP = Setup("simulated", MONTAGE, SFREQ, "?", simulated=True)


def test_through_another_output_nothing_is_scored_with_the_old_delay_nor_learnt(pool, ticks, whole):
    loop = make(pool)
    results = run(loop, told(ticks, 60, LoopEvent("output", "headphones")))
    assert log(results[:60]) == log(whole[:60])
    assert results[59].tracking.ever_following
    assert not results[60].tracking.ever_following
    assert not any(np.isfinite(r.tracking.r) for r in results[60:65])
    assert not any(np.isfinite(r.tracking.delay_change) for r in results[60:])
    lesson = loop.lesson(began=0.0, setup=SETUP)
    assert lesson.setup == replace(SETUP, output="virtual clock")
    assert lesson.followed
    assert "The sound went to virtual clock, then to headphones" in lesson.reasons[-1]
    until = 64.0 * results[60].now
    ends = [one.excerpt.start + len(one.excerpt.eeg) for one in lesson.plays if one.excerpt]
    assert ends
    assert max(ends) <= until


def test_back_on_the_first_output_its_delay_is_known_again(pool, ticks):
    away = told(ticks, 40, LoopEvent("output", "headphones"))
    results = run(make(pool), told(away, 45, LoopEvent("output", "virtual clock")))
    assert not results[46].tracking.ever_following
    assert any(r.tracking.state == "following" for r in results[46:80])


def test_of_a_sound_that_nobody_hears_the_eeg_says_and_teaches_nothing(pool, ticks):
    loop, silent = make(pool), [replace(one, events=()) for one in ticks[:70]]
    silent = told(told(silent, 0, LoopEvent("output", "")), 30, LoopEvent("rating", 0.9))
    results = run(loop, silent)
    assert not any(r.enjoyment.usable for r in results)
    assert results[20].enjoyment.reasons[0].startswith("nobody hears the sound")
    assert {r.tracking.state for r in results} == {"cannot tell"}
    assert by_eeg(results) == []
    lesson = loop.lesson(began=0.0, setup=SETUP)
    assert lesson.setup is None
    assert lesson.reasons == (UNHEARD,)
    assert not any(one.excerpt or one.theta.n for one in lesson.plays)
    assert lesson.plays[0].ratings[0][1] == 0.9


def test_a_device_that_is_gone_for_a_while_takes_the_eeg_of_that_while_with_it(pool, ticks):
    away = told(ticks, 40, LoopEvent("output", ""))
    loop = make(pool)
    results = run(loop, told(away, 60, LoopEvent("output", "virtual clock")))
    assert not [end for end in entered_by(results) if 42 < end - results[0].now < 59]
    assert loop.lesson(began=0.0, setup=SETUP).setup is not None


def test_through_headphones_without_a_wire_nothing_is_told_and_the_eeg_never_acts(pool, ticks):
    results = run(make(pool), told(ticks[:60], 0, LoopEvent("wireless", True)))
    assert {r.tracking.state for r in results} == {"cannot tell"}
    assert not any(r.tracking.ever_following for r in results)
    assert results[-1].tracking.reasons[0] == WIRELESS
    assert by_eeg(results) == []
    # Without a headset there is nobody to tell.
    run(make(pool, ch_names=()), heard_only(0, 1, events=(LoopEvent("wireless", True),)))
