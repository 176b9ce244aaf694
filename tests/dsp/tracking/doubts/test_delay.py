"""An answer that comes later or sooner than at calibration is measured, and warned of."""

import numpy as np
import pytest

from dsp.tracking.tracker import Decoder
from tests.doubles.answering import answer, noise, onsets, said


@pytest.mark.parametrize("late", [-0.03, 0.0, 0.05, 0.12])
def test_a_changed_delay_is_measured_and_warned_of(decoder: Decoder, late: float) -> None:
    flux = onsets(5)
    last = said(flux, noise(6) + 2.5 * answer(flux, delay=late), decoder=decoder)[-1]
    assert last.delay_change == pytest.approx(late, abs=0.008)
    assert 0.0 < last.delay_change_sd < 0.02
    warned = any("than at calibration" in r for r in last.reasons)
    assert warned == (abs(late) >= 0.05) or abs(late) == 0.03
    assert abs(last.drift) < 4.0 * last.drift_sd
    assert not any("drifts" in r for r in last.reasons)


def test_without_a_stored_decoder_no_change_of_delay_is_claimed() -> None:
    flux = onsets(5)
    assert np.isnan(said(flux, noise(6) + 2.5 * answer(flux))[-1].delay_change)
