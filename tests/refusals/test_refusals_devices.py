"""A headset that cannot be had is refused with one sentence that names it and the cure."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from app.commands.command_line import main
from app.session.plan import Plan, check_plan
from devices.acquisition import Acquisition, acquire
from devices.ring import Ring
from devices.sources.board_table import find_board
from devices.sources.boards import BoardSource
from devices.sources.lsl import LslSource
from devices.sources.ports import hold_port
from dsp.checks import AttuneError, DeviceError, InputError
from tests.doubles.eeg_fakes import PausingSource, Sender

posix = pytest.mark.skipif(os.name != "posix", reason="ports are files on POSIX")


@contextlib.contextmanager
def serial_port() -> Iterator[str]:
    """Open a pair of terminals, and give the name of the one that a board could be on."""
    master, slave = os.openpty()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)
        os.close(master)


@contextlib.contextmanager
def held(port: str) -> Iterator[None]:
    """Hold a port as a session does that runs."""
    handle = hold_port(port)
    assert handle is not None
    try:
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def other_user() -> Iterator[None]:
    """Be somebody else for a moment; only who may become anybody can try this."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser can become another user")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def refusal(source: BoardSource | LslSource) -> str:
    """Open, and return the sentence."""
    with pytest.raises(AttuneError) as caught:
        source.open()
    source.close()
    text = str(caught.value)
    assert text.endswith(".")
    assert "{" not in text
    return text


@pytest.mark.parametrize("word", ["", "brainflow", "brainflow:", "lsl:", "cyton", "muse", "synth"])
def test_an_unknown_source_lists_the_forms(word):
    with pytest.raises(InputError, match=r"brainflow:BOARD.*lsl:NAME"):
        acquire(word)


def test_an_unknown_board_names_near_ones():
    with pytest.raises(InputError, match=r"no BrainFlow board 'cytn'; near names: cyton"):
        find_board("cytn")
    with pytest.raises(InputError, match="9999 is not the id of a BrainFlow board"):
        find_board("9999")


def test_a_word_that_is_near_no_board_is_told_common_ones_and_none_without_eeg():
    for word in ("foo", "zzz", "x1"):
        with pytest.raises(InputError, match="near names: cyton, ganglion, muse_2, synthetic"):
            find_board(word)
    with pytest.raises(InputError) as caught:
        find_board("gforce")
    assert "gforce" not in str(caught.value).partition("near names")[2]


@pytest.mark.parametrize("word", ["\u0663", "\u09e9\u09e8", "\uff13"])
def test_digits_of_other_scripts_are_no_id_of_a_board(word):
    with pytest.raises(InputError, match="There is no BrainFlow board"):
        find_board(word)


def test_an_unknown_board_is_refused_through_its_child_process_too():
    acquisition = acquire("brainflow:gangleon")
    try:
        with pytest.raises(InputError, match="ganglion"):
            acquisition.wait_ready(10.0)
    finally:
        acquisition.close()


def test_a_session_with_an_unknown_board_is_refused_before_anything_is_started():
    for word in ("gangleon", "9999"):
        with pytest.raises(InputError, match=r"ganglion|9999 is not the id"):
            check_plan(Plan(source=f"brainflow:{word}"))


@pytest.mark.parametrize(
    "predicate", ["name=", "name='x' and", "starts-with(name)", "$x", "1 div", "name='"]
)
def test_a_predicate_that_lsl_cannot_read_is_refused_by_the_command(predicate, capfd):
    assert main(["devices", "check", f"lsl:?{predicate}"]) == 2
    # Where another test has begun LSL without our settings, liblsl itself has its say.
    said = [line for line in capfd.readouterr().err.splitlines() if "resolver_impl" not in line]
    assert len(said) == 1
    assert said[0].startswith(f"attune: The LSL predicate {predicate!r} cannot be read; expected")


def test_a_fault_of_the_program_at_the_opening_is_one_sentence(capfd):
    for thread in (True, False):
        make = partial(PausingSource, fault=RuntimeError("no such luck"))
        acquisition = Acquisition(make, name="it", thread=thread)
        try:
            with pytest.raises(
                DeviceError, match=r"fault of the program.*'no such luck'.*try again"
            ):
                acquisition.wait_ready(20.0)
        finally:
            acquisition.close()
    assert capfd.readouterr().err == ""


def test_an_unknown_listener_lists_the_known_ones():
    with pytest.raises(InputError, match="clear, typical, silent"):
        acquire("synthetic", listener="loud")


def test_a_cyton_without_a_port_is_told_how_to_name_it():
    assert "brainflow:cyton:" in refusal(BoardSource("cyton"))


@posix
def test_a_port_that_is_not_there_is_named(tmp_path):
    port = str(tmp_path / "ttyUSB9")
    assert f"There is no port {port}" in refusal(BoardSource("cyton", port))


@posix
def test_a_file_in_place_of_a_port_is_named(tmp_path):
    port = tmp_path / "notes.txt"
    port.write_text("not a port")
    assert f"{port} is not a serial port" in refusal(BoardSource("cyton", str(port)))


@posix
def test_a_port_without_permission_names_the_cure(tmp_path):
    port = tmp_path / "tty"
    port.touch(mode=0o600)
    with other_user():
        assert "usermod -aG dialout" in refusal(BoardSource("cyton", str(port)))


@posix
def test_a_port_in_use_by_another_session_is_not_opened_twice():
    with serial_port() as port, held(port):
        assert f"The port {port} is in use" in refusal(BoardSource("cyton", port))


@posix
def test_a_port_is_the_same_under_all_of_its_names(tmp_path):
    by_id = tmp_path / "usb-FTDI_FT231X-if00"
    with serial_port() as port:
        by_id.symlink_to(port)
        with held(port):
            assert f"The port {by_id} is in use" in refusal(BoardSource("cyton", str(by_id)))
        with held(str(by_id)):
            assert f"The port {port} is in use" in refusal(BoardSource("cyton", port))


@posix
def test_another_user_is_told_that_a_port_is_in_use():
    with serial_port() as port, held(port):
        os.chmod(port, 0o666)
        with other_user():
            assert "perhaps of another user" in refusal(BoardSource("cyton", port))


@posix
def test_holding_a_port_leaves_nothing_in_the_folder_of_all_users(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with serial_port() as port, held(port):
        assert list(tmp_path.iterdir()) == []


@posix
def test_a_folder_in_place_of_a_port_is_one_sentence(tmp_path):
    assert "cannot be opened" in refusal(BoardSource("cyton", str(tmp_path)))


@posix
def test_a_port_with_something_else_on_it_says_that_the_board_does_not_answer():
    master, slave = os.openpty()
    os.write(master, b"this is a modem, not a Cyton\r\n" * 20)
    text = refusal(BoardSource("cyton", os.ttyname(slave)))
    assert "No OpenBCI board answers" in text
    os.close(slave)
    os.close(master)


def test_a_muse_without_bluetooth_is_told_what_to_check():
    assert "switched on" in refusal(BoardSource("muse_2"))


def test_a_recording_that_is_missing_is_refused(tmp_path):
    path = str(tmp_path / "none.csv")
    assert f"no recording {path!r}" in refusal(BoardSource("playback_file", path))


def test_a_stream_that_nobody_sends_names_those_that_are_sent():
    sender = Sender("volts")
    text = refusal(LslSource("no such stream", resolve_s=1.0))
    sender.kill()
    assert "No LSL stream 'no such stream' answered" in text
    assert sender.name in text


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("text", "carries text"),
        ("irregular", "no regular sampling rate"),
        ("fast", "sampling rate of 20000 Hz"),
        ("counts", "in 'counts'; expected microvolts"),
    ],
)
def test_a_stream_that_is_not_eeg_is_refused_with_the_reason(kind, says):
    sender = Sender(kind)
    text = refusal(LslSource(sender.name))
    sender.kill()
    assert says in text
    assert sender.name in text


def test_the_ring_refuses_rows_that_do_not_fit():
    ring = Ring.create(4, 1.0, 250.0, local=True)
    with pytest.raises(InputError, match=r"shape \(3, 5\)"):
        ring.write(np.zeros((3, 5)), np.zeros(3))
    with pytest.raises(InputError, match="times for the ring"):
        ring.write(np.zeros((3, 4)), np.zeros(2))
    with pytest.raises(DeviceError, match="gone"):
        Ring.attach("attune-no-such-ring")
