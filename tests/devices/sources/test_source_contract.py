"""All sources keep the one contract: boards, streams, recordings and the simulated listener."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from devices.clock import now
from devices.sources.boards import BoardSource
from devices.sources.lsl import LslSource
from devices.sources.replay import ReplaySource
from devices.sources.simulated import SimulatedSource
from devices.sources.source import EegChunk, EegSource, SourceEvent
from devices.sources.synthetic import ListenerSource
from devices.timeline import HeardTracks, Timeline
from dsp.checks import DeviceError
from tests.doubles.eeg_fakes import Sender, wait_until
from tests.doubles.foreign_xdf import eeg_file
from tests.doubles.making_sessions import make_session


def playback_source(folder: Path) -> BoardSource:
    """A recording of the synthetic board, played back in real time by BrainFlow."""
    source = BoardSource("synthetic")
    source.open()
    wait_until(lambda: source._shim.get_board_data_count() > 400)
    packets = source._shim.get_board_data()
    source.close()
    path = folder / "packets.csv"
    np.savetxt(path, packets.T, delimiter="\t", fmt="%.6f")
    return BoardSource("playback_file", str(path))


def simulated_source() -> SimulatedSource:
    return SimulatedSource(
        listener="clear",
        seed=1,
        timeline=Timeline.create(local=True),
        tracks=HeardTracks.create(local=True),
    )


def xdf_source(folder: Path) -> ReplaySource:
    path = folder / "amp.xdf"
    types = ["EEG", "EEG", "ACC"]
    path.write_bytes(eeg_file(30.0, labels=("Fz", "Cz", "X"), types=types).data)
    return ReplaySource(str(path))


@pytest.fixture(scope="module")
def sender() -> Iterator[str]:
    process = Sender("volts")
    yield process.name
    process.kill()


@pytest.fixture(params=["bare", "listener", "playback", "lsl", "session", "xdf", "simulated"])
def make(request, tmp_path, sender) -> Callable[[], EegSource]:
    return {
        "bare": partial(BoardSource, "synthetic"),
        "listener": partial(ListenerSource, listener="clear", seed=1, timeline="", tracks=""),
        "playback": partial(playback_source, tmp_path),
        "lsl": partial(LslSource, sender),
        "session": lambda: ReplaySource(str(make_session(tmp_path, seconds=20))),
        "xdf": partial(xdf_source, tmp_path),
        "simulated": simulated_source,
    }[request.param]


def some(source: EegSource, n: int = 100) -> tuple[EegChunk, list[SourceEvent]]:
    """Read until there are `n` rows; every chunk as the contract has it, also one of no rows."""
    chunks: list[EegChunk] = []
    events: list[SourceEvent] = []
    waits: list[float] = []
    end = now() + 8.0
    columns = len(source.info.ch_names) + len(source.info.beside)
    while sum(c.times.size for c in chunks) < n:
        assert now() < end
        start = now()
        chunk = source.read()
        waits.append(now() - start)
        events += source.events()
        if chunk is not None:
            assert (chunk.data.dtype, chunk.times.dtype) == (np.float32, np.float64)
            assert chunk.data.shape == (chunk.times.size, columns)
            chunks.append(chunk)
    assert np.median(waits) < 0.2  # a busy machine may hold up a single one
    return EegChunk(
        np.concatenate([c.data for c in chunks]), np.concatenate([c.times for c in chunks])
    ), events


def test_every_source_keeps_the_contract(make):
    source = make()
    source.close()  # before it was ever open, too
    with pytest.raises(DeviceError):
        _ = source.info
    source.open()
    try:
        info = source.info
        assert info.name
        assert info.sfreq == 250.0
        names = [*info.ch_names, *(channel.name for channel in info.beside)]
        assert len(set(names)) == len(names) > 0
        assert info.ch_names
        got, events = some(source)
        n = len(info.ch_names)
        assert np.diff(got.times).min() > 0
        assert abs(got.times[-1] - now()) < 1.0
        assert np.isfinite(got.data[:, :n]).all()
        assert 1.0 < np.abs(got.data[:, :n]).max() < 2000.0  # microvolts
        assert all(isinstance(event, SourceEvent) for event in events)
    finally:
        source.close()
        source.close()
    with pytest.raises(DeviceError):
        source.read()
    source.open()  # it comes back as the same
    try:
        assert source.info.ch_names == info.ch_names
        again, _ = some(source, 25)
        assert again.times[0] > got.times[-1]
        assert np.diff(again.times).min() > 0
    finally:
        source.close()


def test_channels_beside_the_electrodes_have_their_columns_and_types(tmp_path):
    source = xdf_source(tmp_path)
    source.open()
    got, _ = some(source, 10)
    source.close()
    assert source.info.ch_names == ("Fz", "Cz")
    assert [(c.name, c.type) for c in source.info.beside] == [("X", "accelerometer")]
    assert got.data.shape[1] == 3
