"""All that was sent is pulled out of an inlet, in order, whatever kind its numbers are."""

from __future__ import annotations

import numpy as np
import pytest

from devices.clock import now
from devices.sources.pulling import Puller
from devices.sources.streams import lsl_library
from tests.doubles.lsl_outlets import own_name


@pytest.mark.parametrize("form", ["float32", "double64", "int16", "int64"])
def test_all_samples_are_pulled_once_and_are_kept(form):
    pylsl, _ = lsl_library()
    name = own_name("pull")
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo(name, "EEG", 3, 250.0, form, name))
    found = pylsl.resolve_byprop("name", name, timeout=10.0)[0]
    inlet = pylsl.StreamInlet(found, recover=False)
    inlet.open_stream(timeout=10.0)
    puller = Puller(pylsl, inlet, most=16)
    empty = puller.pull()
    rows = np.arange(120).reshape(40, 3)
    outlet.push_chunk(rows.astype(inlet.np_dtype), 70.0)
    pulls, end = [empty], now() + 10.0
    while sum(len(stamps) for _, stamps in pulls) < 40 and now() < end:
        pulls.append(puller.pull())
    inlet.close_stream()
    data, stamps = (np.concatenate(parts) for parts in zip(*pulls, strict=True))
    assert empty[0].shape == (0, 3)
    assert data.dtype == inlet.np_dtype
    assert np.array_equal(data, rows)
    assert np.allclose(stamps, 70.0 + np.arange(-39, 1) / 250.0)
    assert max(len(one) for _, one in pulls) <= 16


@pytest.mark.parametrize("broken", ["obj", "do_pull_chunk", "channel_count", "handle_error", ""])
def test_a_pylsl_with_other_insides_is_read_by_its_public_call_and_that_is_said(
    monkeypatch, broken
):
    pylsl, _ = lsl_library()
    name = own_name("pull")
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo(name, "EEG", 3, 250.0, "float32", name))
    found = pylsl.resolve_byprop("name", name, timeout=10.0)[0]
    inlet = pylsl.StreamInlet(found, recover=False)
    inlet.open_stream(timeout=10.0)
    outlet.push_chunk(np.ones((4, 3), np.float32), 70.0)
    with monkeypatch.context() as other:
        if broken == "handle_error":
            other.delattr(pylsl.util, broken)
        elif broken:
            other.setattr(inlet, broken, object())
        puller = Puller(pylsl, inlet, most=16)
    data, stamps = puller.pull()
    inlet.close_stream()
    assert np.array_equal(data, np.ones((len(stamps), 3)))
    assert 1 <= len(stamps) <= 4
    assert puller.note.startswith("This version of pylsl (") == bool(broken)


def test_text_is_pulled_as_it_was_sent():
    pylsl, _ = lsl_library()
    name = own_name("pull")
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo(name, "Markers", 1, 0.0, "string", name))
    found = pylsl.resolve_byprop("name", name, timeout=10.0)[0]
    inlet = pylsl.StreamInlet(found, recover=False)
    inlet.open_stream(timeout=10.0)
    outlet.push_sample(["caf\u00e9"], 70.0)
    data, stamps = Puller(pylsl, inlet, most=16).pull()
    inlet.close_stream()
    assert data.tolist() == [["caf\u00e9".encode()]]
    assert stamps == [70.0]
