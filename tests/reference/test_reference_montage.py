"""Changed sides on real recordings: another run of the same person, as it is and exchanged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.lab.recordings import own_stimulus
from app.lab.runs import judged
from devices.formats.npz import read_npz
from dsp.grid import RATE
from dsp.tracking.alignment import Aligned
from dsp.tracking.calibrate import calibrate
from dsp.tracking.decoder import Decoder
from dsp.tracking.doubts.montage import Montage
from tests.doubles.recordings import AM, SILENT, TONES

pytestmark = pytest.mark.skipif(not TONES, reason="the real recordings are not at hand")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    recordings = []
    for path in TONES[:2]:
        recording = read_npz(path)
        sound = own_stimulus(path, recording, "onset")
        recordings.append((judged(recording), (sound.values, sound.times)))
    return calibrate(recordings, ch_names=recording.ch_names, sfreq=256.0)


def said(path: Path, decoder: Decoder, *, order: tuple[int, ...] = (0, 1, 2, 3)) -> list[str]:
    """What is said every 5 s of a recording whose columns are given in another order."""
    recording = read_npz(path)
    recording = replace(recording, eeg=recording.eeg[:, list(order)])
    aligned = Aligned(4, sfreq=256.0, band=decoder.band, reach=0)
    stored = decoder.select(recording.ch_names)
    montage, words, at = Montage(aligned.eeg, recording.ch_names, stored), [], 0
    for block in judged(recording):
        for second in range(int(block.times[0]), int(block.times[-1]) + 1):
            part = slice(*np.searchsorted(block.times, [second, second + 1]))
            masked = np.where(block.valid[part], block.eeg[part], np.nan)
            aligned.push_eeg(masked, block.times[part])
            while aligned.eeg.end is not None and aligned.eeg.end >= (at + 5) * RATE:
                at = max(at, aligned.eeg.start // RATE // 5 * 5) + 5
                words.append(montage.look(at))
    return words


@pytest.mark.parametrize(
    "path", [*TONES, *AM, *SILENT[::2]], ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_no_run_of_the_same_headband_is_warned_of(path: Path, decoder: Decoder) -> None:
    assert not any(said(path, decoder))


@pytest.mark.parametrize("order", [(3, 1, 2, 0), (0, 2, 1, 3)], ids=["ears", "forehead"])
@pytest.mark.parametrize("path", [TONES[2:], AM], ids=["tones", "am"])
def test_a_swapped_pair_is_warned_of(
    path: list[Path], order: tuple[int, ...], decoder: Decoder
) -> None:
    for run in path:
        assert "Left and right seem exchanged" in said(run, decoder, order=order)[-1]
