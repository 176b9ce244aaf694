"""What the player does when one of its parts fails."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from app.player import deck_process
from app.player.deck_process import DeckProcess
from app.player.player import Player
from devices.children import ENDING
from devices.clock import now
from dsp.checks import DeviceError
from dsp.grid import FS
from dsp.sound.heard import HEARD_NAMES
from playlists.tracks import PreparedTrack
from tests.doubles.program import segments
from tests.doubles.tones import beats, pulses, write
from tests.doubles.watching import Watch, silence

FLUX, RISE, LAYER, TRACK, POSITION, GAIN, LEVEL, DB = range(len(HEARD_NAMES))


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[PreparedTrack]:
    folder = tmp_path_factory.mktemp("tracks")
    return [
        write(folder / "a.wav", pulses(20.0, 1), grid=beats(20.0), gain=0.7),
        write(folder / "b.wav", pulses(20.0, 2), gain=0.4),
        write(folder / "short.wav", pulses(2.0, 3)),
    ]


@pytest.fixture(scope="module")
def opened() -> Iterator[Player]:
    """One player for all faults that it outlives."""
    made = Player(output="null")
    made.start()
    yield made
    made.close()


@pytest.fixture
def silent_player(opened: Player) -> Player:
    """Return the player, in which nothing sounds and of which nothing is left to tell."""
    silence(opened)
    return opened


def _kill_decoders(player: Player) -> None:
    for decoder in player._decoders:
        assert decoder.pid is not None
        os.kill(decoder.pid, signal.SIGKILL)


def assert_as_prepared(rows: np.ndarray, track: PreparedTrack) -> None:
    """Rows are those of the track at the positions they name; a busy machine shifts their count."""
    lag = np.round(rows[:, POSITION] * 64.0 - 0.5).astype(int)
    np.testing.assert_array_equal(rows[:, FLUX].astype("f4"), track.feature[lag + 1])


def test_a_killed_decoder_costs_one_track_not_the_music(
    silent_player: Player, tracks: list[PreparedTrack], tmp_path: Path
) -> None:
    player = silent_player
    long = write(tmp_path / "long.wav", np.tile(pulses(10.0, 5), (3, 1)))
    watch = Watch(player)
    player.play(0, long)
    watch.until(lambda: player.status().position > 0.2)
    _kill_decoders(player)
    for ring in player._decks:  # as if a slow decoder had been a second ahead, not eight
        ring._a["written"][0] = min(ring._a["written"][0], ring._a["read"][0] + FS)
    player.cue(1, tracks[1], fade=0.5)
    # What is decoded plays on; then the cued track comes.
    watch.until(lambda: player.status().play == 1, deadline=15.0)
    assert np.all(np.diff(watch.times) < 0.02)
    skipped = [event for event in watch.events if event.kind == "track_skipped"]
    assert [event.value for event in skipped] == [0]
    assert "decoder" in skipped[0].text


def test_a_decoder_killed_after_its_work_does_not_begin_the_track_again(
    silent_player: Player, tracks: list[PreparedTrack]
) -> None:
    """The last 8 s of a track wait in the ring, decoded; they were played from the start again."""
    player = silent_player
    watch = Watch(player)
    player.play(0, tracks[2])
    watch.until(lambda: player.status().position > 0.5 and player._decks[0].complete())
    _kill_decoders(player)
    watch.until(lambda: ("track_ended", 0) in watch.kinds())
    watch.on_for(0.3)
    assert watch.of_tracks() == [("track_started", 0), ("track_ended", 0)]
    rows = watch.values[watch.values[:, TRACK] == 0]
    assert np.all(np.diff(rows[:, POSITION]) > 0)
    assert_as_prepared(rows[10:120], tracks[2])
    player.play(1, tracks[1])
    watch.until(lambda: player.status().play == 1)


def _cannot_start(ring: str) -> None:
    raise SystemExit(1)


def test_a_decoder_that_cannot_start_is_tried_three_times_and_then_said(
    tracks: list[PreparedTrack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deck_process, "run", _cannot_start)
    started: list[int] = []
    start = DeckProcess._start
    monkeypatch.setattr(
        DeckProcess, "_start", lambda decoder: (started.append(1), start(decoder))[1]
    )
    player = Player(output="null")
    try:
        player.start()
        watch = Watch(player)
        player.play(0, tracks[0])
        watch.until(lambda: ("track_skipped", 0) in watch.kinds())
        watch.until(lambda: len(started) == 6)
        watch.on_for(0.3)
        assert len(started) == 6  # three for each deck
        told = [event for event in watch.events if event.kind == "decoder_lost"]
        assert len(told) == 1
        assert "3 tries" in told[0].text
        assert player.status().notice == told[0].text
        assert not player.status().playing
    finally:
        player.close()


def test_a_killed_engine_is_told_and_nothing_hangs(tracks: list[PreparedTrack]) -> None:
    player = Player(output="null")
    try:
        player.start()
        watch = Watch(player)
        player.play(0, tracks[0])
        watch.until(lambda: player.status().play == 0)
        player._engine.kill()
        watch.until(lambda: bool(watch.events) and watch.events[-1].kind == "engine_lost")
        player.play(1, tracks[1])
        assert "engine" in player.status().notice
        assert not player.status().playing
    finally:
        player.close()


def test_a_player_that_is_left_while_its_engine_starts_waits_for_none_of_it() -> None:
    before = set(multiprocessing.active_children())
    player = Player(output="auto")
    with pytest.raises(DeviceError, match="left before it started"):
        player.start(lambda: True)
    assert set(multiprocessing.active_children()) <= before


def test_without_a_sign_of_life_the_layer_fades(
    silent_player: Player, tracks: list[PreparedTrack]
) -> None:
    player = silent_player
    watch = Watch(player)
    player.play(0, tracks[0])
    player.set_layer(1.0, ramp=0.25)
    watch.until(lambda: player.status().layer_level == 1.0)
    timeline = player.timeline
    # Rows, state and events are looked at all the while, as a window does: that is no sign of life.
    watch.until(
        lambda: bool(timeline.since(timeline.total - 1)[1][0, 10] == 0.0), deadline=6.0, beat=False
    )
    assert watch.kinds()[-1] == ("heartbeat_lost", 0)
    watch.until(lambda: ("heartbeat_back", 0) in watch.kinds())
    watch.until(lambda: bool(timeline.since(timeline.total - 1)[1][0, 10] == 1.0))
    assert player.status().play == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX")
def test_an_engine_that_hangs_is_told_within_a_second_and_nothing_is_heard_meanwhile(
    silent_player: Player, tracks: list[PreparedTrack]
) -> None:
    player = silent_player
    watch = Watch(player)
    player.play(0, tracks[0])
    watch.until(lambda: player.status().position > 0.3)
    os.kill(player._engine.pid, signal.SIGSTOP)
    stopped = now()
    try:
        watch.until(lambda: "engine_stalled" in [kind for kind, _ in watch.kinds()])
        assert watch.events[-1].time - stopped < 1.0
        status = player.status()
        assert "does not answer" in status.notice
        assert (status.play, status.layer_level) == (-1, 0.0)
        assert watch.times[-1] < stopped + 0.1
    finally:
        os.kill(player._engine.pid, signal.SIGCONT)
    watch.until(lambda: "engine_back" in [kind for kind, _ in watch.kinds()])
    watch.until(lambda: player.status().play == 0)
    assert player.status().notice == ""


def test_a_reader_that_stood_still_too_long_leaves_a_gap_and_goes_on(
    silent_player: Player, tracks: list[PreparedTrack], monkeypatch: pytest.MonkeyPatch
) -> None:
    player = silent_player
    watch = Watch(player)
    player.play(0, tracks[0])
    watch.until(lambda: player.status().position > 0.3)
    real = player._bus.since
    jumped = player._bus.total - 100
    monkeypatch.setattr(player._bus, "since", lambda frame: real(max(frame, jumped)))
    until = time.monotonic() + 1.0
    player._read -= 24_000  # as if half a second had been overwritten
    watch.until(lambda: time.monotonic() > until)
    assert np.all(np.diff(watch.times) > 0)
    assert np.diff(watch.times).max() > 0.03
    assert_as_prepared(watch.values[watch.values[:, TRACK] == 0][-20:], tracks[0])


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_the_children_outlive_what_asks_the_program_to_end(
    tracks: list[PreparedTrack],
) -> None:
    """A closed terminal or a stopped service asks all of them: the music must still be faded."""
    player = Player(output="null")
    try:
        player.start()
        children = [player._engine, *player._decoders]
        for process, number in product(children, ENDING):
            os.kill(process.pid, number)
        pids = [process.pid for process in children]
        watch = Watch(player)
        player.play(0, tracks[0])
        player.cue(1, tracks[1])
        watch.until(lambda: player.status().play == 0 and player.status().cued == 1)
        assert [process.pid for process in children] == pids
    finally:
        player.close()


def _program(path: Path, pids: multiprocessing.Queue[int]) -> None:
    player = Player(output="null")
    player.start()
    player.play(0, write(path, pulses(5.0, 6)))
    for process in (player._engine, *player._decoders):
        pids.put(process.pid)
    time.sleep(60.0)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_children_end_when_the_program_is_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    pids = context.Queue()
    program = context.Process(target=_program, args=(tmp_path / "p.wav", pids))
    program.start()
    children = [pids.get(timeout=20.0) for _ in range(3)]
    assert program.pid is not None
    os.kill(program.pid, signal.SIGKILL)
    program.join()
    end = time.monotonic() + 5.0
    while any(_runs(pid) for pid in children):
        assert time.monotonic() < end, children
        time.sleep(0.02)
    program.close()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="memory cannot be reserved here")
def test_a_player_without_enough_memory_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before, real, asked = segments(os.getpid()), os.posix_fallocate, []

    def third_is_too_much(fd: int, offset: int, size: int) -> None:
        asked.append(size)
        if len(asked) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", third_is_too_much)
    with pytest.raises(DeviceError, match="shared memory of 3"):
        Player(output="null")
    assert segments(os.getpid()) == before
