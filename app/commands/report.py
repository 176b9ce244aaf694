"""`attune report`: the report of a recorded session, made again from its folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.commands.passphrase import add_passphrase, keys_asked
from dsp.checks import RecordError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "report",
        help="write the report of a recorded session again",
        description="The report of a client's session is encrypted as its folder is: --open shows "
        "it in the web browser, from memory, to be read and printed there.",
        epilog="example: attune report sessions/2026-11-24_183000_clear",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--open", action="store_true", help="show it in the web browser, once")
    parser.add_argument("--save", type=Path, metavar="FILE", help="a readable copy, to hand over")
    add_passphrase(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write it and print where it is, or show it."""
    from app.report import read_report, write_report

    with keys_asked(arguments.passphrase_file):
        path = write_report(arguments.folder)
        if arguments.open or arguments.save:
            page = read_report(arguments.folder)
    if arguments.save:
        from app.records.sink import replace_file

        try:
            replace_file(arguments.save, page)
        except OSError as error:
            raise RecordError(
                f"{arguments.save} cannot be written ({error.strerror}); choose another place."
            ) from error
        path = arguments.save
    print(path)
    if arguments.open:
        from app.commands.showing import show_once

        show_once(page)
    return 0
