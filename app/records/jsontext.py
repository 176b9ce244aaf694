"""JSON as session folders hold it: one way to write it, exact and without NaN."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from dsp.checks import InputError


def plain(value: Any) -> Any:
    """Return `value` as JSON has it: numpy and dataclasses unwrapped, NaN and infinity as null.

    JSON has no word for "not a number"; null says that there is none.

    Raises
    ------
    InputError
        For a value that has no JSON form.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, PurePath):
        return str(value)
    raise InputError(
        f"{value!r} of type {type(value).__name__} cannot be recorded; "
        "give numbers, text, lists or dictionaries."
    )


def encode(value: Any, *, indent: int | None = None) -> bytes:
    r"""UTF-8 JSON of `value`; floats are written so that they read back exactly.

    A half of a surrogate pair (a file name that is no text) is written as ``\udcXX``.
    """
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(
        plain(value), ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )
    return text.encode("utf-8", "backslashreplace")
