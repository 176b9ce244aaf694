"""Where a board is goes into the parameter that BrainFlow reads it from."""

from __future__ import annotations

import pytest

from devices.sources.board_params import board_params, on_serial_port


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
    ],
)
def test_each_kind_of_place_has_its_parameter(number, port, key, value, serial):
    params = board_params(number, port)
    assert getattr(params, key) == value
    assert on_serial_port(number, port) is serial
    assert (params.serial_port == port) is serial


def test_what_a_user_writes_goes_beside_it():
    params = board_params(0, "", (("timeout", "6"), ("other_info", "x"), ("master_board", "daisy")))
    assert (params.timeout, params.other_info, params.master_board) == (6, "x", 2)
    assert params.serial_port == ""
