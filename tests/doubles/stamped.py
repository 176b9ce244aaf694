"""A sender of stamped samples whose truth is known, on an injected clock, through the placer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from devices.sources.placing import SamplePlacer
from devices.sources.source import SourceEvent

START = 5000.0  # s of our clock


@dataclass(frozen=True)
class Sender:
    """What is sent, and how it arrives.

    `stamps`: ``true``, ``none`` (the time of sending), ``epoch``, ``zero``, ``constant``,
    ``nominal`` (counted at the stated rate), ``last`` (of a packet; the others are counted back
    at the stated rate, as liblsl does), or a list of what is done to the true ones:
    ``glitch:FROM,TO,SECONDS`` (samples), ``jump:AT,SECONDS[,BACK_AT]``, ``ahead:SECONDS``,
    ``coarse:SECONDS``, ``fast:SHARE``, ``odd:VALUE`` (each hundredth sample), ``noise:SECONDS``,
    joined by ``+``.
    """

    stated: float = 250.0
    rate: float = 0.0
    packet: int = 1
    loss: float = 0.0  # share of packets
    burst: int = 1  # packets that are lost together
    stamps: str = "true"
    ppm: float = 0.0  # of the device's clock
    change: tuple[float, float] = (0.0, 0.0)  # s after the start and Hz: the rate becomes another
    gap: tuple[float, float] = (0.0, 0.0)  # start, length, s, in which nothing is sent
    # Start, length, s, in which all is kept back, and how often the real rate it is then sent at.
    backlog: tuple[float, float, float] = (0.0, 0.0, 1.0)
    seconds: float = 30.0
    busy: bool = False  # both computers' cores are busy
    poll: float = 0.02  # s between reads
    piled: float = 0.0  # s of samples that had piled up before the first read
    stamped: bool = True
    seed: int = 1


@dataclass
class Result:
    """What the placer made of it."""

    error: np.ndarray  # stamp minus truth of each row that came, s
    at: np.ndarray  # s since the start at which each was taken
    marked: int  # lost rows between the first and the last that came
    lost: int  # samples really lost there
    off: np.ndarray  # row number minus sample number, from the first that came
    times: np.ndarray
    events: list[SourceEvent]
    delay: np.ndarray = field(default_factory=lambda: np.empty(0))  # s of the newest row at a read
    first: float = 0.0  # s from the first read to the first row

    def worst_ms(self, after: float = 5.0) -> float:
        return float(1e3 * np.abs(self.error[self.at > after]).max())

    @property
    def told(self) -> list[str]:
        return [e.text for e in self.events if e.text]

    @property
    def rates(self) -> list[float]:
        return [e.value for e in self.events if e.kind == "rate"]


def stamped(
    sender: Sender, taken: np.ndarray, sent: np.ndarray, start: float = START
) -> np.ndarray:
    """Return the stamps of samples that were taken and sent at these times, from `start` on."""
    since = taken - start
    number = np.arange(taken.size)
    out = taken.copy()
    for part in sender.stamps.split("+"):
        word, _, rest = part.partition(":")
        values = [float(x) for x in rest.split(",")] if rest else []
        if word == "none":
            out = sent.copy()
        elif word == "epoch":
            out = out + 1.7e9
        elif word == "zero":
            out = since.copy()
        elif word == "constant":
            out = np.full(taken.size, start)
        elif word == "nominal":
            out = start + number / sender.stated
        elif word == "last":
            last = np.minimum(number - number % sender.packet + sender.packet - 1, number[-1])
            out = taken[last] - (last - number) / sender.stated
        elif word == "ahead":
            out = out + values[0]
        elif word == "fast":
            out = out + values[0] * since
        elif word == "odd":
            out[number % 100 == 99] = values[0]
        elif word == "noise":
            out = out + np.random.default_rng(9).normal(0.0, values[0], out.size)
        elif word == "glitch":
            out = out + values[2] * ((number >= values[0]) & (number < values[1]))
        elif word == "coarse":
            out = np.floor(out / values[0]) * values[0]
        elif word == "jump":
            inside = (since >= values[0]) & (since < (values[2] if len(values) > 2 else np.inf))
            out = out + values[1] * inside
        else:
            assert word == "true", word
    return out


def lost_packets(sender: Sender, rng: np.random.Generator, n_packets: int) -> np.ndarray:
    """Choose which packets get lost, after the first three seconds."""
    first = rng.random(n_packets) < sender.loss / sender.burst
    gone = first.copy()
    for k in range(1, sender.burst):
        gone[k:] |= first[:-k]
    gone[: int(3 * (sender.rate or sender.stated) / sender.packet)] = False
    return gone


def run(sender: Sender) -> Result:
    """Send, read and place."""
    rng = np.random.default_rng(sender.seed)
    rate = sender.rate or sender.stated
    n = int(sender.seconds * rate)
    taken = START + np.arange(n) / (rate * (1.0 + 1e-6 * sender.ppm))
    at, other = sender.change
    if other:
        taken = np.where(
            taken < START + at, taken, START + at + (taken - START - at) * rate / other
        )
    packet = np.arange(n) // sender.packet
    n_packets = int(packet[-1]) + 1
    ready = taken[np.minimum((np.arange(n_packets) + 1) * sender.packet - 1, n - 1)]
    late = 1e-4 * rng.random(n_packets)
    reads = np.arange(START + sender.piled, taken[-1] + 2.0, sender.poll)
    if sender.busy:
        late += rng.exponential(0.002, n_packets)
        often = min(0.6 / rate * sender.packet, 0.05)
        late += 0.3 * (rng.random(n_packets) < often) * rng.random(n_packets)
        reads = reads + rng.exponential(0.004, reads.size)
        held = rng.random(reads.size) < 0.01
        reads = np.maximum.accumulate(reads + 0.4 * held * rng.random(reads.size))
    held_at, held_for, times_faster = sender.backlog
    if held_for:
        queue = held_at + START + held_for + (ready - START - held_at) / times_faster
        late = np.where(ready < START + held_at, late, np.maximum(late, queue - ready))
    sent = np.maximum.accumulate(ready + late)
    gone = lost_packets(sender, rng, n_packets)
    start, length = sender.gap
    gone |= (ready >= START + start) & (ready < START + start + length)
    here = ~gone[packet]
    index = np.flatnonzero(here)
    stamps = stamped(sender, taken, sent[packet])[index]
    came = sent[packet][index] + 2e-4
    placer = SamplePlacer(sender.stated, name="the amplifier", stamped=sender.stamped)
    ends = np.searchsorted(came, reads, "right")
    chunks, delays, events, first_row, first_read, done = [], [], [], None, None, 0
    for seen, end in zip(reads.tolist(), ends.tolist(), strict=True):
        if end == done:
            continue
        first_read = seen if first_read is None else first_read
        # A column with the number of the sample tells which is which.
        data = index[done:end, None].astype(np.float32)
        placed = placer.place(data, stamps[done:end], seen=seen)
        done = end
        events += [e for e in placer.events() if e.kind != "timing"]
        if placed is None:
            continue
        first_row = seen if first_row is None else first_row
        chunks.append(placed[0])
        delays.append(seen - placed[0].times[-1])
        assert np.isnan(placed[0].data).all(axis=1).tolist() == placed[1].tolist()
    data = np.concatenate([c.data for c in chunks])[:, 0]
    times = np.concatenate([c.times for c in chunks])
    rest = placer.rest()  # kept back, and not judged yet, when it ended
    which = data if rest is None else np.append(data, rest[0].data[:, 0])
    which = which[np.isfinite(which)].astype(int)
    assert np.array_equal(which, index[:done])  # nothing swallowed, nothing swapped
    result = judged(data, times, taken, START, events)
    result.delay, result.first = np.array(delays), first_row - first_read
    return result


def judged(
    data: np.ndarray, times: np.ndarray, taken: np.ndarray, start: float, events: list[SourceEvent]
) -> Result:
    """Hold rows, whose first channel is the number of the sample, against when each was taken."""
    rows = np.flatnonzero(np.isfinite(data))
    which = data[rows].astype(int)
    assert np.diff(times).min() > 0
    return Result(
        error=times[rows] - taken[which],
        at=taken[which] - start,
        marked=int(rows[-1] - rows[0] + 1 - rows.size),
        lost=int(which[-1] - which[0] + 1 - which.size),
        off=(rows - rows[0]) - (which - which[0]),
        times=times,
        events=events,
    )
