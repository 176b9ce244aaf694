"""A Cyton on a serial port: what it sampled is what comes out, at its time, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from devices.clock import now
from devices.sources.boards import BoardSource
from devices.sources.source import EegChunk
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
    torn = torn_rows(sent)
    # The first row is the first sample, so a row's place is its number.
    assert np.array_equal(seen[kept & ~torn], np.arange(seen.size)[kept & ~torn])
    assert np.array_equal(kept, (sent == 1.0) | torn)
    assert torn.sum() <= (5 if board == "cyton_daisy" else 0)
    assert 0 < (~kept).sum() < seen.size / 4
    assert np.abs(chunk.times - truth["time"][: seen.size])[-50:].max() < 0.03
