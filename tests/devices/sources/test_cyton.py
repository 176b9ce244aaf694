"""A Cyton on a serial port: what it sampled is what comes out, at its time, and nothing else."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from devices.clock import now
from devices.sources import boards
from devices.sources.boards import BoardSource
from devices.sources.finding import PluggedIn
from devices.sources.source import Channel, EegChunk, Handover
from dsp.checks import DeviceError
from tests.doubles.cyton import Cyton


def read_for(source: BoardSource, seconds: float) -> EegChunk:
    chunks = []
    end = now() + seconds
    while now() < end:
        chunk = source.read()
        if chunk is not None:
            chunks.append(chunk)
    return EegChunk(
        np.concatenate([c.data for c in chunks]), np.concatenate([c.times for c in chunks])
    )


def numbers(chunk: EegChunk) -> npt.NDArray[np.float64]:
    """The sample numbers that channel 1 carries (`--index`); NaN where lost."""
    return np.round(chunk.data[:, 0].astype(float) * 10.0)


def torn_rows(sent: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Rows of a Daisy whose second half is a later one's: nothing of BrainFlow's shows them."""
    torn = np.zeros(sent.size, dtype=bool)
    for row in np.flatnonzero(sent == 0.25):
        later = sent[row + 1 :]
        torn[row] = later[later > 0][:1] == [0.5]
    return torn


def halved_rows(sent: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Rows of a Daisy of which only the second packet came, and no first one that was left over."""
    halved = np.zeros(sent.size, dtype=bool)
    for row in np.flatnonzero(sent == 0.5):
        earlier = sent[:row]
        halved[row] = earlier[earlier > 0][-1] != 0.25
    return halved


@pytest.mark.parametrize("board", ["cyton", "cyton_daisy"])
def test_every_row_is_the_sample_of_its_place_and_lost_ones_are_lost(tmp_path: Path, board):
    options = ["--index", "--at", "0.5:lose:0.05", "--at", "1.2:burst:60", "--ppm", "200"]
    if board == "cyton_daisy":
        options.append("--daisy")
    with Cyton(tmp_path, *options) as cyton:
        source = BoardSource(board, cyton.port)
        source.open()
        chunk = read_for(source, 3.0)
        source.close()
        time.sleep(0.1)
    truth = cyton.truth()
    seen = numbers(chunk)
    kept = np.isfinite(seen)
    sent = truth["sent"][: seen.size]
    torn, halved = torn_rows(sent), halved_rows(sent)
    # The first row is the first sample, so a row's place is its number.
    assert np.array_equal(seen[kept & ~torn], np.arange(seen.size)[kept & ~torn])
    assert np.array_equal(kept, (sent == 1.0) | torn | halved)
    assert halved.any() == (board == "cyton_daisy")
    there = np.isfinite(chunk.data)
    half = there[:, :8].all(axis=1) & ~there[:, 8:16].any(axis=1)
    assert np.array_equal(half, halved)
    assert torn.sum() <= (5 if board == "cyton_daisy" else 0)
    assert 0 < (~kept).sum() < seen.size / 4
    assert np.abs(chunk.times - truth["time"][: seen.size])[-50:].max() < 0.03


def gone(source: BoardSource) -> str:
    """Read until the source says that the device is gone; return the sentence."""
    with pytest.raises(DeviceError) as caught:
        read_for(source, 10.0)
    return str(caught.value)


def test_a_dongle_that_is_pulled_out_is_told_at_once_and_opens_again_when_it_is_back(
    tmp_path: Path, monkeypatch
):
    def asked(*_: object) -> None:
        raise AssertionError("nothing is waited for where there is nothing")

    with Cyton(tmp_path) as cyton:
        source = BoardSource("cyton", cyton.port)
        source.open()
        info = source.info
        read_for(source, 0.3)
        cyton.order("unplug")
        assert cyton.port in gone(source)
        source.close()
        with monkeypatch.context() as gone_port:
            gone_port.setattr(boards, "ask_board", asked)
            for _ in range(20):
                with pytest.raises(DeviceError, match="There is no port"):
                    source.open()
        cyton.order("plug")
        source.open()
        assert source.info == info
        assert np.isfinite(read_for(source, 0.3).data).all()
        source.close()


def test_a_dongle_that_is_back_at_another_port_is_known_by_its_serial_number(
    tmp_path: Path, monkeypatch
):
    def listed(port: str) -> list[PluggedIn]:
        other = PluggedIn("/dev/ttyUSB7", "another one", "0403:6015", serial_number="DQ007")
        return [other, PluggedIn(port, "FT231X", "0403:6015", serial_number="DM00Q0QA")]

    with Cyton(tmp_path) as cyton, Cyton(tmp_path, port="elsewhere") as moved:
        source = BoardSource("cyton", cyton.port)
        monkeypatch.setattr(boards, "plugged_in", lambda: listed(cyton.port))
        source.open()
        monkeypatch.setattr(boards, "plugged_in", lambda: listed(moved.port))
        cyton.order("unplug")
        source.close()
        source.open()
        read_for(source, 0.2)
        source.close()
    notes = [event.text for event in source.events() if event.kind == "note"]
    assert notes == [f"The Cyton is on {moved.port} now."]


def test_a_dongle_that_is_away_is_looked_for_among_all_ports_where_one_came_and_else_seldom(
    tmp_path: Path, monkeypatch
):
    ports, looks, at = tmp_path / "ports", [], 1000.0
    ports.mkdir()

    def listed() -> list[PluggedIn]:
        looks.append(at)
        there = [PluggedIn(str(port), "FT231X", "0403:6015") for port in ports.iterdir()]
        return [replace(port, serial_number=Path(port.port).name) for port in there]

    monkeypatch.setattr(boards, "_PORTS", str(ports))
    monkeypatch.setattr(boards, "plugged_in", listed)
    monkeypatch.setattr(boards, "now", lambda: at)
    source = BoardSource("cyton", str(tmp_path / "gone"))
    source._serial_number = "DM00Q0QA"
    for _ in range(60):  # six seconds
        with pytest.raises(DeviceError, match="There is no port"):
            source.open()
        at += 0.1
    assert np.allclose(np.diff(looks), 1.0)
    os.utime(ports, ns=(0, 0))  # so that its time changes, however coarse that is
    source._changed, at = 0, looks[-1] + 0.5
    (ports / "DM00Q0QA").touch()
    handle = boards.hold_port(str(ports / "DM00Q0QA"))
    assert handle is not None
    looks.clear()
    for _ in range(2):  # one that is found is tried at every time
        with pytest.raises(DeviceError, match="is in use by another session"):
            source.open()
    os.close(handle)
    assert looks == [at, at]


def test_what_was_learnt_of_a_board_is_kept_where_the_process_that_read_it_was_ended(
    tmp_path: Path, monkeypatch
):
    def listed(port: str) -> list[PluggedIn]:
        return [PluggedIn(port, "FT231X", "0403:6015", serial_number="DM00Q0QA")]

    with Cyton(tmp_path) as cyton, Cyton(tmp_path, port="elsewhere") as moved:
        killed = BoardSource("cyton", cyton.port)
        monkeypatch.setattr(boards, "plugged_in", lambda: listed(cyton.port))
        killed.open()
        info = killed.info
        killed.close()
        cyton.order("unplug")
        monkeypatch.setattr(boards, "plugged_in", lambda: listed(moved.port))
        source = BoardSource("cyton", cyton.port)
        source.take_over(Handover(info, 247.0, 1000, 70.0))
        source.open()
        assert source._placer.rate == 247.0
        source.close()
    assert info.details["serial_number"] == "DM00Q0QA"
    assert [e.text for e in source.events()] == [f"The Cyton is on {moved.port} now."]
    assert source.info.ch_names == info.ch_names


@pytest.mark.parametrize(
    ("asked", "options", "says"),
    [("cyton", ["--daisy"], "has a Daisy; write brainflow:cyton_daisy:"),
     ("cyton_daisy", [], "has no Daisy; write brainflow:cyton:")],
)  # fmt: skip
def test_a_daisy_that_is_or_is_not_there_is_said_before_its_halves_are_mixed_up(
    tmp_path: Path, asked, options, says
):
    with Cyton(tmp_path, *options) as cyton:
        source = BoardSource(asked, cyton.port)
        with pytest.raises(DeviceError, match=says):
            source.open()


def test_the_accelerometer_stands_beside_the_eeg_and_is_lost_with_it(tmp_path: Path):
    with Cyton(tmp_path, "--at", "0.2:lose:0.2") as cyton:
        source = BoardSource("cyton", cyton.port, channels=(("Fz", "1"), ("EOG", "2"), ("Cz", "3")))
        source.open()
        chunk, info = read_for(source, 1.0), source.info
        source.close()
    assert info.ch_names == ("Fz", "Cz")
    assert info.beside[0] == Channel("EOG", "eog", "microvolts")
    kinds = [channel.type for channel in info.beside]
    assert kinds.count("accelerometer") == 3
    lost = np.isnan(chunk.data)
    assert lost.any()
    assert np.array_equal(lost.any(axis=1), lost.all(axis=1))
    down = chunk.data[~lost[:, 0], 2 + kinds.index("accelerometer") + 2]
    assert np.allclose(down[1:], 1.0, atol=0.01)  # g
    assert info.details["microvolts_per_count"] == pytest.approx(0.02235, abs=1e-5)
    assert "OpenBCI V3" in info.details["firmware"]
