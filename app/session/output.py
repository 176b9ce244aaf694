"""Where the sound goes, as the loop is told: to which output, to nobody, with a wire or without."""

from __future__ import annotations

from collections.abc import Iterator

from app.loop.ticks import LoopEvent
from app.player.contract import PlayerStatus


class SoundOutput:
    """Where the sound goes, as it was told last.

    Parameters
    ----------
    simulated : bool
        Whether our simulated listener listens, who also hears what goes out to nobody.
    """

    def __init__(self, *, simulated: bool) -> None:
        self._simulated = simulated
        self._name: str | None = None
        self._known = ""  # the last that was heard
        self._wireless = False

    def news(self, status: PlayerStatus) -> Iterator[tuple[LoopEvent, str]]:
        """Yield what is new to the loop, and what is to be said of it, or an empty text."""
        name = "" if status.is_null and not self._simulated else status.output
        if name != self._name:
            self._name, said = name, ""
            if name and self._known not in ("", name):
                said = (
                    f"The sound goes to {name} now, and not to {self._known} any more: the delay "
                    "of the answer to it is found anew."
                )
            self._known = name or self._known
            yield LoopEvent("output", name), said
        if status.wireless != self._wireless:
            self._wireless = status.wireless
            yield LoopEvent("wireless", status.wireless), ""
