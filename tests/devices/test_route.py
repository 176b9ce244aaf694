"""Whether the sound goes out without a wire, as a sound server and names tell it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from devices import route as routes
from devices.route import Route, named_wireless, sinks_of

INPUTS = """Sink Input #4
	Driver: protocol-native.c
	Sink: {theirs}
	Properties:
		media.name = "Another program"
		application.process.id = "{pid}9"
Sink Input #12
	Driver: protocol-native.c
	Sink: {ours}
	Mute: no
	Properties:
		media.name = "ALSA Playback"
		application.process.id = "{pid}"
		application.process.binary = "python3.11"
"""
HEADPHONE = "bluez_output.4C_87_5D_00_11_22.1"
SINKS = (
    "1\talsa_output.pci-0000_00_1f.3.analog-stereo\tmodule-alsa-card.c\ts16le\tIDLE\n"
    f"11\t{HEADPHONE}\tPipeWire\ts16le\tRUNNING\n"
)


@pytest.mark.parametrize(
    "name",
    [
        "bluez_sink.4C_87.a2dp_sink",
        "bluealsa",
        "AirPods von Jana",
        "Headset (WH-1000XM4 Hands-Free AG Audio)",
        "Arctis 7 Wireless",
        "Bluetooth-Kopfhörer",
        "BLUETOOTH",
        "Headset (@System32\\drivers\\bthhfenum.sys,#2;%1 Hands-Free)",
    ],
)
def test_a_name_that_says_so_is_believed(name: str) -> None:
    assert named_wireless(name)
    assert Route(name).wireless


@pytest.mark.parametrize(
    "name", ["default", "pulse", "Built-in Output", "USB Audio: - (hw:1,0)", "Headphones", ""]
)
def test_a_name_that_says_nothing_is_no_reason(name: str) -> None:
    assert not named_wireless(name)
    assert not Route(name).wireless


def test_the_server_tells_where_our_stream_goes_and_not_anothers() -> None:
    assert sinks_of(31, INPUTS.format(pid=31, ours=11, theirs=1), SINKS) == [HEADPHONE]
    assert sinks_of(31, INPUTS.format(pid=31, ours=1, theirs=11), SINKS)[0].startswith("alsa")
    assert sinks_of(3, INPUTS.format(pid=31, ours=11, theirs=11), SINKS) == []
    assert sinks_of(31, "", "") == []


class Server:
    """Stands in for pactl: says what the files beside it hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.exe = folder / "pactl"
        self.exe.write_text(f'#!/bin/sh\n[ "$LC_ALL" = C ] && exec cat "{folder}/$2"\n')
        self.exe.chmod(0o755)
        (folder / "short").write_text(SINKS)

    def play_to(self, sink: int) -> None:
        text = INPUTS.format(pid=os.getpid(), ours=sink, theirs=1)
        (self._folder / "sink-inputs").write_text(text)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return Server(tmp_path)


def test_a_stream_that_the_server_moves_is_followed(server: Server) -> None:
    route = Route("default")
    said = []
    for sink in (1, 11, 1):
        server.play_to(sink)
        route.look()
        said.append(route.wireless)
    assert said == [False, True, False]
    named = Route("bluealsa")
    named.look()
    assert named.wireless, "the server is not what that device plays through"


def test_without_an_answer_what_was_known_stands(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = Route("default")
    server.play_to(11)
    route.look()
    (server.exe.parent / "sink-inputs").write_text("")
    route.look()
    assert route.wireless
    server.exe.write_text("#!/bin/sh\nexit 1\n")
    route.look()
    server.exe.write_text("#!/bin/sh\nexec sleep 5\n")
    monkeypatch.setattr(routes, "_PATIENCE", 0.1)
    route.look()
    assert route.wireless


def test_it_is_looked_again_and_again_until_the_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_LOOK", 0.02)
    server.play_to(11)
    route = Route("default")
    route.start()
    end = time.monotonic() + 10.0
    for sink, known in ((11, True), (1, False)):
        server.play_to(sink)
        while route.wireless != known:
            assert time.monotonic() < end
            time.sleep(0.01)
    route.close()
    route._thread.join(10.0)
    assert not route._thread.is_alive()


def test_without_a_server_to_ask_nobody_asks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    route = Route("default")
    route.start()
    assert not route._thread.is_alive()
    route.look()
    assert not route.wireless
