"""A unit is understood in all the words that senders have for it, and never guessed."""

import numpy as np
import pytest

from devices.sources.units import level, level_sentence, microvolts_per, stated


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (
            1.0,
            "microvolts Microvolt uV µV μV \u00c2\u00b5V micro-volts u-volt [uV] -6 10^-6 1e-6 E-6",
        ),
        (1e3, "millivolts mV milliVolt -3 1e-3V 10^-3"),
        (1e6, "volts Volt V v 0 0.0 1e0"),
        (1e-3, "nanovolts nV -9 1e-9"),
        (1e-6, "pV picovolt -12"),
    ],
)
def test_every_word_for_a_voltage_is_understood(factor, words):
    for word in words.split():
        assert microvolts_per(word) == factor, word
    assert microvolts_per("10^-6 V") == 1.0


@pytest.mark.parametrize(
    "word",
    [
        "seconds",
        "counts",
        "g",
        "1",
        "3",
        "-13",
        "12",
        "-40",
        "uVolts/LSB",
        "degrees",
        "",
        "mV2",
        "ohm",
    ],
)
def test_what_is_no_voltage_is_none(word):
    assert microvolts_per(word) is None


def test_words_that_state_nothing_state_nothing():
    assert not any(map(stated, ["", " ", "None", "n/a", "unknown", "-"]))
    assert stated("counts")


def test_the_level_is_that_of_the_eeg_without_offset_drift_and_lost_rows():
    rng = np.random.default_rng(1)
    eeg = (
        20 * rng.standard_normal((1500, 4)) + [0, 4e4, -9e4, 0] + np.linspace(0, 900, 1500)[:, None]
    )
    eeg[:, 3] = 7.0
    eeg[300:350] = np.nan
    assert 19 < level(eeg.astype(np.float32)) < 21
    assert np.isnan(level(np.full((500, 2), np.nan, np.float32)))
    assert level(np.ones((500, 2), np.float32)) == 0.0
    eeg[:, 1] = np.nan  # one that is broken says nothing of the others
    assert 19 < level(eeg.astype(np.float32)) < 21


@pytest.mark.parametrize("rms", [0.01, 3.0, 5000.0])
def test_a_level_that_some_amplifier_has_is_not_spoken_of(rms):
    assert level_sentence("Amp", rms, cure="") == ""


def test_a_level_that_no_unit_explains_is_said_with_what_it_may_be():
    assert "Is it in volts? Say." in level_sentence("Amp", 2e-5, cure="Say.")
    assert "less than any EEG" in level_sentence("Amp", 1e-9, cure="")
    assert "less than any EEG" in level_sentence("Amp", 0.0099, cure="")
    assert "more than any EEG" in level_sentence("Amp", 5001.0, cure="")
    assert "Is it in" not in level_sentence("Amp", 1e-9, cure="")
    assert "more than any EEG" in level_sentence("Amp", 2e4, cure="")


def test_a_stream_of_nothing_is_said_to_be_one():
    assert "no number (NaN) in its first seconds" in level_sentence("Amp", np.nan, cure="")
    assert "does not vary at all" in level_sentence("Amp", 0.0, cure="")
