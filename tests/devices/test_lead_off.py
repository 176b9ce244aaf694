"""Impedances of electrodes through BrainFlow, from a board that knows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from devices.lead_off import measure_impedances
from dsp.checks import InputError
from tests.doubles.cyton import Cyton


@pytest.mark.parametrize("board", ["cyton", "cyton_daisy"])
def test_impedances_from_2_5_to_300_kohm_are_right_to_2_percent(tmp_path: Path, board):
    daisy = board == "cyton_daisy"
    kohm = [2.5, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 300.0] * (2 if daisy else 1)
    told = ",".join(f"{i + 1}={value}" for i, value in enumerate(kohm))
    with Cyton(tmp_path, "--kohm", told, *(["--daisy"] if daisy else [])) as cyton:
        found = measure_impedances(f"brainflow:{board}:{cyton.port}")
        assert list(found.values()) == pytest.approx(kohm, rel=0.02)
        # Chosen electrodes are those inputs of the board; the tone was left off.
        some = measure_impedances(
            f"brainflow:{board}:{cyton.port}", channels=(("Cz", "8"), ("Fz", "3")), seconds=1.0
        )
    assert list(some) == ["Cz", "Fz"]
    assert np.array([*some.values()]) == pytest.approx([300.0, 10.0], rel=0.02)


@pytest.mark.parametrize("source", ["synthetic", "brainflow:muse_2", "lsl:EEG"])
def test_a_source_that_cannot_measure_is_refused(source):
    with pytest.raises(InputError, match="expected a Cyton"):
        measure_impedances(source)
