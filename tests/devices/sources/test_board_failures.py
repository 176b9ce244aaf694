"""Why a board could not be started is said in the words of its kind."""

from __future__ import annotations

import pytest
from brainflow.board_shim import BoardIds

from devices.sources.board_failures import KINDS, start_sentence
from devices.sources.board_table import NO_EEG, PLAYBACK, SYNTHETIC

CODES = (1, 2, 3, 4, 7, 13, 14, 16, 17, 99)
DONGLES = {"dongle", "bled"}


def test_every_board_with_eeg_is_of_a_kind():
    own = {SYNTHETIC, PLAYBACK, int(BoardIds.NO_BOARD.value)}
    assert set(KINDS) >= {int(board.value) for board in BoardIds} - own - NO_EEG


@pytest.mark.parametrize("number", [*sorted(KINDS), 12345])
def test_nobody_is_told_to_check_what_the_board_does_not_have(number):
    kind = KINDS.get(number)
    for code in CODES:
        said = start_sentence(code, number, "It", "it", "", system="posix")
        assert said.endswith(".")
        assert "{" not in said
        assert "dongle" not in said or kind in DONGLES
        assert "channel" not in said or kind == "dongle"
        assert "Bluetooth" not in said or kind == "bluetooth"
        assert "/dev/" not in said or kind in ("dongle", "bled", "serial")


@pytest.mark.parametrize(
    ("number", "example", "windows"),
    [(0, "/dev/ttyUSB0", "COM3"), (2, "/dev/ttyUSB0", "COM3"), (1, "/dev/ttyACM0", "COM3"),
     (22, "/dev/ttyACM0", "COM3"), (42, "/dev/ttyACM0", "COM3"), (17, "/dev/ttyACM0", "COM3"),
     (3, "192.168.4.1", "192.168.4.1"), (5, "192.168.4.1", "192.168.4.1"),
     (50, "192.168.4.1", "192.168.4.1")],
)  # fmt: skip
def test_the_example_of_a_place_is_one_of_its_kind(number, example, windows):
    for system, shown in (("posix", example), ("nt", windows)):
        said = start_sentence(13, number, "It", "it", "", system=system)
        assert said.endswith(f"for example brainflow:it:{shown}.")


def test_the_place_that_was_looked_at_is_named():
    said = start_sentence(7, 5, "CytonWifi", "cyton_wifi", "192.168.1.9")
    assert said.startswith("The CytonWifi does not answer at 192.168.1.9; check that")
