"""What no tick may ever say: watched in every test, in a replay, and beside a live session."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from app.loop.ticks import TickResult
from dsp.enjoyment import Enjoyment
from dsp.tracking.absence import POWER
from dsp.tracking.scores import CANNOT_TELL, NOT_FOLLOWING, Tracking

_ROUNDING = 1e-6  # estimates are rounded to it
#: A file may declare its length wrongly by a little: seconds, and share of it.
_LONGER, _LONGER_SHARE = 2.0, 0.02
_CANNOT = "A number that cannot be came out of the estimate."


def violations(result: TickResult, before: TickResult | None) -> tuple[str, ...]:
    """Sentences about everything in `result` that cannot be, in a fixed order; empty if all can.

    Parameters
    ----------
    result : TickResult
    before : TickResult or None
        The one of the tick before, None at the first.
    """
    return (
        *_of_time(result, before),
        *_of_enjoyment("enjoyment", result.enjoyment),
        *_of_enjoyment("enjoyment without EEG", result.twin),
        *(_of_tracking(result.tracking) if result.tracking is not None else ()),
        *_of_share("weight of the EEG", result.eeg_weight),
        *_of_position(result),
        *_of_decision(result),
    )


def soundly(result: TickResult) -> TickResult:
    """Return `result` as it may be shown: numbers that cannot be are "cannot tell"."""
    enjoyment, twin, tracking = result.enjoyment, result.twin, result.tracking
    if any(_of_enjoyment("", enjoyment)):
        enjoyment = _unknown(enjoyment)
    if any(_of_enjoyment("", twin)):
        twin = _unknown(twin)
    if tracking is not None and any(_of_tracking(tracking)):
        nan = math.nan
        tracking = replace(
            tracking,
            state=CANNOT_TELL,
            r=nan,
            r_null95=nan,
            r_low=nan,
            r_high=nan,
            p=1.0,
            usable=False,
            reasons=(_CANNOT,),
            power=nan,
            residual=nan,
            residual_low=nan,
            residual_high=nan,
            residual_reason=_CANNOT,
        )
    weight = 0.0 if any(_of_share("", result.eeg_weight)) else result.eeg_weight
    position = 0.0 if any(_of_position(result)) else result.position
    return replace(
        result,
        enjoyment=enjoyment,
        twin=twin,
        tracking=tracking,
        eeg_weight=weight,
        position=position,
    )


def _unknown(one: Enjoyment) -> Enjoyment:
    nan = math.nan
    return replace(one, mean=nan, sd=nan, p_low=nan, usable=False, reasons=(_CANNOT,))


def _of_time(result: TickResult, before: TickResult | None) -> Iterator[str]:
    now = result.now
    if not math.isfinite(now):
        yield f"The tick is at {now}; expected a second of the clock."
    if before is not None and not now > before.now:
        yield f"Time went from {before.now} to {now}; expected it to go forward."
    for what, until in (("EEG", result.eeg_until), ("sound", result.heard_until)):
        if until is not None and not until <= now:
            yield f"The tick at {now} took {what} of {until}; expected nothing of its own future."


def _of_share(what: str, value: float) -> Iterator[str]:
    if not 0.0 <= value <= 1.0:
        yield f"{what} is {value}; expected a number from 0 to 1."


def _of_enjoyment(what: str, one: Enjoyment) -> Iterator[str]:
    if not (math.isfinite(one.mean) and math.isfinite(one.sd) and one.sd >= 0.0):
        yield f"{what} is {one.mean} with sd {one.sd}; expected finite numbers, the sd not below 0."
    yield from _of_share(f"probability that {what} is low", one.p_low)
    if not one.age_s >= 0.0:
        yield f"EEG of {what} is {one.age_s} s old; expected 0 or more."


def _of_tracking(one: Tracking) -> Iterator[str]:
    if not (math.isnan(one.r) or abs(one.r) <= 1.0 + _ROUNDING):
        yield f"r is {one.r}; expected a number from -1 to 1."
    if not math.isnan(one.r_null95):
        yield from _of_share("chance level", one.r_null95)
    yield from _of_share("p", one.p)
    if one.state == NOT_FOLLOWING and not one.power >= POWER:
        yield f"not following is said with a power of {one.power}; expected {POWER} at least."
    elif not math.isnan(one.power):
        yield from _of_share("power", one.power)
    yield from _of_interval("r", one.r_low, one.r, one.r_high)
    yield from _of_interval("residual", one.residual_low, one.residual, one.residual_high)


def _of_interval(what: str, low: float, middle: float, high: float) -> Iterator[str]:
    known = [x for x in (low, middle, high) if not math.isnan(x)]
    if any(b < a - _ROUNDING for a, b in pairwise(known)):
        yield f"{what} is {middle} with the interval {low} to {high}; expected these in order."


def _of_position(result: TickResult) -> Iterator[str]:
    longest = result.duration + max(_LONGER, _LONGER_SHARE * result.duration)
    if not 0.0 <= result.position <= longest:
        yield (
            f"The track is heard at {result.position} s; expected 0 to its end at "
            f"{result.duration} s."
        )


def _of_decision(result: TickResult) -> Iterator[str]:
    decision, coming = result.decision, result.coming
    if coming is not None and not coming.play > result.play:
        yield f"Play {coming.play} is to come, and {result.play} is heard already."
    if decision is None:
        return
    yield from _of_share("probability of the decision", decision.propensity)
    for _, share in decision.alternatives:
        yield from _of_share("probability of an alternative", share)
    if decision.cause == "eeg" and result.gate:
        yield f"The EEG decided {decision.kind}, and the screen says: {result.gate}"
