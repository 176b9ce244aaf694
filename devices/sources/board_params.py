"""What BrainFlow is told of a board: where it is, and what a user wrote beside that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from devices.sources.board_table import BY_NAME, PLAYBACK, STREAMING, SYNTHETIC, find_board
from dsp.checks import InputError

_MAC = r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}"
_IP = r"([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)(?::([0-9]+))?"


def on_serial_port(number: int, port: str) -> bool:
    """Whether `port` of the board `number` is a serial port, and no address, name or file."""
    address = re.fullmatch(_MAC, port) or re.fullmatch(_IP, port)
    named = number in BY_NAME and not port.startswith(("/", "COM"))
    return bool(port) and number != PLAYBACK and address is None and not named


def board_params(number: int, port: str, options: tuple[tuple[str, str], ...] = ()) -> Any:
    """Return BrainFlow's parameters of the board `number`.

    Raises
    ------
    InputError
        If the recording that is to be played back is not there, or a board is not known.
    """
    from brainflow.board_shim import BrainFlowInputParams

    params = BrainFlowInputParams()
    if number in (PLAYBACK, STREAMING):
        params.master_board = SYNTHETIC
    file = dict(options).get("file", "")
    if number == PLAYBACK:
        if port and file:
            raise InputError(f"Both {port!r} and {file!r} are to be played back; write one.")
        port = port or file
        if not Path(port).is_file():
            raise InputError(
                f"There is no recording {port!r} to play back; write the path of a file that "
                "BrainFlow recorded after brainflow:playback_file:."
            )
        params.file = port
    elif number == STREAMING and not (port or dict(options).get("ip_address")):
        raise InputError(
            "A BrainFlow stream is found by its address; write it, and the board that sends it: "
            "brainflow:streaming:225.1.1.1:6677?master_board=cyton."
        )
    elif re.fullmatch(_MAC, port):
        params.mac_address = port
    elif match := re.fullmatch(_IP, port):
        params.ip_address, params.ip_port = match[1], int(match[2] or 0)
    elif on_serial_port(number, port):
        params.serial_port = port
    else:
        params.serial_number = port
    for key, value in options:
        kind = find_board if key == "master_board" else type(getattr(params, key))
        setattr(params, key, kind(value))
    return params
