"""BrainFlow boards as EEG sources.

Runs in a child process (`devices.acquisition`): BrainFlow has one mutex for all boards of a
process, and a serial port that dies leaves a spinning thread behind.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from typing import Any

import numpy as np

from devices.clock import WallBracket, now
from devices.sources.board_failures import start_sentence
from devices.sources.board_halves import Halves
from devices.sources.board_held import Holder
from devices.sources.board_layout import Layout, lay_out
from devices.sources.board_params import board_params, place_of
from devices.sources.board_table import (
    COUNTERS,
    HALVES,
    KEEP_ALIVE,
    NAMES,
    OPENBCI_SERIAL,
    PLAYBACK,
    SCALES,
    SYNTHETIC,
    board_word,
    find_board,
)
from devices.sources.finding import plugged_in
from devices.sources.naming import Wanted
from devices.sources.placing import SamplePlacer
from devices.sources.ports import ask_board, board_of, failed, hold_port, hung_up, no_answer
from devices.sources.source import (
    READ_EVERY,
    SFREQ_HIGH,
    SFREQ_LOW,
    EegChunk,
    Handover,
    SourceEvent,
    SourceInfo,
)
from dsp.checks import AttuneError, DeviceError, foreign_text

_BUFFER_S = 120  # s that BrainFlow keeps while a read is held up
_PORTS, _LOOK_S = "/dev", 1.0  # where serial ports are, s between two looks at all of them
_SILENT_S = 0.2  # s without a row after which the port is looked at
_ALIVE_S = 30.0  # s from one sign that the link is in use to the next


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
    because : str
        One sentence that goes before the notice (why this source was taken), or empty.
    """

    read_every = READ_EVERY  #: s between two reads

    def __init__(
        self,
        board: str,
        port: str = "",
        *,
        options: tuple[tuple[str, str], ...] = (),
        channels: Wanted = (),
        because: str = "",
    ) -> None:
        if multiprocessing.parent_process():  # where it is read: before its turn to open comes
            import brainflow.board_shim  # noqa: F401

        self._word, self._port = board_word(board), port
        self._options, self._wanted, self._because = options, channels, because
        self._shim: Any = None
        self._port_held: int | None = None
        self._serial_number = ""  # of the dongle, by which it is found again at another port
        self._changed, self._look_at = 0, 0.0  # ns, s: what it was not among, and until when
        self._answer = ""
        self._info: SourceInfo | None = None
        self._placer: SamplePlacer
        self._news: list[SourceEvent] = []
        self._read_at = self._arrived_at = 0.0
        self._heard = 0  # packets since it was opened
        self._rate = 0.0  # Hz that was in use in another process; 0 for none

    @property
    def info(self) -> SourceInfo:
        """What it is; complete after `open`."""
        if self._info is None:
            raise DeviceError("the board is not open yet.")
        return self._info

    def open(self) -> None:
        """Start streaming, the first time or again after `close`.

        Where the port is not there, this takes well under a millisecond; where nobody answers on
        it, three seconds (OpenBCI's boards) or what BrainFlow takes.

        Raises
        ------
        InputError
            If there is no such board.
        DeviceError
            If it cannot be had, or has other electrodes than before; in words for people.
        """
        number = find_board(self._word)
        self._name = self._word.replace("_", " ").title()
        try:
            self._hold(number)
            self._start(number)
        except AttuneError:
            self.close()
            raise

    def take_over(self, known: Handover) -> None:
        """Go on as the same board, at the rate that was measured, wherever its dongle is by now."""
        self._info, self._rate = known.info, known.sfreq
        self._serial_number = str(known.info.details.get("serial_number", ""))

    def _start(self, number: int) -> None:
        from brainflow.board_shim import BoardShim
        from brainflow.exit_codes import BrainFlowError

        BoardShim.disable_board_logger()
        try:
            # Nothing else may hold it: when one of two equal ones is deleted, it ends the session
            # of the other.
            params = board_params(number, self._port, self._options)
            self._shim = BoardShim(number, params)
            shown = int(self._shim.get_board_id())  # of the master board for playback
            descr = BoardShim.get_board_descr(shown)
            self._name = NAMES.get(shown) or foreign_text(str(descr["name"]))
            if not descr.get("eeg_channels"):
                raise DeviceError(f"The {self._name} has no EEG channels; choose another board.")
            self._sfreq = float(descr["sampling_rate"])
            if not SFREQ_LOW <= self._sfreq <= SFREQ_HIGH:
                raise DeviceError(
                    f"The {self._name} samples at {self._sfreq:g} Hz; expected {SFREQ_LOW:g} to "
                    f"{SFREQ_HIGH:g} Hz, so choose another board."
                )
            self._look_into(params, descr)
            slow = {}
            if number == shown != SYNTHETIC:
                presets = sorted({1, 2} & set(BoardShim.get_board_presets(number)))
                slow = {preset: BoardShim.get_board_descr(number, preset) for preset in presets}
            layout = self._lay_out(shown, descr, slow)
            self._shim.prepare_session()
            self._go_to_place()
            self._shim.start_stream(int(_BUFFER_S * descr["sampling_rate"]))
        except BrainFlowError as error:
            raise DeviceError(self._sentence(error.exit_code)) from error
        self._eeg = [int(row) for row in descr["eeg_channels"]]
        self._rows = np.array(layout.rows, dtype=np.intp)
        self._stamp_row = int(descr["timestamp_channel"])
        self._counter_row = descr.get("package_num_channel")
        self._holders = [Holder(rows) for rows in layout.slow]
        modulus, step, share = COUNTERS.get(shown, (None, 1, 1))
        if self._counter_row is None:
            modulus = None
        rate = self._placer.rate if hasattr(self, "_placer") else self._rate
        self._placer = SamplePlacer(
            self._sfreq,
            name=f"the {self._name}",
            modulus=modulus,
            step=step,
            share=share,
            stamped=False,
        )
        if rate:
            self._placer.expect(rate)
        self._halves = Halves(descr) if shown in HALVES else None
        self._alive = KEEP_ALIVE.get(number)
        self._wall = WallBracket()
        self._read_at = self._arrived_at = self._alive_at = now()
        before, info = self._info, self._describe(number, shown, layout, BoardShim.get_version())
        if before is not None and (before.ch_names, before.beside) != (info.ch_names, info.beside):
            raise DeviceError(
                f"The {self._name} came back with {len(info.ch_names)} electrodes "
                f"({', '.join(info.ch_names)}) and had {len(before.ch_names)}; start a new session."
            )
        self._info = info

    def _hold(self, number: int) -> None:
        """Hold the serial port, wherever the dongle is by now, and ask an OpenBCI board on it.

        Raises
        ------
        DeviceError
            If it cannot be held, nobody answers, or it is another board.
        """
        port = self._port
        if place_of(number, port) != "serial":
            return
        try:
            self._port_held = hold_port(port)
        except DeviceError:
            moved = "" if os.path.exists(port) else self._moved()
            if not moved:
                raise
            self._port_held = hold_port(moved)
            self._port = moved
            text = f"The {self._name} is on {self._port} now."
            self._news.append(SourceEvent(now(), "note", self._port, text))
        if number in OPENBCI_SERIAL:
            self._ask(number)
        if not self._serial_number:
            here = os.path.realpath(self._port)
            same = [one for one in plugged_in() if os.path.realpath(one.port) == here]
            self._serial_number = same[0].serial_number if same else ""

    def _moved(self) -> str:
        """Return the port at which the dongle is by now, or empty.

        To look at all ports takes milliseconds, and a dongle may be away for long: it is done
        where one came or went since, and once a second.
        """
        if not self._serial_number:
            return ""
        changed, at = os.stat(_PORTS).st_mtime_ns, now()
        if changed == self._changed and at < self._look_at:
            return ""
        for one in plugged_in():
            if one.serial_number == self._serial_number:
                return one.port
        self._changed, self._look_at = changed, at + _LOOK_S
        return ""

    def _ask(self, number: int) -> None:
        """Ask an OpenBCI board what it is.

        Raises
        ------
        DeviceError
            If nobody answers, or it is another board.
        """
        answer = ask_board(self._port)
        if answer is None or failed(answer):
            raise DeviceError(no_answer(self._port, answer))
        board, asked = board_of(answer), OPENBCI_SERIAL[number]
        # A board that says less (an emulator, older firmware) is taken for what it was called.
        if board != asked and "ADS1299" in answer:
            has = "has a Daisy" if board == "cyton_daisy" else "has no Daisy"
            raise DeviceError(
                f"The Cyton on {self._port} {has}; write brainflow:{board}:{self._port}."
            )
        self._answer = answer

    def _sentence(self, code: int) -> str:
        return start_sentence(code, find_board(self._word), self._name, self._word, self._port)

    def _lay_out(
        self, number: int, descr: dict[str, Any], slow: dict[int, dict[str, Any]]
    ) -> Layout:
        return lay_out(number, descr, self._wanted, slow=slow)

    def _look_into(self, params: Any, descr: dict[str, Any]) -> None:
        """Look at what is played back: nothing, of a device."""

    def _go_to_place(self) -> None:
        """Go to where time has brought it: a device is there."""

    def _describe(self, number: int, shown: int, layout: Layout, version: str) -> SourceInfo:
        notice = layout.notice
        if shown == SYNTHETIC:
            notice = "BrainFlow's synthetic board: sine waves, no person and no link to the sound."
        if number == PLAYBACK:
            notice = f"This is a recording: nothing of it can be changed. {notice}".strip()
        counter = COUNTERS.get(shown)
        return SourceInfo(
            name=f"{self._name} board" if number == SYNTHETIC else self._name,
            ch_names=layout.ch_names,
            sfreq=self._sfreq,
            simulated=shown == SYNTHETIC,
            notice=" ".join(filter(None, (self._because, notice))),
            details={
                "driver": f"BrainFlow {version}",
                "board_id": number,
                "port": self._port,
                "serial_number": self._serial_number,
                "keep_alive": KEEP_ALIVE.get(number, ""),
                "firmware": self._answer,
                "units": "microvolts, BrainFlow's scale",
                "microvolts_per_count": SCALES.get(shown),
                "offset": "kept: electrodes of many millivolts are usual, and filtered out later",
                "counter": f"goes to {counter[0]}" if counter else "none: losses are not counted",
                "clock": "computer's wall clock at arrival, fitted to the sample number",
            },
            beside=layout.beside,
        )

    def read(self) -> EegChunk | None:
        """Return all samples since the last call, with lost ones as rows of NaN, or None.

        Waits until `read_every` has passed since the last read.

        Raises
        ------
        DeviceError
            If its port was pulled out, or BrainFlow says that the session is gone (it rarely does).
        """
        from brainflow.exit_codes import BrainFlowError

        wait = self._read_at + self.read_every - now()
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
        self._heard += packets.shape[1]
        if self._alive is not None and self._read_at >= self._alive_at:
            self._alive_at = self._read_at + _ALIVE_S
            with contextlib.suppress(BrainFlowError):  # one that is gone is told by its silence
                self._shim.config_board(self._alive)
        step = self._wall.update()
        if step is not None:
            self._news.append(
                SourceEvent(
                    self._read_at,
                    "note",
                    step,
                    f"The computer's clock moved by {step:+.3f} s against that of the session: it "
                    "was set, or the computer slept. The EEG keeps its own time.",
                )
            )
        if packets.shape[1] == 0:
            self._look_at_port()
            return None
        self._arrived_at = self._read_at
        if self._halves is not None:
            self._halves.mend(packets)
        if self._holders:
            stamps = packets[self._stamp_row]
            held = (holder.take(self._shim, stamps) for holder in self._holders)
            packets = np.concatenate((packets, *held))
        arrivals = self._wall.convert(packets[self._stamp_row], since=since, until=self._read_at)
        counters = None
        if self._counter_row is not None:
            counters = packets[self._counter_row].astype(np.int64)
        eeg = np.ascontiguousarray(packets[self._rows].T, dtype=np.float32)
        placed = self._placer.place(eeg, arrivals, counters, seen=self._read_at)
        self._news += self._placer.events()
        return self.info.no_rows if placed is None else self._voltages(*placed)

    def _look_at_port(self) -> None:
        """Tell at once that the dongle was pulled out: BrainFlow spins on a dead port, silently."""
        held, silence = self._port_held, self._read_at - self._arrived_at
        if held is not None and silence > _SILENT_S and hung_up(held):
            raise DeviceError(f"The {self._name} is gone: its port {self._port} was pulled out.")

    def _voltages(self, chunk: EegChunk, lost: np.typing.NDArray[np.bool_]) -> EegChunk:
        """Return what the electrodes say: the board's own values here."""
        return chunk

    @property
    def has_lead_off(self) -> bool:
        """Whether it is a board whose electrodes can be measured (`devices.lead_off`)."""
        return find_board(self._word) in OPENBCI_SERIAL

    @property
    def inputs(self) -> tuple[int, ...]:
        """Number of the board's input of each electrode, from 1."""
        return tuple(self._eeg.index(row) + 1 for row in self._rows[: len(self.info.ch_names)])

    def command(self, text: str) -> None:
        """Send a command in the board's own language; what it answers is lost in the samples.

        Raises
        ------
        DeviceError
            If the board is not open, or does not take it.
        """
        from brainflow.exit_codes import BrainFlowError

        if self._shim is None:
            raise DeviceError("the board is closed.")
        try:
            self._shim.config_board(text)
        except BrainFlowError as error:
            raise DeviceError(f"The {self._name} does not take the command {text!r}.") from error

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
