"""Twenty ways in which packets with a counter fail: what is lost is counted to the sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sources.numbering import NO_VALUE
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
    "daisy, half a sample": (DAISY, {"halved": [700, 701, 815, 817], "gone": [900]}),
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
    for k in done.get("stuck", []):
        counters[k] = counters[done["stuck"][0]]
    if "paused" in done:  # the device counts on from where it stood
        first, last = done["paused"][0], done["paused"][-1]
        counters[first : last + 1] = counters[first]
        counters[last + 1 :] = (counters[first] + 1 + np.arange(packets.size - last - 1)) % 256
    for k in done.get("damaged", []):
        counters[k] = (counters[k] + 91) % 256
    for k in done.get("halved", []):
        counters[k] = NO_VALUE
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
    expected[[r for r in gone if r < expected.size]] = np.nan
    assert np.array_equal(data, expected, equal_nan=True)
    assert np.diff(times).min() > 0


def mixed(n, gone, delays, blocks):
    """Packets in the order in which they come: late by `delays`, and in blocks of repeats."""
    order = [k for k in range(n) if k not in gone]
    order.sort(key=lambda k: (k + delays.get(k, 0) + 0.5 * (k in delays), k))
    for at, length in sorted(blocks, reverse=True):
        end = order.index(at) + 1 if at in order else 0
        newest = max(order[:end], default=0)
        block = [k for k in order[max(end - length, 0) : end] if k > newest - 127]
        order[end:end] = block
    return order


def rows_of(order, *, rate=250.0, modulus=256, at_once=5, n_ch=3):
    """Place packets that come in this order, each when the newest so far was taken."""
    number = np.array(order)
    came = 9.0 + np.maximum.accumulate(number) / rate
    data = np.random.default_rng(1).standard_normal((number.max() + 1, n_ch)).astype(np.float32)
    data[:, 0] = np.arange(len(data))
    placer, chunks, twice = SamplePlacer(rate, modulus=modulus), [], 0
    for first in range(0, number.size, at_once):
        part = number[first : first + at_once]
        arrivals = came[first : first + at_once]
        placed = placer.place(data[part], arrivals, part % modulus, seen=float(arrivals[-1]))
        chunks += [] if placed is None else [placed[0]]
        twice += sum(len(e.value.duplicated) for e in placer.events() if e.kind == "timing")
    rest = placer.rest()
    chunks += [] if rest is None else [rest[0]]
    assert np.diff(np.concatenate([c.times for c in chunks])).min() > 0
    return np.concatenate([c.data for c in chunks])[:, 0], twice


def expected(order, n):
    rows = np.arange(n, dtype=np.float64)
    rows[sorted(set(range(n)) - set(order))] = np.nan
    return rows[: max(order) + 1]


@settings(max_examples=40, deadline=None)
@given(
    singles=st.sets(st.integers(300, 1200), max_size=60),
    bursts=st.lists(st.tuples(st.integers(4, 14), st.integers(2, 127)), max_size=4),
    delays=st.dictionaries(st.integers(300, 1200), st.integers(1, 20), max_size=30),
    blocks=st.lists(st.tuples(st.integers(300, 1200), st.integers(1, 127)), max_size=8),
    at_once=st.integers(1, 12),
)
def test_any_mixture_of_repeats_late_packets_and_losses_is_counted_to_the_sample(
    singles, bursts, delays, blocks, at_once
):
    n = 1400
    gone = set(singles)
    for where, length in dict(bursts).items():
        gone |= set(range(80 * where, 80 * where + length))
    order = mixed(n, gone, delays, blocks)
    rows, _ = rows_of(order, at_once=at_once)
    assert np.array_equal(rows, expected(order, n), equal_nan=True)


def test_a_lone_packet_between_two_bursts_stands_in_its_place():
    order = mixed(1400, {*range(320, 399), *range(400, 425)}, {}, [])
    rows, _ = rows_of(order, at_once=1)
    assert np.array_equal(rows, expected(order, 1400), equal_nan=True)


REPEATS = [1, 2, 3, 4, 5, 7, 10, 20, 33, 64, 120]


@pytest.mark.parametrize("length", REPEATS)
def test_a_block_that_comes_a_second_time_is_left_out_and_said(length):
    order = mixed(1400, set(), {}, [(805, length)])
    rows, twice = rows_of(order)
    assert np.array_equal(rows, np.arange(1400.0))
    assert twice == length


@pytest.mark.parametrize("every", [7, 23, 50])
def test_a_repeat_directly_before_or_behind_a_loss_hides_none_of_them(every):
    for behind in (-1, 1):
        gone = set(range(300, 1200, every))
        order = mixed(1400, gone, {}, [(k + behind, 1) for k in gone])
        rows, twice = rows_of(order)
        assert np.array_equal(rows, expected(order, 1400), equal_nan=True)
        assert twice == len(gone)


@pytest.mark.parametrize("by", [1, 2, 4, 9, 20])
@pytest.mark.parametrize("every", [40, 100])
def test_packets_that_come_late_stand_in_their_place(by, every):
    delays = dict.fromkeys(range(300, 1200, every), by)
    rows, twice = rows_of(mixed(1400, {305, 711}, delays, []))
    assert np.array_equal(np.flatnonzero(np.isnan(rows)), [305, 711])
    assert twice == 0


def test_what_comes_later_than_is_waited_for_is_lost_and_moves_no_row():
    order = mixed(1400, set(), {500: 60, 700: 90}, [])
    rows, _ = rows_of(order)
    assert np.array_equal(
        rows,
        np.where(np.isin(np.arange(1400), (500, 700)), np.nan, np.arange(1400)),
        equal_nan=True,
    )


@pytest.mark.parametrize("share", [1, 2])
@pytest.mark.parametrize("gone", [126, 127, 128, 129, 254, 255, 256, 257, 511, 512, 767])
def test_a_hole_of_any_length_near_whole_turns_is_counted_to_the_sample(gone, share):
    order = mixed(2600, set(range(1300, 1300 + gone)), {}, [])
    rows, _ = rows_of(order, rate=250.0 / share, modulus=256 // share)
    assert np.array_equal(rows, expected(order, 2600), equal_nan=True)


GANGLION = device(200.0, 2, 1, 201)
BOARDS = {"cyton": CYTON, "daisy": DAISY, "muse": MUSE, "ganglion": GANGLION}

#: Packets from one fault to the next (from the end of the first), which fault, and how long it is.
faults = st.lists(
    st.tuples(
        st.integers(1, 80),
        st.sampled_from(["gone", "lone", "twice", "swapped", "damaged", "stuck", "none", "turn"]),
        st.integers(1, 100),
    ),
    min_size=1,
    max_size=14,
)


def broken(kind, story):
    """Packets in the order in which they come, the counters of all, and how many came twice."""
    step, modulus = int(kind["step"]), int(kind["modulus"])
    turn, per_s = modulus // step, kind["rate"] / kind["share"]
    order, counters, at, twice = list(range(int(1.5 * per_s))), [], int(1.5 * per_s), 0
    damage, stuck, none = [], [], []
    for apart, fault, size in story:
        size = max(1, size * int(per_s) // 125)
        # Judged by what is around it: some packets that came well.
        alone = fault in ("damaged", "stuck", "none", "turn", "twice") or size > per_s / 4
        order += range(at, at + max(apart, 8 if alone else 1))
        at = order[-1] + 1
        if fault == "gone":
            at += size
        elif fault == "lone":
            order.append(at + size)
            at += size + 1 + apart
        elif fault == "twice":
            block = order[-min(size, 6) :]
            order += block
            twice += len(block)
        elif fault == "swapped":
            late = min(size, 3)
            order += [*range(at + 1, at + late + 1), at]
            at += late + 1
        elif fault == "turn" and turn < 1000:
            at += turn * (1 + size % 3) + size % 5 - 2
            order += range(at, at + int(0.7 * per_s))
            at = order[-1] + 1
        elif fault in ("damaged", "stuck"):
            n = 1 if fault == "damaged" else 5 + size
            (damage if n == 1 else stuck).append((at, n, 1 + size * 7 % (turn - 2)))
            order += range(at, at + n + 8)
            at += n + 8
        elif fault == "none" and kind["share"] == 1:
            none += range(at, at + 1 + size % 5)
            order += range(at, none[-1] + 9)
            at = none[-1] + 9
    order += range(at, at + int(per_s))
    counters = np.arange(order[-1] + 1) % turn * step
    for first, n, _ in stuck:
        counters[first : first + n] = counters[first]
    here = set(order)
    for first, _, off in damage:
        # That of a number which was just lost is the same as one that comes late.
        ahead = next(
            k for k in range(off, 2 * turn) if k % turn and first + k % turn - turn in here
        )
        counters[first] = (counters[first] // step + ahead) % turn * step
    counters[none] = NO_VALUE
    return order, counters, twice * int(kind["share"])


def placed_by(kind, order, counters, *, read_s, grid_s=0.0, begin=0.007):
    """Rows of packets in this order (NaN where lost), how many came twice, and their times."""
    rate, share = kind["rate"], int(kind["share"])
    packets = np.array(order)
    came = 9.0 + np.maximum.accumulate((packets + 1) * share - 1) / rate
    came = np.ceil(came / grid_s) * grid_s if grid_s else came
    rows = (packets[:, None] * share + np.arange(share)).ravel()
    came, counts = np.repeat(came, share), np.repeat(np.array(counters)[packets], share)
    data = np.random.default_rng(1).standard_normal((rows.max() + 1, 3)).astype(np.float32)
    data[:, 0] = np.arange(len(data))
    placer = SamplePlacer(rate, modulus=int(kind["modulus"]), step=int(kind["step"]), share=share)
    seen = np.arange(9.0 + begin, came[-1] + 2 * read_s, read_s)
    chunks, first, twice = [], 0, 0
    for at, end in zip(seen.tolist(), np.searchsorted(came, seen, "right").tolist(), strict=True):
        if end > first:
            part = rows[first:end]
            got = placer.place(data[part], came[first:end], counts[first:end], seen=at)
            chunks += [] if got is None else [got[0]]
        first = end
        twice += sum(len(e.value.duplicated) for e in placer.events() if e.kind == "timing")
    rest = placer.rest()
    chunks += [] if rest is None else [rest[0]]
    times = np.concatenate([c.times for c in chunks])
    assert np.diff(times).min() > 0
    return np.concatenate([c.data for c in chunks])[:, 0], twice, times


@pytest.mark.parametrize("board", BOARDS)
@settings(max_examples=25, deadline=None)
@given(
    story=faults,
    read_s=st.sampled_from([0.004, 0.02, 0.05]),
    grid_s=st.sampled_from([0.0, 0.016]),
)
def test_any_mixture_of_faults_of_any_board_is_counted_to_the_sample(board, story, read_s, grid_s):
    kind = BOARDS[board]
    share = int(kind["share"])
    order, counters, twice = broken(kind, story)
    rows, told, _ = placed_by(kind, order, counters, read_s=read_s, grid_s=grid_s)
    come = [k * share + m for k in set(order) for m in range(share)]
    assert np.array_equal(rows, expected(come, max(come) + 1), equal_nan=True)
    assert told <= twice


@pytest.mark.parametrize("board", BOARDS)
@settings(max_examples=10, deadline=None)
@given(story=faults, begin=st.floats(0.0, 0.02))
def test_rows_do_not_depend_on_how_the_reads_are_cut(board, story, begin):
    kind = BOARDS[board]
    order, counters, _ = broken(kind, story)
    once, _, times = placed_by(kind, order, counters, read_s=0.02)
    for read_s in (0.002, 0.033, 0.1):
        rows, _, other = placed_by(kind, order, counters, read_s=read_s, begin=begin)
        assert np.array_equal(rows, once, equal_nan=True)
        assert np.abs(other - times).max() < 0.002


@pytest.mark.parametrize("value", [3, 60, 130, 201, 253])
def test_a_packet_with_a_damaged_counter_in_the_middle_of_a_hole_is_kept_and_said(value):
    """It says nothing of where it belongs: it stands where it arrived."""
    order = [*range(700), 780, *range(820, 1500)]
    counters = np.arange(1500) % 256
    counters[780] = (700 + value) % 256
    rows, _, _ = placed_by(CYTON, order, counters, read_s=0.02)
    assert np.isfinite(rows).sum() == len(order)
    assert np.array_equal(np.flatnonzero(np.isfinite(rows))[701:], order[701:])
    assert abs(int(np.flatnonzero(rows == 780.0)[0]) - 780) <= 13


@pytest.mark.parametrize("silent", [0, 20, 100, 300])
@pytest.mark.parametrize("at", [700, 767, 768, 895])
def test_a_board_that_starts_anew_with_its_counter_at_zero_moves_no_row_by_more_than_its_silence(
    silent, at
):
    order = [*range(at), *range(at + silent, 2400)]
    counters = np.arange(2400) % 256
    counters[at + silent :] = np.arange(2400 - at - silent) % 256
    rows, twice, times = placed_by(CYTON, order, counters, read_s=0.02)
    kept = np.flatnonzero(np.isfinite(rows))
    assert np.array_equal(rows[kept], order)
    assert twice == 0
    assert abs(int(kept[-1]) - 2399) <= 13
    late = np.abs(times[kept] - 9.0 - np.array(order) / 250.0)
    assert late[-250:].max() < 0.06


def test_a_packet_that_is_overtaken_is_kept_where_its_value_comes_again_after_a_burst():
    order = [*range(932), 934, 933, *range(935, 941), 1072, *range(1179, 1400)]
    rows, _, _ = placed_by(CYTON, order, np.arange(1400) % 256, read_s=0.02)
    assert np.array_equal(rows, expected(order, 1400), equal_nan=True)


def test_a_late_packet_right_behind_a_burst_stands_in_its_place():
    order = mixed(1400, set(range(400, 425)), {425: 1}, [])
    rows, _ = rows_of(order, at_once=1)
    assert np.array_equal(rows, expected(order, 1400), equal_nan=True)
