"""What a stream states is understood; what it does not state is said; what is no EEG is told."""

from __future__ import annotations

import numpy as np
import pylsl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.sources.naming import read_channels
from devices.sources.source import Channel
from devices.sources.stream_carries import Samples
from devices.sources.stream_header import (
    ChosenChannels,
    StreamHeader,
    choose_channels,
    read_header,
    refuse_other,
    stream_kind,
)
from dsp.checks import AttuneError, DeviceError, InputError


def header(n: int = 3, **given) -> StreamHeader:
    values = {
        "name": "Amp",
        "type": "EEG",
        "source_id": "amp-7",
        "hostname": "lab",
        "uid": "u-1",
        "sfreq": 250.0,
        "text": False,
        "labels": ("Fz", "Cz", "Pz")[:n],
        "types": ("EEG",) * n,
        "units": ("microvolts",) * n,
        "described": n,
    }
    return StreamHeader(**(values | {"n_channels": n} | given))


def test_a_stream_that_states_everything_has_nothing_said_of_it():
    chosen = choose_channels(header(), "'Amp'")
    assert chosen.ch_names == ("Fz", "Cz", "Pz")
    assert chosen.scale == (1.0, 1.0, 1.0)
    assert (chosen.notice, chosen.note, chosen.beside) == ("", "", ())


@pytest.mark.parametrize(
    "word", ["EEG", "eeg", "Electroencephalography", "ExG", "raw EEG", "EEG_data", "iEEG"]
)
def test_every_word_for_eeg_is_understood(word):
    refuse_other(header(type=word), "'Amp'")
    assert len(choose_channels(header(types=(word,) * 3), "'Amp'").ch_names) == 3


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("PPG", "carries ppg and not EEG"),
        ("Markers", "carries markers and not EEG"),
        ("Accelerometer", "accelerometer"),
        ("EDA", "gsr"),
        ("Gaze", "gaze"),
        ("NIRS", "nirs"),
        ("eye tracking", "gaze"),
    ],
)
def test_a_type_that_is_no_eeg_is_refused_whatever_its_channels_say(word, says):
    with pytest.raises(DeviceError, match=says):
        refuse_other(header(type=word), "'Amp'")


@pytest.mark.parametrize("rate", [0.0, 64.0, 99.9, 20000.0, float("nan"), -1.0])
def test_a_rate_that_cannot_be_used_is_refused(rate):
    with pytest.raises(DeviceError, match=r"rate of .* expected 100 to 16000 Hz|no regular"):
        refuse_other(header(sfreq=rate), "'Amp'")


def test_text_is_refused_as_markers():
    with pytest.raises(DeviceError, match="carries text"):
        refuse_other(header(text=True), "'Amp'")


def test_a_clock_column_among_the_eeg_is_left_out_and_said():
    odd = header(4, labels=("Fz", "LSLTime", "Cz", "Pz"), types=("EEG", "MISC", "EEG", "EEG"))
    chosen = choose_channels(
        StreamHeader(**(odd.__dict__ | {"units": ("uV", "seconds", "uV", "uV")})), "'Amp'"
    )
    assert chosen.ch_names == ("Fz", "Cz", "Pz")
    assert chosen.columns == (0, 2, 3, 1)
    assert chosen.beside == (Channel("LSLTime", "misc", "seconds"),)
    assert "LSLTime (misc) is no EEG: recorded beside it" in chosen.note


def test_what_its_type_label_or_unit_shows_to_be_no_eeg_is_beside():
    chosen = choose_channels(
        header(
            8,
            labels=("AF7", "Right AUX", "VEOG", "EKG1", "AccX", "A2", "Sample Counter", "Tick"),
            types=("EEG", "EEG", "EEG", "", "ACC", "REF", "EEG", "EEG"),
            units=("uV", "uV", "uV", "uV", "g", "uV", "uV", "ms"),
        ),
        "'Amp'",
    )
    assert chosen.ch_names == ("AF7",)
    assert [(one.name, one.type, one.unit) for one in chosen.beside] == [
        ("Right AUX", "aux", "uV"),
        ("VEOG", "eog", "uV"),
        ("EKG1", "ecg", "uV"),
        ("AccX", "accelerometer", "g"),
        ("A2", "reference", "uV"),
        ("Sample Counter", "counter", "uV"),
        ("Tick", "clock", "ms"),
    ]


def test_an_auxiliary_channel_can_be_an_electrode_where_the_user_says_so():
    odd = header(2, labels=("AF7", "Right AUX"))
    assert choose_channels(odd, "'Amp'", read_channels("AF7,Oz=Right AUX")).columns == (0, 1)


@pytest.mark.parametrize("label", ["Fz-REF", "EEG 1-REF", "EEG 7", "E1", "O2", "left ear", "CH 4"])
def test_no_electrode_is_taken_for_something_else(label):
    assert choose_channels(header(1, labels=(label,)), "'Amp'").beside == ()


def test_what_is_not_stated_is_said():
    bare = header(labels=(), types=(), units=(), described=0, type="Signals")
    chosen = choose_channels(bare, "'Amp'")
    assert chosen.ch_names == ("E1", "E2", "E3")
    assert not chosen.unit_stated
    for words in (
        "states the type 'Signals'; it is taken for EEG",
        "states no unit; microvolts are assumed",
        "names no electrodes",
    ):
        assert words in chosen.notice
    assert "names no electrodes" not in choose_channels(bare, "", read_channels("Fz=2")).notice
    assert "describes 2 channels but sends 3" in choose_channels(header(described=2), "").notice


def test_electrodes_without_a_unit_among_others_are_named_and_no_cure_breaks_the_others():
    chosen = choose_channels(header(units=("microvolts", "", "V")), "'Amp'")
    assert chosen.scale == (1.0, 1.0, 1e6)
    assert not chosen.unit_stated
    assert "states no unit for Cz; microvolts are assumed there" in chosen.notice
    assert "unit=volts" not in chosen.notice


def test_labels_that_are_alike_are_said():
    chosen = choose_channels(header(labels=("Fz", "Cz", "EEG fz")), "'Amp'")
    assert chosen.ch_names == ("Fz", "Cz", "Fz_2")
    assert "are alike: the electrodes are called Fz, Fz_2, and --channels" in chosen.notice
    named = choose_channels(header(labels=("Fz", "Cz", "fz")), "'Amp'", read_channels("Fz=1,Oz=3"))
    assert named.notice == ""


def test_the_unit_that_the_user_says_goes_before_what_is_stated():
    chosen = choose_channels(header(units=()), "'Amp'", unit="volts")
    assert chosen.scale == (1e6, 1e6, 1e6)
    assert chosen.unit_stated
    assert chosen.notice == ""
    assert choose_channels(header(units=("counts",) * 3), "", unit="nV").scale == (1e-3,) * 3
    assert choose_channels(header(2, units=("mV", "n/a")), "").scale == (1000.0, 1.0)
    assert choose_channels(header(units=("0", "-6", "-3")), "").scale == (1e6, 1.0, 1e3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"units": ("counts",) * 3}, "are in 'counts'; expected microvolts, millivolts"),
        ({"types": ("ACC", "EEG", "MISC"), "units": ("g", "bits", "x")}, "are in 'bits'; expected"),
        (
            {"types": ("ACC", "ACC", "PPG")},
            r"no EEG .*its channels are accelerometer, ppg",
        ),
        ({"units": ("s", "s", "sec")}, r"no EEG channels \(its channels are clock\)"),
        ({"labels": ("AUX1", "AUX2", "ECG")}, r"no EEG channels \(its channels are aux, ecg\)"),
        ({"labels": ("", "", ""), "types": ("temperature",) * 3}, "no EEG channels"),
    ],
)
def test_a_stream_without_a_single_electrode_is_refused(given, says):
    with pytest.raises(DeviceError, match=says):
        choose_channels(header(**given), "'Amp'")


def test_a_montage_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="no channel 'Oz'; there are 3: Fz, Cz, Pz"):
        choose_channels(header(), "'Amp'", read_channels("Fz,Cz,Pz,Oz,O1,O2,C3,C4"))


@given(
    st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9), st.text(max_size=9)), min_size=1)
)
def test_no_header_breaks_the_reading(rows):
    labels, types, units = zip(*rows, strict=True)
    try:
        chosen = choose_channels(
            header(len(rows), labels=labels, types=types, units=units), "'Amp'"
        )
    except AttuneError:
        return
    assert sorted(chosen.columns) == list(range(len(rows)))
    names = [*chosen.ch_names, *(channel.name for channel in chosen.beside)]
    assert len(set(names)) == len(rows) == len(chosen.scale) + len(chosen.beside)


def described(n: int, *channels: dict[str, str], text: bool = False) -> pylsl.StreamInfo:
    """A description as senders write it, that nobody sends."""
    info = pylsl.StreamInfo("Amp", "EEG", n, 250.0, pylsl.cf_string if text else "int16", "id")
    rows = info.desc().append_child("channels")
    for channel in channels:
        row = rows.append_child("channel")
        for key, value in channel.items():
            row.append_child_value(key, value)
    return info


def test_a_description_is_read_in_the_words_that_senders_use():
    info = described(
        2, {"name": "C3\x1b", "units": "nV", "type": "eeg"}, {"label": "C4", "unit": ""}
    )
    found = read_header(info, text_format=pylsl.cf_string)
    assert (found.labels, found.units, found.types) == (("C3", "C4"), ("nV", ""), ("eeg", ""))
    assert (found.name, found.type, found.source_id) == ("Amp", "EEG", "id")
    assert (found.sfreq, found.n_channels, found.described) == (250.0, 2, 2)
    assert not found.text
    assert "lsl:name=Amp,unit=volts" in found.unit_cure


def test_a_description_of_other_channels_is_not_used():
    for n in (1, 3):
        found = read_header(described(n, {"label": "C3"}, {"label": "C4"}), text_format=3)
        assert (found.labels, found.units, found.types) == ((), (), ())
        assert found.described == 2
    assert read_header(described(2), text_format=3).described == 0


def test_text_and_types_of_markers_are_markers():
    assert read_header(described(1, text=True), text_format=pylsl.cf_string).markers
    assert header(type="Stim").markers
    assert not header(type="EEG").markers


def test_the_slowest_and_the_fastest_rate_that_can_be_used_are_taken():
    refuse_other(header(sfreq=100.0), "'Amp'")
    refuse_other(header(sfreq=16000.0), "'Amp'")
    with pytest.raises(DeviceError, match="rate of 16001 Hz"):
        refuse_other(header(sfreq=16001.0), "'Amp'")


def test_many_channels_beside_are_counted_and_one_without_a_label_has_its_number():
    many = header(10, labels=("Fz", *[""] * 9), types=("EEG", *["ACC"] * 9), units=("uV", *"g" * 9))
    chosen = choose_channels(many, "'Amp'")
    assert chosen.beside[0].name == "channel 2"
    assert "channel 9 (accelerometer) and 1 more are no EEG" in chosen.note


def test_kinds_are_told_by_whole_words():
    assert stream_kind("Meteor") == ""
    assert stream_kind("refined") == ""


def test_of_channels_that_need_no_scale_only_the_wanted_ones_are_taken() -> None:
    """The first two of eight, as they are: the rows have two columns and no more."""
    chosen = ChosenChannels((0, 1), ("Fz", "Cz"), (1.0, 1.0), (), "", "", True)
    samples = Samples(chosen, 250.0, "Cap", "")
    data, at = np.tile(np.arange(8, dtype=np.float32), (25, 1)), np.arange(1, 26) / 250.0
    chunks = [
        samples.take(data, (100.0 + 0.1 * k + at).tolist(), 100.1 + 0.1 * k) for k in range(40)
    ]
    rows = np.concatenate([chunk.data for chunk in chunks if chunk is not None])
    np.testing.assert_array_equal(np.unique(rows, axis=0), [[0.0, 1.0]])
