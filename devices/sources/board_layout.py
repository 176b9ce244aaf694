"""Which rows of a BrainFlow board are electrodes, and what its other rows are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from devices.sources.board_held import SlowRows
from devices.sources.board_table import CUSTOMARY, FIXED
from devices.sources.naming import Wanted, renamed
from devices.sources.source import Channel
from dsp.checks import InputError, foreign_text

#: Rows that are recorded beside the EEG: BrainFlow's key, what XDF's conventions call it, its unit
#: as BrainFlow gives it (empty where boards differ), and the names of its rows.
_BESIDE = (
    ("accel_channels", "accelerometer", "g", ("acc x", "acc y", "acc z")),
    ("gyro_channels", "gyroscope", "degrees/s", ("gyro x", "gyro y", "gyro z")),
    ("magnetometer_channels", "magnetometer", "", ("mag x", "mag y", "mag z")),
    ("eog_channels", "eog", "microvolts", ()),
    ("ecg_channels", "ecg", "microvolts", ()),
    ("emg_channels", "emg", "microvolts", ()),
    ("eda_channels", "gsr", "", ()),
    ("ppg_channels", "ppg", "", ()),
    ("temperature_channels", "temperature", "degrees C", ()),
    ("resistance_channels", "impedance", "", ()),
    ("analog_channels", "aux", "", ()),
    ("battery_channel", "battery", "percent", ("battery",)),
    ("marker_channel", "trigger", "", ("marker",)),
)
#: Names that a user gives to a board's inputs for what is no EEG.
_NO_EEG = {
    "eog": r"[hv]?eog",
    "ecg": r"e[ck]g",
    "emg": r"emg",
    "reference": r"ref(erence)?|gnd|ground",
}


@dataclass(frozen=True)
class Layout:
    """Rows of a board in the order in which they are handed over.

    Attributes
    ----------
    rows : tuple of int
        Of BrainFlow: the electrodes, then those beside.
    ch_names : tuple of str
        Of the electrodes.
    beside : tuple of Channel
        Of the others.
    notice : str
        What screen and records must say of the names, or empty.
    slow : tuple of SlowRows
        Further rows, which follow those of the EEG's preset one after the other.
    """

    rows: tuple[int, ...]
    ch_names: tuple[str, ...]
    beside: tuple[Channel, ...]
    notice: str
    slow: tuple[SlowRows, ...] = ()


def lay_out(
    number: int,
    descr: Mapping[str, Any],
    wanted: Wanted = (),
    *,
    slow: Mapping[int, Mapping[str, Any]] = MappingProxyType({}),
) -> Layout:
    """Read a board's description.

    Parameters
    ----------
    number : int
        BrainFlow's id of the board.
    descr : dict
        What BrainFlow tells of it.
    wanted : Wanted
        Which electrodes, and their names (`devices.sources.naming.renamed`). One that is named
        EOG, ECG, EMG or reference is recorded beside the EEG.
    slow : dict
        What BrainFlow tells of its slower presets, by their number.

    Raises
    ------
    InputError
        If a wanted electrode is not there, or none is EEG.
    """
    eeg = [int(row) for row in descr["eeg_channels"]]
    named = [foreign_text(name) for name in str(descr.get("eeg_names", "")).split(",")]
    labels = [name for name in named if name]
    if len(labels) != len(eeg):
        labels = list(CUSTOMARY[number]) if number in CUSTOMARY else [""] * len(eeg)
    columns, names = renamed(labels, wanted, free=number not in FIXED)
    electrodes, others = [], []
    for column, name in zip(columns, names, strict=True):
        kind = next(
            (k for k, r in _NO_EEG.items() if re.fullmatch(rf"({r})\W*\d*", name, re.I)), ""
        )
        if kind:
            others.append((eeg[column], Channel(name, kind, "microvolts")))
        else:
            electrodes.append((eeg[column], name))
    if not electrodes:
        raise InputError(
            f"The channels {', '.join(names)} hold no EEG; name at least one electrode."
        )
    others += _others(descr, {*eeg, *(row for row, _ in others)})
    slower, first = [], int(descr.get("num_rows", 0))
    types = {channel.type for _, channel in others} | {"trigger"}
    for preset, told in slow.items():
        found = [(row, c) for row, c in _others(told, set()) if c.type not in types]
        others += [(first + i, channel) for i, (_, channel) in enumerate(found)]
        types |= {channel.type for _, channel in found}
        rows = tuple(row for row, _ in found)
        if rows:
            slower.append(SlowRows(preset, int(told["timestamp_channel"]), rows))
        first += len(rows)
    return Layout(
        rows=tuple(row for row, _ in [*electrodes, *others]),
        ch_names=tuple(name for _, name in electrodes),
        beside=tuple(channel for _, channel in others),
        notice="" if wanted else _of_names(number, any(labels), names),
        slow=tuple(slower),
    )


def _others(descr: Mapping[str, Any], taken: set[int]) -> list[tuple[int, Channel]]:
    found = []
    for key, kind, unit, names in _BESIDE:
        told = descr.get(key, [])
        rows = [row for row in ([told] if isinstance(told, int) else told) if row not in taken]
        for i, row in enumerate(rows):
            taken.add(row)
            name = names[i] if len(rows) == len(names) else f"{kind} {i + 1}"
            found.append((int(row), Channel(name, kind, unit)))
    return found


def _of_names(number: int, labelled: bool, names: tuple[str, ...]) -> str:
    """Say it where nobody has said where the electrodes are."""
    if number in FIXED:
        return ""
    if not labelled:
        return (
            f"The board does not say where its {len(names)} electrodes are, so nothing that needs "
            "a place on the head is measured; name them with --channels."
        )
    if number in CUSTOMARY:
        return (
            f"The electrodes are taken to be at the board's customary places ({', '.join(names)}); "
            "if yours are elsewhere, name them with --channels."
        )
    return ""
