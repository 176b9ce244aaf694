"""How long something has given no new sign of life, in time that we ourselves were running."""

from __future__ import annotations

from dsp.checks import check_number

_STEP = 0.25  # s; longest time between two looks that counts as watched


class Watchdog:
    """Counts the seconds in which a sign of life stood still.

    A process that was not run for a while (a busy machine, a suspended computer) finds old signs
    when it goes on, because whoever gives them was not run either; hence at most `step` seconds
    count between two looks.

    Parameters
    ----------
    step : float
        Seconds; well above the usual time between two looks.
    """

    def __init__(self, *, step: float = _STEP) -> None:
        self._step = check_number("step of a watchdog", step, low=1e-3, unit="s")
        self._sign: float | None = None
        self._at = 0.0
        self._silent = 0.0

    def silent(self, sign: float, at: float) -> float:
        """Take the newest sign of life, any number that changes; return s without a change.

        Parameters
        ----------
        sign : float
            Say a time or a counter.
        at : float
            Our clock, s.
        """
        if sign != self._sign:
            self._sign, self._silent = sign, 0.0
        else:
            self._silent += min(max(at - self._at, 0.0), self._step)
        self._at = at
        return self._silent
