"""What several doubts are tried on: a person who was calibrated."""

import pytest

from dsp.tracking.tracker import Decoder, calibrate
from tests.doubles.answering import CH, SFREQ, answer, blocks, heard, noise, onsets


@pytest.fixture(scope="session")
def decoder() -> Decoder:
    recordings = [
        (blocks(noise(50 + k) + 2.0 * answer(onsets(40 + k))), heard(onsets(40 + k)))
        for k in range(3)
    ]
    found = calibrate(recordings, ch_names=CH, sfreq=SFREQ)
    assert found.found
    assert not found.bleed
    return found
