"""BrainFlow boards as EEG sources.

Runs in a child process (`devices.acquisition`): BrainFlow has one mutex for all boards of a
process, and a serial port that dies leaves a spinning thread behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from devices.clock import WallBracket, now
from devices.sources.board_table import (
    COUNTERS,
    HALVES,
    PLAYBACK,
    SENTENCES,
    STREAMING,
    SYNTHETIC,
    board_word,
    find_board,
)
from devices.sources.naming import Wanted, renamed
from devices.sources.placing import SamplePlacer
from devices.sources.ports import hold_port
from devices.sources.source import READ_EVERY, EegChunk, SourceEvent, SourceInfo
from dsp.checks import DeviceError, InputError, foreign_text

_BUFFER_S = 120  # s that BrainFlow keeps while a read is held up
_PAUSE_S = 0.5  # s without a row; half of what a counter of 128 rows at 125 Hz goes round in


class BoardSource:
    """One BrainFlow board.

    Parameters
    ----------
    board : str
        Name or id.
    port : str
        Serial port, Bluetooth address, network address or file, as the board needs it.
    options : tuple of (str, str)
        What BrainFlow is told beyond that (`devices.sources.spec.SourceSpec.options`).
    channels : Wanted
        Which electrodes, and their names (`devices.sources.naming.renamed`).
    """

    def __init__(
        self,
        board: str,
        port: str = "",
        *,
        options: tuple[tuple[str, str], ...] = (),
        channels: Wanted = (),
    ) -> None:
        self._word, self._port = board_word(board), port
        self._options, self._wanted = options, channels
        self._shim: Any = None
        self._port_held: int | None = None
        self._info: SourceInfo | None = None
        self._news: list[SourceEvent] = []
        self._read_at = 0.0

    @property
    def info(self) -> SourceInfo:
        """What it is; complete after `open`."""
        if self._info is None:
            raise DeviceError("the board is not open yet.")
        return self._info

    def open(self) -> None:
        """Start streaming.

        Raises
        ------
        InputError
            If there is no such board.
        DeviceError
            If it cannot be had, in words for people.
        """
        number = find_board(self._word)
        from brainflow.board_shim import BoardShim
        from brainflow.exit_codes import BrainFlowError

        BoardShim.disable_board_logger()
        params = self._params(number)
        self._name = self._word.replace("_", " ").title()
        try:
            shim = BoardShim(number, params)
            shown = int(shim.get_board_id())  # of the master board for playback
            descr = BoardShim.get_board_descr(shown)
            self._name = foreign_text(str(descr["name"]))
            if not descr.get("eeg_channels"):
                raise DeviceError(f"The {self._name} has no EEG channels; choose another board.")
            shim.prepare_session()
            self._shim = shim
            shim.start_stream(int(_BUFFER_S * descr["sampling_rate"]))
        except BrainFlowError as error:
            self.close()
            raise DeviceError(self._sentence(error.exit_code)) from error
        except DeviceError:
            self.close()
            raise
        self._rows = [int(row) for row in descr["eeg_channels"]]
        self._stamp_row = int(descr["timestamp_channel"])
        self._counter_row = descr.get("package_num_channel")
        self._sfreq = float(descr["sampling_rate"])
        modulus, step, share = COUNTERS.get(number, (None, 1, 1))
        if self._counter_row is None:
            modulus = None
        self._placer = SamplePlacer(
            self._sfreq, name=f"the {self._name}", modulus=modulus, step=step, share=share
        )
        self._halves = number in HALVES
        self._row_before = np.full(2, -np.inf)  # counter and stamp of the newest row
        self._wall = WallBracket()
        self._read_at = now()
        self._info = self._describe(number, descr, BoardShim.get_version())

    def _params(self, number: int) -> Any:
        from brainflow.board_shim import BrainFlowInputParams

        params, port = BrainFlowInputParams(), self._port
        if number in (PLAYBACK, STREAMING):
            params.master_board = SYNTHETIC
        if number == PLAYBACK:
            if not Path(port).is_file():
                raise InputError(
                    f"There is no recording {port!r} to play back; write the path of a file that "
                    "BrainFlow recorded after brainflow:playback_file:."
                )
            params.file = port
        elif re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", port):
            params.mac_address = port
        elif match := re.fullmatch(r"(\d+\.\d+\.\d+\.\d+)(?::(\d+))?", port):
            params.ip_address, params.ip_port = match[1], int(match[2] or 0)
        elif port:
            self._port_held = hold_port(port)
            params.serial_port = port
        for key, value in self._options:
            kind = find_board if key == "master_board" else type(getattr(params, key))
            setattr(params, key, kind(value))
        return params

    def _sentence(self, code: int) -> str:
        at = f" at {self._port}" if self._port else ""
        example = "COM3" if os.name == "nt" else "/dev/ttyUSB0"
        text = SENTENCES.get(code, "BrainFlow could not start the {board}{at} (its code {code}).")
        return text.format(
            board=self._name,
            word=self._word,
            port=self._port or "the port",
            at=at,
            example=example,
            code=code,
        )

    def _describe(self, number: int, descr: dict[str, Any], version: str) -> SourceInfo:
        named = (foreign_text(name) for name in str(descr.get("eeg_names", "")).split(","))
        names = [name for name in named if name]
        if len(names) != len(self._rows):
            names = [""] * len(self._rows)
        columns, ch_names = renamed(names, self._wanted, free=True)
        self._rows = [self._rows[column] for column in columns]
        simulated = number in (SYNTHETIC, PLAYBACK)
        notice = ""
        if number == SYNTHETIC:
            notice = "BrainFlow's synthetic board: sine waves, no person and no link to the sound."
        return SourceInfo(
            name=f"{self._name} board" if number == SYNTHETIC else self._name,
            ch_names=ch_names,
            sfreq=self._sfreq,
            simulated=simulated,
            notice=notice,
            details={
                "driver": f"BrainFlow {version}",
                "board_id": number,
                "port": self._port,
                "units": "microvolts, BrainFlow's scale",
                "clock": "computer's wall clock at arrival, fitted to the sample number",
            },
        )

    def read(self) -> EegChunk | None:
        """Return all samples since the last call, with lost ones as rows of NaN.

        Waits until 20 ms have passed since the last read.

        Raises
        ------
        DeviceError
            If BrainFlow itself says that the session is gone (a device that went away is silent).
        """
        from brainflow.exit_codes import BrainFlowError

        wait = self._read_at + READ_EVERY - now()
        if wait > 0:
            time.sleep(wait)
        if self._shim is None:
            raise DeviceError("the board is closed.")
        try:
            packets = self._shim.get_board_data()
        except BrainFlowError as error:
            raise DeviceError(
                f"The {self._name} is gone (BrainFlow's code {error.exit_code})."
            ) from error
        since, self._read_at = self._read_at, now()
        step = self._wall.update()
        if step is not None:
            self._news.append(
                SourceEvent(
                    self._read_at,
                    "note",
                    step,
                    f"The computer's clock was set by {step:+.3f} s; the EEG keeps its own time.",
                )
            )
        if packets.shape[1] == 0:
            return None
        if self._halves:
            packets = self._whole(packets)
            if packets.shape[1] == 0:
                return None
        arrivals = self._wall.convert(packets[self._stamp_row], since=since, until=self._read_at)
        counters = None
        if self._counter_row is not None:
            counters = packets[self._counter_row].astype(np.int64)
        eeg = np.ascontiguousarray(packets[self._rows].T, dtype=np.float32)
        placed = self._placer.place(eeg, arrivals, counters, seen=self._read_at)
        self._news += self._placer.events()
        return None if placed is None else self._voltages(*placed)

    def _whole(self, packets: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Leave out rows of which one half is of the row before: their counter is repeated."""
        row = packets[[self._counter_row, self._stamp_row]]
        before = np.column_stack((self._row_before, row[:, :-1]))
        self._row_before = row[:, -1]
        # After a pause, the same counter may be a new one: it has gone round.
        repeated = (row[0] == before[0]) & (row[1] - before[1] < _PAUSE_S)
        return packets[:, ~repeated]

    def _voltages(self, chunk: EegChunk, lost: np.typing.NDArray[np.bool_]) -> EegChunk:
        """Return what the electrodes say: the board's own values here."""
        return chunk

    def events(self) -> list[SourceEvent]:
        """Events since the last call."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Stop and release; safe to call twice."""
        from brainflow.exit_codes import BrainFlowError

        shim, self._shim = self._shim, None
        if shim is not None:
            for end in (shim.stop_stream, shim.release_session):
                # A board that is gone cannot be stopped, and needs no stopping.
                with contextlib.suppress(BrainFlowError):
                    end()
        held, self._port_held = self._port_held, None
        if held is not None:
            os.close(held)
