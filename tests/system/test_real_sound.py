"""What really came out of the sound server, recorded at its monitor."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from app.player.player import Player, PlayerEvent
from dsp.grid import FS
from dsp.sound.beatgrid import UNKNOWN_GRID, BeatGrid
from dsp.sound.heard import Play
from playlists.tracks import PreparedTrack, Track
from tests.doubles.watching import silence
from tests.doubles.witness import Witness

Sound = npt.NDArray[np.float32]


def _track(path: Path, sound: Sound, *, gain: float = 0.5, sure: bool = False) -> PreparedTrack:
    soundfile.write(path, sound, FS, subtype="FLOAT")
    seconds = sound.shape[0] / FS
    grid = BeatGrid(np.arange(0.25, seconds, 0.5), 120.0, 1.0) if sure else UNKNOWN_GRID
    track = Track(path, path.stem, "test", seconds)
    nothing = np.zeros(0, dtype=np.float32)
    return PreparedTrack(track, -18.0, gain, sound.shape[0], grid, 55.0, nothing, {})


def _tone(hz: float, seconds: float) -> Sound:
    t = np.arange(round(seconds * FS)) / FS
    return np.repeat((0.4 * np.sin(2 * np.pi * hz * t))[:, None], 2, axis=1).astype("f4")


def _noise(seconds: float) -> Sound:
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, (round(seconds * FS), 2))
    return noise.astype("f4")


def _amplitude(sound: Sound, hz: float) -> float:
    t = np.arange(sound.size) / FS
    return float(2.0 * np.abs(np.mean(sound * np.exp(-2j * np.pi * hz * t))))


def _until(player: Player, true: Callable[[], bool], *, deadline: float = 60.0) -> None:
    end = time.monotonic() + deadline
    while not true():
        assert time.monotonic() < end, (player.status(), player.events())
        player.heard()
        time.sleep(0.01)


def _at(player: Player, track: int, position: float) -> Callable[[], bool]:
    def there() -> bool:
        status = player.status()
        return status.play == track and status.position >= position

    return there


@pytest.fixture
def player(sound_server: Any) -> Iterator[Player]:
    made = Player(output="device")
    made.start()
    yield made
    made.close()


def _start_of(heard: Sound, first: Sound) -> int:
    """Frame of `heard` at which `first` begins, by correlation."""
    n = 1 << int(np.ceil(np.log2(heard.size + first.size)))
    product = np.fft.rfft(heard, n) * np.conj(np.fft.rfft(first, n))
    return int(np.argmax(np.fft.irfft(product, n)[: heard.size]))


@pytest.mark.sound
def test_what_comes_out_is_the_track_sample_by_sample_and_when_the_timeline_says(
    player: Player, sound_server: Any, machine: Witness, tmp_path: Path
) -> None:
    sound = _noise(3.0)
    sound[-4800:] *= 0.0
    track, expected = _track(tmp_path / "noise.wav", sound), sound * np.float32(0.5)
    for play, one in enumerate(machine.tries()):
        with one, sound_server.record() as recording:
            silence(player)
            # Its first seconds, in which a busy machine makes the device's times jitter, are over.
            _until(player, lambda: player.status().timing_residual < 0.002)
            recording.wait(0.3)
            lost = player.status().lost_blocks
            player.play(Play(play), track)
            _until(player, lambda: any(e.kind == "track_ended" for e in player.events()))
            heard = recording.wait(time.perf_counter() + 0.4 - recording.seconds(0)).copy()
            _, rows = player.timeline.since(0)
            at = _start_of(heard[:, 0], expected[24_000:72_000, 0]) - 24_000
            frames = np.array([24_000, 72_000, 120_000])
            times = np.array([recording.seconds(at + frame) for frame in frames])
            # Beyond the fade-in of 50 ms and before the silence: bit for bit, nothing was lost.
            body = slice(at + 2_400, at + sound.shape[0] - 4_800)
            np.testing.assert_array_equal(heard[body], expected[2_400:-4_800])
            assert player.status().lost_blocks == lost
            playing = rows[rows[:, 3] == play]
            said = playing[0, 0] + (frames - playing[0, 4]) / FS
            # The recorder hands on pieces of 4 ms.
            assert np.abs(said - times).max() < 0.015
            # A busy machine makes them jitter again; it must pass by itself.
            _until(player, lambda: player.status().timing_residual < 0.002)


@pytest.mark.sound
def test_a_track_change_cross_fades_at_equal_power(
    player: Player, sound_server: Any, machine: Witness, tmp_path: Path
) -> None:
    tracks = _track(tmp_path / "1.wav", _tone(440, 9)), _track(tmp_path / "2.wav", _tone(990, 6))
    for play, one in enumerate(machine.tries()):
        with one, sound_server.record() as recording:
            silence(player)
            player.play(Play(2 * play), tracks[0])
            _until(player, _at(player, 2 * play, 0.5))
            player.play(Play(2 * play + 1), tracks[1], fade=2.0)
            _until(player, _at(player, 2 * play + 1, 2.5))
            heard = recording.wait(time.perf_counter() + 0.1 - recording.seconds(0))[:, 0].copy()
            pieces = [heard[k : k + 4_800] for k in range(0, heard.size - 4_800, 4_800)]
            first = np.array([_amplitude(piece, 440) for piece in pieces])
            second = np.array([_amplitude(piece, 990) for piece in pieces])
            fading = (first > 0.012) & (second > 0.012)
            assert 1.3 < 0.1 * fading.sum() < 2.2
            power = first[fading] ** 2 + second[fading] ** 2
            np.testing.assert_allclose(power**0.5, 0.2, rtol=0.06)
            assert np.all(np.diff(first[fading]) < 0)
            assert np.all(np.diff(second[fading]) > 0)
            begun = int(np.flatnonzero(first > 0.19)[0]) * 4_800
            # Steeper than the tones themselves nothing ever was: no click.
            steepest = 0.2 * 2 * np.pi * (440 + 990) / FS
            assert np.abs(np.diff(heard[begun:])).max() < steepest


@pytest.mark.sound
def test_stop_is_silent_in_a_third_of_a_second(
    player: Player, sound_server: Any, machine: Witness, tmp_path: Path
) -> None:
    track = _track(tmp_path / "tone.wav", _tone(200, 20), sure=True)
    after: list[float] = []
    plays = map(Play, count())
    with sound_server.record() as recording:
        recording.wait(0.2)
        for number in range(10):
            for one in machine.tries():
                with one:
                    play = next(plays)
                    player.play(play, track)
                    player.set_layer(1.0, ramp=0.25)
                    _until(player, _at(player, play, 0.35 + 0.017 * number))
                    called = time.perf_counter()
                    player.stop()
                    sounds = recording.wait(called + 0.5 - recording.seconds(0))
                    loud = np.flatnonzero(np.abs(sounds[:, 0]) > 1e-6)
                    silent = recording.seconds(int(loud[-1]) + 1) - called
                    assert 0.02 < silent < 0.350
                    after.append(silent)
    assert np.median(after) < 0.300, after


# --- a server of our own, that may be killed --------------------------------------------------


class _Server:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix:{folder}/native"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = dict(os.environ, HOME=str(self.folder), XDG_RUNTIME_DIR=str(self.folder))
        environment["PULSE_RUNTIME_PATH"] = str(self.folder)
        (self.folder / "native").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"),
                *(
                    "-L",
                    f"module-native-protocol-unix auth-anonymous=1 socket={self.folder}/native",
                ),
                *("-L", "module-null-sink sink_name=lone rate=48000 channels=2 format=float32le"),
            ],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 10.0
        while not self.pactl("info"):
            assert time.monotonic() < end
            time.sleep(0.05)

    def pactl(self, *words: str) -> bool:
        command = ["pactl", "-s", self.address, *words]
        return subprocess.run(command, capture_output=True, timeout=10).returncode == 0

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def own_server(
    sound_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[_Server]:
    if shutil.which("pulseaudio") is None:
        pytest.skip("needs pulseaudio itself")
    folder = tmp_path / "pulse"
    folder.mkdir(mode=0o700)
    server = _Server(folder)
    server.start()
    monkeypatch.setenv("PULSE_SERVER", server.address)
    monkeypatch.setenv("PULSE_SINK", "lone")
    yield server
    server.kill()


@pytest.mark.sound
def test_a_killed_sound_server_costs_the_sound_not_the_session(
    own_server: _Server, tmp_path: Path
) -> None:
    player = Player(output="auto")
    events: list[PlayerEvent] = []

    def told(kind: str) -> bool:
        events.extend(player.events())
        return any(event.kind == kind for event in events)

    try:
        player.start()
        player.play(0, _track(tmp_path / "tone.wav", _tone(300, 40)))
        _until(player, _at(player, 0, 0.5))
        before = player.status()
        own_server.kill()
        _until(player, lambda: told("output_lost"), deadline=3.0)
        lost = player.status()
        assert not before.is_null
        assert lost.is_null
        assert lost.output == before.output
        assert "gone" in lost.notice
        assert lost.playing
        assert lost.notice in [event.text for event in events]
        _until(player, _at(player, 0, lost.position + 1.0), deadline=3.0)
        own_server.start()
        _until(player, lambda: told("output_back"))
        back = player.status()
        assert not back.is_null
        assert back.notice == ""
        assert back.silent_s > 0.9
        assert back.device_s >= before.device_s > 0.5
        _until(player, _at(player, 0, back.position + 0.5), deadline=3.0)
    finally:
        player.close()


@pytest.mark.sound
def test_a_sink_that_falls_silent_without_a_word_is_noticed(
    own_server: _Server, tmp_path: Path
) -> None:
    player = Player(output="auto")
    try:
        player.start()
        player.play(0, _track(tmp_path / "tone.wav", _tone(300, 40)))
        _until(player, _at(player, 0, 0.5))
        assert own_server.pactl("suspend-sink", "lone", "1")
        _until(player, lambda: player.status().is_null, deadline=6.0)
        position = player.status().position
        _until(player, _at(player, 0, position + 0.5), deadline=3.0)
    finally:
        player.close()
