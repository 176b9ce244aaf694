"""JSON as session folders hold it: written in one way, exact and without NaN; read with care.

What is read may be cut, damaged, of another program or made to do harm: `get`, `number` and `whole`
take what is there and say where there is nothing.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from dsp.checks import UNSHOWN, InputError

DEEPEST = 50  #: lists and mappings in each other; ours come to six


def plain(value: Any, *, depth: int = 0) -> Any:
    """Return `value` as JSON has it: numpy and dataclasses unwrapped, NaN and infinity as null.

    JSON has no word for "not a number"; null says that there is none.

    Raises
    ------
    InputError
        For a value that has no JSON form, or is nested deeper than `DEEPEST`.
    """
    if depth > DEEPEST:
        raise InputError(
            f"lists are nested deeper than {DEEPEST}; nothing of ours is, leave it out."
        )
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(item, depth=depth + 1) for item in items]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist(), depth=depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name), depth=depth + 1) for field in fields}
    if isinstance(value, PurePath):
        return str(value)
    raise InputError(
        f"{value!r} of type {type(value).__name__} cannot be recorded; "
        "give numbers, text, lists or dictionaries."
    )


def encode(value: Any, *, indent: int | None = None) -> bytes:
    r"""UTF-8 JSON of `value`; floats are written so that they read back exactly.

    A half of a surrogate pair (a file name that is no text) is written as ``\udcXX``, and so is
    every character that a terminal would obey instead of showing it.
    """
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(
        plain(value), ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )
    text = UNSHOWN.sub(lambda found: _escaped(found.group()), text)
    return text.encode("utf-8", "backslashreplace")


def _escaped(character: str) -> str:
    return character if character == "\n" else f"\\u{ord(character):04x}"  # lines are our own


def get(event: Any, *path: str) -> Any:
    """Return what stands at `path` in nested mappings, or None."""
    for key in path:
        event = event.get(key) if isinstance(event, Mapping) else None
    return event


def number(event: Any, *path: str) -> float:
    """Return the number at `path`, or NaN."""
    value = get(event, *path)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.nan
    try:
        found = float(value)
    except OverflowError:  # JSON knows whole numbers of any length
        return math.nan
    return found if math.isfinite(found) else math.nan


def share(event: Any, *path: str) -> float:
    """Return the number 0..1 at `path`, or NaN."""
    found = number(event, *path)
    return found if 0.0 <= found <= 1.0 else math.nan


def whole(event: Any, *path: str) -> int:
    """Return the whole number at `path`, or -1."""
    value = get(event, *path)
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return value if fits else -1
