from __future__ import annotations

import io
import sys
import threading

import pytest

from app.commands import command_line as commands
from app.commands.terminal import ROOM, Terminal
from tests.doubles.program import until


class Raw(io.RawIOBase):
    """What lies under standard output: takes at most `most` bytes a write, once it is let."""

    def __init__(self, *, most: int = 10_000, error: OSError | None = None) -> None:
        self.taken = b""
        self.let = threading.Event()
        self._most, self._error = most, error

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.let.wait(30)
        if self._error is not None:
            raise self._error
        self.taken += bytes(data[: self._most])
        return min(len(data), self._most)

    @property
    def lines(self) -> list[str]:
        return self.taken.decode("utf-8").splitlines()


@pytest.fixture
def put(monkeypatch):
    """Put a raw stream under standard output."""

    def put(raw: Raw, encoding: str = "utf-8") -> Raw:
        out = io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, write_through=True)
        monkeypatch.setattr(sys, "stdout", out)
        return raw

    return put


def test_who_speaks_to_a_stuck_terminal_never_waits_and_the_newest_lines_are_kept(put):
    raw = put(Raw())
    terminal = Terminal()
    for i in range(10 * ROOM):  # would take for ever if any of it were waited for
        terminal.say(f"line {i}")
    terminal.close()
    assert raw.taken == b""
    raw.let.set()
    until(lambda: raw.lines[-1:] == [f"line {10 * ROOM - 1}"])
    assert len(raw.lines) <= ROOM + 1


def test_who_has_time_loses_nothing(put):
    raw = put(Raw())
    terminal = Terminal(patient=True)
    speaker = threading.Thread(target=lambda: [terminal.say(str(i)) for i in range(3 * ROOM)])
    speaker.start()
    raw.let.set()
    speaker.join()
    terminal.close()
    assert raw.lines == [str(i) for i in range(3 * ROOM)]


def test_patience_may_be_given_up(put):
    raw = put(Raw())
    terminal = Terminal(patient=True)
    speaker = threading.Thread(target=lambda: [terminal.say(str(i)) for i in range(3 * ROOM)])
    speaker.start()
    terminal.patient = False
    speaker.join(30)
    assert not speaker.is_alive()
    raw.let.set()


def test_lines_come_whole_through_a_pipe_that_takes_three_bytes(put):
    raw = put(Raw(most=3))
    raw.let.set()
    terminal = Terminal()
    terminal.say("one\ntwo ± 1 sd")
    terminal.close()
    assert raw.lines == ["one", "two ± 1 sd"]


@pytest.mark.parametrize("number", [5, 28, 32])  # a terminal that hung up, no space, no reader
def test_a_terminal_that_takes_nothing_is_no_error(put, number):
    raw = put(Raw(error=OSError(number, "no")))
    raw.let.set()
    terminal = Terminal()
    terminal.say("lost")
    terminal.close()
    assert raw.taken == b""
    assert not terminal._writer.is_alive()


def test_a_narrow_code_page_shows_a_question_mark(put):
    raw = put(Raw(), "ascii")
    raw.let.set()
    terminal = Terminal()
    terminal.say("31 ± 7 …")
    terminal.close()
    assert raw.lines == ["31 ? 7 ?"]


def test_no_control_character_goes_through(put):
    raw = put(Raw())
    raw.let.set()
    terminal = Terminal()
    terminal.say("a\x1b[2Jb\u202ec\x9bd\rf")
    terminal.close()
    assert raw.lines == ["a [2Jb c d f"]


def test_a_program_without_standard_output_speaks_to_nobody(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    terminal = Terminal()
    terminal.say("nobody hears this")
    terminal.close()
    assert not terminal._writer.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="a device that is always full")
def test_a_command_whose_output_nobody_can_take_says_so_in_one_sentence(monkeypatch, capsys):
    def command(*_):
        return 0 * sys.stdout.write("the numbers\n")

    with open("/dev/full", "w", encoding="ascii") as full:
        monkeypatch.setattr(commands, "_run", command)
        monkeypatch.setattr(sys, "stdout", full)
        assert commands.main(["evaluate"]) == 2
    assert capsys.readouterr().err == (
        "attune: the output could not be written (No space left on device).\n"
    )


def test_a_command_prints_what_a_narrow_code_page_has(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    monkeypatch.setattr(commands, "_run", lambda *_: 0 * sys.stdout.write("31 ± 7\n"))
    assert commands.main(["evaluate"]) == 0
    assert raw.getvalue() == b"31 ? 7\n"
