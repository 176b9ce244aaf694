"""The ring gives every reader the rows that were written, or tells it that it was overtaken."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ring import Ring

N_CH = 4


def rows(first: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that tell their own number in every value."""
    number = np.arange(first, first + n)
    return np.repeat(number[:, None], N_CH, axis=1).astype(np.float32), number * 0.004


def torn(block) -> bool:
    """Whether any value of a block is not what was written at its number."""
    data, times = rows(block.first, block.times.size)
    return not (np.array_equal(block.data, data) and np.array_equal(block.times, times))


@given(st.lists(st.integers(0, 70), max_size=30), st.integers(1, 9))
def test_a_reader_that_keeps_up_gets_every_row_once_in_order(sizes, read_every):
    ring = Ring.create(N_CH, 0.4, 250, local=True)  # 100 rows
    written = seen = lost = 0
    for k, size in enumerate(sizes):
        ring.write(*rows(written, size))
        written += size
        if k % read_every == 0:
            block = ring.since(seen)
            assert not torn(block)
            assert block.first - seen == block.overtaken
            lost += block.overtaken
            seen = block.next
            assert seen == written
    assert ring.total == written
    assert lost == 0 or read_every > 1


def test_an_overtaken_reader_is_told_how_many_rows_it_lost():
    ring = Ring.create(N_CH, 0.4, 250, local=True)
    ring.write(*rows(0, 90))
    ring.write(*rows(90, 90))
    block = ring.since(10)
    assert (block.first, block.overtaken, block.next) == (80, 70, 180)
    assert not torn(block)


def test_a_gap_longer_than_the_ring_leaves_the_newest_rows_in_place():
    ring = Ring.create(N_CH, 0.4, 250, local=True)
    ring.write(*rows(0, 33))
    ring.write(*rows(33, 1234))
    block = ring.latest(10.0)
    assert (block.first, block.times.size, block.overtaken) == (1167, 100, 0)
    assert not torn(block)


def test_lost_rows_stay_nan_and_keep_their_times():
    ring = Ring.create(N_CH, 1, 250, local=True)
    data, times = rows(0, 10)
    data[3:5] = np.nan
    ring.write(data, times)
    block = ring.since(0)
    assert np.isnan(block.data).all(axis=1).tolist() == [False] * 3 + [True] * 2 + [False] * 5
    assert np.array_equal(block.times, times)


@pytest.mark.parametrize("ordered", [True, False])  # by the processor, or by a lock of ours
def test_latest_gives_the_newest_seconds_and_less_at_the_start(monkeypatch, ordered):
    monkeypatch.setattr("devices.ring._ORDERED", ordered)
    ring = Ring.create(N_CH, 1, 250, local=True)
    assert ring.latest(0.5).times.size == 0
    ring.write(*rows(0, 60))
    assert ring.latest(0.2).first == 10
    assert ring.latest(0.5).times.size == 60


def test_a_hole_longer_than_the_ring_is_counted_in_full_and_a_reader_is_told():
    ring = Ring.create(N_CH, 0.4, 250, local=True)  # 100 rows
    assert ring.lose(5.0) == 0  # before the first row there is nothing to be lost from
    ring.write(*rows(0, 50))
    n = ring.lose(1049 * 0.004)
    assert n == 999
    ring.write(*rows(1049, 10))
    block = ring.since(50)
    assert (block.first, block.overtaken, block.next) == (959, 909, 1059)
    lost = np.isnan(block.data).all(axis=1)
    assert lost.tolist() == [True] * 90 + [False] * 10
    assert np.allclose(block.times, np.arange(959, 1059) * 0.004)


def test_a_write_is_seen_in_its_order_by_any_processor(monkeypatch):
    """What must be seen before or after what stands on its own side of a fence."""
    ring = Ring.create(1, 0.4, 250, local=True)
    ring.write([[1.0]], [0.0])
    data, _, claim, total, _ = ring._open()
    seen: list[tuple] = []
    monkeypatch.setattr(
        "devices.ring._fence",
        lambda: seen.append((claim.item(0), data[1, 0], data[101, 0], total.item(0))),
    )
    ring.write([[7.0]], [0.004])
    assert seen == [(2, 0.0, 0.0, 1), (2, 7.0, 7.0, 1)]
    assert ring.total == 2


@given(st.integers(1, 250), st.sampled_from([1, 2]))
def test_rows_that_are_overwritten_while_they_are_read_are_not_given_out(n, fence):
    """The writer goes on between any two steps of a reader."""
    with pytest.MonkeyPatch.context() as patch:
        ring = Ring.create(N_CH, 0.4, 250, local=True)
        ring.write(*rows(0, 80))
        fences = iter(range(1, 3))

        def overtake() -> None:
            if next(fences, 0) == fence:
                ring.write(*rows(80, n))

        patch.setattr("devices.ring._fence", overtake)
        block = ring.since(10)
    assert not torn(block)
    # Of rows that were copied before the writer came only those in its way are held back.
    assert block.first == 10 + block.overtaken
    assert block.next == 80 or block.times.size == 0


@pytest.fixture
def shared() -> Iterator[Ring]:
    ring = Ring.create(N_CH, 0.4, 250)
    yield ring
    ring.close()


def read_flat_out(name: str, conn: Connection) -> None:
    """Read in a process of its own until told to stop; report reads, rows and torn blocks."""
    ring = Ring.attach(name)
    reads = bad = seen = got = 0
    conn.send("reading")
    while not conn.poll():
        block = ring.since(seen)
        if got == 0 and block.times.size:
            conn.send("got some")
        seen, got, reads, bad = block.next, got + block.times.size, reads + 1, bad + torn(block)
    conn.send((reads, bad))
    ring.close()


def read_and_write_flat_out(*, reads: int) -> dict[str, int]:
    """Two threads and a process read, and one writes without pause, until so many reads."""
    ring = Ring.create(N_CH, 0.4, 250)
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(
        target=read_flat_out, args=(ring.name, theirs), daemon=True
    )
    child.start()
    assert ours.poll(60)
    assert ours.recv() == "reading"
    stop, counts = threading.Event(), [[0, 0], [0, 0]]

    def read(count: list[int]) -> None:
        while not stop.is_set():
            count[1] += torn(ring.latest(0.3))
            count[0] += 1

    threads = [threading.Thread(target=read, args=(count,)) for count in counts]
    for thread in threads:
        thread.start()
    written, rng = 0, np.random.default_rng(3)
    while child.is_alive() and (
        sum(n for n, _ in counts) < reads or written < 1000 or not ours.poll()
    ):
        for n in rng.integers(1, 40, 50).tolist():
            ring.write(*rows(written, n))
            written += n
    stop.set()
    assert ours.recv() == "got some"
    ours.send("stop")
    assert ours.poll(60)
    count, bad = ours.recv()
    for thread in threads:
        thread.join(5)
    child.join(5)
    ring.close()
    return {
        "rows": written,
        "reads": count + sum(n for n, _ in counts),
        "torn": bad + sum(b for _, b in counts),
    }


def test_no_reader_in_thread_or_process_ever_sees_a_torn_row():
    seen = read_and_write_flat_out(reads=3000)
    assert seen["reads"] > 3000
    assert seen["torn"] == 0


def test_a_closed_ring_says_so(shared: Ring):
    from dsp.checks import DeviceError

    shared.close()
    shared.close()
    with pytest.raises(DeviceError, match="closed"):
        shared.since(0)
