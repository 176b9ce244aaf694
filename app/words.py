"""Numbers as people read and give them: the same on screen, in the terminal and in the report."""

from __future__ import annotations

import math

from devices.sources.source import RATE_SHOWN

NOT_KNOWN = "–"  #: stands where there is no number


def clock(seconds: float) -> str:
    """Return a time as ``m:ss``, or ``h:mm:ss`` from an hour on; ``–`` where it is not known.

    Parts of a second are dropped, as on a clock, and nothing is before zero.

    Examples
    --------
    >>> clock(64.9), clock(3723.0), clock(math.nan)
    ('1:04', '1:02:03', '–')
    """
    if not math.isfinite(seconds):
        return NOT_KNOWN
    minutes, rest = divmod(max(0, math.floor(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(share: float) -> str:
    """Return a share 0..1 as ``62 %``; ``–`` where it is not known.

    Examples
    --------
    >>> percent(0.625), percent(math.nan)
    ('62 %', '–')
    """
    return f"{100 * share:.0f} %" if math.isfinite(share) else NOT_KNOWN


def counted(n: int, one: str, many: str = "") -> str:
    """Return how many there are of something: ``many`` is `one` with an s unless it is given.

    Examples
    --------
    >>> counted(1, "session"), counted(0, "session"), counted(2, "entry", "entries")
    ('1 session', '0 sessions', '2 entries')
    """
    return f"{n} {one if n == 1 else many or one + 's'}"


def rates(stated: float, measured: float) -> str:
    """Return a sampling rate; both where the measured one is another by more than 0.5 %.

    Examples
    --------
    >>> rates(250.0, 250.4), rates(128.0, 256.02), rates(250.0, math.nan)
    ('250 Hz', '128 Hz stated, 256.0 Hz measured', '250 Hz')
    """
    if not math.isfinite(stated) or stated <= 0.0:
        return NOT_KNOWN
    if measured > 0.0 and abs(measured / stated - 1.0) > RATE_SHOWN:
        return f"{stated:g} Hz stated, {measured:.1f} Hz measured"
    return f"{stated:g} Hz"


def of_100(value: float, sd: float = math.nan) -> str:
    """Return 0..1 on the scale to 100, with its standard deviation where that is known.

    Everywhere in the program ``±`` stands before one standard deviation.

    Examples
    --------
    >>> of_100(0.554), of_100(0.55, 0.2), of_100(math.nan, 0.2)
    ('55', '55 ± 20', '–')
    """
    if not math.isfinite(value):
        return NOT_KNOWN
    return f"{100 * value:.0f} ± {100 * sd:.0f}" if math.isfinite(sd) else f"{100 * value:.0f}"


def rating_share(given: float) -> float:
    """Return a rating 1..9, as it is given, as 0..1, as it is reckoned with.

    Examples
    --------
    >>> rating_share(7)
    0.75
    """
    return (given - 1) / 8


def rating_given(share: float) -> int:
    """Return a rating 0..1 as it was given, 1..9; the nearest.

    Examples
    --------
    >>> rating_given(0.75)
    7
    """
    return 1 + round(8 * share)
