"""The root of every Attune exception, and the checks whose messages name value, allowance and cure.

A message is one sentence (two at most) a therapist can act on: what was given, what was
expected, what to do. The command line prints it and exits with status 2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

LONGEST_TITLE, LONGEST_SENTENCE = 120, 600  # characters; no screen has room for more

#: What would move a terminal's cursor, colour it, or let text run the other way: C0 and C1
#: controls, the bidirectional controls, separators of lines, halves of characters.
UNSHOWN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
_HALVES = re.compile("[\ud800-\udfff]")


def foreign_text(text: str, *, longest: int = LONGEST_TITLE) -> str:
    r"""Return text of others (a title, a label, a file's name) as text that can be shown.

    Characters that would do something instead of being read become one space each, bytes that
    were no UTF-8 the mark for that, and what is longer than `longest` characters is cut.

    Examples
    --------
    >>> foreign_text("Slow\x1b[2J River")
    'Slow [2J River'
    >>> foreign_text("a" * 9, longest=4)
    'aaa…'
    """
    shown = " ".join(without_controls(text).split())
    return shown if len(shown) <= longest else shown[: longest - 1].rstrip() + "…"


def foreign_sentence(text: str) -> str:
    """Return a sentence of ours about something foreign, as text that can be shown.

    What is too long is cut in the middle, where names stand: the cure is at the end.

    Examples
    --------
    >>> cut = foreign_sentence("x" * 4000 + " cannot be read; check the name.")
    >>> len(cut), cut[-32:]
    (600, ' cannot be read; check the name.')
    """
    shown = foreign_text(text, longest=max(len(text), 1))
    half = LONGEST_SENTENCE // 2
    return shown if len(shown) <= LONGEST_SENTENCE else f"{shown[:half]}…{shown[1 - half :]}"


def without_controls(line: str) -> str:
    """Return a line whose characters do nothing but be read, whoever wrote it.

    Examples
    --------
    >>> without_controls("0:01  Slow\N{RIGHT-TO-LEFT OVERRIDE} River")
    '0:01  Slow  River'
    """
    return _HALVES.sub("\ufffd", UNSHOWN.sub(" ", line))


class AttuneError(Exception):
    """Root of all errors that Attune raises on purpose; its text is meant for people."""

    def __str__(self) -> str:
        """Return the sentence; names in it may be foreign."""
        return foreign_sentence(super().__str__())


class InputError(AttuneError, ValueError):
    """A value, file or setting from outside that cannot be used."""


class DeviceError(AttuneError):
    """A headset, stream or sound device that cannot be had, or went away."""


class RecordError(AttuneError):
    """A session folder that cannot be written or read."""


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    unit: str = "",
) -> float:
    """Return `value` as a float within [`low`, `high`].

    Raises
    ------
    InputError
        If `value` is not a finite number in the range.

    Examples
    --------
    >>> check_number("minutes", "24", low=0.05, high=1440)
    24.0
    >>> check_number("minutes", "all day", low=0.05, high=1440, unit="min")
    Traceback (most recent call last):
        ...
    dsp.checks.InputError: minutes is 'all day'; expected a number from 0.05 to 1440 min.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and low <= number <= high):
        raise InputError(
            f"{name} is {value!r}; expected a number from {low:g} to {high:g} {unit}".rstrip() + "."
        )
    return number


def check_option(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`; otherwise an `InputError` that lists them.

    Examples
    --------
    >>> check_option("listener", "loud", ("clear", "silent"))
    Traceback (most recent call last):
        ...
    dsp.checks.InputError: listener is 'loud'; expected one of: clear, silent.
    """
    names = list(allowed)
    if value not in names:
        raise InputError(f"{name} is {value!r}; expected one of: {', '.join(names)}.")
    return str(value)


def check_channels(name: str, array: npt.ArrayLike, n_channels: int) -> npt.NDArray[np.float32]:
    """Return `array` as float32 [shape=(n_samples, n_channels)]; otherwise an `InputError`.

    Examples
    --------
    >>> check_channels("EEG", np.zeros((250, 4)), 4).dtype
    dtype('float32')
    """
    out = np.asarray(array, dtype=np.float32)
    if out.ndim != 2 or out.shape[1] != n_channels:
        raise InputError(f"{name} has shape {out.shape}; expected (n_samples, {n_channels}).")
    return out
