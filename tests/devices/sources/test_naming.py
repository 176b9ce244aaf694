"""Labels are understood as people write them, and --channels finds or names what is there."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.sources.naming import electrode, electrodes, read_channels, renamed, unique
from dsp.checks import InputError
from dsp.electrodes import site_region

PLACES = st.sampled_from(["Fp1", "AF7", "Fz", "FCz", "T7", "C3", "CP5", "P10", "PO8", "Oz", "FC5"])
BEFORE = st.sampled_from(["", "EEG ", "EEG_", "POL ", "Ch 3: ", "2-", " ", "eeg "])
BEHIND = st.sampled_from(["", ".", "..", "-LE", "-REF", " - A1", "-A1A2", "-M2", "_ref", " [uV]"])


@given(BEFORE, PLACES, BEHIND, st.sampled_from([str.upper, str.lower, str]))
def test_a_place_is_found_in_whatever_is_written_around_it(before, place, behind, spelled):
    assert electrode(before + spelled(place) + behind) == place


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("EEG F8-LE", "F8"),
        ("Pz-A1", "Pz"),
        ("FC5.", "FC5"),
        ("EEG T5-REF", "T5"),
        ("C4-(M1+M2)/2", "C4"),
        ("O2-linked ears", "O2"),
        ("'Cz'", "Cz"),
        ("A2", "A2"),
    ],
)
def test_the_reference_and_the_kind_are_no_part_of_a_name(label, name):
    assert electrode(label) == name


@pytest.mark.parametrize(
    "label", ["Fp1-F7", "A1-A2", "EEG 3", "E17", "Right AUX", "ECG", "F 3", ""]
)
def test_what_is_not_surely_one_place_keeps_its_label(label):
    assert electrode(label) == label


@given(st.text(max_size=60))
def test_a_name_is_a_name_of_its_own(label):
    assert electrode(electrode(label)) == electrode(label)
    assert len(electrode(label)) <= 32


@given(st.lists(st.text(max_size=12), max_size=12))
def test_every_channel_has_a_name_of_its_own(labels):
    names = electrodes(labels)
    assert len(set(names)) == len(labels)
    assert all(names)


def test_a_place_that_all_labels_share_is_the_reference():
    assert electrodes(["F3-Cz", "F4-Cz", "EEG Oz-CZ"]) == ("F3", "F4", "Oz")
    assert electrodes(["Fp1-F7", "F7-T3"]) == ("Fp1-F7", "F7-T3")
    assert electrodes(["Fpz-Cz"]) == ("Fpz-Cz",)


def test_equal_names_are_told_apart_and_never_taken_for_another():
    assert unique(["Fz", "Fz", "Fz_2", "Cz"]) == ("Fz", "Fz_2", "Fz_2_2", "Cz")


def test_channels_are_found_by_number_label_and_older_name():
    labels = ["EEG Fp1-LE", "EEG T3-LE", "EEG P7-LE", "EEG Cz-LE"]
    assert renamed(labels, read_channels("Fz=4,Oz=1")) == ((3, 0), ("Fz", "Oz"))
    assert renamed(labels, read_channels("Fz=Cz,C3=EEG T3-LE")) == ((3, 1), ("Fz", "C3"))
    assert renamed(labels, read_channels("cz,T7,T5")) == ((3, 1, 2), ("Cz", "T7", "T5"))
    assert renamed(labels, ())[1] == ("Fp1", "T3", "P7", "Cz")


def test_a_label_that_is_a_number_goes_before_the_number_of_the_channel():
    assert renamed(["8", "9", "2"], read_channels("Fz=2")) == ((2,), ("Fz",))


def test_a_list_names_the_channels_of_what_states_no_places():
    assert renamed(["", "", ""], read_channels("Fz,Cz")) == ((0, 1), ("Fz", "Cz"))
    assert renamed(["A1", "A2", "A12"], read_channels("Fz,Cz,Pz"))[1] == ("Fz", "Cz", "Pz")
    bridge = ["Fp1", "Fp2", "C3", "C4"]
    assert renamed(bridge, read_channels("C3,C4,Fz"), free=True) == ((0, 1, 2), ("C3", "C4", "Fz"))


@pytest.mark.parametrize(
    ("labels", "written", "says"),
    [
        (["Fz", "Cz", "Pz"], "Fz,Cz,O1,O2", "no channel 'O1'; there are 3: Fz, Cz, Pz"),
        (["", "", ""], "Fz,Cz,Pz,O1,O2,T7,T8,Oz", "8 channels are named .* but there are 3"),
        (["Fz", "Cz"], "Oz=3", "no channel '3' for Oz; there are 2: Fz, Cz"),
        (["Fz", "Cz"], "Oz=0", "no channel '0' for Oz"),
        (["Fz", "Cz"], "Oz=1,Pz=Fz", "Oz and Pz would be the same channel"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(labels, written, says):
    with pytest.raises(InputError, match=says):
        renamed(labels, read_channels(written))


@pytest.mark.parametrize(
    "written", ["", ",", "Fz,", "Fz=", "=1", "Fz=1,Fz=2", "Fz=1,Cz=1", "Fz,fz."]
)
def test_channels_that_cannot_be_read_are_refused(written):
    with pytest.raises(InputError, match="The channels"):
        read_channels(written)


@given(st.text(max_size=40), st.lists(st.text(max_size=10), max_size=6), st.booleans())
def test_reading_channels_fails_in_words_or_not_at_all(written, labels, free):
    with contextlib.suppress(InputError):
        columns, names = renamed(labels, read_channels(written), free=free)
        assert len(columns) == len(names) == len(set(columns)) == len(set(names))
        assert all(0 <= column < len(labels) for column in columns)


def test_an_older_name_has_the_role_of_its_place():
    assert site_region("T5") == site_region("P7")
    assert site_region("T3") == site_region("T7")
