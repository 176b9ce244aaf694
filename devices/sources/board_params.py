"""What BrainFlow is told of a board: where it is, and what a user wrote beside that."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path
from typing import Any, Literal

from devices.sources.board_failures import KINDS, place_of_kind
from devices.sources.board_table import (
    BY_NAME,
    PLAYBACK,
    STREAMING,
    SYNTHETIC,
    board_name,
    find_board,
)
from dsp.checks import DeviceError, InputError, foreign_text

#: What can stand behind a board: a serial port, a Bluetooth address, an address or host name in
#: the network, the name or number printed on it, a recording.
Place = Literal["", "serial", "mac", "network", "name", "file"]

_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")
#: Linux and macOS name ports by their path, Windows by a number (which may be past 9 only so).
_PORT = re.compile(r"/.*|(?:\\\\[.?]\\)?COM[0-9]{1,3}", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_LABELS = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_ADDRESSES = ("ip_address", "ip_address_aux", "ip_address_anc")


def place_of(number: int, port: str) -> Place:
    """Tell what `port` of the board `number` is.

    Raises
    ------
    InputError
        If the board cannot be at such a place.

    Examples
    --------
    >>> [place_of(0, port) for port in ("/dev/cu.usbserial-DM00", "COM3", "/dev/ttyUSB0")]
    ['serial', 'serial', 'serial']
    >>> [place_of(3, port) for port in ("galea.local", "192.168.4.1:2390", "galea")]
    ['network', 'network', 'network']
    """
    kind = KINDS.get(number)
    if not port:
        return ""
    if number == PLAYBACK:
        return "file"
    found: Place
    if _MAC.fullmatch(port):
        found = "mac"
    elif _PORT.fullmatch(port):
        found = "serial"
    elif _address(port) is not None or (kind == "network" and number not in BY_NAME):
        found = "network"
    elif number in BY_NAME or kind in ("bluetooth", "usb"):
        found = "name"
    else:
        found = "serial"
    wired, near = ("dongle", "bled", "serial"), ("bluetooth", "usb")
    if (
        (found == "serial" and (kind in ("network", *near) or number in BY_NAME))
        or (found == "network" and kind in (*wired, *near))
        or (found == "mac" and kind == "network" and number not in BY_NAME)
    ):
        assert kind is not None
        name, (place, example) = board_name(number), place_of_kind(kind)
        raise InputError(
            f"The board {name} cannot be at {foreign_text(port)!r}; write {place} after its name, "
            f"for example brainflow:{name}:{example}."
        )
    return found


def board_params(number: int, port: str, options: tuple[tuple[str, str], ...] = ()) -> Any:
    """Return BrainFlow's parameters of the board `number`.

    A host name is looked up here, each time anew: who hands out addresses may give it another.

    Raises
    ------
    InputError
        If the recording that is to be played back is not there, a board is not known, or cannot
        be where it is looked for.
    DeviceError
        If a host name is not known.
    """
    from brainflow.board_shim import BrainFlowInputParams

    params = BrainFlowInputParams()
    place = place_of(number, port)
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
    elif place == "network":
        params.ip_address, params.ip_port = _reached(port)
    elif place == "mac":
        params.mac_address = port
    elif place == "serial":
        params.serial_port = port
    elif place == "name":
        params.serial_number = port
    for key, value in options:
        if key in _ADDRESSES:
            setattr(params, key, _reached(value)[0])
            continue
        kind = find_board if key == "master_board" else type(getattr(params, key))
        setattr(params, key, kind(value))
    return params


def _address(port: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that `port` is, perhaps with a number behind it; None for another name."""
    match = _HOST.fullmatch(port)
    for text in (port, match["host"].strip("[]") if match else ""):
        try:
            return ipaddress.ip_address(text)
        except ValueError:
            continue
    return None


def _reached(port: str) -> tuple[str, int]:
    """Return IPv4 address and port number (0 where none is written) of a place in the network.

    Raises
    ------
    InputError
        If it is no such place, or an IPv6 address: BrainFlow's boards have none.
    DeviceError
        If nobody knows the host name.
    """
    shown = foreign_text(port)
    address, match = _address(port), _HOST.fullmatch(port)
    if isinstance(address, ipaddress.IPv6Address):
        raise InputError(
            f"{shown} is an IPv6 address, and BrainFlow reaches boards by IPv4 alone; write the "
            "board's IPv4 address, such as 192.168.4.1, or its host name."
        )
    host = match["host"] if match else ""
    n = int(match["port"] or 0) if match else 0
    digits = re.fullmatch(r"[0-9.]+", host) is not None
    if n > 65535 or (address is None and (digits or not _LABELS.fullmatch(host))):
        raise InputError(
            f"{shown!r} is no place in a network; expected an IPv4 address or a host name, and "
            "perhaps a port from 1 to 65535: 192.168.4.1, galea.local, 192.168.4.1:2390."
        )
    if address is not None:
        return str(address), n
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise DeviceError(
            f"The host name {host} is not known in this network; check that the board is switched "
            "on and in one network with this computer, or write its IPv4 address."
        ) from error
    return str(found[0][4][0]), n
