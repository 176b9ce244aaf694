"""What leaks from a headphone without a wire comes as late as a brain answers.

Its own latency of 0.1 to 0.3 s is unknown and changes; `bleed` tells a leak by its delay alone,
and so would let it pass for an answer.
"""

from __future__ import annotations

import math

from dsp.tracking.evidence import BLOCK
from dsp.tracking.scores import WINDOW

_LASTS = WINDOW + BLOCK  # s: so long a score holds what was heard until it was told of

WIRELESS = "Wireless headphones leak as late as a brain answers: use a wire."


class Wireless:
    """The sound goes out without a wire.

    Examples
    --------
    >>> doubt = Wireless()
    >>> doubt.look(5)
    ''
    >>> doubt.on = True
    >>> doubt.look(10) == WIRELESS
    True
    """

    def __init__(self) -> None:
        self.on = False  #: what is known of the output now
        self._until = -math.inf  # second of the clock

    def look(self, second: int) -> str:
        """Say so while it does, and while the window of scores still holds such sound."""
        if self.on:
            self._until = second + _LASTS
        return WIRELESS if second < self._until else ""
