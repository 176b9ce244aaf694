"""Sample numbers get their true times from late, bursty, lossy arrivals; losses are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.clock import SampleClock, WallBracket, bracket, now
from devices.sources.placing import SamplePlacer

READ = 0.02  # s between reads of the acquisition


@dataclass
class World:
    """A device whose truth is known."""

    sfreq: float = 250.0
    ppm: float = 40.0
    seconds: float = 80.0  # the line is fitted to the last 60
    burst: float = 0.016  # s between deliveries of a serial driver, +-25 %
    jitter: float = 0.0  # s, one-sided, of each packet
    packet: int = 1  # samples that arrive and are counted together
    modulus: int | None = 256
    loss: float = 0.0  # share of packets
    gaps: tuple[tuple[float, float], ...] = ()  # start, length, s
    wander: float = 0.0  # s
    nominal: float = 0.0  # Hz promised, where it is not `sfreq`
    damaged: float = 0.0  # share of counters replaced by anything
    grid: bool = False  # deliveries on an exact 16 ms grid
    seed: int = 1


@dataclass
class Placed:
    error: np.ndarray  # stamp minus truth of the samples that came, s
    at: np.ndarray  # seconds since the start of each
    number: np.ndarray  # row each was put into
    truth: np.ndarray  # row it belongs into
    times: np.ndarray  # all stamps, lost rows included
    residual: float


def live(world: World) -> Placed:
    """Run a world through the acquisition's step, read by read."""
    rng = np.random.default_rng(world.seed)
    n = int(world.seconds * world.sfreq)
    i = np.arange(n)
    taken = 100.0 + i / (world.sfreq * (1 + world.ppm * 1e-6))
    taken += world.wander * np.sin(2 * np.pi * (taken - 100.0) / 600.0)
    group = i // world.packet
    ready = taken[np.minimum((group + 1) * world.packet - 1, n - 1)]
    if world.packet > 1:
        came = ready + np.abs(rng.normal(0.0, world.jitter, group[-1] + 1))[group]
    else:
        n_edges = int((world.seconds + 2) / world.burst)
        width = np.ones(n_edges) if world.grid else rng.uniform(0.75, 1.25, n_edges)
        edges = 99.9 + np.cumsum(width) * world.burst
        edges = np.maximum.accumulate(edges + np.abs(rng.normal(0.0, world.jitter, n_edges)))
        came = edges[np.searchsorted(edges, ready)] + 20e-6
    # The first 0.2 s are held up by the start of the stream.
    came = np.maximum.accumulate(np.where(taken < 100.2, np.maximum(came, 100.34), came))
    here = rng.random(group[-1] + 1)[group] >= world.loss
    here[: world.packet] = True
    for start, length in world.gaps:
        here &= (ready < 100.0 + start) | (ready >= 100.0 + start + length)
    index, came = i[here], came[here]
    counters = (index // world.packet) % (world.modulus or 1)
    bad = rng.random(index.size) < world.damaged
    bad[0] = False
    counters[bad] = rng.integers(0, world.modulus or 1, int(bad.sum()))
    placer = SamplePlacer(world.nominal or world.sfreq, modulus=world.modulus, share=world.packet)
    reads = np.unique(np.searchsorted(came, np.arange(came[0], came[-1] + READ, READ), "right"))
    times, lost = [], []
    for first, end in zip(np.append(0, reads), reads, strict=False):
        if end > first:
            placed = placer.place(
                index[first:end, None].astype(np.float32),
                came[first:end],
                None if world.modulus is None else counters[first:end],
                seen=float(came[end - 1]) + READ,
            )
            if placed is not None:  # kept back after a hole
                times.append(placed[0].times)
                lost.append(placed[1])
    rest = placer.rest()
    if rest is not None:
        times.append(rest[0].times)
        lost.append(rest[1])
    stamps, gone = np.concatenate(times), np.concatenate(lost)
    truth = taken[index]
    return Placed(
        stamps[~gone] - truth,
        truth - 100.0,
        np.flatnonzero(~gone),
        index,
        stamps,
        placer.residual,
    )


SERIAL = World()
MUSE = World(sfreq=256.0, packet=12, jitter=0.004, modulus=65536)
WORLDS = {
    # world, largest error after 30 s in ms
    "16 ms bursts, 40 ppm": (SERIAL, 0.1),
    "200 ppm": (World(ppm=200.0), 0.1),
    "-100 ppm": (World(ppm=-100.0), 0.1),
    "late packets": (World(jitter=0.005), 0.3),
    "muse": (MUSE, 0.25),
    "2 s gap": (World(gaps=((60.0, 2.0),)), 0.1),
    "1 % loss": (World(loss=0.01), 0.1),
    "20 % loss": (World(loss=0.2), 0.2),
    "wander": (World(wander=0.002), 0.15),
    "187 Hz where 250 was promised": (World(sfreq=187.0, nominal=250.0), 0.1),
    "no counter, 2 s gap": (World(modulus=None, gaps=((60.0, 2.0),)), 4.1),
    # Bursts exactly a whole number of samples long hide where in the burst the edge lies; no
    # method can see more than that the error stays within one sample.
    "bursts on a grid of whole samples": (World(grid=True), 4.1),
}


@pytest.mark.parametrize("name", WORLDS)
def test_stamps_are_true_and_never_go_back(name):
    world, limit_ms = WORLDS[name]
    placed = live(world)
    assert np.diff(placed.times).min() > 0
    # Time alone cannot tell a lost sample from one that was 4 ms late; a counter can.
    allowed = 1 if world.modulus is None else 0
    assert np.abs(placed.number - placed.truth).max() <= allowed
    late = placed.at > 30.0
    assert np.abs(placed.error[late]).max() * 1e3 < limit_ms
    assert np.abs(placed.error[placed.at > 10.0]).max() * 1e3 < 5.0


CASES = {
    "single packets": World(loss=0.003),
    "many": World(loss=0.2, ppm=-50.0),
    "half a second": World(gaps=((20.0, 0.5),)),
    "exactly one whole wrap": World(gaps=((20.0, 1.024),)),
    "exactly two whole wraps": World(gaps=((20.0, 2.048),), ppm=0.0),
    "one and a half seconds": World(gaps=((20.0, 1.5),)),
    "ten seconds and loss": World(gaps=((20.0, 10.0),), loss=0.01),
    "gap after gap": World(gaps=((20.0, 1.1), (21.2, 1.3), (24.0, 0.3))),
    "muse packets": World(sfreq=256.0, packet=12, jitter=0.004, modulus=65536, loss=0.02),
    "muse gap": World(
        sfreq=256.0, packet=12, jitter=0.004, modulus=65536, gaps=((20.015625, 1.5),)
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_lost_sample_is_counted_and_every_row_is_in_place(case):
    world = World(**{**CASES[case].__dict__, "seconds": 40.0, "seed": 1})
    placed = live(world)
    assert np.array_equal(placed.number, placed.truth)


def test_damaged_counters_lose_no_sample():
    placed = live(World(seconds=60.0, damaged=0.01, seed=4))
    off = placed.number - placed.truth
    # A damaged value at the end of a read can look like a loss of up to 20 ms.
    assert off.min() >= 0
    assert off.max() <= 5
    assert np.abs(placed.error[placed.at > 30.0]).max() < 0.025


def test_a_device_that_pauses_unseen_leaves_lost_rows():
    placer = SamplePlacer(250.0, modulus=256)
    rows = lost = 0
    last = 0.0
    for k in range(1000):  # reads of 5 samples; after read 500 everything is 0.2 s late
        number = np.arange(5 * k, 5 * k + 5)
        arrivals = 10.0 + number / 250.0 + (0.2 if k >= 500 else 0.0)
        chunk, gone = placer.place(
            np.ones((5, 1), np.float32), arrivals, number % 256, seen=arrivals[-1] + READ
        )
        rows, lost = rows + gone.size, lost + int(gone.sum())
        assert np.isnan(chunk.data[gone]).all()
        assert chunk.times[0] > last
        last = float(chunk.times[-1])
    assert rows == 5000 + lost
    assert lost == 50
    assert abs(last - (10.0 + 4999 / 250.0 + 0.2)) < 0.002


def test_a_busy_host_that_is_late_now_and_then_costs_nothing():
    placer, rng = SamplePlacer(250.0, modulus=256), np.random.default_rng(0)
    lost = 0
    for k in range(1500):
        number = np.arange(5 * k, 5 * k + 5)
        late = 0.2 * (rng.random() < 0.2)
        arrivals = 10.0 + number / 250.0 + late
        _, gone = placer.place(
            np.ones((5, 1), np.float32), arrivals, number % 256, seen=arrivals[-1] + READ
        )
        lost += int(gone.sum())
    assert lost == 0


@pytest.mark.parametrize("pause", [0.3, 0.6, 1.03, 2.2, 5.0])
@pytest.mark.parametrize("phase", [0.0, 0.01, 0.018])
def test_a_backlog_that_was_only_held_up_loses_nothing(pause, phase):
    """A process that was stopped: its board's samples all come at once when it goes on."""
    number = np.arange(2000)
    came = 100.0 + number / 250.0
    start = 102.0 + phase
    held = (came > start) & (came < start + pause)
    came[held] = start + pause + 1e-5 * np.arange(held.sum())
    placer, done, t, rows = SamplePlacer(250.0, modulus=256), 0, 100.0, 0
    times = np.zeros(1)
    while done < number.size:
        t += READ
        if start < t < start + pause:
            t = start + pause + 0.003
        end = int(np.searchsorted(came, t, "right"))
        if end > done:
            placed = placer.place(
                np.zeros((end - done, 1), np.float32),
                came[done:end],
                number[done:end] % 256,
                seen=t,
            )
            done = end
            if placed is not None:
                assert not placed[1].any()
                times, rows = placed[0].times, rows + placed[1].size
    assert rows == 2000
    assert abs(times[-1] - (100.0 + 1999 / 250.0)) < 0.001


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 300), st.floats(0.0, 3.0)),
        min_size=1,
        max_size=40,
    )
)
def test_stamps_increase_whatever_comes(reads):
    clock, t, last = SampleClock(250.0), 5.0, -np.inf
    for n, lost, late in reads:
        missing = np.zeros(n, dtype=np.int64)
        missing[0] = lost
        t += (n + lost) / 250.0
        stamps = clock.stamps(np.full(n, t + late), missing)
        assert np.diff(stamps, prepend=last).min() > 0
        last = float(stamps[-1])


class Clocks:
    """A wall clock and ours, both injected."""

    def __init__(self) -> None:
        self.t, self.ahead = 50.0, 1.7e9

    def ours(self) -> float:
        self.t += 1e-7
        return self.t

    def wall(self) -> float:
        return self.t + self.ahead


@pytest.mark.parametrize("step", [10.0, -10.0, 0.004])
def test_a_wall_clock_that_is_set_is_told_and_moves_no_stamp(step):
    clocks = Clocks()
    walls = WallBracket(wall=clocks.wall, clock=clocks.ours)
    assert walls.update() is None
    truth = clocks.t + np.arange(10) * 0.002
    stamps = truth + clocks.ahead
    stamps[6:] += step  # set between two samples of one read
    since = clocks.t - 0.001
    clocks.t += 0.02
    clocks.ahead += step
    assert walls.update() == pytest.approx(step, abs=1e-6)
    times = walls.convert(stamps, since=since, until=clocks.t)
    assert np.abs(times - truth).max() < 0.005
    assert walls.update() is None
    again = clocks.t + np.arange(5) * 0.002
    times = walls.convert(again + clocks.ahead, since=clocks.t - 0.001, until=clocks.t + 0.02)
    assert np.abs(times - again).max() < 1e-5


def test_being_preempted_inside_the_bracket_is_not_a_clock_that_was_set():
    clocks = Clocks()
    walls = WallBracket(wall=clocks.wall, clock=clocks.ours)

    def slow() -> float:
        clocks.t += 0.010
        return clocks.t + clocks.ahead

    walls._wall = slow
    assert walls.update() is None


def test_bracket_takes_the_narrowest_reading():
    clocks, waits = Clocks(), iter([0.01, 0.0, 0.02])

    def other() -> float:
        value = clocks.t + 3.0
        clocks.t += next(waits)
        return value

    offset, width = bracket(other, clock=clocks.ours)
    assert offset == pytest.approx(3.0, abs=1e-6)
    assert width < 1e-6


def test_our_clock_is_the_lsl_clock():
    import pylsl

    offset, width = bracket(pylsl.local_clock, tries=9)
    import sys

    if sys.platform == "linux":
        assert abs(offset) <= width + 1e-6
    assert now() > 0
