"""Lost packets on the way to the 64 Hz grid: short holes are bridged, longer ones stay holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.filters import HALF, GridSampler, filter_second
from dsp.grid import RATE

SECONDS = 12


def noise(sfreq: float, *, mains: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """1/f noise of unit size with mains hum on a large offset, and its times."""
    rng = np.random.default_rng(2)
    n = int(SECONDS * sfreq)
    times = 70.1 + np.arange(n) / sfreq
    spectrum = np.fft.rfft(rng.standard_normal((n, 2)), axis=0)
    hz = np.fft.rfftfreq(n, 1 / sfreq)
    eeg = np.fft.irfft(spectrum / np.maximum(hz, 0.5)[:, None] ** 0.6, n, axis=0)
    hum = mains * np.sin(2 * np.pi * 50.0 * times)[:, None]
    return 20_000.0 + eeg / eeg.std() + hum, times


def on_grid(eeg: np.ndarray, times: np.ndarray, sfreq: float) -> np.ndarray:
    return GridSampler(eeg.shape[1], sfreq=sfreq).push(eeg, times)[1]


def filtered(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    parts = [
        filter_second(
            rows[a - HALF : a + RATE + HALF], np.isfinite(rows[a - HALF : a + RATE + HALF])
        )
        for a in range(2 * RATE, len(rows) - RATE - HALF, RATE)
    ]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@pytest.mark.parametrize("mains", [0.0, 3.0])
@pytest.mark.parametrize(("sfreq", "packet"), [(250.0, 10), (256.0, 12), (200.0, 2), (125.0, 5)])
def test_five_percent_of_packets_lost_leave_every_point_and_nearly_the_whole_signal(
    sfreq: float, packet: int, mains: float
) -> None:
    eeg, times = noise(sfreq, mains=mains)
    lost = np.random.default_rng(1).random(len(eeg) // packet) < 0.05
    lost[1:] &= ~lost[:-1]
    lost[[0, -1]] = False
    holed = eeg.copy()
    holed[: lost.size * packet][np.repeat(lost, packet)] = np.nan
    whole, _ = filtered(on_grid(eeg, times, sfreq))
    got, ok = filtered(on_grid(holed, times, sfreq))
    assert np.isnan(holed).mean() > 0.02
    assert ok.all()
    assert np.corrcoef(got.ravel(), whole.ravel())[0, 1] > 0.96


@pytest.mark.parametrize("lost_ms", [72, 100, 900])
def test_a_longer_hole_stays_a_hole(lost_ms: int) -> None:
    eeg, times = noise(250.0)
    first, n = 1500, lost_ms * 250 // 1000
    eeg[first : first + n, 0] = np.nan
    start = int(np.ceil(times[0] * RATE))
    rows = on_grid(eeg, times, 250.0)
    grid = (start + np.arange(len(rows))) / RATE
    inside = (grid >= times[first]) & (grid < times[first + n])
    assert np.isnan(rows[inside, 0]).all()
    assert np.isfinite(rows[:, 1]).all()


def test_a_hole_without_a_sample_on_each_side_stays_a_hole() -> None:
    eeg, times = noise(250.0)
    eeg[:5] = np.nan
    eeg[-5:] = np.nan
    rows = on_grid(eeg, times, 250.0)
    assert np.isnan(rows[0]).all()
    assert np.isfinite(rows[16:]).all()


def test_neighbours_from_before_a_pause_are_not_asked() -> None:
    eeg, times = noise(250.0)
    eeg[1501:1506] = np.nan
    times[1501 - 1 :] += 3.0  # one sample only between the pause and the lost ones
    eeg[:1500] += 1e6
    rows = on_grid(eeg, times, 250.0)
    after = np.arange(len(rows)) + np.ceil(times[0] * RATE) >= times[1500] * RATE
    assert np.abs(rows[after] - 20_000.0).max() < 20.0


@settings(max_examples=60, deadline=None)
@given(
    holes=st.lists(st.tuples(st.integers(0, 740), st.integers(1, 24), st.integers(0, 1))),
    cuts=st.lists(st.integers(0, 750), max_size=12).map(sorted),
)
def test_rows_do_not_depend_on_chunks_wherever_samples_are_lost(
    holes: list[tuple[int, int, int]], cuts: list[int]
) -> None:
    eeg, times = noise(250.0)
    eeg, times = eeg[:750].copy(), times[:750]
    for first, n, column in holes:
        eeg[first : first + n, column:] = np.nan
    sampler = GridSampler(2, sfreq=250.0)
    parts = [
        sampler.push(eeg[a:b], times[a:b])[1] for a, b in zip([0, *cuts], [*cuts, 750], strict=True)
    ]
    assert np.array_equal(np.concatenate(parts), on_grid(eeg, times, 250.0), equal_nan=True)
