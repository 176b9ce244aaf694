"""Whether the answer comes as late as the decoder expects, and whether that moves.

The *stored* decoder alone, which learns nothing in the session, rebuilds the sound too late where
the answer comes later; from nothing, the session's own does. Where both clocks run apart the
delay moves on a straight line. What is found of it the lags of the decoder follow, so that a clock
that drifts costs little.
"""

from __future__ import annotations

import math

import numpy as np

from dsp.tracking.delays import Delays, Search

#: Delays within 0.3 s, clocks wrong by up to 600 millionths; half forgotten in two minutes. From
#: one session to the next a delay moves by 10 to 20 ms, with other headphones by tens; clocks run
#: apart by some 50 millionths.
STEADY = Search(
    memory=200.0,
    near=0.3,
    drifts=np.linspace(-6e-4, 6e-4, 13),
    chance=4.0,
    layer=False,
    usual=(0.03, 5e-5),
)
_MIN_BLOCKS = 12  # a minute
_CHANGED, _CERTAIN = 0.010, 2.0  # s; standard errors
_DRIFTS, _FAST = 2.5, 3.0  # standard errors from which a drift is one; ms a minute that cost r
_GONE = 2.0  # standard errors by which the newest minute may have less than what is older
_LIKELIER = math.log(5.0)  # log odds by which another place must be likelier than that of the lags


class Delay:
    """By how much the answer comes later than the decoder expects.

    Parameters
    ----------
    delays : Delays
        Of the stored decoder alone, or of the session's own.
    stored : bool
        Whether of the former: from nothing there is no delay to compare with, only a drift.
    """

    def __init__(self, delays: Delays, *, stored: bool) -> None:
        self._delays = delays
        self._stored = stored
        self.shift = 0  #: grid points by which the lags are to be moved
        self.seconds = math.nan  #: later than at calibration, s
        self.sd = math.nan  #: standard error, s
        self.drift = math.nan  #: ms by which it comes later each minute
        self.drift_sd = math.nan  #: standard error, ms a minute

    def look(self, second: int) -> str:
        """Say if the delay has changed, from all that was taken in before."""
        known = self._delays.n_blocks >= _MIN_BLOCKS and not self._delays.layer
        best = self._delays.best(STEADY) if known else None
        unsure = best is None or best.z < STEADY.chance or not math.isfinite(best.drift_sd)
        if best is None or unsure or best.fallen > _GONE:
            self.seconds = self.sd = self.drift = self.drift_sd = math.nan
            return ""
        moves = abs(best.drift) >= _DRIFTS * best.drift_sd
        delay, sd = (best.delay, best.delay_sd) if moves else (best.middle, best.middle_sd)
        likeliest = max(best.places, key=best.places.__getitem__)
        if best.places[likeliest] - best.places.get(self.shift, -math.inf) >= _LIKELIER:
            self.shift = likeliest
        self.drift, self.drift_sd = 60e3 * best.drift, 60e3 * best.drift_sd
        if self._stored:
            self.seconds, self.sd = delay, sd
        if moves and abs(self.drift) >= _FAST:
            side = "later" if self.drift > 0.0 else "sooner"
            return f"The answer comes {side} by {abs(self.drift):.0f} ms a minute: a clock drifts."
        return self._warning()

    def _warning(self) -> str:
        """A sentence if the delay has changed for certain."""
        if not abs(self.seconds) >= max(_CHANGED, _CERTAIN * self.sd):
            return ""
        side = "later" if self.seconds > 0.0 else "sooner"
        return (
            f"The answer comes {1000.0 * abs(self.seconds):.0f} ms {side} than at calibration: "
            "use its headphones."
        )
