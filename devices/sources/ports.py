"""Serial ports: holding one for a session, and asking the OpenBCI board on it what it is."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from devices.clock import now
from dsp.checks import DeviceError, foreign_text

ANSWER_S = 3.0  # s that a board may take to answer: it starts anew first
_AGAIN_S = 0.6  # s until it is asked again; a board that was out of reach has not heard the first
_LOOK_S = 0.05
_END = b"$$$"  # of all answers of OpenBCI's boards


def _never() -> bool:
    return False


def why_closed(port: str, error: OSError, *, system: str = sys.platform) -> str:
    """Say why `port` cannot be opened, and what helps on this `system`."""
    dongle = "plug in the dongle of the board, or name its port"
    words = str(error).lower()  # pyserial gives Windows' reason in words alone
    if isinstance(error, FileNotFoundError) or "filenotfound" in words or "no such file" in words:
        return f"There is no port {port}; {dongle} (attune devices list shows what is there)."
    if isinstance(error, PermissionError) or "permission" in words or "denied" in words:
        if system == "win32":
            return (
                f"The port {port} is in use or may not be opened; end the program that uses it "
                "(the OpenBCI GUI, or another session)."
            )
        if system == "darwin":
            return (
                f"The port {port} may not be opened by this user; use its /dev/cu.* name, and log "
                "in as a user who may use the computer's devices."
            )
        return (
            f"The port {port} may not be opened by this user; add the user to the group that owns "
            f"it (sudo usermod -aG {_group(port)} $USER) and log in again."
        )
    if error.errno == errno.ENOTTY or "configure port" in words:
        return f"{port} is not a serial port; {dongle}."
    reason = foreign_text(error.strerror or str(error), longest=80)
    return (
        f"The port {port} cannot be opened ({reason}); end the program that uses it, or plug the "
        "dongle in again."
    )


def _group(port: str) -> str:
    """Return the group that a port belongs to; ``dialout`` where that cannot be read."""
    try:
        import grp

        return grp.getgrgid(os.stat(port).st_gid).gr_name
    except (ImportError, KeyError, OSError):
        return "dialout"


def hold_port(port: str) -> int | None:
    """Hold the serial port `port` for this session; return what is to be closed at its end.

    Serial ports may be opened twice, which ruins the data of both programs. The lock is on the
    device itself, so it is the same for all users and under all of its names
    (``/dev/serial/by-id/...`` and ``/dev/ttyUSB0``). Windows opens a port once only.

    Raises
    ------
    DeviceError
        If there is no such port, this user may not open it, or it is in use.
    """
    if os.name != "posix" or not port.startswith("/"):
        return None
    import fcntl

    try:
        # Without waiting for a carrier, and without becoming this program's terminal.
        handle = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise DeviceError(why_closed(port, error)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise DeviceError(
            f"The port {port} is in use by another session, perhaps of another user; end that one "
            "first."
        ) from error
    return handle


def hung_up(handle: int) -> bool:
    """Whether the port behind a handle of `hold_port` was pulled out."""
    import select

    look = select.poll()
    look.register(handle, 0)
    return any(bits & (select.POLLHUP | select.POLLERR) for _, bits in look.poll(0))


def ask_board(
    port: str, *, within: float = ANSWER_S, stopped: Callable[[], bool] = _never
) -> str | None:
    """Return what the board on `port` says of itself when it is reset, None if it is silent.

    It takes a few milliseconds where a board answers. One that still streams, because its session
    was killed, is stopped first. The port should be held (`hold_port`).

    Parameters
    ----------
    port : str
    within : float
        Seconds after which nobody is there.
    stopped : callable
        Asked all the while; True gives up at once.

    Raises
    ------
    DeviceError
        If the port cannot be opened, or is pulled out.

    Notes
    -----
    The protocol is OpenBCI's Cyton SDK: ``v`` resets, the answer ends in ``$$$``.
    """
    import serial

    try:
        line = serial.Serial(port, 115200, timeout=_LOOK_S, write_timeout=0.5)
    except (serial.SerialException, OSError) as error:
        raise DeviceError(why_closed(port, error)) from error
    try:
        with line:
            return _answer(line, within, stopped)
    except (serial.SerialException, OSError, _termios_error()) as error:
        raise DeviceError(
            f"The dongle on {port} was pulled out while its board was asked; plug it in again."
        ) from error


def _answer(line: Any, within: float, stopped: Callable[[], bool]) -> str | None:
    heard, asked, end = b"", -float("inf"), now() + within
    while now() < end and not stopped():
        if now() - asked > _AGAIN_S:
            line.write(b"v")
            asked = now()
        heard += line.read(max(1, line.in_waiting))
        if heard.rstrip().endswith(_END):
            text = heard.decode("ascii", errors="replace").rpartition("\ufffd")[2]
            return foreign_text(text.strip().rstrip("$"), longest=200)
        if any(byte > 127 for byte in heard):  # samples: no answer has such bytes
            line.write(b"s")
            time.sleep(_LOOK_S)
            line.reset_input_buffer()
            heard, asked = b"", -float("inf")
    return None


def _termios_error() -> type[Exception]:
    """Return what a terminal raises beside `OSError`, where there are terminals."""
    try:
        from termios import error
    except ImportError:
        return OSError
    return error


def board_of(answer: str) -> str:
    """Return the board that gave an answer: ``cyton``, ``cyton_daisy``, or empty for another.

    A dongle whose board is off, or on another radio channel, answers itself: with a failure. Any
    device may end what it says in ``$$$``; OpenBCI's name themselves, or their converter.
    """
    said = answer.lower()
    if failed(answer) or not ("openbci" in said or "ads1299" in said):
        return ""
    return "cyton_daisy" if "daisy" in said else "cyton"


def failed(answer: str) -> bool:
    """Whether it is the answer of a dongle for its board, which does not answer."""
    return answer.lower().startswith("failure")


def no_answer(port: str, answer: str | None) -> str:
    """Say what is wrong where no board answered, or only its dongle did."""
    if answer is None:
        return (
            f"No OpenBCI board answers on {port}; check that it is switched on (its switch at PC), "
            "that its battery is full, and that this is its port."
        )
    if not failed(answer):
        return (
            f"What answers on {port} is no OpenBCI board ({foreign_text(answer, longest=80)}); "
            "name the port of yours."
        )
    return (
        f"The dongle on {port} answers, but its board does not; switch the board on (its switch at "
        "PC), check its battery, and that both are on one radio channel."
    )
