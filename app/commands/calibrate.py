"""`attune calibrate`: learn from recorded sessions what the next one needs to know."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.commands.passphrase import add_passphrase, keys_asked

EXAMPLE = """example:
  attune calibrate sessions/2026-11-24 sessions/2026-11-25 --out anna.npz
The next session takes it with --calibration anna.npz.
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate",
        help="learn a person's calibration from recorded sessions",
        description="Run the same loop on recorded sessions of one person, the oldest first, and\n"
        "keep what they teach: the answer to sound, the level of frontal theta, and how far the\n"
        "EEG may be believed. It holds for the headset and the sound output of the newest.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    add_passphrase(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Learn, say what was learnt, and save."""
    with keys_asked(arguments.passphrase_file):
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from app.clients.listener import Listener
    from app.lab.lessons import listen_to
    from app.records.sink import replace_file
    from dsp.checks import InputError, RecordError

    out = arguments.out
    if out.is_dir() or not out.parent.is_dir():  # before minutes are spent
        raise InputError(f"--out is {out}; expected a file in a folder that is there.")
    listener, setup, sealed = Listener(), None, False
    for k, (reader, lesson, after, said) in enumerate(listen_to(arguments.folders), 1):
        listener, setup = after, lesson.setup or setup
        sealed = sealed or reader.seal is not None
        print(f"{k} of {len(arguments.folders)}  {reader.folder.name}", file=sys.stderr)
        for sentence in (*reader.problems, *said):
            print(f"  {sentence}")
    if setup is None:
        raise InputError("Nobody heard the sound of these sessions; give one with a sound device.")
    calibration, _ = listener.calibration_for(setup)
    assert calibration is not None
    calibration = replace(calibration, same_headset=False)  # a file does not know who wears what
    try:
        replace_file(arguments.out, calibration.to_npz())
    except OSError as error:
        raise RecordError(
            f"{arguments.out} cannot be written: {error.strerror or error}; choose another --out."
        ) from error
    if sealed:
        print(
            f"attune: What a client's sessions taught stands in {arguments.out} unencrypted; "
            "delete that file when it is not needed any more.",
            file=sys.stderr,
        )
    print(f"{arguments.out}: for {setup.headset} with the sound on {setup.output}.")
    return 0
