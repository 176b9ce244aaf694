"""An LSL stream becomes rows of microvolts on our clock; its holes and its end are told."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from devices.acquisition import acquire
from devices.clock import now
from devices.sources import streams
from devices.sources.lsl import LslSource
from devices.sources.source import Channel, EegChunk
from devices.sources.streams import list_streams
from tests.doubles.eeg_fakes import Sender, wait_until
from tests.doubles.lsl_outlets import Outlet, own_name


@contextlib.contextmanager
def sending(kind: str) -> Iterator[Sender]:
    sender = Sender(kind)
    try:
        yield sender
    finally:
        sender.kill()


def read(source: LslSource, n: int) -> EegChunk:
    """Read at least `n` rows."""
    chunks: list[EegChunk] = []
    end = now() + 5.0
    while sum(c.times.size for c in chunks) < n:
        assert now() < end
        chunk = source.read()
        if chunk is not None:
            chunks.append(chunk)
    return EegChunk(
        np.concatenate([c.data for c in chunks]), np.concatenate([c.times for c in chunks])
    )


def test_labels_and_units_come_from_the_stream_and_other_channels_stand_beside():
    with sending("mixed") as sender:
        source = LslSource(sender.name)
        source.open()
        chunk = read(source, 50)
        source.close()
    assert source.info.ch_names == ("Fz", "Cz")
    assert source.info.notice == ""
    assert source.info.beside == (Channel("Aux", "accelerometer", "volts"),)
    assert np.allclose(chunk.data[:, :2], 20.0)  # 20e-6 V
    assert np.allclose(chunk.data[:, 2], 20e-6)  # in its own unit


def test_a_stream_is_found_by_id_type_or_predicate_and_its_channels_renamed():
    with sending("mixed") as sender:
        for written in (
            f"source_id={sender.name}-mixed\u202e",
            f"type=EEG,name={sender.name}",
            f"?starts-with(name,'{sender.name}') and type='EEG'",
        ):
            source = LslSource(written, channels=(("Pz", "2"),))
            source.open()
            chunk = read(source, 10)
            source.close()
            assert source.info.name == f"LSL stream {sender.name}"
            assert source.info.ch_names == ("Pz",)
            assert chunk.data.shape[1] == 2


def test_a_stream_without_units_is_taken_for_microvolts_and_that_is_said():
    with sending("bare") as sender:
        source = LslSource(sender.name)
        source.open()
        chunk = read(source, 10)
        source.close()
    assert source.info.ch_names == ("E1", "E2", "E3")
    assert "states no unit; microvolts are assumed" in source.info.notice
    assert source.info.details["unit_stated"] is False
    assert np.allclose(chunk.data, 20e-6)


def test_labels_with_control_characters_are_tamed_and_long_ones_cut():
    with sending("wild") as sender:
        source = LslSource(sender.name)
        source.open()
        source.close()
    assert source.info.ch_names == ("F z", "Cz", "A" * 31 + "…")
    assert source.info.details["source_id"] == f"{sender.name}-wild"


def test_a_pylsl_with_other_insides_is_said_once_and_read_all_the_same(monkeypatch):
    monkeypatch.setattr("devices.sources.pulling._quick", lambda *_: (False, "It is read slowly."))
    with sending("volts") as sender:
        source = LslSource(sender.name)
        source.open()
        chunk = read(source, 50)
        notes = [event.text for event in source.events() if event.kind == "note"]
        source.close()
    assert chunk.times.size >= 50
    assert notes.count("It is read slowly.") == 1


def test_stamps_of_another_clock_are_replaced_by_arrival_and_that_is_said():
    with sending("foreign") as sender:
        source = LslSource(sender.name)
        source.open()
        chunk = read(source, 50)
        events = source.events()
        source.close()
    assert abs(chunk.times[-1] - now()) < 0.5
    assert ["not of the LSL clock" in e.text for e in events if e.kind == "note"] == [True]


def test_a_hole_in_time_becomes_lost_rows_and_a_killed_sender_is_lost_with_a_sentence():
    with sending("volts") as sender:
        acquisition = acquire(f"lsl:{sender.name}")
        try:
            acquisition.wait_ready(10.0)
            wait_until(lambda: acquisition.ring.total > 100)
            sender.hole()
            wait_until(lambda: np.isnan(acquisition.ring.latest(10.0).data).any())
            total = acquisition.ring.total
            wait_until(lambda: acquisition.ring.total > total + 25)
            block = acquisition.ring.since(0)
            assert abs(int(np.isnan(block.data).all(axis=1).sum()) - 250) <= 2
            assert np.diff(block.times).min() > 0
            assert abs((block.times[-1] - block.times[0]) * 250 - (block.times.size - 1)) < 2
            assert -0.3 < block.times[-1] - now() < 0.02
            sender.kill()
            wait_until(lambda: acquisition.state == "lost")
            assert "has ended" in acquisition.events()[-1].text
        finally:
            acquisition.close()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_hung_sender_is_stalled_and_streams_again():
    with sending("volts") as sender:
        acquisition = acquire(f"lsl:{sender.name}")
        try:
            acquisition.wait_ready(10.0)
            # What was sent while it was opened comes at once, and looks like a burst until then.
            wait_until(lambda: acquisition.ring.total > 300)
            os.kill(sender.process.pid, signal.SIGSTOP)
            assert wait_until(lambda: acquisition.state == "stalled") < 0.75
            os.kill(sender.process.pid, signal.SIGCONT)
            wait_until(lambda: acquisition.state == "streaming")
        finally:
            acquisition.close()


def test_a_level_that_no_unit_explains_is_said_once():
    name = own_name("level")
    outlet = Outlet(name, unit="microvolts")
    source = LslSource(name)
    source.open()
    notes = []
    for _ in range(8):
        outlet.send(200, value=2e-5)
        source.read()
        notes += [e.text for e in source.events() if e.value == "level"]
    source.close()
    outlet.end()
    assert len(notes) == 1
    assert f"'{name}' varies by" in notes[0]
    assert f"Is it in volts? If it sends others, write: lsl:name={name},unit=volts." in notes[0]


def test_the_electrodes_of_a_muse_are_found_among_the_streams_of_its_one_name():
    name = own_name("muse")
    ppg = Outlet(name, kind="PPG", n=3, sfreq=64.0, source_id="muse-a-ppg")
    labels = ["TP9", "AF7", "AF8", "TP10", "Right AUX"]
    eeg = Outlet(name, n=5, sfreq=256.0, labels=labels, source_id="muse-z")
    source = LslSource(name)
    source.open()
    source.close()
    ppg.end()
    eeg.end()
    assert source.info.ch_names == ("TP9", "AF7", "AF8", "TP10")
    assert source.info.beside == (Channel("Right AUX", "aux", "microvolts"),)
    assert source.info.notice == ""
    assert ["Right AUX (aux) is no EEG" in e.text for e in source.events()] == [True]


def test_what_answers_is_listed_with_its_kind_and_host():
    name = own_name("listed")
    eeg = Outlet(name, n=3, sfreq=512.0, source_id="a-1")
    marks = Outlet(name, kind="Markers", n=1, sfreq=0.0, text=True, source_id="b-1")
    found = [one for one in list_streams(1.0) if one.name == name]
    eeg.end()
    marks.end()
    assert [(s.kind, s.type, s.source_id, s.sfreq, s.n_channels) for s in found] == [
        ("eeg", "EEG", "a-1", 512.0, 3),
        ("markers", "Markers", "b-1", 0.0, 1),
    ]
    assert all(s.host and s.uid for s in found)


def test_our_liblsl_settings_never_replace_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("LSLAPICFG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    system = os.path.exists("/etc/lsl_api/lsl_api.cfg")
    assert streams._user_configures_lsl() == system
    (tmp_path / "lsl_api.cfg").write_text("[log]\nlevel=0\n")
    assert streams._user_configures_lsl()
