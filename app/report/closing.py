"""Did the loop close? One rule for a session that is recorded and for one that is simulated.

It closed if, because of the EEG and in this order, the low layer came in, the track was changed,
and on the track that came by that change the estimate rose: over what was expected of it, so that
a better guess cannot stand in for it, and over the twin without EEG, so that a rating cannot
either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

RISE_MARGIN = 0.05  #: an estimate this far above what was expected of the track counts as a rise
RISE_TICKS = 2  #: ... if it stays there for as many ticks
STEPS = ("layer_on", "change_track")  #: kinds of decisions that are steps of it


class Moment(NamedTuple):
    """One tick: what was heard, what was believed of it, what was done because of the EEG.

    `t` in seconds, `play` the n-th track started, `mean`, `twin` and `prior` enjoyment 0..1 (NaN
    where not known), `act` the kind of the decision if its cause is the EEG, else empty.
    """

    t: float
    play: int
    mean: float
    twin: float
    prior: float
    act: str = ""


@dataclass(frozen=True)
class Closing:
    """Whether the loop closed because of EEG: layer in, track changed, estimate risen.

    Attributes
    ----------
    layer_on, change, rise : float or None
        When; None if it did not happen. `rise`: first second at which the estimate stood more
        than `RISE_MARGIN` above what was expected of the new track before it began, and above the
        twin, and stayed there.
    prior, mean, twin : float
        Expected of the new track; the estimate at the rise; the twin without EEG then (NaN if
        not known).
    """

    layer_on: float | None = None
    change: float | None = None
    rise: float | None = None
    prior: float = math.nan
    mean: float = math.nan
    twin: float = math.nan

    @property
    def n_steps(self) -> int:
        """How many of the three happened."""
        return sum(t is not None for t in (self.layer_on, self.change, self.rise))

    @property
    def closed(self) -> bool:
        """True if all three happened."""
        return self.n_steps == 3


def loop_closing(moments: Iterable[Moment]) -> Closing:
    """Find out whether the loop closed.

    Every change because of the EEG is looked at with the latest layer before it (after an earlier
    such change) and the track that came by it, to the end of that track; a third track cannot
    stand in for it. The first that has all three steps is told, else the first that came furthest.

    Parameters
    ----------
    moments : iterable of Moment
        Every tick of the session, in order.

    Returns
    -------
    Closing
    """
    changes: list[Closing] = []
    layer_on: float | None = None
    old = new = -1  # the play that the latest change left, and the one that came by it
    high: list[Moment] = []
    for moment in moments:
        if changes and moment.play not in (old, -1):
            if new == old:
                new, changes[-1] = moment.play, replace(changes[-1], prior=moment.prior)
            if moment.play == new and changes[-1].rise is None:
                rises = moment.mean > moment.prior + RISE_MARGIN and not moment.mean <= moment.twin
                high = [*high, moment] if rises else []
                if len(high) == RISE_TICKS:
                    first = high[0]
                    changes[-1] = replace(
                        changes[-1], rise=first.t, mean=first.mean, twin=first.twin
                    )
        if moment.act == "layer_on":
            layer_on = moment.t
        elif moment.act == "change_track":
            changes.append(Closing(layer_on, moment.t))
            layer_on, old, new, high = None, moment.play, moment.play, []
    return max(changes, key=lambda one: one.n_steps, default=Closing(layer_on))
