"""The 64 Hz grid and the band-pass: what passes, what does not, and nothing moves in time."""

import numpy as np
import pytest

from dsp.filters import HALF, GridSampler, Strip, bandpass, fill_masked, filter_second
from dsp.grid import RATE


def gain_db(hz: float) -> float:
    taps = bandpass(1.0, 8.0)
    n = np.arange(taps.size)
    return float(20 * np.log10(abs(np.sum(taps * np.exp(-2j * np.pi * hz / RATE * n))) + 1e-12))


def test_bandpass_is_flat_inside_and_silent_outside() -> None:
    assert max(abs(gain_db(f)) for f in (1.6, 2.0, 4.0, 6.0, 7.4)) < 0.05
    assert gain_db(0.0) < -100
    assert gain_db(0.4) < -40
    assert max(gain_db(f) for f in (9.2, 12.0, 20.0)) < -50


@pytest.mark.parametrize("sfreq", [100.0, 125.0, 250.0, 256.0, 512.0])
def test_sampler_keeps_the_band_and_stops_what_would_alias(sfreq: float) -> None:
    t = 500.3 + np.arange(int(6 * sfreq)) / sfreq
    for hz, wanted in ((1.5, 1.0), (5.0, 1.0), (8.0, 1.0), (45.0, 0.0)):
        x = np.sin(2 * np.pi * hz * t)[:, None] + 30_000.0  # an electrode offset of 30 mV
        start, rows = GridSampler(1, sfreq=sfreq).push(x, t)
        grid = (start + np.arange(len(rows))) / RATE
        expected = wanted * np.sin(2 * np.pi * hz * grid) + 30_000.0
        assert np.abs(rows[16:-16, 0] - expected[16:-16]).max() < 2e-3


def test_filter_does_not_move_a_signal_in_time() -> None:
    t = np.arange(RATE + 2 * HALF) / RATE
    x = np.sin(2 * np.pi * 3.0 * t)[:, None]
    out, ok = filter_second(x, np.ones_like(x, dtype=bool))
    assert ok.all()
    assert np.abs(out - x[HALF : HALF + RATE]).max() < 1e-3


def test_a_masked_blink_does_not_ring_into_its_neighbours() -> None:
    t = np.arange(RATE + 2 * HALF) / RATE
    x = np.sin(2 * np.pi * 3.0 * t)[:, None]
    clean, _ = filter_second(x, np.ones_like(x, dtype=bool))
    dirty, valid = x.copy(), np.ones_like(x, dtype=bool)
    dirty[HALF + 10 : HALF + 26] += 500.0
    valid[HALF + 10 : HALF + 26] = False
    out, ok = filter_second(dirty, valid)
    assert not ok[10:26].any()
    assert ok[40:].all()
    assert np.abs(out - clean)[ok].max() < 1.0


def test_a_point_whose_filter_lies_in_a_hole_is_not_valid() -> None:
    x = np.random.default_rng(0).standard_normal((RATE + 2 * HALF, 1))
    valid = np.ones_like(x, dtype=bool)
    valid[: HALF + 20] = False
    _, ok = filter_second(x, valid)
    assert not ok[20:24].any()
    assert ok[-20:].all()


def test_bridging_leaves_valid_samples_alone_and_empties_dead_channels() -> None:
    x = np.arange(20.0)[:, None] * [1.0, 2.0]
    valid = np.ones_like(x, dtype=bool)
    valid[5:9, 0] = False
    valid[:, 1] = False
    out = fill_masked(np.where(valid, x, 1e6), valid)
    assert np.allclose(out[:, 0], np.arange(20.0))
    assert not out[:, 1].any()


def test_strip_reads_holes_and_forgotten_rows_as_nan() -> None:
    strip = Strip(1, keep=10)
    strip.write(100, np.arange(5.0)[:, None])
    strip.write(108, np.arange(3.0)[:, None])
    got = strip.read(98, 112)[:, 0]
    nan = np.nan
    want = [nan, nan, 0, 1, 2, 3, 4, nan, nan, nan, 0, 1, 2, nan]
    assert np.array_equal(got, want, equal_nan=True)
    strip.write(5_000, np.ones((4, 1)))
    assert strip.read(4_998, 5_004)[2:, 0].tolist() == [1, 1, 1, 1]
    assert np.isnan(strip.read(100, 105)).all()
