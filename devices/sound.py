"""Sound out: streams that call a `render` handed in, and say when each block is heard.

`DeviceOutput` plays through PortAudio; `NullOutput` keeps time and plays nothing. Both call
``render(n_frames, time)`` with the LSL time at which the block's first frame is heard and
expect float32 [shape=(n_frames, 2)] at 48 kHz. Nothing here mixes, decodes or logs.

`outputBufferDacTime` agrees with what a PulseAudio sink plays to within 0.3 ms, but its clock
differs from host API to host API, and single values jitter by milliseconds; hence `DacClock`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from devices.clock import now
from devices.route import Route
from devices.watchdog import Watchdog
from dsp.checks import DeviceError, foreign_text
from dsp.grid import BLOCK, FS

if TYPE_CHECKING:
    from collections.abc import Iterator


Render = Callable[[int, float], npt.NDArray[np.float32]]

_WINDOW = 500  # callbacks over which the clock is fitted: 5 s
_JUMP = 0.005  # s; a step of the device's clock beyond which the fit starts anew ...
_JUMP_COUNT = 3  # ... when as many callbacks in a row agree
_REFIT = 5  # callbacks between two medians
_GONE_S = 3.0  # s without a call, of our own running time, after which a device is gone
_START_UP = 20  # callbacks whose underflow flags belong to the first filling


class DacClock:
    """When each frame of a stream is heard, on the LSL clock.

    ``t(frame) = frame / FS + median over 5 s of (DAC + offset - frame / FS)``, where *offset*
    takes the host API's clock to ours: the smallest difference between our clock on entry to
    the callback and its `currentTime`, since entry can only be late. Started anew where the
    device's times jump by more than 5 ms, and after an underflow.
    """

    def __init__(self) -> None:
        self.residual = 0.0  #: s; median deviation of single values from the fit
        self.restarts = -1  #: of the fit, the first start not counted
        self.restart()

    def restart(self) -> None:
        """Forget the past: the next value starts a new segment."""
        self.restarts += 1
        self._offsets = np.empty(_WINDOW)
        self._values = np.empty(_WINDOW)
        self._n = 0
        self._fit = 0.0
        self._jumped = 0

    @property
    def steady(self) -> bool:
        """True once the times of several callbacks in a row agree."""
        return self._n >= 2 * _REFIT and self._jumped == 0

    def time_of(self, frame: int, *, entry: float, current: float, dac: float) -> float:
        """Take one callback's times; return when `frame` (its first one) is heard.

        Parameters
        ----------
        frame : int
            Frames handed over since the stream began.
        entry : float
            Our clock on entry to the callback, s.
        current, dac : float
            The host API's `currentTime` and `outputBufferDacTime`, s.
        """
        if self._jumped >= _JUMP_COUNT:
            self.restart()
        at = self._n % _WINDOW
        self._offsets[at] = entry - current
        n = min(self._n + 1, _WINDOW)
        value = dac + float(self._offsets[:n].min()) - frame / FS
        self._values[at] = value
        self._n += 1
        if self._n <= 2 * _REFIT or self._n % _REFIT == 0:
            values = self._values[:n]
            self._fit = float(np.median(values))
            self.residual = float(np.median(np.abs(values - self._fit)))
        self._jumped = self._jumped + 1 if abs(value - self._fit) > _JUMP else 0
        return frame / FS + self._fit


class Output(Protocol):
    """A running stream."""

    name: str
    is_null: bool
    latency: float  # s from rendering to hearing
    lost_blocks: int
    error: BaseException | None  # what `render` raised, if it did

    @property
    def residual(self) -> float:
        """Median deviation of the device's times from the fitted clock, s."""
        ...

    @property
    def wireless(self) -> bool:
        """Whether the sound is known to go out without a wire (`devices.route`)."""
        ...

    def start(self) -> None:
        """Begin to call `render`."""
        ...

    def alive(self) -> bool:
        """Whether it still takes sound."""
        ...

    def settled(self) -> bool:
        """Whether its times can be trusted by now."""
        ...

    def close(self) -> None:
        """End it; `render` is not called after this."""
        ...


class NullOutput:
    """Renders in real time on a thread, for nobody: stands in where there is no device."""

    name = "silent output"
    is_null = True
    wireless = False
    residual = 0.0

    def __init__(self, render: Render, *, latency: float = 0.02) -> None:
        self.latency = latency
        self.lost_blocks = 0
        self.error: BaseException | None = None
        self._render = render
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="null output", daemon=True)

    def start(self) -> None:
        """Begin to call `render`."""
        self._thread.start()

    def _run(self) -> None:
        begin, n = now(), 0
        try:
            while not self._stop.is_set():
                due = begin + n * BLOCK / FS
                wait = due - now()
                if wait > 0 and self._stop.wait(wait):
                    break
                if wait < -1.0:
                    # The machine slept: a device would have missed these blocks too.
                    missed = int(-wait * FS / BLOCK)
                    self.lost_blocks += missed
                    begin += missed * BLOCK / FS
                    due += missed * BLOCK / FS
                self._render(BLOCK, due + self.latency)
                n += 1
        except BaseException as error:
            self.error = error
            raise

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def settled(self) -> bool:
        """It keeps time from the first block on."""
        return True

    def close(self) -> None:
        """End it."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2.0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the sound libraries' own words off the terminal (they write to descriptor 2)."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _portaudio(*, again: bool) -> Any:
    """Import sounddevice; `again` reads the system's devices anew (kills running streams)."""
    try:
        with _quiet():
            import sounddevice

            if again:
                sounddevice._terminate()
                sounddevice._initialize()
    except (OSError, ImportError) as error:
        raise DeviceError(
            "PortAudio is missing, so nothing can be heard; install libportaudio2 (Debian, Ubuntu) "
            "or portaudio (Fedora, macOS)."
        ) from error
    except Exception as error:
        raise DeviceError(f"PortAudio does not start ({error}); check the sound system.") from error
    return sounddevice


@dataclass(frozen=True)
class SoundDevice:
    """A device that sound can go out of; `system` is what it is reached through."""

    name: str
    system: str
    n_channels: int
    default: bool


def sound_devices() -> list[SoundDevice]:
    """List the devices that sound can go out of.

    Raises
    ------
    DeviceError
        If PortAudio is missing or does not start.
    """
    sd = _portaudio(again=False)
    with _quiet():
        found, systems, default = sd.query_devices(), sd.query_hostapis(), sd.default.device[1]
    return [
        SoundDevice(
            foreign_text(str(one["name"])),
            foreign_text(str(systems[one["hostapi"]]["name"])),
            int(one["max_output_channels"]),
            index == default,
        )
        for index, one in enumerate(found)
        if one["max_output_channels"] > 0
    ]


class DeviceOutput:
    """Plays through PortAudio.

    Parameters
    ----------
    render : callable
        Called in PortAudio's thread for every block.
    device : str, optional
        Part of a device's name, as sounddevice takes it; None is the system's default.
    latency : float
        Seconds of sound that wait in the device; 0.2 s rides out a busy machine.
    again : bool
        Look for devices anew first.

    Raises
    ------
    DeviceError
        One sentence, where PortAudio or the device cannot be had.
    """

    is_null = False

    def __init__(
        self, render: Render, *, device: str | None, latency: float, again: bool = False
    ) -> None:
        self._sd = _portaudio(again=again)
        self.lost_blocks = 0
        self.error: BaseException | None = None
        self._render = render
        self._clock = DacClock()
        self._frame = 0
        self._calls = 0
        self._watchdog = Watchdog()
        self._finished = False
        try:
            with _quiet():
                found = self._sd.query_devices(device, "output")
                self._stream = self._sd.OutputStream(
                    samplerate=FS,
                    blocksize=BLOCK,
                    device=device,
                    channels=2,
                    dtype="float32",
                    latency=latency,
                    callback=self._callback,
                    finished_callback=self._on_finished,
                    clip_off=True,
                    dither_off=True,
                )
        except (self._sd.PortAudioError, ValueError) as error:
            which = f"sound device {device!r}" if device else "sound device of this computer"
            reason = str(error).splitlines()[0].rstrip(".")
            raise DeviceError(
                f"The {which} cannot be used ({reason}); plug it in or choose another."
            ) from error
        self.name = str(found["name"])
        self._route = Route(self.name)
        self.latency = float(self._stream.latency)

    @property
    def residual(self) -> float:
        """Median deviation of the device's times from the fitted clock, s."""
        return self._clock.residual

    @property
    def wireless(self) -> bool:
        """Whether the sound is known to go out without a wire."""
        return self._route.wireless

    def _callback(self, out: Any, n_frames: int, times: Any, status: Any) -> None:
        entry = now()
        current, dac = times.currentTime, times.outputBufferDacTime
        self._calls += 1
        if status.output_underflow and self._calls > _START_UP:
            self.lost_blocks += 1
            self._clock.restart()
        if not 0.0 < dac - current < 5.0:
            # Some host APIs report no DAC time; the stated latency is the next best.
            dac = current + self.latency
        time_heard = self._clock.time_of(self._frame, entry=entry, current=current, dac=dac)
        try:
            out[:] = self._render(n_frames, time_heard)
        except BaseException as error:
            self.error = error
            raise
        self._frame += n_frames

    def _on_finished(self) -> None:
        self._finished = True

    def start(self) -> None:
        """Begin to call `render`."""
        try:
            with _quiet():
                self._stream.start()
        except self._sd.PortAudioError as error:
            raise DeviceError(f"{self.name} does not start ({error}); choose another.") from error
        self._route.start()

    def alive(self) -> bool:
        """Whether callbacks come; to be asked a few times a second.

        A server that dies says so at once. A suspended sink simply stops calling, without any
        error; but so does a busy machine for a while (0.3 s were seen), and PulseAudio between the
        first filling and the next call (1.7 s, at load 12).
        """
        silent = self._watchdog.silent(self._calls, now())
        return not (self._finished or silent > _GONE_S)

    def settled(self) -> bool:
        """Whether its times hold: those of the first filling were seen up to 1.4 s off.

        The filling is over once more was taken than waits in the device.
        """
        return self._frame / FS > 2.0 * self.latency and self._clock.steady

    def close(self) -> None:
        """End the stream at once; fade out before, where it still sounds."""
        self._route.close()
        with _quiet():
            # A stream whose server died cannot be stopped any more, only dropped.
            self._stream.close(ignore_errors=True)
