"""Where the program keeps what is not given a place: session folders, caches, settings.

The folders are those of the system (`platformdirs`); nothing is made here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dsp.checks import InputError


def sessions_folder() -> Path:
    """Folder in which session folders are made unless another one is asked for.

    Raises
    ------
    InputError
        If this user has no home folder.
    """
    import platformdirs  # late: the help texts need none of it

    return _own(platformdirs.user_data_path) / "sessions"


def clients_folder() -> Path:
    """Folder of the encrypted store of clients.

    Raises
    ------
    InputError
        If this user has no home folder.
    """
    import platformdirs

    return _own(platformdirs.user_data_path) / "clients"


def tracks_cache() -> Path:
    """Folder of cached measurements of tracks; it may be deleted at any time.

    Raises
    ------
    InputError
        If this user has no home folder.
    """
    import platformdirs

    return _own(platformdirs.user_cache_path) / "tracks"


def songbook_cache() -> Path:
    """Folder of the music that simulated listeners live with; it may be deleted at any time.

    Raises
    ------
    InputError
        If this user has no home folder.
    """
    import platformdirs

    return _own(platformdirs.user_cache_path) / "songbook"


def settings_folder() -> Path:
    """Folder of what the program remembers of its own look.

    Raises
    ------
    InputError
        If this user has no home folder.
    """
    import platformdirs

    return _own(platformdirs.user_config_path)


def _own(kind: Callable[..., Path]) -> Path:
    try:
        folder = kind("attune", appauthor=False)
    except RuntimeError:  # of newer platformdirs; older ones give "~" back as it stands
        folder = Path("~")
    if not folder.is_absolute():
        raise InputError(
            "There is no home folder to keep sessions and caches in: HOME is not set, and the "
            "system does not know this user; set HOME to a folder that may be written to."
        )
    return folder
