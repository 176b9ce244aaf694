from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dsp.sound.beatgrid import UNKNOWN_GRID, BeatGrid
from dsp.sound.layer import (
    BED_CEILING_DB,
    PEAK_CAP,
    PROGRAMME_DB,
    SUB_CEILING_DB,
    NoiseBed,
    SubBass,
    Voice,
    fold_carrier,
    level_db,
    level_gain,
    voice_for,
)

FS = 48_000
SECONDS = 12


def _grid(spacing: float, confidence: float = 1.0) -> BeatGrid:
    return BeatGrid(np.arange(0.5, SECONDS, spacing), 60.0 / spacing, confidence)


def _all(voice: Voice, n: int = SECONDS * FS) -> npt.NDArray[np.float32]:
    return voice.render(n, track_frame=0, bus_frame=0)


def _voices() -> list[Voice]:
    grids = [_grid(0.5), _grid(0.31), _grid(0.2), _grid(1.5)]
    return [NoiseBed(), *(SubBass(g.beats, t) for g in grids for t in (36.0, 49.0, 72.0, 0.0))]


@pytest.mark.parametrize("voice", _voices())
def test_it_is_never_over_its_ceiling(voice: Voice) -> None:
    sound = _all(voice)
    assert np.abs(sound).max() <= PEAK_CAP
    # Loudest 400 ms, over both channels alike.
    total = np.cumsum(sound.astype(float) ** 2)
    power = (total[19_200:] - total[:-19_200]) / 19_200
    ceiling = BED_CEILING_DB if isinstance(voice, NoiseBed) else SUB_CEILING_DB
    swing = 3.0 if isinstance(voice, NoiseBed) else 1.5  # noise varies; fast pulses overlap
    assert 10 * np.log10(power.max()) < PROGRAMME_DB + ceiling + swing


@pytest.mark.parametrize("voice", _voices())
def test_nothing_lies_where_loudspeakers_suffer_or_melody_is(voice: Voice) -> None:
    spectrum = np.abs(np.fft.rfft(_all(voice) * np.hanning(SECONDS * FS))) ** 2
    hz = np.fft.rfftfreq(SECONDS * FS, 1 / FS)
    assert spectrum[hz < 15].sum() < 1e-2 * spectrum.sum()
    assert spectrum[hz > 200].sum() < 1e-3 * spectrum.sum()
    # What a click would leave above 1 kHz.
    assert spectrum[hz > 1000].sum() < 1e-7 * spectrum.sum()


@pytest.mark.parametrize("voice", [NoiseBed(), SubBass(_grid(0.5).beats, 55.0)])
def test_how_it_is_cut_makes_no_difference(voice: Voice) -> None:
    whole = _all(voice, 3 * FS)
    parts = [
        voice.render(n, track_frame=at, bus_frame=at)
        for at, n in ((0, 480), (480, 1), (481, 47_519), (48_000, 96_000))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_bed_repeats_without_a_seam() -> None:
    bed = NoiseBed()
    around = bed.render(960, track_frame=0, bus_frame=20 * FS - 480)
    usual = np.abs(np.diff(_all(bed))).max()
    assert np.abs(np.diff(around)).max() <= usual
    np.testing.assert_array_equal(around[480:], bed.render(480, track_frame=0, bus_frame=0))


def test_pulses_sit_on_the_beats_at_the_tracks_key() -> None:
    sound = _all(SubBass(_grid(0.5).beats, 110.0))
    for beat in (0.5, 3.0, 7.5):
        at = round(beat * FS)
        assert np.abs(sound[at - 2_400 : at - 10]).max() < 1e-2 * np.abs(sound).max()
        assert np.abs(sound[at : at + 4_800]).max() > 0.9 * np.abs(sound).max()
    spectrum = np.abs(np.fft.rfft(sound, 1 << 20))
    assert np.fft.rfftfreq(1 << 20, 1 / FS)[np.argmax(spectrum)] == pytest.approx(55.0, abs=2.0)


def test_the_bed_swings_in_theta() -> None:
    power = _all(NoiseBed()).astype(float) ** 2
    envelope = power.reshape(-1, 480).mean(axis=1)
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
    hz = np.fft.rfftfreq(envelope.size, 0.01)
    band = (hz > 1.0) & (hz < 30.0)
    assert hz[band][np.argmax(spectrum[band])] == pytest.approx(6.0, abs=0.2)


@pytest.mark.parametrize("tonic", [27.5, 36.0, 41.2, 55.0, 72.9, 440.0, 1000.0])
def test_the_carrier_is_the_tonic_in_one_octave(tonic: float) -> None:
    carrier = fold_carrier(tonic)
    assert 36.0 <= carrier <= 73.0
    assert np.log2(carrier / tonic) == pytest.approx(round(np.log2(carrier / tonic)), abs=1e-9)


def test_only_a_sure_grid_is_followed() -> None:
    assert isinstance(voice_for(_grid(0.5), 55.0), SubBass)
    assert isinstance(voice_for(_grid(0.5, confidence=0.5), 55.0), NoiseBed)
    assert isinstance(voice_for(UNKNOWN_GRID, 0.0), NoiseBed)


@pytest.mark.parametrize("asked", [1.0, 1.5, 1e9, np.inf])
def test_whatever_is_asked_the_ceiling_holds(asked: float) -> None:
    assert level_gain(asked) == 1.0


@pytest.mark.parametrize("asked", [0.0, -1.0, np.nan, -np.inf])
def test_nonsense_is_off(asked: float) -> None:
    assert level_gain(asked) == 0.0


def test_the_curve_from_level_to_decibels() -> None:
    assert level_db(1.0, sure=True) == -12.0
    assert level_db(0.5, sure=True) == pytest.approx(-24.04, abs=0.01)
    assert level_db(1.0, sure=False) == -18.0
    assert level_db(0.0, sure=True) == -np.inf
