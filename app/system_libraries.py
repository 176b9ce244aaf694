"""Which libraries of the system Attune needs, and what each system calls their packages.

Wheels for Windows and macOS bring PortAudio and everything Qt needs; wheels for Linux do not. This
module uses the standard library only, because ``start.py`` loads it before anything is installed.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

__all__ = [
    "LIBRARIES",
    "Library",
    "install",
    "install_commands",
    "missing",
    "package_manager",
    "package_of_pip",
    "packages",
    "provide",
    "sentence",
]


@dataclass(frozen=True)
class Library:
    """A shared library, what it is for, and the package it comes in.

    Parameters
    ----------
    soname : str
        The name that the loader looks for.
    purpose : str
        ``"sound"`` or ``"window"``: what does not work without it.
    apt, dnf, pacman : str
        The package on Debian and Ubuntu, on Fedora, and on Arch.
    """

    soname: str
    purpose: str
    apt: str
    dnf: str
    pacman: str


LIBRARIES = (
    Library("libportaudio.so.2", "sound", "libportaudio2", "portaudio", "portaudio"),
    # Qt itself, even offscreen
    Library("libglib-2.0.so.0", "window", "libglib2.0-0", "glib2", "glib2"),
    Library("libGL.so.1", "window", "libgl1", "libglvnd-glx", "libglvnd"),
    Library("libEGL.so.1", "window", "libegl1", "libglvnd-egl", "libglvnd"),
    Library("libxkbcommon.so.0", "window", "libxkbcommon0", "libxkbcommon", "libxkbcommon"),
    Library("libdbus-1.so.3", "window", "libdbus-1-3", "dbus-libs", "dbus"),
    Library("libfontconfig.so.1", "window", "libfontconfig1", "fontconfig", "fontconfig"),
    Library("libfreetype.so.6", "window", "libfreetype6", "freetype", "freetype2"),
    Library("libbrotlidec.so.1", "window", "libbrotli1", "libbrotli", "brotli"),
    # Qt on a real X display; without these the process would abort instead of saying why
    Library("libX11-xcb.so.1", "window", "libx11-xcb1", "libX11-xcb", "libx11"),
    Library("libxcb-cursor.so.0", "window", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor"),
    Library("libxcb-icccm.so.4", "window", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm"),
    Library("libxcb-image.so.0", "window", "libxcb-image0", "xcb-util-image", "xcb-util-image"),
    Library(
        "libxcb-keysyms.so.1", "window", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms"
    ),
    Library("libxcb-randr.so.0", "window", "libxcb-randr0", "libxcb", "libxcb"),
    Library(
        "libxcb-render-util.so.0",
        "window",
        "libxcb-render-util0",
        "xcb-util-renderutil",
        "xcb-util-renderutil",
    ),
    Library("libxcb-shape.so.0", "window", "libxcb-shape0", "libxcb", "libxcb"),
    Library("libxcb-xkb.so.1", "window", "libxcb-xkb1", "libxcb", "libxcb"),
    Library("libxkbcommon-x11.so.0", "window", "libxkbcommon-x11-0", "libxkbcommon-x11",
            "libxkbcommon-x11"),
)  # fmt: skip

_MANAGERS = {"apt-get": "apt", "dnf": "dnf", "pacman": "pacman"}
_INSTALL = {
    "apt": "apt-get install -y --no-install-recommends",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --needed --noconfirm",
}
_PIP = {
    "apt": "python3-venv (or python3-pip): apt-get install python3-venv",
    "dnf": "python3-pip: dnf install python3-pip",
    "pacman": "python-pip: pacman -S python-pip",
}
_REFRESH = {"apt": "apt-get update", "dnf": "dnf makecache", "pacman": "pacman -Sy"}


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def missing(
    *purposes: str, loads: Callable[[str], bool] = _loads, platform: str = sys.platform
) -> tuple[Library, ...]:
    """Find the libraries that this system lacks.

    Parameters
    ----------
    *purposes : str
        ``"sound"``, ``"window"``; none means both.
    loads : callable
        Tells whether a library of that name can be loaded.
    platform : str
        As :data:`sys.platform`; nothing is ever missing except on Linux.

    Returns
    -------
    tuple of Library
        In the order of :data:`LIBRARIES`.
    """
    if not platform.startswith("linux"):
        return ()
    wanted = purposes or ("sound", "window")
    return tuple(
        library for library in LIBRARIES if library.purpose in wanted and not loads(library.soname)
    )


def package_manager(*, which: Callable[[str], str | None] = shutil.which) -> str | None:
    """Name the system's package manager: ``"apt"``, ``"dnf"``, ``"pacman"``, or None."""
    for command, name in _MANAGERS.items():
        if which(command):
            return name
    return None


def package_of_pip() -> str:
    """Say which package brings Python's ``venv`` or pip on this system, and how to get it."""
    return _PIP.get(package_manager() or "", "pip for it, from where this Python came")


def packages(libraries: Sequence[Library], manager: str) -> list[str]:
    """Name the packages that hold these libraries, each once, in order."""
    return list(dict.fromkeys(str(getattr(library, manager)) for library in libraries))


def install_commands(
    libraries: Sequence[Library], manager: str, *, sudo: bool = False
) -> tuple[list[str], list[str]]:
    """Build the command that installs libraries, and the one that refreshes the package lists.

    Parameters
    ----------
    libraries : sequence of Library
        What is missing.
    manager : str
        As :func:`package_manager` names it.
    sudo : bool
        Whether another user has to be asked for the right to install.

    Returns
    -------
    install, refresh : list of str
        Argument lists. ``refresh`` is for a second try, where the lists are old or empty.
    """
    # apt must not ask questions where nobody sits; sudo drops the environment, hence env(1)
    front = (["sudo"] if sudo else []) + ["env", "DEBIAN_FRONTEND=noninteractive"]
    install = [*front, *_INSTALL[manager].split(), *packages(libraries, manager)]
    return install, [*front, *_REFRESH[manager].split()]


def install(libraries: Sequence[Library], manager: str, *, sudo: bool, log: IO[str]) -> str:
    """Install the packages that hold these libraries.

    Parameters
    ----------
    libraries, manager, sudo
        As for :func:`install_commands`.
    log : file
        Takes everything that the package manager says; needs a file descriptor.

    Returns
    -------
    str
        Empty, or the sentence that says what went wrong.
    """
    order, refresh = install_commands(libraries, manager, sudo=sudo)
    # a fresh machine's package lists are empty, so a first failure is answered by fetching them
    for command in (order, refresh, order):
        log.flush()
        try:
            done = subprocess.run(command, stdout=log, stderr=log, check=False)
        except OSError as error:
            return f"{command[0]} cannot be run ({error.strerror})."
        if command is order and done.returncode == 0:
            return ""
    return f"{manager} could not install {' '.join(packages(libraries, manager))}."


def sentence(libraries: Sequence[Library], manager: str | None) -> str:
    """Say in one line what does not work without these libraries, and how to get them.

    Parameters
    ----------
    libraries : sequence of Library
        Missing libraries of one purpose; at least one.
    manager : str or None
        As :func:`package_manager` names it.
    """
    without = {
        "sound": "No sound, music plays to a silent clock: PortAudio is missing",
        "window": "No window, the session runs in the terminal: Qt needs libraries of the system",
    }[libraries[0].purpose]
    if manager is None:
        names = ", ".join(library.soname for library in libraries)
        return f"{without}; install the packages that hold {names}."
    sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    command = _INSTALL[manager].replace(" -y --no-install-recommends", "").replace(" -y", "")
    command = command.replace(" --needed --noconfirm", "")
    return f"{without}; get it with: {sudo}{command} {' '.join(packages(libraries, manager))}"


def provide(
    *, tried: bool, allowed: bool, fresh: bool, log_path: str, say: Callable[[str], None]
) -> tuple[list[str], bool]:
    """Install what is missing where that is allowed, and say what is missing after it.

    Parameters
    ----------
    tried : bool
        Whether root has once tried to install; it needs no leave, but tries once only.
    allowed : bool
        Whether sudo may be used.
    fresh : bool
        Whether Attune has just been installed; then missing Qt is told of without a display too.
    log_path : str
        File to which all that the package manager says is added.
    say : callable
        Takes each sentence.

    Returns
    -------
    missing : list of str
        The names of the libraries that are not there now.
    tried : bool
        As it is now.
    """
    lacking, manager = missing(), package_manager()
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if lacking and manager and (allowed or (root and not tried)):
        tried = True
        say(f"installing system packages: {' '.join(packages(lacking, manager))}")
        with open(log_path, "a", encoding="utf-8") as log:
            problem = install(lacking, manager, sudo=not root, log=log)
        if problem:
            say(f"{problem} {log_path} says why.")
        lacking = missing()
    shown = fresh or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    for purpose in ("sound", "window"):
        part = [library for library in lacking if library.purpose == purpose]
        if part and (purpose == "sound" or shown):
            say(sentence(part, manager))
    return [library.soname for library in lacking], tried
