"""BrainFlow boards: electrodes, losses, ports and what they are called."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from devices.clock import now
from devices.listener import MONTAGE
from devices.sources import board_table, boards, synthetic
from devices.sources.board_table import find_board
from devices.sources.boards import BoardSource
from devices.sources.synthetic import ListenerSource
from tests.doubles.eeg_fakes import wait_until


def listener_source() -> ListenerSource:
    return ListenerSource(listener="clear", seed=1, timeline="", tracks="")


def test_the_bare_board_has_brainflows_electrodes_and_says_it_is_nobody():
    source = BoardSource("synthetic")
    source.open()
    info = source.info
    source.close()
    assert info.ch_names[:4] == ("Fz", "C3", "Cz", "C4")
    assert len(info.ch_names) == 16
    assert info.simulated
    assert "no person" in info.notice
    assert info.details["board_id"] == -1


def test_what_a_board_calls_itself_and_its_electrodes_is_only_read(monkeypatch):
    from brainflow.board_shim import BoardShim

    descr = BoardShim.get_board_descr(-1)
    names = ["F\x1b[2Jz"] + [f"E{i}" for i in range(15)]
    odd = descr | {"name": "Syn\x07th\x9b1m", "eeg_names": ",".join(names)}
    monkeypatch.setattr(BoardShim, "get_board_descr", lambda *args: odd)
    source = BoardSource("synthetic")
    source.open()
    info = source.info
    source.close()
    assert info.name == "Syn th 1m board"
    assert info.ch_names[:2] == ("F [2Jz", "E0")


def test_a_headset_whose_link_would_be_taken_for_idle_is_told_that_it_is_not(monkeypatch):
    from brainflow.board_shim import BoardShim

    sent: list[str] = []
    monkeypatch.setitem(board_table.KEEP_ALIVE, -1, "k")
    monkeypatch.setattr(boards, "_ALIVE_S", 0.1)
    monkeypatch.setattr(BoardShim, "config_board", lambda _, text: sent.append(text))
    source = BoardSource("synthetic")
    source.open()
    end = now() + 0.35
    while now() < end:
        source.read()
    source.close()
    assert 2 <= len(sent) <= 5
    assert set(sent) == {"k"}


class ScriptedListener:
    """Stands in for the simulated listener; remembers what it was asked."""

    def __init__(self, kind, *, seed, ch_names, sfreq, timeline, tracks) -> None:
        self.kind, self.seed, self.n = kind, seed, len(ch_names)
        self.asked: list[np.ndarray] = []

    def voltages(self, times: np.ndarray) -> np.ndarray:
        self.asked.append(times.copy())
        return np.repeat(times[:, None], self.n, axis=1).astype(np.float32)

    def truth(self) -> list[tuple[float, float]]:
        return [(float(self.asked[-1][-1]), 0.25)]


def test_the_listener_is_asked_for_every_row_once_in_order_and_its_truth_is_an_event(monkeypatch):
    monkeypatch.setattr(synthetic, "Listener", ScriptedListener)
    source = ListenerSource(listener="typical", seed=9, timeline="", tracks="", because="So it is.")
    source.open()
    chunks = []
    end = now() + 5.0
    while len(chunks) < 10:
        assert now() < end
        chunk = source.read()
        if chunk is not None and chunk.times.size:
            chunks.append(chunk)
    events, listener, info = source.events(), source._listener, source.info
    source.close()
    assert (listener.kind, listener.seed) == ("typical", 9)
    assert np.array_equal(np.concatenate(listener.asked), np.concatenate([c.times for c in chunks]))
    assert info.ch_names == MONTAGE
    assert info.notice.startswith("So it is. ")
    assert [e.value for e in events if e.kind == "truth"] == [0.25] * len(chunks)


def test_lost_packets_stay_lost_rows_under_the_listeners_voltages():
    source = listener_source()
    source.open()
    real = source._shim

    class Lossy:
        """The real board with ten packets taken out of its second read."""

        reads = 0

        def get_board_data(self):
            packets = real.get_board_data()
            if packets.shape[1] > 0:
                self.reads += 1
            if self.reads == 2:
                wait_until(lambda: real.get_board_data_count() > 20)
                packets = np.concatenate([packets, real.get_board_data()], axis=1)
                packets = np.delete(packets, np.arange(4, 14), axis=1)
                self.reads += 1
            return packets

        def __getattr__(self, name):
            return getattr(real, name)

    source._shim = Lossy()
    chunks = []
    end = now() + 5.0
    while len(chunks) < 5:
        assert now() < end
        chunk = source.read()
        if chunk is not None:
            chunks.append(chunk)
    source.close()
    data = np.concatenate([c.data for c in chunks])
    times = np.concatenate([c.times for c in chunks])
    assert np.isnan(data).all(axis=1).sum() == 10
    assert np.isnan(data).any(axis=1).sum() == 10
    assert np.ptp(np.diff(times)) < 0.002


@pytest.mark.parametrize(
    ("word", "number"),
    [("synthetic", -1), ("Cyton", 0), ("cyton-daisy", 2), ("muse2", 38), ("MUSE_S_BOARD", 39),
     ("22", 22), ("-1", -1)],
)  # fmt: skip
def test_boards_are_found_by_name_and_id(word, number):
    assert find_board(word) == number


@pytest.mark.parametrize(
    ("word", "plays"),
    [("playback_file", True), ("Playback-File board", True), ("-3", True), ("playbackfile", True),
     ("streaming", False), ("cyton", False), ("3", False)],
)  # fmt: skip
def test_the_board_that_plays_recordings_is_known_without_brainflow(word, plays):
    assert board_table.plays_back(word) is plays
    assert (find_board(word) == board_table.PLAYBACK) is plays


def test_rows_of_a_slower_preset_come_beside_the_eeg(monkeypatch):
    from brainflow.board_shim import BoardShim

    gc.collect()  # an equal object of an earlier test would end this session when it is deleted
    told = BoardShim.get_board_descr

    def without_accelerometer(number: int, preset: int = 0) -> dict:
        descr = told(number, preset)
        return {k: v for k, v in descr.items() if preset or k != "accel_channels"}

    # The synthetic board as a Muse is: its accelerometer comes in another preset.
    monkeypatch.setattr(BoardShim, "get_board_descr", without_accelerometer)
    monkeypatch.setattr(boards, "SYNTHETIC", -99)
    source = BoardSource("synthetic")
    source.open()
    kinds = [channel.type for channel in source.info.beside]
    rows = []
    end = now() + 1.5
    while now() < end:
        chunk = source.read()
        if chunk is not None:
            rows.append(chunk.data)
    source.close()
    first = len(source.info.ch_names) + kinds.index("accelerometer")
    accelerometer = np.concatenate(rows)[100:, first : first + 3]
    assert kinds.count("accelerometer") == 3
    assert np.isfinite(accelerometer).all()
    assert (np.abs(accelerometer) <= 2.0).all()
    assert (np.std(accelerometer, axis=0) > 0).all()


def test_a_board_that_is_opened_again_goes_on_with_the_rate_that_was_measured():
    source = BoardSource("synthetic")
    source.open()
    source._placer.expect(254.5)
    source.close()
    source.open()
    source.close()
    assert source._placer.rate == 254.5
    assert source.info.sfreq == 250.0
