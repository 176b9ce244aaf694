"""Places of electrodes are told by their names, and by nothing that only looks like one."""

from dsp.electrodes import (
    mirror_pairs,
    ocular_sites,
    site_regions,
    temporal_sites,
    theta_sites,
)


def test_caps_that_count_their_electrodes_have_none_with_a_role() -> None:
    counted = [f"{letter}{i}" for letter in "ABCDEFGH" for i in range(1, 33)]
    assert not any(site_regions(counted))
    assert not ocular_sites(counted)
    assert not temporal_sites(counted)
    assert ocular_sites(["F7", "C3", "T7", "TP10"]) == {"F7"}
    assert temporal_sites(["F7", "C3", "T7", "TP10"]) == {"T7", "TP10"}
    assert not any(site_regions(["EEG 1", "E17", "left ear"]))


def test_sites_are_midline_else_frontal_else_none() -> None:
    assert theta_sites(("F3", "Fz", "FCz", "Cz")) == (1, 2)
    assert theta_sites(("TP9", "AF7", "AF8", "TP10")) == (1, 2)
    assert theta_sites(("E1", "E2")) == ()


def test_twins_are_told_by_their_names() -> None:
    names = ("F3", "Fz", "F4", "tp9", "TP10", "AF7", "AF8", "Fp1", "E1", "E2", "x3", "x4", "O2")
    named = [(names[a], names[b]) for a, b in mirror_pairs(names)]
    assert named == [("F3", "F4"), ("tp9", "TP10"), ("AF7", "AF8")]


def test_caps_that_count_their_electrodes_have_no_sides() -> None:
    counted = [f"{bank}{k}" for bank in "ABCD" for k in range(1, 33)]
    assert "C3" in counted
    assert mirror_pairs(counted) == ()
