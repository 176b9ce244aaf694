"""Impedances of a Cyton's electrodes, measured before a session."""

from __future__ import annotations

import time

import numpy as np

from devices.clock import now
from devices.sources.boards import BoardSource
from devices.sources.naming import Wanted
from devices.sources.spec import read_spec
from dsp.checks import InputError, check_number
from dsp.impedance import lead_off_kohm

_INPUTS = "12345678QWERTYUI"  # what the firmware calls its inputs
_SPACING_S = 0.02  # s between commands: the radio carries so much at a time
_SETTLE_S = 0.5  # s until the tone is there, and the commands' lost packets are over


def measure_impedances(
    source: str, *, channels: Wanted = (), seconds: float = 2.0
) -> dict[str, float]:
    """Open a Cyton (with or without a Daisy), measure all its electrodes at once, and close it.

    Takes about four seconds. It is for before a session: each command in mid-stream costs packets,
    and the tone (31.25 Hz) lies in the EEG.

    Parameters
    ----------
    source : str
        As it is written (`devices.sources.spec`).
    channels : Wanted
        Which electrodes, and their names.
    seconds : float
        How long the tone is listened to.

    Returns
    -------
    dict of str to float
        Kiloohm by electrode; NaN where too little arrived.

    Raises
    ------
    InputError
        If the source is no such board.
    DeviceError
        If it cannot be had.
    """
    check_number("seconds", seconds, low=0.5, high=60.0)
    spec = read_spec(source)
    board = BoardSource(spec.name, spec.port, options=spec.options, channels=channels)
    if spec.kind != "brainflow" or not board.has_lead_off:
        raise InputError(
            f"{source} cannot measure impedances; expected a Cyton (brainflow:cyton:PORT or "
            "brainflow:cyton_daisy:PORT)."
        )
    board.open()
    try:
        names = board.info.ch_names
        inputs = [_INPUTS[number - 1] for number in board.inputs]
        _tone(board, inputs, on=True)
        _read(board, _SETTLE_S)
        rows = _read(board, seconds)
        kohm = lead_off_kohm(rows[:, : len(names)], board.info.sfreq)
        _tone(board, inputs, on=False)
    finally:
        board.close()
    return dict(zip(names, kohm.tolist(), strict=True))


def _tone(board: BoardSource, inputs: list[str], *, on: bool) -> None:
    """Send the lead-off current into each electrode (the N side of its input), or stop it."""
    for letter in inputs:
        board.command(f"z{letter}0{int(on)}Z")
        time.sleep(_SPACING_S)


def _read(board: BoardSource, seconds: float) -> np.typing.NDArray[np.float32]:
    n_columns = len(board.info.ch_names) + len(board.info.beside)
    rows = [np.empty((0, n_columns), dtype=np.float32)]
    end = now() + seconds
    while now() < end:
        chunk = board.read()
        if chunk is not None:
            rows.append(chunk.data)
    return np.concatenate(rows)
