"""The command line: `main` finds the command, a file each, and turns its errors into a sentence."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence

from app.version import VERSION

# Our matrices are small: a second BLAS thread costs more in waiting than it computes, and takes a
# core from the sound. This must stand before numpy is imported, here and in every child.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

#: Command -> one line of help; its module `app.commands.<name>` is imported only when it is asked
#: for, so that a session starts without waiting for code it does not need.
COMMANDS = {
    "run": "run a session: window, or headless",
    "replay": "run the same loop on a recorded session and compare the decisions",
    "report": "write the report of a recorded session again",
    "client": "the clients, and the encrypted store of what is kept of them",
    "devices": "what is plugged in, and whether a headset is fit",
    "calibrate": "learn a person's calibration from recorded sessions",
    "simulate": "run simulated listeners by the hundred, or make their calibrations",
    "evaluate": "measure the estimators on recordings",
}

#: Packages that are ours, and not installed.
OWN = {"app", "devices", "dsp", "playlists"}

#: What a full disk, a terminal that hung up and a reader that left answer to a write.
_NOT_TAKEN = (errno.ENOSPC, errno.EIO, errno.EPIPE)

EXAMPLES = """examples:
  attune                                   the window (without a display: two minutes headless)
  attune run --source lsl:Muse --playlist ~/Music --minutes 24
  attune replay sessions/2026-11-24_183000_clear --json
  attune report sessions/2026-11-24_183000_clear
"""


def main(argv: Sequence[str] | None = None, *, loaded: Callable[[], object] = lambda: None) -> int:
    """Run the program with the words of the command line; return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The words; those of the process by default.
    loaded : callable
        Called once everything is imported that every command needs.

    Returns
    -------
    int
        0, or 2 after one sentence on stderr.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a narrow code page costs characters alone
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv), loaded)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where what goes wrong can still be told
        return status
    except (KeyboardInterrupt, EOFError):  # Ctrl-D where something was asked says the same
        return _stopped()
    except ImportError as error:
        if _interrupted(error):
            return _stopped()
        if (error.name or "").split(".")[0] in OWN:
            raise  # a mistake of ours, which its traceback tells best
        first = str(error).strip().partition("\n")[0]
        print(
            f"attune: a package is damaged ({first}): delete .venv beside start.py and start that.",
            file=sys.stderr,
        )
        return 2
    except OSError as error:
        if error.errno not in _NOT_TAKEN or error.filename is not None:
            raise
        # Nobody takes our output any more; what follows must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # who has gone needs no word
            print(f"attune: the output could not be written ({error.strerror}).", file=sys.stderr)
        return 2


def _joined(words: list[str]) -> list[str]:
    """Join to its option a value that begins with a hyphen, which argparse takes for an option.

    Examples
    --------
    >>> _joined(["--answers", "-,1,0", "--json", "-h"])
    ['--answers=-,1,0', '--json', '-h']
    """
    out: list[str] = []
    for word in words:
        value = len(word) > 1 and word[0] == "-" and not (word[1] == "-" or word[1].isalnum())
        if value and out and out[-1].startswith("--") and "=" not in out[-1]:
            out[-1] += f"={word}"
        else:
            out.append(word)
    return out


def _stopped() -> int:
    """Say so; return the exit status."""
    print("attune: stopped.", file=sys.stderr)
    # Python notes a Ctrl-C that ends source text which is run, as every dataclass is made by, and
    # would end itself by that signal although it was taken here; the next text clears the note.
    exec("")
    return 2


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is what broke an import: packages with compiled parts hide it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _run(words: list[str], loaded: Callable[[], object]) -> int:
    from app.session.endings import hear_early
    from dsp.checks import AttuneError  # late: numpy takes a moment, and Ctrl-C may come in it

    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "run")
    parser = argparse.ArgumentParser(
        prog="attune",
        description="Closed-loop neurofeedback music player. Not a medical device.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"attune {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in COMMANDS.items():
        if words[0] == name:
            importlib.import_module(f"app.commands.{name}").add(commands)
        else:
            commands.add_parser(name, help=text)
    arguments = parser.parse_args(_joined(words))
    loaded()
    hear_early()
    try:
        return int(arguments.run(arguments))
    except AttuneError as error:
        print(f"attune: {error}", file=sys.stderr)
        return 2
