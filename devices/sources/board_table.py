"""BrainFlow's boards: how each is named, where its electrodes are, and how its packages count."""

from __future__ import annotations

import difflib
import re

from dsp.checks import InputError

SYNTHETIC = -1
PLAYBACK, STREAMING = -3, -2

_COMMON = ("cyton", "ganglion", "muse_2", "synthetic")

#: What people call boards that BrainFlow calls otherwise.
ALIASES = {
    "daisy": "cyton_daisy",
    "cyton_and_daisy": "cyton_daisy",
    "openbci_cyton": "cyton",
    "openbci_ganglion": "ganglion",
    "muse2": "muse_2",
    "muses": "muse_s",
    "notion": "notion_2",
    "neurosity_crown": "crown",
    "unicorn_hybrid_black": "unicorn",
}

#: Boards on OpenBCI's serial dongle, which answer what they are.
OPENBCI_SERIAL = {0: "cyton", 2: "cyton_daisy"}

_CYTON = ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2")
_DAISY = (*_CYTON, "F7", "F8", "F3", "F4", "T7", "T8", "P3", "P4")
#: Where the electrodes of boards with free leads are put unless somebody says otherwise: the
#: order of the OpenBCI GUI, which BrainFlow has too.
CUSTOMARY = {0: _CYTON, 2: _DAISY, 5: _CYTON, 6: _DAISY, 50: _CYTON, 56: _CYTON}
#: Headsets whose electrodes cannot be moved.
FIXED = frozenset({-1, 7, 8, 13, 14, 18, 21, 22, 23, 37, 38, 39, 40, 41, 42, 67})
#: Boards that are found by the name or serial number printed on them, not by a port.
BY_NAME = frozenset({7, 8, 13, 14, 23, 38, 39, 41, 44, 45, 46, 54, 55, 67})

#: What a headset is sent now and then, so that neither it nor the computer's Bluetooth takes the
#: link for idle (a Muse disconnects after 10 to 15 minutes on some systems). Others have no such
#: command: all that can be done for them is to open them again.
KEEP_ALIVE = dict.fromkeys((21, 22, 38, 39, 41, 42), "k")

#: Microvolts a count, where they are the same for every sample (gain 24 on the Cyton).
SCALES = {
    0: 4.5e6 / 24 / (2**23 - 1),
    2: 4.5e6 / 24 / (2**23 - 1),
    1: 1.2e6 / (2**23 - 1) / 1.5 / 51,
    46: 1.2e6 / (2**23 - 1) / 1.5 / 51,
    8: 4.5e6 / 50331642,
    **dict.fromkeys((21, 22, 38, 39, 41, 42), 125 / 256),
}

#: Package counter by board id: modulus, step, samples that share one value. Boards that are not
#: listed are judged by time alone (Ganglion: its modulus was never checked on hardware).
COUNTERS = {
    SYNTHETIC: (256, 1, 1),
    0: (256, 1, 1),  # Cyton
    5: (256, 1, 1),  # Cyton WiFi
    2: (256, 2, 1),  # Cyton and Daisy: even numbers
    21: (65536, 1, 12),  # Muse S, dongle
    22: (65536, 1, 12),  # Muse 2, dongle
    38: (65536, 1, 12),  # Muse 2
    39: (65536, 1, 12),  # Muse S
    41: (65536, 1, 12),  # Muse 2016
    42: (65536, 1, 12),  # Muse 2016, dongle
}

#: Boards whose rows are put together from two packets (`devices.sources.board_halves`).
HALVES = frozenset({2, 6})  # Cyton and Daisy, by dongle and by WiFi

#: Names of boards that BrainFlow calls as it calls another one.
NAMES = {46: "Ganglion Native"}

#: Boards that measure no EEG; none of them is what somebody meant.
NO_EEG = frozenset({10, 11, 16, 19, 24, 47, 68})


def board_word(name: str) -> str:
    """Spell a board's name as it is written in a source; an id stays what it is."""
    if re.fullmatch(r"-?[0-9]+", name.strip()):
        return name.strip()
    word = re.sub(r"[\s\-+_]+", "_", name.strip().lower()).strip("_")
    word = re.sub(r"_board$", "", word)
    return ALIASES.get(word, word)


def board_name(number: int) -> str:
    """Return how the board `number` is written in a source."""
    from brainflow.board_shim import BoardIds

    return board_word(BoardIds(number).name)


def plays_back(word: str) -> bool:
    """Whether it is the board that plays recordings; without loading BrainFlow."""
    return board_word(word).replace("_", "") in ("playbackfile", str(PLAYBACK))


def find_board(word: str) -> int:
    """Return the BrainFlow id of a board given by name or number.

    Raises
    ------
    InputError
        If there is no such board; names near ones.
    """
    from brainflow.board_shim import BoardIds

    boards = {board_word(b.name): int(b.value) for b in BoardIds if b.name != "NO_BOARD"}
    wanted = board_word(word)
    if re.fullmatch(r"-?[0-9]+", wanted):
        if int(wanted) in boards.values():
            return int(wanted)
        raise InputError(
            f"{wanted} is not the id of a BrainFlow board; expected a name such as cyton or "
            f"muse_2, or an id from {min(boards.values())} to {max(boards.values())}."
        )
    loose = {name.replace("_", ""): number for name, number in boards.items()}
    found = boards.get(wanted, loose.get(wanted.replace("_", "")))
    if found is not None:
        return found
    names = [name for name, number in boards.items() if number not in NO_EEG]
    near = difflib.get_close_matches(wanted, names, n=4, cutoff=0.5) or [*_COMMON]
    raise InputError(f"There is no BrainFlow board {word!r}; near names: {', '.join(near)}.")
