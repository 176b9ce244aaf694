"""Where a board is goes into the parameter that BrainFlow reads it from."""

from __future__ import annotations

import pytest

from devices.sources.board_params import board_params, on_serial_port
from devices.sources.board_table import PLAYBACK, STREAMING
from dsp.checks import InputError


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
