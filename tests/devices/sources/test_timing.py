"""The jitter that is told is that of the stamps, whatever a few of them do."""

import numpy as np
import pytest

from devices.sources.placing import SamplePlacer
from devices.sources.source import Timing
from devices.sources.timing import TimingWatch


@pytest.mark.parametrize("sd", [0.0005, 0.004])
def test_jitter_is_the_sd_of_arrival_less_fitted_time_outliers_and_offset_aside(sd: float) -> None:
    rng, watch = np.random.default_rng(1), TimingWatch()
    told = []
    for read in range(600):
        fitted = (np.arange(10) + 10 * read) / 500.0
        late = 0.01 + sd * rng.standard_normal(10)
        late[rng.random(10) < 0.05] += 0.3  # a busy host
        told += watch.push(fitted + late, fitted, duplicated=int(read == 300))
    assert 11 <= len(told) <= 13
    assert told[-1].value.jitter == pytest.approx(sd, rel=0.12)
    assert [event.value.duplicated for event in told if event.value.duplicated] == [(6.018,)]


def test_the_placer_tells_the_jitter_of_what_it_places() -> None:
    rng, placer = np.random.default_rng(2), SamplePlacer(250.0)
    told = []
    for read in range(300):
        stamps = 50.0 + (np.arange(5) + 5 * read) / 250.0 + 0.002 * rng.random(5)
        placer.place(np.zeros((5, 1), np.float32), stamps, seen=float(stamps.max()))
        told += [event for event in placer.events() if event.kind == "timing"]
    assert 5 <= len(told) <= 8
    assert isinstance(told[-1].value, Timing)
    assert 0.0003 < told[-1].value.jitter < 0.0012  # evenly over 2 ms: sd 0.58
