"""Which boards are plugged in, and which source ``auto`` takes, with the reason in a sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devices.sources.ports import (
    ANSWER_S,
    ask_board,
    board_of,
    hold_port,
    no_answer,
    why_closed,
)
from dsp.checks import DeviceError, foreign_text

#: Dongles by USB vendor and product: the board they belong to, in a source and in words, and the
#: driver that Linux needs. The first chip is in many other devices too, so a board is asked.
DONGLES = {
    (0x0403, 0x6015): (
        "cyton",
        "probably an OpenBCI dongle (Cyton, or Cyton and Daisy)",
        "ftdi_sio",
    ),
    (0x2458, 0x0001): ("ganglion", "probably the dongle of a Ganglion (BLED112)", "cdc_acm"),
}
_USB = Path("/sys/bus/usb/devices")


class ListedPort(Protocol):
    """What is read of a port; pyserial's ``ListPortInfo`` has it."""

    device: str
    description: str
    vid: int | None
    pid: int | None
    serial_number: str | None


@dataclass(frozen=True)
class PluggedIn:
    """A serial port, or a dongle that has none.

    Attributes
    ----------
    port : str
        Its name; empty for a dongle whose driver is missing.
    description : str
        What it calls itself.
    usb : str
        Vendor and product as ``"0403:6015"``; empty where it is not on USB.
    board : str
        As it is written in a source (``"cyton"``, ``"ganglion"``), or empty.
    probably : str
        What it is taken for, in words, or empty.
    problem : str
        Why it cannot be opened and what helps, or empty.
    serial_number : str
        Of the USB device, or empty.
    """

    port: str
    description: str
    usb: str = ""
    board: str = ""
    probably: str = ""
    problem: str = ""
    serial_number: str = ""


def plugged_in(
    ports: Iterable[ListedPort] | None = None, *, usb_devices: Path = _USB
) -> list[PluggedIn]:
    """List the serial ports, and the known dongles that have none; opens nothing.

    Parameters
    ----------
    ports : iterable of ListedPort, optional
        What is there; pyserial's list of this computer if None.
    usb_devices : path
        Where Linux lists its USB devices.
    """
    if ports is None:
        from serial.tools.list_ports import comports

        ports = comports()
    found = [_read(port) for port in ports if not _built_in(port)]
    known = {port.usb for port in found}
    return found + [one for one in _driverless(usb_devices) if one.usb not in known]


def _built_in(port: ListedPort) -> bool:
    """Whether it is one of the ports that Linux lists without anything being there."""
    nameless = port.vid is None and (port.description or "n/a") == "n/a"
    return nameless and re.fullmatch(r"/dev/ttyS\d+", port.device) is not None


def _read(port: ListedPort) -> PluggedIn:
    ids = (port.vid or 0, port.pid or 0)
    board, probably, _ = DONGLES.get(ids, ("", "", ""))
    problem = ""
    if os.name == "posix" and not os.access(port.device, os.R_OK | os.W_OK):
        gone = not os.path.exists(port.device)
        error: OSError = FileNotFoundError() if gone else PermissionError()
        problem = why_closed(port.device, error)
    return PluggedIn(
        port.device,
        foreign_text(port.description or "", longest=80),
        f"{ids[0]:04x}:{ids[1]:04x}" if port.vid is not None else "",
        board,
        probably,
        problem,
        port.serial_number or "",
    )


def _driverless(devices: Path) -> list[PluggedIn]:
    """Find known dongles that Linux has made no port for."""
    found = []
    for device in sorted(devices.glob("*/idVendor")):
        try:
            ids = tuple(
                int((device.parent / name).read_text(), 16) for name in ("idVendor", "idProduct")
            )
        except (OSError, ValueError):
            continue  # unplugged in this moment
        if ids in DONGLES and not [*device.parent.glob("*/tty*")]:
            board, probably, driver = DONGLES[ids]
            usb = f"{ids[0]:04x}:{ids[1]:04x}"
            problem = (
                f"A dongle ({usb}) is plugged in but has no port, for want of its driver; load it "
                f"(sudo modprobe {driver}), or install the package of further kernel modules."
            )
            found.append(PluggedIn("", "USB device", usb, board, probably, problem))
    return found


@dataclass(frozen=True)
class Found:
    """A source as it is written, and where the program chose it, why: in one sentence."""

    source: str
    because: str = ""


def settled(source: str, *, stopped: Callable[[], bool] = lambda: False) -> Found:
    """Put what `find` takes in the place of ``auto``; any other source stays what it is."""
    return find(stopped=stopped) if source.strip() == "auto" else Found(source)


def find(
    ports: Iterable[ListedPort] | None = None,
    *,
    within: float = ANSWER_S,
    stopped: Callable[[], bool] = lambda: False,
    usb_devices: Path = _USB,
) -> Found:
    """Look for a board that is plugged in and answers; else the synthetic board.

    Takes about a millisecond where no dongle is plugged in, and at most `within` seconds where
    one does not answer. All dongles are asked at once. A Ganglion is known by its dongle alone,
    and was never tried.

    Parameters
    ----------
    ports, usb_devices
        As in `plugged_in`.
    within : float
        Seconds that a board may take to answer.
    stopped : callable
        Asked all the while; True gives up at once.
    """
    dongles = [one for one in plugged_in(ports, usb_devices=usb_devices) if one.board]
    if not dongles:
        return Found(
            "synthetic",
            "No OpenBCI dongle is plugged in: the synthetic board was chosen; name a board or "
            "stream to use one.",
        )
    with ThreadPoolExecutor(len(dongles)) as pool:
        answers = list(pool.map(lambda one: _ask(one, within, stopped), dongles))
    for dongle, (board, _) in zip(dongles, answers, strict=True):
        if board:
            name = {"cyton": "A Cyton", "cyton_daisy": "A Cyton with a Daisy"}[board]
            return Found(
                f"brainflow:{board}:{dongle.port}",
                f"{name} answers on {dongle.port}: it was chosen.",
            )
    for dongle in dongles:
        if dongle.board == "ganglion" and not dongle.problem:
            return Found(
                f"brainflow:ganglion:{dongle.port}",
                f"The dongle of a Ganglion is plugged in ({dongle.port}): the Ganglion was chosen.",
            )
    why = next(problem for _, problem in answers if problem)
    return Found("synthetic", f"The synthetic board was chosen, because {why[0].lower()}{why[1:]}")


def _ask(dongle: PluggedIn, within: float, stopped: Callable[[], bool]) -> tuple[str, str]:
    """Return the board behind a dongle, or why there is none."""
    if dongle.board != "cyton" or dongle.problem:
        return "", dongle.problem
    try:
        held = hold_port(dongle.port)
        try:
            answer = ask_board(dongle.port, within=within, stopped=stopped)
        finally:
            if held is not None:
                os.close(held)
    except DeviceError as error:
        return "", str(error)
    board = board_of(answer or "")
    return board, "" if board else no_answer(dongle.port, answer)
