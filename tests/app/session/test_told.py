"""What is to be shown of a session follows from what it told of itself, without a window."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.loop.decision import Decision
from app.loop.ticks import Coming, TickResult
from app.player.contract import PlayerStatus
from app.session.snapshot import NO_EEG, Span
from app.session.told import Seen, Told, resolve
from app.session.watcher import Watcher
from dsp.enjoyment import Enjoyment
from dsp.sound.beatgrid import BeatGrid
from dsp.sound.heard import NO_PLAY, Play
from playlists.choice import Candidate
from playlists.tracks import Place, PreparedTrack, Track

START = 5000.25  # LSL seconds
FIRST = Play(0)
TITLES = ("Slow River", "Harbour Light", "Glass Meadow")
TRACKS = tuple(Track(Path(f"{i}.mp3"), title, "Attune", 90.0) for i, title in enumerate(TITLES))
CANDIDATES = tuple(
    Candidate(Place(i), mean, 0.2, eligible=i != 0) for i, mean in enumerate((0.9, 0.5, 0.6))
)


def _prepared(place):
    return PreparedTrack(
        track=TRACKS[place],
        lufs=-18.0,
        gain=1.0,
        n_frames=1,
        grid=BeatGrid(beats=np.empty(0), tempo=0.0, confidence=0.0),
        tonic=0.0,
        feature=np.empty(0, dtype=np.float32),
        descriptors={},
        key="",
    )


def _result(now, *, play=FIRST, coming=None, gate="", usable=True, position=3.0, unrated=False):
    return TickResult(
        now=now,
        eeg_until=None,
        heard_until=now,
        play=play,
        place=Place(int(play)),
        position=position,
        duration=150.0,
        enjoyment=Enjoyment(0.6, 0.1, 0.1, usable, 1.0, ()),
        twin=Enjoyment(0.5, 0.2, 0.3, False, math.inf, ()),
        tracking=None,
        eeg_weight=0.5,
        gate=gate,
        theta_db=None,
        quality=(),
        decision=None,
        starts=None,
        coming=coming,
        unrated=unrated,
    )


@pytest.fixture
def watcher():
    """A session that has just begun with its first track."""
    out = Watcher(Told(TRACKS, target=0.42))
    out.begin(START, None, None)
    out.playing(Play(0), Place(0), _prepared(0))
    return out


def _tick(watcher, now, *, layer=0.0, **values):
    watcher.tick(_result(now, **values), CANDIDATES, PlayerStatus(layer_level=layer))


def _seen(at, play=FIRST, **status):
    return Seen(PlayerStatus(play=play, playing=True, **status), "streaming", at)


def test_the_same_is_told_again_and_nothing_changes_by_looking(watcher):
    _tick(watcher, 5001.0)
    told = watcher._told
    shots = [watcher.snapshot(_seen(5001.5)) for _ in range(3)]
    assert watcher._told is told
    assert [shot.history.t.tolist() for shot in shots] == [[0.75]] * 3
    assert len({shot.t for shot in shots}) == 1


def test_every_time_has_the_zero_of_the_first_sound(watcher):
    for kind, value in (("rating", 7), ("mark", None)):
        watcher.asked(5002.0, kind, value)
    _tick(watcher, 5002.0, layer=0.4)
    _tick(watcher, 5003.0)
    shot = watcher.snapshot(_seen(5003.5))
    assert shot.t == 3.25
    assert shot.history.t.tolist() == [1.75, 2.75]
    assert shot.history.tracks == ((0.0, "Slow River"),)
    assert shot.history.layer == (Span(1.75, 2.75),)
    assert shot.marks == (1.75,)
    assert [rating.t for rating in shot.ratings] == [1.75]
    assert {line.t for line in shot.decisions} == {1.75}


def test_before_the_first_sound_no_time_has_passed():
    told = Told(TRACKS, target=0.42)
    shot = resolve(told)
    assert (shot.t, shot.phase, shot.source_state) == (0.0, "starting", "connecting")
    assert shot.eeg_gate == "the session has not begun"
    assert resolve(replace(told, headset=False)).source_state == "none"


def test_what_is_drawn_is_coming_and_before_that_others_are_only_possible(watcher):
    _tick(watcher, 5001.0)
    shot = watcher.snapshot()
    assert shot.coming is None
    assert [track.title for track in shot.possible_next] == ["Glass Meadow", "Harbour Light"]
    coming = Coming(Play(1), Place(1), at_once=False, since=5002.0)
    _tick(watcher, 5002.0, coming=coming)
    shot = watcher.snapshot()
    assert shot.possible_next == ()
    assert (shot.coming.track.title, shot.coming.prepared) == ("Harbour Light", False)
    watcher.playing(Play(1), Place(1), _prepared(1))
    assert watcher.snapshot().coming.prepared


def test_changed_is_said_when_the_track_is_heard(watcher):
    coming = Coming(Play(1), Place(1), at_once=True, since=5001.0)
    _tick(watcher, 5001.0, coming=coming)
    watcher.playing(Play(1), Place(1), _prepared(1))
    _tick(watcher, 5002.0, coming=coming)
    said = [line.sentence for line in watcher.snapshot().decisions]
    assert [line for line in said if "hanged" in line] == []
    _tick(watcher, 5003.0, play=Play(1), position=0.25)
    shot = watcher.snapshot()
    assert shot.decisions[-1].sentence == "Changed to Harbour Light."
    assert shot.decisions[-1].t == 2.5
    assert shot.history.tracks[-1] == (2.5, "Harbour Light")


def test_a_rating_belongs_to_the_track_that_was_heard_when_it_was_taken(watcher):
    _tick(watcher, 5001.0)
    watcher.asked(5002.0, "rating", 3)
    _tick(watcher, 5002.0)
    watcher.playing(Play(1), Place(1), _prepared(1))
    watcher.asked(5003.0, "rating", 8)
    _tick(watcher, 5003.0, play=Play(1))
    ratings = watcher.snapshot().ratings
    assert [(r.given, r.play, r.title) for r in ratings] == [
        (3, 0, "Slow River"),
        (8, 1, "Harbour Light"),
    ]


def test_what_people_asked_for_stands_among_what_the_player_did(watcher):
    _tick(watcher, 5001.0)
    for kind, value in (
        ("pause", True),
        ("pause", False),
        ("hold", True),
        ("hold", True),
        ("hold", False),
        ("mark", None),
        ("rating", 6),
    ):
        watcher.asked(5002.0, kind, value)
    _tick(watcher, 5002.0)
    watcher.end(_seen(5002.0), None, "", asked=True)
    assert [line.sentence for line in watcher.snapshot().decisions] == [
        "Paused.",
        "Music goes on.",
        "Automation put on hold.",
        "Automation goes on.",
        "Moment marked.",
        "Rated 6 of 9: Slow River.",
        "Stopped.",
    ]


def _decided(watcher, kind, code, cause):
    decision = Decision(kind, code, 1 if kind == "change_track" else None, "So.", cause, 1.0)
    watcher.decided(watcher.now, decision, Play(9) if kind == "change_track" else None)


@pytest.mark.parametrize(
    ("asked", "unrated", "left"),
    [
        ((7, 2, "undo"), True, [7]),
        ((7, "undo", 2), True, [2]),  # all in one second
        ((7, 2, "undo"), False, [7, 2]),  # a change was taken back, or nothing
    ],
)
def test_a_rating_that_was_taken_back_is_shown_no_more(watcher, asked, unrated, left):
    for one in asked:
        watcher.asked(5001.0, *(("undo", None) if one == "undo" else ("rating", one)))
    _tick(watcher, 5001.0, unrated=unrated)
    assert [rating.given for rating in watcher.snapshot().ratings] == left


def test_the_layer_that_was_switched_off_stays_so_until_it_is_allowed(watcher):
    watcher.asked(5001.0, "layer_off", True)
    assert watcher.snapshot().layer_off
    watcher.asked(5002.0, "layer_off", False)
    assert not watcher.snapshot().layer_off


@pytest.mark.parametrize("gate", ["", "The change budget of this session is spent."])
def test_the_reason_that_holds_is_handed_on(watcher, gate):
    _tick(watcher, 5001.0, gate=gate)
    assert watcher.snapshot().eeg_gate == gate.removesuffix(".")


@pytest.mark.parametrize(
    ("level", "target", "state"),
    [
        (0.0, 0.0, "off"),
        (0.0, 0.5, "off"),
        (0.2, 0.5, "fading in"),
        (0.5, 0.5, "on"),
        (0.2, 0.0, "fading out"),
    ],
)
def test_the_layer_is_what_is_heard_of_it(watcher, level, target, state):
    decision = Decision("layer_on", "layer_on", target, "In.", "eeg", 1.0)
    watcher.decided(5001.0, decision, None)
    assert watcher.snapshot(_seen(5001.5, layer_level=level)).layer_state == state


def test_without_eeg_the_history_has_no_state(watcher):
    _tick(watcher, 5001.0, usable=False)
    history = watcher.snapshot().history
    assert history.state.tolist() == [NO_EEG]
    assert history.usable.tolist() == [False]
    assert np.isnan(history.r).all()


def test_a_history_that_was_handed_out_is_not_written_to_again(watcher):
    for second in range(600):  # past every growth of what holds the rows
        _tick(watcher, 5001.0 + second)
        if second == 255:
            early = watcher.snapshot().history
    assert early.t.size == 256
    assert early.t[-1] == 5256.0 - START
    assert np.array_equal(watcher.snapshot().history.t, np.arange(5001.0, 5601.0) - START)


def test_paused_is_what_the_player_says(watcher):
    assert watcher.snapshot(_seen(5001.0, paused=True)).phase == "paused"
    assert watcher.snapshot(_seen(5001.0)).phase == "running"


def test_the_last_picture_stands_after_the_end(watcher):
    _tick(watcher, 5001.0)
    watcher.end(_seen(5001.0, position=0.75), Path("report.html"), "", asked=False)
    shot = watcher.snapshot()
    assert (shot.phase, shot.t, shot.track.title) == ("ended", 0.75, "Slow River")
    assert shot.track.position == 0.75
    assert shot.report == Path("report.html")
    assert shot.decisions[-1].sentence == "The session ended."
    assert watcher.snapshot(None).play != NO_PLAY
