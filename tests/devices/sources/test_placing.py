"""The quick way of placing a few samples in line gives what the general one does, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.sources import placing
from devices.sources.placing import SamplePlacer


def placed(modulus, reads, few):
    """Rows, times and events of reads of (samples, samples lost before, lateness in ms)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placing, "_FEW", few)
        placer = SamplePlacer(250.0, modulus=modulus)
        rows, times, events, number = [], [], [], 0
        for n, lost, late in reads:
            number += lost
            numbers = number + np.arange(n)
            number += n
            stamps = 70.0 + numbers / 250.01
            seen = float(stamps[-1]) + 1e-3 * late + 1e-4
            if modulus is not None:
                stamps = np.maximum(stamps, seen - 0.004)
            got = placer.place(
                numbers[:, None].astype(np.float32), stamps, numbers % 256, seen=seen
            )
            if got is not None:
                rows.append(got[0].data)
                times.append(got[0].times)
            events += placer.events()
        rest = placer.rest()
        if rest is not None:
            rows.append(rest[0].data)
            times.append(rest[0].times)
    return np.concatenate(rows), np.concatenate(times), events


READS = st.lists(
    st.tuples(
        st.integers(1, 12),
        st.sampled_from([0] * 30 + [1, 2, 40]),
        st.sampled_from([0.0] * 5 + [0.3, 2.0, 15.0, 90.0]),
    ),
    min_size=80,
    max_size=200,
)


@pytest.mark.parametrize("modulus", [256, None])
@settings(max_examples=25, deadline=None)
@given(reads=READS)
def test_the_quick_way_gives_what_the_general_one_does(modulus, reads):
    quick, general = placed(modulus, reads, 32), placed(modulus, reads, 0)
    assert np.array_equal(quick[0], general[0], equal_nan=True)
    assert np.array_equal(quick[1], general[1])
    assert quick[2] == general[2]


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 40), min_size=60, max_size=120))
def test_rows_and_true_stamps_do_not_depend_on_how_samples_are_cut_into_reads(cuts):
    rows, times, _ = placed(None, [(n, 0, 0.0) for n in cuts], 32)
    assert np.array_equal(rows[:, 0], np.arange(rows.shape[0]))
    assert np.abs(times - (70.0 + np.arange(times.size) / 250.01)).max() < 1e-6


def test_the_quick_way_is_taken():
    taken = []
    placer = SamplePlacer(250.0, modulus=256)
    quick = placer._few
    placer._few = lambda *args: taken.append(quick(*args)) or taken[-1]
    for k in range(1000):
        numbers = np.arange(5) + 5 * k
        stamps = 10.0 + numbers / 250.0
        placer.place(np.ones((5, 1), np.float32), stamps, numbers % 256, seen=stamps[-1] + 1e-3)
    assert sum(times is not None for times in taken) > 900


@pytest.mark.parametrize("reads", [1, 2])
def test_a_recording_of_one_read_or_two_is_placed_when_it_ends(reads):
    placer = SamplePlacer(250.0)
    stamps = 9.0 + np.arange(10) / 250.0
    for part in np.split(stamps, reads):
        assert placer.place(np.ones((part.size, 2), np.float32), part, seen=10.0) is None
    rest = placer.rest()
    assert rest is not None
    assert np.allclose(np.diff(rest[0].times), 0.004, atol=1e-6)
    assert placer.rate == 250.0
