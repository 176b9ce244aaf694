"""The root of every Attune exception, and the checks whose messages name value, allowance and cure.

A message is one sentence (two at most) a therapist can act on: what was given, what was
expected, what to do. The command line prints it and exits with status 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt


class AttuneError(Exception):
    """Root of all errors that Attune raises on purpose; its text is meant for people."""


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
    """Return `value` if it is one of `allowed`; otherwise an `InputError` that lists them."""
    names = list(allowed)
    if value not in names:
        raise InputError(f"{name} is {value!r}; expected one of: {', '.join(names)}.")
    return str(value)


def check_channels(name: str, array: npt.ArrayLike, n_channels: int) -> npt.NDArray[np.float32]:
    """Return `array` as float32 [shape=(n_samples, n_channels)]; otherwise an `InputError`."""
    out = np.asarray(array, dtype=np.float32)
    if out.ndim != 2 or out.shape[1] != n_channels:
        raise InputError(f"{name} has shape {out.shape}; expected (n_samples, {n_channels}).")
    return out
