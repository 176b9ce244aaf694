"""Twenty ways in which packets with a counter fail: what is lost is counted to the sample."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.loss import put_in_order
from devices.sources.placing import SamplePlacer

N = 5000


def device(rate: float, share: int, step: int, modulus: int) -> dict[str, float]:
    return {"rate": rate, "share": share, "step": step, "modulus": modulus}


CYTON = device(250.0, 1, 1, 256)
DAISY = device(125.0, 1, 2, 256)
MUSE = device(256.0, 12, 1, 65536)


def lose(*packets: range) -> dict[str, object]:
    return {"gone": [k for part in packets for k in part]}


FAULTS = {
    # what is done to the packets (numbers of them), of which device
    "nothing": (CYTON, {}),
    "one": (CYTON, lose(range(700, 701))),
    "ones, many": (CYTON, {"gone": list(range(600, 4000, 7))}),
    "a burst": (CYTON, lose(range(700, 730))),
    "bursts one after the other": (CYTON, lose(range(700, 710), range(712, 730), range(731, 740))),
    "one wrap": (CYTON, lose(range(700, 956))),
    "one wrap and a half": (CYTON, lose(range(700, 1084))),
    "two wraps": (CYTON, lose(range(700, 1212))),
    "eight wraps and one": (CYTON, lose(range(700, 2749))),
    "twice": (CYTON, {"twice": [700, 933]}),
    "twice, at the wrap": (CYTON, {"twice": [767, 768, 1023]}),
    "overtaken": (CYTON, {"swapped": [700, 933, 1023]}),
    "overtaken, and one lost": (CYTON, {"swapped": [700], "gone": [703, 720]}),
    "stuck": (CYTON, {"stuck": range(700, 1000)}),
    "stuck for a moment": (CYTON, {"stuck": range(700, 703)}),
    "paused": (CYTON, {"paused": range(700, 1000)}),
    "damaged": (CYTON, {"damaged": [700, 941, 1500]}),
    "daisy, one": (DAISY, lose(range(700, 701))),
    "daisy, ones and a wrap": (DAISY, lose(range(700, 828), range(900, 901), range(1500, 1503))),
    "daisy, half a sample": (DAISY, {"stale": [700, 815]}),
    "daisy, twice": (DAISY, {"twice": [700]}),
    "muse, one": (MUSE, lose(range(100, 101))),
    "muse, a burst": (MUSE, lose(range(100, 125))),
    "muse, twice": (MUSE, {"twice": [100]}),
    "muse, overtaken": (MUSE, {"swapped": [100]}),
}


@pytest.mark.parametrize("phase", [0.0, 0.013])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_lost_is_counted_exactly_and_every_row_is_in_its_place(fault, phase):
    kind, done = FAULTS[fault]
    rate, share = kind["rate"], int(kind["share"])
    packets = np.arange(N // share)
    sent = [k for k in packets.tolist() if k not in set(done.get("gone", []))]
    counters = packets * int(kind["step"]) % int(kind["modulus"])
    lost_too = []
    for k in done.get("stuck", []):
        counters[k] = counters[done["stuck"][0]]
    if "paused" in done:  # the device counts on from where it stood
        first, last = done["paused"][0], done["paused"][-1]
        counters[first : last + 1] = counters[first]
        counters[last + 1 :] = (counters[first] + 1 + np.arange(packets.size - last - 1)) % 256
    for k in done.get("damaged", []):
        counters[k] = (counters[k] + 91) % 256
    for k in done.get("stale", []):
        counters[k] = counters[k - 1]
        lost_too.append(k)
    order = []
    for k in sent:
        order.append(k)
        order += [k] * (k in done.get("twice", []))
    for k in done.get("swapped", []):
        at = order.index(k)
        order[at], order[at + 1] = order[at + 1], order[at]
    # A packet leaves when its last sample is taken; what comes twice comes at once.
    ready = np.maximum.accumulate(1000.0 + ((np.array(order) + 1) * share - 1) / rate) + 0.0003
    rows = (np.array(order)[:, None] * share + np.arange(share)).ravel()
    came, counts = np.repeat(ready, share), np.repeat(counters[order], share)
    placer = SamplePlacer(rate, modulus=int(kind["modulus"]), step=int(kind["step"]), share=share)
    chunks, end = [], 0
    for seen in np.arange(1000.0 + phase, came[-1] + 0.5, 0.02):
        first, end = end, int(np.searchsorted(came, seen, "right"))
        if end > first:
            placed = placer.place(
                rows[first:end, None].astype(np.float32),
                came[first:end],
                counts[first:end],
                seen=float(seen),
            )
            if placed is not None:
                chunks.append(placed[0])
    rest = placer.rest()
    if rest is not None:
        chunks.append(rest[0])
    data = np.concatenate([c.data for c in chunks])[:, 0]
    times = np.concatenate([c.times for c in chunks])
    expected = np.arange(rows[0], rows.max() + 1, dtype=np.float64)
    gone = [r for k in set(packets.tolist()) - set(sent) for r in range(k * share, (k + 1) * share)]
    expected[[r for r in gone + lost_too if r < expected.size]] = np.nan
    assert np.array_equal(data, expected, equal_nan=True)
    assert np.diff(times).min() > 0


def test_values_are_put_in_order():
    assert put_in_order([1, 2, 3], 0, 256).kept == [0, 1, 2]
    assert put_in_order([1, 3, 2, 4], 0, 256).kept == [0, 2, 1, 3]
    twice = put_in_order([1, 2, 2, 3], 0, 256)
    assert (twice.kept, twice.duplicated, twice.open) == ([0, 1, 3], 1, False)
    assert put_in_order([1, 2, 2], 0, 256).open
    assert put_in_order([1, 2, 2, 4], 0, 256).kept == [0, 1, 2, 3]
    assert put_in_order([1, 2, 2, 4], 0, 256, stale=True).kept == [0, 1, 3]
