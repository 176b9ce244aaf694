"""Markers of a stream beside the EEG are told with their time; none is ever taken for EEG."""

from __future__ import annotations

import time

import numpy as np
import pytest

from devices.acquisition import acquire
from devices.clock import now
from devices.sources.lsl import LslSource
from devices.sources.source import SourceEvent
from devices.sources.stream_carries import Markers
from dsp.checks import DeviceError
from tests.doubles.eeg_fakes import wait_until
from tests.doubles.lsl_outlets import Outlet, drain, own_name


def test_text_is_told_as_markers_with_the_time_of_its_sender():
    name = own_name("markers")
    outlet = Outlet(name, kind="Markers", n=1, sfreq=0.0, text=True)
    source = LslSource(name, first=False)
    source.open()
    assert source.info.sfreq == 0.0
    assert source.info.ch_names == ()
    sent = now()
    outlet.mark("bell")
    outlet.mark("b\x1bell", stamp=sent - 0.5)
    outlet.mark("old clock", stamp=12.0 + 1e9)
    told = []
    drain(source, lambda: told.extend(source.events()) or len(told) >= 4)
    source.close()
    outlet.end()
    assert [e.value for e in told if e.kind == "marker"] == ["bell", "b ell", "old clock"]
    assert told[0].time == pytest.approx(sent, abs=0.3)
    assert told[1].time == pytest.approx(sent - 0.5, abs=0.01)
    assert abs(told[3].time - now()) < 5.0
    assert "not of the LSL clock" in told[2].text


def test_a_stream_of_markers_is_read_beside_the_eeg_and_its_silence_is_nothing():
    name = own_name("beside")
    outlet = Outlet(name, kind="Markers", n=1, sfreq=0.0, text=True)
    acquisition = acquire(f"lsl:{name}", first=False)
    try:
        acquisition.wait_ready(10.0)
        time.sleep(2.5)  # longer than EEG may be silent before it is lost
        outlet.mark("go")
        told: list[SourceEvent] = []
        wait_until(lambda: told.extend(acquisition.events()) or any(e.value == "go" for e in told))
        assert not [e for e in told if e.value in ("stalled", "lost")]
    finally:
        acquisition.close()
        outlet.end()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"n": 1, "sfreq": 0.0, "text": True, "kind": "Markers"}, "carries text"),
        ({"n": 1, "sfreq": 100.0, "kind": "Markers"}, "carries markers and not EEG"),
    ],
)
def test_markers_are_no_eeg(given, says):
    name = own_name("no-eeg")
    outlet = Outlet(name, **given)
    with pytest.raises(DeviceError, match=says):
        LslSource(name).open()
    outlet.end()


def test_a_channel_of_triggers_is_told_where_it_changes():
    markers = Markers("it", regular=True)
    data = np.array([0, 0, 7, 7, 7, 0, 7, 2], np.float32)[:, None]
    taken = 100.0 + np.arange(8) / 100
    markers.take(data, taken.tolist(), 100.1)
    assert [(e.value, round(e.time, 2)) for e in markers.events()] == [
        ("7", 100.02), ("7", 100.06), ("2", 100.07)
    ]  # fmt: skip


def test_several_channels_are_one_marker_and_broken_bytes_are_shown():
    markers = Markers("it")
    markers.take(np.array([[b"go", b"caf\xe9"], [b"", b""]], object), [5.0, 5.0], 5.1)
    assert [e.value for e in markers.events()] == ["go, caf\ufffd"]
