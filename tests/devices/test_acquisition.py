"""Acquisition keeps reading, and says within half a second when nothing comes any more."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from devices.acquisition import Acquisition, acquire
from devices.clock import now
from devices.host import Host
from devices.pump import HANG_S, OPEN_S
from devices.ring import Ring
from devices.sources.finding import settled
from devices.sources.source import Channel, SourceEvent
from dsp.checks import DeviceError, InputError
from tests.doubles.eeg_fakes import MarkerSource, PausingSource, Sender, wait_until
from tests.doubles.watched import INFO, Watched

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def words(events) -> list[str]:
    return [e.value for e in events if e.kind == "state"]


@pytest.fixture(params=["child", "thread"])
def pausing(request) -> Iterator[Acquisition]:
    acquisition = Acquisition(PausingSource, name="it", thread=request.param == "thread")
    yield acquisition
    acquisition.close()


@pytest.fixture
def board() -> Iterator[Acquisition]:
    acquisition = acquire("synthetic", seed=5)
    yield acquisition
    acquisition.close()


def test_states_and_ring_come_from_a_child_and_from_a_thread_alike(pausing):
    info = pausing.wait_ready(10.0)
    assert info.ch_names == ("Fz", "Cz")
    wait_until(lambda: pausing.ring.total > 200)
    wait_until(lambda: pausing.state == "streaming")
    block = pausing.ring.since(0)
    assert np.all(block.data == 1.0)
    assert np.diff(block.times).min() > 0
    assert block.times[-1] < now() + 0.02
    wait_until(lambda: pausing.ring.last_time > now() - 0.2)
    pausing.close()
    pausing.close()
    assert pausing.state == "closed"
    events = pausing.events()
    assert words(events) == ["connecting", "streaming", "closed"]
    assert all(e.text.endswith(".") for e in events)


def test_the_synthetic_board_streams_within_a_second_with_its_listener(board):
    info = board.wait_ready(10.0)
    assert info.simulated
    assert info.ch_names == ("Fz", "Cz", "F3", "F4", "T7", "T8", "TP9", "TP10")
    assert "imulated" in info.notice
    wait_until(lambda: board.ring.total > 500)
    block = board.ring.since(0)
    assert block.data.shape[1] == 8
    assert 0.5 < np.nanstd(block.data) < 100
    assert abs((block.times[-1] - block.times[0]) * 250 - (block.times.size - 1)) < 1
    assert any(e.kind == "truth" and 0.0 <= e.value <= 1.0 for e in board.events())


@posix
def test_a_board_is_deaf_to_what_ends_the_program_until_it_is_told(board):
    board.wait_ready(10.0)
    pid = board.pid
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)
    total = board.ring.total
    wait_until(lambda: board.ring.total > total + 100)
    assert board.state == "streaming"
    board.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@posix
def test_a_killed_child_is_lost_with_a_sentence_and_another_goes_on_in_the_same_ring(board):
    board.wait_ready(10.0)
    wait_until(lambda: board.ring.total > 250)
    pid, ring = board.pid, board.ring
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: board.state == "lost") < 0.5
    assert "ended unexpectedly" in [e.text for e in board.events() if e.kind == "state"][-1]
    wait_until(lambda: board.state == "streaming")
    assert board.pid not in (pid, None)
    assert board.ring is ring
    wait_until(lambda: not np.isnan(ring.latest(0.5).data).any())
    block = ring.since(0)
    lost = np.isnan(block.data).all(axis=1)
    assert 20 < lost.sum()
    assert np.count_nonzero(np.diff(lost.astype(int)) == 1) == 1  # one hole, where it was
    assert np.diff(block.times).min() > 0
    assert abs((block.times[-1] - block.times[0]) * 250 - (block.times.size - 1)) < 5
    events = board.events()
    assert words(events) == ["streaming"]
    assert [e.value for e in events if e.kind == "gap"] == [lost.sum()]
    assert next(e.text for e in events if e.kind == "state").endswith(" sends again.")
    assert "lost; they are marked." in next(e.text for e in events if e.kind == "gap")


@posix
def test_a_child_that_dies_before_it_hears_of_its_ring_is_started_again(monkeypatch):
    """What watches it must outlive the answer that nobody takes."""
    create, killed, there = Ring.create, [], threading.Event()

    def slow(*given):
        there.wait()
        os.kill(board.pid, signal.SIGKILL)
        wait_until(lambda: ended(board.pid))
        killed.append(board.pid)
        return create(*given)

    monkeypatch.setattr("devices.acquisition.Ring.create", slow)
    board = Acquisition(PausingSource, name="it")
    there.set()
    try:
        board.wait_ready(30.0)
        wait_until(lambda: board.state == "streaming")
        assert board.pid not in (*killed, None)
        assert any("ended unexpectedly" in e.text for e in board.events())
    finally:
        board.close()


@posix
def test_a_process_that_cannot_be_started_is_said_at_first_and_tried_again_later(monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    board = Acquisition(PausingSource, name="it")
    try:
        board.wait_ready(10.0)
        with monkeypatch.context() as busy:
            busy.setattr("devices.acquisition.Host", full)
            with pytest.raises(DeviceError, match="Nothing can be started that reads another"):
                Acquisition(PausingSource, name="another")
            os.kill(board.pid, signal.SIGKILL)
            wait_until(lambda: board._begin_at > board._begun_at + 1.0)
            assert board.state == "lost"
        wait_until(lambda: board.state == "streaming")
    finally:
        board.close()


def test_silence_is_told_by_the_look_after_it_became_too_long(monkeypatch):
    watched = Watched(monkeypatch, 15.0, silent=(10.0, 13.0))
    watched.close()
    (_, first), (began, second), (stalled, third), (lost, fourth), (back, fifth) = [
        (at, word) for at, word, _ in watched.states
    ]
    assert [first, second, third, fourth, fifth] == [
        "connecting", "streaming", "stalled", "lost", "streaming",
    ]  # fmt: skip
    assert began < 0.2
    assert 0.5 <= stalled - 9.9 < 0.65
    assert 2.0 <= lost - 9.9 < 2.15
    assert back - 13.0 < 0.15
    assert len(watched.began) == 1  # its child lives, and looks for the device


def test_a_child_without_a_sign_of_life_is_replaced_after_a_second_and_a_half(monkeypatch):
    watched = Watched(monkeypatch, 15.0, hung=(10.0, 20.0))
    watched.close()
    lost = next((at, text) for at, word, text in watched.states if word == "lost")
    assert 1.25 < lost[0] - 9.9 < 1.6
    assert "has not answered for 1.25 s; it is started again" in lost[1]
    assert [word for _, word, _ in watched.states][-1] == "streaming"
    assert 0.0 <= watched.began[1] - lost[0] < 0.3
    assert len(watched.began) == 2


def test_a_child_whose_command_waits_for_the_link_of_a_headset_is_not_replaced(monkeypatch):
    muse = replace(INFO, details={"keep_alive": "k"})
    watched = Watched(monkeypatch, 15.0, hung=(5.0, 9.0), info=muse)
    watched.close()
    assert len(watched.began) == 1
    assert [word for _, word, _ in watched.states][2:] == ["stalled", "streaming"]


@pytest.mark.parametrize("late", [0.4, 1.0, 4.0])
def test_a_child_is_not_replaced_where_the_host_keeps_both_from_running(monkeypatch, late):
    """The watcher's own looks come late: then a child that gave no sign of life was not run."""
    watched = Watched(monkeypatch, 20.0, hung=(10.0, 12.0), late=late)
    watched.close()
    assert len(watched.began) == 1
    assert not any("answered" in text for _, _, text in watched.states)


def test_a_computer_that_slept_for_an_hour_replaces_no_child(monkeypatch):
    watched = Watched(monkeypatch, 3700.0, hung=(10.0, 10.1), late=3600.0)
    watched.close()
    assert len(watched.began) == 1
    assert "lost" not in [word for _, word, _ in watched.states]


@posix
def test_a_child_that_hangs_is_ended_and_another_takes_its_place():
    board = Acquisition(PausingSource, name="it")
    try:
        board.wait_ready(10.0)
        pid = board.pid
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: board.pid not in (pid, None))
        wait_until(lambda: board.state == "streaming")
        assert board.pid not in (pid, None)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        texts = [e.text for e in board.events() if e.value == "lost"]
        assert f"has not answered for {HANG_S:g} s" in texts[-1]
    finally:
        board.close()


def test_a_computer_that_slept_finds_its_source_as_it_left_it(monkeypatch):
    """Its clock has gone on for an hour: nobody was silent, and the hour is lost rows."""
    slept = [0.0]
    for module in ("devices.acquisition", "devices.pump", "tests.doubles.eeg_fakes"):
        monkeypatch.setattr(f"{module}.now", lambda: now() + slept[0])
    board = Acquisition(PausingSource, name="it", thread=True)
    try:
        board.wait_ready(10.0)
        wait_until(lambda: board.ring.total > 200)
        slept[0] = 3600.0
        wait_until(lambda: board.ring.total > 3600 * 250)
        total = board.ring.total
        wait_until(lambda: board.ring.total > total + 400)
        assert words(board.events()) == ["connecting", "streaming"]
        block = board.ring.since(0)
        assert block.overtaken > 3500 * 250
        assert np.isnan(block.data[:1000]).all()
        assert block.times[-1] < now() + 3600.05
        wait_until(lambda: board.ring.last_time > now() + 3599.8)
    finally:
        board.close()


@pytest.fixture
def patiences(monkeypatch) -> list[float]:
    """How long what reads is given to end by itself, s, each time that it is let go of."""
    given: list[float] = []
    end = Host.end

    def noted(host: Host, patience: float = 0.0) -> None:
        given.append(patience)
        end(host, patience)

    monkeypatch.setattr(Host, "end", noted)
    return given


@pytest.mark.parametrize("thread", [True, False])
def test_closing_waits_for_nobody_who_looks_for_a_device(patiences, thread):
    """It takes 20 s to find that there is nothing on Bluetooth."""
    board = Acquisition(partial(PausingSource, fail="hang"), name="it", thread=thread)
    threading.Event().wait(0.3)
    board.close()
    assert board.state == "closed"
    assert len(patiences) == 1
    assert patiences[0] <= 0.1


@posix
@pytest.mark.parametrize("next_sign_s", [OPEN_S, -0.1])
def test_closing_waits_for_no_child_that_looks_for_its_device_again_or_hangs(
    patiences, next_sign_s
):
    """Whatever silence has told until then: it may have gone a moment ago."""
    board = Acquisition(PausingSource, name="it")
    board.wait_ready(10.0)
    os.kill(board.pid, signal.SIGSTOP)
    board.ring.due_at = now() + next_sign_s
    board.close()
    assert len(patiences) == 1
    assert patiences[0] <= 0.1


def test_a_child_that_reads_is_told_to_leave_off_and_ends_by_itself(monkeypatch):
    codes: list[int] = []
    end = Host.end

    def noted(host: Host, patience: float = 0.0) -> None:
        host._child.process.join(20.0 if patience > 0.0 else 0.0)  # on a busy host it takes longer
        codes.append(host._child.process.exitcode)
        end(host, patience)

    monkeypatch.setattr(Host, "end", noted)
    board = Acquisition(PausingSource, name="it")
    board.wait_ready(10.0)
    board.close()
    assert codes == [0]


def test_what_a_source_is_is_said_once_however_often_it_comes_back():
    board = Acquisition(partial(PausingSource, fail="hang"), name="it", thread=True)
    try:
        board.events()
        for said in ("losses", "losses", "The Cyton is on COM4 now.", "The Cyton is on COM4 now."):
            board._take("event", SourceEvent(now(), "note", said, f"{said} cannot be counted."))
        board._take("event", SourceEvent(now(), "note", 0.5, "The clock was set."))
        assert [event.value for event in board.events()] == [
            "losses", "The Cyton is on COM4 now.", "The Cyton is on COM4 now.", 0.5,
        ]  # fmt: skip
    finally:
        board.close()


def test_a_source_that_hangs_in_opening_delays_no_other():
    sender = Sender("plain")
    hanging = Acquisition(partial(PausingSource, fail="hang"), name="it")
    stream = acquire(f"lsl:{sender.name}")
    try:
        stream.wait_ready(10.0)
        for _ in range(10):  # in 0.6 s that we are run there are new rows
            total = stream.ring.total
            assert wait_until(lambda before=total: stream.ring.total > before + 25) < 0.6
        assert hanging.state == "connecting"
    finally:
        hanging.close()
        stream.close()
        sender.kill()


def test_channels_beside_the_eeg_stand_in_the_columns_behind_it():
    battery = Channel("battery", "battery", "V")
    board = Acquisition(partial(PausingSource, beside=(battery,)), name="it", thread=True)
    try:
        assert board.wait_ready(10.0).beside == (battery,)
        assert board.ring.n_channels == 3
    finally:
        board.close()


def test_a_stream_of_markers_is_ready_when_it_is_open_and_may_be_silent():
    markers = Acquisition(partial(MarkerSource, ends=True), name="the buttons", thread=True)
    try:
        assert markers.wait_ready(10.0).sfreq == 0
        with pytest.raises(DeviceError, match="no samples"):
            _ = markers.ring
        events: list = []
        wait_until(lambda: events.extend(markers.events()) or words(events)[-1:] == ["streaming"])
        wait_until(lambda: events.extend(markers.events()) or len(words(events)) > 3)
        assert words(events) == ["connecting", "streaming", "lost", "streaming"]
        assert [e.value for e in events if e.kind == "marker"] == ["left"]
    finally:
        markers.close()


@posix
def test_a_stopped_child_is_stalled_then_streams_again_with_the_gap_as_lost_rows():
    board = Acquisition(PausingSource, name="it")
    try:
        board.wait_ready(10.0)
        wait_until(lambda: board.ring.total > 250)
        os.kill(board.pid, signal.SIGSTOP)
        wait_until(lambda: board.state == "stalled")
        wait_until(lambda: board.ring.latest(0.1).times[-1] < now() - 0.7)
        os.kill(board.pid, signal.SIGCONT)
        wait_until(lambda: board.state == "streaming")
        wait_until(lambda: board.ring.latest(0.1).times[-1] > now() - 0.5)
        wait_until(lambda: not np.isnan(board.ring.latest(0.1).data).any())
        block = board.ring.since(0)
        lost = np.isnan(block.data).all(axis=1)
        assert 120 < lost.sum()
        assert np.count_nonzero(np.diff(lost.astype(int)) == 1) == 1
        assert np.diff(block.times).min() > 0
        assert abs((block.times[-1] - block.times[0]) * 250 - (block.times.size - 1)) < 5
        events = board.events()  # a gap is told after its rows are there
        wait_until(lambda: events.extend(board.events()) or "gap" in [e.kind for e in events])
        assert words(events) == ["connecting", "streaming", "stalled", "streaming"]
        gap = next(e for e in events if e.kind == "gap")
        assert gap.value == lost.sum()
        assert gap.text.endswith(" s of EEG were lost; they are marked.")
    finally:
        board.close()


@posix
def test_what_a_stopped_board_process_catches_up_is_in_its_place(board):
    """The synthetic board makes up for the time it was stopped, in one backlog."""
    board.wait_ready(10.0)
    wait_until(lambda: board.ring.total > 250)
    os.kill(board.pid, signal.SIGSTOP)
    wait_until(lambda: board.ring.latest(0.1).times[-1] < now() - 0.9)
    os.kill(board.pid, signal.SIGCONT)
    wait_until(lambda: board.state == "streaming")
    total = board.ring.total
    wait_until(lambda: board.ring.total > total + 50)
    block = board.ring.since(0)
    assert abs((block.times[-1] - block.times[0]) * 250 - (block.times.size - 1)) < 5
    assert block.times[-1] < now() + 0.05
    wait_until(lambda: board.ring.last_time > now() - 0.2)
    assert not np.isnan(block.data).any()
    events = board.events()
    assert [e.text for e in events if e.kind == "state"][-1] == f"{board.info.name} sends again."
    assert not any("lost" in e.text for e in events)


@posix
def test_a_closed_session_ends_even_a_stopped_child():
    board = Acquisition(PausingSource, name="it")
    board.wait_ready(10.0)
    pid = board.pid
    os.kill(pid, signal.SIGSTOP)
    board.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def ended(pid: int) -> bool:
    """Whether a process is gone, or only waits for somebody to collect it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@posix
def test_a_child_that_waits_takes_the_place_of_a_killed_one_and_another_waits_for_its_own(
    monkeypatch,
):
    monkeypatch.setattr("devices.acquisition._SPARE_S", 0.0)
    board = Acquisition(PausingSource, name="it")
    waited = []
    try:
        board.wait_ready(10.0)
        for _ in range(2):
            wait_until(lambda: board._spare is not None)
            waited.append(board._spare.process.pid)
            since = now()
            os.kill(board.pid, signal.SIGKILL)
            wait_until(lambda since=since: board.ring.written_at > since and board.pid is not None)
            assert board.pid == waited[-1]
        wait_until(lambda: board._spare is not None)
        waited.append(board._spare.process.pid)
    finally:
        board.close()
    assert len(set(waited)) == 3
    assert all(ended(pid) for pid in waited)


@posix
def test_another_is_started_where_the_one_that_waits_was_killed_as_well(monkeypatch):
    monkeypatch.setattr("devices.acquisition._SPARE_S", 0.0)
    board = Acquisition(PausingSource, name="it")
    try:
        board.wait_ready(10.0)
        wait_until(lambda: board._spare is not None)
        waiting, reading, since = board._spare.process.pid, board.pid, now()
        os.kill(waiting, signal.SIGKILL)
        wait_until(lambda: ended(waiting))
        os.kill(reading, signal.SIGKILL)
        wait_until(lambda: board.ring.written_at > since and board.pid not in (None, reading))
        assert board.pid != waiting
    finally:
        board.close()


@posix
def test_the_child_ends_when_its_parent_is_killed():
    program = (
        "from devices.acquisition import acquire\n"
        "import time\n"
        "if __name__ == '__main__':\n"
        "    a = acquire('brainflow:synthetic')\n"
        "    a.wait_ready()\n"
        "    print(a.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: ended(pid), 20.0)


def test_a_device_that_says_that_it_is_gone_is_lost_with_its_sentence_and_comes_back():
    board = Acquisition(partial(PausingSource, end_after=1.0), name="it", thread=True)
    board.wait_ready(10.0)
    events: list = []
    wait_until(lambda: events.extend(board.events()) or len(words(events)) > 3)
    assert words(events)[:4] == ["connecting", "streaming", "lost", "streaming"]
    texts = [e.text for e in events if e.kind == "state"]
    assert texts[2] == "The pausing device has ended."
    assert texts[3] == "Pausing device sends again."
    board.close()


@pytest.mark.parametrize("thread", [False, True])
def test_a_source_that_cannot_be_opened_says_why(thread):
    make = partial(PausingSource, fail="The device is switched off.")
    board = Acquisition(make, name="it", thread=thread)
    with pytest.raises(DeviceError, match="switched off"):
        board.wait_ready(10.0)
    with pytest.raises(DeviceError, match="switched off"):
        _ = board.info
    assert board.state == "lost"
    board.close()


def test_a_child_that_dies_while_opening_is_an_error_not_a_wait():
    board = Acquisition(partial(PausingSource, fail="crash"), name="the device")
    with pytest.raises(DeviceError, match="the device ended unexpectedly"):
        board.wait_ready(10.0)
    board.close()


def test_a_source_that_opens_but_sends_nothing_is_told():
    board = Acquisition(partial(PausingSource, mute=True), name="the device", thread=True)
    with pytest.raises(DeviceError, match="sent no samples"):
        board.wait_ready(0.5)
    assert board.state == "connecting"
    board.close()


def test_auto_takes_the_synthetic_board_and_says_why():
    with pytest.raises(InputError, match="Nobody has looked yet what auto is"):
        acquire("auto")
    found = settled("auto")
    board = acquire(found.source, listener="silent", because=found.because)
    try:
        assert "synthetic board was chosen" in board.wait_ready(10.0).notice
    finally:
        board.close()


@pytest.mark.parametrize("thread", [True, False])
def test_without_memory_for_its_rows_a_source_is_refused_with_that_sentence(thread, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("devices.shared._reserve", full)
    acquisition = Acquisition(PausingSource, name="it", thread=thread)
    try:
        with pytest.raises(DeviceError, match="shared memory"):
            acquisition.wait_ready(10.0)
    finally:
        acquisition.close()
