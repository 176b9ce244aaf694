"""Dongles are known by their USB ids, boards by what they answer; the rest is the synthetic one."""

from __future__ import annotations

import os
import pty
import tty
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.clock import now
from devices.sources.finding import find, plugged_in
from devices.sources.ports import board_of, hold_port, why_closed
from tests.doubles.cyton import Cyton


@dataclass
class FakePort:
    device: str
    vid: int | None = 0x0403
    pid: int | None = 0x6015
    description: str = "FT231X USB UART"
    serial_number: str | None = "DM00Q0QA"


NOWHERE = Path("/nonexistent")


@pytest.fixture
def silent(tmp_path: Path):
    """A port that opens, and on which nobody answers."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_without_a_dongle_the_synthetic_board_is_chosen_at_once_and_why_is_said():
    arduino = FakePort("/dev/ttyACM0", vid=0x2341, pid=0x0043)
    found = find([arduino, FakePort("/dev/ttyS0", vid=None, pid=None)], usb_devices=NOWHERE)
    assert found.source == "synthetic"
    assert found.because.startswith("No OpenBCI dongle is plugged in: the synthetic board")


def test_ports_that_the_system_lists_without_anything_there_are_left_out():
    bare = {"vid": None, "pid": None, "description": "n/a"}
    names = ["/dev/ttyS0", "/dev/ttyS31", "/dev/rfcomm0", "/dev/ttyUSB0"]
    listed = plugged_in([FakePort(name, **bare) for name in names], usb_devices=NOWHERE)
    assert [one.port for one in listed] == names[2:]


@pytest.mark.parametrize("board", ["cyton", "cyton_daisy"])
def test_a_board_is_told_by_its_answer_and_its_dongle(tmp_path: Path, board, silent):
    with Cyton(tmp_path, *(["--daisy"] if board == "cyton_daisy" else [])) as cyton:
        # Another device with the same chip does not answer, and costs its whole second.
        found = find([FakePort(silent), FakePort(cyton.port)], within=1.0, usb_devices=NOWHERE)
        assert found.source == f"brainflow:{board}:{cyton.port}"
    assert "answers on" in found.because


def test_a_board_that_still_streams_for_a_killed_session_answers_too(tmp_path: Path):
    with Cyton(tmp_path) as cyton:
        line = os.open(cyton.port, os.O_RDWR | os.O_NOCTTY)
        os.write(line, b"b")
        while not os.read(line, 1):
            pass
        os.close(line)
        found = find([FakePort(cyton.port)], usb_devices=NOWHERE)
    assert found.source == f"brainflow:cyton:{cyton.port}"


def test_a_dongle_that_does_not_answer_is_said_and_the_synthetic_board_chosen(silent):
    found = find([FakePort(silent)], within=0.2, usb_devices=NOWHERE)
    assert found.source == "synthetic"
    assert f"no OpenBCI board answers on {silent}; check that it is switched on" in found.because
    # Whom nobody waits for is not waited for until midnight either.
    left = find([FakePort(silent)], within=1e5, stopped=lambda: True, usb_devices=NOWHERE)
    assert left.source == "synthetic"


def test_a_port_that_another_session_holds_is_not_asked(tmp_path: Path):
    with Cyton(tmp_path) as cyton:
        held = hold_port(cyton.port)
        found = find([FakePort(os.path.realpath(cyton.port))], usb_devices=NOWHERE)
        assert held is not None
        os.close(held)
    assert found.source == "synthetic"
    assert "in use by another session" in found.because


def test_a_ganglion_is_known_by_its_dongle_alone(silent):
    bled112 = FakePort(silent, vid=0x2458, pid=0x0001)
    found = find([bled112], usb_devices=NOWHERE)
    assert found.source == f"brainflow:ganglion:{silent}"


def test_what_is_plugged_in_is_listed_with_what_it_is_and_what_is_wrong_with_it(tmp_path: Path):
    for name, ids in (("1-1", "0403 6015"), ("1-2", "2458 0001"), ("1-3", "1d6b 0002")):
        (tmp_path / name).mkdir()
        for file, value in zip(("idVendor", "idProduct"), ids.split(), strict=True):
            (tmp_path / name / file).write_text(f"{value}\n")
    (tmp_path / "1-2" / "1-2:1.0" / "tty").mkdir(parents=True)  # this one has its driver
    gone = FakePort("/dev/nothing-here", vid=None, description="a\x1b[2J port")
    listed = plugged_in([gone], usb_devices=tmp_path)
    assert [one.port for one in listed] == ["/dev/nothing-here", ""]
    assert listed[0].description == "a [2J port"
    assert listed[0].problem.startswith("There is no port /dev/nothing-here")
    assert listed[1].usb == "0403:6015"
    assert "sudo modprobe ftdi_sio" in listed[1].problem
    assert find([gone], usb_devices=tmp_path).because.endswith(listed[1].problem[1:])


def test_a_dongle_that_answers_for_a_board_that_is_off_is_told_from_a_board():
    off = "Failure: Communications timeout - Device failed to poll Host"
    assert [board_of(text) for text in (off, "OpenBCI Emulator ", "On Daisy ADS1299")] == [
        "", "cyton", "cyton_daisy",
    ]  # fmt: skip


@pytest.mark.parametrize("answer", ["A modem$$$", "Daisy chain of lamps$$$", "$$$", "ADS1115$$$"])
def test_what_answers_and_is_no_board_of_openbci_is_not_chosen(answer):
    master, slave = os.openpty()
    tty.setraw(slave)

    def say() -> bool:
        os.write(master, answer.encode())
        return False

    found = find([FakePort(os.ttyname(slave))], stopped=say, usb_devices=NOWHERE)
    os.close(slave)
    os.close(master)
    assert found.source == "synthetic"
    assert "is no OpenBCI board" in found.because


@pytest.mark.parametrize("after", [0.0, 0.3])
def test_a_dongle_that_is_pulled_out_while_its_board_is_asked_is_said_in_our_words(after):
    master, slave = os.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)
    asked: list[float] = []

    def pull_out() -> bool:
        """Stand for the hand: called all the while the board is asked."""
        asked.append(now())
        if asked[-1] - asked[0] >= after and not gone:
            os.close(master)
            gone.append(True)
        return False

    gone: list[bool] = []
    found = find([FakePort(port)], within=2.0, stopped=pull_out, usb_devices=NOWHERE)
    os.close(slave)
    assert found.source == "synthetic"
    assert found.because == (
        f"The synthetic board was chosen, because the dongle on {port} was pulled out while its "
        "board was asked; plug it in again."
    )


@pytest.mark.parametrize(
    ("error", "system", "cure"),
    [
        (PermissionError(13, "Permission denied"), "linux", "sudo usermod -aG"),
        (PermissionError(13, "Permission denied"), "darwin", "/dev/cu."),
        (OSError("could not open port 'COM3': PermissionError(13, 'Access is denied.')"), "win32",
         "end the program that uses it"),
        (FileNotFoundError(2, "No such file"), "linux", "plug in the dongle"),
        (OSError("could not open port 'COM9': FileNotFoundError(2, 'x')"), "win32", "no port COM9"),
        (OSError(16, "Device or resource busy"), "linux", "Device or resource busy"),
    ],
)  # fmt: skip
def test_why_a_port_does_not_open_comes_with_the_cure_of_the_system(error, system, cure):
    assert cure in why_closed("COM9", error, system=system)
