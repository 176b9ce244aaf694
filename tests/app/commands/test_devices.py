"""`attune devices`: what is there, a headset checked, a source sent on, or one sentence."""

from __future__ import annotations

import json
import os
import signal
import sys

import numpy as np
import pylsl
import pytest

from app.commands.command_line import main
from app.commands.devices import check_json, check_lines, list_lines
from devices.checking import Collected, judge
from devices.sound import SoundDevice
from devices.sources.finding import PluggedIn
from devices.sources.ports import hold_port
from devices.sources.source import Channel, SourceInfo, Timing
from devices.sources.streams import StreamListing
from dsp.checks import DeviceError
from tests.doubles.eeg_fakes import Sender
from tests.doubles.program import Program

KEYS = ["sfreq", "sfreq_measured", "received", "lost", "duplicated", "stamp_jitter_ms", "quality",
        "verdict"]  # fmt: skip


@pytest.fixture(scope="module")
def checked():
    """One electrode good, one humming, one off; one sample in fifty lost."""
    rng = np.random.default_rng(2)
    t = np.arange(10 * 250) / 250.0
    eeg = 9.0 * rng.standard_normal((t.size, 3))
    eeg[:, 1] += 50.0 * np.sin(2 * np.pi * 60.0 * t)
    eeg[:, 2] = 0.0
    eeg[rng.random(t.size) < 0.02] = np.nan
    info = SourceInfo("Cyton", ("Fz", "Cz", "T7"), 250.0, notice="Its unit is assumed.",
                      beside=(Channel("Battery", "battery"),))  # fmt: skip
    return judge(
        Collected(
            info, eeg.astype(np.float32), t + 5.0, 9.0, 250.0, Timing((5.0, 9.0, 13.9), 0.00123)
        )
    )


def test_json_holds_exactly_what_is_promised(checked):
    told = json.loads(json.dumps(check_json(checked), allow_nan=False))
    assert list(told) == KEYS
    assert (told["sfreq"], told["sfreq_measured"]) == (250.0, 250.0)
    assert (told["duplicated"], told["stamp_jitter_ms"]) == (3, 1.23)
    assert told["received"] + told["lost"] == 2250
    assert list(told["quality"]) == ["Fz", "Cz", "T7"]
    assert all(list(one) == ["grade", "word", "reasons"] for one in told["quality"].values())
    graded = [(one["grade"], one["word"]) for one in told["quality"].values()]
    assert graded == [(1, "good"), (2, "mains"), (4, "flat")]
    assert told["verdict"] == "usable"


def test_people_read_rate_loss_jitter_a_table_notices_and_what_to_do(checked):
    text = "\n".join(check_lines(checked))
    for words in (
        "Cyton, 9 s", "250.00 Hz (it states 250)", f"{checked.lost} lost (", "3 twice",
        "1.23 ms of jitter", "Battery (battery)", "● 1 good  Fz", "◐ 2 fair  Cz  mains",
        "⊘ 4 bad   T7  flat", "mains hum of 60 Hz (3", "Its unit is assumed.",
        "Verdict: usable.", "T7 is bad; flat: check its cable", "closer together",
    ):  # fmt: skip
        assert words in text, words
    assert not any(word in text for word in ("nan", "None", "{", "["))


def test_impedances_stand_beside_their_electrodes(checked):
    text = "\n".join(check_lines(checked, {"Fz": 12.3, "Cz": 2e4, "T7": float("nan")}))
    for name, said in (("Fz", "12 kΩ"), ("Cz", "open"), ("T7", "unknown")):
        (line,) = (line for line in text.split("\n") if f"  {name}" in line)
        assert said in line
    assert "kΩ" not in "\n".join(check_lines(checked))


def test_a_list_shows_all_there_is_and_how_to_use_it():
    text = "\n".join(
        list_lines(
            ports=[
                PluggedIn("/dev/ttyUSB0", "FT231X", "0403:6015", "cyton", "an OpenBCI dongle"),
                PluggedIn("/dev/ttyUSB1", "FT231X", "0403:6015", "cyton", problem="Closed: sudo."),
            ],
            streams=[StreamListing("Muse", "EEG", "eeg", "lab", "m1", "u1", 256.0, 4)],
            sound=[SoundDevice("Headphones", "ALSA", 2, True)],
            missing={},
        )
    )  # fmt: skip
    for words in (
        "/dev/ttyUSB0  an OpenBCI dongle (USB 0403:6015)",
        "attune devices check brainflow:cyton:/dev/ttyUSB0",
        "Closed: sudo.",
        "Muse  EEG, 4 channels, 256 Hz, on lab, id 'm1'",
        "Headphones (ALSA), 2 channels, the default",
    ):
        assert words in text
    assert "brainflow:cyton:/dev/ttyUSB1" not in text


def test_where_nothing_is_there_a_list_says_so_and_what_to_do():
    text = "\n".join(list_lines(ports=[], streams=[], sound=[], missing={}))
    assert text.count("none;") == 3
    assert "check synthetic" in text


def test_a_part_that_cannot_be_looked_at_is_one_sentence_and_the_others_are_listed(
    monkeypatch, capsys
):
    def fails(*_):
        raise DeviceError("LSL cannot be used on this computer (no library); install liblsl.")

    monkeypatch.setattr("devices.sources.streams.list_streams", fails)
    monkeypatch.setattr("devices.sources.finding.plugged_in",
                        lambda: [PluggedIn("COM3", "USB serial")])  # fmt: skip
    monkeypatch.setattr("devices.sound.sound_devices",
                        lambda: [SoundDevice("Speaker", "MME", 2, False)])  # fmt: skip
    assert main(["devices", "list"]) == 0
    said = capsys.readouterr().out
    assert all(words in said for words in ("COM3", "Speaker", "install liblsl."))
    assert main(["devices", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["ports", "streams", "sound", "problems"]
    assert list(told["problems"]) == ["streams"]


def test_a_stream_is_checked_through_the_real_acquisition(capsys):
    sender = Sender("volts")
    try:
        assert main(["devices", "check", f"lsl:{sender.name}", "--seconds", "2", "--json"]) == 0
    finally:
        sender.kill()
    told = json.loads(capsys.readouterr().out)
    assert list(told) == KEYS
    assert told["sfreq"] == 250.0
    assert 480 <= told["received"] + told["lost"] <= 505
    assert {one["word"] for one in told["quality"].values()} == {"flat"}
    assert told["verdict"] == "unusable"


def test_channels_are_named(capsys):
    assert main(["devices", "check", "brainflow:synthetic", "--seconds", "1", "--json",
                 "--channels", "Fz=1,Cz=4"]) == 0  # fmt: skip
    assert list(json.loads(capsys.readouterr().out)["quality"]) == ["Fz", "Cz"]


def test_ctrl_c_ends_a_check_at_once_with_what_there_is(monkeypatch, capsys):
    from devices import checking

    real = checking.collect

    def interrupted(acquisition, seconds, **more):
        """Press Ctrl-C when half a second has come."""

        def tell(passed: float, rows: int) -> None:
            if rows > 125:
                signal.raise_signal(signal.SIGINT)

        return real(acquisition, seconds, **(more | {"tell": tell}))

    monkeypatch.setattr(checking, "collect", interrupted)
    assert main(["devices", "check", "synthetic", "--seconds", "300", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == KEYS
    assert 125 < told["received"] < 2500


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_a_source_is_sent_to_other_programs_until_ctrl_c():
    name = f"attune-sent-{os.getpid()}"
    with Program("devices", "stream", "synthetic", "--name", name) as program:
        program.says(f"sent as {name}, {name}-Markers; Ctrl-C")
        inlet = pylsl.StreamInlet(pylsl.resolve_byprop("name", name, 1, 20.0)[0], recover=False)
        rows, stamps = inlet.pull_chunk(timeout=20.0, max_samples=50, as_numpy=True)
        with Program("devices", "stream", "synthetic", "--name", name) as second:
            assert second.ends() == 2
            assert "already" in second.text
        program.interrupt()
        assert program.ends() == 0
    assert np.isfinite(rows).all()
    assert np.diff(stamps) == pytest.approx(1 / 250, abs=5e-4)
    assert program.found(r"\d+ samples were sent\.")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "brainflow:9999"), "9999 is not the id of a BrainFlow board"),
        (("check", "brainflow:cyton:/dev/attune-none"), "There is no port /dev/attune-none"),
        (("check", "lsl:attune no such stream"), "attune no such stream"),
        (("check", "headset"), "is not known"),
        (("check", "none"), "none"),
        (("check", "synthetic", "--seconds", "0"), "--seconds"),
        (("check", "synthetic", "--seconds", "soon"), "--seconds"),
        (("check", "synthetic", "--seconds", "nan"), "--seconds"),
        (("check", "synthetic", "--seconds", "1e9"), "--seconds"),
        (("check", "synthetic", "--channels", "Fz="), "channels"),
        (("check", "synthetic", "--impedance"), "cannot measure impedances"),
        (("check", "synthetic", "--impedance", "--json"), "leave --json out"),
        (("stream", "synthetic", "--minutes", "-1"), "--minutes"),
        (("stream", "synthetic", "--name", " "), "name is empty"),
        (("stream", "brainflow:9999"), "9999 is not the id"),
    ],
)
def test_what_cannot_be_had_is_refused_with_one_sentence(words, says, capsys):
    assert main(["devices", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert said.err.startswith("attune: ")
    assert said.err.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="ports are files on POSIX")
def test_a_port_in_use_is_refused_with_one_sentence(capsys):
    master, slave = os.openpty()
    held = hold_port(os.ttyname(slave))
    assert main(["devices", "check", f"brainflow:cyton:{os.ttyname(slave)}"]) == 2
    assert f"The port {os.ttyname(slave)} is in use" in capsys.readouterr().err
    for handle in (held, slave, master):
        os.close(handle)
