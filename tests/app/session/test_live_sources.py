"""A session on two real LSL streams that end and come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.lab.replay import replay
from app.loop.ticks import TickResult
from app.records.reader import SessionReader
from app.records.streams import SECOND
from app.report.model import build_model
from app.session.plan import Plan
from app.session.session import Session
from devices.sources.streams import list_streams
from tests.doubles.eeg_fakes import Sender
from tests.doubles.program import until


@pytest.fixture
def senders() -> Iterator[list[Sender]]:
    """Two senders, ended after the test with whatever took their place."""
    made = [Sender("volts"), Sender("volts")]
    wanted = {sender.name for sender in made}
    # On a machine that is busy with other tests an outlet may answer late.
    until(lambda: wanted <= {stream.name for stream in list_streams(0.5)}, seconds=60)
    yield made
    for sender in made:
        sender.kill()


def test_one_stream_that_ends_is_told_and_taken_up_again_and_the_other_knows_nothing_of_it(
    senders: list[Sender], tmp_path: Path, starter_measured: Path
) -> None:
    first, second = senders
    plan = Plan(
        source=f"lsl:{first.name}", second=f"lsl:{second.name}", output="null", out=tmp_path,
        minutes=3, cache=starter_measured, channels="Cz,Fz",
    )  # fmt: skip
    session, ticks = Session(plan), list[TickResult]()
    session.watch(ticks.append)
    session.start()
    try:
        until(lambda: len(ticks) >= 3, seconds=60)
        second.kill()
        until(lambda: session.snapshot().second_state == "lost", seconds=30)
        n_beside = len(ticks)
        until(lambda: len(ticks) >= n_beside + 2, seconds=30)
        assert session.snapshot().source_state == "streaming"
        n = len(ticks)
        first.kill()
        until(lambda: session.snapshot().source_state == "lost", seconds=30)
        gap = (("Cz", 4, "gap"), ("Fz", 4, "gap"))
        until(lambda: ticks[-1].quality == gap, seconds=30)
        senders.append(Sender("volts", name=first.name))
        until(lambda: session.snapshot().source_state == "streaming", seconds=60)
        n_back = len(ticks)
        until(lambda: len(ticks) >= n_back + 4, seconds=30)
        assert ticks[-1].quality != gap
        session.leave_eeg_out()
        until(lambda: session.snapshot().source_state == "none", seconds=30)
        assert session.ring is None
        n_without = len(ticks)
        until(lambda: len(ticks) >= n_without + 2, seconds=30)  # and the music plays on
        assert ticks[-1].tracking is None
    finally:
        session.close()
    assert session.folder is not None
    reader = SessionReader(session.folder)
    times, eeg = reader.eeg()
    lost = np.isnan(eeg).all(axis=1)
    told = [
        e["value"] for tick in reader.ticks() for e in tick.events if e["kind"] == "eeg_stalled"
    ]
    assert told[-2:] == [True, False]
    assert lost.any()
    assert np.diff(times).min() > 0.0
    assert times[lost].min() > ticks[n - 1].now - 1.5  # none of it while the other was away
    (_, beside) = reader.other(SECOND)
    assert np.isnan(beside[-1]).all()
    model = build_model(reader)
    (begin, end) = model.away[-1]
    assert end is not None
    assert end - begin == pytest.approx(lost.sum() / 250.0, abs=2.0)
    summary = reader.manifest["summary"]
    assert summary["eeg_lost"] >= lost.sum()
    assert summary["eeg_rows"] >= summary["eeg_lost"]
    assert replay(session.folder).same
