"""A few seconds of everything that goes wrong with a board, recorded: each row is in its place.

`tests.validation.soak` is the same for four minutes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.validation.soak import QUICK, soak


@pytest.mark.parametrize("daisy", [False, True])
def test_loss_stalls_and_a_restart_leave_every_recorded_row_in_its_place(tmp_path: Path, daisy):
    found = soak(tmp_path, QUICK, 7.0, daisy=daisy)
    assert found.good, found
    assert found.lost > 50
    assert found.recorded > 0.6 * found.sampled
    assert found.worst_ms < 50.0, found
