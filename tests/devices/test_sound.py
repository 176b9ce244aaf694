from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from devices import sound
from devices.clock import now
from devices.sound import DacClock, DeviceOutput, NullOutput, Output
from dsp.grid import BLOCK, FS


def _feed(
    clock: DacClock, n: int, *, first: int = 0, base: float = 1e9, shift: float = 0.0, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Callbacks in bursts of three with late entries; returns fitted and true times."""
    random = np.random.default_rng(seed)
    said, true = [], []
    for k in range(first, first + n):
        heard = 50.0 + k * BLOCK / FS + shift
        current = heard - 0.2 + 0.01 * (k % 3)  # ours, when the host API looks
        late = random.exponential(0.0005) + (0.08 if random.random() < 0.02 else 0.0)
        dac = heard + random.normal(0.0, 0.0005)
        said.append(
            clock.time_of(k * BLOCK, entry=current + late, current=current + base, dac=dac + base)
        )
        true.append(heard)
    return np.array(said), np.array(true)


def test_the_fit_is_right_whatever_clock_the_host_has_and_however_late_we_are_called() -> None:
    clock = DacClock()
    said, true = _feed(clock, 3_000)
    error = (said - true)[100:]
    assert abs(np.median(error)) < 0.0002
    assert np.abs(error).max() < 0.001
    assert 0.0001 < clock.residual < 0.001
    assert clock.restarts == 0


def test_a_jump_of_the_device_starts_a_new_segment() -> None:
    clock = DacClock()
    _feed(clock, 1_000)
    said, true = _feed(clock, 100, first=1_000, shift=0.040, seed=1)
    assert clock.restarts == 1
    assert np.abs((said - true)[6:]).max() < 0.002


def test_times_are_steady_only_when_several_in_a_row_agree() -> None:
    clock = DacClock()
    assert not clock.steady
    _feed(clock, 6)
    _feed(clock, 8, first=6, shift=0.020)
    assert not clock.steady
    _feed(clock, 8, first=14, shift=0.020)
    assert clock.steady


def test_one_wild_value_does_not() -> None:
    clock = DacClock()
    _feed(clock, 1_000)
    clock.time_of(1_000 * BLOCK, entry=70.0, current=70.0 + 1e9, dac=75.0 + 1e9)
    said, true = _feed(clock, 100, first=1_001, seed=2)
    assert clock.restarts == 0
    assert np.abs(said - true).max() < 0.001


@pytest.fixture(params=["null", pytest.param("device", marks=pytest.mark.sound)])
def make(request: pytest.FixtureRequest) -> Callable[..., Output]:
    def null(render: Callable[[int, float], npt.NDArray[np.float32]]) -> Output:
        return NullOutput(render)

    def device(render: Callable[[int, float], npt.NDArray[np.float32]]) -> Output:
        return DeviceOutput(render, device=None, latency=0.2)

    return null if request.param == "null" else device


def test_blocks_come_in_real_time_with_the_moment_they_are_heard(
    make: Callable[..., Output],
) -> None:
    said: list[float] = []
    called: list[float] = []

    def render(n_frames: int, heard_at: float) -> npt.NDArray[np.float32]:
        assert n_frames == BLOCK
        called.append(now())
        said.append(heard_at)
        return np.zeros((BLOCK, 2), dtype=np.float32)

    output = make(render)
    output.start()
    end = time.monotonic() + 10.0
    while not output.settled():
        assert time.monotonic() < end
        time.sleep(0.01)
    settled = len(said)
    while len(said) < settled + 150:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert output.alive()
    output.close()
    n = len(said)
    time.sleep(0.05)
    assert len(said) == n
    assert output.error is None
    steps = np.diff(said[settled + 10 :])
    np.testing.assert_allclose(steps, BLOCK / FS, atol=0.004)
    ahead = np.array(said[settled:]) - np.array(called[settled:])
    assert 0.0 < np.median(ahead) < 0.5


def test_a_fault_of_the_renderer_ends_the_output_and_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("threading.excepthook", lambda _: None)

    def render(n_frames: int, heard_at: float) -> npt.NDArray[np.float32]:
        raise ZeroDivisionError

    output = NullOutput(render)
    output.start()
    end = time.monotonic() + 5.0
    while output.alive():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert isinstance(output.error, ZeroDivisionError)
    output.close()


# --- a device whose calls the test makes ----------------------------------------------------------


class Sinks:
    """Stands in for sounddevice, and turns the clock."""

    PortAudioError = RuntimeError

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 500.0
        monkeypatch.setattr(sound, "now", lambda: self.at)
        monkeypatch.setattr(sound, "_portaudio", lambda *, again: self)
        silence = np.zeros((BLOCK, 2), dtype=np.float32)
        self.output = DeviceOutput(lambda n, t: silence, device=None, latency=0.2)
        self.output.start()

    def query_devices(self, device: str | None, kind: str) -> dict[str, str]:
        return {"name": "sink"}

    def OutputStream(self, **asked: Any) -> Sinks:
        self.callback, self.finished = asked["callback"], asked["finished_callback"]
        self.latency = 0.18  # as PulseAudio rounds 0.2
        return self

    def start(self) -> None:
        """Nothing to do: the test calls."""

    def pass_time(self, seconds: float, *, calls: int = 0, looks: bool = True) -> bool:
        """Let time pass with so many calls, evenly; return whether it was alive all the while."""
        alive, begin, end, n = True, self.at, self.at + seconds, 0
        while self.at < end:
            self.at = min(self.at + 0.02, end) if looks else end
            while n < calls * (self.at - begin) / seconds - 1e-9:
                heard = begin + n * BLOCK / FS + 0.2
                n += 1
                times = SimpleNamespace(currentTime=self.at, outputBufferDacTime=heard)
                status = SimpleNamespace(output_underflow=False)
                self.callback(np.empty((BLOCK, 2), dtype=np.float32), BLOCK, times, status)
            alive = alive and self.output.alive()
        return alive


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sinks]:
    made = Sinks(monkeypatch)
    yield made
    made.output._route.close()


@pytest.mark.parametrize("filling", [0.002, 0.06, 0.4])
def test_pulseaudios_pause_after_the_first_filling_is_no_loss(sink: Sinks, filling: float) -> None:
    """Measured at load 12: 24 calls in up to 0.4 s, then none for 1.7 s."""
    assert sink.pass_time(filling, calls=24)
    assert sink.pass_time(1.7)
    assert not sink.output.settled()
    assert sink.pass_time(0.5, calls=50)
    assert sink.output.settled()


def test_a_busy_machine_is_no_loss_however_long_it_did_not_run_us(sink: Sinks) -> None:
    assert sink.pass_time(1.0, calls=100)
    assert sink.pass_time(1.5)
    assert sink.pass_time(0.2, calls=20)
    assert sink.pass_time(13.0, looks=False)  # neither we nor the device's calls were run
    assert sink.pass_time(0.2, calls=20)


def test_a_device_that_calls_no_more_is_gone_and_one_that_ends_at_once(sink: Sinks) -> None:
    assert sink.pass_time(1.0, calls=100)
    assert not sink.pass_time(3.1)
    sink.pass_time(0.1, calls=10)
    assert sink.output.alive()
    sink.finished()
    assert not sink.output.alive()


def test_a_device_that_never_calls_is_gone(sink: Sinks) -> None:
    assert sink.pass_time(2.9)
    assert not sink.pass_time(0.3)
