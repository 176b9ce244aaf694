"""Arrivals show another rate where they lie on its line, and none where samples are lost."""

from __future__ import annotations

import numpy as np
import pytest

from devices.sources.pace import Pace


def shown(
    rate: float, *, packet: int = 1, loss: float = 0.0, seconds: float = 10.0, seed: int = 0
) -> list[tuple[float, float]]:
    """Times at which another rate than 250 Hz shows, and that rate, of reads each 5 ms."""
    rng = np.random.default_rng(seed)
    ready = np.arange(1, int(rate * seconds) // packet) * packet / rate
    sent = (ready + 2e-4 * rng.random(ready.size))[rng.random(ready.size) >= loss]
    reads = np.arange(0.0, seconds, 0.0051)
    came = np.diff(np.searchsorted(sent, reads, "right"), prepend=0)
    pace, found = Pace(), []
    for seen, n in zip(reads.tolist(), (packet * came).tolist(), strict=True):
        looks = n and pace.suspects(n, seen, 0.004)
        if n:
            pace.add(n, seen, 0.004)
        if looks and (other := pace.other(0.004)) is not None:
            found.append((seen, 1.0 / other[0]))
            pace = Pace()
    return found


@pytest.mark.parametrize("packet", [1, 4, 12])
@pytest.mark.parametrize("rate", [125.0, 203.0, 240.0, 246.0, 248.0, 252.0, 500.0])
def test_another_rate_is_found_within_seconds(rate, packet):
    seen, found = shown(rate, packet=packet)[0]
    assert seen < (2.1 if abs(rate - 250.0) > 3.0 else 4.5)
    assert found == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize("packet", [1, 4, 12])
@pytest.mark.parametrize("loss", [0.005, 0.02, 0.05])
def test_lost_samples_are_no_rate(loss, packet):
    for seed in range(2):
        assert shown(250.0, packet=packet, loss=loss, seconds=60.0, seed=seed) == []


def test_losses_that_are_known_are_no_lateness():
    pace = Pace()
    for k in range(400):
        lost = 5 * (k > 100 and k % 5 == 0)
        pace.skip(lost)
        n = 5 - lost
        if n:
            assert not pace.suspects(n, 0.02 * k, 0.004)
            pace.add(n, 0.02 * k, 0.004)
