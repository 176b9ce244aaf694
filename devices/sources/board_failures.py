"""Why BrainFlow could not start a board, and what to check of its kind, in words."""

from __future__ import annotations

import os
from typing import Literal

from devices.sources.board_table import STREAMING

#: How a board is reached.
Kind = Literal["dongle", "bled", "serial", "network", "bluetooth", "usb"]

_KINDS: dict[Kind, tuple[int, ...]] = {
    "dongle": (0, 2),
    "bled": (1, 18, 21, 22, 42),
    "serial": (17, 52, 56, 57, 65, 66),
    "network": (STREAMING, 3, 4, 5, 6, 13, 14, 23, 50, 64),
    "bluetooth": (7, 8, 9, 37, 38, 39, 40, 41, 44, 45, 46, 53, 54, 55, 58, 59, 60, 61, 62, 63, 67),
    "usb": (*range(24, 37), 51),
}
#: Kind of each board that BrainFlow has, but for its own (synthetic, playback).
KINDS: dict[int, Kind] = {number: kind for kind, numbers in _KINDS.items() for number in numbers}

_CHECKS: dict[Kind, str] = {
    "dongle": "that its dongle is plugged in, that it is switched on and its battery full, and "
    "that both are on one radio channel",
    "bled": "that its BLED112 dongle is plugged in, and that it is switched on, charged and near",
    "serial": "that it is plugged in and switched on, and that this is its port",
    "network": "that it is switched on, and in one network with this computer",
    "bluetooth": "that it is switched on, charged and near, that this computer's Bluetooth is on, "
    "and that no phone or other program is connected to it",
    "usb": "that it is plugged in and switched on, and that its maker's driver is installed",
}
_PLACES: dict[Kind, tuple[str, str]] = {
    "dongle": ("the serial port of its dongle", "/dev/ttyUSB0"),
    "bled": ("the serial port of its BLED112 dongle", "/dev/ttyACM0"),
    "serial": ("its serial port", "/dev/ttyACM0"),
    "network": ("its network address", "192.168.4.1"),
    "bluetooth": ("its address, or the name printed on it", "AA:BB:CC:DD:EE:FF"),
    "usb": ("its serial number", "12345"),
}
_SENTENCES = {
    1: "The port {port} is open already; close the other program that uses the {board}.",
    2: "The {board} cannot be reached{at}; check {check}.",
    3: "{port} is not a serial port that the {board} could be on; check the port.",
    4: "Nothing answers{at}; check {check}.",
    7: "The {board} does not answer{at}; check {check}, then try again.",
    13: "The {board} needs to know where it is; write {place} after its name, for example "
    "brainflow:{word}:{example}.",
    14: "This version of BrainFlow does not support the {board} on this computer.",
    16: "The {board} is in use by this program already.",
    17: "The {board} could not be started{at}; check {check}.",
}


def place_of_kind(kind: Kind, *, system: str = os.name) -> tuple[str, str]:
    """Return where boards of a kind are, in words, and an example for this `system`."""
    place, example = _PLACES[kind]
    return place, "COM3" if system == "nt" and example.startswith("/dev/") else example


def start_sentence(
    code: int, number: int, name: str, word: str, port: str, *, system: str = os.name
) -> str:
    """Return why a board could not be started, and what to check.

    Parameters
    ----------
    code : int
        BrainFlow's exit code.
    number : int
        Of the board.
    name, word : str
        What it calls itself, and as it is written in a source.
    port : str
        Where it was looked for, or empty.
    system : str
        As ``os.name``.
    """
    kind = KINDS.get(number)
    place, example = ("where it is", "") if kind is None else place_of_kind(kind, system=system)
    text = _SENTENCES.get(code, "BrainFlow could not start the {board}{at} (its code {code}).")
    return text.format(
        board=name,
        word=word,
        port=port or "the port",
        at=f" at {port}" if port else "",
        place=place,
        example=example,
        code=code,
        check="that it is switched on and near" if kind is None else _CHECKS[kind],
    )
