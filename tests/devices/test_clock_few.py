"""A few samples get the very times that many do, in whatever reads they come."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.clock import SampleClock


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 40),
    wrong=st.sampled_from([0.0, 1e-4, -1e-3, 0.04]),
    jitter=st.sampled_from([0.0, 1e-3, 0.03]),
    told=st.booleans(),
)
def test_plain_numbers_and_arrays_give_the_same_times_to_the_last_bit(
    seed, size, wrong, jitter, told
):
    rng = np.random.default_rng(seed)
    with_arrays, with_numbers = SampleClock(250.0), SampleClock(250.0)
    period, sent = (1.0 + wrong) / 250.0, 0
    for read in range(120):
        n = int(rng.integers(1, size + 1))
        arrivals = 50.0 + period * (sent + np.arange(n)) + rng.exponential(jitter, n)
        sent += n
        missing = np.zeros(n, dtype=np.int64)
        if rng.random() < 0.02:
            missing[rng.integers(n)] = lost = int(rng.integers(1, 300))
            sent += lost
        if read == 60:
            arrivals -= 0.2  # what came before was held up
        seen = float(arrivals.max()) if told else None
        expected = stamps_of_arrays(with_arrays, arrivals, missing, seen)
        got = with_numbers.stamps(arrivals, missing, seen)
        assert got.tolist() == expected.tolist()
    assert vars(with_numbers) == vars(with_arrays)


def stamps_of_arrays(clock: SampleClock, arrivals, missing, seen) -> np.ndarray:
    import devices.clock

    few, devices.clock._FEW = devices.clock._FEW, 0
    try:
        return clock.stamps(arrivals, missing, seen)
    finally:
        devices.clock._FEW = few
