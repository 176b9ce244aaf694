#!/usr/bin/env python3
"""Set Attune up and run it, or its tests: the one file that needs nothing but Python.

    python3 start.py [words...]        the program, with any further words handed to it
    python3 start.py test [words...]   its tests, with any further words handed to pytest

The first call makes ``.venv`` beside this file and installs what requirements.lock pins, by hash.
Later calls read one stamp and hand over. Packages go into an environment that is proved to be this
folder's own, or nowhere. ``--install-system-packages`` lets it install missing libraries of the
system through sudo; as root it does so unasked.
"""

from __future__ import annotations  # a Python that is too old must get as far as saying so

import os
import sys

TYPE_CHECKING = False  # importing typing would cost every start 10 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from subprocess import CompletedProcess
    from typing import IO, Any


def too_old(version: tuple[Any, ...]) -> str:
    """Return the sentence for a Python that is too old, or an empty one."""
    if tuple(version[:2]) >= (3, 11):
        return ""
    found = ".".join(str(part) for part in version[:3])
    return f"Attune needs Python 3.11 or newer and this is {found}: run start.py with a newer one."


if __name__ == "__main__":
    if too_old(sys.version_info):
        sys.stderr.write("start.py: " + too_old(sys.version_info) + "\n")
        sys.exit(2)
    # What a PYTHONPATH names must not stand before the standard library, here or further on
    foreign = [os.path.abspath(path) for path in os.environ.pop("PYTHONPATH", "").split(os.pathsep)]
    sys.path.sort(key=foreign.__contains__)
    os.environ.pop("PYTHONHOME", None)

import hashlib  # noqa: E402
import json  # noqa: E402

HOME = os.path.dirname(os.path.realpath(__file__))
LOCKS = {"run": "requirements.lock", "test": "requirements-dev.lock"}
FLAG = "--install-system-packages"
TAG = str(sys.implementation.cache_tag)
PYTHON = f"{TAG}-{sys.platform}-{sys.maxsize.bit_length() + 1}bit"
NEEDED_PIP = (22, 3)  # the first whose --python installs into another environment
# A user's own settings of where pip installs would send packages past .venv
PIP_MISLEADING = (
    "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_DRY_RUN",
    "PIP_BREAK_SYSTEM_PACKAGES", "_PIP_RUNNING_IN_SUBPROCESS",
)  # fmt: skip
MARK = ".venv.unfinished"  # of a set-up that has begun; it lies beside what is cleared, not in it
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
    digest = hashlib.sha256(os.fsencode(f"{PYTHON}\n{home}\n"))
    for name in ("start.py", LOCKS[kind]):
        with open(os.path.join(home, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read_stamp(home: str) -> dict[str, Any]:
    """Return what the last set-up that ran to its end wrote, or an empty dict.

    ``run`` and ``test`` are the keys of the installed sets, ``packages`` is what lay in ``site``,
    ``missing`` names the libraries of the system that were not there, ``tried`` tells whether root
    has once tried to install them.
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


def contents(folder: str) -> set[str]:
    """Name what lies in a folder, but for what Python makes and unmakes as it likes."""
    return set(os.listdir(folder)) - {"__pycache__"} if os.path.isdir(folder) else set()


def is_ready(home: str, kind: str, stamp: Mapping[str, Any]) -> bool:
    """Tell whether the environment holds what ``kind`` (``"run"`` or ``"test"``) needs."""
    folder = os.path.join(home, ".venv")
    return (
        stamp.get(kind) == key(home, kind)
        and not os.path.exists(os.path.join(home, MARK))
        and os.path.realpath(folder) == folder
        and os.path.isfile(os.path.join(folder, "pyvenv.cfg"))
        and os.access(venv_python(home), os.X_OK)  # a link to a Python that was removed is not
        and contents(stamp["site"]).issuperset(stamp["packages"])
    )


# --- making the environment ----------------------------------------------------------------------


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for venv and pip: the user's, less what leads past ``.venv``."""
    kept = {name: value for name, value in environment.items() if name not in PIP_MISLEADING}
    kept.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_ROOT_USER_ACTION="ignore")
    kept.update(PIP_REQUIRE_VIRTUALENV="1", PIP_USER="0")  # pip's own refusal of the user's Python
    return kept | {"PYTHONUTF8": "1"}  # this folder's path may have letters that the locale has not


def run(command: Sequence[str], lock: IO[str]) -> CompletedProcess[str]:
    """Run a command that holds the lock for as long as it, or a child of it, lives.

    Whoever kills this process leaves them alive. Standard input is what grandchildren inherit too,
    and a file stays locked until the last process has let go of it.
    """
    import subprocess

    return subprocess.run(
        command, stdin=lock, capture_output=True, text=True, errors="replace", check=False,
        env=child_environment(os.environ),
    )  # fmt: skip


def pip_version(python: str, lock: IO[str]) -> tuple[int, ...] | None:
    """Return the version of the pip that a Python has, or None."""
    found = run([python, "-P", "-m", "pip", "--version"], lock)
    words = found.stdout.split()
    if found.returncode or len(words) < 2 or words[0] != "pip":
        return None
    return tuple(int(part) for part in words[1].split(".")[:2] if part.isdigit())


IS_OURS = """import os, sys
ours = sys.prefix != sys.base_prefix and os.path.realpath(sys.prefix) == sys.argv[1]
sys.exit(0 if ours and sys.implementation.cache_tag == sys.argv[2] else 1)
"""


def is_sound(home: str, lock: IO[str]) -> bool:
    """Tell whether ``.venv`` is an environment, this folder's own, for the calling Python's like.

    Without its ``pyvenv.cfg`` the Python in it would be the user's own, by another name.
    """
    folder, python = os.path.join(home, ".venv"), venv_python(home)
    is_one = os.path.isfile(os.path.join(folder, "pyvenv.cfg")) and os.access(python, os.X_OK)
    return is_one and run([python, "-I", "-c", IS_OURS, folder, TAG], lock).returncode == 0


def reason(text: str, home: str) -> str:
    """Turn what pip, venv or the system said into one sentence with what to do."""
    lower = text.lower()
    if "no space left" in lower or "errno 28" in lower or "quota exceeded" in lower:
        return f"The disk is full: {home} and the temporary folder need 700 MB free in all."
    if "do not match the hashes" in lower:
        return "A download lacks the hash it is pinned by and was not installed: start again."
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


def plan(home: str, lock: IO[str], *, anew: bool) -> tuple[list[str], list[str]]:
    """Find out what has to be done, and change nothing yet.

    Returns the command that makes ``.venv`` anew, which is empty where what is there is sound and
    ``anew`` does not forbid to trust it; and the command that is then the environment's pip.
    """
    import importlib.util

    folder, python = os.path.join(home, ".venv"), venv_python(home)
    if os.path.realpath(folder) != folder or os.path.isfile(folder):
        raise Refusal(f"{folder} is a link or a file: move it away and start again.")
    base = str(getattr(sys, "_base_executable", "")) or sys.executable
    within, outside = [python, "-P", "-m", "pip"], [base, "-P", "-m", "pip", "--python", python]
    sound = not anew and is_sound(home, lock)
    if sound and pip_version(python, lock):
        return [], within
    pip = pip_version(base, lock)
    usable = pip is not None and pip >= NEEDED_PIP
    if sound and usable:
        return [], outside
    if contents(folder) and not (anew or os.path.exists(inside(home, "install.log"))):
        raise Refusal(f"{folder} is not of Attune's making: move it away and start again.")
    make = [base, "-P", "-m", "venv", "--clear", folder]
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    if importlib.util.find_spec("venv") is None or not (has_ensurepip or usable):
        package = system_libraries(home).package_of_pip()
        raise Refusal(
            f"This Python lacks venv, or ensurepip and a pip from 22.3: install {package}"
        )
    return (make, within) if has_ensurepip else ([*make, "--without-pip"], outside)


def is_whole(site: str, info: str) -> bool:
    """Tell whether every file that pip has on record for a package is there, by its size."""
    import csv

    try:
        with open(os.path.join(site, info, "RECORD"), encoding="utf-8", newline="") as file:
            return all(
                os.path.getsize(os.path.join(site, path)) == int(size)
                for path, _, size in csv.reader(file)
                if size and not path.endswith(".pyc")  # Python makes these anew
            )
    except (OSError, ValueError):
        return False


def forget_damaged(site: str) -> None:
    """Take away the record of each package that is not whole, so that pip installs it again."""
    import shutil

    for info in contents(site):
        if info.endswith(".dist-info") and not is_whole(site, info):
            say(f"{info.removesuffix('.dist-info')} is damaged; what is needed is installed again")
            shutil.rmtree(os.path.join(site, info))


def install(home: str, kind: str, pip: Sequence[str], lock: IO[str]) -> None:
    """Install the pinned set by hash, with a line or two of progress."""
    import subprocess

    live = sys.stderr.isatty()
    say("fetching packages (about 170 MB the first time)")
    command = [
        *pip, "install", "--require-hashes", "--no-deps", "--only-binary", ":all:",
        "--progress-bar", "off", "-r", os.path.join(home, LOCKS[kind]),
    ]  # fmt: skip
    text = ""
    with open(inside(home, "install.log"), "w", encoding="utf-8") as log:
        with subprocess.Popen(
            command, stdin=lock, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=child_environment(os.environ),
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


ATTUNE_PTH = "import os, sys; sys.path.append(os.path.dirname(sys.prefix))\n"
ATTUNE = """#!/bin/sh
unset PYTHONPATH PYTHONHOME
exec "$(dirname "$(readlink -f "$0")")/python" -P -m app.commands "$@"
"""
ATTUNE_CMD = """@setlocal & set "PYTHONPATH=" & set "PYTHONHOME="
@"%~dp0python.exe" -P -m app.commands %*
"""


def site_packages(home: str) -> str:
    """Return where the environment's packages are."""
    import sysconfig

    values = dict.fromkeys(("base", "platbase", "installed_base"), os.path.join(home, ".venv"))
    return str(sysconfig.get_path("purelib", "venv", vars=values))


def connect(home: str) -> None:
    """Put the program on the environment's path, and an ``attune`` command into it.

    Neither names this folder: they hold in any, whatever it is called and in whatever encoding.
    """
    name, text = "attune", ATTUNE
    if sys.platform == "win32":
        name, text = "attune.cmd", ATTUNE_CMD
    script = os.path.join(os.path.dirname(venv_python(home)), name)
    paths = os.path.join(site_packages(home), "attune.pth")
    for path, content in ((script, text), (paths, ATTUNE_PTH)):
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
    os.chmod(script, 0o755)


# --- libraries of the system ---------------------------------------------------------------------


def system_libraries(home: str) -> Any:
    """Load the table of libraries and packages, which the program uses too."""
    from importlib.machinery import SourceFileLoader
    from types import ModuleType

    path = os.path.join(home, "app", "system_libraries.py")
    loader = SourceFileLoader("attune_system_libraries", path)
    module = sys.modules[loader.name] = ModuleType(loader.name)  # dataclasses look it up there
    loader.exec_module(module)
    return module


def provide(home: str, stamp: Mapping[str, Any], *, allowed: bool, fresh: bool) -> dict[str, Any]:
    """Have the system's libraries looked for, and return the stamp with what came of it."""
    missing, tried = system_libraries(home).provide(
        tried=bool(stamp.get("tried")) and not fresh, allowed=allowed, fresh=fresh,
        log_path=inside(home, "install.log"), say=say,
    )  # fmt: skip
    return {**stamp, "missing": missing, "tried": tried}


# --- all of it -----------------------------------------------------------------------------------


def locked(home: str) -> IO[str]:
    """Open and lock a file, so that two first calls do not build on each other's ruins."""
    import time

    file, told = open(os.path.join(home, ".venv.lock"), "a+", encoding="utf-8"), False
    while True:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except (BlockingIOError, PermissionError):  # the second is what Windows says
            if not told:
                say("waiting for another set-up in this folder to end")
            told = True
            time.sleep(0.1)


def set_up(home: str, kind: str, *, allowed: bool) -> None:
    """Make the environment ready for ``kind``, or return at once where it is."""
    stamp = read_stamp(home)
    try:
        if not is_ready(home, kind, stamp):
            with locked(home) as lock:
                stamp = read_stamp(home)  # another call may have done the work meanwhile
                if not is_ready(home, kind, stamp):
                    build(home, kind, lock, allowed=allowed)
        elif stamp.get("missing") or allowed:
            after = provide(home, stamp, allowed=allowed, fresh=False)
            # an ordinary user may run what root has set up, and cannot write there
            if after != stamp and os.access(inside(home, "stamp.json"), os.W_OK):
                write_stamp(home, after)
    except OSError as error:
        raise Refusal(reason(str(error), home)) from error


def build(home: str, kind: str, lock: IO[str], *, allowed: bool) -> None:
    """Make the environment, install, look at the system, and stamp it, in this order."""
    import time

    begun, site, mark = time.monotonic(), site_packages(home), os.path.join(home, MARK)
    # What an interrupted call left may be half a package: nothing of it is trusted
    make, pip = plan(home, lock, anew=os.path.exists(mark))
    open(mark, "w").close()
    if make:
        say("making .venv")
        made = run(make, lock)
        if made.returncode or not is_sound(home, lock):
            raise Refusal(reason(made.stdout + made.stderr, home))
    forget_damaged(site)
    install(home, kind, pip, lock)
    connect(home)
    stamp = provide(home, {}, allowed=allowed, fresh=True)
    stamp.update(site=site, packages=sorted(contents(site)))
    for installed in LOCKS if kind == "test" else ("run",):  # the tests' set holds the other
        stamp[installed] = key(home, installed)
    write_stamp(home, stamp)
    os.remove(mark)
    say(f"set up in {time.monotonic() - begun:.0f} s")


def hand_over(home: str, words: Sequence[str]) -> int:
    """Become the program, or pytest; only Windows comes back from there."""
    python, module = venv_python(home), ["app.commands", *words]
    if words[:1] == ["test"]:
        os.chdir(home)
        module = ["pytest", *(words[1:] or ["-n", "auto"])]  # all of them: side by side
    command = [python, "-P", "-m", *module]
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
