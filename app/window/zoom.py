"""How large everything is drawn: as the screen asks for, or as somebody chose; that is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

from app.window.theme import TEXT_PX

STEPS = (TEXT_PX, 15, 17, 20, 23, 26, 32, 39)  # px of a text
_WIDTH, _HEIGHT = 1920, 1080  # px of a screen on which the design is drawn as it is


def usual_text_px(width: int, height: int) -> int:
    """Return the size of text for a screen of `width` by `height` pixels that does not scale."""
    share = min(width / _WIDTH, height / _HEIGHT)
    return max((step for step in STEPS if step <= share * TEXT_PX), default=TEXT_PX)


class Zoom:
    """The size of text in force.

    Parameters
    ----------
    usual : int
        Size where nobody chose one, px.
    kept : Path or None
        File that remembers what was chosen; None to remember nothing.

    Attributes
    ----------
    problem : str
        Why the choice could not be read or kept, one sentence, or empty.
    """

    def __init__(self, usual: int = TEXT_PX, kept: Path | None = None) -> None:
        self._usual, self._kept = usual, kept
        self.text_px, self.problem = usual, ""
        if kept is not None and kept.exists():
            try:
                chosen = json.loads(kept.read_text(encoding="utf-8"))["text_px"]
                if chosen not in STEPS:
                    raise ValueError(f"text_px is {chosen!r}, expected one of {STEPS}")
                self.text_px = chosen
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.problem = (
                    f"The size of text that was chosen could not be read from {kept}: {error}; "
                    "choose it again with Ctrl+plus."
                )

    def step(self, by: int) -> int:
        """Return the size `by` steps away."""
        at = min(range(len(STEPS)), key=lambda i: abs(STEPS[i] - self.text_px))
        return STEPS[min(max(at + by, 0), len(STEPS) - 1)]

    @property
    def usual(self) -> int:
        """Size where nobody chose one, px."""
        return self._usual

    def choose(self, text_px: int) -> None:
        """Draw at this size from now on, and remember it unless it is the usual one."""
        self.text_px, self.problem = text_px, ""
        if self._kept is None:
            return
        try:
            if text_px == self._usual:
                self._kept.unlink(missing_ok=True)
                return
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._kept.with_name(f"{self._kept.name}.{os.getpid()}")
            fresh.write_text(json.dumps({"text_px": text_px}), encoding="utf-8")
            os.replace(fresh, self._kept)
        except OSError as error:
            self.problem = (
                f"The size of text could not be kept in {self._kept}: {error}; "
                "it holds until the window is closed."
            )
