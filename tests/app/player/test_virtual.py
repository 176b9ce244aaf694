from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.player.heard import Trace
from app.player.virtual import VirtualPlayer
from devices.timeline import Timeline
from dsp.sound.heard import HEARD_NAMES, Heard
from playlists.starter import STARTER_DIR
from playlists.tracks import PreparedTrack
from tests.doubles.tones import beats, pulses, write

FLUX, RISE, LAYER, TRACK, POSITION, GAIN, LEVEL, DB = range(len(HEARD_NAMES))


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[PreparedTrack]:
    folder = tmp_path_factory.mktemp("tracks")
    return [
        write(folder / "a.wav", pulses(21.0, 1), grid=beats(21.0), gain=0.7),
        write(folder / "b.wav", pulses(17.3, 2), gain=0.4),
    ]


def _session(player: VirtualPlayer, tracks: list[PreparedTrack], *, steps: float) -> Heard:
    """Silence, a track, layer, an early change, the layer off, a cued change, the end."""
    script = [
        (0.37, lambda: player.play(0, tracks[0])),
        (3.21, lambda: player.set_layer(0.8, ramp=2.0)),
        (7.77, lambda: player.play(1, tracks[1], fade=3.0)),
        (9.03, lambda: player.cue(2, tracks[0], fade=2.0)),
        (15.0, lambda: player.set_layer(0.0, ramp=1.0)),
        (22.0, lambda: player.set_volume(-6.0)),
        (26.2, player.pause),
        (27.0, player.resume),
        (28.0, lambda: player.play(3, tracks[1], fade=1.0)),
        (29.9, lambda: player.set_layer(0.5, ramp=0.5)),
        (33.3, player.stop),
    ]
    blocks, at = [], 0.0
    while at < 36.0:
        due = [(t, do) for t, do in script if t <= at + 1e-9]
        for _, do in due:
            do()
        script = script[len(due) :]
        nearest = script[0][0] if script else 36.0
        at = min(at + steps, nearest)
        player.advance(at)
        blocks.append(player.heard())
    return Heard.joined(blocks)


def test_features_only_is_the_full_rendering_bit_for_bit(tracks: list[PreparedTrack]) -> None:
    full, lean = VirtualPlayer(), VirtualPlayer(features_only=True)
    a = _session(full, tracks, steps=0.25)
    b = _session(lean, tracks, steps=1.0)
    assert a.values.shape[0] > 64 * 35
    np.testing.assert_array_equal(a.times, b.times)
    for column in (FLUX, LAYER, TRACK, POSITION, GAIN, LEVEL, DB):
        np.testing.assert_array_equal(
            a.values[:, column], b.values[:, column], err_msg=HEARD_NAMES[column]
        )
    np.testing.assert_array_equal(full.timeline.since(0)[1], lean.timeline.since(0)[1])
    assert full.events() == lean.events()


def test_so_it_is_with_the_starter_tracks(measured: Callable[[Path], PreparedTrack]) -> None:
    pair = [
        measured(STARTER_DIR / name)
        for name in sorted(place.name for place in STARTER_DIR.glob("*.ogg"))[:2]
    ]
    heard = []
    for lean in (False, True):
        player = VirtualPlayer(features_only=lean)
        player.play(0, pair[0])
        player.advance(9.0)
        player.set_layer(1.0, ramp=2.0)
        player.advance(12.0)
        player.play(1, pair[1])
        player.advance(18.0)
        heard.append(player.heard().values)
    np.testing.assert_array_equal(heard[0][:, FLUX], heard[1][:, FLUX])
    np.testing.assert_array_equal(heard[0][:, LAYER:], heard[1][:, LAYER:])
    assert heard[0][600:, LAYER].max() > 0.01


def test_the_level_is_that_of_the_music_with_its_volume(tracks: list[PreparedTrack]) -> None:
    player = VirtualPlayer()
    player.advance(0.5)
    assert np.all(player.heard().values[:, DB] == -120.0)
    player.play(0, tracks[0])
    player.advance(4.0)
    loud = player.heard().values[64:]
    level = tracks[0].level[64 : 64 + len(loud)]
    assert loud[:, DB].mean() == pytest.approx(level.mean(), abs=0.5)
    timeline = Timeline.create(local=True)
    for k in range(100):
        #                  frame   n    deck a      deck b     layer     master
        row = (k * 480.0, 480, 0, 0, 1.0, -1, 0, 0.0, 0.0, 0.0, 0.5 if k < 50 else 1.0)
        timeline.append((k / 100, *row))
    trace = Trace(timeline)
    trace.push(np.full((60, 3), -20.0, dtype=np.float32), np.zeros(60, dtype=np.float32))
    heard = trace.take(2.0).values[:, DB]
    assert heard[2] == pytest.approx(-26.02, abs=0.01)
    assert heard[-1] == -20.0
    timeline.close()


def test_what_was_heard_tells_track_position_gain_and_layer(tracks: list[PreparedTrack]) -> None:
    player = VirtualPlayer(start=100.0)
    player.play(7, tracks[0], fade=4.0)
    player.set_layer(1.0, ramp=1.0)
    player.advance(103.0)
    heard = player.heard()
    assert np.all(np.diff(heard.times) > 0)
    last = heard.values[-1]
    assert heard.times[-1] == pytest.approx(103.0, abs=0.03)
    assert last[TRACK] == 7
    assert last[POSITION] == pytest.approx(heard.times[-1] - 100.0, abs=0.001)
    assert last[GAIN] == pytest.approx(0.7)
    assert last[LEVEL] == 1.0
    assert heard.values[-64:, LAYER].max() > 0.01
    assert player.heard().times.size == 0


def test_a_cued_track_fades_in_when_the_running_one_has_the_fade_left(
    tracks: list[PreparedTrack],
) -> None:
    player = VirtualPlayer(features_only=True)
    player.play(0, tracks[0])
    player.cue(1, tracks[1], fade=4.0)
    player.advance(30.0)
    started = {event.value: event.time for event in player.events() if event.kind.endswith("ted")}
    assert started[0] == pytest.approx(0.0, abs=0.02)
    assert started[1] == pytest.approx(21.0 - 4.0, abs=0.05)


def test_play_comes_at_once_although_another_track_is_cued(tracks: list[PreparedTrack]) -> None:
    player = VirtualPlayer(features_only=True)
    player.play(0, tracks[0])
    player.cue(1, tracks[1])
    player.advance(5.0)
    player.play(2, tracks[1], fade=1.0)
    player.advance(7.0)
    assert player.status().play == 2
    assert player.status().cued == -1


def test_play_during_a_cross_fade_ends_it_early(tracks: list[PreparedTrack]) -> None:
    player = VirtualPlayer(features_only=True)
    player.play(0, tracks[0])
    player.advance(2.0)
    player.play(1, tracks[1], fade=4.0)
    player.advance(3.0)
    player.play(2, tracks[0], fade=1.0)
    player.advance(4.5)
    assert [event.value for event in player.events() if event.kind == "track_started"] == [0, 1, 2]
    assert player.status().play == 2


def test_a_cross_fade_keeps_the_power(tracks: list[PreparedTrack]) -> None:
    player = VirtualPlayer(features_only=True)
    player.play(0, tracks[0])
    player.advance(3.0)
    player.play(1, tracks[0], fade=2.0)
    player.advance(6.0)
    _, rows = player.timeline.since(20)
    np.testing.assert_allclose(rows[:, 5] ** 2 + rows[:, 8] ** 2, 0.7**2, rtol=1e-3)
