"""What was lost is found by how late what came after it stays."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.lateness import Silence, course, lost_before
from devices.sources.reads import Reads
from tests.doubles.stamped import Sender, run


def missing(counts, seen, packet):
    """Rows lost before each sample of reads of so many samples of 10 ms, the first due at 0.01."""
    ends = np.cumsum(counts)
    times = np.repeat(np.array(seen), counts)
    stamps = np.zeros(ends[-1])
    reads = Reads(np.zeros((ends[-1], 1), np.float32), stamps, times, ends.tolist(), list(seen))
    late = np.array(seen) - 0.01 * ends
    return lost_before(reads, late, len(seen) - 2, 0.01, 0.01, packet)


def test_what_every_later_read_is_late_by_was_lost_before_the_first_of_them():
    found = missing([5] * 8, [0.05, 0.10, 0.22, 0.27, 0.32, 0.37, 0.42, 0.47], 5)
    assert np.flatnonzero(found).tolist() == [10]
    assert found[10] == 7  # no whole packet, and none is made of it
    late_once = missing([5] * 8, [0.05, 0.10, 0.22, 0.22, 0.25, 0.30, 0.35, 0.40], 5)
    assert not late_once.any()


def test_what_is_nearly_whole_packets_is_whole_packets():
    found = missing([5] * 8, [0.05, 0.10, 0.206, 0.256, 0.306, 0.356, 0.406, 0.456], 5)
    assert found.sum() == 5
    by_time = missing([5] * 8, [0.05, 0.10, 0.206, 0.256, 0.306, 0.356, 0.406, 0.456], 0)
    assert by_time.sum() == 6


def test_what_was_lost_in_a_read_that_was_held_up_is_put_half_before_and_half_behind():
    found = missing([5, 5, 15, 5, 5, 5, 5], [0.05, 0.1, 0.35, 0.4, 0.45, 0.5, 0.55], 5)
    assert np.flatnonzero(found).tolist() == [10, 20]
    assert found[[10, 20]].tolist() == [5, 5]


def test_what_was_lost_while_reads_were_late_is_put_half_before_and_half_where_they_are_not():
    found = missing([5] * 8, [0.05, 0.1, 0.35, 0.38, 0.39, 0.40, 0.45, 0.50], 10)
    assert found.sum() == 10
    assert np.flatnonzero(found).tolist() == [10, 25]


@pytest.mark.parametrize("exact", [False, True])
def test_what_lateness_means_is_told_by_its_course(exact):
    number = np.arange(20)
    assert course(0.03 + 0.01 * number, 0.4, 0.2, exact=exact) == "rate"
    assert course(0.25 - 0.01 * number, 0.4, 0.2, exact=exact) == "falls"
    assert course(np.full(20, 0.05), 0.4, 0.2, exact=exact) == "lost"
    assert course(0.05 + 0.05 * (number > 9), 0.4, 0.2, exact=exact) == "lost"


def test_lateness_that_grows_a_little_is_a_rate_only_where_lost_samples_are_counted_already():
    late = 0.03 + 0.001 * np.arange(20)
    assert course(late, 0.4, 0.2, exact=True) == "rate"
    assert course(late, 0.4, 0.2, exact=False) == "lost"


@pytest.mark.parametrize("wait", [0.004, 0.02, 0.3, 1.0])
def test_a_silence_is_longer_than_what_is_usual_between_reads(wait):
    silence, seen = Silence(), 70.0
    for _ in range(30):
        seen += wait
        silence.hear(seen)
    assert silence.end < seen - 20 * wait  # if there was one it was at the start
    seen += max(2.0 * wait, 0.3) - 0.01
    silence.hear(seen)
    assert silence.end < seen
    seen += max(2.0 * wait, 0.3) + 0.01
    silence.hear(seen)
    assert silence.end == seen


@pytest.mark.parametrize(("stated", "seed"), [(128.0, 2), (125.0, 3)])
def test_long_packets_are_no_silences_in_which_a_wrong_rate_stays(stated, seed):
    result = run(Sender(stated=stated, packet=40, stamps="zero", busy=True, poll=0.002, seed=seed))
    assert result.worst_ms(20.0) < 100.0
    assert result.rates[-1] == pytest.approx(stated, rel=0.01)
