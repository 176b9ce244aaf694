"""What other programs receive of a source is what it sent: rows, times, gaps, names and units."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np
import pylsl
import pytest

from devices.clock import now
from devices.outlets import Outlets
from devices.ring import RingBlock
from devices.sources.lsl import LslSource
from devices.sources.source import Channel, EegChunk, SourceEvent, SourceInfo
from dsp.checks import InputError

INFO = SourceInfo(
    name="Cyton",
    ch_names=("Fz", "Cz", "Pz"),
    sfreq=250.0,
    details={"driver": "BrainFlow 5", "reference": "left ear"},
    beside=(Channel("Accel X", "accelerometer", "g"), Channel("Battery", "battery", "percent")),
)
NAME = f"attune-outlet-{os.getpid()}"


@pytest.fixture(scope="module")
def outlets() -> Iterator[Outlets]:
    made = Outlets(INFO, NAME)
    yield made
    made.close()


def inlet(name: str) -> pylsl.StreamInlet:
    found = pylsl.resolve_byprop("name", name, 1, 10.0)
    return pylsl.StreamInlet(found[0], recover=False)


def test_our_own_inlet_receives_what_went_in_at_its_times(outlets):
    source = LslSource(NAME)
    source.open()
    rng, got = np.random.default_rng(0), []
    data = rng.standard_normal((500, 5)).astype(np.float32)
    lost = np.zeros(500, dtype=bool)
    lost[[130, 131, 132, 260]] = True
    lost[300:340] = True
    data[lost] = np.nan
    begin = now()
    times = begin + 0.05 + np.arange(500) / 250.0

    def read() -> None:
        chunk = source.read()
        if chunk is not None:
            got.append(chunk)

    for first in range(0, 500, 10):
        while now() < times[first + 9]:
            read()
        outlets.send(RingBlock(first, data[first : first + 10], times[first : first + 10]))
    while sum(len(one.times) for one in got) < 500 and now() < times[-1] + 10.0:
        read()
    source.close()
    whole = EegChunk(
        np.concatenate([one.data for one in got]), np.concatenate([one.times for one in got])
    )
    assert source.info.ch_names == INFO.ch_names
    assert "assumed" not in source.info.notice
    assert np.array_equal(whole.data[:500], data[:, :3], equal_nan=True)
    assert np.abs(whole.times[:500] - times).max() < 1e-3


def test_the_eeg_says_of_itself_what_the_conventions_ask_for(outlets):
    stream = inlet(NAME).info(10.0)
    assert (stream.type(), stream.nominal_srate(), stream.channel_count()) == ("EEG", 250.0, 3)
    assert stream.channel_format() == pylsl.cf_float32
    assert stream.get_channel_labels() == ["Fz", "Cz", "Pz"]
    assert stream.get_channel_types() == ["EEG"] * 3
    assert stream.get_channel_units() == ["microvolts"] * 3
    desc = stream.desc()
    maker = desc.child("acquisition")
    assert (maker.child_value("manufacturer"), maker.child_value("model")) == ("OpenBCI", "Cyton")
    assert desc.child("reference").child_value("label") == "left ear"
    assert desc.child("synchronization").child_value("can_drop_samples") == "true"


def test_what_stands_beside_is_a_stream_of_its_own_with_the_same_stamps(outlets):
    eeg, beside = inlet(NAME), inlet(f"{NAME}-Beside")
    assert beside.info(10.0).get_channel_types() == ["ACC", "BATTERY"]
    assert beside.info(10.0).get_channel_units() == ["g", "percent"]
    for one in (eeg, beside):
        one.open_stream(10.0)
    rows = np.arange(25, dtype=np.float32).reshape(5, 5)
    times = now() + np.array([0.0, 0.004, 0.0082, 0.0121, 0.0159])  # as they are, not as counted
    outlets.send(RingBlock(0, rows, times))
    received = [one.pull_chunk(timeout=10.0, max_samples=5, as_numpy=True) for one in (eeg, beside)]
    assert np.array_equal(received[0][0], rows[:, :3])
    assert np.array_equal(received[1][0], rows[:, 3:])
    for _, stamps in received:
        assert np.abs(np.asarray(stamps) - times - outlets._ahead).max() < 1e-9


def test_markers_go_out_with_their_time_and_other_events_do_not(outlets):
    one = inlet(f"{NAME}-Markers")
    assert one.info(10.0).type() == "Markers"
    one.open_stream(10.0)
    at = now()
    outlets.mark(SourceEvent(at - 0.2, "state", "lost", "It is gone."))
    outlets.mark(SourceEvent(at - 0.1, "marker", "stimulus 7"))
    sample, stamp = one.pull_sample(timeout=10.0)
    assert (sample, pytest.approx(stamp, abs=1e-6)) == (
        ["stimulus 7"],
        at - 0.1 + outlets._ahead,
    )


def test_a_second_one_of_the_same_name_is_refused_and_told_where_the_first_is(outlets):
    with pytest.raises(InputError, match=f"{NAME}' is sent from .* already.*--name"):
        Outlets(INFO, NAME)


def test_a_stream_is_known_again_by_its_id_and_is_gone_when_closed():
    info = SourceInfo("Muse 2", ("AF7",), 256.0)
    ids = []
    for _ in range(2):
        made = Outlets(info, f"{NAME}-again")
        assert made.names == [f"{NAME}-again", f"{NAME}-again-Markers"]
        ids.append(pylsl.resolve_byprop("name", made.names[0], 1, 10.0)[0].source_id())
        made.close()
        time.sleep(0.1)
    assert ids[0] == ids[1]
