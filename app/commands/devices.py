"""`attune devices`: what is there, whether a headset is fit, and a source for other programs."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from devices.sources.naming import CHANNELS_HELP
from devices.sources.spec import HELP

if TYPE_CHECKING:
    from devices.acquisition import Acquisition
    from devices.checking import SourceCheck
    from devices.sound import SoundDevice
    from devices.sources.finding import PluggedIn
    from devices.sources.streams import StreamListing

CHECK_S = 30.0
NAME = "Attune"
_EVERY_S = 0.02  # s between looks for rows to send on
_MOST_MINUTES = 7 * 24 * 60
_SIGNS = {1: "●", 2: "◐", 4: "⊘"}  # as the window draws them
_GRADES = {1: "good", 2: "fair", 4: "bad"}
LIST = "attune devices list"
CHECK = "attune devices check brainflow:cyton:/dev/ttyUSB0"
MORE = "attune devices check lsl:Muse --seconds 10 --json"
STREAM = "attune devices stream brainflow:muse_2 --name Muse"


def add(commands: Any) -> None:
    """Add the command and its kinds to the parser."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "devices",
        help="what is plugged in, and whether a headset is fit",
        epilog=f"examples:\n  {LIST}\n  {CHECK}\n  {STREAM}\n",
        formatter_class=raw,
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="list|check|stream")

    def kind_of(name: str, said: str, *examples: str) -> argparse.ArgumentParser:
        epilog = "\n  ".join(["examples:", *examples])
        one: argparse.ArgumentParser = kinds.add_parser(
            name, help=said, description=said, epilog=epilog, formatter_class=raw
        )
        return one

    listing = kind_of("list", "boards, LSL streams and sound devices that are there", LIST)
    check = kind_of("check", "look at a source: rate, loss, stamps, every electrode", CHECK, MORE)
    check.add_argument(
        "--seconds", default=f"{CHECK_S:g}", metavar="S", help=f"how long ({CHECK_S:g})"
    )
    check.add_argument(
        "--impedance", action="store_true", help="measure it first (Cyton only; 4 seconds)"
    )
    stream = kind_of("stream", "send a source to other programs, as LSL streams", STREAM)
    stream.add_argument("--name", default=NAME, help=f"of the EEG stream ({NAME})")
    stream.add_argument("--minutes", metavar="M", help="how long (until Ctrl-C)")
    for one in (check, stream):
        one.add_argument("source", help=HELP)
        one.add_argument("--channels", help=CHANNELS_HELP)
    for one in (listing, check):
        one.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked; return the exit status."""
    return {"list": _list, "check": _check, "stream": _stream}[arguments.kind](arguments)


@contextmanager
def _acquired(
    arguments: argparse.Namespace,
) -> Iterator[tuple[Acquisition, Callable[[], bool]]]:
    """Have the source ready, and what tells whether somebody asked to end."""
    from app.session.endings import noted_endings
    from devices.acquisition import acquire
    from devices.sources.finding import settled
    from devices.sources.naming import read_channels
    from dsp.checks import AttuneError, InputError

    channels = read_channels(arguments.channels) if arguments.channels else ()
    with noted_endings() as asked:

        def stopped() -> bool:
            return bool(asked)

        found = settled(arguments.source, stopped=stopped)
        if asked:
            raise KeyboardInterrupt
        acquisition = acquire(found.source, channels=channels, because=found.because)
        try:
            try:
                info = acquisition.wait_ready(stopped=stopped)
            except AttuneError:
                if asked:
                    raise KeyboardInterrupt from None  # left before it began
                raise
            if info.sfreq == 0:
                raise InputError(f"{info.name} sends markers and no EEG; name a stream of EEG.")
            yield acquisition, stopped
        finally:
            acquisition.close()


# ---- check


def _check(arguments: argparse.Namespace) -> int:
    from devices.checking import LEAST_S, MOST_S, collect, judge
    from dsp.checks import check_number

    seconds = check_number("--seconds", arguments.seconds, low=LEAST_S, high=MOST_S, unit="s")
    shown = sys.stderr.isatty()

    def tell(passed: float, rows: int) -> None:
        if shown:
            sys.stderr.write(f"\r{passed:4.0f} of {seconds:g} s, {rows} samples ")
            sys.stderr.flush()

    kohm = _impedances(arguments) if arguments.impedance else {}
    with _acquired(arguments) as (acquisition, stopped):
        found = collect(acquisition, seconds, stopped=stopped, tell=tell)
    if shown:
        sys.stderr.write("\r" + 50 * " " + "\r")
    done = judge(found)
    if arguments.json:
        print(json.dumps(check_json(done), indent=1, allow_nan=False))
    else:
        print("\n".join(check_lines(done, kohm)))
    return 0


def _impedances(arguments: argparse.Namespace) -> dict[str, float]:
    from devices.lead_off import measure_impedances
    from devices.sources.naming import read_channels
    from dsp.checks import InputError

    if arguments.json:
        raise InputError("--impedance is told in words; leave --json out.")
    channels = read_channels(arguments.channels) if arguments.channels else ()
    return measure_impedances(arguments.source, channels=channels)


def check_json(done: SourceCheck) -> dict[str, Any]:
    """Return a check as programs read it."""
    return {
        "sfreq": done.sfreq,
        "sfreq_measured": round(done.sfreq_measured, 3),
        "received": done.received,
        "lost": done.lost,
        "duplicated": done.duplicated,
        "stamp_jitter_ms": round(1000 * done.stamp_jitter, 3),
        "quality": {
            name: {"grade": one.grade, "word": one.word, "reasons": list(one.reasons)}
            for name, one in done.quality.items()
        },
        "verdict": done.verdict,
    }


def check_lines(done: SourceCheck, kohm: Mapping[str, float] | None = None) -> Iterator[str]:
    """Return a check as people read it, with impedances where they were measured."""
    share = 100 * done.lost / max(done.received + done.lost, 1)
    yield f"{done.info.name}, {done.seconds:.0f} s"
    yield f"  rate    {done.sfreq_measured:.2f} Hz (it states {done.sfreq:g})"
    yield f"  samples {done.received} received, {done.lost} lost ({share:.2f} %), " + (
        f"{done.duplicated} twice"
    )
    yield f"  stamps  {1000 * done.stamp_jitter:.2f} ms of jitter (robust sd)"
    if beside := ", ".join(f"{one.name} ({one.type})" for one in done.info.beside):
        yield f"  beside  {beside}"
    yield ""
    width = max(map(len, done.quality), default=0)
    for name, one in done.quality.items():
        told = "; ".join(one.reasons)
        fault = "" if one.word == "good" else one.word
        if kohm:
            told = f"{_kohm(kohm.get(name, math.nan)):>11}  {told}"
        yield (
            f"  {_SIGNS[one.grade]} {one.grade} {_GRADES[one.grade]:4}  {name:{width}}  "
            f"{fault:7}  {100 * one.usable:3.0f} % usable  {told}"
        ).rstrip()
    yield ""
    yield from map(without_music, done.notices)
    if not done.problems:
        yield "Verdict: good. It is fit for a session."
        return
    yield f"Verdict: {done.verdict}."
    yield from done.problems


def _kohm(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.0f} kΩ" if value < 1000 else "open"


# ---- list


def _list(arguments: argparse.Namespace) -> int:
    from devices.sound import sound_devices
    from devices.sources.finding import plugged_in
    from devices.sources.streams import list_streams
    from dsp.checks import DeviceError

    found: dict[str, list[Any]] = {}
    missing: dict[str, str] = {}
    looks: dict[str, Callable[[], list[Any]]] = {
        "ports": plugged_in, "streams": list_streams, "sound": sound_devices,
    }  # fmt: skip
    for part, look in looks.items():
        try:
            found[part] = look()
        except DeviceError as error:
            found[part], missing[part] = [], str(error)
    if arguments.json:
        told = {part: [vars(one) for one in things] for part, things in found.items()}
        print(json.dumps({**told, "problems": missing}, indent=1, allow_nan=False))
    else:
        print("\n".join(list_lines(missing=missing, **found)))
    return 0


def list_lines(
    *,
    ports: list[PluggedIn],
    streams: list[StreamListing],
    sound: list[SoundDevice],
    missing: dict[str, str],
) -> Iterator[str]:
    """Return what is there as people read it; `missing` says why a part could not be looked at."""
    yield "Boards and serial ports"
    for port in ports:
        what = port.probably or port.description
        usb = f" (USB {port.usb})" if port.usb else ""
        yield f"  {port.port or 'no port'}  {what}{usb}"
        if port.problem:
            yield f"    {port.problem}"
        elif port.board:
            yield f"    attune devices check brainflow:{port.board}:{port.port}"
    if not ports:
        yield "  " + missing.get(
            "ports",
            "none; plug in the board's dongle. A Muse needs none: attune devices check "
            "brainflow:muse_2",
        )
    yield "LSL streams"
    for one in streams:
        rate = f"{one.sfreq:g} Hz" if one.sfreq else "irregular"
        channels = "1 channel" if one.n_channels == 1 else f"{one.n_channels} channels"
        yield f"  {one.name}  {one.type}, {channels}, {rate}, on {one.host}, id {one.source_id!r}"
    if not streams:
        yield "  " + missing.get(
            "streams", "none; start the sender, and check that no firewall stands between."
        )
    yield "Sound devices"
    for device in sound:
        yield (
            f"  {device.name} ({device.system}), {device.n_channels} channels"
            f"{', the default' if device.default else ''}"
        )
    if not sound:
        yield "  " + missing.get(
            "sound", "none; plug in headphones or a loudspeaker, or start the sound server."
        )
    yield "Without any of them: attune devices check synthetic"


# ---- stream


def _stream(arguments: argparse.Namespace) -> int:
    from app.commands.terminal import Terminal
    from devices.outlets import Outlets
    from dsp.checks import InputError, check_number

    end = math.inf
    if arguments.minutes is not None:
        end = 60 * check_number(
            "--minutes", arguments.minutes, low=0.01, high=_MOST_MINUTES, unit="min"
        )
    if not arguments.name.strip():
        raise InputError("The stream's name is empty; write one after --name, or leave it out.")
    with _acquired(arguments) as (acquisition, stopped):
        terminal = Terminal()
        outlets = Outlets(acquisition.info, arguments.name.strip())
        begin, row = time.monotonic(), 0
        try:
            for line in stream_lines(acquisition, outlets):
                terminal.say(line)
            while not stopped() and time.monotonic() - begin < end:
                ended = acquisition.state == "closed"
                block = acquisition.ring.since(row)
                row = block.next
                outlets.send(block)
                for event in acquisition.events():
                    outlets.mark(event)
                    if event.kind != "marker" and event.text:
                        terminal.say(without_music(event.text))
                if ended:
                    break
                time.sleep(_EVERY_S)
        finally:
            outlets.close()
            terminal.say(f"{row} samples were sent.")
            terminal.close()
    return 0


def without_music(sentence: str) -> str:
    """Return what is said of a source to a session as it is said where nothing plays.

    Examples
    --------
    >>> without_music("Cyton has sent nothing for 0.5 s; the music plays on.")
    'Cyton has sent nothing for 0.5 s.'
    """
    return re.sub(r"[.;] the music plays on\.", ".", sentence, flags=re.IGNORECASE)


def stream_lines(acquisition: Acquisition, outlets: Any) -> Iterator[str]:
    """Return what is said at the beginning."""
    info = acquisition.info
    yield f"{info.name}: {len(info.ch_names)} electrodes at {info.sfreq:g} Hz."
    if info.notice:
        yield info.notice
    yield f"It is sent as {', '.join(outlets.names)}; Ctrl-C ends it."
