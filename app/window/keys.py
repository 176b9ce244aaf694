"""The one table of keys: help sheet, tooltips, key handling and tests all read it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

_CONTROL = Qt.KeyboardModifier.ControlModifier
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_MODIFIERS = _CONTROL | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
STOP_WITHIN_S = 1.5  # two presses of Esc stop the session if they are no further apart


@dataclass(frozen=True)
class Shortcut:
    """A key and what it does.

    Attributes
    ----------
    action : str
        Name of the action, the same for help, tooltip and handler.
    shown : str
        The key as it is written on screen.
    what : str
        What it does, as one phrase.
    keys : tuple of Qt.Key
        Any of them triggers it.
    control : bool
        Whether Ctrl has to be held.
    shift : bool or None
        Whether Shift has to be held; None where some keyboards need it for the sign itself.
    everywhere : bool
        Whether it also works while a dialog is open.
    """

    action: str
    shown: str
    what: str
    keys: tuple[Qt.Key, ...]
    control: bool = False
    shift: bool | None = None
    everywhere: bool = False


_DIGITS = tuple(Qt.Key(Qt.Key.Key_1 + i) for i in range(9))
SHORTCUTS = (
    Shortcut(
        "stop_twice",
        "Esc Esc",
        "Stop the session: music and low-frequency layer fade out together at once",
        (Qt.Key.Key_Escape,),
        everywhere=True,
    ),
    Shortcut("stop", "Ctrl+.", "Stop the session", (Qt.Key.Key_Period,), True, everywhere=True),
    Shortcut("pause", "Space", "Pause or resume the music", (Qt.Key.Key_Space,)),
    Shortcut("next", "N", "Next track; says nothing of this one", (Qt.Key.Key_N,), shift=False),
    Shortcut(
        "skip",
        "Shift+N",
        "Next track because the client wants it; this one counts as enjoyed little",
        (Qt.Key.Key_N,),
        shift=True,
    ),
    Shortcut(
        "undo",
        "U",
        "Take back the last automatic change of track or the last rating, whichever was later",
        (Qt.Key.Key_U,),
    ),
    Shortcut("hold", "H", "Hold the automation, or let it go on", (Qt.Key.Key_H,)),
    Shortcut(
        "layer_off",
        "L",
        "Low-frequency layer off for this session, or allowed again",
        (Qt.Key.Key_L,),
    ),
    Shortcut("mark", "M", "Mark this moment", (Qt.Key.Key_M,)),
    Shortcut("rate", "1 … 9", "The client's rating, 1 not at all to 9 very much", _DIGITS),
    Shortcut("distress", "A", "An observer sees distress in the client", (Qt.Key.Key_A,)),
    Shortcut("neutral", "S", "An observer sees a neutral face", (Qt.Key.Key_S,)),
    Shortcut("pleasure", "D", "An observer sees pleasure", (Qt.Key.Key_D,)),
    Shortcut("theme", "Ctrl+T", "Change between dark and light", (Qt.Key.Key_T,), True),
    Shortcut("larger", "Ctrl+plus", "Larger text", (Qt.Key.Key_Plus, Qt.Key.Key_Equal), True),
    Shortcut("smaller", "Ctrl+minus", "Smaller text", (Qt.Key.Key_Minus,), True),
    Shortcut(
        "usual_size", "Ctrl+0", "The size of text that fits the screen", (Qt.Key.Key_0,), True
    ),
    Shortcut("full_screen", "F11", "Full screen and back", (Qt.Key.Key_F11,)),
    Shortcut("help", "F1", "This sheet", (Qt.Key.Key_F1, Qt.Key.Key_Question)),
)
BY_ACTION = {shortcut.action: shortcut for shortcut in SHORTCUTS}


def find(event: QKeyEvent, *, everywhere: bool) -> Shortcut | None:
    """Return the shortcut of a key press, of those that work everywhere or of the others."""
    held = event.modifiers()
    if held & _MODIFIERS & ~_CONTROL:
        return None
    control, shift = bool(held & _CONTROL), bool(held & _SHIFT)
    for shortcut in SHORTCUTS:
        fits = shortcut.control is control and shortcut.shift in (None, shift)
        if fits and shortcut.everywhere is everywhere and event.key() in shortcut.keys:
            return shortcut
    return None


def tip(action: str, text: str = "") -> str:
    """Return the tooltip of a control: what it does, and its key."""
    shortcut = BY_ACTION[action]
    return f"{text or shortcut.what} ({shortcut.shown})"
