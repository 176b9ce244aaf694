"""Where a board is goes into the parameter that BrainFlow reads it from."""

from __future__ import annotations

import socket

import pytest

from devices.sources.board_params import board_params, place_of
from devices.sources.board_table import PLAYBACK, STREAMING
from dsp.checks import DeviceError, InputError


@pytest.mark.parametrize(
    ("number", "port", "key", "value", "serial"),
    [
        (0, "/dev/ttyUSB0", "serial_port", "/dev/ttyUSB0", True),
        (0, "COM3", "serial_port", "COM3", True),
        (22, "COM4", "serial_port", "COM4", True),  # a Muse behind a dongle
        (38, "AA:BB:CC:DD:EE:FF", "mac_address", "AA:BB:CC:DD:EE:FF", False),
        (38, "Muse-1A2B", "serial_number", "Muse-1A2B", False),
        (8, "UN-2019.05.51", "serial_number", "UN-2019.05.51", False),
        (5, "192.168.4.1:6677", "ip_port", 6677, False),
        (5, "192.168.4.1", "ip_address", "192.168.4.1", False),
        (0, "/dev/cu.usbserial-DM00Q0QA", "serial_port", "/dev/cu.usbserial-DM00Q0QA", True),
        (0, "com12", "serial_port", "com12", True),
        (0, r"\\.\COM12", "serial_port", r"\\.\COM12", True),
        (0, "ttyUSB0", "serial_port", "ttyUSB0", True),  # there is no such port: that is said
        (17, "/dev/serial/by-id/usb-x", "serial_port", "/dev/serial/by-id/usb-x", True),
        (3, "localhost", "ip_address", "127.0.0.1", False),
        (3, "localhost:2390", "ip_port", 2390, False),
        (3, "127.0.0.1:2390", "ip_address", "127.0.0.1", False),
        (-2, "localhost:6677", "ip_address", "127.0.0.1", False),
        (23, "3a1f9c", "serial_number", "3a1f9c", False),
        (37, "f4:0e:11:75:75:ce", "mac_address", "f4:0e:11:75:75:ce", False),
        (40, "BrainAlive", "serial_number", "BrainAlive", False),
        (24, "EE410-000", "serial_number", "EE410-000", False),
    ],
)
def test_each_kind_of_place_has_its_parameter(number, port, key, value, serial):
    params = board_params(number, port)
    assert getattr(params, key) == value
    assert (place_of(number, port) == "serial") is serial
    assert (params.serial_port == port) is serial


@pytest.mark.parametrize("port", ["galea.local", "galea", "localhost:2390", "my-galea.lab.example"])
def test_a_host_name_is_no_serial_port(port):
    assert place_of(3, port) == "network"


@pytest.mark.parametrize(
    ("number", "port", "says"),
    [(3, "/dev/ttyUSB0", "write its network address after its name, for example brainflow:galea:1"),
     (3, "COM3", "The board galea cannot be at 'COM3'"),
     (3, "AA:BB:CC:DD:EE:FF", "its network address"),
     (0, "192.168.4.1", "the serial port of its dongle after its name"),
     (0, "[fe80::1]", "the serial port of its dongle after its name"),
     (38, "/dev/ttyACM0", "its address, or the name printed on it"),
     (38, "192.168.4.1", "brainflow:muse_2:AA:BB:CC:DD:EE:FF"),
     (23, "/dev/cu.usbserial-1", "The board crown cannot be at"),
     (3, "fe80::1", "fe80::1 is an IPv6 address"),
     (3, "[::1]:2390", "reaches boards by IPv4 alone"),
     (3, "300.1.2.3", "is no place in a network"),
     (3, "192.168.4.1:99999", "perhaps a port from 1 to 65535"),
     (3, "192.168.4.1:http", "is no place in a network"),
     (3, "a b", "is no place in a network"),
     (3, "-galea", "is no place in a network"),
     (3, "x" * 64 + ".local", "is no place in a network")],
)  # fmt: skip
def test_refusals_of_a_place_where_the_board_cannot_be(number, port, says):
    with pytest.raises(InputError) as caught:
        board_params(number, port)
    assert says in str(caught.value)
    assert str(caught.value).endswith(".")


def test_refusals_of_a_host_name_that_nobody_knows(monkeypatch):
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for port, options in (("galea.local", ()), ("", (("ip_address", "galea.local"),))):
        with pytest.raises(DeviceError, match=r"The host name galea\.local is not known"):
            board_params(3, port, options)


def test_what_a_user_writes_goes_beside_it():
    params = board_params(0, "", (("timeout", "6"), ("other_info", "x"), ("master_board", "daisy")))
    assert (params.timeout, params.other_info, params.master_board) == (6, "x", 2)
    assert params.serial_port == ""


def test_a_stream_of_brainflow_is_found_by_its_address_alone():
    with pytest.raises(InputError, match=r"brainflow:streaming:225\.1\.1\.1:6677\?master_board="):
        board_params(STREAMING, "")
    for port, options in (("225.1.1.1:6677", ()), ("", (("ip_address", "225.1.1.1"),))):
        assert board_params(STREAMING, port, options).ip_address == "225.1.1.1"


def test_a_recording_may_be_named_either_way(tmp_path):
    path = tmp_path / "rec.csv"
    path.touch()
    for port, options in ((str(path), ()), ("", (("file", str(path)),))):
        assert board_params(PLAYBACK, port, options).file == str(path)
