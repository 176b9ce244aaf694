"""One set of promises for the player, whatever it plays to, and for the one on a virtual clock."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.player.contract import AnyPlayer
from app.player.player import Player
from app.player.virtual import VirtualPlayer
from dsp.checks import InputError
from dsp.grid import HOP
from dsp.sound.heard import HEARD_NAMES, Play
from playlists.tracks import PreparedTrack
from tests.doubles.tones import beats, pulses, write
from tests.doubles.watching import Watch, silence
from tests.doubles.witness import Witness

FLUX, RISE, LAYER, TRACK, POSITION, GAIN, LEVEL, DB = range(len(HEARD_NAMES))


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[PreparedTrack]:
    folder = tmp_path_factory.mktemp("tracks")
    return [
        write(folder / "a.wav", pulses(20.0, 1), grid=beats(20.0), gain=0.7),
        write(folder / "b.wav", pulses(20.0, 2), gain=0.4),
        write(folder / "short.wav", pulses(2.0, 3)),
    ]


@pytest.fixture(
    scope="module", params=["null", pytest.param("device", marks=pytest.mark.sound), "virtual"]
)
def opened(request: pytest.FixtureRequest, tracks: list[PreparedTrack]) -> Iterator[AnyPlayer]:
    """One player of each kind for all promises: its children take longer to start than to play."""
    if request.param == "device":
        request.getfixturevalue("sound_server")
    virtual = request.param == "virtual"
    made = VirtualPlayer(start=700.0) if virtual else Player(output=request.param)
    made.start()
    watch = Watch(made)
    for play in (0, 1):  # until both decoders have come to work
        made.play(Play(play), tracks[play])
        watch.until(lambda play=play: made.status().play == play)
    yield made
    made.close()


@pytest.fixture
def player(opened: AnyPlayer) -> AnyPlayer:
    """Return the player, in which nothing sounds and of which nothing is left to tell."""
    silence(opened)
    return opened


def _public(kind: type) -> set[str]:
    return {
        name for name, what in vars(kind).items() if inspect.isfunction(what) and name[0] != "_"
    }


def test_the_real_and_the_virtual_player_are_asked_alike() -> None:
    asked = _public(AnyPlayer)
    both = _public(Player) & _public(VirtualPlayer)
    assert len(asked) >= 10
    assert asked <= both
    for name in both:
        real, virtual = (inspect.signature(getattr(kind, name)) for kind in (Player, VirtualPlayer))
        assert real == virtual, name
        if name in asked:
            assert real == inspect.signature(getattr(AnyPlayer, name)), name


def test_what_it_plays_is_heard_row_by_row_and_on_time(
    player: AnyPlayer, tracks: list[PreparedTrack], machine: Witness
) -> None:
    for one in machine.tries():
        silence(player)
        with one:
            lost = player.status().lost_blocks
            watch = Watch(player)
            player.play(0, tracks[0])
            player.set_layer(1.0, ramp=0.25)
            watch.until(lambda w=watch: bool(w.values[:, POSITION].max(initial=0.0) > 1.5))
            rows = np.flatnonzero(watch.values[:, TRACK] == 0)
            # Tracks start on a row of the bus, so that rows of the bus are rows of the track.
            lag = np.round(watch.values[rows, POSITION] * 64.0 - 0.5).astype(int)
            beyond = lag > 8
            np.testing.assert_array_equal(
                watch.values[rows, FLUX][beyond].astype("f4"), tracks[0].feature[lag[beyond] + 1]
            )
            assert np.all(watch.values[rows, GAIN][beyond] == pytest.approx(0.7))
            assert watch.values[rows, LAYER].max() > 0.005
            steps = np.diff(watch.times[rows])
            assert np.abs(steps - HOP / 48_000).max() < 0.004  # none is lost
            assert np.median(np.abs(steps - HOP / 48_000)) < 0.0005
            status = player.status()
            assert (status.playing, status.paused, status.play) == (True, False, 0)
            assert status.lost_blocks == lost
            assert abs(watch.times[-1] - watch.now()) < 0.2


def test_play_cross_fades_and_says_so(player: AnyPlayer, tracks: list[PreparedTrack]) -> None:
    watch = Watch(player)
    player.play(0, tracks[0])
    player.cue(1, tracks[1])
    watch.until(lambda: player.status().cued == 1 and player.status().play == 0)
    player.play(1, tracks[1], fade=0.3)
    watch.until(lambda: ("track_ended", 0) in watch.kinds())
    assert watch.of_tracks() == [("track_started", 0), ("track_started", 1), ("track_ended", 0)]
    watch.until(lambda: player.status().play == 1)


def test_a_cued_track_follows_by_itself(player: AnyPlayer, tracks: list[PreparedTrack]) -> None:
    watch = Watch(player)
    player.cue(1, tracks[1], fade=0.5)
    watch.until(lambda: player.status().cued == 1)
    player.play(0, tracks[2])
    watch.until(lambda: player.status().play == 1)
    started = [event.time for event in watch.events if event.kind == "track_started"]
    assert started[1] - started[0] == pytest.approx(1.5, abs=0.05)


def test_pause_and_resume(player: AnyPlayer, tracks: list[PreparedTrack]) -> None:
    watch = Watch(player)
    player.play(0, tracks[0])
    watch.until(lambda: player.status().position > 0.3)
    player.pause()
    watch.until(lambda: bool(watch.values[-1, GAIN] == 0.0))
    held = player.status().position
    watch.on_for(0.3)
    assert player.status().position == pytest.approx(held, abs=0.015)
    player.resume()
    watch.until(lambda: player.status().position > held + 0.2)


def test_stop_silences_layer_and_music_and_the_engine_stays(
    player: AnyPlayer, tracks: list[PreparedTrack]
) -> None:
    watch = Watch(player)
    player.play(0, tracks[0])
    player.set_layer(1.0, ramp=0.25)
    watch.until(lambda: player.status().position > 0.5)
    player.stop()
    watch.until(lambda: not player.status().playing and player.status().play == -1)
    n = watch.values.shape[0]
    watch.until(lambda: watch.values.shape[0] > n + 10)
    assert np.all(watch.values[n + 4 :, [FLUX, LAYER, GAIN, LEVEL]] == 0.0)
    player.play(1, tracks[1])
    watch.until(lambda: player.status().play == 1)


def test_a_broken_track_is_skipped_and_the_music_goes_on(
    player: AnyPlayer, tracks: list[PreparedTrack], tmp_path: Path
) -> None:
    bad = write(tmp_path / "gone.wav", pulses(3.0, 4))
    (tmp_path / "gone.wav").write_text("no sound")
    watch = Watch(player)
    player.play(0, tracks[0])
    watch.until(lambda: player.status().play == 0)
    player.cue(1, bad)
    watch.until(lambda: ("track_skipped", 1) in watch.kinds())
    assert any("gone.wav" in event.text for event in watch.events)
    position = player.status().position
    watch.until(lambda: player.status().position > position + 0.2)
    player.play(2, tracks[1], fade=0.1)
    watch.until(lambda: player.status().play == 2)


def test_stop_drops_what_waits_to_be_started(
    player: AnyPlayer, tracks: list[PreparedTrack]
) -> None:
    watch = Watch(player)
    player.play(0, tracks[0])
    player.stop()  # before the first block
    watch.on_for(0.6)
    assert watch.of_tracks() == []
    player.play(1, tracks[0])
    watch.until(lambda: player.status().position > 0.5)
    player.cue(2, tracks[1])
    player.play(3, tracks[1], fade=2.0)
    player.stop()
    stopped = watch.now()
    watch.on_for(1.2)
    assert watch.of_tracks() == [("track_started", 1), ("track_ended", 1)]
    assert (player.status().playing, player.status().cued) == (False, -1)
    after = watch.values[watch.times > stopped + 0.45]  # of sound that waits in the device
    assert after.shape[0] > 20
    assert np.all(after[:, [FLUX, LAYER, GAIN, LEVEL]] == 0.0)


def test_stop_while_paused_is_silent_for_good(
    player: AnyPlayer, tracks: list[PreparedTrack]
) -> None:
    watch = Watch(player)
    player.play(0, tracks[0])
    watch.until(lambda: player.status().position > 0.3)
    player.pause()
    player.cue(1, tracks[1])
    watch.until(lambda: bool(watch.values[-1, GAIN] == 0.0))
    n = watch.values.shape[0]
    player.stop()
    watch.on_for(0.6)
    assert np.all(watch.values[n:, [FLUX, LAYER, GAIN]] == 0.0)
    assert (player.status().playing, player.status().paused) == (False, False)


def test_a_beat_of_nobody_is_refused(player: AnyPlayer) -> None:
    player.beat("window")
    with pytest.raises(InputError, match="loop, window"):
        player.beat("clock")
