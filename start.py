#!/usr/bin/env python3
"""Set Attune up and run it, or its tests: the one file that needs nothing but Python.

    python3 start.py [words...]        the program, with any further words handed to it
    python3 start.py test [words...]   its tests, with any further words handed to pytest

The first call makes ``.venv`` beside this file and installs what requirements.lock pins, by hash.
Later calls read one stamp and hand over. ``--install-system-packages`` lets it install missing
libraries of the system through sudo; as root it does so unasked.
"""

from __future__ import annotations  # a Python that is too old must get as far as saying so

import hashlib
import json
import os
import sys

TYPE_CHECKING = False  # importing typing would cost every start 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from subprocess import CompletedProcess
    from types import ModuleType
    from typing import Any


def too_old(version: tuple[Any, ...]) -> str:
    """Return the sentence for a Python that is too old, or an empty one."""
    if tuple(version[:2]) >= (3, 11):
        return ""
    found = ".".join(str(part) for part in version[:3])
    return f"Attune needs Python 3.11 or newer and this is {found}: run start.py with a newer one."


if __name__ == "__main__" and too_old(sys.version_info):
    sys.stderr.write("start.py: " + too_old(sys.version_info) + "\n")
    sys.exit(2)

HOME = os.path.dirname(os.path.abspath(__file__))
LOCKS = {"run": "requirements.lock", "test": "requirements-dev.lock"}
FLAG = "--install-system-packages"
TAG = str(sys.implementation.cache_tag)
PYTHON = f"{TAG}-{sys.platform}-{sys.maxsize.bit_length() + 1}bit"
NEEDED_PIP = (22, 3)  # the first whose --python installs into another environment
# A user's own settings of where pip installs would send packages past .venv
PIP_MISLEADING = (
    "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON",
    "PIP_REQUIRE_VIRTUALENV", "PIP_BREAK_SYSTEM_PACKAGES", "PIP_DRY_RUN",
)  # fmt: skip
UNREACHABLE = (
    "newconnectionerror", "temporary failure", "max retries", "timed out", "connection broken",
    "sslerror", "proxyerror", "nameresolution", "connection refused", "connection error",
)  # fmt: skip


class Refusal(Exception):
    """Why Attune cannot be set up: one sentence, with what to do."""


def say(text: str) -> None:
    """Write one line to standard error; standard output belongs to the program."""
    print(f"Attune: {text}", file=sys.stderr, flush=True)


# --- what is there -------------------------------------------------------------------------------


def venv_python(home: str, *, platform: str = sys.platform) -> str:
    """Return where the environment's Python is."""
    parts = ("Scripts", "python.exe") if platform == "win32" else ("bin", "python")
    return os.path.join(home, ".venv", *parts)


def inside(home: str, name: str) -> str:
    """Return where one of our own files in the environment is."""
    return os.path.join(home, ".venv", f"attune-{name}")


def key(home: str, kind: str) -> str:
    """Hash everything that an installed set depends on."""
    digest = hashlib.sha256(f"{PYTHON}\n{home}\n".encode())
    for name in ("start.py", LOCKS[kind]):
        with open(os.path.join(home, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read_stamp(home: str) -> dict[str, Any]:
    """Return what the last set-up that ran to its end wrote, or an empty dict.

    ``run`` and ``test`` are the keys of the installed sets, ``missing`` names the libraries of the
    system that were not there, ``tried`` tells whether root has once tried to install them.
    """
    try:
        with open(inside(home, "stamp.json"), encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(home: str, stamp: Mapping[str, Any]) -> None:
    """Write the stamp whole or not at all."""
    path = inside(home, "stamp.json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(stamp, file)
    os.replace(path + ".new", path)


def is_ready(home: str, kind: str, stamp: Mapping[str, Any]) -> bool:
    """Tell whether the environment holds what ``kind`` (``"run"`` or ``"test"``) needs.

    A Python that was removed leaves a dangling link, which is not executable.
    """
    return stamp.get(kind) == key(home, kind) and os.access(venv_python(home), os.X_OK)


# --- making the environment ----------------------------------------------------------------------


def _run(command: Sequence[str]) -> CompletedProcess[str]:
    import subprocess

    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def pip_version(
    python: str, *, run: Callable[[Sequence[str]], CompletedProcess[str]] = _run
) -> tuple[int, ...] | None:
    """Return the version of the pip that a Python has, or None."""
    found = run([python, "-m", "pip", "--version"])
    words = found.stdout.split()
    if found.returncode or len(words) < 2 or words[0] != "pip":
        return None
    return tuple(int(part) for part in words[1].split(".")[:2] if part.isdigit())


def way_to_install(
    *, has_venv: bool, has_ensurepip: bool, pip: tuple[int, ...] | None, manager: str | None
) -> str:
    """Choose how packages get into the environment.

    Parameters
    ----------
    has_venv, has_ensurepip : bool
        Whether the standard library has these two modules; Debian packs them apart.
    pip : tuple of int or None
        Version of the calling Python's pip.
    manager : str or None
        The system's package manager, for the sentence.

    Returns
    -------
    str
        ``"ensurepip"`` or ``"pip"``.

    Raises
    ------
    Refusal
        With neither, naming the package that brings one.
    """
    if has_venv and has_ensurepip:
        return "ensurepip"
    if has_venv and pip is not None and pip >= NEEDED_PIP:
        return "pip"
    package = {
        "apt": "python3-venv (or python3-pip): apt-get install python3-venv",
        "dnf": "python3-pip: dnf install python3-pip",
        "pacman": "python-pip: pacman -S python-pip",
    }.get(manager or "", "pip for it, from where this Python came")
    found = "neither ensurepip nor pip" if pip is None else "no ensurepip, and its pip is too old"
    if not has_venv:
        found = "no venv module"
    raise Refusal(f"This Python has {found}; install {package}")


def reason(text: str, home: str) -> str:
    """Turn what pip, venv or the system said into one sentence with what to do."""
    lower = text.lower()
    if "no space left" in lower or "errno 28" in lower or "quota exceeded" in lower:
        return f"The disk is full: {home} and the temporary folder need 700 MB free in all."
    if "do not match the hashes" in lower:
        return (
            "A downloaded package does not have the hash that requirements.lock names, so it was"
            " damaged or changed on its way; nothing of it was installed. Start again."
        )
    if "read-only file system" in lower or "permission denied" in lower:
        return f"{home} cannot be written to: copy Attune to a folder of your own, start it there."
    if any(word in lower for word in UNREACHABLE):
        return "The package index cannot be reached: check network and pip settings, start again."
    errors = [line for line in text.splitlines() if line.startswith("ERROR: ")]
    for line in errors:
        if "no matching distribution found for " in line.lower():
            name = line.split(" for ", 1)[1].split()[0]
            return f"There is no ready-made package {name} for this system and Python ({PYTHON})."
    last = (errors or text.strip().splitlines() or ["it said nothing"])[-1].strip()
    return f"Installing failed ({last}); {inside(home, 'install.log')} has the whole of it."


def make_environment(home: str, *, clear: bool) -> list[str]:
    """Make ``.venv`` anew where it must be, and return the pip command that installs into it."""
    base, python = str(getattr(sys, "_base_executable", "")) or sys.executable, venv_python(home)
    sound = not clear and os.access(python, os.X_OK)
    if sound:
        found = _run([python, "-c", "import sys; print(sys.implementation.cache_tag)"])
        sound = found.returncode == 0 and found.stdout.strip() == TAG
    if sound and pip_version(python):
        return [python, "-m", "pip"]
    pip = pip_version(base)
    if sound and pip is not None and pip >= NEEDED_PIP:
        return [base, "-m", "pip", "--python", python]

    import importlib.util

    way = way_to_install(
        has_venv=importlib.util.find_spec("venv") is not None,
        has_ensurepip=importlib.util.find_spec("ensurepip") is not None,
        pip=pip,
        manager=system_libraries(home).package_manager(),
    )
    say("making .venv")
    folder = os.path.join(home, ".venv")
    options = ["--without-pip"] if way == "pip" else []
    made = _run([base, "-m", "venv", "--clear", *options, folder])
    if made.returncode:
        raise Refusal(reason(made.stdout + made.stderr, home))
    return [python, "-m", "pip"] if way == "ensurepip" else [base, "-m", "pip", "--python", python]


def pip_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for pip: the user's settings, less those that lead past .venv."""
    kept = {name: value for name, value in environment.items() if name not in PIP_MISLEADING}
    kept.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_ROOT_USER_ACTION="ignore")
    return kept


def install(home: str, kind: str, pip: Sequence[str]) -> None:
    """Install the pinned set by hash, with a line or two of progress.

    Raises
    ------
    Refusal
        Where pip fails.
    """
    import subprocess

    live = sys.stderr.isatty()
    say("fetching packages (about 170 MB, once)")
    command = [
        *pip, "install", "--require-hashes", "--no-deps", "--only-binary", ":all:",
        "--progress-bar", "off", "-r", os.path.join(home, LOCKS[kind]),
    ]  # fmt: skip
    text = ""
    with open(inside(home, "install.log"), "w", encoding="utf-8") as log:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=pip_environment(os.environ),
        ) as process:  # fmt: skip
            for line in process.stdout or ():
                log.write(line)
                text += line
                if live and line.startswith("Collecting "):
                    print(f"\r\033[K  {line.split()[1]}", end="", file=sys.stderr, flush=True)
                elif line.startswith("Installing collected"):
                    print("\r\033[K" if live else "", end="", file=sys.stderr)
                    say("installing them")
    if process.returncode:
        raise Refusal(reason(text, home))


def connect(home: str) -> None:
    """Put the program on the environment's path, and an ``attune`` command into it."""
    import sysconfig

    folder, python = os.path.join(home, ".venv"), venv_python(home)
    values = {"base": folder, "platbase": folder, "installed_base": folder}
    site = sysconfig.get_path("purelib", "venv", vars=values)
    with open(os.path.join(site, "attune.pth"), "w", encoding="utf-8") as file:
        file.write(home + "\n")
    name, text = "attune", f'#!/bin/sh\nexec "{python}" -P -m app.commands "$@"\n'
    if sys.platform == "win32":
        name, text = "attune.cmd", '@"%~dp0python.exe" -P -m app.commands %*\n'
    script = os.path.join(os.path.dirname(python), name)
    with open(script, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(script, 0o755)


# --- libraries of the system ---------------------------------------------------------------------


def system_libraries(home: str) -> ModuleType:
    """Load the table of libraries and packages, which the program uses too."""
    import importlib.util

    path = os.path.join(home, "app", "system_libraries.py")
    spec = importlib.util.spec_from_file_location("attune_system_libraries", path)
    if spec is None or spec.loader is None:
        raise Refusal(f"{path} is missing: get Attune again, whole.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def provide(home: str, stamp: Mapping[str, Any], *, allowed: bool, fresh: bool) -> dict[str, Any]:
    """Look for PortAudio and what Qt needs, install it where that is allowed, say what is missing.

    Parameters
    ----------
    stamp : mapping
        As :func:`read_stamp` returns it.
    allowed : bool
        Whether sudo may be used. Root needs no leave, but tries once only.
    fresh : bool
        Whether this call has just installed; then missing Qt is told of without a display too.

    Returns
    -------
    dict
        The stamp with ``missing`` and ``tried`` as they are now.
    """
    table = system_libraries(home)
    lacking, manager = table.missing(), table.package_manager()
    tried = bool(stamp.get("tried")) and not fresh
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if lacking and manager and (allowed or (root and not tried)):
        tried = True
        say(f"installing system packages: {' '.join(table.packages(lacking, manager))}")
        with open(inside(home, "install.log"), "a", encoding="utf-8") as log:
            problem = table.install(lacking, manager, sudo=not root, log=log)
        if problem:
            say(f"{problem} {inside(home, 'install.log')} says why.")
        lacking = table.missing()
    shown = fresh or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    for purpose in ("sound", "window"):
        part = [library for library in lacking if library.purpose == purpose]
        if part and (purpose == "sound" or shown):
            say(table.sentence(part, manager))
    return {**stamp, "missing": [library.soname for library in lacking], "tried": tried}


# --- all of it -----------------------------------------------------------------------------------


class OneAtATime:
    """Hold a lock file, so that two first calls do not build on each other's ruins."""

    def __init__(self, home: str) -> None:
        self._file = open(os.path.join(home, ".venv.lock"), "w")

    def __enter__(self) -> None:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(self._file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def set_up(home: str, kind: str, *, allowed: bool) -> None:
    """Make the environment ready for ``kind``, or return at once where it is.

    Raises
    ------
    Refusal
        Where it cannot be made, with the one sentence that says why.
    """
    stamp = read_stamp(home)
    try:
        if not is_ready(home, kind, stamp):
            with OneAtATime(home):
                stamp = read_stamp(home)  # another call may have done the work meanwhile
                if not is_ready(home, kind, stamp):
                    build(home, kind, allowed=allowed)
        elif stamp.get("missing") or allowed:
            after = provide(home, stamp, allowed=allowed, fresh=False)
            # an ordinary user may run what root has set up, and cannot write there
            if after != stamp and os.access(inside(home, "stamp.json"), os.W_OK):
                write_stamp(home, after)
    except OSError as error:
        raise Refusal(reason(str(error), home)) from error


def build(home: str, kind: str, *, allowed: bool) -> None:
    """Make the environment, install, look at the system, and stamp it, in this order."""
    import time

    begun, unfinished = time.monotonic(), inside(home, "unfinished")
    # What an interrupted call left may be half a package: nothing of it is trusted
    pip = make_environment(home, clear=os.path.exists(unfinished))
    with open(unfinished, "w"):
        install(home, kind, pip)
    connect(home)
    stamp = provide(home, {}, allowed=allowed, fresh=True)
    for installed in LOCKS if kind == "test" else ("run",):  # the tests' set holds the other
        stamp[installed] = key(home, installed)
    write_stamp(home, stamp)
    os.remove(unfinished)
    say(f"set up in {time.monotonic() - begun:.0f} s")


def hand_over(home: str, words: Sequence[str]) -> int:
    """Become the program, or pytest; only Windows comes back from there."""
    python = venv_python(home)
    if words[:1] == ["test"]:
        os.chdir(home)
        command = [python, "-P", "-m", "pytest", *words[1:]]
    else:
        command = [python, "-P", "-m", "app.commands", *words]
    if sys.platform != "win32":
        os.execv(python, command)
    import signal
    import subprocess

    # exec on Windows would give the prompt back at once; Ctrl-C is the program's to handle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call(command)


def main(words: Sequence[str]) -> int:
    """Set up and hand over; return the exit status where that did not happen."""
    try:
        set_up(HOME, "test" if words[:1] == ["test"] else "run", allowed=FLAG in words)
    except Refusal as refusal:
        print(f"start.py: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstart.py: Stopped before it was set up; start again to go on.", file=sys.stderr)
        return 130
    return hand_over(HOME, [word for word in words if word != FLAG])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
