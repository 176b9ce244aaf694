"""What cannot be played, and how it is said."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.player import engine_process
from app.player import player as player_module
from app.player.engine_process import EngineSetup
from app.player.player import Player
from app.player.virtual import VirtualPlayer
from devices.sound import DeviceOutput
from dsp.checks import DeviceError, InputError
from dsp.sound.beatgrid import UNKNOWN_GRID
from dsp.sound.limiter import Limiter
from playlists.tracks import PreparedTrack, Track


def _track(path: str = "nowhere.wav", *, n_frames: int = 48_000) -> PreparedTrack:
    return PreparedTrack(
        track=Track(Path(path), "nowhere", "", n_frames / 48_000),
        lufs=-18.0,
        gain=1.0,
        n_frames=n_frames,
        grid=UNKNOWN_GRID,
        tonic=0.0,
        feature=np.zeros(n_frames // 750, dtype=np.float32),
        descriptors={},
    )


@pytest.mark.parametrize("output", ["", "speaker", "NULL"])
def test_an_unknown_output(output: str) -> None:
    with pytest.raises(InputError, match="auto, device, null"):
        Player(output=output)


@pytest.mark.parametrize("latency", [0.0, -1.0, 5.0, float("nan")])
def test_an_impossible_latency(latency: float) -> None:
    with pytest.raises(InputError, match="latency"):
        Player(latency=latency)


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan"), "loud"])
def test_a_layer_level_outside_its_range(level: float) -> None:
    with pytest.raises(InputError, match="layer level"):
        VirtualPlayer().set_layer(level, ramp=1.0)


@pytest.mark.parametrize("db", [1.0, -81.0, float("nan")])
def test_a_volume_louder_than_the_tracks(db: float) -> None:
    with pytest.raises(InputError, match="volume"):
        VirtualPlayer().set_volume(db)


def test_time_that_runs_backwards() -> None:
    player = VirtualPlayer()
    player.advance(2.0)
    with pytest.raises(InputError, match="later"):
        player.advance(1.0)


def test_features_that_do_not_cover_the_track() -> None:
    track = _track(n_frames=480_000)
    short = PreparedTrack(**{**track.__dict__, "feature": track.feature[:10]})
    with pytest.raises(InputError, match="prepare"):
        VirtualPlayer(features_only=True).play(0, short)


@pytest.mark.parametrize("ceiling", [1.0, -40.0, float("nan")])
def test_a_ceiling_that_protects_nobody(ceiling: float) -> None:
    with pytest.raises(InputError, match="ceiling"):
        Limiter(ceiling_db=ceiling)


def test_a_player_that_was_not_started() -> None:
    player = Player(output="null")
    with pytest.raises(DeviceError, match="start"):
        player.play(0, _track())
    player.close()
    player.close()
    with pytest.raises(DeviceError, match="start"):
        player.heard()


def _no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere/at/all")
    monkeypatch.delenv("ALSA_CONFIG_PATH", raising=False)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")


def test_no_device_is_silence_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    _no_device(monkeypatch)
    player = Player(output="auto")
    try:
        player.start()
        status = player.status()
        assert status.is_null
        assert "silence" in status.notice
        assert "\n" not in status.notice
        end = time.monotonic() + 5.0
        while not player.heard().times.size:
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        player.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the fault is ALSA's")
def test_a_sound_library_that_aborts_costs_the_sound_not_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _no_device(monkeypatch)
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/dev/null")  # PortAudio aborts on it
    player = Player(output="auto")
    try:
        player.start()
        assert player.status().is_null
        assert "silence" in player.status().notice
    finally:
        player.close()
    with pytest.raises(DeviceError, match=r"sound|PortAudio"):
        Player(output="device").start()


def _stands_still(setup: EngineSetup) -> None:
    time.sleep(60.0)


def _ends(setup: EngineSetup) -> None:
    raise SystemExit(1)


@pytest.mark.parametrize(
    ("run", "said"),
    [(_stands_still, "does not come to start: the computer is too busy"), (_ends, "library ends")],
)
def test_an_engine_that_does_not_start_is_said_to_be_slow_or_ended_as_it_was(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[EngineSetup], None], said: str
) -> None:
    """At load 30 a start that was merely slow was laid upon the sound library."""
    monkeypatch.setattr(engine_process, "run", run)
    if run is _stands_still:
        monkeypatch.setattr(player_module, "_START_S", 0.2)
    with pytest.raises(DeviceError, match=said):
        Player(output="null").start()


def test_no_device_where_one_was_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    _no_device(monkeypatch)
    with pytest.raises(DeviceError, match=r"[Ss]ound|PortAudio"):
        Player(output="device").start()


def test_a_device_that_nobody_knows() -> None:
    player = Player(output="device", device="no such loudspeaker")
    with pytest.raises(DeviceError, match=r"no such loudspeaker|PortAudio"):
        player.start()


def test_an_output_that_cannot_be_opened() -> None:
    with pytest.raises(DeviceError, match=r"\.$"):
        DeviceOutput(lambda n, t: np.zeros((n, 2), dtype=np.float32), device="no such", latency=0.2)


def test_a_missing_file_is_skipped_with_its_name() -> None:
    player = Player(output="null")
    try:
        player.start()
        player.play(4, _track("/nowhere/song.ogg"))
        end = time.monotonic() + 10.0
        events = player.events()
        while not events:
            assert time.monotonic() < end
            time.sleep(0.01)
            events = player.events()
        assert (events[0].kind, events[0].value) == ("track_skipped", 4)
        assert "/nowhere/song.ogg" in events[0].text
    finally:
        player.close()
